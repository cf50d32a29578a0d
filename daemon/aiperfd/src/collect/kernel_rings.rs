//! HOT: reads records out of the BPF ring buffers. Budget: docs/BUDGET.md, "CPU per event".

use aya::maps::{MapData, RingBuf};
use common::clock::MonoNs;
use common::kernel_event::Head;
use std::io;
use zerocopy::FromBytes;

/// The reading ends of the kernel's rings.
pub struct KernelRings {
    /// What sockets send, and their connections.
    pub sent: RingBuf<MapData>,
    /// What sockets receive.
    pub received: RingBuf<MapData>,
}

impl KernelRings {
    /// Passes each record that is there to `take`, those of both rings in the order of their times.
    ///
    /// # Errors
    /// The error of `take`; records are then lost, and with them the run.
    pub fn drain(&mut self, mut take: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        let (mut sent, mut received) = (self.sent.next(), self.received.next());
        loop {
            let sent_is_next = match (&sent, &received) {
                (None, None) => return Ok(()),
                (sent, None) => sent.is_some(),
                (None, Some(_)) => false,
                (Some(sent), Some(received)) => time(sent) <= time(received),
            };
            // A record is released before the next of its ring is available.
            if sent_is_next {
                let record = sent;
                record.map_or(Ok(()), |record| take(&record))?;
                sent = self.sent.next();
            } else {
                let record = received;
                record.map_or(Ok(()), |record| take(&record))?;
                received = self.received.next();
            }
        }
    }
}

/// When the probe ran. A record without a head is none of ours; it passes at once, and the reader finds it.
fn time(record: &[u8]) -> MonoNs {
    Head::read_from_prefix(record).map_or(MonoNs(0), |(head, _)| head.time)
}
