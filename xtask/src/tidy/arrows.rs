//! Dependencies between the workspace's crates point one way.

use super::Finding;

/// Who may depend on whom: the crates of docs/ARCHITECTURE.md, lowest first. A dependency of a crate's own
/// tests is free, since nothing can be built on a test.
const ARROWS: &[(&str, &[&str])] = &[
    ("guarda-resp", &[]),
    ("guarda-store", &[]),
    ("guarda-lzf", &[]),
    ("guarda-rdb", &["guarda-lzf"]),
    ("guarda-session", &["guarda-lzf"]),
    ("guarda-config", &[]),
    ("guarda-commands", &["guarda-store", "guarda-resp", "guarda-session", "guarda-rdb"]),
    ("guarda-script", &["guarda-commands", "guarda-store", "guarda-resp"]),
    ("guarda-journal", &["guarda-store", "guarda-resp", "guarda-rdb"]),
    ("guarda-replication", &["guarda-journal", "guarda-store", "guarda-resp"]),
    (
        "guarda-server",
        &[
            "guarda-replication",
            "guarda-journal",
            "guarda-script",
            "guarda-commands",
            "guarda-config",
            "guarda-session",
            "guarda-store",
            "guarda-resp",
        ],
    ),
    ("guarda-client", &["guarda-session", "guarda-resp"]),
    ("guarda", &["guarda-server", "guarda-config", "guarda-client", "guarda-session"]),
    ("guarda-php-build", &[]),
    ("guarda-php", &["guarda-client", "guarda-session"]),
    ("guarda-testkit", &["guarda-resp"]),
    ("guarda-farm", &[]),
    ("guarda-bench", &[]),
    (
        "guarda-fuzz",
        &[
            "guarda-script",
            "guarda-commands",
            "guarda-journal",
            "guarda-config",
            "guarda-session",
            "guarda-store",
            "guarda-rdb",
            "guarda-resp",
        ],
    ),
    (
        "xtask",
        &[
            "guarda-testkit",
            "guarda-farm",
            "guarda-bench",
            "guarda-commands",
            "guarda-config",
            "guarda-php-build",
        ],
    ),
];

/// Checks one manifest. The workspace's own, which has no package, passes.
pub(super) fn check(path: &str, manifest: &str) -> Vec<Finding> {
    let Some(name) = package_name(manifest) else { return Vec::new() };
    let Some((_, allowed)) = ARROWS.iter().find(|(known, _)| *known == name) else {
        let message =
            format!("`{name}` has no place yet among the arrows of xtask/src/tidy/arrows.rs");
        return vec![Finding::new(path, 0, message)];
    };
    dependencies(manifest)
        .filter(|(_, to)| ARROWS.iter().any(|(known, _)| known == to) && !allowed.contains(to))
        .map(|(line, to)| Finding::new(path, line, format!("`{name}` must not depend on `{to}`")))
        .collect()
}

fn package_name(manifest: &str) -> Option<&str> {
    let in_package = entries(manifest).filter(|entry| entry.section == "package");
    let mut names = in_package.filter(|entry| entry.key == "name");
    Some(names.next()?.value.trim_matches('"'))
}

/// The crates that the manifest's crate itself is built with, by line number.
fn dependencies(manifest: &str) -> impl Iterator<Item = (usize, &str)> {
    entries(manifest).filter_map(|entry| {
        let last = entry.section.rsplit('.').next().unwrap_or_default();
        if matches!(last, "dependencies" | "build-dependencies") {
            return Some((entry.line, crate_name(&entry)));
        }
        // [dependencies.name] with the crate's options below it.
        let (table, name) = entry.section.rsplit_once('.')?;
        let table = table.rsplit('.').next().unwrap_or_default();
        (entry.key.is_empty() && matches!(table, "dependencies" | "build-dependencies"))
            .then_some((entry.line, name))
    })
}

/// `a.workspace = true` and `a = "1"` are the crate `a`; `b = { package = "a" }` is too.
fn crate_name<'a>(entry: &Entry<'a>) -> &'a str {
    let renamed = entry.value.split_once("package").and_then(|(_, rest)| rest.split('"').nth(1));
    renamed.unwrap_or_else(|| entry.key.split('.').next().unwrap_or_default().trim())
}

/// A line of a manifest: a section's header (with an empty key), or `key = value` in a section.
struct Entry<'a> {
    line: usize,
    section: &'a str,
    key: &'a str,
    value: &'a str,
}

fn entries(manifest: &str) -> impl Iterator<Item = Entry<'_>> {
    let mut section = "";
    manifest.lines().zip(1..).filter_map(move |(text, line)| {
        let text = text.trim();
        if let Some(header) = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')) {
            section = header.trim();
            return Some(Entry { line, section, key: "", value: "" });
        }
        let (key, value) = text.split_once('=')?;
        let commented = text.starts_with('#');
        (!commented).then_some(Entry { line, section, key: key.trim(), value: value.trim() })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The messages about a crate `name` whose manifest goes on with `rest`.
    fn complaints(name: &str, rest: &str) -> Vec<String> {
        let manifest = format!("[package]\nname = \"{name}\"\n\n{rest}");
        check("Cargo.toml", &manifest).iter().map(Finding::to_string).collect()
    }

    #[test]
    fn a_downward_arrow_passes_and_an_upward_one_does_not() {
        let down = "[dependencies]\nguarda-store.workspace = true\nthiserror.workspace = true\n";
        assert!(complaints("guarda-commands", down).is_empty());
        let up = "[dependencies]\nguarda-commands.workspace = true\n";
        assert_eq!(
            complaints("guarda-store", up),
            ["Cargo.toml:5: `guarda-store` must not depend on `guarda-commands`"]
        );
    }

    #[test]
    fn every_way_to_write_a_dependency_is_seen() {
        for rest in [
            "[dependencies]\nguarda-server = { path = \"../server\" }\n",
            "[dependencies]\nother = { package = \"guarda-server\", path = \"../server\" }\n",
            "[dependencies.guarda-server]\npath = \"../server\"\n",
            "[build-dependencies]\nguarda-server.workspace = true\n",
            "[target.'cfg(unix)'.dependencies]\nguarda-server.workspace = true\n",
        ] {
            assert_eq!(complaints("guarda-store", rest).len(), 1, "{rest}");
        }
        let commented = "[dependencies]\n# guarda-server.workspace = true\n";
        assert!(complaints("guarda-store", commented).is_empty());
    }

    #[test]
    fn tools_are_for_tests_and_xtask() {
        for tool in ["guarda-testkit", "guarda-farm", "guarda-bench"] {
            let test = format!("[dev-dependencies]\n{tool}.workspace = true\n");
            assert!(complaints("guarda", &test).is_empty(), "{tool}");
            let built_in = format!("[dependencies]\n{tool}.workspace = true\n");
            assert_eq!(complaints("guarda", &built_in).len(), 1, "{tool}");
            assert!(complaints("xtask", &built_in).is_empty(), "{tool}");
        }
    }

    #[test]
    fn a_new_crate_must_be_given_its_place() {
        assert_eq!(complaints("guarda-new", "").len(), 1);
        assert!(check("Cargo.toml", "[workspace]\nmembers = []\n").is_empty());
    }

    #[test]
    fn the_map_itself_has_no_cycle() {
        for (place, (name, allowed)) in ARROWS.iter().enumerate() {
            for to in *allowed {
                let below = ARROWS[..place].iter().any(|(known, _)| known == to);
                assert!(
                    below,
                    "`{name}` may use `{to}`, which does not stand above it in the list"
                );
            }
        }
    }
}
