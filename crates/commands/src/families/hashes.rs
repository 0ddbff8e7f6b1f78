//! Hashes: fields set, read, counted and removed. Walks over fields are in `hash_walks`.

use guarda_resp::number::{parse_i64, write_i64};
use guarda_store::HashValue;

use crate::args::Args;
use crate::context::{CommandResult, Context, Outcome};
use crate::error::CommandError;
use crate::families::string_float::LongDouble;
use crate::pubsub::EventClasses;
use crate::spec::{Arity, Categories, CommandSpec, Flags, Group, KeyAccess, Keys};

pub(crate) const NEW: CommandSpec = CommandSpec {
    group: Group::Hash,
    categories: Categories::HASH,
    since: "2.0.0",
    ..CommandSpec::NEW
};

const READ: CommandSpec = CommandSpec {
    flags: Flags::READONLY.union(Flags::FAST),
    keys: Keys::at(1, KeyAccess::READ),
    ..NEW
};

const WRITE: CommandSpec = CommandSpec {
    flags: Flags::WRITE.union(Flags::DENYOOM).union(Flags::FAST),
    keys: Keys::at(1, KeyAccess::CHANGE),
    ..NEW
};

pub(crate) const FAMILY: &[CommandSpec] = &[
    CommandSpec {
        name: "hdel",
        summary: "Removes fields from a hash, and the key with the last of them.",
        complexity: "O(N) where N is the number of fields to be removed.",
        arity: Arity::at_least(3),
        flags: Flags::WRITE.union(Flags::FAST),
        keys: Keys::at(1, KeyAccess::DELETE),
        run: hdel,
        ..NEW
    },
    CommandSpec {
        name: "hexists",
        summary: "Says whether a hash has a field.",
        arity: Arity::exactly(3),
        keys: Keys::at(1, KeyAccess::PEEK),
        run: hexists,
        ..READ
    },
    CommandSpec {
        name: "hget",
        summary: "Returns the value of a field.",
        arity: Arity::exactly(3),
        run: hget,
        ..READ
    },
    CommandSpec {
        name: "hincrby",
        summary: "Adds an integer to the value of a field, which counts as 0 if it is missing.",
        arity: Arity::exactly(4),
        keys: Keys::at(1, KeyAccess::UPDATE),
        run: hincrby,
        ..WRITE
    },
    CommandSpec {
        name: "hincrbyfloat",
        summary: "Adds a float to the value of a field, which counts as 0 if it is missing.",
        since: "2.6.0",
        arity: Arity::exactly(4),
        keys: Keys::at(1, KeyAccess::UPDATE),
        run: hincrbyfloat,
        ..WRITE
    },
    CommandSpec {
        name: "hlen",
        summary: "Returns the number of fields of a hash.",
        arity: Arity::exactly(2),
        keys: Keys::at(1, KeyAccess::PEEK),
        run: hlen,
        ..READ
    },
    CommandSpec {
        name: "hmget",
        summary: "Returns the values of several fields.",
        complexity: "O(N) where N is the number of fields being requested.",
        arity: Arity::at_least(3),
        run: hmget,
        ..READ
    },
    CommandSpec {
        name: "hmset",
        summary: "Sets fields of a hash, as HSET does, and answers OK.",
        complexity: "O(N) where N is the number of fields being set.",
        arity: Arity::at_least(4),
        run: hmset,
        ..WRITE
    },
    CommandSpec {
        name: "hset",
        summary: "Sets fields of a hash and returns how many of them are new.",
        complexity: "O(1) for each field/value pair added, so O(N) to add N field/value pairs when \
                     the command is called with multiple field/value pairs.",
        arity: Arity::at_least(4),
        run: hset,
        ..WRITE
    },
    CommandSpec {
        name: "hsetnx",
        summary: "Sets a field of a hash unless it is there.",
        arity: Arity::exactly(4),
        keys: Keys::at(1, KeyAccess::INSERT),
        run: hsetnx,
        ..WRITE
    },
    CommandSpec {
        name: "hstrlen",
        summary: "Returns the length of a field's value.",
        since: "3.2.0",
        arity: Arity::exactly(3),
        keys: Keys::at(1, KeyAccess::PEEK),
        run: hstrlen,
        ..READ
    },
];

// Reading --------------------------------------------------------------------------------------

/// The value of the field that a command's second and third words name.
fn field_of<'c>(
    cx: &'c mut Context<'_, '_>,
    args: &mut Args<'_>,
) -> Result<Option<&'c [u8]>, CommandError> {
    let (key, field) = (args.key()?, args.bytes()?);
    Ok(cx.db.collection::<HashValue>(key)?.and_then(|hash| hash.get(field)))
}

fn hget(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let (key, field) = (args.key()?, args.bytes()?);
    match cx.db.collection::<HashValue>(key)?.and_then(|hash| hash.get(field)) {
        Some(value) => cx.reply.bulk(value),
        None => cx.reply.null(),
    }
    Ok(Outcome::Reply)
}

fn hmget(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let (key, fields) = (args.key()?, args.take_rest());
    let hash = cx.db.collection::<HashValue>(key)?;
    cx.reply.array(fields.len());
    for field in fields {
        match hash.and_then(|hash| hash.get(field)) {
            Some(value) => cx.reply.bulk(value),
            None => cx.reply.null(),
        }
    }
    Ok(Outcome::Reply)
}

fn hexists(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let found = field_of(cx, args)?.is_some();
    cx.reply.integer(found.into());
    Ok(Outcome::Reply)
}

fn hstrlen(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let len = field_of(cx, args)?.map_or(0, <[u8]>::len);
    cx.reply.integer(len as i64);
    Ok(Outcome::Reply)
}

fn hlen(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let len = cx.db.collection::<HashValue>(args.key()?)?.map_or(0, HashValue::len);
    cx.reply.integer(len as i64);
    Ok(Outcome::Reply)
}

// Changing -------------------------------------------------------------------------------------

/// Sets the pairs that follow the key; returns how many fields are new.
fn set_pairs(
    cx: &mut Context<'_, '_>,
    args: &mut Args<'_>,
    command: &'static str,
) -> Result<usize, CommandError> {
    let key = args.key()?;
    let (pairs, left) = args.take_rest().as_chunks::<2>();
    if !left.is_empty() {
        return Err(CommandError::WrongArity(command.into()));
    }
    let limits = cx.db.settings.hash_limits();
    let hash = cx.db.collection_or_new::<HashValue>(key)?;
    let mut added = 0;
    for [field, value] in pairs {
        added += usize::from(hash.set(field, value, limits));
    }
    cx.db.changed(key);
    cx.db.count_changes(pairs.len() as u64 - 1);
    cx.db.notify(EventClasses::HASH, "hset", key);
    Ok(added)
}

fn hset(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let added = set_pairs(cx, args, "hset")?;
    cx.reply.integer(added as i64);
    Ok(Outcome::Reply)
}

fn hmset(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    set_pairs(cx, args, "hmset")?;
    cx.reply.ok();
    Ok(Outcome::Reply)
}

fn hsetnx(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let (key, field, value) = (args.key()?, args.bytes()?, args.bytes()?);
    let limits = cx.db.settings.hash_limits();
    let hash = cx.db.collection_or_new::<HashValue>(key)?;
    let is_new = hash.get(field).is_none();
    if is_new {
        hash.set(field, value, limits);
        cx.db.changed(key);
        cx.db.notify(EventClasses::HASH, "hset", key);
    }
    cx.reply.integer(is_new.into());
    Ok(Outcome::Reply)
}

fn hdel(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let (key, fields) = (args.key()?, args.take_rest());
    let removed = match cx.db.collection_mut::<HashValue>(key)? {
        Some(hash) => fields.iter().filter(|field| hash.remove(field)).count(),
        None => 0,
    };
    if removed > 0 {
        cx.db.changed(key);
        cx.db.count_changes(removed as u64 - 1);
        cx.db.notify(EventClasses::HASH, "hdel", key);
        cx.db.remove_if_empty(key);
    }
    cx.reply.integer(removed as i64);
    Ok(Outcome::Reply)
}

/// Replaces a field's value by what `change` makes of it; nothing is touched if that fails.
fn replace(
    cx: &mut Context<'_, '_>,
    key: &[u8],
    field: &[u8],
    change: impl FnOnce(Option<&[u8]>) -> Result<Vec<u8>, CommandError>,
) -> Result<Vec<u8>, CommandError> {
    let limits = cx.db.settings.hash_limits();
    let old = cx.db.collection_mut::<HashValue>(key)?;
    let new = change(old.as_ref().and_then(|hash| hash.get(field)))?;
    cx.db.collection_or_new::<HashValue>(key)?.set(field, &new, limits);
    cx.db.changed(key);
    Ok(new)
}

fn hincrby(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let (key, field) = (args.key()?, args.bytes()?);
    let amount = args.integer()?;
    let mut sum = 0;
    replace(cx, key, field, |old| {
        let old = old.map_or(Some(0), parse_i64);
        let old = old.ok_or(CommandError::text("ERR hash value is not an integer"))?;
        sum = old.checked_add(amount).ok_or(CommandError::Overflow)?;
        let mut text = Vec::new();
        write_i64(&mut text, sum);
        Ok(text)
    })?;
    cx.db.notify(EventClasses::HASH, "hincrby", key);
    cx.reply.integer(sum);
    Ok(Outcome::Reply)
}

/// Journalled as the HSET of its result, so that no reader of the log has to round as we do.
fn hincrbyfloat(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let (key, field) = (args.key()?, args.bytes()?);
    let amount = LongDouble::parse(args.bytes()?).ok_or(CommandError::NotFloat)?;
    if amount.is_infinite() {
        return Err(CommandError::text("ERR value is NaN or Infinity"));
    }
    let text = replace(cx, key, field, |old| {
        let old = old.map_or(Some(LongDouble::ZERO), LongDouble::parse);
        let old = old.ok_or(CommandError::text("ERR hash value is not a float"))?;
        let error = CommandError::text("ERR increment would produce NaN or Infinity");
        Ok(old.add(amount).ok_or(error)?.to_text())
    })?;
    cx.db.record(&[b"HSET", key, field, &text]);
    cx.db.notify(EventClasses::HASH, "hincrbyfloat", key);
    cx.reply.bulk(&text);
    Ok(Outcome::Reply)
}

#[cfg(test)]
mod tests {
    use crate::testing::{
        Bench, array, bulk, bulks, err, int, new_client, nil, ok, simple, wrong_type,
    };

    #[test]
    fn fields_are_set_read_and_counted() {
        let mut bench = Bench::new();
        bench.check("HSET h a 1 b 2 a 3", int(2));
        bench.check("HGETALL h", bulks(["a", "3", "b", "2"]));
        bench.check(r#"HSET h a 1 c "a\r\n\x00""#, int(1));
        bench.check("HGET h c", bulk("a\r\n\0"));
        bench.check("HSTRLEN h c", int(4));
        bench.check("HGET h zz", nil());
        bench.check("HGET nokey a", nil());
        bench.check("HMGET h a zz b a", array([bulk("1"), nil(), bulk("2"), bulk("1")]));
        bench.check("HMGET nokey a b", array([nil(), nil()]));
        bench.check("HLEN h", int(3));
        bench.check("HLEN nokey", int(0));
        bench.check("HEXISTS h b", int(1));
        bench.check("HEXISTS h zz", int(0));
        bench.check("HEXISTS nokey b", int(0));
        bench.check("HSTRLEN h zz", int(0));
        bench.check("HSTRLEN nokey a", int(0));
        bench.check("HMSET h d 4 a 9", ok());
        bench.check("HSETNX h d 5", int(0));
        bench.check("HSETNX h e 5", int(1));
        bench.check("HSETNX new e 5", int(1));
        bench.check(r#"HSET h "" """#, int(1));
        bench.check(r#"HGET h """#, bulk(""));
        bench.check("TYPE h", simple("hash"));
    }

    #[test]
    fn a_field_without_its_value_is_refused_and_nothing_is_set() {
        let mut bench = Bench::new();
        for line in ["HSET h", "HSET h a", "HSET h a 1 b"] {
            bench.check(line, err("ERR wrong number of arguments for 'hset' command"));
        }
        for line in ["HMSET h a", "HMSET h a 1 b"] {
            bench.check(line, err("ERR wrong number of arguments for 'hmset' command"));
        }
        bench.check("EXISTS h", int(0));
    }

    #[test]
    fn the_last_field_takes_the_key_with_it() {
        let mut bench = Bench::new();
        bench.run("HSET h a 1 b 2 c 3");
        bench.check("HDEL h a zz a", int(1));
        bench.check("HDEL h zz", int(0));
        bench.check("HDEL nokey a", int(0));
        bench.check("HDEL h b c", int(2));
        bench.check("EXISTS h", int(0));
    }

    #[test]
    fn strings_are_refused_and_stay() {
        let mut bench = Bench::new();
        bench.run("SET s v");
        for line in [
            "HSET s a 1",
            "HMSET s a 1",
            "HSETNX s a 1",
            "HGET s a",
            "HMGET s a",
            "HDEL s a",
            "HLEN s",
            "HSTRLEN s a",
            "HEXISTS s a",
            "HINCRBY s a 1",
            "HINCRBYFLOAT s a 1",
        ] {
            bench.check(line, wrong_type());
        }
        bench.check("GET s", bulk("v"));
    }

    #[test]
    fn integers_are_added_within_64_bits() {
        let mut bench = Bench::new();
        bench.check("HINCRBY h n 5", int(5));
        bench.check("HINCRBY h n -7", int(-2));
        bench.check("HGET h n", bulk("-2"));
        bench.run("HSET h max 9223372036854775807 text abc blank \" 1\" float 1.5 empty \"\"");
        bench.check("HINCRBY h max 0", int(i64::MAX));
        bench.check("HINCRBY h max 1", err("ERR increment or decrement would overflow"));
        for field in ["text", "blank", "float", "empty"] {
            let error = err("ERR hash value is not an integer");
            bench.check(&format!("HINCRBY h {field} 1"), error);
        }
        for amount in ["abc", "1.5", "+1", "9223372036854775808"] {
            let error = err("ERR value is not an integer or out of range");
            bench.check(&format!("HINCRBY nokey n {amount}"), error);
        }
        bench.check("EXISTS nokey", int(0));
    }

    #[test]
    fn floats_are_added_and_journalled_as_their_sum() {
        let mut bench = Bench::new();
        bench.check("HINCRBYFLOAT h f 10.50", bulk("10.5"));
        bench.check_journal("HINCRBYFLOAT h f 0.1", &["HSET h f 10.6"]);
        bench.check("HINCRBYFLOAT h f -5.0e3", bulk("-4989.39999999999999991"));
        bench.check("HINCRBYFLOAT h g 3.0e3", bulk("3000"));
        bench.run("HSET h text abc blank \" 1\" empty \"\" inf inf");
        for field in ["text", "blank", "empty"] {
            let error = err("ERR hash value is not a float");
            bench.check(&format!("HINCRBYFLOAT h {field} 1"), error);
        }
        let error = err("ERR increment would produce NaN or Infinity");
        bench.check("HINCRBYFLOAT h inf 1", error);
        bench.journal();
        for amount in ["abc", "nan", "\" 1\""] {
            let error = err("ERR value is not a valid float");
            bench.check(&format!("HINCRBYFLOAT nokey f {amount}"), error);
        }
        bench.check("HINCRBYFLOAT nokey f inf", err("ERR value is NaN or Infinity"));
        bench.check("EXISTS nokey", int(0));
        assert!(bench.journal().is_empty());
    }

    #[test]
    fn what_changed_is_journalled_verbatim_and_nothing_else_is() {
        let mut bench = Bench::new();
        bench.check_journal("hset h a 1 b 2", &["hset h a 1 b 2"]);
        bench.check_journal("HSET h a 1", &["HSET h a 1"]);
        bench.check_journal("HMSET h a 1 d 4", &["HMSET h a 1 d 4"]);
        bench.check_journal("HSETNX h a 2", &[]);
        bench.check_journal("HSETNX h c 3", &["HSETNX h c 3"]);
        bench.check_journal("HINCRBY h c 4", &["HINCRBY h c 4"]);
        bench.check_journal("HINCRBY h c x", &[]);
        bench.check_journal("HDEL h zz", &[]);
        bench.check_journal("HDEL h c zz", &["HDEL h c zz"]);
        bench.check_journal("HGETALL h", &[]);
        let before = bench.worker.effects.counters.dirty;
        bench.run("HSET h a 1 b 2 e 3");
        bench.run("HDEL h a b zz");
        bench.run("HSETNX h e 1");
        assert_eq!(bench.worker.effects.counters.dirty - before, 5);
    }

    #[test]
    fn a_due_hash_is_gone_before_it_is_changed() {
        let mut bench = Bench::new();
        bench.run("HSET h a 1");
        bench.run("PEXPIRE h 100");
        bench.check("HSET h b 2", int(1));
        bench.check("PTTL h", int(100));
        bench.advance(100);
        bench.check_journal("HSET h c 3", &["DEL h", "HSET h c 3"]);
        bench.check("HGETALL h", bulks(["c", "3"]));
        bench.check("PTTL h", int(-1));
        bench.run("PEXPIRE h 100");
        bench.advance(100);
        bench.check_journal("HDEL h c", &["DEL h"]);
        bench.run("HSET h c 3");
        bench.run("PEXPIRE h 100");
        bench.advance(100);
        bench.check_journal("HINCRBYFLOAT h c 1", &["DEL h", "HSET h c 1"]);
    }

    #[test]
    fn watchers_are_told_of_changes_only() {
        let mut bench = Bench::new();
        bench.run("HSET h a 1");
        for (line, fires) in [
            ("HSETNX h a 2", false),
            ("HDEL h zz", false),
            ("HINCRBY h a x", false),
            ("HGET h a", false),
            ("HSET h a 1", true),
            ("HINCRBYFLOAT h a 1", true),
            ("HDEL h a", true),
        ] {
            bench.check("WATCH h", ok());
            let me = bench.swap_client(new_client(2));
            bench.run(line);
            bench.swap_client(me);
            bench.check("MULTI", ok());
            bench.check("EXEC", if fires { b"*-1\r\n".to_vec() } else { array([]) });
        }
    }

    #[test]
    fn a_hash_grows_out_of_its_small_form_and_keeps_its_fields() {
        let mut bench = Bench::new();
        bench.run(&format!("HSET long a {}", "x".repeat(64)));
        bench.check("OBJECT ENCODING long", bulk("listpack"));
        bench.run(&format!("HSET long b {}", "x".repeat(65)));
        bench.check("OBJECT ENCODING long", bulk("hashtable"));
        for n in 0..600 {
            bench.run(&format!("HSET many f{n} {n}"));
            let encoding = if n < 512 { "listpack" } else { "hashtable" };
            if n == 511 || n == 512 {
                bench.check("OBJECT ENCODING many", bulk(encoding));
            }
        }
        bench.check("HLEN many", int(600));
        for n in 0..600 {
            bench.check(&format!("HGET many f{n}"), bulk(n.to_string()));
            bench.check(&format!("HDEL many f{n}"), int(1));
        }
        bench.check("EXISTS many", int(0));
    }
}
