//! Elements chosen at random: what HRANDFIELD, SRANDMEMBER and ZRANDMEMBER have in common.

use std::sync::atomic::Ordering;

use crate::args::Args;
use crate::client::listed_output;
use crate::context::{Caller, Context};
use crate::db::Db;
use crate::error::CommandError;

/// Elements that one call with a negative count draws at most. Redis draws until its memory is used
/// up or the client's output limit is reached, deaf to all other clients.
pub(crate) const DRAWS_MAX: u64 = 1_000_000;
/// Bytes that such a reply has at most, for the same reason.
pub(crate) const DRAWN_LEN_MAX: usize = 512 << 20;

/// The count: how many different elements, or if negative how many draws.
pub(crate) fn draw_count(args: &mut Args<'_>) -> Result<i64, CommandError> {
    let count = args.integer()?;
    if count == i64::MIN {
        return Err(CommandError::text(
            "ERR value is out of range, value must between -9223372036854775807 and \
             9223372036854775807",
        ));
    }
    Ok(count)
}

/// The shortest element of a reply: an empty bulk string.
const ELEMENT_LEN_MIN: u64 = 6;

/// Whether the count is more than a reply of pairs can have.
pub(crate) fn is_beyond_pairs(count: i64, as_pairs: bool) -> bool {
    as_pairs && count.unsigned_abs() > i64::MAX as u64 / 2
}

/// What becomes of a call that asks for so many draws.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Draws {
    /// They are made.
    Few,
    /// The reply would be beyond the client's hard output limit whatever is drawn: the client is closed,
    /// as in Redis, which finds out by drawing.
    Overflow,
}

/// Decides about `draws` draws for this caller.
///
/// # Errors
/// They are too many.
pub(crate) fn admit_draws(cx: &Context<'_, '_>, draws: u64) -> Result<Draws, CommandError> {
    if draws <= DRAWS_MAX {
        return Ok(Draws::Few);
    }
    let limit = cx.db.settings.output_hard_max.load(Ordering::Relaxed);
    let len_min = usize::try_from(draws.saturating_mul(ELEMENT_LEN_MIN)).unwrap_or(usize::MAX);
    // What a script gets goes through the interpreter, which has limits of its own.
    let is_beyond = limit > 0 && listed_output(len_min.min(usize::MAX / 2)) > limit;
    if is_beyond && cx.caller != Caller::Script {
        return Ok(Draws::Overflow);
    }
    Err(CommandError::OutOfRange)
}

/// Brings `count` items chosen at random to the front.
pub(crate) fn shuffle_front<T>(items: &mut [T], count: usize) {
    for at in 0..count {
        let other = at + (Db::random() % (items.len() - at) as u64) as usize;
        items.swap(at, other);
    }
}
