//! The redis.conf of Debian's package, as it is installed.

mod common;

use std::path::PathBuf;
use std::process::Command;

use common::our_config_get;
use guarda_config::{AppendFsync, Arguments, Exposure, load};

/// The file that the redis-server package lists; never copied here.
fn stock_file() -> PathBuf {
    let listing = Command::new("dpkg").args(["-L", "redis-server"]).output().expect("dpkg runs");
    let listing = String::from_utf8(listing.stdout).expect("paths are UTF-8");
    let path = listing.lines().find(|line| line.ends_with("/redis.conf"));
    PathBuf::from(path.expect("the redis-server package is installed"))
}

#[test]
fn the_stock_file_starts_with_one_warning() {
    let file = stock_file();
    let loaded = load(&Arguments::parse([&file]), std::io::empty()).unwrap();
    let config = &loaded.config;
    assert_eq!(config.exposure(config.requirepass.is_some()), Exposure::Ok);
    assert_eq!(config.port, 6379);
    assert!(config.daemonize && config.protected_mode && !config.appendonly);
    assert_eq!(config.appendfsync, AppendFsync::Everysec);
    assert_eq!(config.dir, PathBuf::from("/var/lib/redis"));
    assert_eq!(our_config_get(config, &["bind"])[0].1, "127.0.0.1 -::1");

    // The only thing to say is that the file switches the append log off.
    let warnings: Vec<_> = loaded.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].starts_with(&format!("{}:", file.display())), "{warnings:?}");
    assert!(warnings[0].contains("`appendonly`: the append log is off"), "{warnings:?}");
}

#[test]
fn the_tutorials_edits_work_on_the_stock_file() {
    let file = stock_file();
    let file = file.to_str().unwrap();
    let edits = [file, "--bind", "0.0.0.0", "--requirepass", "s3cret", "--supervised", "systemd"];
    let loaded = load(&Arguments::parse(edits), std::io::empty()).unwrap();
    assert_eq!(loaded.config.exposure(loaded.config.requirepass.is_some()), Exposure::Ok);
    assert_eq!(loaded.config.requirepass.as_ref().unwrap().reveal(), b"s3cret");

    let unsafe_edits = [file, "--bind", "0.0.0.0"];
    let loaded = load(&Arguments::parse(unsafe_edits), std::io::empty()).unwrap();
    assert!(matches!(
        loaded.config.exposure(loaded.config.requirepass.is_some()),
        Exposure::RefuseToStart(_)
    ));

    let in_so_many_words = [file, "--bind", "0.0.0.0", "--protected-mode", "no"];
    let loaded = load(&Arguments::parse(in_so_many_words), std::io::empty()).unwrap();
    assert_eq!(
        loaded.config.exposure(loaded.config.requirepass.is_some()),
        Exposure::WarnExposed(vec!["0.0.0.0".into()])
    );
}
