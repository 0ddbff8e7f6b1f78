//! The load generator: one thread, many connections, every reply verified.

use std::collections::VecDeque;
use std::os::fd::AsRawFd as _;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};

use crate::accounting::{CpuMeter, CpuReading};
use crate::clock;
use crate::connection::Connection;
use crate::histogram::Histogram;
use crate::mix::{Expect, Lane};
use crate::payload::Payloads;
use crate::server::Endpoint;

const EVENTS_MAX: usize = 1024;
/// A server silent for this long hangs.
const SILENCE_MAX: Duration = Duration::from_mins(1);
const POLL_MAX: Duration = Duration::from_millis(100);

/// The durations of a closed loop.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    /// Load before the measuring starts.
    pub(crate) warm_up: Duration,
    /// Load that is measured.
    pub(crate) measure: Duration,
}

/// What a closed loop saw in its measured part.
#[derive(Debug)]
pub(crate) struct Phase {
    /// Commands answered.
    pub(crate) commands: u64,
    /// The server's processor time.
    pub(crate) cpu: Duration,
    /// How long it took.
    pub(crate) elapsed: Duration,
    /// Latency of a round trip.
    pub(crate) latency: Histogram,
}

enum Stage {
    WarmUp,
    Measure {
        begun: Instant,
        cpu: CpuReading,
    },
    /// Requests under way are finished, so that no lock is left behind.
    Drain,
}

/// Keeps every lane busy: each sends its next round trip when the last is answered.
pub(crate) fn closed_loop(
    endpoint: &Endpoint,
    lanes: &mut [Lane<'_>],
    payloads: &Payloads,
    plan: Plan,
    meter: &CpuMeter,
) -> anyhow::Result<Phase> {
    let mut poll = Poll::new()?;
    let mut events = Events::with_capacity(EVENTS_MAX);
    let mut connections = open_all(endpoint, &poll, lanes.len())?;
    let mut phase = Phase {
        commands: 0,
        cpu: Duration::ZERO,
        elapsed: Duration::ZERO,
        latency: Histogram::default(),
    };
    // On a machine busy with other things a phase may pass without a command: go on until there is
    // something to divide by.
    let commands_min = 4 * lanes.len() as u64;
    let start = clock::now();
    for (connection, lane) in connections.iter_mut().zip(&mut *lanes) {
        connection.start(start, |out, expects| lane.next(out, expects))?;
    }
    let (mut stage, mut busy, mut last_answer) = (Stage::WarmUp, lanes.len(), start);
    while busy > 0 {
        poll_once(&mut poll, &mut events, POLL_MAX)?;
        for event in &events {
            let Token(number) = event.token();
            let (connection, lane) = (&mut connections[number], &mut lanes[number]);
            let Some(commands) = connection.advance(payloads)? else { continue };
            let now = clock::now();
            last_answer = now;
            if let Stage::Measure { .. } = stage {
                phase.commands += commands as u64;
                phase.latency.record(now - connection.started());
            }
            if matches!(stage, Stage::Drain) && lane.is_between_requests() {
                busy -= 1;
                continue;
            }
            if lane.wants_new_connection() {
                connection.reopen(endpoint, poll.registry(), Token(number))?;
            }
            connection.start(now, |out, expects| lane.next(out, expects))?;
        }
        let now = clock::now();
        ensure!(now - last_answer < SILENCE_MAX, "the server has stopped answering");
        match stage {
            Stage::WarmUp if now - start >= plan.warm_up => {
                let cpu = meter.read()?;
                stage = Stage::Measure { begun: clock::now(), cpu };
            }
            Stage::Measure { begun, cpu }
                if now - begun >= plan.measure && phase.commands >= commands_min =>
            {
                phase.cpu = meter.read()?.since(&cpu);
                phase.elapsed = now - begun;
                stage = Stage::Drain;
                crate::interrupt::check()?;
            }
            _ => {}
        }
    }
    Ok(phase)
}

/// A command sent by the clock.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Timed {
    /// When it was due, from the start of the load.
    pub(crate) due: Duration,
    /// From then to its reply.
    pub(crate) latency: Duration,
}

/// Sends `rate` commands a second for `length` over `connections`, whatever the server does.
///
/// The latency counts from the moment a command was due, so that commands held up behind a stalled
/// server are seen with their waiting ("coordinated omission" is not).
pub(crate) fn paced(
    endpoint: &Endpoint,
    connections: usize,
    rate: u32,
    length: Duration,
    payloads: &Payloads,
    mut fill: impl FnMut(u64, &mut Vec<u8>, &mut Vec<Expect>),
) -> anyhow::Result<Vec<Timed>> {
    let mut poll = Poll::new()?;
    let mut events = Events::with_capacity(EVENTS_MAX);
    let mut connections = open_all(endpoint, &poll, connections)?;
    let interval = Duration::from_secs(1) / rate;
    let timer = Timer::every(interval.max(Duration::from_micros(100)))?;
    let timer_token = Token(connections.len());
    let fd = timer.fd.as_raw_fd();
    poll.registry().register(&mut SourceFd(&fd), timer_token, Interest::READABLE)?;

    let total = (length.as_secs_f64() * f64::from(rate)) as u64;
    let mut answers = Vec::with_capacity(total as usize);
    let mut idle: Vec<usize> = (0..connections.len()).collect();
    let mut waiting: VecDeque<Instant> = VecDeque::new();
    let (mut issued, mut sent) = (0_u64, 0_u64);
    let start = clock::now();
    let mut last_answer = start;
    while (answers.len() as u64) < total {
        poll_once(&mut poll, &mut events, POLL_MAX)?;
        for event in &events {
            let Token(number) = event.token();
            let Some(connection) = connections.get_mut(number) else {
                timer.acknowledge()?;
                continue;
            };
            if connection.advance(payloads)?.is_some() {
                last_answer = clock::now();
                let due = connection.started();
                answers.push(Timed { due: due - start, latency: last_answer - due });
                idle.push(number);
            }
        }
        let now = clock::now();
        while issued < total && start + interval * issued as u32 <= now {
            waiting.push_back(start + interval * issued as u32);
            issued += 1;
        }
        while let (Some(&due), Some(&number)) = (waiting.front(), idle.last()) {
            connections[number].start(due, |out, expects| fill(sent, out, expects))?;
            sent += 1;
            waiting.pop_front();
            idle.pop();
        }
        ensure!(now - last_answer < SILENCE_MAX, "the server has stopped answering");
        crate::interrupt::check()?;
    }
    Ok(answers)
}

fn open_all(endpoint: &Endpoint, poll: &Poll, count: usize) -> anyhow::Result<Vec<Connection>> {
    (0..count).map(|n| Connection::open(endpoint, poll.registry(), Token(n))).collect()
}

fn poll_once(poll: &mut Poll, events: &mut Events, limit: Duration) -> anyhow::Result<()> {
    match poll.poll(events, Some(limit)) {
        Err(error) if error.kind() != std::io::ErrorKind::Interrupted => {
            Err(error).context("waiting for events")
        }
        _ => Ok(()),
    }
}

/// A periodic timer: the poll's own timeout has whole milliseconds only.
struct Timer {
    fd: rustix::fd::OwnedFd,
}

impl Timer {
    fn every(interval: Duration) -> anyhow::Result<Self> {
        let fd = timerfd_create(
            TimerfdClockId::Monotonic,
            TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC,
        )?;
        let interval = Timespec::try_from(interval).context("timer interval out of range")?;
        let setting = Itimerspec { it_interval: interval, it_value: interval };
        timerfd_settime(&fd, TimerfdTimerFlags::empty(), &setting)?;
        Ok(Self { fd })
    }

    fn acknowledge(&self) -> anyhow::Result<()> {
        let mut expirations = [0; 8];
        match rustix::io::read(&self.fd, &mut expirations) {
            Ok(_) | Err(rustix::io::Errno::AGAIN) => Ok(()),
            Err(error) => Err(error).context("reading the timer"),
        }
    }
}
