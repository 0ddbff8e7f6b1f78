//! The project's own commands, run as `cargo xtask <command>`.

#![forbid(unsafe_code)]
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line program: results go to stdout, everything else to stderr"
)]

mod bench;
mod build;
mod client_suites;
mod codegen;
mod demo;
mod ext;
mod fuzz;
mod loopback;
mod php;
mod redis_suite;
mod source;
mod steps;
mod tidy;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The project's own commands.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Compare guarda with the Redis-compatible servers on the machine
    Bench(guarda_bench::Options),
    /// One run of `test --only client-suites`, which gives each a network that is loopback alone
    #[command(hide = true)]
    ClientSuites(client_suites::Options),
    /// Write the documents that are made from the command table and the table of directives
    Codegen(codegen::Options),
    /// Show a PHP farm that keeps its sessions in guarda: two web servers, one balancer, one browser
    Demo(demo::Options),
    /// Build the PHP extension, guarda.so
    Ext(ext::Options),
    /// Run the fuzz targets
    Fuzz(fuzz::Options),
    /// Run everything that CI runs, in CI's order
    Test(steps::Options),
    /// Check the rules that neither rustfmt nor clippy knows
    Tidy,
}

fn main() -> ExitCode {
    // Before anything is built that could replace this program's file.
    let found = build::own_path().map(drop);
    let outcome = found.and_then(|()| match Arguments::parse().command {
        Command::Bench(options) => bench::run(options),
        Command::ClientSuites(options) => client_suites::run(&options),
        Command::Codegen(options) => codegen::run(&options),
        Command::Demo(options) => demo::run(&options),
        Command::Ext(options) => ext::run(&options),
        Command::Fuzz(options) => fuzz::run(&options),
        Command::Test(options) => steps::run(&options),
        Command::Tidy => tidy::run(),
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
