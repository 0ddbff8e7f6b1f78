/* php.ini: the entries, what they may say, and what they say now. */

#include "guarda_php.h"
#include "ext/standard/html.h"
#include "ext/standard/info.h"

/* The core knows what each entry takes. PHP asks before every change: at the start of a process, a
 * thread or a request, by ini_set(), and when all is put back at the end of a request. */
static PHP_INI_MH(on_change)
{
	char message[256];
	memset(GUARDA_G(entries_are_read), 0, sizeof(GUARDA_G(entries_are_read)));
	if (guarda_check(ZSTR_VAL(entry->name), new_value ? (const uint8_t *) ZSTR_VAL(new_value) : NULL,
			new_value ? ZSTR_LEN(new_value) : 0, message, sizeof(message)) == 0) {
		return SUCCESS;
	}
	if (stage != ZEND_INI_STAGE_DEACTIVATE && stage != ZEND_INI_STAGE_SHUTDOWN) {
		php_error_docref(NULL, E_WARNING, "%s", message);
	}
	return FAILURE;
}

static const zend_ini_entry_def guarda_entries[] = {
	PHP_INI_ENTRY("guarda.mode", "lock", PHP_INI_ALL, on_change)
	PHP_INI_ENTRY("guarda.lock_wait", "30", PHP_INI_ALL, on_change)
	PHP_INI_ENTRY("guarda.lock_ttl", "60", PHP_INI_ALL, on_change)
	PHP_INI_ENTRY("guarda.lock_max_hold", "600", PHP_INI_ALL, on_change)
	PHP_INI_ENTRY("guarda.lock_max_waiters", "32", PHP_INI_ALL, on_change)
	PHP_INI_ENTRY("guarda.on_lock_timeout", "fail", PHP_INI_ALL, on_change)
	PHP_INI_ENTRY("guarda.on_vanished", "refuse", PHP_INI_ALL, on_change)
	PHP_INI_ENTRY("guarda.io_budget", "10", PHP_INI_ALL, on_change)
	PHP_INI_ENTRY("guarda.empty_ttl", "300", PHP_INI_ALL, on_change)
	PHP_INI_ENTRY("guarda.absolute_lifetime", "0", PHP_INI_ALL, on_change)
	PHP_INI_ENTRY("guarda.keep_connections", "1", PHP_INI_ALL, on_change)
	{0}
};

/* phpredis's. One table each: a table with one name that is taken would be dropped whole. */
#define REDIS_ENTRY(name, value) { PHP_INI_ENTRY(name, value, PHP_INI_ALL, on_change) {0} }
static const zend_ini_entry_def redis_entries[][2] = {
	REDIS_ENTRY("redis.session.locking_enabled", "0"),
	REDIS_ENTRY("redis.session.lock_expire", "0"),
	REDIS_ENTRY("redis.session.lock_retries", "100"),
	REDIS_ENTRY("redis.session.lock_wait_time", "20000"),
	REDIS_ENTRY("redis.session.lock_failure_readonly", "0"),
	REDIS_ENTRY("redis.session.lock_release_cmd", "eval"),
	REDIS_ENTRY("redis.session.early_refresh", "0"),
	REDIS_ENTRY("redis.session.compression", "none"),
	REDIS_ENTRY("redis.session.compression_level", "3"),
	REDIS_ENTRY("redis.pconnect.pooling_enabled", "1"),
	REDIS_ENTRY("redis.pconnect.connection_limit", "0"),
	REDIS_ENTRY("redis.pconnect.echo_check_liveness", "1"),
	REDIS_ENTRY("redis.pconnect.pool_detect_dirty", "0"),
	REDIS_ENTRY("redis.pconnect.pool_poll_timeout", "0"),
	REDIS_ENTRY("redis.pconnect.pool_pattern", ""),
};
#define REDIS_ENTRIES (sizeof(redis_entries) / sizeof(redis_entries[0]))

/* Whether all of phpredis's entries are ours: nobody tells us of changes to the others. */
static bool owns_redis_entries;

void guarda_register_ini(int module_number, bool redis)
{
	zend_register_ini_entries(guarda_entries, module_number);
	owns_redis_entries = redis;
	for (size_t at = 0; redis && at < REDIS_ENTRIES; at++) {
		const zend_ini_entry_def *entry = redis_entries[at];
		if (zend_hash_str_exists(EG(ini_directives), entry->name, entry->name_length)) {
			owns_redis_entries = false;
		} else {
			zend_register_ini_entries(entry, module_number);
		}
	}
}

/* {{{ phpinfo() */

static const char *owner(const zend_ini_entry_def *entry)
{
	zend_ini_entry *registered = zend_hash_str_find_ptr(EG(ini_directives), entry->name, entry->name_length);
	zend_module_entry *module;
	ZEND_HASH_FOREACH_PTR(&module_registry, module) {
		if (registered && module->module_number == registered->module_number) {
			return module->name;
		}
	} ZEND_HASH_FOREACH_END();
	return "nobody";
}

void guarda_print_owners(void)
{
	php_info_print_table_start();
	php_info_print_table_header(2, "Entry", "Registered by the extension");
	for (size_t at = 0; at < REDIS_ENTRIES; at++) {
		php_info_print_table_row(2, redis_entries[at]->name, owner(redis_entries[at]));
	}
	php_info_print_table_end();
}

static void print_masked(const char *save_path)
{
	size_t size = strlen(save_path) + 64;
	char *masked = emalloc(size);
	guarda_mask((const uint8_t *) save_path, strlen(save_path), masked, size);
	if (sapi_module.phpinfo_as_text) {
		PHPWRITE(masked, strlen(masked));
	} else {
		zend_string *escaped = php_escape_html_entities(
			(const unsigned char *) masked, strlen(masked), 0, ENT_QUOTES, "utf-8");
		PHPWRITE(ZSTR_VAL(escaped), ZSTR_LEN(escaped));
		zend_string_release(escaped);
	}
	efree(masked);
}

/* phpinfo() shows the passwords of save_path to whoever sees the page. */
static ZEND_INI_DISP(display_save_path)
{
	zend_string *value = ini_entry->value;
	if (type == ZEND_INI_DISPLAY_ORIG && ini_entry->modified) {
		value = ini_entry->orig_value;
	}
	if (value && ZSTR_LEN(value)) {
		print_masked(ZSTR_VAL(value));
	} else {
		PHPWRITE("no value", sizeof("no value") - 1);
	}
}

void guarda_mask_save_path(bool masked)
{
	zend_ini_register_displayer("session.save_path", sizeof("session.save_path") - 1,
		masked ? display_save_path : NULL);
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
	settings->lock_wait_ms = milliseconds(retries < 0 ? -1 : (double) retries * wait_us / 1e6);
	settings->lock_ttl_ms = expire > 0 ? milliseconds((double) expire) : 0;
	settings->readonly_on_timeout = INI_BOOL("redis.session.lock_failure_readonly");
	settings->early_refresh = INI_BOOL("redis.session.early_refresh");
	settings->compression = INI_STR("redis.session.compression");
	settings->compression_level = INI_INT("redis.session.compression_level");
}

static void read_entries(guarda_settings *settings, bool redis)
{
	const char *vanished = INI_STR("guarda.on_vanished");
	memset(settings, 0, sizeof(*settings));
	settings->mode = GUARDA_LOCK;
	settings->redis = redis;
	settings->recreate = vanished && !strcasecmp(vanished, "recreate");
	settings->lock_max_hold_ms = milliseconds(INI_FLT("guarda.lock_max_hold"));
	settings->lock_max_waiters = INI_INT("guarda.lock_max_waiters");
	settings->io_budget_ms = milliseconds(INI_FLT("guarda.io_budget"));
	settings->empty_ttl_s = INI_INT("guarda.empty_ttl");
	settings->absolute_lifetime_s = INI_INT("guarda.absolute_lifetime");
	settings->keep = INI_BOOL("guarda.keep_connections");
	if (redis) {
		settings_of_redis(settings);
	} else {
		settings_of_guarda(settings);
	}
}

/* max_execution_time is PHP's own, which does not tell us when it changes. */
static int64_t default_lock_ttl_ms(void)
{
	zend_long seconds = INI_INT("max_execution_time");
	return milliseconds(seconds > 0 ? (double) seconds : INI_FLT("guarda.lock_ttl"));
}

/* A web request has its URL, a script on the command line its path. */
static const char *url_now(void)
{
	return SG(request_info).request_uri ? SG(request_info).request_uri : SG(request_info).path_translated;
}

void guarda_settings_now(guarda_settings *settings, bool redis)
{
	zend_execute_data *frame = NULL;
	if (!GUARDA_G(entries_are_read)[redis]) {
		read_entries(&GUARDA_G(entries)[redis], redis);
		GUARDA_G(entries_are_read)[redis] = !redis || owns_redis_entries;
	}
	*settings = GUARDA_G(entries)[redis];
	if (settings->lock_ttl_ms == 0) {
		settings->lock_ttl_ms = default_lock_ttl_ms();
	}
	settings->strict = PS(use_strict_mode);
	/* opcache.preload runs in the process that FPM forks its workers from. */
	settings->keep = settings->keep && !(CG(compiler_options) & ZEND_COMPILE_PRELOAD);
	settings->tick = PS(rfc1867_progress) != NULL;
	settings->gc_maxlifetime_s = PS(gc_maxlifetime);
	settings->now_s = (int64_t) time(NULL);
	settings->serializer = PS(serializer) ? PS(serializer)->name : "";
	settings->url = url_now();
	switch (guarda_nearest_caller(&frame)) {
		case CALLER_START:
			if (guarda_wants_read_and_close(frame)) {
				settings->mode = GUARDA_READONLY;
			}
			break;
		case CALLER_REGENERATE:
			settings->regenerating = true;
			break;
		default:
			break;
	}
}
/* }}} */
