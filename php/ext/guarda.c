/* guarda.so: PHP's session save handlers `guarda` and, where nobody else has the name, `redis`.
 *
 * This file holds everything PHP; php/core holds everything else. PHP's macros and functions may
 * leave by longjmp, which therefore only ever crosses C. */

#include "php.h"
#include "php_ini.h"
#include "ext/session/php_session.h"
#include "ext/standard/info.h"
#include "SAPI.h"
#include "guarda.h"

#define GUARDA_VERSION "0.1.0"

/* The lock wait of an upload's progress ticks, which run before the script. */
#define TICK_LOCK_WAIT_MS 200

#define BYTES(string) ((const uint8_t *) ZSTR_VAL(string)), ZSTR_LEN(string)

ZEND_BEGIN_MODULE_GLOBALS(guarda)
	guarda_handle *current; /* the handle that is open, or NULL */
ZEND_END_MODULE_GLOBALS(guarda)

ZEND_DECLARE_MODULE_GLOBALS(guarda)
#define GUARDA_G(name) ZEND_MODULE_GLOBALS_ACCESSOR(guarda, name)

#if defined(ZTS) && defined(COMPILE_DL_GUARDA)
ZEND_TSRMLS_CACHE_DEFINE()
#endif

/* Whether `redis`, the handler, is ours. Written once, at start-up. */
static bool owns_redis = false;

/* {{{ Who called? */

typedef enum { CALLER_NONE, CALLER_START, CALLER_DECODE, CALLER_DESTROY, CALLER_METHOD } guarda_caller;

/* The nearest session function on PHP's stack. A chain of destroy() methods right below
 * session_start() and its like is PHP ending a session that it could not decode; anything between
 * them is userland that wants the session gone. */
static guarda_caller nearest_caller(zend_execute_data **frame)
{
	bool method = false;
	for (zend_execute_data *at = EG(current_execute_data); at; at = at->prev_execute_data) {
		if (!at->func || !at->func->common.function_name) {
			continue;
		}
		const char *name = ZSTR_VAL(at->func->common.function_name);
		if (at->func->type == ZEND_INTERNAL_FUNCTION && !at->func->common.scope) {
			*frame = at;
			if (!strcmp(name, "session_start")) {
				return CALLER_START;
			}
			if (!strcmp(name, "session_reset") || !strcmp(name, "session_decode")) {
				return CALLER_DECODE;
			}
			if (!strcmp(name, "session_destroy") || !strcmp(name, "session_regenerate_id")) {
				return CALLER_DESTROY;
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
static bool called_by_method(void)
{
	zend_execute_data *at = EG(current_execute_data);
	return at && at->func && at->func->type == ZEND_INTERNAL_FUNCTION && at->func->common.scope;
}

static bool wants_read_and_close(zend_execute_data *frame)
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
/* }}} */

/* {{{ Settings */

/* Milliseconds of an entry in seconds; negative means for ever. */
static int64_t milliseconds(double seconds)
{
	return seconds < 0 ? -1 : (int64_t) (seconds > 1e9 ? 1e12 : seconds * 1000);
}

static void settings_of_guarda(guarda_settings *settings)
{
	const char *mode = INI_STR("guarda.mode");
	const char *busy = INI_STR("guarda.on_lock_timeout");
	if (mode && !strcasecmp(mode, "readonly")) {
		settings->mode = GUARDA_READONLY;
	} else if (mode && !strcasecmp(mode, "unlocked")) {
		settings->mode = GUARDA_UNLOCKED;
	}
	settings->readonly_on_timeout = busy && !strcasecmp(busy, "readonly");
	settings->lock_wait_ms = milliseconds(INI_FLT("guarda.lock_wait"));
	settings->lock_ttl_ms = milliseconds(INI_FLT("guarda.lock_ttl"));
	settings->connect_timeout_ms = 2000;
	settings->read_timeout_ms = 5000;
}

/* phpredis's entries, read by name: whoever registered them. */
static void settings_of_redis(guarda_settings *settings)
{
	zend_long retries = INI_INT("redis.session.lock_retries");
	zend_long wait_us = INI_INT("redis.session.lock_wait_time");
	zend_long expire = INI_INT("redis.session.lock_expire");
	if (!INI_BOOL("redis.session.locking_enabled")) {
		settings->mode = GUARDA_UNLOCKED;
	}
	wait_us = wait_us > 0 ? wait_us : 20000;
	retries = retries == 0 ? 100 : retries;
	settings->lock_wait_ms = retries < 0 ? -1 : (int64_t) ((double) retries * wait_us / 1000);
	expire = expire > 0 ? expire : INI_INT("max_execution_time");
	settings->lock_ttl_ms = expire > 0 ? expire * 1000 : milliseconds(INI_FLT("guarda.lock_ttl"));
	settings->readonly_on_timeout = INI_BOOL("redis.session.lock_failure_readonly");
	settings->early_refresh = INI_BOOL("redis.session.early_refresh") ? PS(gc_maxlifetime) : 0;
}

static void settings_now(guarda_settings *settings, bool redis)
{
	const char *vanished = INI_STR("guarda.on_vanished");
	zend_execute_data *frame = NULL;
	memset(settings, 0, sizeof(*settings));
	settings->mode = GUARDA_LOCK;
	settings->strict = PS(use_strict_mode);
	settings->recreate = vanished && !strcasecmp(vanished, "recreate");
	settings->lock_max_waiters = INI_INT("guarda.lock_max_waiters");
	settings->io_budget_ms = milliseconds(INI_FLT("guarda.io_budget"));
	if (redis) {
		settings_of_redis(settings);
	} else {
		settings_of_guarda(settings);
	}
	switch (nearest_caller(&frame)) {
		case CALLER_START:
			if (wants_read_and_close(frame)) {
				settings->mode = GUARDA_READONLY;
			}
			break;
		case CALLER_NONE:
			/* Upload progress runs before the script; session.auto_start does, too. */
			if (!PS(auto_start) && !EG(current_execute_data)
			 && (settings->lock_wait_ms < 0 || settings->lock_wait_ms > TICK_LOCK_WAIT_MS)) {
				settings->lock_wait_ms = TICK_LOCK_WAIT_MS;
			}
			break;
		default:
			break;
	}
}
/* }}} */

/* {{{ The save handler */

static void warn(const guarda_handle *handle)
{
	const char *message = guarda_message(handle);
	if (message) {
		php_error_docref(NULL, E_WARNING, "%s", message);
	}
}

static void drop_handle(guarda_handle *handle)
{
	if (GUARDA_G(current) == handle) {
		GUARDA_G(current) = NULL;
	}
	guarda_close(handle);
}

static zend_result open_handle(void **mod_data, const char *save_path, bool redis)
{
	guarda_settings settings;
	/* session_reset() opens again without having closed. */
	if (*mod_data) {
		drop_handle(*mod_data);
		*mod_data = NULL;
	}
	if (GUARDA_G(current)) {
		drop_handle(GUARDA_G(current));
	}
	settings_now(&settings, redis);
	guarda_handle *handle = guarda_open((const uint8_t *) save_path, strlen(save_path), &settings);
	if (!handle) {
		php_error_docref(NULL, E_WARNING, "internal error in guarda.so");
		return FAILURE;
	}
	GUARDA_G(current) = handle;
	if (guarda_message(handle)) {
		char *message = estrdup(guarda_message(handle));
		drop_handle(handle);
		php_error_docref(NULL, E_WARNING, "%s", message);
		efree(message);
		return FAILURE;
	}
	*mod_data = handle;
	for (const char *notice = guarda_notice(handle); notice; notice = guarda_notice(handle)) {
		php_log_err(notice);
	}
	return SUCCESS;
}

static PS_OPEN_FUNC(guarda)
{
	return open_handle(mod_data, save_path, false);
}

static PS_OPEN_FUNC(redis)
{
	return open_handle(mod_data, save_path, true);
}

static PS_CLOSE_FUNC(guarda)
{
	guarda_handle *handle = PS_GET_MOD_DATA();
	if (handle) {
		PS_SET_MOD_DATA(NULL);
		drop_handle(handle);
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
	if (guarda_read(handle, BYTES(key), &data, &data_len) != 0) {
		warn(handle);
		return FAILURE;
	}
	/* May run into memory_limit and never return: then read is never done, and no write follows. */
	*val = data_len ? zend_string_init((const char *) data, data_len, 0) : ZSTR_EMPTY_ALLOC();
	guarda_read_done(handle);
	return SUCCESS;
}

/* PHP adds to a failed write that save_path may be wrong, and prints it, with the password. Only a
 * class that called us needs the return value. */
static zend_result written(guarda_handle *handle, int code)
{
	bool method = called_by_method();
	if (code == 0) {
		return SUCCESS;
	}
	warn(handle);
	return method ? FAILURE : SUCCESS;
}

static PS_WRITE_FUNC(guarda)
{
	guarda_handle *handle = PS_GET_MOD_DATA();
	if (!handle) {
		return FAILURE;
	}
	return written(handle, guarda_write(handle, BYTES(key), BYTES(val), maxlifetime));
}

static PS_UPDATE_TIMESTAMP_FUNC(guarda)
{
	guarda_handle *handle = PS_GET_MOD_DATA();
	if (!handle) {
		return FAILURE;
	}
	return written(handle, guarda_touch(handle, BYTES(key), BYTES(val), maxlifetime));
}

static PS_DESTROY_FUNC(guarda)
{
	guarda_handle *handle = PS_GET_MOD_DATA();
	zend_execute_data *frame = NULL;
	if (!handle) {
		return FAILURE;
	}
	switch (nearest_caller(&frame)) {
		case CALLER_DESTROY:
		case CALLER_METHOD:
			if (guarda_destroy(handle, BYTES(key)) != 0) {
				warn(handle);
				return FAILURE;
			}
			return SUCCESS;
		default:
			guarda_keep_undecodable(handle);
			php_error_docref(NULL, E_WARNING,
				"the data of this session cannot be decoded; guarda keeps it on the server as it is "
				"(was session.serialize_handler changed?)");
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
	guarda_handle *handle = PS_GET_MOD_DATA();
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

static const ps_module ps_mod_guarda = GUARDA_MODULE("guarda", ps_open_guarda);
static const ps_module ps_mod_redis = GUARDA_MODULE("redis", ps_open_redis);
/* }}} */

/* {{{ The module */

PHP_INI_BEGIN()
	PHP_INI_ENTRY("guarda.mode", "lock", PHP_INI_ALL, NULL)
	PHP_INI_ENTRY("guarda.lock_wait", "30", PHP_INI_ALL, NULL)
	PHP_INI_ENTRY("guarda.lock_ttl", "60", PHP_INI_ALL, NULL)
	PHP_INI_ENTRY("guarda.lock_max_waiters", "32", PHP_INI_ALL, NULL)
	PHP_INI_ENTRY("guarda.on_lock_timeout", "fail", PHP_INI_ALL, NULL)
	PHP_INI_ENTRY("guarda.on_vanished", "refuse", PHP_INI_ALL, NULL)
	PHP_INI_ENTRY("guarda.io_budget", "10", PHP_INI_ALL, NULL)
PHP_INI_END()

/* One table each: a table with one name that is taken would be dropped whole. */
static const zend_ini_entry_def redis_entries[][2] = {
	{ PHP_INI_ENTRY("redis.session.locking_enabled", "0", PHP_INI_ALL, NULL) {0} },
	{ PHP_INI_ENTRY("redis.session.lock_expire", "0", PHP_INI_ALL, NULL) {0} },
	{ PHP_INI_ENTRY("redis.session.lock_retries", "100", PHP_INI_ALL, NULL) {0} },
	{ PHP_INI_ENTRY("redis.session.lock_wait_time", "20000", PHP_INI_ALL, NULL) {0} },
	{ PHP_INI_ENTRY("redis.session.lock_failure_readonly", "0", PHP_INI_ALL, NULL) {0} },
	{ PHP_INI_ENTRY("redis.session.early_refresh", "0", PHP_INI_ALL, NULL) {0} },
};

static PHP_GINIT_FUNCTION(guarda)
{
#if defined(ZTS) && defined(COMPILE_DL_GUARDA)
	ZEND_TSRMLS_CACHE_UPDATE();
#endif
	guarda_globals->current = NULL;
}

static PHP_MINIT_FUNCTION(guarda)
{
	guarda_init();
	REGISTER_INI_ENTRIES();
	if (php_session_register_module(&ps_mod_guarda) != 0) {
		php_error_docref(NULL, E_WARNING, "PHP has no place left for the save handler guarda");
	}
	/* PHP sorts us after an extension `redis`, whatever the order in php.ini. */
	owns_redis = !_php_find_ps_module("redis") && php_session_register_module(&ps_mod_redis) == 0;
	if (!owns_redis) {
		return SUCCESS;
	}
	for (size_t at = 0; at < sizeof(redis_entries) / sizeof(redis_entries[0]); at++) {
		const zend_ini_entry_def *entry = redis_entries[at];
		if (!zend_hash_str_exists(EG(ini_directives), entry->name, entry->name_length)) {
			zend_register_ini_entries(entry, module_number);
		}
	}
	return SUCCESS;
}

static PHP_MSHUTDOWN_FUNCTION(guarda)
{
	UNREGISTER_INI_ENTRIES();
	return SUCCESS;
}

static PHP_MINFO_FUNCTION(guarda)
{
	php_info_print_table_start();
	php_info_print_table_row(2, "guarda", GUARDA_VERSION);
	php_info_print_table_row(2, "Save handler guarda", "yes");
	php_info_print_table_row(2, "Save handler redis",
		owns_redis ? "yes" : "no: it belongs to another extension (redis)");
	php_info_print_table_end();
	DISPLAY_INI_ENTRIES();
}

/* After the session module's own end of the request: what is still open then was forgotten. */
static zend_result guarda_post_deactivate(void)
{
	if (GUARDA_G(current)) {
		drop_handle(GUARDA_G(current));
	}
	return SUCCESS;
}

static const zend_module_dep guarda_deps[] = {
	ZEND_MOD_REQUIRED("session")
	ZEND_MOD_OPTIONAL("redis")
	ZEND_MOD_END
};

zend_module_entry guarda_module_entry = {
	STANDARD_MODULE_HEADER_EX, NULL, guarda_deps,
	"guarda", NULL,
	PHP_MINIT(guarda), PHP_MSHUTDOWN(guarda), NULL, NULL, PHP_MINFO(guarda),
	GUARDA_VERSION,
	PHP_MODULE_GLOBALS(guarda), PHP_GINIT(guarda), NULL,
	guarda_post_deactivate,
	STANDARD_MODULE_PROPERTIES_EX
};

ZEND_GET_MODULE(guarda)
/* }}} */
