//! What a command may wait for, and how it takes it.

use guarda_resp::ReplyWriter;
use guarda_store::{ListEnd, ValueKind};

use crate::db::Db;
use crate::error::CommandError;
use crate::families::list_pops::{Transfer, reply_popped, take_element};

/// What one command wants of a key that has something.
pub(crate) enum Want {
    /// An element (BLPOP, BRPOP).
    Element(ListEnd),
    /// Up to so many elements (BLMPOP).
    Elements(ListEnd, usize),
    /// An element, to be put into another list (BLMOVE, BRPOPLPUSH).
    Transfer(Transfer),
}

impl Want {
    /// The type of value that has it.
    pub(crate) fn kind(&self) -> ValueKind {
        match self {
            Want::Element(_) | Want::Elements(..) | Want::Transfer(_) => ValueKind::List,
        }
    }

    /// The other key that taking it changes.
    pub(crate) fn destination(&self) -> Option<&[u8]> {
        match self {
            Want::Transfer(transfer) => Some(&transfer.to),
            Want::Element(_) | Want::Elements(..) => None,
        }
    }

    /// The reply where nothing is there and nobody can wait.
    pub(crate) fn reply_none(&self, reply: &mut ReplyWriter<'_>) {
        match self {
            Want::Transfer(_) => reply.null(),
            Want::Element(_) | Want::Elements(..) => reply.null_array(),
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
        }
    }
}
