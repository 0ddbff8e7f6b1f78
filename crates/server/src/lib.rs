//! Sockets, event loops, configuration, signals: the only home of the clock.
