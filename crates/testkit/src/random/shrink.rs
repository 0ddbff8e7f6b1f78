//! Cuts a sequence that shows a difference down to the commands that matter.

use super::vocabulary::Op;
use super::{Pair, RandomError};

/// Replays at most; each costs as long as the sequence that is left.
const REPLAYS_MAX: usize = 300;

/// Leaves out ever smaller pieces of `ops` as long as the rest still shows some difference.
///
/// Deterministic replies are a precondition; where there is none, the sequence merely stays longer.
pub(super) fn shorten(pair: &Pair, ops: &[Op]) -> Result<Vec<Op>, RandomError> {
    let mut kept = ops.to_vec();
    let mut piece = kept.len().div_ceil(2);
    let mut replays = 0;
    while piece > 0 && replays < REPLAYS_MAX {
        let mut start = 0;
        let mut shrunk = false;
        while start < kept.len() && replays < REPLAYS_MAX {
            let mut candidate = kept.clone();
            candidate.drain(start..(start + piece).min(kept.len()));
            replays += 1;
            match pair.play(&candidate)? {
                Some(found) => {
                    candidate.truncate(found.index + 1);
                    kept = candidate;
                    shrunk = true;
                }
                None => start += piece,
            }
        }
        if !shrunk || piece > kept.len() {
            piece /= 2;
        }
    }
    Ok(kept)
}
