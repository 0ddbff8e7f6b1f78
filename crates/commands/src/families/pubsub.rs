//! SUBSCRIBE, PUBLISH and their relatives. Semantics: <https://redis.io/docs/latest/develop/interact/pubsub/>.

use crate::args::Args;
use crate::context::{Caller, CommandResult, Context, Outcome};
use crate::error::CommandError;
use crate::families::subcommand_help;
use crate::pubsub::Topic;
use crate::spec::{Arity, ChannelUse, CommandSpec, Flags, Group};

const NEW: CommandSpec =
    CommandSpec { group: Group::PubSub, flags: LISTEN, since: "2.0.0", ..CommandSpec::NEW };

const LOADING: Flags = Flags::PUBSUB.union(Flags::LOADING).union(Flags::STALE);
const LISTEN: Flags = LOADING.union(Flags::NOSCRIPT);
const SAY: Flags = LOADING.union(Flags::FAST).union(Flags::MAY_REPLICATE);

const NOT_SHOWN: &str = "`COMMAND INFO` shows no key specification for its channels.";

pub(crate) const FAMILY: &[CommandSpec] = &[
    CommandSpec {
        name: "psubscribe",
        summary: "Listens to all channels whose names match one of these patterns.",
        complexity: "O(N) where N is the number of patterns to subscribe to.",
        arity: Arity::at_least(2),
        channels: ChannelUse::Patterns,
        run: |cx, args| subscribe(cx, args, Topic::Pattern),
        ..NEW
    },
    CommandSpec {
        name: "publish",
        summary: "Sends a message to all who listen to a channel.",
        complexity: "O(N+M) where N is the number of clients subscribed to the receiving channel and \
                     M is the total number of subscribed patterns (by any client).",
        arity: Arity::exactly(3),
        flags: SAY,
        channels: ChannelUse::First,
        run: |cx, args| publish(cx, args, false),
        ..NEW
    },
    CommandSpec {
        name: "pubsub",
        summary: "Groups the commands that tell who listens.",
        since: "2.8.0",
        complexity: "Depends on subcommand.",
        arity: Arity::at_least(2),
        flags: Flags::NONE,
        subcommands: SUBCOMMANDS,
        ..NEW
    },
    CommandSpec {
        name: "punsubscribe",
        summary: "Listens no longer to these patterns, or to any.",
        complexity: "O(N) where N is the number of patterns to unsubscribe.",
        arity: Arity::at_least(1),
        run: |cx, args| unsubscribe(cx, args, Topic::Pattern),
        ..NEW
    },
    CommandSpec {
        name: "spublish",
        summary: "Sends a message to all who listen to a shard channel.",
        since: "7.0.0",
        complexity: "O(N) where N is the number of clients subscribed to the receiving shard channel.",
        arity: Arity::exactly(3),
        flags: SAY,
        channels: ChannelUse::First,
        note: NOT_SHOWN,
        run: |cx, args| publish(cx, args, true),
        ..NEW
    },
    CommandSpec {
        name: "ssubscribe",
        summary: "Listens to shard channels.",
        since: "7.0.0",
        complexity: "O(N) where N is the number of shard channels to subscribe to.",
        arity: Arity::at_least(2),
        channels: ChannelUse::All,
        note: NOT_SHOWN,
        run: ssubscribe,
        ..NEW
    },
    CommandSpec {
        name: "subscribe",
        summary: "Listens to channels.",
        complexity: "O(N) where N is the number of channels to subscribe to.",
        arity: Arity::at_least(2),
        channels: ChannelUse::All,
        run: |cx, args| subscribe(cx, args, Topic::Channel),
        ..NEW
    },
    CommandSpec {
        name: "sunsubscribe",
        summary: "Listens no longer to these shard channels, or to any.",
        since: "7.0.0",
        complexity: "O(N) where N is the number of shard channels to unsubscribe.",
        arity: Arity::at_least(1),
        note: NOT_SHOWN,
        run: |cx, args| unsubscribe(cx, args, Topic::ShardChannel),
        ..NEW
    },
    CommandSpec {
        name: "unsubscribe",
        summary: "Listens no longer to these channels, or to any.",
        complexity: "O(N) where N is the number of channels to unsubscribe.",
        arity: Arity::at_least(1),
        run: |cx, args| unsubscribe(cx, args, Topic::Channel),
        ..NEW
    },
];

const SUBCOMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "channels",
        summary: "Lists the channels that somebody listens to.",
        since: "2.8.0",
        complexity: "O(N) where N is the number of active channels, and assuming constant time \
                     pattern matching (relatively short channels and patterns)",
        arity: Arity::at_least(2),
        flags: LOADING,
        run: |cx, args| channels(cx, args, Topic::Channel),
        ..NEW
    },
    CommandSpec {
        name: "help",
        summary: "Lists the subcommands.",
        since: "6.2.0",
        arity: Arity::exactly(2),
        flags: Flags::LOADING.union(Flags::STALE),
        run: |cx, _| subcommand_help(cx, "PUBSUB", SUBCOMMANDS),
        ..NEW
    },
    CommandSpec {
        name: "numpat",
        summary: "Counts the patterns that somebody listens to.",
        since: "2.8.0",
        arity: Arity::exactly(2),
        flags: LOADING,
        run: numpat,
        ..NEW
    },
    CommandSpec {
        name: "numsub",
        summary: "Counts those who listen to each of these channels.",
        since: "2.8.0",
        complexity: "O(N) for the NUMSUB subcommand, where N is the number of requested channels",
        arity: Arity::at_least(2),
        flags: LOADING,
        run: |cx, args| numsub(cx, args, Topic::Channel),
        ..NEW
    },
    CommandSpec {
        name: "shardchannels",
        summary: "Lists the shard channels that somebody listens to.",
        since: "7.0.0",
        complexity: "O(N) where N is the number of active shard channels, and assuming constant time \
                     pattern matching (relatively short shard channels).",
        arity: Arity::at_least(2),
        flags: LOADING,
        run: |cx, args| channels(cx, args, Topic::ShardChannel),
        ..NEW
    },
    CommandSpec {
        name: "shardnumsub",
        summary: "Counts those who listen to each of these shard channels.",
        since: "7.0.0",
        complexity: "O(N) for the SHARDNUMSUB subcommand, where N is the number of requested shard \
                     channels",
        arity: Arity::at_least(2),
        flags: LOADING,
        run: |cx, args| numsub(cx, args, Topic::ShardChannel),
        ..NEW
    },
];

// Listening ------------------------------------------------------------------------------------

fn subscribe(cx: &mut Context<'_, '_>, args: &mut Args<'_>, topic: Topic) -> CommandResult {
    let word = match topic {
        Topic::Channel => "subscribe",
        Topic::Pattern => "psubscribe",
        Topic::ShardChannel => "ssubscribe",
    };
    for name in args.take_rest() {
        cx.client.subscribe(cx.host.pubsub(), topic, name);
        confirm(cx, word, Some(name), topic);
    }
    Ok(Outcome::Reply)
}

fn ssubscribe(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    if cx.caller == Caller::Transaction {
        return Err(CommandError::text("ERR SSUBSCRIBE isn't allowed for a DENY BLOCKING client"));
    }
    subscribe(cx, args, Topic::ShardChannel)
}

fn unsubscribe(cx: &mut Context<'_, '_>, args: &mut Args<'_>, topic: Topic) -> CommandResult {
    let word = match topic {
        Topic::Channel => "unsubscribe",
        Topic::Pattern => "punsubscribe",
        Topic::ShardChannel => "sunsubscribe",
    };
    if !args.is_empty() {
        for name in args.take_rest() {
            cx.client.unsubscribe(cx.host.pubsub(), topic, name);
            confirm(cx, word, Some(name), topic);
        }
        return Ok(Outcome::Reply);
    }
    let all = cx.client.subscriptions.all(topic);
    for name in &all {
        cx.client.unsubscribe(cx.host.pubsub(), topic, name);
        confirm(cx, word, Some(name), topic);
    }
    if all.is_empty() {
        confirm(cx, word, None, topic);
    }
    Ok(Outcome::Reply)
}

fn confirm(cx: &mut Context<'_, '_>, word: &str, name: Option<&[u8]>, topic: Topic) {
    cx.reply.push(3);
    cx.reply.bulk_str(word);
    match name {
        Some(name) => cx.reply.bulk(name),
        None => cx.reply.null(),
    }
    cx.reply.integer(cx.client.subscriptions.count(topic) as i64);
}

// Publishing -----------------------------------------------------------------------------------

fn publish(cx: &mut Context<'_, '_>, args: &mut Args<'_>, sharded: bool) -> CommandResult {
    let (channel, text) = (args.bytes()?, args.bytes()?);
    let out = &mut cx.db.effects.published;
    let received = cx.host.pubsub().address(sharded, channel, text, cx.client.card.id, out);
    cx.reply.integer(received as i64);
    Ok(Outcome::Reply)
}

// Telling --------------------------------------------------------------------------------------

fn channels(cx: &mut Context<'_, '_>, args: &mut Args<'_>, topic: Topic) -> CommandResult {
    let pattern = match args.rest() {
        [] => None,
        [pattern] => Some(*pattern),
        _ => {
            return Err(CommandError::quoting(&[
                b"ERR unknown subcommand or wrong number of arguments for '",
                args.all()[1],
                b"'. Try PUBSUB HELP.",
            ]));
        }
    };
    let active = cx.host.pubsub().active(topic, pattern);
    cx.reply.array(active.len());
    active.iter().for_each(|channel| cx.reply.bulk(channel));
    Ok(Outcome::Reply)
}

fn numsub(cx: &mut Context<'_, '_>, args: &mut Args<'_>, topic: Topic) -> CommandResult {
    let channels = args.take_rest();
    cx.reply.array(2 * channels.len());
    for channel in channels {
        cx.reply.bulk(channel);
        cx.reply.integer(cx.host.pubsub().listeners_of(topic, channel) as i64);
    }
    Ok(Outcome::Reply)
}

fn numpat(cx: &mut Context<'_, '_>, _: &mut Args<'_>) -> CommandResult {
    cx.reply.integer(cx.host.pubsub().len(Topic::Pattern) as i64);
    Ok(Outcome::Reply)
}

#[cfg(test)]
mod tests;
