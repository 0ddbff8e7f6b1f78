//! Replies as servers send them: however the bytes are cut into pieces, the same replies come out,
//! and a reply written again is the same reply.
//!
//! The first byte says where the pieces end.

#![no_main]

use guarda_resp::{Frame, FrameDecoder, FrameError, FrameLimits, Protocol, ReplyWriter, decode};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let [step, bytes @ ..] = input else { return };
    let limits = FrameLimits {
        depth_max: 16,
        elements_max: 1 << 16,
        bulk_len_max: 64 * 1024,
        line_len_max: 1024,
    };
    let whole = frames(limits, bytes, bytes.len().max(1));
    let cut = frames(limits, bytes, 1 + usize::from(*step % 17));
    assert_eq!(whole.1, cut.1, "the error depends on the pieces");
    // By what they are written as: a NaN is not equal to itself.
    let written: Vec<Vec<u8>> = whole.0.iter().map(written).collect();
    assert!(cut.0.iter().map(self::written).eq(written.iter().cloned()), "the pieces matter");
    for bytes in &written {
        let (again, used) = decode(bytes).expect("our own").expect("whole");
        assert_eq!(used, bytes.len(), "one reply");
        assert_eq!(*bytes, self::written(&again), "written, read and written again");
    }
});

fn written(frame: &Frame) -> Vec<u8> {
    let mut bytes = Vec::new();
    frame.write_to(&mut ReplyWriter::new(&mut bytes, Protocol::Resp3));
    bytes
}

/// Feeds `bytes` to a decoder, `step` at a time.
fn frames(limits: FrameLimits, bytes: &[u8], step: usize) -> (Vec<Frame>, Option<FrameError>) {
    let (mut decoder, mut start, mut frames) = (FrameDecoder::new(limits), 0, Vec::new());
    let mut end = 0;
    while end < bytes.len() {
        end = (end + step).min(bytes.len());
        loop {
            match decoder.decode(&bytes[start..end]) {
                Ok(Some((frame, used))) => {
                    assert!(0 < used && used <= end - start);
                    frames.push(frame);
                    start += used;
                }
                Ok(None) => break,
                Err(error) => return (frames, Some(error)),
            }
        }
    }
    (frames, None)
}
