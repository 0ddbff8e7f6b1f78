/* What the files of the shim share. */
#ifndef GUARDA_PHP_H
#define GUARDA_PHP_H

/* PHP's headers include fewer of the system's with each version. */
#include <limits.h>
#include <string.h>
#include <strings.h>
#include <syslog.h>
#include <time.h>

#include "php.h"
#include "php_ini.h"
#include "ext/session/php_session.h"
#include "SAPI.h"
#include "guarda.h"

#define GUARDA_VERSION "0.1.0"

#define BYTES(string) ((const uint8_t *) ZSTR_VAL(string)), ZSTR_LEN(string)

ZEND_BEGIN_MODULE_GLOBALS(guarda)
	guarda_handle *current; /* the handle that is open, or NULL */
	bool current_is_redis; /* whether it is of the handler `redis` */
	bool keeps_cookie; /* session.use_cookies is off for a moment: see guarda_keep_cookie() */
	guarda_settings entries[2]; /* what the INI entries say, for the handlers `guarda` and `redis` */
	bool entries_are_read[2]; /* and none has changed since */
ZEND_END_MODULE_GLOBALS(guarda)

ZEND_EXTERN_MODULE_GLOBALS(guarda)
#define GUARDA_G(name) ZEND_MODULE_GLOBALS_ACCESSOR(guarda, name)

#if defined(ZTS) && defined(COMPILE_DL_GUARDA)
ZEND_TSRMLS_CACHE_EXTERN()
#endif

/* guarda_frames.c: who called? CALLER_WRITE: a class whose write() destroys what it takes for empty. */
typedef enum {
	CALLER_NONE, CALLER_START, CALLER_DECODE, CALLER_DESTROY, CALLER_REGENERATE, CALLER_METHOD, CALLER_WRITE
} guarda_caller;
guarda_caller guarda_nearest_caller(zend_execute_data **frame);
bool guarda_called_by_method(void);
bool guarda_wants_read_and_close(zend_execute_data *frame);

/* guarda_ini.c */
void guarda_register_ini(int module_number, bool redis);
void guarda_settings_now(guarda_settings *settings, bool redis);
void guarda_print_owners(void);
void guarda_mask_save_path(bool masked);

/* guarda_handler.c */
extern const ps_module guarda_ps_module;
extern const ps_module guarda_ps_module_redis;
void guarda_drop_handle(guarda_handle *handle);
void guarda_keep_cookie(bool keep);

/* guarda_functions.c */
extern const zend_function_entry guarda_functions[];

#endif
