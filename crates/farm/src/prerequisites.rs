//! Which programs of the distribution are needed, what for, and which of them are missing.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Result, bail};

use crate::install::{System, install_command};
use crate::process::find_program;

/// The autoloader of Debian's package, in PHP's include_path.
const SYMFONY: &[&str] = &["Symfony/Component/HttpFoundation/autoload.php"];
/// Files of Debian's packages that the tests of frameworks use.
const FRAMEWORKS: &[&str] = &[
    "Illuminate/Support/autoload.php",
    "Mockery/autoload.php",
    "Cache/IntegrationTests/autoload.php",
    "Predis/Autoloader.php",
    "Psr/Log/autoload.php",
];

/// A set of programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// What a farm runs on.
    Farm,
    /// The server that guarda is compared with.
    Peer,
    /// What building guarda takes besides Rust and its linker.
    Build,
    /// What building guarda.so takes besides.
    Extension,
    /// What `cargo xtask test` takes: the farm, the build, and the peers that tests compare with.
    Tests,
    /// What `--matrix` takes besides.
    Matrix,
    /// What the run under valgrind takes.
    Valgrind,
    /// What Redis's own tests take.
    RedisSuite,
    /// What its clients' tests take.
    ClientSuites,
}

impl Need {
    /// The tools of the set.
    pub fn tools(self) -> &'static [Tool] {
        match self {
            Self::Farm => {
                &[Tool::PhpFpm, Tool::PhpCli, Tool::Phpredis, Tool::Nginx, Tool::RedisCli]
            }
            Self::Peer => &[Tool::RedisServer],
            Self::Build => &[Tool::CCompiler, Tool::Make],
            Self::Matrix => &[Tool::Debootstrap],
            Self::Valgrind => &[Tool::Valgrind],
            Self::RedisSuite => &[Tool::CCompiler, Tool::Make, Tool::RedisCli, Tool::Tcl],
            Self::ClientSuites => &[
                Tool::CCompiler,
                Tool::Make,
                Tool::PhpFpm,
                Tool::PhpCli,
                Tool::PhpHeaders,
                Tool::Phpredis,
                Tool::PhpUnit,
                Tool::Symfony,
                Tool::Frameworks,
                Tool::Ip,
                Tool::Python,
                Tool::Xz,
                Tool::RedisServer,
            ],
            Self::Extension => &[Tool::CCompiler, Tool::PhpHeaders],
            Self::Tests => &[
                Tool::CCompiler,
                Tool::Make,
                Tool::CxxCompiler,
                Tool::PhpFpm,
                Tool::PhpCli,
                Tool::PhpHeaders,
                Tool::PhpCgi,
                Tool::Xz,
                Tool::Phpredis,
                Tool::Symfony,
                Tool::Nginx,
                Tool::RedisCli,
                Tool::RedisServer,
            ],
        }
    }
}

/// A program of the distribution, or a module of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tool {
    /// The web servers' PHP.
    PhpFpm,
    /// PHP's command line.
    PhpCli,
    /// PHP's headers.
    PhpHeaders,
    /// PHP's CGI program.
    PhpCgi,
    /// Unpacks PHP's source.
    Xz,
    /// Lays out another Debian.
    Debootstrap,
    /// Looks for errors and leaks of memory.
    Valgrind,
    /// phpredis, loaded by both.
    Phpredis,
    /// Symfony's HttpFoundation, whose sessions tests run.
    Symfony,
    /// Laravel, Predis, and what the tests of Laravel and Symfony stand on.
    Frameworks,
    /// The balancer.
    Nginx,
    /// redis-cli, redis-check-aof and redis-check-rdb.
    RedisCli,
    /// The server that tests compare with.
    RedisServer,
    /// Runs Redis's own tests.
    Tcl,
    /// Runs Predis's tests.
    PhpUnit,
    /// Runs redis-py's tests, in an environment of their own.
    Python,
    /// Brings loopback up in a network namespace.
    Ip,
    /// A C compiler.
    CCompiler,
    /// make.
    Make,
    /// A C++ compiler.
    CxxCompiler,
}

/// One line of the table of tools.
struct Row {
    purpose: &'static str,
    programs: &'static [&'static str],
    debian: &'static str,
    el: &'static str,
    /// The system service that the package brings, which must not run because of us.
    service: Option<&'static str>,
}

impl Tool {
    fn row(self) -> Row {
        // The newest PHP first: a machine may have several, and the unversioned name is EL's.
        const FPM: &[&str] =
            &["php-fpm8.4", "php-fpm8.3", "php-fpm8.2", "php-fpm8.1", "php-fpm7.4", "php-fpm"];
        let (purpose, programs, debian, el, service): (_, &[&str], _, _, _) = match self {
            Self::PhpFpm => {
                ("runs PHP for the two web servers", FPM, "php-fpm", "php-fpm", Some("php-fpm"))
            }
            Self::PhpCli => (
                "checks PHP's configuration from the command line",
                &["php"],
                "php-cli",
                "php-cli",
                None,
            ),
            Self::PhpHeaders => {
                ("builds the PHP extension", &["php-config"], "php-dev", "php-devel", None)
            }
            Self::Valgrind => (
                "looks for errors and leaks of memory",
                &["valgrind"],
                "valgrind",
                "valgrind",
                None,
            ),
            Self::Tcl => ("runs Redis's own tests", &["tclsh"], "tcl", "tcl", None),
            Self::PhpUnit => ("runs Predis's tests", &["phpunit"], "phpunit", "phpunit9", None),
            Self::Python => {
                ("runs redis-py's tests", &["python3"], "python3 python3-venv", "python3", None)
            }
            Self::Debootstrap => (
                "lays out another Debian, with its PHP and servers",
                &["debootstrap"],
                "debootstrap",
                "debootstrap",
                None,
            ),
            Self::PhpCgi => {
                ("runs php-src's tests of requests", &["php-cgi"], "php-cgi", "php-cli", None)
            }
            Self::Xz => ("unpacks PHP's source with its tests", &["xz"], "xz-utils", "xz", None),
            Self::Phpredis => ("PHP's client of the store", &[], "php-redis", "php-redis", None),
            Self::Symfony => (
                "a framework whose own session layer runs on top of the handlers",
                &[],
                "php-symfony-http-foundation",
                "php-symfony6-http-foundation",
                None,
            ),
            Self::Frameworks => (
                "Laravel and Predis, and what the tests of Laravel and Symfony stand on",
                &[],
                "php-laravel-framework php-predis php-mockery php-cache-integration-tests php-psr-log",
                // It has none of them; the tests themselves come from Debian's sources.
                "",
                None,
            ),
            Self::Ip => {
                ("brings loopback up in a network namespace", &["ip"], "iproute2", "iproute", None)
            }
            Self::Nginx => {
                ("balances between the web servers", &["nginx"], "nginx", "nginx", Some("nginx"))
            }
            Self::RedisCli => (
                "looks inside the store and checks its files",
                &["redis-cli"],
                "redis-tools",
                "redis",
                None,
            ),
            Self::RedisServer => (
                "the server that replies are compared with",
                &["redis-server"],
                "redis-server",
                "redis",
                Some("redis-server"),
            ),
            Self::CCompiler => (
                "builds Lua and the allocator",
                &["cc", "gcc", "clang"],
                "gcc libc6-dev",
                "gcc",
                None,
            ),
            Self::Make => ("builds the allocator", &["make", "gmake"], "make", "make", None),
            Self::CxxCompiler => {
                ("builds the fuzzer's engine", &["c++", "g++", "clang++"], "g++", "gcc-c++", None)
            }
        };
        Row { purpose, programs, debian, el, service }
    }

    /// What the tool is for, in half a sentence.
    pub fn purpose(self) -> &'static str {
        self.row().purpose
    }

    /// Where the program is.
    pub fn find(self) -> Option<PathBuf> {
        find_program(self.row().programs)
    }

    /// The packages that bring it, separated by spaces.
    pub(crate) fn packages(self, system: System) -> &'static str {
        match system {
            System::Debian => self.row().debian,
            System::El => self.row().el,
        }
    }

    /// The system service that comes with its package.
    pub(crate) fn service(self) -> Option<&'static str> {
        self.row().service
    }

    fn is_present(self) -> bool {
        match self {
            Self::Phpredis => [Self::PhpFpm, Self::PhpCli].into_iter().all(Self::loads_phpredis),
            Self::Symfony => Self::php_loads(SYMFONY),
            Self::Frameworks => Self::php_loads(FRAMEWORKS),
            Self::Python => Self::makes_environments(),
            _ => self.find().is_some(),
        }
    }

    /// Whether PHP finds these files in its include_path and can load them.
    fn php_loads(files: &[&str]) -> bool {
        let Some(php) = Self::PhpCli.find() else { return false };
        let code: String = files.iter().map(|file| format!("require '{file}';")).collect();
        let mut look = Command::new(php);
        look.args(["-r", &code]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        look.status().is_ok_and(|status| status.success())
    }

    /// Whether Python can lay out an environment, for which Debian has a package of its own.
    fn makes_environments() -> bool {
        let Some(python) = Self::Python.find() else { return false };
        let mut look = Command::new(python);
        look.args(["-c", "import ensurepip, venv"]);
        look.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        look.status().is_ok_and(|status| status.success())
    }

    fn loads_phpredis(self) -> bool {
        let Some(php) = self.find() else { return false };
        let modules = Command::new(php).arg("-m").stdin(Stdio::null()).output();
        modules
            .is_ok_and(|output| output.stdout.split(|byte| *byte == b'\n').any(|m| m == b"redis"))
    }
}

/// The tools of these sets that this machine does not have, each once.
pub fn missing(needs: &[Need]) -> Vec<Tool> {
    let mut absent = Vec::new();
    for tool in needs.iter().flat_map(|need| need.tools()) {
        if !absent.contains(tool) && !tool.is_present() {
            absent.push(*tool);
        }
    }
    absent
}

/// Checks that these sets are there, and changes nothing.
///
/// # Errors
///
/// Names each missing tool and the command that installs them.
pub fn require(needs: &[Need]) -> Result<()> {
    let missing = missing(needs);
    if missing.is_empty() {
        return Ok(());
    }
    let list: Vec<String> =
        missing.iter().map(|tool| format!("{tool:?} ({})", tool.purpose())).collect();
    let advice = match System::detect() {
        Some(system) => format!("install them with:\n  {}", install_command(system, &missing)),
        None => "install them with this system's package tool".to_owned(),
    };
    bail!("missing on this machine: {}; {advice}", list.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tests_need_whatever_anything_else_needs() {
        for part in [Need::Farm, Need::Peer, Need::Build, Need::Extension] {
            for tool in part.tools() {
                assert!(Need::Tests.tools().contains(tool), "{tool:?}");
            }
        }
    }

    #[test]
    fn phpredis_comes_after_the_php_that_loads_it() {
        let place = |wanted| Need::Farm.tools().iter().position(|tool| *tool == wanted);
        assert!(place(Tool::PhpFpm) < place(Tool::Phpredis));
    }
}
