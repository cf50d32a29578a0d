//! How a record leaves the kernel: into a ring buffer, or, when that is full, into a counter.
//!
//! There is one ring for what sockets send and one for what they receive: on a busy host the two happen on different
//! processors, which would wait for each other at every record of a common ring.

use aya_ebpf::helpers::bpf_ringbuf_output;
use aya_ebpf::macros::map;
use aya_ebpf::maps::{PerCpuArray, RingBuf};
use common::kernel_event::segment::SENT;
use common::kernel_event::{DROPS, Drop};

/// Records of what sockets send, and of their connections. The daemon sets the size when it loads the object.
#[map]
static SENT_EVENTS: RingBuf = RingBuf::with_byte_size(1 << 20, 0);

/// Records of what sockets receive, of the same size.
#[map]
static RECEIVED_EVENTS: RingBuf = RingBuf::with_byte_size(1 << 20, 0);

/// What could not be reported, by [`Drop::index`].
#[map]
static DROPPED: PerCpuArray<u64> = PerCpuArray::with_max_entries(DROPS.len() as u32, 0);

/// Puts a record into its direction's ring, or counts that it found no room.
///
/// The daemon asks for records at its own pace, so no record wakes it (`BPF_RB_NO_WAKEUP`).
#[inline(always)]
pub fn emit<T: 'static>(record: T, direction: u32, when_full: Drop) {
    match ring(direction).reserve::<T>(0) {
        Some(mut entry) => {
            entry.write(record);
            entry.submit(NO_WAKEUP);
        }
        None => count(when_full),
    }
}

/// Puts `length` bytes into their direction's ring, or counts that they found no room.
///
/// # Safety
/// `bytes` points to at least `length` bytes that are initialised.
#[inline(always)]
pub unsafe fn emit_bytes(bytes: *mut u8, length: u32, direction: u32, when_full: Drop) {
    let ring = core::ptr::from_ref(ring(direction)).cast_mut().cast();
    // SAFETY: the map is a ring buffer, and the caller vouches for the bytes.
    let result = unsafe { bpf_ringbuf_output(ring, bytes.cast(), u64::from(length), NO_WAKEUP) };
    if result != 0 {
        count(when_full);
    }
}

/// The ring of a direction.
#[inline(always)]
fn ring(direction: u32) -> &'static RingBuf {
    if direction == SENT { &SENT_EVENTS } else { &RECEIVED_EVENTS }
}

/// Counts one thing that could not be reported.
#[inline(always)]
pub fn count(drop: Drop) {
    if let Some(counter) = DROPPED.get_ptr_mut(drop.index()) {
        // SAFETY: the map gave a valid pointer to this CPU's own counter, and a program is not preempted by
        // another of its kind on the same CPU between load and store (cgroup_skb runs with migration disabled;
        // softirq may interrupt process context and lose one count of a loss, never a stamp).
        unsafe { *counter += 1 };
    }
}

/// `BPF_RB_NO_WAKEUP` (include/uapi/linux/bpf.h).
const NO_WAKEUP: u64 = 1;
