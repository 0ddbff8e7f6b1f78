//! `math.random` and `math.randomseed`: of equal seeds Redis promises equal numbers, on any machine.
//!
//! The generator is POSIX's `lrand48`:
//! <https://pubs.opengroup.org/onlinepubs/9699919799/functions/drand48.html>.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use mlua::{Lua, Table};

use super::arguments::Call;

const MULTIPLIER: u64 = 0x5_deec_e66d;
const INCREMENT: u64 = 0xb;
const STATE_BITS: u32 = 48;
/// The low 16 bits of a seeded state.
const SEED_LOW: u64 = 0x330e;
/// Numbers are fractions of this.
const RANGE: u64 = 0x7fff_ffff;

/// Replaces the two functions in the table `math`.
pub(super) fn install(lua: &Lua, math: &Table) -> mlua::Result<()> {
    // One thread evaluates at a time; it is atomic only to be shared.
    let shared = Arc::new(AtomicU64::new(seeded(0)));
    let state = Arc::clone(&shared);
    let random = move |lua: &Lua, args| {
        let next = step(state.load(Ordering::Relaxed));
        state.store(next, Ordering::Relaxed);
        let fraction = ((next >> 17) % RANGE) as f64 / RANGE as f64;
        scale(&Call::new(lua, args), fraction)
    };
    math.raw_set("random", lua.create_function(random)?)?;
    let seed = move |lua: &Lua, args| {
        let seed = Call::new(lua, args).integer(1)?;
        shared.store(seeded(seed), Ordering::Relaxed);
        Ok(())
    };
    math.raw_set("randomseed", lua.create_function(seed)?)
}

fn seeded(seed: i64) -> u64 {
    u64::from(seed as u32) << 16 | SEED_LOW
}

fn step(state: u64) -> u64 {
    state.wrapping_mul(MULTIPLIER).wrapping_add(INCREMENT) & ((1 << STATE_BITS) - 1)
}

/// A number below 1, or an integer up to the argument, or between the two.
fn scale(call: &Call<'_>, fraction: f64) -> mlua::Result<f64> {
    let (low, high) = match call.len() {
        0 => return Ok(fraction),
        1 => (1, int(call, 1)?),
        2 => (int(call, 1)?, int(call, 2)?),
        _ => return Err(call.complain("wrong number of arguments")),
    };
    if low > high {
        return Err(call.bad(call.len(), "interval is empty"));
    }
    let count = i64::from(high) - i64::from(low) + 1;
    Ok((fraction * count as f64).floor() + f64::from(low))
}

/// An argument as C's `int`.
fn int(call: &Call<'_>, position: usize) -> mlua::Result<i32> {
    call.integer(position).map(|number| number as i32)
}
