//! Users and permissions. Semantics: <https://redis.io/docs/latest/commands/?group=server> and
//! <https://redis.io/docs/latest/operate/oss_and_stack/management/security/acl/>.
//!
//! Where Redis 7.2 words a denial otherwise than 7.0, the mask has 7.2's text. Since 7.2 the rules
//! about commands are shown in the order in which they were given.

use guarda_testkit::diff::Case;

pub(crate) const CASES: &[Case<'static>] = &[
    Case::new(
        "users_come_and_go",
        r"
        ACL DELUSER bob alice all
        ACL LOG RESET
        ACL WHOAMI
        ACL USERS
        ACL SETUSER bob
        ACL SETUSER alice on nopass
        ACL USERS
        ACL DELUSER nobody
        ACL DELUSER bob nobody alice
        ACL DELUSER default
        ACL DELUSER bob default
        ACL USERS
        ACL GETUSER bob
        ACL SETUSER
        ACL GETUSER
        ACL DELUSER
        ACL WHOAMI x
        ACL NOSUCH
        ACL
        ",
    ),
    Case::new(
        "rules_that_are_wrong_change_nothing",
        r#"
        ACL DELUSER bob alice all
        ACL LOG RESET
        ACL SETUSER bob on >secret ~a
        ACL SETUSER bob off +foo
        ACL SETUSER bob off +@foo
        ACL SETUSER bob off -foo
        ACL SETUSER bob off foo
        ACL SETUSER bob off ""
        ACL SETUSER bob off #abc
        ACL SETUSER bob off #ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789
        ACL SETUSER bob off !abc
        ACL SETUSER bob off <nope
        ACL SETUSER bob off !0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
        ACL SETUSER bob off +config|foo
        ACL SETUSER bob off -config|foo
        ACL SETUSER bob off +config|get|x
        ACL SETUSER bob off -config|get|x
        ACL SETUSER bob off -get|x
        ACL SETUSER bob off +get|
        ACL SETUSER bob off +
        ACL SETUSER bob off -
        ACL SETUSER bob off +@
        ACL SETUSER bob off %
        ACL SETUSER bob off %X~a
        ACL SETUSER bob off %RR~a
        ACL SETUSER bob off %RWR~a
        ACL SETUSER bob off +get|a|b
        ACL SETUSER bob off +get|a|
        ACL SETUSER bob off "~a b"
        ACL SETUSER bob off "&a b"
        ACL SETUSER bob off (+get
        ACL SETUSER bob off (+foo)
        ACL SETUSER bob off ((+get))
        ACL SETUSER bob off (+get ~x
        ACL SETUSER bob off "(~a) x)"
        ACL SETUSER "b c" on
        ACL SETUSER "b\x00c" on
        ACL SETUSER all ~* &*
        ACL SETUSER all ~a
        ACL SETUSER all %R~a
        ACL SETUSER all &a
        AUTH bob secret
        "#,
    ),
    Case::new(
        "passwords_let_in_and_can_be_taken_away",
        r#"
        ACL DELUSER bob alice all
        ACL LOG RESET
        ACL SETUSER bob on >one >two +@all ~*
        2> AUTH bob one
        2> AUTH bob two
        2> AUTH bob three
        ACL SETUSER bob <one
        2> AUTH bob one
        2> AUTH bob two
        ACL SETUSER bob #2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881
        2> AUTH bob x
        ACL SETUSER bob nopass
        2> AUTH bob anything
        ACL SETUSER bob >three
        2> AUTH bob anything
        2> AUTH bob three
        ACL SETUSER bob resetpass
        2> AUTH bob three
        ACL SETUSER bob nopass off
        2> AUTH bob three
        2> PING
        2> ACL WHOAMI
        3> HELLO 3 AUTH bob x
        3> AUTH default x
        ACL GETUSER bob //~ 7.2 "*12\r\n$5\r\nflags\r\n*3\r\n$3\r\noff\r\n$6\r\nnopass\r\n$16\r\nsanitize-payload\r\n$9\r\npasswords\r\n*0\r\n$8\r\ncommands\r\n$5\r\n+@all\r\n$4\r\nkeys\r\n$2\r\n~*\r\n$8\r\nchannels\r\n$0\r\n\r\n$9\r\nselectors\r\n*0\r\n" "%6\r\n$5\r\nflags\r\n~3\r\n$3\r\noff\r\n$6\r\nnopass\r\n$16\r\nsanitize-payload\r\n$9\r\npasswords\r\n*0\r\n$8\r\ncommands\r\n$5\r\n+@all\r\n$4\r\nkeys\r\n$2\r\n~*\r\n$8\r\nchannels\r\n$0\r\n\r\n$9\r\nselectors\r\n*0\r\n" -- shows sanitize-payload
        ACL SETUSER bob reset
        ACL DRYRUN bob get x //~ 7.2 "$52\r\nUser bob has no permissions to run the 'get' command\r\n" -- names the user
        "#,
    ),
    Case::new(
        "a_user_may_run_what_its_rules_allow",
        r"
        ACL DELUSER bob alice all
        ACL LOG RESET
        ACL SETUSER bob on nopass +get +@hash -hdel +config|get +select|1 ~*
        2> AUTH bob x
        2> GET k
        2> HSET h f v
        2> HDEL h f //~ until-7.2 code -- 7.2 names the user
        2> SET k v //~ until-7.2 code -- 7.2 names the user
        2> CONFIG GET maxclients //~ shape -- the machine's limit
        2> CONFIG SET maxclients 1 //~ until-7.2 code -- 7.2 names the user
        2> SELECT 0 //~ until-7.2 code -- 7.2 names the user
        2> SELECT 1
        2> NOSUCH
        2> GET
        2> AUTH bob y
        2> HELLO 2 //~ except version id -- the server's own
        2> QUIT x
        ",
    ),
    Case::new(
        "scripts_ask_what_their_client_may_run",
        r"
        ACL DELUSER bob alice all
        ACL LOG RESET
        ACL SETUSER bob on nopass +eval +get +set +multi +exec +config|get %R~r* ~k*
        2> AUTH bob x
        2> EVAL 'return redis.acl_check_cmd(unpack(ARGV))' 0 get k
        2> EVAL 'return redis.acl_check_cmd(unpack(ARGV))' 0 GET other
        2> EVAL 'return redis.acl_check_cmd(unpack(ARGV))' 0 get r1
        2> EVAL 'return redis.acl_check_cmd(unpack(ARGV))' 0 set r1 v
        2> EVAL 'return redis.acl_check_cmd(unpack(ARGV))' 0 set k1 v
        2> EVAL 'return redis.acl_check_cmd(unpack(ARGV))' 0 set
        2> EVAL 'return redis.acl_check_cmd(unpack(ARGV))' 0 del k
        2> EVAL 'return redis.acl_check_cmd(unpack(ARGV))' 0 config get
        2> EVAL 'return redis.acl_check_cmd(unpack(ARGV))' 0 config set
        2> EVAL 'return redis.acl_check_cmd(unpack(ARGV))' 0 config
        2> EVAL 'return redis.acl_check_cmd(unpack(ARGV))' 0 config nosuch
        2> EVAL 'return redis.acl_check_cmd(unpack(ARGV))' 0 nosuch
        2> EVAL 'return redis.acl_check_cmd(unpack(ARGV))' 0
        2> EVAL 'return redis.acl_check_cmd([[set]],[[k]],1.5)' 0
        2> MULTI
        2> EVAL 'return redis.acl_check_cmd(unpack(ARGV))' 0 del k
        2> EXEC
        ACL SETUSER bob +del
        2> EVAL 'return redis.acl_check_cmd(unpack(ARGV))' 0 del k
        EVAL 'return redis.acl_check_cmd(unpack(ARGV))' 0 flushall
        ACL LOG
        ",
    ),
    Case::new(
        "rights_without_a_pattern_and_refused_commands",
        r#"
        ACL DELUSER bob
        ACL LOG RESET
        ACL SETUSER bob on nopass +@all -debug %rw
        ACL DRYRUN bob GET ""
        ACL DRYRUN bob GET x //~ 7.2-has "User bob has no permissions to access the 'x' key" -- names the user
        ACL SETUSER bob resetkeys %R +client +sort
        ACL DRYRUN bob GET ""
        ACL SETUSER bob resetkeys %R~list ~list
        RPUSH list 1 2
        2> AUTH bob x
        2> SORT list BY w*
        2> SORT list GET w*
        2> GET x //~ code -- 7.2 words it otherwise
        3> EVAL "local all = redis.call('ACL', 'LOG') return string.match(tostring(all[1][12]), 'cmd=%a+')" 0
        ACL DELUSER bob
        DEL list
        "#,
    ),
    Case::new(
        "a_change_takes_effect_at_the_next_command",
        r"
        ACL DELUSER bob alice all
        ACL LOG RESET
        ACL SETUSER bob on nopass +@all ~*
        2> AUTH bob x
        2> SET k v
        ACL SETUSER bob -set
        2> SET k v //~ until-7.2 code -- 7.2 names the user
        ACL SETUSER bob +set resetkeys ~a*
        2> SET k v //~ until-7.2 code -- 7.2 words it otherwise
        2> SET a1 v
        2> MULTI
        2> SET a2 v
        2> GET a2
        ACL SETUSER bob -get
        2> EXEC
        2> EXISTS a2
        ACL SETUSER bob off
        2> EXISTS a2
        ACL DELUSER bob
        2> !end PING
        ",
    ),
    Case::new(
        "a_denied_command_spoils_the_transaction",
        r"
        ACL DELUSER bob alice all
        ACL LOG RESET
        ACL SETUSER bob on nopass +@all -flushall ~a*
        2> AUTH bob x
        2> MULTI
        2> SET a1 v
        2> FLUSHALL //~ until-7.2 code -- 7.2 names the user
        2> EXEC
        2> MULTI
        2> SET b v //~ until-7.2 code -- 7.2 words it otherwise
        2> EXEC
        2> EXISTS a1
        ",
    ),
    Case::new(
        "keys_are_checked_by_what_is_done_with_them",
        r#"
        ACL DELUSER bob alice all
        ACL LOG RESET
        ACL SETUSER bob on nopass +@all ~a* %R~r* %W~w* %RW~z*
        ACL DRYRUN bob GET a1
        ACL DRYRUN bob GET r1
        ACL DRYRUN bob GET w1 //~ 7.2-has "User bob has no permissions to access the 'w1' key" -- names the user
        ACL DRYRUN bob SET r1 v //~ 7.2-has "User bob has no permissions to access the 'r1' key" -- names the user
        ACL DRYRUN bob SET w1 v
        ACL DRYRUN bob SET w1 v GET //~ 7.2-has "User bob has no permissions to access the 'w1' key" -- names the user
        ACL DRYRUN bob SET z1 v GET
        ACL DRYRUN bob EXISTS w1
        ACL DRYRUN bob EXISTS q1 //~ 7.2-has "User bob has no permissions to access the 'q1' key" -- names the user
        ACL DRYRUN bob COPY r1 w1
        ACL DRYRUN bob COPY w1 r1 //~ 7.2-has "User bob has no permissions to access the 'w1' key" -- names the user
        ACL DRYRUN bob RENAME a1 w1
        ACL DRYRUN bob RENAME w1 a1 //~ 7.2-has "User bob has no permissions to access the 'w1' key" -- names the user
        ACL DRYRUN bob MGET a1 r1 q1 //~ 7.2-has "User bob has no permissions to access the 'q1' key" -- names the user
        ACL DRYRUN bob MSET a1 x w1 y
        ACL DRYRUN bob INCR w1 //~ 7.2-has "User bob has no permissions to access the 'w1' key" -- names the user
        ACL DRYRUN bob APPEND w1 x
        ACL DRYRUN bob STRLEN w1
        ACL DRYRUN bob EXPIRE w1 1
        ACL DRYRUN bob TTL w1 //~ 7.2-has "User bob has no permissions to access the 'w1' key" -- names the user
        ACL DRYRUN bob HSET w1 f v
        ACL DRYRUN bob HGET w1 f //~ 7.2-has "User bob has no permissions to access the 'w1' key" -- names the user
        ACL DRYRUN bob DEL w1 r1 //~ 7.2-has "User bob has no permissions to access the 'r1' key" -- names the user
        ACL DRYRUN bob EVAL x 2 a1 r1 //~ 7.2-has "User bob has no permissions to access the 'r1' key" -- names the user
        ACL DRYRUN bob PING
        ACL DRYRUN nobody GET a1
        ACL DRYRUN bob NOSUCH a1
        ACL DRYRUN bob GET
        ACL DRYRUN bob
        "#,
    ),
    Case::new(
        "further_selectors_allow_on_their_own",
        r#"
        ACL DELUSER bob alice all
        ACL LOG RESET
        ACL SETUSER bob on nopass +get ~a* (+set ~b* ) (+del ~c*)
        ACL DRYRUN bob GET a1
        ACL DRYRUN bob SET b1 v
        ACL DRYRUN bob DEL c1
        ACL DRYRUN bob GET b1 //~ 7.2-has "User bob has no permissions to access the 'b1' key" -- names the user
        ACL DRYRUN bob SET a1 v //~ 7.2-has "User bob has no permissions to access the 'a1' key" -- names the user
        ACL DRYRUN bob DEL c1 b1 //~ 7.2-has "User bob has no permissions to access the 'b1' key" -- names the user
        ACL DRYRUN bob STRLEN a1 //~ 7.2-has "User bob has no permissions to run the 'strlen' command" -- names the user
        ACL SETUSER bob clearselectors
        ACL DRYRUN bob SET b1 v //~ 7.2-has "User bob has no permissions to run the 'set' command" -- names the user
        ACL SETUSER bob (~a)(~b)
        ACL SETUSER bob (+get ~x*) ( +set %R~y )
        "#,
    ),
    Case::new(
        "scripts_run_with_the_permissions_of_their_caller",
        r#"
        ACL DELUSER bob alice all
        ACL LOG RESET
        ACL SETUSER bob on nopass +@all -flushall ~a*
        SET b secret
        2> AUTH bob x
        2> EVAL "return redis.call('set', KEYS[1], 'v')" 1 a1
        2> EVAL "return redis.call('get', 'b')" 0 //~ until-7.2 any -- 7.2 words it otherwise; the next step shows that nothing leaks
        2> EVAL "return type(redis.pcall('get', 'b').err)" 0
        2> EVAL "return type(redis.pcall('flushall').err)" 0
        2> EVAL "return 1" 1 b //~ until-7.2 code -- 7.2 words it otherwise
        EXISTS b a1
        "#,
    ),
    Case::new(
        "categories_and_passwords_can_be_asked_for",
        r#"
        ACL DELUSER bob alice all
        ACL LOG RESET
        ACL CAT nosuch
        ACL CAT a b
        ACL CAT "x\x00y"
        ACL GENPASS //~ shape -- random
        ACL GENPASS 1 //~ shape -- random
        ACL GENPASS 5 //~ shape -- random
        ACL GENPASS 4096 //~ shape -- random
        ACL GENPASS 0
        ACL GENPASS 4097
        ACL GENPASS -1
        ACL GENPASS x
        ACL GENPASS 1 2
        ACL LOAD
        ACL SAVE
        "#,
    ),
    Case::new(
        "who_was_turned_away_is_noted",
        r#"
        ACL DELUSER bob alice all
        ACL LOG RESET
        ACL LOG
        ACL SETUSER bob on >secret +get +multi +exec +eval +set ~a*
        2> AUTH bob wrong
        2> AUTH bob wrong
        2> AUTH bob secret
        2> GET b //~ until-7.2 code -- 7.2 words it otherwise
        2> DEL a //~ until-7.2 code -- 7.2 names the user
        2> MULTI
        2> DEL a //~ until-7.2 code -- 7.2 names the user
        2> EXEC
        2> EVAL "return redis.pcall('del', 'a')" 0 //~ until-7.2 any -- 7.2 words it otherwise
        ACL LOG 2 //~ shape -- has entry-id and times since 7.2, and the client is the process's own
        ACL LOG 0
        ACL LOG -1
        ACL LOG x
        ACL LOG 1 2
        ACL LOG RESET
        ACL LOG
        "#,
    ),
    Case::new(
        "reset_and_requirepass_return_to_the_default_user",
        r#"
        ACL DELUSER bob alice all
        ACL LOG RESET
        ACL SETUSER bob on nopass +@all ~*
        2> AUTH bob x
        2> ACL WHOAMI
        2> RESET
        2> ACL WHOAMI
        CONFIG SET requirepass secret
        2> RESET
        2> ACL WHOAMI
        2> AUTH secret
        2> ACL WHOAMI
        CONFIG SET requirepass ""
        ACL SETUSER default off
        2> RESET
        2> PING
        2> AUTH x
        2> AUTH default x
        2> AUTH bob x
        2> PING
        ACL SETUSER default on
        "#,
    ),
];
