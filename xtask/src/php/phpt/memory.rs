//! What valgrind says of a test: errors of memory and leaks.

use std::fs;
use std::path::Path;

/// One report of valgrind: what it found, and the stack of calls that it blames.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Report {
    /// All of it, without numbers of processes.
    pub(super) text: String,
    /// What reports of one and the same fault have in common: no addresses, no sizes.
    fault: String,
}

impl Report {
    /// The reports that the run in `directory` left about a test.
    pub(super) fn of_test(directory: &Path, test: &str) -> Vec<Self> {
        let bytes = fs::read(directory.join(format!("{test}.mem"))).unwrap_or_default();
        Self::all(&String::from_utf8_lossy(&bytes))
    }

    /// Reports are paragraphs; each line begins with the number of the process.
    pub(super) fn all(log: &str) -> Vec<Self> {
        let lines: Vec<&str> = log.lines().map(without_process).collect();
        let paragraphs = lines.split(|line| line.trim().is_empty());
        paragraphs.filter(|lines| !lines.is_empty()).map(Self::of_lines).collect()
    }

    fn of_lines(lines: &[&str]) -> Self {
        let fault: Vec<String> = lines.iter().map(|line| without_numbers(line)).collect();
        Self { text: lines.join("\n"), fault: fault.join("\n") }
    }

    /// Whether it is about the same fault as another.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        self.fault == other.fault
    }
}

/// The line without `==123== `, or `--123-- ` of valgrind's own messages.
fn without_process(line: &str) -> &str {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    for mark in ["==", "--"] {
        let rest = line.strip_prefix(mark).and_then(|rest| rest.split_once(mark));
        if let Some((_, rest)) = rest.filter(|(number, _)| is_number(number)) {
            return rest.strip_prefix(' ').unwrap_or(rest);
        }
    }
    line
}

/// The words that are no numbers, addresses or sizes: `4,096`, `0x4B1C2F:`, `(zend.c:12)` without its line.
fn without_numbers(line: &str) -> String {
    let kept = line.split_whitespace().filter(|word| {
        let word = word.trim_matches(|c: char| c.is_ascii_punctuation());
        !word.starts_with(|c: char| c.is_ascii_digit())
    });
    let cut = |word: &str| match word.rsplit_once(':') {
        Some((file, line)) if line.trim_end_matches(')').parse::<u32>().is_ok() => file.to_owned(),
        _ => word.to_owned(),
    };
    kept.map(cut).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "==77== 40 bytes in 1 blocks are definitely lost in loss record 9 of 1,024\n\
                       ==77==    at 0x48407B4: malloc (vg_replace_malloc.c:381)\n\
                       ==77==    by 0x3C0D11: __zend_malloc (in /usr/bin/php8.2)\n\
                       ==77== \n\
                       ==78== Invalid read of size 8\n\
                       ==78==    at 0x5A2B: guarda_read (in /x/guarda.so)\n";

    #[test]
    fn reports_are_paragraphs() {
        let reports = Report::all(LOG);
        assert_eq!(reports.len(), 2);
        assert!(reports[0].text.starts_with("40 bytes in 1 blocks are definitely lost"));
        assert!(reports[1].text.ends_with("guarda_read (in /x/guarda.so)"));
        assert_eq!(Report::all(""), []);
        assert_eq!(Report::all("==1== \n==1== \n"), []);
    }

    #[test]
    fn sizes_and_addresses_do_not_tell_reports_apart_and_calls_do() {
        let one = &Report::all(LOG)[0];
        let again =
            LOG.replace("40 bytes", "4,088 bytes").replace("0x3C0D11", "0x9").replace("77", "5");
        assert!(one.is_like(&Report::all(&again)[0]));
        for (from, to) in [("__zend_malloc", "zend_new"), ("definitely", "possibly")] {
            assert!(!one.is_like(&Report::all(&LOG.replace(from, to))[0]), "{to}");
        }
    }
}
