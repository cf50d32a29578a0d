//! Probe `segment`: one TCP segment with payload, stamped as it passed the run's cgroup.

use crate::clock::MonoNs;
use crate::id::SocketCookie;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// A TCP segment that carries payload. For GRO and GSO this is the merged buffer: one stamp for all of it.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Stamp {
    /// [`super::Kind::Segment`].
    pub kind: u32,
    /// [`RECEIVED`] or [`SENT`].
    pub direction: u32,
    /// The socket that received it or sent it.
    pub cookie: SocketCookie,
    /// When it passed the hook, on the clock of `bpf_ktime_get_ns`.
    pub time: MonoNs,
    /// The TCP sequence number of the first payload byte, host byte order.
    pub sequence: u32,
    /// Payload bytes, headers not counted.
    pub payload_length: u32,
    /// The socket's smoothed round-trip time in µs when a segment was sent; 0 when not known.
    pub smoothed_rtt_us: u32,
    /// The socket's count of retransmitted segments so far, when a segment was sent.
    pub retransmits: u32,
}

/// [`Stamp::direction`]: the segment came in.
pub const RECEIVED: u32 = 0;
/// [`Stamp::direction`]: the segment went out.
pub const SENT: u32 = 1;

const _: () = assert!(size_of::<Stamp>() == 40, "the layout that kernel and user space agree on");
