//! The subcommands of DEBUG that look at data.

use std::fmt::Write as _;

use guarda_store::{Record, SHARDS, SetForm, ValueRef, glob_match};

use super::diagnostics;
use crate::args::Args;
use crate::context::{CommandResult, Context, Outcome};
use crate::db::Db;
use crate::digest;
use crate::error::CommandError;
use crate::families::object::{encoding_of, idle_seconds};

const NO_SUCH_KEY: CommandError = CommandError::text("ERR no such key");

/// As it is kept, though it may be due: this is to be seen.
fn record<'d>(cx: &'d mut Context<'_, '_>, key: &[u8]) -> Result<&'d Record, CommandError> {
    let (db, key) = (cx.db.index, cx.db.locked.hashed(key));
    cx.db.locked.shard(key).peek(db, key).ok_or(NO_SUCH_KEY)
}

pub(super) fn digest(cx: &mut Context<'_, '_>, _: &mut Args<'_>) -> CommandResult {
    let (now, databases) = (cx.db.now, cx.host.keyspace().databases());
    let mut sum = digest::NOTHING;
    for at in 0..SHARDS {
        cx.db.locked.visit_shard(at, |shard| {
            for db in 0..databases {
                let living = |record: &Record| {
                    if !record.is_due(now) {
                        digest::mix(&mut sum, digest::of_record(db, record));
                    }
                };
                shard.scan(db, 0, usize::MAX, living);
            }
        });
    }
    cx.reply.simple(&digest::hex(sum));
    Ok(Outcome::Reply)
}

pub(super) fn digest_values(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let keys = args.take_rest();
    cx.reply.array(keys.len());
    for key in keys {
        let found = cx.db.peek(key).map_or(digest::NOTHING, digest::of_value);
        cx.reply.simple(&digest::hex(found));
    }
    Ok(Outcome::Reply)
}

pub(super) fn object(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    // Another word means nothing: FAST leaves out what takes Redis long.
    let key = args.key()?;
    let (now, limits) = (
        cx.db.now,
        cx.db.settings.list_max_listpack_size.load(std::sync::atomic::Ordering::Relaxed),
    );
    let diagnostics = diagnostics(cx)?;
    let record = record(cx, key)?;
    let mut text = format!(
        "Value at:{record:p} refcount:1 encoding:{} serializedlength:{} lru:{} lru_seconds_idle:{}",
        encoding_of(record),
        diagnostics.serialized_len(record),
        record.accessed() & 0x00ff_ffff,
        idle_seconds(record, now),
    );
    if let ValueRef::List(list) = record.value()
        && !list.is_listpack()
    {
        let (nodes, len) = (list.block_count(), list.len());
        let _ = write!(
            text,
            " ql_nodes:{nodes} ql_avg_node:{:.2} ql_listpack_max:{limits} ql_compressed:0 \
             ql_uncompressed_size:{}",
            len as f64 / nodes as f64,
            list.heap_len(),
        );
    }
    cx.reply.simple(&text);
    Ok(Outcome::Reply)
}

pub(super) fn string_len(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let key = args.key()?;
    let record = record(cx, key)?;
    let ValueRef::String(value) = record.value() else {
        return Err(CommandError::text("ERR Not an sds encoded string."));
    };
    if encoding_of(record) == "int" {
        return Err(CommandError::text("ERR Not an sds encoded string."));
    }
    let (key_len, value_len) = (key.len(), value.len());
    let spare = record.heap_len().saturating_sub(key_len + value_len);
    cx.reply.simple(&format!(
        "key_sds_len:{key_len}, key_sds_avail:0, key_zmalloc: {key_len}, val_sds_len:{value_len}, \
         val_sds_avail:{spare}, val_zmalloc: {}",
        value_len + spare
    ));
    Ok(Outcome::Reply)
}

pub(super) fn listpack(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let (key, diagnostics) = (args.key()?, diagnostics(cx)?);
    let record = record(cx, key)?;
    if encoding_of(record) != "listpack" {
        return Err(CommandError::text("ERR Not a listpack encoded object."));
    }
    diagnostics.log(&format!("DEBUG LISTPACK: {} bytes", record.heap_len()));
    cx.reply.simple("Listpack structure printed on stdout");
    Ok(Outcome::Reply)
}

pub(super) fn quicklist(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let (key, diagnostics) = (args.key()?, diagnostics(cx)?);
    let record = record(cx, key)?;
    let list = match record.value() {
        ValueRef::List(list) if !list.is_listpack() => list,
        _ => return Err(CommandError::text("ERR Not a quicklist encoded object.")),
    };
    let (blocks, len) = (list.block_count(), list.len());
    diagnostics.log(&format!("DEBUG QUICKLIST: {len} elements in {blocks} blocks"));
    cx.reply.simple("Quicklist structure printed on stdout");
    Ok(Outcome::Reply)
}

/// A table's part in a description.
fn describe(text: &mut String, room: usize, len: usize) {
    text.push_str("Hash table 0 stats (main hash table):\n");
    if len == 0 {
        text.push_str("No stats available for empty dictionaries\n");
        return;
    }
    let _ = writeln!(text, " table size: {room}\n number of elements: {len}");
}

pub(super) fn table_of_database(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let databases = cx.host.keyspace().databases();
    let db = u32::try_from(args.integer()?).ok().filter(|db| *db < databases);
    let db = db.ok_or(CommandError::text("ERR Out of range database"))?;
    let (mut room, mut len, mut expiring) = (0, 0, 0);
    for at in 0..SHARDS {
        cx.db.locked.visit_shard(at, |shard| {
            room += shard.room(db);
            len += shard.len(db);
            expiring += shard.expiring_len(db);
        });
    }
    let mut text = "[Dictionary HT]\n".to_owned();
    describe(&mut text, room, len);
    text.push_str("[Expires HT]\n");
    describe(&mut text, expiring, expiring);
    cx.reply.verbatim(b"txt", text.as_bytes());
    Ok(Outcome::Reply)
}

pub(super) fn table_of_value(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let key = args.key()?;
    let len = match record(cx, key)?.value() {
        ValueRef::Hash(hash) if !hash.is_packed() => hash.len(),
        ValueRef::Set(set) if set.form() == SetForm::Table => set.len(),
        ValueRef::SortedSet(set) if !set.is_packed() => set.len(),
        _ => {
            return Err(CommandError::text(
                "ERR The value stored at the specified key is not represented using an hash table",
            ));
        }
    };
    let mut text = String::new();
    describe(&mut text, len, len);
    cx.reply.verbatim(b"txt", text.as_bytes());
    Ok(Outcome::Reply)
}

/// Texts and patterns that STRINGMATCH-TEST tries.
const MATCHES: u32 = 10_000;

pub(super) fn match_at_random(cx: &mut Context<'_, '_>, _: &mut Args<'_>) -> CommandResult {
    const LETTERS: &[u8; 8] = b"*?[]^-\\a";
    let word = || {
        let (len, bits) = (Db::random() % 21, Db::random());
        (0..len).map(|at| LETTERS[(bits >> (3 * at)) as usize % 8]).collect::<Vec<u8>>()
    };
    for _ in 0..MATCHES {
        let _ = glob_match(&word(), &word(), false);
    }
    cx.reply.simple("Apparently Redis did not crash: test passed");
    Ok(Outcome::Reply)
}

pub(super) fn struct_sizes(cx: &mut Context<'_, '_>, _: &mut Args<'_>) -> CommandResult {
    let (bits, slot) = (usize::BITS, size_of::<Record>());
    cx.reply.simple(&format!("bits:{bits} robj:{slot} dictentry:{slot}"));
    Ok(Outcome::Reply)
}
