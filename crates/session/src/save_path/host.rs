//! One URL of a save_path.

use std::time::Duration;

use super::query::{self, Parameter};
use super::{Address, Credentials, Host, SavePathError};

const DEFAULT_PORT: u16 = 6379;

/// Parameters and what a save_path of one URL may say.
const KNOWN: [&str; 11] = [
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
pub fn parse_host(
    url: &str,
    number: usize,
    notices: &mut Vec<String>,
) -> Result<Host, SavePathError> {
    let (front, query) = url.split_once('?').unwrap_or((url, ""));
    let place = Place::parse(front, number)?;
    let parameters = query::parse(query);
    let mut host = Host {
        address: place.address,
        tls: place.tls,
        weight: 1,
        connect_timeout: None,
        read_timeout: None,
        persistent: false,
        persistent_id: Vec::new(),
        retry_interval: Duration::ZERO,
        database: place.database,
        prefix: None,
        credentials: place.credentials,
    };
    if place.ignored {
        notices.push(format!(
            "host {number} of session.save_path: user, password and path of a tcp:// URL are \
             ignored, as phpredis ignores them; write `auth` and `database`, or redis://"
        ));
    }
    if let [only] = parameters.as_slice()
        && !only.assigned
        && KNOWN.contains(&only.name.as_str())
    {
        notices.push(format!(
            "session.save_path ends with `{}` and no value: php.ini cuts an unquoted value at its \
             first `=` and ignores the rest of the file; put the value between double quotes",
            only.name
        ));
    }
    let mut auth = Auth::default();
    for parameter in &parameters {
        if parameter.name == "auth" || parameter.name == "auth_file" {
            auth.take(parameter);
        } else {
            set(&mut host, parameter, number, notices)?;
        }
    }
    if let Some(credentials) = auth.credentials(number, notices) {
        host.credentials = credentials;
    }
    Ok(host)
}

fn set(
    host: &mut Host,
    parameter: &Parameter,
    number: usize,
    notices: &mut Vec<String>,
) -> Result<(), SavePathError> {
    let value = parameter.value.as_slice();
    let numeric = query::number(value);
    let refuse = |name, expected| Err(SavePathError::Parameter { number, name, expected });
    match parameter.name.as_str() {
        "weight" if numeric < 1.0 => return refuse("weight", "a whole number from 1 on"),
        "weight" => host.weight = numeric as u32,
        "timeout" if numeric <= 0.0 => return refuse("timeout", "a number of seconds above 0"),
        "timeout" => host.connect_timeout = Some(seconds(numeric)),
        "read_timeout" => host.read_timeout = Some(seconds(numeric)),
        "persistent" => host.persistent = truth(value),
        "persistent_id" => host.persistent_id = value.to_vec(),
        "retry_interval" => host.retry_interval = seconds(numeric / 1000.0),
        "database" => host.database = (numeric >= 0.0).then_some(numeric as u32),
        "prefix" => host.prefix = Some(value.to_vec()),
        "stream" if !host.tls => notices.push(format!(
            "host {number} of session.save_path: `stream[...]` has no effect without TLS"
        )),
        "stream" => {}
        other => notices.push(unknown(other, number)),
    }
    Ok(())
}

/// What phpredis takes for true, and `on`.
fn truth(value: &[u8]) -> bool {
    [&b"1"[..], b"true", b"yes", b"on"].iter().any(|word| value.eq_ignore_ascii_case(word))
}

/// A negative number means for ever.
fn seconds(value: f64) -> Duration {
    if value < 0.0 { Duration::MAX } else { Duration::from_secs_f64(value.min(TIMEOUT_MAX)) }
}

fn unknown(name: &str, number: usize) -> String {
    // The name itself may be part of a password that was not encoded: only plain words are shown.
    let plain = name.len() <= 20 && name.bytes().all(|b| b.is_ascii_alphabetic() || b == b'_');
    let lower = name.to_ascii_lowercase();
    let advice = if name == "name" {
        "the name of the cookie is set by session.name".to_owned()
    } else if let Some(known) = KNOWN.iter().find(|known| **known == lower) {
        format!("did you mean `{known}`?")
    } else {
        format!("there are {}", KNOWN.join(", "))
    };
    let shown = if plain { name } else { "(not shown)" };
    format!("host {number} of session.save_path: `{shown}` is not a parameter; {advice}")
}

/// What stands before the `?`.
struct Place {
    address: Address,
    tls: bool,
    database: Option<u32>,
    credentials: Credentials,
    /// There was something that only `redis://` has a meaning for.
    ignored: bool,
}

impl Place {
    fn parse(front: &str, number: usize) -> Result<Self, SavePathError> {
        let plain = |address| Self {
            address,
            tls: false,
            database: None,
            credentials: Credentials::None,
            ignored: false,
        };
        if front.starts_with('/') {
            return Ok(plain(Address::Unix(front.to_owned())));
        }
        if let Some(path) = front.strip_prefix("unix:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            if !path.starts_with('/') {
                return Err(SavePathError::Address { number });
            }
            return Ok(plain(Address::Unix(path.to_owned())));
        }
        let (scheme, rest) = front.split_once("://").unwrap_or(("tcp", front));
        let scheme = scheme.to_ascii_lowercase();
        let tls = match scheme.as_str() {
            "tcp" | "redis" => false,
            "rediss" | "tls" | "ssl" | "tlsv1.2" | "tlsv1.3" => true,
            _ => return Err(SavePathError::Scheme { number, scheme }),
        };
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (userinfo, host) = match authority.rsplit_once('@') {
            Some((userinfo, host)) => (Some(userinfo), host),
            None => (None, authority),
        };
        let address = tcp(host).ok_or(SavePathError::Address { number })?;
        if !scheme.starts_with("redis") {
            let ignored = userinfo.is_some() || !path.is_empty();
            return Ok(Self { tls, ignored, ..plain(address) });
        }
        let database = if path.is_empty() {
            None
        } else {
            let expected = "a number, as in redis://host/2";
            let refused = SavePathError::Parameter { number, name: "database", expected };
            Some(path.parse().map_err(|_| refused)?)
        };
        let credentials = userinfo.map_or(Credentials::None, userinfo_credentials);
        Ok(Self { address, tls, database, credentials, ignored: false })
    }
}

fn userinfo_credentials(userinfo: &str) -> Credentials {
    let (user, password) = userinfo.split_once(':').unwrap_or(("", userinfo));
    // A plus sign stands for itself before the `?`.
    let decode = |text: &str| query::decode(&text.replace('+', "%2B"));
    let user = (!user.is_empty()).then(|| decode(user));
    Credentials::Password { user, password: decode(password) }
}

fn tcp(authority: &str) -> Option<Address> {
    let (host, port) = if let Some(rest) = authority.strip_prefix('[') {
        let (host, after) = rest.split_once(']')?;
        (host, if after.is_empty() { None } else { Some(after.strip_prefix(':')?) })
    } else {
        match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        }
    };
    let port = match port {
        None | Some("") => DEFAULT_PORT,
        Some(port) => port.parse().ok().filter(|port| *port != 0)?,
    };
    (!host.is_empty()).then(|| Address::Tcp { host: host.to_owned(), port })
}

/// The forms of `auth`, gathered.
#[derive(Default)]
struct Auth {
    scalar: Option<Vec<u8>>,
    user: Option<Vec<u8>>,
    pass: Option<Vec<u8>>,
    list: Vec<Vec<u8>>,
    file: Option<String>,
}

impl Auth {
    fn take(&mut self, parameter: &Parameter) {
        let value = parameter.value.clone();
        if parameter.name == "auth_file" {
            self.file = Some(String::from_utf8_lossy(&value).into_owned());
            return;
        }
        match parameter.subscript.as_deref() {
            // As in PHP, the last form written replaces the others.
            None => *self = Self { scalar: Some(value), file: self.file.take(), ..Self::default() },
            Some("user") => self.user = Some(value),
            Some("pass") => self.pass = Some(value),
            Some(_) => self.list.push(value),
        }
        if parameter.subscript.is_some() {
            self.scalar = None;
        }
    }

    fn credentials(self, number: usize, notices: &mut Vec<String>) -> Option<Credentials> {
        if let Some(path) = self.file {
            return Some(Credentials::File { user: self.user.or(self.scalar), path });
        }
        if let Some(password) = self.scalar {
            return Some(Credentials::Password { user: None, password });
        }
        let mut advise = |text: &str| {
            notices.push(format!("host {number} of session.save_path: {text}"));
            None
        };
        let mut list = self.list.into_iter();
        match (self.user, self.pass, list.len()) {
            (user, Some(password), 0) => Some(Credentials::Password { user, password }),
            (Some(_), None, 0) => advise("`auth[user]` without `auth[pass]`: not authenticated"),
            (None, None, 0) => None,
            (None, None, 1) => {
                let password = list.next()?;
                Some(Credentials::Password { user: None, password })
            }
            (None, None, 2) => {
                let user = list.next();
                Some(Credentials::Password { user, password: list.next()? })
            }
            _ => advise("`auth` has more than a user and a password: not authenticated"),
        }
    }
}
