/* What the core (php/core/src/ffi.rs) offers to the shim. It never calls PHP. */
#ifndef GUARDA_H
#define GUARDA_H

#include <stddef.h>
#include <stdint.h>

typedef struct guarda_handle guarda_handle;

enum { GUARDA_LOCK, GUARDA_READONLY, GUARDA_UNLOCKED };

typedef struct {
	int mode;
	int readonly_on_timeout;
	int recreate;
	int strict;
	int64_t early_refresh;
	int64_t lock_wait_ms;
	int64_t lock_ttl_ms;
	int64_t lock_max_waiters;
	int64_t io_budget_ms;
	int64_t connect_timeout_ms;
	int64_t read_timeout_ms;
} guarda_settings;

void guarda_init(void);
guarda_handle *guarda_open(const uint8_t *save_path, size_t save_path_len, const guarda_settings *settings);
const char *guarda_message(const guarda_handle *handle);
const char *guarda_notice(guarda_handle *handle);
int guarda_validate(guarda_handle *handle, const uint8_t *id, size_t id_len);
int guarda_is_taken(guarda_handle *handle, const uint8_t *id, size_t id_len);
int guarda_read(guarda_handle *handle, const uint8_t *id, size_t id_len, const uint8_t **data, size_t *data_len);
void guarda_read_done(guarda_handle *handle);
int guarda_write(guarda_handle *handle, const uint8_t *id, size_t id_len, const uint8_t *data, size_t data_len, int64_t ttl);
int guarda_touch(guarda_handle *handle, const uint8_t *id, size_t id_len, const uint8_t *data, size_t data_len, int64_t ttl);
int guarda_destroy(guarda_handle *handle, const uint8_t *id, size_t id_len);
void guarda_keep_undecodable(guarda_handle *handle);
void guarda_close(guarda_handle *handle);

#endif
