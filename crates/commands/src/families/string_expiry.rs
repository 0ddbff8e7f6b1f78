//! The expiry options of SET and GETEX, and what a time on the wire means.

use guarda_store::UnixMillis;

use crate::args::Args;
use crate::error::CommandError;

/// What a command does to a key's expiry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expiry {
    /// Removes it.
    Clear,
    /// Leaves it as it is.
    Keep,
    /// Sets it, whatever it was.
    At(UnixMillis),
}

/// How a time is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TimeUnit {
    millis: i64,
    absolute: bool,
}

impl TimeUnit {
    /// Seconds from now.
    pub(crate) const SECONDS: TimeUnit = TimeUnit { millis: 1000, absolute: false };
    /// Milliseconds from now.
    pub(crate) const MILLIS: TimeUnit = TimeUnit { millis: 1, absolute: false };
    /// Seconds since 1970.
    pub(crate) const UNIX_SECONDS: TimeUnit = TimeUnit { millis: 1000, absolute: true };
    /// Milliseconds since 1970.
    pub(crate) const UNIX_MILLIS: TimeUnit = TimeUnit { millis: 1, absolute: true };

    /// The instant that `amount` of this unit names; `None` if it cannot be represented.
    ///
    /// The last millisecond of all is cut off: the store means "never" by it.
    pub(crate) fn instant(self, amount: i64, now: UnixMillis) -> Option<UnixMillis> {
        let millis = amount.checked_mul(self.millis)?;
        let at = if self.absolute { millis } else { millis.checked_add(now.0)? };
        Some(UnixMillis(at.min(i64::MAX - 1)))
    }

    /// As [`TimeUnit::instant`], for commands that refuse zero and negative times.
    pub(crate) fn positive_instant(
        self,
        amount: i64,
        now: UnixMillis,
        command: &'static str,
    ) -> Result<UnixMillis, CommandError> {
        let at = if amount > 0 { self.instant(amount, now) } else { None };
        at.ok_or(CommandError::InvalidExpire(command))
    }
}

/// The expiry option of one call as it was written, at most one kind of it.
#[derive(Default)]
pub(crate) struct ExpiryOption<'a>(Option<Written<'a>>);

enum Written<'a> {
    Change(Expiry),
    Time(TimeUnit, &'a [u8]),
}

impl<'a> ExpiryOption<'a> {
    /// Takes `EX`, `PX`, `EXAT` or `PXAT` with its time, or `word` (KEEPTTL or PERSIST), which
    /// stands for `change`; false if the next argument is none of them.
    ///
    /// # Errors
    /// A syntax error if another kind was given before, or the time is missing. The same kind may
    /// be repeated, as in Redis: the last one counts.
    pub(crate) fn take(
        &mut self,
        args: &mut Args<'a>,
        word: &str,
        change: Expiry,
    ) -> Result<bool, CommandError> {
        const UNITS: [(&str, TimeUnit); 4] = [
            ("EX", TimeUnit::SECONDS),
            ("PX", TimeUnit::MILLIS),
            ("EXAT", TimeUnit::UNIX_SECONDS),
            ("PXAT", TimeUnit::UNIX_MILLIS),
        ];
        let written = if args.take_word(word) {
            Written::Change(change)
        } else if let Some((_, unit)) = UNITS.iter().find(|(name, _)| args.take_word(name)) {
            Written::Time(*unit, args.bytes()?)
        } else {
            return Ok(false);
        };
        let conflict = match (&self.0, &written) {
            (None, _) | (Some(Written::Change(_)), Written::Change(_)) => false,
            (Some(Written::Time(before, _)), Written::Time(unit, _)) => before != unit,
            _ => true,
        };
        if conflict {
            return Err(CommandError::Syntax);
        }
        self.0 = Some(written);
        Ok(true)
    }

    /// What was asked for, `default` if nothing was.
    pub(crate) fn resolve(
        self,
        default: Expiry,
        now: UnixMillis,
        command: &'static str,
    ) -> Result<Expiry, CommandError> {
        match self.0 {
            None => Ok(default),
            Some(Written::Change(change)) => Ok(change),
            Some(Written::Time(unit, text)) => {
                let amount =
                    guarda_resp::number::parse_i64(text).ok_or(CommandError::NotInteger)?;
                Ok(Expiry::At(unit.positive_instant(amount, now, command)?))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_saturate_before_never_and_refuse_overflow() {
        let now = UnixMillis(1_000);
        assert_eq!(TimeUnit::SECONDS.instant(5, now), Some(UnixMillis(6_000)));
        assert_eq!(TimeUnit::UNIX_SECONDS.instant(5, now), Some(UnixMillis(5_000)));
        assert_eq!(TimeUnit::UNIX_MILLIS.instant(i64::MAX, now), Some(UnixMillis(i64::MAX - 1)));
        assert_eq!(TimeUnit::MILLIS.instant(i64::MAX, now), None);
        assert_eq!(TimeUnit::SECONDS.instant(i64::MAX / 1000, now), None);
        assert_eq!(TimeUnit::UNIX_SECONDS.instant(i64::MIN / 1000 - 1, now), None);
        assert_eq!(TimeUnit::MILLIS.instant(i64::MIN, UnixMillis(-1)), None);
    }
}
