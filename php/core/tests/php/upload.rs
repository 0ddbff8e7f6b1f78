//! Upload progress: PHP opens and closes the session for each tick, before the script runs.

use std::io::Write as _;

use super::*;

const BOUNDARY: &str = "xYzZY";

/// Posts a file to a script through php-cgi, which ticks at each step.
fn post(at: &Fixture, script: &str, ini: &[(&str, &str)]) -> String {
    let path = at.server.dir().join("upload.php");
    fs::write(&path, format!("<?php {script}")).expect("writes");
    let mut body = format!(
        "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"PHP_SESSION_UPLOAD_PROGRESS\"\r\n\r\nup\r\n\
         --{BOUNDARY}\r\nContent-Disposition: form-data; name=\"f\"; filename=\"f.bin\"\r\n\
         Content-Type: application/octet-stream\r\n\r\n"
    )
    .into_bytes();
    body.resize(body.len() + 200_000, b'x');
    body.extend_from_slice(format!("\r\n--{BOUNDARY}--\r\n").as_bytes());
    let mut php = Php::bare("php-cgi", &at.path("timeout=2"))
        .ini("extension", &extension().display().to_string())
        .handler("guarda")
        .ini("session.use_cookies", "1")
        .ini("session.upload_progress.enabled", "1")
        .ini("session.upload_progress.freq", "1%")
        .ini("session.upload_progress.min_freq", "0")
        .ini("cgi.force_redirect", "0")
        .ini("upload_tmp_dir", &at.server.dir().display().to_string());
    for (name, value) in ini {
        php = php.ini(name, value);
    }
    php.command
        .env("REQUEST_METHOD", "POST")
        .env("SCRIPT_FILENAME", &path)
        .env("REQUEST_URI", "/upload.php?secret=1")
        .env("HTTP_COOKIE", format!("PHPSESSID={ID}"))
        .env("CONTENT_TYPE", format!("multipart/form-data; boundary={BOUNDARY}"))
        .env("CONTENT_LENGTH", body.len().to_string())
        .stdin(Stdio::piped());
    let mut child = php.command.spawn().expect("php-cgi runs");
    child.stdin.take().expect("piped").write_all(&body).expect("takes the body");
    finish(child)
}

const SHOW: &str = "session_start(); echo 'files=', count($_FILES), ' '; \
    $p = $_SESSION['upload_progress_up'] ?? null; echo $p ? ($p['done'] ? 'done' : 'going') : 'none';";

#[test]
fn an_upload_tells_its_progress() {
    on_every_server(|at| {
        let said = post(at, SHOW, &[("session.upload_progress.cleanup", "0")]);
        assert!(said.ends_with("files=1 done"), "{said}");
        assert!(!at.has(&format!("{KEY}_LOCK")));
        // Cleaned up when all is read.
        at.raw("FLUSHALL");
        let said = post(at, SHOW, &[]);
        assert!(said.ends_with("files=1 none"), "{said}");
    });
}

#[test]
fn ticks_that_find_the_session_locked_are_silent_and_short() {
    on_every_server(|at| {
        at.set(KEY, b"n|i:1;");
        at.raw(&format!("SET {KEY}_LOCK host|1 EX 100"));
        let script = "echo 'after ', microtime(true) - $_SERVER['REQUEST_TIME_FLOAT'] < 5 ? 'soon' : 'long';";
        let few = [("session.upload_progress.freq", "50%"), ("display_startup_errors", "1")];
        let said = post(at, script, &few);
        assert!(said.ends_with("after soon") && !said.contains("Warning"), "{said}");
        assert_eq!(
            at.get(KEY).as_deref(),
            Some(&b"n|i:1;"[..]),
            "nothing is written without the lock"
        );
    });
}

#[test]
fn ticks_that_find_no_server_are_silent() {
    let port = {
        let free = std::net::TcpListener::bind("127.0.0.1:0").expect("binds");
        free.local_addr().expect("bound").port()
    };
    on_redis(|at| {
        let path = format!("\"tcp://127.0.0.1:{port}\"");
        let said = post(at, "echo 'after';", &[("session.save_path", &path)]);
        assert!(said.ends_with("after") && !said.contains("Warning"), "{said}");
    });
}

#[test]
fn ticks_that_cannot_store_are_silent() {
    on_redis(|at| {
        let port = guarda_testkit::forgetful(at.server.port(), "upload_progress_up");
        let path = format!("\"tcp://127.0.0.1:{port}\"");
        let shown = [("session.save_path", path.as_str()), ("display_startup_errors", "1")];
        let said = post(at, "echo 'after';", &shown);
        assert!(said.ends_with("after") && !said.contains("Warning"), "{said}");
    });
}
