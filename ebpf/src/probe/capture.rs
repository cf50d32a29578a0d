//! Probe `capture`: what probe `segment` does, and the first bytes of each segment's payload with it.

use super::read;
use super::segment::{Found, find};
use crate::emit::{count, emit, emit_bytes};
use aya_ebpf::helpers::bpf_skb_load_bytes;
use aya_ebpf::macros::{cgroup_skb, map};
use aya_ebpf::maps::{Array, PerCpuArray};
use aya_ebpf::programs::SkBuffContext;
use common::kernel_event::capture::{Capture, PORTS_MAX, SNAP_MAX, Settings};
use common::kernel_event::segment::{RECEIVED, SENT, Stamp};
use common::kernel_event::{Drop, Kind};

/// What the daemon wants captured.
#[map]
static CAPTURE_SETTINGS: Array<Settings> = Array::with_max_entries(1, 0);

/// Where a record is put together: larger than a program's stack. A sending process may be interrupted by a softirq
/// that sends or receives on the same processor, so there is a record for each of the two.
#[map]
static SCRATCH: PerCpuArray<Record> = PerCpuArray::with_max_entries(2, 0);

/// How many captures are under way on this processor.
#[map]
static DEPTH: PerCpuArray<u32> = PerCpuArray::with_max_entries(1, 0);

/// A record with room for the longest piece and its padding.
#[repr(C)]
struct Record {
    capture: Capture,
    payload: [u8; SNAP_MAX as usize + 8],
}

/// Received segments, as in probe `segment`.
#[cgroup_skb(ingress)]
pub fn capture_ingress(ctx: SkBuffContext) -> i32 {
    capture(&ctx, RECEIVED);
    ALLOW
}

/// Sent segments, as in probe `segment`.
#[cgroup_skb(egress)]
pub fn capture_egress(ctx: SkBuffContext) -> i32 {
    capture(&ctx, SENT);
    ALLOW
}

#[inline(always)]
fn capture(ctx: &SkBuffContext, direction: u32) {
    let Some(Found { stamp, header }) = find(ctx, direction) else { return };
    let Some(settings) = CAPTURE_SETTINGS.get(0) else { return };
    let (local_port, remote_port) = if direction == SENT {
        (header.source_port, header.destination_port)
    } else {
        (header.destination_port, header.source_port)
    };
    if !is_wanted(settings, local_port) && !is_wanted(settings, remote_port) {
        return;
    }
    if direction == RECEIVED && settings.notes_sockets != 0 {
        read::note(stamp.cookie);
    }
    let Some(depth) = DEPTH.get_ptr_mut(0) else { return };
    // SAFETY: this processor's own number; an interrupting program restores it before this program continues.
    let level = unsafe { depth.read_volatile() };
    // SAFETY: as above.
    unsafe { depth.write_volatile(level + 1) };
    let found = Found { stamp, header };
    let ports = (local_port, remote_port);
    if let Some(scratch) = SCRATCH.get_ptr_mut(level) {
        copy(ctx, &found, settings.snap_length, ports, scratch);
    } else {
        count(Drop::PayloadUnreadable);
        emit(captured(&found.stamp, 0, ports), direction, Drop::RingFull);
    }
    // SAFETY: as above.
    unsafe { depth.write_volatile(level) };
}

/// Copies a segment's first bytes and sends them off with its stamp.
#[inline(always)]
fn copy(
    ctx: &SkBuffContext,
    Found { stamp, header }: &Found,
    snap_length: u32,
    ports: (u16, u16),
    scratch: *mut Record,
) {
    let direction = stamp.direction;
    let wanted = stamp.payload_length.min(snap_length);
    // SAFETY: the caller's pointer is to this processor's own record, which nobody else uses meanwhile.
    let payload = unsafe { (&raw mut (*scratch).payload).cast::<core::ffi::c_void>() };
    let mut copied = 0;
    if wanted > 0 {
        // The verifier must see a length of at least 1 and at most `SNAP_MAX`, and must not see why it is the same.
        let length = ((opaque(wanted) - 1) & (SNAP_MAX - 1)) + 1;
        // SAFETY: the kernel writes at most `length` bytes, for which the record has room.
        let result =
            unsafe { bpf_skb_load_bytes(ctx.skb.skb.cast(), header.payload_offset, payload, length) };
        if result == 0 {
            copied = length;
        } else {
            count(Drop::PayloadUnreadable);
        }
    }
    // SAFETY: as above; nothing else refers to the record.
    unsafe { (*scratch).capture = captured(stamp, copied, ports) };
    let length = size_of::<Capture>() as u32 + ((copied + 7) & !7 & (2 * SNAP_MAX - 1));
    // SAFETY: the record is written up to `length`, but for padding that holds older bytes of the same map.
    unsafe { emit_bytes(scratch.cast(), length, direction, Drop::RingFull) };
}

/// What goes before so many bytes of a segment.
#[inline(always)]
fn captured(stamp: &Stamp, captured_length: u32, (local_port, remote_port): (u16, u16)) -> Capture {
    let stamp = Stamp { kind: Kind::Capture.number(), ..*stamp };
    Capture { stamp, captured_length, local_port, remote_port }
}

/// Whether a port is among those that were asked for.
#[inline(always)]
fn is_wanted(settings: &Settings, port: u16) -> bool {
    if settings.port_count == 0 {
        return true;
    }
    let mut place = 0;
    while place < PORTS_MAX {
        if (place as u32) < settings.port_count && settings.ports[place] == port {
            return true;
        }
        place += 1;
    }
    false
}

/// The same number, of which the compiler knows nothing.
#[inline(always)]
fn opaque(number: u32) -> u32 {
    // SAFETY: a volatile read of a local variable.
    unsafe { core::ptr::read_volatile(&raw const number) }
}

/// Let the packet through: this program only looks.
const ALLOW: i32 = 1;
