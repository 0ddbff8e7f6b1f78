//! `cargo xtask demo` itself: what it says, how it ends, and that it leaves nothing behind.
//!
//! The store is redis-server here, so that these tests are about the demo; the farm's end-to-end tests and the
//! step `demo` of `cargo xtask test` run it with guarda.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use guarda_farm::{Cancel, descendants, is_running, wait_until};

fn demo(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.args(["demo", "--server", "redis-server"]).args(arguments).stdin(Stdio::null());
    command
}

#[test]
fn once_shows_that_the_counter_follows_and_ends() {
    let output = demo(&["--once"]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("One counter, whichever web server answers."), "{said}");
    assert!(said.contains("It does not follow"), "{said}");
    assert!(!said.contains('\u{1b}'), "colour where there is no terminal: {said}");
}

#[test]
fn once_fails_and_says_why_when_the_counter_does_not_follow() {
    let output = demo(&["--once", "--handler", "files"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(complaint.contains("the counter does not follow the user"), "{complaint}");
}

/// A demo that stays, with the directory it named.
fn staying() -> (Child, PathBuf) {
    let mut child = demo(&[]).stdout(Stdio::piped()).spawn().expect("xtask runs");
    let output = BufReader::new(child.stdout.take().expect("a piped output"));
    let mut lines = output.lines().map(|line| line.expect("the demo's output is text"));
    let last = lines.find(|line| line.starts_with("Ctrl-C stops everything"));
    let last = last.expect("the demo stays");
    let (_, directory) = last.trim_end_matches('.').rsplit_once(' ').expect("words");
    (child, Path::new(directory).to_path_buf())
}

#[test]
fn every_way_to_interrupt_it_leaves_nothing_behind() {
    for signal in ["INT", "TERM", "HUP"] {
        let (mut child, directory) = staying();
        let password = directory.join("password");
        assert!(password.is_file(), "no {}", password.display());
        let programs = descendants(child.id()).unwrap();
        assert!(programs.len() >= 4, "a store, two masters and nginx, not {programs:?}");
        send(signal, child.id());
        assert!(child.wait().unwrap().success(), "SIG{signal} is how the demo is meant to end");
        assert!(!directory.exists(), "SIG{signal} left {}", directory.display());
        let left: Vec<_> = programs.iter().filter(|id| is_running(**id)).collect();
        assert!(left.is_empty(), "SIG{signal} left {left:?}");
    }
}

#[test]
fn a_demo_that_is_killed_leaves_no_program_running() {
    let (mut child, directory) = staying();
    let programs = descendants(child.id()).unwrap();
    send("KILL", child.id());
    child.wait().unwrap();
    let limit = Duration::from_secs(30);
    wait_until("the end of all programs", limit, &Cancel::default(), || {
        Ok((!programs.iter().any(|id| is_running(*id))).then_some(()))
    })
    .unwrap();
    // Nobody was left to remove it.
    std::fs::remove_dir_all(directory).unwrap();
}

fn send(signal: &str, id: u32) {
    // The shell's own `kill`: the program is not part of a minimal system.
    let line = format!("kill -s {signal} {id}");
    let status = Command::new("sh").args(["-c", &line]).status().expect("a shell");
    assert!(status.success(), "{line}");
}
