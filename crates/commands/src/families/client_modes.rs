//! CLIENT PAUSE and UNPAUSE; what is true of client tracking while there is none.

use std::time::Duration;

use crate::args::Args;
use crate::context::{CommandResult, Context, Outcome};
use crate::error::CommandError;
use crate::families::client::wrong_use;
use crate::pause::PauseMode;

pub(super) fn pause(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let millis = args
        .integer()
        .map_err(|_| CommandError::text("ERR timeout is not an integer or out of range"))?;
    if args.rest().len() > 1 {
        return Err(wrong_use(args.all()[1]));
    }
    let mode = if args.is_empty() || args.take_word("ALL") {
        PauseMode::All
    } else if args.take_word("WRITE") {
        PauseMode::Writes
    } else {
        return Err(CommandError::text("ERR CLIENT PAUSE mode must be WRITE or ALL"));
    };
    let length =
        u64::try_from(millis).map_err(|_| CommandError::text("ERR timeout is negative"))?;
    // The moment at which it ends must be one that can be told.
    if millis > i64::MAX - cx.db.now.0 {
        return Err(CommandError::text("ERR timeout is out of range"));
    }
    if length > 0 {
        cx.host.pause().begin(mode, cx.host.monotonic() + Duration::from_millis(length));
    }
    cx.reply.ok();
    Ok(Outcome::Reply)
}

pub(super) fn unpause(cx: &mut Context<'_, '_>, _: &mut Args<'_>) -> CommandResult {
    cx.host.pause().end();
    cx.host.end_pause();
    cx.reply.ok();
    Ok(Outcome::Reply)
}

// Tracking -------------------------------------------------------------------------------------

const NO_TRACKING: CommandError = CommandError::text(
    "ERR CLIENT TRACKING ON is not supported: this server does not track keys yet",
);

const NO_SUCH_CLIENT: CommandError =
    CommandError::text("ERR The client ID you want redirect to does not exist");

/// The options are read also where they have nothing to say.
pub(super) fn tracking(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let mode = args.bytes()?;
    let mut redirect = None;
    while !args.is_empty() {
        if args.rest().len() > 1 && args.take_word("REDIRECT") {
            if redirect.is_some() {
                return Err(CommandError::text(
                    "ERR A client can only redirect to a single other client",
                ));
            }
            redirect = Some(redirection(cx, args.integer()?)?);
        } else if args.rest().len() > 1 && args.take_word("PREFIX") {
            args.bytes()?;
        } else if !["BCAST", "OPTIN", "OPTOUT", "NOLOOP"].iter().any(|word| args.take_word(word)) {
            return Err(CommandError::Syntax);
        }
    }
    if mode.eq_ignore_ascii_case(b"on") {
        return Err(NO_TRACKING);
    }
    if !mode.eq_ignore_ascii_case(b"off") {
        return Err(CommandError::Syntax);
    }
    cx.reply.ok();
    Ok(Outcome::Reply)
}

/// The client that invalidation messages are to go to, which must be there.
fn redirection(cx: &Context<'_, '_>, id: i64) -> Result<u64, CommandError> {
    let id = u64::try_from(id).unwrap_or(0);
    if cx.host.clients().iter().any(|card| card.id == id) {
        return Ok(id);
    }
    Err(NO_SUCH_CLIENT)
}

pub(super) fn caching(_: &mut Context<'_, '_>, _: &mut Args<'_>) -> CommandResult {
    Err(CommandError::text(
        "ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or \
         OPTOUT mode enabled",
    ))
}

pub(super) fn getredir(cx: &mut Context<'_, '_>, _: &mut Args<'_>) -> CommandResult {
    cx.reply.integer(-1);
    Ok(Outcome::Reply)
}

pub(super) fn trackinginfo(cx: &mut Context<'_, '_>, _: &mut Args<'_>) -> CommandResult {
    cx.reply.map(3);
    cx.reply.bulk_str("flags");
    cx.reply.set(1);
    cx.reply.bulk_str("off");
    cx.reply.bulk_str("redirect");
    cx.reply.integer(-1);
    cx.reply.bulk_str("prefixes");
    cx.reply.array(0);
    Ok(Outcome::Reply)
}

#[cfg(test)]
mod tests {
    use crate::testing::{Bench, array, bulk, err, int, ok};

    /// What OBJECT IDLETIME would say of a key after `command` at 10 s.
    fn idle_after(command: &str, no_touch: bool) -> i64 {
        let mut bench = Bench::new();
        bench.check("SET k v", ok());
        bench.check(&format!("CLIENT NO-TOUCH {}", if no_touch { "ON" } else { "OFF" }), ok());
        bench.advance(10_000);
        for line in command.split("; ") {
            bench.run(line);
        }
        let reply = String::from_utf8(bench.run("OBJECT IDLETIME k")).expect("ASCII");
        reply.trim_start_matches(':').trim_end().parse().expect("a number")
    }

    #[test]
    fn reads_of_a_client_that_does_not_touch_leave_the_access_time() {
        assert_eq!(idle_after("GET k", false), 0);
        assert_eq!(idle_after("GET k", true), 10);
        assert_eq!(idle_after("STRLEN k", true), 10);
        assert_eq!(idle_after("TOUCH k", true), 0, "it is for that");
        assert_eq!(idle_after("MULTI; TOUCH k; EXEC", true), 0, "wherever it stands");
        assert_eq!(idle_after("MULTI; GET k; EXEC", true), 10);
        let mut bench = Bench::new();
        bench.check("CLIENT NO-TOUCH maybe", err("ERR syntax error"));
        bench.check("CLIENT NO-TOUCH ON", ok());
        bench.run("SET k v PX 10");
        bench.advance(10);
        bench.check_journal("GET k", &["DEL k"]);
    }

    #[test]
    fn nothing_is_tracked_and_that_is_said() {
        let mut bench = Bench::new();
        bench.check("CLIENT TRACKING OFF", ok());
        let refused =
            "ERR CLIENT TRACKING ON is not supported: this server does not track keys yet";
        bench.check("CLIENT TRACKING ON BCAST", err(refused));
        bench.check("CLIENT TRACKING OFF PREFIX a NOLOOP optin BCAST", ok());
        for line in ["OFF more", "OFF REDIRECT", "OFF PREFIX", "maybe"] {
            bench.check(&format!("CLIENT TRACKING {line}"), err("ERR syntax error"));
        }
        let missing = err("ERR The client ID you want redirect to does not exist");
        bench.check("CLIENT TRACKING OFF REDIRECT 999999", &missing);
        bench.check("CLIENT TRACKING OFF REDIRECT -1", missing);
        bench.check("CLIENT GETREDIR", int(-1));
        let off = [
            bulk("flags"),
            array([bulk("off")]),
            bulk("redirect"),
            int(-1),
            bulk("prefixes"),
            array([]),
        ];
        bench.check("CLIENT TRACKINGINFO", array(off));
    }
}
