//! HOT: copies what a worker wrote out of shared memory, without looking into it. Budget: docs/BUDGET.md, "CPU per
//! event".
#![expect(unsafe_code, reason = "memory that another process writes to has no safe interface")]

use common::ring::{COUNTERS, RING_OFFSET, SharedHeader};
use rustix::fs::{MemfdFlags, ftruncate, memfd_create};
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// The reading end of a worker's ring.
pub struct ClientRing {
    memory: Arc<Mapping>,
    drained: u64,
}

/// A worker's counters, readable while it runs.
#[derive(Clone)]
pub struct Counters {
    memory: Arc<Mapping>,
}

struct Mapping {
    descriptor: OwnedFd,
    base: NonNull<u8>,
    capacity: u64,
}

// SAFETY: what is shared are atomics and, between `drained` and `written`, bytes that the worker does not touch.
unsafe impl Send for Mapping {}
// SAFETY: as above.
unsafe impl Sync for Mapping {}

impl ClientRing {
    /// Makes the shared memory of a ring with `capacity` bytes, a power of two.
    ///
    /// # Errors
    /// When there is no memory.
    pub fn create(capacity: u64) -> io::Result<Self> {
        let descriptor = memfd_create("aiperfd-ring", MemfdFlags::CLOEXEC)?;
        let length = RING_OFFSET as u64 + capacity;
        ftruncate(&descriptor, length)?;
        let bytes = usize::try_from(length).map_err(io::Error::other)?;
        let protection = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: a fresh mapping at an address of the kernel's choice aliases nothing.
        let base =
            unsafe { mmap(std::ptr::null_mut(), bytes, protection, MapFlags::SHARED, &descriptor, 0) }?;
        let base =
            NonNull::new(base.cast()).ok_or_else(|| io::Error::other("the kernel mapped address zero"))?;
        Ok(Self { memory: Arc::new(Mapping { descriptor, base, capacity }), drained: 0 })
    }

    /// The memory, to be passed to the worker.
    pub fn descriptor(&self) -> BorrowedFd<'_> {
        self.memory.descriptor.as_fd()
    }

    /// The worker's counters.
    pub fn counters(&self) -> Counters {
        Counters { memory: Arc::clone(&self.memory) }
    }

    /// Passes what the worker has written since the last time to `take`, in at most two pieces.
    ///
    /// # Errors
    /// The error of `take`.
    pub fn drain(&mut self, mut take: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        let header = self.memory.header();
        let written = header.written.0.load(Ordering::Acquire);
        let capacity = self.memory.capacity;
        // A faulty worker could claim anything; more than the ring holds can't be read.
        if written.wrapping_sub(self.drained) > capacity {
            return Err(io::Error::other("the load generator corrupted its ring"));
        }
        while self.drained < written {
            let begin = self.drained & (capacity - 1);
            let count = (written - self.drained).min(capacity - begin);
            take(self.memory.bytes(begin, count))?;
            self.drained += count;
        }
        header.drained.0.store(self.drained, Ordering::Release);
        Ok(())
    }

    /// Lets the response parser read the spool file up to `visible`.
    pub fn show(&self, visible: u64) {
        self.memory.header().visible.0.store(visible, Ordering::Release);
    }

    /// How far the response parser needs the spool file no more.
    pub fn consumed(&self) -> u64 {
        self.consumed_of(self.drained)
    }

    /// The same for a spool file of this length that is not of this ring.
    pub fn consumed_of(&self, length: u64) -> u64 {
        self.memory.header().consumed.0.load(Ordering::Acquire).min(length)
    }
}

impl Counters {
    /// How far the response parser has read of the spool file, and how far it may.
    #[must_use]
    pub fn parsed(&self) -> (u64, u64) {
        let header = self.memory.header();
        (header.consumed.0.load(Ordering::Acquire), header.visible.0.load(Ordering::Acquire))
    }

    /// Adds each counter to the sum at its place.
    pub fn add_to(&self, sums: &mut [u64; COUNTERS.len()]) {
        for (sum, counter) in sums.iter_mut().zip(&self.memory.header().counters) {
            *sum = sum.wrapping_add(counter.load(Ordering::Relaxed));
        }
    }
}

impl Mapping {
    const fn header(&self) -> &SharedHeader {
        // SAFETY: the mapping lives as long as `self`, is aligned to a page, and holds atomics, for which any bytes
        // are valid and shared writes are sound.
        unsafe { self.base.cast().as_ref() }
    }

    /// Bytes of the ring that the worker has written and will not touch before they are drained. Should it do so all the same,
    /// they are garbage to the response parser, which has the same user; nothing here depends on them.
    fn bytes(&self, begin: u64, count: u64) -> &[u8] {
        let count = usize::try_from(count).unwrap_or(0);
        let begin = usize::try_from(begin).unwrap_or(0);
        // SAFETY: the caller keeps `begin + count` within the ring.
        let begin = unsafe { self.base.add(RING_OFFSET + begin) };
        // SAFETY: within the mapping; see above for who writes when.
        unsafe { std::slice::from_raw_parts(begin.as_ptr(), count) }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        let bytes = RING_OFFSET + usize::try_from(self.capacity).unwrap_or(0);
        // SAFETY: the whole mapping that `create` made, and nothing refers into it any more.
        unsafe { munmap(self.base.as_ptr().cast(), bytes) }.ok();
    }
}
