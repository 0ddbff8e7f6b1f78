//! Hashes: fields set, read, counted and removed. Walks over fields are in `hash_walks`.

use guarda_resp::number::{parse_i64, write_i64};
use guarda_store::HashValue;

use crate::args::Args;
use crate::context::{CommandResult, Context, Outcome};
use crate::error::CommandError;
use crate::families::string_float::LongDouble;
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
    Ok(cx.db.hash(key)?.and_then(|hash| hash.get(field)))
}

fn hget(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let (key, field) = (args.key()?, args.bytes()?);
    match cx.db.hash(key)?.and_then(|hash| hash.get(field)) {
        Some(value) => cx.reply.bulk(value),
        None => cx.reply.null(),
    }
    Ok(Outcome::Reply)
}

fn hmget(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let (key, fields) = (args.key()?, args.take_rest());
    let hash = cx.db.hash(key)?;
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
    let len = cx.db.hash(args.key()?)?.map_or(0, HashValue::len);
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
    let hash = cx.db.hash_or_new(key)?;
    let mut added = 0;
    for [field, value] in pairs {
        added += usize::from(hash.set(field, value, limits));
    }
    cx.db.changed(key);
    cx.db.count_changes(pairs.len() as u64 - 1);
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
    let hash = cx.db.hash_or_new(key)?;
    let is_new = hash.get(field).is_none();
    if is_new {
        hash.set(field, value, limits);
        cx.db.changed(key);
    }
    cx.reply.integer(is_new.into());
    Ok(Outcome::Reply)
}

fn hdel(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let (key, fields) = (args.key()?, args.take_rest());
    let removed = match cx.db.hash_mut(key)? {
        Some(hash) => fields.iter().filter(|field| hash.remove(field)).count(),
        None => 0,
    };
    if removed > 0 {
        cx.db.changed(key);
        cx.db.count_changes(removed as u64 - 1);
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
    let old = cx.db.hash_mut(key)?;
    let new = change(old.as_ref().and_then(|hash| hash.get(field)))?;
    cx.db.hash_or_new(key)?.set(field, &new, limits);
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
    cx.reply.bulk(&text);
    Ok(Outcome::Reply)
}
