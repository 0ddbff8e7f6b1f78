//! Errors on their way from where they were raised to the wire.

use std::borrow::Cow;

use mlua::{Lua, Table, Value};

/// Name of the sandbox's own chunk, whose functions are never where a script failed.
pub(crate) const PRELUDE_NAME: &str = "=prelude";
/// Name of the chunk that a script is.
pub(crate) const SCRIPT_NAME: &str = "@user_script";

/// Name of the field that says of an error that the statistics have counted it.
pub(crate) const COUNTED: &str = "ignore_error_stats_update";

/// Most stack levels looked at for the line that failed.
const LEVELS_MAX: usize = 32;

/// An error that a function of the host raises in a script.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{}", String::from_utf8_lossy(text))]
pub(crate) struct Raised {
    /// The text on the wire, code word first.
    pub(crate) text: Vec<u8>,
    /// It is a command's answer: the statistics have counted it.
    pub(crate) by_command: bool,
}

impl Raised {
    /// An error of the host's own.
    pub(crate) fn new(text: impl Into<Vec<u8>>) -> Raised {
        Raised { text: text.into(), by_command: false }
    }

    /// What a script sees of it.
    pub(crate) fn to_table(&self, lua: &Lua) -> mlua::Result<Table> {
        let table = lua.create_table_with_capacity(0, 2)?;
        table.raw_set("err", lua.create_string(&self.text)?)?;
        if self.by_command {
            table.raw_set(COUNTED, true)?;
        }
        Ok(table)
    }
}

impl From<Raised> for mlua::Error {
    fn from(raised: Raised) -> Self {
        mlua::Error::external(raised)
    }
}

/// An error of a library function, which scripts meet as a string.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{}", String::from_utf8_lossy(.0))]
pub(crate) struct Complaint(pub(crate) Vec<u8>);

impl From<Complaint> for mlua::Error {
    fn from(complaint: Complaint) -> Self {
        mlua::Error::external(complaint)
    }
}

/// An error value as scripts may see it.
pub(crate) fn shown(lua: &Lua, value: Value) -> mlua::Result<Value> {
    if let Value::String(text) = &value
        && let Some(bare) = without_prelude(&text.as_bytes())
    {
        return Ok(Value::String(lua.create_string(bare)?));
    }
    let Value::Error(error) = value else { return Ok(value) };
    if let Some(raised) = error.downcast_ref::<Raised>() {
        return Ok(Value::Table(raised.to_table(lua)?));
    }
    let text = match error.downcast_ref::<Complaint>() {
        Some(Complaint(text)) => lua.create_string(text)?,
        None => lua.create_string(first_line(&error))?,
    };
    Ok(Value::String(text))
}

/// Why a script ended without a value.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    /// The text, code word first.
    text: Vec<u8>,
    /// Chunk and line, `@user_script:1`; `None` if they are not known.
    location: Option<String>,
    /// Whether the statistics have counted it.
    pub(crate) counted: bool,
}

impl Failure {
    /// What the error handler returns in place of the error, at the point of failure.
    pub(crate) fn note(lua: &Lua, value: &Value) -> mlua::Result<Table> {
        let (mut text, counted) = describe(lua, value);
        let place = locate(lua);
        // What failed behind a function of the sandbox failed where that was called.
        if let Some(bare) = text.strip_prefix(b"ERR ").and_then(without_prelude) {
            let called = place.as_ref().map(|(source, line)| {
                format!("{}:{line}: ", source.trim_start_matches(['@', '=']))
            });
            text = [b"ERR ", called.unwrap_or_default().as_bytes(), bare].concat();
        }
        let table = Raised { text, by_command: counted }.to_table(lua)?;
        if let Some((source, line)) = place {
            table.raw_set("source", source)?;
            table.raw_set("line", line)?;
        }
        Ok(table)
    }

    /// What a script left that did not end well: the handler's note, or the bare error where there
    /// was no memory for the handler.
    pub(crate) fn of_value(lua: &Lua, value: &Value) -> Failure {
        let (text, counted) = describe(lua, value);
        let location = value.as_table().and_then(|note| {
            let source: String = note.raw_get("source").ok()?;
            let line: i64 = note.raw_get("line").ok()?;
            Some(format!("{source}:{line}"))
        });
        Failure { text, location, counted }
    }

    /// What the binding itself reports.
    pub(crate) fn of_binding(error: &mlua::Error) -> Failure {
        let (text, counted) = of_error(error);
        Failure { text, location: None, counted }
    }

    /// The reply: what failed, in which script, where.
    pub(crate) fn wire_text(&self, sha1: &str) -> Vec<u8> {
        let mut text = until_nul(&self.text).to_vec();
        text.extend_from_slice(b" script: ");
        text.extend_from_slice(sha1.as_bytes());
        if let Some(location) = &self.location {
            text.extend_from_slice(b", on ");
            text.extend_from_slice(location.as_bytes());
            text.push(b'.');
        }
        text
    }
}

/// The bytes before the first NUL: Redis keeps the texts of errors and statuses as C strings.
pub(crate) fn until_nul(text: &[u8]) -> &[u8] {
    text.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// An error's text without the place in the sandbox's own chunk that it begins with, if it does.
fn without_prelude(text: &[u8]) -> Option<&[u8]> {
    let place = text.strip_prefix(&PRELUDE_NAME.as_bytes()[1..])?.strip_prefix(b":")?;
    let digits = place.iter().take_while(|byte| byte.is_ascii_digit()).count();
    place[digits..].strip_prefix(b": ").filter(|_| digits > 0)
}

/// The text of an error value and whether it was counted.
fn describe(lua: &Lua, value: &Value) -> (Vec<u8>, bool) {
    const UNKNOWN: &[u8] = b"ERR unknown error";
    match value {
        Value::Table(table) => {
            let counted = table.raw_get(COUNTED).unwrap_or(false);
            let text = table.raw_get("err").ok().and_then(|err| plain_text(lua, &err));
            (text.unwrap_or_else(|| UNKNOWN.to_vec()), counted)
        }
        Value::Error(error) => of_error(error),
        Value::Nil => (b"ERR nil".to_vec(), false),
        other => match plain_text(lua, other) {
            Some(text) => ([b"ERR ", &text[..]].concat(), false),
            None => (UNKNOWN.to_vec(), false),
        },
    }
}

fn of_error(error: &mlua::Error) -> (Vec<u8>, bool) {
    if let Some(raised) = error.downcast_ref::<Raised>() {
        return (raised.text.clone(), raised.by_command);
    }
    match error.downcast_ref::<Complaint>() {
        Some(Complaint(text)) => ([b"ERR ", &text[..]].concat(), false),
        None => (format!("ERR {}", first_line(error)).into_bytes(), false),
    }
}

/// An error of the binding without its traceback.
pub(crate) fn first_line(error: &mlua::Error) -> String {
    let text = match error {
        mlua::Error::CallbackError { cause, .. } => cause.to_string(),
        mlua::Error::SyntaxError { message, .. } => message.clone(),
        mlua::Error::MemoryError(_) => "not enough memory".to_owned(),
        other => other.to_string(),
    };
    text.lines().next().unwrap_or_default().to_owned()
}

fn plain_text(lua: &Lua, value: &Value) -> Option<Vec<u8>> {
    match value {
        Value::Boolean(value) => Some(value.to_string().into_bytes()),
        Value::String(text) => Some(text.as_bytes().to_vec()),
        Value::Integer(_) | Value::Number(_) => {
            lua.coerce_string(value.clone()).ok().flatten().map(|text| text.as_bytes().to_vec())
        }
        _ => None,
    }
}

/// The innermost chunk and line of the script's own on the stack below the running callback.
fn locate(lua: &Lua) -> Option<(String, usize)> {
    (1..LEVELS_MAX).find_map(|level| {
        lua.inspect_stack(level, |debug| {
            let source = debug.source().source.map(Cow::into_owned)?;
            let line = debug.current_line()?;
            (source != PRELUDE_NAME).then_some((source, line))
        })
        .flatten()
    })
}
