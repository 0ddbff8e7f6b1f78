//! The keyspace: sharded table, values, expiry, memory accounting. No I/O.
