//! When a session began: a companion key, for a limit to its age.

use std::time::Duration;

use guarda_resp::Frame;
use guarda_session::created_key;

use super::Keys;
use super::requests::millis;
use crate::connection::Connection;
use crate::deadline::Budget;
use crate::error::Error;

impl Connection {
    /// When the session began, in seconds since 1970, if that was noted.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub fn created(&mut self, keys: &Keys, budget: &Budget) -> Result<Option<i64>, Error> {
        let key = created_key(&keys.session);
        match self.look(&[b"GET", &key], budget)? {
            Frame::Null => Ok(None),
            // What is no number was not written by us: as if it were not there.
            Frame::Bulk(text) => {
                Ok(std::str::from_utf8(&text).ok().and_then(|text| text.parse().ok()))
            }
            _ => Err(self.nonsense()),
        }
    }

    /// Notes when the session began.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub fn note_created(
        &mut self,
        keys: &Keys,
        created: i64,
        life: Duration,
        budget: &Budget,
    ) -> Result<(), Error> {
        let (key, created, life) = (created_key(&keys.session), created.to_string(), millis(life));
        let args: [&[u8]; 5] = [b"SET", &key, created.as_bytes(), b"PX", &life];
        // Saying it twice changes nothing.
        self.look(&args, budget).map(drop)
    }
}
