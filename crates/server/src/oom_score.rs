//! `oom-score-adj`: how readily the kernel kills the process when memory runs out.

use std::fs;
use std::io;

use guarda_config::{Config, OomScoreAdj};
use parking_lot::Mutex;

/// The kernel's, of this process.
const FILE: &str = "/proc/self/oom_score_adj";
/// What the kernel takes; what is beyond is as much as it takes, as in Redis.
const MIN: i32 = -1000;
const MAX: i32 = 1000;

/// What the adjustment was before it was changed from here; `None`: it was not.
#[derive(Default)]
pub(crate) struct OomScore {
    original: Mutex<Option<i32>>,
}

impl OomScore {
    /// Tells the kernel what the configuration says. With `no`, what it was before.
    ///
    /// # Errors
    /// It could not be asked or told: lowering it takes privileges. Nothing has changed.
    pub(crate) fn apply(&self, config: &Config) -> io::Result<()> {
        let mut original = self.original.lock();
        let is_relative = match config.oom_score_adj {
            OomScoreAdj::No => {
                if let Some(before) = *original {
                    write(before)?;
                }
                *original = None;
                return Ok(());
            }
            OomScoreAdj::Yes | OomScoreAdj::Relative => true,
            OomScoreAdj::Absolute => false,
        };
        let before = original.map_or_else(read, Ok)?;
        // A Guarda is a master, and has no children.
        let [value, _, _] = config.oom_score_adj_values;
        write(adjusted(before, value, is_relative))?;
        *original = Some(before);
        Ok(())
    }
}

fn adjusted(before: i32, value: i32, is_relative: bool) -> i32 {
    let wanted = if is_relative { before + value } else { value };
    wanted.clamp(MIN, MAX)
}

fn read() -> io::Result<i32> {
    let text = fs::read_to_string(FILE)?;
    text.trim().parse().map_err(|_| io::Error::other(format!("{FILE} holds no number")))
}

fn write(adjustment: i32) -> io::Result<()> {
    fs::write(FILE, adjustment.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adjustments_are_relative_or_absolute_and_end_where_the_kernel_does() {
        for (before, value, is_relative, expected) in [
            (5, 10, true, 15),
            (5, 10, false, 10),
            (5, -10, true, -5),
            (5, 1_500, true, 1_000),
            (5, 2_000, false, 1_000),
            (-500, -2_000, true, -1_000),
            (1_000, 0, true, 1_000),
        ] {
            assert_eq!(adjusted(before, value, is_relative), expected, "{before} {value}");
        }
    }
}
