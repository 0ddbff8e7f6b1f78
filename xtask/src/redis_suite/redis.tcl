
# Redis 7.2 keeps a small list in one listpack and says so; 7.0 called every list a quicklist.
rename assert_encoding assert_encoding_of_7_0
proc assert_encoding {enc key} {
    if {$enc eq "quicklist" && [r object encoding $key] eq "listpack" && [r type $key] eq "list"} {
        return
    }
    assert_encoding_of_7_0 $enc $key
}

# As the suite's, but a server is also ended if what is done with it fails: the next one needs its directory.
proc start_server_aof {overrides code} {
    upvar defaults defaults srv srv server_path server_path
    set srv [start_server [list overrides [concat $defaults $overrides]]]
    set failed [catch {uplevel 1 $code} result options]
    kill_server $srv
    if {$failed} { return -options $options $result }
}
