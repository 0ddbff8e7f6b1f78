/* The functions that applications call. */

#include "guarda_php.h"
#include "zend_API.h"

/* The handle that is open, or NULL with a warning. */
static guarda_handle *open_session(void)
{
	if (!GUARDA_G(current)) {
		php_error_docref(NULL, E_WARNING, "there is no open session of the save handler guarda or redis");
	}
	return GUARDA_G(current);
}

static bool succeeded(const guarda_handle *handle, int code)
{
	if (code != 0) {
		php_error_docref(NULL, E_WARNING, "%s", guarda_message(handle));
	}
	return code == 0;
}

/* guarda_session_renew(): bool */
static PHP_FUNCTION(guarda_session_renew)
{
	ZEND_PARSE_PARAMETERS_NONE();
	guarda_handle *handle = open_session();
	RETURN_BOOL(handle && succeeded(handle, guarda_renew(handle)));
}

/* guarda_session_tag(string $user): bool */
static PHP_FUNCTION(guarda_session_tag)
{
	zend_string *user;
	ZEND_PARSE_PARAMETERS_START(1, 1)
		Z_PARAM_STR(user)
	ZEND_PARSE_PARAMETERS_END();
	guarda_handle *handle = open_session();
	RETURN_BOOL(handle && succeeded(handle, guarda_tag(handle, BYTES(user))));
}

/* guarda_session_ttl(int $seconds): bool */
static PHP_FUNCTION(guarda_session_ttl)
{
	zend_long seconds;
	ZEND_PARSE_PARAMETERS_START(1, 1)
		Z_PARAM_LONG(seconds)
	ZEND_PARSE_PARAMETERS_END();
	if (seconds < 1 || seconds > INT_MAX) {
		zend_argument_value_error(1, "must be between 1 and %d", INT_MAX);
		RETURN_THROWS();
	}
	guarda_handle *handle = open_session();
	if (handle) {
		guarda_set_ttl(handle, seconds);
	}
	RETURN_BOOL(handle != NULL);
}

/* guarda_session_info(): array */
static PHP_FUNCTION(guarda_session_info)
{
	guarda_info info;
	ZEND_PARSE_PARAMETERS_NONE();
	array_init(return_value);
	if (!GUARDA_G(current) || !guarda_session(GUARDA_G(current), &info)) {
		return;
	}
	add_assoc_string(return_value, "handler", GUARDA_G(current_is_redis) ? "redis" : "guarda");
	add_assoc_string(return_value, "session", info.fingerprint);
	add_assoc_string(return_value, "endpoint", info.endpoint);
	add_assoc_string(return_value, "server", info.server);
	add_assoc_bool(return_value, "locked", info.locked);
	add_assoc_bool(return_value, "readonly", info.readonly);
	add_assoc_bool(return_value, "existed", info.existed);
	add_assoc_string(return_value, "generation", info.generation);
	add_assoc_long(return_value, "waited_ms", info.waited_ms);
	add_assoc_long(return_value, "opened_at", info.opened_s);
	add_assoc_long(return_value, "round_trips", info.round_trips);
	if (info.created_s) {
		add_assoc_long(return_value, "created_at", info.created_s);
	}
	if (info.ttl_s) {
		add_assoc_long(return_value, "ttl", info.ttl_s);
	}
}

ZEND_BEGIN_ARG_WITH_RETURN_TYPE_INFO_EX(arginfo_guarda_session_renew, 0, 0, _IS_BOOL, 0)
ZEND_END_ARG_INFO()

ZEND_BEGIN_ARG_WITH_RETURN_TYPE_INFO_EX(arginfo_guarda_session_tag, 0, 1, _IS_BOOL, 0)
	ZEND_ARG_TYPE_INFO(0, user, IS_STRING, 0)
ZEND_END_ARG_INFO()

ZEND_BEGIN_ARG_WITH_RETURN_TYPE_INFO_EX(arginfo_guarda_session_ttl, 0, 1, _IS_BOOL, 0)
	ZEND_ARG_TYPE_INFO(0, seconds, IS_LONG, 0)
ZEND_END_ARG_INFO()

ZEND_BEGIN_ARG_WITH_RETURN_TYPE_INFO_EX(arginfo_guarda_session_info, 0, 0, IS_ARRAY, 0)
ZEND_END_ARG_INFO()

const zend_function_entry guarda_functions[] = {
	PHP_FE(guarda_session_renew, arginfo_guarda_session_renew)
	PHP_FE(guarda_session_tag, arginfo_guarda_session_tag)
	PHP_FE(guarda_session_ttl, arginfo_guarda_session_ttl)
	PHP_FE(guarda_session_info, arginfo_guarda_session_info)
	PHP_FE_END
};
