//! SORT and SORT_RO.

use std::cmp::Ordering;

use guarda_store::{ListEnd, ListValue, Value, ValueRef};

use crate::args::Args;
use crate::context::{Caller, CommandResult, Context, Outcome};
use crate::error::{CommandError, until_nul};
use crate::families::keys::NEW;
use crate::pubsub::EventClasses;
use crate::spec::{Arity, Categories, CommandSpec, Flags, Keys, Locks};

const SORT: CommandSpec = CommandSpec {
    complexity: "O(N+M*log(M)) where N is the number of elements in the list or set to sort, and M \
                 the number of returned elements. When the elements are not sorted, complexity is \
                 O(N).",
    arity: Arity::at_least(2),
    categories: Categories::SET
        .union(Categories::SORTEDSET)
        .union(Categories::LIST)
        .union(Categories::DANGEROUS),
    locks: Locks::KeysAndPatterns,
    ..NEW
};

pub(crate) const FAMILY: &[CommandSpec] = &[
    CommandSpec {
        name: "sort",
        summary: "Returns or stores the elements of a list, set or sorted set in order.",
        flags: Flags::WRITE.union(Flags::DENYOOM).union(Flags::MOVABLEKEYS),
        keys: Keys::SORT,
        run: |cx, args| sort(cx, args, true),
        ..SORT
    },
    CommandSpec {
        name: "sort_ro",
        summary: "Returns the elements of a list, set or sorted set in order; never stores.",
        since: "7.0.0",
        flags: Flags::READONLY.union(Flags::MOVABLEKEYS),
        keys: Keys::SORT_RO,
        run: |cx, args| sort(cx, args, false),
        ..SORT
    },
];

/// Elements journalled by one record of the list that SORT stores.
const STORED_AT_ONCE: usize = 512;

/// Whether a call reads keys that its words do not name but only describe.
pub(crate) fn reads_by_pattern(args: &[&[u8]]) -> bool {
    args.iter().skip(2).zip(args.iter().skip(3)).any(|(word, pattern)| {
        (word.eq_ignore_ascii_case(b"BY") || word.eq_ignore_ascii_case(b"GET"))
            && pattern.contains(&b'*')
    })
}

/// What the elements are compared by.
enum By<'a> {
    /// Themselves.
    Element,
    /// Nothing: they stay in the order they have.
    Nothing,
    /// What lies at the key that the pattern makes of each.
    Pattern(&'a [u8]),
}

/// A call, understood.
struct Sort<'a> {
    key: &'a [u8],
    by: By<'a>,
    limit: Option<(i64, i64)>,
    gets: Vec<&'a [u8]>,
    descending: bool,
    alpha: bool,
    store: Option<&'a [u8]>,
}

impl<'a> Sort<'a> {
    fn parse(
        cx: &Context<'_, '_>,
        args: &mut Args<'a>,
        may_store: bool,
    ) -> Result<Sort<'a>, CommandError> {
        let reads_all = cx.client.user.as_ref().is_none_or(|user| user.may_read_all_keys());
        let denied = |option| {
            let text =
                format!("ERR {option} option of SORT denied due to insufficient ACL permissions.");
            CommandError::owned(text)
        };
        let mut sort = Sort {
            key: args.key()?,
            by: By::Element,
            limit: None,
            gets: Vec::new(),
            descending: false,
            alpha: false,
            store: None,
        };
        while !args.is_empty() {
            if args.take_word("ASC") {
                sort.descending = false;
            } else if args.take_word("DESC") {
                sort.descending = true;
            } else if args.take_word("ALPHA") {
                sort.alpha = true;
            } else if args.take_word("LIMIT") {
                if args.rest().len() < 2 {
                    return Err(CommandError::Syntax);
                }
                sort.limit = Some((args.integer()?, args.integer()?));
            } else if may_store && args.take_word("STORE") {
                sort.store = Some(args.key()?);
            } else if args.take_word("BY") {
                let pattern = args.bytes()?;
                sort.by = By::Nothing;
                if pattern.contains(&b'*') {
                    if !reads_all {
                        return Err(denied("BY"));
                    }
                    sort.by = By::Pattern(pattern);
                }
            } else if args.take_word("GET") {
                let pattern = args.bytes()?;
                if !reads_all {
                    return Err(denied("GET"));
                }
                sort.gets.push(pattern);
            } else {
                return Err(CommandError::Syntax);
            }
        }
        Ok(sort)
    }

    /// The elements, in their order.
    fn elements(&mut self, cx: &mut Context<'_, '_>) -> Result<Vec<Vec<u8>>, CommandError> {
        let is_unordered;
        let mut elements: Vec<Vec<u8>> = match cx.db.read(self.key).map(|record| record.value()) {
            None => return Ok(Vec::new()),
            Some(ValueRef::List(list)) => {
                is_unordered = false;
                list.iter().map(|element| element.to_vec()).collect()
            }
            Some(ValueRef::SortedSet(set)) => {
                is_unordered = false;
                set.iter().map(|(member, _)| member.to_vec()).collect()
            }
            Some(ValueRef::Set(set)) => {
                is_unordered = true;
                set.iter().map(|member| member.to_vec()).collect()
            }
            Some(ValueRef::String(_) | ValueRef::Hash(_)) => return Err(CommandError::WrongType),
        };
        // What is stored, or decides what a script does, must not depend on the order of a set.
        if let By::Nothing = self.by
            && is_unordered
            && (self.store.is_some() || cx.caller == Caller::Script)
        {
            (self.by, self.alpha) = (By::Element, true);
        }
        match self.by {
            By::Nothing => {
                if self.descending && !is_unordered {
                    elements.reverse();
                }
                Ok(elements)
            }
            By::Element | By::Pattern(_) if self.alpha => Ok(self.by_text(cx, elements)),
            By::Element | By::Pattern(_) => self.by_number(cx, elements),
        }
    }

    /// What `element` is compared by.
    fn weight(&self, cx: &mut Context<'_, '_>, element: &[u8]) -> Option<Vec<u8>> {
        match self.by {
            By::Pattern(pattern) => found_by(cx, pattern, element),
            By::Element | By::Nothing => Some(element.to_vec()),
        }
    }

    fn directed(&self, ordering: Ordering) -> Ordering {
        if self.descending { ordering.reverse() } else { ordering }
    }

    fn by_text(&self, cx: &mut Context<'_, '_>, elements: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
        let mut weighed: Vec<(Option<Vec<u8>>, Vec<u8>)> =
            elements.into_iter().map(|element| (self.weight(cx, &element), element)).collect();
        weighed.sort_by(|(left, _), (right, _)| self.directed(left.cmp(right)));
        weighed.into_iter().map(|(_, element)| element).collect()
    }

    fn by_number(
        &self,
        cx: &mut Context<'_, '_>,
        elements: Vec<Vec<u8>>,
    ) -> Result<Vec<Vec<u8>>, CommandError> {
        let mut weighed = Vec::with_capacity(elements.len());
        for element in elements {
            let weight = self.weight(cx, &element).map_or(Some(0.0), |text| number(&text));
            let error = CommandError::text("ERR One or more scores can't be converted into double");
            weighed.push((weight.ok_or(error)?, element));
        }
        weighed.sort_by(|(left, one), (right, other)| {
            let ordering = left.partial_cmp(right).unwrap_or(Ordering::Equal);
            self.directed(ordering.then_with(|| one.cmp(other)))
        });
        Ok(weighed.into_iter().map(|(_, element)| element).collect())
    }

    /// The part of `len` elements that LIMIT leaves.
    fn window(&self, len: usize) -> std::ops::Range<usize> {
        let Some((offset, count)) = self.limit else { return 0..len };
        let start = usize::try_from(offset).unwrap_or(0).min(len);
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        start..start.saturating_add(count).min(len)
    }
}

/// A weight as a number: it ends at its first NUL, blanks before it are skipped, and nothing at all is
/// zero.
fn number(text: &[u8]) -> Option<f64> {
    let text = until_nul(text);
    if text.is_empty() {
        return Some(0.0);
    }
    let is_blank = |byte: &u8| byte.is_ascii_whitespace() || *byte == 0x0b;
    let start = text.iter().position(|byte| !is_blank(byte))?;
    guarda_resp::number::parse_f64(&text[start..])
}

/// What lies at the key that `pattern` makes of `element`: a string, or a field of a hash
/// (`key*->field`). `#` is the element itself.
fn found_by(cx: &mut Context<'_, '_>, pattern: &[u8], element: &[u8]) -> Option<Vec<u8>> {
    if pattern == b"#" {
        return Some(element.to_vec());
    }
    let star = pattern.iter().position(|byte| *byte == b'*')?;
    let (before, mut after) = (&pattern[..star], &pattern[star + 1..]);
    let mut field = None;
    if let Some(arrow) = after.windows(2).position(|pair| pair == b"->")
        && after.len() > arrow + 2
    {
        (after, field) = (&after[..arrow], Some(&after[arrow + 2..]));
    }
    let key = [before, element, after].concat();
    match (cx.db.read(&key)?.value(), field) {
        (ValueRef::String(text), None) => Some(text.to_vec()),
        (ValueRef::Hash(hash), Some(field)) => hash.get(field).map(<[u8]>::to_vec),
        _ => None,
    }
}

fn sort(cx: &mut Context<'_, '_>, args: &mut Args<'_>, may_store: bool) -> CommandResult {
    let mut sort = Sort::parse(cx, args, may_store)?;
    let mut elements = sort.elements(cx)?;
    let window = sort.window(elements.len());
    let chosen = elements.drain(window);
    let output: Vec<Option<Vec<u8>>> = if sort.gets.is_empty() {
        chosen.map(Some).collect()
    } else {
        let gets = &sort.gets;
        chosen
            .flat_map(|element| {
                let found: Vec<_> = gets.iter().map(|get| found_by(cx, get, &element)).collect();
                found
            })
            .collect()
    };
    if let Some(destination) = sort.store {
        store(cx, destination, &output);
        cx.reply.integer(output.len() as i64);
        return Ok(Outcome::Reply);
    }
    cx.reply.array(output.len());
    for item in &output {
        match item {
            Some(item) => cx.reply.bulk(item),
            None => cx.reply.null(),
        }
    }
    Ok(Outcome::Reply)
}

/// Stores the result as a list, what was not found as empty strings; journals the list itself.
fn store(cx: &mut Context<'_, '_>, key: &[u8], output: &[Option<Vec<u8>>]) {
    let items: Vec<&[u8]> = output.iter().map(|item| item.as_deref().unwrap_or_default()).collect();
    if items.is_empty() {
        if cx.db.delete(key) {
            cx.db.notify(EventClasses::GENERIC, "del", key);
            cx.db.record(&[b"DEL", key]);
        }
        return;
    }
    if cx.db.delete(key) {
        cx.db.record(&[b"DEL", key]);
    }
    let limits = cx.db.settings.list_limits();
    let mut list = ListValue::default();
    list.push_all(ListEnd::Tail, items.iter().copied(), limits);
    cx.db.set_value(key, Value::List(list), None);
    for chunk in items.chunks(STORED_AT_ONCE) {
        let words: Vec<&[u8]> =
            [&b"RPUSH"[..], key].into_iter().chain(chunk.iter().copied()).collect();
        cx.db.record(&words);
    }
    cx.db.count_changes(items.len() as u64 - 1);
    cx.db.notify(EventClasses::LIST, "sortstore", key);
}

#[cfg(test)]
mod tests {
    use crate::testing::*;

    #[test]
    fn elements_are_ordered_as_numbers_or_texts() {
        let mut bench = Bench::new();
        bench.check("RPUSH l 10 9 -1 1.5", int(4));
        bench.check("SORT l", bulks(["-1", "1.5", "9", "10"]));
        bench.check("SORT l DESC LIMIT 1 2", bulks(["9", "1.5"]));
        bench.check("SORT l ALPHA", bulks(["-1", "1.5", "10", "9"]));
        bench.check("SORT l BY nosort", bulks(["10", "9", "-1", "1.5"]));
        bench.check("SORT l BY nosort DESC LIMIT 0 1", bulks(["1.5"]));
        bench.check("SORT missing", b"*0\r\n");
        bench.check("RPUSH l x", int(5));
        let error = err("ERR One or more scores can't be converted into double");
        bench.check("SORT l", error);
        bench.check("SORT_RO l STORE d", err("ERR syntax error"));
        bench.check("SET s v", ok());
        bench.check("SORT s", wrong_type());
    }

    #[test]
    fn patterns_reach_keys_that_the_call_does_not_name() {
        let mut bench = Bench::new();
        bench.check("RPUSH l 1 2 3", int(3));
        bench.check("MSET w1 30 w2 10 w3 20 n1 one", ok());
        bench.check("HSET h2 f two", int(1));
        bench.check("SORT l BY w* GET #", bulks(["2", "3", "1"]));
        let found = array([bulk("one"), nil(), nil(), bulk("two"), nil(), nil()]);
        bench.check("SORT l GET n* GET h*->f", found);
        bench.check("MULTI", ok());
        bench.check("SORT l BY w* DESC", simple("QUEUED"));
        bench.check("EXEC", array([bulks(["1", "3", "2"])]));
    }

    #[test]
    fn what_is_stored_is_journalled_as_the_list_it_is() {
        let mut bench = Bench::new();
        bench.check("RPUSH l 2 1", int(2));
        bench.check("SET d text", ok());
        bench.check_journal("SORT l STORE d", &["DEL d", "RPUSH d 1 2"]);
        bench.check_journal("SORT l GET x* STORE e", &["RPUSH e  "]);
        bench.check_journal("SORT missing STORE d", &["DEL d"]);
        bench.check_journal("SORT missing STORE d", &[]);
        bench.check("SADD set b a c", int(3));
        bench.check_journal("SORT set BY nosort STORE d", &["RPUSH d a b c"]);
    }
}
