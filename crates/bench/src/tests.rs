//! Smoke tests: Redis on both sides, tiny counts.

use clap::Parser as _;

use super::*;

#[derive(clap::Parser)]
struct Line {
    #[command(flatten)]
    options: Options,
}

fn options(words: &str) -> Options {
    let words = ["bench", "--subject", "redis-server", "--peer", "redis-server", "--no-pin"]
        .into_iter()
        .chain(words.split_whitespace());
    Line::try_parse_from(words).unwrap().options
}

#[test]
fn every_mix_runs_over_both_transports() {
    let options = options(
        "get nolock locked pipe16 reconnect --rounds 2 --seconds 0.05 --connections 7 --scale 0.005",
    );
    let report = measure(&options, false).unwrap();
    assert_eq!(report.rows.len(), 5 * 2 * 5);
    for row in &report.rows {
        assert_eq!(row.samples.len(), 2);
        let all_positive = row.samples.iter().flatten().all(|sample| *sample > 0.0);
        assert!(all_positive && row.samples.iter().all(|side| side.len() == 2), "{row:?}");
        assert_eq!(row.target, None, "targets are for 50 connections");
    }
    let table = report.table();
    assert!(table.contains("redis-server (subject) against redis-server (1)"), "{table}");
    assert!(table.contains("--appendonly yes --appendfsync everysec"), "{table}");
}

#[test]
fn tails_and_memory_run() {
    let options = options("grow memory --slow-rounds 1 --scale 0.002 --persistence off");
    let report = measure(&options, false).unwrap();
    assert_eq!(report.rows.len(), 4 + 1);
    let bytes = &report.rows.last().unwrap().samples;
    // 2,000 sessions of about 1 KB; small counts leave room for what a server allocates besides.
    assert!(bytes.iter().flatten().all(|bytes| (700.0..4000.0).contains(bytes)), "{bytes:?}");
}

#[test]
fn idle_connections_cost_memory() {
    let report = measure(&options("idle --slow-rounds 1 --scale 0.05"), false).unwrap();
    let row = &report.rows[0];
    assert_eq!(row.target, Some(1.0));
    assert!(row.samples.iter().flatten().all(|bytes| *bytes > 500.0), "{row:?}");
}

#[test]
fn keys_expire_while_others_are_read() {
    let report = measure(&options("expire --slow-rounds 1 --scale 0.002"), false).unwrap();
    assert_eq!(report.rows.len(), 6);
    assert!(report.rows.iter().all(|row| row.samples.iter().flatten().all(|s| *s >= 0.0)));
}

#[test]
fn a_database_is_flushed_while_another_is_read() {
    let report = measure(&options("flush --slow-rounds 1 --scale 0.002"), false).unwrap();
    assert_eq!(report.rows.len(), 6);
    assert!(report.rows.iter().all(|row| row.samples.iter().flatten().all(|s| *s >= 0.0)));
}

#[test]
fn php_requests_are_measured_by_both_handlers() {
    let mut options = options("php --rounds 2 --scale 0.01");
    options.extension = Some(extension());
    let report = measure(&options, false).unwrap();
    assert!(report.rows.is_empty());
    assert_eq!(report.php.iter().filter(|row| row.primary).count(), 7);
    for row in &report.php {
        // The processor time of a few requests may be less than the kernel's accounts show.
        let least = if row.quantity.starts_with("wall") { 1.0 } else { 0.0 };
        assert!(row.samples.iter().all(|side| side.len() == 2), "{row:?}");
        assert!(row.samples.iter().flatten().all(|us| *us >= least), "{row:?}");
    }
    assert!(report.table().contains("phpredis kept, locked on redis-server"));
}

#[test]
fn a_php_that_fails_is_quoted() {
    let mut options = options("php --rounds 1 --scale 0.01");
    options.extension = Some("/nowhere/guarda.so".into());
    let error = format!("{:#}", measure(&options, false).unwrap_err());
    assert!(error.contains("guarda.so, locked"), "{error}");
    assert!(error.contains("Unable to load dynamic library"), "{error}");
}

/// guarda.so, as it is built for tests.
fn extension() -> PathBuf {
    use guarda_php_build::{Options, build};
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
    // Beside this program: <target>/<profile>/deps/.
    let out = std::env::current_exe().unwrap().with_file_name("bench-php");
    build(&Options { root, release: false, out: &out }).unwrap()
}

#[test]
fn a_server_that_answers_errors_fails_the_run() {
    // 64 connections are over this server's limit, which it answers with an error.
    let mut options = options("get --rounds 1 --seconds 0.05 --connections 64 --scale 0.005");
    let scratch = server::Scratch::new(&std::env::temp_dir()).unwrap();
    options.subject = Some(limited_redis(&scratch.0));
    let error = measure(&options, false).unwrap_err();
    assert!(format!("{error:#}").contains("max number of clients"), "{error:#}");
}

/// A redis-server that takes 10 clients.
fn limited_redis(dir: &Path) -> PathBuf {
    use std::os::unix::fs::PermissionsExt as _;
    let path = dir.join("redis-limited");
    std::fs::write(&path, "#!/bin/sh\nexec redis-server \"$@\" --maxclients 10\n").unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path
}
