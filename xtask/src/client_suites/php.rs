//! The tests of PHP's clients: phpredis and Predis.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use guarda_farm::find_program;

use super::{HOST, Run, Suite};
use crate::source::{self, Archive};

/// The tests of the phpredis that this distribution has.
pub(super) const PHPREDIS: Suite = Suite {
    name: "phpredis",
    client: "phpredis",
    prepare: |place| {
        let archives = Archive::of_package("php-redis")?;
        let source = source::fetch("php-redis", &archives, place)?;
        source::unpack(&source, &["*/tests/*.php"], &place.join("source"))?;
        fs::write(place.join("phpredis.php"), include_str!("phpredis.php")).context("phpredis.php")
    },
    command: phpredis,
};

/// The tests of Debian 13's Predis, since the sources of Debian 12's are not kept everywhere.
pub(super) const PREDIS: Suite = Suite {
    name: "predis",
    client: "predis",
    prepare: |place| {
        let source = source::fetch("php-nrk-predis", &[Archive::of_suite("trixie")?], place)?;
        source::unpack(&source, &[], &place.join("source"))?;
        fs::write(place.join("phpunit.php"), include_str!("phpunit.php")).context("phpunit.php")
    },
    command: predis,
};

/// Tests of what is not there: a cluster, Redis Stack, another extension than phpredis.
const PREDIS_EXCLUDED: [&str; 5] =
    ["realm-stack", "ext-relay", "ext-curl", "ext-phpiredis", "cluster"];

fn php() -> Result<Command> {
    Ok(Command::new(find_program(&["php"]).context("php is not installed")?))
}

fn phpredis(run: &Run<'_>) -> Result<Command> {
    let mut command = php()?;
    command.arg(run.place.join("phpredis.php")).arg(run.place.join("source/tests"));
    command.args([HOST, &run.port.to_string()]).args(run.skipped);
    // The tests' own processes are to run as this one does, with the modules of the distribution.
    command.env("TEST_PHP_ARGS", "-q");
    Ok(command)
}

fn predis(run: &Run<'_>) -> Result<Command> {
    let source = run.place.join("source");
    let configuration = run.scratch.join("phpunit.xml");
    fs::write(&configuration, predis_configuration(run.place, run.port))
        .with_context(|| format!("{}", configuration.display()))?;
    let mut command = php()?;
    command.args(["-d", "memory_limit=1G"]);
    command.arg(find_program(&["phpunit"]).context("phpunit is not installed")?);
    command.arg("--configuration").arg(configuration).args(["--do-not-cache-result", "--filter"]);
    command.arg(filter(run.skipped));
    command.env("SUITE_BOOTSTRAP", source.join("tests/bootstrap.php")).current_dir(source);
    Ok(command)
}

/// PHPUnit's configuration: the tests that need a server.
fn predis_configuration(place: &Path, port: u16) -> String {
    let place = place.display();
    let excluded: String =
        PREDIS_EXCLUDED.iter().map(|group| format!("<group>{group}</group>")).collect();
    format!(
        r#"<phpunit bootstrap="{place}/phpunit.php">
  <testsuites><testsuite name="predis"><directory>{place}/source/tests/Predis</directory></testsuite></testsuites>
  <groups><include><group>connected</group></include><exclude>{excluded}</exclude></groups>
  <extensions><extension class="SuiteReport"/></extensions>
  <php>
    <const name="REDIS_SERVER_HOST" value="{HOST}"/>
    <const name="REDIS_SERVER_PORT" value="{port}"/>
    <const name="REDIS_SERVER_DBNUM" value="0"/>
    <env name="USE_RELAY" value="false"/>
  </php>
</phpunit>
"#
    )
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
}
