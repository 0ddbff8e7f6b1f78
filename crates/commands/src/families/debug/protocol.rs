//! DEBUG PROTOCOL: one example of each type of reply, for those who test clients.

use guarda_resp::Protocol;

use crate::args::Args;
use crate::context::{CommandResult, Context, Outcome};
use crate::error::CommandError;

/// Numbers of an example that has several elements.
const ELEMENTS: i64 = 3;

/// The example of a double.
#[allow(clippy::approx_constant, reason = "Redis's own example, to be sent byte for byte")]
const DOUBLE: f64 = 3.141;

pub(super) fn example(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let wanted = args.bytes()?.to_ascii_lowercase();
    let reply = &mut cx.reply;
    match &wanted[..] {
        b"string" => reply.bulk_str("Hello World"),
        b"integer" => reply.integer(12_345),
        b"double" => reply.double(DOUBLE),
        b"bignum" => reply.bignumber("1234567999999999999999999999999999999"),
        b"null" => reply.null(),
        b"array" => {
            reply.array(ELEMENTS as usize);
            (0..ELEMENTS).for_each(|n| reply.integer(n));
        }
        b"set" => {
            reply.set(ELEMENTS as usize);
            (0..ELEMENTS).for_each(|n| reply.integer(n));
        }
        b"map" => {
            reply.map(ELEMENTS as usize);
            (0..ELEMENTS).for_each(|n| {
                reply.integer(n);
                reply.boolean(n == 1);
            });
        }
        b"attrib" => {
            if reply.protocol == Protocol::Resp3 {
                reply.raw(b"|1\r\n$14\r\nkey-popularity\r\n*2\r\n$7\r\nkey:123\r\n:90\r\n");
            }
            reply.bulk_str("Some real reply following the attribute");
        }
        b"push" => {
            if reply.protocol == Protocol::Resp2 {
                return Err(CommandError::text("ERR RESP2 is not supported by this command"));
            }
            reply.push(2);
            reply.bulk_str("server-cpu-usage");
            reply.integer(42);
            reply.bulk_str("Some real reply following the push reply");
        }
        b"true" => reply.boolean(true),
        b"false" => reply.boolean(false),
        b"verbatim" => reply.verbatim(b"txt", b"This is a verbatim\nstring"),
        _ => {
            return Err(CommandError::text(
                "ERR Wrong protocol type name. Please use one of the following: \
                 string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false",
            ));
        }
    }
    Ok(Outcome::Reply)
}
