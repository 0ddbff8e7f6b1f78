//! Passwords that were wrong, by address: whoever guesses is answered ever later.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use parking_lot::Mutex;

/// Failures of an address that cost it nothing: a typing mistake, a password just changed.
const FREE: u32 = 10;
/// The first delay; each further failure doubles it.
const DELAY_MIN: Duration = Duration::from_millis(10);
/// The longest delay.
const DELAY_MAX: Duration = Duration::from_secs(2);
/// Without a failure for so long, an address begins anew.
const MEMORY: Duration = Duration::from_mins(1);
/// Addresses remembered; beyond, those whose last failure is longest ago are forgotten.
const ADDRESSES_MAX: usize = 4096;

/// Failures by address.
#[derive(Default)]
pub(crate) struct Logins {
    by_address: Mutex<HashMap<IpAddr, Failures>>,
}

#[derive(Clone, Copy)]
struct Failures {
    count: u32,
    last: Duration,
}

impl Logins {
    /// Notes that somebody at `address` gave a password; returns how long the answer must wait.
    ///
    /// The right password waits as long as a wrong one would: otherwise an answer that does not come
    /// at once would tell a guesser to try the next on another connection.
    pub(crate) fn delay(&self, address: IpAddr, succeeded: bool, now: Duration) -> Duration {
        let mut by_address = self.by_address.lock();
        let known = by_address.get(&address).copied();
        let known = known.filter(|failures| now.saturating_sub(failures.last) < MEMORY);
        let count = known.map_or(0, |failures| failures.count).saturating_add(1);
        if !succeeded {
            if by_address.len() >= ADDRESSES_MAX && !by_address.contains_key(&address) {
                forget_oldest(&mut by_address);
            }
            by_address.insert(address, Failures { count, last: now });
        }
        match count.checked_sub(FREE + 1) {
            None => Duration::ZERO,
            Some(beyond) => DELAY_MIN.saturating_mul(1 << beyond.min(16)).min(DELAY_MAX),
        }
    }
}

fn forget_oldest(by_address: &mut HashMap<IpAddr, Failures>) {
    if let Some(oldest) = by_address.iter().min_by_key(|(_, f)| f.last).map(|(a, _)| *a) {
        by_address.remove(&oldest);
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn address(n: u32) -> IpAddr {
        Ipv4Addr::from_bits(n).into()
    }

    #[test]
    fn delays_grow_after_some_failures_and_end_with_a_quiet_minute() {
        let logins = Logins::default();
        let now = Duration::from_secs(100);
        let delays: Vec<u128> =
            (0..22).map(|_| logins.delay(address(1), false, now).as_millis()).collect();
        assert_eq!(delays[..10], [0; 10]);
        assert_eq!(delays[10..14], [10, 20, 40, 80]);
        assert_eq!(delays[18..], [2000; 4]);
        assert_eq!(logins.delay(address(2), false, now), Duration::ZERO, "another address");
        assert_eq!(logins.delay(address(1), true, now), DELAY_MAX, "the right one tells nothing");
        assert_eq!(logins.delay(address(1), false, now + MEMORY), Duration::ZERO);
    }

    #[test]
    fn only_so_many_addresses_are_remembered() {
        let logins = Logins::default();
        for n in 0..=ADDRESSES_MAX as u32 {
            let now = Duration::from_micros(u64::from(n));
            logins.delay(address(n), false, now);
        }
        let by_address = logins.by_address.lock();
        assert_eq!(by_address.len(), ADDRESSES_MAX);
        assert!(!by_address.contains_key(&address(0)) && by_address.contains_key(&address(1)));
    }
}
