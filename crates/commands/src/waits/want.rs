//! What a command may wait for, and how it takes it.

use guarda_resp::ReplyWriter;
use guarda_store::{ListEnd, ValueKind};

use crate::db::Db;
use crate::error::CommandError;
use crate::families::list_pops::{Transfer, reply_popped, take_element};
use crate::families::sorted_set_pops::{self, End, write_popped_from};

/// What one command wants of a key that has something.
pub(crate) enum Want {
    /// An element (BLPOP, BRPOP).
    Element(ListEnd),
    /// Up to so many elements (BLMPOP).
    Elements(ListEnd, usize),
    /// An element, to be put into another list (BLMOVE, BRPOPLPUSH).
    Transfer(Transfer),
    /// A member and its score (BZPOPMIN, BZPOPMAX).
    Member(End),
    /// Up to so many members (BZMPOP).
    Members(End, usize),
}

impl Want {
    /// The type of value that has it.
    pub(crate) fn kind(&self) -> ValueKind {
        match self {
            Want::Element(_) | Want::Elements(..) | Want::Transfer(_) => ValueKind::List,
            Want::Member(_) | Want::Members(..) => ValueKind::SortedSet,
        }
    }

    /// The other key that taking it changes.
    pub(crate) fn destination(&self) -> Option<&[u8]> {
        match self {
            Want::Transfer(transfer) => Some(&transfer.to),
            Want::Element(_) | Want::Elements(..) | Want::Member(_) | Want::Members(..) => None,
        }
    }

    /// The reply where nothing is there and nobody can wait.
    pub(crate) fn reply_none(&self, reply: &mut ReplyWriter<'_>) {
        match self {
            Want::Transfer(_) => reply.null(),
            Want::Element(_) | Want::Elements(..) | Want::Member(_) | Want::Members(..) => {
                reply.null_array();
            }
        }
    }

    /// Takes it from `key`, which has it, journals that and writes the reply.
    ///
    /// # Errors
    /// If the other key is of another type; nothing was taken then.
    pub(crate) fn take(
        &self,
        db: &mut Db<'_, '_>,
        key: &[u8],
        reply: &mut ReplyWriter<'_>,
    ) -> Result<(), CommandError> {
        match self {
            Want::Element(end) => take_element(db, key, *end, reply),
            Want::Elements(end, count) => reply_popped(db, key, *end, *count, reply),
            Want::Transfer(transfer) => transfer.carry_out(db, key, reply).map(|_| ()),
            Want::Member(end) => {
                let popped = sorted_set_pops::pop(db, key, *end, 1)?;
                let (member, score) = popped.first().expect("the caller knows that there is one");
                reply.array(3);
                reply.bulk(key);
                reply.bulk(member);
                reply.double(*score);
                Ok(())
            }
            Want::Members(end, count) => {
                let popped = sorted_set_pops::pop(db, key, *end, *count)?;
                write_popped_from(reply, key, &popped);
                Ok(())
            }
        }
    }
}
