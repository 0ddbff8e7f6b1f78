//! Median and its interval by order statistics.

/// The share of samples of the median that the interval should hold.
const CONFIDENCE: f64 = 0.9;

/// The median of some rounds and how far to trust it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// The median.
    pub median: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
    /// The interval's real coverage, at least 0.9 with five rounds or more. With fewer rounds the
    /// interval is smallest to largest and this says what that is worth.
    pub coverage: f64,
}

impl Estimate {
    /// Whether the rounds were too few for an interval of the confidence wanted.
    pub fn is_rough(&self) -> bool {
        self.coverage < CONFIDENCE
    }

    /// Estimates from `samples`; `None` when there are none or one of them is no number.
    ///
    /// The interval makes no assumption about the distribution: the k-th smallest and k-th largest
    /// of n samples hold the true median unless fewer than k samples fell on one side of it, which
    /// has twice the probability of a fair coin showing fewer than k heads in n throws.
    pub fn of(samples: &[f64]) -> Option<Self> {
        let mut sorted = samples.to_vec();
        sorted.sort_by(f64::total_cmp);
        if sorted.is_empty() || sorted.iter().any(|sample| sample.is_nan()) {
            return None;
        }
        let n = sorted.len();
        let (outer, coverage) = outer_rank(n);
        let median = if n % 2 == 1 {
            sorted[n / 2]
        } else {
            f64::midpoint(sorted[n / 2 - 1], sorted[n / 2])
        };
        Some(Self { median, low: sorted[outer], high: sorted[n - 1 - outer], coverage })
    }
}

/// The largest zero-based rank whose symmetric interval still covers [`CONFIDENCE`], or rank 0,
/// and the coverage.
fn outer_rank(n: usize) -> (usize, f64) {
    let one_sided_max = (1.0 - CONFIDENCE) / 2.0;
    let mut term = 0.5_f64.powi(n as i32); // P(exactly `rank` heads)
    let mut below = term; // P(at most `rank` heads)
    let mut best = (0, 1.0 - 2.0 * below);
    for rank in 1..n / 2 {
        term *= (n - rank + 1) as f64 / rank as f64;
        below += term;
        if below > one_sided_max {
            break;
        }
        best = (rank, 1.0 - 2.0 * below);
    }
    (best.0, best.1.max(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(samples: &[f64]) -> Estimate {
        Estimate::of(samples).unwrap()
    }

    #[test]
    fn median_of_odd_and_even_counts() {
        assert_eq!(of(&[3.0, 1.0, 2.0]).median.to_bits(), 2.0_f64.to_bits());
        assert_eq!(of(&[4.0, 1.0, 2.0, 3.0]).median.to_bits(), 2.5_f64.to_bits());
        assert_eq!(Estimate::of(&[]), None);
        assert_eq!(Estimate::of(&[1.0, f64::NAN]), None);
    }

    #[test]
    fn interval_of_fifteen_rounds_is_the_fourth_from_each_end() {
        // Tables of the sign test: P(X <= 3) = 0.01758 for n = 15, so the coverage is 0.9648.
        let samples: Vec<f64> = (1..=15).rev().map(f64::from).collect();
        let estimate = of(&samples);
        assert_eq!((estimate.low, estimate.median, estimate.high), (4.0, 8.0, 12.0));
        assert!((estimate.coverage - 0.9648).abs() < 0.0001, "{}", estimate.coverage);
    }

    #[test]
    fn interval_of_five_rounds_is_all_of_them() {
        let estimate = of(&[5.0, 1.0, 4.0, 2.0, 3.0]);
        assert_eq!((estimate.low, estimate.high), (1.0, 5.0));
        assert!((estimate.coverage - 0.9375).abs() < 0.0001);
    }

    #[test]
    fn too_few_rounds_confess_their_coverage() {
        assert!((of(&[1.0, 2.0]).coverage - 0.5).abs() < 0.0001);
        assert!(of(&[1.0]).coverage < 0.0001);
    }

    #[test]
    fn interval_holds_the_median_as_often_as_it_says() {
        // 2,000 experiments of 15 draws from a skewed distribution whose median is known.
        let mut state = 1_u64;
        let mut uniform = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 11) as f64 / (1_u64 << 53) as f64
        };
        let held = (0..2000)
            .filter(|_| {
                let draws: Vec<f64> = (0..15).map(|_| -(1.0 - uniform()).ln()).collect();
                let estimate = of(&draws);
                (estimate.low..=estimate.high).contains(&std::f64::consts::LN_2)
            })
            .count();
        assert!((1900..=1960).contains(&held), "{held} of 2000, expected about 1930");
    }
}
