//! HOT: takes records out of the BPF ring buffer. Budget: docs/BUDGET.md, "CPU per event".

use aya::maps::{MapData, RingBuf};
use std::io;

/// The reading end of the kernel's ring.
pub struct KernelRing {
    events: RingBuf<MapData>,
}

impl KernelRing {
    /// Reads from this ring.
    pub const fn new(events: RingBuf<MapData>) -> Self {
        Self { events }
    }

    /// Hands each record that is there to `take`.
    ///
    /// # Errors
    /// What `take` fails with; the record is then lost, and with it the run.
    pub fn drain(&mut self, mut take: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        while let Some(record) = self.events.next() {
            take(&record)?;
        }
        Ok(())
    }
}
