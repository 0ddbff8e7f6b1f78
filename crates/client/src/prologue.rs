//! What a new connection says first: AUTH and SELECT.

use std::collections::VecDeque;
use std::fmt;
use std::fs;

use guarda_resp::{Frame, encode_command};
use guarda_session::save_path::Credentials;

use crate::endpoint::Endpoint;
use crate::error::{Error, code_and_advice};

/// The steps whose answers are still to come, or that are still to be sent.
#[derive(Debug, Default)]
pub(crate) struct Prologue {
    pub(crate) steps: VecDeque<Step>,
}

/// One command.
pub(crate) enum Step {
    /// User and password.
    Auth(Option<Vec<u8>>, Vec<u8>),
    /// Number of the database.
    Select(u32),
}

impl fmt::Debug for Step {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auth(..) => out.write_str("Auth(..)"),
            Self::Select(database) => write!(out, "Select({database})"),
        }
    }
}

impl Prologue {
    /// What this endpoint needs. A password in a file is read now.
    pub(crate) fn of(endpoint: &Endpoint) -> Result<Self, Error> {
        let mut steps = VecDeque::new();
        match &endpoint.credentials {
            Credentials::None => {}
            Credentials::Password { user, password } => {
                steps.push_back(Step::Auth(user.clone(), password.clone()));
            }
            Credentials::File { user, path } => {
                steps.push_back(Step::Auth(user.clone(), password_from(path, endpoint)?));
            }
        }
        // Database 0 is where every connection starts, and connections are not shared between
        // databases: nothing needs to be said.
        if let Some(database) = endpoint.database.filter(|database| *database != 0) {
            steps.push_back(Step::Select(database));
        }
        Ok(Self { steps })
    }

    /// The commands, for sending.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        for step in &self.steps {
            match step {
                Step::Auth(user, password) => {
                    let mut args: Vec<&[u8]> = vec![b"AUTH"];
                    args.extend(user.as_deref());
                    args.push(password);
                    encode_command(out, &args);
                }
                Step::Select(database) => {
                    let number = itoa::Buffer::new().format(*database).to_owned();
                    encode_command(out, &[&b"SELECT"[..], number.as_bytes()]);
                }
            }
        }
    }
}

impl Step {
    /// What the server's answer means.
    pub(crate) fn check(&self, answer: &Frame, endpoint: &Endpoint) -> Result<(), Error> {
        let Some(text) = answer.as_error() else { return Ok(()) };
        let endpoint = endpoint.to_string();
        let (code, advice) = code_and_advice(text);
        if contains(text, b"max number of clients") {
            return Err(Error::Server { endpoint, code, advice });
        }
        Err(match self {
            Self::Auth(user, _) if matches!(code.as_str(), "WRONGPASS" | "ERR") => {
                let advice = if contains(text, b"without any password")
                    || contains(text, b"no password is set")
                {
                    "it has no password for this user; take `auth` out of session.save_path, or \
                     set one (requirepass)"
                } else if code == "ERR" && user.is_some() {
                    "it knows no users (Redis from 6 on does); give the password alone in `auth`"
                } else {
                    "compare `auth` in session.save_path with the server's requirepass or ACL; \
                     `+`, `&`, `%`, commas and blanks in it must be URL-encoded"
                };
                Error::Credentials { endpoint, code, advice }
            }
            Self::Select(database)
                if code == "ERR" && !contains(text, b"max number of clients") =>
            {
                Error::Database { endpoint, database: *database, code }
            }
            _ => Error::Server { endpoint, code, advice },
        })
    }
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

fn password_from(path: &str, endpoint: &Endpoint) -> Result<Vec<u8>, Error> {
    match fs::read(path) {
        Ok(text) => {
            let line = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
            Ok(line.strip_suffix(b"\r").unwrap_or(line).to_vec())
        }
        Err(source) => {
            let path = path.to_owned();
            Err(Error::CredentialsFile { endpoint: endpoint.to_string(), path, source })
        }
    }
}
