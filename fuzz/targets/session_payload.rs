//! Stored sessions: any bytes are unpacked within the limits or refused, and what is packed comes back.

#![no_main]

use guarda_session::payload::{Compression, PLAIN_LEN_MAX, pack, unpack};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    if let Ok((compression, plain)) = unpack(input) {
        assert!(plain.len() <= PLAIN_LEN_MAX.max(input.len()));
        assert!(compression != Compression::None || *plain == *input, "left as it is");
    }
    for compression in [Compression::Lzf, Compression::Zstd, Compression::Lz4] {
        let stored = pack(input, compression, 1);
        let expected = if input.is_empty() { Compression::None } else { compression };
        let unpacked = unpack(&stored);
        // A row of literals may be an LZ4 block with its header, if somebody takes the trouble.
        let forged =
            compression == Compression::Lzf && matches!(unpacked, Ok((Compression::Lz4, _)));
        assert!(forged || unpacked == Ok((expected, input.into())), "{compression:?}");
    }
    // What is stored as it is, if it may be.
    let stored = pack(input, Compression::None, 1);
    assert_eq!(unpack(&stored).map(|(_, plain)| plain), Ok(input.into()));
});
