//! What a call costs that parked its client: counted when its wait is over, once, without the time it
//! waited.

use std::time::Duration;

use super::Ticket;
use crate::client::ClientCard;
use crate::effects::Effects;
use crate::execute::{Call, latency_event};
use crate::host::Host;
use crate::slow_log::clipped;
use crate::spec::{CommandSpec, Flags};

/// A call that has not been carried out yet.
pub(crate) struct ParkedCall {
    spec: &'static CommandSpec,
    took: Duration,
    shown: Vec<Vec<u8>>,
    addr: String,
    name: Vec<u8>,
}

impl Ticket {
    /// Notes the call that has parked its client, and what it took until then.
    pub(crate) fn remember(&self, call: &Call<'_>, took: Duration, card: &ClientCard) {
        let name = card.details.lock().name.clone();
        let (shown, addr) = (clipped(call), card.addr.clone());
        *self.parked.lock() = Some(ParkedCall { spec: call.spec, took, shown, addr, name });
    }

    /// The wait is over, with this reply: counts the call, if that was not done yet.
    pub(crate) fn count(&self, reply: &[u8], effects: &mut Effects, host: &dyn Host) {
        let Some(ParkedCall { spec, took, shown, addr, name }) = self.parked.lock().take() else {
            return;
        };
        let error = reply.strip_prefix(b"-");
        let is_unblocked = error.is_some_and(|text| text.starts_with(b"UNBLOCKED"));
        effects.tallies.note_call(spec, took, error.is_some() && !is_unblocked);
        if is_unblocked {
            effects.tallies.note_rejected(spec);
        }
        let (observed, now_s) = (host.observations(), || host.now_micros() / 1_000_000);
        observed.latency.note(latency_event(spec), took, now_s);
        let micros = i64::try_from(took.as_micros()).unwrap_or(i64::MAX);
        if observed.slow.is_slow(micros) && !spec.flags.contains(Flags::SKIP_SLOWLOG) {
            observed.slow.add_shown(shown, now_s(), micros, addr, name);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{Bench, int, new_client};
    use crate::waits::{end_wait, wait_ran_out};

    /// `calls rejected` of BLPOP, how long it took in ms, and how many slow calls there are.
    fn counted(bench: &mut Bench) -> (u64, u64, u64, usize) {
        let statistics = &bench.host.observations.commands;
        statistics.collect(&mut bench.worker.effects.tallies, true);
        let tally = statistics.commands().remove("blpop").unwrap_or_default();
        statistics.reset();
        let slow = bench.host.observations.slow.newest(10);
        let shown = slow.iter().filter(|call| call.args[0] == b"BLPOP").count();
        (tally.calls, tally.rejected, tally.nanos / 1_000_000, shown)
    }

    fn park(bench: &mut Bench) -> crate::client::Client {
        let own = bench.swap_client(new_client(2));
        assert_eq!(bench.run("BLPOP l 1"), b"");
        bench.swap_client(own)
    }

    #[test]
    fn a_call_that_waits_is_counted_once_and_when_it_is_over() {
        let mut bench = Bench::new();
        bench.host.observations.slow.set_limits(0, 100);
        bench.worker.effects.mark = crate::host::Host::monotonic(&bench.host);
        let mut client = park(&mut bench);
        assert_eq!(counted(&mut bench), (0, 0, 0, 0), "it waits");
        bench.advance(900);
        bench.worker.effects.mark = crate::host::Host::monotonic(&bench.host);
        bench.check("RPUSH l x", int(1));
        assert_eq!(counted(&mut bench), (1, 0, 0, 1), "served, and the wait is none of its cost");
        end_wait(&mut client, b"*2\r\n", &bench.host, &mut bench.worker);
        assert_eq!(counted(&mut bench), (0, 0, 0, 1), "not again");
        let mut client = park(&mut bench);
        let (host, worker) = (&bench.host, &mut bench.worker);
        assert!(
            wait_ran_out(&mut client, host, worker, std::time::Duration::from_secs(9)).is_some()
        );
        assert_eq!(counted(&mut bench), (1, 0, 0, 2), "its time ran out");
        let mut client = park(&mut bench);
        *bench.host.clients.lock() = vec![std::sync::Arc::clone(&client.card)];
        bench.check("CLIENT UNBLOCK 2 ERROR", int(1));
        let (_, reply) = bench.host.delivered.lock().pop().expect("answered");
        end_wait(&mut client, &reply, &bench.host, &mut bench.worker);
        assert_eq!(counted(&mut bench), (1, 1, 0, 3), "turned away");
    }
}
