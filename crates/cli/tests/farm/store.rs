//! A look into the farm's store while requests run.

use guarda_farm::Farm;
use guarda_testkit::connection::{Connection, Endpoint};
use guarda_testkit::reply::Frame;

/// A connection to the farm's store.
pub(crate) fn connect(farm: &Farm) -> Connection {
    let mut store = Connection::open(&Endpoint::Tcp(farm.store_port())).expect("connects");
    let answer = store.call(&["AUTH", farm.password().reveal()]).expect("an answer");
    assert_eq!(answer.text(), Some(b"OK".as_slice()));
    store
}

/// A number in INFO.
pub(crate) fn info(store: &mut Connection, field: &str) -> u64 {
    let all = store.call(&["INFO", "everything"]).expect("an answer");
    let all = match &all {
        Frame::Verbatim(text) | Frame::Bulk(text) => String::from_utf8_lossy(text).into_owned(),
        other => panic!("INFO answered {other}"),
    };
    let value = all.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    value
        .and_then(|value| value.trim().parse().ok())
        .unwrap_or_else(|| panic!("no {field} in INFO"))
}

/// Who has the lock of the one session, and who waits for it, first come first.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    /// The client that holds it.
    pub(crate) holder: Option<i64>,
    /// Since when, by the server's clock.
    pub(crate) since_ms: Option<i64>,
    /// The clients that wait.
    pub(crate) waiters: Vec<i64>,
}

impl Queue {
    /// As `SESSION LOCKS` shows it.
    pub(crate) fn look(store: &mut Connection) -> Self {
        let locks = store.call(&["SESSION", "LOCKS"]).expect("an answer");
        let Some(card) = locks.elements().and_then(<[Frame]>::first) else {
            return Self::default();
        };
        let waiters = field(card, "waiters");
        let waiters = waiters.elements().expect("waiters").iter();
        Self {
            holder: field(card, "client").integer(),
            since_ms: field(card, "since_ms").integer(),
            waiters: waiters
                .map(|waiter| field(waiter, "client").integer().expect("a client"))
                .collect(),
        }
    }
}

fn field(of: &Frame, name: &str) -> Frame {
    let pairs = of.pairs().expect("names and values").into_iter();
    let found = pairs.into_iter().find(|(field, _)| field.text() == Some(name.as_bytes()));
    found.unwrap_or_else(|| panic!("no {name} in SESSION LOCKS")).1
}
