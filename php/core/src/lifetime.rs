//! `guarda.absolute_lifetime`: sessions end at an age, however busy they are.

use std::time::Duration;

use crate::settings::Settings;

/// Whether a session that began at `created` has reached its end.
pub(crate) fn is_over(created: i64, settings: &Settings) -> bool {
    settings.absolute_lifetime.is_some_and(|life| settings.now.saturating_sub(created) >= life)
}

/// A time to live that does not reach beyond the session's end; a second at least.
pub(crate) fn bounded(ttl: Duration, created: Option<i64>, settings: &Settings) -> Duration {
    let Some(life) = settings.absolute_lifetime else { return ttl };
    let age = settings.now.saturating_sub(created.unwrap_or(settings.now)).max(0);
    let left = life.saturating_sub(age).max(1);
    ttl.min(Duration::from_secs(left.unsigned_abs()))
}

/// How long the time of creation must be known: as long as a session that began now may be read,
/// by a handler too that knows no absolute lifetime.
pub(crate) fn of_creation(ttl: Duration, settings: &Settings) -> Duration {
    let life = settings.absolute_lifetime.unwrap_or_default().unsigned_abs();
    Duration::from_secs(life).saturating_add(ttl)
}
