use std::time::Duration;

use super::{Address, Credentials, Host, SavePath, SavePathError};

fn only(text: &str) -> Host {
    let path = SavePath::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    assert_eq!(path.hosts().len(), 1, "{text}");
    path.hosts()[0].clone()
}

fn password(user: Option<&str>, password: &str) -> Credentials {
    let user = user.map(|user| user.as_bytes().to_vec());
    Credentials::Password { user, password: password.as_bytes().to_vec() }
}

#[test]
fn addresses() {
    for (text, shown) in [
        ("tcp://h:7000", "h:7000"),
        ("tcp://h", "h:6379"),
        ("h:7000", "h:7000"),
        ("h", "h:6379"),
        ("h:6379?auth=x", "h:6379"),
        ("tcp://[::1]:6379", "[::1]:6379"),
        ("tcp://[::1]", "[::1]:6379"),
        ("redis://h:1/3", "h:1"),
        ("TCP://h", "h:6379"),
        ("unix:///run/redis.sock?database=1", "unix:/run/redis.sock"),
        ("/run/redis.sock", "unix:/run/redis.sock"),
        ("  ,tcp://h ,", "h:6379"),
    ] {
        assert_eq!(only(text).address.to_string(), shown, "{text}");
    }
    assert_eq!(only("unix:/a").address, Address::Unix("/a".to_owned()));
}

#[test]
fn credentials() {
    for (text, expected) in [
        ("tcp://h", Credentials::None),
        ("tcp://h?auth=", password(None, "")),
        ("tcp://h?auth=p%2Cq+r", password(None, "p,q r")),
        ("tcp://h?auth=a#b?c:d@e/f=g", password(None, "a#b?c:d@e/f=g")),
        ("tcp://h?auth[]=u&auth[]=p", password(Some("u"), "p")),
        ("tcp://h?auth[]=p", password(None, "p")),
        ("tcp://h?auth[user]=u&auth[pass]=p", password(Some("u"), "p")),
        ("tcp://h?auth[pass]=p", password(None, "p")),
        ("tcp://h?auth[user]=u", Credentials::None),
        ("tcp://h?auth[]=u&auth[]=p&auth[]=x", Credentials::None),
        ("tcp://h?auth[]=u&auth[]=p&auth=last", password(None, "last")),
        ("tcp://u:p@h", Credentials::None),
        ("redis://u:p%40+@h", password(Some("u"), "p@+")),
        ("redis://:p@h", password(None, "p")),
        (
            "tcp://h?auth_file=/s&auth[user]=u",
            Credentials::File { user: Some(b"u".to_vec()), path: "/s".to_owned() },
        ),
    ] {
        assert!(only(text).credentials == expected, "{text}");
    }
}

#[test]
fn parameters() {
    let host = only(
        "tcp://h?weight=3&timeout=1.5&read_timeout=2&persistent=YES&persistent_id=x\
         &retry_interval=100&database=5&prefix=a+b:&prefix=c:",
    );
    assert_eq!(host.weight, 3);
    assert_eq!(host.connect_timeout, Some(Duration::from_millis(1500)));
    assert_eq!(host.read_timeout, Some(Duration::from_secs(2)));
    assert!(host.persistent);
    assert_eq!(host.persistent_id, b"x");
    assert_eq!(host.retry_interval, Duration::from_millis(100));
    assert_eq!(host.database, Some(5));
    assert_eq!(host.prefix.as_deref(), Some(&b"c:"[..]), "the last of two counts");

    for (text, database) in
        [("0", Some(0)), ("-1", None), ("text", Some(0)), ("2.9", Some(2)), ("7x", Some(7))]
    {
        assert_eq!(only(&format!("tcp://h?database={text}")).database, database, "{text}");
    }
    for (text, persistent) in
        [("1", true), ("on", true), ("True", true), ("0", false), ("2", false)]
    {
        assert_eq!(only(&format!("tcp://h?persistent={text}")).persistent, persistent, "{text}");
    }
    assert_eq!(only("redis://h/4").database, Some(4));
    assert_eq!(only("tcp://h/4").database, None);
    assert_eq!(only("tcp://h?prefix=").prefix.as_deref(), Some(&b""[..]));
    assert_eq!(only("tcp://h").prefix, None);
    assert!(only("rediss://h").tls.is_some());
    assert_eq!(only("tcp://h?read_timeout=-1").read_timeout, Some(Duration::MAX));
}

#[test]
fn refusals() {
    let parameter = |name, expected| SavePathError::Parameter { number: 1, name, expected };
    for (text, error) in [
        ("", SavePathError::Empty),
        (" , ", SavePathError::Empty),
        ("tcp://h?weight=0", parameter("weight", "a whole number from 1 on")),
        ("tcp://h?weight=x", parameter("weight", "a whole number from 1 on")),
        ("tcp://h?timeout=0", parameter("timeout", "a number of seconds above 0")),
        ("redis://h/x", parameter("database", "a number, as in redis://host/2")),
        ("tcp://:1", SavePathError::Address { number: 1 }),
        ("tcp://h:99999", SavePathError::Address { number: 1 }),
        ("tcp://h tcp://[::1", SavePathError::Address { number: 2 }),
        ("http://h", SavePathError::Scheme { number: 1, scheme: "http".to_owned() }),
    ] {
        assert_eq!(SavePath::parse(text), Err(error), "{text}");
    }
}

#[test]
fn notices_explain_and_hold_no_secret() {
    for (text, part) in [
        ("tcp://h?name=PHPSESSID", "session.name"),
        ("tcp://h?PREFIX=x", "did you mean `prefix`?"),
        ("tcp://h?persistent", "double quotes"),
        ("tcp://user:hunter2@h", "redis://"),
        ("tcp://h?auth=a&hunter2%21=x", "(not shown)"),
        ("tcp://h?stream[cafile]=x", "without TLS"),
        ("tcp://h?auth[user]=u", "not authenticated"),
    ] {
        let notices = SavePath::parse(text).expect("usable").notices.join("\n");
        assert!(notices.contains(part), "{text}: {notices}");
        assert!(!notices.contains("hunter2"), "{text}: {notices}");
    }
    let fine = "tcp://h?auth=x&weight=1&timeout=2.5&persistent=1&database=0&prefix=p";
    assert_eq!(SavePath::parse(fine).expect("usable").notices, [""; 0]);
}

#[test]
fn debug_shows_no_password() {
    let path = SavePath::parse("redis://u:hunter2@h?auth[]=hunter2").expect("usable");
    assert!(!format!("{path:?}").contains("hunter2"));
}

/// Measured with phpredis; php-extension.md and phpredis-session.md have the vectors.
#[test]
fn the_host_is_chosen_as_phpredis_chooses() {
    for (text, id, host) in [
        ("A?weight=1,B?weight=1", "aaaa", "A:6379"),
        ("A?weight=1,B?weight=1", "baaa", "B:6379"),
        ("A,B,C", "aaaa", "B:6379"),
        ("A,B,C", "baaa", "A:6379"),
        ("A,B,C", "PHPR", "A:6379"),
        ("A?weight=2,B?weight=3", "aaaa", "A:6379"),
        ("A?weight=2,B?weight=3", "PHPR", "A:6379"),
        ("A?weight=4,B?weight=1", "PHPR", "A:6379"),
        ("A?weight=1,B?weight=4", "baaa", "A:6379"),
        ("A?weight=1,B?weight=4", "aaaa", "B:6379"),
        ("A,B", "a", "A:6379"),
    ] {
        let path = SavePath::parse(text).expect("usable");
        assert_eq!(path.host(id.as_bytes()).address.to_string(), host, "{text} {id}");
    }
}
