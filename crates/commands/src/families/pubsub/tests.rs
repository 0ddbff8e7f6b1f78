//! What each command answers, and who is addressed.

use crate::pubsub::Topic;
use crate::testing::*;

fn told(word: &str, name: &str, count: i64) -> Vec<u8> {
    array([bulk(word), bulk(name), int(count)])
}

#[test]
fn confirmations_count_channels_and_patterns_together_and_shard_channels_apart() {
    let mut bench = Bench::new();
    bench.check("SUBSCRIBE a b", [told("subscribe", "a", 1), told("subscribe", "b", 2)].concat());
    bench.check("SUBSCRIBE a", told("subscribe", "a", 2));
    bench.check("PSUBSCRIBE p*", told("psubscribe", "p*", 3));
    bench.check("SSUBSCRIBE s", told("ssubscribe", "s", 1));
    bench.check(
        "UNSUBSCRIBE x a",
        [told("unsubscribe", "x", 3), told("unsubscribe", "a", 2)].concat(),
    );
    bench.check("UNSUBSCRIBE", told("unsubscribe", "b", 1));
    bench.check("UNSUBSCRIBE", array([bulk("unsubscribe"), nil(), int(1)]));
    bench.check("PUNSUBSCRIBE", told("punsubscribe", "p*", 0));
    bench.check("SUNSUBSCRIBE", told("sunsubscribe", "s", 0));
    bench.check("GET k", nil());
}

#[test]
fn a_subscriber_in_resp2_may_send_little_and_in_resp3_everything() {
    let mut bench = Bench::new();
    let refused = |name: &str| {
        err(&format!(
            "ERR Can't execute '{name}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET \
             are allowed in this context"
        ))
    };
    bench.run("SUBSCRIBE a");
    bench.check("GET k", refused("get"));
    bench.check("CLIENT LIST", refused("client|list"));
    bench.check("MULTI", refused("multi"));
    bench.check("PING", bulks(["pong", ""]));
    bench.check("PING hi", bulks(["pong", "hi"]));
    bench.check("PING a b", err("ERR wrong number of arguments for 'ping' command"));
    bench.check("RESET", simple("RESET"));
    bench.check("GET k", nil());
    assert_eq!(bench.host.pubsub.len(Topic::Channel), 0);
    bench.run("HELLO 3");
    bench.check("SUBSCRIBE a", b">3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n");
    bench.check("PING", simple("PONG"));
    bench.check("GET k", "_\r\n");
}

#[test]
fn a_message_goes_to_the_channel_first_and_then_to_each_pattern_it_matches() {
    let mut bench = Bench::new();
    bench.run("SUBSCRIBE news");
    bench.run("PSUBSCRIBE n* x* *s");
    let mut other = bench.swap_client(new_client(2));
    bench.run("SUBSCRIBE news");
    bench.swap_client(new_client(3));
    bench.check("PUBLISH news hi", int(4));
    bench.check("PUBLISH nobody hi", int(1));
    bench.check("PUBLISH quiet hi", int(0));
    bench.check("SPUBLISH news hi", int(0));
    let sent = std::mem::take(&mut *bench.host.spread.lock());
    let shown: Vec<(Vec<u64>, String)> = sent
        .iter()
        .map(|message| {
            let mut out = Vec::new();
            message.publication.write(&mut out, guarda_resp::Protocol::Resp3);
            (message.clients.clone(), String::from_utf8(out).unwrap().replace("\r\n", " "))
        })
        .collect();
    let expected = [
        (vec![1, 2], ">3 $7 message $4 news $2 hi "),
        (vec![1], ">4 $8 pmessage $2 *s $4 news $2 hi "),
        (vec![1], ">4 $8 pmessage $2 n* $4 news $2 hi "),
        (vec![1], ">4 $8 pmessage $2 n* $6 nobody $2 hi "),
    ];
    assert_eq!(shown, expected.map(|(to, text)| (to, text.to_owned())));
    assert!(other.hears(&sent[0].publication) && other.hears(&sent[1].publication));
    other.end_subscriptions(&bench.host.pubsub);
    assert!(!other.hears(&sent[0].publication), "it was on its way when the client left");
    bench.check("PUBLISH news hi", int(1));
}

#[test]
fn pubsub_tells_who_listens() {
    let mut bench = Bench::new();
    bench.run("HELLO 3");
    bench.run("SUBSCRIBE a ab");
    bench.run("PSUBSCRIBE p*");
    bench.run("SSUBSCRIBE sh");
    bench.check("PUBSUB CHANNELS", bulks(["a", "ab"]));
    bench.check("PUBSUB CHANNELS ?b", bulks(["ab"]));
    bench.check("PUBSUB NUMSUB a x", array([bulk("a"), int(1), bulk("x"), int(0)]));
    bench.check("PUBSUB NUMPAT", int(1));
    bench.check("PUBSUB SHARDCHANNELS s*", bulks(["sh"]));
    bench.check("PUBSUB SHARDNUMSUB sh a", array([bulk("sh"), int(1), bulk("a"), int(0)]));
    let wrong =
        "ERR unknown subcommand or wrong number of arguments for 'channels'. Try PUBSUB HELP.";
    bench.check("PUBSUB channels a b", err(wrong));
}

#[test]
fn in_a_transaction_one_may_subscribe_but_not_to_shard_channels() {
    let mut bench = Bench::new();
    bench.run("MULTI");
    for line in ["SUBSCRIBE a", "PUBLISH a x", "SSUBSCRIBE s", "PING"] {
        bench.check(line, simple("QUEUED"));
    }
    let denied = err("ERR SSUBSCRIBE isn't allowed for a DENY BLOCKING client");
    let replies = [told("subscribe", "a", 1), int(1), denied, bulks(["pong", ""])];
    bench.check("EXEC", array(replies));
    assert_eq!(bench.host.spread.lock().len(), 1);
}

#[test]
fn users_hear_only_the_channels_they_may() {
    let mut bench = Bench::new();
    bench.run("ACL SETUSER bob on nopass +@all allkeys resetchannels &news:*");
    bench.run("AUTH bob x");
    let denied = err("NOPERM No permissions to access a channel");
    bench.check("SUBSCRIBE news:1 other", &denied);
    bench.check("PSUBSCRIBE news:1*", &denied);
    bench.check("PUBLISH other x", &denied);
    bench.check("SSUBSCRIBE other", &denied);
    bench.check("UNSUBSCRIBE other", told("unsubscribe", "other", 0));
    bench.check("PSUBSCRIBE news:*", told("psubscribe", "news:*", 1));
    let bob = bench.host.users.find(b"bob").unwrap();
    assert!(bench.host.pubsub.overhearing(&bob).is_empty());
    bench.host.users.set_user(b"bob", &[b"resetchannels"]).unwrap();
    assert_eq!(bench.host.pubsub.overhearing(&bob).into_iter().collect::<Vec<_>>(), [1]);
}
