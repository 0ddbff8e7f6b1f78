//! The real phpredis: what it makes of a save_path, and what it makes of compressed values.

#![allow(missing_docs, reason = "tests")]

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

use guarda_session::payload::{Compression, pack, unpack};
use guarda_session::save_path::{Address, Credentials};
use guarda_session::{DEFAULT_PREFIX, SavePath, session_key};
use guarda_testkit::reply::Frame;
use guarda_testkit::server::{Program, Server, ServerSpec};

type Seen = Arc<Mutex<Vec<(u16, Vec<Vec<u8>>)>>>;

/// A server that notes what it is asked and has no session.
fn listening(seen: &Seen) -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("binds");
    let port = listener.local_addr().expect("bound").port();
    let seen = Arc::clone(seen);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (stream, seen) = (stream.expect("accepts"), Arc::clone(&seen));
            thread::spawn(move || answer(stream, port, &seen));
        }
    });
    port
}

fn answer(stream: TcpStream, port: u16, seen: &Seen) {
    let mut out = stream.try_clone().expect("clones");
    let mut input = BufReader::new(stream);
    while let Some(args) = command(&mut input) {
        let reply: &[u8] = match args[0].as_slice() {
            b"GET" => b"$-1\r\n",
            b"EXISTS" | b"DEL" | b"EXPIRE" => b":0\r\n",
            _ => b"+OK\r\n",
        };
        seen.lock().expect("no panic").push((port, args));
        if out.write_all(reply).is_err() {
            return;
        }
    }
}

fn command(input: &mut impl std::io::BufRead) -> Option<Vec<Vec<u8>>> {
    let number = |input: &mut dyn std::io::BufRead| -> Option<usize> {
        let mut line = String::new();
        input.read_line(&mut line).ok()?;
        line.get(1..)?.trim_end().parse().ok()
    };
    let count = number(input)?;
    (0..count)
        .map(|_| {
            let mut bytes = vec![0; number(input)? + 2];
            input.read_exact(&mut bytes).ok()?;
            bytes.truncate(bytes.len() - 2);
            Some(bytes)
        })
        .collect()
}

const SESSIONS: &str = r#"
while (($line = fgets(STDIN)) !== false) {
    [$path, $id] = explode(' ', rtrim($line, "\n"));
    ini_set('session.save_path', hex2bin($path));
    session_id($id);
    $started = @session_start();
    if ($started) { $_SESSION['n'] = 1; session_write_close(); }
    // Not echo: after output PHP lets nobody change the save_path.
    fwrite(STDOUT, $started ? "yes\n" : "no\n");
}
"#;

/// Port, AUTH, SELECT and key of one session, as phpredis or ours would have them.
type Sent = Option<(u16, Vec<Vec<u8>>, u32, Vec<u8>)>;

fn ours(save_path: &str, id: &str) -> Sent {
    let path = SavePath::parse(save_path).ok()?;
    let host = path.host(id.as_bytes());
    let Address::Tcp { port, .. } = host.address else { return None };
    let auth = match host.credentials.clone() {
        Credentials::Password { user, password } => user.into_iter().chain([password]).collect(),
        _ => Vec::new(),
    };
    let prefix = host.prefix.as_deref().unwrap_or(DEFAULT_PREFIX.as_bytes());
    let key = [prefix, id.as_bytes()].concat();
    Some((port, auth, host.database.unwrap_or(0), key))
}

fn phpredis(seen: &Seen) -> Sent {
    let seen = std::mem::take(&mut *seen.lock().expect("no panic"));
    let (port, get) = seen.iter().find(|(_, args)| args[0] == b"GET")?;
    let last = |name: &[u8]| seen.iter().rev().find(|(_, args)| args[0] == name);
    let auth = last(b"AUTH").map_or_else(Vec::new, |(_, args)| args[1..].to_vec());
    let database = last(b"SELECT")
        .map_or(0, |(_, args)| String::from_utf8_lossy(&args[1]).parse().expect("a number"));
    Some((*port, auth, database, get[1].clone()))
}

#[test]
fn a_save_path_leads_where_phpredis_goes() {
    let seen = Seen::default();
    let (a, b, c) = (listening(&seen), listening(&seen), listening(&seen));
    let mut cases: Vec<(String, String)> = Vec::new();
    for query in [
        "",
        "?auth=x",
        "?auth[]=u&auth[]=p",
        "?auth[]=p",
        "?auth[user]=u&auth[pass]=p",
        "?auth[pass]=p&auth[user]=u",
        "?auth[user]=u",
        "?auth[pass]=p",
        "?auth[]=a&auth[]=b&auth[]=c",
        "?auth[1]=p&auth[0]=u",
        "?auth[5]=p",
        "?auth[a]=u&auth[b]=p",
        "?auth[user]=u&auth[1]=p",
        "?auth[0]=u&auth[pass]=p",
        "?auth[user]=&auth[pass]=p",
        "?auth=",
        "?auth[]=",
        "?auth[user]=u&auth[pass]=",
        "?auth[user][x]=u&auth[pass]=p",
        "?auth[][]=u",
        "?auth=x&auth[]=p",
        "?auth[]=u&auth=x",
        "?auth[pass]=p&auth[pass]=q",
        "?auth[foo]=p",
        "?auth[user]=u&auth[foo]=p",
        "?auth=a%00b",
        "?auth=a#b?c:d@e/f=g",
        "?auth=p%2Bq+r%26s%25%zz",
        "?auth=%2C%20",
        "?auth=x&Auth=y",
        "?auth=;!$^|'*",
        "?database=3",
        "?database=x",
        "?database=-1",
        "?database=0",
        "?database=2.9",
        "?database=1e1",
        "?database[]=7",
        "?database=+7",
        "?database=%207",
        "?database=7x",
        "?database=",
        "?weight=0",
        "?weight=x",
        "?weight=0.9",
        "?weight=1x",
        "?weight[]=0",
        "?weight=-1",
        "?weight=",
        "?timeout=0",
        "?timeout=-1",
        "?timeout=x",
        "?timeout[]=1",
        "?timeout=1.5s",
        "?timeout=.5",
        "?timeout=1e1",
        "?prefix=",
        "?prefix=a+b%20c",
        "?prefix[]=a",
        "?prefix=a&prefix=b",
        "?PREFIX=b",
        "?prefix=x#frag",
        "#frag",
        "#frag?prefix=x",
        "?prefix=a#b&auth=c",
        "?prefix=a%23b",
        "?prefix=%00a",
        "??prefix=a",
        "?&&prefix=a&",
        "?prefix",
        "?prefix=a=b",
        "?prefix=a;auth=b",
        "?+prefix=b",
        "?pre.fix=b",
        "?prefix%00=b",
        "?prefix[=b",
        "?=b&prefix=c",
        "/3?prefix=a",
        "/?prefix=a",
        "?persistent=0&retry_interval=5&read_timeout=2&prefix=z",
        "?name=PHPSESSID&prefix=z",
        "?prefix=a,tcp://",
        " ",
        ",",
        "?prefix=\u{e9}%C3%A9%FF",
    ] {
        cases.push((format!("tcp://127.0.0.1:{a}{query}"), "abcdefghijkl".to_owned()));
    }
    for front in [
        "127.0.0.1:",
        "//127.0.0.1:",
        "tcp://u:p@127.0.0.1:",
        "tcp://@127.0.0.1:",
        " ,tcp://127.0.0.1:",
    ] {
        cases.push((format!("{front}{a}"), "abcdefghijkl".to_owned()));
    }
    for (i, j, k) in [(1, 1, 1), (1, 2, 3), (5, 1, 250), (1, 1, 2), (65536, 3, 1)] {
        for id in
            ["aaaa", "baaa", "caaa", "daaa", "zzzz", "PHPRxx", "-,Zz", "0123456789", "9f,-aaaaaa"]
        {
            let host = |port, weight| format!("tcp://127.0.0.1:{port}?weight={weight}");
            cases.push((format!("{} {},{}", host(a, i), host(b, j), host(c, k)), id.to_owned()));
        }
    }
    let mut php = Command::new("php")
        .args(["-d", "session.save_handler=redis", "-d", "session.use_cookies=0"])
        .args(["-d", "session.use_strict_mode=0", "-d", "display_errors=stderr", "-r", SESSIONS])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("php is installed: `cargo xtask test` installs it");
    let mut input = php.stdin.take().expect("piped");
    let mut output = BufReader::new(php.stdout.take().expect("piped"));
    let mut report = String::new();
    for (save_path, id) in &cases {
        let hex: String = save_path.bytes().map(|byte| format!("{byte:02x}")).collect();
        writeln!(input, "{hex} {id}").expect("php reads");
        let mut line = String::new();
        output.read_line(&mut line).expect("php answers");
        let (own, theirs) = (ours(save_path, id), phpredis(&seen));
        if own != theirs {
            writeln!(report, "{save_path:?} {id}\n  phpredis {theirs:?}\n  ours     {own:?}")
                .expect("a String takes anything");
        }
    }
    drop(input);
    assert!(php.wait().expect("ends").success());
    assert!(report.is_empty(), "of {}:\n{report}", cases.len());
}

const VALUES: &str = r#"
$redis = new Redis();
$redis->connect('127.0.0.1', (int) $argv[1]);
$all = ['lzf' => Redis::COMPRESSION_LZF, 'zstd' => Redis::COMPRESSION_ZSTD, 'lz4' => Redis::COMPRESSION_LZ4];
$samples = json_decode($redis->get('samples'));
foreach ($all as $name => $compression) {
    $redis->setOption(Redis::OPT_COMPRESSION, $compression);
    foreach ($samples as $at => $sample) {
        $sample = base64_decode($sample);
        foreach ([0, 1, 3, 9] as $level) {
            $redis->setOption(Redis::OPT_COMPRESSION_LEVEL, $level);
            $redis->set("theirs:$name:$at:$level", $sample);
            if ($redis->get("ours:$name:$at:$level") !== $sample) {
                echo "phpredis cannot read what we packed: $name $at $level\n";
            }
        }
    }
}
"#;

/// Without line breaks or padding rules to care for: PHP's decoder takes this.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().fold(0_u32, |word, byte| word << 8 | u32::from(*byte));
        let word = word << (8 * (3 - chunk.len()));
        for letter in 0..=chunk.len() {
            let at = (word >> (18 - 6 * letter)) & 63;
            out.push(char::from(LETTERS[at as usize]));
        }
    }
    out
}

#[test]
fn values_are_packed_and_unpacked_as_phpredis_does() {
    let server = Server::start(ServerSpec::new(Program::reference())).expect("starts");
    let mut random = guarda_testkit::prng::Prng::new(7);
    let mut noise = |len: usize| (0..len).map(|_| random.next_u64() as u8).collect::<Vec<_>>();
    let text = br#"user|a:2:{s:2:"id";i:7;s:4:"name";s:5:"maria";}"#;
    let samples = [
        b"n|i:1;".to_vec(),
        b"x".to_vec(),
        text.to_vec(),
        text.repeat(50),
        text.repeat(3000),
        vec![0; 70_000],
        noise(31),
        noise(32),
        noise(33),
        noise(300),
        noise(20_000),
        b"\0\0\0\x02\x14\x01\x11\x01n\x06\x01".to_vec(),
    ];
    let mut connection = server.connect().expect("connects");
    let all = [("lzf", Compression::Lzf), ("zstd", Compression::Zstd), ("lz4", Compression::Lz4)];
    let listed: Vec<_> = samples.iter().map(|sample| format!("\"{}\"", base64(sample))).collect();
    let listed = format!("[{}]", listed.join(","));
    connection.call(&["SET", "samples", &listed]).expect("an answer");
    for (name, compression) in all {
        for (at, sample) in samples.iter().enumerate() {
            for level in [0, 1, 3, 9] {
                let key = format!("ours:{name}:{at}:{level}");
                let stored = pack(sample, compression, level);
                connection.call(&[b"SET", key.as_bytes(), &stored]).expect("an answer");
            }
        }
    }
    let port = server.port().to_string();
    let output = Command::new("php").args(["-r", VALUES, "--", &port]).output();
    let output = output.expect("php is installed: `cargo xtask test` installs it");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "");
    assert!(output.status.success());
    for (name, compression) in all {
        for (at, sample) in samples.iter().enumerate() {
            for level in [0, 1, 3, 9] {
                let key = format!("theirs:{name}:{at}:{level}");
                let stored = connection.call(&["GET", &key]).expect("an answer");
                let Frame::Bulk(stored) = stored else { panic!("{key}: {stored}") };
                if compression == Compression::Zstd && sample.len() < 1000 {
                    // The same library of another version: the same bytes, for small ones at least.
                    assert_eq!(stored, pack(sample, compression, level), "{key}");
                }
                assert!(unpack(&stored) == Ok((compression, sample.into())), "{key}");
            }
        }
    }
}

#[test]
fn the_default_prefix_is_phpredis_own() {
    assert_eq!(session_key(DEFAULT_PREFIX, b"a"), b"PHPREDIS_SESSION:a");
}
