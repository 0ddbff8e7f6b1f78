//! What cannot be loaded is refused before anything is served, with its name and place, and every
//! file stays as it was, so that the old server can be started again.

use std::fs;

use guarda_testkit::server::{Program, Server, ServerSpec};

use crate::common::{
    assert_untouched, base_path, call, data_files, dump, guarda, incr_path, logged, logged_redis,
    refused, rewrite,
};

/// Hands `server`'s directory to guarda, which must refuse it; then to Redis, which must not.
#[track_caller]
fn assert_refused(mut server: Server, expected: &[&str]) {
    let data = dump(&server);
    server.terminate().unwrap();
    // Not even what a killed Redis left behind is tidied up.
    fs::write(server.dir().join("temp-1.rdb"), "unfinished").unwrap();
    let before = data_files(server.dir());
    server.replace_program(guarda());
    let said = refused(&mut server);
    for part in expected {
        assert!(said.contains(part), "`{part}` is not in: {said}");
    }
    assert_untouched(server.dir(), &before);
    server.replace_program(Program::reference());
    server.restart().unwrap();
    crate::common::assert_same(&data, &dump(&server), "Redis, afterwards");
}

#[test]
fn a_stream_in_the_base_or_the_snapshot_is_refused_by_name() {
    let redis = Server::start(logged_redis()).unwrap();
    let mut connection = redis.connect().unwrap();
    call(&mut connection, "SET k v");
    call(&mut connection, "XADD log 1-1 field value");
    rewrite(&mut connection);
    let name = base_path(&redis).file_name().unwrap().to_string_lossy().into_owned();
    assert_refused(redis, &["stream", &name]);

    let redis = Server::start(ServerSpec::new(Program::reference())).unwrap();
    let mut connection = redis.connect().unwrap();
    call(&mut connection, "XADD log 1-1 field value");
    call(&mut connection, "SAVE");
    assert_refused(redis, &["stream", "dump.rdb"]);
}

#[test]
fn a_function_library_is_refused_by_name() {
    let redis = Server::start(logged_redis()).unwrap();
    let mut connection = redis.connect().unwrap();
    let code = "#!lua name=lib\nredis.register_function('f', function() return 1 end)";
    let reply = connection.call(&["FUNCTION", "LOAD", code]).unwrap();
    assert!(!reply.is_error(), "{reply}");
    rewrite(&mut connection);
    assert_refused(redis, &["functions", ".base.rdb"]);
}

/// The commands of some types are not there yet: to skip them would lose data.
#[test]
fn a_command_that_is_not_there_is_refused_with_its_name_and_place() {
    for command in ["PFADD log a", "XADD stream 1-1 f v"] {
        let redis = Server::start(logged_redis()).unwrap();
        let mut connection = redis.connect().unwrap();
        call(&mut connection, "SET k v");
        let offset = fs::metadata(incr_path(&redis)).unwrap().len();
        call(&mut connection, command);
        call(&mut connection, "SET k2 v");
        let name = command.split(' ').next().unwrap();
        assert_refused(redis, &[name, &format!("byte {offset}"), ".incr.aof"]);
    }
}

#[test]
fn an_old_single_file_that_is_refused_stays_where_it_is() {
    let redis = Server::start(logged_redis()).unwrap();
    let mut connection = redis.connect().unwrap();
    call(&mut connection, "XADD log 1-1 field value");
    rewrite(&mut connection);
    let old = fs::read(base_path(&redis)).unwrap();
    let mut server = Server::start(logged()).unwrap();
    server.terminate().unwrap();
    fs::remove_dir_all(server.dir().join("appendonlydir")).unwrap();
    fs::write(server.dir().join("appendonly.aof"), old).unwrap();
    let before = data_files(server.dir());
    let error = refused(&mut server);
    assert_untouched(server.dir(), &before);
    assert!(error.contains("stream") && error.contains("appendonly.aof"), "{error}");
    assert!(error.contains("nothing was changed"), "{error}");
}

#[test]
fn a_database_beyond_the_configured_ones_is_refused_with_the_setting_to_change() {
    let redis = Server::start(logged_redis().with("databases", "20")).unwrap();
    let mut connection = redis.connect().unwrap();
    call(&mut connection, "SELECT 19");
    call(&mut connection, "SET k v");
    let incr = fs::read(incr_path(&redis)).unwrap();
    let error = Server::start(logged().with_file("appendonly.aof", incr)).unwrap_err().to_string();
    assert!(error.contains("`databases` to at least 20"), "{error}");
}
