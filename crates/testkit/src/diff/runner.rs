//! Runs scripts on a pair of servers, step by step.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::time::Duration;

use super::mask::{Outcome, Versions};
use super::report::{Difference, Report};
use super::script::{Action, BadScript, Lane, Step, parse, replace};
use super::{Case, Manner, ONLY_VARIABLE, Protocol, Way};
use crate::connection::{Connection, ConnectionError};
use crate::deadline::{await_some, await_true};
use crate::dump::{Dump, DumpOptions};
use crate::reply::Frame;
use crate::server::{Server, ServerError, ServerSpec};

/// How long a reply may take before the case is given up.
const REPLY_LIMIT: Duration = Duration::from_secs(4);
/// How long `!await` and `!pass` wait.
const CONDITION_LIMIT: Duration = Duration::from_secs(10);
/// Calls of one `!scan`; more means that the cursor runs in a circle.
const SCAN_CALLS_MAX: usize = 10_000;
/// How far expiries that were given as a span may lie apart on the two servers.
const EXPIRY_TOLERANCE_MS: u64 = 2_000;
/// Differing keys shown when the data differs.
const DATA_DIFFERENCES_MAX: usize = 5;

/// Why a run could not be carried out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// A server did not start.
    #[error("{0}")]
    Server(#[from] ServerError),
    /// A case is not in the language.
    #[error("case {case}: {fault}")]
    Script {
        /// The case.
        case: String,
        /// The line and what is wrong.
        fault: BadScript,
    },
    /// No case is left to run.
    #[error("no case matches {ONLY_VARIABLE}")]
    NoCases,
}

/// Runs all cases and says where the two servers differ.
///
/// # Errors
///
/// If a server cannot be started, or a script is malformed.
pub fn run(
    family: &str,
    cases: &[Case<'_>],
    way: impl Into<Way>,
    reference: ServerSpec,
    subject: ServerSpec,
) -> Result<Report, RunError> {
    let way = way.into();
    let only = std::env::var(ONLY_VARIABLE).ok();
    let mut scripts = Vec::new();
    for case in cases {
        let steps = parse(case.script)
            .map_err(|fault| RunError::Script { case: case.name.to_owned(), fault })?;
        if only.as_ref().is_none_or(|part| case.name.contains(part.as_str())) {
            scripts.push((case.name, steps));
        }
    }
    if scripts.is_empty() && only.is_none() {
        return Err(RunError::NoCases);
    }
    let mut sides = [Side::start(reference, way)?, Side::start(subject, way)?];
    let versions = Versions {
        reference_is_7_2: sides[0].is_7_2(),
        subject_is_7_2: sides[1].is_7_2(),
        reference_is_valkey: sides[0].server.spec().program().is_valkey(),
    };
    let mut report = Report {
        family: format!("{family} {:?} {:?}", way.protocol, way.manner),
        names: (sides[0].server.name(), sides[1].server.name()),
        cases: scripts.iter().map(|(name, _)| (*name).to_owned()).collect(),
        replies: 0,
        differences: Vec::new(),
    };
    for (name, steps) in &scripts {
        // What was found so far is worth more than the error alone.
        if let Some(why) = sides.iter_mut().find_map(|side| side.reset().err()) {
            report.differences.push(Difference {
                case: (*name).to_owned(),
                step: 0,
                script: vec!["FLUSHALL and SCRIPT FLUSH before the case".to_owned()],
                reference: String::new(),
                subject: String::new(),
                why,
            });
            break;
        }
        run_case(name, steps, way, versions, &mut sides, &mut report);
    }
    Ok(report)
}

fn run_case(
    name: &str,
    steps: &[Step],
    way: Way,
    versions: Versions,
    sides: &mut [Side; 2],
    report: &mut Report,
) {
    let script: Vec<String> = steps.iter().map(|step| step.text.clone()).collect();
    let difference = |step: usize, reference: String, subject: String, why: String| Difference {
        case: name.to_owned(),
        step,
        script: script.clone(),
        reference,
        subject,
        why,
    };
    for (index, step) in steps.iter().enumerate() {
        let [left, right] = sides;
        // Both are asked before either is waited for: their time is spent in parallel.
        let sent = [left.send(step), right.send(step)];
        let [first, second] = sent;
        let outcomes = [left.finish(step, first), right.finish(step, second)];
        report.replies += outcomes[0].len();
        let lost = outcomes.iter().flatten().any(|outcome| matches!(outcome, Outcome::Nothing(_)));
        if outcomes[0].len() != outcomes[1].len() {
            let all = |outcomes: &[Outcome]| {
                outcomes.iter().map(Outcome::describe).collect::<Vec<_>>().join(" ")
            };
            report.differences.push(difference(
                index,
                all(&outcomes[0]),
                all(&outcomes[1]),
                "the connections ended differently".to_owned(),
            ));
            return;
        }
        for (reference, subject) in outcomes[0].iter().zip(&outcomes[1]) {
            let mask = way.manner.mask(&step.mask, reference);
            if let Err(why) = mask.check(way.protocol, versions, reference, subject) {
                report.differences.push(difference(
                    index,
                    reference.describe(),
                    subject.describe(),
                    why,
                ));
            }
        }
        if lost {
            return;
        }
    }
    let [left, right] = sides;
    let data = (left.dump(), right.dump());
    let found = match data {
        (Ok(reference), Ok(subject)) => {
            reference.differences(&subject, EXPIRY_TOLERANCE_MS, DATA_DIFFERENCES_MAX)
        }
        (reference, subject) => [reference.err(), subject.err()].into_iter().flatten().collect(),
    };
    if !found.is_empty() {
        report.differences.push(difference(
            steps.len(),
            "(first)".to_owned(),
            "(second)".to_owned(),
            format!("the data differs:\n{}", found.join("\n")),
        ));
    }
}

/// One server with the connections that the current case has opened.
struct Side {
    server: Server,
    way: Way,
    lanes: BTreeMap<Lane, Connection>,
    /// Connections on which the case itself has said MULTI.
    queueing: BTreeSet<Lane>,
    /// How the last command was called.
    manner: Manner,
    variables: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl Side {
    fn start(spec: ServerSpec, way: Way) -> Result<Self, RunError> {
        Ok(Self {
            server: Server::start(spec)?,
            way,
            lanes: BTreeMap::new(),
            queueing: BTreeSet::new(),
            manner: way.manner,
            variables: BTreeMap::new(),
        })
    }

    /// Whether the server speaks for Redis 7.2 or newer; one that does not say is taken at its word
    /// elsewhere, so it counts as new.
    fn is_7_2(&self) -> bool {
        let Ok(mut connection) = self.server.connect() else { return true };
        let Ok(info) = connection.call(&["INFO", "server"]) else { return true };
        let text = String::from_utf8_lossy(info.text().unwrap_or_default()).into_owned();
        let Some(version) =
            text.lines().find_map(|line| line.strip_prefix("redis_version:").map(str::trim))
        else {
            return true;
        };
        let mut parts = version.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
        (parts.next().unwrap_or(0), parts.next().unwrap_or(0)) >= (7, 2)
    }

    /// Closes the connections of the last case and empties the server.
    fn reset(&mut self) -> Result<(), String> {
        self.lanes.clear();
        self.queueing.clear();
        self.variables.clear();
        if self.empty().is_ok() {
            return Ok(());
        }
        self.server.kill9();
        self.server
            .restart()
            .map_err(|error| error.to_string())
            .and_then(|()| self.empty())
            .map_err(|why| format!("{} cannot be emptied: {why}", self.server.name()))
    }

    fn empty(&self) -> Result<(), String> {
        let mut connection = self.server.connect().map_err(|error| error.to_string())?;
        connection.set_timeout(REPLY_LIMIT).map_err(|error| error.to_string())?;
        for command in [["FLUSHALL", "SYNC"], ["SCRIPT", "FLUSH"]] {
            let reply = connection.call(&command).map_err(|error| error.to_string())?;
            if reply != Frame::Simple(b"OK".to_vec()) {
                return Err(format!("{} was answered by {reply}", command[0]));
            }
        }
        Ok(())
    }

    fn dump(&self) -> Result<Dump, String> {
        let mut connection = self.server.connect().map_err(|error| error.to_string())?;
        connection.set_timeout(REPLY_LIMIT).map_err(|error| error.to_string())?;
        Dump::take(&mut connection, DumpOptions::default())
            .map_err(|error| format!("{}: {error}", self.server.name()))
    }

    fn lane(&mut self, lane: Lane) -> Result<&mut Connection, String> {
        if !self.lanes.contains_key(&lane) {
            let connection = self.open(lane)?;
            self.lanes.insert(lane, connection);
        }
        self.lanes.get_mut(&lane).ok_or_else(|| "no connection".to_owned())
    }

    fn open(&self, lane: Lane) -> Result<Connection, String> {
        let endpoint = if lane.unix { self.server.unix() } else { self.server.tcp() };
        let mut connection = Connection::open(&endpoint).map_err(|error| error.to_string())?;
        connection.set_timeout(REPLY_LIMIT).map_err(|error| error.to_string())?;
        if self.way.protocol == Protocol::Resp3 && self.server.spec().password().is_none() {
            let reply = connection.call(&["HELLO", "3"]).map_err(|error| error.to_string())?;
            if !matches!(reply, Frame::Map(_)) {
                return Err(format!("HELLO 3 was answered by {reply}"));
            }
        }
        Ok(connection)
    }

    /// In a transaction that a case has begun itself commands are sent as they stand.
    fn choose_manner(&mut self, lane: Lane, args: &[Vec<u8>]) {
        let is_queued = self.queueing.contains(&lane);
        self.manner = if is_queued { Manner::Direct } else { self.way.manner.of(args) };
        match args.first().map(|name| name.to_ascii_uppercase()).as_deref() {
            Some(b"MULTI") => {
                self.queueing.insert(lane);
            }
            Some(b"EXEC" | b"DISCARD" | b"RESET") => {
                self.queueing.remove(&lane);
            }
            _ => {}
        }
    }

    /// Sends what the step sends at once; what needs a dialogue is left to [`Side::finish`].
    fn send(&mut self, step: &Step) -> Result<(), String> {
        let io = |result: io::Result<()>| result.map_err(|error| error.to_string());
        match &step.action {
            Action::Call(args) => {
                let args = self.fill(args)?;
                self.choose_manner(step.lane, &args);
                for command in self.manner.wrap(args, self.way.protocol) {
                    io(self.lane(step.lane)?.send(&command))?;
                }
                Ok(())
            }
            Action::Silent(args) | Action::Let(_, args) => {
                let args = self.fill(args)?;
                io(self.lane(step.lane)?.send(&args))
            }
            Action::Raw(bytes, _) => io(self.lane(step.lane)?.send_raw(bytes)),
            // A server that refuses early may have closed already; what it said counts.
            Action::End(bytes) => {
                let _ = self.lane(step.lane)?.send_raw(bytes);
                Ok(())
            }
            Action::Each(from, to, args) => {
                let args = self.fill(args)?;
                for value in *from..=*to {
                    let with_value = fill_number(&args, value)?;
                    io(self.lane(step.lane)?.send(&with_value))?;
                }
                Ok(())
            }
            Action::Read
            | Action::Scan(_)
            | Action::Await(..)
            | Action::Blocked(_)
            | Action::Pass(_) => Ok(()),
        }
    }

    /// Reads what came of the step.
    fn finish(&mut self, step: &Step, sent: Result<(), String>) -> Vec<Outcome> {
        let all = sent.and_then(|()| match &step.action {
            Action::Call(_) => {
                let manner = self.manner;
                self.replies(step.lane, manner.replies()).map(|all| manner.unwrap(all))
            }
            Action::Read => self.replies(step.lane, 1),
            Action::Raw(_, count) => self.replies(step.lane, *count),
            Action::Each(from, to, _) => {
                self.replies(step.lane, usize::try_from(to - from + 1).unwrap_or(0))
            }
            Action::Silent(_) => Ok(Vec::new()),
            Action::End(_) => match self.lane(step.lane)?.read_to_end() {
                Ok(bytes) => {
                    self.lanes.remove(&step.lane);
                    Ok(vec![Outcome::Closed(bytes)])
                }
                Err(error) => Err(format!("not closed: {error}")),
            },
            Action::Scan(args) => self.scan(step.lane, args),
            Action::Let(name, _) => {
                let outcomes = self.replies(step.lane, 1)?;
                let [Outcome::Reply(bytes)] = outcomes.as_slice() else { return Ok(outcomes) };
                let (frame, _) = Frame::decode(bytes).map_err(|fault| fault.to_string())?;
                let text = match &frame {
                    Frame::Integer(value) => value.to_string().into_bytes(),
                    other => other.text().unwrap_or_default().to_vec(),
                };
                self.variables.insert(name.clone().into_bytes(), text);
                // The values differ by nature; that there is one of the same kind is compared.
                let kind = std::mem::discriminant(&frame);
                Ok(vec![Outcome::Summary(Frame::Simple(format!("{kind:?}").into_bytes()))])
            }
            Action::Await(expected, args) => {
                let args = self.fill(args)?;
                let connection = self.lane(step.lane)?;
                let mut last = Vec::new();
                let held = await_true(CONDITION_LIMIT, || {
                    last = connection.call_raw(&args).unwrap_or_default();
                    last == *expected
                });
                if held { Ok(vec![Outcome::Reply(last)]) } else { Err("never so".to_owned()) }
            }
            Action::Blocked(count) => self.blocked(*count).map(|()| Vec::new()),
            Action::Pass(ms) => self.pass(*ms).map(|()| Vec::new()),
        });
        all.unwrap_or_else(|why| vec![Outcome::Nothing(why)])
    }

    fn replies(&mut self, lane: Lane, count: usize) -> Result<Vec<Outcome>, String> {
        let mut outcomes = Vec::new();
        for _ in 0..count {
            match self.lane(lane)?.read_raw() {
                Ok(bytes) => outcomes.push(Outcome::Reply(bytes)),
                Err(ConnectionError::Closed { partial }) => {
                    outcomes.push(Outcome::Closed(partial));
                    self.lanes.remove(&lane);
                    break;
                }
                Err(error) => return Err(error.to_string()),
            }
        }
        Ok(outcomes)
    }

    /// Follows a cursor; the elements come back sorted and without repetitions, which SCAN may have.
    fn scan(&mut self, lane: Lane, args: &[Vec<u8>]) -> Result<Vec<Outcome>, String> {
        let mut args = self.fill(args)?;
        let name = args.first().map(|name| name.to_ascii_uppercase()).unwrap_or_default();
        let cursor_at = if name == b"SCAN" { 1 } else { 2 };
        let width = if name == b"HSCAN" || name == b"ZSCAN" { 2 } else { 1 };
        let mut found: Vec<Vec<Frame>> = Vec::new();
        for _ in 0..SCAN_CALLS_MAX {
            let connection = self.lane(lane)?;
            let reply = connection.call(&args).map_err(|error| error.to_string())?;
            let Some([cursor, elements]) = reply.elements() else {
                return Ok(vec![Outcome::Summary(reply)]);
            };
            let Some(elements) = elements.elements() else {
                return Ok(vec![Outcome::Summary(reply)]);
            };
            found.extend(elements.chunks(width).map(<[Frame]>::to_vec));
            let cursor = cursor.text().ok_or("a cursor that is no string")?.to_vec();
            if cursor == b"0" {
                found.sort();
                found.dedup();
                let elements = found.into_iter().map(Frame::Array).collect();
                return Ok(vec![Outcome::Summary(Frame::Array(elements))]);
            }
            *args.get_mut(cursor_at).ok_or("no cursor")? = cursor;
        }
        Err(format!("the cursor is not done after {SCAN_CALLS_MAX} calls"))
    }

    fn blocked(&self, count: u64) -> Result<(), String> {
        let mut connection = self.server.connect().map_err(|error| error.to_string())?;
        let expected = format!("blocked_clients:{count}");
        let held = await_true(CONDITION_LIMIT, || {
            let Ok(info) = connection.call(&["INFO", "clients"]) else { return false };
            let text = String::from_utf8_lossy(info.text().unwrap_or_default()).into_owned();
            text.lines().any(|line| line.trim_end() == expected)
        });
        if held { Ok(()) } else { Err(format!("never so many blocked clients: {count}")) }
    }

    fn pass(&self, ms: u64) -> Result<(), String> {
        let mut connection = self.server.connect().map_err(|error| error.to_string())?;
        let mut now = || -> Option<u64> {
            let reply = connection.call(&["TIME"]).ok()?;
            let [seconds, micros] = reply.elements()? else { return None };
            let seconds = u64::try_from(seconds.integer()?).ok()?;
            Some(seconds * 1000 + u64::try_from(micros.integer()?).ok()? / 1000)
        };
        let start = now().ok_or("TIME is not answered by two numbers")?;
        await_some(CONDITION_LIMIT, || now().filter(|now| *now >= start + ms))
            .map(|_| ())
            .ok_or_else(|| "the clock stands still".to_owned())
    }

    fn fill(&mut self, args: &[Vec<u8>]) -> Result<Vec<Vec<u8>>, String> {
        args.iter()
            .map(|arg| {
                replace(arg, |name| {
                    if name == b"port" {
                        return Ok(Some(self.server.port().to_string().into_bytes()));
                    }
                    if let Some(number) = name.strip_prefix(b"addr:") {
                        let number = String::from_utf8_lossy(number)
                            .parse()
                            .map_err(|_| "`addr:` takes a number")?;
                        let address = self.lane(Lane { unix: false, number })?.local_address();
                        return Ok(Some(address.into_bytes()));
                    }
                    Ok(self.variables.get(name).cloned())
                })
            })
            .collect()
    }
}

fn fill_number(args: &[Vec<u8>], value: i64) -> Result<Vec<Vec<u8>>, String> {
    args.iter()
        .map(|arg| replace(arg, |name| Ok((name == b"i").then(|| value.to_string().into_bytes()))))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::Program;

    fn spec() -> ServerSpec {
        ServerSpec::new(Program::reference())
    }

    /// A script's way to see that it runs on [`small_listpack`].
    const HAS_TABLE: &str = "if redis.call('OBJECT', 'ENCODING', 'h') == 'hashtable'";

    fn small_listpack() -> ServerSpec {
        spec().with("hash-max-listpack-entries", "1")
    }

    fn run_pair(script: &str, subject: ServerSpec) -> Report {
        let cases = [Case::new("case", script)];
        run("test", &cases, Protocol::Resp2, spec(), subject).unwrap()
    }

    #[test]
    fn a_server_agrees_with_itself_in_every_kind_of_step() {
        let script = r#"
            SET k "a\x00b"
            GET k
            2> GET k
            u1> GET k
            !raw 2 "PING\r\n*1\r\n$4\r\nPING\r\n"
            !each 1 300 HSET h f${i} v${i}
            !scan HSCAN h 0 COUNT 7
            !scan SCAN 0 MATCH h*
            !scan SCAN x
            HGETALL h //~ unordered-pairs -- a hash table has no order
            !let id CLIENT ID
            2> CLIENT LIST ID ${id} //~ only db name -- the rest is the process's own
            2> CLIENT KILL ADDR ${addr:1}
            GET k
            !silent CLIENT REPLY OFF
            !silent PING
            CLIENT REPLY ON
            SET gone x PX 10
            !pass 20
            !await ":0\r\n" EXISTS gone
            3> PING
            3> !end "*1\r\nnonsense\r\n"
        "#;
        for protocol in [Protocol::Resp2, Protocol::Resp3] {
            let report = run("test", &[Case::new("case", script)], protocol, spec(), spec());
            let report = report.unwrap();
            assert!(report.is_clean(), "{report}");
            assert!(report.replies > 310, "{report}");
        }
    }

    #[test]
    fn a_differing_configuration_is_reported_with_script_and_replies() {
        let script = "SET k v\n CONFIG GET maxmemory-policy\n GET k";
        let report = run_pair(script, spec().with("maxmemory-policy", "allkeys-lru"));
        assert_eq!(report.differences.len(), 1);
        assert_eq!(report.differences[0].step, 1);
        let text = report.to_string();
        for part in ["SET k v", ">> CONFIG GET maxmemory-policy", "noeviction", "allkeys-lru"] {
            assert!(text.contains(part), "{part} is not in {text}");
        }
    }

    #[test]
    fn data_that_differs_is_reported_even_where_all_replies_agree() {
        let script =
            format!("HSET h a 1 b 2\n EVAL \"{HAS_TABLE} then redis.call('SET', 'k', 'x') end\" 0");
        let report = run_pair(&script, small_listpack());
        assert_eq!(report.differences.len(), 1, "{report}");
        assert!(report.to_string().contains("the data differs"), "{report}");
    }

    #[test]
    fn an_error_a_missing_reply_and_a_closed_connection_are_differences() {
        let limited = || spec().with("proto-max-bulk-len", "1mb");
        let report = run_pair(
            "!raw 1 \"*2\\r\\n$4\\r\\nECHO\\r\\n$2000000\\r\\n${x*2000000}\\r\\n\"",
            limited(),
        );
        assert_eq!(report.differences.len(), 1, "{report}");

        let renamed = || spec().with_config("rename-command PING \"\"\n").with("timeout", "0");
        let report = run_pair("PING\n GET k", renamed());
        assert_eq!(report.differences.len(), 1, "{report}");
        assert!(report.to_string().contains("one is an error"), "{report}");

        // A reply that only the reference sends.
        let script =
            format!("HSET h a 1 b 2\n EVAL \"{HAS_TABLE} then while true do end end\" 0\n PING");
        let report = run_pair(&script, small_listpack());
        assert_eq!(report.differences.len(), 1, "{report}");
        assert!(report.to_string().contains("no reply"), "{report}");
    }

    #[test]
    fn cases_do_not_see_what_earlier_ones_left() {
        let cases = [
            Case::new("first", "SELECT 3\n SET k v\n CONFIG SET requirepass x\n MULTI"),
            Case::new("second", "SELECT 3\n DBSIZE\n EXISTS k"),
        ];
        let report = run("test", &cases, Protocol::Resp2, spec(), spec()).unwrap();
        assert!(report.is_clean() || report.differences[0].case == "first", "{report}");
        assert!(report.differences.iter().all(|found| found.case == "first"), "{report}");
    }

    #[test]
    fn a_malformed_script_is_an_error_and_not_a_pass() {
        let cases = [Case::new("bad", "!nonsense")];
        let error = run("test", &cases, Protocol::Resp2, spec(), spec()).unwrap_err();
        assert!(matches!(&error, RunError::Script { case, .. } if case == "bad"), "{error}");
    }
}
