//! Blocking client for Guarda, Redis and Valkey: endpoints, timeouts, retries.
