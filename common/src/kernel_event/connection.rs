//! Probe `connection`: the life of a TCP connection in the run's cgroup.

use crate::clock::MonoNs;
use crate::id::SocketCookie;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// A step in a connection's life, from `sock_ops`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Step {
    /// [`super::Kind::Connection`].
    pub kind: u32,
    /// [`OPENED`], [`ACCEPTED`], [`RETRANSMITTED`] or [`CLOSED`].
    pub stage: u32,
    /// The socket.
    pub cookie: SocketCookie,
    /// When the callback ran, on the clock of `bpf_ktime_get_ns`.
    pub time: MonoNs,
    /// When opened: the sequence number of the first byte that this side will send. When retransmitted: of the
    /// first byte sent again.
    pub sent_sequence: u32,
    /// When opened: the sequence number of the first byte that the other side will send.
    pub received_sequence: u32,
    /// Smoothed round-trip time in µs; 0 when not known.
    pub smoothed_rtt_us: u32,
    /// Segments retransmitted so far.
    pub retransmits: u32,
    /// The local port, host byte order.
    pub local_port: u32,
    /// The remote port, host byte order.
    pub remote_port: u32,
}

/// [`Step::stage`]: this side's connect was answered.
pub const OPENED: u32 = 1;
/// [`Step::stage`]: the other side connected to this one.
pub const ACCEPTED: u32 = 2;
/// [`Step::stage`]: a segment was sent again.
pub const RETRANSMITTED: u32 = 3;
/// [`Step::stage`]: the connection is gone.
pub const CLOSED: u32 = 4;

const _: () = assert!(size_of::<Step>() == 48, "the layout that kernel and user space agree on");
