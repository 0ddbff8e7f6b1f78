//! COMMAND: the command table, told to clients. Everything here is derived from the rows.

use guarda_store::glob_match;

use crate::args::Args;
use crate::context::{CommandResult, Context, Outcome};
use crate::error::CommandError;
use crate::families::subcommand_help;
use crate::spec::{Arity, Categories, CommandSpec, Flags, Group, KeyAccess, KeyPositions};
use crate::table::table;

const NEW: CommandSpec = CommandSpec {
    group: Group::Server,
    categories: Categories::CONNECTION,
    flags: Flags::LOADING.union(Flags::STALE),
    ..CommandSpec::NEW
};

const PER_COMMAND: &str = "O(N) where N is the number of commands to look up";
const PER_ARGUMENT: &str = "O(N) where N is the number of arguments to the command";
const UNORDERED: &[&str] = &["nondeterministic_output_order"];

pub(crate) const FAMILY: &[CommandSpec] = &[CommandSpec {
    name: "command",
    summary: "Describes all commands.",
    since: "2.8.13",
    complexity: "O(N) where N is the total number of Redis commands",
    arity: Arity::at_least(1),
    tips: UNORDERED,
    subcommands: SUBCOMMANDS,
    run: info,
    ..NEW
}];

const SUBCOMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "count",
        summary: "Returns the number of commands.",
        since: "2.8.13",
        arity: Arity::exactly(2),
        run: count,
        ..NEW
    },
    CommandSpec {
        name: "docs",
        summary: "Returns what the documentation says about commands.",
        note: "Without the history and the arguments.",
        since: "7.0.0",
        complexity: PER_COMMAND,
        arity: Arity::at_least(2),
        tips: UNORDERED,
        run: docs,
        ..NEW
    },
    CommandSpec {
        name: "getkeys",
        summary: "Returns the keys among the arguments of a call.",
        since: "2.8.13",
        complexity: PER_ARGUMENT,
        arity: Arity::at_least(3),
        run: |cx, args| get_keys(cx, args, false),
        ..NEW
    },
    CommandSpec {
        name: "getkeysandflags",
        summary: "Returns the keys among the arguments of a call, and what happens to them.",
        since: "7.0.0",
        complexity: PER_ARGUMENT,
        arity: Arity::at_least(3),
        run: |cx, args| get_keys(cx, args, true),
        ..NEW
    },
    CommandSpec {
        name: "help",
        summary: "Lists the subcommands.",
        since: "5.0.0",
        arity: Arity::exactly(2),
        run: |cx, _| subcommand_help(cx, "COMMAND", SUBCOMMANDS),
        ..NEW
    },
    CommandSpec {
        name: "info",
        summary: "Describes the commands that are named, or all.",
        since: "2.8.13",
        complexity: PER_COMMAND,
        arity: Arity::at_least(2),
        tips: UNORDERED,
        run: info,
        ..NEW
    },
    CommandSpec {
        name: "list",
        summary: "Returns the names of all commands, or of those that a filter selects.",
        since: "7.0.0",
        complexity: "O(N) where N is the total number of Redis commands",
        arity: Arity::at_least(2),
        tips: UNORDERED,
        run: list,
        ..NEW
    },
];

/// A row and its full name: `client|list` for a subcommand.
struct Named {
    name: String,
    spec: &'static CommandSpec,
}

impl Named {
    fn command(spec: &'static CommandSpec) -> Named {
        Named { name: spec.name.to_owned(), spec }
    }

    fn subcommands(&self) -> impl Iterator<Item = Named> {
        let container = self.spec;
        container
            .subcommands
            .iter()
            .map(move |spec| Named { name: format!("{}|{}", container.name, spec.name), spec })
    }

    /// Finds a command by its full name, in any case of letters.
    fn find(name: &[u8]) -> Option<Named> {
        let mut words = name.splitn(2, |&c| c == b'|');
        let command = Named::command(table().find(words.next()?)?);
        match words.next() {
            None => Some(command),
            Some(word) => command
                .subcommands()
                .find(|sub| sub.spec.name.as_bytes().eq_ignore_ascii_case(word)),
        }
    }
}

fn count(cx: &mut Context<'_, '_>, _: &mut Args<'_>) -> CommandResult {
    cx.reply.integer(table().len() as i64);
    Ok(Outcome::Reply)
}

// Info -----------------------------------------------------------------------------------------

fn info(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let names = args.take_rest();
    if names.is_empty() {
        cx.reply.array(table().len());
        for spec in table().iter() {
            describe(cx, &Named::command(spec));
        }
        return Ok(Outcome::Reply);
    }
    cx.reply.array(names.len());
    for name in names {
        match Named::find(name) {
            Some(command) => describe(cx, &command),
            None => cx.reply.null(),
        }
    }
    Ok(Outcome::Reply)
}

/// One command's entry in COMMAND INFO.
fn describe(cx: &mut Context<'_, '_>, command: &Named) {
    let spec = command.spec;
    cx.reply.array(10);
    cx.reply.bulk_str(&command.name);
    cx.reply.integer(spec.arity.wire());
    status_set(cx, "", spec.flags.names());
    let (first, last, step) = match spec.keys.positions {
        KeyPositions::Range { first, last, step } => (first as i64, last as i64, step as i64),
        KeyPositions::StoreCounted | KeyPositions::Sorted { .. } => (1, 1, 1),
        KeyPositions::None | KeyPositions::Counted { .. } => (0, 0, 0),
    };
    for position in [first, last, step] {
        cx.reply.integer(position);
    }
    status_set(cx, "@", spec.categories().names());
    cx.reply.set(spec.tips.len());
    for tip in spec.tips {
        cx.reply.bulk_str(tip);
    }
    key_specifications(cx, spec);
    // In RESP3 Redis has a set where there is none, and an array where there are some.
    match spec.subcommands.len() {
        0 => cx.reply.set(0),
        count => cx.reply.array(count),
    }
    for subcommand in command.subcommands() {
        describe(cx, &subcommand);
    }
}

/// A set of simple strings, each with `prefix`.
fn status_set(cx: &mut Context<'_, '_>, prefix: &str, names: impl Iterator<Item = &'static str>) {
    let names: Vec<_> = names.collect();
    cx.reply.set(names.len());
    for name in names {
        cx.reply.simple(&format!("{prefix}{name}"));
    }
}

fn access_flags(cx: &mut Context<'_, '_>, access: KeyAccess) {
    status_set(cx, "", access.0.iter().copied());
}

/// The key specifications: one for each way in which keys are treated.
fn key_specifications(cx: &mut Context<'_, '_>, spec: &CommandSpec) {
    let keys = &spec.keys;
    match (keys.positions, keys.then) {
        (KeyPositions::None, _) => cx.reply.set(0),
        (KeyPositions::Range { first, last, step }, None) => {
            cx.reply.set(1);
            key_range(cx, keys.access, first, last, step);
        }
        (KeyPositions::Range { first, last, step }, Some((at, access))) => {
            cx.reply.set(2);
            key_range(cx, keys.access, first, at as isize - step as isize, step);
            key_range(cx, access, at, last, step);
        }
        (KeyPositions::Counted { at }, _) => {
            cx.reply.set(1);
            key_count(cx, keys.access, at);
        }
        (KeyPositions::StoreCounted, then) => {
            cx.reply.set(2);
            key_range(cx, keys.access, 1, 1, 1);
            key_count(cx, then.map_or(keys.access, |(_, access)| access), 2);
        }
        (KeyPositions::Sorted { stores }, then) => {
            cx.reply.set(2 + usize::from(stores));
            key_range(cx, keys.access, 1, 1, 1);
            unknown_keys(cx, keys.access);
            if let Some((_, access)) = then {
                unknown_keys(cx, access);
            }
        }
    }
}

/// Keys that cannot be told from the words alone.
fn unknown_keys(cx: &mut Context<'_, '_>, access: KeyAccess) {
    cx.reply.map(3);
    cx.reply.bulk_str("flags");
    access_flags(cx, access);
    search_step(cx, "begin_search", "unknown", &[]);
    search_step(cx, "find_keys", "unknown", &[]);
}

fn key_count(cx: &mut Context<'_, '_>, access: KeyAccess, at: usize) {
    let fields = [("keynumidx", 0), ("firstkey", 1), ("keystep", 1)];
    key_specification(cx, access, at, "keynum", &fields);
}

fn key_range(cx: &mut Context<'_, '_>, access: KeyAccess, first: usize, last: isize, step: usize) {
    // The last key is told from the end, or from the first key on.
    let last = if last < 0 { last as i64 } else { last as i64 - first as i64 };
    let fields = [("lastkey", last), ("keystep", step as i64), ("limit", 0)];
    key_specification(cx, access, first, "range", &fields);
}

fn key_specification(
    cx: &mut Context<'_, '_>,
    access: KeyAccess,
    begin: usize,
    kind: &str,
    fields: &[(&str, i64)],
) {
    cx.reply.map(3);
    cx.reply.bulk_str("flags");
    access_flags(cx, access);
    search_step(cx, "begin_search", "index", &[("index", begin as i64)]);
    search_step(cx, "find_keys", kind, fields);
}

fn search_step(cx: &mut Context<'_, '_>, step: &str, kind: &str, fields: &[(&str, i64)]) {
    let reply = &mut cx.reply;
    reply.bulk_str(step);
    reply.map(2);
    reply.bulk_str("type");
    reply.bulk_str(kind);
    reply.bulk_str("spec");
    reply.map(fields.len());
    for (name, value) in fields {
        reply.bulk_str(name);
        reply.integer(*value);
    }
}

// Docs -----------------------------------------------------------------------------------------

fn docs(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let names = args.take_rest();
    let commands: Vec<Named> = if names.is_empty() {
        table().iter().map(Named::command).collect()
    } else {
        names.iter().filter_map(|name| Named::find(name)).collect()
    };
    cx.reply.map(commands.len());
    for command in &commands {
        document(cx, command);
    }
    Ok(Outcome::Reply)
}

fn document(cx: &mut Context<'_, '_>, command: &Named) {
    let spec = command.spec;
    let has_subcommands = !spec.subcommands.is_empty();
    cx.reply.bulk_str(&command.name);
    cx.reply.map(4 + usize::from(has_subcommands));
    let fields = [
        ("summary", spec.summary),
        ("since", spec.since),
        ("group", spec.group.name()),
        ("complexity", spec.complexity),
    ];
    for (field, value) in fields {
        cx.reply.bulk_str(field);
        cx.reply.bulk_str(value);
    }
    if has_subcommands {
        cx.reply.bulk_str("subcommands");
        cx.reply.map(spec.subcommands.len());
        for subcommand in command.subcommands() {
            document(cx, &subcommand);
        }
    }
}

// Keys -----------------------------------------------------------------------------------------

/// The row of a call, of the subcommand where there is one, whatever its number of arguments.
fn row_of(words: &[&[u8]]) -> Option<&'static CommandSpec> {
    let spec = table().find(words.first()?)?;
    match words.get(1) {
        Some(word) if !spec.subcommands.is_empty() => spec.subcommand(word),
        _ => Some(spec),
    }
}

/// What this very call does with its `index`th key. Only for SET and DELEX their own words decide that:
/// without GET the one reads nothing, without a condition the other does not either.
fn access_in(spec: &CommandSpec, words: &[&[u8]], index: usize) -> KeyAccess {
    let access = spec.keys.access_of(index);
    if !access.0.contains(&"variable_flags") {
        return access;
    }
    if access.0.contains(&"delete") {
        return if words.len() == 2 { KeyAccess::REMOVE } else { KeyAccess::DELETE };
    }
    let gets = words.iter().skip(3).any(|word| word.eq_ignore_ascii_case(b"GET"));
    if gets { KeyAccess::UPDATE } else { KeyAccess::OVERWRITE }
}

fn get_keys(cx: &mut Context<'_, '_>, args: &mut Args<'_>, with_flags: bool) -> CommandResult {
    let words = args.take_rest();
    let spec = row_of(words).ok_or(CommandError::text("ERR Invalid command specified"))?;
    if spec.keys.positions == KeyPositions::None {
        return Err(CommandError::text("ERR The command has no key arguments"));
    }
    if !spec.arity.accepts(words.len()) {
        return Err(CommandError::text("ERR Invalid number of arguments specified for command"));
    }
    let keys = spec.keys.of(words);
    if keys.is_empty() && !spec.flags.contains(Flags::NO_MANDATORY_KEYS) {
        return Err(CommandError::text("ERR Invalid arguments specified for command"));
    }
    cx.reply.array(keys.len());
    for (index, key) in keys.into_iter().enumerate() {
        if with_flags {
            cx.reply.array(2);
        }
        cx.reply.bulk(key);
        if with_flags {
            access_flags(cx, access_in(spec, words, index));
        }
    }
    Ok(Outcome::Reply)
}

// List -----------------------------------------------------------------------------------------

/// Which commands COMMAND LIST names.
enum Filter<'a> {
    /// Those of a module: none, there are no modules.
    Module,
    /// Those in a category; none if there is no such category.
    Category(Option<Categories>),
    /// Those whose full name matches a pattern.
    Pattern(&'a [u8]),
}

impl<'a> Filter<'a> {
    fn parse(args: &mut Args<'a>) -> Result<Option<Filter<'a>>, CommandError> {
        if args.is_empty() {
            return Ok(None);
        }
        if args.rest().len() != 3 || !args.take_word("FILTERBY") {
            return Err(CommandError::Syntax);
        }
        let (kind, value) = (args.bytes()?.to_ascii_lowercase(), args.bytes()?);
        let filter = match &kind[..] {
            b"module" => Filter::Module,
            b"aclcat" => {
                let name = String::from_utf8_lossy(value).to_ascii_lowercase();
                Filter::Category(Categories::named(&name))
            }
            b"pattern" => Filter::Pattern(value),
            _ => return Err(CommandError::Syntax),
        };
        Ok(Some(filter))
    }

    fn selects(&self, command: &Named) -> bool {
        match self {
            Filter::Module | Filter::Category(None) => false,
            Filter::Category(Some(category)) => command.spec.categories().contains(*category),
            Filter::Pattern(pattern) => glob_match(pattern, command.name.as_bytes(), true),
        }
    }
}

fn list(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let filter = Filter::parse(args)?;
    let selects = |command: &Named| filter.as_ref().is_none_or(|f| f.selects(command));
    let mut names = Vec::new();
    for command in table().iter().map(Named::command) {
        let subcommands: Vec<Named> = command.subcommands().collect();
        let all = std::iter::once(command).chain(subcommands);
        names.extend(all.filter(selects).map(|command| command.name));
    }
    cx.reply.array(names.len());
    for name in &names {
        cx.reply.bulk_str(name);
    }
    Ok(Outcome::Reply)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Bench, array, bulk, bulks, err, int, nil, simple};

    fn statuses<const N: usize>(names: [&str; N]) -> Vec<u8> {
        array(names.map(simple))
    }

    fn range_spec(flags: Vec<u8>, begin: i64, last: i64, step: i64) -> Vec<u8> {
        let field = |name: &str, value: i64| [bulk(name), int(value)].concat();
        let begin =
            [bulk("type"), bulk("index"), bulk("spec"), bulks_map(&[field("index", begin)])];
        let fields = [field("lastkey", last), field("keystep", step), field("limit", 0)];
        let find = [bulk("type"), bulk("range"), bulk("spec"), bulks_map(&fields)];
        array([
            bulk("flags"),
            flags,
            bulk("begin_search"),
            array(begin),
            bulk("find_keys"),
            array(find),
        ])
    }

    /// A map in RESP2.
    fn bulks_map(fields: &[Vec<u8>]) -> Vec<u8> {
        [format!("*{}\r\n", 2 * fields.len()).into_bytes(), fields.concat()].concat()
    }

    #[test]
    fn info_describes_a_command_as_its_row_does() {
        let mut bench = Bench::new();
        let hget = array([
            bulk("hget"),
            int(3),
            statuses(["readonly", "fast"]),
            int(1),
            int(1),
            int(1),
            statuses(["@read", "@hash", "@fast"]),
            array([]),
            array([range_spec(statuses(["RO", "access"]), 1, 0, 1)]),
            array([]),
        ]);
        bench.check("COMMAND INFO HGet", array([hget]));
        let rename = array([
            bulk("rename"),
            int(3),
            statuses(["write"]),
            int(1),
            int(2),
            int(1),
            statuses(["@keyspace", "@write", "@slow"]),
            array([]),
            array([
                range_spec(statuses(["RW", "access", "delete"]), 1, 0, 1),
                range_spec(statuses(["OW", "update"]), 2, 0, 1),
            ]),
            array([]),
        ]);
        bench.check("COMMAND INFO rename", array([rename]));
    }

    #[test]
    fn info_finds_subcommands_by_their_full_name() {
        let mut bench = Bench::new();
        let get = array([
            bulk("config|get"),
            int(-3),
            statuses(["admin", "noscript", "loading", "stale"]),
            int(0),
            int(0),
            int(0),
            statuses(["@admin", "@slow", "@dangerous"]),
            array([]),
            array([]),
            array([]),
        ]);
        let line = "COMMAND INFO CONFIG|Get config|nosuch nosuch get|x";
        bench.check(line, array([get, nil(), nil(), nil()]));
        let client = String::from_utf8(bench.run("COMMAND INFO client")).expect("ASCII");
        assert!(client.contains("$11\r\nclient|list\r\n"));
    }

    #[test]
    fn resp3_has_sets_and_maps() {
        let mut bench = Bench::new();
        bench.run("HELLO 3");
        let reply = String::from_utf8(bench.run("COMMAND INFO hget")).expect("ASCII");
        assert!(reply.contains(":3\r\n~2\r\n+readonly\r\n+fast\r\n:1\r\n:1\r\n:1\r\n~3\r\n+@read"));
        assert!(reply.contains("~0\r\n~1\r\n%3\r\n$5\r\nflags\r\n~2\r\n+RO\r\n+access\r\n"));
        bench.check("COMMAND INFO nosuch", "*1\r\n_\r\n");
    }

    #[test]
    fn all_commands_are_counted_listed_and_described() {
        let mut bench = Bench::new();
        let count = table().len();
        bench.check("COMMAND COUNT", int(count as i64));
        let head = format!("*{count}\r\n");
        assert!(bench.run("COMMAND").starts_with(head.as_bytes()));
        assert_eq!(bench.run("COMMAND INFO"), bench.run("COMMAND"));
        let subcommands: usize = table().iter().map(|spec| spec.subcommands.len()).sum();
        let head = format!("*{}\r\n", count + subcommands);
        assert!(bench.run("COMMAND LIST").starts_with(head.as_bytes()));
    }

    #[test]
    fn list_filters_by_category_pattern_and_module() {
        let mut bench = Bench::new();
        let transactions = bulks(["multi", "exec", "discard", "watch", "unwatch"]);
        bench.check("COMMAND LIST FILTERBY ACLCAT Transaction", transactions);
        bench.check("COMMAND LIST FILTERBY ACLCAT nosuch", array([]));
        bench.check("COMMAND LIST FILTERBY PATTERN HINC*", bulks(["hincrby", "hincrbyfloat"]));
        bench.check("COMMAND LIST filterby pattern client|l*", bulks(["client|list"]));
        bench.check("COMMAND LIST FILTERBY MODULE any", array([]));
        for line in [
            "COMMAND LIST FILTERBY",
            "COMMAND LIST FILTERBY MODULE",
            "COMMAND LIST FILTERBY bogus x",
            "COMMAND LIST FILTERBY PATTERN a b",
        ] {
            bench.check(line, err("ERR syntax error"));
        }
    }

    #[test]
    fn getkeys_finds_the_keys_of_a_call() {
        let mut bench = Bench::new();
        for (call, keys) in [
            ("GET a", bulks(["a"])),
            ("mset a 1 b 2", array([bulk("a"), bulk("b")])),
            ("EVAL script 2 a b c", array([bulk("a"), bulk("b")])),
            ("EVAL script 0 a", array([])),
            ("EVAL script 3 a b", array([])),
            ("OBJECT ENCODING a", bulks(["a"])),
        ] {
            bench.check(&format!("COMMAND GETKEYS {call}"), keys);
        }
        let none = "ERR The command has no key arguments";
        let number = "ERR Invalid number of arguments specified for command";
        for (call, error) in [
            ("PING", none),
            ("PING a", none),
            ("GET", number),
            ("CLIENT ID x", none),
            ("GET a b", number),
            ("NOSUCH a", "ERR Invalid command specified"),
            ("CLIENT NOSUCH", "ERR Invalid command specified"),
        ] {
            bench.check(&format!("COMMAND GETKEYS {call}"), err(error));
        }
    }

    #[test]
    fn getkeysandflags_says_what_happens_to_each_key() {
        let mut bench = Bench::new();
        let from = array([bulk("a"), statuses(["RW", "access", "delete"])]);
        let to = array([bulk("b"), statuses(["OW", "update"])]);
        bench.check("COMMAND GETKEYSANDFLAGS rename a b", array([from, to]));
        for (call, flags) in [
            ("SET k get", statuses(["OW", "update"])),
            ("SET k v get", statuses(["RW", "access", "update"])),
        ] {
            let expected = array([array([bulk("k"), flags])]);
            bench.check(&format!("COMMAND GETKEYSANDFLAGS {call}"), expected);
        }
    }

    #[test]
    fn docs_come_from_the_row() {
        let mut bench = Bench::new();
        let hlen = array([
            bulk("summary"),
            bulk("Returns the number of fields of a hash."),
            bulk("since"),
            bulk("2.0.0"),
            bulk("group"),
            bulk("hash"),
            bulk("complexity"),
            bulk("O(1)"),
        ]);
        bench.check("COMMAND DOCS HLEN nosuch", array([bulk("hlen"), hlen]));
        let config = String::from_utf8(bench.run("COMMAND DOCS config")).expect("ASCII");
        assert!(config.contains("$11\r\nsubcommands\r\n*10\r\n$10\r\nconfig|get\r\n*8\r\n"));
    }
}
