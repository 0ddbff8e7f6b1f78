//! The command table: one row and one function per command, one file per family.
