//! What one writer's database must hold: the operations that it sent, and what each of them does.

use std::collections::BTreeMap;

use guarda_testkit::dump::Entry;
use guarda_testkit::prng::Prng;
use guarda_testkit::reply::Frame;

/// Keys of each kind a writer works on: few, so that they are overwritten, deleted and made again.
const KEYS: usize = 40;
/// Values beyond this length span several pages of the log's buffer.
const LONG_VALUE_LEN: usize = 60_000;

/// The server reads its clock once a turn, so it may be this much behind the sender.
const CLOCK_SLACK_MS: i64 = 2_000;

const SCRIPT: &[u8] = b"redis.call('INCR', KEYS[1]) redis.call('HSET', KEYS[2], 'f', ARGV[1])";

type Command = Vec<Vec<u8>>;

/// One thing that is done whole or not at all.
#[derive(Clone, Debug)]
pub(crate) enum Op {
    Set {
        key: String,
        value: Vec<u8>,
    },
    SetFor {
        key: String,
        value: Vec<u8>,
        ttl_ms: i64,
    },
    Expire {
        key: String,
        ttl_ms: i64,
    },
    Incr {
        key: String,
    },
    HashSet {
        key: String,
        field: String,
        value: Vec<u8>,
    },
    HashDelete {
        key: String,
        field: String,
    },
    Delete {
        key: String,
    },
    Flush,
    Group(Vec<Op>),
    /// A script that does what a group of INCR and HSET would.
    Script {
        counter: String,
        hash: String,
        value: Vec<u8>,
    },
}

#[derive(Clone, Debug, PartialEq)]
enum Value {
    Text(Vec<u8>),
    Hash(BTreeMap<String, Vec<u8>>),
}

/// A key's value, and between which two moments it expires: the server's clock was read once
/// between sending and answering.
#[derive(Clone, Debug)]
struct Slot {
    value: Value,
    expiry: Option<(i64, i64)>,
}

/// One writer's database.
#[derive(Clone, Debug, Default)]
pub(crate) struct Model {
    slots: BTreeMap<Vec<u8>, Slot>,
}

impl Op {
    /// One at random; groups now and then.
    pub(crate) fn random(prng: &mut Prng) -> Self {
        match prng.below(100) {
            0..10 => Self::Group((0..=prng.below(6)).map(|_| Self::single(prng)).collect()),
            10 if prng.percent(10) => Self::Flush,
            11..15 => {
                let n = prng.below(KEYS);
                let value = value(prng);
                Self::Script { counter: format!("n{n}"), hash: format!("h{n}"), value }
            }
            _ => Self::single(prng),
        }
    }

    fn single(prng: &mut Prng) -> Self {
        let n = prng.below(KEYS);
        let field = format!("f{}", prng.below(20));
        match prng.below(12) {
            0..3 => Self::Set { key: format!("s{n}"), value: value(prng) },
            3..6 => {
                let ttl_ms = 1000 * (500 + prng.below(5_000) as i64);
                Self::SetFor { key: format!("s{n}"), value: value(prng), ttl_ms }
            }
            // Gone soon: its time may come before the crash, during it, or after the restart.
            6 => {
                let ttl_ms = 1 + prng.below(400) as i64;
                Self::SetFor { key: format!("short{n}"), value: value(prng), ttl_ms }
            }
            7 => Self::Incr { key: format!("n{n}") },
            8 => Self::HashSet { key: format!("h{n}"), field, value: value(prng) },
            9 => Self::HashDelete { key: format!("h{n}"), field },
            10 => Self::Expire { key: format!("h{n}"), ttl_ms: 1_000_000 + n as i64 },
            _ => Self::Delete { key: format!("{}{n}", prng.pick(&["s", "n", "h"])) },
        }
    }

    /// The commands to send; the last reply acknowledges the operation.
    pub(crate) fn commands(&self) -> Vec<Command> {
        let command = |name: &str, args: &[&[u8]]| -> Command {
            std::iter::once(name.as_bytes())
                .chain(args.iter().copied())
                .map(<[u8]>::to_vec)
                .collect()
        };
        let one = match self {
            Self::Set { key, value } => command("SET", &[key.as_bytes(), value]),
            // Three ways to say the same.
            Self::SetFor { key, value, ttl_ms } if ttl_ms % 1000 == 0 => {
                command("SETEX", &[key.as_bytes(), (ttl_ms / 1000).to_string().as_bytes(), value])
            }
            Self::SetFor { key, value, ttl_ms } if ttl_ms % 2 == 0 => {
                command("PSETEX", &[key.as_bytes(), ttl_ms.to_string().as_bytes(), value])
            }
            Self::SetFor { key, value, ttl_ms } => {
                command("SET", &[key.as_bytes(), value, b"PX", ttl_ms.to_string().as_bytes()])
            }
            Self::Expire { key, ttl_ms } => {
                command("PEXPIRE", &[key.as_bytes(), ttl_ms.to_string().as_bytes()])
            }
            Self::Incr { key } => command("INCR", &[key.as_bytes()]),
            Self::HashSet { key, field, value } => {
                command("HSET", &[key.as_bytes(), field.as_bytes(), value])
            }
            Self::HashDelete { key, field } => command("HDEL", &[key.as_bytes(), field.as_bytes()]),
            Self::Delete { key } => command("DEL", &[key.as_bytes()]),
            Self::Flush => command("FLUSHDB", &[]),
            Self::Script { counter, hash, value } => {
                let keys = [counter.as_bytes(), hash.as_bytes()];
                command("EVAL", &[SCRIPT, b"2", keys[0], keys[1], value])
            }
            Self::Group(ops) => {
                let mut commands = vec![command("MULTI", &[])];
                commands.extend(ops.iter().flat_map(Self::commands));
                commands.push(command("EXEC", &[]));
                return commands;
            }
        };
        vec![one]
    }
}

fn value(prng: &mut Prng) -> Vec<u8> {
    let len = if prng.percent(1) { prng.below(LONG_VALUE_LEN) } else { prng.below(300) };
    // Line ends and zeros among them.
    (0..len).map(|_| prng.below(256) as u8).collect()
}

fn expiry(ttl_ms: i64, sent: i64, answered: i64) -> (i64, i64) {
    (sent + ttl_ms - CLOCK_SLACK_MS, answered + ttl_ms)
}

impl Model {
    /// Does what the server did between `sent` and `answered`.
    pub(crate) fn apply(&mut self, op: &Op, sent: i64, answered: i64) {
        // A hash or text that was due before is not there any more. The short-lived keys are only
        // ever overwritten, so that nobody has to know.
        match op {
            Op::Set { key, value } => self.put(key, value, None),
            Op::SetFor { key, value, ttl_ms } => {
                self.put(key, value, Some(expiry(*ttl_ms, sent, answered)));
            }
            Op::Expire { key, ttl_ms } => {
                if let Some(slot) = self.slots.get_mut(key.as_bytes()) {
                    slot.expiry = Some(expiry(*ttl_ms, sent, answered));
                }
            }
            Op::Incr { key } => {
                let now = self.number(key) + 1;
                let slot = Slot { value: Value::Text(now.to_string().into_bytes()), expiry: None };
                self.slots.insert(key.as_bytes().to_vec(), slot);
            }
            Op::HashSet { key, field, value } => {
                let fresh = || Slot { value: Value::Hash(BTreeMap::new()), expiry: None };
                let slot = self.slots.entry(key.as_bytes().to_vec()).or_insert_with(fresh);
                let Value::Hash(fields) = &mut slot.value else { panic!("{key} is a hash") };
                fields.insert(field.clone(), value.clone());
            }
            Op::HashDelete { key, field } => {
                if let Some(Slot { value: Value::Hash(fields), .. }) =
                    self.slots.get_mut(key.as_bytes())
                {
                    fields.remove(field);
                    if fields.is_empty() {
                        self.slots.remove(key.as_bytes());
                    }
                }
            }
            Op::Delete { key } => drop(self.slots.remove(key.as_bytes())),
            Op::Flush => self.slots.clear(),
            Op::Script { counter, hash, value } => {
                let (counter, hash) = (counter.clone(), hash.clone());
                self.apply(&Op::Incr { key: counter }, sent, answered);
                let set = Op::HashSet { key: hash, field: "f".to_owned(), value: value.clone() };
                self.apply(&set, sent, answered);
            }
            Op::Group(ops) => ops.iter().for_each(|op| self.apply(op, sent, answered)),
        }
    }

    fn put(&mut self, key: &str, value: &[u8], expiry: Option<(i64, i64)>) {
        let slot = Slot { value: Value::Text(value.to_vec()), expiry };
        self.slots.insert(key.as_bytes().to_vec(), slot);
    }

    fn number(&self, key: &str) -> i64 {
        match self.slots.get(key.as_bytes()) {
            Some(Slot { value: Value::Text(digits), .. }) => {
                String::from_utf8_lossy(digits).parse().expect("only INCR writes it")
            }
            _ => 0,
        }
    }

    /// What INCR must have answered.
    pub(crate) fn check_reply(&self, op: &Op, reply: &Frame) {
        if let Op::Incr { key } = op {
            assert_eq!(reply.integer(), Some(self.number(key)), "INCR {key}");
        }
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        self.slots.clear();
    }

    /// Where a dump of the database, taken between `from` and `until`, says something else.
    pub(crate) fn differences(&self, found: &[&Entry], from: i64, until: i64) -> Vec<String> {
        let mut differences = Vec::new();
        let mut found: BTreeMap<&[u8], &Entry> =
            found.iter().map(|entry| (&entry.key[..], *entry)).collect();
        for (key, slot) in &self.slots {
            let entry = found.remove(&key[..]);
            let name = String::from_utf8_lossy(key);
            match (slot.expiry, entry) {
                (Some((_, latest)), None) if latest <= until => {}
                (Some((_, latest)), Some(_)) if latest < from => {
                    differences.push(format!("{name}: should have expired"));
                }
                (_, None) => differences.push(format!("{name}: missing")),
                (expiry, Some(entry)) => {
                    if entry.value != slot.rendered() {
                        differences.push(format!(
                            "{name}: {} expected {}",
                            entry.value,
                            slot.rendered()
                        ));
                    }
                    let fits = match expiry {
                        None => entry.expires_at_ms == -1,
                        Some((from, until)) => (from..=until).contains(&entry.expires_at_ms),
                    };
                    if !fits {
                        let at = entry.expires_at_ms;
                        differences.push(format!("{name}: expires at {at}, expected {expiry:?}"));
                    }
                }
            }
        }
        differences.extend(found.values().map(|entry| format!("unexpected: {}", entry.line())));
        differences
    }
}

impl Slot {
    fn rendered(&self) -> String {
        match &self.value {
            Value::Text(bytes) => Frame::Bulk(bytes.clone()).to_string(),
            Value::Hash(fields) => {
                let bulk = |bytes: &[u8]| Frame::Bulk(bytes.to_vec());
                let mut pairs: Vec<(Frame, Frame)> = fields
                    .iter()
                    .map(|(field, value)| (bulk(field.as_bytes()), bulk(value)))
                    .collect();
                pairs.sort();
                Frame::Map(pairs).to_string()
            }
        }
    }
}

/// An operation that may or may not have happened.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) op: Op,
    pub(crate) at: i64,
}

/// The state that a dump shows: `model`, or what it becomes by the first so many of `pending`, which
/// the server cannot have done after `killed_at`.
/// Errors say how the dump differs from the first.
pub(crate) fn settle(
    mut model: Model,
    pending: &[Sent],
    killed_at: i64,
    found: &[&Entry],
    (from, until): (i64, i64),
) -> Result<Model, String> {
    let first = model.differences(found, from, until);
    for taken in 0..=pending.len() {
        if model.differences(found, from, until).is_empty() {
            return Ok(model);
        }
        if let Some(Sent { op, at }) = pending.get(taken) {
            model.apply(op, *at, killed_at);
        }
    }
    let shown = first.iter().take(5).cloned().collect::<Vec<_>>().join("\n");
    let last = model.differences(found, from, until);
    let last = last.iter().take(5).cloned().collect::<Vec<_>>().join("\n");
    Err(format!(
        "no prefix of the {} unanswered operations explains what is there; without them:\n{shown}\n\
         with all of them:\n{last}",
        pending.len()
    ))
}
