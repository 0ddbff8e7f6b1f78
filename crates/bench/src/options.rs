//! What is asked of a run.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

/// Compares a server with the Redis-compatible servers on the machine, in paired, alternating
/// rounds, by processor time per command.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// What to measure [default: everything].
    #[arg(value_enum)]
    pub what: Vec<Figure>,

    /// Server under test [default: this workspace's guarda, built with --release].
    #[arg(long, value_name = "PROGRAM")]
    pub subject: Option<PathBuf>,

    /// Server to compare with; may be repeated [default: redis-server and valkey-server, if found].
    #[arg(long, value_name = "PROGRAM")]
    pub peer: Vec<PathBuf>,

    /// guarda.so, for the PHP requests [default: this workspace's, built with --release].
    #[arg(long, value_name = "FILE")]
    pub extension: Option<PathBuf>,

    /// Append log, on both sides.
    #[arg(long, value_enum, default_value_t = Persistence::Everysec)]
    pub persistence: Persistence,

    /// Paired rounds of the command mixes and of the PHP requests.
    #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub rounds: u32,

    /// Paired rounds of idle, expire, flush, grow and memory: each is slow, and five is the fewest that
    /// give a 90 % interval.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub slow_rounds: u32,

    /// Connections of the command mixes. The targets stand for 50.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub connections: u32,

    /// Measured seconds of each phase of a mix, after a warm-up of a fifth of it.
    #[arg(long, default_value_t = 1.5, value_parser = seconds)]
    pub seconds: f64,

    /// Transport of the command mixes.
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = [Transport::Tcp, Transport::Unix])]
    pub transport: Vec<Transport>,

    /// Shrinks all counts of keys and idle connections, and the slow figures' times, for trying
    /// things out.
    #[arg(long, default_value_t = 1.0, value_parser = scale)]
    pub scale: f64,

    /// Leave generator and servers to the scheduler instead of a processor each.
    #[arg(long)]
    pub no_pin: bool,

    /// Write all rounds of all figures to this file as JSON.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,

    /// Directory for the servers' data [default: the system's temporary directory].
    #[arg(long, value_name = "DIR")]
    pub scratch: Option<PathBuf>,
}

/// A figure of the benchmark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Figure {
    /// GET.
    Get,
    /// GET and SETEX, a session request without locking.
    Nolock,
    /// phpredis's locked request: SET NX PX, GET, SETEX, EVALSHA of its unlock script.
    Locked,
    /// GET and SETEX, 16 commands a pipeline.
    Pipe16,
    /// GET and SETEX on a new connection each time.
    Reconnect,
    /// Memory of idle authenticated connections.
    Idle,
    /// Latency of GET while many keys expire at once.
    Expire,
    /// Latency of GET while another database is flushed.
    Flush,
    /// Latency of SETEX while the table doubles.
    Grow,
    /// Memory of a session.
    Memory,
    /// Whole PHP requests, by guarda.so and by phpredis.
    Php,
}

/// The append log's setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Persistence {
    /// `appendonly no`.
    Off,
    /// `appendonly yes`, `appendfsync everysec`.
    Everysec,
    /// `appendonly yes`, `appendfsync always`.
    Always,
}

/// How clients reach the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Transport {
    /// TCP over loopback.
    Tcp,
    /// Unix socket.
    Unix,
}

/// The name of a clap value, as the user writes it.
pub(crate) fn name_of<T: ValueEnum + Copy>(value: T) -> String {
    value.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}

impl Options {
    /// Whether PHP requests are among the figures: they need guarda.so.
    pub fn wants_php(&self) -> bool {
        self.figures().contains(&Figure::Php)
    }

    /// `count`, shrunk by `--scale`, at least `min`.
    pub(crate) fn scaled(&self, count: usize, min: usize) -> usize {
        ((count as f64 * self.scale) as usize).max(min)
    }

    /// `full`, shrunk by `--scale`, at least a tenth of it.
    pub(crate) fn scaled_time(&self, full: Duration) -> Duration {
        full.mul_f64(self.scale.clamp(0.1, 1.0))
    }

    /// The figures asked for, each once, in the order of the enum.
    pub(crate) fn figures(&self) -> Vec<Figure> {
        let all = Figure::value_variants().iter().copied();
        all.filter(|figure| self.what.is_empty() || self.what.contains(figure)).collect()
    }
}

fn seconds(text: &str) -> Result<f64, String> {
    bounded(text, 0.05, 600.0)
}

fn scale(text: &str) -> Result<f64, String> {
    bounded(text, 0.000_1, 10.0)
}

fn bounded(text: &str, low: f64, high: f64) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if (low..=high).contains(&number) => Ok(number),
        _ => Err(format!("expected a number from {low} to {high}")),
    }
}
