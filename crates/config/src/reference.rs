//! docs/configuration.md, written from the table.

use std::fmt::Write;

use crate::kind::Kind;
use crate::table::{Directive, Runtime, SECTIONS, Status};

const INTRODUCTION: &str = "\
# Configuration

<!-- Generated from the table of directives in crates/config; `cargo xtask codegen` writes it. -->

`guarda serve [redis.conf | -] [--name value ...]` reads redis.conf's own syntax. Options of the
command line come after the file and override it; `-` reads the file from standard input. Names may
be written in any case. Sizes are bytes or carry a unit: `1k` is 1000, `1kb` is 1024, likewise `m`,
`mb`, `g`, `gb`. `CONFIG GET` shows the values in the forms given below as defaults.

- **obeyed**: the directive does what it says.
- **ignored**: any valid value is accepted and changes nothing; one other than the default gets one
  warning in the log.
- **refused**: the server does not start with a value other than the default, because ignoring it
  would break what it asks for.

An unknown name or a bad value stops the start with the file, the line, and what was expected.
Values marked *run time* can be changed by `CONFIG SET`; the others take a restart.
";

/// The reference of all directives, as Markdown.
pub fn reference_markdown() -> String {
    let mut page = INTRODUCTION.to_owned();
    for (title, rows) in SECTIONS {
        let _ = write!(
            page,
            "\n## {title}\n\n| name | value | default | run time | status | meaning |\n\
             | --- | --- | --- | --- | --- | --- |\n"
        );
        rows.iter().filter(|row| !row.hidden).for_each(|row| write_row(&mut page, row));
    }
    page
}

fn write_row(page: &mut String, row: &Directive) {
    let names: Vec<String> = row.names().map(|name| format!("`{name}`")).collect();
    let default = match row.kind {
        Kind::FileOnly { .. } => "–".to_owned(),
        _ if row.default.is_empty() => "empty".to_owned(),
        _ => format!("`{}`", row.default),
    };
    let runtime = match row.runtime {
        Runtime::Mutable if row.has_value() => "yes",
        Runtime::Mutable | Runtime::Immutable | Runtime::Protected => "no",
    };
    let status = match row.status {
        Status::Implemented => "obeyed".to_owned(),
        Status::AcceptedIgnored(why) => format!("ignored: {why}"),
        Status::Refused(why) => format!("refused: {why}"),
    };
    // Writing to a String cannot fail.
    let _ = writeln!(
        page,
        "| {} | {} | {default} | {runtime} | {status} | {} |",
        names.join(", "),
        row.kind.label(),
        row.doc
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directives;

    #[test]
    fn the_reference_has_one_row_of_six_cells_for_each_directive() {
        let page = reference_markdown();
        for row in directives().filter(|row| !row.hidden) {
            let start = format!("| `{}`", row.name);
            let lines: Vec<_> = page
                .lines()
                .filter(|l| l.strip_prefix(&start).is_some_and(|r| r.starts_with([' ', ','])))
                .collect();
            assert_eq!(lines.len(), 1, "{}", row.name);
            assert_eq!(lines[0].matches('|').count(), 7, "{}", lines[0]);
        }
    }
}
