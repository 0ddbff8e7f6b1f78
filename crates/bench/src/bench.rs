//! A run: the servers, their order, and what all figures share.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::ensure;

use crate::client::Client;
use crate::clock;
use crate::machine::Pinning;
use crate::mix;
use crate::options::Options;
use crate::payload::Payloads;
use crate::progress::Progress;
use crate::server::{Program, Server};

/// Sessions made by PHP, each in several states.
const SESSIONS_GENERATED: usize = 500;
/// Memory that has not changed for this long is settled (Redis looks at its clients' buffers when
/// they have been idle for 2 and 5 s)...
const MEMORY_STILL: Duration = Duration::from_secs(6);
/// ...and after this long it is read in any case.
const MEMORY_STILL_LIMIT: Duration = Duration::from_secs(30);

/// What every figure needs.
pub(crate) struct Bench<'a> {
    pub(crate) options: &'a Options,
    /// The subject first.
    pub(crate) programs: Vec<Program>,
    pub(crate) payloads: Payloads,
    pub(crate) pinning: Pinning,
    pub(crate) progress: Progress,
    scratch: PathBuf,
}

impl<'a> Bench<'a> {
    /// Makes the payloads and pins the generator.
    pub(crate) fn new(
        options: &'a Options,
        programs: Vec<Program>,
        progress: Progress,
    ) -> anyhow::Result<Self> {
        let payloads = Payloads::from_php(SESSIONS_GENERATED)?;
        let pinning = if options.no_pin { Pinning::Free } else { Pinning::choose()? };
        pinning.pin_generator()?;
        let scratch = options.scratch.clone().unwrap_or_else(std::env::temp_dir);
        Ok(Self { options, programs, payloads, pinning, progress, scratch })
    }

    /// Starts program number `side`.
    pub(crate) fn start(&self, side: usize, password: Option<&str>) -> anyhow::Result<Server> {
        let program = &self.programs[side];
        Server::start(program, self.options.persistence, self.pinning, &self.scratch, password)
    }

    /// The order of the servers in turn number `turn`: every one is first as often as any other.
    pub(crate) fn order(&self, turn: usize) -> impl Iterator<Item = usize> + use<> {
        let count = self.programs.len();
        (0..count).map(move |place| (place + turn) % count)
    }

    /// Stores sessions number `from` to `to` as phpredis does.
    pub(crate) fn preload(&self, server: &Server, from: usize, to: usize) -> anyhow::Result<()> {
        let mut client = Client::connect(server.unix())?;
        client.all_ok(to - from, |index, out| {
            let index = from + index;
            mix::push_setex(out, &mix::key(index), &self.payloads.states(index)[0]);
        })?;
        let stored = client.number(&[b"DBSIZE"])?;
        ensure!(stored == to as i64, "stored {to} sessions, but DBSIZE is {stored}");
        server.settle()
    }
}

/// Makes the unlock script known, as phpredis's first EVAL does.
pub(crate) fn load_unlock_script(server: &Server) -> anyhow::Result<()> {
    let mut client = Client::connect(server.unix())?;
    let script = mix::UNLOCK_SCRIPT.as_bytes();
    let released = client.number(&[b"EVAL", script, b"1", b"bench_LOCK", b"nobody"])?;
    ensure!(released == 0, "the unlock script released a lock nobody held");
    Ok(())
}

/// One sample per server, taken in the given order, turned into the order of the servers.
pub(crate) fn by_side<T>(
    order: impl Iterator<Item = usize>,
    mut measure: impl FnMut(usize) -> anyhow::Result<T>,
) -> anyhow::Result<Vec<T>> {
    let mut measured = Vec::new();
    for side in order {
        crate::interrupt::check()?;
        measured.push((side, measure(side)?));
    }
    measured.sort_by_key(|(side, _)| *side);
    Ok(measured.into_iter().map(|(_, value)| value).collect())
}

impl Bench<'_> {
    /// Waits until `server`'s memory stands still and gives it in bytes. Servers give memory back
    /// some seconds after it was last used: a first reading would be of buffers on their way out.
    pub(crate) fn settled_memory(&self, server: &Server) -> anyhow::Result<u64> {
        let still = self.options.scaled_time(MEMORY_STILL);
        let (mut still_since, mut seen) = (clock::now(), server.resident_bytes()?);
        clock::poll_until(Duration::from_millis(100), MEMORY_STILL_LIMIT, || {
            let bytes = server.resident_bytes()?;
            if bytes.abs_diff(seen) > seen / 1000 {
                (still_since, seen) = (clock::now(), bytes);
            }
            Ok((still_since.elapsed() >= still).then_some(()))
        })?;
        server.resident_bytes()
    }
}
