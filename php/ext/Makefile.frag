# cargo itself knows whether anything is to be done.
.PHONY: guarda-core
guarda-core:
	cd "$(GUARDA_ROOT)" && "$(CARGO)" build --locked --package guarda-php --lib \
		--profile "$(GUARDA_PROFILE)" --target-dir "$(GUARDA_TARGET)"

$(GUARDA_CORE): guarda-core
