//! Opening and storing by plain commands, on servers without `SESSION`: a script there costs more than
//! all of these together.
//!
//! The opening watches the session, its lock and its tombstone, and reads them. If nothing has touched
//! them until the commit, EXEC may write: the lock is still ours, no tombstone has come, and nobody
//! has written meanwhile, which is more than the rules of COMMIT ask for. If anything has, EXEC is
//! refused, and the script finds out what may still be done.

use std::time::Duration;

use guarda_resp::Frame;
use smallvec::SmallVec;

use super::operation::Effect;
use super::requests::{lease_of, millis};
use super::{Commit, Committed, Keys, Open, Opened, Status};
use crate::connection::{Connection, Watches};
use crate::deadline::Budget;
use crate::error::Error;

/// Commands that travel together.
type Commands<'a> = SmallVec<[&'a [&'a [u8]]; 8]>;

impl Connection {
    /// Opens without a script; None where that is not possible, and nothing has changed.
    pub(super) fn open_plainly(
        &mut self,
        keys: &Keys,
        open: &Open<'_>,
        budget: &Budget,
    ) -> Result<Option<Opened>, Error> {
        let by_script = self.has_session_commands != Some(false)
            || open.must_exist
            || open.ttl.is_some()
            || self.watches == Watches::Refused;
        if by_script {
            return Ok(None);
        }
        self.reconnect_if_closed(budget)?;
        let lease = lease_of(open);
        let lease_ms = millis(lease);
        let locks = open.lock.is_some();
        // On a new connection in this one's place it would do no harm.
        let unwatches = self.watches != Watches::Nothing;
        let (session, lock, tombstone, tag) =
            (&keys.session[..], keys.lock(), keys.tombstone(), keys.tag());
        // Without a lock others may lock and unlock meanwhile: the last writer wins.
        let without_lock = usize::from(!locks);
        let set: [&[u8]; 6] = [b"SET", &lock, open.token.as_bytes(), b"NX", b"PX", &lease_ms];
        let watch: [&[u8]; 4] = [b"WATCH", session, &tombstone, &lock];
        let beside: [&[u8]; 4] = [b"MGET", &tombstone, &tag, &lock];
        let (get, left): ([&[u8]; 2], [&[u8]; 2]) = ([b"GET", session], [b"PTTL", session]);
        let mut commands = Commands::new();
        if unwatches {
            commands.push(&[b"UNWATCH"]);
        }
        if locks {
            commands.push(&set);
        }
        commands.push(&watch[..watch.len() - without_lock]);
        commands.push(&get);
        commands.push(&beside[..beside.len() - without_lock]);
        if locks {
            commands.push(&left);
        }
        let answers =
            self.ask_all_once_more(&commands, Duration::ZERO, budget, Effect::Harmless)?;
        self.watches = Watches::Leftovers;
        let mut answers = answers.into_iter().skip(usize::from(unwatches));
        let mut next = || answers.next().unwrap_or(Frame::Null);
        let took = locks.then(&mut next);
        let (watched, data, beside, left) = (next(), next(), next(), locks.then(&mut next));
        let is_ours = took.as_ref().is_some_and(|answer| answer.as_bytes() == Some(b"OK"));
        let refusal = [took.as_ref(), Some(&watched), Some(&data), Some(&beside), left.as_ref()]
            .into_iter()
            .flatten()
            .find_map(Frame::as_error);
        if let Some(text) = refusal {
            let may_not_watch = watched.as_error() == Some(text) && text.starts_with(b"NOPERM");
            let error = self.accepted(Frame::Error(text.to_vec())).map(drop);
            if is_ours {
                self.release(keys, open.token, budget)?;
            }
            if may_not_watch {
                self.watches = Watches::Refused;
                return Ok(None);
            }
            return error.map(|()| None);
        }
        let Frame::Array(beside) = beside else { return Err(self.nonsense()) };
        let bytes = |frame: Option<&Frame>| frame.and_then(Frame::as_bytes).map(<[u8]>::to_vec);
        let nonce = bytes(beside.first());
        let is_tagged = beside.get(1).is_some_and(|tag| !tag.is_null());
        let holder = beside.get(2).and_then(Frame::as_bytes);
        if locks && holder != Some(open.token.as_bytes()) {
            return Ok(Some(Opened::refused(Status::Busy)));
        }
        if locks && !is_ours {
            // Ours already: its lease begins anew, which the script does.
            return Ok(None);
        }
        self.watches = Watches::Session { token: open.token.to_owned(), is_tagged };
        if let Some(Frame::Integer(left)) = left
            && left >= 0
            && (left as u128) < lease.as_millis()
        {
            self.prolong(keys, &lease_ms, budget)?;
        }
        let data = if let Frame::Bulk(data) = data { Some(data) } else { None };
        let (status, waited) = (Status::Open, Duration::ZERO);
        Ok(Some(Opened { status, data, named: None, nonce, waited }))
    }

    /// A session that would expire under its request lives as long as the lease.
    fn prolong(&mut self, keys: &Keys, lease_ms: &[u8], budget: &Budget) -> Result<(), Error> {
        let commands: [[&[u8]; 3]; 2] =
            [[b"PEXPIRE", &keys.session, lease_ms], [b"PEXPIRE", &keys.tag(), lease_ms]];
        let answers =
            self.ask_all_once_more(&commands, Duration::ZERO, budget, Effect::Repeatable)?;
        // It has touched what it watches.
        self.watches = Watches::Leftovers;
        answers.into_iter().try_for_each(|answer| self.accepted(answer).map(drop))
    }

    /// Stores without a script; None if this connection did not open the session, or if anything of
    /// it has been touched since: nothing has changed then.
    pub(super) fn commit_plainly(
        &mut self,
        keys: &Keys,
        commit: &Commit<'_>,
        budget: &Budget,
    ) -> Result<Option<Committed>, Error> {
        self.reconnect_if_closed(budget)?;
        let is_tagged = match &self.watches {
            Watches::Session { token, is_tagged } if token == commit.token => *is_tagged,
            _ => return Ok(None),
        };
        let ttl = millis(commit.ttl);
        let (lock, tags) = (keys.lock(), keys.tag());
        let set: [&[u8]; 5] = [b"SET", &keys.session, commit.data, b"PX", &ttl];
        let set_tag: [&[u8]; 5] = [b"SET", &tags, commit.tag.unwrap_or_default(), b"PX", &ttl];
        let keep_tag: [&[u8]; 3] = [b"PEXPIRE", &tags, &ttl];
        let drop_tag: [&[u8]; 2] = [b"DEL", &tags];
        let unlock: [&[u8]; 2] = [b"DEL", &lock];
        let is_new = !commit.opened.exists();
        let mut commands = Commands::from_slice(&[&[b"MULTI"], &set]);
        match commit.tag {
            Some(tag) if !tag.is_empty() => commands.push(&set_tag),
            // Whoever had given it a tag since would have touched the session, too.
            _ if !is_tagged => {}
            None if !is_new => commands.push(&keep_tag),
            // A new session has nothing of one before it.
            _ => commands.push(&drop_tag),
        }
        if commit.locked {
            commands.push(&unlock);
        }
        commands.push(&[b"EXEC"]);
        self.watches = Watches::Nothing;
        let mut answers =
            self.ask_all_once_more(&commands, Duration::ZERO, budget, Effect::Once)?;
        let done = answers.pop();
        // What is wrong was said when it was queued; EXEC says only that something was.
        for answer in answers {
            self.accepted(answer)?;
        }
        match done {
            Some(Frame::Array(each)) => {
                each.into_iter().try_for_each(|answer| self.accepted(answer).map(drop))?;
                Ok(Some(Committed::Stored))
            }
            Some(error) if error.as_error().is_some() => self.accepted(error).map(|_| None),
            // Touched: refused as a whole.
            _ => Ok(None),
        }
    }
}
