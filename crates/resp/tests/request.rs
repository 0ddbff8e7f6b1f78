//! The command parser against what redis-server 7.0.15 answers to the same bytes.

use guarda_resp::{ArgVec, Limits, Parsed, Protocol, ProtocolError, ReplyWriter, RequestParser};
use guarda_resp::{encode_command, request};
use proptest::prelude::*;

/// What a stream of bytes came to.
#[derive(Debug, PartialEq, Clone)]
struct Outcome {
    commands: Vec<Vec<Vec<u8>>>,
    /// Bytes of a command that is not whole.
    left: usize,
    error: Option<ProtocolError>,
}

/// Feeds `pieces` as a connection would.
fn feed<'p>(pieces: impl IntoIterator<Item = &'p [u8]>, limits: &Limits) -> Outcome {
    let mut parser = RequestParser::default();
    let mut buf = Vec::new();
    let mut commands = Vec::new();
    for piece in pieces {
        buf.extend_from_slice(piece);
        let mut start = 0;
        loop {
            let len = buf.len() - start;
            let mut args = ArgVec::new();
            match parser.parse(&mut buf[start..], limits, &mut args) {
                Ok(Parsed::Command { consumed }) => {
                    commands.push(args.iter().map(|arg| arg.to_vec()).collect());
                    start += consumed;
                }
                Ok(Parsed::Empty { consumed }) => {
                    assert!(args.is_empty());
                    start += consumed;
                }
                Ok(Parsed::Incomplete { need_hint }) => {
                    assert!(args.is_empty());
                    assert!(need_hint == 0 || need_hint > len);
                    break;
                }
                Err(error) => return Outcome { commands, left: 0, error: Some(error) },
            }
        }
        buf.drain(..start);
    }
    Outcome { commands, left: buf.len(), error: None }
}

fn run(input: &[u8], limits: &Limits) -> Outcome {
    let whole = feed([input], limits);
    // The same bytes one at a time must come to the same, or the network would decide. Long ones
    // are covered by the property test, which is not quadratic in its own bookkeeping.
    if input.len() < 1000 {
        assert_eq!(feed(input.chunks(1), limits), whole, "byte by byte: {}", input.escape_ascii());
    }
    whole
}

/// `input` is exactly one command with these arguments.
fn check(input: &[u8], args: &[&[u8]]) {
    let expected = Outcome {
        commands: vec![args.iter().map(|arg| arg.to_vec()).collect()],
        left: 0,
        error: None,
    };
    assert_eq!(run(input, &Limits::AUTHENTICATED), expected, "{}", input.escape_ascii());
}

fn check_error_with(limits: &Limits, input: &[u8], text: &str) {
    let error = run(input, limits).error;
    let error = error.unwrap_or_else(|| panic!("accepted: {:.80}", input.escape_ascii()));
    assert_eq!(error.to_string(), text, "{:.80}", input.escape_ascii());
}

fn check_error(input: &[u8], text: &str) {
    check_error_with(&Limits::AUTHENTICATED, input, text);
}

/// `input` is skipped or waited for: no command, no error.
fn check_quiet(input: &[u8], left: usize) {
    let expected = Outcome { commands: vec![], left, error: None };
    let got = run(input, &Limits::AUTHENTICATED);
    assert_eq!(got, expected, "{:.80}", input.escape_ascii());
}

#[test]
fn arrays_become_commands() {
    check(b"*1\r\n$4\r\nPING\r\n", &[b"PING"]);
    check(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$0\r\n\r\n", &[b"SET", b"k", b""]);
    check(b"*1\r\n$0\r\n\r\n", &[b""]);
    check(b"*1\r\n$4\r\n*1\r\n\r\n", &[b"*1\r\n"]);
    check(b"*1\r\n$10\r\n0123456789\r\n", &[b"0123456789"]);
    check(b"*9\r\n$1\r\n1\r\n$1\r\n2\r\n$1\r\n3\r\n$1\r\n4\r\n$1\r\n5\r\n$1\r\n6\r\n$1\r\n7\r\n$1\r\n8\r\n$1\r\n9\r\n",
        &[b"1", b"2", b"3", b"4", b"5", b"6", b"7", b"8", b"9"]);
}

#[test]
fn a_half_received_command_tells_what_is_understood_of_it() {
    let mut parser = RequestParser::default();
    let input = b"*3\r\n$3\r\nSET\r\n$2\r\nkk\r\n$5\r\nval";
    for (len, understood) in [
        (2, (0, 0)),
        (4, (4, 0)),
        (8, (8, 0)),
        (13, (13, 3)),
        (21, (21, 5)),
        // Of the third argument the header alone.
        (28, (25, 5)),
    ] {
        let mut buf = input[..len].to_vec();
        let mut args = ArgVec::new();
        let parsed = parser.parse(&mut buf, &Limits::AUTHENTICATED, &mut args).unwrap();
        assert!(matches!(parsed, Parsed::Incomplete { .. }));
        assert_eq!(parser.understood(), understood, "{len} bytes");
    }
    let mut whole = [&input[..], b"ue\r\n"].concat();
    let consumed = whole.len();
    let mut args = ArgVec::new();
    let parsed = parser.parse(&mut whole, &Limits::AUTHENTICATED, &mut args).unwrap();
    assert_eq!(parsed, Parsed::Command { consumed });
    assert_eq!(parser.understood(), (0, 0));
}

#[test]
fn redis_does_not_look_at_every_line_end_and_neither_do_we() {
    check(b"*1\rX$4\rYPINGZZ", &[b"PING"]);
    check_quiet(b"*1\n$4\nPING\n", 11);
    check_error(b"*1\n$4\r\nPING\r\n", "invalid multibulk length");
}

#[test]
fn empty_requests_are_skipped() {
    for input in [&b"*0\r\n"[..], b"*-1\r\n", b"*-5\r\n", b"*-9999999999\r\n", b"\r\n", b"\n"] {
        check_quiet(input, 0);
    }
    check_quiet(b"   \t\x0b\x0c\r\r\n", 0);
    check(b"*-5\r\n\r\n*0\r\n*1\r\n$4\r\nPING\r\n", &[b"PING"]);
}

#[test]
fn array_headers_are_strict() {
    for count in [
        "-0",
        "+1",
        " 1",
        "1 ",
        "01",
        "00",
        "",
        "a",
        "1\0",
        "\0",
        "-",
        "--1",
        "1.0",
        "2147483648",
        "9223372036854775808",
        "-9223372036854775809",
        "99999999999999999999999",
    ] {
        check_error(format!("*{count}\r\n").as_bytes(), "invalid multibulk length");
    }
}

#[test]
fn bulk_headers_are_strict() {
    for len in
        ["-1", "-0", "+4", "04", " 4", "4 ", "", "99999999999999999999", "4\0", "-2147483649"]
    {
        check_error(format!("*1\r\n${len}\r\nPING\r\n").as_bytes(), "invalid bulk length");
    }
}

#[test]
fn arguments_begin_with_a_dollar() {
    check_error(b"*1\r\nxPING\r\n", "expected '$', got 'x'");
    check_error(b"*1\r\n:4\r\n", "expected '$', got ':'");
    check_error(b"*2\r\n$1\r\na\r\n*1\r\n", "expected '$', got '*'");
    // Judged only once the line is whole.
    check_quiet(b"*1\r\nx", 5);
    check_quiet(b"*1\r\nx\r", 6);
}

#[test]
fn protocol_errors_are_answered_byte_for_byte() {
    let answer = |input: &[u8]| {
        let error = run(input, &Limits::AUTHENTICATED).error.unwrap();
        let mut buf = Vec::new();
        ReplyWriter::new(&mut buf, Protocol::Resp2).protocol_error(&error);
        buf
    };
    assert_eq!(answer(b"*a\r\n"), b"-ERR Protocol error: invalid multibulk length\r\n");
    assert_eq!(answer(b"*1\r\n\xff\r\n"), b"-ERR Protocol error: expected '$', got '\xff'\r\n");
    assert_eq!(answer(b"*1\r\n\x01\r\n"), b"-ERR Protocol error: expected '$', got '\x01'\r\n");
    assert_eq!(answer(b"*1\r\n\r\n"), b"-ERR Protocol error: expected '$', got ' '\r\n");
    assert_eq!(answer(b"*1\r\n\n\r\n"), b"-ERR Protocol error: expected '$', got ' '\r\n");
}

#[test]
fn inline_words_are_split() {
    check(b"PING\n", &[b"PING"]);
    check(b"PING\r\n", &[b"PING"]);
    check(b"PING\r\r\n", &[b"PING"]);
    check(b"\rPING\r\n", &[b"PING"]);
    check(b"  PING  x \r\n", &[b"PING", b"x"]);
    check(b"PING\tx\r\n", &[b"PING", b"x"]);
    check(b"PING a\rb\r\n", &[b"PING", b"a", b"b"]);
    check(b"PING\x0bx\r\n", &[b"PING\x0bx"]);
    check(b"\x0cPING \x0b x\r\n", &[b"PING", b"x"]);
    check(b"ECHO \xa0\r\n", &[b"ECHO", b"\xa0"]);
    check(b"$4\r\n", &[b"$4"]);
    // Redis would wait here until 64 KiB have come.
    check(b"PI\0NG\r\n", &[b"PI\0NG"]);
}

#[test]
fn inline_quotes_are_decoded() {
    check(b"ECHO \"a b\"\r\n", &[b"ECHO", b"a b"]);
    check(b"ECHO 'a b'\r\n", &[b"ECHO", b"a b"]);
    check(
        b"ECHO \"\\x41\\x4g\\n\\r\\t\\b\\a\\q\\\\\\\"\"\r\n",
        &[b"ECHO", b"Ax4g\n\r\t\x08\x07q\\\""],
    );
    check(b"ECHO 'a\\'b\\n\\x41'\r\n", &[b"ECHO", b"a'b\\n\\x41"]);
    check(b"ECHO 'a\\\\b'\r\n", &[b"ECHO", b"a\\\\b"]);
    check(b"ECHO \"\\xFf\\x4\" x\r\n", &[b"ECHO", b"\xffx4", b"x"]);
    check(b"ECHO a\\x41b\r\n", &[b"ECHO", b"a\\x41b"]);
    check(b"ECHO a\"b c\"\r\n", &[b"ECHO", b"ab c"]);
    check(b"ECHO a'b c'\r\n", &[b"ECHO", b"ab c"]);
    check(b"ECHO a\\\"b\"\r\n", &[b"ECHO", b"a\\b"]);
    check(b"ECHO \"\" ''\r\n", &[b"ECHO", b"", b""]);
    check(b"\"\"\r\n", &[b""]);
    check(b"PI\"NG\"\r\n", &[b"PING"]);
    check(b"ECHO \"a\"\x0b\r\n", &[b"ECHO", b"a"]);
}

#[test]
fn inline_quotes_must_balance() {
    for line in [
        &b"ECHO \"a\"b"[..],
        b"ECHO 'a'b",
        b"ECHO \"a",
        b"ECHO 'a",
        b"ECHO a'b c'd",
        b"ECHO \"a\\",
        b"ECHO \"\\x4",
        b"ECHO 'a\\\\'",
        b"ECHO 'a'\"b\"",
        b"ECHO \"a\nb\"",
        b"\"",
        b"ECHO 'a\\'",
    ] {
        check_error(&[line, b"\r\n"].concat(), "unbalanced quotes in request");
    }
}

#[test]
fn a_broken_connection_starts_anew() {
    let mut parser = RequestParser::default();
    let mut parse = |input: &[u8]| {
        let mut input = input.to_vec();
        let mut args = ArgVec::new();
        let parsed = parser.parse(&mut input, &Limits::AUTHENTICATED, &mut args);
        (parsed, args.len())
    };
    let waiting = Ok(Parsed::Incomplete { need_hint: 0 });
    assert_eq!(parse(b"*2\r\n$1\r\na\r\n"), (waiting, 0));
    let error = Err(ProtocolError::ExpectedDollar { got: b'x' });
    assert_eq!(parse(b"*2\r\n$1\r\na\r\nx\r\n"), (error, 0));
    assert_eq!(parse(b"*1\r\n$4\r\nPING\r\n"), (Ok(Parsed::Command { consumed: 14 }), 1));
}

#[test]
fn limits_hold_at_max_and_max_plus_one() {
    let small = Limits { args_max: 3, bulk_len_max: 5, ..Limits::AUTHENTICATED };
    let fits = run(b"*3\r\n$5\r\n12345\r\n$0\r\n\r\n$0\r\n\r\n", &small);
    assert_eq!((fits.commands.len(), fits.error), (1, None));
    check_error_with(&small, b"*4\r\n", "invalid multibulk length");
    check_error_with(&small, b"*1\r\n$6\r\n", "invalid bulk length");

    let real = Limits::AUTHENTICATED;
    assert_eq!(run(b"*1048576\r\n", &real).error, None);
    check_error(b"*1048577\r\n", "invalid multibulk length");
    assert_eq!(run(b"*1\r\n$536870912\r\n", &real).error, None);
    check_error(b"*1\r\n$536870913\r\n", "invalid bulk length");
}

#[test]
fn limits_are_tighter_before_authentication() {
    let limits = &Limits::UNAUTHENTICATED;
    assert_eq!(run(b"*10\r\n", limits).error, None);
    check_error_with(limits, b"*11\r\n", "unauthenticated multibulk length");
    check_error_with(limits, b"*1048577\r\n", "unauthenticated multibulk length");
    check_error_with(limits, b"*2147483648\r\n", "invalid multibulk length");
    assert_eq!(run(b"*1\r\n$16384\r\n", limits).error, None);
    check_error_with(limits, b"*1\r\n$16385\r\n", "unauthenticated bulk length");
    check_error_with(limits, b"*1\r\n$536870913\r\n", "invalid bulk length");
    check_error_with(limits, b"*1\r\n$-1\r\n", "invalid bulk length");
    assert_eq!(request::ARGS_MAX_UNAUTHENTICATED, 10);
    // Inline commands are bounded by their line alone.
    let words = run(b"PING a b c d e f g h i j k l m n\r\n", limits);
    assert_eq!(words.commands[0].len(), 15);
}

#[test]
fn lines_hold_at_max_and_max_plus_one() {
    let max = Limits::AUTHENTICATED.inline_len_max;
    check_quiet(&vec![b'a'; max], max);
    check_error(&vec![b'a'; max + 1], "too big inline request");
    let line = [vec![b'a'; max], b"\n".to_vec()].concat();
    check(&line, &[&line[..max]]);
    check_error(&[vec![b'a'; max + 1], b"\n".to_vec()].concat(), "too big inline request");

    let digits = vec![b'1'; max];
    check_quiet(&[b"*", &digits[1..]].concat(), max);
    check_error(&[b"*", &digits[..]].concat(), "too big mbulk count string");
    check_error(&[b"*", &digits[1..], b"\r\n"].concat(), "invalid multibulk length");
    check_error(&[b"*", &digits[..], b"1\r\n"].concat(), "too big mbulk count string");

    check_quiet(&[b"*1\r\n$", &digits[1..]].concat(), max + 4);
    check_error(&[b"*1\r\n$", &digits[..]].concat(), "too big bulk count string");
    check_error(&[b"*1\r\nx", &digits[..]].concat(), "too big bulk count string");
    check_error(&[b"*2\r\n$1\r\na\r\n$", &digits[..]].concat(), "too big bulk count string");
}

#[test]
fn a_known_length_is_hinted() {
    let mut parser = RequestParser::default();
    let mut input = b"*2\r\n$3\r\nGET\r\n$1000\r\nab".to_vec();
    for _ in 0..2 {
        let parsed = parser.parse(&mut input, &Limits::AUTHENTICATED, &mut ArgVec::new());
        assert_eq!(parsed, Ok(Parsed::Incomplete { need_hint: 20 + 1000 + 2 }));
        input.push(b'c');
    }
}

#[test]
fn a_million_arguments_arrive_in_pieces() {
    // Parsing anew for each of these 3,500 reads would take 10^9 steps and more.
    let count = Limits::AUTHENTICATED.args_max;
    let args = vec![b"x"; count];
    let mut input = Vec::new();
    encode_command(&mut input, &args);
    let outcome = feed(input.chunks(2048), &Limits::AUTHENTICATED);
    assert_eq!((outcome.commands.len(), outcome.commands[0].len()), (1, count));
    assert_eq!(outcome.left, 0);
}

/// Requests of every form, valid or nearly so.
fn request() -> impl Strategy<Value = Vec<u8>> {
    let arg = prop::collection::vec(any::<u8>(), 0..40);
    let array = prop::collection::vec(arg, 0..12).prop_map(|args| {
        let mut buf = Vec::new();
        encode_command(&mut buf, &args);
        buf
    });
    prop_oneof![
        6 => array,
        3 => "[ a-z'\"\\\\x0-9\t\r]{0,30}\r?\n".prop_map(String::into_bytes),
        1 => "[*$+:0-9\r\n-]{0,10}".prop_map(String::into_bytes),
    ]
}

proptest! {
    #[test]
    fn any_split_gives_the_same_commands(
        requests in prop::collection::vec(request(), 0..8),
        cuts in prop::collection::vec(1usize..30, 1..40),
        authenticated in any::<bool>(),
    ) {
        let input = requests.concat();
        let limits = Limits { inline_len_max: 25, authenticated, ..Limits::AUTHENTICATED };
        let mut pieces = Vec::new();
        let mut rest = &input[..];
        for cut in cuts.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (piece, after) = rest.split_at((*cut).min(rest.len()));
            pieces.push(piece);
            rest = after;
        }
        prop_assert_eq!(feed(pieces, &limits), feed([&input[..]], &limits));
    }

    #[test]
    fn encoded_commands_come_back(
        commands in prop::collection::vec(
            prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 1..20), 0..5),
    ) {
        let mut input = Vec::new();
        for command in &commands {
            encode_command(&mut input, command);
        }
        let outcome = feed([&input[..]], &Limits::AUTHENTICATED);
        prop_assert_eq!(outcome, Outcome { commands, left: 0, error: None });
    }

    #[test]
    fn garbage_never_panics(input in prop::collection::vec(any::<u8>(), 0..200)) {
        feed([&input[..]], &Limits::UNAUTHENTICATED);
    }
}
