//! Random commands to one server with an append log, which is killed and must come back with all
//! data; so must another program that is given its files.

use std::fmt::Write as _;

use super::vocabulary::{Op, generate};
use super::{LANES, RandomError, Side, batch_len, line};
use crate::connection::encode;
use crate::dump::{Dump, DumpOptions};
use crate::server::{Program, Server, ServerSpec};

/// Commands between two restarts.
const LIFE: usize = 2_000;
/// Commands after which the log is written anew, in every life.
const REWRITE_AT: usize = 1_200;
/// Places shown where data differs.
const DIFFERENCES_MAX: usize = 5;

/// Sends `count` commands made from `seed` to `subject`, which must keep an append log. Every so
/// often it is killed: started again it must have the same data, and so must `other` with its
/// files. Returns what differs.
///
/// # Errors
///
/// If a server does not start, or stops answering.
pub fn survive(
    seed: u64,
    count: usize,
    subject: ServerSpec,
    other: &Program,
) -> Result<Option<String>, RandomError> {
    let own = subject.program().clone();
    let mut server = Server::start(subject)?;
    for (life, ops) in generate(seed, count, LANES).chunks(LIFE).enumerate() {
        let mut side = Side::open(&server)?;
        play(&mut side, ops)?;
        let before = dump(&mut side)?;
        for program in [&own, other] {
            server.kill9();
            server.replace_program(program.clone());
            server.restart()?;
            let after = dump(&mut Side::connect(&server)?)?;
            let differences = before.differences(&after, 0, DIFFERENCES_MAX);
            if !differences.is_empty() {
                let mut text = format!(
                    "{}={seed}, life {life}: {} loads other data:\n{}\n",
                    super::SEED_VARIABLE,
                    server.name(),
                    differences.join("\n"),
                );
                for op in ops {
                    let _ = writeln!(text, "     {}", line(op));
                }
                return Ok(Some(text));
            }
        }
        server.kill9();
        server.replace_program(own.clone());
        server.restart()?;
    }
    Ok(None)
}

/// Sends the commands; whatever is answered is right.
fn play(side: &mut Side, ops: &[Op]) -> Result<(), RandomError> {
    let mut start = 0;
    while start < ops.len() {
        let end = start + batch_len(&ops[start..]);
        let batch = &ops[start..end];
        let mut bytes = Vec::new();
        batch.iter().for_each(|op| encode(&mut bytes, &op.args));
        let lane = &mut side.lanes[batch[0].lane];
        lane.send_raw(&bytes).map_err(|error| RandomError::Connection(error.to_string()))?;
        for op in batch {
            lane.read_raw()
                .map_err(|error| RandomError::Connection(format!("{}: {error}", line(op))))?;
        }
        if (start..end).contains(&REWRITE_AT) {
            let reply = side.control.call(&["BGREWRITEAOF"]);
            reply.map_err(|error| RandomError::Connection(error.to_string()))?;
        }
        start = end;
    }
    Ok(())
}

fn dump(side: &mut Side) -> Result<Dump, RandomError> {
    Dump::take(&mut side.control, DumpOptions::default())
        .map_err(|error| RandomError::Connection(error.to_string()))
}
