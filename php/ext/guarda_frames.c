/* Who called? PHP does not tell a save handler why: its stack does. */

#include "guarda_php.h"

/* The nearest session function on PHP's stack. A chain of destroy() methods right below
 * session_start() and its like is PHP ending a session that it could not decode; anything between
 * them is userland that wants the session gone. */
guarda_caller guarda_nearest_caller(zend_execute_data **frame)
{
	bool method = false;
	for (zend_execute_data *at = EG(current_execute_data); at; at = at->prev_execute_data) {
		if (!at->func || !at->func->common.function_name) {
			continue;
		}
		const char *name = ZSTR_VAL(at->func->common.function_name);
		if (at->func->type == ZEND_INTERNAL_FUNCTION && !at->func->common.scope) {
			*frame = at;
			if (!strcmp(name, "session_start") || !strcmp(name, "session_reset")) {
				return CALLER_START;
			}
			if (!strcmp(name, "session_decode")) {
				return CALLER_DECODE;
			}
			if (!strcmp(name, "session_destroy")) {
				return CALLER_DESTROY;
			}
			if (!strcmp(name, "session_regenerate_id")) {
				return CALLER_REGENERATE;
			}
		}
		if (at->func->common.scope && !strcasecmp(name, "destroy")) {
			method = true;
		} else if (method) {
			return CALLER_METHOD;
		}
	}
	return method ? CALLER_METHOD : CALLER_NONE;
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
