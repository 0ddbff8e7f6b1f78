//! `cmsgpack.unpack` and its kin: without recursion, so that depth costs no stack.

use mlua::{MultiValue, Table, Value};

use super::arguments::{Call, complain};

/// Most values that one call returns: Lua's stack ends there.
const RESULTS_MAX: usize = 7_990;
/// Deepest nesting; Redis's own ends here with Lua's stack.
const NESTING_MAX: usize = 3_999;

const MISSING: &str = "Missing bytes in input.";
const TOO_MANY: &str =
    "stack overflow (too many return values at once; use unpack_one or unpack_limit instead.)";

/// All values of the string.
pub(super) fn unpack(call: &Call<'_>) -> mlua::Result<MultiValue> {
    unpack_some(call, 0, 0)
}

/// The first value behind an offset, and the offset behind it, -1 at the end.
pub(super) fn unpack_one(call: &Call<'_>) -> mlua::Result<MultiValue> {
    let offset = call.integer_or(2, 0)?;
    unpack_some(call, 1, offset)
}

/// At most so many values behind an offset, and the offset behind them.
pub(super) fn unpack_limit(call: &Call<'_>) -> mlua::Result<MultiValue> {
    let limit = call.integer(2)?;
    let offset = call.integer_or(3, 0)?;
    unpack_some(call, limit, offset)
}

fn unpack_some(call: &Call<'_>, limit: i64, offset: i64) -> mlua::Result<MultiValue> {
    let data = call.string(1)?;
    let data = data.as_bytes();
    // Redis prints the low half of these numbers.
    let (shown_offset, len) = (offset as i32, data.len() as i32);
    let (Ok(count_max), Ok(start)) = (usize::try_from(limit), usize::try_from(offset)) else {
        let text =
            format!("Invalid request to unpack with offset of {shown_offset} and limit of {len}.");
        return Err(call.complain(text));
    };
    let Some(rest) = data.get(start..) else {
        let text = format!("Start offset {shown_offset} greater than input length {len}.");
        return Err(call.complain(text));
    };
    let takes_all = limit == 0 && offset == 0;
    let mut reader = Reader { call, rest };
    let mut results = Vec::new();
    while !reader.rest.is_empty() && (takes_all || results.len() < count_max) {
        if results.len() >= RESULTS_MAX {
            return Err(call.complain(TOO_MANY));
        }
        results.push(reader.value().map_err(|error| told(call, error))?);
    }
    if !takes_all {
        let end = data.len() - reader.rest.len();
        let end = if reader.rest.is_empty() { -1.0 } else { end as f64 };
        results.insert(0, Value::Number(end));
    }
    Ok(MultiValue::from(results))
}

/// More values than the binding holds are more than Lua's stack would.
fn told(call: &Call<'_>, error: mlua::Error) -> mlua::Error {
    if matches!(error, mlua::Error::StackError) { call.complain(TOO_MANY) } else { error }
}

/// A table that is being filled.
enum Open {
    Array { table: Table, len: usize, left: usize },
    Map { table: Table, left: usize, key: Option<Value> },
}

/// What begins with a tag.
enum Piece {
    Value(Value),
    Array(usize),
    Map(usize),
}

struct Reader<'d, 'c, 'l> {
    call: &'c Call<'l>,
    rest: &'d [u8],
}

impl<'d> Reader<'d, '_, '_> {
    fn take(&mut self, len: usize) -> mlua::Result<&'d [u8]> {
        match self.rest.split_at_checked(len) {
            Some((bytes, rest)) => {
                self.rest = rest;
                Ok(bytes)
            }
            None => Err(self.call.complain(MISSING)),
        }
    }

    /// An unsigned number of so many bytes, at most eight.
    fn unsigned(&mut self, len: usize) -> mlua::Result<u64> {
        Ok(self.take(len)?.iter().fold(0, |number, &byte| number << 8 | u64::from(byte)))
    }

    fn signed(&mut self, len: usize) -> mlua::Result<Piece> {
        let unused = 64 - 8 * len as u32;
        let number = (self.unsigned(len)? << unused) as i64 >> unused;
        Ok(Piece::Value(Value::Number(number as f64)))
    }

    fn len(&mut self, len: usize) -> mlua::Result<usize> {
        self.unsigned(len).map(|len| len as usize)
    }

    fn text(&mut self, len: usize) -> mlua::Result<Piece> {
        let text = self.call.lua.create_string(self.take(len)?)?;
        Ok(Piece::Value(Value::String(text)))
    }

    fn piece(&mut self) -> mlua::Result<Piece> {
        let number = |number: f64| Ok(Piece::Value(Value::Number(number)));
        match self.take(1)?[0] {
            tag @ 0..=0x7f => number(tag.into()),
            tag @ 0x80..=0x8f => Ok(Piece::Map((tag & 0x0f).into())),
            tag @ 0x90..=0x9f => Ok(Piece::Array((tag & 0x0f).into())),
            tag @ 0xa0..=0xbf => self.text((tag & 0x1f).into()),
            0xc0 => Ok(Piece::Value(Value::Nil)),
            tag @ (0xc2 | 0xc3) => Ok(Piece::Value(Value::Boolean(tag == 0xc3))),
            0xca => number(f32::from_bits(self.unsigned(4)? as u32).into()),
            0xcb => number(f64::from_bits(self.unsigned(8)?)),
            tag @ 0xcc..=0xce => number(self.unsigned(1 << (tag - 0xcc))? as f64),
            // Redis reads an unsigned one of eight bytes as if it had a sign.
            0xcf => self.signed(8),
            tag @ 0xd0..=0xd3 => self.signed(1 << (tag - 0xd0)),
            tag @ 0xd9..=0xdb => {
                let len = self.len(1 << (tag - 0xd9))?;
                self.text(len)
            }
            tag @ (0xdc | 0xdd) => Ok(Piece::Array(self.len(2 << (tag - 0xdc))?)),
            tag @ (0xde | 0xdf) => Ok(Piece::Map(self.len(2 << (tag - 0xde))?)),
            tag @ 0xe0.. => number((tag as i8).into()),
            _ => Err(self.call.complain("Bad data format in input.")),
        }
    }

    fn value(&mut self) -> mlua::Result<Value> {
        let mut open: Vec<Open> = Vec::new();
        loop {
            let opened = match self.piece()? {
                Piece::Value(value) => {
                    if let Some(whole) = self.add(&mut open, value)? {
                        return Ok(whole);
                    }
                    continue;
                }
                Piece::Array(left) => {
                    Open::Array { table: self.call.lua.create_table()?, len: 0, left }
                }
                Piece::Map(left) => {
                    Open::Map { table: self.call.lua.create_table()?, left, key: None }
                }
            };
            if open.len() >= NESTING_MAX {
                let text = match opened {
                    Open::Array { .. } => "stack overflow (in function mp_decode_to_lua_array)",
                    Open::Map { .. } => TOO_MANY,
                };
                return Err(self.call.complain(text));
            }
            let (Open::Array { left, .. } | Open::Map { left, .. }) = &opened;
            let is_empty = *left == 0;
            open.push(opened);
            if is_empty
                && let Some(value) = close(&mut open)
                && let Some(whole) = self.add(&mut open, value)?
            {
                return Ok(whole);
            }
        }
    }

    /// Adds a value where it belongs; returns the outermost one when it is whole.
    fn add(&self, open: &mut Vec<Open>, mut value: Value) -> mlua::Result<Option<Value>> {
        loop {
            let left = match open.last_mut() {
                None => return Ok(Some(value)),
                Some(Open::Array { table, len, left }) => {
                    *len += 1;
                    table.raw_seti(*len, value)?;
                    *left -= 1;
                    *left
                }
                Some(Open::Map { table, left, key }) => match key.take() {
                    None => {
                        *key = Some(value);
                        return Ok(None);
                    }
                    Some(key) => {
                        set(self.call, table, key, value)?;
                        *left -= 1;
                        *left
                    }
                },
            };
            if left > 0 {
                return Ok(None);
            }
            let Some(table) = close(open) else { return Ok(None) };
            value = table;
        }
    }
}

fn close(open: &mut Vec<Open>) -> Option<Value> {
    match open.pop()? {
        Open::Array { table, .. } | Open::Map { table, .. } => Some(Value::Table(table)),
    }
}

fn set(call: &Call<'_>, table: &Table, key: Value, value: Value) -> mlua::Result<()> {
    match &key {
        Value::Nil => Err(crate::failure::Complaint(b"table index is nil".to_vec()).into()),
        Value::Number(number) if number.is_nan() => {
            Err(crate::failure::Complaint(b"table index is NaN".to_vec()).into())
        }
        _ => table.raw_set(key, value).map_err(|error| match error {
            mlua::Error::StackError => complain(call.lua, TOO_MANY),
            other => other,
        }),
    }
}
