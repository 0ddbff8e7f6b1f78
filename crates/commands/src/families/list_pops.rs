//! Lists: elements taken from their ends, and moved from one list to another.

use guarda_resp::ReplyWriter;
use guarda_resp::number::write_i64;
use guarda_store::{ListEnd, ListValue};

use crate::args::Args;
use crate::context::{CommandResult, Context, Outcome};
use crate::db::Db;
use crate::error::CommandError;
use crate::families::lists::NEW;
use crate::families::lists::push_event;
use crate::pubsub::EventClasses;
use crate::spec::{Arity, CommandSpec, Flags, KeyAccess, Keys};

/// Reads and removes.
pub(crate) const POP_ACCESS: KeyAccess = KeyAccess(&["RW", "access", "delete"]);

const PER_POP: &str = "O(N) where N is the number of elements returned";

const POP: CommandSpec = CommandSpec {
    complexity: PER_POP,
    arity: Arity::at_least(2),
    flags: Flags::WRITE.union(Flags::FAST),
    keys: Keys::at(1, POP_ACCESS),
    ..NEW
};

pub(crate) const MOVE_KEYS: Keys = Keys::range(1, 2, 1, POP_ACCESS).then(2, KeyAccess::INSERT);

pub(crate) const FAMILY: &[CommandSpec] = &[
    CommandSpec {
        name: "lpop",
        summary: "Removes and returns the first element of a list, or the first few.",
        run: |cx, args| pop(cx, args, ListEnd::Head),
        ..POP
    },
    CommandSpec {
        name: "rpop",
        summary: "Removes and returns the last element of a list, or the last few.",
        run: |cx, args| pop(cx, args, ListEnd::Tail),
        ..POP
    },
    CommandSpec {
        name: "lmpop",
        summary: "Removes and returns elements of the first of several lists that has any.",
        since: "7.0.0",
        complexity: "O(N+M) where N is the number of provided keys and M is the number of elements \
                     returned.",
        arity: Arity::at_least(4),
        flags: Flags::WRITE.union(Flags::MOVABLEKEYS),
        keys: Keys::counted(1, POP_ACCESS),
        run: lmpop,
        ..NEW
    },
    CommandSpec {
        name: "lmove",
        summary: "Moves an element from an end of a list to an end of another and returns it.",
        since: "6.2.0",
        arity: Arity::exactly(5),
        flags: Flags::WRITE.union(Flags::DENYOOM),
        keys: MOVE_KEYS,
        run: lmove,
        ..NEW
    },
    CommandSpec {
        name: "rpoplpush",
        summary: "Moves the last element of a list to the head of another and returns it.",
        since: "1.2.0",
        arity: Arity::exactly(3),
        flags: Flags::WRITE.union(Flags::DENYOOM),
        keys: MOVE_KEYS,
        run: rpoplpush,
        ..NEW
    },
];

// What the blocking commands do too ----------------------------------------------------------------

/// Removes up to `count` elements from an end of the list at `key`; the key goes with the last.
pub(crate) fn pop_elements(
    db: &mut Db<'_, '_>,
    key: &[u8],
    end: ListEnd,
    count: usize,
) -> Result<Vec<Vec<u8>>, CommandError> {
    let limits = db.settings.list_limits();
    let Some(list) = db.collection_mut::<ListValue>(key)? else { return Ok(Vec::new()) };
    let popped: Vec<Vec<u8>> = std::iter::from_fn(|| list.pop(end, limits)).take(count).collect();
    if !popped.is_empty() {
        db.changed(key);
        db.count_changes(popped.len() as u64 - 1);
        db.notify(EventClasses::LIST, pop_event(end), key);
        db.remove_if_empty(key);
    }
    Ok(popped)
}

/// BLPOP's and BRPOP's reply: the key and an element of it.
pub(crate) fn take_element(
    db: &mut Db<'_, '_>,
    key: &[u8],
    end: ListEnd,
    reply: &mut ReplyWriter<'_>,
) -> Result<(), CommandError> {
    let popped = pop_elements(db, key, end, 1)?;
    let element = popped.first().expect("the caller knows that there is one");
    let name: &[u8] = if end == ListEnd::Head { b"LPOP" } else { b"RPOP" };
    db.record(&[name, key]);
    reply.array(2);
    reply.bulk(key);
    reply.bulk(element);
    Ok(())
}

/// LMPOP's reply: the key and elements of it.
pub(crate) fn reply_popped(
    db: &mut Db<'_, '_>,
    key: &[u8],
    end: ListEnd,
    count: usize,
    reply: &mut ReplyWriter<'_>,
) -> Result<(), CommandError> {
    let popped = pop_elements(db, key, end, count)?;
    let name: &[u8] = if end == ListEnd::Head { b"LPOP" } else { b"RPOP" };
    let mut count = Vec::new();
    write_i64(&mut count, popped.len() as i64);
    db.record(&[name, key, &count]);
    reply.array(2);
    reply.bulk(key);
    reply.array(popped.len());
    popped.iter().for_each(|element| reply.bulk(element));
    Ok(())
}

/// An element's way from one list to another.
pub(crate) struct Transfer {
    pub(crate) to: Box<[u8]>,
    pub(crate) from_end: ListEnd,
    pub(crate) to_end: ListEnd,
    /// Journalled by its older name.
    pub(crate) is_rpoplpush: bool,
}

impl Transfer {
    /// RPOPLPUSH's.
    pub(crate) fn rpoplpush(to: &[u8]) -> Transfer {
        let (from_end, to_end) = (ListEnd::Tail, ListEnd::Head);
        Transfer { to: to.into(), from_end, to_end, is_rpoplpush: true }
    }

    /// Moves an element of `from`, journals that and replies with it; false if there is none.
    pub(crate) fn carry_out(
        &self,
        db: &mut Db<'_, '_>,
        from: &[u8],
        reply: &mut ReplyWriter<'_>,
    ) -> Result<bool, CommandError> {
        let to = &*self.to;
        if db.peek_collection::<ListValue>(from)?.is_none() {
            return Ok(false);
        }
        db.peek_collection::<ListValue>(to)?;
        let limits = db.settings.list_limits();
        let element = if from == to {
            // In place: a list of one element keeps its expiry.
            let list = db.collection_or_new::<ListValue>(from)?;
            let element = list.pop(self.from_end, limits).expect("no list is empty");
            list.push_all(self.to_end, [&element[..]], limits);
            db.notify(EventClasses::LIST, push_event(self.to_end), to);
            db.notify(EventClasses::LIST, pop_event(self.from_end), from);
            element
        } else {
            // The other list comes first, so that its events do.
            let list = db.collection_mut::<ListValue>(from)?.expect("looked at above");
            let element = list.pop(self.from_end, limits).expect("no list is empty");
            let list = db.collection_or_new::<ListValue>(to)?;
            list.push_all(self.to_end, [&element[..]], limits);
            db.notify(EventClasses::LIST, push_event(self.to_end), to);
            db.changed_too(from);
            db.notify(EventClasses::LIST, pop_event(self.from_end), from);
            db.remove_if_empty(from);
            element
        };
        db.changed(to);
        if self.is_rpoplpush {
            db.record(&[b"RPOPLPUSH", from, to]);
        } else {
            db.record(&[b"LMOVE", from, to, end_name(self.from_end), end_name(self.to_end)]);
        }
        reply.bulk(&element);
        Ok(true)
    }
}

/// The event of elements that leave at an end.
fn pop_event(end: ListEnd) -> &'static str {
    if end == ListEnd::Head { "lpop" } else { "rpop" }
}

fn end_name(end: ListEnd) -> &'static [u8] {
    match end {
        ListEnd::Head => b"left",
        ListEnd::Tail => b"right",
    }
}

/// LEFT or RIGHT.
pub(crate) fn list_end(args: &mut Args<'_>) -> Result<ListEnd, CommandError> {
    if args.take_word("LEFT") {
        Ok(ListEnd::Head)
    } else if args.take_word("RIGHT") {
        Ok(ListEnd::Tail)
    } else {
        Err(CommandError::Syntax)
    }
}

/// The `key [key …] LEFT|RIGHT [COUNT n]` of LMPOP and BLMPOP, after the number of keys.
pub(crate) fn keys_end_count<'a>(
    args: &mut Args<'a>,
) -> Result<(&'a [&'a [u8]], ListEnd, usize), CommandError> {
    let keys = counted_keys(args)?;
    let end = list_end(args)?;
    Ok((keys, end, pop_count(args)?))
}

/// The keys that follow their number.
pub(crate) fn counted_keys<'a>(args: &mut Args<'a>) -> Result<&'a [&'a [u8]], CommandError> {
    let error = CommandError::text("ERR numkeys should be greater than 0");
    let count = guarda_resp::number::parse_i64(args.bytes()?).and_then(|n| usize::try_from(n).ok());
    let count = count.filter(|count| (1..=i64::MAX as usize).contains(count)).ok_or(error)?;
    if args.rest().len() <= count {
        return Err(CommandError::Syntax);
    }
    let keys = &args.rest()[..count];
    for _ in 0..count {
        args.key()?;
    }
    Ok(keys)
}

/// `[COUNT n]` at the end of a pop.
pub(crate) fn pop_count(args: &mut Args<'_>) -> Result<usize, CommandError> {
    let mut count = 1;
    if args.rest().len() >= 2 && args.take_word("COUNT") {
        let error = CommandError::text("ERR count should be greater than 0");
        let given = guarda_resp::number::parse_i64(args.bytes()?);
        count = given.and_then(|n| usize::try_from(n).ok()).filter(|n| *n > 0).ok_or(error)?;
    }
    args.finish()?;
    Ok(count)
}

// The commands -------------------------------------------------------------------------------------

fn pop(cx: &mut Context<'_, '_>, args: &mut Args<'_>, end: ListEnd) -> CommandResult {
    let key = args.key()?;
    if args.is_empty() {
        match pop_elements(&mut cx.db, key, end, 1)?.first() {
            Some(element) => cx.reply.bulk(element),
            None => cx.reply.null(),
        }
        return Ok(Outcome::Reply);
    }
    if args.rest().len() > 1 {
        let name = if end == ListEnd::Head { "lpop" } else { "rpop" };
        return Err(CommandError::WrongArity(name.into()));
    }
    let count = guarda_resp::number::parse_i64(args.bytes()?);
    let count = count.and_then(|n| usize::try_from(n).ok()).ok_or(CommandError::NotPositive)?;
    if cx.db.peek_collection::<ListValue>(key)?.is_none() {
        cx.reply.null_array();
        return Ok(Outcome::Reply);
    }
    let popped = pop_elements(&mut cx.db, key, end, count)?;
    cx.reply.array(popped.len());
    popped.iter().for_each(|element| cx.reply.bulk(element));
    Ok(Outcome::Reply)
}

fn lmpop(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let (keys, end, count) = keys_end_count(args)?;
    for key in keys {
        if cx.db.peek_collection::<ListValue>(key)?.is_some() {
            reply_popped(&mut cx.db, key, end, count, &mut cx.reply)?;
            return Ok(Outcome::Reply);
        }
    }
    cx.reply.null_array();
    Ok(Outcome::Reply)
}

fn lmove(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let (from, to) = (args.key()?, args.key()?);
    let (from_end, to_end) = (list_end(args)?, list_end(args)?);
    transfer(cx, from, &Transfer { to: to.into(), from_end, to_end, is_rpoplpush: false })
}

fn rpoplpush(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let (from, to) = (args.key()?, args.key()?);
    transfer(cx, from, &Transfer::rpoplpush(to))
}

fn transfer(cx: &mut Context<'_, '_>, from: &[u8], transfer: &Transfer) -> CommandResult {
    if !transfer.carry_out(&mut cx.db, from, &mut cx.reply)? {
        cx.reply.null();
    }
    Ok(Outcome::Reply)
}

#[cfg(test)]
mod tests {
    use crate::testing::*;

    #[test]
    fn pops_take_from_their_end_and_the_key_goes_with_the_last() {
        let mut bench = Bench::new();
        bench.check("LPOP l", nil());
        bench.check("LPOP l 1", b"*-1\r\n");
        bench.check("RPUSH l a b c d e", int(5));
        bench.check_journal("LPOP l", &["LPOP l"]);
        bench.check("RPOP l", bulk("e"));
        bench.check("LPOP l 0", b"*0\r\n");
        bench.check_journal("RPOP l 2", &["RPOP l 2"]);
        bench.check("LPOP l 9223372036854775807", bulks(["b"]));
        bench.check("EXISTS l", int(0));
        for count in ["-1", "x", "9223372036854775808"] {
            let error = err("ERR value is out of range, must be positive");
            bench.check(&format!("LPOP l {count}"), error);
        }
        bench.check("LPOP l 1 2", err("ERR wrong number of arguments for 'lpop' command"));
        bench.check("SET s v", ok());
        bench.check("RPOP s", wrong_type());
        bench.check("LPOP s 1", wrong_type());
    }

    #[test]
    fn lmpop_takes_from_the_first_list_that_has_elements() {
        let mut bench = Bench::new();
        bench.check("RPUSH b 1 2 3", int(3));
        bench.check("LMPOP 2 a b LEFT", array([bulk("b"), bulks(["1"])]));
        bench.check_journal("LMPOP 2 a b RIGHT COUNT 5", &["RPOP b 2"]);
        bench.check("LMPOP 2 a b LEFT", b"*-1\r\n");
        bench.check("SET s v", ok());
        bench.check("LMPOP 2 a s LEFT", wrong_type());
    }

    #[test]
    fn a_move_keeps_the_expiry_of_a_list_that_it_turns() {
        let mut bench = Bench::new();
        bench.check("RPUSH l a", int(1));
        bench.check("PEXPIRE l 5000", int(1));
        bench.check("LMOVE l l LEFT RIGHT", bulk("a"));
        bench.check("PTTL l", int(5_000));
        bench.check_journal("RPOPLPUSH l m", &["RPOPLPUSH l m"]);
        bench.check("PTTL m", int(-1));
        bench.check("LMOVE l m LEFT LEFT", nil());
        bench.check("LMOVE l m LEFT UP", err("ERR syntax error"));
        bench.check("SET s v", ok());
        bench.check("RPOPLPUSH m s", wrong_type());
        bench.check("LRANGE m 0 -1", bulks(["a"]));
    }
}
