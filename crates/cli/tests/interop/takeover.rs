//! Directories that change hands.

use std::fs;

use guarda_testkit::dump::Dump;
use guarda_testkit::server::{Program, Server, ServerSpec};

use crate::common::{
    assert_same, base_path, call, check, check_files, data_files, dump, guarda, incr_path, logged,
    logged_redis, rewrite,
};
use crate::data::{assert_shows, change_plain, fill_collections, fill_plain};

/// A Redis with data of every kind; some of it in the base, some in the increment.
fn full_redis(spec: ServerSpec) -> (Server, Dump) {
    let server = Server::start(spec).unwrap();
    let mut connection = server.connect().unwrap();
    fill_plain(&mut connection);
    fill_collections(&mut connection);
    rewrite(&mut connection);
    change_plain(&mut connection);
    let data = dump(&server);
    (server, data)
}

/// Ends the server and starts the other program in its directory.
fn hand_over(server: &mut Server, program: Program) {
    server.kill9();
    server.replace_program(program);
    server.restart().unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn a_directory_changes_hands_there_and_back() {
    let (mut server, theirs) = full_redis(logged_redis());
    server.terminate().unwrap();
    hand_over(&mut server, guarda());
    assert_shows(&server, &theirs);

    // Redis goes on where we were: first with its own base and our increments...
    let mut connection = server.connect().unwrap();
    call(&mut connection, "SET ours 1");
    call(&mut connection, "HSET small f9 ours");
    call(&mut connection, "PEXPIREAT ours 33177117420001");
    hand_over(&mut server, Program::reference());
    let mut connection = server.connect().unwrap();
    for back in ["DEL ours", "HDEL small f9"] {
        call(&mut connection, back);
    }
    assert_same(&theirs, &dump(&server), "after our increments");
    check_files(&server);

    // ...then with a base that we wrote, which it finds well-formed.
    hand_over(&mut server, guarda());
    let mut connection = server.connect().unwrap();
    rewrite(&mut connection);
    call(&mut connection, "SET tail 2");
    call(&mut connection, "DEL tail");
    server.kill9();
    check_files(&server);
    check("redis-check-rdb", &base_path(&server));
    hand_over(&mut server, Program::reference());
    assert_same(&theirs, &dump(&server), "after our base");

    // And again ours, with nothing lost on the way.
    hand_over(&mut server, guarda());
    assert_shows(&server, &theirs);
}

#[test]
fn redis_loads_what_save_wrote() {
    let (mut server, theirs) = full_redis(logged_redis());
    server.terminate().unwrap();
    hand_over(&mut server, guarda());
    let mut connection = server.connect().unwrap();
    for save in ["SAVE", "BGSAVE"] {
        for compression in ["yes", "no"] {
            call(&mut connection, &format!("CONFIG SET rdbcompression {compression}"));
            call(&mut connection, save);
            crate::common::await_idle(&mut connection);
            let file = server.dir().join("dump.rdb");
            check("redis-check-rdb", &file);
            let content = fs::read(&file).unwrap();
            fs::remove_file(&file).unwrap();
            let spec = ServerSpec::new(Program::reference()).with_file("dump.rdb", content.clone());
            let redis = Server::start(spec).unwrap();
            assert_same(&theirs, &dump(&redis), &format!("{save}, compression {compression}"));
            // And so do we.
            let spec = ServerSpec::new(guarda()).with_file("dump.rdb", content);
            assert_shows(&Server::start(spec).unwrap(), &theirs);
        }
    }
    // The end of a server is yet another way to save.
    drop(connection.call(&["SHUTDOWN", "SAVE"]));
    server.await_exit(crate::common::LIMIT).unwrap();
    let content = fs::read(server.dir().join("dump.rdb")).unwrap();
    let spec = ServerSpec::new(Program::reference()).with_file("dump.rdb", content);
    assert_same(&theirs, &dump(&Server::start(spec).unwrap()), "SHUTDOWN SAVE");
}

#[test]
fn a_snapshot_alone_is_loaded_and_becomes_the_base_of_a_log() {
    let redis = Server::start(ServerSpec::new(Program::reference())).unwrap();
    let mut connection = redis.connect().unwrap();
    fill_plain(&mut connection);
    fill_collections(&mut connection);
    let theirs = dump(&redis);
    call(&mut connection, "SAVE");
    let snapshot = fs::read(redis.dir().join("dump.rdb")).unwrap();

    let unlogged = ServerSpec::new(guarda()).with_file("dump.rdb", snapshot.clone());
    let server = Server::start(unlogged.clone()).unwrap();
    assert_shows(&server, &theirs);
    assert!(!server.dir().join("appendonlydir").exists(), "there is no log");

    let mut server = Server::start(unlogged.with("appendonly", "yes")).unwrap();
    assert_shows(&server, &theirs);
    let dump_path = server.dir().join("dump.rdb");
    assert!(fs::read(&dump_path).unwrap() == snapshot, "dump.rdb is left as it was");
    call(&mut server.connect().unwrap(), "SET tail 1");
    server.kill9();
    check_files(&server);
    // From now on the log counts, whatever became of the snapshot.
    fs::remove_file(dump_path).unwrap();
    hand_over(&mut server, Program::reference());
    call(&mut server.connect().unwrap(), "DEL tail");
    assert_same(&theirs, &dump(&server), "Redis with the new log");
}

/// The log of Redis 6 and older: one file, with a snapshot in front or without.
#[test]
fn the_single_file_of_older_servers_is_taken_over() {
    let (mut redis, theirs) = full_redis(logged_redis());
    redis.terminate().unwrap();
    let mut preambled = fs::read(base_path(&redis)).unwrap();
    preambled.extend(fs::read(incr_path(&redis)).unwrap());

    // Without a preamble everything is commands.
    let redis = Server::start(logged_redis().with("aof-use-rdb-preamble", "no")).unwrap();
    let mut connection = redis.connect().unwrap();
    fill_plain(&mut connection);
    fill_collections(&mut connection);
    change_plain(&mut connection);
    let plain = dump(&redis);
    let commands = fs::read(incr_path(&redis)).unwrap();

    for (old, expected) in [(preambled, theirs), (commands, plain)] {
        let mut server = Server::start(logged().with_file("appendonly.aof", old.clone())).unwrap();
        assert_shows(&server, &expected);
        assert!(!server.dir().join("appendonly.aof").exists(), "it moved into the log's directory");
        call(&mut server.connect().unwrap(), "SET tail 1");
        server.kill9();
        check_files(&server);
        server.restart().unwrap();
        call(&mut server.connect().unwrap(), "DEL tail");
        assert_shows(&server, &expected);
        hand_over(&mut server, Program::reference());
        assert_same(&expected, &dump(&server), "Redis with the taken over file");

        // Torn, it is cut where Redis would cut it.
        let torn = old[..old.len() - 1].to_vec();
        let mut server = Server::start(logged().with_file("appendonly.aof", torn)).unwrap();
        assert!(server.log().contains("torn"), "{}", server.log());
        server.kill9();
        check_files(&server);
    }
}

#[test]
fn switching_the_log_on_and_off_while_running_keeps_everything() {
    let (mut server, theirs) = full_redis(logged_redis());
    server.terminate().unwrap();
    hand_over(&mut server, guarda());
    let mut connection = server.connect().unwrap();
    call(&mut connection, "CONFIG SET appendonly no");
    call(&mut connection, "SET unlogged 1");
    call(&mut connection, "CONFIG SET appendonly yes");
    call(&mut connection, "SET logged 1");
    server.kill9();
    check_files(&server);
    let files = data_files(server.dir());
    assert_eq!(files.len(), 3, "base, increment, manifest: {:?}", files.keys());
    hand_over(&mut server, Program::reference());
    call(&mut server.connect().unwrap(), "DEL unlogged logged");
    assert_same(&theirs, &dump(&server), "a log begun while running");
}
