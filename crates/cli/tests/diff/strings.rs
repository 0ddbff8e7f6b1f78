//! String commands. Semantics: <https://redis.io/docs/latest/commands/?group=string>.

use guarda_testkit::diff::Case;

pub(crate) const CASES: &[Case<'static>] = &[
    Case::new(
        "get_and_set_keep_any_bytes",
        r#"
        GET missing
        SET k v
        GET k
        SET "" empty-key
        GET ""
        SET k ""
        GET k
        SET "bin\x00\xff\r\n" "\x00\x01\r\n$5\r\n"
        GET "bin\x00\xff\r\n"
        SET k ${x*100000}
        GET k
        sEt k Mixed
        gEt k
        "#,
    ),
    Case::new(
        "get_and_set_check_their_arity",
        r"
        GET
        GET a b
        SET
        SET k
        SET k v w
        set K
        ",
    ),
    Case::new(
        "set_nx_and_xx",
        r"
        SET k v XX
        GET k
        SET k v NX
        SET k w NX
        GET k
        SET k x XX
        GET k
        SET k v NX XX
        SET k v XX NX
        SET k v nx nx
        SET k v xX Xx
        GET k
        ",
    ),
    Case::new(
        "set_get_returns_the_old_value",
        r"
        SET k v GET
        SET k w GET
        SET k x GET GET
        SET k y XX GET
        SET missing y XX GET
        EXISTS missing
        SET k z NX GET
        GET k
        SET fresh z NX GET
        GET fresh
        HSET h f v
        SET h v GET
        TYPE h
        SET h v GET NX
        SET h v
        TYPE h
        SET k v GET EX 100
        TTL k //~ within 2 -- time passes between the two servers
        SET k v GET KEEPTTL
        TTL k //~ within 2 -- time passes between the two servers
        ",
    ),
    Case::new(
        "set_expiry_options",
        r"
        SET k v EX 100
        TTL k //~ within 2 -- time passes between the two servers
        PTTL k //~ within 100 -- time passes between the two servers
        SET k v PX 100000
        PTTL k //~ within 100 -- time passes between the two servers
        SET k v EXAT 33177117420
        EXPIRETIME k
        PEXPIRETIME k
        SET k v PXAT 33177117420123
        PEXPIRETIME k
        EXPIRETIME k
        SET k w KEEPTTL
        PEXPIRETIME k
        GET k
        SET k w
        TTL k
        SET k v KEEPTTL
        TTL k
        SET k v NX EX 100
        SET n v NX EX 100
        TTL n //~ within 2 -- time passes between the two servers
        SET n v PX 200000 XX
        TTL n //~ within 2 -- time passes between the two servers
        SET n v ex 300 nx
        SET n v ex 300 xx get
        TTL n //~ within 2 -- time passes between the two servers
        ",
    ),
    Case::new(
        "set_options_that_exclude_each_other",
        r"
        SET k v EX 10 PX 10
        SET k v EX 10 EX 10
        SET k v PX 10 PX 10
        SET k v EX 10 EXAT 33177117420
        SET k v EX 10 PXAT 33177117420123
        SET k v PX 10 EXAT 33177117420
        SET k v PX 10 PXAT 33177117420123
        SET k v EXAT 33177117420 PXAT 33177117420123
        SET k v EXAT 33177117420 EXAT 33177117420
        SET k v PXAT 33177117420123 PXAT 33177117420123
        SET k v EX 10 KEEPTTL
        SET k v PX 10 KEEPTTL
        SET k v EXAT 33177117420 KEEPTTL
        SET k v KEEPTTL PXAT 33177117420123
        SET k v KEEPTTL KEEPTTL
        SET k v PERSIST
        SET k v EX 10 PERSIST
        SET k v EX
        SET k v PX
        SET k v EXAT
        SET k v PXAT
        SET k v NX EX
        SET k v EX NX
        SET k v NONSENSE
        SET k v GET NONSENSE
        SET k v 10
        SET k v EX 10 20
        EXISTS k
        ",
    ),
    Case::new(
        "set_refuses_bad_expiry_times",
        r#"
        SET k v EX 0
        SET k v EX -1
        SET k v PX 0
        SET k v PX -1
        SET k v EXAT 0
        SET k v EXAT -1
        SET k v PXAT 0
        SET k v PXAT -1
        SET k v EX abc
        SET k v EX 1.5
        SET k v EX ""
        SET k v EX " 1"
        SET k v EX +1
        SET k v EX 01
        SET k v EX 9223372036854775807
        SET k v EX 9223372036854775808
        SET k v EX 9223372036854775
        SET k v PX 9223372036854775807
        SET k v PX 9223372036854775808
        SET k v EXAT 9223372036854775807
        SET k v EXAT 9223372036854776
        SET k v EXAT 9223372036854775
        PEXPIRETIME k
        SET k v PXAT 9223372036854775807
        PEXPIRETIME k //~ within 1 -- the last millisecond of all stands for no expiry
        SET k v EX 9223372036850000
        SET k v EX -9223372036854775808
        SET k v PX -9223372036854775808
        SET k v NX EX 0
        SET k v XX EX 0
        SET k v EX abc NX XX
        SET k v NX XX EX 0
        SET k v GET EX 0
        HSET h f v
        SET h v GET EX 0
        "#,
    ),
    Case::new(
        "set_with_a_time_in_the_past_leaves_nothing",
        r"
        SET k v EXAT 1
        GET k
        EXISTS k
        SET k v PXAT 1
        GET k
        SET k v
        SET k w EXAT 1
        GET k
        SET k v
        SET k w GET PXAT 1
        GET k
        SET k w NX PXAT 1
        GET k
        TTL k
        ",
    ),
    Case::new(
        "getex_changes_the_expiry",
        r"
        GETEX missing
        GETEX missing EX 10
        SET k v
        GETEX k
        TTL k
        GETEX k EX 100
        TTL k //~ within 2 -- time passes between the two servers
        GETEX k
        TTL k //~ within 2 -- time passes between the two servers
        GETEX k PX 200000
        TTL k //~ within 2 -- time passes between the two servers
        GETEX k EXAT 33177117420
        EXPIRETIME k
        GETEX k PXAT 33177117420123
        PEXPIRETIME k
        GETEX k PERSIST
        TTL k
        GETEX k persist
        GETEX k EXAT 1
        EXISTS k
        SET k v
        GETEX k PXAT 1
        EXISTS k
        ",
    ),
    Case::new(
        "getex_refuses_what_makes_no_sense",
        r"
        SET k v
        GETEX
        GETEX k EX
        GETEX k EX 10 PX 10
        GETEX k EX 10 PERSIST
        GETEX k PERSIST PERSIST
        GETEX k PERSIST EX 10
        GETEX k KEEPTTL
        GETEX k EX 10 KEEPTTL
        GETEX k NX
        GETEX k XX
        GETEX k GET
        GETEX k NONSENSE
        GETEX k EX 0
        GETEX k EX -1
        GETEX k PX 0
        GETEX k EXAT 0
        GETEX k PXAT -5
        GETEX k EX abc
        GETEX k EX 9223372036854775807
        GETEX k PX 9223372036854775807
        GETEX k EXAT 9223372036854775807
        GETEX missing EX 0
        GETEX missing EX abc
        TTL k
        HSET h f v
        GETEX h
        GETEX h EX 10
        GETEX h EX 0
        TTL h
        ",
    ),
    Case::new(
        "getdel_and_getset",
        r"
        GETDEL missing
        SET k v EX 100
        GETDEL k
        EXISTS k
        GETDEL k
        GETDEL
        GETDEL a b
        HSET h f v
        GETDEL h
        EXISTS h
        GETSET k v
        GETSET k w
        GET k
        EXPIRE k 100
        GETSET k x
        TTL k
        GETSET h v
        GETSET k
        GETSET k v w
        ",
    ),
    Case::new(
        "setnx_setex_psetex",
        r#"
        SETNX k v
        SETNX k w
        GET k
        SETNX k
        SETNX k v w
        HSET h f v
        SETNX h v
        SETEX k 100 x
        TTL k //~ within 2 -- time passes between the two servers
        GET k
        PSETEX k 100000 y
        PTTL k //~ within 100 -- time passes between the two servers
        GET k
        SETEX h 100 v
        TYPE h
        SETEX k 0 v
        SETEX k -1 v
        SETEX k abc v
        SETEX k 1.5 v
        SETEX k "" v
        SETEX k 9223372036854775807 v
        SETEX k 9223372036854775 v
        SETEX k 9223372036854775808 v
        SETEX k -9223372036854775808 v
        PSETEX k 0 v
        PSETEX k -1 v
        PSETEX k abc v
        PSETEX k 9223372036854775807 v
        SETEX k 10
        SETEX k 10 v w
        PSETEX k 10
        PSETEX
        GET k
        "#,
    ),
    Case::new(
        "append_and_strlen",
        r#"
        APPEND k abc
        APPEND k def
        GET k
        STRLEN k
        STRLEN missing
        APPEND k ""
        APPEND k "\x00\xff"
        GET k
        SET n 12
        APPEND n 3
        INCR n
        STRLEN n
        OBJECT ENCODING n
        SET t v EX 100
        APPEND t w
        TTL t //~ within 2 -- time passes between the two servers
        APPEND fresh ""
        EXISTS fresh
        APPEND k
        APPEND k a b
        STRLEN
        STRLEN a b
        HSET h f v
        APPEND h x
        STRLEN h
        SET i 12345
        STRLEN i
        SET i -1
        STRLEN i
        "#,
    ),
    Case::new(
        "setrange_grows_and_overwrites",
        r#"
        SETRANGE k 0 hello
        SETRANGE k 6 world
        GET k
        SETRANGE k 0 J
        GET k
        SETRANGE fresh 3 x
        GET fresh
        SETRANGE none 0 ""
        EXISTS none
        SETRANGE none 5 ""
        EXISTS none
        SETRANGE k 100 ""
        STRLEN k
        SETRANGE k -1 x
        SETRANGE k abc x
        SETRANGE k 1.0 x
        SETRANGE k 536870911 xx
        SETRANGE k 536870912 x
        SETRANGE k 9223372036854775807 x
        SETRANGE k 9223372036854775808 x
        SETRANGE k 4294967296 ""
        SETRANGE none -1 ""
        SETRANGE k
        SETRANGE k 1
        SETRANGE k 1 x y
        HSET h f v
        SETRANGE h 0 x
        SETRANGE h 0 ""
        SETRANGE h -1 x
        SET n 123
        SETRANGE n 1 9
        GET n
        INCR n
        SET t v EX 100
        SETRANGE t 1 w
        TTL t //~ within 2 -- time passes between the two servers
        "#,
    ),
    Case::new(
        "getrange_and_substr_clamp_their_bounds",
        r#"
        SET k "This is a string"
        GETRANGE k 0 3
        GETRANGE k -3 -1
        GETRANGE k 0 -1
        GETRANGE k 10 100
        GETRANGE k 100 200
        GETRANGE k 5 3
        GETRANGE k -1 -5
        GETRANGE k -100 3
        GETRANGE k -100 -200
        GETRANGE k -200 -100
        GETRANGE k 0 -100
        GETRANGE k 0 0
        GETRANGE k 15 15
        GETRANGE k 16 16
        GETRANGE k -9223372036854775808 9223372036854775807
        GETRANGE k 9223372036854775807 -1
        GETRANGE k 9223372036854775808 0
        GETRANGE k 0 abc
        GETRANGE k 1.5 2
        GETRANGE missing 0 -1
        GETRANGE missing abc 1
        SUBSTR k 0 3
        SUBSTR k -6 -1
        SUBSTR missing 0 1
        SUBSTR k
        SET n 12345
        GETRANGE n 1 3
        GETRANGE n -2 -1
        SET e ""
        GETRANGE e 0 0
        GETRANGE e -1 -1
        GETRANGE k
        GETRANGE k 1
        GETRANGE k 1 2 3
        HSET h f v
        GETRANGE h 0 1
        SUBSTR h 0 1
        "#,
    ),
    Case::new(
        "incr_and_decr_count_in_64_bits",
        r"
        INCR k
        INCR k
        DECR k
        DECR m
        INCRBY k 40
        DECRBY k 50
        INCRBY k -5
        DECRBY k -5
        INCRBY fresh 0
        GET fresh
        SET k 9223372036854775806
        INCR k
        INCR k
        GET k
        INCRBY k 1
        INCRBY k -9223372036854775808
        SET k -9223372036854775807
        DECR k
        DECR k
        GET k
        DECRBY k 1
        INCRBY k -1
        SET k 0
        DECRBY k -9223372036854775808
        DECRBY k 9223372036854775807
        INCRBY k 9223372036854775808
        INCRBY k -9223372036854775809
        INCRBY k 18446744073709551615
        SET t 1 EX 100
        INCR t
        TTL t //~ within 2 -- time passes between the two servers
        ",
    ),
    Case::new(
        "incr_refuses_what_is_not_an_integer",
        r#"
        SET k abc
        INCR k
        DECR k
        INCRBY k 1
        SET k 1.0
        INCR k
        SET k " 1"
        INCR k
        SET k "1 "
        INCR k
        SET k +1
        INCR k
        SET k 01
        INCR k
        SET k -0
        INCR k
        SET k ""
        INCR k
        SET k 0x10
        INCR k
        SET k 1e3
        INCR k
        SET k 9223372036854775808
        INCR k
        SET k "1\x00"
        INCR k
        SET k 5
        INCRBY k abc
        INCRBY k ""
        INCRBY k 1.0
        INCRBY k " 1"
        INCRBY k +1
        INCRBY k 01
        INCRBY k -0
        DECRBY k abc
        DECRBY k 9223372036854775808
        HSET h f 1
        INCR h
        DECR h
        INCRBY h 1
        DECRBY h 1
        INCRBY h abc
        INCR
        INCR a b
        DECR
        INCRBY k
        INCRBY k 1 2
        DECRBY k
        GET k
        "#,
    ),
    Case::new(
        "incrbyfloat_formats_like_a_long_double",
        r"
        INCRBYFLOAT k 1.5
        INCRBYFLOAT k 1.5
        INCRBYFLOAT k 0.1
        INCRBYFLOAT k 0.2
        INCRBYFLOAT k -3.3
        GET k
        SET k 10.50
        INCRBYFLOAT k 0.1
        INCRBYFLOAT k -5
        SET k 5.0e3
        INCRBYFLOAT k 2.0e2
        SET k 3.0
        INCRBYFLOAT k 0
        SET k 1
        INCRBYFLOAT k 1e-10
        INCRBYFLOAT k 1e10
        SET k 0
        INCRBYFLOAT k 1e20
        INCRBYFLOAT k 1
        SET k 0
        INCRBYFLOAT k 1e-17
        INCRBYFLOAT k 1e-18
        SET k 0.1
        INCRBYFLOAT k 0.0000000000000001
        SET k 123456789.123456789
        INCRBYFLOAT k 0.000000001
        SET k 1
        INCRBYFLOAT k 99999999999999999
        SET k 17
        INCRBYFLOAT k 0x10
        INCRBYFLOAT k .5
        INCRBYFLOAT k 5.
        INCRBYFLOAT k +1
        INCRBYFLOAT k -.25
        INCRBYFLOAT k 1E2
        INCRBYFLOAT k -0
        SET k -0
        INCRBYFLOAT k 0
        SET k -0.0
        INCRBYFLOAT k -0.0
        SET t 1 EX 100
        INCRBYFLOAT t 1.5
        TTL t //~ within 2 -- time passes between the two servers
        OBJECT ENCODING t
        INCRBYFLOAT t 1.5
        OBJECT ENCODING t //~ either int embstr -- how the string was made is not kept
        ",
    ),
    Case::new(
        "incrbyfloat_refuses_what_is_not_a_number",
        r#"
        INCRBYFLOAT k abc
        INCRBYFLOAT k ""
        INCRBYFLOAT k " 1"
        INCRBYFLOAT k "1 "
        INCRBYFLOAT k 1,5
        INCRBYFLOAT k 1.5.5
        INCRBYFLOAT k inf
        INCRBYFLOAT k +inf
        INCRBYFLOAT k -inf
        INCRBYFLOAT k infinity
        INCRBYFLOAT k nan
        INCRBYFLOAT k 1e5000
        INCRBYFLOAT k 1e-5000
        INCRBYFLOAT k --1
        INCRBYFLOAT k "1\x00"
        INCRBYFLOAT k ${1*300}
        SET k abc
        INCRBYFLOAT k 1
        SET k " 1"
        INCRBYFLOAT k 1
        SET k "1 "
        INCRBYFLOAT k 1
        SET k ""
        INCRBYFLOAT k 1
        SET k inf
        INCRBYFLOAT k 1
        SET k nan
        INCRBYFLOAT k 1
        SET k -inf
        INCRBYFLOAT k 1
        GET k
        HSET h f 1
        INCRBYFLOAT h 1
        INCRBYFLOAT h abc
        INCRBYFLOAT k
        INCRBYFLOAT k 1 2
        "#,
    ),
    Case::new(
        "mset_mget_msetnx",
        r#"
        MSET a 1 b 2 c 3
        MGET a b c missing a
        MSET a x a y
        GET a
        MSET a
        MSET a 1 b
        MSET
        MGET
        HSET h f v
        MGET a h missing
        MSET h now-a-string
        TYPE h
        MSETNX n1 1 n2 2
        MSETNX n2 9 n3 9
        MGET n1 n2 n3
        MSETNX dup 1 dup 2
        GET dup
        MSETNX a
        MSETNX n4 1 n5
        MSETNX
        HSET hh f v
        MSETNX hh 1
        SET t v EX 100
        MSET t w
        TTL t
        MSET "" empty "\x00" zero
        MGET "" "\x00"
        "#,
    ),
    Case::new(
        "lcs_and_its_options",
        r"
        MSET key1 ohmytext key2 mynewtext
        LCS key1 key2
        LCS key1 key2 LEN
        LCS key1 key2 IDX
        LCS key1 key2 IDX MINMATCHLEN 4
        LCS key1 key2 IDX MINMATCHLEN 4 WITHMATCHLEN
        LCS key1 key2 idx withmatchlen minmatchlen 2
        LCS key1 key2 IDX MINMATCHLEN -5
        LCS key1 key2 IDX MINMATCHLEN 100
        LCS key1 key2 WITHMATCHLEN
        LCS key1 key2 LEN WITHMATCHLEN
        LCS key1 key2 MINMATCHLEN 4
        LCS key1 key2 LEN IDX
        LCS key1 key2 IDX LEN
        LCS key1 key2 LEN LEN
        LCS key1 key2 NONSENSE
        LCS key1 key2 MINMATCHLEN
        LCS key1 key2 MINMATCHLEN abc
        LCS key1 missing
        LCS missing key1 LEN
        LCS missing missing2 IDX
        LCS missing missing2 IDX WITHMATCHLEN
        LCS key1 key1
        LCS key1 key1 IDX WITHMATCHLEN
        SET empty ''
        LCS key1 empty
        LCS empty empty IDX
        SET n 12345
        SET m 2346
        LCS n m IDX WITHMATCHLEN
        LCS
        LCS key1
        HSET h f v
        LCS h key1
        LCS key1 h LEN
        MSET r1 abcabcabba r2 cbabacabc
        LCS r1 r2
        LCS r1 r2 IDX WITHMATCHLEN
        ",
    ),
    Case::new(
        "object_encoding_of_strings",
        r#"
        SET k 1
        OBJECT ENCODING k
        SET k 9223372036854775807
        OBJECT ENCODING k
        SET k 9223372036854775808
        OBJECT ENCODING k
        SET k -1
        OBJECT ENCODING k
        SET k 01
        OBJECT ENCODING k
        SET k ""
        OBJECT ENCODING k
        SET k short
        OBJECT ENCODING k
        SET k ${x*44}
        OBJECT ENCODING k
        SET k ${x*45}
        OBJECT ENCODING k
        SET a 1
        APPEND a 2
        OBJECT ENCODING a
        SETRANGE a 0 9
        OBJECT ENCODING a
        INCR a
        OBJECT ENCODING a
        SET f 1.5
        OBJECT ENCODING f
        INCRBYFLOAT f 1
        OBJECT ENCODING f
        APPEND fresh 12
        OBJECT ENCODING fresh
        SETRANGE fresh2 0 12
        OBJECT ENCODING fresh2
        MSET p 12 q text
        OBJECT ENCODING p
        OBJECT ENCODING q
        GETSET p 13
        OBJECT ENCODING p
        SETNX r 14
        OBJECT ENCODING r
        SETEX s 100 15
        OBJECT ENCODING s
        "#,
    ),
    Case::new(
        "string_commands_refuse_a_hash",
        r"
        HSET h f v
        GET h
        SET h v XX GET
        INCRBYFLOAT h 1
        APPEND h x
        MGET h h
        SETNX h x
        STRLEN h
        HGETALL h
        ",
    ),
];
