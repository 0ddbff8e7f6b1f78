//! Payloads of RESTORE: whatever is in them, an error or a value that DUMP gives again, in little more
//! memory than the payload has; and the log makes the same data.

#![no_main]

use guarda_fuzz::Bench;
use guarda_rdb::payload::seal;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let mut bench = Bench::default();
    // As it is, it is hardly ever whole; so it is sealed, too.
    bench.call(&[b"RESTORE", b"bare", b"0", input]);
    let mut payload = input.to_vec();
    seal(&mut payload, 10);
    let (reply, _) = bench.call(&[b"RESTORE", b"k", b"0", &payload]);
    if reply == b"+OK\r\n" {
        let before = bench.data();
        let (dump, _) = bench.call(&[b"DUMP", b"k"]);
        let payload = bulk(&dump);
        let (reply, _) = bench.call(&[b"RESTORE", b"l", b"0", payload]);
        assert_eq!(reply, b"+OK\r\n", "our own payload is refused");
        // The payloads need not be equal: what is compressed also depends on what was before it.
        bench.call(&[b"RENAME", b"l", b"k"]);
        assert!(before == bench.data(), "a payload makes another value");
    } else {
        assert!(reply.starts_with(b"-ERR Bad data format"), "{}", reply.escape_ascii());
    }
    assert!(bench.data() == bench.replayed(), "the log makes other data");
});

/// The text of a bulk string.
fn bulk(reply: &[u8]) -> &[u8] {
    let start = reply.iter().position(|byte| *byte == b'\n').expect("a header") + 1;
    &reply[start..reply.len() - 2]
}
