//! What two replies may differ in, and why.
//!
//! Written behind ` //~ ` at the end of a step, with the reason behind ` -- `:
//!
//! ```text
//! unordered            elements of the outermost array, set or map in any order
//! unordered-pairs      the same for RESP2's flat array of names and values
//! unordered-deep       in any order at every depth
//! unordered-deep without a   the same, leaving out names `a` with their values wherever they are
//! within 2             integers that differ by at most 2 (negative ones must be equal)
//! shape                same type and length
//! either a b           texts that are equal, or both among these
//! any                  any reply at all
//! code                 errors with the same first word
//! except a b           maps (or flat arrays of pairs) that agree but for these names
//! only a b             of `name=value` words in a text, these agree
//! seen                 lines of MONITOR that agree but for their time, addresses and ports
//! keys                 maps (or flat arrays of pairs) with the same names
//! 7.2 "..." ["..."]    Redis 7.2 answers these bytes (the second text: in RESP3)
//! 7.2-has "..."        Redis 7.2 answers something that contains this
//! until-7.2 code       what `code`, or another of these, says; with a reference of 7.2, equal bytes
//! ```
//!
//! Whatever the mask, an error never agrees with something that is no error, nor a reply with none.
//! A reference that is 7.2 or newer makes the `7.2` masks exact comparisons, and must contain what it is said to.

use crate::reply::{Frame, escape};

use super::script::split;
use super::{Protocol, valkey};

/// A permitted difference, with its reason.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Mask {
    /// None: equal bytes.
    Exact,
    /// The order of the outermost elements.
    Unordered(String),
    /// The order of the pairs in the outermost array.
    UnorderedPairs(String),
    /// The order at every depth, and these names with their values.
    UnorderedDeep(Vec<String>, String),
    /// How numbers with a fraction are written, at every depth.
    Doubles(String),
    /// An integer's distance.
    Within(u64, String),
    /// Everything but type and length.
    Shape(String),
    /// Which of these texts it is.
    Either(Vec<String>, String),
    /// Everything.
    Any(String),
    /// The text of an error after its first word.
    Code(String),
    /// The values of these names.
    Except(Vec<String>, String),
    /// All words but `name=value` of these names.
    Only(Vec<String>, String),
    /// When and by which address a command was seen by MONITOR.
    Seen(String),
    /// All values of a map.
    Keys(String),
    /// Redis 7.2 answers otherwise than an older reference: so, in RESP2 and RESP3.
    Since72(Vec<u8>, Vec<u8>, String),
    /// Redis 7.2 answers otherwise: something that contains this.
    Since72Has(Vec<u8>, String),
    /// A mask that only an older reference needs.
    Until72(Box<Mask>),
}

/// What came of one step on one server.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// The exact bytes of one reply.
    Reply(Vec<u8>),
    /// Something that the runner made out of several replies.
    Summary(Frame),
    /// All bytes until the server closed the connection.
    Closed(Vec<u8>),
    /// No reply in time, or no connection.
    Nothing(String),
}

impl Outcome {
    /// One line for reports.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Self::Reply(bytes) => shorten(&escape(bytes)),
            Self::Summary(frame) => shorten(&frame.to_string()),
            Self::Closed(bytes) => format!("{} (and closed)", shorten(&escape(bytes))),
            Self::Nothing(why) => format!("({why})"),
        }
    }

    fn frame(&self) -> Option<Frame> {
        match self {
            Self::Reply(bytes) => Frame::decode(bytes).ok().map(|(frame, _)| frame),
            Self::Summary(frame) => Some(frame.clone()),
            Self::Closed(_) | Self::Nothing(_) => None,
        }
    }
}

/// Longest reply printed in full.
const PRINTED_MAX: usize = 2_000;

fn shorten(text: &str) -> String {
    if text.len() <= PRINTED_MAX {
        return text.to_owned();
    }
    format!("{} ... ({} characters)", &text[..PRINTED_MAX], text.len())
}

/// Which servers take part, as far as masks care.
#[derive(Clone, Copy, Debug)]
pub struct Versions {
    /// Whether the reference is Redis 7.2 or newer.
    pub reference_is_7_2: bool,
    /// Whether the subject claims to be.
    pub subject_is_7_2: bool,
    /// Whether the reference is Valkey, which says some things in other words.
    pub reference_is_valkey: bool,
}

impl Mask {
    /// Reads a mask as written behind `//~`.
    ///
    /// # Errors
    ///
    /// If the kind is unknown or the reason is missing.
    pub fn parse(text: &str) -> Result<Self, String> {
        if let Some(rest) = text.strip_prefix("until-7.2 ") {
            return Self::parse(rest).map(|mask| Self::Until72(Box::new(mask)));
        }
        let (what, reason) = text.split_once(" -- ").ok_or("a mask needs ` -- ` and a reason")?;
        let reason = reason.trim().to_owned();
        if reason.is_empty() {
            return Err("a mask needs a reason".to_owned());
        }
        let words = split(what)?;
        let (kind, rest) = words.split_first().ok_or("a mask needs a kind")?;
        let names = || -> Vec<String> {
            rest.iter().map(|word| String::from_utf8_lossy(word).into_owned()).collect()
        };
        Ok(match (kind.as_slice(), rest) {
            (b"unordered", []) => Self::Unordered(reason),
            (b"unordered-pairs", []) => Self::UnorderedPairs(reason),
            (b"unordered-deep", []) => Self::UnorderedDeep(Vec::new(), reason),
            (b"unordered-deep", [without, left_out @ ..])
                if without == b"without" && !left_out.is_empty() =>
            {
                Self::UnorderedDeep(names().split_off(1), reason)
            }
            (b"doubles", []) => Self::Doubles(reason),
            (b"within", [distance]) => {
                let distance = String::from_utf8_lossy(distance);
                Self::Within(distance.parse().map_err(|_| "`within` takes a number")?, reason)
            }
            (b"shape", []) => Self::Shape(reason),
            (b"either", [_, _, ..]) => Self::Either(names(), reason),
            (b"any", []) => Self::Any(reason),
            (b"code", []) => Self::Code(reason),
            (b"keys", []) => Self::Keys(reason),
            (b"seen", []) => Self::Seen(reason),
            (b"except", [_, ..]) => Self::Except(names(), reason),
            (b"only", [_, ..]) => Self::Only(names(), reason),
            (b"7.2", [both]) => Self::Since72(both.clone(), both.clone(), reason),
            (b"7.2", [resp2, resp3]) => Self::Since72(resp2.clone(), resp3.clone(), reason),
            (b"7.2-has", [part]) => Self::Since72Has(part.clone(), reason),
            _ => return Err(format!("no mask `{what}`")),
        })
    }

    /// Whether the outcomes agree as far as the mask asks; if not, what is wrong.
    ///
    /// # Errors
    ///
    /// A sentence for the report.
    pub fn check(
        &self,
        protocol: Protocol,
        versions: Versions,
        reference: &Outcome,
        subject: &Outcome,
    ) -> Result<(), String> {
        if let Outcome::Nothing(why) = subject {
            return Err(format!("the server under test gave no reply: {why}"));
        }
        if versions.subject_is_7_2 && !versions.reference_is_7_2 {
            match self {
                Self::Since72(resp2, resp3, _) => {
                    let expected = if protocol == Protocol::Resp2 { resp2 } else { resp3 };
                    return since_7_2(reference, subject, expected);
                }
                Self::Since72Has(part, _) => return contains(subject, part),
                _ => {}
            }
        }
        match self {
            Self::Until72(_) if versions.reference_is_7_2 && versions.subject_is_7_2 => {
                return Self::Exact.check(protocol, versions, reference, subject);
            }
            Self::Until72(mask) => return mask.check(protocol, versions, reference, subject),
            Self::Since72Has(part, _) if versions.reference_is_7_2 && versions.subject_is_7_2 => {
                return contains(reference, part).and_then(|()| contains(subject, part));
            }
            _ => {}
        }
        let reworded =
            if versions.reference_is_valkey { valkey::reworded(reference) } else { None };
        let reference = reworded.as_ref().unwrap_or(reference);
        if reference == subject {
            return Ok(());
        }
        let (Some(left), Some(right)) = (reference.frame(), subject.frame()) else {
            return Err("the connections ended differently".to_owned());
        };
        if left.is_error() != right.is_error() {
            return Err("one is an error, the other is not".to_owned());
        }
        if self.frames_agree(&left, &right) { Ok(()) } else { Err("replies differ".to_owned()) }
    }

    /// Whether two frames agree as far as the mask asks.
    #[must_use]
    pub fn frames_agree(&self, left: &Frame, right: &Frame) -> bool {
        if left == right {
            return true;
        }
        match self {
            Self::Exact | Self::Since72(..) => false,
            Self::Until72(mask) => mask.frames_agree(left, right),
            // What is said of 7.2 says nothing about two older servers.
            Self::Any(_) | Self::Since72Has(..) => true,
            Self::Unordered(_) => sorted(left, 1) == sorted(right, 1),
            Self::UnorderedDeep(left_out, _) => {
                let form = |frame| sorted(&stripped(frame, left_out), usize::MAX);
                form(left) == form(right)
            }
            Self::UnorderedPairs(_) => match (left.pairs(), right.pairs()) {
                (Some(mut left_pairs), Some(mut right_pairs)) => {
                    left_pairs.sort();
                    right_pairs.sort();
                    same_kind(left, right) && left_pairs == right_pairs
                }
                _ => false,
            },
            Self::Doubles(_) => with_plain_doubles(left) == with_plain_doubles(right),
            Self::Within(distance, _) => match (left, right) {
                (Frame::Integer(left), Frame::Integer(right)) => {
                    *left >= 0 && *right >= 0 && left.abs_diff(*right) <= *distance
                }
                _ => false,
            },
            Self::Shape(_) => same_shape(left, right),
            Self::Either(texts, _) => {
                let is_one = |frame: &Frame| {
                    frame.text().is_some_and(|text| texts.iter().any(|t| t.as_bytes() == text))
                };
                same_kind(left, right) && is_one(left) && is_one(right)
            }
            Self::Code(_) => {
                left.is_error() && right.is_error() && first_word(left) == first_word(right)
            }
            Self::Except(names, _) => match (left.pairs(), right.pairs()) {
                (Some(left_pairs), Some(right_pairs)) => {
                    same_kind(left, right)
                        && without(&left_pairs, names) == without(&right_pairs, names)
                }
                _ => false,
            },
            Self::Seen(_) => {
                same_kind(left, right) && seen(left).is_some() && seen(left) == seen(right)
            }
            Self::Only(names, _) => fields(left, names) == fields(right, names),
            Self::Keys(_) => match (left.pairs(), right.pairs()) {
                (Some(left_pairs), Some(right_pairs)) => {
                    let keys = |pairs: &[(Frame, Frame)]| {
                        let mut keys: Vec<Frame> =
                            pairs.iter().map(|(name, _)| name.clone()).collect();
                        keys.sort();
                        keys
                    };
                    same_kind(left, right) && keys(&left_pairs) == keys(&right_pairs)
                }
                _ => false,
            },
        }
    }
}

fn since_7_2(reference: &Outcome, subject: &Outcome, expected: &[u8]) -> Result<(), String> {
    let (Outcome::Reply(subject) | Outcome::Closed(subject)) = subject else {
        return Err("a `7.2` mask needs one plain reply".to_owned());
    };
    if matches!(reference, Outcome::Reply(bytes) | Outcome::Closed(bytes) if bytes == expected) {
        return Err("stale mask: the reference already answers what 7.2 is said to".to_owned());
    }
    if subject == expected {
        Ok(())
    } else {
        Err(format!("Redis 7.2 answers {}", escape(expected)))
    }
}

fn contains(subject: &Outcome, part: &[u8]) -> Result<(), String> {
    let found = matches!(subject, Outcome::Reply(bytes)
        if bytes.windows(part.len().max(1)).any(|window| window == part));
    if found { Ok(()) } else { Err(format!("Redis 7.2's answer contains {}", escape(part))) }
}

/// A line of MONITOR without its time; of where the command came from, the kind alone.
fn seen(frame: &Frame) -> Option<String> {
    let line = String::from_utf8_lossy(frame.text()?).into_owned();
    let (_, line) = line.split_once(" [")?;
    let (origin, command) = line.split_once("] ")?;
    let (db, origin) = origin.split_once(' ')?;
    let origin = match origin {
        "lua" => "a script",
        _ if origin.starts_with("unix:") => "a path",
        _ => "an address",
    };
    Some(format!("{db} {origin} {command}"))
}

fn same_kind(left: &Frame, right: &Frame) -> bool {
    std::mem::discriminant(left) == std::mem::discriminant(right)
}

fn same_shape(left: &Frame, right: &Frame) -> bool {
    let length = |frame: &Frame| match frame {
        Frame::Map(pairs) => pairs.len(),
        other => other.elements().map_or(0, <[Frame]>::len),
    };
    same_kind(left, right) && length(left) == length(right)
}

fn sorted(frame: &Frame, depth: usize) -> Frame {
    let Some(deeper) = depth.checked_sub(1) else { return frame.clone() };
    let list = |elements: &[Frame]| {
        let mut elements: Vec<Frame> =
            elements.iter().map(|element| sorted(element, deeper)).collect();
        elements.sort();
        elements
    };
    match frame {
        Frame::Array(elements) => Frame::Array(list(elements)),
        Frame::Set(elements) => Frame::Set(list(elements)),
        Frame::Map(pairs) => {
            let mut pairs: Vec<(Frame, Frame)> = pairs
                .iter()
                .map(|(name, value)| (sorted(name, deeper), sorted(value, deeper)))
                .collect();
            pairs.sort();
            Frame::Map(pairs)
        }
        other => other.clone(),
    }
}

/// The frame with all doubles, and the strings that are numbers, in one form. Zero has no sign: it is lost
/// where a sorted set is packed, and which one is packed first depends on the version.
#[must_use]
pub fn with_plain_doubles(frame: &Frame) -> Frame {
    let plain = |text: &[u8]| {
        let number: Option<f64> = std::str::from_utf8(text).ok().and_then(|text| text.parse().ok());
        // Adding zero takes the sign of a zero away.
        number.map_or_else(|| text.to_vec(), |number| format!("{:e}", number + 0.0).into_bytes())
    };
    let list = |elements: &[Frame]| elements.iter().map(with_plain_doubles).collect();
    match frame {
        Frame::Double(text) => Frame::Double(plain(text)),
        Frame::Bulk(text) => Frame::Bulk(plain(text)),
        Frame::Array(elements) => Frame::Array(list(elements)),
        Frame::Set(elements) => Frame::Set(list(elements)),
        other => other.clone(),
    }
}

/// The frame without these names and their values, in maps and in flat arrays of pairs.
fn stripped(frame: &Frame, names: &[String]) -> Frame {
    let is_left_out = |frame: &Frame| {
        frame.text().is_some_and(|text| names.iter().any(|name| name.as_bytes() == text))
    };
    let list = |elements: &[Frame]| {
        let mut kept = Vec::new();
        let mut rest = elements.iter();
        while let Some(element) = rest.next() {
            if is_left_out(element) {
                rest.next();
            } else {
                kept.push(stripped(element, names));
            }
        }
        kept
    };
    match frame {
        Frame::Array(elements) => Frame::Array(list(elements)),
        Frame::Set(elements) => Frame::Set(list(elements)),
        Frame::Map(pairs) => Frame::Map(
            pairs
                .iter()
                .filter(|(name, _)| !is_left_out(name))
                .map(|(name, value)| (name.clone(), stripped(value, names)))
                .collect(),
        ),
        other => other.clone(),
    }
}

fn first_word(frame: &Frame) -> &[u8] {
    frame.text().unwrap_or_default().split(|&byte| byte == b' ').next().unwrap_or_default()
}

fn without(pairs: &[(Frame, Frame)], names: &[String]) -> Vec<(Frame, Frame)> {
    pairs
        .iter()
        .map(|(name, value)| {
            let masked = name
                .text()
                .is_some_and(|text| names.iter().any(|masked| masked.as_bytes() == text));
            // The name must still be there, at the same place.
            (name.clone(), if masked { Frame::Null } else { value.clone() })
        })
        .collect()
}

/// The wanted `name=value` words of a text, line by line; `None` if there is no text.
fn fields(frame: &Frame, names: &[String]) -> Option<Vec<Vec<String>>> {
    let text = String::from_utf8_lossy(frame.text()?).into_owned();
    let line = |line: &str| {
        line.split(' ')
            .filter(|word| {
                word.split_once('=').is_some_and(|(name, _)| names.iter().any(|n| n == name))
            })
            .map(str::to_owned)
            .collect()
    };
    Some(text.lines().map(line).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: Versions =
        Versions { reference_is_7_2: false, subject_is_7_2: false, reference_is_valkey: false };
    const NEW: Versions = Versions { subject_is_7_2: true, ..OLD };
    const BOTH: Versions = Versions { reference_is_7_2: true, ..NEW };

    fn agree(mask: &str, left: &str, right: &str) -> bool {
        let outcome = |text: &str| Outcome::Reply(text.replace(' ', "\r\n").into_bytes());
        let mask = Mask::parse(&format!("{mask} -- why")).unwrap();
        mask.check(Protocol::Resp2, OLD, &outcome(left), &outcome(right)).is_ok()
    }

    #[test]
    fn each_mask_lets_pass_what_it_says_and_no_more() {
        // mask, reply, agreeing reply, disagreeing reply
        let table = [
            ("unordered", "*2 :1 :2 ", "*2 :2 :1 ", "*2 :2 :3 "),
            ("unordered", "~2 :1 :2 ", "~2 :2 :1 ", "*2 :2 :1 "),
            ("unordered-pairs", "*4 +a :1 +b :2 ", "*4 +b :2 +a :1 ", "*4 +b :1 +a :2 "),
            ("unordered-deep", "*1 *2 :1 :2 ", "*1 *2 :2 :1 ", "*1 *2 :1 :1 "),
            ("unordered-deep without x", "*1 *2 :1 :2 ", "*1 *4 :2 +x :9 :1 ", "*1 *2 :1 :1 "),
            ("unordered-deep without x", "*1 %1 +a :2 ", "*1 %2 +x :9 +a :2 ", "*1 %1 +x :2 "),
            ("doubles", "$4 0.10 ", "$3 0.1 ", "$3 0.2 "),
            ("doubles", "*1 *2 +a ,1e2 ", "*1 *2 +a ,100 ", "*1 *2 +b ,100 "),
            ("doubles", "$1 x ", "$1 x ", "$1 y "),
            ("within 2", ":10 ", ":12 ", ":13 "),
            ("within 2", ":0 ", ":2 ", ":-1 "),
            ("shape", "*1 :1 ", "*1 :2 ", "*2 :1 :1 "),
            ("either a b", "+a ", "+b ", "+c "),
            ("either a b", "$1 a ", "$1 b ", "+b "),
            ("any", ":1 ", "+x ", "-ERR "),
            ("keys", "*4 +a :1 +b :2 ", "*4 +b :9 +a :8 ", "*4 +a :1 +c :2 "),
            ("except b", "*4 +a :1 +b :2 ", "*4 +a :1 +b :3 ", "*4 +a :2 +b :2 "),
            ("except b", "%1 +b :1 ", "%1 +b :2 ", "%1 +c :2 "),
        ];
        for (mask, reply, same, other) in table {
            assert!(agree(mask, reply, reply), "{mask}: {reply}");
            assert!(agree(mask, reply, same), "{mask}: {reply} / {same}");
            assert!(!agree(mask, reply, other), "{mask}: {reply} / {other}");
        }
    }

    #[test]
    fn code_and_only_look_at_words() {
        let check = |mask: &str, left: &str, right: &str| {
            let mask = Mask::parse(&format!("{mask} -- why")).unwrap();
            let outcome = |text: &str| Outcome::Reply(format!("{text}\r\n").into_bytes());
            mask.check(Protocol::Resp2, OLD, &outcome(left), &outcome(right)).is_ok()
        };
        assert!(check("code", "-ERR one thing", "-ERR other"));
        assert!(!check("code", "-ERR one", "-WRONGTYPE one"));
        assert!(check("only db name", "+id=1 db=0 name=x", "+id=2 db=0 name=x lib="));
        assert!(!check("only db name", "+id=1 db=0 name=x", "+id=1 db=1 name=x"));
    }

    #[test]
    fn what_7_2_changed_is_compared_with_the_case_and_not_with_an_old_reference() {
        let mask = Mask::parse("7.2 \"+NEW\\r\\n\" -- changed").unwrap();
        let old = Outcome::Reply(b"+OLD\r\n".to_vec());
        let new = Outcome::Reply(b"+NEW\r\n".to_vec());
        let check = |versions, reference, subject| {
            mask.check(Protocol::Resp2, versions, reference, subject)
        };
        assert_eq!(check(NEW, &old, &new), Ok(()));
        assert!(check(NEW, &old, &old).is_err());
        assert!(check(NEW, &new, &new).unwrap_err().contains("stale"));
        // An old subject is compared with the old reference.
        assert_eq!(check(OLD, &old, &old), Ok(()));
        assert!(check(OLD, &old, &new).is_err());
    }

    #[test]
    fn what_7_2_is_said_to_contain_is_looked_for_in_a_reference_of_7_2() {
        let mask = Mask::parse("7.2-has new -- changed").unwrap();
        let [old, new] = [b"+old\r\n", b"+new\r\n"].map(|text| Outcome::Reply(text.to_vec()));
        let check = |versions, reference, subject| {
            mask.check(Protocol::Resp2, versions, reference, subject)
        };
        assert_eq!(check(NEW, &old, &new), Ok(()));
        assert_eq!(check(BOTH, &new, &new), Ok(()));
        assert!(check(BOTH, &old, &new).is_err());
        assert!(check(BOTH, &new, &old).is_err());
    }

    #[test]
    fn a_mask_until_7_2_is_for_an_older_reference_alone() {
        let mask = Mask::parse("until-7.2 code -- worded otherwise").unwrap();
        let [one, other] =
            [b"-ERR one\r\n", b"-ERR two\r\n"].map(|text| Outcome::Reply(text.to_vec()));
        let check = |versions, subject| mask.check(Protocol::Resp2, versions, &one, subject);
        assert_eq!([OLD, NEW].map(|versions| check(versions, &other)), [Ok(()), Ok(())]);
        assert!(check(BOTH, &other).is_err());
        assert_eq!(check(BOTH, &one), Ok(()));
        assert!(Mask::parse("until-7.2 code").is_err());
    }

    #[test]
    fn no_mask_hides_a_missing_reply_or_an_early_close() {
        let any = Mask::parse("any -- why").unwrap();
        let reply = Outcome::Reply(b"+OK\r\n".to_vec());
        let nothing = Outcome::Nothing("no reply in time".to_owned());
        let closed = Outcome::Closed(Vec::new());
        assert!(any.check(Protocol::Resp2, OLD, &reply, &nothing).is_err());
        assert!(any.check(Protocol::Resp2, OLD, &nothing, &nothing).is_err());
        assert!(any.check(Protocol::Resp2, OLD, &reply, &closed).is_err());
    }
}
