//! Probe `capture`: two cgroup_skb programs that do what those of `segment` do, and copy payload.

#![expect(unsafe_code, reason = "plain data for a map must be vouched for")]

use super::{Probe, attach_both};
use anyhow::{Context, Result};
use aya::Ebpf;
use aya::maps::Array;
use common::kernel_event::capture::{self, PORTS_MAX, SNAP_MAX};

/// Stamps every segment with payload and copies its first bytes.
pub(super) const PROBE: Probe = Probe {
    name: "capture",
    attach: |programs, cgroup| attach_both(programs, cgroup, ["capture_ingress", "capture_egress"]),
};

/// What is captured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capturing {
    /// Payload bytes of each segment.
    pub snap_length: u32,
    /// Only of these ports, local or remote; of all if there is none.
    pub ports: Vec<u16>,
    /// Whether reads of processes are stamped.
    pub reads: bool,
}

/// The settings as the kernel program reads them.
#[repr(transparent)]
#[derive(Clone, Copy)]
struct Settings(capture::Settings);

// SAFETY: integers without padding, for which any bytes are valid.
unsafe impl aya::Pod for Settings {}

impl Capturing {
    /// Configures what the kernel program captures.
    pub(super) fn configure(&self, programs: &mut Ebpf) -> Result<()> {
        let map = programs.map_mut("CAPTURE_SETTINGS").context("the object has no map `CAPTURE_SETTINGS`")?;
        let mut settings = Array::<_, Settings>::try_from(map)?;
        let mut ports = [0; PORTS_MAX];
        for (place, port) in ports.iter_mut().zip(&self.ports) {
            *place = *port;
        }
        let port_count = u32::try_from(self.ports.len().min(PORTS_MAX)).unwrap_or(0);
        let (snap_length, notes_sockets) = (self.snap_length.min(SNAP_MAX), u32::from(self.reads));
        let values = capture::Settings { snap_length, port_count, ports, notes_sockets };
        settings.set(0, Settings(values), 0).context("failed to configure what is captured")
    }
}
