//! CLIENT KILL: which clients it means, and their end.

use std::sync::atomic::Ordering;

use guarda_resp::number::parse_i64;

use crate::args::Args;
use crate::client::ClientCard;
use crate::context::{CommandResult, Context, Outcome};
use crate::error::CommandError;
use crate::families::client::living;
use crate::host::Host;

/// Kinds of clients that CLIENT LIST and CLIENT KILL tell apart.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum ClientKind {
    Normal,
    Master,
    Replica,
    PubSub,
}

impl ClientKind {
    pub(super) fn parse(name: &[u8]) -> Result<ClientKind, CommandError> {
        match &name.to_ascii_lowercase()[..] {
            b"normal" => Ok(ClientKind::Normal),
            b"master" => Ok(ClientKind::Master),
            b"slave" | b"replica" => Ok(ClientKind::Replica),
            b"pubsub" => Ok(ClientKind::PubSub),
            _ => Err(CommandError::quoting(&[b"ERR Unknown client type '", name, b"'"])),
        }
    }

    /// Without replication there are no others.
    pub(super) fn of(card: &ClientCard) -> ClientKind {
        if card.is_subscriber() { ClientKind::PubSub } else { ClientKind::Normal }
    }
}

/// What CLIENT KILL selects: clients that meet all conditions given.
#[derive(Default)]
struct KillFilter<'a> {
    id: Option<u64>,
    addr: Option<&'a [u8]>,
    laddr: Option<&'a [u8]>,
    kind: Option<ClientKind>,
    user: Option<&'a [u8]>,
    /// Whether the caller is left alone.
    skip_me: bool,
}

impl<'a> KillFilter<'a> {
    fn parse(args: &mut Args<'a>, host: &dyn Host) -> Result<KillFilter<'a>, CommandError> {
        let mut filter = KillFilter { skip_me: true, ..KillFilter::default() };
        while !args.is_empty() {
            if args.rest().len() < 2 {
                return Err(CommandError::Syntax);
            }
            if args.take_word("ID") {
                let id = parse_i64(args.bytes()?).and_then(|id| u64::try_from(id).ok());
                let id = id.filter(|id| *id > 0);
                let error = CommandError::text("ERR client-id should be greater than 0");
                filter.id = Some(id.ok_or(error)?);
            } else if args.take_word("TYPE") {
                filter.kind = Some(ClientKind::parse(args.bytes()?)?);
            } else if args.take_word("ADDR") {
                filter.addr = Some(args.bytes()?);
            } else if args.take_word("LADDR") {
                filter.laddr = Some(args.bytes()?);
            } else if args.take_word("USER") {
                filter.user = Some(known_user(args.bytes()?, host)?);
            } else if args.take_word("SKIPME") {
                filter.skip_me = args.take_word("YES");
                if !filter.skip_me && !args.take_word("NO") {
                    return Err(CommandError::Syntax);
                }
            } else {
                return Err(CommandError::Syntax);
            }
        }
        Ok(filter)
    }

    fn selects(&self, card: &ClientCard, me: u64) -> bool {
        self.id.is_none_or(|id| id == card.id)
            && self.addr.is_none_or(|addr| addr == card.addr.as_bytes())
            && self.laddr.is_none_or(|laddr| laddr == card.laddr.as_bytes())
            && self.kind.is_none_or(|kind| kind == ClientKind::of(card))
            && self.user.is_none_or(|user| user == card.details.lock().user.as_bytes())
            && !(self.skip_me && card.id == me)
    }
}

fn known_user<'a>(user: &'a [u8], host: &dyn Host) -> Result<&'a [u8], CommandError> {
    if host.users().find(user).is_some() {
        return Ok(user);
    }
    Err(CommandError::quoting(&[b"ERR No such user '", user, b"'"]))
}

pub(super) fn kill(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    // The old form, CLIENT KILL addr, kills the caller too and must find its victim.
    let is_old_form = args.rest().len() == 1;
    let filter = if is_old_form {
        KillFilter { addr: Some(args.bytes()?), ..KillFilter::default() }
    } else {
        KillFilter::parse(args, cx.host)?
    };
    let me = cx.client.card.id;
    let mut killed = 0;
    let mut outcome = Outcome::Reply;
    for card in living(cx.host).iter().filter(|card| filter.selects(card, me)) {
        killed += 1;
        if card.id == me {
            // The caller hears of it first.
            outcome = Outcome::Close;
        } else {
            card.killed.store(true, Ordering::Relaxed);
            cx.host.kill_client(card.id);
        }
    }
    if !is_old_form {
        cx.reply.integer(killed);
    } else if killed == 0 {
        return Err(CommandError::text("ERR No such client"));
    } else {
        cx.reply.ok();
    }
    Ok(outcome)
}

#[cfg(test)]
mod tests {
    use crate::families::client::tests::crowd;
    use crate::testing::{Bench, err, int, ok};

    fn asked(bench: &Bench) -> Vec<String> {
        std::mem::take(&mut *bench.host.asked.lock())
    }

    #[test]
    fn kill_by_filter_spares_the_caller_unless_told_otherwise() {
        let mut bench = crowd();
        bench.check("CLIENT KILL TYPE normal", int(2));
        assert_eq!(asked(&bench), ["kill_client 2", "kill_client 3"]);
        bench.check("CLIENT KILL TYPE normal", int(0));
        bench.check("CLIENT KILL ID 1", int(0));
        assert!(asked(&bench).is_empty());
        bench.check("CLIENT KILL ID 1 SKIPME no", int(1));
        assert!(asked(&bench).is_empty(), "the caller is closed after its reply");
    }

    #[test]
    fn kill_wants_all_its_conditions_met() {
        let mut bench = crowd();
        bench.host.clients.lock()[1].details.lock().user = "default".into();
        for line in [
            "CLIENT KILL ID 2 ADDR 127.0.0.1:30",
            "CLIENT KILL TYPE replica",
            "CLIENT KILL ADDR nowhere",
            "CLIENT KILL LADDR 127.0.0.1:3",
            "CLIENT KILL ID 99",
        ] {
            bench.check(line, int(0));
        }
        let line = "CLIENT KILL id 99 ID 3 addr 127.0.0.1:30 LADDR 127.0.0.1:2 TYPE normal USER \
                    default SKIPME yes";
        bench.check(line, int(1));
        assert_eq!(asked(&bench), ["kill_client 3"]);
    }

    #[test]
    fn kill_by_address_alone_must_find_someone_and_may_be_the_caller() {
        let mut bench = crowd();
        bench.check("CLIENT KILL 127.0.0.1:9", err("ERR No such client"));
        bench.check("CLIENT KILL ID", err("ERR No such client"));
        bench.check("CLIENT KILL 127.0.0.1:20", ok());
        assert_eq!(asked(&bench), ["kill_client 2"]);
        bench.check("CLIENT KILL 127.0.0.1:1", ok());
        assert!(asked(&bench).is_empty());
    }

    #[test]
    fn kill_refuses_what_it_does_not_know() {
        let mut bench = crowd();
        for line in [
            "CLIENT KILL bogus x",
            "CLIENT KILL ID 2 ADDR",
            "CLIENT KILL SKIPME maybe",
            "CLIENT KILL MAXAGE 10",
        ] {
            bench.check(line, err("ERR syntax error"));
        }
        for id in ["x", "0", "-2"] {
            let error = err("ERR client-id should be greater than 0");
            bench.check(&format!("CLIENT KILL ID {id} SKIPME no"), error);
        }
        bench.check("CLIENT KILL TYPE bogus", err("ERR Unknown client type 'bogus'"));
        bench.check("CLIENT KILL USER nobody", err("ERR No such user 'nobody'"));
        assert!(asked(&bench).is_empty());
    }
}
