//! php-src's session tests for another handler than `files`.
//!
//! They take `files` for granted in six ways, and each has a rule here: a check that `save_path` is a
//! directory; settings and calls that choose `files` or an empty or local `save_path`; and expectations that
//! name the handler, the path, or the words of `files` for an id that is none. What a test is *about* stays.

use std::path::Path;

/// The handler that the tests are rewritten for. Both parts are ASCII.
#[derive(Clone, Copy, Debug)]
pub(super) struct Handler<'a> {
    pub(super) name: &'a str,
    pub(super) save_path: &'a str,
}

/// What `files` says of an id that is none; other handlers have words of their own.
const BAD_ID: &str = "Session ID is too long or contains illegal characters. Only the A-Z, a-z, \
                      0-9, \"-\", and \",\" characters are allowed";

/// One file of the test directory, rewritten.
pub(super) fn rewrite(name: &str, bytes: &[u8], handler: &Handler<'_>) -> Vec<u8> {
    if name == "skipif.inc" {
        return Vec::new();
    }
    if Path::new(name).extension() != Some("phpt".as_ref()) {
        return bytes.to_vec();
    }
    // Every byte is one character, so that a test that is not UTF-8 comes through whole.
    let text: String = bytes.iter().map(|byte| char::from(*byte)).collect();
    let test = Test { keeps_files: keeps_files(&text), handler };
    let mut sections = sections(&text);
    for (head, body) in &mut sections {
        // The path can be anything only in a pattern, and an exact text without % is one, too.
        if head_name(head) == "EXPECT" && !body.contains('%') {
            "--EXPECTF--\n".clone_into(head);
        }
        *body = test.section(head_name(head), body);
    }
    if test.keeps_files && !text.contains("\nsession.save_path=") {
        add_setting(&mut sections, "session.save_path=\n");
    }
    let text: String = sections.into_iter().flat_map(|(head, body)| [head, body]).collect();
    text.chars().map(|c| u8::try_from(u32::from(c)).expect("every character was a byte")).collect()
}

/// The text as (`--HEAD--` line, body) pairs.
fn sections(text: &str) -> Vec<(String, String)> {
    let mut sections: Vec<(String, String)> = Vec::new();
    for line in text.split_inclusive('\n') {
        match sections.last_mut() {
            Some((_, body)) if !is_head(line) => body.push_str(line),
            _ => sections.push((line.to_owned(), String::new())),
        }
    }
    sections
}

fn is_head(line: &str) -> bool {
    let name = head_name(line);
    line.starts_with("--")
        && !name.is_empty()
        && name.chars().all(|c| c.is_ascii_uppercase() || c == '_')
}

fn head_name(line: &str) -> &str {
    let line = line.trim_end();
    line.strip_prefix("--").and_then(|rest| rest.strip_suffix("--")).unwrap_or_default()
}

fn add_setting(sections: &mut Vec<(String, String)>, line: &str) {
    match sections.iter_mut().find(|(head, _)| head_name(head) == "INI") {
        Some((_, body)) => body.insert_str(0, line),
        None => sections.insert(1, ("--INI--\n".to_owned(), line.to_owned())),
    }
}

/// Whether the test has a handler of its own in PHP, which keeps its sessions as files below `save_path`, or
/// sets the handler `user`, which PHP refuses, going on with `files`.
fn keeps_files(text: &str) -> bool {
    let has = |sign: &str| text.contains(sign);
    let handler_in_php = (has("save_handler.inc") || has("save_handler_closures.inc"))
        && has("session_set_save_handler(")
        && !has("Session save handler cannot be changed");
    handler_in_php || has("file_put_contents(") || has("session.save_handler=user")
}

struct Test<'a> {
    keeps_files: bool,
    handler: &'a Handler<'a>,
}

impl Test<'_> {
    fn section(&self, name: &str, body: &str) -> String {
        match name {
            "INI" => body.split_inclusive('\n').map(|line| self.setting(line)).collect(),
            "FILE" => self.code(body),
            "EXPECT" => self.names(body),
            "EXPECTF" => self.pattern(body),
            _ => body.to_owned(),
        }
    }

    fn setting(&self, line: &str) -> String {
        let Some((name, value)) = line.split_once('=') else { return line.to_owned() };
        let (name, value) = (name.trim(), value.trim().trim_matches('"'));
        match (name, value) {
            ("session.save_handler", "files") => format!("{name}={}\n", self.handler.name),
            ("session.save_path", "") if !self.keeps_files => {
                format!("{name}=\"{}\"\n", self.handler.save_path)
            }
            // No lifetime for a store that lets sessions expire by itself: ours and phpredis 6 say so.
            ("session.gc_maxlifetime", "0") if !self.keeps_files => format!("{name}=1440\n"),
            _ => line.to_owned(),
        }
    }

    fn code(&self, body: &str) -> String {
        let Handler { name, save_path } = self.handler;
        let mut code = body
            .replace("session_module_name(\"files\")", &format!("session_module_name(\"{name}\")"))
            .replace(
                "\"session.save_handler\", \"files\"",
                &format!("\"session.save_handler\", \"{name}\""),
            )
            .replace(
                "\"session.save_path\", \"\"",
                &format!("\"session.save_path\", \"{save_path}\""),
            );
        if !self.keeps_files {
            for local in ["$path", "$directory"] {
                let call = format!("session_save_path({local})");
                code = code.replace(&call, &format!("session_save_path(\"{save_path}\")"));
            }
        }
        code
    }

    /// The handler's name where `session_module_name()` and the like print it.
    fn names(&self, body: &str) -> String {
        let name = self.handler.name;
        body.replace("string(5) \"files\"", &format!("string({}) \"{name}\"", name.len()))
    }

    /// In a pattern, also the path and the handler's own words can be anything.
    fn pattern(&self, body: &str) -> String {
        let name = self.handler.name;
        self.names(body)
            .replace("string(0) \"\"", "string(%d) \"%S\"")
            .replace("\"%stests\"", "\"%s\"")
            .replace("session.save_path: , ", "session.save_path: %S, ")
            .replace("open('', ", "open('%S', ")
            .replace("files (path: )", &format!("{name} (path: %S)"))
            .replace("session data (files)", &format!("session data ({name})"))
            .replace("session.save_path is correct ()", "session.save_path is correct (%S)")
            .replace(BAD_ID, "%s")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HANDLER: Handler<'_> = Handler { name: "guarda", save_path: "tcp://h?database=1" };

    fn rewritten(text: &str) -> String {
        String::from_utf8(rewrite("a.phpt", text.as_bytes(), &HANDLER)).unwrap()
    }

    #[test]
    fn settings_that_choose_files_choose_the_handler() {
        for (setting, expected) in [
            ("session.save_handler=files", "session.save_handler=guarda"),
            ("session.save_handler = \"files\"", "session.save_handler=guarda"),
            ("session.save_handler=whatever", "session.save_handler=whatever"),
            ("session.save_path=", "session.save_path=\"tcp://h?database=1\""),
            ("session.save_path=\"/x\"", "session.save_path=\"/x\""),
            ("session.gc_maxlifetime=0", "session.gc_maxlifetime=1440"),
            ("session.name=files", "session.name=files"),
        ] {
            let test = |line: &str| format!("--TEST--\nt\n--INI--\n{line}\n--FILE--\n<?php\n");
            assert_eq!(rewritten(&test(setting)), test(expected));
        }
    }

    #[test]
    fn a_handler_in_php_keeps_its_files() {
        let test = "--TEST--\nt\n--FILE--\nfile_put_contents($path);\n";
        let expected =
            "--TEST--\nt\n--INI--\nsession.save_path=\n--FILE--\nfile_put_contents($path);\n";
        assert_eq!(rewritten(test), expected);
        let test = expected.replace("save_path=", "save_path=\nsession.save_handler=files");
        assert_eq!(rewritten(&test), test.replace("=files", "=guarda"));
    }

    #[test]
    fn expectations_name_the_handler_and_any_path() {
        let test = "--TEST--\nt\n--EXPECTF--\nstring(5) \"files\"\nstring(0) \"\"\nfiles (path: ) in\nsession data (files). session.save_path is correct () in\n";
        let expected = "--TEST--\nt\n--EXPECTF--\nstring(6) \"guarda\"\nstring(%d) \"%S\"\nguarda (path: %S) in\nsession data (guarda). session.save_path is correct (%S) in\n";
        assert_eq!(rewritten(test), expected);
        assert_eq!(rewritten(&test.replace("EXPECTF", "EXPECT")), expected);
        let exact = "--TEST--\nt\n--EXPECT--\nstring(0) \"\"\n100%\n";
        assert_eq!(rewritten(exact), exact);
    }

    #[test]
    fn bytes_that_are_no_text_come_through() {
        let test = b"--TEST--\nt\n--FILE--\n\xff\r\n--EXPECT--\n-- no head --\n%\xc3";
        assert_eq!(rewrite("a.phpt", test, &HANDLER), test);
        assert_eq!(rewrite("skipif.inc", b"<?php", &HANDLER), b"");
        assert_eq!(rewrite("save_handler.inc", b"files", &HANDLER), b"files");
    }
}
