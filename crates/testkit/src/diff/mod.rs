//! Differential runner: one script, two servers, equal replies.
//!
//! A [`Case`] is a name and a script. The reference server is the oracle: nothing in a case says
//! what the reply is, except where Redis 7.2 differs from an older reference. The script's language
//! is described in [`script`], what may differ in [`mask`]; every exception carries its reason.
//!
//! ```
//! use guarda_testkit::diff::{Case, Protocol, run};
//! use guarda_testkit::server::{Program, ServerSpec};
//!
//! let cases = [Case::new("get_of_what_was_set", "SET k v EX 100\n GET k\n TTL k //~ within 2 -- time passes")];
//! let spec = ServerSpec::new(Program::reference());
//! let report = run("demo", &cases, Protocol::Resp3, spec.clone(), spec).unwrap();
//! assert!(report.is_clean(), "{report}");
//! ```

mod manner;
pub mod mask;
pub mod report;
mod runner;
pub mod script;
mod valkey;

pub use manner::Manner;
pub use mask::Mask;
pub use report::{Difference, Report};
pub use runner::{RunError, run};
pub use valkey::Deviation;

use crate::server::{Program, ServerSpec};

/// Environment variable that limits a run to the cases whose name contains its value.
pub const ONLY_VARIABLE: &str = "GUARDA_DIFF_ONLY";

/// One script under a name that says what it shows.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    /// A sentence in snake case, unique in its family.
    pub name: &'a str,
    /// The script; see [`script`].
    pub script: &'a str,
}

impl<'a> Case<'a> {
    /// A case.
    #[must_use]
    pub const fn new(name: &'a str, script: &'a str) -> Self {
        Self { name, script }
    }
}

/// Which protocol the connections of a run speak.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Protocol {
    /// As connected.
    Resp2,
    /// After `HELLO 3`.
    Resp3,
}

/// How the cases of a run speak to the servers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Way {
    /// The protocol of the connections.
    pub protocol: Protocol,
    /// How commands are called.
    pub manner: Manner,
}

impl From<Protocol> for Way {
    fn from(protocol: Protocol) -> Self {
        Self { protocol, manner: Manner::Direct }
    }
}

/// How the servers of a run are started and spoken to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Setup<'a> {
    /// Directives for both servers, on top of the defaults of [`ServerSpec::new`].
    pub directives: &'a [(&'a str, &'a str)],
    /// The servers' password. Connections of the cases start without it, and say no HELLO.
    pub password: Option<&'a str>,
    /// Where Valkey, as the reference, does something else than Redis 7.2.
    pub valkey: &'a [Deviation<'a>],
}

/// Runs a family of cases against the reference and `subject`, and fails the test on a difference.
///
/// # Panics
///
/// With the whole report, if a reply differs; with the reason, if a server cannot be started.
pub fn assert_same(
    family: &str,
    cases: &[Case<'_>],
    way: impl Into<Way>,
    subject: Program,
    setup: Setup<'_>,
) {
    let spec = |program| {
        let spec = setup
            .directives
            .iter()
            .fold(ServerSpec::new(program), |spec, (name, value)| spec.with(name, value));
        match setup.password {
            Some(password) => spec.with_password(password),
            None => spec,
        }
    };
    let reference = Program::reference();
    let deviations = if reference.is_valkey() { setup.valkey } else { &[] };
    match run(family, cases, way, spec(reference), spec(subject)) {
        Ok(mut report) => {
            valkey::leave_out(&mut report, family, deviations);
            assert!(report.is_clean(), "{report}");
        }
        Err(error) => panic!("{family}: {error}"),
    }
}
