//! A directory that Redis's tests can be run in.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use guarda_farm::find_program;

use super::Suite;
use crate::build::write_program;
use crate::source;

/// What of the source package is unpacked: its tests. The server's source stays where it is.
const MEMBERS: [&str; 4] = ["*/tests/*.tcl", "*/tests/assets/*", "*/tests/tmp/*", "*.conf"];
/// Procedures of our own in the place of some of a suite's.
const ADAPTATIONS: &str = include_str!("adaptations.tcl");
/// What is changed in the files of every suite.
const CHANGES: [Change; 7] = [
    // Here all procedures of the suite are defined, and no test is under way.
    Change {
        file: "tests/test_helper.tcl",
        from: "\nif {$::client} {",
        to: "\nsource tests/support/guarda.tcl\nif {$::client} {",
    },
    // One thread for all connections, since many tests rely on commands of several being carried out in the order in
    // which they were sent.
    Change {
        file: "tests/assets/default.conf",
        from: "\npropagation-error-behavior panic",
        to: "\nio-threads 1",
    },
    // Outside of tests, where an error ends the file; inside, the exceptions say that there is no debugger.
    Change { file: "tests/unit/scripting.tcl", from: "\n    r script debug sync\n", to: "\n" },
    Change {
        file: "tests/unit/maxmemory.tcl",
        from: "\n            set used [s used_memory]\n            set limit [expr {$used+",
        to: "\n            warm_up\n            set used [s used_memory]\n            set limit [expr {$used+",
    },
    // The types that are there.
    Change {
        file: "tests/integration/corrupt-dump-fuzzer.tcl",
        from: "\nproc corrupt_payload {payload} {",
        to: concat!(
            "\nproc generate_types {} { generate_types_that_are_there }",
            "\nproc corrupt_payload {payload} {"
        ),
    },
    // There is no child to be killed: what makes a snapshot fail is a directory in its file's place.
    Change {
        file: "tests/integration/rdb.tcl",
        from: "
        r config set rdb-key-save-delay 10000000
        populate 1000
        r set x x
        r bgsave
        set pid1 [get_child_pid 0]
        catch {exec kill -9 $pid1}
",
        to: "
        populate 1000
        r set x x
        set rdb [file join [lindex [r config get dir] 1] [lindex [r config get dbfilename] 1]]
        file delete $rdb
        file mkdir $rdb
        r bgsave
",
    },
    Change {
        file: "tests/integration/rdb.tcl",
        from: "
        r config set rdb-key-save-delay 0
        r bgsave
        waitForBgsave r

        # server is writable again
",
        to: "
        file delete $rdb
        r bgsave
        waitForBgsave r

        # server is writable again
",
    },
];

/// Programs that the tests start, besides the server.
const TOOLS: [&str; 4] = ["cli", "benchmark", "check-aof", "check-rdb"];

/// A piece of text of the suite, and what takes its place.
pub(super) struct Change {
    pub(super) file: &'static str,
    pub(super) from: &'static str,
    pub(super) to: &'static str,
}

/// The first port of the first stage. The tests also look whether the ports 10,000 above are free.
const FIRST_PORT: usize = 21_600;
const LAST_PORT: usize = 31_000;
/// So many stages have ranges of their own.
pub(super) const STAGES_MAX: usize = 8;
/// Ports for the servers of one stage, and below them those of the program that runs the tests.
const PORTS: usize = 60;
const PORTS_BELOW: usize = 32;

/// A directory with the tests and the programs they start.
pub(super) struct Stage {
    pub(super) place: PathBuf,
    /// The first port for servers, and how many there are.
    pub(super) ports: (usize, usize),
}

impl Stage {
    /// Sets a stage up.
    pub(super) fn set(
        suite: &Suite,
        source: &Path,
        server: &Path,
        place: &Path,
        number: usize,
    ) -> Result<Self> {
        let Suite { changes, adaptations, prefix, .. } = suite;
        source::unpack(source, &MEMBERS, place)?;
        let own = place.join("tests/support/guarda.tcl");
        let procedures = [ADAPTATIONS, adaptations].concat();
        fs::write(&own, procedures).with_context(|| format!("{}", own.display()))?;
        for Change { file, from, to } in CHANGES.iter().chain(*changes) {
            let path = place.join(file);
            let text = fs::read_to_string(&path).context(*file)?;
            if !text.contains(from) {
                bail!("{file} has another shape than expected: `{from}` is not in it");
            }
            fs::write(&path, text.replace(from, to)).context(*file)?;
        }
        fs::create_dir_all(place.join("tests/tmp")).context("tests/tmp")?;
        fs::create_dir_all(place.join("src")).context("src")?;
        let link = place.join("src").join(format!("{prefix}server"));
        // The file itself: a build meanwhile puts another in its place.
        fs::hard_link(server, &link)
            .with_context(|| format!("cannot create {}", link.display()))?;
        for tool in TOOLS {
            let name = format!("redis-{tool}");
            let program = find_program(&[&name]).with_context(|| format!("{name} is missing"))?;
            // Not a link: what it does depends on the name it is called by.
            let line = format!("exec {} \"$@\"", program.display());
            write_program(&place.join("src").join(format!("{prefix}{tool}")), &line)?;
        }
        let first = first_port(number)?;
        Ok(Self { place: place.to_owned(), ports: (first, PORTS) })
    }
}

/// The first port of a range that nobody listens in with tests of his own, each stage with ranges of its own.
fn first_port(stage: usize) -> Result<usize> {
    let range = PORTS + PORTS_BELOW;
    let ranges = (FIRST_PORT + stage * range..LAST_PORT).step_by(range * STAGES_MAX);
    let is_free = |below: &usize| {
        let port = u16::try_from(*below).expect("the ports are below 65,536");
        TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
    };
    let below = ranges.into_iter().find(is_free).context("no range of ports is free")?;
    Ok(below + PORTS_BELOW)
}
