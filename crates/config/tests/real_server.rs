//! The same questions to a real redis-server 7.0 and to us.

mod common;

use std::collections::{BTreeMap, BTreeSet};

use common::{RedisServer, Scratch, our_config_get};
use guarda_config::{Arguments, Config, Kind, directives, load};

/// Defaults that differ, and why.
const OTHER_DEFAULTS: &[(&str, &str)] = &[
    ("appendonly", "Guarda promises that nothing acknowledged is lost; the append log is on"),
    ("bind", "without a file Redis listens everywhere; Guarda as its redis.conf says"),
    ("dir", "Redis shows the directory it is in; see `make_dir_absolute`"),
    ("io-threads", "0 is Guarda's automatic choice; Redis uses one thread"),
    ("port", "the test's server has no TCP port"),
    ("unixsocket", "the test's server has one"),
];

/// Names that Redis 7.2 added to those of 7.0.
const SINCE_7_2: &[&str] = &[
    "cluster-announce-human-nodename",
    "locale-collate",
    "set-max-listpack-entries",
    "set-max-listpack-value",
];

/// Directives about sessions, of which Redis knows nothing.
fn is_our_own(name: &str) -> bool {
    name.starts_with("session-")
}

#[test]
fn config_get_star_knows_every_name_and_default_of_redis() {
    let mut redis = RedisServer::start(None, &[]).unwrap();
    let theirs: BTreeMap<_, _> = redis.config_get(&["*"]).into_iter().collect();
    let ours: BTreeMap<_, _> = our_config_get(&Config::default(), &["*"]).into_iter().collect();
    assert!(theirs.len() > 190, "only {} names", theirs.len());

    let our_names: BTreeSet<_> =
        ours.keys().map(String::as_str).filter(|name| !is_our_own(name)).collect();
    let mut expected: BTreeSet<_> = theirs.keys().map(String::as_str).collect();
    expected.extend(SINCE_7_2);
    assert_eq!(our_names, expected);

    let differing: Vec<_> = theirs
        .iter()
        .filter(|(name, value)| ours[*name] != **value)
        .map(|(name, _)| name.as_str())
        .collect();
    let reasoned: Vec<_> = OTHER_DEFAULTS.iter().map(|(name, _)| *name).collect();
    assert_eq!(differing, reasoned);
}

#[test]
fn config_get_finds_names_as_redis_does() {
    let mut redis = RedisServer::start(None, &[]).unwrap();
    let config = Config::default();
    let cases: &[&[&str]] = &[
        &["HZ"],
        &["HZ", "hz", "*z"],
        &["h[yz]", "slaveof", "nosuch"],
        &["SLAVE-*"],
        &["REPLICA-priority"],
        &["slave-priority", "replica-priority"],
        &["m?xm*"],
        &["[^a-y]*"],
        &["s[a-z"],
        &["\\hz"],
        &["\\h*z"],
        &["*max*listpack*", "hash-max-ziplist-value"],
        &["user"],
        &["loadmodule"],
        &["include"],
        &[""],
        &["lua-time-limit", "BUSY-reply-threshold"],
        &["save", "client-output-buffer-limit", "oom*"],
    ];
    for patterns in cases {
        let mut ours = our_config_get(&config, patterns);
        ours.retain(|(name, _)| !SINCE_7_2.contains(&name.as_str()));
        assert_eq!(ours, redis.config_get(patterns), "CONFIG GET {patterns:?}");
    }
}

/// Cases of a file and a command line: both sides start with the same values, or neither starts.
#[test]
fn files_and_command_lines_mean_the_same_to_redis() {
    let cases: &[(&str, &[&str], &[&str])] = &[
        // `save` and other lists, in files and on the command line.
        ("", &["--save"], &["save"]),
        ("", &["--save", ""], &["save"]),
        ("", &["--save", "60", "1", "--save", "30", "2"], &["save"]),
        ("", &["--save", "60 1 30 2"], &["save"]),
        ("", &["--save", "60 1", "30 2"], &[]),
        ("", &["--save", "", "60", "1"], &[]),
        ("", &["--save", "--hz", "20"], &["save", "hz"]),
        ("", &["--SAVE", "--hz", "20"], &["save", "hz"]),
        ("save 900 1\nsave 60 3\n", &[], &["save"]),
        ("save 900 1\nsave 60 3\n", &["--save", "30", "1"], &["save"]),
        ("save 900 1\nsave 60 3\n", &["--save"], &["save"]),
        ("save 900 1\nsave 60 3\n", &["--save", "", "--hz", "11"], &["save", "hz"]),
        ("save \"\"\nsave 60 3\n", &[], &["save"]),
        ("save 60 3\nsave \"\"\n", &[], &["save"]),
        ("save 60 3\nsave \"\"\nsave 30 1\n", &[], &["save"]),
        ("save\n", &[], &["save"]),
        ("save 60 3 50 4 \n", &[], &["save"]),
        ("save \"60 3 50 4\"\n", &[], &["save"]),
        ("save \"  60\t3 \"\n", &[], &["save"]),
        ("save \"60 '3'\"\n", &[], &["save"]),
        ("save \"\" \"\"\n", &[], &[]),
        ("bind \" 127.0.0.1  -::1 \"\n", &[], &["bind"]),
        ("save 0 1\n", &[], &[]),
        (
            "client-output-buffer-limit normal 1 1 1 pubsub 2 2k 2\n\
             client-output-buffer-limit replica 5mb 5 5\n",
            &[],
            &["client-output-buffer-limit"],
        ),
        ("client-output-buffer-limit NORMAL 1 1 1\n", &[], &["client-output-buffer-limit"]),
        ("client-output-buffer-limit nobody 1 1 1\n", &[], &[]),
        ("oom-score-adj-values 1 2 3\n", &[], &["oom-score-adj-values"]),
        ("oom-score-adj-values \"1 2 3\"\n", &[], &["oom-score-adj-values"]),
        ("latency-tracking-info-percentiles 5 6.25 12.123456789\n", &[], &["latency-*"]),
        ("latency-tracking-info-percentiles \"\"\n", &[], &["latency-*"]),
        ("shutdown-on-sigterm now force\n", &[], &["shutdown-on-*"]),
        ("shutdown-on-sigterm \"force NOW\"\n", &[], &["shutdown-on-*"]),
        ("shutdown-on-sigterm save nosave\n", &[], &[]),
        ("", &["--shutdown-on-sigint", "nosave force"], &["shutdown-on-*"]),
        ("", &["--shutdown-on-sigint", "nosave", "force"], &["shutdown-on-*"]),
        ("", &["--shutdown-on-sigint", "--hz", "1"], &[]),
        ("", &["--bind", "127.0.0.1 -::1"], &["bind"]),
        ("", &["--bind", "127.0.0.1", "-::1", "--bind", "127.0.0.2"], &["bind"]),
        ("bind\n", &[], &["bind"]),
        ("bind \"\"\n", &[], &["bind"]),
        // Options of the command line.
        ("hz 20\n", &["--hz", "30"], &["hz"]),
        ("hz 20\n", &["hz", "30"], &["hz"]),
        ("", &["--HZ", "30"], &["hz"]),
        ("", &["--hz 30"], &["hz"]),
        ("", &["--hz 30", "--maxmemory 5mb"], &["hz", "maxmemory"]),
        ("", &["--hz", "30 31"], &[]),
        ("", &["--", "hz", "30"], &["hz"]),
        ("", &["---hz", "30"], &[]),
        ("", &["--hz=30"], &[]),
        ("", &["-h", "30"], &[]),
        ("", &["--hz"], &[]),
        ("", &["--hz", "30", "--", "x"], &[]),
        // A last `-` reads standard input, after the file and before the options.
        ("hz 20\ntimeout 1\n", &["-"], &["hz", "timeout"]),
        ("hz 20\ntimeout 1\n", &["--hz", "30", "-"], &["hz", "timeout"]),
        ("", &["--tls-ciphers", "x", "-"], &["hz", "tls-ciphers"]),
        ("", &["--hz", "-"], &[]),
        ("", &["--hz", "30", "-", "-"], &[]),
        ("", &["-", "--hz", "30"], &[]),
        ("", &[""], &[]),
        ("", &["--masterauth", "--hz", "--timeout", "7"], &["hz", "timeout"]),
        ("", &["--tls-ciphers", "--hz", "--timeout", "7"], &["tls-ciphers", "hz", "timeout"]),
        ("", &["--tls-ciphers", "-x"], &["tls-ciphers"]),
        ("", &["--tls-ciphers", "-- x"], &["tls-ciphers"]),
        ("", &["--tls-ciphers", "a 'b' \"c\" \\n\n"], &["tls-ciphers"]),
        ("", &["--maxmemory", " 5 "], &[]),
        ("", &["--appendonly", "YES", "--appendfsync", "Always"], &["append*"]),
        // Words, quotes, comments.
        ("PORT 0\nHz 11\n", &[], &["hz"]),
        ("  \t# comment\n\n\t\n  hz 12 \r\n", &[], &["hz"]),
        ("\"hz\" 30\n", &[], &["hz"]),
        ("hz 12 # comment\n", &[], &[]),
        ("hz \"12\n", &[], &[]),
        ("hz \"12\"x\n", &[], &[]),
        ("\\hz 3\n", &[], &[]),
        ("tls-ciphers \"a\\x41b\\n\\t\\q\\\"\" \n", &[], &["tls-ciphers"]),
        ("tls-ciphers 'it\\'s \\n'\n", &[], &["tls-ciphers"]),
        ("tls-ciphers a\"b\"\n", &[], &["tls-ciphers"]),
        ("tls-ciphers a\\nb\n", &[], &["tls-ciphers"]),
        // Single values.
        ("hz 0\n", &[], &["hz"]),
        ("hz 1000\n", &[], &["hz"]),
        ("hz\n", &[], &[]),
        ("hz 20 20\n", &[], &[]),
        ("hz 020\n", &[], &[]),
        ("hz +20\n", &[], &[]),
        ("hz 1.5\n", &[], &[]),
        ("maxmemory 1\n", &[], &["maxmemory"]),
        ("maxmemory 1b\n", &[], &["maxmemory"]),
        ("maxmemory 1K\n", &[], &["maxmemory"]),
        ("maxmemory 1kb\n", &[], &["maxmemory"]),
        ("maxmemory 3m\n", &[], &["maxmemory"]),
        ("maxmemory 3MB\n", &[], &["maxmemory"]),
        ("maxmemory 2g\n", &[], &["maxmemory"]),
        ("maxmemory 2gB\n", &[], &["maxmemory"]),
        ("maxmemory 1tb\n", &[], &[]),
        ("maxmemory 1.5gb\n", &[], &[]),
        ("maxmemory 50%\n", &[], &[]),
        ("maxmemory -1\n", &[], &[]),
        ("maxmemory lots\n", &[], &[]),
        ("maxmemory-clients 50%\n", &[], &["maxmemory-clients"]),
        ("maxmemory-clients 101%\n", &[], &[]),
        ("maxclients 0\n", &[], &[]),
        ("databases 0\n", &[], &[]),
        ("databases 1\n", &[], &["databases"]),
        ("unixsocketperm 0700\n", &[], &["unixsocketperm"]),
        ("unixsocketperm 777\n", &[], &["unixsocketperm"]),
        ("unixsocketperm 999\n", &[], &[]),
        ("unixsocketperm 1000\n", &[], &[]),
        ("dbfilename a/b\n", &[], &[]),
        ("dbfilename a\\b\n", &[], &[]),
        ("appendfilename a/b\n", &[], &[]),
        ("appendfilename \"\"\n", &[], &[]),
        ("appenddirname a/b\n", &[], &[]),
        ("appenddirname \"\"\n", &[], &[]),
        ("io-threads 129\n", &[], &[]),
        ("io-threads 2\n", &[], &["io-threads"]),
        ("supervised sometimes\n", &[], &[]),
        ("loglevel Verbose\n", &[], &["loglevel"]),
        ("appendonly maybe\n", &[], &[]),
        ("appendonly yes no\n", &[], &[]),
        ("slaveof no one\n", &[], &["replicaof", "slaveof"]),
        ("slaveof 1 2 3\n", &[], &[]),
        ("slaveof 127.0.0.1 x\n", &[], &[]),
        ("cluster-announce-hostname a_b\n", &[], &[]),
        ("notify-keyspace-events q\n", &[], &[]),
        // Old names.
        ("hash-max-ziplist-entries 6\n", &[], &["hash-max-*"]),
        ("hash-max-ziplist-entries 6\nhash-max-listpack-entries 7\n", &[], &["hash-max-*"]),
        ("lua-time-limit 6\n", &[], &["busy-reply-threshold"]),
        ("list-max-ziplist-entries 1\nlist-max-ziplist-value 5\n", &[], &["list-max-*"]),
        ("list-max-ziplist-entries 1 2\n", &[], &[]),
        ("lua-replicate-commands yes\n", &[], &[]),
        // Unknown or incomplete.
        ("nosuch 1\n", &[], &[]),
        ("gopher-enabled yes\n", &[], &[]),
        ("rename-command a\n", &[], &[]),
        ("include\n", &[], &[]),
        ("user\n", &[], &[]),
        ("loadmodule\n", &[], &[]),
    ];
    // Refused here for a reason of our own, though Redis starts.
    let ours_alone = ["masterauth"];
    for (file, args, patterns) in cases {
        let ours = load_like_redis(file, args);
        let theirs = RedisServer::start(Some(file), args);
        if args.iter().any(|arg| ours_alone.contains(&arg.trim_start_matches('-'))) {
            assert!(ours.is_err() && theirs.is_ok(), "{file:?} {args:?}");
            continue;
        }
        match (ours, theirs) {
            (Ok(config), Ok(mut redis)) => {
                let theirs = redis.config_get(patterns);
                let mut ours = our_config_get(&config, patterns);
                ours.retain(|(name, _)| name != "appendonly" || file.contains(name.as_str()));
                let theirs: Vec<_> = theirs
                    .into_iter()
                    .filter(|(name, _)| name != "appendonly" || file.contains(name.as_str()))
                    .collect();
                assert_eq!(ours, theirs, "{file:?} {args:?}");
            }
            (Err(_), Err(_)) => {}
            (ours, theirs) => panic!(
                "{file:?} {args:?}: we say {:?}, Redis says {:?}",
                ours.err().map(|e| e.to_string()),
                theirs.err()
            ),
        }
    }
}

/// Loads a file and arguments as [`RedisServer::start`] gives them to Redis.
fn load_like_redis(file: &str, args: &[&str]) -> Result<Config, guarda_config::ConfigError> {
    let scratch = Scratch::new();
    let path = scratch.write("redis.conf", file);
    let arguments = std::iter::once(path.to_str().expect("a scratch path is UTF-8"))
        .chain(args.iter().copied());
    load(&Arguments::parse(arguments), common::STANDARD_INPUT).map(|loaded| loaded.config)
}

#[test]
fn config_set_answers_as_redis() {
    let mut redis = RedisServer::start(None, &[]).unwrap();
    let mut config = like_redis();
    let cases: &[&[(&str, &str)]] = &[
        &[("maxmemory", "lots")],
        &[("nosuch", "1")],
        &[("daemonize", "yes")],
        &[("maxmemory", "1mb"), ("maxmemory", "2mb")],
        &[("maxmemory", "1mb"), ("MAXMEMORY", "2mb")],
        &[("appendonly", "maybe")],
        &[("appendfsync", "foo")],
        &[("timeout", "1.5")],
        &[("timeout", "-1")],
        &[("hz", "0")],
        &[("hz", "1000")],
        &[("hz", "11"), ("nosuch", "1")],
        &[("hz", "12"), ("timeout", "-1")],
        &[("hz", "13"), ("daemonize", "yes")],
        &[("hz", "x"), ("nosuch", "1")],
        &[("hz", "x"), ("timeout", "y")],
        &[("daemonize", "yes"), ("hz", "x")],
        &[("daemonize", "yes"), ("nosuch", "x")],
        &[("nosuch", "1"), ("daemonize", "yes")],
        &[("hz", "1"), ("hz", "1"), ("daemonize", "yes")],
        &[("hz", "3"), ("hz", "1"), ("nosuch", "3")],
        &[("save", "a b")],
        &[("save", "900")],
        &[("save", "900 1 10")],
        &[("save", "0 1")],
        &[("save", "900 -1")],
        &[("save", "  900 1  ")],
        &[("save", "900 1")],
        &[("save", "3600 1 300 100")],
        &[("save", "")],
        &[("notify-keyspace-events", "q")],
        &[("client-output-buffer-limit", "normal 0 0")],
        &[("client-output-buffer-limit", "foo 0 0 0")],
        &[("client-output-buffer-limit", "normal -1 0 0")],
        &[("client-output-buffer-limit", "normal 1mb 0 x")],
        &[("client-output-buffer-limit", "replica 1mb 1k 3")],
        &[("client-output-buffer-limit", "normal 0 0 0 slave 1 1 1 normal 5 5 5")],
        &[("client-output-buffer-limit", "")],
        &[("dir", "/")],
        &[("dbfilename", "a/b")],
        &[("databases", "3")],
        &[("maxmemory-policy", "foo")],
        &[("maxmemory-policy", "ALLKEYS-lru")],
        &[("maxmemory-clients", "50%")],
        &[("maxmemory-clients", "101%")],
        &[("maxmemory-clients", "x")],
        &[("maxmemory-clients", "1g")],
        &[("hash-max-ziplist-entries", "3"), ("hash-max-listpack-entries", "4")],
        &[("hash-max-listpack-entries", "4"), ("hash-max-ziplist-entries", "3")],
        &[("latency-tracking-info-percentiles", "50 101")],
        &[("latency-tracking-info-percentiles", "50 a")],
        &[("latency-tracking-info-percentiles", "50.5 3 50.5000001 33.3333 0")],
        &[("latency-tracking-info-percentiles", "")],
        &[("oom-score-adj-values", "0 1")],
        &[("oom-score-adj-values", "0 1 a")],
        &[("oom-score-adj-values", "0 1 5000")],
        &[("oom-score-adj-values", "5 1 2")],
        &[("shutdown-on-sigterm", "")],
        &[("shutdown-on-sigterm", "now now save")],
        &[("shutdown-on-sigterm", "default now")],
        &[("shutdown-on-sigterm", "save nosave")],
        &[("shutdown-on-sigterm", "bad")],
        &[("requirepass", "")],
        &[("replicaof", "no one")],
        &[("slaveof", "127.0.0.1 5")],
        &[("user", "x")],
        &[("rename-command", "x")],
        &[("include", "x")],
        &[("loadmodule", "x")],
        &[("cluster-announce-hostname", "a b")],
        &[("SET-max-intset-entries", "7")],
    ];
    for pairs in cases {
        let theirs = redis.config_set(pairs);
        let ours = match config.config_set(pairs) {
            Ok(_) => "OK".to_owned(),
            Err(error) => error.to_string(),
        };
        assert_eq!(ours, theirs, "CONFIG SET {pairs:?}");
        let names: Vec<_> = pairs.iter().map(|(name, _)| *name).filter(|n| *n != "dir").collect();
        let ours = our_config_get(&config, &names);
        assert_eq!(ours, redis.config_get(&names), "after CONFIG SET {pairs:?}");
    }
}

/// Our defaults with Redis's append log, which is off.
fn like_redis() -> Config {
    let mut config = Config::default();
    config.config_set(&[("appendonly", "no")]).expect("a valid value");
    config
}

/// Where our answer differs from Redis's, and why.
fn reasoned_difference(name: &str, kind: Kind, value: &str) -> Option<&'static str> {
    match (name, kind) {
        ("loglevel", _) => Some("7.2 knows the level `nothing`"),
        ("activedefrag", _) => Some("Redis refuses it on an allocator that is not its own"),
        ("proc-title-template", _) => Some("the title is never written, so not checked either"),
        ("repl-backlog-size", _) => Some("Redis raises it to 16 KiB"),
        ("masterauth" | "masteruser" | "min-replicas-to-write" | "min-slaves-to-write", _) => {
            Some("refused until it is implemented")
        }
        (tls, _) if tls.starts_with("tls-") => Some("Redis loads certificates at once"),
        (_, Kind::Memory { .. } | Kind::MemoryOrPercent) if value.is_empty() => {
            Some("nothing is no size; Redis takes it as 0")
        }
        (_, Kind::Memory { .. } | Kind::MemoryOrPercent) if value.starts_with("999") => {
            Some("a size that does not fit is refused; Redis takes the greatest")
        }
        _ => None,
    }
}

#[test]
fn config_set_of_every_name_answers_as_redis_or_differs_for_a_reason() {
    let mut redis = RedisServer::start(None, &[]).unwrap();
    let values = [
        "~bad~",
        "-99999999999",
        "",
        "0",
        "1",
        "yes",
        "NO",
        "1mb",
        "50%",
        "10 x",
        "99999999999999999999",
    ];
    let mut reasons = BTreeSet::new();
    let mut differed = BTreeSet::new();
    for row in directives().filter(|row| row.has_value()) {
        for name in row.names().filter(|name| !SINCE_7_2.contains(name) && !is_our_own(name)) {
            for value in values {
                // A password would lock the test out, and so would another address to listen on.
                if matches!(name, "requirepass" | "bind" | "port")
                    || (name == "appendonly" && value == "yes")
                {
                    continue;
                }
                // One fresh configuration for each, so that a difference does not spread.
                let mut config = like_redis();
                let ours = match config.config_set(&[(name, value)]) {
                    Ok(_) => "OK".to_owned(),
                    Err(error) => error.to_string(),
                };
                let reason = reasoned_difference(name, row.kind, value);
                reasons.extend(reason);
                let theirs = redis.config_set(&[(name, value)]);
                let shown = redis.config_get(&[name]);
                let same =
                    ours == theirs && (ours != "OK" || our_config_get(&config, &[name]) == shown);
                assert!(same || reason.is_some(), "{name} {value:?}: {ours} / {theirs} {shown:?}");
                if !same {
                    differed.extend(reason);
                }
            }
        }
    }
    assert_eq!(differed, reasons, "a reason that explains nothing is stale");
}
