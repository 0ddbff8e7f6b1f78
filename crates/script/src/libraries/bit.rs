//! `bit`: operations on 32 bits. Semantics: <https://bitop.luajit.org/semantics.html>.

use mlua::{Lua, MultiValue, Table, Value};

use super::arguments::Call;

/// 1.5 * 2^52: added to it, a number of less than 52 bits lies in the low bits of the double.
const NORMALIZER: f64 = 6_755_399_441_055_744.0;

type Unary = fn(i32) -> i32;
type Fold = fn(i32, i32) -> i32;
type Shift = fn(i32, u32) -> i32;

pub(super) fn create(lua: &Lua) -> mlua::Result<Table> {
    let bit = lua.create_table()?;
    let unary: [(&str, Unary); 3] =
        [("tobit", |bits| bits), ("bnot", |bits| !bits), ("bswap", i32::swap_bytes)];
    for (name, operation) in unary {
        let function = move |lua: &Lua, args| {
            let call = Call::new(lua, args);
            Ok(number(operation(bits(&call, 1)?)))
        };
        bit.raw_set(name, lua.create_function(function)?)?;
    }
    let folds: [(&str, Fold); 3] =
        [("band", |a, b| a & b), ("bor", |a, b| a | b), ("bxor", |a, b| a ^ b)];
    for (name, operation) in folds {
        let function = move |lua: &Lua, args| {
            let call = Call::new(lua, args);
            let first = bits(&call, 1)?;
            let all = (2..=call.len()).try_fold(first, |folded, position| {
                Ok::<_, mlua::Error>(operation(folded, bits(&call, position)?))
            });
            all.map(number)
        };
        bit.raw_set(name, lua.create_function(function)?)?;
    }
    // Of the count, the low five bits are used.
    let shifts: [(&str, Shift); 5] = [
        ("lshift", |bits, by| bits.wrapping_shl(by)),
        ("rshift", |bits, by| (bits as u32).wrapping_shr(by) as i32),
        ("arshift", |bits, by| bits.wrapping_shr(by)),
        ("rol", i32::rotate_left),
        ("ror", i32::rotate_right),
    ];
    for (name, operation) in shifts {
        let function = move |lua: &Lua, args| {
            let call = Call::new(lua, args);
            let value = bits(&call, 1)?;
            Ok(number(operation(value, bits(&call, 2)? as u32 & 31)))
        };
        bit.raw_set(name, lua.create_function(function)?)?;
    }
    bit.raw_set("tohex", lua.create_function(tohex)?)?;
    Ok(bit)
}

/// The argument modulo 2^32, rounded half to even.
fn bits(call: &Call<'_>, position: usize) -> mlua::Result<i32> {
    let number = call.number(position)?;
    Ok((number + NORMALIZER).to_bits() as i32)
}

fn number(bits: i32) -> Value {
    Value::Number(f64::from(bits))
}

/// The last digits of the argument in hexadecimal, eight unless the second argument says fewer;
/// upper case if that is negative.
fn tohex(lua: &Lua, args: MultiValue) -> mlua::Result<String> {
    let call = Call::new(lua, args);
    let value = bits(&call, 1)?;
    let count = if call.len() < 2 { 8 } else { bits(&call, 2)? };
    let digits = if count < 0 { format!("{value:08X}") } else { format!("{value:08x}") };
    Ok(digits[8 - (count.unsigned_abs() as usize).min(8)..].to_owned())
}
