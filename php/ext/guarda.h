/* What the core (php/core/src/ffi.rs) offers to the shim. It never calls PHP. */
#ifndef GUARDA_H
#define GUARDA_H

#include <stddef.h>
#include <stdint.h>

typedef struct guarda_handle guarda_handle;

enum { GUARDA_LOCK, GUARDA_READONLY, GUARDA_UNLOCKED };
/* Of guarda_read(): there may be such a session, but nobody knows. */
enum { GUARDA_UNREAD = -2 };

/* Durations end in their unit; negative means for ever, 0 none, where that makes sense. */
typedef struct {
	int mode;
	int redis; /* the handler is `redis` */
	int readonly_on_timeout;
	int recreate;
	int strict;
	int tick; /* an upload's progress, before the script */
	int keep; /* the connection, for the next request */
	int regenerating;
	int early_refresh; /* reading sets the time to live */
	int64_t lock_wait_ms;
	int64_t lock_ttl_ms;
	int64_t lock_max_hold_ms;
	int64_t lock_max_waiters;
	int64_t io_budget_ms;
	int64_t connect_timeout_ms;
	int64_t read_timeout_ms;
	int64_t empty_ttl_s;
	int64_t absolute_lifetime_s;
	int64_t gc_maxlifetime_s;
	int64_t now_s; /* since 1970 */
	int64_t compression_level;
	const char *compression; /* or NULL */
	const char *serializer; /* session.serialize_handler */
	const char *url; /* of the request, or NULL */
} guarda_settings;

/* The texts are valid until the next call with the handle. */
typedef struct {
	const char *fingerprint; /* of the id */
	const char *endpoint;
	const char *server;
	const char *generation;
	int locked;
	int readonly;
	int existed;
	int64_t waited_ms;
	int64_t opened_s;
	int64_t created_s; /* 0: not known */
	int64_t ttl_s; /* 0: session.gc_maxlifetime */
	int64_t round_trips;
} guarda_info;

void guarda_init(const char *host);
void guarda_tell_forks(void);
void guarda_forked(void);
void guarda_end_request(void);
void guarda_end_thread(void);
int guarda_check(const char *name, const uint8_t *value, size_t value_len, char *message, size_t message_size);
size_t guarda_mask(const uint8_t *save_path, size_t save_path_len, char *masked, size_t masked_size);

guarda_handle *guarda_open(guarda_handle *previous, const uint8_t *save_path, size_t save_path_len, const guarda_settings *settings);
const char *guarda_message(const guarda_handle *handle);
const char *guarda_notice(guarda_handle *handle);
int guarda_validate(guarda_handle *handle, const uint8_t *id, size_t id_len);
int guarda_is_taken(guarda_handle *handle, const uint8_t *id, size_t id_len);
int guarda_read(guarda_handle *handle, const uint8_t *id, size_t id_len, const uint8_t **data, size_t *data_len);
void guarda_read_done(guarda_handle *handle);
int guarda_write(guarda_handle *handle, const uint8_t *id, size_t id_len, const uint8_t *data, size_t data_len, int64_t ttl_s);
int guarda_touch(guarda_handle *handle, const uint8_t *id, size_t id_len, const uint8_t *data, size_t data_len, int64_t ttl_s);
int guarda_destroy(guarda_handle *handle, const uint8_t *id, size_t id_len, int instead_of_write);
int guarda_regenerate(guarda_handle *handle, const uint8_t *id, size_t id_len);
int guarda_keep_undecodable(guarda_handle *handle, int set_aside);
int guarda_renew(guarda_handle *handle);
int guarda_tag(guarda_handle *handle, const uint8_t *user, size_t user_len);
void guarda_set_ttl(guarda_handle *handle, int64_t ttl_s);
int guarda_session(guarda_handle *handle, guarda_info *info);
void guarda_close(guarda_handle *handle);

#endif
