//! What the demo shows, one scene after the other.

use std::io::{self, IsTerminal};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use guarda_farm::{Browser, Cancel, Farm, WEBS, wait_until};

use super::HandlerName;

/// How many requests the browser sends: three turns of both web servers.
const REQUESTS: u64 = 6;
/// Requests of one user at the same time.
const AT_ONCE: usize = 40;
/// How long each of them holds the session.
const HELD_MS: u32 = 20;
/// Waiting requests that are shown by name.
const SHOWN_MAX: usize = 3;
/// A waiter's names and values: client, host, pid, url, waited_ms.
const WAITER_LINES: usize = 10;
/// How long the requests at once may take to queue up.
const QUEUE_LIMIT: Duration = Duration::from_secs(30);
/// How often the demo looks whether it is to end, and whether its programs still run.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// A headline.
macro_rules! scene {
    ($($text:tt)*) => {{
        let title = format!($($text)*);
        println!("\n{title}\n{}\n", "-".repeat(title.len()));
    }};
}

/// One answer, as the table shows it.
struct Turn {
    web: String,
    counter: u64,
}

/// Who is there.
pub(super) fn introduce(farm: &Farm, label: &str, handler: HandlerName) {
    let (php, setting) = match handler {
        HandlerName::Guarda => ("guarda.so", "session.save_handler = guarda"),
        HandlerName::Phpredis => {
            ("phpredis", "session.save_handler = redis, phpredis's defaults: no locks")
        }
        HandlerName::Files => ("PHP's own handler", "session.save_handler = files"),
    };
    println!("\nOne user, one cookie, two web servers that share nothing but the store.\n");
    if !matches!(handler, HandlerName::Files) {
        let port = farm.store_port();
        println!("  store       {label}, 127.0.0.1:{port}, password generated, append log on");
    }
    println!("  web1, web2  php-fpm with {php}, {setting}");
    println!("  balancer    nginx, {}, round-robin", farm.address());
}

/// The session follows the user.
pub(super) fn follow(farm: &Farm) -> Result<()> {
    scene!("The session follows the user");
    let turns = play(&mut farm.browser(), farm)?;
    print_turns(&turns);
    ensure!(
        followed(&turns),
        "the counter did not follow the user: {REQUESTS} requests of one browser must count 1 to \
         {REQUESTS}, answered in turn by {}.\n{}",
        WEBS.join(" and "),
        farm.logs()
    );
    println!("\n   => One counter, whichever web server answers.");
    Ok(())
}

/// Requests of one user at once, as a page with many parts sends them.
pub(super) fn parallel(farm: &Farm, handler: HandlerName) -> Result<()> {
    scene!("{AT_ONCE} requests of one user at once, each busy with the session for {HELD_MS} ms");
    let browser = with_session(farm)?;
    let answered = at_once(&browser)?;
    let mut browser = browser;
    let counter = counter(&mut browser)? - 2; // the visits before and after
    println!("   answered: {answered} of {AT_ONCE}; counted: {counter}");
    let exact = counter == AT_ONCE as u64 && answered == AT_ONCE;
    match handler {
        HandlerName::Guarda if exact => {
            println!("\n   => Exact. No update is lost, no user is turned away.");
        }
        HandlerName::Guarda => {
            bail!("{AT_ONCE} requests must count to {AT_ONCE}, not {counter}\n{}", farm.logs())
        }
        _ if exact => println!("\n   => All were counted, this time."),
        _ => println!(
            "\n   => {} of {answered} stored updates are lost: the requests overwrote each other's.",
            answered as u64 - counter.min(answered as u64)
        ),
    }
    Ok(())
}

/// Who waits for whom.
pub(super) fn queue(farm: &Farm) -> Result<()> {
    scene!("The queue while such requests run (SESSION LOCKS)");
    let browser = with_session(farm)?;
    let shown = thread::scope(|scope| -> Result<_> {
        let requests = scope.spawn(|| at_once(&browser));
        let shown = wait_until("a queue", QUEUE_LIMIT, &Cancel::default(), || {
            let locks = farm.redis_cli(&["session", "locks"])?;
            Ok(describe(&String::from_utf8_lossy(&locks.stdout)))
        });
        let answered = requests.join().ok().context("a request panicked")??;
        ensure!(answered == AT_ONCE, "{} requests failed\n{}", AT_ONCE - answered, farm.logs());
        shown
    })?;
    println!("{shown}");
    println!("\n   => First come, first served, by the server: nobody polls.");
    Ok(())
}

/// A restart of the store.
pub(super) fn restart(farm: &mut Farm, label: &str) -> Result<()> {
    scene!("{label} is stopped and started again");
    let mut browser = with_session(farm)?;
    farm.store().stop()?;
    let down = browser.get("/")?;
    farm.store().start()?;
    let counter = counter(&mut browser)?;
    println!("   counter before: 1; while the store is down: HTTP {};", down.status);
    println!("   the same browser afterwards: {counter}");
    ensure!(counter == 2, "the session did not survive the restart\n{}", farm.logs());
    println!("\n   => Nobody was logged out.");
    Ok(())
}

/// Without a shared store.
pub(super) fn contrast(files: &Farm) -> Result<()> {
    scene!("For contrast: each web server keeps sessions in files of its own");
    let turns = play(&mut files.browser(), files)?;
    print_turns(&turns);
    ensure!(
        !followed(&turns),
        "with the files handler the counter followed too: the two web servers share something \
         besides the store, so this demo proves nothing"
    );
    println!(
        "\n   => It does not follow: each web server knows only its own half of the visits.\n"
    );
    Ok(())
}

/// Only the `files` handler, for who asks for it: with `--once` it fails, because nothing follows.
pub(super) fn files_only(farm: &Farm, once: bool) -> Result<()> {
    println!();
    let turns = play(&mut farm.browser(), farm)?;
    print_turns(&turns);
    if followed(&turns) {
        println!("\n   => The counter followed the user over both web servers.\n");
    } else if once {
        bail!(
            "with the files handler the counter does not follow the user from one web server to \
             the other; `--handler guarda` is the handler with which it does"
        );
    } else {
        println!("\n   => The counter did not follow the user from one web server to the other.\n");
    }
    Ok(())
}

/// Keeps the farm until Ctrl-C; fails when a part of it ends by itself.
pub(super) fn stay(farm: &mut Farm, cancel: &Cancel) -> Result<()> {
    let port = farm.store_port();
    println!("Look at it yourself:   {}", farm.url("/"));
    println!(
        "Look inside the store: export REDISCLI_AUTH=\"$(cat {})\"",
        farm.password_file().display()
    );
    println!("                       redis-cli -p {port} --scan --pattern 'phpSession_*'");
    println!(
        "                       redis-cli -p {port}      # then DBSIZE, SESSION LOCKS, INFO, ..."
    );
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

/// A browser that has been there once.
fn with_session(farm: &Farm) -> Result<Browser> {
    let mut browser = farm.browser();
    counter(&mut browser)?;
    Ok(browser)
}

fn counter(browser: &mut Browser) -> Result<u64> {
    browser.get("/")?.number("counter")
}

/// Sends requests with one cookie at the same time; returns how many were answered well.
fn at_once(browser: &Browser) -> Result<usize> {
    thread::scope(|scope| {
        let send = |_| {
            let mut browser = browser.clone();
            scope.spawn(move || browser.get(&format!("/?work={HELD_MS}")))
        };
        let running: Vec<_> = (0..AT_ONCE).map(send).collect();
        let mut answered = 0;
        for request in running {
            let answer = request.join().ok().context("a request panicked")??;
            answered += usize::from(answer.status == 200);
        }
        Ok(answered)
    })
}

/// One lock with at least [`SHOWN_MAX`] waiters, in words; from redis-cli's raw output: the lock's names
/// and values, a line each, the last name being `waiters`, then those of each waiter.
fn describe(locks: &str) -> Option<String> {
    let lines: Vec<&str> = locks.lines().collect();
    let end = lines.iter().position(|line| *line == "waiters")?;
    let waiters: Vec<&[&str]> = lines[end + 1..].chunks_exact(WAITER_LINES).collect();
    let (shown, more) = waiters.split_at_checked(SHOWN_MAX)?;
    let lock = &lines[..end];
    let held = value(lock, "held_ms")?;
    let mut text = format!("   {} has the session, for {held} ms\n", person(lock)?);
    for (place, waiter) in (1..).zip(shown) {
        let (waiter, waited) = (person(waiter)?, value(waiter, "waited_ms")?);
        text.extend([format!("   {place}. {waiter} has waited for {waited} ms\n")]);
    }
    Some(format!("{text}   and {} more", more.len()))
}

/// A holder or waiter; who asked does not say more than the client's number.
fn person(lines: &[&str]) -> Option<String> {
    let client = value(lines, "client")?;
    Some(match (value(lines, "pid")?, value(lines, "url")?) {
        ("", _) => format!("client {client}"),
        (pid, url) => format!("client {client} (PHP process {pid}, {url})"),
    })
}

fn value<'t>(lines: &[&'t str], name: &str) -> Option<&'t str> {
    lines.chunks_exact(2).find(|pair| pair[0] == name).map(|pair| pair[1])
}

/// One browser's visits.
fn play(browser: &mut Browser, farm: &Farm) -> Result<Vec<Turn>> {
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
    println!("   request   answered by   counter");
    for (turn, request) in turns.iter().zip(1..) {
        let note = if turn.counter == request { "" } else { "   <- not what the user expects" };
        println!("   {request:>7}   {:<11}   {:>7}{note}", turn.web, turn.counter);
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

    #[test]
    fn a_queue_is_described_once_it_is_long_enough() {
        let lock =
            "key\nphpSession_x\nclient\n7\nhost\nh\npid\n12\nurl\n/a\nsince_ms\n99\nheld_ms\n5\n";
        let known = "client\n8\nhost\nh\npid\n13\nurl\n/b\nwaited_ms\n30\n";
        let unknown = "client\n9\nhost\n\npid\n\nurl\n\nwaited_ms\n20\n";
        let all = format!("{lock}waiters\n{known}{unknown}{unknown}{unknown}");
        let text = describe(&all).unwrap();
        assert!(text.starts_with("   client 7 (PHP process 12, /a) has the session, for 5 ms\n"));
        assert!(text.contains("   1. client 8 (PHP process 13, /b) has waited for 30 ms\n"));
        assert!(text.contains("   2. client 9 has waited for 20 ms\n"), "{text}");
        assert!(text.ends_with("   and 1 more"), "{text}");
        assert_eq!(describe(&format!("{lock}waiters\n{known}")), None);
        assert_eq!(describe(""), None);
    }
}
