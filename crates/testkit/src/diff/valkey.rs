//! Valkey as the reference for Redis 7.2, which it was forked from: what it says in other words, and where it
//! has gone its own way since.

use crate::reply::Frame;

use super::mask::Outcome;
use super::report::{Difference, Report};

/// Valkey's words, and those of Redis 7.2: Valkey took Redis's name out of its messages.
const WORDS: [(&str, &str); 12] = [
    ("for this call", "for this redis lib call"),
    ("ERR Command arguments must", "ERR Lua redis lib command arguments must"),
    ("Unknown command called", "Unknown Redis command called"),
    ("calling command from script", "calling Redis command from script"),
    ("NOSCRIPT No matching script.", "NOSCRIPT No matching script. Please use EVAL."),
    ("server.acl_check_cmd()", "redis.acl_check_cmd()"),
    ("server.setresp()", "redis.setresp()"),
    ("server.log()", "redis.log()"),
    ("server.set_repl() requires one argument", "redis.set_repl() requires two arguments"),
    ("Invalid log level", "Invalid debug level"),
    ("This instance is", "This Redis instance is"),
    (
        "a configuration file set) in order to store users in the configuration",
        "a Redis configuration file set) in order to store users in the Redis configuration",
    ),
];

/// Steps whose replies differ because Valkey is not Redis 7.2 there.
#[derive(Clone, Copy, Debug)]
pub struct Deviation<'a> {
    /// The family of the case.
    pub family: &'a str,
    /// The case.
    pub case: &'a str,
    /// How the lines of these steps begin; the comparison of the data at the end is `(the data afterwards)`.
    pub steps: &'a [&'a str],
    /// What Valkey does there, and since when.
    pub reason: &'a str,
}

/// The reply in the words of Redis; nothing if it has none of Valkey's.
pub(super) fn reworded(outcome: &Outcome) -> Option<Outcome> {
    let Outcome::Reply(bytes) = outcome else { return None };
    if !WORDS.iter().any(|(valkey, _)| position(bytes, valkey).is_some()) {
        return None;
    }
    let (frame, _) = Frame::decode(bytes).ok()?;
    Some(Outcome::Summary(with_words(frame)))
}

fn with_words(frame: Frame) -> Frame {
    let list = |elements: Vec<Frame>| elements.into_iter().map(with_words).collect();
    match frame {
        Frame::Simple(text) => Frame::Simple(replaced(text)),
        Frame::Error(text) => Frame::Error(replaced(text)),
        Frame::Bulk(text) => Frame::Bulk(replaced(text)),
        Frame::Array(elements) => Frame::Array(list(elements)),
        other => other,
    }
}

fn replaced(text: Vec<u8>) -> Vec<u8> {
    WORDS.iter().fold(text, |mut text, (valkey, redis)| {
        if let Some(at) = position(&text, valkey) {
            text.splice(at..at + valkey.len(), redis.bytes());
        }
        text
    })
}

fn position(bytes: &[u8], words: &str) -> Option<usize> {
    bytes.windows(words.len()).position(|window| window == words.as_bytes())
}

/// Takes the differences out of the report that the deviations explain, and puts those in that explain none.
pub(super) fn leave_out(report: &mut Report, family: &str, deviations: &[Deviation<'_>]) {
    for deviation in deviations.iter().filter(|deviation| deviation.family == family) {
        if !report.cases.iter().any(|case| case == deviation.case) {
            continue;
        }
        for step in deviation.steps {
            let before = report.differences.len();
            report
                .differences
                .retain(|found| found.case != deviation.case || !found.line().starts_with(step));
            if report.differences.len() == before {
                report.differences.push(stale(deviation, step));
            }
        }
    }
}

fn stale(deviation: &Deviation<'_>, step: &str) -> Difference {
    Difference {
        case: deviation.case.to_owned(),
        step: 0,
        script: vec![step.to_owned()],
        reference: String::new(),
        subject: String::new(),
        why: format!("nothing differs here, though it is said that {}", deviation.reason),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(lines: &[&str]) -> Report {
        let found = |line: &&str| Difference {
            case: "case".to_owned(),
            step: 0,
            script: vec![(*line).to_owned()],
            reference: String::new(),
            subject: String::new(),
            why: String::new(),
        };
        Report {
            family: "family Resp2".to_owned(),
            names: (String::new(), String::new()),
            cases: vec!["case".to_owned(), "other".to_owned()],
            replies: 1,
            differences: lines.iter().map(found).collect(),
        }
    }

    #[test]
    fn a_deviation_explains_its_steps_and_must_explain_something() {
        let left = |lines: &[&str], case, family| {
            let deviation = Deviation { family: "family", case, steps: &["GET"], reason: "why" };
            let mut report = report(lines);
            leave_out(&mut report, family, &[deviation]);
            report.differences.len()
        };
        assert_eq!(left(&["GET k //~ any -- x", "GET l"], "case", "family"), 0);
        assert_eq!(left(&["GET k", "SET k v"], "case", "family"), 1);
        assert_eq!(left(&["GET k"], "other", "family"), 2);
        // One that belongs to something that was not run says nothing.
        assert_eq!(left(&["GET k"], "a case that was not run", "family"), 1);
        assert_eq!(left(&["GET k"], "case", "another family"), 1);
    }

    #[test]
    fn valkeys_words_become_those_of_redis_at_every_depth() {
        let reply = |text: &str| Outcome::Reply(text.as_bytes().to_vec());
        let said = reply("*1\r\n*1\r\n-ERR Unknown command called from script\r\n");
        let error = Frame::Error(b"ERR Unknown Redis command called from script".to_vec());
        let expected = Outcome::Summary(Frame::Array(vec![Frame::Array(vec![error])]));
        assert_eq!(reworded(&said), Some(expected));
        assert_eq!(reworded(&reply("+OK\r\n")), None);
    }
}
