//! Lists: elements pushed, read, changed and found. What takes them away is in `list_pops`.

use guarda_store::{Element, ListEnd, ListValue};

use crate::args::Args;
use crate::context::{CommandResult, Context, Outcome};
use crate::error::CommandError;
use crate::pubsub::EventClasses;
use crate::spec::{Arity, Categories, CommandSpec, Flags, Group, KeyAccess, Keys};

pub(crate) const NEW: CommandSpec =
    CommandSpec { group: Group::List, categories: Categories::LIST, ..CommandSpec::NEW };

const READ: CommandSpec =
    CommandSpec { flags: Flags::READONLY, keys: Keys::at(1, KeyAccess::READ), ..NEW };

const PUSH: CommandSpec = CommandSpec {
    complexity: "O(1) for each element added, so O(N) to add N elements when the command is called \
                 with multiple arguments.",
    arity: Arity::at_least(3),
    flags: Flags::WRITE.union(Flags::DENYOOM).union(Flags::FAST),
    keys: Keys::at(1, KeyAccess::INSERT),
    ..NEW
};

pub(crate) const FAMILY: &[CommandSpec] = &[
    CommandSpec {
        name: "lpush",
        summary: "Adds elements at the head of a list, one after the other.",
        run: |cx, args| push(cx, args, ListEnd::Head, false),
        ..PUSH
    },
    CommandSpec {
        name: "rpush",
        summary: "Adds elements at the tail of a list.",
        run: |cx, args| push(cx, args, ListEnd::Tail, false),
        ..PUSH
    },
    CommandSpec {
        name: "lpushx",
        summary: "Adds elements at the head of a list that is there already.",
        since: "2.2.0",
        run: |cx, args| push(cx, args, ListEnd::Head, true),
        ..PUSH
    },
    CommandSpec {
        name: "rpushx",
        summary: "Adds elements at the tail of a list that is there already.",
        since: "2.2.0",
        run: |cx, args| push(cx, args, ListEnd::Tail, true),
        ..PUSH
    },
    CommandSpec {
        name: "llen",
        summary: "Returns the number of elements of a list.",
        arity: Arity::exactly(2),
        flags: Flags::READONLY.union(Flags::FAST),
        keys: Keys::at(1, KeyAccess::PEEK),
        run: llen,
        ..NEW
    },
    CommandSpec {
        name: "lindex",
        summary: "Returns the element at an index, which counts from the tail if negative.",
        complexity: "O(N) where N is the number of elements to traverse to get to the element at \
                     index. This makes asking for the first or the last element of the list O(1).",
        arity: Arity::exactly(3),
        run: lindex,
        ..READ
    },
    CommandSpec {
        name: "lrange",
        summary: "Returns the elements between two indices.",
        complexity: "O(S+N) where S is the distance of start offset from HEAD for small lists, from \
                     nearest end (HEAD or TAIL) for large lists; and N is the number of elements in \
                     the specified range.",
        arity: Arity::exactly(4),
        run: lrange,
        ..READ
    },
    CommandSpec {
        name: "lpos",
        summary: "Finds the indices of elements equal to a value.",
        since: "6.0.6",
        complexity: "O(N) where N is the number of elements in the list, for the average case. When \
                     searching for elements near the head or the tail of the list, or when the \
                     MAXLEN option is provided, the command may run in constant time.",
        arity: Arity::at_least(3),
        run: lpos,
        ..READ
    },
    CommandSpec {
        name: "lset",
        summary: "Replaces the element at an index.",
        complexity: "O(N) where N is the length of the list. Setting either the first or the last \
                     element of the list is O(1).",
        arity: Arity::exactly(4),
        flags: Flags::WRITE.union(Flags::DENYOOM),
        keys: Keys::at(1, KeyAccess::CHANGE),
        run: lset,
        ..NEW
    },
    CommandSpec {
        name: "linsert",
        summary: "Adds an element before or after the first one that equals a value.",
        since: "2.2.0",
        complexity: "O(N) where N is the number of elements to traverse before seeing the value \
                     pivot. This means that inserting somewhere on the left end on the list (head) \
                     can be considered O(1) and inserting somewhere on the right end (tail) is O(N).",
        arity: Arity::exactly(5),
        flags: Flags::WRITE.union(Flags::DENYOOM),
        keys: Keys::at(1, KeyAccess::INSERT),
        run: linsert,
        ..NEW
    },
    CommandSpec {
        name: "lrem",
        summary: "Removes elements equal to a value: all, or the first or last few.",
        complexity: "O(N+M) where N is the length of the list and M is the number of elements \
                     removed.",
        arity: Arity::exactly(4),
        flags: Flags::WRITE,
        keys: Keys::at(1, KeyAccess::DELETE),
        run: lrem,
        ..NEW
    },
    CommandSpec {
        name: "ltrim",
        summary: "Keeps the elements between two indices and removes the others.",
        complexity: "O(N) where N is the number of elements to be removed by the operation.",
        arity: Arity::exactly(4),
        flags: Flags::WRITE,
        keys: Keys::at(1, KeyAccess::DELETE),
        run: ltrim,
        ..NEW
    },
];

// Indices --------------------------------------------------------------------------------------

/// An index that counts from the end if negative, as a position; `None` if it is before the head.
fn position(index: i64, len: usize) -> Option<usize> {
    let len = len as i64;
    usize::try_from(if index < 0 { len + index } else { index }).ok()
}

/// The range of positions that two indices name, the second one included; empty if they cross.
fn range(start: i64, stop: i64, len: usize) -> (usize, usize) {
    let start = position(start, len).unwrap_or(0);
    let end = position(stop, len).map_or(0, |stop| stop.saturating_add(1).min(len));
    if start >= end { (0, 0) } else { (start, end) }
}

// Pushing --------------------------------------------------------------------------------------

/// The event of elements that come in at an end.
pub(crate) fn push_event(end: ListEnd) -> &'static str {
    if end == ListEnd::Head { "lpush" } else { "rpush" }
}

fn push(
    cx: &mut Context<'_, '_>,
    args: &mut Args<'_>,
    end: ListEnd,
    only_if_there: bool,
) -> CommandResult {
    let (key, items) = (args.key()?, args.take_rest());
    let limits = cx.db.settings.list_limits();
    if only_if_there && cx.db.peek_collection::<ListValue>(key)?.is_none() {
        cx.reply.integer(0);
        return Ok(Outcome::Reply);
    }
    let list = cx.db.collection_or_new::<ListValue>(key)?;
    list.push_all(end, items.iter().copied(), limits);
    let len = list.len();
    cx.db.changed(key);
    cx.db.count_changes(items.len() as u64 - 1);
    cx.db.notify(EventClasses::LIST, push_event(end), key);
    cx.reply.integer(len as i64);
    Ok(Outcome::Reply)
}

// Reading --------------------------------------------------------------------------------------

fn llen(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let len = cx.db.collection::<ListValue>(args.key()?)?.map_or(0, ListValue::len);
    cx.reply.integer(len as i64);
    Ok(Outcome::Reply)
}

fn lindex(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let key = args.key()?;
    // A missing key is answered whatever the index is.
    let Some(list) = cx.db.collection::<ListValue>(key)? else {
        cx.reply.null();
        return Ok(Outcome::Reply);
    };
    let index = args.integer()?;
    match position(index, list.len()).and_then(|position| list.get(position)) {
        Some(element) => cx.reply.bulk(&element),
        None => cx.reply.null(),
    }
    Ok(Outcome::Reply)
}

fn lrange(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let key = args.key()?;
    let (start, stop) = (args.integer()?, args.integer()?);
    let Some(list) = cx.db.collection::<ListValue>(key)? else {
        cx.reply.array(0);
        return Ok(Outcome::Reply);
    };
    let (start, end) = range(start, stop, list.len());
    cx.reply.array(end - start);
    for element in list.iter_from(start).take(end - start) {
        cx.reply.bulk(&element);
    }
    Ok(Outcome::Reply)
}

/// What LPOS looks for.
struct Search {
    /// Matches to pass over before the first that counts.
    skip: u64,
    from_tail: bool,
    /// Matches wanted; `None`: the first alone, answered without an array.
    count: Option<usize>,
    /// Elements looked at, at most.
    len_max: usize,
}

impl Search {
    fn parse(args: &mut Args<'_>) -> Result<Search, CommandError> {
        let mut search = Search { skip: 0, from_tail: false, count: None, len_max: usize::MAX };
        // 0 = no limit.
        let unlimited =
            |n: i64| usize::try_from(n).ok().map(|n| if n == 0 { usize::MAX } else { n });
        while !args.is_empty() {
            if args.rest().len() < 2 {
                return Err(CommandError::Syntax);
            }
            if args.take_word("RANK") {
                let rank = args.integer()?;
                if rank == 0 {
                    return Err(CommandError::text(
                        "ERR RANK can't be zero: use 1 to start from the first match, 2 from the \
                         second ... or use negative to start from the end of the list",
                    ));
                }
                if rank == i64::MIN {
                    return Err(CommandError::text(
                        "ERR value is out of range, value must between -9223372036854775807 and \
                         9223372036854775807",
                    ));
                }
                (search.skip, search.from_tail) = (rank.unsigned_abs() - 1, rank < 0);
            } else if args.take_word("COUNT") {
                let negative = CommandError::text("ERR COUNT can't be negative");
                let count = guarda_resp::number::parse_i64(args.bytes()?);
                search.count = Some(count.and_then(unlimited).ok_or(negative)?);
            } else if args.take_word("MAXLEN") {
                let negative = CommandError::text("ERR MAXLEN can't be negative");
                let len = guarda_resp::number::parse_i64(args.bytes()?);
                search.len_max = len.and_then(unlimited).ok_or(negative)?;
            } else {
                return Err(CommandError::Syntax);
            }
        }
        Ok(search)
    }

    /// The positions found, in the order of the search.
    fn run(&self, list: &ListValue, wanted: &[u8]) -> Vec<usize> {
        let len = list.len();
        let is_match = |(_, element): &(usize, Element<'_>)| **element == *wanted;
        let (skip, count) = (self.skip, self.count.unwrap_or(1));
        let skip = usize::try_from(skip).unwrap_or(usize::MAX);
        if self.from_tail {
            let looked_at = list.iter_back().enumerate().take(self.len_max).filter(is_match);
            looked_at.skip(skip).take(count).map(|(n, _)| len - 1 - n).collect()
        } else {
            let looked_at = list.iter().enumerate().take(self.len_max).filter(is_match);
            looked_at.skip(skip).take(count).map(|(n, _)| n).collect()
        }
    }
}

fn lpos(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let (key, wanted) = (args.key()?, args.bytes()?);
    let search = Search::parse(args)?;
    let found = match cx.db.collection::<ListValue>(key)? {
        Some(list) => search.run(list, wanted),
        None => Vec::new(),
    };
    if search.count.is_some() {
        cx.reply.array(found.len());
        found.iter().for_each(|position| cx.reply.integer(*position as i64));
    } else if let Some(position) = found.first() {
        cx.reply.integer(*position as i64);
    } else {
        cx.reply.null();
    }
    Ok(Outcome::Reply)
}

// Changing -------------------------------------------------------------------------------------

fn lset(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let key = args.key()?;
    let limits = cx.db.settings.list_limits();
    let list = cx.db.collection_mut::<ListValue>(key)?.ok_or(CommandError::NoSuchKey)?;
    let (index, item) = (args.integer()?, args.bytes()?);
    let position = position(index, list.len()).unwrap_or(usize::MAX);
    if !list.set(position, item, limits) {
        return Err(CommandError::IndexOutOfRange);
    }
    cx.db.changed(key);
    cx.db.notify(EventClasses::LIST, "lset", key);
    cx.reply.ok();
    Ok(Outcome::Reply)
}

fn linsert(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let key = args.key()?;
    let after = args.take_word("AFTER");
    if !after && !args.take_word("BEFORE") {
        return Err(CommandError::Syntax);
    }
    let (pivot, item) = (args.bytes()?, args.bytes()?);
    let limits = cx.db.settings.list_limits();
    let Some(list) = cx.db.collection_mut::<ListValue>(key)? else {
        cx.reply.integer(0);
        return Ok(Outcome::Reply);
    };
    let Some(at) = list.iter().position(|element| *element == *pivot) else {
        cx.reply.integer(-1);
        return Ok(Outcome::Reply);
    };
    list.insert(at + usize::from(after), item, limits);
    let len = list.len();
    cx.db.changed(key);
    cx.db.notify(EventClasses::LIST, "linsert", key);
    cx.reply.integer(len as i64);
    Ok(Outcome::Reply)
}

fn lrem(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let (key, count, item) = (args.key()?, args.integer()?, args.bytes()?);
    let end = if count < 0 { ListEnd::Tail } else { ListEnd::Head };
    let limit = match usize::try_from(count.unsigned_abs()) {
        Ok(0) | Err(_) => usize::MAX,
        Ok(limit) => limit,
    };
    let limits = cx.db.settings.list_limits();
    let removed = match cx.db.collection_mut::<ListValue>(key)? {
        Some(list) => list.remove_equal(item, limit, end, limits),
        None => 0,
    };
    if removed > 0 {
        cx.db.changed(key);
        cx.db.count_changes(removed as u64 - 1);
        cx.db.notify(EventClasses::LIST, "lrem", key);
        cx.db.remove_if_empty(key);
    }
    cx.reply.integer(removed as i64);
    Ok(Outcome::Reply)
}

fn ltrim(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let key = args.key()?;
    let (start, stop) = (args.integer()?, args.integer()?);
    let limits = cx.db.settings.list_limits();
    if let Some(list) = cx.db.collection_mut::<ListValue>(key)? {
        let (start, end) = range(start, stop, list.len());
        let removed = list.len() - (end - start);
        list.trim(start, end, limits);
        cx.db.notify(EventClasses::LIST, "ltrim", key);
        if removed > 0 {
            cx.db.changed(key);
            cx.db.count_changes(removed as u64 - 1);
            cx.db.remove_if_empty(key);
        }
    }
    cx.reply.ok();
    Ok(Outcome::Reply)
}

#[cfg(test)]
mod tests {
    use crate::testing::*;

    #[test]
    fn elements_are_pushed_at_both_ends_and_read_by_index() {
        let mut bench = Bench::new();
        bench.check("RPUSHX l a", int(0));
        bench.check_journal("RPUSH l a b", &["RPUSH l a b"]);
        bench.check("LPUSH l c d", int(4));
        bench.check("LPUSHX l e", int(5));
        bench.check("LRANGE l 0 -1", bulks(["e", "d", "c", "a", "b"]));
        bench.check("LRANGE l -2 100", bulks(["a", "b"]));
        bench.check("LRANGE l 3 1", b"*0\r\n");
        bench.check("LINDEX l 0", bulk("e"));
        bench.check("LINDEX l -1", bulk("b"));
        bench.check("LINDEX l 5", nil());
        bench.check("LINDEX l -6", nil());
        bench.check("LLEN l", int(5));
        bench.check("OBJECT ENCODING l", bulk("listpack"));
        bench.check("SET s v", ok());
        for line in ["RPUSH s a", "LRANGE s 0 -1", "LLEN s", "LINDEX s 0", "LSET s 0 a"] {
            bench.check(line, wrong_type());
        }
    }

    #[test]
    fn elements_are_changed_in_place() {
        let mut bench = Bench::new();
        bench.check("LSET l 0 a", err("ERR no such key"));
        bench.check("LINSERT l BEFORE a b", int(0));
        bench.check("RPUSH l a b a c a", int(5));
        bench.check_journal("LSET l -1 z", &["LSET l -1 z"]);
        bench.check("LSET l 5 a", err("ERR index out of range"));
        bench.check("LSET l -6 a", err("ERR index out of range"));
        bench.check("LINSERT l AFTER b x", int(6));
        bench.check("LINSERT l BEFORE a y", int(7));
        bench.check_journal("LINSERT l BEFORE nobody y", &[]);
        bench.check("LRANGE l 0 -1", bulks(["y", "a", "b", "x", "a", "c", "z"]));
        bench.check_journal("LREM l -1 a", &["LREM l -1 a"]);
        bench.check("LREM l 0 nobody", int(0));
        bench.check_journal("LTRIM l 1 -2", &["LTRIM l 1 -2"]);
        bench.check_journal("LTRIM l 0 -1", &[]);
        bench.check("LRANGE l 0 -1", bulks(["a", "b", "x", "c"]));
        bench.check("LTRIM l 5 1", ok());
        bench.check("EXISTS l", int(0));
    }

    #[test]
    fn lpos_counts_matches_from_either_end() {
        let mut bench = Bench::new();
        bench.check("RPUSH l a b c 1 2 3 c c", int(8));
        bench.check("LPOS l c", int(2));
        bench.check("LPOS l c RANK 2", int(6));
        bench.check("LPOS l c RANK -1", int(7));
        bench.check("LPOS l c COUNT 2", array([int(2), int(6)]));
        bench.check("LPOS l c RANK -1 COUNT 0", array([int(7), int(6), int(2)]));
        bench.check("LPOS l c MAXLEN 2", nil());
        bench.check("LPOS l c MAXLEN 2 COUNT 0", b"*0\r\n");
        bench.check("LPOS l c RANK 2 MAXLEN 7", int(6));
        bench.check("LPOS nothing c", nil());
        bench.check("LPOS nothing c COUNT 1", b"*0\r\n");
    }
}
