//! save_paths: whatever is written, it is understood or refused, and no secret is shown.

#![no_main]

use guarda_session::SavePath;
use guarda_session::save_path::mask;
use libfuzzer_sys::fuzz_target;

/// Stands for a password; long and odd enough not to be there by accident.
const SECRET: &str = "k7Qz9wXv";

fuzz_target!(|input: &[u8]| {
    drop(mask(input));
    if let Ok(path) = SavePath::parse(input) {
        assert!(!path.hosts().is_empty());
        for id in [&b""[..], b"a", b"abcd", input] {
            assert!(path.hosts().contains(path.host(id)), "the host is one of them");
        }
        let again = SavePath::parse(input).expect("as before");
        assert!(again == path);
    }
    // A password in any save_path that goes on as the input says.
    let with_secret = [b"tcp://h?auth=", SECRET.as_bytes(), input].concat();
    let shown = match SavePath::parse(&with_secret) {
        Ok(path) => format!("{path:?} {} {}", path.masked(), path.notices.join(" ")),
        Err(error) => format!("{error} {error:?} {}", mask(&with_secret)),
    };
    let repeated = input.windows(SECRET.len()).any(|window| window == SECRET.as_bytes());
    assert!(repeated || !shown.contains(SECRET), "{shown}");
});
