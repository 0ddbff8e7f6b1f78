//! What the server observes of itself, for its operators.

use crate::latency::LatencyMonitor;
use crate::monitors::Monitors;
use crate::slow_log::SlowLog;
use crate::tallies::CommandStatistics;

/// Statistics, slow calls and latencies; shared by all threads.
#[derive(Default)]
pub struct Observations {
    /// What commands cost.
    pub commands: CommandStatistics,
    /// SLOWLOG.
    pub slow: SlowLog,
    /// LATENCY.
    pub latency: LatencyMonitor,
    /// MONITOR.
    pub monitors: Monitors,
}
