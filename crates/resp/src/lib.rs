//! Bytes to frames and back: the Redis serialization protocol, versions 2 and 3. No I/O.
