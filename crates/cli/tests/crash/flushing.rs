//! FLUSHALL and the RDB file: what was removed does not come back.

use guarda_testkit::connection::Connection;
use guarda_testkit::deadline::await_true;
use guarda_testkit::reply::Frame;
use guarda_testkit::server::{Program, Server, ServerSpec};

use crate::common::{LIMIT, call, guarda, info, info_number};

/// No save point that is reached by itself.
const POINTS: &str = "3600 1000000";

fn started(program: Program, points: &str) -> (Server, Connection) {
    let server = Server::start(ServerSpec::new(program).with("save", points)).unwrap();
    let mut connection = server.connect().unwrap();
    for command in ["MSET a 1 b 2 c 3", "SAVE"] {
        assert_eq!(call(&mut connection, command), Frame::Simple(b"OK".to_vec()));
    }
    (server, connection)
}

/// How many keys there are after a `kill -9`.
fn left(mut server: Server) -> Frame {
    server.kill9();
    server.restart().unwrap();
    call(&mut server.connect().unwrap(), "DBSIZE")
}

#[test]
fn where_there_are_save_points_it_saves_as_redis_does() {
    for program in [guarda(), Program::reference()] {
        let (server, mut connection) = started(program, POINTS);
        call(&mut connection, "SET d 4");
        assert_eq!(info(&mut connection, "rdb_changes_since_last_save"), "1");
        call(&mut connection, "FLUSHALL");
        assert_eq!(info(&mut connection, "rdb_changes_since_last_save"), "0");
        assert_eq!(left(server), Frame::Integer(0));
    }
}

#[test]
fn without_save_points_or_by_flushdb_nothing_is_saved() {
    for (points, flush) in [("", "FLUSHALL"), (POINTS, "FLUSHDB")] {
        let (server, mut connection) = started(guarda(), points);
        call(&mut connection, flush);
        assert_eq!(info(&mut connection, "rdb_changes_since_last_save"), "3", "{flush}");
        assert_eq!(left(server), Frame::Integer(3), "{flush}");
    }
}

#[test]
fn in_a_transaction_or_a_script_it_saves_what_there_is_at_that_moment() {
    let (server, mut connection) = started(guarda(), POINTS);
    for command in ["MULTI", "SET d 4", "FLUSHALL", "SET e 5", "EXEC"] {
        call(&mut connection, command);
    }
    assert_eq!(call(&mut connection, "DBSIZE"), Frame::Integer(1));
    assert_eq!(left(server), Frame::Integer(0));
    let (server, mut connection) = started(guarda(), POINTS);
    let script = "redis.call('SET','d',4) redis.call('FLUSHALL') return redis.call('SET','e',5)";
    connection.call(&["EVAL", script, "0"]).unwrap();
    assert_eq!(call(&mut connection, "DBSIZE"), Frame::Integer(1));
    assert_eq!(left(server), Frame::Integer(0));
}

#[test]
fn a_save_in_progress_is_given_up_and_made_anew() {
    let (server, mut connection) = started(guarda(), POINTS);
    call(&mut connection, "CONFIG SET rdb-key-save-delay 10000000");
    call(&mut connection, "BGSAVE");
    assert_eq!(info(&mut connection, "rdb_bgsave_in_progress"), "1");
    call(&mut connection, "FLUSHALL");
    let saves = 2;
    let again = await_true(LIMIT, || info_number(&mut connection, "rdb_saves") == saves);
    assert!(again, "{}", server.log());
    assert_eq!(info(&mut connection, "rdb_last_bgsave_status"), "ok");
    assert_eq!(call(&mut connection, "SET d 4"), Frame::Simple(b"OK".to_vec()));
    assert_eq!(left(server), Frame::Integer(0));
}

#[test]
fn a_save_in_progress_is_given_up_without_save_points_too() {
    let (server, mut connection) = started(guarda(), "");
    call(&mut connection, "CONFIG SET rdb-key-save-delay 10000000");
    call(&mut connection, "BGSAVE");
    call(&mut connection, "FLUSHALL");
    let ended = await_true(LIMIT, || info(&mut connection, "rdb_bgsave_in_progress") == "0");
    assert!(ended, "{}", server.log());
    assert_eq!(info_number(&mut connection, "rdb_saves"), 1);
    // It was no failure that writes would be refused for.
    assert_eq!(call(&mut connection, "SET d 4"), Frame::Simple(b"OK".to_vec()));
}
