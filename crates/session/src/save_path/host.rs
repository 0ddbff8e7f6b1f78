//! One URL of a save_path.

use std::time::Duration;

use super::adopt::Adopt;
use super::auth;
use super::query::{self, Parameter, Value};
use super::tls::{TlsOptions, TlsVersions};
use super::url::Url;
use super::{Address, Credentials, Host, Later, SavePathError};

const DEFAULT_PORT: u16 = 6379;

/// Parameters and what a save_path of one URL may say.
pub(super) const KNOWN: [&str; 12] = [
    "adopt",
    "auth",
    "auth_file",
    "database",
    "persistent",
    "persistent_id",
    "prefix",
    "read_timeout",
    "retry_interval",
    "stream",
    "timeout",
    "weight",
];

/// Longest timeout that is told apart from none at all.
const TIMEOUT_MAX: f64 = 1e9;

/// Parses the URL of host `number`, counted from 1; advice goes to `notices`.
///
/// # Errors
///
/// [`SavePathError`] if it cannot be understood.
pub(super) fn parse(
    piece: &[u8],
    number: usize,
    notices: &mut Vec<String>,
) -> Result<(Host, Option<Adopt>), SavePathError> {
    let place = Place::parse(piece, number)?;
    let parameters = query::parse(&place.query);
    let mut advice: Vec<String> = place.advice.into_iter().map(str::to_owned).collect();
    let mut reading = Reading {
        number,
        adopt: None,
        auth: None,
        auth_file: None,
        advice: &mut advice,
        host: Host {
            address: place.address,
            tls: place.tls.map(TlsOptions::new),
            weight: 1,
            connect_timeout: None,
            read_timeout: None,
            persistent: false,
            persistent_id: Vec::new(),
            retry_interval: Duration::ZERO,
            database: place.database,
            prefix: None,
            credentials: place.credentials,
        },
    };
    let cut = cut_by_php_ini(&parameters);
    for parameter in &parameters {
        reading.take(parameter).map_err(|error| match (cut, error) {
            (Some(name), SavePathError::Parameter { .. }) => SavePathError::Cut { number, name },
            (_, error) => error,
        })?;
    }
    reading.authenticate();
    let (host, adopt) = (reading.host, reading.adopt);
    if let Some(name) = cut {
        advice.push(format!(
            "it ends with `{name}` and no value: php.ini cuts an unquoted value at its first `=` \
             and ignores the rest of the file; put the value between double quotes"
        ));
    }
    let prefixed = |text: String| format!("host {number} of session.save_path: {text}");
    notices.extend(advice.into_iter().map(prefixed));
    Ok((host, adopt))
}

/// The known parameter with which the save_path ends as if php.ini had cut it.
fn cut_by_php_ini(parameters: &[Parameter]) -> Option<&'static str> {
    let [only] = parameters else { return None };
    let known = KNOWN.into_iter().find(|name| name.as_bytes() == only.name)?;
    (!only.assigned).then_some(known)
}

/// A host whose parameters are being read.
struct Reading<'a> {
    number: usize,
    host: Host,
    adopt: Option<Adopt>,
    auth: Option<Value>,
    auth_file: Option<String>,
    advice: &'a mut Vec<String>,
}

impl Reading<'_> {
    fn take(&mut self, parameter: &Parameter) -> Result<(), SavePathError> {
        let (number, value) = (self.number, &parameter.value);
        let refuse = |name, expected| Err(SavePathError::Parameter { number, name, expected });
        let lossy = |value: &Value| String::from_utf8_lossy(value.text()).into_owned();
        let host = &mut self.host;
        match parameter.name.as_slice() {
            b"adopt" => self.adopt = Some(Adopt::parse(value.text())?),
            b"auth" => self.auth = Some(value.clone()),
            b"auth_file" => self.auth_file = Some(lossy(value)),
            b"weight" => match u32::try_from(value.integer()) {
                Ok(weight @ 1..=0x7fff_ffff) => host.weight = weight,
                _ => return refuse("weight", "a whole number from 1 on"),
            },
            b"timeout" if value.float() <= 0.0 => {
                return refuse("timeout", "a number of seconds above 0");
            }
            b"timeout" => host.connect_timeout = Some(seconds(value.float())),
            b"read_timeout" => host.read_timeout = Some(seconds(value.float())),
            b"persistent" => host.persistent = truth(value.text()),
            b"persistent_id" => host.persistent_id = value.text().to_vec(),
            b"retry_interval" => {
                let millis = value.integer().clamp(0, i64::from(i32::MAX));
                host.retry_interval = Duration::from_millis(millis.unsigned_abs());
            }
            b"database" => match value.integer() {
                ..0 => host.database = None,
                wanted => match u32::try_from(wanted) {
                    Ok(database) => host.database = Some(database),
                    Err(_) => return refuse("database", "the number of a database"),
                },
            },
            b"prefix" => host.prefix = Some(value.text().to_vec()),
            b"stream" => match host.tls.as_mut() {
                Some(tls) => tls.take(value, self.advice).map_err(|(name, expected)| {
                    SavePathError::Parameter { number, name, expected }
                })?,
                None => self.advice.push(
                    "`stream[...]` has no effect without TLS: the connection is not encrypted; \
                     write tls:// in place of tcp://"
                        .to_owned(),
                ),
            },
            b"seed" => return Err(SavePathError::NotYet { number, what: Later::Cluster }),
            other => self.advice.push(unknown(other)),
        }
        if matches!(value, Value::Array(_)) && !matches!(&*parameter.name, b"auth" | b"stream") {
            let name = String::from_utf8_lossy(&parameter.name);
            if KNOWN.contains(&&*name) {
                self.advice.push(format!("`{name}` takes one value, not `{name}[]`"));
            }
        }
        Ok(())
    }

    /// Credentials, from what was gathered; without any, those of the URL stay.
    fn authenticate(&mut self) {
        let auth = self.auth.take();
        if let Some(path) = self.auth_file.take() {
            let user = auth.as_ref().and_then(auth::user);
            self.host.credentials = Credentials::File { user, path };
        } else if let Some(value) = auth {
            let (credentials, advice) = auth::credentials(&value);
            self.host.credentials = credentials;
            self.advice.extend(advice.map(str::to_owned));
        }
    }
}

/// What phpredis takes for true, and `on`.
fn truth(value: &[u8]) -> bool {
    [&b"1"[..], b"true", b"yes", b"on"].iter().any(|word| value.eq_ignore_ascii_case(word))
}

/// A negative number means for ever.
fn seconds(value: f64) -> Duration {
    if value < 0.0 { Duration::MAX } else { Duration::from_secs_f64(value.min(TIMEOUT_MAX)) }
}

fn unknown(name: &[u8]) -> String {
    // The name itself may be part of a password that was not encoded: only plain words are shown.
    let plain = name.len() <= 20 && name.iter().all(|b| b.is_ascii_alphabetic() || *b == b'_');
    let lower = String::from_utf8_lossy(name).to_ascii_lowercase();
    let nearest = KNOWN.iter().map(|known| (distance(known, &lower), known)).min();
    let advice = match nearest {
        _ if lower == "name" => "the name of the cookie is set by session.name".to_owned(),
        Some((0..=2, known)) => format!("did you mean `{known}`?"),
        _ => format!("there are {}; an `&` in a password is written %26", KNOWN.join(", ")),
    };
    let shown = if plain { String::from_utf8_lossy(name) } else { "(not shown)".into() };
    format!("`{shown}` is not a parameter; {advice}")
}

/// How many letters must change to make one word the other.
fn distance(one: &str, other: &str) -> usize {
    if other.len() > 2 * one.len() {
        return other.len();
    }
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (at, from) in one.bytes().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], at + 1);
        for (to_at, to) in other.bytes().enumerate() {
            let changed = diagonal + usize::from(from != to);
            diagonal = row[to_at + 1];
            row[to_at + 1] = changed.min(diagonal + 1).min(row[to_at] + 1);
        }
    }
    row[other.len()]
}

/// What stands before the parameters.
struct Place {
    address: Address,
    tls: Option<TlsVersions>,
    database: Option<u32>,
    credentials: Credentials,
    query: Vec<u8>,
    advice: Option<&'static str>,
}

impl Place {
    fn parse(piece: &[u8], number: usize) -> Result<Self, SavePathError> {
        let refused = SavePathError::Address { number };
        if !contains(piece, b"://") && query::parse(piece).iter().any(|p| p.name == b"seed") {
            return Err(SavePathError::NotYet { number, what: Later::Cluster });
        }
        let rewritten = piece.strip_prefix(b"unix:").map(|rest| [b"file:", rest].concat());
        let mut url = Url::parse(rewritten.as_deref().unwrap_or(piece)).ok_or(refused.clone())?;
        // `host:6379?auth=x`: to PHP this is a scheme and a path, and phpredis connects nowhere.
        let is_port = |path: &[u8]| !path.is_empty() && path.iter().all(u8::is_ascii_digit);
        if url.host.is_none() && url.scheme.is_some() && url.path.as_deref().is_some_and(is_port) {
            let path = url.path.take().unwrap_or_default();
            let port = std::str::from_utf8(&path).ok().and_then(|digits| digits.parse().ok());
            url.port = Some(port.ok_or(refused.clone())?);
            url.host = url.scheme.take();
        }
        let mut query = url.query.take().unwrap_or_default();
        if let (false, Some(fragment)) = (query.is_empty(), url.fragment.take()) {
            query.push(b'#');
            query.extend(fragment);
        }
        let scheme = url.scheme.as_deref().map(String::from_utf8_lossy);
        let scheme = scheme.map_or_else(|| "tcp".to_owned(), |text| text.to_ascii_lowercase());
        let plain = |address| Self {
            address,
            tls: None,
            database: None,
            credentials: Credentials::None,
            query,
            advice: None,
        };
        let Some(host) = url.host.as_deref() else {
            let path = url.path.as_deref().unwrap_or_default();
            let text = String::from_utf8_lossy(path).into_owned();
            return match (url.scheme.is_some(), path.first()) {
                (false, Some(b'/')) => Ok(plain(Address::Unix(text))),
                (true, Some(b'/')) if scheme == "file" => Ok(plain(Address::Unix(text))),
                (false, Some(_)) if !path.contains(&b'/') => {
                    Ok(plain(Address::Tcp { host: text, port: DEFAULT_PORT }))
                }
                (true, _) if scheme.contains("sentinel") => {
                    Err(SavePathError::NotYet { number, what: Later::Sentinel })
                }
                _ => Err(refused),
            };
        };
        let tls = versions(&scheme, number)?;
        let port = url.port.filter(|port| *port != 0).unwrap_or(DEFAULT_PORT);
        let bare = host.strip_prefix(b"[").and_then(|host| host.strip_suffix(b"]"));
        let host = String::from_utf8_lossy(bare.unwrap_or(host)).into_owned();
        let name = !host.contains([':', '[', ']']);
        if !name && host.parse::<std::net::Ipv6Addr>().is_err() {
            return Err(refused);
        }
        let mut place = Self { tls, ..plain(Address::Tcp { host, port }) };
        let path = url.path.as_deref().unwrap_or_default();
        if scheme.starts_with("redis") {
            place.database = database_in(path, number)?;
            place.credentials = userinfo(&url);
        } else if url.user.is_some() || path.len() > 1 {
            place.advice = Some(
                "user, password and path of such a URL are ignored, as phpredis ignores them; \
                 write `auth` and `database`, or redis://",
            );
        }
        Ok(place)
    }
}

fn versions(scheme: &str, number: usize) -> Result<Option<TlsVersions>, SavePathError> {
    Ok(Some(match scheme {
        "tcp" | "redis" => return Ok(None),
        "rediss" | "tls" | "ssl" => TlsVersions::Any,
        "tlsv1.2" => TlsVersions::Only12,
        "tlsv1.3" => TlsVersions::Only13,
        "tlsv1.0" | "tlsv1.1" | "sslv2" | "sslv3" => {
            return Err(SavePathError::OldTls { number });
        }
        other if other.contains("sentinel") => {
            return Err(SavePathError::NotYet { number, what: Later::Sentinel });
        }
        _ => {
            // An unencoded password can end up in front of `://`: only plain words are shown.
            let plain = scheme.len() <= 20 && scheme.bytes().all(|b| b.is_ascii_alphabetic());
            let shown = if plain { scheme } else { "(not shown)" };
            return Err(SavePathError::Scheme { number, scheme: shown.to_owned() });
        }
    }))
}

fn database_in(path: &[u8], number: usize) -> Result<Option<u32>, SavePathError> {
    let digits = path.strip_prefix(b"/").unwrap_or(path);
    if digits.is_empty() {
        return Ok(None);
    }
    let expected = "a number, as in redis://host/2";
    let refused = SavePathError::Parameter { number, name: "database", expected };
    let number = std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok());
    Ok(Some(number.ok_or(refused)?))
}

fn userinfo(url: &Url) -> Credentials {
    // A plus sign stands for itself before the `?`.
    let decode = |text: &[u8]| {
        let parts = text.split(|byte| *byte == b'+');
        query::decode(&parts.collect::<Vec<_>>().join(&b"%2B"[..]))
    };
    let Some(user) = url.user.as_deref() else { return Credentials::None };
    let Some(password) = url.password.as_deref() else {
        return Credentials::Password { user: None, password: decode(user) };
    };
    let user = (!user.is_empty()).then(|| decode(user));
    Credentials::Password { user, password: decode(password) }
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}
