use std::time::Duration;

use super::{
    Address, Adopt, Credentials, FilesPath, Host, Later, SavePath, SavePathError, TlsVersions, mask,
};

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
        ("hunter2://h", SavePathError::Scheme { number: 1, scheme: "(not shown)".to_owned() }),
        ("tlsv1.0://h", SavePathError::OldTls { number: 1 }),
        ("sentinel://h:26379", SavePathError::NotYet { number: 1, what: Later::Sentinel }),
        ("seed[]=h:1&seed[]=i:2", SavePathError::NotYet { number: 1, what: Later::Cluster }),
        ("tcp://h?seed[]=h:1", SavePathError::NotYet { number: 1, what: Later::Cluster }),
        ("tcp://h?weight", SavePathError::Cut { number: 1, name: "weight" }),
        ("tcp://h?timeout", SavePathError::Cut { number: 1, name: "timeout" }),
        ("unix://h/path", SavePathError::Scheme { number: 1, scheme: "file".to_owned() }),
        ("unix:path", SavePathError::Address { number: 1 }),
        ("tcp://a:1:2", SavePathError::Address { number: 1 }),
        ("tcp:///path", SavePathError::Address { number: 1 }),
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
        ("tls://h?stream[verify_peer]=0", "is off"),
        ("tls://h?stream[verify_peer_name]=0", "is off"),
        ("tls://h?stream[verify_peer]=off", "write 0"),
        ("tls://h?stream[ciphers]=HIGH", "rustls"),
        ("tls://h?stream[hunter2!]=1", "(not shown)"),
        ("tls://h?stream=1", "takes options"),
        ("tcp://h?auth", "double quotes"),
        ("tcp://h?databse=1", "did you mean `database`?"),
        ("tcp://h?wait=1", "there are adopt, auth"),
        ("tcp://h?prefix[]=x", "takes one value"),
        ("tcp://h?auth[]=1&auth[]=2&auth[]=hunter2", "not authenticated"),
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
fn tls_is_asked_for_by_the_scheme_alone() {
    for (scheme, versions) in [
        ("tls", Some(TlsVersions::Any)),
        ("ssl", Some(TlsVersions::Any)),
        ("rediss", Some(TlsVersions::Any)),
        ("tlsv1.2", Some(TlsVersions::Only12)),
        ("tlsv1.3", Some(TlsVersions::Only13)),
        ("tcp", None),
        ("redis", None),
    ] {
        let host = only(&format!("{scheme}://h?stream[cafile]=/ca.pem&stream[peer_name]=n"));
        assert_eq!(host.tls.as_ref().map(|tls| tls.versions), versions, "{scheme}");
        if let Some(tls) = host.tls {
            assert_eq!(tls.ca_file.as_deref(), Some("/ca.pem"));
            assert_eq!(tls.peer_name.as_deref(), Some("n"));
        }
    }
    for (query, verified, name, own, sni) in [
        ("", true, true, false, true),
        ("stream[verify_peer]=0", false, true, false, true),
        ("stream[verify_peer]=", false, true, false, true),
        ("stream[verify_peer]=false", true, true, false, true),
        ("stream[verify_peer_name]=0&stream[allow_self_signed]=1", true, false, true, true),
        ("stream[SNI_enabled]=0", true, true, false, false),
    ] {
        let tls = only(&format!("tls://h?{query}")).tls.expect("TLS");
        let found = (tls.verify_peer, tls.verify_peer_name, tls.allow_self_signed, tls.sni);
        assert_eq!(found, (verified, name, own, sni), "{query}");
    }
    for option in ["passphrase", "peer_fingerprint"] {
        let error = SavePath::parse(format!("tls://h?stream[{option}]=hunter2")).expect_err(option);
        let text = error.to_string();
        assert!(text.contains(option) && !text.contains("hunter2"), "{text}");
    }
}

#[test]
fn the_old_store_is_understood() {
    let files = |depth, dir: &str| Adopt::Files(FilesPath { depth, dir: dir.to_owned() });
    let adopt = |text: &str| {
        let path = SavePath::parse(format!("tcp://h?adopt={text}"));
        path.map(|path| path.adopt().cloned())
    };
    for (text, expected) in [
        ("/var/lib/php/sessions", files(0, "/var/lib/php/sessions")),
        ("files:/s", files(0, "/s")),
        ("files:2;/s", files(2, "/s")),
        ("2;600;/s%20t", files(2, "/s t")),
        ("files%3A%2Fs%2Cx", files(0, "/s,x")),
    ] {
        assert_eq!(adopt(text), Ok(Some(expected)), "{text}");
    }
    let Ok(Some(Adopt::Servers(old))) = adopt("tcp://a?auth=x%2520%26prefix=p%20tcp://b") else {
        panic!("servers")
    };
    assert_eq!(old.hosts().len(), 2);
    assert!(old.hosts()[0].credentials == password(None, "x "));
    assert_eq!(old.hosts()[0].prefix.as_deref(), Some(&b"p"[..]));
    assert_eq!(adopt("unix:/r.sock").map(|old| matches!(old, Some(Adopt::Servers(_)))), Ok(true));
    for (text, part) in [
        ("", "empty"),
        ("files:relative", "begin with `/`"),
        ("x;/s", "host 1"),
        ("99;/s", "directory levels"),
        ("1;9;/s", "octal"),
        ("tcp://a?adopt=/s", "cannot adopt another"),
        ("http://a", "unknown scheme"),
    ] {
        let error = adopt(text).expect_err(text).to_string();
        assert!(error.contains(part), "{text}: {error}");
    }
    let same = "tcp://a?adopt=/s tcp://b?adopt=/s tcp://c";
    assert_eq!(SavePath::parse(same).expect("usable").adopt(), Some(&files(0, "/s")));
    assert!(SavePath::parse("tcp://a?adopt=/s tcp://b?adopt=/t").is_err());
}

#[test]
fn a_masked_save_path_holds_no_secret() {
    for (text, shown) in [
        ("tcp://h:1?auth=hunter2&database=2", "tcp://h:1?auth=***&database=2"),
        ("tcp://h?auth[]=u&auth[]=hunter2", "tcp://h?auth[]=***&auth[]=***"),
        ("tcp://h?%61uth=hunter2", "tcp://h?%61uth=***"),
        ("redis://u:hunter2@h/3", "redis://***@h/3"),
        ("redis://hunter2@h", "redis://***@h"),
        ("redis://u:hun/ter2@h", "redis://***@h"),
        ("redis://u:hun?ter2@h", "redis://***@h"),
        ("tcp://h?auth=a&hunter2=b", "tcp://h?auth=***&***"),
        ("tcp://h?auth=a&hunter2", "tcp://h?auth=***&***"),
        ("tcp://h?auth=a?hunter2&prefix=p", "tcp://h?auth=***&prefix=p"),
        ("tcp://h?auth=a,hunter2", "tcp://h?auth=***,***"),
        ("tcp://h?auth=a hunter2 tcp://i", "tcp://h?auth=*** *** tcp://i"),
        ("tcp://h?auth=a@b", "tcp://h?auth=***"),
        (
            "tls://h?stream[cafile]=/ca&stream[passphrase]=hunter2",
            "tls://h?stream[cafile]=/ca&stream[passphrase]=***",
        ),
        ("tcp://h?adopt=tcp://i%3Fauth%3Dhunter2", "tcp://h?adopt=tcp://i?auth=***"),
        ("tcp://h:99999?auth=hunter2", "tcp://h:99999?auth=***"),
        ("tcp://h?auth", "tcp://h?auth"),
        ("unix:///s?weight=1&persistent=1&prefix=p:", "unix:///s?weight=1&persistent=1&prefix=p:"),
        ("", ""),
    ] {
        assert_eq!(mask(text.as_bytes()), shown, "{text}");
    }
    let path = SavePath::parse("tcp://h?auth=hunter2").expect("usable");
    assert_eq!(path.masked(), "tcp://h?auth=***");
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
