//! What a running command sees.

use guarda_resp::ReplyWriter;
use guarda_store::Remains;

use crate::client::Client;
use crate::db::Db;
use crate::error::CommandError;
use crate::host::Host;

/// What becomes of the connection after a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The reply was written; go on.
    Reply,
    /// Send the reply, then close the connection.
    Close,
    /// Its reply would be longer than the client's hard output limit allows: send what came before it,
    /// then close the connection.
    Overflow,
    /// Nothing was written: the client waits ([`Client::waiting`]) and takes no command until it is
    /// served, its time runs out, or it goes.
    Parked,
}

/// A command either writes a whole reply and says how to go on, or fails and has written nothing
/// that counts: what it wrote is replaced by the error.
pub type CommandResult = Result<Outcome, CommandError>;

/// On whose behalf a command runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caller {
    /// A client, directly.
    Client,
    /// A client's EXEC.
    Transaction,
    /// A script's `redis.call`.
    Script,
    /// The append log at start.
    Log,
}

impl Context<'_, '_> {
    /// Leaves what was removed under these locks to be freed after the reply.
    pub(crate) fn free_later(&mut self) {
        let mut remains = Remains::default();
        self.db.locked.give_remains(&mut remains);
        // The log is replayed by a server that is not serving yet.
        if !remains.is_empty() && self.caller != Caller::Log {
            self.host.free_later(remains);
        }
    }
}

/// The surroundings of one running command. Its fields are separate so that a value borrowed from
/// `db` can be written to `reply`.
pub struct Context<'a, 'k> {
    /// The selected database, under the locks that the command's row asks for.
    pub db: Db<'a, 'k>,
    /// Where the reply goes.
    pub reply: ReplyWriter<'a>,
    /// Who asked.
    pub client: &'a mut Client,
    /// The server.
    pub host: &'a dyn Host,
    /// On whose behalf.
    pub caller: Caller,
}
