//! SESSION COMMIT: writes a session if that is still the caller's right.

use guarda_session::{lock_key, tag_key, tombstone_key};
use guarda_store::{UnixMillis, field_hash};

use crate::args::Args;
use crate::context::{CommandResult, Context, Outcome};
use crate::error::CommandError;
use crate::families::session::{forget_lock, nonce, required, session_key, site, tag, token, ttl};
use crate::sessions::{Cause, Site, generation_of, release};

struct Commit<'a> {
    key: &'a [u8],
    token: &'a [u8],
    generation: &'a [u8],
    ttl_ms: i64,
    nonce: Option<&'a [u8]>,
    locking: bool,
    recreate: bool,
    /// Empty: none from now on.
    tag: Option<&'a [u8]>,
    data: &'a [u8],
}

impl<'a> Commit<'a> {
    fn parse(args: &mut Args<'a>) -> Result<Commit<'a>, CommandError> {
        let (key, token) = (session_key(args)?, token(args)?);
        let generation = args.bytes()?;
        if generation != b"absent" && generation.len() != 40 {
            return Err(CommandError::text(
                "ERR a session's generation is 'absent' or what SESSION OPEN answered",
            ));
        }
        let (mut ttl_ms, mut data) = (None, None);
        let (mut nonce_given, mut tag_given) = (None, None);
        let (mut locking, mut recreate) = (true, false);
        while !args.is_empty() {
            if args.take_word("TTL") {
                ttl_ms = Some(ttl(args)?);
            } else if args.take_word("NONCE") {
                nonce_given = Some(nonce(args)?);
            } else if args.take_word("NOLOCK") {
                locking = false;
            } else if args.take_word("RECREATE") {
                recreate = true;
            } else if args.take_word("TAG") {
                tag_given = Some(tag(args)?);
            } else if args.take_word("DATA") {
                data = Some(args.bytes()?);
                args.finish()?;
            } else {
                return Err(CommandError::Syntax);
            }
        }
        let (ttl_ms, data) = (required(ttl_ms)?, required(data)?);
        let (nonce, tag) = (nonce_given, tag_given);
        Ok(Commit { key, token, generation, ttl_ms, nonce, locking, recreate, tag, data })
    }

    /// What makes this commit this one and no other.
    fn fingerprint(&self) -> u64 {
        let flags = [self.locking, self.recreate, self.tag.is_some()].map(u8::from);
        let tag = self.tag.unwrap_or_default();
        let tag_len = (tag.len() as u64).to_le_bytes();
        let parts: [&[u8]; 6] =
            [self.generation, &self.ttl_ms.to_le_bytes(), &flags, &tag_len, tag, self.data];
        field_hash(&parts.concat())
    }
}

/// Names a session's token among those that committed.
pub(super) fn committed_hash(db: u32, key: &[u8], token: &[u8]) -> u64 {
    field_hash(&[&db.to_le_bytes(), token, key].concat())
}

pub(super) fn commit(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let commit = Commit::parse(args)?;
    let mut place = site(cx, commit.key);
    let answer = decide(&mut place, &commit)?;
    release(&mut place, commit.key, commit.token, Cause::Commit);
    let counters = &mut place.effects.counters.sessions;
    *match answer {
        "DESTROYED" => &mut counters.session_commits_destroyed,
        "LOCKLOST" => &mut counters.session_commits_locklost,
        "VANISHED" => &mut counters.session_commits_vanished,
        _ => &mut counters.sessions_committed,
    } += 1;
    forget_lock(cx, commit.key, commit.token);
    cx.reply.simple(answer);
    Ok(Outcome::Reply)
}

/// Writes, or says why not. The order is the protocol's.
fn decide(site: &mut Site<'_>, commit: &Commit<'_>) -> Result<&'static str, CommandError> {
    let key = commit.key;
    let expiry = UnixMillis(site.now.0 + commit.ttl_ms);
    // A session and its lock of other types are refused before anything is done.
    site.string(key)?;
    let lock = site.string(&lock_key(key))?;
    let (is_own, is_free) = (lock == Some(commit.token), lock.is_none());
    // (a) Destroyed since it was opened.
    let tombstone = site.string(&tombstone_key(key))?;
    if tombstone.is_some() && tombstone != commit.nonce {
        return Ok("DESTROYED");
    }
    // (b) What is to be written is there already.
    let stored = site.string(key)?;
    if stored == Some(commit.data) {
        site.set_expiry(key, expiry);
        set_tag(site, commit, true, expiry);
        return Ok(remember(site, commit));
    }
    // A repeat of a commit whose answer was lost, and that others have written after.
    let there = stored.is_some();
    let changed = || generation_of(stored) != commit.generation;
    let changed = commit.locking && !is_own && is_free && changed();
    let (token, monotonic) = (committed_hash(site.db, key, commit.token), site.monotonic);
    if site.sessions().has_committed(token, commit.fingerprint(), monotonic) {
        return Ok("OK");
    }
    // (c) With locking: the lock must be the caller's, or free and nothing changed meanwhile.
    if commit.locking && !is_own && !is_free {
        return Ok("LOCKLOST");
    }
    // Gone without a tombstone: most likely somebody ended it.
    if commit.generation != b"absent" && !there {
        if !commit.recreate {
            return Ok("VANISHED");
        }
    } else if changed {
        return Ok("LOCKLOST");
    }
    // (d) Without locking the last writer wins.
    site.set(key, commit.data, expiry);
    set_tag(site, commit, there, expiry);
    Ok(remember(site, commit))
}

/// The tag lives as long as its session. One that is left over from another session is not this
/// one's: a session that is new has none unless the commit says so.
fn set_tag(site: &mut Site<'_>, commit: &Commit<'_>, there: bool, expiry: UnixMillis) {
    let key = tag_key(commit.key);
    match commit.tag {
        Some(tag) if !tag.is_empty() => site.set(&key, tag, expiry),
        None if there || commit.generation != b"absent" => site.set_expiry(&key, expiry),
        _ => drop(site.delete(&key)),
    }
}

fn remember(site: &mut Site<'_>, commit: &Commit<'_>) -> &'static str {
    let (token, monotonic) = (committed_hash(site.db, commit.key, commit.token), site.monotonic);
    site.sessions().note_committed(token, commit.fingerprint(), monotonic);
    "OK"
}

#[cfg(test)]
mod tests;
