//! By which way the commands of a run reach the servers.

use super::Protocol;
use super::mask::{Mask, Outcome};

/// Calls what it is given, and answers what came of it, an error too.
const SCRIPT: &str = "return redis.pcall(unpack(ARGV))";
/// The same where maps, doubles and the like are to arrive as such.
const SCRIPT_IN_RESP3: &str = "redis.setresp(3) return redis.pcall(unpack(ARGV))";

/// These are called as they stand whatever the manner: they are about connections, transactions and scripts, or
/// wait for others, which before 7.2 no script may.
const DIRECT: &[&str] = &[
    "ACL",
    "AUTH",
    "BLMOVE",
    "BLMPOP",
    "BLPOP",
    "BRPOP",
    "BRPOPLPUSH",
    "BZMPOP",
    "BZPOPMAX",
    "BZPOPMIN",
    "CLIENT",
    "COMMAND",
    "CONFIG",
    "DEBUG",
    "DISCARD",
    "EVAL",
    "EVALSHA",
    "EVALSHA_RO",
    "EVAL_RO",
    "EXEC",
    "HELLO",
    "INFO",
    "MONITOR",
    "MULTI",
    "PSUBSCRIBE",
    "QUIT",
    "RESET",
    "SCRIPT",
    "SELECT",
    "SSUBSCRIBE",
    "SUBSCRIBE",
    "UNWATCH",
    "WAIT",
    "WAITAOF",
    "WATCH",
];

/// These take one argument more since 7.2, which a script is refused in other words than a client.
const LONGER_SINCE_7_2: [&str; 2] = ["ZRANK", "ZREVRANK"];

/// How the plain commands of a case are called.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Manner {
    /// As they stand.
    #[default]
    Direct,
    /// Each by a script that answers what the command answers.
    Script,
    /// Each in a transaction of its own, whose only element is compared.
    Transaction,
}

impl Manner {
    /// The commands to send for one.
    pub(super) fn wrap(self, args: Vec<Vec<u8>>, protocol: Protocol) -> Vec<Vec<Vec<u8>>> {
        match self.of(&args) {
            Manner::Direct => vec![args],
            Manner::Script => {
                let script = match protocol {
                    Protocol::Resp2 => SCRIPT,
                    Protocol::Resp3 => SCRIPT_IN_RESP3,
                };
                let call = ["EVAL", script, "0"].map(|word| word.as_bytes().to_vec());
                vec![call.into_iter().chain(args).collect()]
            }
            Manner::Transaction => vec![vec![b"MULTI".to_vec()], args, vec![b"EXEC".to_vec()]],
        }
    }

    /// How this command is called.
    pub(super) fn of(self, args: &[Vec<u8>]) -> Manner {
        let Some(name) = args.first() else { return Manner::Direct };
        let is_among =
            |all: &[&str]| all.iter().any(|word| name.eq_ignore_ascii_case(word.as_bytes()));
        let is_direct = is_among(DIRECT) || (args.len() > 3 && is_among(&LONGER_SINCE_7_2));
        if is_direct { Manner::Direct } else { self }
    }

    /// What may differ besides what `mask` lets: a script hands on maps and sets in any order.
    pub(super) fn mask(self, mask: &Mask, reply: &Outcome) -> Mask {
        match (self, mask, reply) {
            (Manner::Script, Mask::Exact, Outcome::Reply(bytes))
                if bytes.starts_with(b"%") || bytes.starts_with(b"~") =>
            {
                Mask::UnorderedDeep(Vec::new(), "a table of Lua has no order".to_owned())
            }
            _ => mask.clone(),
        }
    }

    /// How many replies the commands have that call one.
    pub(super) fn replies(self) -> usize {
        if self == Manner::Transaction { 3 } else { 1 }
    }

    /// What the command answered, of what [`Manner::wrap`]'s commands answered.
    pub(super) fn unwrap(self, mut outcomes: Vec<Outcome>) -> Vec<Outcome> {
        if let (Manner::Transaction, [_, queued, done]) = (self, &mut outcomes[..]) {
            // What is not queued says why, and EXEC only that there was something.
            let Outcome::Reply(bytes) = done else { return outcomes };
            let of_one = bytes.strip_prefix(b"*1\r\n").map(<[u8]>::to_vec);
            let answer = match of_one {
                Some(element) => Outcome::Reply(element),
                None => queued.clone(),
            };
            return vec![answer];
        }
        outcomes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<Vec<u8>> {
        line.split(' ').map(|word| word.as_bytes().to_vec()).collect()
    }

    fn replies(all: &[&str]) -> Vec<Outcome> {
        all.iter().map(|bytes| Outcome::Reply(bytes.as_bytes().to_vec())).collect()
    }

    #[test]
    fn a_command_is_wrapped_unless_it_is_about_transactions_or_scripts() {
        let [script] = &Manner::Script.wrap(words("GET k"), Protocol::Resp2)[..] else {
            panic!("one command")
        };
        assert_eq!(script[1], SCRIPT.as_bytes());
        assert_eq!(script[3..], words("GET k"));
        let all = Manner::Transaction.wrap(words("GET k"), Protocol::Resp3);
        assert_eq!(all, [words("MULTI"), words("GET k"), words("EXEC")]);
        for manner in [Manner::Direct, Manner::Script, Manner::Transaction] {
            assert_eq!(manner.wrap(words("multi"), Protocol::Resp2), [words("multi")]);
        }
    }

    #[test]
    fn of_a_transaction_the_only_element_counts_or_why_there_is_none() {
        let unwrapped =
            Manner::Transaction.unwrap(replies(&["+OK\r\n", "+QUEUED\r\n", "*1\r\n:7\r\n"]));
        assert_eq!(unwrapped, replies(&[":7\r\n"]));
        let refused = ["+OK\r\n", "-ERR unknown\r\n", "-EXECABORT because\r\n"];
        assert_eq!(Manner::Transaction.unwrap(replies(&refused)), replies(&["-ERR unknown\r\n"]));
        assert_eq!(Manner::Script.unwrap(replies(&[":7\r\n"])), replies(&[":7\r\n"]));
    }
}
