//! Probe `read`: reports when a process reads bytes from an observed socket.

use crate::emit::emit;
use aya_ebpf::helpers::{bpf_get_socket_cookie, bpf_ktime_get_ns};
use aya_ebpf::macros::{btf_tracepoint, map};
use aya_ebpf::maps::LruHashMap;
use aya_ebpf::programs::BtfTracePointContext;
use common::clock::MonoNs;
use common::id::SocketCookie;
use common::kernel_event::read::{Read, SOCKETS_MAX};
use common::kernel_event::segment::RECEIVED;
use common::kernel_event::{Drop, Kind};

/// The sockets that have received a watched segment.
#[map]
static SOCKETS: LruHashMap<u64, u8> = LruHashMap::with_max_entries(SOCKETS_MAX, 0);

/// Runs when a read of any socket of the host is about to return (include/trace/events/sock.h: `sk`, `ret`, `flags`).
#[btf_tracepoint(function = "sock_recv_length")]
pub fn socket_read(ctx: BtfTracePointContext) -> i32 {
    let (length, flags) = (ctx.arg::<i32>(1), ctx.arg::<i32>(2));
    if length <= 0 || flags & MSG_PEEK != 0 {
        return 0;
    }
    let socket = ctx.arg::<*mut core::ffi::c_void>(0);
    // SAFETY: the tracepoint's first argument is a socket, which lives while the program runs.
    let cookie = unsafe { bpf_get_socket_cookie(socket) };
    // SAFETY: the value is a byte that nobody reads.
    if unsafe { SOCKETS.get(&cookie) }.is_none() {
        return 0;
    }
    // SAFETY: the helper takes nothing and can't fail.
    let time = MonoNs(unsafe { bpf_ktime_get_ns() });
    let cookie = SocketCookie(cookie);
    let record = Read { kind: Kind::Read.number(), length: length as u32, cookie, time };
    emit(record, RECEIVED, Drop::RingFull);
    0
}

/// Has reads of a socket reported.
#[inline(always)]
pub fn note(cookie: SocketCookie) {
    // A socket that is not noted has no times of reads, which is reported request by request.
    let _ = SOCKETS.insert(&cookie.0, &0, 0);
}

/// The read leaves the bytes where they are (include/linux/socket.h).
const MSG_PEEK: i32 = 2;
