//! Sessions are taken over from PHP's own files and from other servers: never lost, never twice.

#![allow(missing_docs, reason = "tests")]

mod support;

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use guarda_client::adopt::{Destination, OldStore};
use guarda_client::{Budget, Commit, Committed, Endpoint, Error, Keys, Open, Pool, Status, random};
use guarda_session::save_path::Adopt;
use guarda_session::{SavePath, SessionId, lock_token};
use guarda_testkit::server::{Program, Server, ServerSpec};
use support::{SECOND, endpoint};

const DAY: Duration = Duration::from_hours(24);
const ID: &str = "abcdef0123";

struct Dir(PathBuf);

impl Dir {
    fn new() -> Self {
        static SERIAL: AtomicUsize = AtomicUsize::new(0);
        let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
        let name = format!("guarda-adopt-{}-{serial}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).expect("makes a directory");
        Self(path)
    }

    fn file(&self) -> PathBuf {
        self.0.join(format!("sess_{ID}"))
    }

    fn adopt(&self) -> Adopt {
        adopt(&format!("files:{}", self.0.display()))
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        // A leftover in the temporary directory is no reason to fail.
        drop(fs::remove_dir_all(&self.0));
    }
}

fn adopt(old: &str) -> Adopt {
    let encoded: String = old.bytes().map(|byte| format!("%{byte:02x}")).collect();
    let path = SavePath::parse(format!("tcp://new?adopt={encoded}")).expect("a save_path");
    path.adopt().expect("given").clone()
}

fn id() -> SessionId {
    SessionId::new(ID.as_bytes()).expect("letters")
}

fn old(adopt: &Adopt) -> OldStore<'_> {
    OldStore { adopt, connect_timeout: Some(SECOND), read_timeout: Some(5 * SECOND) }
}

fn server() -> Server {
    Server::start(ServerSpec::new(Program::reference())).expect("starts")
}

fn raw(server: &Server, command: &str) -> String {
    let args: Vec<&str> = command.split(' ').collect();
    let mut connection = server.connect().expect("connects");
    connection.call(&args).expect("an answer").to_string()
}

/// A new place that nobody is asked at.
fn nowhere() -> Endpoint {
    endpoint("tcp://127.0.0.1:1?database=7")
}

fn take(adopt: &Adopt, ttl: Duration, budget: Duration) -> Result<Option<Vec<u8>>, Error> {
    let (to, budget) = (nowhere(), Budget::start(budget));
    let to = Destination { endpoint: &to, key: b"new" };
    let mut pool = Pool::new();
    let taken = old(adopt).take(&id(), ttl, to, &mut pool, &budget)?;
    Ok(taken.map(|taken| {
        let data = taken.data().to_vec();
        taken.abandon(&mut pool, &budget);
        data
    }))
}

fn php(save_path: &str, script: &str) -> Child {
    let script = format!("session_id('{ID}'); session_start(); {script}");
    Command::new("php")
        .args(["-d", "session.save_handler=files", "-d", "session.use_cookies=0"])
        .args(["-d", "session.cache_limiter=", "-d", &format!("session.save_path=\"{save_path}\"")])
        .args(["-r", &script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("php is installed: `cargo xtask test` installs it")
}

#[test]
fn what_php_has_written_is_taken_from_where_php_keeps_it() {
    let dir = Dir::new();
    fs::create_dir_all(dir.0.join("a/b")).expect("makes directories");
    for levels in ["", "2;", "2;644;"] {
        let save_path = format!("{levels}{}", dir.0.display());
        let mut writer = php(&save_path, "$_SESSION['n'] = 7;");
        assert!(writer.wait().expect("ends").success());
        let old = adopt(&save_path);
        assert_eq!(take(&old, DAY, SECOND).expect("reads").as_deref(), Some(&b"n|i:7;"[..]));
    }
}

#[test]
fn what_is_not_there_is_not_taken() {
    let dir = Dir::new();
    assert_eq!(take(&dir.adopt(), DAY, SECOND).expect("nothing there"), None);
    fs::write(dir.file(), "").expect("writes");
    assert_eq!(take(&dir.adopt(), DAY, SECOND).expect("an empty one"), None);
    fs::write(dir.file(), "n|i:1;").expect("writes");
    let long_ago = fs::File::options().write(true).open(dir.file()).expect("opens");
    let hour = std::time::UNIX_EPOCH + Duration::from_hours(1);
    long_ago.set_modified(hour).expect("sets the time");
    assert_eq!(take(&dir.adopt(), DAY, SECOND).expect("expired"), None);
    assert!(dir.file().exists(), "gc's business");
    assert!(take(&dir.adopt(), Duration::MAX, SECOND).expect("reads").is_some());
    let deeper = adopt(&format!("11;{}", dir.0.display()));
    assert_eq!(take(&deeper, DAY, SECOND).expect("an id that PHP would refuse"), None);
    let elsewhere = adopt(&format!("{}/absent", dir.0.display()));
    assert_eq!(take(&elsewhere, DAY, SECOND).expect("no directory"), None);
}

#[test]
fn an_id_too_long_for_a_file_was_never_in_one() {
    let dir = Dir::new();
    let (adopt, mut pool, budget) = (dir.adopt(), Pool::new(), Budget::start(SECOND));
    let to = nowhere();
    for len in [250, 251, 256] {
        let id = SessionId::new(&vec![b'a'; len]).expect("letters");
        let to = Destination { endpoint: &to, key: b"new" };
        let taken = old(&adopt).take(&id, DAY, to, &mut pool, &budget);
        assert!(taken.expect("no error").is_none(), "{len}");
        old(&adopt).forget(&id, to, &mut pool, &budget).expect("nothing to forget");
    }
}

#[test]
fn what_is_no_file_of_phps_is_refused_without_naming_the_session() {
    let dir = Dir::new();
    let other = dir.0.join("other");
    fs::write(&other, "n|i:1;").expect("writes");
    symlink(&other, dir.file()).expect("links");
    let error = take(&dir.adopt(), DAY, SECOND).expect_err("a link").to_string();
    assert!(error.contains("symbolic link") && !error.contains(ID), "{error}");
    fs::remove_file(dir.file()).expect("removes");
    fs::create_dir(dir.file()).expect("makes a directory");
    let error = take(&dir.adopt(), DAY, SECOND).expect_err("a directory").to_string();
    assert!(error.contains("regular file") && !error.contains(ID), "{error}");
}

#[test]
fn the_lock_of_a_running_request_is_waited_for_within_the_budget() {
    let dir = Dir::new();
    fs::write(dir.file(), "n|i:1;").expect("writes");
    let script = "echo \"held\\n\"; fgets(STDIN); $_SESSION['n'] = 2;";
    let mut holder = php(&dir.0.display().to_string(), script);
    let mut line = String::new();
    BufReader::new(holder.stdout.take().expect("piped")).read_line(&mut line).expect("reads");
    assert_eq!(line, "held\n");
    let error = take(&dir.adopt(), DAY, Duration::from_millis(100)).expect_err("held");
    assert!(error.to_string().contains("another request"), "{error}");
    let adopt = dir.adopt();
    thread::scope(|scope| {
        let waiting = scope.spawn(|| take(&adopt, DAY, 30 * SECOND));
        holder.stdin.take().expect("piped").write_all(b"\n").expect("writes");
        let data = waiting.join().expect("no panic").expect("reads");
        assert_eq!(data.as_deref(), Some(&b"n|i:2;"[..]), "what the holder wrote");
    });
    assert!(holder.wait().expect("ends").success());
}

/// Where one request stops, as if it were killed there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Crash {
    AfterTake,
    AfterCommit,
    Never,
}

/// A request without a lock at the new store, as php/core makes it; the data it would give PHP.
fn request(to: &Endpoint, adopt: &Adopt, crash: Crash) -> Result<Option<Vec<u8>>, Error> {
    let (mut pool, mut budget) = (Pool::new(), Budget::start(30 * SECOND));
    let keys = Keys::new(format!("PHPREDIS_SESSION:{ID}").into_bytes());
    let token = lock_token(&random()?);
    let open = Open { token: &token, lock: None, ttl: None, must_exist: false, holder: None };
    for _ in 0..3 {
        let mut connection = pool.take(to, &budget)?;
        let opened = connection.open(&keys, &open, &mut budget)?;
        assert_eq!(opened.status, Status::Open);
        if opened.data.is_some() || opened.nonce.is_some() {
            return Ok(opened.data);
        }
        let destination = Destination { endpoint: to, key: keys.session() };
        let Some(taken) = old(adopt).take(&id(), DAY, destination, &mut pool, &budget)? else {
            continue;
        };
        if crash == Crash::AfterTake {
            return Ok(None);
        }
        let commit = Commit {
            token: &token,
            opened: &opened,
            ttl: DAY,
            locked: false,
            recreate: false,
            tag: None,
            data: taken.data(),
        };
        match connection.commit(&keys, &commit, &budget)? {
            Committed::Stored if crash == Crash::AfterCommit => return Ok(None),
            Committed::Stored => taken.finish(&mut pool, &budget)?,
            _ => taken.abandon(&mut pool, &budget),
        }
        pool.put(connection);
    }
    Ok(None)
}

fn forget(to: &Endpoint, adopt: &Adopt) {
    let (mut pool, budget) = (Pool::new(), Budget::start(30 * SECOND));
    let key = format!("PHPREDIS_SESSION:{ID}");
    let destination = Destination { endpoint: to, key: key.as_bytes() };
    old(adopt).forget(&id(), destination, &mut pool, &budget).expect("removes");
}

/// An old store to be emptied: how to put the session there, and whether it is there.
fn with_each_old_store(test: impl Fn(&Endpoint, &Adopt, &dyn Fn(), &dyn Fn() -> bool, &Server)) {
    let new = server();
    let to = endpoint(&format!("tcp://127.0.0.1:{}", new.port()));
    let dir = Dir::new();
    let file = dir.file();
    let write = || fs::write(&file, "n|i:7;").expect("writes");
    test(&to, &dir.adopt(), &write, &|| Path::exists(&file), &new);

    let before = server();
    raw(&new, "FLUSHALL");
    // Two databases, between which sessions are distributed by their ids.
    let at = |database| format!("tcp://127.0.0.1:{}?database={database}", before.port());
    let old = adopt(&format!("{} {}", at(1), at(2)));
    let Adopt::Servers(path) = &old else { panic!("servers") };
    let database = path.host(ID.as_bytes()).database.expect("given");
    let ask = |args: &[&str]| {
        let mut connection = before.connect().expect("connects");
        connection.call(&["SELECT", &database.to_string()]).expect("an answer");
        connection.call(args).expect("an answer").to_string()
    };
    let key = format!("PHPREDIS_SESSION:{ID}");
    let write = || drop(ask(&["SET", &key, "n|i:7;"]));
    test(&to, &old, &write, &|| ask(&["EXISTS", &key]).contains('1'), &new);
    let lock = format!("{key}_LOCK");
    assert!(ask(&["EXISTS", &lock]).contains('0'), "no lock is left");
}

#[test]
fn a_session_is_taken_over_once() {
    with_each_old_store(|to, old, write, is_there, _| {
        assert_eq!(request(to, old, Crash::Never).expect("works"), None);
        write();
        for _ in 0..2 {
            let data = request(to, old, Crash::Never).expect("works");
            assert_eq!(data.as_deref(), Some(&b"n|i:7;"[..]));
            assert!(!is_there());
        }
    });
}

#[test]
fn a_crash_loses_nothing_and_a_logout_is_for_good() {
    // Of files: a dead process holds no lock there. On servers its lock ends with the lease.
    let new = server();
    let to = endpoint(&format!("tcp://127.0.0.1:{}", new.port()));
    let dir = Dir::new();
    let (file, old) = (dir.file(), dir.adopt());
    fs::write(&file, "n|i:7;").expect("writes");
    for crash in [Crash::AfterTake, Crash::AfterTake, Crash::AfterCommit] {
        assert_eq!(request(&to, &old, crash).expect("works"), None);
        assert!(file.exists());
    }
    assert!(request(&to, &old, Crash::Never).expect("works").is_some(), "in the new store");
    assert!(file.exists(), "left by the crash");
    // A logout: without `forget` the session would come back when the tombstone has gone.
    raw(&new, &format!("DEL PHPREDIS_SESSION:{ID}"));
    forget(&to, &old);
    assert!(!file.exists());
    assert_eq!(request(&to, &old, Crash::Never).expect("works"), None);
    // While there is a tombstone nothing is taken over at all.
    fs::write(&file, "n|i:7;").expect("writes");
    raw(&new, &format!("SET PHPREDIS_SESSION:{ID}_GONE nonce"));
    assert_eq!(request(&to, &old, Crash::Never).expect("works"), None);
    assert!(file.exists());
}

#[test]
fn forgetting_works_on_servers_and_on_what_is_not_there() {
    with_each_old_store(|to, old, write, is_there, _| {
        forget(to, old);
        write();
        forget(to, old);
        assert!(!is_there());
    });
}

#[test]
fn requests_that_race_for_a_session_all_get_it() {
    with_each_old_store(|to, old, write, is_there, new| {
        for _ in 0..10 {
            raw(new, "FLUSHALL");
            write();
            let results: Vec<_> = thread::scope(|scope| {
                let race = || scope.spawn(|| request(to, old, Crash::Never));
                let racing: Vec<_> = (0..6).map(|_| race()).collect();
                racing.into_iter().map(|racer| racer.join().expect("no panic")).collect()
            });
            for data in results {
                assert_eq!(data.expect("works").as_deref(), Some(&b"n|i:7;"[..]));
            }
            assert!(!is_there());
        }
    });
}

#[test]
fn the_lock_of_phpredis_is_respected_and_the_same_place_is_left_alone() {
    let server = server();
    raw(&server, &format!("SET PHPREDIS_SESSION:{ID} n|i:7;"));
    raw(&server, &format!("SET PHPREDIS_SESSION:{ID}_LOCK host|1 EX 100"));
    let old = adopt(&format!("tcp://127.0.0.1:{}", server.port()));
    let error = take(&old, DAY, SECOND).expect_err("locked");
    assert!(error.to_string().contains("_LOCK") && !error.to_string().contains(ID), "{error}");
    let same = endpoint(&format!("tcp://127.0.0.1:{}?database=0", server.port()));
    let (mut pool, budget) = (Pool::new(), Budget::start(SECOND));
    let key = format!("PHPREDIS_SESSION:{ID}");
    let to = Destination { endpoint: &same, key: key.as_bytes() };
    let taken = super_take(&old, to, &mut pool, &budget);
    assert!(taken.is_none());
    forget(&same, &old);
    assert!(raw(&server, &format!("EXISTS {key}")).contains('1'), "not the new session itself");
    raw(&server, &format!("DEL {key}_LOCK"));
    assert_eq!(take(&old, DAY, 5 * SECOND).expect("free").as_deref(), Some(&b"n|i:7;"[..]));
    assert!(raw(&server, &format!("EXISTS {key}_LOCK")).contains('0'), "abandoned");
}

fn super_take(
    adopt: &Adopt,
    to: Destination<'_>,
    pool: &mut Pool,
    budget: &Budget,
) -> Option<guarda_client::adopt::Taken> {
    old(adopt).take(&id(), DAY, to, pool, budget).expect("answers")
}
