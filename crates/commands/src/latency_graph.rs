//! `LATENCY GRAPH`: the newest samples of an event, drawn.

use crate::latency::Samples;

/// Samples that are drawn at most, one in a column.
const COLUMNS_MAX: usize = 80;
const ROWS: usize = 4;
/// A row has three heights.
const HEIGHTS: [u8; 3] = *b"_o#";
const STEPS: u64 = (ROWS * HEIGHTS.len()) as u64;

/// How long ago something was, in its largest unit.
fn ago(seconds: i64) -> String {
    let (length, unit) = match seconds {
        ..60 => (1, 's'),
        60..3600 => (60, 'm'),
        3600..86_400 => (3600, 'h'),
        _ => (86_400, 'd'),
    };
    format!("{}{unit}", seconds.max(0) / length)
}

/// Draws samples between the lowest and the highest of them; below each stands, downwards, how long ago
/// it was.
pub(crate) fn draw(event: &str, samples: &Samples, now_s: i64) -> String {
    let skipped = samples.samples.len().saturating_sub(COLUMNS_MAX);
    let shown: Vec<(i64, u64)> = samples.samples.iter().skip(skipped).copied().collect();
    let high = shown.iter().map(|(_, ms)| *ms).max().unwrap_or(0);
    let low = shown.iter().map(|(_, ms)| *ms).min().unwrap_or(0);
    let step = |ms: u64| ((ms - low) * STEPS / (high - low).max(1)).min(STEPS - 1) as usize;
    let mut text = format!(
        "{event} - high {high} ms, low {low} ms (all time high {} ms)\n{}\n",
        samples.longest_ms,
        "-".repeat(COLUMNS_MAX)
    );
    for row in (0..ROWS).rev() {
        text.extend(shown.iter().map(|(_, ms)| {
            let step = step(*ms);
            match (step / HEIGHTS.len()).cmp(&row) {
                std::cmp::Ordering::Less => ' ',
                std::cmp::Ordering::Equal => char::from(HEIGHTS[step % HEIGHTS.len()]),
                std::cmp::Ordering::Greater => '|',
            }
        }));
        text.push('\n');
    }
    text.push_str(&" ".repeat(shown.len()));
    text.push('\n');
    let labels: Vec<Vec<char>> =
        shown.iter().map(|(at_s, _)| ago(now_s - at_s).chars().collect()).collect();
    for line in 0..labels.iter().map(Vec::len).max().unwrap_or(0) {
        text.extend(labels.iter().map(|label| label.get(line).unwrap_or(&' ')));
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As redis-server 7.0 draws the same samples.
    #[test]
    fn the_lowest_is_a_line_and_the_highest_fills_its_column() {
        let samples = Samples {
            samples: [(94, 30), (95, 50), (96, 200), (97, 20), (99, 90)].into(),
            longest_ms: 200,
        };
        let expected = [
            "command - high 200 ms, low 20 ms (all time high 200 ms)",
            &"-".repeat(80),
            "  #  ",
            "  |  ",
            "  | o",
            "_#|_|",
            "     ",
            "65431",
            "sssss",
            "",
        ];
        assert_eq!(draw("command", &samples, 100), expected.join("\n"));
        let one = Samples { samples: [(0, 50)].into(), longest_ms: 50 };
        let head = format!("x - high 50 ms, low 50 ms (all time high 50 ms)\n{}\n", "-".repeat(80));
        assert_eq!(draw("x", &one, 0), format!("{head} \n \n \n_\n \n0\ns\n"));
    }

    #[test]
    fn the_newest_columns_are_drawn_with_their_age() {
        let samples = Samples { samples: (0..160).map(|s| (s * 60, 10)).collect(), longest_ms: 10 };
        let text = draw("x", &samples, 160 * 60);
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[2..].iter().all(|line| line.len() == COLUMNS_MAX), "{text}");
        for (seconds, text) in
            [(59, "59s"), (60, "1m"), (3599, "59m"), (7200, "2h"), (90_000, "1d")]
        {
            assert_eq!(ago(seconds), text);
        }
    }
}
