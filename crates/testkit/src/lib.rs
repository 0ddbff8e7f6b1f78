//! Test tools: manual clock, real servers, RESP connection, differential runner.
