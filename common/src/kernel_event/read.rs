//! Probe `read`: a process took bytes out of a socket.

use crate::clock::MonoNs;
use crate::id::SocketCookie;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// One read of a watched socket, from the tracepoint `sock_recv_length`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Read {
    /// [`super::Kind::Read`].
    pub kind: u32,
    /// Bytes that were taken.
    pub length: u32,
    /// The socket.
    pub cookie: SocketCookie,
    /// When the read was about to return, on the clock of `bpf_ktime_get_ns`.
    pub time: MonoNs,
}

/// Sockets that can be watched for reads at a time; the ones used longest ago make room.
pub const SOCKETS_MAX: u32 = 1 << 16;

const _: () = assert!(size_of::<Read>() == 24, "the layout that kernel and user space agree on");
