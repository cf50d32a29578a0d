//! HOT: appends records to the memory that is shared with the collector. Budget: docs/BUDGET.md, "CPU per event".

use common::client_event::{HEADER_LENGTH, Kind, RecordHeader};
use common::ring::{Counter, RING_OFFSET, SharedHeader};
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};
use std::io;
use std::os::fd::BorrowedFd;
use std::ptr::NonNull;
use std::sync::atomic::Ordering;
use zerocopy::{Immutable, IntoBytes};

/// The writing end of a shared ring. There is one writer: the hot core.
#[derive(Debug)]
pub struct Producer {
    header: NonNull<SharedHeader>,
    ring: NonNull<u8>,
    capacity: u64,
    /// What has been appended; [`Producer::publish`] makes it visible to the collector.
    written: u64,
    /// `drained` as last read: it only grows, so room computed from it is there for sure.
    drained: u64,
}

// SAFETY: the mapping is shared memory that any thread may touch; this value is its only writer and moves whole.
unsafe impl Send for Producer {}

impl Producer {
    /// Maps the memory behind `fd`, whose ring has `capacity` bytes (a power of two).
    ///
    /// # Errors
    /// When the memory can't be mapped.
    pub fn map(fd: BorrowedFd<'_>, capacity: u64) -> io::Result<Self> {
        let capacity_bytes = usize::try_from(capacity).map_err(io::Error::other)?;
        // SAFETY: a fresh mapping at an address of the kernel's choice aliases nothing.
        let base = unsafe {
            mmap(
                std::ptr::null_mut(),
                RING_OFFSET + capacity_bytes,
                ProtFlags::READ | ProtFlags::WRITE,
                MapFlags::SHARED | MapFlags::POPULATE,
                fd,
                0,
            )
        }?;
        let base = NonNull::new(base.cast::<u8>())
            .ok_or_else(|| io::Error::other("the kernel mapped address zero"))?;
        // SAFETY: the mapping is longer than the header's page.
        let ring = unsafe { base.add(RING_OFFSET) };
        Ok(Self { header: base.cast(), ring, capacity, written: 0, drained: 0 })
    }

    /// Appends a record: header, body, bytes. Waits, and counts the wait, while the ring is full.
    #[inline]
    pub fn append(&mut self, header: &RecordHeader, body: &(impl IntoBytes + Immutable), bytes: &[u8]) {
        let stride = u64::from(header.length).next_multiple_of(8);
        let begin = self.reserve(stride);
        let body = body.as_bytes();
        // SAFETY: `reserve` found `stride` bytes from `begin` that lie within the ring and that the collector has
        // drained; the three parts together are `header.length` bytes, which is no more than the stride.
        unsafe { self.copy(begin, header.as_bytes()) };
        // SAFETY: as above.
        unsafe { self.copy(begin + u64::from(HEADER_LENGTH), body) };
        // SAFETY: as above.
        unsafe { self.copy(begin + u64::from(HEADER_LENGTH) + body.len() as u64, bytes) };
        self.written += stride;
    }

    /// Lets the collector see what was appended.
    #[inline]
    pub fn publish(&self) {
        self.header().written.0.store(self.written, Ordering::Release);
    }

    /// Adds to a counter. Only this worker writes it, so a plain load and store suffice.
    #[inline]
    pub fn count(&self, counter: Counter, more: u64) {
        let cell = &self.header().counters[counter.index()];
        cell.store(cell.load(Ordering::Relaxed).wrapping_add(more), Ordering::Relaxed);
    }

    /// Sets a counter that is a level, not a sum.
    #[inline]
    pub fn set(&self, counter: Counter, level: u64) {
        self.header().counters[counter.index()].store(level, Ordering::Relaxed);
    }

    const fn header(&self) -> &SharedHeader {
        // SAFETY: the mapping lives as long as `self`, is aligned to a page, and holds atomics, for which any bytes
        // are valid and shared writes are sound.
        unsafe { self.header.as_ref() }
    }

    /// Finds `stride` contiguous bytes, padding the end of the ring if they do not fit before it.
    #[inline]
    fn reserve(&mut self, stride: u64) -> u64 {
        let to_end = self.capacity - (self.written & (self.capacity - 1));
        if stride > to_end {
            self.pad(to_end);
        }
        if self.written + stride > self.drained + self.capacity {
            self.wait_for_room(stride);
        }
        self.written & (self.capacity - 1)
    }

    #[cold]
    #[inline(never)]
    fn pad(&mut self, to_end: u64) {
        if self.written + to_end > self.drained + self.capacity {
            self.wait_for_room(to_end);
        }
        let begin = self.written & (self.capacity - 1);
        // Strides are multiples of 8, so at least the length fits; a reader needs no more of padding.
        let length = u32::try_from(to_end).unwrap_or(u32::MAX);
        let kind = u32::from(Kind::Padding.number());
        // SAFETY: 8 bytes from `begin` lie before the end of the ring and are drained.
        unsafe { self.copy(begin, [length, kind].as_bytes()) };
        self.written += to_end;
    }

    /// The collector is behind: nothing is dropped, the wait is counted and spoils the verdict.
    #[cold]
    #[inline(never)]
    fn wait_for_room(&mut self, stride: u64) {
        let header = self.header;
        // SAFETY: as in `header`; a copy of the pointer lets `self` change meanwhile.
        let shared = unsafe { header.as_ref() };
        self.drained = shared.drained.0.load(Ordering::Acquire);
        if self.written + stride <= self.drained + self.capacity {
            return;
        }
        self.publish();
        self.count(Counter::RingFull, 1);
        let started = clock::mono();
        while self.written + stride > self.drained + self.capacity {
            std::thread::sleep(std::time::Duration::from_micros(50));
            self.drained = shared.drained.0.load(Ordering::Acquire);
        }
        let waited = clock::mono() - started;
        self.count(Counter::RingFullNs, waited.0.unsigned_abs());
    }

    /// # Safety
    /// `begin + bytes.len()` must be at most `capacity`, and the collector must have drained those bytes.
    #[inline]
    unsafe fn copy(&self, begin: u64, bytes: &[u8]) {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a place within a mapping fits the address space"
        )]
        let begin = begin as usize;
        // SAFETY: the caller keeps `begin` within the mapping.
        let to = unsafe { self.ring.add(begin) };
        // SAFETY: the caller keeps the bytes within the mapping; they come from elsewhere, so nothing overlaps.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), to.as_ptr(), bytes.len()) };
    }
}

/// The response parser's view of a shared ring: how far its spool file may be read.
#[derive(Debug)]
pub struct Gauge {
    header: NonNull<SharedHeader>,
}

// SAFETY: it only touches atomics in shared memory.
unsafe impl Send for Gauge {}

impl Gauge {
    /// Maps the counters behind `fd`.
    ///
    /// # Errors
    /// When the memory can't be mapped.
    pub fn map(fd: BorrowedFd<'_>) -> io::Result<Self> {
        let protection = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: a fresh mapping at an address of the kernel's choice aliases nothing.
        let base = unsafe { mmap(std::ptr::null_mut(), RING_OFFSET, protection, MapFlags::SHARED, fd, 0) }?;
        let header =
            NonNull::new(base.cast()).ok_or_else(|| io::Error::other("the kernel mapped address zero"))?;
        Ok(Self { header })
    }

    /// Bytes of the spool file that may be read.
    #[must_use]
    pub fn visible(&self) -> u64 {
        self.header().visible.0.load(Ordering::Acquire)
    }

    /// Sets how many bytes of the spool file are not needed any more.
    pub fn set_consumed(&self, bytes: u64) {
        self.header().consumed.0.store(bytes, Ordering::Release);
    }

    const fn header(&self) -> &SharedHeader {
        // SAFETY: the mapping lives as long as `self`, is aligned to a page, and holds atomics, for which any bytes
        // are valid and shared writes are sound.
        unsafe { self.header.as_ref() }
    }
}

impl Drop for Gauge {
    fn drop(&mut self) {
        // SAFETY: the whole mapping that `map` made, and nothing refers into it any more.
        unsafe { munmap(self.header.as_ptr().cast(), RING_OFFSET) }.ok();
    }
}

impl Drop for Producer {
    fn drop(&mut self) {
        self.publish();
        #[expect(clippy::cast_possible_truncation, reason = "it was mapped with this length")]
        let length = RING_OFFSET + self.capacity as usize;
        // SAFETY: the whole mapping that `map` made, and nothing refers into it any more. A failure leaves it
        // mapped until the process ends, which does no harm.
        unsafe { munmap(self.header.as_ptr().cast(), length) }.ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::clock::MonoNs;
    use rustix::fs::{MemfdFlags, ftruncate, memfd_create};
    use std::os::fd::AsFd;

    #[test]
    fn records_do_not_cross_the_end() {
        let memory = memfd_create("test", MemfdFlags::CLOEXEC).unwrap();
        ftruncate(&memory, 4096 + 4096).unwrap();
        let mut producer = Producer::map(memory.as_fd(), 4096).unwrap();
        let bytes = [7_u8; 1000];
        for id in 0..3 {
            producer.append(&RecordHeader::new(Kind::Body, id, MonoNs(1), 0, 1000), &(), &bytes);
        }
        assert_eq!(producer.written, 3 * 1032, "three records of 1032 bytes");
        // The collector has taken all of it.
        producer.header().drained.0.store(3 * 1032, Ordering::Release);
        producer.append(&RecordHeader::new(Kind::Body, 3, MonoNs(1), 0, 1000), &(), &bytes);
        assert_eq!(producer.written, 4096 + 1032, "the fourth is at the ring's start, after padding");
        producer.publish();
        let mut padding = [0_u8; 8];
        rustix::io::pread(&memory, &mut padding, 4096 + 3 * 1032).unwrap();
        assert_eq!(padding, [232, 3, 0, 0, 0, 0, 0, 0], "1000 bytes of padding");
    }
}
