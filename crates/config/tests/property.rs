//! Whatever the bytes, there is an answer.

mod common;

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use common::load_text;
use guarda_config::{Arguments, Config, directives, load};
use proptest::collection::vec;
use proptest::prelude::*;

/// Names of the table, and what looks like values.
fn word() -> impl Strategy<Value = Vec<u8>> {
    let names: Vec<&str> = directives().flat_map(guarda_config::Directive::names).collect();
    let values = vec![
        "yes",
        "no",
        "0",
        "-1",
        "1",
        "512mb",
        "10%",
        "normal",
        "replica",
        "\"",
        "'",
        "\\x41",
        "*",
        "-::1",
        "99999999999999999999",
        "",
        "--",
        "--save",
        "-",
        "\"\"",
        "[",
        "save",
    ];
    prop_oneof![
        3 => proptest::sample::select(names).prop_map(|name| name.as_bytes().to_vec()),
        5 => proptest::sample::select(values).prop_map(|value| value.as_bytes().to_vec()),
        1 => vec(any::<u8>(), 0..12),
    ]
}

/// A value that holds the line ends of a file as well.
fn text() -> impl Strategy<Value = Vec<u8>> {
    vec(vec(word(), 0..6).prop_map(|words| words.join(&b' ')), 0..8)
        .prop_map(|lines| lines.join(&b'\n'))
}

proptest! {
    #[test]
    fn any_bytes_load_or_fail(bytes in vec(any::<u8>(), 0..400)) {
        // Errors must be printable too.
        if let Err(error) = load_text(&bytes) {
            prop_assert!(!error.to_string().is_empty());
        }
    }

    #[test]
    fn any_words_load_or_fail(text in text()) {
        if let Ok(loaded) = load_text(&text) {
            prop_assert!(loaded.config.config_get([b"*"]).len() > 190);
        }
    }

    #[test]
    fn any_arguments_load_or_fail(args in vec(word(), 0..10)) {
        // A first word that is no option would be read as a file.
        let args = std::iter::once(b"--hz".to_vec()).chain(args).map(OsString::from_vec);
        let _ = load(&Arguments::parse(args), std::io::empty());
    }

    #[test]
    fn config_set_changes_all_or_nothing(pairs in vec((word(), word()), 1..5)) {
        let mut config = Config::default();
        let before = config.clone();
        match config.config_set(&pairs) {
            Err(_) => prop_assert_eq!(config, before),
            Ok(applied) => prop_assert_eq!(applied.changed.is_empty(), config == before),
        }
    }

    #[test]
    fn what_config_get_shows_config_set_takes(text in text(), names in vec(word(), 1..6)) {
        // Only what a file can say survives the way out and in again.
        let Ok(loaded) = load_text(&text) else { return Ok(()) };
        let shown = loaded.config.config_get(&names);
        for (name, value) in shown {
            let mut copy = loaded.config.clone();
            if let Ok(applied) = copy.config_set(&[(&name, &value)]) {
                prop_assert!(applied.changed.is_empty(), "{name}");
            }
        }
    }

    #[test]
    fn any_glob_ends(pattern in vec(any::<u8>(), 0..60)) {
        let _ = Config::default().config_get([pattern]);
    }
}
