//! `cjson.decode`: without recursion, so that depth costs no stack.

use mlua::{LuaString, Table, Value};

use super::NESTING_MAX;
use super::arguments::Call;
use super::json::{Invalid, Settings};
use super::json_number::{is_invalid_number, number_prefix};

/// Decodes the only argument.
pub(super) fn decode(call: &Call<'_>, settings: Settings) -> mlua::Result<Value> {
    let text = call.string(1)?;
    let text = text.as_bytes();
    if text.len() >= 2 && (text[0] == 0 || text[1] == 0) {
        return Err(call.complain("JSON parser does not support UTF-16 or UTF-32"));
    }
    let mut decoder = Decoder { call, settings, text: &text, at: 0, token_at: 0 };
    decoder.document()
}

enum Token {
    ObjectBegin,
    ObjectEnd,
    ArrayBegin,
    ArrayEnd,
    String(Vec<u8>),
    Number(f64),
    Boolean(bool),
    Null,
    Colon,
    Comma,
    End,
    /// None, and why.
    Fault(&'static str),
}

impl Token {
    fn name(&self) -> &'static str {
        match self {
            Token::ObjectBegin => "T_OBJ_BEGIN",
            Token::ObjectEnd => "T_OBJ_END",
            Token::ArrayBegin => "T_ARR_BEGIN",
            Token::ArrayEnd => "T_ARR_END",
            Token::String(_) => "T_STRING",
            Token::Number(_) => "T_NUMBER",
            Token::Boolean(_) => "T_BOOLEAN",
            Token::Null => "T_NULL",
            Token::Colon => "T_COLON",
            Token::Comma => "T_COMMA",
            Token::End => "T_END",
            Token::Fault(why) => why,
        }
    }
}

/// A table that is being filled.
enum Open {
    Array { table: Table, len: usize },
    Object { table: Table, key: LuaString },
}

struct Decoder<'t, 'c, 'l> {
    call: &'c Call<'l>,
    settings: Settings,
    text: &'t [u8],
    at: usize,
    /// Where the last token begins, or what is wrong with it.
    token_at: usize,
}

impl Decoder<'_, '_, '_> {
    fn document(&mut self) -> mlua::Result<Value> {
        let mut open = Vec::new();
        let mut token = self.token();
        loop {
            let (mut value, next) = self.value(token, &mut open)?;
            // A first element follows, or else a whole value stands here.
            if let Some(next) = next {
                token = next;
                continue;
            }
            loop {
                let Some(innermost) = open.last_mut() else {
                    return match self.token() {
                        Token::End => Ok(value),
                        other => Err(self.unexpected("the end", &other)),
                    };
                };
                match self.add(innermost, value)? {
                    Some(next) => {
                        token = next;
                        break;
                    }
                    None => {
                        value = match open.pop() {
                            Some(Open::Array { table, .. } | Open::Object { table, .. }) => {
                                Value::Table(table)
                            }
                            None => Value::Nil,
                        }
                    }
                }
            }
        }
    }

    /// What begins with `token`; the token of its first element if it is a table that has one.
    fn value(
        &mut self,
        token: Token,
        open: &mut Vec<Open>,
    ) -> mlua::Result<(Value, Option<Token>)> {
        let value = match token {
            Token::String(text) => Value::String(self.call.lua.create_string(text)?),
            Token::Number(number) => Value::Number(number),
            Token::Boolean(value) => Value::Boolean(value),
            Token::Null => Value::NULL,
            Token::ArrayBegin => {
                self.descend(open.len())?;
                let table = self.call.lua.create_table()?;
                match self.token() {
                    Token::ArrayEnd => Value::Table(table),
                    next => {
                        open.push(Open::Array { table, len: 0 });
                        return Ok((Value::Nil, Some(next)));
                    }
                }
            }
            Token::ObjectBegin => {
                self.descend(open.len())?;
                let table = self.call.lua.create_table()?;
                match self.token() {
                    Token::ObjectEnd => Value::Table(table),
                    token => {
                        let key = self.key(token)?;
                        open.push(Open::Object { table, key });
                        return Ok((Value::Nil, Some(self.token())));
                    }
                }
            }
            other => return Err(self.unexpected("value", &other)),
        };
        Ok((value, None))
    }

    /// Adds a whole value to the innermost table; returns the token of the next one, or `None` if
    /// the table ends.
    fn add(&mut self, innermost: &mut Open, value: Value) -> mlua::Result<Option<Token>> {
        match innermost {
            Open::Array { table, len } => {
                *len += 1;
                table.raw_seti(*len, value)?;
                match self.token() {
                    Token::ArrayEnd => Ok(None),
                    Token::Comma => Ok(Some(self.token())),
                    other => Err(self.unexpected("comma or array end", &other)),
                }
            }
            Open::Object { table, key } => {
                table.raw_set(&*key, value)?;
                match self.token() {
                    Token::ObjectEnd => Ok(None),
                    Token::Comma => {
                        let token = self.token();
                        *key = self.key(token)?;
                        Ok(Some(self.token()))
                    }
                    other => Err(self.unexpected("comma or object end", &other)),
                }
            }
        }
    }

    /// A key and its colon.
    fn key(&mut self, token: Token) -> mlua::Result<LuaString> {
        let Token::String(key) = token else {
            return Err(self.unexpected("object key string", &token));
        };
        match self.token() {
            Token::Colon => self.call.lua.create_string(key),
            other => Err(self.unexpected("colon", &other)),
        }
    }

    fn descend(&self, depth: usize) -> mlua::Result<()> {
        let depth_max = (self.settings.decode_depth_max as u32).min(NESTING_MAX);
        if depth < depth_max as usize {
            return Ok(());
        }
        let text = format!(
            "Found too many nested data structures ({}) at character {}",
            depth + 1,
            self.token_at + 1,
        );
        Err(self.call.complain(text))
    }

    fn unexpected(&self, expected: &str, found: &Token) -> mlua::Error {
        let (found, at) = (found.name(), self.token_at + 1);
        self.call.complain(format!("Expected {expected} but found {found} at character {at}"))
    }

    /// The byte at `at`; behind the end NUL, which ends the text wherever it stands.
    fn byte(&self, at: usize) -> u8 {
        self.text.get(at).copied().unwrap_or_default()
    }

    fn token(&mut self) -> Token {
        while matches!(self.byte(self.at), b' ' | b'\t' | b'\n' | b'\r') {
            self.at += 1;
        }
        self.token_at = self.at;
        let first = self.byte(self.at);
        let single = match first {
            0 => return Token::End,
            b'{' => Token::ObjectBegin,
            b'}' => Token::ObjectEnd,
            b'[' => Token::ArrayBegin,
            b']' => Token::ArrayEnd,
            b':' => Token::Colon,
            b',' => Token::Comma,
            b'"' => return self.string(),
            b'-' | b'0'..=b'9' => return self.number(),
            _ => return self.word(),
        };
        self.at += 1;
        single
    }

    fn word(&mut self) -> Token {
        let rest = &self.text[self.at..];
        for (word, token) in [
            (&b"true"[..], Token::Boolean(true)),
            (b"false", Token::Boolean(false)),
            (b"null", Token::Null),
        ] {
            if rest.starts_with(word) {
                self.at += word.len();
                return token;
            }
        }
        let may_begin = matches!(rest[0], b'+' | b'i' | b'I' | b'n' | b'N');
        if may_begin && self.settings.decode_invalid == Invalid::Allowed && is_invalid_number(rest)
        {
            return self.number();
        }
        Token::Fault("invalid token")
    }

    fn number(&mut self) -> Token {
        let rest = &self.text[self.at..];
        if self.settings.decode_invalid == Invalid::Refused && is_invalid_number(rest) {
            return Token::Fault("invalid number");
        }
        match number_prefix(rest) {
            Some((number, len)) => {
                self.at += len;
                Token::Number(number)
            }
            None => Token::Fault("invalid number"),
        }
    }

    fn string(&mut self) -> Token {
        let mut text = Vec::new();
        let mut at = self.at + 1;
        loop {
            let rest = self.text.get(at..).unwrap_or_default();
            let plain = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0));
            let plain = plain.unwrap_or(rest.len());
            text.extend_from_slice(&rest[..plain]);
            at += plain;
            match self.byte(at) {
                b'"' => {
                    self.at = at + 1;
                    return Token::String(text);
                }
                b'\\' => match self.escape(at, &mut text) {
                    Ok(len) => at += len,
                    Err(why) => {
                        self.token_at = at;
                        return Token::Fault(why);
                    }
                },
                _ => {
                    self.token_at = at;
                    return Token::Fault("unexpected end of string");
                }
            }
        }
    }

    /// Adds what the escape at `at` stands for; returns its length.
    fn escape(&self, at: usize, text: &mut Vec<u8>) -> Result<usize, &'static str> {
        text.push(match self.byte(at + 1) {
            b'u' => return self.unicode_escape(at, text),
            byte @ (b'"' | b'\\' | b'/') => byte,
            b'b' => 0x08,
            b'f' => 0x0c,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            _ => return Err("invalid escape code"),
        });
        Ok(2)
    }

    fn unicode_escape(&self, at: usize, text: &mut Vec<u8>) -> Result<usize, &'static str> {
        const INVALID: &str = "invalid unicode escape code";
        let first = self.unicode_unit(at).ok_or(INVALID)?;
        let (len, units) = match self.unicode_unit(at + 6) {
            Some(second) if (0xd800..0xdc00).contains(&first) => (12, vec![first, second]),
            _ => (6, vec![first]),
        };
        let decoded = char::decode_utf16(units).next().and_then(Result::ok).ok_or(INVALID)?;
        text.extend_from_slice(decoded.encode_utf8(&mut [0; 4]).as_bytes());
        Ok(len)
    }

    /// The four digits of `\uXXXX` at `at`.
    fn unicode_unit(&self, at: usize) -> Option<u16> {
        let digits = self.text.get(at..at + 6)?.strip_prefix(b"\\u")?;
        digits
            .iter()
            .try_fold(0, |unit, &digit| Some(unit << 4 | char::from(digit).to_digit(16)? as u16))
    }
}
