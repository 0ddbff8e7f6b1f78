//! Random commands: templates filled with few keys and nasty values.
//!
//! Times to live are either far away or already past, and never compared with each other where a
//! millisecond decides: GT and LT come with absolute times only, relative ones lie days apart from
//! all absolute ones.

use std::collections::BTreeSet;

use super::compared;
use super::scripts::{CALLS, PAYLOADS, SCRIPTS, SHA, SWAP, TRANSFER, TYPES, UNLOCK};
use super::templates::TEMPLATES;
use super::words::{
    ACL_RULES, AGGREGATES, BOUNDS, CLUSTER, EXAMPLES, LEX_BOUNDS, LEX_KEYS, MEMBERS, SCORES,
    SET_KEYS, SETTINGS, SORTED_SET_KEYS,
};
use crate::prng::Prng;

/// One command and the connection that sends it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Op {
    /// Index of the connection.
    pub lane: usize,
    /// Whether it is sent along with the command before it, if that is the same connection's.
    pub joined: bool,
    /// The command's words.
    pub args: Vec<Vec<u8>>,
    /// What a server that does not know the command is asked in its place.
    pub instead: Option<Vec<Vec<u8>>>,
}

const KEYS: &[&[u8]] =
    &[b"a", b"b", b"c", b"d", b"e", b"h1", b"h2", b"h3", b"", b"bin\x00\r\n\xff", b"sess_LOCK"];

const FIELDS: &[&[u8]] =
    &[b"f", b"g", b"h", b"i", b"j", b"", b"\x00\xff", b"1", b"field with spaces", &[b'l'; 70]];

const VALUES: &[&[u8]] = &[
    b"",
    b"a",
    b"text",
    b"0",
    b"1",
    b"-1",
    b"10",
    b"9223372036854775807",
    b"9223372036854775806",
    b"9223372036854775808",
    b"-9223372036854775808",
    b"-9223372036854775809",
    b"18446744073709551615",
    b"1.5",
    b"-0",
    b"-0.0",
    b"0.1",
    b"3.0",
    b"1e3",
    b"1e400",
    b"1e-20",
    b"nan",
    b"inf",
    b"-inf",
    b" 1",
    b"1 ",
    b"+1",
    b"01",
    b"0x10",
    b"\x00",
    b"\xff\xfe\x00",
    b"a\r\nb",
    b"$5\r\nhello\r\n",
    &[b'v'; 44],
    &[b'v'; 45],
    &[b'v'; 64],
    &[b'v'; 65],
    &[b'v'; 400],
];

const INTEGERS: &[&[u8]] = &[
    b"0",
    b"1",
    b"-1",
    b"5",
    b"100",
    b"-70",
    b"9223372036854775807",
    b"-9223372036854775808",
    b"9223372036854775808",
    b"4611686018427387904",
    b"1.5",
    b"abc",
    b"",
    b" 1",
    b"+1",
    b"01",
];

const FLOATS: &[&[u8]] = &[
    b"0",
    b"1",
    b"-1",
    b"0.5",
    b"1.5",
    b"-2.25",
    b"0.1",
    b"3.0e3",
    b"1e-3",
    b"1e17",
    b"-1e10",
    b"123456.789",
    b"100",
    b"nan",
    b"inf",
    b"-inf",
    b"1e5000",
    b"abc",
    b"",
    b" 1",
    b"0x10",
];

const SECONDS: &[&[u8]] = &[
    b"100",
    b"5000",
    b"90000",
    b"100",
    b"5000",
    b"90000",
    b"0",
    b"-1",
    b"abc",
    b"1.5",
    b"",
    b"9223372036854775807",
    b"9223372036854775",
    b"-9223372036854775808",
];

const MILLIS: &[&[u8]] = &[
    b"100000",
    b"5000000",
    b"90000000",
    b"100000",
    b"5000000",
    b"0",
    b"-1",
    b"abc",
    b"9223372036854775807",
    b"9223372036854775808",
];

const AT: &[&[u8]] = &[
    b"33177117420",
    b"33177117430",
    b"40000000000",
    b"33177117420",
    b"40000000000",
    b"1",
    b"0",
    b"-1",
    b"abc",
    b"9223372036854775807",
];

const AT_MILLIS: &[&[u8]] = &[
    b"33177117420000",
    b"33177117420001",
    b"40000000000123",
    b"33177117420000",
    b"1",
    b"0",
    b"-1",
    b"abc",
    b"9223372036854775808",
];

const OFFSETS: &[&[u8]] =
    &[b"0", b"1", b"5", b"43", b"100", b"-1", b"536870912", b"9223372036854775807", b"abc"];

const INDEXES: &[&[u8]] = &[
    b"0",
    b"1",
    b"2",
    b"5",
    b"100",
    b"-1",
    b"-2",
    b"-5",
    b"-100",
    b"9223372036854775807",
    b"-9223372036854775808",
    b"abc",
];

const SMALL: &[&[u8]] = &[b"0", b"1", b"3", b"100", b"-1", b"-5", b"abc"];

const PATTERNS: &[&[u8]] =
    &[b"*", b"?", b"h*", b"[a-c]", b"[^a]*", b"*\\*", b"h[12]", b"", b"bin*", b"[", b"*_LOCK"];

/// All with a star: without one a set would keep the order it has.
const SORT_BY: &[&[u8]] = &[b"*", b"h*", b"h*->f", b"*->g", b"sess*", b"h*->"];

const SORT_GET: &[&[u8]] = &[b"#", b"*", b"h*", b"h*->f", b"h*->1", b"h1", b"*->", b""];

const PROTOCOLS: &[&[u8]] = &[b"2", b"3", b"2", b"3", b"4", b"abc"];

const DATABASES: &[&[u8]] = &[b"0", b"0", b"1", b"2", b"15", b"16", b"-1", b"abc"];

/// How many commands in a hundred come in one write with the one before.
const JOINED_PERCENT: usize = 40;
/// How many commands in a hundred a script calls.
const SCRIPTED_PERCENT: usize = 8;

/// The template of commands that the reference has scripts for.
const COMPARED: &str = "{compared}";

/// Makes `count` commands out of `seed`, over `lanes` connections.
#[must_use]
pub fn generate(seed: u64, count: usize, lanes: usize) -> Vec<Op> {
    let mut prng = Prng::new(seed);
    let total: usize = TEMPLATES.iter().map(|(weight, _)| weight).sum();
    let mut lane = 0;
    (0..count)
        .map(|_| {
            let mut left = prng.below(total);
            let mut template = "";
            for (weight, words) in TEMPLATES {
                template = words;
                if left < *weight {
                    break;
                }
                left -= weight;
            }
            let joined = prng.percent(JOINED_PERCENT);
            if !joined {
                lane = prng.below(lanes);
            }
            if template == COMPARED {
                let (args, instead) = compared::make(&mut prng, KEYS, VALUES);
                return Op { lane, joined, args, instead: Some(instead) };
            }
            Op { lane, joined, args: fill(&mut prng, template), instead: None }
        })
        .collect()
}

fn fill(prng: &mut Prng, template: &str) -> Vec<Vec<u8>> {
    let mut args = Vec::new();
    for word in template.split(' ') {
        match word.strip_prefix('{').and_then(|word| word.strip_suffix('}')) {
            Some(kind) => words_of(prng, kind, &mut args),
            None => args.push(word.as_bytes().to_vec()),
        }
    }
    match prng.below(60) {
        // Without its count, SPOP would take what chance chooses.
        0 if args.len() > 1 && args[0] != b"SPOP" => {
            args.pop();
        }
        // Those take one more argument since 7.2, or do nothing where there is one too many.
        1 if !matches!(&args[0][..], b"ZRANK" | b"ZREVRANK" | b"DEBUG" | b"HELLO") => {
            args.push(b"extra".to_vec());
        }
        _ => {}
    }
    let may_wait = args[0].starts_with(b"B") || args[0].starts_with(b"WAIT");
    args[0] = mixed_case(prng, &args[0]);
    // Before 7.2 scripts may not call those that could wait.
    if prng.percent(SCRIPTED_PERCENT) && !may_wait {
        let script = prng.pick(CALLS);
        args.splice(0..0, [b"EVAL", script, &b"0"[..]].map(<[u8]>::to_vec));
    }
    args
}

/// The commands that may come, and their subcommands as `config|get`.
#[must_use]
pub fn commands() -> BTreeSet<String> {
    let mut all: BTreeSet<String> = ["delex", "delifeq"].map(str::to_owned).into();
    for (_, template) in TEMPLATES {
        let mut words = template.split(' ').map(str::to_ascii_lowercase);
        let name = words.next().expect("a text has a first part");
        match words.next().as_deref() {
            Some("{cluster}") => all.extend(CLUSTER.iter().map(|subcommand| {
                let subcommand = String::from_utf8_lossy(subcommand).to_ascii_lowercase();
                format!("{name}|{subcommand}")
            })),
            Some(second) => drop(all.insert(format!("{name}|{second}"))),
            None => {}
        }
        all.insert(name);
    }
    all
}

/// The command that a script which only calls one is called with; else the command itself.
#[must_use]
pub fn innermost(args: &[Vec<u8>]) -> &[Vec<u8>] {
    match args {
        [name, script, _, command @ ..]
            if name.eq_ignore_ascii_case(b"EVAL")
                && CALLS.contains(&&script[..])
                && !command.is_empty() =>
        {
            command
        }
        _ => args,
    }
}

/// The options of a kind; `?` is no option at all.
fn options_of(kind: &str) -> Option<&'static [&'static str]> {
    Some(match kind {
        "set-options" => &["NX", "XX", "GET", "KEEPTTL", "EX", "PX", "EXAT", "PXAT", "?"],
        "getex-options" => &["EX", "PX", "EXAT", "PXAT", "PERSIST", "?"],
        "expire-options" => &["NX", "XX", "?"],
        "expireat-options" => &["NX", "XX", "GT", "LT", "?"],
        "restore-options" => &["REPLACE", "ABSTTL", "IDLETIME", "FREQ", "?"],
        "zadd-options" => &["NX", "XX", "GT", "LT", "CH", "INCR", "?"],
        "zrange-options" => &["REV", "WITHSCORES", "?"],
        "zunion-options" => &["WITHSCORES", "AGGREGATE", "WEIGHTS", "?"],
        _ => return None,
    })
}

fn words_of(prng: &mut Prng, kind: &str, args: &mut Vec<Vec<u8>>) {
    if let Some(choices) = options_of(kind) {
        return options(prng, args, choices);
    }
    let choices = match kind {
        "value" => return args.push(value(prng)),
        "integer" | "float" if prng.percent(30) => {
            return args.push(number(prng, kind == "float"));
        }
        "pattern" if prng.percent(40) => return args.push(pattern(prng)),
        "directive" => {
            return args.push(SETTINGS[prng.below(SETTINGS.len())].0.as_bytes().to_vec());
        }
        "setting" => {
            let (name, values) = SETTINGS[prng.below(SETTINGS.len())];
            return args.extend([name, prng.pick(values)].map(|word| word.as_bytes().to_vec()));
        }
        "key" => KEYS,
        "set-key" | "zset-key" if prng.percent(10) => KEYS,
        "set-key" => SET_KEYS,
        "zset-key" => SORTED_SET_KEYS,
        "lex-key" => LEX_KEYS,
        "lex" => LEX_BOUNDS,
        "bound" => BOUNDS,
        // Mostly the first few, which are numbers of one or two digits.
        "score" => &SCORES[..if prng.percent(80) { 8 } else { SCORES.len() }],
        // Mostly the first few, which are integers.
        "member" => &MEMBERS[..if prng.percent(60) { 5 } else { MEMBERS.len() }],
        "field" => FIELDS,
        "integer" => INTEGERS,
        "float" => FLOATS,
        "pattern" => PATTERNS,
        "seconds" => SECONDS,
        "millis" => MILLIS,
        "at" => AT,
        "at-millis" => AT_MILLIS,
        "offset" => OFFSETS,
        "index" => INDEXES,
        "small" => SMALL,
        "sort-by" => SORT_BY,
        "sort-get" => SORT_GET,
        "database" => DATABASES,
        "protocol" => PROTOCOLS,
        "acl-rule" => ACL_RULES,
        "example" => EXAMPLES,
        "cluster" => CLUSTER,
        "payload" => PAYLOADS,
        "type" => TYPES,
        "transfer" => &[TRANSFER],
        "unlock" => &[UNLOCK],
        "swap" => &[SWAP],
        "script" => SCRIPTS,
        "sha" => &[SHA],
        other => unreachable!("no kind of word is called {other}"),
    };
    args.push(prng.pick(choices).to_vec());
}

/// None, one, or sometimes several that may exclude each other.
fn options(prng: &mut Prng, args: &mut Vec<Vec<u8>>, choices: &[&str]) {
    let count = match prng.below(10) {
        0..3 => 0,
        3..8 => 1,
        _ => 2,
    };
    for _ in 0..count {
        let option = prng.pick(choices);
        if option == "?" {
            if prng.percent(20) {
                args.push(b"NONSENSE".to_vec());
            }
            continue;
        }
        args.push(mixed_case(prng, option.as_bytes()));
        let values = match option {
            "EX" => SECONDS,
            "PX" => MILLIS,
            "EXAT" => AT,
            "PXAT" => AT_MILLIS,
            "AGGREGATE" => AGGREGATES,
            "IDLETIME" | "FREQ" => SMALL,
            "WEIGHTS" => {
                args.push(prng.pick(SCORES).to_vec());
                SCORES
            }
            _ => continue,
        };
        args.push(prng.pick(values).to_vec());
    }
}

fn value(prng: &mut Prng) -> Vec<u8> {
    match prng.below(10) {
        0 => (0..prng.below(30)).map(|_| prng.below(256) as u8).collect(),
        1 => prng.below(1000).to_string().into_bytes(),
        2 => {
            let is_float = prng.percent(50);
            number(prng, is_float)
        }
        _ => prng.pick(VALUES).to_vec(),
    }
}

/// A number of up to 20 digits; a float has a fraction and now and then an exponent.
fn number(prng: &mut Prng, is_float: bool) -> Vec<u8> {
    let mut text = String::new();
    if prng.percent(40) {
        text.push('-');
    }
    digits(prng, &mut text, 20);
    if is_float {
        text.push('.');
        digits(prng, &mut text, 20);
        if prng.percent(20) {
            text.push_str(if prng.percent(50) { "e-" } else { "e" });
            digits(prng, &mut text, 2);
        }
    }
    text.into_bytes()
}

fn digits(prng: &mut Prng, text: &mut String, count_max: usize) {
    for _ in 0..=prng.below(count_max) {
        text.push(char::from(b'0' + prng.below(10) as u8));
    }
}

/// A glob pattern, well formed or not, over the letters of the keys.
fn pattern(prng: &mut Prng) -> Vec<u8> {
    (0..prng.below(8)).map(|_| b"abceh123sLOCK[]^-\\**?"[prng.below(21)]).collect()
}

fn mixed_case(prng: &mut Prng, word: &[u8]) -> Vec<u8> {
    match prng.below(10) {
        0 => word.to_ascii_lowercase(),
        1 => word
            .iter()
            .map(|byte| if prng.percent(50) { byte.to_ascii_lowercase() } else { *byte })
            .collect(),
        _ => word.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_seeds_give_equal_commands_and_others_do_not() {
        assert_eq!(generate(1, 500, 2), generate(1, 500, 2));
        assert_ne!(generate(1, 500, 2), generate(2, 500, 2));
    }

    #[test]
    fn every_template_is_used() {
        // The words of a template up to the first that is chosen, of which two tell most templates apart.
        let words = |count: usize, args: &[Vec<u8>]| -> Vec<String> {
            let words = args.iter().take(count);
            words.map(|word| String::from_utf8_lossy(word).to_ascii_uppercase()).collect()
        };
        let ops = generate(3, 20_000, 2);
        let used: BTreeSet<Vec<String>> = [1, 2]
            .iter()
            .flat_map(|count| ops.iter().map(move |op| words(*count, innermost(&op.args))))
            .collect();
        for (_, template) in TEMPLATES.iter().filter(|(_, template)| *template != COMPARED) {
            let fixed = template.split(' ').take(2).take_while(|word| !word.starts_with('{'));
            let fixed: Vec<String> = fixed.map(str::to_ascii_uppercase).collect();
            assert!(used.contains(&fixed), "{template} never came");
        }
    }
}
