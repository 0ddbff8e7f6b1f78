//! The boundary to C: what `php/ext/guarda.h` declares. The only `unsafe` of the extension's Rust.
//!
//! Every function catches panics: one would end the PHP worker. A handle is made by [`guarda_open`],
//! used by one thread, and given back to [`guarda_close`].

#![allow(unsafe_code, reason = "the boundary to C: raw pointers, and names that C can link")]

use std::ffi::{CString, c_char, c_int};
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook};
use std::ptr;
use std::slice;
use std::time::Duration;

use crate::request::{Mode, Request, Settings};

/// What the shim reads from PHP's INI entries.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct GuardaSettings {
    /// 0: lock, 1: readonly, 2: unlocked.
    pub mode: c_int,
    /// 1: read without a lock if it cannot be had.
    pub readonly_on_timeout: c_int,
    /// 1: make vanished sessions again.
    pub recreate: c_int,
    /// 1: strict mode.
    pub strict: c_int,
    /// Seconds; 0: no early refresh.
    pub early_refresh: i64,
    /// Milliseconds; negative: for ever.
    pub lock_wait_ms: i64,
    /// Milliseconds.
    pub lock_ttl_ms: i64,
    /// 0: no limit.
    pub lock_max_waiters: i64,
    /// Milliseconds.
    pub io_budget_ms: i64,
    /// Milliseconds; 0: none.
    pub connect_timeout_ms: i64,
    /// Milliseconds; 0: none.
    pub read_timeout_ms: i64,
}

/// What C holds a pointer to.
pub struct Handle {
    /// None: the save_path is not usable.
    request: Option<Request>,
    notices: Vec<String>,
    /// The data of the last read; C copies it.
    data: Vec<u8>,
    /// The last text that C was given.
    text: CString,
    failed: bool,
}

impl Handle {
    fn fail(&mut self, message: &str) -> c_int {
        self.text = CString::new(message.replace('\0', " ")).unwrap_or_default();
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

fn settings(from: &GuardaSettings) -> Settings {
    let wait = |ms: i64| if ms < 0 { Duration::MAX } else { Duration::from_millis(ms as u64) };
    let limit = |ms: i64| (ms > 0).then(|| wait(ms));
    Settings {
        mode: match from.mode {
            1 => Mode::ReadOnly,
            2 => Mode::Unlocked,
            _ => Mode::Lock,
        },
        lock_wait: wait(from.lock_wait_ms),
        lock_ttl: wait(from.lock_ttl_ms.max(1)),
        waiters_max: u32::try_from(from.lock_max_waiters).ok().filter(|max| *max > 0),
        readonly_on_timeout: from.readonly_on_timeout != 0,
        recreate: from.recreate != 0,
        strict: from.strict != 0,
        early_refresh: (from.early_refresh > 0).then_some(from.early_refresh),
        budget: wait(from.io_budget_ms.max(1)),
        connect_timeout: limit(from.connect_timeout_ms),
        read_timeout: limit(from.read_timeout_ms),
    }
}

/// Keeps panics quiet: the default hook would print into the log of PHP-FPM.
#[unsafe(no_mangle)]
pub extern "C" fn guarda_init() {
    set_hook(Box::new(|_| {}));
}

/// Makes a handle; null only after a panic. Does no I/O.
///
/// # Safety
///
/// `save_path` points to `save_path_len` bytes and `from` to settings, both for this call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn guarda_open(
    save_path: *const u8,
    save_path_len: usize,
    from: *const GuardaSettings,
) -> *mut Handle {
    // SAFETY: the caller lends `save_path_len` bytes for this call, see above.
    let save_path = unsafe { borrowed(save_path, save_path_len) };
    // SAFETY: the caller lends the settings for this call, see above.
    let from = unsafe { &*from };
    let made = catch_unwind(|| {
        let mut handle = Handle {
            request: None,
            notices: Vec::new(),
            data: Vec::new(),
            text: CString::default(),
            failed: false,
        };
        match Request::open(save_path, settings(from)) {
            Ok((request, notices)) => {
                handle.request = Some(request);
                handle.notices = notices;
            }
            Err(message) => {
                handle.fail(&message);
            }
        }
        Box::into_raw(Box::new(handle))
    });
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
    if handle.failed { handle.text.as_ptr() } else { ptr::null() }
}

/// The next notice about save_path, or null. Valid until the next call with this handle.
///
/// # Safety
///
/// As [`guarda_message`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn guarda_notice(handle: *mut Handle) -> *const c_char {
    // SAFETY: the handle is alive, and one thread uses it.
    let handle = unsafe { &mut *handle };
    let Some(notice) = handle.notices.pop() else { return ptr::null() };
    handle.text = CString::new(notice.replace('\0', " ")).unwrap_or_default();
    handle.text.as_ptr()
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

/// read: 0 and the data, which is valid until the next call, or -1.
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
        Ok(bytes) => handle.data = bytes,
        Err(code) => return code,
    }
    // SAFETY: the caller's variable, writable for this call.
    unsafe { data.write(handle.data.as_ptr()) };
    // SAFETY: the caller's variable, writable for this call.
    unsafe { data_len.write(handle.data.len()) };
    0
}

/// The data of the last read is copied: it may be freed, and the session written.
///
/// # Safety
///
/// As [`guarda_message`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn guarda_read_done(handle: *mut Handle) {
    // SAFETY: the handle is alive, and one thread uses it.
    let handle = unsafe { &mut *handle };
    handle.data = Vec::new();
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

/// destroy: 0 or -1.
///
/// # Safety
///
/// As [`guarda_validate`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn guarda_destroy(
    handle: *mut Handle,
    id: *const u8,
    id_len: usize,
) -> c_int {
    // SAFETY: the handle is alive, and one thread uses it.
    let handle = unsafe { &mut *handle };
    // SAFETY: the caller lends the id for this call.
    let id = unsafe { borrowed(id, id_len) };
    handle.run(|request| request.destroy(id)).map_or_else(|code| code, |()| 0)
}

/// PHP could not decode the data: it stays, and later writes are refused.
///
/// # Safety
///
/// As [`guarda_message`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn guarda_keep_undecodable(handle: *mut Handle) {
    // SAFETY: the handle is alive, and one thread uses it.
    let handle = unsafe { &mut *handle };
    let _ = handle.run(|request| {
        request.keep_undecodable();
        Ok(())
    });
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
