//! The command line, for clap: what `guarda --help`, the manual page and the shells' completions
//! are made of.

use clap::{Command, CommandFactory as _, Parser, Subcommand};
use clap_complete::Shell;

/// Keeps PHP sessions: a server that takes the place of Redis.
#[derive(Debug, Parser)]
#[command(name = "guarda", version, arg_required_else_help = true, disable_help_subcommand = true)]
#[command(after_help = "Exit codes: 0 done, 1 failed, 2 the command line is not understood.")]
pub(crate) struct CommandLine {
    #[command(subcommand)]
    pub(crate) command: Action,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Action {
    /// Start the server.
    ///
    /// It reads redis.conf's own syntax. Every directive can be given as an option too, and then
    /// overrides the file:
    ///
    ///     guarda serve /etc/redis/redis.conf --port 6380 --appendfsync always
    ///
    /// A password given as an option can be seen by everybody on this machine; write it to the file.
    #[command(override_usage = "guarda serve [redis.conf | -] [--name value ...]")]
    #[command(verbatim_doc_comment)]
    Serve {
        /// A configuration file (`-`: standard input), then directives.
        //
        // Never filled: `main` hands these arguments on before clap sees them, since a directive's
        // value may look like anything.
        #[arg(value_name = "redis.conf | --name value", trailing_var_arg = true)]
        arguments: Vec<std::ffi::OsString>,
    },
    /// Print a completion script for a shell.
    ///
    /// For bash: guarda completions bash > /etc/bash_completion.d/guarda
    Completions {
        /// The shell.
        shell: Shell,
    },
    /// Print the manual page, for man(1).
    Man,
}

/// The whole command line as clap describes it.
pub(crate) fn description() -> Command {
    CommandLine::command()
}

/// The help of `guarda serve`.
pub(crate) fn serve_help() -> String {
    let mut whole = description();
    whole.build();
    let serve = whole.find_subcommand_mut("serve").expect("it is declared above");
    serve.render_long_help().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_declaration_is_consistent() {
        description().debug_assert();
    }

    #[test]
    fn the_help_of_serve_shows_its_usage() {
        assert!(serve_help().contains("guarda serve [redis.conf | -] [--name value ...]"));
    }
}
