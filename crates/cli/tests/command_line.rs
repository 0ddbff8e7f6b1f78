//! The command line of `guarda` itself: help, version, completions, exit codes.

#![allow(clippy::unwrap_used, reason = "clippy exempts tests, but not their helpers")]

mod support;

use std::os::unix::process::CommandExt as _;

use support::{Launch, call, free_port, names, run, scratch};

/// Runs it in a directory that must stay empty.
fn guarda(args: &[&str]) -> (Option<i32>, String) {
    let dir = scratch();
    let result = run(&dir, args);
    assert_eq!(names(&dir), ["output"], "guarda {args:?} left files behind");
    std::fs::remove_dir_all(dir).unwrap();
    result
}

#[test]
fn help_and_version_are_results() {
    let version = format!("guarda {}\n", env!("CARGO_PKG_VERSION"));
    for flag in ["--version", "-V"] {
        assert_eq!(guarda(&[flag]), (Some(0), version.clone()));
    }
    for flag in ["--help", "-h"] {
        let (code, text) = guarda(&[flag]);
        assert_eq!(code, Some(0), "{text}");
        for word in ["serve", "completions", "man"] {
            assert!(text.contains(word), "{text}");
        }
    }
    for flag in ["--help", "-h"] {
        let (code, text) = guarda(&["serve", flag]);
        assert_eq!(code, Some(0), "{text}");
        assert!(text.contains("guarda serve [redis.conf | -] [--name value ...]"), "{text}");
    }
}

#[test]
fn what_is_not_understood_ends_with_2_and_a_hint() {
    let (code, text) = guarda(&["sreve"]);
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("serve"), "{text}");
    let (code, text) = guarda(&[]);
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("Usage"), "{text}");
    let (code, text) = guarda(&["completions", "cmd.exe"]);
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("bash"), "{text}");
}

#[test]
fn completions_and_the_manual_page_name_the_commands() {
    for shell in ["bash", "zsh", "fish"] {
        let (code, script) = guarda(&["completions", shell]);
        assert_eq!(code, Some(0));
        assert!(script.contains("completions") && script.contains("serve"), "{script}");
    }
    let (code, page) = guarda(&["man"]);
    assert_eq!(code, Some(0));
    assert!(page.contains(".TH guarda 1") && page.contains("serve"), "{page}");
}

#[test]
fn serve_takes_values_that_look_like_options() {
    let dir = scratch();
    let port = free_port().to_string();
    let at = dir.display().to_string();
    // `--help` is the password here, and `-x` a file name.
    let args = ["--requirepass", "--help", "--port", &port, "--dir", &at, "--dbfilename", "-x"];
    let launch = Launch::start(dir, &args);
    let endpoint = guarda_testkit::connection::Endpoint::Tcp(port.parse().unwrap());
    let mut client = guarda_testkit::connection::Connection::open(&endpoint).unwrap();
    assert!(call(&mut client, "PING").starts_with("NOAUTH"));
    assert_eq!(call(&mut client, "AUTH --help"), "OK");
    assert!(call(&mut client, "CONFIG GET dbfilename").contains("-x"));
    drop(launch);
}

#[test]
fn a_wrong_directive_on_the_command_line_ends_with_1() {
    let (code, text) = guarda(&["serve", "--prot", "6379"]);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("`prot`") && text.contains("`port`"), "{text}");
    let (code, text) = guarda(&["serve", "no-such-file.conf"]);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("no-such-file.conf"), "{text}");
}

#[test]
fn by_the_name_of_redis_server_it_is_the_server() {
    let dir = scratch();
    let port = free_port().to_string();
    let path = dir.to_str().unwrap();
    let mut command =
        support::guarda(&dir, &["--port", &port, "--bind", "127.0.0.1", "--dir", path]);
    command.arg0("/usr/bin/redis-server");
    let launch = Launch::run(dir, command);
    let pid = launch.child.id();
    assert!(launch.output().contains(&format!(" PID: {pid}\n")), "{}", launch.output());
}
