//! guarda.so in a real PHP, on redis-server, and on guarda where `GUARDA_TEST_BINARY` names it.

#![allow(missing_docs, reason = "tests")]

mod adopt;
mod exactness;
mod failures;
mod functions;
mod phpredis;
mod process;
mod proxy;
mod rules;
mod session;
mod settings;
mod tls;
mod trips;
mod upload;
mod wrapped;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use guarda_php_build::{Options, build};
use guarda_testkit::server::{Program, Server, ServerSpec};

const ID: &str = "abcdef0123456789";
const KEY: &str = "PHPREDIS_SESSION:abcdef0123456789";

/// The extension, built once.
fn extension() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("php/core");
        let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join("php");
        build(&Options { root, release: false, out: &out }).expect("guarda.so builds")
    })
}

/// One run of `php`, with no configuration but what is given.
struct Php {
    command: Command,
}

impl Php {
    fn new(save_path: &str) -> Self {
        Self::bare("php", save_path)
            .ini("extension", &extension().display().to_string())
            .ini("session.save_handler", "guarda")
            .ini("output_buffering", "4096")
    }

    /// A program of PHP's without the extension.
    fn bare(program: &str, save_path: &str) -> Self {
        let mut command = Command::new(program);
        command.arg("-n").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Self { command }
            .ini("session.save_path", &format!("\"{save_path}\""))
            .ini("session.use_cookies", "0")
            .ini("session.cache_limiter", "")
            .ini("display_errors", "1")
            .ini("html_errors", "0")
            .ini("max_execution_time", "60")
    }

    fn ini(mut self, name: &str, value: &str) -> Self {
        self.command.arg("-d").arg(format!("{name}={value}"));
        self
    }

    fn handler(self, name: &str) -> Self {
        self.ini("session.save_handler", name)
    }

    fn spawn(mut self, code: &str) -> Child {
        self.command.arg("-r").arg(code).spawn().expect("php runs")
    }

    /// What it printed, warnings included, on one line.
    fn run(self, code: &str) -> String {
        finish(self.spawn(code))
    }
}

fn finish(child: Child) -> String {
    let output = child.wait_with_output().expect("php ends");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{:?}: {text}{errors}", output.status);
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

struct Fixture {
    server: Server,
}

impl Fixture {
    fn path(&self, query: &str) -> String {
        format!("tcp://127.0.0.1:{}?{query}", self.server.port())
    }

    fn php(&self) -> Php {
        Php::new(&self.path("timeout=2"))
    }

    fn raw(&self, command: &str) -> String {
        let args: Vec<&str> = command.split(' ').collect();
        let mut connection = self.server.connect().expect("connects");
        connection.call(&args).expect("an answer").to_string()
    }
}

impl Fixture {
    fn number(&self, command: &str) -> i64 {
        let answer = self.raw(command);
        answer
            .strip_prefix(':')
            .and_then(|text| text.parse().ok())
            .unwrap_or_else(|| panic!("{answer}"))
    }

    /// Sets a key to anything.
    fn set(&self, key: &str, value: &[u8]) {
        let mut connection = self.server.connect().expect("connects");
        connection.call(&[b"SET", key.as_bytes(), value]).expect("an answer");
    }

    /// The bytes of a key.
    fn get(&self, key: &str) -> Option<Vec<u8>> {
        let mut connection = self.server.connect().expect("connects");
        connection.call(&["GET", key]).expect("an answer").text().map(<[u8]>::to_vec)
    }

    /// Whether a key is there.
    fn has(&self, key: &str) -> bool {
        self.number(&format!("EXISTS {key}")) == 1
    }

    fn is_guarda(&self) -> bool {
        matches!(self.server.spec().program(), Program::Guarda(_))
    }
}

fn on_redis(test: impl Fn(&Fixture)) {
    test(&Fixture {
        server: Server::start(ServerSpec::new(Program::reference())).expect("starts"),
    });
}

/// How often `what` stands in `text`.
fn count(text: &str, what: &str) -> usize {
    text.matches(what).count()
}

fn on_every_server(test: impl Fn(&Fixture)) {
    let guarda = std::env::var_os("GUARDA_TEST_BINARY");
    let guarda = guarda.map(|path| Program::Guarda(path.into()));
    for program in std::iter::once(Program::reference()).chain(guarda) {
        let server = Server::start(ServerSpec::new(program)).expect("starts");
        test(&Fixture { server });
    }
}

/// A script that uses the session `ID`.
fn session(code: &str) -> String {
    format!("session_id('{ID}'); {code}")
}

const COUNT: &str =
    "session_start(); $_SESSION['n'] = ($_SESSION['n'] ?? 0) + 1; echo $_SESSION['n'];";
