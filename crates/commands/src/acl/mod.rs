//! Access control: users, what each may run and touch, and who was turned away.
//!
//! A user has a root selector and any number of further ones; a command may run if one selector
//! allows the command, all of its keys and all of its channels. Semantics:
//! <https://redis.io/docs/latest/operate/oss_and_stack/management/security/acl/>, with the texts of
//! Redis 7.2.
//!
//! Users are shared: a change takes effect for connected clients at their next command. The lock of
//! a user's rules is a leaf.

mod check;
mod describe;
mod gate;
mod log;
mod rules;
mod selector;
mod user;
mod users;

pub use check::Denial;
pub use user::User;
pub use users::{AclFileError, Users};

pub(crate) use check::{full_name, write_full_name};
pub(crate) use gate::{
    admit, admit_at_exec, admit_in_script, admit_when_served, note_failed_login,
};
pub(crate) use log::LogEntry;
pub(crate) use selector::Selector;
