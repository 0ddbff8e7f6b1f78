//! Publish and subscribe. Semantics: <https://redis.io/docs/latest/develop/interact/pubsub/>.
//!
//! What a client publishes to itself is not here: Redis 7.0 sends it before the reply to PUBLISH,
//! 7.2 after it, and so do we; the end-to-end test has it.

use guarda_testkit::diff::Case;

pub(crate) const CASES: &[Case<'static>] = &[
    Case::new(
        "confirmations_count_channels_and_patterns_together",
        r#"
        !raw 2 "SUBSCRIBE a b\r\n"
        SUBSCRIBE a
        PSUBSCRIBE p*
        SSUBSCRIBE s
        !raw 2 "SSUBSCRIBE s t\r\n"
        !raw 2 "UNSUBSCRIBE a x\r\n"
        UNSUBSCRIBE
        UNSUBSCRIBE
        PUNSUBSCRIBE x
        PUNSUBSCRIBE
        PUNSUBSCRIBE
        SUNSUBSCRIBE s
        SUNSUBSCRIBE
        SUNSUBSCRIBE
        GET k
        "#,
    ),
    Case::new(
        "what_a_subscriber_may_send",
        r#"
        SUBSCRIBE a
        GET k
        CLIENT LIST TYPE master
        CONFIG
        NONSENSE x
        GET
        MULTI
        DISCARD
        PING
        PING hi
        PING a b
        PUBSUB NUMSUB a
        RESET
        GET k
        PING
        PSUBSCRIBE a*
        GET k
        RESET
        SSUBSCRIBE a
        GET k
        PING
        !end "QUIT\r\n"
        "#,
    ),
    Case::new(
        "messages_come_in_order_by_channel_then_by_pattern",
        r#"
        2> SUBSCRIBE news
        2> PSUBSCRIBE n*
        3> PSUBSCRIBE *
        PUBLISH news one
        PUBLISH news "\x00\r\n"
        PUBLISH nil two
        PUBLISH x three
        2> !read
        2> !read
        2> !read
        2> !read
        2> !read
        3> !read
        3> !read
        3> !read
        3> !read
        2> PUNSUBSCRIBE n*
        PUBLISH news four
        2> !read
        2> UNSUBSCRIBE news
        PUBLISH news five
        2> PING
        "#,
    ),
    Case::new(
        "shard_channels_are_channels_of_their_own",
        r"
        2> SSUBSCRIBE s
        2> PSUBSCRIBE *
        SPUBLISH s one
        PUBLISH s two
        2> !read
        2> !read
        PUBSUB SHARDCHANNELS
        PUBSUB SHARDCHANNELS x*
        PUBSUB SHARDNUMSUB s x
        PUBSUB NUMSUB s
        PUBSUB CHANNELS
        2> SUNSUBSCRIBE
        SPUBLISH s three
        ",
    ),
    Case::new(
        "pubsub_tells_who_listens",
        r"
        PUBSUB CHANNELS
        PUBSUB NUMPAT
        PUBSUB NUMSUB
        2> SUBSCRIBE a
        2> PSUBSCRIBE p*
        3> SUBSCRIBE a
        3> PSUBSCRIBE p*
        PUBSUB CHANNELS
        PUBSUB CHANNELS a*
        PUBSUB CHANNELS b*
        PUBSUB NUMSUB a b a
        PUBSUB NUMPAT
        PUBSUB SHARDNUMSUB
        PUBSUB SHARDCHANNELS
        PUBSUB CHANNELS a b
        PUBSUB NUMPAT x
        PUBSUB NONSENSE
        PUBSUB
        PUBLISH a
        PUBLISH a b c
        SPUBLISH a
        SUBSCRIBE
        PSUBSCRIBE
        SSUBSCRIBE
        !let id CLIENT ID
        2> RESET
        3> RESET
        PUBSUB NUMSUB a
        PUBSUB NUMPAT
        ",
    ),
    Case::new(
        "in_transactions_and_scripts",
        r#"
        2> SUBSCRIBE a
        MULTI
        PUBLISH a one
        SET k v
        PUBLISH a two
        EXEC
        2> !read
        2> !read
        EVAL "redis.call('PUBLISH', 'a', 'three'); redis.call('SET', 'k', 'w'); return redis.call('PUBLISH', 'a', 'four')" 0
        2> !read
        2> !read
        EVAL "return redis.call('SPUBLISH', 'a', 'x')" 0
        EVAL "return redis.pcall('SUBSCRIBE', 'a')" 0
        EVAL "return redis.pcall('UNSUBSCRIBE', 'a')" 0
        EVAL "return redis.pcall('PSUBSCRIBE', 'a')" 0
        EVAL "return redis.call('PUBSUB', 'NUMSUB', 'a')" 0
        MULTI
        PUBLISH a dropped
        DISCARD
        MULTI
        SUBSCRIBE x
        PING
        SSUBSCRIBE s
        SUNSUBSCRIBE
        UNSUBSCRIBE x
        GET k
        EXEC
        GET k
        2> PING
        "#,
    ),
    Case::new(
        "clients_are_listed_as_subscribers",
        r#"
        !let id CLIENT ID
        2> SUBSCRIBE a
        2> PSUBSCRIBE p
        2> SSUBSCRIBE s
        3> CLIENT LIST TYPE pubsub //~ only flags sub psub ssub -- the rest is the process's own
        3> CLIENT LIST ID ${id} //~ only flags sub psub ssub -- the rest is the process's own
        3> CLIENT KILL TYPE pubsub
        3> CLIENT LIST TYPE pubsub
        !await ":0\r\n" PUBLISH p x
        "#,
    ),
    Case::new(
        "replies_may_be_off_while_messages_come",
        r"
        2> HELLO 3 //~ any -- ids and versions are the process's own
        2> !silent CLIENT REPLY OFF
        2> SUBSCRIBE a
        2> !silent PING
        PUBLISH a one
        2> !read
        2> CLIENT REPLY ON
        ",
    ),
    Case::new(
        "users_hear_what_they_may",
        r#"
        ACL SETUSER bob on nopass +@all allkeys resetchannels &news:*
        2> AUTH bob x
        2> SUBSCRIBE news:1
        2> SUBSCRIBE news:1 other //~ until-7.2 code -- 7.2 words it otherwise
        2> PSUBSCRIBE news:*
        2> PUNSUBSCRIBE other*
        3> AUTH bob x
        3> PUBLISH other x //~ until-7.2 code -- 7.2 words it otherwise
        3> SPUBLISH other x //~ until-7.2 code -- 7.2 words it otherwise
        3> PUBLISH news:1 x
        2> !read
        2> !read
        ACL SETUSER bob resetchannels
        !await ":0\r\n" PUBLISH news:1 y
        3> PING
        ACL DELUSER bob
        "#,
    ),
    Case::new(
        "command_info",
        r"
        COMMAND INFO subscribe unsubscribe psubscribe punsubscribe publish pubsub|channels pubsub|numsub pubsub|numpat pubsub|help
        ",
    ),
];
