//! ACL: users and what they may do, seen and changed.

use std::fmt::Write as _;

use crate::acl::{LogEntry, Selector, User};
use crate::args::Args;
use crate::context::{CommandResult, Context, Outcome};
use crate::error::CommandError;
use crate::execute::Call;
use crate::families::subcommand_help;
use crate::gates::resolve;
use crate::host::Host;
use crate::spec::{Arity, Categories, CommandSpec, Flags, Group};
use crate::table::{CommandTable, table};

/// Bits of a password that ACL GENPASS makes unless told otherwise.
const GENPASS_BITS: i64 = 256;
/// The most that it makes.
const GENPASS_BITS_MAX: i64 = 4096;
/// Entries that ACL LOG shows unless told otherwise.
const LOG_SHOWN: usize = 10;

const NEW: CommandSpec =
    CommandSpec { group: Group::Server, flags: ADMIN, since: "6.0.0", ..CommandSpec::NEW };

const ALWAYS: Flags = Flags::NOSCRIPT.union(Flags::LOADING).union(Flags::STALE);
const ADMIN: Flags = ALWAYS.union(Flags::ADMIN);

pub(crate) const FAMILY: &[CommandSpec] = &[CommandSpec {
    name: "acl",
    summary: "Groups the commands that deal with users and their permissions.",
    complexity: "Depends on subcommand.",
    arity: Arity::at_least(2),
    flags: Flags::NONE,
    subcommands: SUBCOMMANDS,
    ..NEW
}];

const SUBCOMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "cat",
        summary: "Lists the categories of commands, or the commands of one.",
        arity: Arity::at_least(2),
        flags: ALWAYS,
        run: cat,
        ..NEW
    },
    CommandSpec {
        name: "deluser",
        summary: "Removes users and closes their connections.",
        complexity: "O(1) amortized time considering the typical user.",
        arity: Arity::at_least(3),
        tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
        run: deluser,
        ..NEW
    },
    CommandSpec {
        name: "dryrun",
        summary: "Says whether a user might run a command, without running it.",
        since: "7.0.0",
        arity: Arity::at_least(4),
        run: dryrun,
        ..NEW
    },
    CommandSpec {
        name: "genpass",
        summary: "Makes a password that nobody can guess.",
        arity: Arity::at_least(2),
        flags: ALWAYS,
        run: genpass,
        ..NEW
    },
    CommandSpec {
        name: "getuser",
        summary: "Shows the permissions of a user.",
        complexity: "O(N). Where N is the number of password, command and pattern rules that the user has.",
        arity: Arity::exactly(3),
        run: getuser,
        ..NEW
    },
    CommandSpec {
        name: "help",
        summary: "Lists the subcommands.",
        arity: Arity::exactly(2),
        flags: Flags::LOADING.union(Flags::STALE),
        run: |cx, _| subcommand_help(cx, "ACL", SUBCOMMANDS),
        ..NEW
    },
    CommandSpec {
        name: "list",
        summary: "Lists the users as an ACL file has them.",
        complexity: "O(N). Where N is the number of configured users.",
        arity: Arity::exactly(2),
        run: list,
        ..NEW
    },
    CommandSpec {
        name: "load",
        summary: "Takes over the users of the ACL file.",
        complexity: "O(N). Where N is the number of configured users.",
        arity: Arity::exactly(2),
        run: |cx, _| {
            cx.host.load_users()?;
            cx.reply.ok();
            Ok(Outcome::Reply)
        },
        ..NEW
    },
    CommandSpec {
        name: "log",
        summary: "Shows who was turned away, newest first, or forgets it.",
        complexity: "O(N) with N being the number of entries shown.",
        arity: Arity::at_least(2),
        run: log,
        ..NEW
    },
    CommandSpec {
        name: "save",
        summary: "Writes the users to the ACL file.",
        complexity: "O(N). Where N is the number of configured users.",
        arity: Arity::exactly(2),
        tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
        run: |cx, _| {
            cx.host.save_users()?;
            cx.reply.ok();
            Ok(Outcome::Reply)
        },
        ..NEW
    },
    CommandSpec {
        name: "setuser",
        summary: "Makes a user, or changes what one may do.",
        complexity: "O(N). Where N is the number of rules provided.",
        arity: Arity::at_least(3),
        tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
        run: setuser,
        ..NEW
    },
    CommandSpec {
        name: "users",
        summary: "Lists the names of the users.",
        complexity: "O(N). Where N is the number of configured users.",
        arity: Arity::exactly(2),
        run: users,
        ..NEW
    },
    CommandSpec {
        name: "whoami",
        summary: "Names the user of this connection.",
        arity: Arity::exactly(2),
        flags: ALWAYS,
        run: whoami,
        ..NEW
    },
];

/// Too many arguments for a subcommand that takes a few.
fn wrong_use(name: &str) -> CommandError {
    CommandError::owned(format!(
        "ERR unknown subcommand or wrong number of arguments for '{name}'. Try ACL HELP."
    ))
}

fn cat(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let name = match args.take_rest() {
        [] => {
            let names: Vec<&str> = Categories::all_names().collect();
            cx.reply.array(names.len());
            names.iter().for_each(|name| cx.reply.bulk_str(name));
            return Ok(Outcome::Reply);
        }
        [name] => *name,
        _ => return Err(wrong_use("CAT")),
    };
    let lower = String::from_utf8_lossy(name).to_ascii_lowercase();
    let category = Categories::named(&lower)
        .ok_or_else(|| CommandError::quoting(&[b"ERR Unknown category '", name, b"'"]))?;
    let members: Vec<String> = CommandTable::named_rows()
        .filter(|(_, spec)| spec.categories().contains(category))
        .map(|(name, _)| name)
        .collect();
    cx.reply.array(members.len());
    members.iter().for_each(|name| cx.reply.bulk_str(name));
    Ok(Outcome::Reply)
}

fn setuser(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let name = args.bytes()?;
    let rules = args.take_rest();
    cx.host.users().set_user(name, rules).map_err(|text| CommandError::quoting(&[&text]))?;
    cx.host.user_changed(name);
    cx.reply.ok();
    Ok(Outcome::Reply)
}

fn deluser(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let names = args.take_rest();
    let users = cx.host.users();
    if names.contains(&users.default_user().name()) {
        return Err(CommandError::text("ERR The 'default' user cannot be removed"));
    }
    let mut removed = 0;
    for name in names {
        if users.remove(name) {
            removed += 1;
            close_connections_of(name, cx.host);
        }
    }
    cx.reply.integer(removed);
    Ok(Outcome::Reply)
}

/// Closes the connections of a user that is no more.
pub fn close_connections_of(name: &[u8], host: &dyn Host) {
    let name = String::from_utf8_lossy(name);
    for card in host.clients().iter().filter(|card| card.details.lock().user == name) {
        host.kill_client(card.id);
    }
}

fn getuser(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let Some(user) = cx.host.users().find(args.bytes()?) else {
        cx.reply.null();
        return Ok(Outcome::Reply);
    };
    let rules = user.rules();
    let (flags, hashes) = (rules.flags(), rules.password_hashes());
    let reply = &mut cx.reply;
    reply.map(6);
    reply.bulk_str("flags");
    reply.set(flags.len());
    flags.iter().for_each(|flag| reply.bulk_str(flag));
    reply.bulk_str("passwords");
    reply.array(hashes.len());
    hashes.iter().for_each(|hash| reply.bulk_str(hash));
    let mut selectors = rules.selectors();
    if let Some(root) = selectors.next() {
        show_selector(cx, root);
    }
    cx.reply.bulk_str("selectors");
    let further: Vec<&Selector> = selectors.collect();
    cx.reply.array(further.len());
    for selector in further {
        cx.reply.map(3);
        show_selector(cx, selector);
    }
    Ok(Outcome::Reply)
}

/// Three fields of ACL GETUSER.
fn show_selector(cx: &mut Context<'_, '_>, selector: &Selector) {
    let reply = &mut cx.reply;
    reply.bulk_str("commands");
    reply.bulk_str(&selector.commands_text());
    reply.bulk_str("keys");
    reply.bulk(&selector.keys_text());
    reply.bulk_str("channels");
    reply.bulk(&selector.channels_text());
}

fn list(cx: &mut Context<'_, '_>, _: &mut Args<'_>) -> CommandResult {
    let lines = cx.host.users().lines();
    cx.reply.array(lines.len());
    lines.iter().for_each(|line| cx.reply.bulk(line));
    Ok(Outcome::Reply)
}

fn users(cx: &mut Context<'_, '_>, _: &mut Args<'_>) -> CommandResult {
    let all = cx.host.users().all();
    cx.reply.array(all.len());
    all.iter().for_each(|user| cx.reply.bulk(user.name()));
    Ok(Outcome::Reply)
}

fn whoami(cx: &mut Context<'_, '_>, _: &mut Args<'_>) -> CommandResult {
    match &cx.client.user {
        Some(user) => cx.reply.bulk(user.name()),
        None => cx.reply.bulk(cx.host.users().default_user().name()),
    }
    Ok(Outcome::Reply)
}

fn genpass(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let bits = match args.rest() {
        [] => GENPASS_BITS,
        [_] => args.integer()?,
        _ => return Err(wrong_use("GENPASS")),
    };
    if !(1..=GENPASS_BITS_MAX).contains(&bits) {
        return Err(CommandError::text(
            "ERR ACL GENPASS argument must be the number of bits for the output password, a \
             positive number up to 4096",
        ));
    }
    let digits = (bits as usize).div_ceil(4);
    let mut bytes = vec![0; digits.div_ceil(2)];
    cx.host.fill_random(&mut bytes)?;
    let mut password = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        let _ = write!(password, "{byte:02x}");
    }
    password.truncate(digits);
    cx.reply.bulk_str(&password);
    Ok(Outcome::Reply)
}

fn dryrun(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let name = args.bytes()?;
    let Some(user) = cx.host.users().find(name) else {
        return Err(CommandError::quoting(&[b"ERR User '", name, b"' not found"]));
    };
    let command = args.take_rest();
    if table().find(command[0]).is_none() {
        return Err(CommandError::quoting(&[b"ERR Command '", command[0], b"' not found"]));
    }
    let call = resolve(command)?;
    match user.check(&call) {
        Ok(()) => cx.reply.ok(),
        Err(denial) => cx.reply.bulk(&denial.explanation(user.name())),
    }
    Ok(Outcome::Reply)
}

fn log(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let count = match args.rest() {
        [] => LOG_SHOWN,
        [word] if word.eq_ignore_ascii_case(b"reset") => {
            cx.host.users().forget_denials();
            cx.reply.ok();
            return Ok(Outcome::Reply);
        }
        [_] => usize::try_from(args.integer()?.max(0)).unwrap_or(usize::MAX),
        _ => return Err(wrong_use("LOG")),
    };
    let entries = cx.host.users().denials(count);
    cx.reply.array(entries.len());
    entries.iter().for_each(|entry| show_denial(cx, entry));
    Ok(Outcome::Reply)
}

fn show_denial(cx: &mut Context<'_, '_>, entry: &LogEntry) {
    let age = (cx.db.now.0 - entry.created).max(0) as f64 / 1000.0;
    let reply = &mut cx.reply;
    reply.map(10);
    reply.bulk_str("count");
    reply.integer(entry.count as i64);
    for (field, value) in [
        ("reason", entry.reason.as_bytes()),
        ("context", entry.context.name().as_bytes()),
        ("object", &entry.object),
        ("username", &entry.username),
    ] {
        reply.bulk_str(field);
        reply.bulk(value);
    }
    reply.bulk_str("age-seconds");
    reply.double(age);
    reply.bulk_str("client-info");
    reply.bulk_str(&entry.client);
    for (field, value) in [
        ("entry-id", entry.id as i64),
        ("timestamp-created", entry.created),
        ("timestamp-last-updated", entry.updated),
    ] {
        reply.bulk_str(field);
        reply.integer(value);
    }
}

/// Whether this user, a script's, may run a command (`redis.acl_check_cmd`); `None` if there is no
/// such command. Whether its arguments are enough is not asked.
pub fn may_run(user: Option<&User>, command: &[&[u8]]) -> Option<bool> {
    let spec = table().find(command.first()?)?;
    let call = match command.get(1) {
        Some(name) if !spec.subcommands.is_empty() => {
            Call { spec: spec.subcommand(name)?, names: 2, args: command }
        }
        _ => Call { spec, names: 1, args: command },
    };
    Some(user.is_none_or(|user| user.check(&call).is_ok()))
}

#[cfg(test)]
mod tests {
    use guarda_resp::Frame;

    use crate::testing::{Bench, array, bulk, err, int, ok};

    /// The value of a field of a flat RESP2 map.
    fn field(frame: &Frame, name: &str) -> Frame {
        let Frame::Array(items) = frame else { panic!("{frame:?} is no map") };
        let at = items.iter().position(|item| *item == Frame::Bulk(name.into())).expect(name);
        items[at + 1].clone()
    }

    /// Found by the fuzzer: its own line of such a user could not be read again.
    #[test]
    fn a_first_argument_holds_no_blanks() {
        let mut bench = Bench::new();
        for rule in ["+set|a b", "+set|a\\x00", "+xadd|a b"] {
            let reply = bench.run(&format!("ACL SETUSER u \"{rule}\""));
            let refused = reply.starts_with(b"-ERR Error in ACL SETUSER modifier '+");
            assert!(refused, "{}", reply.escape_ascii());
        }
        bench.check("ACL SETUSER u +set|a +xadd|a", ok());
    }

    #[test]
    fn rules_about_commands_are_shown_in_their_order_and_once_each() {
        let mut bench = Bench::new();
        for (rules, shown) in [
            ("", "-@all"),
            ("+@all -@hash -@slow +hget", "+@all -@hash -@slow +hget"),
            ("+get +set -get", "-@all +set -get"),
            ("+config|get +config|set -config", "-@all -config"),
            ("-config +config|get", "-@all -config +config|get"),
            ("+@read +@all +@write", "+@all +@write"),
            ("+select|0 +select|1", "-@all +select|0 +select|1"),
            ("+select|0 +select", "-@all +select"),
            ("+GET +@READ", "-@all +get +@read"),
            ("+georadius +xgroup|create", "-@all +georadius +xgroup|create"),
        ] {
            bench.check(&format!("ACL SETUSER bob reset {rules}"), ok());
            let frame = bench.frame("ACL GETUSER bob");
            assert_eq!(field(&frame, "commands"), Frame::Bulk(shown.into()), "{rules}");
        }
    }

    #[test]
    fn what_list_shows_makes_the_same_users_again() {
        let mut bench = Bench::new();
        let rules = "on >a >b ~x* %R~r %W~w resetchannels &news +@read -mget +config|get \
                     +select|0 (~y +set) (+@all ~* &*) skip-sanitize-payload";
        bench.check(&format!("ACL SETUSER bob {rules}"), ok());
        bench.check("ACL SETUSER default -flushall", ok());
        let lines = bench.host.users.lines();
        let other = crate::acl::Users::default();
        other.load(&lines.join(&b'\n'), "users.acl").unwrap();
        assert_eq!(other.lines(), lines);
        assert!(other.find(b"bob").is_some_and(|bob| bob.accepts(b"b") && !bob.accepts(b"c")));
    }

    #[test]
    fn a_file_with_a_mistake_changes_nothing_and_every_mistake_is_named() {
        let mut bench = Bench::new();
        bench.check("ACL SETUSER bob on", ok());
        let before = bench.host.users.lines();
        let text = b"user alice on >x +@all\n\n# a remark\nuser carol +nosuch\nadmin on\n\
                     user alice off\nuser dave (+get";
        let error = bench.host.users.load(text, "users.acl").unwrap_err().to_string();
        for part in [
            "users.acl:4: Unknown command or category name in ACL.",
            "users.acl:5: should start with the user keyword.",
            "users.acl:6: WARNING: Duplicate user 'alice' found.",
            "users.acl:7: Unmatched parenthesis in selector definition.",
        ] {
            assert!(error.contains(part), "{part} is not in {error}");
        }
        assert_eq!(bench.host.users.lines(), before);
    }

    #[test]
    fn loading_keeps_connected_users_up_to_date_and_names_those_that_are_gone() {
        let mut bench = Bench::new();
        bench.check("ACL SETUSER bob on nopass +@all ~*", ok());
        bench.check("ACL SETUSER eve on nopass", ok());
        bench.check("AUTH bob x", ok());
        bench.check("SET k v", ok());
        let gone = bench.host.users.load(b"user bob on nopass +get ~*", "f").unwrap();
        assert_eq!(gone, [b"eve".to_vec()]);
        bench.check("GET k", bulk("v"));
        bench.check("SET k w", err("NOPERM User bob has no permissions to run the 'set' command"));
    }

    #[test]
    fn denials_are_worded_as_in_redis_7_2_and_noted_once_for_a_minute() {
        let mut bench = Bench::new();
        bench.check("ACL SETUSER bob on nopass +get +acl|log +multi +exec ~a*", ok());
        bench.check("AUTH bob x", ok());
        bench.check("GET b", err("NOPERM No permissions to access a key"));
        bench.check("GET b", err("NOPERM No permissions to access a key"));
        bench.check("MULTI", ok());
        bench.check("DEL a", err("NOPERM User bob has no permissions to run the 'del' command"));
        bench.check("EXEC", err("EXECABORT Transaction discarded because of previous errors."));
        let Frame::Array(entries) = bench.frame("ACL LOG") else { panic!("a list") };
        let shown: Vec<_> = entries
            .iter()
            .map(|entry| {
                ["count", "reason", "context", "object", "username", "entry-id"]
                    .map(|name| match field(entry, name) {
                        Frame::Bulk(bytes) => String::from_utf8(bytes).unwrap(),
                        Frame::Integer(number) => number.to_string(),
                        other => panic!("{other:?}"),
                    })
                    .join(" ")
            })
            .collect();
        assert_eq!(shown, ["1 command multi del bob 1", "2 key toplevel b bob 0"]);
    }

    #[test]
    fn transactions_ask_again_at_exec() {
        let mut bench = Bench::new();
        bench.check("ACL SETUSER bob on nopass +@all ~*", ok());
        bench.check("AUTH bob x", ok());
        bench.check("MULTI", ok());
        bench.run("INCR a");
        bench.run("GET a");
        bench.host.users.set_user(b"bob", &[b"-get"]).unwrap();
        let denied = err(
            "NOPERM ACLs rules changed between the moment the transaction was accumulated and the \
             EXEC call. This command is no longer allowed for the following reason: no permission to \
             execute the command or subcommand",
        );
        bench.check("EXEC", array([int(1), denied]));
    }

    #[test]
    fn a_removed_user_is_disconnected() {
        let mut bench = Bench::new();
        bench.check("ACL SETUSER bob on nopass", ok());
        bench.check("AUTH bob x", ok());
        bench.host.clients.lock().push(std::sync::Arc::clone(&bench.client.card));
        bench.client.user = None;
        bench.check("ACL DELUSER bob", int(1));
        assert_eq!(*bench.host.asked.lock(), ["user_changed bob", "kill_client 1"]);
    }

    #[test]
    fn names_and_reasons_never_carry_a_password() {
        let bench = Bench::new();
        let words: [&[u8]; 3] = [b"bob", b">hunter2", b"hunter2"];
        let error = bench.host.users.define(&words).unwrap_err();
        assert_eq!(error, "user `bob`: Syntax error");
        let user = bench.host.users.default_user();
        assert_eq!(format!("{user:?}"), "User(default)");
    }

    #[test]
    fn session_commands_without_keys_show_and_end_only_what_the_user_may() {
        let mut bench = Bench::new();
        let token = |n: u8| format!("guarda:{n:032x}");
        for (n, key) in ["a:1", "b:1"].iter().enumerate() {
            let token = token(n as u8);
            bench.run(&format!("SESSION OPEN {key} {token} LEASE 60000"));
            bench.check(
                &format!("SESSION COMMIT {key} {token} absent TTL 60000 TAG t DATA x"),
                bulk_or_simple("OK"),
            );
            bench.run(&format!("SESSION OPEN {key} {token}"));
        }
        bench.check("ACL SETUSER app on nopass +session +acl ~a:*", ok());
        bench.check("AUTH app x", ok());
        let listed = bench.run("SESSION LIST");
        let shows = |reply: &[u8], key: &str| reply.windows(3).any(|part| part == key.as_bytes());
        assert!(shows(&listed, "a:1") && !shows(&listed, "b:1"));
        let locks = bench.run("SESSION LOCKS");
        assert!(shows(&locks, "a:1") && !shows(&locks, "b:1"));
        bench.check("SESSION KILL TAG t", int(1));
        bench.client.user = None;
        bench.check("EXISTS a:1", int(0));
        bench.check("EXISTS b:1", int(1));
    }

    fn bulk_or_simple(text: &str) -> Vec<u8> {
        crate::testing::simple(text)
    }
}
