//! `struct`: values as bytes by a format. Semantics:
//! <https://redis.io/docs/latest/develop/interact/programmability/lua-api/#struct-library>.

use mlua::{Lua, MultiValue, Table, Value};

use super::arguments::{Call, out_of_memory};

/// Widest integer, in bytes.
const INTEGER_LEN_MAX: u32 = 32;
/// Alignment that `!` alone asks for.
const NATIVE_ALIGNMENT: u64 = 8;
/// Most values that one call returns: Lua's stack ends there.
const RESULTS_MAX: usize = 7_990;

pub(super) fn create(lua: &Lua, memory_max: usize) -> mlua::Result<Table> {
    let table = lua.create_table()?;
    let pack = lua.create_function(move |lua, args| pack(&Call::new(lua, args), memory_max))?;
    table.raw_set("pack", pack)?;
    table.raw_set("unpack", lua.create_function(|lua, args| unpack(&Call::new(lua, args)))?)?;
    table.raw_set("size", lua.create_function(|lua, args| size(&Call::new(lua, args)))?)?;
    Ok(table)
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Integer {
        is_signed: bool,
    },
    Float,
    Double,
    /// `c`: as many bytes as its size says; 0 stands for all, or as many as a number before says.
    Chars,
    /// `s`: ended by a NUL.
    ZeroEnded,
    Padding,
}

/// An item of a format.
struct Item {
    kind: Kind,
    size: u64,
    is_little: bool,
    /// Bytes to skip before it.
    padding: u64,
}

/// Reads a format item by item.
struct Format<'f, 'c, 'l> {
    rest: &'f [u8],
    call: &'c Call<'l>,
    is_little: bool,
    alignment: u64,
    /// Letters and digits that stand for nothing are passed over.
    is_lenient: bool,
}

impl<'f, 'c, 'l> Format<'f, 'c, 'l> {
    fn new(text: &'f [u8], call: &'c Call<'l>) -> Self {
        let rest = crate::failure::until_nul(text);
        Format { rest, call, is_little: true, alignment: 1, is_lenient: false }
    }

    /// The next item, for the place `at`.
    fn next(&mut self, at: u64) -> mlua::Result<Option<Item>> {
        while let Some((&option, rest)) = self.rest.split_first() {
            self.rest = rest;
            let (kind, size) = match option {
                b'b' => (Kind::Integer { is_signed: true }, 1),
                b'B' => (Kind::Integer { is_signed: false }, 1),
                b'h' => (Kind::Integer { is_signed: true }, 2),
                b'H' => (Kind::Integer { is_signed: false }, 2),
                b'l' => (Kind::Integer { is_signed: true }, 8),
                b'L' | b'T' => (Kind::Integer { is_signed: false }, 8),
                b'i' | b'I' => (Kind::Integer { is_signed: option == b'i' }, self.integer_size()?),
                b'f' => (Kind::Float, 4),
                b'd' => (Kind::Double, 8),
                b'x' => (Kind::Padding, 1),
                b'c' => (Kind::Chars, self.number()?.map_or(1, u64::from)),
                b's' => (Kind::ZeroEnded, 0),
                control => {
                    self.control(control)?;
                    continue;
                }
            };
            let padding = if kind == Kind::Chars { 0 } else { self.padding(at, size) };
            return Ok(Some(Item { kind, size, is_little: self.is_little, padding }));
        }
        Ok(None)
    }

    fn control(&mut self, option: u8) -> mlua::Result<()> {
        match option {
            b' ' => {}
            other if self.is_lenient && other.is_ascii_alphanumeric() => {}
            b'<' => self.is_little = true,
            b'>' => self.is_little = false,
            b'!' => {
                let alignment = self.number()?.map_or(NATIVE_ALIGNMENT, u64::from);
                if !alignment.is_power_of_two() {
                    let text = format!("alignment {alignment} is not a power of 2");
                    return Err(self.call.complain(text));
                }
                self.alignment = alignment;
            }
            other => {
                let text = [b"invalid format option '", &[other][..], b"'"].concat();
                return Err(self.call.bad(1, text));
            }
        }
        Ok(())
    }

    /// The digits at hand as a number, if there are any.
    fn number(&mut self) -> mlua::Result<Option<u32>> {
        let mut number = None;
        while let Some((digit @ b'0'..=b'9', rest)) = self.rest.split_first() {
            self.rest = rest;
            number = i32::checked_mul(number.unwrap_or(0), 10)
                .and_then(|number| number.checked_add(i32::from(digit - b'0')));
            if number.is_none() {
                return Err(self.call.complain("integral size overflow"));
            }
        }
        Ok(number.map(|number| number as u32))
    }

    fn integer_size(&mut self) -> mlua::Result<u64> {
        let size = self.number()?.unwrap_or(4);
        if size > INTEGER_LEN_MAX {
            let text = format!("integral size {size} is larger than limit of {INTEGER_LEN_MAX}");
            return Err(self.call.complain(text));
        }
        Ok(size.into())
    }

    fn padding(&self, at: u64, size: u64) -> u64 {
        let size = size.min(self.alignment);
        if size < 2 {
            return 0;
        }
        // Also what follows for sizes that are no powers of two is kept.
        size.wrapping_sub(at & (size - 1)) & (size - 1)
    }
}

fn pack(call: &Call<'_>, memory_max: usize) -> mlua::Result<Value> {
    let format = call.string(1)?;
    let format = format.as_bytes();
    let mut format = Format::new(&format, call);
    let mut out = Vec::new();
    let mut position = 2;
    // Behind the last argument, values are nil rather than missing.
    let nil_behind = |position| {
        if position <= call.len() { Ok(()) } else { Err(position) }
    };
    while let Some(item) = format.next(out.len() as u64)? {
        out.resize(out.len() + item.padding as usize, 0);
        match item.kind {
            Kind::Padding => {
                out.push(0);
                continue;
            }
            Kind::Chars | Kind::ZeroEnded => {
                nil_behind(position).map_err(|at| call.bad(at, "string expected, got nil"))?;
                let text = call.string(position)?;
                let text = text.as_bytes();
                let size = if item.size == 0 { text.len() } else { item.size as usize };
                let Some(text) = text.get(..size) else {
                    return Err(call.bad(position + 1, "string too short"));
                };
                if out.len() + text.len() > memory_max {
                    return Err(out_of_memory());
                }
                out.extend_from_slice(text);
                if item.kind == Kind::ZeroEnded {
                    out.push(0);
                }
            }
            Kind::Integer { .. } | Kind::Float | Kind::Double => {
                nil_behind(position).map_err(|at| call.bad(at, "number expected, got nil"))?;
                put_number(&mut out, &item, call.number(position)?);
            }
        }
        position += 1;
    }
    Ok(Value::String(call.lua.create_string(out)?))
}

fn put_number(out: &mut Vec<u8>, item: &Item, number: f64) {
    let start = out.len();
    match item.kind {
        Kind::Float => out.extend_from_slice(&(number as f32).to_le_bytes()),
        Kind::Double => out.extend_from_slice(&number.to_le_bytes()),
        _ => {
            // Beyond eight bytes an integer continues with zeros, also a negative one.
            let bytes = integer_bits(number).to_le_bytes();
            let size = item.size as usize;
            out.extend_from_slice(&bytes[..size.min(bytes.len())]);
            out.resize(start + size, 0);
        }
    }
    if !item.is_little {
        out[start..].reverse();
    }
}

/// The integer part in two's complement; what does not fit is what the processor that Redis runs
/// on makes of it.
fn integer_bits(number: f64) -> u64 {
    const HALF: f64 = 9_223_372_036_854_775_808.0;
    if number < HALF {
        crate::reply::truncated(number) as u64
    } else if number < 2.0 * HALF {
        number as u64
    } else if number.is_nan() {
        1 << 63
    } else {
        0
    }
}

fn unpack(call: &Call<'_>) -> mlua::Result<MultiValue> {
    let format = call.string(1)?;
    let format = format.as_bytes();
    let data = call.string(2)?;
    let data = data.as_bytes();
    let start = call.integer_or(3, 1)?;
    if start == 0 {
        return Err(call.bad(3, "offset must be 1 or greater"));
    }
    // Negative ones are far behind the end.
    let mut at = (start as u64).wrapping_sub(1);
    let mut format = Format::new(&format, call);
    let mut results = Vec::new();
    while let Some(item) = format.next(at)? {
        at = at.wrapping_add(item.padding);
        let rest = usize::try_from(at).ok().and_then(|at| data.get(at..));
        let too_short = || call.bad(2, "data string too short");
        let bytes = rest.and_then(|rest| rest.get(..item.size as usize)).ok_or_else(too_short)?;
        if results.len() >= RESULTS_MAX {
            return Err(call.complain("stack overflow (too many results)"));
        }
        at += item.size;
        match item.kind {
            Kind::Padding => {}
            Kind::Integer { is_signed } => {
                results.push(Value::Number(integer(bytes, item.is_little, is_signed)));
            }
            Kind::Float => results.push(Value::Number(float(bytes, item.is_little))),
            Kind::Double => results.push(Value::Number(double(bytes, item.is_little))),
            Kind::Chars if item.size > 0 => {
                results.push(Value::String(call.lua.create_string(bytes)?));
            }
            Kind::Chars => {
                let size = counted(call, &mut results)?;
                let bytes = rest.and_then(|rest| rest.get(..size)).ok_or_else(too_short)?;
                results.push(Value::String(call.lua.create_string(bytes)?));
                at += size as u64;
            }
            Kind::ZeroEnded => {
                let rest = rest.unwrap_or_default();
                let len = rest.iter().position(|&byte| byte == 0);
                let len = len.ok_or_else(|| call.complain("unfinished string in data"))?;
                results.push(Value::String(call.lua.create_string(&rest[..len])?));
                at += len as u64 + 1;
            }
        }
    }
    results.push(Value::Number((at as i64).wrapping_add(1) as f64));
    Ok(MultiValue::from(results))
}

/// Takes the number before `c0` from the results.
fn counted(call: &Call<'_>, results: &mut Vec<Value>) -> mlua::Result<usize> {
    let count = match results.last() {
        Some(value) => call.lua.coerce_number(value.clone())?,
        None => None,
    };
    let count = count.ok_or_else(|| call.complain("format 'c0' needs a previous size"))?;
    results.pop();
    Ok(integer_bits(count) as usize)
}

fn ordered<const N: usize>(bytes: &[u8], is_little: bool) -> [u8; N] {
    let mut ordered: [u8; N] = bytes.try_into().expect("the format says how many");
    if !is_little {
        ordered.reverse();
    }
    ordered
}

fn float(bytes: &[u8], is_little: bool) -> f64 {
    f32::from_le_bytes(ordered(bytes, is_little)).into()
}

fn double(bytes: &[u8], is_little: bool) -> f64 {
    f64::from_le_bytes(ordered(bytes, is_little))
}

/// Of wider integers, the low eight bytes.
fn integer(bytes: &[u8], is_little: bool, is_signed: bool) -> f64 {
    let shifted = |bits: u64, byte: &u8| bits << 8 | u64::from(*byte);
    let mut bits =
        if is_little { bytes.iter().rev().fold(0, shifted) } else { bytes.iter().fold(0, shifted) };
    if !is_signed {
        return bits as f64;
    }
    // As in Redis, the sign of one of nine bytes is looked for in the first.
    let sign_and_above = u64::MAX.wrapping_shl((bytes.len() as u32 * 8).wrapping_sub(1));
    if bits & sign_and_above != 0 {
        bits |= sign_and_above;
    }
    bits as i64 as f64
}

fn size(call: &Call<'_>) -> mlua::Result<f64> {
    let format = call.string(1)?;
    let format = format.as_bytes();
    let mut format = Format { is_lenient: true, ..Format::new(&format, call) };
    let mut total = 0u64;
    while let Some(item) = format.next(total)? {
        match item.kind {
            Kind::ZeroEnded => return Err(call.bad(1, "option 's' has no fixed size")),
            Kind::Chars if item.size == 0 => {
                return Err(call.bad(1, "option 'c0' has no fixed size"));
            }
            _ => total = total.wrapping_add(item.padding).wrapping_add(item.size),
        }
    }
    Ok(total as i64 as f64)
}
