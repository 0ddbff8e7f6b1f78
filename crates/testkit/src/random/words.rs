//! Words for the commands of sets and sorted sets.

/// Keys that mostly hold sets.
pub(super) const SET_KEYS: &[&[u8]] = &[b"s1", b"s2", b"s3"];

/// Keys that mostly hold sorted sets.
pub(super) const SORTED_SET_KEYS: &[&[u8]] = &[b"z1", b"z2", b"z3"];

/// Keys of sorted sets whose scores are all zero.
pub(super) const LEX_KEYS: &[&[u8]] = &[b"lex1", b"lex2"];

pub(super) const SCORES: &[&[u8]] = &[
    b"0",
    b"1",
    b"2",
    b"-1",
    b"1.5",
    b"3",
    b"0.1",
    b"-0.3",
    b"100000000",
    b"1e20",
    b"1e-7",
    b"12345.678901",
    b"inf",
    b"-inf",
    b"0x10",
    b"+5",
    b"-0",
    b"nan",
    b"abc",
    b" 1",
    b"1e400",
];

pub(super) const BOUNDS: &[&[u8]] = &[
    b"-inf", b"+inf", b"-inf", b"+inf", b"0", b"(1", b"2", b"(2", b"1.5", b"0.1", b"(inf", b" 1",
    b"", b"1e400", b"abc", b"nan",
];

pub(super) const LEX_BOUNDS: &[&[u8]] =
    &[b"-", b"+", b"-", b"+", b"[1", b"(1", b"[3", b"(x", b"[x", b"[", b"(", b"[zz", b"x", b""];

pub(super) const MEMBERS: &[&[u8]] = &[
    b"1",
    b"2",
    b"3",
    b"4",
    b"5",
    b"-7",
    b"300",
    b"70000",
    b"9223372036854775807",
    b"01",
    b"x",
    b"y",
    b"",
    b"\x00\xff",
    &[b'l'; 65],
];

pub(super) const AGGREGATES: &[&[u8]] = &[b"SUM", b"MIN", b"MAX", b"AVG"];
