//! Replies as bytes in both protocols, and back.

#![allow(
    clippy::redundant_closure_for_method_calls,
    reason = "the bare method is not general over the writer's lifetime, as `check` asks"
)]

use guarda_resp::{Frame, FrameDecoder, FrameError, FrameLimits, Protocol, ReplyWriter, decode};
use proptest::prelude::*;

fn written(protocol: Protocol, write: impl FnOnce(&mut ReplyWriter<'_>)) -> String {
    let mut buf = Vec::new();
    write(&mut ReplyWriter::new(&mut buf, protocol));
    String::from_utf8(buf).expect("these replies are text")
}

fn check(write: impl Fn(&mut ReplyWriter<'_>), resp2: &str, resp3: &str) {
    assert_eq!(written(Protocol::Resp2, &write), resp2);
    assert_eq!(written(Protocol::Resp3, &write), resp3);
}

fn check_both(write: impl Fn(&mut ReplyWriter<'_>), bytes: &str) {
    check(write, bytes, bytes);
}

#[test]
fn scalars_are_written() {
    check_both(|r| r.ok(), "+OK\r\n");
    check_both(|r| r.simple("PONG"), "+PONG\r\n");
    check_both(|r| r.simple("a\r\nb"), "+a  b\r\n");
    check_both(|r| r.error("ERR a\r\nb\n"), "-ERR a  b\r\n");
    for (value, bytes) in [
        (0, ":0\r\n"),
        (9, ":9\r\n"),
        (10, ":10\r\n"),
        (-1, ":-1\r\n"),
        (i64::MAX, ":9223372036854775807\r\n"),
        (i64::MIN, ":-9223372036854775808\r\n"),
    ] {
        check_both(|r| r.integer(value), bytes);
    }
    check_both(|r| r.bulk(b""), "$0\r\n\r\n");
    check_both(|r| r.bulk_str("0123456789"), "$10\r\n0123456789\r\n");
    check(|r| r.null(), "$-1\r\n", "_\r\n");
    check(|r| r.null_array(), "*-1\r\n", "_\r\n");
    check(|r| r.boolean(true), ":1\r\n", "#t\r\n");
    check(|r| r.boolean(false), ":0\r\n", "#f\r\n");
    check(|r| r.double(3.1), "$3\r\n3.1\r\n", ",3.1\r\n");
    check(|r| r.double(f64::NEG_INFINITY), "$4\r\n-inf\r\n", ",-inf\r\n");
    check(
        |r| r.bignumber("12345678901234567890"),
        "$20\r\n12345678901234567890\r\n",
        "(12345678901234567890\r\n",
    );
    check(|r| r.bignumber("1\r2"), "$3\r\n1 2\r\n", "(1 2\r\n");
    check(|r| r.verbatim(b"txt", b"a\nb"), "$3\r\na\nb\r\n", "=7\r\ntxt:a\nb\r\n");
    check_both(|r| r.raw(b"+raw\r\n"), "+raw\r\n");
}

#[test]
fn aggregates_are_written() {
    check_both(|r| r.array(0), "*0\r\n");
    check_both(|r| r.array(10), "*10\r\n");
    check(|r| r.map(2), "*4\r\n", "%2\r\n");
    check(|r| r.set(3), "*3\r\n", "~3\r\n");
    check(|r| r.push(3), "*3\r\n", ">3\r\n");
}

#[test]
fn deferred_headers_go_to_the_front() {
    check(
        |r| {
            r.ok();
            let outer = r.begin_array();
            r.integer(1);
            let inner = r.begin_array();
            r.integer(2);
            r.integer(3);
            r.end_map(inner, 1);
            let empty = r.begin_array();
            r.end_set(empty, 0);
            r.end_array(outer, 3);
            r.ok();
        },
        "+OK\r\n*3\r\n:1\r\n*2\r\n:2\r\n:3\r\n*0\r\n+OK\r\n",
        "+OK\r\n*3\r\n:1\r\n%1\r\n:2\r\n:3\r\n~0\r\n+OK\r\n",
    );
}

#[test]
fn protocols_have_numbers() {
    for protocol in [Protocol::Resp2, Protocol::Resp3] {
        assert_eq!(Protocol::from_version(protocol.version().into()), Some(protocol));
    }
    assert_eq!((Protocol::from_version(1), Protocol::from_version(4)), (None, None));
}

/// `bytes` decode to `frame`, whole or byte by byte, and not before the last byte.
fn check_frame(bytes: &[u8], frame: Frame) {
    let expected = Ok(Some((frame, bytes.len())));
    assert_eq!(decode(&[bytes, b"+next\r\n"].concat()), expected, "{}", bytes.escape_ascii());
    let mut decoder = FrameDecoder::default();
    for len in 0..bytes.len() {
        assert_eq!(decoder.decode(&bytes[..len]), Ok(None), "{}", bytes[..len].escape_ascii());
    }
    assert_eq!(decoder.decode(bytes), expected, "{}", bytes.escape_ascii());
}

fn check_refused(bytes: &[u8], error: FrameError) {
    assert_eq!(decode(bytes), Err(error), "{}", bytes.escape_ascii());
}

fn double(value: f64, text: &str) -> Frame {
    Frame::Double { value, text: text.into() }
}

#[test]
fn every_type_is_decoded() {
    check_frame(b"+OK\r\n", Frame::Simple(b"OK".into()));
    check_frame(b"+\r\n", Frame::Simple(vec![]));
    check_frame(b"-ERR x\r\n", Frame::Error(b"ERR x".into()));
    check_frame(b":-12\r\n", Frame::Integer(-12));
    check_frame(b"$5\r\na\r\nbc\r\n", Frame::Bulk(b"a\r\nbc".into()));
    check_frame(b"$0\r\n\r\n", Frame::Bulk(vec![]));
    check_frame(b"$-1\r\n", Frame::Null);
    check_frame(b"*-1\r\n", Frame::NullArray);
    check_frame(b"_\r\n", Frame::Null);
    check_frame(b"*0\r\n", Frame::Array(vec![]));
    check_frame(b"%0\r\n", Frame::Map(vec![]));
    check_frame(
        b"*3\r\n:1\r\n*1\r\n*0\r\n$1\r\nx\r\n",
        Frame::Array(vec![
            Frame::Integer(1),
            Frame::Array(vec![Frame::Array(vec![])]),
            Frame::Bulk(b"x".into()),
        ]),
    );
    check_frame(
        b"%2\r\n+a\r\n:1\r\n:2\r\n_\r\n",
        Frame::Map(vec![
            (Frame::Simple(b"a".into()), Frame::Integer(1)),
            (Frame::Integer(2), Frame::Null),
        ]),
    );
    check_frame(b"~1\r\n#t\r\n", Frame::Set(vec![Frame::Boolean(true)]));
    check_frame(b">1\r\n#f\r\n", Frame::Push(vec![Frame::Boolean(false)]));
    check_frame(b",2.50\r\n", double(2.5, "2.50"));
    check_frame(b",-inf\r\n", double(f64::NEG_INFINITY, "-inf"));
    check_frame(b"(-12345678901234567890\r\n", Frame::BigNumber(b"-12345678901234567890".into()));
    check_frame(b"=7\r\ntxt:a\nb\r\n", Frame::Verbatim { format: *b"txt", text: b"a\nb".into() });
    check_frame(b"!5\r\nERR x\r\n", Frame::Error(b"ERR x".into()));
    for nan in [&b",nan\r\n"[..], b",-nan\r\n"] {
        let Ok(Some((Frame::Double { value, .. }, _))) = decode(nan) else { panic!("refused") };
        assert!(value.is_nan());
    }
}

#[test]
fn attributes_are_skipped() {
    check_frame(b"|1\r\n+ttl\r\n*2\r\n:1\r\n:2\r\n:7\r\n", Frame::Integer(7));
    check_frame(b"*1\r\n|1\r\n+a\r\n+b\r\n:7\r\n", Frame::Array(vec![Frame::Integer(7)]));
    check_frame(b"*1\r\n|0\r\n:7\r\n", Frame::Array(vec![Frame::Integer(7)]));
}

#[test]
fn malformed_replies_are_refused() {
    check_refused(b"?", FrameError::UnknownType(b'?'));
    check_refused(b"\r\n", FrameError::UnknownType(b'\r'));
    check_refused(b"+a\rb", FrameError::BadLineEnd);
    check_refused(b"$1\r\nabc", FrameError::BadLineEnd);
    check_refused(b"$1\r\na\rb", FrameError::BadLineEnd);
    for bytes in [
        &b"$-2\r\n"[..],
        b"$\r\n",
        b"$01\r\n",
        b"*-2\r\n",
        b"*?\r\n",
        b"%-1\r\n",
        b"!-1\r\n",
        b"~a\r\n",
        b"$9223372036854775808\r\n",
    ] {
        check_refused(bytes, FrameError::BadLength);
    }
    for bytes in [
        &b":a\r\n"[..],
        b":\r\n",
        b"#x\r\n",
        b"#\r\n",
        b"_x\r\n",
        b",x\r\n",
        b"(\r\n",
        b"(-\r\n",
        b"(1a\r\n",
        b"=3\r\ntxt\r\n",
        b"=4\r\ntxt;\r\n",
    ] {
        check_refused(bytes, FrameError::BadValue);
    }
}

#[test]
fn reply_limits_hold_at_max_and_max_plus_one() {
    let limits = FrameLimits { depth_max: 2, elements_max: 4, bulk_len_max: 3, line_len_max: 5 };
    let decode =
        |bytes: &[u8]| FrameDecoder::new(limits).decode(bytes).map(|frame| frame.is_some());
    assert_eq!(decode(b"*1\r\n*1\r\n:1\r\n"), Ok(true));
    assert_eq!(decode(b"*1\r\n*1\r\n*0\r\n"), Err(FrameError::TooDeep { max: 2 }));
    assert_eq!(decode(b"*4\r\n"), Ok(false));
    assert_eq!(decode(b"*5\r\n"), Err(FrameError::TooManyElements { max: 4 }));
    assert_eq!(decode(b"%2\r\n"), Ok(false));
    assert_eq!(decode(b"%3\r\n"), Err(FrameError::TooManyElements { max: 4 }));
    assert_eq!(decode(b"$3\r\n"), Ok(false));
    assert_eq!(decode(b"$4\r\n"), Err(FrameError::BulkTooLong { max: 3 }));
    assert_eq!(decode(b"+12345\r\n"), Ok(true));
    assert_eq!(decode(b"+12345"), Ok(false));
    assert_eq!(decode(b"+123456"), Err(FrameError::LineTooLong { max: 5 }));
    assert_eq!(decode(b"+123456\r\n"), Err(FrameError::LineTooLong { max: 5 }));
}

#[test]
fn deep_nesting_is_refused_without_recursion() {
    let max = FrameLimits::DEFAULT.depth_max;
    let nested = |depth: usize| [b"*1\r\n".repeat(depth), b":1\r\n".to_vec()].concat();
    assert!(decode(&nested(max)).unwrap().is_some());
    assert_eq!(decode(&nested(max + 1)), Err(FrameError::TooDeep { max }));
    assert_eq!(decode(&nested(1_000_000)), Err(FrameError::TooDeep { max }));
}

#[test]
fn announced_lengths_allocate_nothing() {
    // 128 levels of 2^28 elements each and half a gigabyte announced: this must cost kilobytes.
    let bytes = [b"*268435456\r\n".repeat(128), b"$536870912\r\n".to_vec()].concat();
    assert_eq!(decode(&bytes), Ok(None));
}

#[test]
fn a_large_reply_arrives_in_pieces() {
    // Decoding anew for each of these 3,400 reads would take 10^9 steps and more.
    let count = 1_000_000;
    let mut bytes = Vec::new();
    let mut reply = ReplyWriter::new(&mut bytes, Protocol::Resp3);
    reply.array(count);
    (0..count).for_each(|_| reply.bulk(b"x"));
    let mut decoder = FrameDecoder::default();
    let mut decoded = None;
    for end in (0..bytes.len()).step_by(2048).chain([bytes.len()]) {
        assert!(decoded.is_none());
        decoded = decoder.decode(&bytes[..end]).unwrap();
    }
    let Some((Frame::Array(items), consumed)) = decoded else { panic!("not an array") };
    assert_eq!((items.len(), consumed), (count, bytes.len()));
}

#[test]
fn debug_output_shows_no_contents() {
    let frame = Frame::Map(vec![(Frame::Bulk(b"secret".into()), Frame::Error(b"secret".into()))]);
    let shown = format!("{frame:?}");
    assert!(shown.contains("6 bytes") && !shown.contains("secret"), "{shown}");
}

fn frame() -> impl Strategy<Value = Frame> {
    let bytes = || prop::collection::vec(any::<u8>(), 0..40);
    let scalar = prop_oneof![
        "[a-zA-Z ]{0,20}".prop_map(|text| Frame::Simple(text.into())),
        "[a-zA-Z ]{0,20}".prop_map(|text| Frame::Error(text.into())),
        any::<i64>().prop_map(Frame::Integer),
        bytes().prop_map(Frame::Bulk),
        Just(Frame::Null),
        any::<bool>().prop_map(Frame::Boolean),
        (-1e300..1e300f64).prop_map(|value| double(value, &value.to_string())),
        "-?[0-9]{1,30}".prop_map(|digits| Frame::BigNumber(digits.into())),
        bytes().prop_map(|text| Frame::Verbatim { format: *b"mkd", text }),
    ];
    scalar.prop_recursive(4, 60, 6, |inner| {
        let items = || prop::collection::vec(inner.clone(), 0..6);
        prop_oneof![
            items().prop_map(Frame::Array),
            items().prop_map(Frame::Set),
            items().prop_map(Frame::Push),
            prop::collection::vec((inner.clone(), inner.clone()), 0..4).prop_map(Frame::Map),
        ]
    })
}

proptest! {
    #[test]
    fn frames_come_back(frame in frame(), step in 1usize..20) {
        let mut bytes = Vec::new();
        frame.write_to(&mut ReplyWriter::new(&mut bytes, Protocol::Resp3));
        let mut decoder = FrameDecoder::default();
        for end in (0..bytes.len()).step_by(step) {
            prop_assert_eq!(decoder.decode(&bytes[..end]), Ok(None));
        }
        prop_assert_eq!(decoder.decode(&bytes), Ok(Some((frame, bytes.len()))));
    }

    #[test]
    fn frames_are_whole_in_resp2_as_well(frame in frame()) {
        let mut bytes = Vec::new();
        frame.write_to(&mut ReplyWriter::new(&mut bytes, Protocol::Resp2));
        let decoded = decode(&bytes).unwrap();
        prop_assert_eq!(decoded.map(|(_, consumed)| consumed), Some(bytes.len()));
        prop_assert!(!bytes.starts_with(b"_") && !bytes.starts_with(b"%"));
    }

    #[test]
    fn any_bytes_decode_alike_in_any_pieces(bytes in "[-+:$*_%~>#,(=!|0-9a\r\n]{0,40}") {
        let bytes = bytes.as_bytes();
        let mut decoder = FrameDecoder::default();
        let mut in_pieces = Ok(None);
        for end in 0..=bytes.len() {
            in_pieces = decoder.decode(&bytes[..end]);
            if in_pieces != Ok(None) {
                break;
            }
        }
        prop_assert_eq!(format!("{in_pieces:?}"), format!("{:?}", decode(bytes)));
    }
}
