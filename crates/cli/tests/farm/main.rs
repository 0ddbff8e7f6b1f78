//! End to end: real php-fpm, phpredis, guarda.so, nginx and redis-cli, with their sessions in
//! `guarda serve`, and where the test says so in `redis-server`.
//!
//! `GUARDA_FARM_SERVER=redis-server` runs the same tests against that server, to tell a fault of ours from
//! one of phpredis or of a test. `GUARDA_LONG=1` runs the longer variants.
//!
//! What counts as an acknowledgement is in `probe.php` of the crate `guarda-farm`: the script closes the
//! session itself, takes any warning for a failure, and answers 200 only afterwards. No handler promises
//! anything earlier; whatever else a browser gets (500, 502, no answer) acknowledges nothing, and the
//! update may or may not have happened.

mod counter;
mod exact;
mod frameworks;
mod grants;
mod killed_workers;
mod leftovers;
mod logouts;
mod moving;
mod parallel;
mod puppet;
mod restarts;
mod settings;
mod soak;
mod store;
mod traffic;
mod tutorial;

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use guarda_farm::{Farm, FarmOptions, Handler, Locking, Site, StoreProgram};
use guarda_php_build::{Options as Build, build};

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

/// The same with guarda.so at hand, and both web servers as `site` says.
fn with_extension(site: &Site) -> FarmOptions {
    FarmOptions { extension: Some(extension().to_owned()), ..options().both(site) }
}

/// [`with_extension`] with its sessions in the machine's redis-server.
fn on_redis(site: &Site) -> FarmOptions {
    let store = StoreProgram::redis_server().expect("redis-server is installed");
    FarmOptions { store, store_directives: Vec::new(), ..with_extension(site) }
}

/// guarda.so, built once.
fn extension() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("crates/cli");
        let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join("farm");
        build(&Build { root, release: false, out: &out }).expect("guarda.so builds")
    })
}

/// phpredis's locking: a lock is tried every 2 ms for a minute, since fewer tries end in requests that
/// run without the session, which is phpredis's own and not the store's doing.
fn patient(expire_s: u32) -> Locking {
    Locking { expire_s, retries: 30_000, wait_us: 2_000 }
}

/// The tutorial's farm with [`patient`] locking.
fn locking_options(expire_s: u32) -> FarmOptions {
    options().both(&Site::new(Handler::Phpredis).locking(patient(expire_s)))
}

fn start(options: FarmOptions) -> Farm {
    Farm::start(options).unwrap_or_else(|error| panic!("no farm: {error:#}"))
}

/// `short`, or `long` where longer variants are asked for.
fn by_length(short: usize, long: usize) -> usize {
    if std::env::var_os("GUARDA_LONG").is_some_and(|value| value == "1") { long } else { short }
}
