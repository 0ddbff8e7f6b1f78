//! Any sequence of commands, written as a client would: no panic, one whole reply to each, and a
//! log from which a second server makes the same data; and a snapshot taken meanwhile is the state of
//! its beginning.
//!
//! A line `@n` lets n milliseconds pass, a line `@snapshot` begins a snapshot.

#![no_main]

use guarda_fuzz::Bench;
use guarda_resp::number::parse_i64;
use guarda_resp::{ArgVec, Limits, Parsed, RequestParser, decode};
use libfuzzer_sys::fuzz_target;

/// Commands of one run.
const COMMANDS_MAX: usize = 200;

fuzz_target!(|input: &[u8]| {
    let mut bench = Bench::default();
    let (mut parser, mut buffer, mut start) = (RequestParser::default(), input.to_vec(), 0);
    for _ in 0..COMMANDS_MAX {
        let mut args = ArgVec::new();
        match parser.parse(&mut buffer[start..], &Limits::AUTHENTICATED, &mut args) {
            Ok(Parsed::Command { consumed }) => {
                start += consumed;
                if !run(&mut bench, &args) {
                    break;
                }
            }
            Ok(Parsed::Empty { consumed }) => start += consumed,
            Ok(Parsed::Incomplete { .. }) | Err(_) => break,
        }
    }
    bench.finish_snapshot();
    let (here, there) = (bench.data(), bench.replayed());
    assert!(here == there, "the log makes other data:\n{here:?}\n{there:?}");
});

/// Runs one command; whether the connection goes on.
fn run(bench: &mut Bench, args: &[&[u8]]) -> bool {
    if let [word] = args
        && let Some(millis) = word.strip_prefix(b"@").and_then(parse_i64)
    {
        bench.advance(millis.clamp(0, 100_000_000));
        return true;
    }
    if args == [b"@snapshot"] {
        bench.begin_snapshot();
        return true;
    }
    let (reply, goes_on) = bench.call(args);
    let mut rest = &reply[..];
    let mut replies = 0;
    while !rest.is_empty() {
        let (_, used) = decode(rest).expect("a reply is well formed").expect("a reply is whole");
        rest = &rest[used..];
        replies += 1;
    }
    // CLIENT REPLY OFF has none, nor has a second MONITOR; subscribing has one for each channel, queued by MULTI too.
    let is = |name: &[u8]| args[0].eq_ignore_ascii_case(name);
    let name = args[0].to_ascii_lowercase();
    let silent = is(b"client") || is(b"monitor");
    let many = name.ends_with(b"subscribe") || is(b"exec");
    let fits = replies == 1 || silent && replies == 0 || many && replies > 1 || !goes_on;
    assert!(fits, "{replies} replies");
    goes_on
}
