//! Members of a set chosen at random: SPOP and SRANDMEMBER.

use std::collections::HashSet;

use guarda_store::{Member, SetForm, SetValue};

use crate::args::Args;
use crate::context::{CommandResult, Context, Outcome};
use crate::db::Db;
use crate::error::CommandError;
use crate::families::draws::{DRAWN_LEN_MAX, Draws, admit_draws, draw_count, shuffle_front};
use crate::families::sets::{NEW, remove_one};
use crate::pubsub::EventClasses;
use crate::spec::{Arity, CommandSpec, Flags, KeyAccess, Keys};

pub(crate) const FAMILY: &[CommandSpec] = &[
    CommandSpec {
        name: "spop",
        summary: "Removes members of a set chosen at random and returns them.",
        complexity: "Without the count argument O(1), otherwise O(N) where N is the value of the \
                     passed count.",
        arity: Arity::at_least(2),
        flags: Flags::WRITE.union(Flags::FAST),
        keys: Keys::at(1, KeyAccess::TAKE),
        tips: &["nondeterministic_output"],
        run: spop,
        ..NEW
    },
    CommandSpec {
        name: "srandmember",
        summary: "Returns members of a set chosen at random.",
        note: "A negative count gets at most 1,000,000 members and 512 MiB.",
        complexity: "Without the count argument O(1), otherwise O(N) where N is the absolute \
                     value of the passed count.",
        arity: Arity::at_least(2),
        flags: Flags::READONLY,
        keys: Keys::at(1, KeyAccess::READ),
        tips: &["nondeterministic_output"],
        run: srandmember,
        ..NEW
    },
];

/// Members in one SREM record.
const RECORD_MEMBERS_MAX: usize = 1024;
/// What is left of a set, times this, is at most what SPOP takes: the rest is kept in a new set.
const REFIT_FACTOR: usize = 5;

/// `count` different members, or all if there are no more than that.
fn distinct(set: &SetValue, count: usize) -> Vec<Member<'_>> {
    let len = set.len();
    if count < len / 3 && set.form() == SetForm::Table {
        // Few of many: draw until enough different ones have come.
        let mut seen = HashSet::with_capacity(count);
        let mut chosen = Vec::with_capacity(count);
        while chosen.len() < count {
            let member = set.random(Db::random).expect("no set is empty");
            if seen.insert(member.to_vec()) {
                chosen.push(member);
            }
        }
        return chosen;
    }
    let mut all: Vec<_> = set.iter().collect();
    if count < len {
        shuffle_front(&mut all, count);
        all.truncate(count);
    }
    all
}

/// Journalled as what was removed, never as what chance was asked for.
fn spop(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let key = args.key()?;
    if !args.is_empty() {
        return spop_many(cx, key, args);
    }
    let Some(set) = cx.db.peek_collection::<SetValue>(key)? else {
        cx.reply.null();
        return Ok(Outcome::Reply);
    };
    let member = set.random(Db::random).expect("no set is empty").to_vec();
    remove_one(cx, key, &member, "spop")?;
    cx.db.record(&[b"SREM", key, &member]);
    cx.reply.bulk(&member);
    Ok(Outcome::Reply)
}

fn spop_many(cx: &mut Context<'_, '_>, key: &[u8], args: &mut Args<'_>) -> CommandResult {
    if args.rest().len() > 1 {
        return Err(CommandError::Syntax);
    }
    let count = args.count()?;
    let limits = cx.db.settings.set_limits();
    let set = cx.db.peek_collection::<SetValue>(key)?;
    let Some(set) = set.filter(|_| count > 0) else {
        cx.reply.set(0);
        return Ok(Outcome::Reply);
    };
    let left = set.len().saturating_sub(count);
    let members: Vec<Vec<u8>> = distinct(set, count).iter().map(|member| member.to_vec()).collect();
    cx.db.notify(EventClasses::SET, "spop", key);
    if left == 0 {
        cx.db.delete(key);
        cx.db.notify(EventClasses::GENERIC, "del", key);
        cx.db.record(&[b"DEL", key]);
    } else {
        let set = cx.db.collection_mut::<SetValue>(key)?.expect("looked at above");
        members.iter().for_each(|member| {
            set.remove(member);
        });
        if left * REFIT_FACTOR <= count {
            set.refit(limits);
        }
        cx.db.changed(key);
        for members in members.chunks(RECORD_MEMBERS_MAX) {
            let mut record: Vec<&[u8]> = vec![b"SREM", key];
            record.extend(members.iter().map(|member| &member[..]));
            cx.db.record(&record);
        }
    }
    cx.db.count_changes(members.len() as u64 - 1);
    cx.reply.set(members.len());
    members.iter().for_each(|member| cx.reply.bulk(member));
    Ok(Outcome::Reply)
}

fn srandmember(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let key = args.key()?;
    if args.is_empty() {
        match cx.db.collection::<SetValue>(key)?.and_then(|set| set.random(Db::random)) {
            Some(member) => cx.reply.bulk(&member),
            None => cx.reply.null(),
        }
        return Ok(Outcome::Reply);
    }
    if args.rest().len() > 1 {
        return Err(CommandError::Syntax);
    }
    let count = draw_count(args)?;
    if cx.db.collection::<SetValue>(key)?.is_none() {
        cx.reply.array(0);
        return Ok(Outcome::Reply);
    }
    if count < 0 && admit_draws(cx, count.unsigned_abs())? == Draws::Overflow {
        return Ok(Outcome::Overflow);
    }
    let set = cx.db.peek_collection::<SetValue>(key)?.expect("looked at above");
    if count >= 0 {
        let chosen = distinct(set, usize::try_from(count).unwrap_or(usize::MAX));
        cx.reply.array(chosen.len());
        chosen.iter().for_each(|member| cx.reply.bulk(member));
        return Ok(Outcome::Reply);
    }
    let start = cx.reply.buf.len();
    // A packed set is walked at every draw: laying it out once is cheaper.
    let all: Vec<_> = if set.form() == SetForm::Packed { set.iter().collect() } else { Vec::new() };
    cx.reply.array(count.unsigned_abs() as usize);
    for _ in 0..count.unsigned_abs() {
        match all.len() as u64 {
            0 => cx.reply.bulk(&set.random(Db::random).expect("no set is empty")),
            len => cx.reply.bulk(&all[(Db::random() % len) as usize]),
        }
        if cx.reply.buf.len() - start > DRAWN_LEN_MAX {
            return Err(CommandError::OutOfRange);
        }
    }
    Ok(Outcome::Reply)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use guarda_resp::Frame;

    use crate::testing::*;

    fn texts(frame: Frame) -> Vec<String> {
        let (Frame::Array(items) | Frame::Set(items)) = frame else { panic!("{frame:?}") };
        let text = |item| match item {
            Frame::Bulk(bytes) => String::from_utf8(bytes).expect("ASCII"),
            other => panic!("{other:?} among members"),
        };
        items.into_iter().map(text).collect()
    }

    fn filled(members: impl Iterator<Item = String>) -> Bench {
        let mut bench = Bench::new();
        members.for_each(|member| bench.check(&format!("SADD s {member}"), int(1)));
        bench
    }

    #[test]
    fn one_member_is_taken_and_journalled_as_removed() {
        let mut bench = filled((0..3).map(|n| n.to_string()));
        bench.journal();
        let mut taken = BTreeSet::new();
        for _ in 0..3 {
            let Frame::Bulk(member) = bench.frame("SPOP s") else { panic!("a member") };
            let member = String::from_utf8(member).expect("ASCII");
            assert_eq!(bench.journal(), [format!("SREM s {member}")]);
            taken.insert(member);
        }
        assert_eq!(taken.len(), 3);
        bench.check("EXISTS s", int(0));
        bench.check_journal("SPOP s", &[]);
        bench.check("SPOP s", nil());
    }

    #[test]
    fn several_are_taken_and_the_rest_stays() {
        let ints: fn(u64) -> String = |n| n.to_string();
        let words: fn(u64) -> String = |n| format!("m{n}");
        for (name, len) in [(ints, 20), (words, 20), (words, 3_000)] {
            for count in [1, 5, len - 1] {
                let mut bench = filled((0..len).map(name));
                bench.journal();
                let taken = texts(bench.frame(&format!("SPOP s {count}")));
                assert_eq!(taken.len() as u64, count);
                let journal = bench.journal();
                let words: Vec<&str> = journal.iter().flat_map(|line| line.split(' ')).collect();
                let removed = words.iter().filter(|word| !["SREM", "s"].contains(word)).copied();
                assert_eq!(removed.collect::<Vec<_>>(), taken);
                let mut all: BTreeSet<String> = taken.into_iter().collect();
                let rest = texts(bench.frame("SMEMBERS s"));
                assert_eq!(rest.len() as u64, len - count);
                all.extend(rest);
                assert_eq!(all.len() as u64, len);
            }
        }
        let mut bench = filled((0..200).map(words));
        bench.check("OBJECT ENCODING s", bulk("hashtable"));
        bench.run("SPOP s 195");
        bench.check("OBJECT ENCODING s", bulk("listpack"));
        let before = bench.worker.effects.counters.dirty;
        bench.check_journal("SPOP s 5", &["DEL s"]);
        assert_eq!(bench.worker.effects.counters.dirty - before, 5);
    }

    #[test]
    fn counts_have_rules() {
        let mut bench = filled((0..3).map(|n| n.to_string()));
        bench.check("SPOP s 0", array([]));
        bench.check("SPOP nokey 3", array([]));
        bench.check("SPOP s -1", err("ERR value is out of range, must be positive"));
        bench.check("SPOP s x", err("ERR value is out of range, must be positive"));
        bench.check("SPOP s 1 2", err("ERR syntax error"));
        bench.check("SPOP s x 2", err("ERR syntax error"));
        bench.check("SRANDMEMBER s 0", array([]));
        bench.check("SRANDMEMBER nokey", nil());
        bench.check("SRANDMEMBER nokey 5", array([]));
        bench.check("SRANDMEMBER s x 2", err("ERR syntax error"));
        bench.check("SRANDMEMBER s x", err("ERR value is not an integer or out of range"));
        bench.check("SRANDMEMBER s -1000001", err("ERR value is out of range"));
        let range = "ERR value is out of range, value must between -9223372036854775807 and \
                     9223372036854775807";
        bench.check("SRANDMEMBER s -9223372036854775808", err(range));
        bench.check("SCARD s", int(3));
        bench.run("HELLO 3");
        bench.check("SPOP nokey 3", "~0\r\n");
        bench.check("SRANDMEMBER nokey 3", "*0\r\n");
        assert!(bench.run("SPOP s 2").starts_with(b"~2\r\n"));
        bench.run("SET str v");
        for line in ["SPOP str", "SPOP str 1", "SRANDMEMBER str", "SRANDMEMBER str 1"] {
            bench.check(line, wrong_type());
        }
    }

    #[test]
    fn members_are_drawn_with_and_without_repetition() {
        for (len, counts) in [(8, vec![1, 3, 7]), (600, vec![1, 5, 150, 250, 599])] {
            let mut bench = filled((0..len).map(|n| format!("m{n}")));
            for count in counts {
                let drawn = texts(bench.frame(&format!("SRANDMEMBER s {count}")));
                assert_eq!(drawn.len(), count);
                assert_eq!(drawn.iter().collect::<BTreeSet<_>>().len(), count);
            }
            assert_eq!(texts(bench.frame("SRANDMEMBER s 1000")).len(), len);
            let drawn = texts(bench.frame("SRANDMEMBER s -2000"));
            assert_eq!(drawn.len(), 2_000);
            assert!(drawn.iter().collect::<BTreeSet<_>>().len() > len / 2);
            let mut seen = BTreeSet::new();
            (0..100 * len).for_each(|_| {
                seen.insert(bench.run("SRANDMEMBER s"));
            });
            assert_eq!(seen.len(), len);
        }
    }
}
