//! HOT: the sockets' own stamps, where the kernel's probes are not available. Budget: docs/BUDGET.md, "CPU per event".

use super::event_loop::Worker;
use crate::ring::socket;
use crate::ring::uring::{Buffer, SocketStamps};
use common::clock::{Anchor, DurationNs, MonoNs, RealNs};
use common::kernel_event::segment::{RECEIVED, SENT};
use std::os::fd::AsFd;

/// Brings the sockets' own stamps to our clock.
pub(super) struct Stamper {
    sockets: SocketStamps,
    /// Ties the clock of the sockets' stamps to ours; renewed now and then.
    anchor: Anchor,
}

impl Stamper {
    pub(super) fn new(sockets: SocketStamps) -> Self {
        Self { sockets, anchor: clock::anchor() }
    }

    /// Whether sockets stamp.
    #[inline]
    pub(super) fn is_on(&self) -> bool {
        self.sockets == SocketStamps::Software
    }

    fn renew(&mut self, now: MonoNs) {
        if now - self.anchor.mono_ns > ANCHOR_LIFE {
            self.anchor = clock::anchor();
        }
    }
}

impl Worker {
    /// Reports the socket's own stamp of a read: the time of the last segment in it.
    #[cold]
    #[inline(never)]
    pub(super) fn stamp_received(&mut self, place: u32, buffer: &Buffer, received: RealNs, now: MonoNs) {
        self.stamper.renew(now);
        // A send's stamp may have come after the send was reaped, but never after the answer.
        self.stamp_sent(place);
        let connection = self.pool.at(place);
        let begin = connection.received_offset();
        let end = begin + self.ring.bytes(buffer).len() as u64;
        self.reporter.stamped(connection.id, RECEIVED, begin, end, self.stamper.anchor.mono(received));
    }

    /// Reports the socket's own stamp of the request's last byte, if it is there.
    #[cold]
    #[inline(never)]
    pub(super) fn stamp_sent(&mut self, place: u32) {
        let stamp = self.ring.socket(place).and_then(|socket| socket::sent_stamp(socket.as_fd()));
        let connection = self.pool.at(place);
        if let Some(stamp) = stamp {
            let (begin, end) = (connection.request_begin, connection.sent_offset);
            self.reporter.stamped(connection.id, SENT, begin, end, self.stamper.anchor.mono(stamp));
        }
    }
}

/// How long the clocks' tie is good for: they drift apart by less than 50 ns in this time at 0.5 ppm.
const ANCHOR_LIFE: DurationNs = DurationNs::from_millis(100);
