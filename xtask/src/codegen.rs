//! `cargo xtask codegen`: the documents that are made from the command table and the table of
//! directives.

use std::fs;

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::build::root;

/// Where the part of COMPAT.md begins that is made here, and where it ends.
const BEGIN: &str = "<!-- begin: made by `cargo xtask codegen` -->\n";
const END: &str = "<!-- end -->\n";
const COMPAT: &str = "COMPAT.md";

/// The command's options.
#[derive(Args, Default)]
pub(crate) struct Options {
    /// Write nothing; fail when a document is not what its source says
    #[arg(long)]
    pub(crate) check: bool,
}

/// Runs the command.
pub(crate) fn run(options: &Options) -> Result<()> {
    let compat = read(COMPAT)?;
    let documents = [
        ("docs/commands.md", guarda_commands::reference_markdown()),
        ("docs/configuration.md", guarda_config::reference_markdown()),
        (COMPAT, with_section(&compat, &guarda_commands::compatibility_markdown())?),
    ];
    let mut stale = Vec::new();
    for (path, content) in &documents {
        if read(path).is_ok_and(|present| present == *content) {
            continue;
        }
        if !options.check {
            fs::write(root().join(path), content)
                .with_context(|| format!("cannot write {path}"))?;
            println!("codegen: wrote {path}");
        }
        stale.push(*path);
    }
    if stale.is_empty() {
        println!("codegen: {} documents are what their sources say", documents.len());
    } else if options.check {
        bail!("out of date: {}; `cargo xtask codegen` writes them anew", stale.join(", "));
    }
    Ok(())
}

fn read(path: &str) -> Result<String> {
    fs::read_to_string(root().join(path)).with_context(|| format!("cannot read {path}"))
}

/// `page` with `section` between its two marks.
fn with_section(page: &str, section: &str) -> Result<String> {
    let (before, rest) = page.split_once(BEGIN).context("COMPAT.md has lost its mark `begin`")?;
    let (_, after) = rest.split_once(END).context("COMPAT.md has lost its mark `end`")?;
    Ok(format!("{before}{BEGIN}\n{section}\n{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_replaces_what_is_between_the_marks_and_nothing_else() {
        let page = format!("above\n{BEGIN}old\n{END}below\n");
        let new = with_section(&page, "new\n").unwrap();
        assert_eq!(new, format!("above\n{BEGIN}\nnew\n\n{END}below\n"));
        assert_eq!(with_section(&new, "new\n").unwrap(), new);
    }

    #[test]
    fn a_page_without_marks_is_an_error() {
        assert!(with_section("nothing", "new").is_err());
        assert!(with_section(BEGIN, "new").is_err());
    }
}
