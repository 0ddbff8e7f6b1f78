use std::time::Duration;

use super::locks::{COMMITTED_MAX, LockState, ShardSessions};

#[test]
fn committed_tokens_are_forgotten_oldest_first_beyond_the_limit() {
    let mut sessions = ShardSessions::default();
    let now = Duration::from_secs(1);
    for token in 0..=COMMITTED_MAX as u64 {
        sessions.note_committed(token, token, now);
    }
    assert!(!sessions.has_committed(0, 0, now));
    assert!(sessions.has_committed(1, 1, now) && !sessions.has_committed(1, 2, now));
    let later = now + Duration::from_secs(61);
    assert!(!sessions.has_committed(1, 1, later));
    sessions.forget_committed(2);
    assert!(!sessions.has_committed(2, 2, now));
}

#[test]
fn a_token_that_committed_again_is_remembered_from_its_last_commit_on() {
    let (mut sessions, s) = (ShardSessions::default(), Duration::from_secs);
    sessions.note_committed(1, 10, s(0));
    sessions.note_committed(1, 11, s(50));
    sessions.note_committed(2, 20, s(70));
    assert!(sessions.has_committed(1, 11, s(110)), "the first has run out, not the second");
    assert!(!sessions.has_committed(1, 10, s(110)) && !sessions.has_committed(1, 11, s(111)));
    sessions.note_committed(3, 30, s(200));
    assert!(!sessions.has_committed(1, 11, s(100)), "and is forgotten in the end");
    sessions.forget_old_commits(s(260), COMMITTED_MAX);
    assert!(sessions.has_committed(3, 30, s(260)), "not yet");
    sessions.forget_old_commits(s(261), COMMITTED_MAX);
    assert!(!sessions.has_committed(3, 30, s(260)), "nobody commits, and it is forgotten");
}

#[test]
fn keys_that_are_no_locks_are_none_of_its_business() {
    let mut sessions = ShardSessions::default();
    *sessions.find_or_new(0, b"s_LOCK") = LockState::default();
    sessions.removed(0, b"s", false);
    sessions.removed(1, b"s_LOCK", false);
    assert!(sessions.find(0, b"s_LOCK").is_some());
    sessions.removed(0, b"s_LOCK", true);
    assert!(sessions.find(0, b"s_LOCK").is_none());
    assert!(sessions.take_freed().is_empty(), "nobody waits");
}
