//! The boundary to C: what `php/ext/guarda.h` declares. The only `unsafe` of the extension's Rust.
//!
//! Every function catches panics: one would end the PHP worker. A handle is made by [`guarda_open`],
//! used by one thread, and given back to [`guarda_close`].

#![allow(unsafe_code, reason = "the boundary to C: raw pointers, and names that C can link")]

use std::ffi::{CStr, CString, c_char, c_int};
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook};
use std::ptr;
use std::slice;
use std::time::Duration;

use guarda_session::SessionId;
use guarda_session::payload::Compression;
use guarda_session::save_path::mask;

use crate::carried::Carried;
use crate::payload::Serializer;
use crate::request::{Request, Told, end_thread, set_host};
use crate::settings::{self, Mode, Settings};

/// What the shim reads from PHP's INI entries, and from PHP. As in `guarda.h`.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
#[allow(missing_docs, reason = "guarda.h says it")]
pub struct GuardaSettings {
    pub mode: c_int,
    pub redis: c_int,
    pub readonly_on_timeout: c_int,
    pub recreate: c_int,
    pub strict: c_int,
    pub tick: c_int,
    pub keep: c_int,
    pub regenerating: c_int,
    pub early_refresh: c_int,
    pub lock_wait_ms: i64,
    pub lock_ttl_ms: i64,
    pub lock_max_hold_ms: i64,
    pub lock_max_waiters: i64,
    pub io_budget_ms: i64,
    pub connect_timeout_ms: i64,
    pub read_timeout_ms: i64,
    pub empty_ttl_s: i64,
    pub absolute_lifetime_s: i64,
    pub gc_maxlifetime_s: i64,
    pub now_s: i64,
    pub compression_level: i64,
    pub compression: *const c_char,
    pub serializer: *const c_char,
    pub url: *const c_char,
}

/// What the shim tells an application. As in `guarda.h`.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
#[allow(missing_docs, reason = "guarda.h says it")]
pub struct GuardaInfo {
    pub fingerprint: *const c_char,
    pub endpoint: *const c_char,
    pub server: *const c_char,
    pub generation: *const c_char,
    pub locked: c_int,
    pub readonly: c_int,
    pub existed: c_int,
    pub waited_ms: i64,
    pub opened_s: i64,
    pub created_s: i64,
    pub ttl_s: i64,
    pub round_trips: i64,
}

/// `GUARDA_UNREAD` of `guarda.h`.
const UNREAD: c_int = -2;

/// What C holds a pointer to.
pub struct Handle {
    /// None: the save_path is not usable.
    request: Option<Request>,
    /// The last text that C was given. None yet: even an empty one lies in the heap.
    text: Option<CString>,
    /// The texts of the last [`guarda_session`].
    told: Option<[CString; 4]>,
    failed: bool,
}

impl Handle {
    fn fail(&mut self, message: &str) -> c_int {
        self.text = Some(c_string(message));
        self.failed = true;
        -1
    }

    /// Runs one operation; 0 or, with a message, -1.
    fn run<T>(
        &mut self,
        operation: impl FnOnce(&mut Request) -> Result<T, String>,
    ) -> Result<T, c_int> {
        self.failed = false;
        let Some(request) = self.request.as_mut() else { return Err(-1) };
        match catch_unwind(AssertUnwindSafe(|| operation(request))) {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(message)) => Err(self.fail(&message)),
            Err(_) => {
                // Its state is unknown: nothing of it is used again, the lock ends with its lease.
                self.request = None;
                Err(self.fail("internal error in guarda.so; this session is not stored"))
            }
        }
    }
}

fn c_string(text: &str) -> CString {
    CString::new(text.replace('\0', " ")).unwrap_or_default()
}

fn settings(from: &GuardaSettings) -> Settings {
    let wait = |ms: i64| if ms < 0 { Duration::MAX } else { Duration::from_millis(ms as u64) };
    let limit = |ms: i64| (ms > 0).then(|| wait(ms));
    // SAFETY: the caller lends the text for this call, or passes null.
    let serializer = unsafe { c_text(from.serializer) };
    // SAFETY: as above.
    let compression = unsafe { c_text(from.compression) };
    // SAFETY: as above.
    let url = unsafe { c_text(from.url) };
    let mode = match from.mode {
        1 => Mode::ReadOnly,
        2 => Mode::Unlocked,
        _ => Mode::Lock,
    };
    Settings {
        redis: from.redis != 0,
        mode,
        lock_wait: wait(from.lock_wait_ms),
        lock_ttl: wait(from.lock_ttl_ms.max(1)),
        lock_max_hold: wait(from.lock_max_hold_ms.max(1)),
        waiters_max: u32::try_from(from.lock_max_waiters).ok().filter(|max| *max > 0),
        readonly_on_timeout: from.readonly_on_timeout != 0,
        recreate: from.recreate != 0,
        strict: from.strict != 0,
        tick: from.tick != 0,
        keep: from.keep != 0,
        regenerating: from.regenerating != 0,
        early_refresh: from.early_refresh != 0,
        budget: wait(from.io_budget_ms.max(1)),
        connect_timeout: limit(from.connect_timeout_ms),
        read_timeout: limit(from.read_timeout_ms),
        empty_ttl: Duration::from_secs(from.empty_ttl_s.max(1).unsigned_abs()),
        absolute_lifetime: (from.absolute_lifetime_s > 0).then_some(from.absolute_lifetime_s),
        gc_maxlifetime: from.gc_maxlifetime_s,
        now: from.now_s,
        serializer: Serializer::named(serializer),
        // Another extension may have registered the entry, and take more.
        compression: Compression::named(compression).unwrap_or_default(),
        compression_level: i32::try_from(from.compression_level).unwrap_or_default(),
        url: if mode == Mode::Lock { url.to_vec() } else { Vec::new() },
    }
}

/// Once a process: this machine's name, and panics kept quiet, since the default hook would print
/// into the log of PHP-FPM.
///
/// # Safety
///
/// `host` is null or a text that ends with a zero byte.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn guarda_init(host: *const c_char) {
    set_hook(Box::new(|_| {}));
    // SAFETY: the caller lends the text for this call.
    let host = unsafe { c_text(host) };
    set_host(&String::from_utf8_lossy(host));
}

/// Once a process: [`guarda_forked`] will be called in all its children.
#[unsafe(no_mangle)]
pub extern "C" fn guarda_tell_forks() {
    guarda_client::tell_forks();
}

/// In a fork's child, before anything else.
#[unsafe(no_mangle)]
pub extern "C" fn guarda_forked() {
    guarda_client::note_fork();
}

/// At the end of a request, when all handles are closed.
#[unsafe(no_mangle)]
pub extern "C" fn guarda_end_request() {
    drop(catch_unwind(Carried::forget));
}

/// At the end of a thread: closes its idle connections.
#[unsafe(no_mangle)]
pub extern "C" fn guarda_end_thread() {
    drop(catch_unwind(end_thread));
}

/// Whether an INI entry takes a value: 0, or -1 and why not.
///
/// # Safety
///
/// `name` ends with a zero byte; `value` points to `value_len` bytes or is null; `message` has room
/// for `message_size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn guarda_check(
    name: *const c_char,
    value: *const u8,
    value_len: usize,
    message: *mut c_char,
    message_size: usize,
) -> c_int {
    // SAFETY: the caller lends the text for this call.
    let name = unsafe { c_text(name) };
    // SAFETY: the caller lends the bytes for this call.
    let value = unsafe { borrowed(value, value_len) };
    let checked = catch_unwind(|| settings::check(&String::from_utf8_lossy(name), value));
    let Ok(Err(said)) = checked else { return 0 };
    // SAFETY: the caller's buffer, see above.
    unsafe { give_text(&said, message, message_size) };
    -1
}

/// Writes a save_path without its secrets, cut to what fits; returns its length.
///
/// # Safety
///
/// `save_path` points to `save_path_len` bytes; `masked` has room for `masked_size`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn guarda_mask(
    save_path: *const u8,
    save_path_len: usize,
    masked: *mut c_char,
    masked_size: usize,
) -> usize {
    // SAFETY: the caller lends the bytes for this call.
    let save_path = unsafe { borrowed(save_path, save_path_len) };
    let text = catch_unwind(|| mask(save_path)).unwrap_or_default();
    // SAFETY: the caller's buffer, see above.
    unsafe { give_text(&text, masked, masked_size) }
}

/// Makes a handle; null only after a panic. Does no I/O but to release what `previous` holds.
///
/// # Safety
///
/// `previous` is null or one of this function's own, which must not be used afterwards. `save_path`
/// points to `save_path_len` bytes and `from` to settings, both for this call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn guarda_open(
    previous: *mut Handle,
    save_path: *const u8,
    save_path_len: usize,
    from: *const GuardaSettings,
) -> *mut Handle {
    let previous = if previous.is_null() {
        None
    } else {
        // SAFETY: this function made it from a box, and the caller gives it up.
        unsafe { Box::from_raw(previous) }.request
    };
    // SAFETY: the caller lends `save_path_len` bytes for this call, see above.
    let save_path = unsafe { borrowed(save_path, save_path_len) };
    // SAFETY: the caller lends the settings for this call, see above.
    let from = unsafe { &*from };
    let made = catch_unwind(AssertUnwindSafe(move || {
        let mut handle = Handle { request: None, text: None, told: None, failed: false };
        match Request::open(previous, save_path, settings(from)) {
            Ok(request) => handle.request = Some(request),
            Err(message) => {
                handle.fail(&message);
            }
        }
        Box::into_raw(Box::new(handle))
    }));
    made.unwrap_or(ptr::null_mut())
}

/// The message of the last call if it failed, or null. Valid until the next call with this handle.
///
/// # Safety
///
/// `handle` is one of [`guarda_open`]'s, not yet closed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn guarda_message(handle: *const Handle) -> *const c_char {
    // SAFETY: the handle is alive, and one thread uses it.
    let handle = unsafe { &*handle };
    let message = handle.text.as_ref().filter(|_| handle.failed);
    message.map_or(ptr::null(), |text| text.as_ptr())
}

/// The next advice for PHP's log, or null. Valid until the next call with this handle.
///
/// # Safety
///
/// As [`guarda_message`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn guarda_notice(handle: *mut Handle) -> *const c_char {
    // SAFETY: the handle is alive, and one thread uses it.
    let handle = unsafe { &mut *handle };
    let notice = handle.request.as_mut().and_then(Request::notice);
    let Some(notice) = notice else { return ptr::null() };
    handle.text.insert(c_string(&notice)).as_ptr()
}

/// validate_sid: 1 or 0.
///
/// # Safety
///
/// As [`guarda_message`]; `id` points to `id_len` bytes for this call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn guarda_validate(
    handle: *mut Handle,
    id: *const u8,
    id_len: usize,
) -> c_int {
    // SAFETY: the handle is alive, and one thread uses it.
    let handle = unsafe { &mut *handle };
    // SAFETY: the caller lends the id for this call.
    let id = unsafe { borrowed(id, id_len) };
    handle.run(|request| Ok(request.validate(id))).map_or(0, c_int::from)
}

/// Whether an id that was just made is taken: 1 or 0.
///
/// # Safety
///
/// As [`guarda_validate`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn guarda_is_taken(
    handle: *mut Handle,
    id: *const u8,
    id_len: usize,
) -> c_int {
    // SAFETY: the handle is alive, and one thread uses it.
    let handle = unsafe { &mut *handle };
    // SAFETY: the caller lends the id for this call.
    let id = unsafe { borrowed(id, id_len) };
    handle.run(|request| Ok(request.is_taken(id))).map_or(0, c_int::from)
}

/// read: 0 and the data, which is valid until the next call, or -1; -2 if the id is one, so that there
/// may be such a session.
///
/// # Safety
///
/// As [`guarda_validate`]; `data` and `data_len` point to where the answer goes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn guarda_read(
    handle: *mut Handle,
    id: *const u8,
    id_len: usize,
    data: *mut *const u8,
    data_len: *mut usize,
) -> c_int {
    // SAFETY: the handle is alive, and one thread uses it.
    let handle = unsafe { &mut *handle };
    // SAFETY: the caller lends the id for this call.
    let id = unsafe { borrowed(id, id_len) };
    match handle.run(|request| request.read(id)) {
        Ok(()) => {}
        Err(_) if SessionId::new(id).is_some() => return UNREAD,
        Err(code) => return code,
    }
    let bytes = handle.request.as_ref().map_or(&[][..], Request::data);
    // SAFETY: the caller's variable, writable for this call.
    unsafe { data.write(bytes.as_ptr()) };
    // SAFETY: the caller's variable, writable for this call.
    unsafe { data_len.write(bytes.len()) };
    0
}

/// The data of the last read is copied: the session may be written.
///
/// # Safety
///
/// As [`guarda_message`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn guarda_read_done(handle: *mut Handle) {
    // SAFETY: the handle is alive, and one thread uses it.
    let handle = unsafe { &mut *handle };
    if let Some(request) = handle.request.as_mut() {
        request.read_done();
    }
}

/// write: 0 or -1.
///
/// # Safety
///
/// As [`guarda_validate`], and the same for `data`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn guarda_write(
    handle: *mut Handle,
    id: *const u8,
    id_len: usize,
    data: *const u8,
    data_len: usize,
    ttl: i64,
) -> c_int {
    // SAFETY: the handle is alive, and one thread uses it.
    let handle = unsafe { &mut *handle };
    // SAFETY: the caller lends the id for this call.
    let id = unsafe { borrowed(id, id_len) };
    // SAFETY: the caller lends the data for this call.
    let data = unsafe { borrowed(data, data_len) };
    handle.run(|request| request.write(id, data, ttl)).map_or_else(|code| code, |()| 0)
}

/// update_timestamp: 0 or -1.
///
/// # Safety
///
/// As [`guarda_write`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn guarda_touch(
    handle: *mut Handle,
    id: *const u8,
    id_len: usize,
    data: *const u8,
    data_len: usize,
    ttl: i64,
) -> c_int {
    // SAFETY: the handle is alive, and one thread uses it.
    let handle = unsafe { &mut *handle };
    // SAFETY: the caller lends the id for this call.
    let id = unsafe { borrowed(id, id_len) };
    // SAFETY: the caller lends the data for this call.
    let data = unsafe { borrowed(data, data_len) };
    handle.run(|request| request.touch(id, data, ttl)).map_or_else(|code| code, |()| 0)
}

/// destroy: 0 or -1. `instead_of_write`: a class around the handler takes the session for empty.
///
/// # Safety
///
/// As [`guarda_validate`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn guarda_destroy(
    handle: *mut Handle,
    id: *const u8,
    id_len: usize,
    instead_of_write: c_int,
) -> c_int {
    // SAFETY: the handle is alive, and one thread uses it.
    let handle = unsafe { &mut *handle };
    // SAFETY: the caller lends the id for this call.
    let id = unsafe { borrowed(id, id_len) };
    handle
        .run(|request| request.destroy(id, instead_of_write != 0))
        .map_or_else(|code| code, |()| 0)
}

/// The session is about to get another id: what belongs to it goes along. 0 or -1.
///
/// # Safety
///
/// As [`guarda_validate`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn guarda_regenerate(
    handle: *mut Handle,
    id: *const u8,
    id_len: usize,
) -> c_int {
    // SAFETY: the handle is alive, and one thread uses it.
    let handle = unsafe { &mut *handle };
    // SAFETY: the caller lends the id for this call.
    let id = unsafe { borrowed(id, id_len) };
    handle.run(|request| request.regenerate(id)).map_or_else(|code| code, |()| 0)
}

/// PHP could not decode the data: it stays, and later writes are refused. 0, or -1 and what to tell.
///
/// # Safety
///
/// As [`guarda_message`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn guarda_keep_undecodable(handle: *mut Handle, set_aside: c_int) -> c_int {
    // SAFETY: the handle is alive, and one thread uses it.
    let handle = unsafe { &mut *handle };
    handle.run(|request| request.keep_undecodable(set_aside != 0)).map_or_else(|code| code, |()| 0)
}

/// Prolongs the lock: 0 or -1.
///
/// # Safety
///
/// As [`guarda_message`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn guarda_renew(handle: *mut Handle) -> c_int {
    // SAFETY: the handle is alive, and one thread uses it.
    let handle = unsafe { &mut *handle };
    handle.run(Request::renew).map_or_else(|code| code, |()| 0)
}

/// Notes the user: 0 or -1.
///
/// # Safety
///
/// As [`guarda_message`]; `user` points to `user_len` bytes for this call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn guarda_tag(
    handle: *mut Handle,
    user: *const u8,
    user_len: usize,
) -> c_int {
    // SAFETY: the handle is alive, and one thread uses it.
    let handle = unsafe { &mut *handle };
    // SAFETY: the caller lends the bytes for this call.
    let user = unsafe { borrowed(user, user_len) };
    handle.run(|request| request.tag(user)).map_or_else(|code| code, |()| 0)
}

/// The time to live with which the session will be stored.
///
/// # Safety
///
/// As [`guarda_message`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn guarda_set_ttl(handle: *mut Handle, ttl_s: i64) {
    // SAFETY: the handle is alive, and one thread uses it.
    let handle = unsafe { &mut *handle };
    if let Some(request) = handle.request.as_mut() {
        request.set_ttl(ttl_s);
    }
}

/// What can be told of the open session: 1, or 0 if there is none.
///
/// # Safety
///
/// As [`guarda_message`]; `info` is writable for this call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn guarda_session(handle: *mut Handle, info: *mut GuardaInfo) -> c_int {
    // SAFETY: the handle is alive, and one thread uses it.
    let handle = unsafe { &mut *handle };
    let Some(Told {
        fingerprint,
        endpoint,
        server,
        generation,
        locked,
        readonly,
        existed,
        waited_ms,
        opened_s,
        created_s,
        ttl_s,
        round_trips,
    }) = handle.request.as_ref().and_then(Request::told)
    else {
        return 0;
    };
    let told = [&fingerprint[..], &endpoint, server, &generation].map(c_string);
    let [fingerprint, endpoint, server, generation] =
        handle.told.insert(told).each_ref().map(|text| text.as_ptr());
    let told = GuardaInfo {
        fingerprint,
        endpoint,
        server,
        generation,
        locked: locked.into(),
        readonly: readonly.into(),
        existed: existed.into(),
        waited_ms,
        opened_s,
        created_s: created_s.unwrap_or_default(),
        ttl_s: ttl_s.unwrap_or_default(),
        round_trips: i64::try_from(round_trips).unwrap_or(i64::MAX),
    };
    // SAFETY: the caller's variable, writable for this call.
    unsafe { info.write(told) };
    1
}

/// close: frees the handle.
///
/// # Safety
///
/// As [`guarda_message`]; the handle must not be used afterwards.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn guarda_close(handle: *mut Handle) {
    // SAFETY: `guarda_open` made it from a box, and the caller gives it up.
    let handle = unsafe { Box::from_raw(handle) };
    // A panic here has nobody to go to; the lock ends with its lease.
    drop(catch_unwind(AssertUnwindSafe(move || {
        if let Some(request) = handle.request {
            request.close();
        }
    })));
}

/// The bytes that C lends; an empty slice for a null pointer.
///
/// # Safety
///
/// `bytes` is null or points to `len` initialised bytes that stay unchanged for `'a`.
unsafe fn borrowed<'a>(bytes: *const u8, len: usize) -> &'a [u8] {
    if bytes.is_null() {
        return &[];
    }
    // SAFETY: not null, and the caller vouches for the rest.
    unsafe { slice::from_raw_parts(bytes, len) }
}

/// The text that C lends; an empty one for a null pointer.
///
/// # Safety
///
/// `text` is null or ends with a zero byte, and stays unchanged for `'a`.
unsafe fn c_text<'a>(text: *const c_char) -> &'a [u8] {
    if text.is_null() {
        return &[];
    }
    // SAFETY: not null, and the caller vouches for the rest.
    unsafe { CStr::from_ptr(text) }.to_bytes()
}

/// Writes as much of a text as fits, and a zero byte; returns how much.
///
/// # Safety
///
/// `to` is null or has room for `size` bytes.
unsafe fn give_text(text: &str, to: *mut c_char, size: usize) -> usize {
    if to.is_null() || size == 0 {
        return 0;
    }
    let len = text.floor_char_boundary(size - 1);
    // SAFETY: not null, `len < size`, and a text of ours does not overlap with the caller's buffer.
    unsafe { ptr::copy_nonoverlapping(text.as_ptr(), to.cast(), len) };
    // SAFETY: `len < size`: inside the caller's buffer.
    let end = unsafe { to.add(len) };
    // SAFETY: as above.
    unsafe { end.write(0) };
    len
}
