//! What the two servers' replies to a random command may differ in.

use super::EXPIRY_TOLERANCE_MS;
use super::vocabulary::innermost;
use crate::diff::mask::Mask;

/// Why what is said of the server itself differs.
const OWN: &str = "the server's own times and figures";

/// What the replies to a command may differ in.
pub(super) fn mask_for(args: &[Vec<u8>], queued: bool) -> Mask {
    let time = || "time passes between the two servers".to_owned();
    let order = || "a table has no order".to_owned();
    let chance = || "the choice is random".to_owned();
    let command = innermost(args);
    // A script ends before a cursor could be followed.
    let queued = queued || command.len() < args.len();
    let args = command;
    let upper = |index: usize| args.get(index).map(|word| word.to_ascii_uppercase());
    let of_the_server =
        upper(1).and_then(|second| of_the_server(&args[0], &second, args.len() > 2));
    if let Some(mask) = of_the_server {
        return mask;
    }
    match args[0].to_ascii_uppercase().as_slice() {
        b"TTL" | b"EXPIRETIME" => Mask::Within(2, time()),
        b"PTTL" | b"PEXPIRETIME" => Mask::Within(EXPIRY_TOLERANCE_MS, time()),
        b"KEYS" | b"HKEYS" | b"HVALS" | b"SMEMBERS" | b"SINTER" | b"SUNION" | b"SDIFF" => {
            Mask::Unordered(order())
        }
        b"HGETALL" => Mask::UnorderedPairs(order()),
        b"RANDOMKEY" | b"HRANDFIELD" | b"SRANDMEMBER" | b"SPOP" | b"ZRANDMEMBER" => {
            Mask::Shape(chance())
        }
        b"OBJECT" => match upper(1).as_deref() {
            Some(b"ENCODING") => {
                let made = "how the string was made is not kept; 7.0 has no packed lists; its SORT \
                            unpacks sorted sets";
                let made = made.to_owned();
                let names = ["int", "embstr", "listpack", "quicklist", "skiplist"];
                let names = names.map(str::to_owned);
                Mask::Either(names.to_vec(), made)
            }
            // Redis's small integers are shared objects: their counts and times are everybody's.
            _ => Mask::Shape("counts and times of shared objects are the server's own".to_owned()),
        },
        b"HELLO" => Mask::Except(
            vec!["version".to_owned(), "id".to_owned()],
            "versions and connections are counted apart".to_owned(),
        ),
        b"TIME" => Mask::Shape(time()),
        b"LASTSAVE" => Mask::Shape(OWN.to_owned()),
        b"COMMAND" | b"INFO" if args.len() == 1 => Mask::Any(OWN.to_owned()),
        b"DUMP" => Mask::Shape("each server packs and compresses in its own way".to_owned()),
        // Keys that were set with a time in the past count until somebody looks at them.
        b"DBSIZE" => Mask::Within(12, "expired keys count until they are looked at".to_owned()),
        b"SCAN" | b"HSCAN" | b"SSCAN" | b"ZSCAN" if queued => {
            Mask::Any("one step of a scan finds any part".to_owned())
        }
        [b'Z', ..] | [b'B', b'Z', ..] => {
            Mask::Doubles("an older reference sends 17 digits".to_owned())
        }
        _ => Mask::Exact,
    }
}

/// The same for the subcommands that speak of the server itself, or of a part of it if more words follow.
fn of_the_server(command: &[u8], subcommand: &[u8], is_narrowed: bool) -> Option<Mask> {
    let own = || Mask::Any(OWN.to_owned());
    let figure = || Mask::Shape(OWN.to_owned());
    let sets = || "flags and categories are sets".to_owned();
    Some(match (command.to_ascii_uppercase().as_slice(), subcommand) {
        // Of all commands, or all categories.
        (b"ACL", b"CAT")
        | (b"COMMAND", b"DOCS" | b"INFO" | b"LIST")
        | (b"LATENCY", b"HISTOGRAM")
            if !is_narrowed =>
        {
            own()
        }
        (b"ACL", b"LOG")
        | (b"LATENCY", b"DOCTOR" | b"LATEST")
        | (b"SLOWLOG", b"GET")
        | (b"MEMORY", b"DOCTOR" | b"MALLOC-STATS" | b"STATS") => own(),
        (b"CLIENT", b"ID")
        | (b"COMMAND", b"COUNT")
        | (b"LATENCY", b"RESET")
        | (b"SLOWLOG", b"LEN")
        | (b"DEBUG", b"OBJECT" | b"DIGEST-VALUE") => figure(),
        (b"ACL", b"LIST") => Mask::Shape("7.2 has a flag more".to_owned()),
        (b"ACL", b"DRYRUN") => Mask::Shape("7.2 names the user".to_owned()),
        (b"ACL", b"GETUSER") => Mask::Except(
            ["flags", "commands"].map(str::to_owned).to_vec(),
            "7.2 has a flag more, and keeps rules that change nothing".to_owned(),
        ),
        (b"ACL", b"GENPASS") => Mask::Shape("the choice is random".to_owned()),
        (b"ACL", b"CAT") | (b"COMMAND", b"LIST") => Mask::Unordered(sets()),
        (b"CLIENT", b"INFO") => {
            let same = ["name", "db", "resp", "user", "sub", "psub", "multi"];
            Mask::Only(same.map(str::to_owned).to_vec(), "the process's own".to_owned())
        }
        (b"COMMAND", b"INFO" | b"GETKEYSANDFLAGS") => Mask::UnorderedDeep(Vec::new(), sets()),
        (b"COMMAND", b"DOCS") => Mask::Keys("the texts are our own".to_owned()),
        (b"CONFIG", b"REWRITE") => Mask::Code("with a file or without one".to_owned()),
        (b"MEMORY", b"USAGE") => Mask::Shape("how values are kept differs".to_owned()),
        _ => return None,
    })
}
