//! The thread that frees what was removed, so that none that serves clients spends its time on that.
//!
//! Nobody can reach it any more and no lock is held: only the memory is still taken. The client of a
//! command that promises it back (DEL, FLUSHALL) is answered when that is so; UNLINK and ASYNC wait for
//! nothing.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use guarda_store::Remains;

use crate::io::{CarriedOut, Message};
use crate::jobs::JobQueue;
use crate::memory;
use crate::state::Server;

/// Allocations that a thread that serves clients frees itself: well under a millisecond's work.
pub(crate) const AT_ONCE_MAX: usize = 1_000;

/// A thread that is to be told of a command that was carried out.
pub(crate) struct Told {
    pub(crate) thread: usize,
    pub(crate) done: CarriedOut,
}

struct Job {
    remains: Remains,
    /// Who waits for it.
    then: Option<Box<Told>>,
}

/// The way to the thread, and what it has to do.
pub(crate) struct Reclaimer {
    queue: JobQueue<Job>,
    jobs: AtomicUsize,
    /// Objects of jobs nobody waits for (`lazyfree_pending_objects`).
    pending: AtomicU64,
}

impl Reclaimer {
    pub(crate) fn new() -> Reclaimer {
        Reclaimer { queue: JobQueue::new(), jobs: AtomicUsize::new(0), pending: AtomicU64::new(0) }
    }

    /// Frees `remains` and says so to nobody.
    pub(crate) fn free_later(&self, remains: Remains) {
        self.pending.fetch_add(remains.objects() as u64, Ordering::Relaxed);
        self.push(Job { remains, then: None });
    }

    /// Frees `remains`, then tells the client's thread.
    pub(crate) fn free_then(&self, remains: Remains, then: Told) {
        self.push(Job { remains, then: Some(Box::new(then)) });
    }

    fn push(&self, job: Job) {
        self.jobs.fetch_add(1, Ordering::Relaxed);
        self.queue.push(job);
    }

    /// Whether memory is being freed: what is used now says little.
    pub(crate) fn is_busy(&self) -> bool {
        self.jobs.load(Ordering::Relaxed) > 0
    }

    /// Objects that are to be freed while nobody waits.
    pub(crate) fn pending(&self) -> u64 {
        self.pending.load(Ordering::Relaxed)
    }
}

/// Runs the thread.
pub(crate) fn run(server: &Server) {
    let reclaimer = &server.reclaimer;
    for Job { mut remains, then } in reclaimer.queue.jobs() {
        let objects = remains.objects() as u64;
        while remains.free_some() {
            memory::note_thread();
        }
        if then.is_none() {
            reclaimer.pending.fetch_sub(objects, Ordering::Relaxed);
            server.stats.lazily_freed.fetch_add(objects, Ordering::Relaxed);
        }
        reclaimer.jobs.fetch_sub(1, Ordering::Relaxed);
        if let Some(told) = then {
            let Told { thread, done } = *told;
            server.mailbox(thread).send(Message::CarriedOut(Box::new(done)));
        }
    }
}
