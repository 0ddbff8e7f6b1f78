dnl Builds guarda.so the way PHP's own tools do (phpize, PIE): the core with cargo, the shim with make.
dnl `cargo xtask ext` is the other way, and needs neither autoconf nor make.

PHP_ARG_ENABLE([guarda],
  [whether to enable the session handler guarda],
  [AS_HELP_STRING([--enable-guarda], [Enable the session handler guarda])],
  [yes])

if test "$PHP_GUARDA" != "no"; then
  AC_PATH_PROG([CARGO], [cargo], [no])
  if test "$CARGO" = "no"; then
    AC_MSG_ERROR([cargo is missing: the core of guarda.so is written in Rust, see https://rustup.rs])
  fi

  dnl php/ext lies two levels below the workspace.
  GUARDA_ROOT=$(cd "$srcdir/../.." && pwd)
  if test ! -f "$GUARDA_ROOT/php/core/Cargo.toml"; then
    AC_MSG_ERROR([$GUARDA_ROOT is not the source of guarda: php/ext builds only inside of it])
  fi
  GUARDA_TARGET=${CARGO_TARGET_DIR:-$GUARDA_ROOT/target}
  GUARDA_PROFILE=${GUARDA_PROFILE:-release}
  dnl cargo calls the directory of its profile `dev` otherwise.
  case "$GUARDA_PROFILE" in
    dev) guarda_directory=debug ;;
    *) guarda_directory=$GUARDA_PROFILE ;;
  esac
  GUARDA_CORE=$GUARDA_TARGET/$guarda_directory/libguarda_php.a

  GUARDA_SHARED_DEPENDENCIES="$GUARDA_CORE"
  GUARDA_SHARED_LIBADD="$GUARDA_CORE -lgcc_s -lpthread -lm -ldl -lc"
  dnl Nothing of the core is to be seen from outside.
  GUARDA_SHARED_LIBADD="$GUARDA_SHARED_LIBADD -Wl,--gc-sections -Wl,-z,relro,-z,now"
  GUARDA_SHARED_LIBADD="$GUARDA_SHARED_LIBADD -Wl,--version-script=$GUARDA_ROOT/php/ext/guarda.map"
  PHP_SUBST([GUARDA_SHARED_DEPENDENCIES])
  PHP_SUBST([GUARDA_SHARED_LIBADD])
  PHP_SUBST([GUARDA_ROOT])
  PHP_SUBST([GUARDA_TARGET])
  PHP_SUBST([GUARDA_PROFILE])
  PHP_SUBST([GUARDA_CORE])
  PHP_SUBST([CARGO])

  guarda_sources=$(cd "$srcdir" && echo guarda*.c)
  PHP_NEW_EXTENSION([guarda], [$guarda_sources], [yes],,
    [-std=gnu11 -fvisibility=hidden -DZEND_ENABLE_STATIC_TSRMLS_CACHE=1])
  PHP_ADD_EXTENSION_DEP([guarda], [session])
  PHP_ADD_MAKEFILE_FRAGMENT
fi
