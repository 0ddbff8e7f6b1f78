//! What the fuzzer is given besides the committed seeds: the words and one call of each command, and
//! the names of the directives. Made from their tables, so that nothing new is forgotten.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use guarda_commands::{CommandSpec, table};
use guarda_config::directives;

const COMMANDS: &str = "commands";
const CONFIG: &str = "config";
/// Words that commands take as options.
const OPTIONS: &[&str] = &[
    "NX",
    "XX",
    "GT",
    "LT",
    "EX",
    "PX",
    "EXAT",
    "PXAT",
    "KEEPTTL",
    "GET",
    "IFEQ",
    "IFNE",
    "IFDEQ",
    "IFDNE",
    "ABSTTL",
    "IDLETIME",
    "FREQ",
    "PERSIST",
    "MATCH",
    "COUNT",
    "TYPE",
    "WITHVALUES",
    "WITHMATCHLEN",
    "MINMATCHLEN",
    "LEN",
    "IDX",
    "REPLACE",
    "DB",
    "ASYNC",
    "SYNC",
    "ON",
    "OFF",
    "SKIP",
    "SETNAME",
    "AUTH",
    "WAIT",
    "LEASE",
    "TTL",
    "MUSTEXIST",
    "NOLOCK",
    "MAXWAITERS",
    "HOLDER",
    "NONCE",
    "RECREATE",
    "DATA",
    "guarda:0123456789abcdef0123456789abcdef",
    "@0",
    "@1000",
    "@snapshot",
];

/// Where seeds made here lie; the directory may be empty or missing.
pub(super) fn directory(target_dir: &Path, target: &str) -> PathBuf {
    target_dir.join("generated").join(target)
}

/// The dictionary of a target, if it has one.
pub(super) fn dictionary(target_dir: &Path, target: &str) -> Option<PathBuf> {
    matches!(target, COMMANDS | CONFIG).then(|| target_dir.join(format!("{target}.dict")))
}

/// Writes everything below `target_dir`.
pub(super) fn write(target_dir: &Path) -> Result<()> {
    let mut words: BTreeSet<String> = OPTIONS.iter().map(|word| (*word).to_owned()).collect();
    let seeds = directory(target_dir, COMMANDS);
    fs::create_dir_all(&seeds).context("cannot create the directory of generated seeds")?;
    for spec in table().iter() {
        words.insert(spec.name.to_ascii_uppercase());
        words.extend(spec.subcommands.iter().map(|sub| sub.name.to_ascii_uppercase()));
        put(&seeds.join(spec.name), &seed(spec))?;
    }
    let names = directives().flat_map(|row| row.names().map(str::to_owned).collect::<Vec<_>>());
    put(&target_dir.join(format!("{COMMANDS}.dict")), &dictionary_text(words))?;
    put(&target_dir.join(format!("{CONFIG}.dict")), &dictionary_text(names))
}

/// Calls of a command with as few words as it takes, and with up to two more.
fn seed(spec: &CommandSpec) -> String {
    let mut text = "SET k 5\r\nHSET h f 5\r\n".to_owned();
    for sub in spec.subcommands {
        calls(&mut text, &format!("{} {}", spec.name, sub.name), 2, sub);
    }
    if spec.subcommands.is_empty() {
        calls(&mut text, spec.name, 1, spec);
    }
    text
}

fn calls(text: &mut String, name: &str, words: usize, spec: &CommandSpec) {
    let least = (words..words + 16).find(|count| spec.arity.accepts(*count)).unwrap_or(words);
    for key in ["k", "h"] {
        for count in least..=least + 2 {
            let arguments = [key, "f", "1", "2", "3", "4", "5", "6"].into_iter().cycle();
            let arguments: Vec<&str> = arguments.take(count - words).collect();
            let _ = write!(text, "{name} {}\r\n", arguments.join(" "));
        }
    }
    text.push_str("@10\r\n");
}

/// A dictionary in libFuzzer's syntax.
fn dictionary_text(words: impl IntoIterator<Item = String>) -> String {
    let mut text = String::new();
    for word in words {
        let _ = writeln!(text, "\"{word}\"");
    }
    text
}

fn put(path: &Path, content: &str) -> Result<()> {
    fs::write(path, content).with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_calls_its_command_with_few_words_and_more() {
        let spec = table().find(b"setex").unwrap();
        let seed = seed(spec);
        assert!(seed.contains("\r\nsetex k f 1\r\n"), "{seed}");
        assert!(seed.contains("\r\nsetex h f 1 2 3\r\n"), "{seed}");
        let spec = table().find(b"object").unwrap();
        assert!(super::seed(spec).contains("\r\nobject encoding k\r\n"));
    }
}
