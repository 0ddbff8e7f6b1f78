//! Keyspace notifications: which events are wanted, and their way into messages.
//!
//! Semantics: <https://redis.io/docs/latest/develop/use/keyspace-notifications/>.

use std::sync::atomic::Ordering;

use super::{Addressed, PubSub};
use crate::host::Host;

/// A set of classes of events, as `notify-keyspace-events` names them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EventClasses(pub(super) u32);

macro_rules! classes {
    ($($name:ident = $bit:literal $letter:literal,)*) => {
        #[allow(missing_docs, reason = "the letters are Redis's own")]
        impl EventClasses {
            $(pub const $name: EventClasses = EventClasses(1 << $bit);)*
            const LETTERS: &[(EventClasses, char)] = &[$((EventClasses::$name, $letter)),*];
        }
    };
}

classes! {
    KEYSPACE = 0 'K',
    KEYEVENT = 1 'E',
    GENERIC = 2 'g',
    STRING = 3 '$',
    LIST = 4 'l',
    SET = 5 's',
    HASH = 6 'h',
    SORTED_SET = 7 'z',
    EXPIRED = 8 'x',
    EVICTED = 9 'e',
    STREAM = 10 't',
    MODULE = 11 'd',
    KEY_MISS = 12 'm',
    NEW = 13 'n',
}

impl EventClasses {
    /// What `A` stands for: all but those that tell of misses and of new keys.
    const ALL: u32 = 0b1111_1111_1100;

    /// The classes that these letters name; letters that name none are passed over.
    pub fn of_letters(letters: &str) -> EventClasses {
        let mut classes = 0;
        for letter in letters.chars() {
            let found = Self::LETTERS.iter().find(|(_, known)| *known == letter);
            classes |= found.map_or(0, |(class, _)| class.0);
            if letter == 'A' {
                classes |= Self::ALL;
            }
        }
        EventClasses(classes)
    }

    /// Whether events of this class are to be told. Without `K` or `E` none are.
    pub(crate) fn wants(self, class: EventClasses) -> bool {
        self.0 & class.0 != 0 && self.0 & 0b11 != 0
    }
}

/// Something that happened to a key.
pub(crate) struct Notice {
    pub(crate) db: u32,
    pub(crate) event: &'static str,
    pub(crate) key: Vec<u8>,
}

impl PubSub {
    /// `notify-keyspace-events`.
    pub fn set_wanted_events(&self, classes: EventClasses) {
        self.wanted_events.store(classes.0, Ordering::Relaxed);
    }

    pub(crate) fn wanted_events(&self) -> EventClasses {
        EventClasses(self.wanted_events.load(Ordering::Relaxed))
    }

    /// Tells of keys that expired, in the order of the log: `append` puts their records there and
    /// returns the sequence number. Called under the shard's lock.
    pub fn tell_expired(
        &self,
        expired: &[(u32, Box<[u8]>)],
        host: &dyn Host,
        append: impl FnOnce() -> u64,
    ) {
        let mut messages = Vec::new();
        if self.wanted_events().wants(EventClasses::EXPIRED) {
            for (db, key) in expired {
                let notice = Notice { db: *db, event: "expired", key: key.to_vec() };
                self.address_event(&notice, &mut messages);
            }
        }
        if messages.is_empty() {
            append();
            return;
        }
        let _turn = self.take_turn();
        host.spread(messages, append());
    }

    /// Addresses the messages that tell of an event.
    pub(crate) fn address_event(&self, notice: &Notice, out: &mut Vec<Addressed>) {
        let Notice { db, event, key } = notice;
        let wanted = self.wanted_events();
        if wanted.0 & EventClasses::KEYSPACE.0 != 0 {
            let channel = [format!("__keyspace@{db}__:").as_bytes(), key].concat();
            self.address(false, &channel, event.as_bytes(), 0, out);
        }
        if wanted.0 & EventClasses::KEYEVENT.0 != 0 {
            self.address(false, format!("__keyevent@{db}__:{event}").as_bytes(), key, 0, out);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::*;

    use super::*;

    /// The events of a command line, in order.
    fn events(bench: &mut Bench, line: &str) -> Vec<String> {
        bench.host.spread.lock().clear();
        bench.run(line);
        let sent = std::mem::take(&mut *bench.host.spread.lock());
        let words = sent.iter().map(|message| {
            let mut out = Vec::new();
            message.publication.write(&mut out, guarda_resp::Protocol::Resp2);
            let text = String::from_utf8(out).unwrap();
            let words: Vec<&str> = text.split("\r\n").collect();
            format!("{} {}", words[6].rsplit(':').next().unwrap(), words[8])
        });
        words.collect()
    }

    #[test]
    fn every_command_tells_what_it_did_by_redis_names() {
        let mut bench = Bench::new();
        bench.run("PSUBSCRIBE __keyevent@*");
        bench.run("SET quiet v");
        let mut speaker = bench.swap_client(new_client(2));
        speaker.select(0, 16).unwrap();
        assert_eq!(events(&mut bench, "SET k v"), Vec::<String>::new(), "off by default");
        bench.host.pubsub.set_wanted_events(EventClasses::of_letters("EAmn"));
        for (line, expected) in [
            ("DEL k", &["del k"][..]),
            ("SET k 1 EX 100", &["new k", "set k", "expire k"]),
            ("INCR k", &["incrby k"]),
            ("PERSIST k", &["persist k"]),
            ("APPEND k 1", &["append k"]),
            ("SETRANGE k 0 1", &["setrange k"]),
            ("GET missing", &["keymiss missing"]),
            ("RENAME k k2", &["new k2", "rename_from k", "rename_to k2"]),
            ("GETDEL k2", &["del k2"]),
            ("HSET h f v", &["new h", "hset h"]),
            ("HDEL h f", &["hdel h", "del h"]),
            ("RPUSH l a b", &["new l", "rpush l"]),
            ("LMOVE l m LEFT RIGHT", &["new m", "rpush m", "lpop l"]),
            ("LPOP l", &["lpop l", "del l"]),
            ("SADD s a", &["new s", "sadd s"]),
            ("SMOVE s t a", &["srem s", "del s", "new t", "sadd t"]),
            ("SPOP t", &["spop t", "del t"]),
            ("ZADD z 1 a", &["new z", "zadd z"]),
            ("ZINCRBY z 1 a", &["zincr z"]),
            ("ZREM z a", &["zrem z", "del z"]),
        ] {
            assert_eq!(events(&mut bench, line), expected, "{line}");
        }
    }

    #[test]
    fn sessions_and_expiry_tell_of_the_plain_changes_they_make() {
        let mut bench = Bench::new();
        bench.run("PSUBSCRIBE __keyevent@*");
        bench.swap_client(new_client(2));
        bench.host.pubsub.set_wanted_events(EventClasses::of_letters("EA"));
        let token = "guarda:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
        let opened = events(&mut bench, &format!("SESSION OPEN s {token}"));
        assert_eq!(opened, ["set s_LOCK", "expire s_LOCK"]);
        let commit = format!("SESSION COMMIT s {token} absent TTL 5 DATA one");
        let committed = events(&mut bench, &commit);
        assert_eq!(committed, ["set s", "expire s", "del s_LOCK"]);
        bench.advance(5);
        assert_eq!(events(&mut bench, "EXISTS s"), ["expired s"]);
        bench.run("SET s two PX 5");
        bench.advance(5);
        let opened = events(&mut bench, &format!("SESSION OPEN s {token}"));
        assert_eq!(opened, ["expired s", "set s_LOCK", "expire s_LOCK"], "it was met expired");
    }

    #[test]
    fn letters_name_classes_and_nothing_is_told_without_a_form() {
        let wanted = EventClasses::of_letters("KA");
        assert!(wanted.wants(EventClasses::MODULE) && wanted.wants(EventClasses::GENERIC));
        assert!(!wanted.wants(EventClasses::NEW) && !wanted.wants(EventClasses::KEY_MISS));
        assert!(!EventClasses::of_letters("Amn").wants(EventClasses::GENERIC));
    }
}
