//! `cjson`: the table and its settings. Semantics:
//! <https://kyne.com.au/~mark/software/lua-cjson-manual.html>.

use std::sync::Arc;

use mlua::{Lua, MultiValue, Table, Value};
use parking_lot::Mutex;

use super::arguments::Call;
use super::{Budget, json_decode, json_encode};

/// What to do about numbers that JSON does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Invalid {
    /// They are errors.
    Refused,
    /// They are written and read as C does.
    Allowed,
    /// They are written as null.
    Null,
}

/// How one `cjson` encodes and decodes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Settings {
    /// Whether an array with too many holes becomes an object.
    pub(super) converts_sparse: bool,
    /// Holes are too many if there are more than this for each element; 0: never.
    pub(super) sparse_ratio: i32,
    /// Arrays up to this length may have any number of holes.
    pub(super) sparse_safe: i32,
    pub(super) encode_depth_max: i32,
    pub(super) decode_depth_max: i32,
    /// Significant digits of a number.
    pub(super) precision: i32,
    /// Has no effect but to be told.
    pub(super) keeps_buffer: bool,
    pub(super) encode_invalid: Invalid,
    pub(super) decode_invalid: Invalid,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            converts_sparse: false,
            sparse_ratio: 2,
            sparse_safe: 10,
            encode_depth_max: 1000,
            decode_depth_max: 1000,
            precision: 14,
            keeps_buffer: true,
            encode_invalid: Invalid::Refused,
            decode_invalid: Invalid::Allowed,
        }
    }
}

/// The settings of one `cjson`, which its functions share.
#[derive(Clone, Default)]
pub(crate) struct JsonSettings(Arc<Mutex<Settings>>);

impl JsonSettings {
    /// Forgets what a script has set.
    pub(crate) fn reset(&self) {
        *self.0.lock() = Settings::default();
    }

    fn get(&self) -> Settings {
        *self.0.lock()
    }
}

/// Creates a `cjson` with these settings.
pub(super) fn create(lua: &Lua, shared: &JsonSettings, budget: &Budget) -> mlua::Result<Table> {
    let cjson = lua.create_table()?;
    cjson.raw_set("_NAME", "cjson")?;
    cjson.raw_set("_VERSION", "2.1.0")?;
    cjson.raw_set("null", Value::NULL)?;
    let (settings, encode_budget) = (shared.clone(), budget.clone());
    let encode = lua.create_function(move |lua, args| {
        let call = only_argument(lua, args)?;
        json_encode::encode(&call, settings.get(), encode_budget.clone())
    })?;
    cjson.raw_set("encode", encode)?;
    let settings = shared.clone();
    let decode = lua.create_function(move |lua, args| {
        json_decode::decode(&only_argument(lua, args)?, settings.get())
    })?;
    cjson.raw_set("decode", decode)?;
    let budget = budget.clone();
    let new = move |lua: &Lua, _: MultiValue| create(lua, &JsonSettings::default(), &budget);
    cjson.raw_set("new", lua.create_function(new)?)?;
    let options: [(&str, Configure); 7] = [
        ("encode_sparse_array", sparse_array),
        ("encode_max_depth", |call, settings| depth(call, &mut settings.encode_depth_max)),
        ("decode_max_depth", |call, settings| depth(call, &mut settings.decode_depth_max)),
        ("encode_number_precision", precision),
        ("encode_keep_buffer", keep_buffer),
        ("encode_invalid_numbers", |call, settings| {
            invalid_numbers(call, &mut settings.encode_invalid, &["off", "on", "null"])
        }),
        ("decode_invalid_numbers", |call, settings| {
            invalid_numbers(call, &mut settings.decode_invalid, &["off", "on"])
        }),
    ];
    for (name, configure) in options {
        let settings = shared.clone();
        let function = lua.create_function(move |lua, args| {
            configure(&Call::new(lua, args), &mut settings.0.lock())
        })?;
        cjson.raw_set(name, function)?;
    }
    Ok(cjson)
}

/// Sets what the arguments say and returns what holds then.
type Configure = fn(&Call<'_>, &mut Settings) -> mlua::Result<MultiValue>;

fn only_argument(lua: &Lua, args: MultiValue) -> mlua::Result<Call<'_>> {
    let call = Call::new(lua, args);
    if call.len() == 1 { Ok(call) } else { Err(call.bad(1, "expected 1 argument")) }
}

fn at_most(call: &Call<'_>, count: usize) -> mlua::Result<()> {
    if call.len() <= count {
        return Ok(());
    }
    Err(call.bad(count + 1, "found too many arguments"))
}

fn sparse_array(call: &Call<'_>, settings: &mut Settings) -> mlua::Result<MultiValue> {
    at_most(call, 3)?;
    if let Some(choice) = switch(call, &["off", "on"])? {
        settings.converts_sparse = choice == 1;
    }
    set_integer(call, 2, &mut settings.sparse_ratio, 0, i32::MAX)?;
    set_integer(call, 3, &mut settings.sparse_safe, 0, i32::MAX)?;
    Ok(MultiValue::from(vec![
        Value::Boolean(settings.converts_sparse),
        Value::Integer(settings.sparse_ratio.into()),
        Value::Integer(settings.sparse_safe.into()),
    ]))
}

fn depth(call: &Call<'_>, depth_max: &mut i32) -> mlua::Result<MultiValue> {
    one_integer(call, depth_max, i32::MAX)
}

fn precision(call: &Call<'_>, settings: &mut Settings) -> mlua::Result<MultiValue> {
    one_integer(call, &mut settings.precision, 14)
}

fn one_integer(call: &Call<'_>, setting: &mut i32, max: i32) -> mlua::Result<MultiValue> {
    at_most(call, 1)?;
    set_integer(call, 1, setting, 1, max)?;
    Ok(MultiValue::from(vec![Value::Integer((*setting).into())]))
}

fn set_integer(
    call: &Call<'_>,
    position: usize,
    setting: &mut i32,
    min: i32,
    max: i32,
) -> mlua::Result<()> {
    if !call.is_given(position) {
        return Ok(());
    }
    let value = call.integer(position)?;
    match i32::try_from(value) {
        Ok(value) if (min..=max).contains(&value) => *setting = value,
        // Whichever argument it is, Redis says the first.
        _ => return Err(call.bad(1, format!("expected integer between {min} and {max}"))),
    }
    Ok(())
}

fn keep_buffer(call: &Call<'_>, settings: &mut Settings) -> mlua::Result<MultiValue> {
    at_most(call, 1)?;
    if let Some(choice) = switch(call, &["off", "on"])? {
        settings.keeps_buffer = choice == 1;
    }
    Ok(MultiValue::from(vec![Value::Boolean(settings.keeps_buffer)]))
}

fn invalid_numbers(
    call: &Call<'_>,
    setting: &mut Invalid,
    words: &[&str],
) -> mlua::Result<MultiValue> {
    at_most(call, 1)?;
    match switch(call, words)? {
        None => {}
        Some(0) => *setting = Invalid::Refused,
        Some(1) => *setting = Invalid::Allowed,
        Some(_) => *setting = Invalid::Null,
    }
    Ok(MultiValue::from(vec![match setting {
        Invalid::Refused => Value::Boolean(false),
        Invalid::Allowed => Value::Boolean(true),
        Invalid::Null => Value::String(call.lua.create_string("null")?),
    }]))
}

/// The first argument as a boolean or one of `words`, by its place there; `None` if it is nil.
fn switch(call: &Call<'_>, words: &[&str]) -> mlua::Result<Option<usize>> {
    if !call.is_given(1) {
        return Ok(None);
    }
    if let Some(Value::Boolean(choice)) = call.get(1) {
        return Ok(Some(usize::from(*choice)));
    }
    let word = call.string(1)?;
    let word = word.as_bytes();
    match words.iter().position(|known| known.as_bytes() == &word[..]) {
        Some(choice) => Ok(Some(choice)),
        None => Err(call.bad(1, [b"invalid option '", &word[..], b"'"].concat())),
    }
}
