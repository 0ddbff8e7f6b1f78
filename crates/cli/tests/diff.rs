//! Every command, option and error, compared byte for byte with a real redis-server.
//!
//! The cases are the tables in `diff/`, one file per family; their language is described in
//! `guarda_testkit::diff::script`. One test per family and protocol; for those about data also one with every
//! command called by a script, and one with each in a transaction. `GUARDA_DIFF_ONLY=part` limits a run to
//! cases whose name contains `part`; `GUARDA_TESTKIT_SUBJECT=redis-server` puts a redis-server in the place of
//! guarda, which shows what the tables themselves are worth; `GUARDA_TESTKIT_REFERENCE=path/of/valkey-server`
//! compares with Valkey, which shows what Redis 7.2 does.

use guarda_testkit::diff::{Case, Manner, Protocol, Setup, Way, assert_same};
use guarda_testkit::server::Program;

#[path = "diff/acl.rs"]
mod acl;
#[path = "diff/blocking.rs"]
mod blocking;
#[path = "diff/clients.rs"]
mod clients;
#[path = "diff/commands.rs"]
mod commands;
#[path = "diff/connection.rs"]
mod connection;
#[path = "diff/debug.rs"]
mod debug;
#[path = "diff/hashes.rs"]
mod hashes;
#[path = "diff/keys.rs"]
mod keys;
#[path = "diff/lists.rs"]
mod lists;
#[path = "diff/memory.rs"]
mod memory;
#[path = "diff/notifications.rs"]
mod notifications;
#[path = "diff/operations.rs"]
mod operations;
#[path = "diff/protocol.rs"]
mod protocol;
#[path = "diff/pubsub.rs"]
mod pubsub;
#[path = "diff/scripting.rs"]
mod scripting;
#[path = "diff/scripting_api.rs"]
mod scripting_api;
#[path = "diff/scripting_applications.rs"]
mod scripting_applications;
#[path = "diff/scripting_bit.rs"]
mod scripting_bit;
#[path = "diff/scripting_cjson.rs"]
mod scripting_cjson;
#[path = "diff/scripting_cmsgpack.rs"]
mod scripting_cmsgpack;
#[path = "diff/scripting_conversions.rs"]
mod scripting_conversions;
#[path = "diff/scripting_errors.rs"]
mod scripting_errors;
#[path = "diff/scripting_struct.rs"]
mod scripting_struct;
#[path = "diff/server.rs"]
mod server;
#[path = "diff/sets.rs"]
mod sets;
#[path = "diff/sort.rs"]
mod sort;
#[path = "diff/sorted_sets.rs"]
mod sorted_sets;
#[path = "diff/strings.rs"]
mod strings;
#[path = "diff/transactions.rs"]
mod transactions;
#[path = "diff/transfer.rs"]
mod transfer;
#[path = "diff/valkey.rs"]
mod valkey;

macro_rules! families {
    ($($family:ident: $resp2:ident, $resp3:ident;)*) => {$(
        #[test]
        fn $resp2() {
            compare(stringify!($family), $family::CASES, Protocol::Resp2);
        }

        #[test]
        fn $resp3() {
            compare(stringify!($family), $family::CASES, Protocol::Resp3);
        }
    )*};
}

families! {
    acl: acl_in_resp2, acl_in_resp3;
    blocking: blocking_in_resp2, blocking_in_resp3;
    clients: clients_in_resp2, clients_in_resp3;
    commands: commands_in_resp2, commands_in_resp3;
    connection: connection_in_resp2, connection_in_resp3;
    hashes: hashes_in_resp2, hashes_in_resp3;
    keys: keys_in_resp2, keys_in_resp3;
    lists: lists_in_resp2, lists_in_resp3;
    memory: memory_in_resp2, memory_in_resp3;
    notifications: notifications_in_resp2, notifications_in_resp3;
    operations: operations_in_resp2, operations_in_resp3;
    protocol: protocol_in_resp2, protocol_in_resp3;
    pubsub: pubsub_in_resp2, pubsub_in_resp3;
    scripting: scripting_in_resp2, scripting_in_resp3;
    scripting_applications: scripting_applications_in_resp2, scripting_applications_in_resp3;
    scripting_api: scripting_api_in_resp2, scripting_api_in_resp3;
    scripting_conversions: scripting_conversions_in_resp2, scripting_conversions_in_resp3;
    scripting_errors: scripting_errors_in_resp2, scripting_errors_in_resp3;
    scripting_bit: scripting_bit_in_resp2, scripting_bit_in_resp3;
    scripting_cjson: scripting_cjson_in_resp2, scripting_cjson_in_resp3;
    scripting_cmsgpack: scripting_cmsgpack_in_resp2, scripting_cmsgpack_in_resp3;
    scripting_struct: scripting_struct_in_resp2, scripting_struct_in_resp3;
    sets: sets_in_resp2, sets_in_resp3;
    server: server_in_resp2, server_in_resp3;
    sort: sort_in_resp2, sort_in_resp3;
    sorted_sets: sorted_sets_in_resp2, sorted_sets_in_resp3;
    strings: strings_in_resp2, strings_in_resp3;
    transactions: transactions_in_resp2, transactions_in_resp3;
    transfer: transfer_in_resp2, transfer_in_resp3;
}

macro_rules! families_of_data {
    ($($family:ident: $scripted:ident, $transacted:ident;)*) => {$(
        #[test]
        fn $scripted() {
            compare_otherwise(stringify!($family), $family::CASES, Manner::Script);
        }

        #[test]
        fn $transacted() {
            compare_otherwise(stringify!($family), $family::CASES, Manner::Transaction);
        }
    )*};
}

families_of_data! {
    hashes: hashes_in_scripts, hashes_in_transactions;
    keys: keys_in_scripts, keys_in_transactions;
    lists: lists_in_scripts, lists_in_transactions;
    sets: sets_in_scripts, sets_in_transactions;
    sort: sort_in_scripts, sort_in_transactions;
    sorted_sets: sorted_sets_in_scripts, sorted_sets_in_transactions;
    strings: strings_in_scripts, strings_in_transactions;
    transfer: transfer_in_scripts, transfer_in_transactions;
}

/// The same cases, each command called by a script or in a transaction, over both protocols.
fn compare_otherwise(family: &str, cases: &[Case<'_>], manner: Manner) {
    for protocol in [Protocol::Resp2, Protocol::Resp3] {
        let subject = Program::subject(env!("CARGO_BIN_EXE_guarda"));
        assert_same(family, cases, Way { protocol, manner }, subject, setup());
    }
}

/// Connections start unauthenticated there, so that there is no second run in RESP3: the cases
/// change the protocol themselves.
#[test]
fn connections_to_a_server_with_a_password() {
    let setup = Setup { password: Some("secret"), ..setup() };
    let subject = Program::subject(env!("CARGO_BIN_EXE_guarda"));
    assert_same("password", connection::WITH_PASSWORD, Protocol::Resp2, subject, setup);
}

#[test]
fn debug_in_resp2() {
    compare_debugging(Protocol::Resp2);
}

#[test]
fn debug_in_resp3() {
    compare_debugging(Protocol::Resp3);
}

fn compare_debugging(protocol: Protocol) {
    let subject = Program::subject(env!("CARGO_BIN_EXE_guarda"));
    let setup = Setup { directives: &[("enable-debug-command", "local")], ..setup() };
    assert_same("debug", debug::CASES, protocol, subject, setup);
}

fn compare(family: &str, cases: &[Case<'_>], protocol: Protocol) {
    let subject = Program::subject(env!("CARGO_BIN_EXE_guarda"));
    assert_same(family, cases, protocol, subject, setup());
}

fn setup() -> Setup<'static> {
    Setup { valkey: valkey::DEVIATIONS, ..Setup::default() }
}
