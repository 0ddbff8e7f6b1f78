//! Commands as clients send them: however the bytes are cut into pieces, the same commands come out.
//!
//! The first byte says whether the client is authenticated, the second where the pieces end.

#![no_main]

use guarda_resp::{ArgVec, Limits, Parsed, ProtocolError, RequestParser, encode_command};
use libfuzzer_sys::fuzz_target;

/// One command's arguments.
type Command = Vec<Vec<u8>>;

fuzz_target!(|input: &[u8]| {
    let [first, seed, bytes @ ..] = input else { return };
    let limits = match first & 1 {
        0 => Limits { bulk_len_max: 64 * 1024, ..Limits::AUTHENTICATED },
        _ => Limits::UNAUTHENTICATED,
    };
    let whole = parse(&limits, [bytes]);
    let cut = parse(&limits, pieces(bytes, *seed));
    assert_eq!(whole.0, cut.0, "the commands depend on the pieces");
    assert_eq!(whole.1, cut.1, "the error depends on the pieces");
    if limits.authenticated {
        let mut encoded = Vec::new();
        for command in &whole.0 {
            encode_command(&mut encoded, command);
        }
        // Words of an inline command may be longer than an argument may be.
        if whole.0.iter().flatten().all(|arg| arg.len() <= limits.bulk_len_max) {
            assert_eq!(parse(&limits, [&encoded[..]]), (whole.0, None), "encoded and read back");
        }
    }
});

/// `bytes` in pieces of 1 to 17 bytes; `seed` 0 gives single bytes.
fn pieces(bytes: &[u8], seed: u8) -> impl Iterator<Item = &[u8]> {
    let (mut rest, mut state) = (bytes, u32::from(seed));
    std::iter::from_fn(move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(u32::from(seed));
        let len = (1 + (state >> 16) as usize % 17).min(rest.len());
        let (piece, after) = rest.split_at(len);
        rest = after;
        (len > 0).then_some(piece)
    })
}

/// Feeds the pieces to a parser as a connection does.
fn parse<'p>(
    limits: &Limits,
    pieces: impl IntoIterator<Item = &'p [u8]>,
) -> (Vec<Command>, Option<ProtocolError>) {
    let (mut parser, mut buffer, mut commands) = (RequestParser::default(), Vec::new(), Vec::new());
    for piece in pieces {
        buffer.extend_from_slice(piece);
        let mut start = 0;
        loop {
            let mut args = ArgVec::new();
            let rest = buffer.len() - start;
            match parser.parse(&mut buffer[start..], limits, &mut args) {
                Ok(Parsed::Command { consumed }) => {
                    assert!(0 < consumed && consumed <= rest && !args.is_empty());
                    commands.push(args.iter().map(|arg| arg.to_vec()).collect());
                    start += consumed;
                }
                Ok(Parsed::Empty { consumed }) => {
                    assert!(0 < consumed && consumed <= rest);
                    start += consumed;
                }
                Ok(Parsed::Incomplete { need_hint }) => {
                    assert!(need_hint == 0 || need_hint > rest);
                    break;
                }
                Err(error) => return (commands, Some(error)),
            }
        }
        buffer.drain(..start);
    }
    (commands, None)
}
