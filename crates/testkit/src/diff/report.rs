//! What a run found.

use std::fmt;

/// Differences printed in full; the rest is counted.
const PRINTED_MAX: usize = 30;

/// Stands for a step where the data at the end is compared.
pub(super) const DATA: &str = "(the data afterwards)";

/// One place where the servers disagree.
#[derive(Clone, Debug)]
pub struct Difference {
    /// Name of the case.
    pub case: String,
    /// Index of the step in the script, or its length for the comparison of the data at the end.
    pub step: usize,
    /// The lines of the script.
    pub script: Vec<String>,
    /// What the reference answered.
    pub reference: String,
    /// What the server under test answered.
    pub subject: String,
    /// What is wrong with it.
    pub why: String,
}

impl Difference {
    /// The line of the script that shows it.
    pub(super) fn line(&self) -> &str {
        self.script.get(self.step).map_or(DATA, String::as_str)
    }
}

/// Everything that a run found.
#[derive(Clone, Debug)]
pub struct Report {
    /// Name of the family, with the protocol.
    pub family: String,
    /// Names of the two servers.
    pub names: (String, String),
    /// The names of the cases that were run.
    pub cases: Vec<String>,
    /// How many replies were compared.
    pub replies: usize,
    /// The disagreements, in the order found.
    pub differences: Vec<Difference>,
}

impl Report {
    /// Whether there was something to compare and all of it agreed.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.differences.is_empty()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut failed: Vec<&str> =
            self.differences.iter().map(|found| found.case.as_str()).collect();
        failed.dedup();
        writeln!(
            out,
            "{}: {} differences in {} of {} cases ({} replies compared)",
            self.family,
            self.differences.len(),
            failed.len(),
            self.cases.len(),
            self.replies
        )?;
        for found in self.differences.iter().take(PRINTED_MAX) {
            self.difference(out, found)?;
        }
        if self.differences.len() > PRINTED_MAX {
            writeln!(out, "... and {} more, in:", self.differences.len() - PRINTED_MAX)?;
            let mut rest: Vec<&str> =
                self.differences[PRINTED_MAX..].iter().map(|found| found.case.as_str()).collect();
            rest.dedup();
            for case in rest {
                writeln!(out, "  {case}")?;
            }
        }
        Ok(())
    }
}

impl Report {
    fn difference(&self, out: &mut fmt::Formatter<'_>, found: &Difference) -> fmt::Result {
        writeln!(out, "\n{} / {}: {}", self.family, found.case, found.why)?;
        let width = self.names.0.len().max(self.names.1.len());
        for (index, line) in found.script.iter().enumerate().take(found.step + 1) {
            let marker = if index == found.step { ">>" } else { "  " };
            writeln!(out, "  {marker} {line}")?;
        }
        if found.step >= found.script.len() {
            writeln!(out, "  >> {DATA}")?;
        }
        writeln!(out, "     {:width$}  {}", self.names.0, found.reference)?;
        writeln!(out, "     {:width$}  {}", self.names.1, found.subject)
    }
}
