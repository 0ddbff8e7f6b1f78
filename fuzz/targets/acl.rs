//! Rules of users: whatever the lines of an ACL file or the words of ACL SETUSER, an error or users; and
//! users described in their own words are the same users.

#![no_main]

use guarda_commands::Users;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    file(input);
    words(input);
});

/// The input as an ACL file.
fn file(text: &[u8]) {
    let users = Users::default();
    if let Err(error) = users.load(text, "users.acl") {
        assert!(!error.to_string().is_empty());
        return;
    }
    let described = users.lines();
    let again = Users::default();
    let text = described.join(&b'\n');
    again.load(&text, "again.acl").expect("our own description is understood");
    assert_eq!(described, again.lines(), "a description makes another user");
}

/// The input's words, one a line, as rules of ACL SETUSER, where blanks and bytes of any kind may stand.
fn words(text: &[u8]) {
    let users = Users::default();
    let rules: Vec<&[u8]> = text.split(|byte| *byte == b'\n').take(64).collect();
    let mut call: Vec<&[u8]> = vec![b"u"];
    call.extend(&rules);
    let before = users.lines();
    if users.define(&call).is_err() {
        assert_eq!(before, users.lines(), "a refused call has changed something");
        return;
    }
    let described = line_of(&users);
    let again = Users::default();
    let rest = described.strip_prefix(b"user u ").expect("its own line");
    let mut call: Vec<&[u8]> = vec![b"u"];
    call.extend(rest.split(|byte| *byte == b' '));
    again.define(&call).expect("our own description is understood");
    assert_eq!(described, line_of(&again), "a description makes another user");
}

fn line_of(users: &Users) -> Vec<u8> {
    let lines = users.lines();
    lines.into_iter().find(|line| line.starts_with(b"user u ")).expect("it was defined")
}
