//! Glob patterns, as KEYS and SCAN take them.
//!
//! The input is a pattern and a text with a NUL between them.

#![no_main]

use guarda_store::glob_match;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let mut parts = input.splitn(2, |byte| *byte == 0);
    let (Some(pattern), Some(text)) = (parts.next(), parts.next()) else { return };
    for ignore_case in [false, true] {
        let matches = glob_match(pattern, text, ignore_case);
        // As in Redis, the empty text is a matter of its own.
        if !text.is_empty() && matches {
            let after_a_star = [b"*", pattern].concat();
            assert!(glob_match(&after_a_star, text, ignore_case), "a star adds, never takes");
        }
        let quoted: Vec<u8> = text.iter().flat_map(|byte| [b'\\', *byte]).collect();
        assert!(glob_match(&quoted, text, ignore_case), "a quoted text matches itself");
    }
});
