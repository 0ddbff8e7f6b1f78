//! Commands that change a string if it is what the caller takes it for. No reference from a
//! distribution has them: it is asked for a script that does the same.

use crate::prng::Prng;

/// What a comparison comes to: `ARGV[1]` is the option's name, `ARGV[2]` what is compared with. Where
/// there is no string it gives up with what GET says of it.
const HOLDS: &str = "local old = redis.pcall('GET', KEYS[1]) \
    if type(old) == 'table' then return old end \
    local holds = old == ARGV[2] \
    if ARGV[1] == 'IFNE' then holds = not holds end ";

/// DELIFEQ and DELEX: where there is nothing, nothing is deleted.
const DELETES: &str = "if not (holds and old) then return 0 end return redis.call('DEL', KEYS[1])";

/// What DELEX says of what is no string.
const NO_STRING: &str = "local kind = redis.call('TYPE', KEYS[1]).ok \
    if kind ~= 'string' and kind ~= 'none' then \
    return redis.error_reply('ERR Key should be of string type if conditions are specified') end ";

/// SET: `ARGV[3]` is the new value, `ARGV[4]` whether the old one is asked for; options of SET follow.
const STORES: &str = "local words = {'SET', KEYS[1], ARGV[3]} \
    for i = 5, #ARGV do words[#words + 1] = ARGV[i] end \
    local reply = false if holds then reply = redis.call(unpack(words)) end \
    if ARGV[4] == 'GET' then return old end return reply";

/// A command, and the script that does the same.
pub(super) fn make(
    prng: &mut Prng,
    keys: &[&[u8]],
    values: &[&[u8]],
) -> (Vec<Vec<u8>>, Vec<Vec<u8>>) {
    let (key, expected, new) = (prng.pick(keys), prng.pick(values), prng.pick(values));
    let condition: &[u8] = if prng.percent(50) { b"IFEQ" } else { b"IFNE" };
    let words = |words: &[&[u8]]| words.iter().map(|word| word.to_vec()).collect::<Vec<_>>();
    let script = |body: &str, args: &[&[u8]]| {
        let mut all = words(&[b"EVAL", body.as_bytes(), b"1", key]);
        all.extend(words(args));
        all
    };
    match prng.below(4) {
        0 => (
            words(&[b"DELIFEQ", key, expected]),
            script(&format!("{HOLDS}{DELETES}"), &[b"IFEQ", expected]),
        ),
        1 => (
            words(&[b"DELEX", key, condition, expected]),
            script(&format!("{NO_STRING}{HOLDS}{DELETES}"), &[condition, expected]),
        ),
        _ => {
            let options: &[&[u8]] = prng.pick(&[
                &[][..],
                &[b"KEEPTTL"],
                &[b"EX", b"5000"],
                &[b"PXAT", b"40000000000123"],
            ]);
            let get: &[&[u8]] = if prng.percent(30) { &[b"GET"] } else { &[] };
            let command = [&[b"SET", key, new, condition, expected][..], get, options].concat();
            let asks = get.first().copied().unwrap_or_default();
            let args = [&[condition, expected, new, asks][..], options].concat();
            (words(&command), script(&format!("{HOLDS}{STORES}"), &args))
        }
    }
}
