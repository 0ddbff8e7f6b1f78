//! The command reference as Markdown, made from the rows; the page docs/commands.md.

use std::fmt::Write as _;

use crate::spec::{CommandSpec, Flags, Group, KeyPositions};
use crate::table::table;

/// The groups in the order of the page, with their headings.
const GROUPS: &[(Group, &str)] = &[
    (Group::Session, "Sessions"),
    (Group::Connection, "Connection"),
    (Group::Generic, "Keys of any type"),
    (Group::String, "Strings"),
    (Group::Hash, "Hashes"),
    (Group::List, "Lists"),
    (Group::Set, "Sets"),
    (Group::SortedSet, "Sorted sets"),
    (Group::Transactions, "Transactions"),
    (Group::Scripting, "Scripts"),
    (Group::PubSub, "Publish and subscribe"),
    (Group::Server, "Server"),
    (Group::Cluster, "Cluster"),
];

/// The whole of docs/commands.md.
pub fn reference_markdown() -> String {
    let mut page = String::from(
        "# Commands\n\n\
         <!-- Generated from the command table by `cargo xtask codegen`; do not edit. -->\n\n\
         *Words* counts the words of a call, the command's own name included; `2+` means two or \
         more. *Keys* says which words are keys, counted from 0. *Kind* is what ACL rules, \
         `maxmemory` and replicas care about. *Since* is the version of Redis that introduced the \
         command.\n",
    );
    for (group, heading) in GROUPS {
        let mut commands: Vec<&CommandSpec> =
            table().iter().filter(|s| s.group == *group).collect();
        if commands.is_empty() {
            continue;
        }
        commands.sort_by_key(|spec| spec.name);
        let _ = write!(
            page,
            "\n## {heading}\n\n\
             | command | words | keys | kind | since | what it does |\n\
             | --- | --- | --- | --- | --- | --- |\n"
        );
        for spec in commands {
            if spec.subcommands.is_empty() || spec.arity.accepts(1) {
                row(&mut page, &spec.name.to_ascii_uppercase(), spec);
            }
            let mut subcommands: Vec<&CommandSpec> = spec.subcommands.iter().collect();
            subcommands.sort_by_key(|sub| sub.name);
            for sub in subcommands {
                row(&mut page, &format!("{} {}", spec.name, sub.name).to_ascii_uppercase(), sub);
            }
        }
    }
    page
}

fn row(page: &mut String, name: &str, spec: &CommandSpec) {
    let note = if spec.note.is_empty() { String::new() } else { format!(" *{}*", spec.note) };
    let _ = writeln!(
        page,
        "| `{name}` | {} | {} | {} | {} | {}{} |",
        words(spec),
        keys(spec),
        kind(spec),
        spec.since,
        spec.summary.replace('|', "\\|"),
        note.replace('|', "\\|"),
    );
}

fn words(spec: &CommandSpec) -> String {
    match spec.arity.wire() {
        exactly @ 0.. => exactly.to_string(),
        at_least => format!("{}+", -at_least),
    }
}

fn keys(spec: &CommandSpec) -> String {
    match spec.keys.positions {
        KeyPositions::None => "–".to_owned(),
        KeyPositions::Counted { at } => format!("as many as word {at} says, after it"),
        KeyPositions::Sorted { stores: true } => "1, after `STORE`, and by patterns".to_owned(),
        KeyPositions::Sorted { stores: false } => "1, and by patterns".to_owned(),
        KeyPositions::StoreCounted => "1, and as many as word 2 says, after it".to_owned(),
        KeyPositions::Range { first, last, step } => {
            let span = match last {
                last if last == first as isize => return first.to_string(),
                -1 => format!("{first} to the last"),
                last if last < 0 => format!("{first} to the last but {}", -last - 1),
                last => format!("{first} to {last}"),
            };
            let span = if step == 1 { span } else { format!("{span}, every {step}") };
            match spec.keys.unless {
                Some(word) => format!("{span}; none after {word}"),
                None => span,
            }
        }
    }
}

fn kind(spec: &CommandSpec) -> String {
    let kinds = [
        (Flags::READONLY, "reads"),
        (Flags::WRITE, "writes"),
        (Flags::DENYOOM, "may need memory"),
        (Flags::ADMIN, "operator"),
        (Flags::BLOCKING, "may wait"),
    ];
    let has: Vec<&str> = kinds
        .iter()
        .filter(|(flag, _)| spec.flags.contains(*flag))
        .map(|(_, name)| *name)
        .collect();
    if has.is_empty() { "–".to_owned() } else { has.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_its_row() {
        let page = reference_markdown();
        for spec in table().iter() {
            let names: Vec<String> = if spec.subcommands.is_empty() {
                vec![spec.name.to_owned()]
            } else {
                spec.subcommands.iter().map(|sub| format!("{} {}", spec.name, sub.name)).collect()
            };
            for name in names {
                let start = format!("\n| `{}` |", name.to_ascii_uppercase());
                assert_eq!(page.matches(&start).count(), 1, "{name}");
            }
        }
    }

    #[test]
    fn a_row_tells_what_the_table_knows() {
        let page = reference_markdown();
        let line = |start: &str| page.lines().find(|line| line.starts_with(start));
        assert_eq!(
            line("| `HSETNX`"),
            Some(
                "| `HSETNX` | 4 | 1 | writes, may need memory | 2.0.0 | Sets a field of a hash \
                 unless it is there. |"
            )
        );
        assert!(
            line("| `MSET`").is_some_and(|line| line.contains("| 3+ | 1 to the last, every 2 |"))
        );
        assert!(line("| `EVAL`").is_some_and(|line| line.contains("as many as word 2 says")));
        assert!(line("| `MONITOR`").is_some_and(|line| line.contains("*Tokens, nonces")));
    }
}
