//! How the PHP of one web server keeps its sessions.

/// Who keeps the sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handler {
    /// phpredis (`session.save_handler = redis`), in the farm's store.
    Phpredis,
    /// PHP's own files, in a directory of each web server's own, as two machines have.
    Files,
    /// guarda.so (`session.save_handler = guarda`), in the farm's store. phpredis is loaded too.
    Guarda,
    /// guarda.so in phpredis's place (`session.save_handler = redis`): phpredis is not loaded.
    GuardaAsRedis,
}

impl Handler {
    /// Its name in php.ini.
    pub fn ini_name(self) -> &'static str {
        match self {
            Self::Phpredis | Self::GuardaAsRedis => "redis",
            Self::Files => "files",
            Self::Guarda => "guarda",
        }
    }

    pub(crate) fn needs_extension(self) -> bool {
        matches!(self, Self::Guarda | Self::GuardaAsRedis)
    }
}

/// Session locking by phpredis's settings, which guarda.so's handler `redis` obeys too.
#[derive(Clone, Copy, Debug)]
pub struct Locking {
    /// `lock_expire`: how many seconds a lock outlives a worker that died. 0 is phpredis's default.
    pub expire_s: u32,
    /// `lock_retries`: how often a lock is tried again; -1 for ever.
    pub retries: i32,
    /// `lock_wait_time`: microseconds between two tries.
    pub wait_us: u32,
}

impl Locking {
    /// phpredis's own limits: a lock is tried 100 times, every 20 ms.
    pub fn defaults() -> Self {
        Self { expire_s: 60, retries: 100, wait_us: 20_000 }
    }
}

/// The session settings of one web server.
#[derive(Clone, Debug)]
pub struct Site {
    /// Who keeps the sessions.
    pub handler: Handler,
    /// `redis.session.*`; without it phpredis and guarda.so's `redis` do not lock, as is their default.
    pub locking: Option<Locking>,
    /// The save_path that sessions not found are taken over from (`adopt=`).
    pub adopt: Option<String>,
    /// Further lines of php.ini: name and value.
    pub ini: Vec<(String, String)>,
}

impl Site {
    /// `handler` with its defaults.
    pub fn new(handler: Handler) -> Self {
        Self { handler, locking: None, adopt: None, ini: Vec::new() }
    }

    /// The same with locking by phpredis's settings.
    #[must_use]
    pub fn locking(self, locking: Locking) -> Self {
        Self { locking: Some(locking), ..self }
    }

    /// The same with a further line of php.ini.
    #[must_use]
    pub fn ini(mut self, name: &str, value: &str) -> Self {
        self.ini.push((name.to_owned(), value.to_owned()));
        self
    }
}
