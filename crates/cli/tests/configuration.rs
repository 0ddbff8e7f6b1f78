//! redis.conf and the command line, in effect: what the server does with them, and what it refuses.

#![allow(clippy::unwrap_used, reason = "clippy exempts tests, but not their helpers")]

mod support;

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::Stdio;

use guarda_testkit::connection::{Connection, Endpoint};
use guarda_testkit::deadline::{await_some, await_true};
use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use support::{
    Launch, SOON, call, count, free_port, info, launch, names, refused, run, scratch, start, text,
};

const PASSWORD: &str = "correct-horse-battery";

fn open(port: u16) -> Connection {
    Connection::open(&Endpoint::Tcp(port)).unwrap()
}

/// This machine's own address on a real network, if it has one: connecting a datagram socket
/// chooses it and sends nothing.
fn outside_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    socket.connect("198.51.100.1:9").ok()?;
    Some(socket.local_addr().ok()?.ip()).filter(|ip| !ip.is_loopback() && !ip.is_unspecified())
}

/// The first line a server says to a client from `address`, after a PING.
fn first_line(address: IpAddr, port: u16) -> String {
    let mut stream = TcpStream::connect(SocketAddr::new(address, port)).unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    // A refused client may find the connection closed already.
    let _ = stream.write_all(b"PING\r\n");
    let mut line = Vec::new();
    let mut byte = [0];
    while !line.ends_with(b"\r\n") && matches!(stream.read(&mut byte), Ok(1)) {
        line.push(byte[0]);
    }
    String::from_utf8(line).unwrap()
}

// Files ------------------------------------------------------------------------------------------

#[test]
fn debians_own_redis_conf_starts() {
    let stock = Path::new("/etc/redis/redis.conf");
    assert!(stock.exists(), "the tests need Debian's redis-server; `cargo xtask test` installs it");
    let dir = scratch();
    // Debian lets only redis read it; the text is what counts.
    fs::copy(stock, dir.join("redis.conf")).unwrap();
    let port = free_port();
    let (at, port_text) = (dir.display().to_string(), port.to_string());
    let args = [
        "redis.conf",
        "--port",
        &port_text,
        "--dir",
        &at,
        "--daemonize",
        "no",
        "--logfile",
        "",
        "--pidfile",
        "server.pid",
    ];
    let launch = Launch::start(dir, &args);
    let mut client = open(port);
    assert_eq!(call(&mut client, "SET k v"), "OK");
    assert_eq!(
        call(&mut client, "CONFIG GET maxmemory-policy"),
        r#"["maxmemory-policy", "noeviction"]"#
    );
    // A directive that means nothing here is worth one line, not two.
    let output = launch.output();
    let warnings: Vec<&str> =
        output.lines().filter_map(|line| Some(line.split_once("WARN")?.1.trim())).collect();
    assert!(!warnings.is_empty(), "{output}");
    for (n, warning) in warnings.iter().enumerate() {
        assert!(!warnings[..n].contains(warning), "twice: {warning}");
    }
    assert!(output.contains("`appendonly no`"), "{output}");
}

#[test]
fn the_tutorials_edits_work() {
    let (with_password, port) = launch(&format!("bind 0.0.0.0\nrequirepass {PASSWORD}"));
    let mut client = open(port);
    assert!(call(&mut client, "GET k").starts_with("NOAUTH"));
    assert_eq!(call(&mut client, &format!("AUTH {PASSWORD}")), "OK");
    assert_eq!(call(&mut client, "GET k"), "$-1");
    let output = with_password.output();
    assert!(!output.contains("anybody who reaches"), "{output}");

    let (unprotected, port) = launch("bind 0.0.0.0\nprotected-mode no");
    assert_eq!(call(&mut open(port), "PING"), "PONG");
    let output = unprotected.output();
    assert!(output.contains("anybody who reaches 0.0.0.0"), "{output}");
}

#[test]
fn listening_outside_without_a_password_refuses_to_start() {
    for bind in ["0.0.0.0", "*", "127.0.0.1 10.0.0.5"] {
        let said = refused(&format!("bind {bind}"));
        assert!(said.contains("requirepass") && said.contains("protected-mode no"), "{said}");
    }
}

#[test]
fn what_is_not_understood_is_refused_with_its_place_and_a_remedy() {
    let cases: &[(&str, &[&str])] = &[
        ("maxmemry 1gb", &["redis.conf:2", "unknown directive `maxmemry`", "`maxmemory`"]),
        ("\n\nreqirepass hunter2", &["redis.conf:4", "`requirepass`"]),
        ("maxmemory lots", &["redis.conf:2", "`maxmemory`", "`lots`"]),
        ("appendfsync sometimes", &["redis.conf:2", "everysec", "always", "`sometimes`"]),
        ("port 70000", &["redis.conf:2", "`port`", "`70000`"]),
        ("timeout -1", &["redis.conf:2", "`timeout`", "`-1`"]),
        ("save 900", &["redis.conf:2", "`save`"]),
        ("protected-mode maybe", &["redis.conf:2", "yes", "no", "`maybe`"]),
        ("logfile \"unfinished", &["redis.conf:2", "quotes"]),
        ("include missing.conf", &["redis.conf:2", "missing.conf"]),
    ];
    for (text, expected) in cases {
        let said = refused(text);
        for part in *expected {
            assert!(said.contains(part), "{text}: no {part} in {said}");
        }
    }
}

#[test]
fn a_password_is_in_no_message() {
    for text in [
        format!("requirepass {PASSWORD} {PASSWORD}"),
        format!("requirepas {PASSWORD}"),
        format!("requirepass={PASSWORD}"),
        format!("requirepass \"{PASSWORD}"),
    ] {
        let said = refused(&text);
        assert!(!said.contains(PASSWORD), "{said}");
    }
    let (launch, port) = launch(&format!("requirepass {PASSWORD}\nloglevel debug"));
    let mut client = open(port);
    assert!(call(&mut client, &format!("AUTH default x{PASSWORD}")).starts_with("WRONGPASS"));
    assert_eq!(call(&mut client, &format!("AUTH {PASSWORD}")), "OK");
    let refusal = call(&mut client, &format!("CONFIG SET requirepass {PASSWORD} maxmemory lots"));
    assert!(refusal.starts_with("ERR CONFIG SET failed"), "{refusal}");
    for shown in [refusal, call(&mut client, "INFO everything"), call(&mut client, "CLIENT LIST")] {
        assert!(!shown.contains(PASSWORD), "{shown}");
    }
    // A bad frame around it, and an unknown command with it.
    client.send_raw(format!("*1\r\n{PASSWORD}\r\n").as_bytes()).unwrap();
    let _ = client.read_to_end();
    let pid = launch.child.id();
    for file in ["cmdline", "environ"] {
        let bytes = fs::read(format!("/proc/{pid}/{file}")).unwrap();
        assert!(!String::from_utf8_lossy(&bytes).contains(PASSWORD), "{file}");
    }
    assert!(!launch.output().contains(PASSWORD), "{}", launch.output());
}

#[test]
fn a_configuration_comes_from_standard_input_too() {
    let dir = scratch();
    let port = free_port();
    let text = format!("port {port}\nrequirepass {PASSWORD}\ndir {}\n", dir.display());
    let mut command = support::guarda(&dir, &["serve", "-"]);
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let launch = Launch { child, dir };
    let client = await_some(SOON, || Connection::open(&Endpoint::Tcp(port)).ok());
    let mut client = client.unwrap_or_else(|| panic!("{}", launch.output()));
    assert!(call(&mut client, "PING").starts_with("NOAUTH"));
    assert_eq!(call(&mut client, &format!("AUTH {PASSWORD}")), "OK");
}

// Addresses --------------------------------------------------------------------------------------

#[test]
fn several_addresses_and_ipv6_are_listened_on() {
    let (_launch, port) = launch("bind 127.0.0.1 127.0.0.2 ::1 -192.0.2.251\nprotected-mode no");
    for address in ["127.0.0.1", "127.0.0.2", "::1"] {
        assert_eq!(first_line(address.parse().unwrap(), port), "+PONG\r\n", "{address}");
    }
    assert!(TcpStream::connect(("127.0.0.3", port)).is_err());
    let mut client = open(port);
    let line = call(&mut client, "CLIENT INFO");
    assert_eq!(support::field(&line, "laddr"), format!("127.0.0.1:{port}"));
}

#[test]
fn an_address_that_is_not_there_is_refused_unless_optional() {
    let said = refused("bind 127.0.0.1 192.0.2.251\nrequirepass x");
    assert!(said.contains("192.0.2.251"), "{said}");
}

#[test]
fn a_taken_port_is_said_and_ends_the_start() {
    let taken = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = taken.local_addr().unwrap().port();
    let dir = scratch();
    let at = dir.display().to_string();
    let (code, said) = run(&dir, &["serve", "--port", &port.to_string(), "--dir", &at]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains(&format!("127.0.0.1:{port}")), "{said}");
    fs::remove_dir_all(dir).unwrap();
}

#[test]
fn a_unix_socket_alone_is_enough_and_has_its_permissions() {
    let dir = scratch();
    let at = dir.display().to_string();
    // The path is relative to `dir`, as in Redis.
    let args = ["--port", "0", "--unixsocket", "s.sock", "--unixsocketperm", "700", "--dir", &at];
    let launch = Launch::start(dir.clone(), &args);
    let path = dir.join("s.sock");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
    let mut client = Connection::open(&Endpoint::Unix(path.clone())).unwrap();
    assert_eq!(call(&mut client, "PING"), "PONG");
    // A second server does not take a living server's socket away, but a dead one's.
    let other = scratch();
    let (socket, other_at) = (path.display().to_string(), other.display().to_string());
    let args = ["--port", "0", "--unixsocket", &socket, "--dir", &other_at];
    let all: Vec<&str> = ["serve"].iter().chain(&args).copied().collect();
    let (code, said) = run(&other, &all);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("s.sock"), "{said}");
    assert_eq!(call(&mut client, "PING"), "PONG");
    let mut launch = launch;
    launch.child.kill().unwrap();
    launch.child.wait().unwrap();
    assert!(path.exists(), "kill -9 leaves the socket");
    let _second = Launch::start(other, &args);
    let mut client = Connection::open(&Endpoint::Unix(path)).unwrap();
    assert_eq!(call(&mut client, "PING"), "PONG");
}

#[test]
fn nothing_to_listen_on_is_refused() {
    let said = refused("port 0");
    assert!(said.contains("unixsocket"), "{said}");
}

#[test]
fn protected_mode_serves_only_this_machine_once_the_password_is_gone() {
    let Some(outside) = outside_address() else {
        // No other network than loopback here: `guarda_config::serves_peer` has tests of its own.
        return;
    };
    let (_launch, port) = launch(&format!("bind 0.0.0.0\nrequirepass {PASSWORD}"));
    let mut inside = open(port);
    assert_eq!(call(&mut inside, &format!("AUTH {PASSWORD}")), "OK");
    assert!(first_line(outside, port).starts_with("-NOAUTH"));
    let removed = inside.call(&["CONFIG", "SET", "requirepass", ""]).unwrap();
    assert_eq!(text(&removed), "OK");
    assert!(first_line(outside, port).starts_with("-DENIED"), "{}", first_line(outside, port));
    assert_eq!(first_line(Ipv4Addr::LOCALHOST.into(), port), "+PONG\r\n");
    assert_eq!(call(&mut inside, "CONFIG SET protected-mode no"), "OK");
    assert_eq!(first_line(outside, port), "+PONG\r\n");
}

// CONFIG SET -------------------------------------------------------------------------------------

#[test]
fn config_set_takes_effect_at_once() {
    let server = start(&[]);
    let mut client = server.connect().unwrap();
    assert_eq!(call(&mut client, &format!("CONFIG SET requirepass {PASSWORD}")), "OK");
    // Who is in stays in; who comes needs it.
    assert_eq!(call(&mut client, "PING"), "PONG");
    assert!(call(&mut server.connect().unwrap(), "PING").starts_with("NOAUTH"));
    let wrong = call(&mut server.connect().unwrap(), "AUTH wrong");
    assert!(wrong.starts_with("WRONGPASS"), "{wrong}");
    assert_eq!(text(&client.call(&["CONFIG", "SET", "requirepass", ""]).unwrap()), "OK");
    assert_eq!(call(&mut server.connect().unwrap(), "PING"), "PONG");

    assert_eq!(call(&mut client, "CONFIG SET maxmemory 1"), "OK");
    let refused = || call(&mut server.connect().unwrap(), "SET k v").starts_with("OOM");
    assert!(await_true(SOON, refused));
    assert_eq!(call(&mut client, "GET k"), "$-1");
    assert_eq!(call(&mut client, "CONFIG SET maxmemory 0"), "OK");
    assert_eq!(call(&mut client, "SET k v"), "OK");

    // All or nothing.
    let error = call(&mut client, "CONFIG SET timeout 77 maxclients none");
    assert!(error.starts_with("ERR CONFIG SET failed"), "{error}");
    assert_eq!(call(&mut client, "CONFIG GET timeout"), r#"["timeout", "0"]"#);
    assert_eq!(call(&mut client, "CONFIG SET timeout 77 maxclients 50"), "OK");
    assert_eq!(call(&mut client, "CONFIG GET timeout"), r#"["timeout", "77"]"#);
    assert_eq!(info(&mut client, "maxclients"), "50");
}

#[test]
fn the_append_log_is_switched_on_and_off_at_run_time() {
    let mut server = start(&[]);
    let mut client = server.connect().unwrap();
    assert_eq!(call(&mut client, "SET before 1"), "OK");
    assert_eq!(info(&mut client, "aof_enabled"), "0");
    assert_eq!(call(&mut client, "CONFIG SET appendonly yes"), "OK");
    assert_eq!(info(&mut client, "aof_enabled"), "1");
    assert_eq!(call(&mut client, "SET during 2"), "OK");
    for policy in ["always", "no", "everysec"] {
        assert_eq!(call(&mut client, &format!("CONFIG SET appendfsync {policy}")), "OK");
        assert_eq!(call(&mut client, &format!("SET {policy} 3")), "OK");
    }
    // Durable now: the log alone brings everything back.
    let copy = scratch();
    let source = server.dir().join("appendonlydir");
    fs::create_dir(copy.join("appendonlydir")).unwrap();
    server.kill9();
    for name in names(&source) {
        fs::copy(source.join(&name), copy.join("appendonlydir").join(&name)).unwrap();
    }
    let (at, port) = (copy.display().to_string(), free_port());
    let args = ["--dir", &at, "--port", &port.to_string(), "--appendonly", "yes", "--save", ""];
    let _second = Launch::start(copy.clone(), &args);
    let mut client = open(port);
    assert_eq!(
        call(&mut client, "MGET before during always no everysec"),
        r#"["1", "2", "3", "3", "3"]"#
    );
    assert_eq!(call(&mut client, "CONFIG SET appendonly no"), "OK");
    assert_eq!(info(&mut client, "aof_enabled"), "0");
    assert_eq!(call(&mut client, "SET after 4"), "OK");
    assert_eq!(call(&mut client, "CONFIG SET appendonly yes"), "OK");
    assert_eq!(info(&mut client, "aof_enabled"), "1");
}

#[test]
fn save_points_set_at_run_time_save() {
    let server = start(&[]);
    let mut client = server.connect().unwrap();
    let set = client.call(&["CONFIG", "SET", "save", "1 1"]).unwrap();
    assert_eq!(text(&set), "OK");
    assert_eq!(call(&mut client, "SET k v"), "OK");
    assert!(await_true(SOON, || server.dir().join("dump.rdb").exists()), "{}", server.log());
    assert!(await_true(SOON, || count(&mut client, "rdb_changes_since_last_save") == 0));
}

// Who started it ---------------------------------------------------------------------------------

fn alive(pid: i32) -> bool {
    Pid::from_raw(pid).is_some_and(|pid| test_kill_process(pid).is_ok())
}

#[test]
fn daemonize_returns_when_the_server_is_ready() {
    let dir = scratch();
    let port = free_port();
    let text = format!(
        "port {port}\ndir {}\ndaemonize yes\npidfile run.pid\nlogfile server.log\nsave \"\"\n\
         requirepass {PASSWORD}\n",
        dir.display()
    );
    fs::write(dir.join("redis.conf"), text).unwrap();
    let (code, said) = run(&dir, &["serve", "redis.conf"]);
    assert_eq!((code, said.as_str()), (Some(0), ""));
    // No waiting: it serves already, and the pid file names the one that does.
    let mut client = open(port);
    assert!(call(&mut client, "PING").starts_with("NOAUTH"));
    assert_eq!(call(&mut client, &format!("AUTH {PASSWORD}")), "OK");
    let pid: i32 = fs::read_to_string(dir.join("run.pid")).unwrap().trim().parse().unwrap();
    assert_eq!(info(&mut client, "process_id"), pid.to_string());
    let log = fs::read_to_string(dir.join("server.log")).unwrap();
    assert!(log.contains("Ready to accept connections") && !log.contains(PASSWORD), "{log}");
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let session = stat.rsplit_once(')').unwrap().1.split_whitespace().nth(3).unwrap();
    assert_eq!(session, pid.to_string(), "it leads a session of its own");
    // A second one fails, in the foreground.
    let (code, said) = run(&dir, &["serve", "redis.conf"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("another server uses it"), "{said}");
    kill_process(Pid::from_raw(pid).unwrap(), Signal::TERM).unwrap();
    assert!(await_true(SOON, || !alive(pid) || is_zombie(pid)));
    assert!(!dir.join("run.pid").exists(), "the pid file is removed at the end");
    fs::remove_dir_all(dir).unwrap();
}

/// A process that has ended and that nobody has waited for, as in a container without an init.
fn is_zombie(pid: i32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| stat.rsplit_once(')').is_some_and(|(_, rest)| rest.starts_with(" Z")))
}

#[test]
fn a_log_file_that_was_renamed_is_begun_anew() {
    let dir = scratch();
    let port = free_port();
    let (at, port_text) = (dir.display().to_string(), port.to_string());
    let args = [
        "serve",
        "--port",
        &port_text,
        "--dir",
        &at,
        "--logfile",
        "s.log",
        "--loglevel",
        "verbose",
    ];
    let child = support::guarda(&dir, &args).spawn().unwrap();
    let launch = Launch { child, dir: dir.clone() };
    let log = |name: &str| fs::read_to_string(dir.join(name)).unwrap_or_default();
    assert!(await_true(SOON, || log("s.log").contains("Ready to accept connections")));
    assert_eq!(launch.output(), "");
    fs::rename(dir.join("s.log"), dir.join("s.log.1")).unwrap();
    let refusal = |port| {
        let mut client = open(port);
        client.send_raw(b"*1\r\n!\r\n").unwrap();
        client.read_to_end().unwrap();
    };
    refusal(port);
    assert!(await_true(SOON, || log("s.log").contains("protocol error")), "{}", log("s.log.1"));
    // CONFIG SET loglevel: less from now on.
    assert_eq!(call(&mut open(port), "CONFIG SET loglevel warning"), "OK");
    let before = log("s.log").matches("protocol error").count();
    refusal(port);
    assert_eq!(call(&mut open(port), "PING"), "PONG");
    assert_eq!(log("s.log").matches("protocol error").count(), before);
}

#[test]
fn a_terminal_that_closes_does_not_end_the_server() {
    let mut server = start(&[]);
    let mut client = server.connect().unwrap();
    let pid = Pid::from_raw(i32::try_from(server.pid().unwrap()).unwrap()).unwrap();
    for _ in 0..3 {
        kill_process(pid, Signal::HUP).unwrap();
        assert_eq!(call(&mut client, "PING"), "PONG");
    }
    // SIGTERM comes after SIGHUP was looked at, and still works.
    assert!(server.terminate().unwrap().unwrap().success());
}

#[test]
fn maxclients_is_lowered_to_what_the_descriptors_allow() {
    let dir = scratch();
    let (at, port) = (dir.display().to_string(), free_port());
    let script = format!(
        "ulimit -n 100 && exec {} serve --port {port} --dir {at} --save ''",
        env!("CARGO_BIN_EXE_guarda")
    );
    let output = fs::File::create(dir.join("output")).unwrap();
    let child = std::process::Command::new("sh")
        .args(["-c", &script])
        .stdin(Stdio::null())
        .stdout(output)
        .spawn()
        .unwrap();
    let launch = Launch { child, dir };
    let ready = || launch.output().contains("Ready to accept connections");
    assert!(await_true(SOON, ready), "{}", launch.output());
    let mut control = open(port);
    assert_eq!(info(&mut control, "maxclients"), "36");
    assert_eq!(call(&mut control, "CONFIG GET maxclients"), r#"["maxclients", "36"]"#);
    assert!(launch.output().contains("ulimit -n"), "{}", launch.output());
    // Full, it still has what a snapshot needs.
    let mut clients: Vec<_> = (0..35).map(|_| open(port)).collect();
    for client in &mut clients {
        assert_eq!(call(client, "PING"), "PONG");
    }
    assert!(call(&mut open(port), "PING").contains("max number of clients"));
    assert_eq!(call(&mut control, "SAVE"), "OK");
}

#[test]
fn systemd_is_told_when_the_server_is_ready() {
    // Who is supervised stays in the foreground, whatever the file says.
    for (supervised, daemonize) in [("systemd", "no"), ("auto", "no"), ("systemd", "yes")] {
        let dir = scratch();
        let socket = UnixDatagram::bind(dir.join("notify")).unwrap();
        socket.set_read_timeout(Some(SOON)).unwrap();
        let (at, port) = (dir.display().to_string(), free_port());
        let args = [
            "serve",
            "--port",
            &port.to_string(),
            "--dir",
            &at,
            "--supervised",
            supervised,
            "--daemonize",
            daemonize,
        ];
        let mut command = support::guarda(&dir, &args);
        let child = command.env("NOTIFY_SOCKET", dir.join("notify")).spawn().unwrap();
        let launch = Launch { child, dir };
        let mut message = [0; 256];
        let len = socket.recv(&mut message).unwrap_or_else(|e| panic!("{e}: {}", launch.output()));
        assert!(message[..len].starts_with(b"READY=1\n"));
        // Ready means ready.
        let mut client = open(port);
        assert_eq!(call(&mut client, "PING"), "PONG");
        assert_eq!(info(&mut client, "process_id"), launch.child.id().to_string());
    }
}
