//! What is counted of sessions, for INFO.

/// Defines the counters with their names in INFO, which are those of the fields.
macro_rules! session_counters {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {
        /// Counters of session operations since they were last collected.
        #[derive(Default, Clone, Copy, Debug, PartialEq, Eq)]
        pub struct SessionCounters {
            $($(#[$doc])* pub $name: u64,)*
        }

        impl SessionCounters {
            /// INFO's names of the counters, in its order.
            pub const NAMES: [&str; [$(stringify!($name)),*].len()] = [$(stringify!($name)),*];

            /// The counters, in the order of [`SessionCounters::NAMES`].
            pub fn values(&self) -> [u64; Self::NAMES.len()] {
                [$(self.$name),*]
            }

            /// Adds others.
            pub fn add(&mut self, others: &SessionCounters) {
                $(self.$name += others.$name;)*
            }
        }
    };
}

session_counters! {
    /// OPEN answered OK.
    sessions_opened,
    /// OPEN answered MISSING.
    session_opens_missing,
    /// OPEN answered BUSY, at once or after a wait.
    session_opens_busy,
    /// OPEN answered FULL.
    session_opens_full,
    /// Opens that had to wait.
    session_waits,
    /// Of these: served.
    session_waits_served,
    /// Of these: their time to wait ran out.
    session_waits_timed_out,
    /// Of these: their client went.
    session_waits_abandoned,
    /// Locks that were taken; not those that their token had already.
    session_locks_granted,
    /// COMMIT answered OK.
    sessions_committed,
    /// COMMIT answered DESTROYED.
    session_commits_destroyed,
    /// COMMIT answered LOCKLOST.
    session_commits_locklost,
    /// COMMIT answered VANISHED.
    session_commits_vanished,
    /// TOUCH answered OK.
    sessions_touched,
    /// RENEW answered OK.
    session_locks_renewed,
    /// Sessions that DESTROY deleted.
    sessions_destroyed,
    /// Sessions that KILL deleted.
    sessions_killed,
    /// Copies that SETASIDE made.
    sessions_set_aside,
    /// Locks freed by COMMIT.
    session_releases_commit,
    /// Locks freed by TOUCH.
    session_releases_touch,
    /// Locks freed by RELEASE.
    session_releases_release,
    /// Locks freed by DESTROY.
    session_releases_destroy,
    /// Locks freed because their connection ended.
    session_releases_disconnect,
    /// Locks freed because their connection was ended by CLIENT KILL or the server.
    session_releases_kill,
    /// Locks freed because they were due: the longest hold was over, or nobody owned them.
    session_releases_expiry,
    /// Locks removed by other commands: DEL, RENAME, phpredis's unlock.
    session_releases_deleted,
    /// Locks that another value took the place of.
    session_releases_replaced,
    /// Locks that went with a whole database: FLUSHDB, FLUSHALL.
    session_releases_flush,
    /// Locks that SWAPDB took away from their connection.
    session_releases_swap,
}

/// Why a lock is no longer its owner's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    Commit,
    Touch,
    Release,
    Destroy,
    Disconnect,
    Kill,
    Expiry,
    Deleted,
    Replaced,
    Flush,
    Swap,
}

impl SessionCounters {
    pub(crate) fn count_release(&mut self, cause: Cause) {
        let counter = match cause {
            Cause::Commit => &mut self.session_releases_commit,
            Cause::Touch => &mut self.session_releases_touch,
            Cause::Release => &mut self.session_releases_release,
            Cause::Destroy => &mut self.session_releases_destroy,
            Cause::Disconnect => &mut self.session_releases_disconnect,
            Cause::Kill => &mut self.session_releases_kill,
            Cause::Expiry => &mut self.session_releases_expiry,
            Cause::Deleted => &mut self.session_releases_deleted,
            Cause::Replaced => &mut self.session_releases_replaced,
            Cause::Flush => &mut self.session_releases_flush,
            Cause::Swap => &mut self.session_releases_swap,
        };
        *counter += 1;
    }
}
