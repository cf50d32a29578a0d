//! Probe `segment`: two cgroup_skb programs, one for each direction.

use super::{Probe, attach_both};

/// Stamps every segment with payload.
pub(super) const PROBE: Probe = Probe {
    name: "segment",
    attach: |programs, cgroup| attach_both(programs, cgroup, ["segment_ingress", "segment_egress"]),
};
