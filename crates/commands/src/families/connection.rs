//! AUTH, HELLO, SELECT, PING, ECHO, QUIT, RESET: what a connection is and says about itself.

use guarda_resp::Protocol;

use crate::acl::note_failed_login;
use crate::args::Args;
use crate::client::{AuthState, ReplyMode};
use crate::context::{CommandResult, Context, Outcome};
use crate::error::CommandError;
use crate::spec::{Arity, Categories, CommandSpec, Flags, Group};

/// The version of Redis that HELLO and INFO name: the one whose behaviour is followed.
pub const REDIS_VERSION: &str = "7.2.5";

/// The user of connections that name none.
pub(crate) const DEFAULT_USER: &str = "default";

const NEW: CommandSpec = CommandSpec {
    group: Group::Connection,
    categories: Categories::CONNECTION,
    ..CommandSpec::NEW
};

const LOADING_STALE: Flags = Flags::LOADING.union(Flags::STALE);

/// Flags of the commands that work whatever state the connection is in.
const ALWAYS: Flags = LOADING_STALE
    .union(Flags::NOSCRIPT)
    .union(Flags::FAST)
    .union(Flags::NO_AUTH)
    .union(Flags::ALLOW_BUSY);

pub(crate) const FAMILY: &[CommandSpec] = &[
    CommandSpec {
        name: "auth",
        summary: "Gives the password that the connection needs.",
        complexity: "O(N) where N is the number of passwords defined for the user",
        arity: Arity::at_least(2),
        flags: ALWAYS,
        run: auth,
        ..NEW
    },
    CommandSpec {
        name: "echo",
        summary: "Answers with its argument.",
        arity: Arity::exactly(2),
        flags: LOADING_STALE.union(Flags::FAST),
        run: echo,
        ..NEW
    },
    CommandSpec {
        name: "hello",
        summary: "Chooses the protocol version, gives the password and names the connection.",
        since: "6.0.0",
        arity: Arity::at_least(1),
        flags: ALWAYS,
        run: hello,
        ..NEW
    },
    CommandSpec {
        name: "ping",
        summary: "Answers PONG, or its argument, to show that the server is there.",
        arity: Arity::at_least(1),
        flags: Flags::FAST,
        tips: &["request_policy:all_shards", "response_policy:all_succeeded"],
        run: ping,
        ..NEW
    },
    CommandSpec {
        name: "quit",
        summary: "Closes the connection once all replies are sent.",
        arity: Arity::at_least(1),
        flags: ALWAYS.union(Flags::NOT_QUEUED),
        run: quit,
        ..NEW
    },
    CommandSpec {
        name: "reset",
        summary: "Puts the connection into the state of a new one.",
        since: "6.2.0",
        flags: ALWAYS.union(Flags::NOT_QUEUED),
        run: reset,
        ..NEW
    },
    CommandSpec {
        name: "select",
        summary: "Chooses the database that the connection works on.",
        arity: Arity::exactly(2),
        flags: LOADING_STALE.union(Flags::FAST),
        run: select,
        ..NEW
    },
];

fn auth(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let first = args.bytes()?;
    let (user, password) = if args.is_empty() {
        if cx.host.users().default_user().has_no_password() {
            return Err(CommandError::text(
                "ERR AUTH <password> called without any password configured for the default user. \
                 Are you sure your configuration is correct?",
            ));
        }
        (DEFAULT_USER.as_bytes(), first)
    } else {
        (first, args.bytes()?)
    };
    args.finish()?;
    log_in(cx, user, password)?;
    cx.reply.ok();
    Ok(Outcome::Reply)
}

/// Makes the connection `user`'s if the password is right; otherwise it stays whose it was.
fn log_in(cx: &mut Context<'_, '_>, user: &[u8], password: &[u8]) -> Result<(), CommandError> {
    let found = cx.host.users().authenticate(user, password);
    cx.client.login = Some(found.is_some());
    let Some(found) = found else {
        note_failed_login(cx.client, cx.host, user);
        return Err(CommandError::WrongPassword);
    };
    cx.client.auth = AuthState::Granted;
    cx.client.set_user(&found);
    Ok(())
}

fn hello(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let mut protocol = None;
    if !args.is_empty() {
        let version = args.integer().map_err(|_| {
            CommandError::text("ERR Protocol version is not an integer or out of range")
        })?;
        protocol = Some(Protocol::from_version(version).ok_or(CommandError::NoProto)?);
    }
    let (mut name, mut login) = (None, None);
    while !args.is_empty() {
        let option = args.rest();
        if option.len() >= 3 && args.take_word("AUTH") {
            login = Some((args.bytes()?, args.bytes()?));
        } else if option.len() >= 2 && args.take_word("SETNAME") {
            name = Some(args.bytes()?);
        } else {
            let quoted: [&[u8]; 3] = [b"ERR Syntax error in HELLO option '", option[0], b"'"];
            return Err(CommandError::quoting(&quoted));
        }
    }
    // As in Redis 7.2, the last of each counts, once all is understood.
    if let Some((user, password)) = login {
        log_in(cx, user, password)?;
    }
    if cx.client.auth == AuthState::Required {
        return Err(CommandError::text(
            "NOAUTH HELLO must be called with the client already authenticated, otherwise the \
             HELLO <proto> AUTH <user> <pass> option can be used to authenticate the client and select the \
             RESP protocol version at the same time",
        ));
    }
    if let Some(name) = name.map(client_name).transpose()? {
        cx.client.card.details.lock().name = name.to_vec();
    }
    if let Some(protocol) = protocol {
        speak(cx, protocol);
    }
    introduce(cx);
    Ok(Outcome::Reply)
}

/// Changes the protocol of this reply and all later ones.
fn speak(cx: &mut Context<'_, '_>, protocol: Protocol) {
    cx.client.protocol = protocol;
    cx.reply.protocol = protocol;
    cx.client.card.details.lock().resp = protocol.version();
}

/// HELLO's reply.
fn introduce(cx: &mut Context<'_, '_>) {
    let reply = &mut cx.reply;
    reply.map(7);
    for (field, value) in [("server", "redis"), ("version", REDIS_VERSION)] {
        reply.bulk_str(field);
        reply.bulk_str(value);
    }
    reply.bulk_str("proto");
    reply.integer(cx.client.protocol.version().into());
    reply.bulk_str("id");
    reply.integer(cx.client.card.id as i64);
    for (field, value) in [("mode", "standalone"), ("role", "master")] {
        reply.bulk_str(field);
        reply.bulk_str(value);
    }
    reply.bulk_str("modules");
    reply.array(0);
}

/// Whether a name (or library name or version) consists of printable ASCII without the space, so
/// that CLIENT LIST stays readable.
pub(crate) fn is_plain(text: &[u8]) -> bool {
    text.iter().all(u8::is_ascii_graphic)
}

/// A connection's name; empty means none.
pub(crate) fn client_name(name: &[u8]) -> Result<&[u8], CommandError> {
    if is_plain(name) {
        Ok(name)
    } else {
        Err(CommandError::text(
            "ERR Client names cannot contain spaces, newlines or special characters.",
        ))
    }
}

fn select(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let index = args.integer()?;
    if i32::try_from(index).is_err() {
        return Err(CommandError::text(
            "ERR value is out of range, value must between -2147483648 and 2147483647",
        ));
    }
    let index = u32::try_from(index).map_err(|_| CommandError::DbOutOfRange)?;
    cx.client.select(index, cx.host.keyspace().databases())?;
    cx.reply.ok();
    Ok(Outcome::Reply)
}

fn ping(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let words = args.take_rest();
    // In RESP2 a subscriber gets nothing but arrays, so that it can tell messages apart.
    if cx.client.is_subscriber() && cx.client.protocol == Protocol::Resp2 && words.len() < 2 {
        cx.reply.array(2);
        cx.reply.bulk_str("pong");
        cx.reply.bulk(words.first().copied().unwrap_or_default());
        return Ok(Outcome::Reply);
    }
    match words {
        [] => cx.reply.simple("PONG"),
        [message] => cx.reply.bulk(message),
        _ => return Err(CommandError::WrongArity("ping".into())),
    }
    Ok(Outcome::Reply)
}

fn echo(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    cx.reply.bulk(args.bytes()?);
    Ok(Outcome::Reply)
}

fn quit(cx: &mut Context<'_, '_>, _: &mut Args<'_>) -> CommandResult {
    cx.reply.ok();
    Ok(Outcome::Close)
}

fn reset(cx: &mut Context<'_, '_>, _: &mut Args<'_>) -> CommandResult {
    let client = &mut *cx.client;
    client.abandon_transaction(cx.host.keyspace());
    client.end_subscriptions(cx.host.pubsub());
    client.end_monitoring(&cx.host.observations().monitors);
    // That this very reply is skipped was said before, and stays so.
    if client.reply_mode != ReplyMode::SkipThis {
        client.reply_mode = ReplyMode::On;
    }
    client.no_touch = false;
    client.db = 0;
    client.become_default_user(cx.host.users());
    {
        // The library's name and version stay: it is still the same library that talks.
        let mut details = client.card.details.lock();
        details.name.clear();
        details.db = 0;
        details.no_evict = false;
        details.no_touch = false;
    }
    speak(cx, Protocol::Resp2);
    cx.reply.simple("RESET");
    Ok(Outcome::Reply)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::Ordering;

    use crate::testing::{Bench, bulk, bulks, err, nil, ok, simple, wrong_type};

    /// A bench whose server requires the password `secret`, and a client that has not given it.
    fn locked_bench() -> Bench {
        let mut bench = Bench::new();
        bench.host.users.set_default_password(Some(b"secret"));
        bench.client.become_default_user(&bench.host.users);
        bench
    }

    fn wrong_password() -> Vec<u8> {
        err("WRONGPASS invalid username-password pair or user is disabled.")
    }

    fn no_auth() -> Vec<u8> {
        err("NOAUTH Authentication required.")
    }

    #[test]
    fn a_password_opens_the_connection_and_a_wrong_one_changes_nothing() {
        let mut bench = locked_bench();
        bench.check("PING", no_auth());
        bench.check("AUTH wrong", wrong_password());
        bench.check("AUTH nobody secret", wrong_password());
        bench.check("PING", no_auth());
        bench.check("AUTH secret", ok());
        bench.check("PING", simple("PONG"));
        bench.check("AUTH default wrong", wrong_password());
        bench.check("PING", simple("PONG"));
        bench.check("AUTH default secret", ok());
        bench.check("AUTH default secret more", err("ERR syntax error"));
        bench.check("AUTH", err("ERR wrong number of arguments for 'auth' command"));
    }

    #[test]
    fn without_a_password_auth_says_so_and_the_default_user_is_open() {
        let mut bench = Bench::new();
        let hint = "ERR AUTH <password> called without any password configured for the default \
                    user. Are you sure your configuration is correct?";
        bench.check("AUTH secret", err(hint));
        bench.check("AUTH default anything", ok());
        bench.check("AUTH nobody anything", wrong_password());
    }

    /// HELLO's reply to client 1.
    fn introduction(protocol: u8) -> Vec<u8> {
        let head = if protocol == 3 { "%7" } else { "*14" };
        format!(
            "{head}\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$5\r\n{REDIS_VERSION}\r\n\
             $5\r\nproto\r\n:{protocol}\r\n$2\r\nid\r\n:1\r\n$4\r\nmode\r\n$10\r\nstandalone\r\n\
             $4\r\nrole\r\n$6\r\nmaster\r\n$7\r\nmodules\r\n*0\r\n"
        )
        .into_bytes()
    }

    #[test]
    fn hello_changes_the_protocol_from_its_own_reply_on() {
        let mut bench = Bench::new();
        bench.check("HELLO", introduction(2));
        bench.check("HELLO 3", introduction(3));
        bench.check("GET nokey", "_\r\n");
        assert_eq!(bench.client.card.details.lock().resp, 3);
        bench.check("HELLO", introduction(3));
        bench.check("HELLO 2", introduction(2));
        bench.check("GET nokey", nil());
    }

    #[test]
    fn hello_refuses_what_it_does_not_know() {
        let mut bench = Bench::new();
        let version = err("ERR Protocol version is not an integer or out of range");
        bench.check("HELLO abc", &version);
        for unspoken in ["HELLO 1", "HELLO 4", "HELLO -1"] {
            bench.check(unspoken, err("NOPROTO unsupported protocol version"));
        }
        for (line, option) in [
            ("HELLO 3 bogus", "bogus"),
            ("HELLO 3 AUTH", "AUTH"),
            ("HELLO 3 AUTH a", "AUTH"),
            ("HELLO 3 setname", "setname"),
            ("HELLO 3 SETNAME a more", "more"),
        ] {
            bench.check(line, err(&format!("ERR Syntax error in HELLO option '{option}'")));
        }
        bench.check("CLIENT GETNAME", nil());
        bench.check("GET nokey", nil());
    }

    #[test]
    fn hello_needs_the_password_and_takes_it_along() {
        let mut bench = locked_bench();
        let refused = "NOAUTH HELLO must be called with the client already authenticated, \
                       otherwise the HELLO <proto> AUTH <user> <pass> option can be used to \
                       authenticate the client and select the RESP protocol version at the same \
                       time";
        bench.check("HELLO", err(refused));
        bench.check("HELLO 3 SETNAME me", err(refused));
        bench.check("HELLO 3 AUTH default wrong", wrong_password());
        bench.check("HELLO 3 SETNAME me AUTH default secret", introduction(3));
        bench.check("CLIENT GETNAME", bulk("me"));
    }

    #[test]
    fn the_last_password_of_hello_counts_once_all_is_understood() {
        let mut bench = locked_bench();
        let error = err("ERR Syntax error in HELLO option 'bogus'");
        bench.check("HELLO 3 AUTH default secret bogus", error);
        bench.check("PING", err("NOAUTH Authentication required."));
        assert_eq!(bench.client.protocol, Protocol::Resp2);
        bench.check("HELLO 3 AUTH default secret AUTH default wrong", wrong_password());
        bench.check("HELLO 3 AUTH default wrong AUTH default secret", introduction(3));
    }

    #[test]
    fn select_takes_the_databases_there_are() {
        let mut bench = Bench::new();
        bench.check("SET k zero", ok());
        bench.check("SELECT 15", ok());
        bench.check("GET k", nil());
        assert_eq!(bench.client.card.details.lock().db, 15);
        bench.check("SELECT 16", err("ERR DB index is out of range"));
        bench.check("SELECT -1", err("ERR DB index is out of range"));
        bench.check("SELECT x", err("ERR value is not an integer or out of range"));
        let range = "ERR value is out of range, value must between -2147483648 and 2147483647";
        bench.check("SELECT 2147483648", err(range));
        bench.check_journal("SET k v", &["15:SET k v"]);
        bench.check("SELECT 0", ok());
        bench.check("GET k", bulk("zero"));
    }

    #[test]
    fn ping_and_echo_answer() {
        let mut bench = Bench::new();
        bench.check("PING", simple("PONG"));
        bench.check(r#"PING "a\r\n""#, bulk("a\r\n"));
        bench.check("PING a b", err("ERR wrong number of arguments for 'ping' command"));
        bench.check(r#"ECHO """#, bulk(""));
    }

    #[test]
    fn quit_and_reset_are_not_queued() {
        let mut bench = Bench::new();
        bench.check("MULTI", ok());
        bench.check("QUIT a b", ok());
        bench.check("MULTI", err("ERR MULTI calls can not be nested"));
        bench.check("RESET", simple("RESET"));
        bench.check("EXEC", err("ERR EXEC without MULTI"));
    }

    #[test]
    fn reset_leaves_nothing_but_the_connection_and_its_library() {
        let mut bench = locked_bench();
        bench.run("HELLO 3 AUTH default secret SETNAME me");
        for line in ["SELECT 3", "CLIENT NO-EVICT on", "CLIENT SETINFO lib-name lib", "WATCH k"] {
            bench.check(line, ok());
        }
        bench.client.reply_mode = ReplyMode::Off;
        bench.check("MULTI", ok());
        bench.check("RESET", simple("RESET"));
        bench.check("GET k", no_auth());
        bench.check("AUTH secret", ok());
        bench.check("GET k", nil());
        assert_eq!(bench.client.db, 0);
        assert_eq!(bench.client.reply_mode, ReplyMode::On);
        assert!(bench.client.watched.is_empty());
        let details = bench.client.card.details.lock().clone();
        assert_eq!((details.name, details.lib_name), (Vec::new(), b"lib".to_vec()));
        assert_eq!((details.db, details.resp, details.multi, details.watch), (0, 2, None, 0));
        assert!(!details.no_evict);
    }

    #[test]
    fn an_exec_that_a_gate_refuses_is_over() {
        let mut bench = locked_bench();
        bench.run("AUTH secret");
        bench.check("WATCH k", ok());
        bench.check("MULTI", ok());
        bench.check("SET k v", simple("QUEUED"));
        bench.host.over_memory.store(true, Ordering::Relaxed);
        let reason = "OOM command not allowed when used memory > 'maxmemory'.";
        let abort = |why: &str| err(&format!("EXECABORT Transaction discarded because of: {why}"));
        bench.check("EXEC", abort(reason));
        bench.host.over_memory.store(false, Ordering::Relaxed);
        bench.check("EXEC", err("ERR EXEC without MULTI"));
        assert!(bench.client.watched.is_empty());
        bench.check("EXEC now", abort("wrong number of arguments for 'exec' command"));
        bench.check("RESET", simple("RESET"));
        bench.check("EXEC", abort("NOAUTH Authentication required."));
    }

    #[test]
    fn commands_of_another_type_are_told_apart_in_either_protocol() {
        let mut bench = Bench::new();
        bench.make_hash("h");
        bench.run("HELLO 3");
        bench.check("GET h", wrong_type());
        bench.check("HKEYS h", bulks(["f"]));
    }
}
