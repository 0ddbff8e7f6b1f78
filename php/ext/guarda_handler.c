/* The save handler: what PHP calls between session_start() and the end of the request. */

#include "guarda_php.h"

static void warn(const guarda_handle *handle)
{
	const char *message = guarda_message(handle);
	if (message) {
		php_error_docref(NULL, E_WARNING, "%s", message);
	}
}

/* Advice for whoever runs the server: not for the page. */
static void log_notices(guarda_handle *handle)
{
	for (const char *notice = guarda_notice(handle); notice; notice = guarda_notice(handle)) {
		php_log_err(notice);
	}
}

/* Until the handler is asked for anything else, PHP sends no cookie. A class whose validateId() reads,
 * as Symfony's do, takes a session that could not be read for one that is not there: PHP makes a new id
 * then, and its cookie would log the user out for good. */
void guarda_keep_cookie(bool keep)
{
	if (keep && PS(use_cookies)) {
		PS(use_cookies) = 0;
		GUARDA_G(keeps_cookie) = true;
	} else if (!keep && GUARDA_G(keeps_cookie)) {
		PS(use_cookies) = 1;
		GUARDA_G(keeps_cookie) = false;
	}
}

void guarda_drop_handle(guarda_handle *handle)
{
	guarda_keep_cookie(false);
	if (GUARDA_G(current) == handle) {
		GUARDA_G(current) = NULL;
	}
	guarda_close(handle);
}

static zend_result open_handle(void **mod_data, const char *save_path, bool redis)
{
	guarda_settings settings;
	/* session_reset() opens again without having closed: the lock that is held stays held. */
	guarda_handle *previous = *mod_data;
	*mod_data = NULL;
	if (GUARDA_G(current) && GUARDA_G(current) != previous) {
		guarda_drop_handle(GUARDA_G(current));
	}
	guarda_settings_now(&settings, redis);
	GUARDA_G(current) = NULL;
	guarda_handle *handle = guarda_open(previous, (const uint8_t *) save_path, strlen(save_path), &settings);
	if (!handle) {
		php_error_docref(NULL, E_WARNING, "internal error in guarda.so");
		return FAILURE;
	}
	if (guarda_message(handle)) {
		char *message = estrdup(guarda_message(handle));
		guarda_drop_handle(handle);
		php_error_docref(NULL, E_WARNING, "%s", message);
		efree(message);
		return FAILURE;
	}
	GUARDA_G(current) = handle;
	GUARDA_G(current_is_redis) = redis;
	*mod_data = handle;
	log_notices(handle);
	return SUCCESS;
}

#if PHP_VERSION_ID >= 80600
# define SAVE_PATH ZSTR_VAL(save_path)
#else
# define SAVE_PATH save_path
#endif

static PS_OPEN_FUNC(guarda)
{
	return open_handle(mod_data, SAVE_PATH, false);
}

static PS_OPEN_FUNC(redis)
{
	return open_handle(mod_data, SAVE_PATH, true);
}

static PS_CLOSE_FUNC(guarda)
{
	guarda_handle *handle = PS_GET_MOD_DATA();
	if (handle) {
		PS_SET_MOD_DATA(NULL);
		guarda_drop_handle(handle);
	}
	return SUCCESS;
}

static PS_READ_FUNC(guarda)
{
	guarda_handle *handle = PS_GET_MOD_DATA();
	const uint8_t *data;
	size_t data_len;
	if (!handle) {
		return FAILURE;
	}
	guarda_keep_cookie(false);
	int code = guarda_read(handle, BYTES(key), &data, &data_len);
	if (code != 0) {
		guarda_keep_cookie(code == GUARDA_UNREAD && guarda_called_by_method());
		warn(handle);
		return FAILURE;
	}
	/* May run into memory_limit and never return: then read is never done, and no write follows. */
	*val = data_len ? zend_string_init((const char *) data, data_len, 0) : ZSTR_EMPTY_ALLOC();
	guarda_read_done(handle);
	log_notices(handle);
	return SUCCESS;
}

/* phpredis's notices; the core bounds the number itself. The application's error handler may close
 * the session: the handle is not used afterwards. */
static void notice_lifetime(zend_long seconds)
{
	if (seconds <= 0) {
		php_error_docref(NULL, E_NOTICE,
			"session.gc_maxlifetime is " ZEND_LONG_FMT ", which is no lifetime: 1440 is used", seconds);
	} else if (seconds > INT_MAX) {
		php_error_docref(NULL, E_NOTICE,
			"session.gc_maxlifetime is " ZEND_LONG_FMT ", which is too long: %d is used", seconds, INT_MAX);
	}
}

/* PHP adds to a failed write that save_path may be wrong, and prints it, with the password. Only a
 * class that called us needs the return value. */
static zend_result written(guarda_handle *handle, int code, zend_long maxlifetime)
{
	bool method = guarda_called_by_method();
	if (code != 0) {
		warn(handle);
	}
	notice_lifetime(maxlifetime);
	return code != 0 && method ? FAILURE : SUCCESS;
}

static PS_WRITE_FUNC(guarda)
{
	guarda_handle *handle = PS_GET_MOD_DATA();
	zend_execute_data *frame = NULL;
	if (!handle) {
		return FAILURE;
	}
	if (guarda_nearest_caller(&frame) == CALLER_REGENERATE && guarda_regenerate(handle, BYTES(key)) != 0) {
		return written(handle, -1, maxlifetime);
	}
	return written(handle, guarda_write(handle, BYTES(key), BYTES(val), maxlifetime), maxlifetime);
}

static PS_UPDATE_TIMESTAMP_FUNC(guarda)
{
	guarda_handle *handle = PS_GET_MOD_DATA();
	if (!handle) {
		return FAILURE;
	}
	return written(handle, guarda_touch(handle, BYTES(key), BYTES(val), maxlifetime), maxlifetime);
}

static PS_DESTROY_FUNC(guarda)
{
	guarda_handle *handle = PS_GET_MOD_DATA();
	zend_execute_data *frame = NULL;
	if (!handle) {
		return FAILURE;
	}
	guarda_caller caller = guarda_nearest_caller(&frame);
	switch (caller) {
		case CALLER_DESTROY:
		case CALLER_REGENERATE:
		case CALLER_METHOD:
		case CALLER_WRITE:
			if ((caller == CALLER_REGENERATE && guarda_regenerate(handle, BYTES(key)) != 0)
			 || guarda_destroy(handle, BYTES(key), caller == CALLER_WRITE) != 0) {
				warn(handle);
				return FAILURE;
			}
			return SUCCESS;
		case CALLER_DECODE:
			/* session_decode() was given something else than what is stored: PHP's own warning
			 * says it all. */
			guarda_keep_undecodable(handle, false);
			return SUCCESS;
		default:
			if (guarda_keep_undecodable(handle, true) != 0) {
				warn(handle);
			}
			return SUCCESS;
	}
}

static PS_GC_FUNC(guarda)
{
	/* The server lets sessions expire by itself. */
	*nrdels = 0;
	return 0;
}

static PS_VALIDATE_SID_FUNC(guarda)
{
	guarda_handle *handle = PS_GET_MOD_DATA();
	return handle && guarda_validate(handle, BYTES(key)) ? SUCCESS : FAILURE;
}

static PS_CREATE_SID_FUNC(guarda)
{
	guarda_handle *handle = mod_data ? PS_GET_MOD_DATA() : NULL;
	zend_string *id = php_session_create_id(mod_data);
	for (int tries = 0; tries < 3 && handle && id && guarda_is_taken(handle, BYTES(id)); tries++) {
		zend_string_release(id);
		id = php_session_create_id(mod_data);
	}
	return id;
}

#define GUARDA_MODULE(name, open) { \
	name, open, ps_close_guarda, ps_read_guarda, ps_write_guarda, ps_delete_guarda, ps_gc_guarda, \
	ps_create_sid_guarda, ps_validate_sid_guarda, ps_update_timestamp_guarda }

const ps_module guarda_ps_module = GUARDA_MODULE("guarda", ps_open_guarda);
const ps_module guarda_ps_module_redis = GUARDA_MODULE("redis", ps_open_redis);
