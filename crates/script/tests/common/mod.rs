//! A server without sockets around a real engine, keyspace, gates and journal.

#![allow(dead_code, reason = "each of the tests uses a part of it")]

use std::sync::Arc;
use std::time::Duration;

use guarda_commands::testing::{FakeHost, LoggedCommand, START};
use guarda_commands::{
    Admission, AuthState, Client, ClientCard, Scripting, Worker, admit, execute,
};
use guarda_resp::ReplyWriter;
use guarda_script::{LuaEngine, ScriptLimits};

/// One client of the host.
pub(crate) struct Bench {
    pub(crate) host: Arc<FakeHost>,
    pub(crate) client: Client,
    worker: Worker,
}

impl Bench {
    pub(crate) fn new(limits: ScriptLimits) -> Bench {
        let engine: Arc<dyn Scripting + Send + Sync> = Arc::new(LuaEngine::new(limits));
        Bench::of(&Arc::new(FakeHost::new(16, engine)))
    }

    /// Another client of the same host.
    pub(crate) fn of(host: &Arc<FakeHost>) -> Bench {
        let card = ClientCard::new(1, "127.0.0.1:1".into(), "127.0.0.1:2".into(), 9, START);
        let client = Client::new(Arc::new(card), AuthState::Granted);
        Bench { host: Arc::clone(host), client, worker: Worker::default() }
    }

    /// Runs a command and returns its reply.
    pub(crate) fn call(&mut self, args: &[&[u8]]) -> Vec<u8> {
        let mut out = Vec::new();
        let host = &*self.host;
        match admit(args, &mut self.client, host) {
            Admission::Run(call) => {
                let patience = Duration::from_mins(1);
                execute(&call, &mut self.client, host, &mut self.worker, START, patience, &mut out)
                    .expect("nobody holds a lock for so long");
            }
            Admission::Queued(_) => {
                ReplyWriter::new(&mut out, self.client.protocol).simple("QUEUED");
            }
            Admission::Refused(error) => {
                ReplyWriter::new(&mut out, self.client.protocol).error(&error.to_string());
            }
            Admission::Dropped | Admission::Postponed => {}
        }
        out
    }

    /// Runs a script without keys; the reply as text.
    pub(crate) fn eval(&mut self, script: &str) -> String {
        self.eval_with(script, &[])
    }

    /// Runs a script with these ARGV; the reply as text.
    pub(crate) fn eval_with(&mut self, script: &str, argv: &[&[u8]]) -> String {
        let mut args: Vec<&[u8]> = vec![b"EVAL", script.as_bytes(), b"0"];
        args.extend(argv);
        self.call(&args).escape_ascii().to_string()
    }

    #[track_caller]
    pub(crate) fn check(&mut self, script: &str, expected: &str) {
        assert_eq!(self.eval(script), expected.as_bytes().escape_ascii().to_string(), "{script}");
    }

    /// Checks an error's text, of which `{}` is where its digest and line stand.
    #[track_caller]
    pub(crate) fn check_error(&mut self, script: &str, text: &str) {
        let sha1 = guarda_commands::sha1_hex(script.as_bytes());
        let at = format!(" script: {sha1}, on @user_script:");
        self.check(script, &format!("-{}\r\n", text.replace("{}", &at)));
    }

    /// The groups of records journalled since the last call.
    pub(crate) fn journal(&mut self) -> Vec<Vec<String>> {
        let line = |(db, args): &LoggedCommand| {
            let words: Vec<String> =
                args.iter().map(|word| word.escape_ascii().to_string()).collect();
            format!("{db}: {}", words.join(" "))
        };
        let groups = self.host.log.take();
        groups.iter().map(|group| group.iter().map(line).collect()).collect()
    }
}
