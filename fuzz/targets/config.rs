//! redis.conf, the options of the command line, and CONFIG SET.
//!
//! The first byte chooses: a file's text, or arguments separated by NULs.

#![no_main]

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::Path;

use guarda_config::{Arguments, Config, load, parse_text};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let [kind, rest @ ..] = input else { return };
    let loaded = if kind & 1 == 0 {
        parse_text(rest, Path::new("redis.conf")).and_then(Config::from_lines)
    } else {
        let words = rest.split(|byte| *byte == 0).map(|word| OsString::from_vec(word.to_vec()));
        let arguments = Arguments::parse(words);
        if arguments.file.is_some() {
            return; // The fuzzer must not read whatever file it names.
        }
        load(&arguments, std::io::empty())
    };
    match loaded {
        Ok(loaded) => accepted(&loaded.config, rest.len()),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});

/// Values looked at in one run: each costs two copies of the configuration.
const LOOKS: usize = 8;

/// What was accepted can be read back, and setting a value to itself changes nothing.
fn accepted(config: &Config, from: usize) {
    let values = config.config_get(["*"]);
    for (name, value) in values.iter().cycle().skip(from * LOOKS % values.len()).take(LOOKS) {
        let mut copy = config.clone();
        if let Ok(applied) = copy.config_set(&[(name, value)]) {
            assert!(applied.changed.is_empty(), "{name} is not what CONFIG GET says");
        }
    }
}
