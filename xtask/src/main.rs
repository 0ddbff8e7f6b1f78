//! The project's own commands.

use clap::{Parser, Subcommand};

mod bench;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "The project's own commands.")]
struct Line {
    #[command(subcommand)]
    command: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Compares guarda with the Redis-compatible servers on the machine.
    Bench(guarda_bench::Options),
}

fn main() -> anyhow::Result<()> {
    match Line::parse().command {
        Task::Bench(options) => bench::run(options),
    }
}
