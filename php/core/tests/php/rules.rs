//! rules.md names tests that exist.

use std::fs;
use std::path::Path;

#[test]
fn every_rule_names_tests_that_exist() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let mut code = String::new();
    for file in fs::read_dir(tests.join("php")).expect("lists") {
        code += &fs::read_to_string(file.expect("an entry").path()).expect("reads");
    }
    let rules = fs::read_to_string(tests.join("rules.md")).expect("reads");
    let mut named = 0;
    for row in rules.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| ---")) {
        let Some(cell) = row.trim_end_matches(" |").rsplit('|').next() else { continue };
        for test in cell.split('`').skip(1).step_by(2) {
            assert!(code.contains(&format!("fn {test}()")), "{test} is not there");
            named += 1;
        }
    }
    assert!(named > 60, "{named}");
}
