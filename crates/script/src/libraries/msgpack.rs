//! `cmsgpack`: the table and `pack`. Format: <https://github.com/msgpack/msgpack/blob/master/spec.md>.

use mlua::{Lua, LuaString, Table, Value};

use super::Budget;
use super::arguments::Call;
use super::msgpack_unpack::{unpack, unpack_limit, unpack_one};

/// Tables nested deeper than this are written as nil.
const NESTING_MAX: usize = 16;

pub(super) fn create(lua: &Lua, budget: &Budget) -> mlua::Result<Table> {
    let cmsgpack = lua.create_table()?;
    cmsgpack.raw_set("_NAME", "cmsgpack")?;
    cmsgpack.raw_set("_VERSION", "lua-cmsgpack 0.4.0")?;
    cmsgpack.raw_set("_COPYRIGHT", "Copyright (C) 2012, Salvatore Sanfilippo")?;
    cmsgpack.raw_set("_DESCRIPTION", "MessagePack C implementation for Lua")?;
    let budget = budget.clone();
    let pack = lua.create_function(move |lua, args| pack(&Call::new(lua, args), budget.clone()))?;
    cmsgpack.raw_set("pack", pack)?;
    for (name, function) in [
        ("unpack", unpack as fn(&Call<'_>) -> _),
        ("unpack_one", unpack_one),
        ("unpack_limit", unpack_limit),
    ] {
        let function = lua.create_function(move |lua, args| function(&Call::new(lua, args)))?;
        cmsgpack.raw_set(name, function)?;
    }
    Ok(cmsgpack)
}

fn pack(call: &Call<'_>, budget: Budget) -> mlua::Result<LuaString> {
    if call.len() == 0 {
        return Err(call.bad(0, "MessagePack pack needs input."));
    }
    let mut packer = Packer { out: Vec::new(), budget };
    for position in 1..=call.len() {
        packer.value(call.get(position).unwrap_or(&Value::Nil), 0)?;
    }
    call.lua.create_string(packer.out)
}

struct Packer {
    out: Vec<u8>,
    budget: Budget,
}

impl Packer {
    fn value(&mut self, value: &Value, depth: usize) -> mlua::Result<()> {
        self.budget.spend(self.out.len())?;
        match value {
            Value::String(text) => self.string(&text.as_bytes()),
            Value::Boolean(value) => self.out.push(0xc2 + u8::from(*value)),
            Value::Integer(number) => self.integer(*number),
            Value::Number(number) => self.number(*number),
            Value::Table(table) if depth < NESTING_MAX => return self.table(table, depth + 1),
            _ => self.out.push(0xc0),
        }
        Ok(())
    }

    fn string(&mut self, text: &[u8]) {
        match text.len() {
            len @ 0..32 => self.out.push(0xa0 | len as u8),
            len @ 32..0x100 => self.out.extend_from_slice(&[0xd9, len as u8]),
            len => self.counted(0xda, len),
        }
        self.out.extend_from_slice(text);
    }

    /// A length of two bytes under `tag`, or of four under the next one.
    fn counted(&mut self, tag: u8, len: usize) {
        match u16::try_from(len) {
            Ok(len) => self.tagged(tag, &len.to_be_bytes()),
            // The interpreter's memory is bounded far below 4 GiB.
            Err(_) => self.tagged(tag + 1, &(len as u32).to_be_bytes()),
        }
    }

    fn tagged(&mut self, tag: u8, bytes: &[u8]) {
        self.out.push(tag);
        self.out.extend_from_slice(bytes);
    }

    fn number(&mut self, number: f64) {
        const BOUND: f64 = 9_223_372_036_854_775_808.0;
        if (-BOUND..BOUND).contains(&number) && number.fract() == 0.0 {
            return self.integer(number as i64);
        }
        let single = number as f32;
        if !number.is_nan() && f64::from(single).to_bits() == number.to_bits() {
            self.tagged(0xca, &single.to_be_bytes());
        } else {
            self.tagged(0xcb, &number.to_be_bytes());
        }
    }

    fn integer(&mut self, number: i64) {
        match number {
            -32..=0x7f => self.out.push(number as u8),
            0x80..=0xff => self.tagged(0xcc, &[number as u8]),
            0x100..=0xffff => self.tagged(0xcd, &(number as u16).to_be_bytes()),
            0x1_0000..=0xffff_ffff => self.tagged(0xce, &(number as u32).to_be_bytes()),
            0x1_0000_0000.. => self.tagged(0xcf, &number.to_be_bytes()),
            -0x80..=-33 => self.tagged(0xd0, &[number as u8]),
            -0x8000..=-0x81 => self.tagged(0xd1, &(number as u16).to_be_bytes()),
            -0x8000_0000..=-0x8001 => self.tagged(0xd2, &(number as u32).to_be_bytes()),
            i64::MIN..=-0x8000_0001 => self.tagged(0xd3, &number.to_be_bytes()),
        }
    }

    fn table(&mut self, table: &Table, depth: usize) -> mlua::Result<()> {
        let (count, is_array) = measure(table)?;
        if is_array {
            match count {
                0..16 => self.out.push(0x90 | count as u8),
                _ => self.counted(0xdc, count),
            }
            for index in 1..=count {
                self.value(&table.raw_get::<Value>(index)?, depth)?;
            }
            return Ok(());
        }
        match count {
            0..16 => self.out.push(0x80 | count as u8),
            _ => self.counted(0xde, count),
        }
        for pair in table.pairs::<Value, Value>() {
            let (key, value) = pair?;
            self.value(&key, depth)?;
            self.value(&value, depth)?;
        }
        Ok(())
    }
}

/// How many elements a table has, and whether its keys are just 1 to that many.
fn measure(table: &Table) -> mlua::Result<(usize, bool)> {
    let (mut count, mut key_max, mut are_indexes) = (0, 0, true);
    for pair in table.pairs::<Value, Value>() {
        count += 1;
        match pair?.0 {
            Value::Integer(key) if key > 0 => key_max = key_max.max(key as usize),
            _ => are_indexes = false,
        }
    }
    Ok((count, are_indexes && key_max == count))
}
