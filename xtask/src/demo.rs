//! `cargo xtask demo`: one browser with one cookie, two web servers, and a counter that follows.

use std::io::{self, IsTerminal};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use clap::{Args, ValueEnum};
use guarda_farm::{Cancel, Farm, FarmOptions, Handler, Need, StoreProgram, WEBS, install};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use crate::build;

/// How many requests the browser sends: three turns of both web servers.
const REQUESTS: u64 = 6;
/// How often the demo looks whether it is to end, and whether its programs still run.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// The command's options.
#[derive(Args)]
pub(crate) struct Options {
    /// Who keeps the sessions
    #[arg(long, value_enum, default_value = "phpredis")]
    handler: HandlerName,
    /// Show it and end, instead of staying until Ctrl-C; fails if the counter does not follow
    #[arg(long)]
    once: bool,
    /// The store; the default is this workspace's guarda, anything else is for comparison
    #[arg(long, value_enum, default_value = "guarda")]
    server: ServerName,
    /// Build guarda with optimizations: a longer build, and the speed that users get
    #[arg(long)]
    release: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum HandlerName {
    /// phpredis, in the store
    Phpredis,
    /// PHP's own files, in each web server's own directory
    Files,
}

#[derive(Clone, Copy, ValueEnum)]
enum ServerName {
    Guarda,
    RedisServer,
}

/// One answer, as the table shows it.
struct Turn {
    web: String,
    counter: u64,
}

/// Runs the command.
pub(crate) fn run(options: &Options) -> Result<()> {
    let cancel = Cancel::default();
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        signal_hook::flag::register(signal, cancel.flag())
            .context("cannot take over Ctrl-C, without which the demo could not clean up")?;
    }
    let server = match options.server {
        ServerName::Guarda => Need::Build,
        ServerName::RedisServer => Need::Peer,
    };
    install(&[server, Need::Farm], &mut |line| eprintln!("{line}"))?;
    let store = match options.server {
        // A debug build: on the first run most of the time is the build's, and a demo's speed is PHP's.
        ServerName::Guarda => StoreProgram::guarda(build::guarda(options.release)?),
        ServerName::RedisServer => StoreProgram::redis_server()?,
    };
    let farm = FarmOptions { cancel: cancel.clone(), ..FarmOptions::new(store) };
    let shown = match options.handler {
        HandlerName::Phpredis => show_both(farm, options.once, &cancel),
        HandlerName::Files => show_files(farm, options.once, &cancel),
    };
    // Everything is gone by now: the farms were dropped on the way here.
    match shown {
        Err(error) if !cancel.is_cancelled() => Err(error),
        _ if cancel.is_cancelled() && options.once => bail!("interrupted"),
        _ => Ok(()),
    }
}

/// The demo proper: the store, then the `files` handler for contrast.
fn show_both(options: FarmOptions, once: bool, cancel: &Cancel) -> Result<()> {
    println!("\nOne browser, one cookie, two web servers that share nothing but the store.\n");
    let label = options.store.label().to_owned();
    let contrast = FarmOptions { handler: Handler::Files, ..options.clone() };
    let mut farm = Farm::start(options)?;
    let port = farm.store_port().context("a farm with phpredis has a store")?;
    println!("  store       {label}, 127.0.0.1:{port}, password generated, appendonly yes");
    println!("  web1, web2  php-fpm with phpredis, session.save_handler = redis");
    println!("  balancer    nginx, {}, round-robin\n", farm.address());
    let turns = play(&farm)?;
    print_turns(&turns);
    if !followed(&turns) {
        bail!(
            "the counter did not follow the user: {REQUESTS} requests of one browser must count \
             1 to {REQUESTS}, answered in turn by {}.\n{}",
            WEBS.join(" and "),
            farm.logs()
        );
    }
    println!("\n=> The counter followed the user over both back ends.\n");

    println!("The same browser, if each web server kept its sessions in files of its own:\n");
    let turns = play(&Farm::start(contrast)?)?;
    print_turns(&turns);
    ensure!(
        !followed(&turns),
        "with the files handler the counter followed too: the two web servers share something \
         besides the store, so this demo proves nothing"
    );
    println!("\n=> It did not follow: each web server knows only its own half of the visits.\n");

    if !once {
        let password_file = farm.password_file();
        println!("Look at it yourself:   {}", farm.url("/"));
        println!(
            "Look inside the store: export REDISCLI_AUTH=\"$(cat {})\"",
            password_file.display()
        );
        println!("                       redis-cli -p {port} --scan --pattern 'phpSession_*'");
        println!(
            "                       redis-cli -p {port}      # then DBSIZE, CLIENT LIST, INFO, ..."
        );
    }
    stay(&mut farm, once, cancel)
}

/// Only the `files` handler, for who asks for it: its `--once` fails, because the counter does not follow.
fn show_files(options: FarmOptions, once: bool, cancel: &Cancel) -> Result<()> {
    println!("\nOne browser, one cookie, two web servers, each with session files of its own.\n");
    let mut farm = Farm::start(FarmOptions { handler: Handler::Files, ..options })?;
    let turns = play(&farm)?;
    print_turns(&turns);
    if followed(&turns) {
        println!("\n=> The counter followed the user over both back ends.\n");
    } else if once {
        bail!(
            "with the files handler the counter does not follow the user from one web server to \
             the other; `--handler phpredis` is the handler with which it does"
        );
    } else {
        println!("\n=> The counter did not follow the user from one web server to the other.\n");
    }
    if !once {
        println!("Look at it yourself: {}", farm.url("/"));
    }
    stay(&mut farm, once, cancel)
}

/// Keeps the farm until Ctrl-C, unless `once`; fails when a part of it ends by itself.
fn stay(farm: &mut Farm, once: bool, cancel: &Cancel) -> Result<()> {
    if once {
        return Ok(());
    }
    println!("\nCtrl-C stops everything and removes {}.", farm.directory().display());
    while !cancel.is_cancelled() {
        farm.check()?;
        thread::sleep(LOOK_EVERY);
    }
    if io::stdout().is_terminal() {
        println!("\nStopping. Nothing is left behind.");
    }
    Ok(())
}

/// One browser's visits.
fn play(farm: &Farm) -> Result<Vec<Turn>> {
    let mut browser = farm.browser();
    let visit = |_| {
        let answer = browser.get("/")?;
        if answer.status != 200 {
            let (status, body) = (answer.status, answer.body.trim());
            bail!("the web servers answered {status}: {body}\n{}", farm.logs());
        }
        let web = answer.field("web").context("an answer that names no web server")?.to_owned();
        Ok(Turn { web, counter: answer.number("counter")? })
    };
    (0..REQUESTS).map(visit).collect()
}

/// Whether the counter went up with every request while the web servers took turns.
fn followed(turns: &[Turn]) -> bool {
    let counted = turns.iter().zip(1..).all(|(turn, request)| turn.counter == request);
    let took_turns = turns.windows(2).all(|pair| pair[0].web != pair[1].web);
    counted && took_turns && turns.len() as u64 == REQUESTS
}

fn print_turns(turns: &[Turn]) {
    println!("  request   answered by   counter");
    for (turn, request) in turns.iter().zip(1..) {
        let note = if turn.counter == request { "" } else { "   <- not what the user expects" };
        println!("  {request:>7}   {:<11}   {:>7}{note}", turn.web, turn.counter);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turns(list: &[(&str, u64)]) -> Vec<Turn> {
        list.iter()
            .map(|(web, counter)| Turn { web: (*web).to_owned(), counter: *counter })
            .collect()
    }

    #[test]
    fn a_counter_follows_only_if_it_counts_over_both_web_servers() {
        let all = [("web1", 1), ("web2", 2), ("web1", 3), ("web2", 4), ("web1", 5), ("web2", 6)];
        assert!(followed(&turns(&all)));
        let apart = [("web1", 1), ("web2", 1), ("web1", 2), ("web2", 2), ("web1", 3), ("web2", 3)];
        assert!(!followed(&turns(&apart)));
        assert!(!followed(&turns(&all.map(|(_, counter)| ("web1", counter)))));
        assert!(!followed(&turns(&all[..5])));
        assert!(!followed(&[]));
    }
}
