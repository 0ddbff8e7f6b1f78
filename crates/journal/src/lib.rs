//! Append log and snapshots (AOF and RDB formats) over a Storage trait.
