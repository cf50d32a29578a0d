//! Probe `segment`: stamps every TCP segment with payload that enters or leaves a socket of the run's cgroup.

use crate::emit::{count, emit};
use aya_ebpf::bindings::{__sk_buff, bpf_tcp_sock};
use aya_ebpf::helpers::{
    bpf_get_socket_cookie, bpf_ktime_get_ns, bpf_sk_fullsock, bpf_skb_load_bytes, bpf_tcp_sock as tcp_socket,
};
use aya_ebpf::macros::cgroup_skb;
use aya_ebpf::programs::SkBuffContext;
use common::clock::MonoNs;
use common::id::SocketCookie;
use common::kernel_event::segment::{RECEIVED, SENT, Stamp};
use common::kernel_event::{Drop, Kind};
use common::parse::{PacketReader, TcpHeader, tcp_header};

/// Received segments: runs in `sk_filter`, before the socket's queue, in the softirq that brought the packet.
#[cgroup_skb(ingress)]
pub fn segment_ingress(ctx: SkBuffContext) -> i32 {
    stamp(&ctx, RECEIVED);
    ALLOW
}

/// Sent segments: runs in `ip_finish_output`, before the queueing discipline.
#[cgroup_skb(egress)]
pub fn segment_egress(ctx: SkBuffContext) -> i32 {
    stamp(&ctx, SENT);
    ALLOW
}

/// A segment with payload, and where that begins.
pub(super) struct Found {
    pub(super) stamp: Stamp,
    pub(super) header: TcpHeader,
}

#[inline(always)]
fn stamp(ctx: &SkBuffContext, direction: u32) {
    if let Some(found) = find(ctx, direction) {
        emit(found.stamp, direction, Drop::RingFull);
    }
}

/// The segment with payload that a packet is, if it is one; what can't be parsed is counted.
#[inline(always)]
pub(super) fn find(ctx: &SkBuffContext, direction: u32) -> Option<Found> {
    // First of all: what follows takes tens of nanoseconds that are not the packet's.
    // SAFETY: the helper takes nothing and can't fail.
    let time = MonoNs(unsafe { bpf_ktime_get_ns() });
    let header = match tcp_header(&Packet(ctx)) {
        Ok(Some(header)) => header,
        Ok(None) => return None,
        Err(drop) => {
            count(drop);
            return None;
        }
    };
    let payload_length = ctx.skb.len().saturating_sub(header.payload_offset);
    if payload_length == 0 {
        return None;
    }
    // SAFETY: the context is the one that the kernel gave this program.
    let cookie = unsafe { bpf_get_socket_cookie(ctx.skb.skb.cast()) };
    if cookie == 0 {
        count(Drop::NoSocket);
        return None;
    }
    let (smoothed_rtt_us, retransmits) = if direction == SENT { path_state(ctx) } else { (0, 0) };
    let stamp = Stamp {
        kind: Kind::Segment.number(),
        direction,
        cookie: SocketCookie(cookie),
        time,
        sequence: header.sequence,
        payload_length,
        smoothed_rtt_us,
        retransmits,
    };
    Some(Found { stamp, header })
}

/// The sending socket's smoothed round-trip time in µs and its count of retransmitted segments.
#[inline(always)]
fn path_state(ctx: &SkBuffContext) -> (u32, u32) {
    let skb: *mut __sk_buff = ctx.skb.skb;
    // SAFETY: `sk` is a context field that cgroup_skb programs may read; the verifier checks the use below.
    let socket = unsafe { (*skb).__bindgen_anon_2.sk };
    if socket.is_null() {
        return (0, 0);
    }
    // SAFETY: a socket of the context that is not null; the helper returns null for one that is not full.
    let full = unsafe { bpf_sk_fullsock(socket) };
    if full.is_null() {
        return (0, 0);
    }
    // SAFETY: a full socket; the helper returns null when it is no TCP socket.
    let tcp: *mut bpf_tcp_sock = unsafe { tcp_socket(full) };
    if tcp.is_null() {
        return (0, 0);
    }
    // SAFETY: the helper gave a valid view of a TCP socket (include/uapi/linux/bpf.h, struct bpf_tcp_sock).
    let (srtt, retransmits) = unsafe { ((*tcp).srtt_us, (*tcp).total_retrans) };
    // The kernel keeps the smoothed time in eighths (include/linux/tcp.h, srtt_us).
    (srtt >> 3, retransmits)
}

/// The packet of a context, from its IP header.
struct Packet<'a>(&'a SkBuffContext);

impl PacketReader for Packet<'_> {
    #[inline(always)]
    fn read<const N: usize>(&self, offset: u32) -> Option<[u8; N]> {
        let mut bytes = [0_u8; N];
        // SAFETY: the kernel writes `N` bytes into an array of `N` bytes, or returns an error and zeroes it.
        let result =
            unsafe { bpf_skb_load_bytes(self.0.skb.skb.cast(), offset, bytes.as_mut_ptr().cast(), N as u32) };
        if result == 0 { Some(bytes) } else { None }
    }
}

/// Let the packet through: this program only looks.
const ALLOW: i32 = 1;
