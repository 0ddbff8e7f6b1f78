//! The families of commands. To add a command, add its row and function to its family's file.

#![allow(clippy::unnecessary_wraps, reason = "every command has the row's type of `run`")]

use guarda_store::Value;

use crate::context::{CommandResult, Context, Outcome};
use crate::pubsub::EventClasses;
use crate::spec::CommandSpec;

pub(crate) mod acl;
mod blocking;
mod blocking_sorted;
pub(crate) mod client;
mod client_kill;
mod client_modes;
mod cluster;
mod command_info;
pub(crate) mod connection;
mod debug;
mod draws;
mod hash_walks;
mod hashes;
mod key_expiry;
mod keys;
pub(crate) mod list_pops;
mod lists;
mod memory;
mod modules;
mod object;
mod observing;
mod pubsub;
mod replicas;
mod replication;
mod scan;
pub(crate) mod scripting;
mod server;
mod session;
mod session_commit;
mod session_end;
mod session_list;
mod session_look;
mod session_open;
mod set_algebra;
mod set_draws;
mod sets;
pub(crate) mod sort;
mod sorted_set_algebra;
pub(crate) mod sorted_set_pops;
mod sorted_set_ranges;
mod sorted_sets;
mod string_compare;
mod string_counters;
mod string_edit;
mod string_expiry;
pub(crate) mod string_float;
mod string_lcs;
mod strings;
mod transactions;
mod transfer;

/// All families, in the order of the documentation.
pub(crate) const FAMILIES: &[&[CommandSpec]] = &[
    connection::FAMILY,
    client::FAMILY,
    acl::FAMILY,
    keys::FAMILY,
    key_expiry::FAMILY,
    scan::FAMILY,
    object::FAMILY,
    transfer::FAMILY,
    sort::FAMILY,
    strings::FAMILY,
    string_edit::FAMILY,
    string_counters::FAMILY,
    string_compare::FAMILY,
    string_lcs::FAMILY,
    hashes::FAMILY,
    hash_walks::FAMILY,
    lists::FAMILY,
    list_pops::FAMILY,
    blocking::FAMILY,
    blocking_sorted::FAMILY,
    sets::FAMILY,
    set_algebra::FAMILY,
    set_draws::FAMILY,
    sorted_sets::FAMILY,
    sorted_set_ranges::FAMILY,
    sorted_set_pops::FAMILY,
    sorted_set_algebra::FAMILY,
    transactions::FAMILY,
    scripting::FAMILY,
    pubsub::FAMILY,
    server::FAMILY,
    debug::FAMILY,
    observing::FAMILY,
    memory::FAMILY,
    replicas::FAMILY,
    replication::FAMILY,
    modules::FAMILY,
    cluster::FAMILY,
    session::FAMILY,
    command_info::FAMILY,
];

/// Puts a result in the place of whatever `to` holds, and answers how many elements it has; an empty
/// one removes what is there. `event` tells of one that was stored.
pub(crate) fn store_result(
    cx: &mut Context<'_, '_>,
    to: &[u8],
    (len, result): (usize, Value),
    (class, event): (EventClasses, &'static str),
) -> CommandResult {
    cx.reply.integer(len as i64);
    if len > 0 {
        cx.db.set_value(to, result, None);
        cx.db.notify(class, event, to);
    } else if cx.db.delete(to) {
        cx.db.notify(EventClasses::GENERIC, "del", to);
    }
    Ok(Outcome::Reply)
}

/// The reply of a container's HELP, made from its rows.
pub(crate) fn subcommand_help(
    cx: &mut Context<'_, '_>,
    container: &str,
    subcommands: &[CommandSpec],
) -> CommandResult {
    cx.reply.array(1 + 2 * subcommands.len());
    cx.reply
        .simple(&format!("{container} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"));
    for subcommand in subcommands {
        cx.reply.simple(&subcommand.name.to_ascii_uppercase());
        cx.reply.simple(&format!("    {}", subcommand.summary));
    }
    Ok(Outcome::Reply)
}
