//! Work that one thread does for all others, in the order they ask for it.

use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};

/// The way to a thread that lives as long as the server.
pub(crate) struct JobQueue<T> {
    sender: Sender<T>,
    receiver: Mutex<Option<Receiver<T>>>,
}

impl<T> JobQueue<T> {
    pub(crate) fn new() -> JobQueue<T> {
        let (sender, receiver) = channel();
        JobQueue { sender, receiver: Mutex::new(Some(receiver)) }
    }

    /// Asks for a job to be done. Those pushed before the thread begins are its first.
    pub(crate) fn push(&self, job: T) {
        self.sender.send(job).expect("the thread lives as long as the server");
    }

    /// The jobs as they come; for the thread that does them, once.
    pub(crate) fn jobs(&self) -> impl Iterator<Item = T> {
        self.receiver.lock().expect("no panics hold it").take().into_iter().flatten()
    }
}
