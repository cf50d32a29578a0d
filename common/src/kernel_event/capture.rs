//! Probe `capture`: one TCP segment with payload, stamped as by `segment`, with the first bytes of its payload.

use super::segment::Stamp;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// A stamped segment whose first payload bytes follow the record, in a whole number of words of 8 bytes.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Capture {
    /// The stamp; its kind is [`super::Kind::Capture`].
    pub stamp: Stamp,
    /// Payload bytes that follow, the padding after them not counted.
    pub captured_length: u32,
    /// The local port, host byte order.
    pub local_port: u16,
    /// The remote port, host byte order.
    pub remote_port: u16,
}

/// What the daemon sets before the probe is attached.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Settings {
    /// Payload bytes that are copied of each segment, at most [`SNAP_MAX`].
    pub snap_length: u32,
    /// How many of `ports` count; with none every port is captured.
    pub port_count: u32,
    /// Segments of other ports, local and remote, are let pass unseen.
    pub ports: [u16; PORTS_MAX],
    /// 1 when the sockets that receive segments are noted for the probe `read`, else 0.
    pub notes_sockets: u32,
}

impl Capture {
    /// Bytes of the record with what follows it.
    #[must_use]
    pub const fn length(&self) -> usize {
        size_of::<Self>() + (self.captured_length as usize).next_multiple_of(8)
    }
}

/// The longest piece of a segment that is copied: what a per-CPU map's value holds beside the record.
pub const SNAP_MAX: u32 = 16 << 10;
/// Ports that can be asked for.
pub const PORTS_MAX: usize = 16;

const _: () = assert!(size_of::<Capture>() == 48, "the layout that kernel and user space agree on");
