//! The tests of PHP's clients, phpredis and Predis, and of what frameworks build on them.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use super::phpunit::{self, Tests, php};
use super::{HOST, Run, Suite};
use crate::php::said;
use crate::source::{self, Archive};

/// The tests of the phpredis that this distribution has.
pub(super) const PHPREDIS: Suite = Suite {
    name: "phpredis",
    client: "phpredis",
    passed_min: 170,
    prepare: |place| {
        let archives = Archive::of_package("php-redis")?;
        let source = source::fetch("php-redis", &archives, place)?;
        source::unpack(&source, &["*/tests/*.php"], &place.join("source"))?;
        prepare_phpredis(place)
    },
    command: |run| phpredis(run, &[]),
};

/// Those of Debian 13's phpredis, built for the PHP of this distribution.
pub(super) const PHPREDIS_6: Suite = Suite {
    name: "phpredis-6",
    client: "phpredis-6",
    passed_min: 170,
    prepare: |place| {
        let module = place.join(PHPREDIS_6_MODULE);
        if !module.is_file() {
            let source = source::fetch("php-redis", &[Archive::of_suite("trixie")?], place)?;
            let tree = place.join("source");
            source::unpack(&source, &[], &tree)?;
            for program in [Path::new("phpize"), &tree.join("configure"), Path::new("make")] {
                said(Command::new(program).current_dir(&tree))?;
            }
        }
        prepare_phpredis(place)
    },
    command: |run| {
        let module = run.place.join(PHPREDIS_6_MODULE);
        let module = module.to_str().context("the path of phpredis is not UTF-8")?;
        phpredis(run, &["-n", "-d", &format!("extension={module}"), "-d", "extension=posix"])
    },
};

/// Where its build leaves it.
const PHPREDIS_6_MODULE: &str = "source/modules/redis.so";

/// The tests of Debian 13's Predis, since the sources of Debian 12's are not kept everywhere.
pub(super) const PREDIS: Suite = Suite {
    name: "predis",
    client: "predis",
    passed_min: 750,
    prepare: |place| {
        let source = source::fetch("php-nrk-predis", &[Archive::of_suite("trixie")?], place)?;
        source::unpack(&source, &[], &place.join("source"))?;
        phpunit::prepare(place)
    },
    command: predis,
};

/// Symfony's caches, locks, semaphores and sessions, on phpredis and on Predis.
pub(super) const SYMFONY: Suite = Suite {
    name: "symfony",
    client: "symfony",
    passed_min: 600,
    prepare: |place| {
        let archives = Archive::of_package("php-symfony-http-foundation")?;
        let source = source::fetch("symfony", &archives, place)?;
        source::unpack(&source, &["*/src/Symfony/*"], &place.join("source"))?;
        prepare_framework(place)
    },
    command: symfony,
};

/// Laravel's connections, caches, queues and limits, on phpredis and on Predis.
pub(super) const LARAVEL: Suite = Suite {
    name: "laravel",
    client: "laravel",
    passed_min: 90,
    prepare: |place| {
        let archives = Archive::of_package("php-laravel-framework")?;
        let source = source::fetch("php-laravel-framework", &archives, place)?;
        source::unpack(&source, &["*/tests/*"], &place.join("source"))?;
        // Where the name of its classes says that it is.
        let classes = place.join("source/Illuminate");
        fs::create_dir(&classes).and_then(|()| symlink("../tests", classes.join("Tests")))?;
        prepare_framework(place)
    },
    command: laravel,
};

/// Tests of what is not there: a cluster, Redis Stack, another extension than phpredis.
const PREDIS_EXCLUDED: [&str; 5] =
    ["realm-stack", "ext-relay", "ext-curl", "ext-phpiredis", "cluster"];

/// Those that want a server, but for clusters and Sentinel.
const SYMFONY_TESTS: [&str; 21] = [
    "src/Symfony/Component/Cache/Tests/Adapter/PredisAdapterTest.php",
    "src/Symfony/Component/Cache/Tests/Adapter/PredisClusterAdapterTest.php",
    "src/Symfony/Component/Cache/Tests/Adapter/PredisTagAwareAdapterTest.php",
    "src/Symfony/Component/Cache/Tests/Adapter/PredisTagAwareClusterAdapterTest.php",
    "src/Symfony/Component/Cache/Tests/Adapter/ProxyAdapterAndRedisAdapterTest.php",
    "src/Symfony/Component/Cache/Tests/Adapter/RedisAdapterTest.php",
    "src/Symfony/Component/Cache/Tests/Adapter/RedisArrayAdapterTest.php",
    "src/Symfony/Component/Cache/Tests/Adapter/RedisTagAwareAdapterTest.php",
    "src/Symfony/Component/Cache/Tests/Adapter/RedisTagAwareArrayAdapterTest.php",
    "src/Symfony/Component/Cache/Tests/Traits/RedisTraitTest.php",
    "src/Symfony/Component/HttpFoundation/Tests/Session/Storage/Handler/PredisClusterSessionHandlerTest.php",
    "src/Symfony/Component/HttpFoundation/Tests/Session/Storage/Handler/PredisSessionHandlerTest.php",
    "src/Symfony/Component/HttpFoundation/Tests/Session/Storage/Handler/RedisArraySessionHandlerTest.php",
    "src/Symfony/Component/HttpFoundation/Tests/Session/Storage/Handler/RedisSessionHandlerTest.php",
    "src/Symfony/Component/Lock/Tests/Store/PredisStoreTest.php",
    "src/Symfony/Component/Lock/Tests/Store/RedisArrayStoreTest.php",
    "src/Symfony/Component/Lock/Tests/Store/RedisProxyStoreFactoryTest.php",
    "src/Symfony/Component/Lock/Tests/Store/RedisStoreTest.php",
    "src/Symfony/Component/Semaphore/Tests/Store/PredisStoreTest.php",
    "src/Symfony/Component/Semaphore/Tests/Store/RedisArrayStoreTest.php",
    "src/Symfony/Component/Semaphore/Tests/Store/RedisStoreTest.php",
];

/// Those that want a server, but for the ones that take a whole application.
const LARAVEL_TESTS: [&str; 6] = [
    "tests/Cache/RedisCacheIntegrationTest.php",
    "tests/Queue/RedisQueueIntegrationTest.php",
    "tests/Redis/ConcurrentLimiterTest.php",
    "tests/Redis/DurationLimiterTest.php",
    "tests/Redis/RedisConnectionTest.php",
    "tests/Redis/RedisConnectorTest.php",
];

fn prepare_phpredis(place: &Path) -> Result<()> {
    fs::write(place.join("phpredis.php"), include_str!("phpredis.php")).context("phpredis.php")
}

/// PHP with these options, which the processes that tests start have too.
fn phpredis(run: &Run<'_>, options: &[&str]) -> Result<Command> {
    let mut command = php()?;
    command.args(options);
    command.arg(run.place.join("phpredis.php")).arg(run.place.join("source/tests"));
    command.args([HOST, &run.port().to_string()]).args(run.skipped);
    // Without any, tests would start a PHP that loads a phpredis of their own build.
    command.env("TEST_PHP_ARGS", [&["-q"], options].concat().join(" "));
    Ok(command)
}

fn predis(run: &Run<'_>) -> Result<Command> {
    let port = run.port().to_string();
    let tests = Tests {
        places: &["tests/Predis"],
        included: &["connected"],
        excluded: &PREDIS_EXCLUDED,
        constants: &[
            ("REDIS_SERVER_HOST", HOST),
            ("REDIS_SERVER_PORT", &port),
            ("REDIS_SERVER_DBNUM", "0"),
        ],
        bootstrap: &run.place.join("source/tests/bootstrap.php"),
    };
    tests.command(run)
}

fn symfony(run: &Run<'_>) -> Result<Command> {
    let mut command = framework(run, &SYMFONY_TESTS, &["source/src"], &[])?;
    command.env("REDIS_HOST", format!("{HOST}:{}", run.port()));
    command.env("REDIS_SOCKET", run.server.socket_path());
    Ok(command)
}

fn laravel(run: &Run<'_>) -> Result<Command> {
    let loaded = ["Illuminate/Support/autoload.php", "Mockery/autoload.php"];
    let mut command = framework(run, &LARAVEL_TESTS, &["source"], &loaded)?;
    command.env("REDIS_HOST", HOST).env("REDIS_PORT", run.port().to_string());
    Ok(command)
}

/// A framework's tests, with the distribution's packages of all that is not in `roots`.
fn framework(run: &Run<'_>, places: &[&str], roots: &[&str], loaded: &[&str]) -> Result<Command> {
    let bootstrap = run.place.join("classes.php");
    let tests =
        Tests { places, included: &[], excluded: &[], constants: &[], bootstrap: &bootstrap };
    let mut command = tests.command(run)?;
    let roots = std::env::join_paths(roots.iter().map(|root| run.place.join(root)));
    command.env("SUITE_ROOTS", roots.context("a path has a colon")?);
    command.env("SUITE_LOADED", loaded.join(" "));
    Ok(command)
}

fn prepare_framework(place: &Path) -> Result<()> {
    fs::write(place.join("classes.php"), include_str!("classes.php")).context("classes.php")?;
    phpunit::prepare(place)
}
