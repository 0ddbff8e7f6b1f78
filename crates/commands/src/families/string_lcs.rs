//! LCS: the longest common subsequence of two strings.

use crate::args::Args;
use crate::context::{CommandResult, Context, Outcome};
use crate::error::CommandError;
use crate::families::strings::NEW;
use crate::spec::{Arity, CommandSpec, Flags, KeyAccess, Keys};

pub(crate) const FAMILY: &[CommandSpec] = &[CommandSpec {
    name: "lcs",
    summary: "Finds the longest common subsequence of two strings.",
    since: "7.0.0",
    complexity: "O(N*M) where N and M are the lengths of the strings.",
    arity: Arity::at_least(3),
    flags: Flags::READONLY,
    keys: Keys::range(1, 2, 1, KeyAccess::READ),
    run: lcs,
    ..NEW
}];

/// Cells of the table of lengths at most: 1 GiB. Redis has no such limit; it holds up everybody
/// else for as long as it takes.
const CELLS_MAX: usize = 1 << 28;

#[derive(Default)]
struct Options {
    only_len: bool,
    matches: bool,
    with_match_len: bool,
    match_len_min: i64,
}

impl Options {
    fn parse(args: &mut Args<'_>) -> Result<Options, CommandError> {
        let mut options = Options::default();
        while !args.is_empty() {
            if args.take_word("IDX") {
                options.matches = true;
            } else if args.take_word("LEN") {
                options.only_len = true;
            } else if args.take_word("WITHMATCHLEN") {
                options.with_match_len = true;
            } else if args.take_word("MINMATCHLEN") {
                options.match_len_min = args.integer()?;
            } else {
                return Err(CommandError::Syntax);
            }
        }
        if options.matches && options.only_len {
            return Err(CommandError::text(
                "ERR If you want both the length and indexes, please just use IDX.",
            ));
        }
        Ok(options)
    }
}

/// A common run: where it starts in each string, and its length.
#[derive(Debug, PartialEq, Eq)]
struct Run {
    a: usize,
    b: usize,
    len: usize,
}

/// `lengths[i][j]`: the length of the LCS of the first `i` bytes of one string and the first `j`
/// of the other.
struct Lengths {
    cells: Vec<u32>,
    width: usize,
}

impl Lengths {
    fn of(a: &[u8], b: &[u8]) -> Result<Lengths, CommandError> {
        let too_large = CommandError::text(
            "ERR Insufficient memory, failed allocating transient memory for LCS",
        );
        let (height, width) = (a.len() + 1, b.len() + 1);
        let size = height.checked_mul(width).filter(|&size| size <= CELLS_MAX);
        let Some(size) = size else { return Err(too_large) };
        let mut cells = Vec::new();
        if cells.try_reserve_exact(size).is_err() {
            return Err(too_large);
        }
        cells.resize(size, 0);
        let mut lengths = Lengths { cells, width };
        for i in 1..height {
            for j in 1..width {
                let len = if a[i - 1] == b[j - 1] {
                    lengths.at(i - 1, j - 1) + 1
                } else {
                    lengths.at(i - 1, j).max(lengths.at(i, j - 1))
                };
                lengths.cells[i * width + j] = len;
            }
        }
        Ok(lengths)
    }

    fn at(&self, i: usize, j: usize) -> u32 {
        self.cells[i * self.width + j]
    }

    /// The runs of one LCS, last first. Where several are equally long, the end of the second
    /// string is given up first, as Redis does.
    fn runs(&self, a: &[u8], b: &[u8]) -> Vec<Run> {
        let (mut i, mut j) = (a.len(), b.len());
        let mut runs: Vec<Run> = Vec::new();
        while i > 0 && j > 0 {
            if a[i - 1] == b[j - 1] {
                (i, j) = (i - 1, j - 1);
                match runs.last_mut() {
                    Some(run) if (run.a, run.b) == (i + 1, j + 1) => {
                        *run = Run { a: i, b: j, len: run.len + 1 };
                    }
                    _ => runs.push(Run { a: i, b: j, len: 1 }),
                }
            } else if self.at(i - 1, j) > self.at(i, j - 1) {
                i -= 1;
            } else {
                j -= 1;
            }
        }
        runs
    }
}

fn lcs(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let mut string = |key| match cx.db.string(key) {
        Ok(string) => Ok(string.unwrap_or(b"").to_vec()),
        Err(_) => Err(CommandError::text("ERR The specified keys must contain string values")),
    };
    // Redis looks at the keys before it looks at the options.
    let (a, b) = (string(args.key()?)?, string(args.key()?)?);
    let options = Options::parse(args)?;
    let lengths = Lengths::of(&a, &b)?;
    let len = lengths.at(a.len(), b.len());
    if options.matches {
        let runs = lengths.runs(&a, &b);
        reply_runs(cx, &runs, len, &options);
    } else if options.only_len {
        cx.reply.integer(len.into());
    } else {
        let mut text = Vec::with_capacity(len as usize);
        for run in lengths.runs(&a, &b).iter().rev() {
            text.extend_from_slice(&a[run.a..run.a + run.len]);
        }
        cx.reply.bulk(&text);
    }
    Ok(Outcome::Reply)
}

fn reply_runs(cx: &mut Context<'_, '_>, runs: &[Run], len: u32, options: &Options) {
    let is_shown = |run: &&Run| run.len as i64 >= options.match_len_min;
    cx.reply.map(2);
    cx.reply.bulk_str("matches");
    cx.reply.array(runs.iter().filter(is_shown).count());
    for run in runs.iter().filter(is_shown) {
        cx.reply.array(if options.with_match_len { 3 } else { 2 });
        for start in [run.a, run.b] {
            cx.reply.array(2);
            cx.reply.integer(start as i64);
            cx.reply.integer((start + run.len - 1) as i64);
        }
        if options.with_match_len {
            cx.reply.integer(run.len as i64);
        }
    }
    cx.reply.bulk_str("len");
    cx.reply.integer(len.into());
}

#[cfg(test)]
mod tests {
    use crate::testing::*;

    fn pair(first: i64, last: i64) -> Vec<u8> {
        array([int(first), int(last)])
    }

    #[test]
    fn lcs_answers_as_documented() {
        let mut bench = Bench::new();
        bench.check("MSET key1 ohmytext key2 mynewtext", ok());
        bench.check("LCS key1 key2", bulk("mytext"));
        bench.check("LCS key1 key2 LEN", int(6));
        let text = || array([pair(4, 7), pair(5, 8)]);
        let my = array([pair(2, 3), pair(0, 1)]);
        let all = array([bulk("matches"), array([text(), my]), bulk("len"), int(6)]);
        bench.check("LCS key1 key2 IDX", &all);
        bench.check("LCS key1 key2 IDX MINMATCHLEN -1", &all);
        let long = array([bulk("matches"), array([text()]), bulk("len"), int(6)]);
        bench.check("LCS key1 key2 IDX MINMATCHLEN 4", &long);
        let with_len = array([pair(4, 7), pair(5, 8), int(4)]);
        let long = array([bulk("matches"), array([with_len]), bulk("len"), int(6)]);
        bench.check("LCS key1 key2 IDX MINMATCHLEN 4 WITHMATCHLEN", &long);
        bench.check("LCS key1 missing", bulk(""));
        bench.check("LCS missing missing LEN", int(0));
    }

    #[test]
    fn lcs_refuses_other_types_before_it_reads_options() {
        let mut bench = Bench::new();
        bench.make_hash("h");
        bench.check("LCS h k NOSUCH", err("ERR The specified keys must contain string values"));
        bench.check("LCS a b NOSUCH", err("ERR syntax error"));
        bench.check("LCS a b MINMATCHLEN", err("ERR syntax error"));
        bench.check(
            "LCS a b IDX LEN",
            err("ERR If you want both the length and indexes, please just use IDX."),
        );
    }

    #[test]
    fn lcs_refuses_strings_whose_table_would_be_too_large() {
        let mut bench = Bench::new();
        bench.check("SETRANGE a 20000 x", int(20001));
        bench.check("SETRANGE b 20000 x", int(20001));
        let refusal = "ERR Insufficient memory, failed allocating transient memory for LCS";
        bench.check("LCS a b", err(refusal));
    }
}
