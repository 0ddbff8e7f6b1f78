//! Users, their file, renamed commands, and guessed passwords, from outside.

#![allow(clippy::unwrap_used, reason = "clippy exempts tests, but not their helpers")]

mod support;

use std::fs;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, Instant};

use guarda_testkit::connection::{Connection, Endpoint};
use support::{SOON, call, launch, refused};

fn open(port: u16) -> Connection {
    Connection::open(&Endpoint::Tcp(port)).unwrap()
}

#[test]
fn user_lines_of_the_configuration_are_the_servers_users() {
    let (_launch, port) = launch(
        "user app on >secret ~app:* +@all -@dangerous\nuser default off\nuser ops on nopass +@all ~* &*",
    );
    let mut client = open(port);
    assert_eq!(call(&mut client, "PING"), "NOAUTH Authentication required.");
    assert!(call(&mut client, "AUTH app wrong").starts_with("WRONGPASS"));
    assert_eq!(call(&mut client, "AUTH app secret"), "OK");
    assert_eq!(call(&mut client, "SET app:1 v"), "OK");
    assert_eq!(call(&mut client, "SET other v"), "NOPERM No permissions to access a key");
    assert_eq!(
        call(&mut client, "FLUSHALL"),
        "NOPERM User app has no permissions to run the 'flushall' command"
    );
    assert_eq!(call(&mut client, "ACL WHOAMI"), "app");
    let mut ops = open(port);
    assert_eq!(call(&mut ops, "AUTH ops x"), "OK");
    assert_eq!(call(&mut ops, "EXISTS app:1 other"), "1");
}

#[test]
fn a_user_line_begins_anew_and_stands_once() {
    let (_launch, port) = launch("user default on nopass ~* +@all");
    let denied = "NOPERM No permissions to access a channel";
    assert_eq!(call(&mut open(port), "PUBLISH news x"), denied);
    let said = support::refused("user app on\nuser app off");
    assert!(said.contains("Duplicate user found"), "{said}");
}

#[test]
fn the_acl_file_is_loaded_saved_and_keeps_its_permissions() {
    let dir = support::scratch();
    let file = dir.join("users.acl");
    fs::write(&file, "user app on >one ~* +@all\n# a remark\n").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    let (launch, port) = launch(&format!("aclfile {}", file.display()));
    let mut client = open(port);
    assert_eq!(call(&mut client, "AUTH app one"), "OK");
    assert_eq!(call(&mut client, "ACL SETUSER later on >two +get ~x"), "OK");
    assert_eq!(call(&mut client, "ACL SAVE"), "OK");
    let saved = fs::read_to_string(&file).unwrap();
    assert_eq!(saved.lines().count(), 3, "{saved}");
    assert!(
        saved.contains("user later on sanitize-payload #") && !saved.contains("two"),
        "{saved}"
    );
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o640);

    fs::write(&file, "user app on >three +nosuch\n").unwrap();
    let answer = call(&mut client, "ACL LOAD");
    assert!(answer.contains("users.acl:1: Unknown command"), "{answer}");
    assert!(answer.contains("no change"), "{answer}");
    assert_eq!(call(&mut client, "ACL USERS"), r#"["app", "default", "later"]"#);

    let mut later = open(port);
    assert_eq!(call(&mut later, "AUTH later two"), "OK");
    fs::write(&file, "user app on >three ~* +@all\n").unwrap();
    assert_eq!(call(&mut client, "ACL LOAD"), "OK");
    assert_eq!(call(&mut client, "ACL USERS"), r#"["app", "default"]"#);
    // A user that is gone is disconnected.
    assert!(later.call(&["GET", "x"]).is_err());
    assert!(call(&mut open(port), "AUTH app one").starts_with("WRONGPASS"));
    assert_eq!(call(&mut open(port), "AUTH app three"), "OK");
    drop(launch);
    fs::remove_dir_all(dir).unwrap();
}

#[test]
fn users_that_are_not_understood_stop_the_start_and_no_password_is_repeated() {
    for (text, parts) in [
        ("user app on >hunter2 +nosuch", &["`app`", "Unknown command"][..]),
        ("user app on hunter2", &["`app`", "Syntax error"]),
        ("user", &["`user`", "1 argument"]),
        ("aclfile users.acl", &["users.acl", "create it"]),
        ("aclfile users.acl\nuser app on >hunter2", &["one place", "users.acl"]),
        ("rename-command nosuch x", &["nosuch"]),
        ("rename-command get set", &["`set` is taken"]),
    ] {
        let said = refused(text);
        for part in parts {
            assert!(said.contains(part), "{text}: {part} is not in {said}");
        }
        assert!(!said.contains("hunter2"), "{said}");
    }
}

#[test]
fn a_password_of_the_default_user_protects_as_requirepass_does() {
    let said = refused("bind 0.0.0.0\nuser app on >secret +@all ~*");
    assert!(said.contains("without a password"), "{said}");
    let (_launch, port) = launch("bind 0.0.0.0\nuser default on >secret +@all ~* &*");
    let mut client = open(port);
    assert_eq!(call(&mut client, "PING"), "NOAUTH Authentication required.");
    assert_eq!(call(&mut client, "AUTH secret"), "OK");
}

#[test]
fn renamed_commands_go_by_their_new_names_everywhere() {
    let text = "appendonly yes\nrename-command SET write\nrename-command FLUSHALL \"\"";
    let (mut launch, port) = launch(text);
    let mut client = open(port);
    assert_eq!(
        call(&mut client, "SET k v"),
        "ERR unknown command 'SET', with args beginning with: 'k' 'v' "
    );
    assert_eq!(call(&mut client, "WRITE k v"), "OK");
    assert!(call(&mut client, "flushall").starts_with("ERR unknown command"));
    let script = |name: &str| format!("return redis.call('{name}', 'k2', 'w')");
    let mut eval = |name| support::text(&client.call(&["EVAL", &script(name), "0"]).unwrap());
    assert_eq!(eval("write"), "OK");
    assert!(eval("set").contains("Unknown Redis command"));
    assert_eq!(call(&mut client, "MULTI"), "OK");
    assert_eq!(call(&mut client, "write k3 x"), "QUEUED");
    assert_eq!(call(&mut client, "EXEC"), "[+OK]");
    // The log has the commands' own names: it is read whatever they are called next time.
    launch.child.kill().unwrap();
    launch.child.wait().unwrap();
    let again = support::Launch::start(launch.dir.clone(), &["redis.conf"]);
    let mut client = open(port);
    assert_eq!(call(&mut client, "MGET k k2 k3"), r#"["v", "w", "x"]"#);
    drop(again);
}

#[test]
#[allow(clippy::disallowed_methods, reason = "the test is about time that really passes")]
fn guessed_passwords_are_answered_ever_later_and_nobody_else_waits() {
    let (_launch, port) = launch("requirepass secret");
    let mut inside = open(port);
    assert_eq!(call(&mut inside, "AUTH secret"), "OK");
    let mut guesser = open(port);
    let began = Instant::now();
    for n in 0..15 {
        assert!(call(&mut guesser, &format!("AUTH guess{n}")).starts_with("WRONGPASS"));
    }
    // 10 are free; then 10, 20, 40, 80, 160 ms.
    assert!(began.elapsed() >= Duration::from_millis(310), "{:?}", began.elapsed());
    // Another connection from there waits too, with the right password as with a wrong one.
    let began = Instant::now();
    assert_eq!(call(&mut open(port), "AUTH secret"), "OK");
    assert!(began.elapsed() >= Duration::from_millis(320), "{:?}", began.elapsed());
    // Who is authenticated does not: it is answered while the guesser still waits.
    let mut guess = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    guess.write_all(b"AUTH another\r\n").unwrap();
    assert_eq!(call(&mut inside, "PING"), "PONG");
    guess.set_nonblocking(true).unwrap();
    let early = guess.read(&mut [0; 64]).map_err(|error| error.kind());
    assert_eq!(early, Err(ErrorKind::WouldBlock));
    guess.set_nonblocking(false).unwrap();
    guess.set_read_timeout(Some(SOON)).unwrap();
    let mut answer = [0; 9];
    guess.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"-WRONGPAS");
}
