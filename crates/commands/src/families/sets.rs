//! Sets: members added, removed, moved, looked for, listed. What combines several sets is in
//! `set_algebra`, what chance decides in `set_draws`.

use guarda_store::SetValue;

use crate::args::Args;
use crate::context::{CommandResult, Context, Outcome};
use crate::error::CommandError;
use crate::families::scan::{PageOptions, begin_page, parse_cursor};
use crate::pubsub::EventClasses;
use crate::spec::{Arity, Categories, CommandSpec, Flags, Group, KeyAccess, Keys};

pub(crate) const NEW: CommandSpec =
    CommandSpec { group: Group::Set, categories: Categories::SET, ..CommandSpec::NEW };

const LOOK: CommandSpec = CommandSpec {
    flags: Flags::READONLY.union(Flags::FAST),
    keys: Keys::at(1, KeyAccess::PEEK),
    ..NEW
};

const WALK: CommandSpec =
    CommandSpec { flags: Flags::READONLY, keys: Keys::at(1, KeyAccess::READ), ..NEW };

pub(crate) const FAMILY: &[CommandSpec] = &[
    CommandSpec {
        name: "sadd",
        summary: "Adds members to a set and returns how many of them are new.",
        complexity: "O(1) for each element added, so O(N) to add N elements when the command is \
                     called with multiple arguments.",
        arity: Arity::at_least(3),
        flags: Flags::WRITE.union(Flags::DENYOOM).union(Flags::FAST),
        keys: Keys::at(1, KeyAccess::INSERT),
        run: sadd,
        ..NEW
    },
    CommandSpec {
        name: "scard",
        summary: "Returns the number of members of a set.",
        arity: Arity::exactly(2),
        run: scard,
        ..LOOK
    },
    CommandSpec {
        name: "sismember",
        summary: "Says whether a set has a member.",
        arity: Arity::exactly(3),
        run: sismember,
        ..LOOK
    },
    CommandSpec {
        name: "smembers",
        summary: "Returns all members of a set.",
        complexity: "O(N) where N is the set cardinality.",
        arity: Arity::exactly(2),
        tips: &["nondeterministic_output_order"],
        run: smembers,
        ..WALK
    },
    CommandSpec {
        name: "smismember",
        summary: "Says which of several members a set has.",
        since: "6.2.0",
        complexity: "O(N) where N is the number of elements being checked for membership",
        arity: Arity::at_least(3),
        keys: Keys::at(1, KeyAccess::READ),
        run: smismember,
        ..LOOK
    },
    CommandSpec {
        name: "smove",
        summary: "Moves a member from one set to another.",
        arity: Arity::exactly(4),
        flags: Flags::WRITE.union(Flags::FAST),
        keys: Keys::range(1, 2, 1, KeyAccess::TAKE).then(2, KeyAccess::INSERT),
        run: smove,
        ..NEW
    },
    CommandSpec {
        name: "srem",
        summary: "Removes members from a set, and the key with the last of them.",
        complexity: "O(N) where N is the number of members to be removed.",
        arity: Arity::at_least(3),
        flags: Flags::WRITE.union(Flags::FAST),
        keys: Keys::at(1, KeyAccess::DELETE),
        run: srem,
        ..NEW
    },
    CommandSpec {
        name: "sscan",
        summary: "Returns the members of a set page by page.",
        since: "2.8.0",
        complexity: "O(1) for every call, O(N) for all the calls of a complete walk, with N being \
                     the number of members.",
        arity: Arity::at_least(3),
        tips: &["nondeterministic_output"],
        run: sscan,
        ..WALK
    },
];

// Reading --------------------------------------------------------------------------------------

fn scard(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let len = cx.db.collection(args.key()?)?.map_or(0, SetValue::len);
    cx.reply.integer(len as i64);
    Ok(Outcome::Reply)
}

fn sismember(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let (key, member) = (args.key()?, args.bytes()?);
    let found = cx.db.collection::<SetValue>(key)?.is_some_and(|set| set.contains(member));
    cx.reply.integer(found.into());
    Ok(Outcome::Reply)
}

fn smismember(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let (key, members) = (args.key()?, args.take_rest());
    let set = cx.db.collection::<SetValue>(key)?;
    cx.reply.array(members.len());
    for member in members {
        cx.reply.integer(set.is_some_and(|set| set.contains(member)).into());
    }
    Ok(Outcome::Reply)
}

fn smembers(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let set = cx.db.collection::<SetValue>(args.key()?)?;
    cx.reply.set(set.map_or(0, SetValue::len));
    for member in set.into_iter().flat_map(SetValue::iter) {
        cx.reply.bulk(&member);
    }
    Ok(Outcome::Reply)
}

fn sscan(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let key = args.key()?;
    let cursor = parse_cursor(args.bytes()?)?;
    // As with HSCAN, a missing key or another type is answered without reading the options.
    let Some(set) = cx.db.collection::<SetValue>(key)? else {
        begin_page(&mut cx.reply, 0, 0);
        return Ok(Outcome::Reply);
    };
    let options = PageOptions::parse(args)?;
    let mut page = Vec::new();
    let next = set.scan(cursor, options.count, |member| {
        if options.shows(&member) {
            page.push(member);
        }
    });
    begin_page(&mut cx.reply, next, page.len());
    page.iter().for_each(|member| cx.reply.bulk(member));
    Ok(Outcome::Reply)
}

// Changing -------------------------------------------------------------------------------------

/// Adds members; returns how many of them are new.
fn add(cx: &mut Context<'_, '_>, key: &[u8], members: &[&[u8]]) -> Result<usize, CommandError> {
    let limits = cx.db.settings.set_limits();
    let suited = || SetValue::suited(members[0], members.len(), limits);
    let set = cx.db.collection_or(key, suited)?;
    set.prepare(members.len(), limits);
    let added = members.iter().filter(|member| set.add(member, limits)).count();
    if added > 0 {
        cx.db.changed(key);
        cx.db.count_changes(added as u64 - 1);
        cx.db.notify(EventClasses::SET, "sadd", key);
    }
    Ok(added)
}

fn sadd(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let (key, members) = (args.key()?, args.take_rest());
    let added = add(cx, key, members)?;
    cx.reply.integer(added as i64);
    Ok(Outcome::Reply)
}

fn srem(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let (key, members) = (args.key()?, args.take_rest());
    let removed = match cx.db.collection_mut::<SetValue>(key)? {
        Some(set) => members.iter().filter(|member| set.remove(member)).count(),
        None => 0,
    };
    if removed > 0 {
        cx.db.changed(key);
        cx.db.count_changes(removed as u64 - 1);
        cx.db.notify(EventClasses::SET, "srem", key);
        cx.db.remove_if_empty(key);
    }
    cx.reply.integer(removed as i64);
    Ok(Outcome::Reply)
}

fn smove(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let (from, to, member) = (args.key()?, args.key()?, args.bytes()?);
    // A missing source is answered before the other key's type matters.
    let Some(set) = cx.db.peek_collection::<SetValue>(from)? else {
        cx.reply.integer(0);
        return Ok(Outcome::Reply);
    };
    let found = set.contains(member);
    cx.db.peek_collection::<SetValue>(to)?;
    if found && from != to {
        remove_one(cx, from, member, "srem")?;
        add(cx, to, &[member])?;
    }
    cx.reply.integer(found.into());
    Ok(Outcome::Reply)
}

/// Removes one member that is there, and the key with the last of them.
pub(crate) fn remove_one(
    cx: &mut Context<'_, '_>,
    key: &[u8],
    member: &[u8],
    event: &'static str,
) -> Result<(), CommandError> {
    if let Some(set) = cx.db.collection_mut::<SetValue>(key)? {
        set.remove(member);
    }
    cx.db.changed(key);
    cx.db.notify(EventClasses::SET, event, key);
    cx.db.remove_if_empty(key);
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use guarda_resp::Frame;

    use crate::testing::*;

    #[test]
    fn members_are_added_found_listed_and_removed() {
        let mut bench = Bench::new();
        bench.check("SADD s a b a", int(2));
        bench.check("SADD s b c", int(1));
        bench.check("SMEMBERS s", bulks(["a", "b", "c"]));
        bench.check("SCARD s", int(3));
        bench.check("SISMEMBER s b", int(1));
        bench.check("SISMEMBER s z", int(0));
        bench.check("SMISMEMBER s a z c", array([int(1), int(0), int(1)]));
        bench.check("SREM s b z b", int(1));
        bench.check("TYPE s", simple("set"));
        bench.check("SADD n 5 -3 11 5", int(3));
        bench.check("SMEMBERS n", bulks(["-3", "5", "11"]));
        bench.check("SCARD nokey", int(0));
        bench.check("SISMEMBER nokey a", int(0));
        bench.check("SMISMEMBER nokey a b", array([int(0), int(0)]));
        bench.check("SMEMBERS nokey", array([]));
        bench.check("SREM nokey a", int(0));
        bench.run("HELLO 3");
        bench.check("SMEMBERS n", "~3\r\n$2\r\n-3\r\n$1\r\n5\r\n$2\r\n11\r\n");
        bench.check("SMEMBERS nokey", "~0\r\n");
    }

    #[test]
    fn the_last_member_takes_the_key_with_it() {
        let mut bench = Bench::new();
        bench.run("SADD s a b");
        bench.check("SREM s a b", int(2));
        bench.check("EXISTS s", int(0));
        bench.run("SADD s a");
        bench.check("SMOVE s t a", int(1));
        bench.check("EXISTS s", int(0));
    }

    #[test]
    fn a_member_is_moved_or_stays() {
        let mut bench = Bench::new();
        bench.run("SADD s a b");
        bench.run("SET str v");
        bench.check("SMOVE s t a", int(1));
        bench.check("SMOVE s t zz", int(0));
        bench.check("SMOVE s s b", int(1));
        bench.check("SMOVE s s zz", int(0));
        bench.check("SMOVE nokey str a", int(0));
        bench.check("SMOVE s str zz", wrong_type());
        bench.check("SMOVE str s a", wrong_type());
        bench.run("SADD t b");
        bench.check_journal("SMOVE s t b", &["SMOVE s t b"]);
        bench.check("SMEMBERS t", bulks(["a", "b"]));
    }

    #[test]
    fn other_types_are_refused() {
        let mut bench = Bench::new();
        bench.run("SET str v");
        for line in [
            "SADD str a",
            "SREM str a",
            "SCARD str",
            "SISMEMBER str a",
            "SMISMEMBER str a",
            "SMEMBERS str",
            "SSCAN str 0",
        ] {
            bench.check(line, wrong_type());
        }
        bench.check("GET str", bulk("v"));
    }

    #[test]
    fn what_changed_is_journalled_verbatim_and_nothing_else_is() {
        let mut bench = Bench::new();
        bench.check_journal("sadd s a b", &["sadd s a b"]);
        bench.check_journal("SADD s a", &[]);
        bench.check_journal("SREM s zz", &[]);
        bench.check_journal("SREM s a zz", &["SREM s a zz"]);
        bench.check_journal("SMOVE s t b", &["SMOVE s t b"]);
        bench.check_journal("SMOVE s t b", &[]);
        let before = bench.worker.effects.counters.dirty;
        bench.run("SADD s a b c a");
        bench.run("SREM s a b");
        assert_eq!(bench.worker.effects.counters.dirty - before, 5);
        bench.run("PEXPIRE s 100");
        bench.advance(100);
        bench.check_journal("SADD s d", &["DEL s", "SADD s d"]);
        bench.check("SMEMBERS s", bulks(["d"]));
    }

    #[test]
    fn a_set_changes_its_form_as_redis_does() {
        let mut bench = Bench::new();
        let encoding = |bench: &mut Bench, key: &str, name: &str| {
            bench.check(&format!("OBJECT ENCODING {key}"), bulk(name));
        };
        bench.run("SADD s 1 2");
        encoding(&mut bench, "s", "intset");
        bench.run("SADD s a");
        encoding(&mut bench, "s", "listpack");
        bench.run(&format!("SADD s {}", "x".repeat(65)));
        encoding(&mut bench, "s", "hashtable");
        let many = |n: usize| (0..n).map(|n| n.to_string()).collect::<Vec<_>>().join(" ");
        bench.run(&format!("SADD ints {}", many(512)));
        encoding(&mut bench, "ints", "intset");
        bench.run("SADD ints 512");
        encoding(&mut bench, "ints", "hashtable");
        // The number of arguments counts, not that of members.
        bench.run(&format!("SADD hinted {}", "7 ".repeat(513)));
        encoding(&mut bench, "hinted", "hashtable");
        bench.run(&format!("SADD t 1 {}", "7 ".repeat(511)));
        encoding(&mut bench, "t", "intset");
        bench.run("COPY t u");
        encoding(&mut bench, "u", "intset");
    }

    #[test]
    fn a_scan_meets_every_member_once() {
        let mut bench = Bench::new();
        bench.run("SADD small b a 1");
        bench.check("SSCAN small 0 COUNT 1", array([bulk("0"), bulks(["b", "a", "1"])]));
        bench.check("SSCAN small 0 MATCH [a-z]", array([bulk("0"), bulks(["b", "a"])]));
        bench.check("SSCAN small x", err("ERR invalid cursor"));
        bench.check("SSCAN small 0 COUNT 0", err("ERR syntax error"));
        bench.check("SSCAN small 0 NOVALUES", err("ERR syntax error"));
        bench.check("SSCAN nokey 0 bogus", array([bulk("0"), array([])]));
        for n in 0..1_000 {
            bench.run(&format!("SADD s m{n}"));
        }
        let (mut cursor, mut seen, mut pages) = ("0".to_owned(), BTreeSet::new(), 0);
        loop {
            let Frame::Array(reply) = bench.frame(&format!("SSCAN s {cursor} COUNT 50")) else {
                panic!("an array");
            };
            let [Frame::Bulk(next), Frame::Array(page)] = &reply[..] else { panic!("{reply:?}") };
            for member in page {
                let Frame::Bulk(member) = member else { panic!("{member:?}") };
                assert!(seen.insert(member.clone()));
            }
            pages += 1;
            cursor = String::from_utf8(next.clone()).expect("digits");
            if cursor == "0" {
                break;
            }
        }
        assert!(pages > 5 && seen.len() == 1_000, "{} in {pages} pages", seen.len());
    }
}
