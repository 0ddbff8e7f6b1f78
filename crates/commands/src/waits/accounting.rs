//! What a call costs that parked its client: counted when its wait is over, once, without the time it
//! waited.

use std::sync::{Arc, Weak};
use std::time::Duration;

use super::Ticket;
use crate::acl::{self, User};
use crate::client::{Client, ClientCard};
use crate::effects::Effects;
use crate::error::CommandError;
use crate::execute::{Call, as_slices, latency_event};
use crate::host::Host;
use crate::spec::{CommandSpec, Flags};

/// A call that has not been carried out yet.
pub(crate) struct ParkedCall {
    spec: &'static CommandSpec,
    names: usize,
    args: Vec<Vec<u8>>,
    took: Duration,
    /// Whose permissions count.
    user: Option<Arc<User>>,
    /// The card has the ticket while its client waits.
    card: Weak<ClientCard>,
    addr: String,
    name: Vec<u8>,
}

impl ParkedCall {
    fn refusal(&self, host: &dyn Host) -> Option<CommandError> {
        let args = as_slices(&self.args);
        let call = Call { spec: self.spec, names: self.names, args: &args };
        let (user, card) = (self.user.as_ref()?, self.card.upgrade()?);
        acl::admit_when_served(&call, user, &card, host).err()
    }
}

impl Ticket {
    /// Notes the call that has parked its client, and what it took until then.
    pub(crate) fn remember(&self, call: &Call<'_>, took: Duration, client: &Client) {
        let Call { spec, names, args } = *call;
        let Client { card, user, .. } = client;
        *self.parked.lock() = Some(ParkedCall {
            spec,
            names,
            args: args.iter().map(|arg| arg.to_vec()).collect(),
            took,
            user: user.clone(),
            card: Arc::downgrade(card),
            addr: card.addr.clone(),
            name: card.details.lock().name.clone(),
        });
    }

    /// Why the one who waits is not served after all: its user may no longer do what it waits for. It is counted
    /// then as turned away.
    pub(crate) fn refusal(&self, effects: &mut Effects, host: &dyn Host) -> Option<CommandError> {
        let mut parked = self.parked.lock();
        let refusal = parked.as_ref()?.refusal(host)?;
        effects.tallies.note_rejected(parked.take()?.spec);
        Some(refusal)
    }

    /// The wait is over, with this reply: counts the call, if that was not done yet.
    pub(crate) fn count(&self, reply: &[u8], effects: &mut Effects, host: &dyn Host) {
        let Some(parked) = self.parked.lock().take() else { return };
        let ParkedCall { spec, names, args, took, addr, name, .. } = parked;
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
            let call = Call { spec, names, args: &as_slices(&args) };
            observed.slow.add(&call, now_s(), micros, addr, name);
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
