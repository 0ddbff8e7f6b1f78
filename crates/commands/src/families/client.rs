//! CLIENT: the connections, seen and managed.

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use guarda_resp::number::parse_i64;
use guarda_resp::{Protocol, ReplyWriter};
use guarda_store::UnixMillis;

use crate::args::Args;
use crate::client::{ClientCard, REPLY_BLOCK_LEN, ReplyMode, buffered_output, listed_output};
use crate::context::{CommandResult, Context, Outcome};
use crate::error::CommandError;
use crate::families::client_kill::{self, ClientKind};
use crate::families::connection::{client_name, is_plain};
use crate::families::{client_modes, subcommand_help};
use crate::host::Host;
use crate::spec::{Arity, Categories, CommandSpec, Flags, Group};
use crate::waits::{UNBLOCKED, Unblock, unblock};

const NEW: CommandSpec = CommandSpec {
    group: Group::Connection,
    categories: Categories::CONNECTION,
    flags: FLAGS,
    ..CommandSpec::NEW
};

const FLAGS: Flags = Flags::NOSCRIPT.union(Flags::LOADING).union(Flags::STALE);

const PER_CLIENT: &str = "O(N) where N is the number of client connections";

pub(crate) const FAMILY: &[CommandSpec] = &[CommandSpec {
    name: "client",
    summary: "Groups the commands that deal with client connections.",
    since: "2.4.0",
    complexity: "Depends on subcommand.",
    arity: Arity::at_least(2),
    flags: Flags::NONE,
    categories: Categories::NONE,
    subcommands: SUBCOMMANDS,
    ..NEW
}];

const SUBCOMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "caching",
        summary: "Says whether the keys of the next command are to be tracked.",
        since: "6.0.0",
        arity: Arity::exactly(3),
        run: client_modes::caching,
        ..NEW
    },
    CommandSpec {
        name: "getname",
        summary: "Returns the name of this connection.",
        since: "2.6.9",
        arity: Arity::exactly(2),
        run: getname,
        ..NEW
    },
    CommandSpec {
        name: "getredir",
        summary: "Returns the connection that this one's invalidation messages go to.",
        since: "6.0.0",
        arity: Arity::exactly(2),
        run: client_modes::getredir,
        ..NEW
    },
    CommandSpec {
        name: "help",
        summary: "Lists the subcommands.",
        since: "5.0.0",
        arity: Arity::exactly(2),
        flags: Flags::LOADING.union(Flags::STALE),
        run: |cx, _| subcommand_help(cx, "CLIENT", SUBCOMMANDS),
        ..NEW
    },
    CommandSpec {
        name: "id",
        summary: "Returns the number of this connection.",
        since: "5.0.0",
        arity: Arity::exactly(2),
        run: id,
        ..NEW
    },
    CommandSpec {
        name: "info",
        summary: "Describes this connection in one line.",
        since: "6.2.0",
        arity: Arity::exactly(2),
        tips: &["nondeterministic_output"],
        run: info,
        ..NEW
    },
    CommandSpec {
        name: "kill",
        summary: "Closes the connections that a filter selects.",
        since: "2.4.0",
        complexity: PER_CLIENT,
        arity: Arity::at_least(3),
        flags: FLAGS.union(Flags::ADMIN),
        run: client_kill::kill,
        ..NEW
    },
    CommandSpec {
        name: "list",
        summary: "Describes the connections, one in a line.",
        note: "An idle client has no buffers, and 0 in the fields about them.",
        since: "2.4.0",
        complexity: PER_CLIENT,
        arity: Arity::at_least(2),
        flags: FLAGS.union(Flags::ADMIN),
        tips: &["nondeterministic_output"],
        run: list,
        ..NEW
    },
    CommandSpec {
        name: "no-evict",
        summary: "Says whether this connection may be closed to free client memory.",
        since: "7.0.0",
        arity: Arity::exactly(3),
        flags: FLAGS.union(Flags::ADMIN),
        run: no_evict,
        ..NEW
    },
    CommandSpec {
        name: "no-touch",
        summary: "Says whether commands of this connection leave the access times of keys as they are.",
        since: "7.2.0",
        arity: Arity::exactly(3),
        run: no_touch,
        ..NEW
    },
    CommandSpec {
        name: "pause",
        summary: "Has all commands, or those that write, wait for a while.",
        since: "3.0.0",
        arity: Arity::at_least(3),
        flags: FLAGS.union(Flags::ADMIN),
        run: client_modes::pause,
        ..NEW
    },
    CommandSpec {
        name: "reply",
        summary: "Turns the replies to this connection on or off, or skips the next one.",
        since: "3.2.0",
        arity: Arity::exactly(3),
        run: reply,
        ..NEW
    },
    CommandSpec {
        name: "setinfo",
        summary: "Notes which client library, and which version of it, is connected.",
        since: "7.2.0",
        arity: Arity::exactly(4),
        tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
        run: setinfo,
        ..NEW
    },
    CommandSpec {
        name: "setname",
        summary: "Names this connection.",
        since: "2.6.9",
        arity: Arity::exactly(3),
        run: setname,
        ..NEW
    },
    CommandSpec {
        name: "tracking",
        summary: "Turns the tracking of keys for caches of clients on or off.",
        note: "`ON` is refused: there is no tracking yet.",
        since: "6.0.0",
        complexity: "O(1). Some options may introduce additional complexity.",
        arity: Arity::at_least(3),
        run: client_modes::tracking,
        ..NEW
    },
    CommandSpec {
        name: "trackinginfo",
        summary: "Describes how this connection's keys are tracked.",
        since: "6.2.0",
        arity: Arity::exactly(2),
        run: client_modes::trackinginfo,
        ..NEW
    },
    CommandSpec {
        name: "unblock",
        summary: "Ends the wait of a client that a command has blocked.",
        since: "5.0.0",
        complexity: "O(log N) where N is the number of client connections",
        arity: Arity::at_least(3),
        flags: FLAGS.union(Flags::ADMIN),
        run: unblock_client,
        ..NEW
    },
    CommandSpec {
        name: "unpause",
        summary: "Ends the pause of clients.",
        since: "6.2.0",
        complexity: "O(N) Where N is the number of paused clients",
        arity: Arity::exactly(2),
        flags: FLAGS.union(Flags::ADMIN),
        run: client_modes::unpause,
        ..NEW
    },
];

fn id(cx: &mut Context<'_, '_>, _: &mut Args<'_>) -> CommandResult {
    cx.reply.integer(cx.client.card.id as i64);
    Ok(Outcome::Reply)
}

fn getname(cx: &mut Context<'_, '_>, _: &mut Args<'_>) -> CommandResult {
    match &cx.client.card.details.lock().name[..] {
        b"" => cx.reply.null(),
        name => cx.reply.bulk(name),
    }
    Ok(Outcome::Reply)
}

fn setname(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let name = client_name(args.bytes()?)?;
    cx.client.card.details.lock().name = name.to_vec();
    cx.reply.ok();
    Ok(Outcome::Reply)
}

fn setinfo(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let (attribute, value) = (args.bytes()?, args.bytes()?);
    let is_name = attribute.eq_ignore_ascii_case(b"lib-name");
    if !is_name && !attribute.eq_ignore_ascii_case(b"lib-ver") {
        return Err(CommandError::quoting(&[b"ERR Unrecognized option '", attribute, b"'"]));
    }
    if !is_plain(value) {
        return Err(CommandError::quoting(&[
            b"ERR ",
            attribute,
            b" cannot contain spaces, newlines or special characters.",
        ]));
    }
    let mut details = cx.client.card.details.lock();
    if is_name {
        details.lib_name = value.to_vec();
    } else {
        details.lib_ver = value.to_vec();
    }
    drop(details);
    cx.reply.ok();
    Ok(Outcome::Reply)
}

fn no_evict(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let on = on_or_off(args)?;
    cx.client.card.details.lock().no_evict = on;
    cx.reply.ok();
    Ok(Outcome::Reply)
}

fn no_touch(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let on = on_or_off(args)?;
    cx.client.no_touch = on;
    cx.client.card.details.lock().no_touch = on;
    cx.reply.ok();
    Ok(Outcome::Reply)
}

pub(super) fn wrong_use(subcommand: &[u8]) -> CommandError {
    let text = b"ERR unknown subcommand or wrong number of arguments for '";
    CommandError::quoting(&[text, subcommand, b"'. Try CLIENT HELP."])
}

fn on_or_off(args: &mut Args<'_>) -> Result<bool, CommandError> {
    let on = args.take_word("ON");
    if on || args.take_word("OFF") { Ok(on) } else { Err(CommandError::Syntax) }
}

/// Only ON is answered. What the mode means for other replies, the reply stage of the server
/// decides.
fn reply(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    if args.take_word("SKIP") {
        if cx.client.reply_mode != ReplyMode::Off {
            cx.client.reply_mode = ReplyMode::SkipNext;
        }
    } else if on_or_off(args)? {
        cx.client.reply_mode = ReplyMode::On;
        cx.reply.ok();
    } else {
        cx.client.reply_mode = ReplyMode::Off;
    }
    Ok(Outcome::Reply)
}

// Seeing ---------------------------------------------------------------------------------------

fn info(cx: &mut Context<'_, '_>, _: &mut Args<'_>) -> CommandResult {
    let mut line = Vec::new();
    describe(&mut line, &cx.client.card, cx.db.now);
    cx.reply.verbatim(b"txt", &line);
    Ok(Outcome::Reply)
}

fn list(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let mut kind = None;
    let mut ids = None;
    if args.rest().len() == 2 && args.take_word("TYPE") {
        kind = Some(ClientKind::parse(args.bytes()?)?);
    } else if args.rest().len() >= 2 && args.take_word("ID") {
        ids = Some(client_ids(args.take_rest())?);
    }
    args.finish()?;
    let cards = living(cx.host);
    let mut text = Vec::new();
    match ids {
        // In the order asked for, and as often.
        Some(ids) => {
            for card in ids.iter().filter_map(|id| cards.iter().find(|card| card.id == *id)) {
                describe(&mut text, card, cx.db.now);
            }
        }
        None => {
            for card in cards.iter().filter(|c| kind.is_none_or(|k| k == ClientKind::of(c))) {
                describe(&mut text, card, cx.db.now);
            }
        }
    }
    cx.reply.verbatim(b"txt", &text);
    Ok(Outcome::Reply)
}

fn client_ids(texts: &[&[u8]]) -> Result<Vec<u64>, CommandError> {
    let parse = |text: &&[u8]| parse_i64(text).map(|id| u64::try_from(id).unwrap_or(0));
    let ids: Option<Vec<u64>> = texts.iter().map(parse).collect();
    ids.ok_or(CommandError::text("ERR Invalid client ID"))
}

/// All clients but those that are as good as gone.
pub(super) fn living(host: &dyn Host) -> Vec<Arc<ClientCard>> {
    let mut cards = host.clients();
    cards.retain(|card| !card.killed.load(Ordering::Relaxed));
    cards
}

/// Appends CLIENT LIST's line about a client: every field of Redis 7.2, in its order. What has no
/// counterpart here is 0.
pub(crate) fn describe(out: &mut Vec<u8>, card: &ClientCard, now: UnixMillis) {
    let details = card.details.lock().clone();
    let idle = now.since(UnixMillis(card.active.load(Ordering::Relaxed)));
    let seconds = |millis: i64| (millis / 1000).max(0);
    let multi = details.multi.map_or(-1, |queued| queued as i64);
    let mut flags = String::new();
    if details.is_monitor {
        flags.push('O');
    }
    if details.sub + details.psub + details.ssub > 0 {
        flags.push('P');
    }
    for (on, flag) in [
        (multi >= 0, 'x'),
        (card.is_parked(), 'b'),
        (card.watch_dirty.load(Ordering::Relaxed), 'd'),
        // A Unix socket is told by the port 0, which no TCP peer has.
        (card.addr.ends_with(":0"), 'U'),
        (details.no_evict, 'e'),
        (details.no_touch, 'T'),
    ] {
        if on {
            flags.push(flag);
        }
    }
    if flags.is_empty() {
        flags.push('N');
    }
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let bytes = |count: &AtomicUsize| count.load(Ordering::Relaxed);
    let (total, buffers) = (bytes(&card.memory), &card.buffers);
    // Redis has a fixed buffer and, for what does not fit, a list of blocks.
    let unsent = bytes(&buffers.unsent);
    let (fixed, listed) = (buffered_output(unsent), listed_output(unsent));
    let (query, free) = (bytes(&buffers.query), bytes(&buffers.query_free));
    let (held, queued) = (bytes(&buffers.args), bytes(&buffers.queued));
    let (blocks, reply) = (listed / REPLY_BLOCK_LEN, bytes(&buffers.reply));
    writeln!(
        out,
        "id={} addr={} laddr={} fd={} name={} age={} idle={} flags={flags} db={} sub={} psub={} \
         ssub={} multi={multi} qbuf={query} qbuf-free={free} argv-mem={held} multi-mem={queued} rbs={reply} rbp=0 obl={fixed} \
         oll={blocks} omem={listed} tot-mem={total} events=r cmd={} user={} redir=-1 resp={} lib-name={} lib-ver={}",
        card.id,
        card.addr,
        card.laddr,
        card.fd,
        text(&details.name),
        seconds(now.since(card.created)),
        seconds(idle),
        details.db,
        details.sub,
        details.psub,
        details.ssub,
        details.cmd,
        details.user,
        details.resp,
        text(&details.lib_name),
        text(&details.lib_ver),
    )
    .expect("writing to memory cannot fail");
}

// Unblocking -----------------------------------------------------------------------------------

fn unblock_client(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let id = args.bytes()?;
    if args.rest().len() > 1 {
        return Err(wrong_use(args.all()[1]));
    }
    let how = if args.is_empty() || args.take_word("TIMEOUT") {
        Unblock::Timeout
    } else if args.take_word("ERROR") {
        Unblock::Error
    } else {
        return Err(CommandError::text("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR"));
    };
    let id = parse_i64(id).ok_or(CommandError::NotInteger)?;
    let cards = cx.host.clients();
    let ended = cards.iter().find(|card| i64::try_from(card.id) == Ok(id)).and_then(|card| {
        let ticket = card.wait.lock().clone()?;
        let protocol =
            if card.details.lock().resp == 3 { Protocol::Resp3 } else { Protocol::Resp2 };
        let mut reply = Vec::new();
        let mut writer = ReplyWriter::new(&mut reply, protocol);
        unblock(&ticket, how, cx.host.monotonic(), &mut writer).then(|| {
            cx.host.deliver(card.id, reply, 0);
        })
    });
    if ended.is_some() && how == Unblock::Error {
        cx.db.effects.note_error(UNBLOCKED.as_bytes());
    }
    cx.reply.integer(ended.is_some().into());
    Ok(Outcome::Reply)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::testing::{Bench, START, bulk, err, int, new_client, nil, ok, simple};

    /// A bench with clients 1 (who speaks), 2 and 3, at 127.0.0.1:1, :20 and :30.
    pub(in crate::families) fn crowd() -> Bench {
        let bench = Bench::new();
        let mut cards = vec![Arc::clone(&bench.client.card)];
        for id in [2, 3] {
            let addr = format!("127.0.0.1:{id}0");
            cards.push(Arc::new(ClientCard::new(id, addr, "127.0.0.1:2".into(), 9, START)));
        }
        *bench.host.clients.lock() = cards;
        bench
    }

    #[test]
    fn unblock_ends_a_wait_as_if_its_time_had_run_out_or_with_an_error() {
        let mut bench = crowd();
        for (how, reply) in [
            ("", b"*-1\r\n".to_vec()),
            ("TIMEOUT", b"*-1\r\n".to_vec()),
            ("ERROR", err("UNBLOCKED client unblocked via CLIENT UNBLOCK")),
        ] {
            let own = bench.swap_client(new_client(2));
            assert_eq!(bench.run("BLPOP l 0"), b"");
            let client = bench.swap_client(own);
            bench.host.clients.lock()[1] = Arc::clone(&client.card);
            bench.check(&format!("CLIENT UNBLOCK 2 {how}"), int(1));
            assert_eq!(std::mem::take(&mut *bench.host.delivered.lock()), [(2, reply)]);
            bench.check("CLIENT UNBLOCK 2", int(0));
        }
        bench.check("CLIENT UNBLOCK 3", int(0));
        bench.check("CLIENT UNBLOCK 99", int(0));
        bench.check("CLIENT UNBLOCK x", err("ERR value is not an integer or out of range"));
        let error = err("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR");
        bench.check("CLIENT UNBLOCK 2 SOON", error);
    }

    /// The line about client `id` at `addr` that has done nothing yet.
    fn fresh_line(id: u64, addr: &str) -> String {
        format!(
            "id={id} addr={addr} laddr=127.0.0.1:2 fd=9 name= age=0 idle=0 flags=N db=0 sub=0 \
             psub=0 ssub=0 multi=-1 qbuf=0 qbuf-free=0 argv-mem=0 multi-mem=0 rbs=0 rbp=0 obl=0 \
             oll=0 omem=0 tot-mem=0 events=r cmd=NULL user=default redir=-1 resp=2 lib-name= \
             lib-ver=\n"
        )
    }

    #[test]
    fn list_shows_every_client_or_those_asked_for() {
        let mut bench = crowd();
        let lines = [1, 2, 3].map(|id| {
            let port = if id == 1 { 1 } else { id * 10 };
            let line = fresh_line(id, &format!("127.0.0.1:{port}"));
            // The first is the one who asks.
            if id == 1 { line.replace("cmd=NULL", "cmd=client|list") } else { line }
        });
        bench.check("CLIENT LIST", bulk(lines.concat()));
        bench.check("CLIENT LIST TYPE Normal", bulk(lines.concat()));
        for none in ["master", "slave", "replica", "pubsub"] {
            bench.check(&format!("CLIENT LIST TYPE {none}"), bulk(""));
        }
        bench.check("CLIENT LIST ID 3 0 1 3 -7", bulk(format!("{1}{0}{1}", lines[0], lines[2])));
        bench.host.clients.lock()[1].killed.store(true, Ordering::Relaxed);
        bench.check("CLIENT LIST ID 2", bulk(""));
        bench.run("HELLO 3");
        bench.check("CLIENT LIST ID 2", "=4\r\ntxt:\r\n");
    }

    #[test]
    fn list_refuses_what_it_does_not_know() {
        let mut bench = crowd();
        for line in
            ["CLIENT LIST bogus", "CLIENT LIST TYPE", "CLIENT LIST TYPE normal x", "CLIENT LIST ID"]
        {
            bench.check(line, err("ERR syntax error"));
        }
        bench.check("CLIENT LIST TYPE bogus", err("ERR Unknown client type 'bogus'"));
        bench.check("CLIENT LIST ID 1 x", err("ERR Invalid client ID"));
        bench.check("CLIENT", err("ERR wrong number of arguments for 'client' command"));
        bench.check("CLIENT bogus", err("ERR unknown subcommand 'bogus'. Try CLIENT HELP."));
    }

    #[test]
    fn info_follows_what_the_client_does() {
        let mut bench = Bench::new();
        let card = ClientCard::new(7, "/run/s.sock:0".into(), "/run/s.sock:0".into(), 11, START);
        bench.swap_client(crate::client::Client::new(
            Arc::new(card),
            crate::client::AuthState::Granted,
        ));
        for line in [
            "SELECT 2",
            "CLIENT SETNAME web",
            "CLIENT SETINFO LIB-NAME phpredis",
            "CLIENT SETINFO lib-ver 5.3.7",
            "CLIENT NO-EVICT ON",
            "MULTI",
        ] {
            bench.check(line, ok());
        }
        bench.check("CLIENT INFO", simple("QUEUED"));
        bench.client.card.details.lock().multi = None;
        bench.client.transaction = None;
        bench.advance(65_999);
        bench.client.card.active.store(START.0 + 60_000, Ordering::Relaxed);
        bench.client.card.details.lock().multi = Some(4);
        let expected = "id=7 addr=/run/s.sock:0 laddr=/run/s.sock:0 fd=11 name=web age=65 idle=5 \
                        flags=xUe db=2 sub=0 psub=0 ssub=0 multi=4 qbuf=0 qbuf-free=0 argv-mem=0 \
                        multi-mem=0 rbs=0 rbp=0 obl=0 oll=0 omem=0 tot-mem=0 events=r cmd=client|info \
                        user=default redir=-1 resp=2 lib-name=phpredis lib-ver=5.3.7\n";
        bench.check("CLIENT INFO", bulk(expected));
    }

    #[test]
    fn names_are_printable_ascii_without_blanks() {
        let mut bench = Bench::new();
        bench.check("CLIENT ID", int(1));
        bench.check("CLIENT GETNAME", nil());
        bench.check("CLIENT SETNAME !web~1", ok());
        bench.check("CLIENT GETNAME", bulk("!web~1"));
        let refused = "ERR Client names cannot contain spaces, newlines or special characters.";
        for name in [r#""a b""#, r#""a\n""#, r#""\x7f""#, r#""\xc3\xa9""#] {
            bench.check(&format!("CLIENT SETNAME {name}"), err(refused));
            bench.check(
                &format!("CLIENT SETINFO Lib-Name {name}"),
                err("ERR Lib-Name cannot contain spaces, newlines or special characters."),
            );
        }
        bench.check("CLIENT GETNAME", bulk("!web~1"));
        bench.check(r#"CLIENT SETNAME """#, ok());
        bench.check("CLIENT GETNAME", nil());
        bench.check("CLIENT SETINFO badger x", err("ERR Unrecognized option 'badger'"));
    }

    #[test]
    fn a_client_sees_the_transaction_that_it_is_in() {
        let mut bench = Bench::new();
        for line in ["MULTI", "CLIENT INFO", "PING"] {
            bench.run(line);
        }
        let seen = String::from_utf8(bench.run("EXEC")).expect("ASCII");
        assert!(seen.contains(" flags=x ") && seen.contains(" multi=2 "), "{seen}");
        let after = String::from_utf8(bench.run("CLIENT INFO")).expect("ASCII");
        assert!(after.contains(" flags=N ") && after.contains(" multi=-1 "), "{after}");
    }

    #[test]
    fn reply_answers_to_on_only() {
        let mut bench = Bench::new();
        bench.check("CLIENT REPLY SKIP", "");
        assert_eq!(bench.client.reply_mode, ReplyMode::SkipNext);
        bench.check("CLIENT REPLY off", "");
        bench.check("CLIENT REPLY SKIP", "");
        assert_eq!(bench.client.reply_mode, ReplyMode::Off, "SKIP means nothing when all are off");
        bench.check("CLIENT REPLY maybe", err("ERR syntax error"));
        bench.check("CLIENT REPLY ON", ok());
        assert_eq!(bench.client.reply_mode, ReplyMode::On);
        bench.check("CLIENT NO-EVICT maybe", err("ERR syntax error"));
    }

    #[test]
    fn help_lists_every_subcommand() {
        let mut bench = Bench::new();
        let _ = bench.swap_client(new_client(2));
        let reply = String::from_utf8(bench.run("CLIENT HELP")).expect("ASCII");
        assert!(reply.starts_with(&format!("*{}\r\n+CLIENT <sub", 1 + 2 * SUBCOMMANDS.len())));
        assert!(reply.contains("+NO-EVICT\r\n+    Says whether"));
    }
}
