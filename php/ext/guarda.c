/* guarda.so: PHP's session save handlers `guarda` and, where nobody else has the name, `redis`.
 *
 * The files of this directory hold everything PHP; php/core holds everything else. PHP's macros and
 * functions may leave by longjmp, which therefore only ever crosses C. */

#include <pthread.h>
#include <unistd.h>

#include "guarda_php.h"
#include "ext/standard/info.h"

ZEND_DECLARE_MODULE_GLOBALS(guarda)

#if defined(ZTS) && defined(COMPILE_DL_GUARDA)
ZEND_TSRMLS_CACHE_DEFINE()
#endif

static PHP_GINIT_FUNCTION(guarda)
{
#if defined(ZTS) && defined(COMPILE_DL_GUARDA)
	ZEND_TSRMLS_CACHE_UPDATE();
#endif
	memset(guarda_globals, 0, sizeof(*guarda_globals));
}

/* Once a thread: its idle connections go. */
static PHP_GSHUTDOWN_FUNCTION(guarda)
{
	guarda_end_thread();
}

static bool owns_redis(void)
{
	return _php_find_ps_module("redis") == &guarda_ps_module_redis;
}

static PHP_MINIT_FUNCTION(guarda)
{
	char host[256] = "";
	gethostname(host, sizeof(host) - 1);
	guarda_init(host);
	/* Without it, our own process is asked for at every step. */
	if (pthread_atfork(NULL, NULL, guarda_forked) == 0) {
		guarda_tell_forks();
	}
	/* PHP keeps save handlers for good, those too that dl() has loaded for one request of many; so does
	 * the system our code, for the sake of what ends with a thread. */
	if (_php_find_ps_module("guarda") != &guarda_ps_module
	 && php_session_register_module(&guarda_ps_module) != 0) {
		php_error_docref(NULL, E_WARNING, "PHP has no place left for the save handler guarda");
	}
	/* PHP sorts us after an extension `redis`, whatever the order in php.ini. */
	if (!_php_find_ps_module("redis")) {
		php_session_register_module(&guarda_ps_module_redis);
	}
	guarda_register_ini(module_number, owns_redis());
	guarda_mask_save_path(true);
	return SUCCESS;
}

static PHP_MSHUTDOWN_FUNCTION(guarda)
{
	guarda_mask_save_path(false);
	UNREGISTER_INI_ENTRIES();
	return SUCCESS;
}

static PHP_MINFO_FUNCTION(guarda)
{
	const char *save_path = INI_STR("session.save_path");
	char masked[1024] = "";
	guarda_mask((const uint8_t *) (save_path ? save_path : ""), save_path ? strlen(save_path) : 0, masked, sizeof(masked));
	php_info_print_table_start();
	php_info_print_table_row(2, "guarda", GUARDA_VERSION);
	php_info_print_table_row(2, "Built for PHP", PHP_VERSION);
	php_info_print_table_row(2, "Save handler guarda", "yes");
	php_info_print_table_row(2, "Save handler redis",
		owns_redis() ? "yes" : "no: it belongs to another extension (redis)");
	php_info_print_table_row(2, "session.save_handler now", INI_STR("session.save_handler"));
	php_info_print_table_row(2, "session.save_path now", masked);
	php_info_print_table_end();
	guarda_print_owners();
	DISPLAY_INI_ENTRIES();
}

/* After the session module's own end of the request: what is still open then was forgotten. */
static ZEND_MODULE_POST_ZEND_DEACTIVATE_D(guarda)
{
	if (GUARDA_G(current)) {
		guarda_drop_handle(GUARDA_G(current));
	}
	guarda_keep_cookie(false);
	guarda_end_request();
	return SUCCESS;
}

static const zend_module_dep guarda_deps[] = {
	ZEND_MOD_REQUIRED("session")
	ZEND_MOD_OPTIONAL("redis")
	ZEND_MOD_END
};

zend_module_entry guarda_module_entry = {
	STANDARD_MODULE_HEADER_EX, NULL, guarda_deps,
	"guarda", guarda_functions,
	PHP_MINIT(guarda), PHP_MSHUTDOWN(guarda), NULL, NULL, PHP_MINFO(guarda),
	GUARDA_VERSION,
	PHP_MODULE_GLOBALS(guarda), PHP_GINIT(guarda), PHP_GSHUTDOWN(guarda),
	ZEND_MODULE_POST_ZEND_DEACTIVATE_N(guarda),
	STANDARD_MODULE_PROPERTIES_EX
};

ZEND_GET_MODULE(guarda)
