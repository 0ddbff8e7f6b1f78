//! The result: rows of paired samples, as a table and as JSON.

use std::fmt::Write as _;

use crate::json;
use crate::stats::Estimate;

/// Whether a row's target was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The whole interval is within the target.
    Met,
    /// The median is within the target, but the interval reaches over it or is of too few rounds.
    MetByMedian,
    /// The median is over the target.
    NotMet,
}

impl Verdict {
    fn text(self) -> &'static str {
        match self {
            Self::Met => "met",
            Self::MetByMedian => "met by the median only",
            Self::NotMet => "NOT MET",
        }
    }
}

/// One quantity, measured on every server in every round.
#[derive(Debug, Clone)]
pub struct Row {
    /// The figure, as on the command line.
    pub figure: String,
    /// Transport and connections, or what else tells rows of one figure apart.
    pub detail: String,
    /// What was measured, with its unit.
    pub quantity: &'static str,
    /// Samples per server, the subject's first, one a round; rounds correspond.
    pub samples: Vec<Vec<f64>>,
    /// Largest ratio subject / peer wanted.
    pub target: Option<f64>,
    /// Whether it belongs in the first table: the figures this benchmark is about.
    pub primary: bool,
}

impl Row {
    /// The ratio to peer number `peer` (from 1), over the pairs of each round.
    pub fn ratio(&self, peer: usize) -> Option<Estimate> {
        let pairs = self.samples[0].iter().zip(&self.samples[peer]);
        let ratios: Option<Vec<f64>> =
            pairs.map(|(ours, theirs)| (*theirs > 0.0).then(|| ours / theirs)).collect();
        Estimate::of(&ratios?)
    }

    /// Whether the target against peer number `peer` was reached; `None` without a target.
    pub fn verdict(&self, peer: usize) -> Option<Verdict> {
        let (target, ratio) = (self.target?, self.ratio(peer)?);
        Some(match ratio {
            _ if ratio.median > target => Verdict::NotMet,
            _ if ratio.high > target || ratio.is_rough() => Verdict::MetByMedian,
            _ => Verdict::Met,
        })
    }
}

/// Everything a run found and how.
#[derive(Debug, Clone)]
pub struct Report {
    /// Circumstances, name and value, in the order shown.
    pub facts: Vec<(&'static str, String)>,
    /// Names of the servers, the subject first.
    pub servers: Vec<String>,
    /// The measurements.
    pub rows: Vec<Row>,
    /// Those of PHP requests: two contenders each, which the row's detail names.
    pub php: Vec<Row>,
}

impl Report {
    /// The tables for people.
    pub fn table(&self) -> String {
        let mut out = String::new();
        for (name, value) in &self.facts {
            _ = writeln!(out, "{name:<13} {value}");
        }
        for peer in 1..self.servers.len() {
            let names = [&self.servers[0], &self.servers[peer]].map(String::as_str);
            tables(&mut out, &self.rows, &names.join(" against "), names, peer);
        }
        tables(&mut out, &self.php, "whole PHP requests", ["first", "second"], 1);
        out
    }

    /// Everything, each round included, for machines.
    pub fn json(&self) -> String {
        let facts = self.facts.iter().map(|(name, value)| (*name, json::string(value)));
        let peers: Vec<&str> = self.servers.iter().skip(1).map(String::as_str).collect();
        let rows = self.rows.iter().map(|row| row_json(row, &peers));
        let php = self.php.iter().map(|row| row_json(row, &["second"]));
        json::object([
            ("facts", json::object(facts)),
            ("servers", json::array(self.servers.iter().map(|name| json::string(name)))),
            ("rows", json::array(rows)),
            ("php", json::array(php)),
        ]) + "\n"
    }
}

/// A row for machines; `peers` names what it is compared with.
fn row_json(row: &Row, peers: &[&str]) -> String {
    let samples =
        row.samples.iter().map(|side| json::array(side.iter().copied().map(json::number)));
    let ratios = (1..).zip(peers).map(|(peer, name)| {
        let Some(ratio) = row.ratio(peer) else { return "null".to_owned() };
        let verdict = row.verdict(peer).map(|verdict| json::string(verdict.text()));
        json::object([
            ("peer", json::string(name)),
            ("median", json::number(ratio.median)),
            ("low", json::number(ratio.low)),
            ("high", json::number(ratio.high)),
            ("coverage", json::number(ratio.coverage)),
            ("verdict", verdict.unwrap_or_else(|| "null".to_owned())),
        ])
    });
    let target = row.target.map_or_else(|| "null".to_owned(), json::number);
    json::object([
        ("figure", json::string(&row.figure)),
        ("detail", json::string(&row.detail)),
        ("quantity", json::string(row.quantity)),
        ("target", target),
        ("samples", json::array(samples)),
        ("ratios", json::array(ratios)),
    ])
}

/// The rows this benchmark is about, then the others, each as a table.
fn tables(out: &mut String, all: &[Row], what: &str, names: [&str; 2], peer: usize) {
    for (primary, title) in [(true, "Figures"), (false, "Secondary")] {
        let rows: Vec<_> = all.iter().filter(|row| row.primary == primary).collect();
        if !rows.is_empty() {
            _ = writeln!(out, "\n{title}: {what}\n");
            out.push_str(&aligned(&cells(&rows, names, peer)));
        }
    }
}

fn cells(rows: &[&Row], names: [&str; 2], peer: usize) -> Vec<Vec<String>> {
    let heads = ["figure", "", "quantity", names[0], names[1], "ratio"];
    let heads = heads.into_iter().chain(["90 % interval", "target", ""]);
    let mut cells = vec![heads.map(str::to_owned).collect()];
    for row in rows {
        let mut line = vec![row.figure.clone(), row.detail.clone(), row.quantity.to_owned()];
        for side in [0, peer] {
            let median = Estimate::of(&row.samples[side]).map(|e| significant(e.median));
            line.push(median.unwrap_or_default());
        }
        match row.ratio(peer) {
            Some(ratio) => {
                line.push(format!("{:.2}", ratio.median));
                let short = if ratio.is_rough() {
                    format!(" (only {:.0} %)", 100.0 * ratio.coverage)
                } else {
                    String::new()
                };
                line.push(format!("{:.2} to {:.2}{short}", ratio.low, ratio.high));
            }
            None => line.extend(["-".to_owned(), "-".to_owned()]),
        }
        line.push(row.target.map(|target| format!("<= {target:.2}")).unwrap_or_default());
        line.push(row.verdict(peer).map(Verdict::text).unwrap_or_default().to_owned());
        cells.push(line);
    }
    cells
}

/// Three significant digits, no exponent.
fn significant(value: f64) -> String {
    match value.abs() {
        size if size >= 99.95 => format!("{value:.0}"),
        size if size >= 9.995 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// Columns of equal width; numbers are right-aligned from the fourth to the sixth.
fn aligned(cells: &[Vec<String>]) -> String {
    let columns = cells.first().map_or(0, Vec::len);
    let width = |column: usize| cells.iter().map(|l| l[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut out = String::new();
    for line in cells {
        let mut text = String::new();
        for (column, (cell, width)) in line.iter().zip(&widths).enumerate() {
            _ = match column {
                3..=5 => write!(text, "{cell:>width$}  "),
                _ => write!(text, "{cell:<width$}  "),
            };
        }
        out.push_str(text.trim_end());
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(ours: &[f64], theirs: &[f64], target: Option<f64>) -> Row {
        Row {
            figure: "get".to_owned(),
            detail: "tcp, 50".to_owned(),
            quantity: "CPU, us a command",
            samples: vec![ours.to_vec(), theirs.to_vec()],
            target,
            primary: true,
        }
    }

    #[test]
    fn ratio_is_taken_pair_by_pair() {
        // The machine slowed down for both sides; the pairs still say one half.
        let row = row(&[1.0, 10.0, 2.0], &[2.0, 20.0, 4.0], None);
        assert!((row.ratio(1).unwrap().median - 0.5).abs() < 1e-9);
        assert_eq!(row.verdict(1), None);
    }

    #[test]
    fn verdict_knows_the_interval() {
        assert_eq!(row(&[0.5], &[1.0], Some(0.85)).verdict(1), Some(Verdict::MetByMedian));
        let theirs = [1.0; 5];
        let cases = [
            ([0.5, 0.6, 0.7, 0.8, 0.85], Verdict::Met),
            ([0.5, 0.6, 0.7, 0.8, 0.9], Verdict::MetByMedian),
            ([0.5, 0.6, 0.86, 0.9, 0.9], Verdict::NotMet),
        ];
        for (ours, verdict) in cases {
            assert_eq!(row(&ours, &theirs, Some(0.85)).verdict(1), Some(verdict));
        }
    }

    #[test]
    fn a_peer_that_used_nothing_gives_no_ratio() {
        assert_eq!(row(&[1.0], &[0.0], Some(1.0)).ratio(1), None);
    }

    #[test]
    fn table_and_json_hold_the_rows() {
        let report = Report {
            facts: vec![("machine", "a \"quoted\" one".to_owned())],
            servers: vec!["ours".to_owned(), "theirs".to_owned()],
            rows: vec![row(&[1.0; 5], &[2.0; 5], Some(0.85)), row(&[1.0; 2], &[2.0; 2], None)],
            php: vec![row(&[1.0; 5], &[4.0; 5], Some(0.45))],
        };
        let table = report.table();
        assert!(table.contains("0.50  0.50 to 0.50"), "{table}");
        assert!(table.contains("<= 0.85  met"), "{table}");
        assert!(table.contains("(only 50 %)"), "{table}");
        assert!(table.contains("Figures: whole PHP requests"), "{table}");
        assert!(table.contains("<= 0.45  met"), "{table}");
        let json = report.json();
        assert!(json.contains(r#""machine":"a \"quoted\" one""#), "{json}");
        assert!(json.contains(r#""samples":[[1,1,1,1,1],[2,2,2,2,2]]"#), "{json}");
        assert!(json.contains(r#""php":[{"figure":"get""#), "{json}");
    }
}
