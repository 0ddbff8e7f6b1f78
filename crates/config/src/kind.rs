//! What a directive's value may be, and how it is read and written.

use crate::line::split_words;
use crate::value::{Amount, OutputLimit, OutputLimits, SavePoint, Value};
use crate::{ByteCount, Secret};

/// The largest argument of CONFIG SET or of a line that an error repeats.
const SHOWN_LEN_MAX: usize = 64;

/// What a directive's value may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// `yes` or `no`.
    Bool,
    /// A whole number in a range, ends included.
    Int {
        /// The least value.
        min: i64,
        /// The greatest value.
        max: i64,
    },
    /// `hz`: any number from 0 up, brought between 1 and 500.
    Hz,
    /// A number of bytes with an optional unit: `512mb`, `1gb`, `100`.
    Memory {
        /// The least value, in bytes.
        min: u64,
        /// The greatest value, in bytes.
        max: u64,
    },
    /// A number of bytes, or a percentage of `maxmemory` such as `10%`.
    MemoryOrPercent,
    /// File permission bits in octal, `0` to `777`.
    Octal,
    /// One word out of a list, in any case.
    Enum(&'static [&'static str]),
    /// Some words out of a list; the first word of the list stands for "none of the others".
    Flags(&'static [&'static str]),
    /// Any text.
    Text,
    /// The name of a file, without a directory.
    FileName,
    /// A host name, or nothing.
    HostName,
    /// A password or passphrase.
    Secret,
    /// Any number of addresses.
    Addresses,
    /// Pairs of seconds and changes.
    SavePoints,
    /// Groups of client class, hard limit, soft limit, soft seconds.
    OutputLimits,
    /// Numbers from 0 to 100.
    Percentiles,
    /// Three numbers from -2000 to 2000.
    OomScores,
    /// Letters that name classes of keyspace events.
    KeyspaceEvents,
    /// `host port`, or `no one`.
    Master,
    /// A directive of the file only, without a value that `CONFIG GET` could show.
    FileOnly {
        /// The least number of arguments.
        args_min: usize,
        /// The greatest number of arguments.
        args_max: usize,
    },
}

/// Why a value was refused. The texts are those of Redis 7.0, which clients may look at.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadValue {
    #[error("wrong number of arguments")]
    Arity,
    #[error("argument must be 'yes' or 'no'")]
    Bool,
    #[error("argument couldn't be parsed into an integer")]
    Integer,
    #[error("argument must be between {min} and {max} inclusive")]
    Range { min: i128, max: i128 },
    #[error("argument must be a memory value")]
    Memory,
    #[error("argument must be a memory or percent value")]
    MemoryOrPercent,
    #[error("percentage argument must be less or equal to 100")]
    Percent,
    #[error("argument couldn't be parsed as an octal number")]
    Octal,
    #[error("argument(s) must be one of the following: {}", .0.join(", "))]
    OneOf(&'static [&'static str]),
    #[error("shutdown options SAVE and NOSAVE can't be used simultaneously")]
    SaveAndNosave,
    #[error("can't be a path, just a filename")]
    Path,
    #[error("can't be empty")]
    Empty,
    #[error("Hostnames may only contain alphanumeric characters, hyphens or dots")]
    HostName,
    #[error("argument must be UTF-8 text without zero bytes")]
    NotText,
    #[error("Failed to bind to specified addresses.")]
    Addresses,
    #[error("Invalid save parameters")]
    SavePoints,
    #[error("Wrong number of arguments in buffer limit configuration.")]
    OutputArity,
    #[error("Invalid client class specified in buffer limit configuration.")]
    OutputClass,
    #[error("Error in hard, soft or soft_seconds setting in buffer limit configuration.")]
    OutputNumber,
    #[error("Invalid latency-tracking-info-percentiles parameters")]
    Percentile,
    #[error("latency-tracking-info-percentiles parameters should sit between [0.0,100.0]")]
    PercentileRange,
    #[error("Invalid oom-score-adj-values, elements must be between -2000 and 2000.")]
    OomScores,
    #[error("Invalid event class character. Use 'Ag$lshzxeKEtmdn'.")]
    KeyspaceEvents,
    #[error("Invalid master port")]
    MasterPort,
}

impl Kind {
    /// Reads a value from the words after the directive's name in a file or on the command line;
    /// `before` is the value so far, which some directives change only in part.
    pub(crate) fn parse(self, args: &[Vec<u8>], before: Option<&Value>) -> Result<Value, BadValue> {
        match self {
            Self::FileOnly { args_min, args_max } => {
                let fits = (args_min..=args_max).contains(&args.len());
                let words = args.iter().cloned().map(Secret::new).collect();
                if fits { Ok(Value::Lines(vec![words])) } else { Err(BadValue::Arity) }
            }
            Self::Master => parse_master(args),
            list if list.is_list() => {
                // A list in quotes is split like a line of its own.
                let items = match args {
                    [only] => split_words(only).map_err(|_| BadValue::Arity)?,
                    several => several.to_vec(),
                };
                let items: Vec<&[u8]> = items.iter().map(Vec::as_slice).collect();
                list.parse_list(&items, before)
            }
            single => match args {
                [arg] => single.parse_single(arg),
                _ => Err(BadValue::Arity),
            },
        }
    }

    /// Reads a value from the one argument that `CONFIG SET` has for it.
    pub(crate) fn parse_set(self, arg: &[u8], before: &Value) -> Result<Value, BadValue> {
        if !self.is_list() {
            return self.parse(&[arg.to_vec()], Some(before));
        }
        // Unlike in a file, only single spaces separate here.
        let items: Vec<&[u8]> = match arg {
            [] => Vec::new(),
            arg => arg.split(|byte| *byte == b' ').collect(),
        };
        self.parse_list(&items, Some(before))
    }

    /// Whether the value is several words, which may also be given as one with single spaces
    /// between.
    fn is_list(self) -> bool {
        matches!(
            self,
            Self::Addresses
                | Self::SavePoints
                | Self::OutputLimits
                | Self::Percentiles
                | Self::OomScores
                | Self::Flags(_)
        )
    }

    fn parse_single(self, arg: &[u8]) -> Result<Value, BadValue> {
        match self {
            Self::Bool => parse_bool(arg),
            Self::Int { min, max } => {
                let number = parse_integer(arg).ok_or(BadValue::Integer)?;
                in_range(i128::from(number), i128::from(min), i128::from(max))?;
                Ok(Value::Int(number))
            }
            Self::Hz => {
                let number = parse_integer(arg).ok_or(BadValue::Integer)?;
                in_range(i128::from(number), 0, i128::from(i32::MAX))?;
                Ok(Value::Int(number.clamp(1, 500)))
            }
            Self::Memory { min, max } => {
                let bytes = parse_memory(arg).ok_or(BadValue::Memory)?;
                in_range(i128::from(bytes), i128::from(min), i128::from(max))?;
                Ok(Value::Memory(ByteCount(bytes)))
            }
            Self::MemoryOrPercent => parse_amount(arg),
            Self::Octal => parse_octal(arg),
            Self::Enum(words) => Ok(Value::Choice(choose(arg, words)?)),
            Self::FileName => parse_file_name(arg),
            Self::HostName => {
                let host_byte = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.');
                if !arg.iter().all(host_byte) {
                    return Err(BadValue::HostName);
                }
                Ok(Value::Text(text(arg)?))
            }
            Self::Secret => Ok(Value::Secret(Secret::new(arg.to_vec()))),
            Self::KeyspaceEvents => {
                if !arg.iter().all(|letter| b"Ag$lshzxeKEtmdn".contains(letter)) {
                    return Err(BadValue::KeyspaceEvents);
                }
                Ok(Value::Text(event_letters(arg)))
            }
            _ => Ok(Value::Text(text(arg)?)),
        }
    }

    fn parse_list(self, items: &[&[u8]], before: Option<&Value>) -> Result<Value, BadValue> {
        match self {
            Self::Addresses => parse_addresses(items),
            Self::SavePoints => parse_save_points(items),
            Self::OutputLimits => parse_output_limits(items, before),
            Self::Percentiles => parse_percentiles(items),
            Self::OomScores => parse_oom_scores(items),
            Self::Flags(words) => parse_flags(items, words),
            _ => Err(BadValue::Arity),
        }
    }

    /// What a value looks like, for the sentence "`name` takes ...".
    pub(crate) fn expects(self) -> String {
        match self {
            Self::Bool => "`yes` or `no`".into(),
            Self::Int { min, max: i64::MAX } => format!("a whole number, {min} or more"),
            Self::Int { min, max } => format!("a whole number from {min} to {max}"),
            Self::Hz => "a whole number from 1 to 500".into(),
            Self::Memory { min: 0, .. } => "a size like 512mb".into(),
            Self::Memory { min, .. } => format!("a size like 512mb, at least {min} bytes"),
            Self::MemoryOrPercent => "a size like 512mb or a share like 10%".into(),
            Self::Octal => "permission bits in octal, like 770".into(),
            Self::Enum(words) => format!("one of {}", words.join(", ")),
            Self::Flags(words) => format!("one or more of {}", words.join(", ")),
            Self::Text | Self::Secret => "one value (quote it if it has spaces)".into(),
            Self::FileName => "a file name without a directory".into(),
            Self::HostName => "a host name of letters, digits, hyphens and dots".into(),
            Self::Addresses => "addresses like 127.0.0.1 -::1".into(),
            Self::SavePoints => "pairs of seconds and changes like 3600 1 300 100".into(),
            Self::OutputLimits => {
                "a class (normal, replica, pubsub), a hard limit, a soft limit and seconds, like \
                 pubsub 32mb 8mb 60"
                    .into()
            }
            Self::Percentiles => "numbers from 0 to 100".into(),
            Self::OomScores => "three numbers from -2000 to 2000".into(),
            Self::KeyspaceEvents => "letters out of Ag$lshzxeKEtmdn".into(),
            Self::Master => "a host and a port".into(),
            Self::FileOnly { args_min, args_max } => {
                let least = if args_min == args_max { "" } else { "at least " };
                let plural = if args_min == 1 { "" } else { "s" };
                format!("{least}{args_min} argument{plural}")
            }
        }
    }

    /// The kind in a word or two, for the generated reference.
    pub(crate) fn label(self) -> String {
        match self {
            Self::Bool => "yes/no".into(),
            Self::Int { .. } | Self::Hz => "number".into(),
            Self::Memory { .. } => "size".into(),
            Self::MemoryOrPercent => "size or %".into(),
            Self::Octal => "octal".into(),
            Self::Enum(words) | Self::Flags(words) => words.join(", "),
            Self::Text | Self::HostName => "text".into(),
            Self::FileName => "file name".into(),
            Self::Secret => "secret".into(),
            Self::Addresses => "addresses".into(),
            Self::SavePoints => "seconds changes …".into(),
            Self::OutputLimits => "class hard soft seconds …".into(),
            Self::Percentiles => "numbers".into(),
            Self::OomScores => "three numbers".into(),
            Self::KeyspaceEvents => "letters".into(),
            Self::Master => "host port".into(),
            Self::FileOnly { .. } => "words".into(),
        }
    }
}

/// The arguments as an error may repeat them: shortened, printable, and nothing at all of a secret.
pub(crate) fn shown(kind: Kind, args: &[Vec<u8>]) -> String {
    if args.is_empty() {
        return "nothing".into();
    }
    // Free-form arguments of refused directives (`user`, `sentinel`) may hold passwords as well.
    if matches!(kind, Kind::Secret | Kind::FileOnly { .. }) {
        let plural = if args.len() == 1 { "" } else { "s" };
        return format!("{} hidden argument{plural}", args.len());
    }
    let joined = args.join(&b' ');
    let text: String =
        String::from_utf8_lossy(&joined).chars().take(SHOWN_LEN_MAX).collect::<String>();
    let printable: String = text.chars().flat_map(char::escape_debug).collect();
    let ellipsis = if joined.len() > text.len() { "…" } else { "" };
    format!("`{printable}{ellipsis}`")
}

/// The letters as Redis gives them back: each once, in its order, `A` for all that it stands for.
fn event_letters(given: &[u8]) -> String {
    const ALL: &str = "g$lshzxetd";
    let has = |letter: char| given.contains(&(letter as u8));
    let all = has('A') || ALL.chars().all(has);
    let classes = if all { "A".to_owned() } else { ALL.chars().filter(|l| has(*l)).collect() };
    classes + &"KEmn".chars().filter(|letter| has(*letter)).collect::<String>()
}

fn text(arg: &[u8]) -> Result<String, BadValue> {
    if arg.contains(&0) {
        return Err(BadValue::NotText);
    }
    String::from_utf8(arg.to_vec()).map_err(|_| BadValue::NotText)
}

fn in_range(number: i128, min: i128, max: i128) -> Result<(), BadValue> {
    if (min..=max).contains(&number) { Ok(()) } else { Err(BadValue::Range { min, max }) }
}

fn parse_bool(arg: &[u8]) -> Result<Value, BadValue> {
    match choose(arg, &["yes", "no"]) {
        Ok(word) => Ok(Value::Bool(word == "yes")),
        Err(_) => Err(BadValue::Bool),
    }
}

/// A decimal number in its only spelling: no `+`, no leading zero, no space.
fn parse_integer(arg: &[u8]) -> Option<i64> {
    let digits = arg.strip_prefix(b"-").unwrap_or(arg);
    let canonical = match digits {
        [b'0'] => digits.len() == arg.len(),
        [b'1'..=b'9', rest @ ..] => rest.iter().all(u8::is_ascii_digit),
        _ => false,
    };
    if canonical { std::str::from_utf8(arg).ok()?.parse().ok() } else { None }
}

/// A number of bytes: digits, then `b`, `k` (1000), `kb` (1024), and so on to `gb`.
///
/// Unlike Redis, an empty text is not zero and a number beyond 64 bits is refused instead of bent.
fn parse_memory(arg: &[u8]) -> Option<u64> {
    let digits_len = arg.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(arg.len());
    let (digits, unit) = arg.split_at(digits_len);
    let factor: u64 = match unit.to_ascii_lowercase().as_slice() {
        b"" | b"b" => 1,
        b"k" => 1_000,
        b"kb" => 1 << 10,
        b"m" => 1_000_000,
        b"mb" => 1 << 20,
        b"g" => 1_000_000_000,
        b"gb" => 1 << 30,
        _ => return None,
    };
    std::str::from_utf8(digits).ok()?.parse::<u64>().ok()?.checked_mul(factor)
}

fn parse_amount(arg: &[u8]) -> Result<Value, BadValue> {
    let Some(number) = arg.strip_suffix(b"%") else {
        let bytes = parse_memory(arg).ok_or(BadValue::MemoryOrPercent)?;
        return Ok(Value::Amount(Amount::Bytes(ByteCount(bytes))));
    };
    let percent = parse_integer(number).filter(|n| *n >= 0).ok_or(BadValue::MemoryOrPercent)?;
    let percent = u8::try_from(percent).ok().filter(|n| *n <= 100).ok_or(BadValue::Percent)?;
    Ok(Value::Amount(Amount::Percent(percent)))
}

fn parse_octal(arg: &[u8]) -> Result<Value, BadValue> {
    let digits = std::str::from_utf8(arg).map_err(|_| BadValue::Octal)?;
    if digits.starts_with('+') {
        return Err(BadValue::Octal);
    }
    let bits = u32::from_str_radix(digits, 8).map_err(|_| BadValue::Octal)?;
    if bits > 0o777 {
        return Err(BadValue::Range { min: 0, max: 777 });
    }
    Ok(Value::Octal(bits))
}

fn parse_file_name(arg: &[u8]) -> Result<Value, BadValue> {
    let name = text(arg)?;
    if name.is_empty() {
        return Err(BadValue::Empty);
    }
    if name.contains(['/', '\\']) || name == "." || name == ".." {
        return Err(BadValue::Path);
    }
    Ok(Value::Text(name))
}

/// The word of `words` that `arg` is, whatever its case.
fn choose(arg: &[u8], words: &'static [&'static str]) -> Result<&'static str, BadValue> {
    words
        .iter()
        .find(|word| word.as_bytes().eq_ignore_ascii_case(arg))
        .copied()
        .ok_or(BadValue::OneOf(words))
}

fn parse_addresses(items: &[&[u8]]) -> Result<Value, BadValue> {
    let addresses = items.iter().map(|item| text(item)).collect::<Result<Vec<_>, _>>()?;
    // Whatever a name of a machine may hold, quotes are no part of it; they would be read otherwise in a file.
    let is_address = |address: &String| {
        !matches!(address.as_str(), "" | "-")
            && address.bytes().all(|b| b.is_ascii_graphic() && !b"\"'\\".contains(&b))
    };
    if !addresses.iter().all(is_address) {
        return Err(BadValue::Addresses);
    }
    Ok(Value::Words(addresses))
}

fn parse_save_points(items: &[&[u8]]) -> Result<Value, BadValue> {
    let (pairs, []) = items.as_chunks::<2>() else { return Err(BadValue::SavePoints) };
    let number = |item: &[u8], min: i64| parse_integer(item).filter(|n| *n >= min);
    pairs
        .iter()
        .map(|[seconds, changes]| {
            let seconds = number(seconds, 1)?;
            let changes = number(changes, 0)?;
            Some(SavePoint { seconds: seconds as u64, changes: changes as u64 })
        })
        .collect::<Option<Vec<_>>>()
        .map(Value::Save)
        .ok_or(BadValue::SavePoints)
}

fn parse_output_limits(items: &[&[u8]], before: Option<&Value>) -> Result<Value, BadValue> {
    let (groups, []) = items.as_chunks::<4>() else { return Err(BadValue::OutputArity) };
    let mut limits = match before {
        Some(Value::Output(limits)) => *limits,
        _ => OutputLimits::default(),
    };
    for [class, hard, soft, seconds] in groups {
        let of_class = match class.to_ascii_lowercase().as_slice() {
            b"normal" => &mut limits.normal,
            b"replica" | b"slave" => &mut limits.replica,
            b"pubsub" => &mut limits.pubsub,
            _ => return Err(BadValue::OutputClass),
        };
        let bytes = |arg| parse_memory(arg).map(ByteCount).ok_or(BadValue::OutputNumber);
        let seconds = parse_integer(seconds).and_then(|n| u32::try_from(n).ok());
        *of_class = OutputLimit {
            hard: bytes(hard)?,
            soft: bytes(soft)?,
            soft_seconds: seconds.ok_or(BadValue::OutputNumber)?,
        };
    }
    Ok(Value::Output(limits))
}

fn parse_percentiles(items: &[&[u8]]) -> Result<Value, BadValue> {
    let percentile = |item: &&[u8]| {
        let number: f64 = std::str::from_utf8(item)
            .ok()
            .and_then(|text| text.parse().ok())
            .filter(|n: &f64| n.is_finite())
            .ok_or(BadValue::Percentile)?;
        if !(0.0..=100.0).contains(&number) {
            return Err(BadValue::PercentileRange);
        }
        let digits = format!("{number:.6}");
        Ok(digits.trim_end_matches('0').trim_end_matches('.').to_owned())
    };
    Ok(Value::Words(items.iter().map(percentile).collect::<Result<_, _>>()?))
}

fn parse_oom_scores(items: &[&[u8]]) -> Result<Value, BadValue> {
    let [_, _, _] = items else { return Err(BadValue::Arity) };
    let score = |item: &&[u8]| {
        let score = parse_integer(item).filter(|n| (-2_000..=2_000).contains(n));
        score.map(|n| n.to_string()).ok_or(BadValue::OomScores)
    };
    Ok(Value::Words(items.iter().map(score).collect::<Result<_, _>>()?))
}

/// Flags in the order of the list; none at all is the first word of the list.
fn parse_flags(items: &[&[u8]], words: &'static [&'static str]) -> Result<Value, BadValue> {
    let chosen = items.iter().map(|item| choose(item, words)).collect::<Result<Vec<_>, _>>()?;
    let Some(first) = words.first().filter(|_| !chosen.is_empty()) else {
        return Err(BadValue::OneOf(words));
    };
    if chosen.contains(&"save") && chosen.contains(&"nosave") {
        return Err(BadValue::SaveAndNosave);
    }
    let mut set: Vec<String> =
        words[1..].iter().filter(|word| chosen.contains(word)).map(|w| (*w).to_owned()).collect();
    if set.is_empty() {
        set.push((*first).to_owned());
    }
    Ok(Value::Words(set))
}

/// `host port`, kept as that text; `no one` is nothing.
fn parse_master(args: &[Vec<u8>]) -> Result<Value, BadValue> {
    let items = match args {
        [only] if only.is_empty() => return Ok(Value::Text(String::new())),
        several => several,
    };
    let [host, port] = items else { return Err(BadValue::Arity) };
    if host.eq_ignore_ascii_case(b"no") && port.eq_ignore_ascii_case(b"one") {
        return Ok(Value::Text(String::new()));
    }
    let port =
        parse_integer(port).and_then(|n| u16::try_from(n).ok()).ok_or(BadValue::MasterPort)?;
    Ok(Value::Text(format!("{} {port}", text(host)?)))
}
