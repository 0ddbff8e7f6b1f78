//! Lua 5.1 scripts over the command table.
