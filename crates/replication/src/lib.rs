//! Replication. Holds its place in the architecture; it comes after the server is whole.

#![forbid(unsafe_code)]
