//! How long events were in the kernel before the client read them.

use crate::metric::{Group, List, Metric};

/// The metric.
pub(crate) const METRIC: Metric =
    Metric::list("client_receive_overhead", "Client Receive Overhead", List::ReceiveOverhead)
        .short("Receive Overhead")
        .latency()
        .ours(Group::Client)
        .order(4060)
        .text("reaped - kernel_received, of every event that has both.");
