//! What PHPUnit is told: which tests to run, on what, and how to report.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use guarda_farm::find_program;

use super::Run;

/// What a suite's tests are, and what they are run with.
pub(super) struct Tests<'a> {
    /// The files, and the directories of files, below the source.
    pub(super) places: &'a [&'a str],
    /// The groups that alone are run, if there are any.
    pub(super) included: &'a [&'a str],
    /// The groups that are not run.
    pub(super) excluded: &'a [&'a str],
    /// PHP's constants and their values.
    pub(super) constants: &'a [(&'a str, &'a str)],
    /// What finds the classes.
    pub(super) bootstrap: &'a Path,
}

/// Lays down what [`Tests::command`] has PHPUnit load.
pub(super) fn prepare(place: &Path) -> Result<()> {
    fs::write(place.join("phpunit.php"), include_str!("phpunit.php")).context("phpunit.php")
}

impl Tests<'_> {
    /// PHPUnit, in the directory of the source.
    pub(super) fn command(&self, run: &Run<'_>) -> Result<Command> {
        let configuration = run.scratch.join("phpunit.xml");
        fs::write(&configuration, self.configuration(run.place))
            .with_context(|| format!("{}", configuration.display()))?;
        let mut command = php()?;
        command.args(["-d", "memory_limit=1G"]);
        command.arg(find_program(&["phpunit"]).context("phpunit is not installed")?);
        command.arg("--configuration").arg(configuration);
        command.args(["--do-not-cache-result", "--filter"]).arg(filter(run.skipped));
        command.env("SUITE_BOOTSTRAP", self.bootstrap).current_dir(run.place.join("source"));
        Ok(command)
    }

    fn configuration(&self, place: &Path) -> String {
        let place = place.display();
        let all = |element: &str, values: &[&str]| -> String {
            values.iter().map(|value| format!("<{element}>{value}</{element}>")).collect()
        };
        let place_of = |path: &&str| {
            let element = if Path::new(path).extension().is_some() { "file" } else { "directory" };
            all(element, &[&format!("{place}/source/{path}")])
        };
        let tests: String = self.places.iter().map(place_of).collect();
        let groups: String = [("include", self.included), ("exclude", self.excluded)]
            .iter()
            .filter(|(_, groups)| !groups.is_empty())
            .map(|(element, groups)| all(element, &[&all("group", groups)]))
            .collect();
        let constant =
            |(name, value): &(&str, &str)| format!(r#"<const name="{name}" value="{value}"/>"#);
        let constants: String = self.constants.iter().map(constant).collect();
        format!(
            r#"<phpunit bootstrap="{place}/phpunit.php" beStrictAboutTestsThatDoNotTestAnything="false">
  <testsuites><testsuite name="suite">{tests}</testsuite></testsuites>
  <groups>{groups}</groups>
  <extensions><extension class="SuiteReport"/></extensions>
  <php>{constants}</php>
</phpunit>
"#
        )
    }
}

pub(super) fn php() -> Result<Command> {
    Ok(Command::new(find_program(&["php"]).context("php is not installed")?))
}

/// A pattern that all tests match but these.
fn filter(skipped: &[&str]) -> String {
    if skipped.is_empty() {
        return "/./".to_owned();
    }
    let names: Vec<String> = skipped.iter().map(|test| literal(test)).collect();
    format!("/^(?!({})$)/", names.join("|"))
}

/// The pattern that a text alone matches.
fn literal(text: &str) -> String {
    let mut pattern = String::new();
    for character in text.chars() {
        if character.is_ascii_punctuation() {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_filter_leaves_out_what_is_skipped() {
        assert_eq!(filter(&[]), "/./");
        let skipped = [r"A\B::one", "two (x)"];
        assert_eq!(filter(&skipped), r"/^(?!(A\\B\:\:one|two \(x\))$)/");
    }

    #[test]
    fn the_configuration_names_files_directories_and_groups() {
        let tests = Tests {
            places: &["one/ATest.php", "two"],
            included: &["connected"],
            excluded: &["cluster", "slow"],
            constants: &[("HOST", "127.0.0.1")],
            bootstrap: Path::new("bootstrap.php"),
        };
        let text = tests.configuration(Path::new("/p"));
        for part in [
            "<file>/p/source/one/ATest.php</file><directory>/p/source/two</directory>",
            "<include><group>connected</group></include>",
            "<exclude><group>cluster</group><group>slow</group></exclude>",
            r#"<const name="HOST" value="127.0.0.1"/>"#,
        ] {
            assert!(text.contains(part), "{part} is not in {text}");
        }
        let all = Tests { included: &[], excluded: &[], ..tests };
        assert!(all.configuration(Path::new("/p")).contains("<groups></groups>"));
    }
}
