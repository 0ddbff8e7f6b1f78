# Sourced after the suite's own support files.

# Whether the port of this configuration, if it has one, can be connected to.
proc is_listening {config_file} {
    if {![regexp -line {^port ([1-9]\d*)} [exec cat $config_file] - port]} { return 1 }
    if {[catch {socket 127.0.0.1 $port} connection]} { return 0 }
    close $connection
    return 1
}

# A server that has ended will not begin to serve. (Valkey's suite gives the program and its stderr, too.)
proc wait_server_started {args} {
    lassign [expr {[llength $args] == 5 ? [lreplace $args 3 3] : [linsert $args 0 -]}] program config_file stdout pid
    for {set tries 0} {$tries < 1200} {incr tries} {
        set log [exec cat $stdout]
        if {[regexp {cannot listen on} $log]} { return 1 }
        if {[catch {exec kill -0 $pid}]} { return 0 }
        if {[regexp -- " PID: $pid" $log] && [is_listening $config_file]} { return 0 }
        after 50
    }
    error "the server of $config_file does not say that it has started"
}

# A debug build on a busy machine takes its time: what is awaited is awaited for longer.
foreach awaiting {wait_for_condition wait_for_log_messages} tries {0 3} {
    rename $awaiting ${awaiting}_of_suite
    proc $awaiting {args} [string map [list NAME ${awaiting}_of_suite AT $tries] {
        lset args AT [expr {[lindex $args AT] * 5}]
        uplevel 1 [list NAME {*}$args]
    }]
}

# What the fuzzer of payloads damages: values of all types in their small forms and in their large ones.
proc generate_types_that_are_there {} {
    foreach form {list-max-listpack-size hash-max-listpack-entries zset-max-listpack-entries} {
        r config set $form 5
    }
    foreach {size elements} {small 3 large 10} {
        for {set n 0} {$n < $elements} {incr n} {
            r rpush list:$size $n
            r hset hash:$size field:$n $n
            r zadd zset:$size $n member:$n
            r sadd set:$size member:$n
            r sadd intset:$size $n
        }
    }
    r incr int
    r set string str
}

# Nor do commands on it come by chance that are not there.
proc generate_fuzzy_traffic_on_key {key duration} \
    [regsub -all {\m(BIT\w+|GETBIT|SETBIT)\M} [info body generate_fuzzy_traffic_on_key] {}]

# Tables of all shards, and what is counted of a command, are made when they are first needed: that is not to be taken
# for what a few keys need.
proc warm_up {} {
    r debug populate 2000 warm 1
    for {set n 0} {$n < 2000} {incr n} { lappend keys warm:$n }
    r del {*}$keys
    foreach n {1 2} {
        r setex warm 10000 x
        r set warm x
        r del warm
    }
}

# What a replica would be sent is what the append log is given; there is no replication to attach to.
proc attach_to_replication_stream {} {
    r config set appendonly yes
    waitForBgrewriteaof r
    set dir [file join [lindex [r config get dir] 1] [lindex [r config get appenddirname] 1]]
    set last [lindex [lsort -dictionary [glob [file join $dir *.incr.aof]]] end]
    set log [open $last]
    fconfigure $log -translation binary
    seek $log 0 end
    set ::log_is_fresh($log) yes
    return $log
}

proc read_from_replication_stream {log} {
    for {set tries 0} {$tries < 10} {incr tries} {
        set begin [tell $log]
        set command [command_of_log $log]
        if {$command eq ""} {
            seek $log $begin
            after 100
        } elseif {[info exists ::log_is_fresh($log)]} {
            # A replica is told the database first; in a log that may have been long before.
            unset ::log_is_fresh($log)
            if {[lindex $command 0] eq "select"} { return $command }
            seek $log $begin
            return "select -"
        } else {
            return $command
        }
    }
    return ""
}

# The next command of a log; nothing where it is not whole yet.
proc command_of_log {log} {
    while {[gets $log line] >= 0 && [string index $line 0] eq "#"} {}
    if {[string index $line 0] ne "*"} { return "" }
    set words {}
    for {set left [string trim [string range $line 1 end]]} {$left > 0} {incr left -1} {
        if {[gets $log length] < 0} { return "" }
        set length [string trim [string range $length 1 end]]
        set word [read $log $length]
        if {[string length $word] != $length || [string length [read $log 2]] != 2} { return "" }
        lappend words [expr {[llength $words] ? $word : [string tolower $word]}]
    }
    return $words
}

proc close_replication_stream {log} {
    close $log
    r config set appendonly no
    return
}
