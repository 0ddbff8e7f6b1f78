//! The PHP session domain shared by server and clients: key layout and lock protocol. No I/O.
