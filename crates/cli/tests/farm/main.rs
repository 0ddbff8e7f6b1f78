//! End to end: real php-fpm, phpredis, nginx and redis-cli, with their sessions in `guarda serve`.
//!
//! `GUARDA_FARM_SERVER=redis-server` runs the same tests against that server, to tell a fault of ours from
//! one of phpredis or of a test. `GUARDA_LONG=1` runs the longer variants.
//!
//! What counts as an acknowledgement is in `probe.php` of the crate `guarda-farm`: the script closes the
//! session itself, takes any warning for a failure, and answers 200 only afterwards. phpredis promises
//! nothing earlier; whatever else a browser gets (500, 502, no answer) acknowledges nothing, and the
//! update may or may not have happened.

mod counter;
mod killed_workers;
mod leftovers;
mod parallel;
mod restarts;
mod traffic;

use guarda_farm::{Farm, FarmOptions, Locking, StoreProgram};

/// The tutorial's farm, with the store under test.
fn options() -> FarmOptions {
    match std::env::var("GUARDA_FARM_SERVER").as_deref() {
        Ok("redis-server") => {
            let store = StoreProgram::redis_server().expect("redis-server is installed");
            // Under `everysec` Redis answers before it writes for as long as an fsync is under way, and
            // a crash then loses what was answered: the tests of crashes find it on a busy disk.
            let directives = vec![("appendfsync".to_owned(), "always".to_owned())];
            FarmOptions { store_directives: directives, ..FarmOptions::new(store) }
        }
        Ok(other) => panic!("GUARDA_FARM_SERVER is unset or redis-server, not `{other}`"),
        Err(_) => FarmOptions::new(StoreProgram::guarda(env!("CARGO_BIN_EXE_guarda"))),
    }
}

/// The tutorial's farm with phpredis's locking: a lock is tried every 2 ms for a minute, since fewer
/// tries end in requests that run without the session, which is phpredis's own and not the store's doing.
fn locking_options(expire_s: u32) -> FarmOptions {
    let locking = Locking { expire_s, retries: 30_000, wait_us: 2_000 };
    FarmOptions { locking: Some(locking), ..options() }
}

fn start(options: FarmOptions) -> Farm {
    Farm::start(options).unwrap_or_else(|error| panic!("no farm: {error:#}"))
}

/// `short`, or `long` where longer variants are asked for.
fn by_length(short: usize, long: usize) -> usize {
    if std::env::var_os("GUARDA_LONG").is_some_and(|value| value == "1") { long } else { short }
}
