//! How many tests pass: of those that were run, and of those that ask for what is there.

use std::fmt;

use super::{Exceptions, Scope};
use crate::redis_suite::run::Outcomes;

/// Counts of tests.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    files: usize,
    passed: usize,
    failed: usize,
    skipped: usize,
    /// Of those that failed or were not run.
    absent: usize,
    other_version: usize,
}

impl Tally {
    pub(super) fn of(exceptions: &Exceptions, outcomes: &[Outcomes]) -> Self {
        let mut tally = Self { files: outcomes.len(), ..Self::default() };
        for Outcomes { file, tests, passed, .. } in outcomes {
            tally.passed += passed;
            tally.failed += tests.values().flatten().count();
            for (test, exception) in exceptions.of(file) {
                let failed = matches!(tests.get(test), Some(Some(_)));
                tally.skipped += usize::from(exception.skipped);
                if !failed && !exception.skipped {
                    continue;
                }
                match exception.scope {
                    Scope::Inside => {}
                    Scope::Absent => tally.absent += 1,
                    Scope::OtherVersion => tally.other_version += 1,
                }
            }
        }
        tally
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { files, passed, failed, skipped, absent, other_version } = self;
        let run = passed + failed;
        let in_scope = (run + skipped).saturating_sub(absent + other_version);
        write!(
            out,
            "{files} files: {passed} passed, {failed} failed, {skipped} not run; {} of those run pass; \
             without {absent} of what is not there and {other_version} of other versions, {} of \
             {in_scope}",
            Share(*passed, run),
            Share(*passed, in_scope),
        )
    }
}

/// A part of a whole, in percent, cut to one digit behind the point: what is not whole is not called so.
struct Share(usize, usize);

impl fmt::Display for Share {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let per_mille = self.0 * 1_000 / self.1.max(1);
        write!(out, "{}.{} %", per_mille / 10, per_mille % 10)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_there_and_other_versions_are_out_of_scope() {
        let exceptions = Exceptions::parse(
            "= absent: streams\nskip f: one\nf: two\n= other version: 7.0\nf: three\n\
             = a difference\nf: four\nskip f: five\n= absent: all of it\nnot run: six",
        )
        .unwrap();
        let complaint = |fails: bool| fails.then(|| "no".to_owned());
        let tests = [("two", true), ("three", true), ("four", true), ("seven", false)];
        let outcomes = Outcomes {
            file: "f".to_owned(),
            tests: tests.map(|(test, fails)| (test.to_owned(), complaint(fails))).into(),
            passed: 5,
            ..Outcomes::default()
        };
        assert_eq!(
            Tally::of(&exceptions, &[outcomes]).to_string(),
            "1 files: 5 passed, 3 failed, 2 not run; 62.5 % of those run pass; without 2 of what is not \
             there and 1 of other versions, 71.4 % of 7"
        );
    }
}
