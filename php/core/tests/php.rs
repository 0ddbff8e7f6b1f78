//! guarda.so in a real PHP, on redis-server, and on guarda where `GUARDA_TEST_BINARY` names it.

#![allow(missing_docs, reason = "tests")]

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
        let mut command = Command::new("php");
        command.arg("-n").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let php = Self { command };
        php.ini("extension", &extension().display().to_string())
            .ini("session.use_cookies", "0")
            .ini("session.cache_limiter", "")
            .ini("session.save_handler", "guarda")
            .ini("session.save_path", &format!("\"{save_path}\""))
            .ini("display_errors", "1")
            .ini("html_errors", "0")
            .ini("output_buffering", "4096")
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

#[test]
fn a_counter_counts_over_processes() {
    on_every_server(|at| {
        for handler in ["guarda", "redis"] {
            at.raw("FLUSHALL");
            for expected in ["1", "2", "3"] {
                assert_eq!(at.php().handler(handler).run(&session(COUNT)), expected, "{handler}");
            }
            assert!(at.raw(&format!("GET {KEY}")).contains("n|i:3;"));
            assert!(at.raw(&format!("EXISTS {KEY}_LOCK")).contains('0'));
        }
    });
}

#[test]
fn an_unchanged_session_lives_on() {
    on_every_server(|at| {
        at.php().run(&session(COUNT));
        at.raw(&format!("EXPIRE {KEY} 100"));
        assert_eq!(at.php().run(&session("session_start(); echo $_SESSION['n'];")), "1");
        let ttl = at.raw(&format!("TTL {KEY}"));
        assert!(ttl.contains("144") || ttl.contains("143"), "{ttl}");
        assert!(at.raw(&format!("EXISTS {KEY}_LOCK")).contains('0'));
    });
}

#[test]
fn strict_mode_refuses_ids_that_do_not_exist() {
    on_every_server(|at| {
        let strict = || at.php().ini("session.use_strict_mode", "1");
        let id = strict().run(&session("session_start(); $_SESSION['x'] = 1; echo session_id();"));
        assert_ne!(id, ID);
        assert!(at.raw(&format!("EXISTS {KEY} {KEY}_LOCK")).contains('0'));
        let again =
            format!("session_id('{id}'); session_start(); echo session_id(), $_SESSION['x'];");
        assert_eq!(strict().run(&again), format!("{id}1"));
    });
}

#[test]
fn ids_that_are_none_of_ours_address_nothing() {
    on_every_server(|at| {
        at.raw(&format!("SET {KEY}_LOCK precious"));
        let code = format!("session_id('{ID}_LOCK'); var_dump(session_start());");
        let said = at.php().run(&code);
        assert!(said.ends_with("bool(false)") && said.contains("characters"), "{said}");
        assert!(at.raw(&format!("GET {KEY}_LOCK")).contains("precious"));
    });
}

#[test]
fn regenerate_moves_the_session() {
    on_every_server(|at| {
        for (delete, old) in [("true", '0'), ("false", '1')] {
            at.raw("FLUSHALL");
            let code = format!(
                "{COUNT} var_dump(session_regenerate_id({delete})); $_SESSION['m'] = 5; \
                 session_write_close(); session_start(); \
                 echo $_SESSION['n'], $_SESSION['m'], session_id() === '{ID}' ? 'same' : 'new';"
            );
            assert_eq!(at.php().run(&session(&code)), "1bool(true) 15new");
            assert!(at.raw(&format!("EXISTS {KEY}")).contains(old));
            assert!(!at.raw("KEYS *").contains("_LOCK"));
        }
    });
}

#[test]
fn a_late_writer_does_not_bring_a_destroyed_session_back() {
    on_every_server(|at| {
        at.php().run(&session(COUNT));
        // Both requests in one script, so that the order is certain: the late one forks off, waits
        // for the logout, and writes.
        let code = "session_start(); $_SESSION['late'] = 1; $pid = pcntl_fork(); \
             if ($pid === 0) { exit; } pcntl_waitpid($pid, $status); \
             passthru(getenv('LOGOUT')); session_write_close();";
        let logout = at.path("timeout=2");
        let script = format!(
            "{} -n -d extension={} -d session.use_cookies=0 -d session.save_handler=guarda \
             -d session.save_path='\"{logout}\"' -d guarda.mode=unlocked \
             -r \"session_id('{ID}'); session_start(); var_dump(session_destroy());\"",
            "php",
            extension().display()
        );
        for mode in ["unlocked", "lock"] {
            at.raw("FLUSHALL");
            at.php().run(&session(COUNT));
            let mut php = at.php().ini("guarda.mode", mode);
            php.command.env("LOGOUT", &script);
            let said = php.run(&session(code));
            assert!(said.contains("bool(true)") && said.contains("destroyed meanwhile"), "{said}");
            assert!(at.raw(&format!("EXISTS {KEY} {KEY}_LOCK")).contains('0'), "{mode}");
        }
    });
}

#[test]
fn reset_with_locking_does_not_wait_for_itself() {
    on_every_server(|at| {
        at.php().run(&session(COUNT));
        let code = "session_start(); $_SESSION['n'] = 99; var_dump(session_reset()); \
                    echo $_SESSION['n']; $_SESSION['n'] = 7;";
        let php = at.php().ini("guarda.lock_wait", "3");
        assert_eq!(php.run(&session(code)), "bool(true) 1");
        assert!(at.raw(&format!("GET {KEY}")).contains("i:7;"));
        assert!(at.raw(&format!("EXISTS {KEY}_LOCK")).contains('0'));
    });
}

#[test]
fn a_lost_lock_is_noticed_and_nothing_is_overwritten() {
    on_every_server(|at| {
        at.php().run(&session(COUNT));
        let code = format!(
            "session_start(); $_SESSION['mine'] = 1; \
             $s = stream_socket_client('tcp://127.0.0.1:{}'); \
             fwrite($s, \"SET {KEY}_LOCK other\\r\\nSET {KEY} n|i:50;\\r\\n\"); fgets($s); fgets($s);",
            at.server.port()
        );
        let said = at.php().run(&session(&code));
        assert!(said.contains("not stored") && said.contains("lock_ttl"), "{said}");
        assert!(at.raw(&format!("GET {KEY}")).contains("n|i:50;"));
        assert!(at.raw(&format!("GET {KEY}_LOCK")).contains("other"));
    });
}

#[test]
fn a_held_lock_fails_or_reads_only() {
    on_every_server(|at| {
        at.php().run(&session(COUNT));
        at.raw(&format!("SET {KEY}_LOCK host|1 EX 100"));
        let php = || at.php().ini("guarda.lock_wait", "0.1");
        let said = php().run(&session("var_dump(session_start());"));
        assert!(said.ends_with("bool(false)") && said.contains("another request"), "{said}");
        let said = php().ini("guarda.on_lock_timeout", "readonly").run(&session(COUNT));
        assert!(said.starts_with('2') && said.contains("read-only"), "{said}");
        let code = "session_start(['read_and_close' => true]); echo $_SESSION['n'];";
        assert_eq!(php().run(&session(code)), "1", "read_and_close takes no lock");
        assert!(at.raw(&format!("GET {KEY}")).contains("n|i:1;"));
    });
}

#[test]
fn data_that_cannot_be_decoded_stays() {
    on_every_server(|at| {
        at.raw(&format!("SET {KEY} corrupt EX 1000"));
        let said = at.php().run(&session("session_start(); $_SESSION['x'] = 1;"));
        assert!(said.contains("keeps it"), "{said}");
        assert!(at.raw(&format!("GET {KEY}")).contains("corrupt"));
        assert!(at.raw(&format!("EXISTS {KEY}_LOCK {KEY}_GONE")).contains('0'));
    });
}

#[test]
fn memory_limit_during_read_does_not_wipe_the_session() {
    on_every_server(|at| {
        let fill = "session_start(); $_SESSION['x'] = str_repeat('x', 8 << 20);";
        at.php().ini("memory_limit", "64M").run(&session(fill));
        let before = at.raw(&format!("STRLEN {KEY}"));
        let child = at.php().ini("memory_limit", "6M").spawn(&session("session_start();"));
        // PHP ends with an error, or by its hard limit: how does not matter here.
        drop(child.wait_with_output().expect("php ends"));
        assert_eq!(at.raw(&format!("STRLEN {KEY}")), before);
    });
}

#[test]
fn the_server_down_is_said_at_once_and_without_the_password() {
    let secret = Path::new(env!("CARGO_TARGET_TMPDIR")).join("auth_file");
    fs::write(&secret, "hunter2\n").expect("writes");
    // The listener keeps the port from being taken, and is closed at once by every client.
    let port = {
        let free = std::net::TcpListener::bind("127.0.0.1:0").expect("binds");
        free.local_addr().expect("bound").port()
    };
    let path = format!("tcp://127.0.0.1:{port}?auth_file={}", secret.display());
    let code = "$t = microtime(true); var_dump(session_start()); \
                echo microtime(true) - $t < 3 ? 'quick' : 'slow';";
    for strict in ["0", "1"] {
        let said = Php::new(&path).ini("session.use_strict_mode", strict).run(&session(code));
        assert!(said.ends_with("bool(false) quick"), "{said}");
        assert!(said.contains(&format!("cannot connect to 127.0.0.1:{port}")), "{said}");
        assert!(!said.contains("hunter2"), "{said}");
    }
}

#[test]
fn a_password_from_a_file_opens_the_server() {
    let secret = Path::new(env!("CARGO_TARGET_TMPDIR")).join("good_auth_file");
    fs::write(&secret, "s3cret\n").expect("writes");
    let spec = ServerSpec::new(Program::reference()).with_password("s3cret");
    let server = Server::start(spec).expect("starts");
    let base = format!("tcp://127.0.0.1:{}", server.port());
    let good = format!("{base}?auth_file={}", secret.display());
    assert_eq!(Php::new(&good).run(&session(COUNT)), "1");
    let url = format!("redis://:s3cret@127.0.0.1:{}/1", server.port());
    assert_eq!(Php::new(&url).run(&session(COUNT)), "1", "another database");
    let said = Php::new(&base).run(&session("var_dump(session_start());"));
    assert!(said.contains("NOAUTH") && said.ends_with("bool(false)"), "{said}");
}

#[test]
fn both_extensions_in_either_order() {
    let server = Server::start(ServerSpec::new(Program::reference())).expect("starts");
    let at = Fixture { server };
    let own = extension().display().to_string();
    for order in [["redis", &own], [&own, "redis"]] {
        let mut php = at.php();
        php.command = Command::new("php");
        php.command.arg("-n").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut php = php.ini("extension", "igbinary");
        for extension in order {
            php = php.ini("extension", extension);
        }
        for handler in ["guarda", "redis"] {
            at.raw("FLUSHALL");
            let mut run = Command::new("php");
            run.args(php.command.get_args());
            run.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
            let run = Php { command: run }
                .ini("session.use_cookies", "0")
                .ini("session.cache_limiter", "")
                .ini("display_errors", "1")
                .ini("session.save_path", &format!("\"{}\"", at.path("timeout=2")))
                .handler(handler)
                .ini("redis.session.locking_enabled", "1");
            let code = format!("{COUNT} echo class_exists('Redis') ? 'phpredis' : 'alone';");
            assert_eq!(run.run(&session(&code)), "1phpredis", "{order:?} {handler}");
            assert!(at.raw(&format!("GET {KEY}")).contains("n|i:1;"));
        }
    }
}

#[test]
fn eight_processes_lose_no_update() {
    on_every_server(|at| {
        let loops = "for ($i = 0; $i < 25; $i++) { \
             session_start() or exit(1); $_SESSION['n'] = ($_SESSION['n'] ?? 0) + 1; \
             session_write_close(); }";
        let children: Vec<Child> = (0..8).map(|_| at.php().spawn(&session(loops))).collect();
        for child in children {
            assert_eq!(finish(child), "");
        }
        assert!(at.raw(&format!("GET {KEY}")).contains("n|i:200;"));
    });
}

#[test]
fn a_child_process_leaves_the_session_of_its_parent_alone() {
    on_every_server(|at| {
        let code = format!(
            "{COUNT} $pid = pcntl_fork(); if ($pid === 0) {{ $_SESSION['n'] = 77; exit; }} \
             pcntl_waitpid($pid, $status); $_SESSION['n'] = 5;"
        );
        // Both processes print what stood in the buffer when they parted: nothing, without one.
        let said = at.php().ini("output_buffering", "0").run(&session(&code));
        assert_eq!(said, "1");
        assert!(at.raw(&format!("GET {KEY}")).contains("n|i:5;"));
    });
}

#[test]
fn empty_sessions_are_not_stored_unless_strict() {
    on_every_server(|at| {
        assert_eq!(at.php().run(&session("session_start();")), "");
        assert!(at.raw("DBSIZE").contains('0'));
        let strict = at.php().ini("session.use_strict_mode", "1");
        let id = strict.run("session_start(); echo session_id();");
        let ttl = at.raw(&format!("TTL PHPREDIS_SESSION:{id}"));
        assert!(ttl.contains("300") || ttl.contains("299"), "{ttl}");
    });
}

#[test]
fn a_class_that_forwards_works() {
    on_every_server(|at| {
        let code = format!(
            "class H extends SessionHandler {{}} session_set_save_handler(new H, true); {COUNT} \
             session_write_close(); session_start(); echo $_SESSION['n']; session_destroy(); \
             var_dump(session_gc() ?: 0);"
        );
        let said = at.php().run(&session(&code));
        assert!(said.starts_with("11"), "{said}");
        assert!(at.raw(&format!("EXISTS {KEY} {KEY}_LOCK")).contains('0'));
        assert!(at.raw(&format!("EXISTS {KEY}_GONE")).contains('1'));
    });
}
