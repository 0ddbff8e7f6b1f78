//! The `guarda` binary.

#![forbid(unsafe_code)]

mod allocator;
mod command_line;

use std::ffi::{OsStr, OsString};
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use clap::Parser as _;
use command_line::{Action, CommandLine};
use guarda_server::Program;

/// Names by which the binary is the server, and reads its arguments as that does: what is installed in the place of
/// Redis is a link.
const SERVER_NAMES: [&str; 2] = ["redis-server", "valkey-server"];

fn main() -> ExitCode {
    let mut args = std::env::args_os();
    let is_server = args.next().is_some_and(|name| is_server_name(&name));
    // A directive's value may look like anything, an option of clap's included: the server reads
    // its own arguments, as redis-server would.
    if is_server || args.next().is_some_and(|command| command == "serve") {
        let args: Vec<OsString> = args.collect();
        return match args.first().and_then(|first| first.to_str()) {
            Some("--help" | "-h") => say(command_line::serve_help().as_bytes()),
            _ => serve(args),
        };
    }
    match CommandLine::parse().command {
        Action::Serve { arguments } => serve(arguments),
        Action::Completions { shell } => {
            let mut script = Vec::new();
            let mut description = command_line::description();
            clap_complete::generate(shell, &mut description, "guarda", &mut script);
            say(&script)
        }
        Action::Man => {
            let mut page = Vec::new();
            let written = clap_mangen::Man::new(command_line::description()).render(&mut page);
            written.expect("writing to memory cannot fail");
            say(&page)
        }
    }
}

fn is_server_name(program: &OsStr) -> bool {
    let name = Path::new(program).file_name().and_then(OsStr::to_str);
    name.is_some_and(|name| SERVER_NAMES.contains(&name))
}

fn serve(args: Vec<OsString>) -> ExitCode {
    let program = Program { args, allocator: allocator::QUESTIONS };
    match guarda_server::run(program) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&format!("guarda serve: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn say(text: &[u8]) -> ExitCode {
    let mut out = std::io::stdout().lock();
    match out.write_all(text).and_then(|()| out.flush()) {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever was reading has seen enough.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            complain(&format!("guarda: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn complain(text: &str) {
    // Nobody may be listening: that is no reason to panic.
    let _ = writeln!(std::io::stderr(), "{text}");
}
