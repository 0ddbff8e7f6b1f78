//! Crashes during the start itself: whatever it was doing, the next start has everything.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use guarda_testkit::dump::Dump;
use guarda_testkit::prng::Prng;
use guarda_testkit::server::{Program, Server};

use crate::common::{
    all_well, assert_same, base_path, call, check_files, data_files, dump, guarda, incr_path,
    is_long, logged, restore, rewrite, seed, words,
};

type Files = BTreeMap<PathBuf, Vec<u8>>;

/// A directory to start from, and what it holds.
struct Source {
    name: &'static str,
    files: Files,
    data: Dump,
}

fn sources() -> Vec<Source> {
    let mut server = Server::start(logged()).unwrap();
    let mut connection = server.connect().unwrap();
    let value = "v".repeat(100);
    let fill: Vec<_> = (0..2_000).map(|n| words(&format!("SET key{n} {value}{n}"))).collect();
    all_well(&mut connection, &fill);
    rewrite(&mut connection);
    for line in ["HSET hash f v", "SETEX later 100000 v", "SELECT 7", "SET other 1"] {
        call(&mut connection, line);
    }
    let data = dump(&server);
    call(&mut connection, "SAVE");
    server.kill9();
    let snapshot = fs::read(server.dir().join("dump.rdb")).unwrap();
    let mut single = fs::read(base_path(&server)).unwrap();
    single.extend(fs::read(incr_path(&server)).unwrap());
    let incr = incr_path(&server).strip_prefix(server.dir()).unwrap().to_owned();
    let mut torn = data_files(server.dir());
    torn.get_mut(&incr).unwrap().extend_from_slice(b"*3\r\n$3\r\nSET\r\n$4\r\nto");
    let one = |name: &str, content: Vec<u8>| Files::from([(PathBuf::from(name), content)]);
    vec![
        Source { name: "a torn log", files: torn, data: data.clone() },
        Source { name: "a snapshot", files: one("dump.rdb", snapshot), data: data.clone() },
        Source { name: "an old single log", files: one("appendonly.aof", single), data },
    ]
}

#[test]
fn a_crash_at_any_moment_of_a_start_loses_nothing() {
    let mut prng = Prng::new(seed());
    let rounds = if is_long() { 200 } else { 12 };
    let Program::Guarda(path) = guarda() else { unreachable!() };
    for source in sources() {
        let mut server = Server::start(logged()).unwrap();
        server.kill9();
        for round in 0..rounds {
            restore(server.dir(), &source.files);
            // Once or several times in a row.
            for _ in 0..=prng.below(2) {
                let mut child = Command::new(&path)
                    .args(["serve", "--port", "0", "--appendonly", "yes", "--unixsocket"])
                    .arg(server.socket_path())
                    .arg("--dir")
                    .arg(server.dir())
                    .stdout(Stdio::null())
                    .stderr(Stdio::null())
                    .spawn()
                    .unwrap();
                thread::sleep(Duration::from_micros(prng.below(80_000) as u64));
                child.kill().unwrap();
                child.wait().unwrap();
            }
            let what = format!("{}, round {round}", source.name);
            server.restart().unwrap_or_else(|error| panic!("{what}: {error}"));
            assert_same(&source.data, &dump(&server), &what);
            server.kill9();
        }
        check_files(&server);
    }
}
