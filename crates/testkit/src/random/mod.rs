//! Seeded random command sequences against two servers, with the whole database compared.
//!
//! The environment variable [`SEED_VARIABLE`] repeats a run, [`OPS_VARIABLE`] sets its length.

mod compared;
mod masks;
mod restart;
mod scripts;
mod shrink;
mod templates;
pub mod vocabulary;
mod words;

use std::collections::VecDeque;
use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::connection::{Connection, encode};
use crate::diff::Protocol;
use crate::diff::mask::{Mask, Outcome, Versions};
use crate::dump::{Dump, DumpOptions};
use crate::reply::{Frame, escape};
use crate::server::{Program, Server, ServerError, ServerSpec};

use masks::mask_for;

pub use restart::survive;
pub use templates::LEFT_OUT;
pub use vocabulary::{Op, commands, generate, innermost};

/// Environment variable with the seed to use.
pub const SEED_VARIABLE: &str = "GUARDA_SEED";
/// Environment variable with the number of commands to send.
pub const OPS_VARIABLE: &str = "GUARDA_RANDOM_OPS";
/// Commands sent unless [`OPS_VARIABLE`] says otherwise.
pub const OPS_DEFAULT: usize = 20_000;

/// Connections per server; the first speaks RESP2, the second RESP3.
const LANES: usize = 2;
/// Commands between two comparisons of the data.
const DATA_INTERVAL: usize = 1_000;
/// Most commands in one write.
const BATCH_MAX: usize = 32;
/// Commands shown before the one that differed.
const HISTORY_MAX: usize = 25;
/// Calls of one SCAN; more means that the cursor runs in a circle.
const SCAN_CALLS_MAX: usize = 10_000;
/// How far two relative expiries may lie apart.
const EXPIRY_TOLERANCE_MS: u64 = 2_000;

/// Where two servers disagreed.
#[derive(Clone, Debug)]
pub struct Divergence {
    /// The seed of the sequence.
    pub seed: u64,
    /// Index of the command, in the sequence as generated.
    pub index: usize,
    /// What is wrong.
    pub why: String,
    /// The reference's reply.
    pub reference: String,
    /// The reply of the server under test.
    pub subject: String,
    /// The last commands, this one at the end.
    pub history: Vec<String>,
    /// A short sequence that still shows a difference, if one was found.
    pub shortest: Vec<String>,
}

impl fmt::Display for Divergence {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            out,
            "{SEED_VARIABLE}={} differs at command {}: {}",
            self.seed, self.index, self.why
        )?;
        for line in &self.history {
            writeln!(out, "     {line}")?;
        }
        writeln!(out, "  reference: {}", self.reference)?;
        writeln!(out, "  subject:   {}", self.subject)?;
        if !self.shortest.is_empty() {
            writeln!(out, "these commands are enough to see a difference:")?;
            for line in &self.shortest {
                writeln!(out, "     {line}")?;
            }
        }
        Ok(())
    }
}

/// Why a run could not be carried out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RandomError {
    /// A server did not start.
    #[error("{0}")]
    Server(#[from] ServerError),
    /// A server could not be spoken to at the start.
    #[error("{0}")]
    Connection(String),
}

/// The seed and the length that the environment asks for; without one, the time is the seed.
///
/// # Panics
///
/// If a variable is set to something that is no number.
#[must_use]
#[allow(clippy::disallowed_methods, reason = "any number will do as a seed, and it is printed")]
pub fn settings() -> (u64, usize) {
    let number = |name: &str| -> Option<u64> {
        let text = std::env::var(name).ok()?;
        Some(text.parse().unwrap_or_else(|_| panic!("{name} takes a number, not `{text}`")))
    };
    let seed = number(SEED_VARIABLE).unwrap_or_else(|| {
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
    });
    (seed, number(OPS_VARIABLE).map_or(OPS_DEFAULT, |count| count as usize))
}

/// Sends `count` commands made from `seed` to both servers; `None` means that they agreed.
///
/// # Errors
///
/// If a server does not start.
pub fn run(
    seed: u64,
    count: usize,
    reference: ServerSpec,
    subject: ServerSpec,
) -> Result<Option<Divergence>, RandomError> {
    let ops = generate(seed, count, LANES);
    let pair = Pair { reference: Server::start(reference)?, subject: Server::start(subject)? };
    let Some(found) = pair.play(&ops)? else { return Ok(None) };
    let shortest = shrink::shorten(&pair, &ops[..=found.index])?;
    let start = (found.index + 1).saturating_sub(HISTORY_MAX);
    Ok(Some(Divergence {
        seed,
        index: found.index,
        why: found.why,
        reference: found.reference,
        subject: found.subject,
        history: ops[start..=found.index].iter().map(line).collect(),
        shortest: shortest.iter().map(line).collect(),
    }))
}

fn line(op: &Op) -> String {
    let words: Vec<String> = op.args.iter().map(|arg| format!("\"{}\"", escape(arg))).collect();
    // `+` marks what was sent along with the command before.
    let mark = if op.joined { '+' } else { '>' };
    format!("{}{mark} {}", op.lane + 1, words.join(" "))
}

/// A difference found while playing a sequence.
pub(crate) struct Found {
    pub(crate) index: usize,
    why: String,
    reference: String,
    subject: String,
}

/// The two servers.
pub(crate) struct Pair {
    reference: Server,
    subject: Server,
}

impl Pair {
    /// Empties both servers and sends them `ops`, in lock step from batch to batch.
    pub(crate) fn play(&self, ops: &[Op]) -> Result<Option<Found>, RandomError> {
        let mut sides = [Side::open(&self.reference)?, Side::open(&self.subject)?];
        let mut queued: [VecDeque<Mask>; LANES] = Default::default();
        let mut start = 0;
        while start < ops.len() {
            let end = start + batch_len(&ops[start..]);
            let batch = &ops[start..end];
            // Both are asked before either is waited for.
            let sent = sides.each_mut().map(|side| side.ask(batch));
            for (op, index) in batch.iter().zip(start..) {
                let [left, right] = &mut sides;
                let outcomes = [left.outcome(op, sent[0]), right.outcome(op, sent[1])];
                if let Err(why) = check(op, &mut queued[op.lane], &outcomes) {
                    let [reference, subject] = outcomes.map(|outcome| outcome.describe());
                    return Ok(Some(Found { index, why, reference, subject }));
                }
            }
            if start / DATA_INTERVAL != end / DATA_INTERVAL || end == ops.len() {
                let differences = compare_data(&mut sides);
                if !differences.is_empty() {
                    let why = format!("the data differs:\n{}", differences.join("\n"));
                    let (reference, subject) = (String::new(), String::new());
                    return Ok(Some(Found { index: end - 1, why, reference, subject }));
                }
            }
            start = end;
        }
        Ok(None)
    }
}

/// How many of the commands go out in one write. A scan ends it: its cursor is followed at once.
fn batch_len(ops: &[Op]) -> usize {
    let follows = |pair: &[Op]| {
        pair[1].joined && pair[1].lane == pair[0].lane && scan_layout(&pair[0].args).is_none()
    };
    1 + ops.windows(2).take(BATCH_MAX - 1).take_while(|pair| follows(pair)).count()
}

/// For SCAN and its kin, where the cursor stands and how many elements belong together.
fn scan_layout(args: &[Vec<u8>]) -> Option<(usize, usize)> {
    match args[0].to_ascii_uppercase().as_slice() {
        b"SCAN" => Some((1, 1)),
        b"HSCAN" | b"ZSCAN" => Some((2, 2)),
        b"SSCAN" => Some((2, 1)),
        _ => None,
    }
}

struct Side {
    lanes: [Connection; LANES],
    control: Connection,
    /// Whether it has commands that are newer than the reference.
    is_new: bool,
}

impl Side {
    /// Connections to a server that is emptied first.
    fn open(server: &Server) -> Result<Self, RandomError> {
        let mut side = Self::connect(server)?;
        let fail = |error: &dyn fmt::Display| {
            RandomError::Connection(format!("{}: {error}", server.name()))
        };
        let reply = side.control.call(&["FLUSHALL"]).map_err(|error| fail(&error))?;
        if reply.is_error() {
            return Err(fail(&reply));
        }
        Ok(side)
    }

    fn connect(server: &Server) -> Result<Self, RandomError> {
        let fail = |error: &dyn fmt::Display| {
            RandomError::Connection(format!("{}: {error}", server.name()))
        };
        let connect = || server.connect().map_err(|error| fail(&error));
        let control = connect()?;
        let mut lanes = [connect()?, connect()?];
        let reply = lanes[1].call(&["HELLO", "3"]).map_err(|error| fail(&error))?;
        if reply.is_error() {
            return Err(fail(&reply));
        }
        let is_new = matches!(server.spec().program(), Program::Guarda(_));
        Ok(Self { lanes, control, is_new })
    }

    /// Sends the commands, or what stands for them here; says whether that was possible.
    fn ask(&mut self, batch: &[Op]) -> bool {
        let mut bytes = Vec::new();
        for op in batch {
            let instead = op.instead.as_ref().filter(|_| !self.is_new);
            encode(&mut bytes, instead.unwrap_or(&op.args));
        }
        self.lanes[batch[0].lane].send_raw(&bytes).is_ok()
    }

    fn outcome(&mut self, op: &Op, sent: bool) -> Outcome {
        if !sent {
            return Outcome::Nothing("cannot be sent to".to_owned());
        }
        let reply = match self.lanes[op.lane].read_raw() {
            Ok(reply) => reply,
            Err(error) => return Outcome::Nothing(error.to_string()),
        };
        match self.rest_of_scan(op, &reply) {
            Ok(Some(all)) => Outcome::Summary(all),
            Ok(None) => Outcome::Reply(reply),
            Err(why) => Outcome::Nothing(why),
        }
    }

    /// Follows the cursor of a SCAN that was not queued, and returns all that it found, sorted.
    fn rest_of_scan(&mut self, op: &Op, first: &[u8]) -> Result<Option<Frame>, String> {
        let Some((cursor_at, width)) = scan_layout(&op.args) else { return Ok(None) };
        let mut reply = Frame::decode(first).map_err(|fault| fault.to_string())?.0;
        let mut args = op.args.clone();
        let mut found: Vec<Vec<Frame>> = Vec::new();
        for _ in 0..SCAN_CALLS_MAX {
            let Some([cursor, elements]) = reply.elements() else { return Ok(None) };
            let (Some(cursor), Some(elements)) = (cursor.text(), elements.elements()) else {
                return Ok(None);
            };
            found.extend(elements.chunks(width).map(<[Frame]>::to_vec));
            if cursor == b"0" {
                found.sort();
                found.dedup();
                return Ok(Some(Frame::Array(found.into_iter().map(Frame::Array).collect())));
            }
            args[cursor_at] = cursor.to_vec();
            reply = self.lanes[op.lane].call(&args).map_err(|error| error.to_string())?;
        }
        Err("the cursor is never done".to_owned())
    }
}

/// Compares the outcomes under the mask that belongs to the command; inside MULTI the masks wait
/// for EXEC's reply.
fn check(op: &Op, queued: &mut VecDeque<Mask>, outcomes: &[Outcome; 2]) -> Result<(), String> {
    let checked = check_under_mask(op, queued, outcomes);
    if is_blamed_on_sort(outcomes) { Ok(()) } else { checked }
}

/// Whether the reference has taken the overflow of a number that it read for another command for one of
/// SORT's, which looks at what the C library says of any conversion.
fn is_blamed_on_sort(outcomes: &[Outcome; 2]) -> bool {
    let [reference, subject] = outcomes.each_ref().map(|outcome| {
        let text = b"One or more scores can't be converted into double";
        matches!(outcome, Outcome::Reply(reply) if reply.windows(text.len()).any(|part| part == text))
    });
    reference && !subject
}

fn check_under_mask(
    op: &Op,
    queued: &mut VecDeque<Mask>,
    outcomes: &[Outcome; 2],
) -> Result<(), String> {
    let [reference, subject] = outcomes;
    if *reference == Outcome::Reply(b"+QUEUED\r\n".to_vec()) {
        queued.push_back(mask_for(&op.args, true));
        return exact(reference, subject);
    }
    let name = op.args[0].to_ascii_uppercase();
    if name == b"EXEC" && op.args.len() == 1 {
        let masks = std::mem::take(queued);
        return check_exec(&masks, reference, subject);
    }
    // A refused EXEC (with a word too many, say) ends the transaction as well.
    let refused = matches!(reference, Outcome::Reply(reply) if reply.starts_with(b"-EXECABORT"));
    let ends = matches!(name.as_slice(), b"DISCARD" | b"RESET") && op.args.len() == 1;
    if refused || ends {
        queued.clear();
    }
    mask_for(&op.args, false).check(Protocol::Resp2, SAME, reference, subject)
}

/// Masks about versions do not occur here.
const SAME: Versions =
    Versions { reference_is_7_2: true, subject_is_7_2: true, reference_is_valkey: false };

fn exact(reference: &Outcome, subject: &Outcome) -> Result<(), String> {
    Mask::Exact.check(Protocol::Resp2, SAME, reference, subject)
}

fn check_exec(
    masks: &VecDeque<Mask>,
    reference: &Outcome,
    subject: &Outcome,
) -> Result<(), String> {
    let (Outcome::Reply(left), Outcome::Reply(right)) = (reference, subject) else {
        return exact(reference, subject);
    };
    let decode = |bytes: &[u8]| Frame::decode(bytes).map(|(frame, _)| frame);
    let (Ok(Frame::Array(left)), Ok(Frame::Array(right))) = (decode(left), decode(right)) else {
        return exact(reference, subject);
    };
    if left.len() != right.len() || left.len() != masks.len() {
        return Err(format!("{} were queued", masks.len()));
    }
    for (index, ((left, right), mask)) in left.iter().zip(&right).zip(masks).enumerate() {
        if left.is_error() != right.is_error() || !mask.frames_agree(left, right) {
            return Err(format!("element {index} of EXEC's reply differs: {left} and {right}"));
        }
    }
    Ok(())
}

fn compare_data(sides: &mut [Side; 2]) -> Vec<String> {
    let dumps = sides.each_mut().map(|side| Dump::take(&mut side.control, DumpOptions::default()));
    match dumps {
        [Ok(reference), Ok(subject)] => reference.differences(&subject, EXPIRY_TOLERANCE_MS, 5),
        [reference, subject] => [reference.err(), subject.err()]
            .into_iter()
            .flatten()
            .map(|error| error.to_string())
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec() -> ServerSpec {
        ServerSpec::new(Program::reference())
    }

    #[test]
    fn a_server_agrees_with_itself() {
        if let Some(found) = run(42, 4_000, spec(), spec()).unwrap() {
            panic!("{found}");
        }
    }

    #[test]
    fn a_difference_is_found_and_cut_down_to_the_commands_that_matter() {
        let other = spec().with("databases", "1");
        let found = run(7, 3_000, spec(), other).unwrap().unwrap();
        let text = found.to_string();
        assert!(text.contains("GUARDA_SEED=7"), "{text}");
        assert!((1..=3).contains(&found.shortest.len()), "{text}");
        let names_a_database = |line: &String| {
            let line = line.to_uppercase();
            ["\"SELECT\"", "\"DB\"", "\"MOVE\""].iter().any(|word| line.contains(word))
        };
        assert!(found.shortest.iter().any(names_a_database), "{text}");
    }

    #[test]
    fn data_that_differs_is_found_where_replies_agree() {
        let pair = Pair {
            reference: Server::start(spec()).unwrap(),
            subject: Server::start(spec().with("hash-max-listpack-entries", "1")).unwrap(),
        };
        let script = "if redis.call('OBJECT', 'ENCODING', 'h') == 'hashtable' then redis.call('SET', 'k', 'x') end";
        let op = |args: &[&str]| Op {
            lane: 0,
            joined: false,
            args: args.iter().map(|arg| arg.as_bytes().to_vec()).collect(),
            instead: None,
        };
        let ops = [op(&["HSET", "h", "a", "1", "b", "2"]), op(&["EVAL", script, "0"])];
        let found = pair.play(&ops).unwrap().unwrap();
        assert!(found.why.contains("the data differs"), "{}", found.why);
    }
}
