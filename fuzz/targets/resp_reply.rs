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
    // By their Debug text: a NaN is not equal to itself.
    assert_eq!(format!("{whole:?}"), format!("{cut:?}"), "the replies depend on the pieces");
    for frame in &whole.0 {
        let mut written = Vec::new();
        frame.write_to(&mut ReplyWriter::new(&mut written, Protocol::Resp3));
        let (again, used) = decode(&written).expect("our own").expect("whole");
        assert_eq!(used, written.len(), "one reply");
        let mut twice = Vec::new();
        again.write_to(&mut ReplyWriter::new(&mut twice, Protocol::Resp3));
        assert_eq!(written, twice, "written, read and written again");
    }
});

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
