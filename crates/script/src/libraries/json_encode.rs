//! `cjson.encode`.

use mlua::{LuaString, Table, Value};

use super::arguments::{Call, type_name};
use super::json::{Invalid, Settings};
use super::json_number::format_general;
use super::{Budget, NESTING_MAX};

/// Encodes the only argument.
pub(super) fn encode(
    call: &Call<'_>,
    settings: Settings,
    budget: Budget,
) -> mlua::Result<LuaString> {
    let mut encoder = Encoder { call, settings, budget, out: Vec::new() };
    encoder.value(call.get(1).unwrap_or(&Value::Nil), 0)?;
    call.lua.create_string(encoder.out)
}

struct Encoder<'c, 'l> {
    call: &'c Call<'l>,
    settings: Settings,
    budget: Budget,
    out: Vec<u8>,
}

impl Encoder<'_, '_> {
    fn value(&mut self, value: &Value, depth: u32) -> mlua::Result<()> {
        self.budget.spend(self.out.len())?;
        match value {
            Value::String(text) => self.string(&text.as_bytes()),
            Value::Integer(number) => return self.number(*number as f64),
            Value::Number(number) => return self.number(*number),
            Value::Boolean(true) => self.out.extend_from_slice(b"true"),
            Value::Boolean(false) => self.out.extend_from_slice(b"false"),
            Value::Table(table) => return self.table(table, depth + 1),
            Value::Nil => self.out.extend_from_slice(b"null"),
            Value::LightUserData(data) if data.0.is_null() => self.out.extend_from_slice(b"null"),
            other => return Err(self.cannot(type_name(other), "type not supported")),
        }
        Ok(())
    }

    fn cannot(&self, what: &str, why: &str) -> mlua::Error {
        self.call.complain(format!("Cannot serialise {what}: {why}"))
    }

    fn table(&mut self, table: &Table, depth: u32) -> mlua::Result<()> {
        let depth_max = (self.settings.encode_depth_max as u32).min(NESTING_MAX);
        if depth > depth_max {
            let text = format!("Cannot serialise, excessive nesting ({depth})");
            return Err(self.call.complain(text));
        }
        match self.array_len(table)? {
            Some(len) => self.array(table, len, depth),
            None => self.object(table, depth),
        }
    }

    /// The length of a table whose keys are all positive integers; `None` for others, empty ones
    /// among them.
    fn array_len(&self, table: &Table) -> mlua::Result<Option<i32>> {
        let mut len = 0i32;
        let mut count = 0i64;
        for pair in table.pairs::<Value, Value>() {
            let key = match pair?.0 {
                Value::Integer(key) => i32::try_from(key).ok().filter(|&key| key > 0),
                _ => None,
            };
            let Some(key) = key else { return Ok(None) };
            len = len.max(key);
            count += 1;
        }
        let Settings { sparse_ratio, sparse_safe, .. } = self.settings;
        let is_sparse = sparse_ratio > 0
            && i64::from(len) > count * i64::from(sparse_ratio)
            && len > sparse_safe;
        if is_sparse && !self.settings.converts_sparse {
            return Err(self.cannot("table", "excessively sparse array"));
        }
        Ok((len > 0 && !is_sparse).then_some(len))
    }

    fn array(&mut self, table: &Table, len: i32, depth: u32) -> mlua::Result<()> {
        self.out.push(b'[');
        for index in 1..=len {
            if index > 1 {
                self.out.push(b',');
            }
            self.value(&table.raw_get::<Value>(index)?, depth)?;
        }
        self.out.push(b']');
        Ok(())
    }

    fn object(&mut self, table: &Table, depth: u32) -> mlua::Result<()> {
        self.out.push(b'{');
        let mut is_first = true;
        for pair in table.pairs::<Value, Value>() {
            let (key, value) = pair?;
            if !std::mem::take(&mut is_first) {
                self.out.push(b',');
            }
            match key {
                Value::String(text) => self.string(&text.as_bytes()),
                Value::Integer(number) => self.number_key(number as f64)?,
                Value::Number(number) => self.number_key(number)?,
                other => {
                    let why = "table key must be a number or string";
                    return Err(self.cannot(type_name(&other), why));
                }
            }
            self.out.push(b':');
            self.value(&value, depth)?;
        }
        self.out.push(b'}');
        Ok(())
    }

    fn number_key(&mut self, number: f64) -> mlua::Result<()> {
        self.out.push(b'"');
        self.number(number)?;
        self.out.push(b'"');
        Ok(())
    }

    fn number(&mut self, number: f64) -> mlua::Result<()> {
        if number.is_finite() {
            let text = format_general(number, self.settings.precision as usize);
            self.out.extend_from_slice(text.as_bytes());
            return Ok(());
        }
        let text: &[u8] = match self.settings.encode_invalid {
            Invalid::Refused => return Err(self.cannot("number", "must not be NaN or Inf")),
            Invalid::Null => b"null",
            Invalid::Allowed if number.is_nan() => b"nan",
            Invalid::Allowed if number > 0.0 => b"inf",
            Invalid::Allowed => b"-inf",
        };
        self.out.extend_from_slice(text);
        Ok(())
    }

    fn string(&mut self, text: &[u8]) {
        self.out.reserve(text.len() + 2);
        self.out.push(b'"');
        let mut plain = text;
        while let Some(at) = plain.iter().position(|&byte| needs_escape(byte)) {
            self.out.extend_from_slice(&plain[..at]);
            self.escape(plain[at]);
            plain = &plain[at + 1..];
        }
        self.out.extend_from_slice(plain);
        self.out.push(b'"');
    }

    fn escape(&mut self, byte: u8) {
        let letter = match byte {
            b'"' | b'\\' | b'/' => byte,
            0x08 => b'b',
            0x0c => b'f',
            b'\n' => b'n',
            b'\r' => b'r',
            b'\t' => b't',
            other => {
                self.out.extend_from_slice(format!("\\u{other:04x}").as_bytes());
                return;
            }
        };
        self.out.extend_from_slice(&[b'\\', letter]);
    }
}

fn needs_escape(byte: u8) -> bool {
    byte < 0x20 || matches!(byte, b'"' | b'\\' | b'/' | 0x7f)
}
