//! The `guarda` binary.

use std::ffi::OsString;
use std::process::ExitCode;

use guarda_server::Program;
use tikv_jemalloc_ctl::{epoch, stats};

/// jemalloc: the allocator with figures that INFO can be true with; see docs/decisions.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Bytes that the allocator has handed out.
fn allocated() -> usize {
    // Without a new epoch the figures are those of the last one.
    let _ = epoch::advance();
    stats::allocated::read().unwrap_or(0)
}

const HELP: &str = "\
Guarda keeps PHP sessions: a server that takes the place of Redis.

Usage: guarda serve [redis.conf | -] [--name value ...]
       guarda --version | --help

`serve` reads redis.conf's own syntax; every directive can be given as an option, and then
overrides the file: guarda serve /etc/redis/redis.conf --port 6380 --appendfsync always
";

fn main() -> ExitCode {
    let mut args = std::env::args_os().skip(1);
    let command = args.next().unwrap_or_default();
    match command.to_str() {
        Some("serve") => serve(args.collect()),
        Some("--version" | "-V" | "-v") => say(&format!("guarda {}\n", env!("CARGO_PKG_VERSION"))),
        Some("--help" | "-h" | "help") => say(HELP),
        _ => {
            complain(&format!(
                "guarda: no command `{}`; `guarda --help` lists them",
                command.to_string_lossy()
            ));
            ExitCode::from(2)
        }
    }
}

fn serve(args: Vec<OsString>) -> ExitCode {
    let program = Program { args, allocated };
    match guarda_server::run(program) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&format!("guarda serve: {error}"));
            ExitCode::FAILURE
        }
    }
}

#[allow(clippy::print_stdout, reason = "results go to standard output")]
fn say(text: &str) -> ExitCode {
    print!("{text}");
    ExitCode::SUCCESS
}

#[allow(clippy::print_stderr, reason = "messages go to standard error")]
fn complain(text: &str) {
    eprintln!("{text}");
}
