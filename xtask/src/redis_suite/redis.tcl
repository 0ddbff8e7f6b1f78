
# Redis 7.2 keeps a small list in one listpack and says so; 7.0 called every list a quicklist.
rename assert_encoding assert_encoding_of_7_0
proc assert_encoding {enc key} {
    if {$enc eq "quicklist" && [r object encoding $key] eq "listpack" && [r type $key] eq "list"} {
        return
    }
    assert_encoding_of_7_0 $enc $key
}

# A server is also ended if what is done with it fails: the next one needs its directory. The suite's own is renamed
# where it stands, since it is read later.
proc start_server_aof {overrides code} {
    if {[catch {uplevel 1 [list start_server_aof_of_7_0 $overrides $code]} result options]} {
        catch {uplevel 1 {kill_server $srv}}
        return -options $options $result
    }
}
