//! What stays with a user when `session_regenerate_id()` gives the session a new id.

use std::cell::RefCell;

thread_local! {
    /// Of the session that was closed last in this request.
    static LEFT: RefCell<Option<Carried>> = const { RefCell::new(None) };
}

/// What belongs to a session and is not its data.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Carried {
    /// Time to live in seconds that the application asked for.
    pub(crate) ttl: Option<i64>,
    /// The user's hash.
    pub(crate) tag: Option<String>,
    /// When the session began, in seconds since 1970, where that matters.
    pub(crate) created: Option<i64>,
}

impl Carried {
    /// For a session that is opened: what the last one left, if this is the same under a new id.
    pub(crate) fn take(regenerating: bool) -> Self {
        LEFT.take().filter(|_| regenerating).unwrap_or_default()
    }

    /// Leaves this for a session that follows.
    pub(crate) fn leave(self) {
        LEFT.set(Some(self));
    }

    /// At the end of a request nothing follows.
    pub(crate) fn forget() {
        LEFT.take();
    }
}

#[cfg(test)]
mod tests {
    use super::Carried;

    #[test]
    fn only_a_session_that_changes_its_id_takes_it_along() {
        let left = Carried { ttl: Some(60), tag: Some("t".to_owned()), created: Some(5) };
        left.clone().leave();
        assert_eq!(Carried::take(true), left);
        assert_eq!(Carried::take(true), Carried::default(), "taken once");
        left.clone().leave();
        assert_eq!(Carried::take(false), Carried::default(), "another session");
        left.leave();
        Carried::forget();
        assert_eq!(Carried::take(true), Carried::default(), "another request");
    }
}
