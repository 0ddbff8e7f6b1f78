//! What the operator reads when something is wrong.

mod common;

use common::{Scratch, load_args, load_text};
use guarda_config::{Arguments, INCLUDE_DEPTH_MAX, load};

#[test]
fn errors_name_the_place_what_was_expected_and_the_nearest_name() {
    let cases = [
        (
            "port 0\napendonly yes",
            "redis.conf:2: unknown directive `apendonly`; did you mean `appendonly`?",
        ),
        ("xyzzy 1", "redis.conf:1: unknown directive `xyzzy`"),
        (
            "\n\n# c\n\n\n\nmaxmemory lots",
            "redis.conf:7: `maxmemory` takes a size like 512mb, got `lots`; 0 means no limit",
        ),
        (
            "port 70000",
            "redis.conf:1: `port` takes a whole number from 0 to 65535, got `70000`; 0 means no TCP",
        ),
        ("appendonly maybe", "redis.conf:1: `appendonly` takes `yes` or `no`, got `maybe`"),
        (
            "appendfsync often",
            "redis.conf:1: `appendfsync` takes one of everysec, always, no, got `often`",
        ),
        ("hz", "redis.conf:1: `hz` takes a whole number from 1 to 500, got nothing"),
        (
            "save 900",
            "redis.conf:1: `save` takes pairs of seconds and changes like 3600 1 300 100, got \
             `900`; `save \"\"` means no snapshots",
        ),
        (
            "client-output-buffer-limit all 1 2 3",
            "redis.conf:1: `client-output-buffer-limit` takes a class (normal, replica, pubsub), a \
             hard limit, a soft limit and seconds, like pubsub 32mb 8mb 60, got `all 1 2 3`",
        ),
        (
            "proto-max-bulk-len 1",
            "redis.conf:1: `proto-max-bulk-len` takes a size like 512mb, at least 1048576 bytes, \
             got `1`",
        ),
        (
            "unixsocketperm 8",
            "redis.conf:1: `unixsocketperm` takes permission bits in octal, like 770, got `8`",
        ),
        (
            "SLAVE-priority \"a\\tb\"",
            "redis.conf:1: `SLAVE-priority` takes a whole number from 0 to 2147483647, got `a\\tb`",
        ),
        ("hz \"5", "redis.conf:1: the quotes do not pair up; a closing quote ends its word"),
        (
            "tls-cluster yes",
            "redis.conf:1: `tls-cluster` is not supported yet: there is no cluster mode; remove the line",
        ),
        (
            "rename-command A",
            "redis.conf:1: `rename-command` takes 2 arguments, got 1 hidden argument",
        ),
        ("include a b", "redis.conf:1: `include` takes 1 argument, got 2 hidden arguments"),
    ];
    for (text, expected) in cases {
        let error = load_text(text).expect_err(text);
        assert_eq!(error.to_string(), expected);
    }
    let error = load_args(&["--maxmemroy", "5"]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "command line: unknown directive `maxmemroy`; did you mean `maxmemory`?"
    );
    let arguments = Arguments::parse(["-"]);
    let error = load(&arguments, "hz 10\nhz x\n".as_bytes()).unwrap_err();
    assert!(error.to_string().starts_with("standard input:2: `hz` takes"), "{error}");
}

#[test]
fn what_would_break_a_promise_is_refused() {
    for text in [
        "replicaof 127.0.0.1 6379",
        "slaveof 127.0.0.1 6379",
        "cluster-enabled yes",
        "tls-cluster yes",
        "tls-replication yes",
        "masterauth secret",
        "masteruser somebody",
        "min-replicas-to-write 1",
        "loadmodule /x.so",
        "sentinel monitor a b 1 2",
    ] {
        let error = load_text(text).expect_err(text).to_string();
        assert!(error.contains("is not supported yet: "), "{error}");
        assert!(error.ends_with("; remove the line"), "{error}");
    }
}

#[test]
fn the_default_of_what_is_refused_is_fine() {
    let text = "slaveof no one\ncluster-enabled no\ntls-cluster no\naclfile \"\"\nmasterauth \"\"\n\
                min-slaves-to-write 0\n";
    assert_eq!(load_text(text).unwrap().warnings, []);
    // What counts is the last word.
    assert_eq!(load_text("tls-cluster yes\ntls-cluster no\n").unwrap().warnings, []);
}

#[test]
fn secrets_appear_nowhere() {
    let secret = "hunter2hunter2";
    let texts = [
        format!("requirepass {secret} extra"),
        format!("masterauth {secret}"),
        format!("tls-key-file-pass a {secret}"),
        format!("requirepass \"{secret}"),
        format!("requirepas {secret}"),
        format!("requirepass={secret}"),
        format!("requirepass:{secret}"),
        format!("sentinel auth-pass x {secret}"),
        format!("rename-command {secret}"),
    ];
    for text in texts {
        let error = load_text(&text).expect_err(&text);
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains(secret), "{shown}");
    }
    let loaded = load_text(format!("user default >{secret}")).unwrap();
    assert!(!format!("{loaded:?}").contains(secret));
    let args = ["--requirepass", secret, "--masterauth", "", "--tls-client-key-file-pass", secret];
    let shown = format!("{:?}", Arguments::parse(args));
    assert!(!shown.contains(secret), "{shown}");
    let loaded = load_args(&args).unwrap();
    let shown = format!("{loaded:?} {}", loaded.warnings[0]);
    assert!(!shown.contains(secret), "{shown}");
    assert!(shown.contains("Secret(14 bytes)"), "{shown}");
    let mut config = loaded.config;
    let error = config.config_set(&[("masterauth", secret)]).unwrap_err();
    assert!(!format!("{error} {error:?}").contains(secret), "{error:?}");
}

#[test]
fn an_ignored_directive_gets_one_warning_and_only_off_its_default() {
    let text = "syslog-enabled no\nactivedefrag yes\nactivedefrag yes\nlist-max-ziplist-value 5\n\
                lazyfree-lazy-expire yes\nlazyfree-lazy-expire no\n";
    let loaded = load_text(text).unwrap();
    let warnings: Vec<_> = loaded.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        warnings,
        [
            "redis.conf:3: `activedefrag`: accepted, but changes nothing: memory is not \
             defragmented actively",
            "redis.conf:4: `list-max-ziplist-value`: accepted, but changes nothing: it has meant \
             nothing since Redis 3.2",
        ]
    );
}

#[test]
fn config_set_says_what_changed() {
    let mut config = load_args(&[]).unwrap().config;
    let pairs = [("timeout", "0"), ("HZ", "20"), ("slave-priority", "7"), ("appendonly", "yes")];
    let applied = config.config_set(&pairs).unwrap();
    assert_eq!(applied.changed, ["hz", "replica-priority"]);
    assert_eq!(config.hz, 20);
    let error = config.config_set(&[("min-replicas-to-write", "1")]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "ERR CONFIG SET failed (possibly related to argument 'min-replicas-to-write') - not \
         supported yet: there is no replication yet, so no write would ever be allowed"
    );
    let error = config.config_set(&[("a\r\nb", "x")]).unwrap_err();
    assert!(error.to_string().ends_with("'a  b'"), "{error}");
}

#[test]
fn includes_are_read_in_place() {
    let scratch = Scratch::new();
    let one = scratch.write("conf.d/1.conf", "hz 30\ntimeout 1\n");
    scratch.write("conf.d/2.conf", "timeout 2\n");
    scratch.write("conf.d/.hidden.conf", "timeout 3\n");
    scratch.write("conf.d/other", "timeout 4\n");
    let pattern = scratch.path().join("conf.d/*.conf");
    let nothing = scratch.path().join("none.d/*.conf");
    let anywhere = scratch.path().join("conf.?/1.conf");
    let cases = [
        (format!("hz 40\ninclude {}\n", one.display()), 30, 1),
        (format!("include {}\nhz 40\n", one.display()), 40, 1),
        (format!("INCLUDE \"{}\"\n", pattern.display()), 30, 2),
        (format!("hz 41\ninclude {}\n", nothing.display()), 41, 0),
        (format!("include {}\n", anywhere.display()), 30, 1),
    ];
    for (text, hz, timeout) in cases {
        let main = scratch.write("main.conf", &text);
        let config = load(&Arguments::parse([main]), std::io::empty()).unwrap().config;
        assert_eq!(config.hz, hz, "{text}");
        assert_eq!(config.timeout.map_or(0, |timeout| timeout.as_secs()), timeout, "{text}");
    }
}

#[test]
fn errors_in_included_files_name_them() {
    let scratch = Scratch::new();
    let inner = scratch.write("inner.conf", "hz 10\nhz x\n");
    let main = scratch.write("main.conf", format!("include {}\n", inner.display()));
    let error = load(&Arguments::parse([&main]), std::io::empty()).unwrap_err().to_string();
    assert!(error.starts_with(&format!("{}:2: `hz` takes", inner.display())), "{error}");

    let missing = scratch.path().join("missing.conf");
    scratch.write("main.conf", format!("\ninclude {}\n", missing.display()));
    let error = load(&Arguments::parse([&main]), std::io::empty()).unwrap_err().to_string();
    let expected = format!("{}:2: cannot read `{}`: ", main.display(), missing.display());
    assert!(error.starts_with(&expected), "{error}");

    let error = load(&Arguments::parse([&missing]), std::io::empty()).unwrap_err().to_string();
    assert!(error.starts_with(&format!("cannot read `{}`: ", missing.display())), "{error}");
}

#[test]
fn a_file_that_includes_itself_is_refused() {
    let scratch = Scratch::new();
    let first = scratch.path().join("first.conf");
    let second = scratch.write("second.conf", format!("include {}\n", first.display()));
    scratch.write("first.conf", format!("hz 10\ninclude {}\n", second.display()));
    let error = load(&Arguments::parse([&first]), std::io::empty()).unwrap_err().to_string();
    let expected = format!("{}:1: `{}` is being read", second.display(), first.display());
    assert!(error.starts_with(&expected), "{error}");
}

#[test]
fn includes_go_as_deep_as_the_limit_and_no_deeper() {
    let scratch = Scratch::new();
    let path = |depth: usize| scratch.path().join(format!("{depth}.conf"));
    for depth in 1..=INCLUDE_DEPTH_MAX {
        scratch.write(&format!("{depth}.conf"), format!("include {}\n", path(depth + 1).display()));
    }
    scratch.write(&format!("{INCLUDE_DEPTH_MAX}.conf"), "hz 77\n");
    let loaded = load(&Arguments::parse([path(1)]), std::io::empty()).unwrap();
    assert_eq!(loaded.config.hz, 77);

    let last = path(INCLUDE_DEPTH_MAX + 1);
    scratch.write(&format!("{INCLUDE_DEPTH_MAX}.conf"), format!("include {}\n", last.display()));
    scratch.write(&format!("{}.conf", INCLUDE_DEPTH_MAX + 1), "hz 78\n");
    let error = load(&Arguments::parse([path(1)]), std::io::empty()).unwrap_err().to_string();
    assert!(error.ends_with("`include` goes deeper than 16 files"), "{error}");
}

#[test]
fn a_file_is_read_up_to_its_limit() {
    let max = usize::try_from(guarda_config::FILE_LEN_MAX).unwrap();
    let mut text = b"hz 33\n#".to_vec();
    text.resize(max, b'x');
    let arguments = Arguments::parse(["-"]);
    assert_eq!(load(&arguments, text.as_slice()).unwrap().config.hz, 33);
    text.push(b'x');
    let error = load(&arguments, text.as_slice()).unwrap_err().to_string();
    assert!(error.starts_with("`standard input` is longer than 4194304 bytes"), "{error}");
}
