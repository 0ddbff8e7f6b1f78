//! Bytes to frames and back: the Redis serialization protocol, versions 2 and 3. No I/O.
//!
//! | direction | server side | client side |
//! | --- | --- | --- |
//! | command | [`RequestParser`] | [`encode_command`] |
//! | reply | [`ReplyWriter`] | [`FrameDecoder`], [`decode`] |
//!
//! [`number`] holds the strict number parsers and formatters that commands and both codecs share.
//!
//! What this crate cannot do, by construction: block, read a clock, or allocate by a length that a
//! peer merely announced. Texts and edge cases were observed on redis-server 7.0.15 over raw
//! sockets; every known difference is listed in the docs of the item concerned.

#![forbid(unsafe_code)]

pub mod number;
pub mod reply;
pub mod reply_decode;
pub mod request;
pub mod request_encode;

mod double;
mod inline;
mod wire;

pub use double::{DoubleText, format_double};
pub use reply::{Mark, Protocol, ReplyWriter};
pub use reply_decode::{Frame, FrameDecoder, FrameError, FrameLimits, decode};
pub use request::{ArgVec, Limits, Parsed, ProtocolError, RequestParser};
pub use request_encode::encode_command;
