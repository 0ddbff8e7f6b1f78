//! The table.

/// Name and steps of each case.
pub(super) const CASES: &[(&str, &str)] = &[
    (
        "a request opens, commits and lets go",
        "A open = open -
         > EXISTS s_LOCK = 1
         B open = busy
         A commit one = stored
         > EXISTS s_LOCK = 0
         > PTTL s ~ 3600000
         B open = open one
         B release = true
         B release = false",
    ),
    (
        "commit (a): a tombstone that OPEN did not see",
        "> SET s old EX 1000
         A open = open old
         B open nolock = open old
         B destroy = true
         > GET s = -
         A commit late = destroyed
         > EXISTS s s_LOCK = 0
         A open = open - gone
         A commit new = stored
         > GET s = new",
    ),
    (
        "commit (a): one that OPEN saw is no obstacle, a later one is",
        "A open = open -
         A destroy = false
         B open = open - gone
         B commit one = stored
         B open = open one gone
         C kills = 1
         > EXISTS s_LOCK = 1
         B commit two = destroyed
         > EXISTS s s_LOCK = 0",
    ),
    (
        "DESTROY sent again spares the session made since",
        "> SET s old EX 1000
         A open = open old
         A destroy = true
         B open = open - gone
         B commit new = stored
         A redestroy = false
         > GET s = new
         A destroy = true
         > GET s = -",
    ),
    (
        "commit (a) comes before (b): the same bytes do not bring a session back",
        "> SET s old EX 1000
         A open nolock = open old
         B open nolock = open old
         B destroy = true
         A commit old = destroyed
         > EXISTS s = 0",
    ),
    (
        "commit (b): the same bytes refresh the TTL, whoever has the lock",
        "> SET s old EX 10
         A open = open old
         A commit old = stored
         > PTTL s ~ 3600000
         > EXISTS s_LOCK = 0
         A commit old ttl=90000 = stored
         > PTTL s ~ 90000
         > SET s_LOCK host|1 EX 100
         A commit old ttl=80000 = stored
         > PTTL s ~ 80000
         > GET s_LOCK = host|1",
    ),
    (
        "commit (c): the lock is another's",
        "> SET s old EX 1000
         A open = open old
         > SET s_LOCK host|1 EX 100
         A commit mine = locklost
         > GET s = old
         > GET s_LOCK = host|1",
    ),
    (
        "commit (c): the lock ran out and nobody came",
        "> SET s old EX 1000
         A open = open old
         > DEL s_LOCK
         A commit mine = stored
         > GET s = mine
         B open = open mine
         > DEL s_LOCK
         B commit other = stored",
    ),
    (
        "commit (c): the lock ran out and somebody came and went",
        "> SET s old EX 1000
         A open = open old
         > DEL s_LOCK
         B open = open old
         B commit theirs = stored
         A commit mine = locklost
         > GET s = theirs",
    ),
    (
        "commit (c): somebody made the session that was absent",
        "A open = open -
         > DEL s_LOCK
         B open = open -
         B commit theirs = stored
         A commit mine = locklost
         > GET s = theirs",
    ),
    (
        "commit (d): without a lock the last writer wins",
        "A open nolock = open -
         B open nolock = open -
         A commit one = stored
         B commit two = stored
         > GET s = two
         > SET s_LOCK host|1 EX 100
         A commit three = stored
         > GET s = three
         > GET s_LOCK = host|1",
    ),
    (
        "a session that vanished is made again only if that is wanted",
        "> SET s old EX 1000
         A open = open old
         > DEL s
         A commit new = vanished
         > EXISTS s s_LOCK = 0
         > SET s old EX 1000
         A open = open old
         > DEL s s_LOCK
         A commit new = vanished
         > SET s old EX 1000
         A open = open old
         > DEL s
         A commit new recreate = stored
         > GET s = new
         > SET s old EX 1000
         A open nolock = open old
         > DEL s
         A commit new = vanished
         A commit new recreate = stored",
    ),
    (
        "recreate does not break into another's lock, nor undo a logout",
        "> SET s old EX 1000
         A open = open old
         > DEL s
         > SET s_LOCK host|1 EX 100
         A commit new recreate = locklost
         > DEL s_LOCK
         B open = open -
         B destroy = false
         A commit new recreate = destroyed",
    ),
    (
        "a repeated commit is harmless",
        "A open = open -
         A commit one = stored
         A recommit = stored
         B open = open one
         B commit two = stored
         guarda: A recommit = stored
         redis: A recommit = locklost
         > GET s = two",
    ),
    (
        "mustexist takes no lock and no place",
        "A open mustexist = missing
         > EXISTS s_LOCK = 0
         B open = open -
         A open mustexist = missing
         B commit one = stored
         A open mustexist = open one
         > EXISTS s_LOCK = 1
         B open mustexist = busy
         A destroy = true
         B open mustexist = missing gone",
    ),
    (
        "OPEN raises a TTL shorter than the lease, and sets one",
        "> SET s old PX 5000
         A open lease=30000 = open old
         > PTTL s ~ 30000
         > PTTL s_LOCK ~ 30000
         A open again lease=30000 ttl=90000 = open old
         > PTTL s ~ 90000
         A open again lease=30000 ttl=7000 = open old
         > PTTL s ~ 30000
         A open again lease=30000 = open old
         > PTTL s ~ 30000
         A release = true
         > PEXPIRE s 9000
         A open nolock = open old
         > PTTL s ~ 9000
         A open nolock ttl=70000 = open old
         > PTTL s ~ 70000
         > PERSIST s
         A open = open old
         > PTTL s = -1",
    ),
    (
        "the same token opens again",
        "A open lease=20000 = open -
         A open again lease=40000 = open -
         > PTTL s_LOCK ~ 40000
         B open = busy",
    ),
    (
        "touch refreshes and lets go, and makes nothing",
        "> SET s old EX 10
         A open = open old
         A touch = refreshed
         > PTTL s ~ 3600000
         > EXISTS s_LOCK = 0
         A touch = refreshed
         > SET s_LOCK host|1 EX 100
         A touch = locklost
         > GET s_LOCK = host|1
         B open nolock = open old
         B touch = refreshed
         > DEL s
         A touch = missing
         B touch = missing
         > EXISTS s = 0",
    ),
    (
        "renew keeps the lock and the session",
        "> SET s old PX 40000
         A open lease=20000 = open old
         A renew lease=30000 = held
         > PTTL s_LOCK ~ 30000
         > PTTL s ~ 40000
         A renew lease=60000 = held
         > PTTL s ~ 60000
         A renew lease=60000 ttl=90000 = held
         > PTTL s ~ 90000
         A renew lease=60000 ttl=7000 = held
         > PTTL s ~ 60000
         > DEL s_LOCK
         A renew = locklost
         > EXISTS s_LOCK = 0
         > SET s_LOCK host|1 PX 50000
         A renew = locklost
         > PTTL s_LOCK ~ 50000",
    ),
    (
        "renew of a session that is not yet there",
        "A open lease=20000 = open -
         A renew lease=50000 ttl=90000 = held
         > PTTL s_LOCK ~ 50000
         > EXISTS s s_TAG = 0
         A commit one = stored",
    ),
    (
        "a tag comes with a commit and lives with its session",
        "A open = open -
         A commit one tag=user1 ttl=90000 = stored
         > PTTL s_TAG ~ 90000
         A tag = user1
         A open = open one
         A commit two ttl=80000 = stored
         > PTTL s_TAG ~ 80000
         A open = open two
         A commit two ttl=70000 = stored
         > PTTL s_TAG ~ 70000
         A open lease=20000 ttl=95000 = open two
         > PTTL s_TAG ~ 95000
         A renew lease=99000 = held
         > PTTL s_TAG ~ 99000
         A touch = refreshed
         > PTTL s_TAG ~ 3600000
         A open = open two
         A commit two tag=user2 = stored
         A tag = user2
         A open = open two
         A commit three tag= = stored
         > EXISTS s_TAG = 0",
    ),
    (
        "a tag left behind is not inherited, except by the session itself",
        "> SET s_TAG somebody EX 100
         A open = open -
         A commit one = stored
         > EXISTS s_TAG = 0
         A open = open one
         A commit one tag=user1 = stored
         A open = open one
         > DEL s
         A commit two recreate = stored
         A tag = user1",
    ),
    (
        "a refused commit leaves the tag",
        "A open = open -
         A commit one tag=user1 = stored
         A open = open one
         > SET s_LOCK host|1 EX 100
         A commit two tag=user2 = locklost
         A tag = user1",
    ),
    (
        "a logout ends what belongs to the session, not the lock of others",
        "A open = open -
         A commit one tag=user1 = stored
         A sets_aside = true
         B open = open one
         A destroy = true
         > EXISTS s s_TAG s_CORRUPT = 0
         > EXISTS s_LOCK s_GONE = 2
         > PTTL s_GONE ~ 900000
         B commit late = destroyed
         > EXISTS s_LOCK = 0",
    ),
    (
        "killed by tag",
        "A open = open -
         A commit one tag=user1 = stored
         A open = open one
         C kills_tag user2 = 0
         C kills_tag user1 = 1
         C kills_tag user1 = 0
         > EXISTS s s_TAG = 0
         A commit late = destroyed
         > SET s_TAG user1 EX 100
         C kills_tag user1 = 0
         C kills = 0",
    ),
    (
        "data set aside",
        "A sets_aside = false
         > EXISTS s_CORRUPT = 0
         > SET s corrupt EX 1000
         A open = open corrupt
         A sets_aside = true
         > GET s_CORRUPT = corrupt
         > PTTL s_CORRUPT ~ 3600000
         > PTTL s ~ 1000000
         A release = true
         > COPY s_CORRUPT s REPLACE = 1
         B open = open corrupt",
    ),
    (
        "phpredis has the lock: OPEN waits, its unlock lets go",
        "> SET s_LOCK host|1 NX PX 30000 = OK
         A open = busy
         A waits
         > SETEX s 1440 theirs = OK
         > UNLOCK host|2 = 0
         > UNLOCK host|1 = 1
         A answered = open theirs
         > SET s_LOCK host|1 NX PX 30000 = -
         > UNLOCK host|1 = 0
         A commit mine = stored
         > SET s_LOCK host|1 NX PX 30000 = OK
         > GET s = mine",
    ),
    (
        "phpredis's lock expires while OPEN waits",
        "> SET s_LOCK host|1 NX PX 30000 = OK
         A waits
         > PEXPIRE s_LOCK 50
         A answered = open -
         A commit one = stored",
    ),
    (
        "phpredis deletes the session under a request, and makes another",
        "> SETEX s 1440 old
         A open = open old
         > DEL s
         > SETEX s 1440 theirs
         A commit mine = stored
         A open = open mine
         > DEL s_LOCK
         > SETEX s 1440 theirs
         A commit mine = locklost",
    ),
    (
        "what waits reads what the holder wrote",
        "A open = open -
         B waits
         A commit one = stored
         B answered = open one
         C waits
         B destroy = true
         C answered = open - gone
         C commit new = stored
         > GET s = new",
    ),
    (
        "what waits outlives a flush and a restart of the count",
        "> SET s old EX 1000
         A open = open old
         B waits
         > FLUSHALL
         B answered = open -
         A commit late = locklost
         B commit new = stored
         > GET s = new",
    ),
    (
        "the holder's connection ends",
        "A open = open -
         B waits
         A vanishes
         redis: > DEL s_LOCK
         B answered = open -
         B commit one = stored",
    ),
    (
        "two logouts at once",
        "> SET s old EX 1000
         A open nolock = open old
         B open nolock = open old
         A destroy = true
         B destroy = false
         A commit late = destroyed
         B commit late = destroyed
         > EXISTS s = 0",
    ),
];
