//! Files that a crash or a bad disk left in pieces: a torn end is cut, anything else is refused.

use std::fs;

use guarda_testkit::dump::Dump;
use guarda_testkit::server::{Server, ServerSpec};

use crate::common::{
    assert_same, assert_untouched, call, check_files, data_files, dump, incr_path, logged, refused,
    restore, rewrite, words,
};

/// Commands whose records are cut; each is one record, the group is one too.
const LAST: [&[&str]; 3] = [
    &["SETEX later 1000 some-value"],
    &["MULTI", "SET a 1", "HSET h f v", "EXEC"],
    &["SET last value"],
];

/// How far into each record of the earlier ones a cut is made.
const EVERY: usize = 7;

/// Changes bytes of the record that begins at an offset.
type Damage = fn(&mut [u8], usize);

/// The state of the log after each record: its length, and what a load of it must give.
struct Stage {
    len: usize,
    dump: Dump,
}

/// A server with a log whose last records are [`LAST`].
fn written(spec: ServerSpec) -> (Server, Vec<Stage>) {
    let server = Server::start(spec).unwrap();
    let mut connection = server.connect().unwrap();
    for command in ["SELECT 3", "SET third 3", "SELECT 0", "SET first 1", "HSET hash f1 v1 f2 v2"] {
        call(&mut connection, command);
    }
    let stage = |server: &Server| Stage {
        len: fs::metadata(incr_path(server)).unwrap().len() as usize,
        dump: dump(server),
    };
    let mut stages = vec![stage(&server)];
    for commands in LAST {
        let commands: Vec<_> = commands.iter().map(|command| words(command)).collect();
        for reply in connection.pipeline(&commands).unwrap() {
            assert!(!reply.is_error(), "{reply}");
        }
        stages.push(stage(&server));
    }
    (server, stages)
}

/// Where to cut: each byte of the last record, some of those before.
fn cuts(stages: &[Stage]) -> Vec<usize> {
    let last = stages.len() - 1;
    let mut cuts: Vec<usize> = (stages[0].len..stages[last - 1].len).step_by(EVERY).collect();
    cuts.extend(stages[last - 1].len..=stages[last].len);
    cuts
}

#[test]
fn a_torn_end_is_cut_wherever_it_tears_and_the_log_says_how_much() {
    let (mut server, stages) = written(logged());
    server.kill9();
    let path = incr_path(&server);
    let whole = data_files(server.dir());
    let bytes = fs::read(&path).unwrap();
    for cut in cuts(&stages) {
        restore(server.dir(), &whole);
        fs::write(&path, &bytes[..cut]).unwrap();
        let said_before = server.log().len();
        server.restart().unwrap_or_else(|error| panic!("cut at {cut}: {error}"));
        let stage = stages.iter().rev().find(|stage| stage.len <= cut).expect("the first is whole");
        assert_same(&stage.dump, &dump(&server), &format!("cut at {cut}"));
        server.kill9();
        let said = server.log().split_off(said_before);
        let removed = cut - stage.len;
        if removed == 0 {
            assert!(!said.contains("torn"), "cut at {cut}: {said}");
        } else {
            let line = said.lines().find(|line| line.contains("torn")).unwrap_or_default();
            assert!(line.contains(&format!("{removed} bytes were cut")), "cut at {cut}: {said}");
            assert!(line.contains(".incr.aof"), "{line}");
        }
        assert_eq!(fs::metadata(&path).unwrap().len() as usize, stage.len, "cut at {cut}");
    }
    check_files(&server);
}

#[test]
fn after_a_cut_the_log_goes_on_where_it_was_cut() {
    let (mut server, stages) = written(logged());
    let path = incr_path(&server);
    call(&mut server.connect().unwrap(), "SET torn value");
    server.kill9();
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
    server.restart().unwrap();
    call(&mut server.connect().unwrap(), "SET after cut");
    let expected = dump(&server);
    assert_eq!(expected.len(), stages.last().unwrap().dump.len() + 1);
    server.kill9();
    server.restart().unwrap();
    assert_same(&expected, &dump(&server), "after the second crash");
    check_files(&server);
}

#[test]
fn without_aof_load_truncated_a_torn_end_is_refused_and_left_alone() {
    let (mut server, stages) = written(logged().with("aof-load-truncated", "no"));
    server.kill9();
    let path = incr_path(&server);
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() - 3]).unwrap();
    let before = data_files(server.dir());
    let said = refused(&mut server);
    let last_record = stages[stages.len() - 2].len;
    assert!(said.contains(&format!("byte {last_record} ")), "{said}");
    assert!(said.contains(".incr.aof") && said.contains("aof-load-truncated"), "{said}");
    assert_untouched(server.dir(), &before);
}

#[test]
fn damage_in_the_middle_is_refused_with_its_place_and_nothing_is_changed() {
    let (mut server, stages) = written(logged());
    server.kill9();
    let path = incr_path(&server);
    let bytes = fs::read(&path).unwrap();
    let record = stages[0].len;
    let damages: [(&str, Damage); 4] = [
        ("the array's mark", |bytes, at| bytes[at] = b'x'),
        ("the array's length", |bytes, at| bytes[at + 1] = b'x'),
        ("a string's mark", |bytes, at| bytes[at + 4] = b'!'),
        ("a string's length", |bytes, at| bytes[at + 5] += 1),
    ];
    for (what, damage) in damages {
        let mut damaged = bytes.clone();
        damage(&mut damaged, record);
        fs::write(&path, &damaged).unwrap();
        let before = data_files(server.dir());
        let said = refused(&mut server);
        assert!(said.contains(&format!("byte {record}")), "{what}: {said}");
        assert!(said.contains(".incr.aof"), "{what}: {said}");
        assert_untouched(server.dir(), &before);
    }
    // A command that cannot be: what it should have done is missing from everything after it.
    let mut unknown = bytes[..record].to_vec();
    unknown.extend_from_slice(b"*2\r\n$5\r\nWIBBL\r\n$6\r\nsecret\r\n");
    unknown.extend_from_slice(&bytes[record..]);
    fs::write(&path, &unknown).unwrap();
    let before = data_files(server.dir());
    let said = refused(&mut server);
    assert!(said.contains("unknown command 'WIBBL'"), "{said}");
    assert!(said.contains(&format!("byte {record}")) && !said.contains("secret"), "{said}");
    assert_untouched(server.dir(), &before);
    // And with the file as it was all is well.
    fs::write(&path, &bytes).unwrap();
    server.restart().unwrap();
    assert_same(&stages.last().unwrap().dump, &dump(&server), "the undamaged file");
}

#[test]
fn a_missing_file_or_a_damaged_base_or_manifest_is_refused() {
    let (mut server, _) = written(logged());
    rewrite(&mut server.connect().unwrap());
    call(&mut server.connect().unwrap(), "SET tail 1");
    server.kill9();
    let whole = data_files(server.dir());
    let path = |end: &str| -> std::path::PathBuf {
        whole.keys().find(|path| path.to_string_lossy().ends_with(end)).unwrap().clone()
    };
    let (base, incr, manifest) = (path(".base.rdb"), path(".incr.aof"), path(".manifest"));
    let mut cases = Vec::new();
    for missing in [&base, &incr] {
        let mut files = whole.clone();
        files.remove(missing);
        cases.push((files, missing.clone()));
    }
    let mut files = whole.clone();
    let content = files.get_mut(&base).unwrap();
    let middle = content.len() / 2;
    content[middle] ^= 0x40;
    cases.push((files, base.clone()));
    let mut files = whole.clone();
    let content = files.get_mut(&base).unwrap();
    content.truncate(content.len() - 1);
    cases.push((files, base.clone()));
    // Taken for a base of nothing, it would lose everything without a word.
    let mut files = whole.clone();
    files.get_mut(&base).unwrap().clear();
    cases.push((files, base.clone()));
    let mut files = whole.clone();
    files.get_mut(&manifest).unwrap().extend_from_slice(b"nonsense\n");
    cases.push((files, manifest.clone()));
    for (files, culprit) in cases {
        restore(server.dir(), &files);
        let said = refused(&mut server);
        let name = culprit.file_name().unwrap().to_string_lossy().into_owned();
        assert!(said.contains(&name), "{name}: {said}");
        assert_untouched(server.dir(), &files);
    }
    restore(server.dir(), &whole);
    server.restart().unwrap();
}
