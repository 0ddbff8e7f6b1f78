//! The `guarda` binary.

fn main() {}
