//! What the tests share: a scratch directory, and a real redis-server to compare with.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use guarda_config::{Arguments, ConfigError, Loaded, load};

/// A directory that goes with the test.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("guarda-config-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).expect("a new scratch directory");
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().expect("inside the scratch"))
            .expect("scratch is writable");
        fs::write(&path, text).expect("scratch is writable");
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // A directory that stays behind fails no test.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Loads a command line without a file.
pub(crate) fn load_args(args: &[&str]) -> Result<Loaded, ConfigError> {
    load(&Arguments::parse(args.iter().copied()), std::io::empty())
}

/// Loads a text as the file `redis.conf`.
pub(crate) fn load_text(text: impl AsRef<[u8]>) -> Result<Loaded, ConfigError> {
    let lines = guarda_config::parse_text(text.as_ref(), Path::new("redis.conf"))?;
    guarda_config::Config::from_lines(lines)
}

/// What the server finds on its standard input.
pub(crate) const STANDARD_INPUT: &[u8] = b"hz 50\ntimeout 5\n";

/// A redis-server 7.0 that listens on a Unix socket only.
pub(crate) struct RedisServer {
    child: Child,
    connection: BufReader<UnixStream>,
    scratch: Scratch,
}

impl RedisServer {
    /// Starts it with `file` (if there is one) and `args`; returns what it printed if it refuses to start.
    pub(crate) fn start(file: Option<&str>, args: &[&str]) -> Result<Self, String> {
        let scratch = Scratch::new();
        let socket = scratch.path().join("socket");
        let mut command = Command::new("redis-server");
        // What keeps the server to itself comes first, because an option may take all that follows as its values.
        let text = format!("port 0\nunixsocket {}\n{}", socket.display(), file.unwrap_or(""));
        command.arg(scratch.write("redis.conf", text)).args(args);
        let mut child = command
            .current_dir(scratch.path())
            .stdin(
                fs::File::open(scratch.write("stdin", STANDARD_INPUT))
                    .expect("the real server talks"),
            )
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("redis-server is installed");
        let mut log = String::new();
        let mut stdout = BufReader::new(child.stdout.take().expect("the real server talks"));
        while !log.contains("The server is now ready to accept connections") {
            if stdout.read_line(&mut log).expect("the real server talks") == 0 {
                child
                    .stderr
                    .take()
                    .expect("the real server talks")
                    .read_to_string(&mut log)
                    .expect("the real server talks");
                child.wait().expect("the real server talks");
                return Err(log);
            }
        }
        // Somebody has to read on, or the server would block when the pipe is full.
        std::thread::spawn(move || std::io::copy(&mut stdout, &mut std::io::sink()));
        let connection = UnixStream::connect(&socket).expect("the real server talks");
        connection.set_read_timeout(Some(Duration::from_secs(20))).expect("the real server talks");
        Ok(Self { child, connection: BufReader::new(connection), scratch })
    }

    /// Sends a command; returns the reply's strings. A status or an error is one string.
    pub(crate) fn command(&mut self, words: &[&[u8]]) -> Vec<String> {
        let mut request = format!("*{}\r\n", words.len()).into_bytes();
        for word in words {
            request.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
            request.extend_from_slice(word);
            request.extend_from_slice(b"\r\n");
        }
        self.connection.get_mut().write_all(&request).expect("the real server talks");
        self.reply()
    }

    fn reply(&mut self) -> Vec<String> {
        let mut line = String::new();
        self.connection.read_line(&mut line).expect("the real server talks");
        let (kind, rest) = line.trim_end().split_at(1);
        match kind {
            "*" => (0..rest.parse().expect("the real server talks"))
                .flat_map(|_| self.reply())
                .collect(),
            "$" => {
                let mut bulk = vec![0; rest.parse::<usize>().expect("the real server talks") + 2];
                self.connection.read_exact(&mut bulk).expect("the real server talks");
                bulk.truncate(bulk.len() - 2);
                vec![String::from_utf8_lossy(&bulk).into_owned()]
            }
            _ => vec![rest.to_owned()],
        }
    }

    /// `CONFIG GET`, sorted by name.
    pub(crate) fn config_get(&mut self, patterns: &[&str]) -> Vec<(String, String)> {
        let mut words: Vec<&[u8]> = vec![b"CONFIG", b"GET"];
        words.extend(patterns.iter().map(|pattern| pattern.as_bytes()));
        let reply = self.command(&words);
        let mut pairs: Vec<_> =
            reply.chunks_exact(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect();
        pairs.sort();
        pairs
    }

    /// `CONFIG SET`: `OK` or the error.
    pub(crate) fn config_set(&mut self, pairs: &[(&str, &str)]) -> String {
        let mut words: Vec<&[u8]> = vec![b"CONFIG", b"SET"];
        words.extend(pairs.iter().flat_map(|(name, value)| [name.as_bytes(), value.as_bytes()]));
        self.command(&words).concat()
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        // It holds nothing worth saving, and a test that failed must not leave it running.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Our own `CONFIG GET`, sorted by name.
pub(crate) fn our_config_get(
    config: &guarda_config::Config,
    patterns: &[&str],
) -> Vec<(String, String)> {
    let mut pairs: Vec<_> = config
        .config_get(patterns)
        .into_iter()
        .map(|(name, value)| (name, String::from_utf8_lossy(&value).into_owned()))
        .collect();
    pairs.sort();
    pairs
}
