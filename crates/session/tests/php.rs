//! The save_path as PHP itself reads it: `parse_url`, `parse_str` and its casts, asked in one process.

#![allow(missing_docs, reason = "tests")]

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Command, Stdio};

use guarda_session::save_path::{Url, Value, float, integer, parse_query};
use guarda_testkit::prng::Prng;

/// One line in, one line out; everything in hexadecimal.
const ORACLE: &str = r#"
while (($line = fgets(STDIN)) !== false) {
    [$what, $text] = explode(' ', rtrim($line, "\n"));
    $text = hex2bin($text);
    if ($what === 'url') {
        $url = parse_url($text);
        $out = $url === false ? 'none' : '';
        foreach (['scheme', 'user', 'pass', 'host', 'port', 'path', 'query', 'fragment'] as $name) {
            if (isset($url[$name])) $out .= $name . '=' . bin2hex((string) $url[$name]) . ' ';
        }
    } elseif ($what === 'query') {
        $found = [];
        parse_str($text, $found);
        $out = '';
        foreach ($found as $name => $value) {
            $out .= bin2hex((string) $name) . '=';
            if (is_array($value)) {
                foreach ($value as $key => $inner) {
                    $out .= '[' . bin2hex((string) $key) . ':' . (is_array($inner) ? '*' : bin2hex($inner)) . ']';
                }
            } else {
                $out .= bin2hex($value);
            }
            $out .= ' ';
        }
    } else {
        $out = (int) $text . ' ' . bin2hex(pack('E', (float) $text));
    }
    echo $out, "\n";
}
"#;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut out, byte| {
        write!(out, "{byte:02x}").expect("a String takes anything");
        out
    })
}

fn php(questions: &[(&str, Vec<u8>)]) -> Vec<String> {
    let mut child = Command::new("php")
        .args(["-n", "-d", "error_reporting=0", "-r", ORACLE])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("php is installed: `cargo xtask test` installs it");
    let mut input = child.stdin.take().expect("piped");
    let lines: String =
        questions.iter().map(|(what, text)| format!("{what} {}\n", hex(text))).collect();
    let writer = std::thread::spawn(move || input.write_all(lines.as_bytes()));
    let output = child.wait_with_output().expect("php ends");
    writer.join().expect("no panic").expect("php reads everything");
    assert!(output.status.success());
    String::from_utf8(output.stdout).expect("hexadecimal").lines().map(str::to_owned).collect()
}

fn ours(what: &str, text: &[u8]) -> String {
    let mut out = String::new();
    match what {
        "url" => {
            let Some(url) = Url::parse(text) else { return "none".to_owned() };
            let port = url.port.map(|port| port.to_string().into_bytes());
            for (name, part) in [
                ("scheme", url.scheme),
                ("user", url.user),
                ("pass", url.password),
                ("host", url.host),
                ("port", port),
                ("path", url.path),
                ("query", url.query),
                ("fragment", url.fragment),
            ] {
                if let Some(part) = part {
                    write!(out, "{name}={} ", hex(&part)).expect("a String takes anything");
                }
            }
        }
        "query" => {
            for parameter in parse_query(text) {
                out.extend([&*hex(&parameter.name), "="]);
                match parameter.value {
                    Value::Text(text) => out += &hex(&text),
                    Value::Array(elements) => {
                        for (key, value) in elements {
                            let value = value.map_or_else(|| "*".to_owned(), |value| hex(&value));
                            out.extend(["[", &*hex(&key), ":", &*value, "]"]);
                        }
                    }
                }
                out.push(' ');
            }
        }
        _ => out = format!("{} {}", integer(text), hex(&float(text).to_be_bytes())),
    }
    out
}

fn compare(questions: &[(&str, Vec<u8>)]) {
    let answers = php(questions);
    assert_eq!(answers.len(), questions.len());
    let mut report = String::new();
    let mut differences = 0;
    for ((what, text), answer) in questions.iter().zip(&answers) {
        let own = ours(what, text);
        if own != *answer {
            differences += 1;
            if differences <= 20 {
                let shown = String::from_utf8_lossy(text);
                writeln!(report, "{what} {shown:?}\n  PHP  {answer}\n  ours {own}")
                    .expect("a String takes anything");
            }
        }
    }
    assert_eq!(differences, 0, "of {}:\n{report}", questions.len());
}

/// Rows of parts, so that most of what comes out nearly makes sense.
fn generated(parts: &[&str], len_max: usize, count: usize, seed: u64) -> Vec<Vec<u8>> {
    let mut random = Prng::new(seed);
    let mut text = || {
        let len = random.below(len_max) + 1;
        (0..len).map(|_| random.pick(parts)).collect::<String>().into_bytes()
    };
    (0..count).map(|_| text()).collect()
}

#[test]
fn urls_are_taken_apart_as_parse_url_does() {
    let fixed = [
        "tcp://h:6379?auth=x",
        "h:6379",
        "h",
        "h:6379?auth=x",
        "tcp://[::1]:6379",
        "tcp://[::1]",
        "tcp://h:7x",
        "tcp://h:-1",
        "tcp://h:+7",
        "tcp://h:65536",
        "tcp://h:0",
        "tcp://h:",
        "tcp://u:p@h/3",
        "tcp://u@h",
        "tcp://@h",
        "tcp://u:p:q@h@i:1",
        "file:///a/b?c#d",
        "/a:0",
        "/a:1",
        "/a?b:c",
        "//h:1",
        "//h",
        "://h",
        ":",
        ":1",
        "a:",
        "a:b",
        "a:/b",
        "a:1/b",
        "#",
        "?",
        "?a",
        "#a",
        "",
        "tcp://h#f?q",
        "tcp://h?q#f",
        "file:///c:/x",
        "FILE:///x",
        "unix:/a",
        "tcp://",
        "tcp:///",
        "tcp://?a",
        "h:123456",
        "h:65535",
        "h:65536",
        "h:1?x",
        "h:/1",
        "\u{1}:1",
    ];
    let parts = [
        "tcp",
        "unix",
        "file",
        "tls",
        "h",
        "a.b",
        "1",
        "6379",
        "65535",
        "99999",
        "://",
        "//",
        ":",
        "/",
        "?",
        "#",
        "@",
        "[",
        "]",
        "[::1]",
        "::",
        "-",
        "+",
        "auth=x",
        "%41",
        "\u{7f}",
        "\u{1}",
        "=",
        "é",
        "_",
        "tcp://h",
        "tcp://h:1",
        "?a=b",
        "u:p@",
    ];
    let texts = fixed.iter().map(|text| text.as_bytes().to_vec());
    let questions: Vec<_> =
        texts.chain(generated(&parts, 9, 30_000, 1)).map(|text| ("url", text)).collect();
    compare(&questions);
}

#[test]
fn parameters_are_read_as_parse_str_reads_them() {
    let parts = [
        "auth", "a", "b", "=", "=", "=", "&", "&", "&", "[", "]", "[]", "[user]", "[pass]", "[0]",
        "[1]", "[01]", "[-1]", "[%09]", "[%0b]", "[++]", "[%09", "[ x]", "[x", "+", "%20", "%5B",
        "%5D", "%26", "%3d", "%00", "%", "%4", "%zz", ".", " ", "prefix", "#", ";", "?", "7", "é",
        "%C3", "[a][b]",
    ];
    let questions: Vec<_> =
        generated(&parts, 14, 30_000, 2).into_iter().map(|text| ("query", text)).collect();
    compare(&questions);
}

#[test]
fn numbers_are_what_php_casts_them_to() {
    let parts = [
        "0",
        "1",
        "9",
        "12",
        "-",
        "+",
        ".",
        "e",
        "E",
        " ",
        "x",
        "\t",
        "0x1",
        "1e3",
        "99999999999",
        "_",
        "inf",
        "nan",
        "e400",
        "\u{0b}",
    ];
    let questions: Vec<_> =
        generated(&parts, 6, 20_000, 3).into_iter().map(|text| ("number", text)).collect();
    compare(&questions);
}
