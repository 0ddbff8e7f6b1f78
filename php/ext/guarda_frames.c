/* Who called? PHP does not tell a save handler why: its stack does. */

#include "guarda_php.h"

static bool is_method(const zend_execute_data *at, const char *name)
{
	return at->func->common.scope && !strcasecmp(ZSTR_VAL(at->func->common.function_name), name);
}

/* The nearest session function on PHP's stack. If a class calls our destroy() below
 * session_start() and its like, PHP ends a session that it could not decode, provided that what they
 * called themselves is a destroy(), however the classes get on from there; anything else that they
 * called, read() for one, wants the session gone. */
guarda_caller guarda_nearest_caller(zend_execute_data **frame)
{
	bool destroys = false, writes = false, first = true, called_destroy = true;
	for (zend_execute_data *at = EG(current_execute_data); at; at = at->prev_execute_data) {
		if (!at->func || !at->func->common.function_name) {
			continue;
		}
		const char *name = ZSTR_VAL(at->func->common.function_name);
		if (at->func->type == ZEND_INTERNAL_FUNCTION && !at->func->common.scope) {
			*frame = at;
			if (!strcmp(name, "session_start") || !strcmp(name, "session_reset")) {
				return destroys && !called_destroy ? CALLER_METHOD : CALLER_START;
			}
			if (!strcmp(name, "session_decode")) {
				return destroys && !called_destroy ? CALLER_METHOD : CALLER_DECODE;
			}
			if (!strcmp(name, "session_destroy")) {
				return CALLER_DESTROY;
			}
			if (!strcmp(name, "session_regenerate_id")) {
				return destroys && writes ? CALLER_WRITE : CALLER_REGENERATE;
			}
		}
		called_destroy = is_method(at, "destroy");
		destroys |= first && called_destroy;
		writes |= is_method(at, "write");
		first = false;
	}
	if (!destroys) {
		return CALLER_NONE;
	}
	return writes ? CALLER_WRITE : CALLER_METHOD;
}

/* Whether a PHP class calls us, as SessionHandler's methods do: it is told by our return value. */
bool guarda_called_by_method(void)
{
	zend_execute_data *at = EG(current_execute_data);
	return at && at->func && at->func->type == ZEND_INTERNAL_FUNCTION && at->func->common.scope;
}

/* session_start() has this option for itself and does not pass it on. */
bool guarda_wants_read_and_close(zend_execute_data *frame)
{
	if (ZEND_CALL_NUM_ARGS(frame) < 1) {
		return false;
	}
	zval *options = ZEND_CALL_ARG(frame, 1);
	ZVAL_DEREF(options);
	if (Z_TYPE_P(options) != IS_ARRAY) {
		return false;
	}
	zval *value = zend_hash_str_find(Z_ARRVAL_P(options), ZEND_STRL("read_and_close"));
	return value && zval_get_long(value) > 0;
}
