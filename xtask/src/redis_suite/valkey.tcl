
# What 8.1 deletes in the background by default, Redis 7.2 deletes; where a SELECT goes with a MULTI, it stands before
# that in Redis 7.0 and here; SET's options are recorded in capitals here.
proc as_recorded {patterns} {
    set mapped {}
    foreach pattern $patterns {
        set pattern [string map {" pxat " " PXAT "} $pattern]
        regsub {^unlink } $pattern {del } pattern
        if {[string match {select *} $pattern] && [lindex $mapped end] eq "multi"} {
            set mapped [linsert $mapped end-1 $pattern]
        } else {
            lappend mapped $pattern
        }
    }
    return $mapped
}

rename assert_replication_stream assert_replication_stream_of_8_1
proc assert_replication_stream {stream patterns} {
    uplevel 1 [list assert_replication_stream_of_8_1 $stream [as_recorded $patterns]]
}

rename assert_aof_content assert_aof_content_of_8_1
proc assert_aof_content {path patterns} {
    uplevel 1 [list assert_aof_content_of_8_1 $path [as_recorded $patterns]]
}

# Tests that are run once more with a cluster.
proc start_cluster {args} {}
