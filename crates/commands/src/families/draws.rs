//! Elements chosen at random: what HRANDFIELD, SRANDMEMBER and ZRANDMEMBER have in common.

use crate::args::Args;
use crate::db::Db;
use crate::error::CommandError;

/// Elements that one call with a negative count draws at most. Redis draws until its memory is used
/// up, deaf to all other clients.
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

/// Whether the count is more than a reply of elements, or of pairs, may have.
pub(crate) fn is_huge(count: i64, as_pairs: bool) -> bool {
    as_pairs && count.unsigned_abs() > i64::MAX as u64 / 2
        || count < 0 && count.unsigned_abs() > DRAWS_MAX
}

/// Brings `count` items chosen at random to the front.
pub(crate) fn shuffle_front<T>(items: &mut [T], count: usize) {
    for at in 0..count {
        let other = at + (Db::random() % (items.len() - at) as u64) as usize;
        items.swap(at, other);
    }
}
