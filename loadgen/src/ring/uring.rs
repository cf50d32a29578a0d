//! HOT: one io_uring with its sockets and receive buffers. Budget: docs/BUDGET.md, "one-token streaming requests".
//!
//! Only the thread that made it may use it (`SINGLE_ISSUER`), and completions run only when that thread calls
//! (`DEFER_TASKRUN`). Receives are multishot: armed once, they complete again and again, each with a buffer out of
//! a pool that user space refills.
//!
//! Drop order: the ring first, which cancels what is in flight; then the memory that was lent to the kernel.

use crate::ring::socket::{self, Address};
use common::clock::{DurationNs, MonoNs, RealNs};
use io_uring::register::Restriction;
use io_uring::types::{BufRingEntry, Fixed, SubmitArgs, Timespec};
use io_uring::{IoUring, cqueue, opcode, squeue};
use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous, munmap};
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::sync::atomic::{AtomicU16, Ordering};

/// A ring with `slots` places for sockets.
pub struct Ring {
    uring: IoUring,
    /// Completions taken from the kernel, not yet handed out.
    reaped: Vec<cqueue::Entry>,
    next: usize,
    slots: Vec<Slot>,
    pool: BufferPool,
    /// How receives request their stamp; `None` when they do not.
    stamped: Option<Box<libc::msghdr>>,
}

/// Whether the socket's software stamps are enabled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SocketStamps {
    /// No.
    Off,
    /// Yes, with each receive.
    Software,
}

/// What happened to a socket.
#[derive(Debug)]
pub struct Completion {
    /// The place of the socket.
    pub slot: u32,
    /// What happened.
    pub event: Event,
}

/// What happened.
#[derive(Debug)]
pub enum Event {
    /// The connect ended: an error number, or 0.
    Connected(u32),
    /// The send ended: an error number, or 0.
    Sent(u32),
    /// Bytes arrived.
    Received(Buffer),
    /// The other side ended the connection, or the receive failed with this error number. No receive is armed any
    /// more.
    ReceiveEnded(u32),
    /// The pool was empty: the receive must be armed again.
    PoolEmpty,
    /// The receive ended although bytes may come: it must be armed again.
    Disarmed,
}

/// A filled receive buffer, to be returned with [`Ring::recycle`].
#[derive(Debug)]
#[must_use = "a buffer that is not returned is lost to the pool"]
pub struct Buffer {
    id: u16,
    begin: u32,
    end: u32,
    /// When the kernel received the last segment in it, if the socket's stamps are enabled.
    pub received: Option<RealNs>,
    /// Whether the receive has ended with this buffer and must be armed again.
    pub last: bool,
}

/// What the kernel was lent for one socket; it stays here until the operation has completed.
#[derive(Default)]
struct Slot {
    socket: Option<OwnedFd>,
    address: Option<Box<RawAddress>>,
    sending: Vec<u8>,
    /// Whether the kernel still reads `sending`.
    lent: bool,
    operations: u32,
}

struct RawAddress {
    storage: libc::sockaddr_storage,
    length: libc::socklen_t,
}

impl Ring {
    /// A ring for at most `slots` sockets and `buffers` receive buffers (a power of two, at most 32,768).
    ///
    /// # Errors
    /// When the kernel refuses: older than 6.1, io_uring disabled, or no memory.
    pub fn new(slots: u32, buffers: u16, stamps: SocketStamps) -> io::Result<Self> {
        let entries = slots.next_power_of_two().clamp(64, 4096);
        let uring = IoUring::builder()
            .setup_r_disabled()
            .setup_single_issuer()
            .setup_defer_taskrun()
            .setup_taskrun_flag()
            .setup_cqsize(entries.saturating_mul(4).clamp(4096, 65536))
            .setup_clamp()
            .build(entries)?;
        uring.submitter().register_files_sparse(slots)?;
        let pool = BufferPool::register(&uring, buffers)?;
        restrict(&uring)?;
        Ok(Self {
            uring,
            reaped: Vec::with_capacity(65536),
            next: 0,
            slots: (0..slots).map(|_| Slot::default()).collect(),
            pool,
            stamped: (stamps == SocketStamps::Software).then(|| Box::new(stamped_receive())),
        })
    }

    /// Puts a socket into a free place.
    ///
    /// # Errors
    /// When the kernel refuses the registration.
    pub fn install(&mut self, slot: u32, socket: OwnedFd) -> io::Result<()> {
        self.uring.submitter().register_files_update(slot, &[socket.as_raw_fd()])?;
        self.slot(slot).socket = Some(socket);
        Ok(())
    }

    /// The socket in a place.
    #[must_use]
    pub fn socket(&self, slot: u32) -> Option<&OwnedFd> {
        self.slots[widen(slot)].socket.as_ref()
    }

    /// Takes the socket out of a place and closes it. What is in flight on it completes later.
    pub fn uninstall(&mut self, slot: u32) {
        if let Some(socket) = self.slot(slot).socket.take() {
            socket::shut_down(std::os::fd::AsFd::as_fd(&socket));
            // The kernel lets go of the file when its last operation ends; failing means that it was not there.
            self.uring.submitter().register_files_update(slot, &[-1]).ok();
        }
    }

    /// Operations in flight on a place. It must not get another socket before this is 0.
    #[must_use]
    pub fn in_flight(&self, slot: u32) -> u32 {
        self.slots[widen(slot)].operations
    }

    /// Connects the socket of a place.
    pub fn connect(&mut self, slot: u32, address: &Address) {
        let raw = Box::new(RawAddress::from(address));
        let entry = opcode::Connect::new(Fixed(slot), (&raw const raw.storage).cast(), raw.length).build();
        self.slot(slot).address = Some(raw);
        // SAFETY: the address lies in a box that the slot keeps until the connect has completed.
        unsafe { self.push(slot, Operation::Connect, entry) };
    }

    /// Whether a send has not completed yet: another one must wait.
    #[must_use]
    pub fn is_sending(&self, slot: u32) -> bool {
        self.slots[widen(slot)].lent
    }

    /// Sends all of `bytes`; [`Ring::take_sent`] returns them after [`Event::Sent`].
    ///
    /// # Panics
    /// When the send before it has not completed: its bytes are still the kernel's.
    pub fn send(&mut self, slot: u32, bytes: Vec<u8>) {
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        // Without WAITALL a full socket buffer would end the send short.
        let entry = opcode::Send::new(Fixed(slot), bytes.as_ptr(), length)
            .flags(libc::MSG_WAITALL | libc::MSG_NOSIGNAL)
            .build();
        assert!(!self.is_sending(slot), "one send at a time on a socket");
        let place = self.slot(slot);
        place.sending = bytes;
        place.lent = true;
        // SAFETY: the bytes lie in a vector that the slot keeps, untouched, until the send has completed.
        unsafe { self.push(slot, Operation::Send, entry) };
    }

    /// The bytes of a send that has completed, to be used again; nothing while it has not.
    pub fn take_sent(&mut self, slot: u32) -> Vec<u8> {
        if self.is_sending(slot) { Vec::new() } else { std::mem::take(&mut self.slot(slot).sending) }
    }

    /// Arms the receive of a place.
    pub fn receive(&mut self, slot: u32) {
        let entry = match &self.stamped {
            None => opcode::RecvMulti::new(Fixed(slot), POOL).build(),
            Some(message) => opcode::RecvMsgMulti::new(Fixed(slot), &raw const **message, POOL).build(),
        };
        // SAFETY: the operation refers to no memory but the pool and the boxed message, which both outlive the
        // ring's operations.
        unsafe { self.push(slot, Operation::Receive, entry) };
    }

    /// Submits what is queued and runs completions, waiting for the first until `until`.
    ///
    /// # Errors
    /// When the kernel refuses; an ended wait is none.
    pub fn wait(&mut self, now: MonoNs, until: MonoNs) -> io::Result<()> {
        let left = until - now;
        if left <= DurationNs::ZERO {
            return self.submit();
        }
        let timespec = Timespec::new()
            .sec(left.0.unsigned_abs() / 1_000_000_000)
            .nsec(u32::try_from(left.0.unsigned_abs() % 1_000_000_000).unwrap_or(0));
        let arguments = SubmitArgs::new().timespec(&timespec);
        tolerate(self.uring.submitter().submit_with_args(1, &arguments))
    }

    /// Submits what is queued and runs the completions that are there, without waiting.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn submit(&mut self) -> io::Result<()> {
        let queue = self.uring.submission();
        if queue.is_empty() && !queue.taskrun() {
            return Ok(());
        }
        drop(queue);
        tolerate(self.uring.submitter().submit_with_args(0, &SubmitArgs::new()))
    }

    /// The next completion that is there.
    #[inline]
    pub fn reap(&mut self) -> Option<Completion> {
        loop {
            if self.next == self.reaped.len() {
                self.reaped.clear();
                self.next = 0;
                self.reaped.extend(self.uring.completion());
                if self.reaped.is_empty() {
                    return None;
                }
            }
            let entry = self.reaped[self.next].clone();
            self.next += 1;
            if let Some(completion) = self.complete(&entry) {
                return Some(completion);
            }
        }
    }

    /// The bytes of a buffer.
    #[must_use]
    pub fn bytes(&self, buffer: &Buffer) -> &[u8] {
        self.pool.bytes(buffer)
    }

    /// Returns a buffer to the pool.
    #[inline]
    pub fn recycle(&mut self, buffer: Buffer) {
        self.pool.give_back(buffer.id);
        drop(buffer);
    }

    #[inline]
    fn complete(&mut self, entry: &cqueue::Entry) -> Option<Completion> {
        let (slot, operation) = unpack(entry.user_data());
        let errno = if entry.result() < 0 { entry.result().unsigned_abs() } else { 0 };
        let more = cqueue::more(entry.flags());
        if !more {
            let operations = &mut self.slot(slot).operations;
            *operations = operations.saturating_sub(1);
        }
        let event = match operation? {
            Operation::Connect => {
                self.slot(slot).address = None;
                Event::Connected(errno)
            }
            Operation::Send => {
                self.slot(slot).lent = false;
                Event::Sent(errno)
            }
            Operation::Receive => match cqueue::buffer_select(entry.flags()) {
                Some(id) if entry.result().unsigned_abs() > self.overhead() && entry.result() > 0 => {
                    Event::Received(self.received(id, entry.result().unsigned_abs(), more))
                }
                buffer => {
                    if let Some(id) = buffer {
                        self.pool.give_back(id);
                    }
                    match i32::try_from(errno).unwrap_or(0) {
                        libc::ENOBUFS => Event::PoolEmpty,
                        _ if more => Event::Disarmed,
                        _ => Event::ReceiveEnded(errno),
                    }
                }
            },
        };
        Some(Completion { slot, event })
    }

    /// What was received; with stamps the control data lie before the bytes.
    fn received(&self, id: u16, end: u32, more: bool) -> Buffer {
        let begin = self.overhead();
        let mut buffer = Buffer { id, begin: 0, end, received: None, last: !more };
        if begin > 0 {
            buffer.received =
                socket::software_stamp(self.pool.bytes(&buffer).get(RECEIVE_HEADER..).unwrap_or(&[]));
            buffer.begin = begin;
        }
        buffer
    }

    /// Bytes before the received ones in a buffer.
    const fn overhead(&self) -> u32 {
        if self.stamped.is_some() { STAMPED_OVERHEAD } else { 0 }
    }

    fn slot(&mut self, slot: u32) -> &mut Slot {
        &mut self.slots[widen(slot)]
    }

    /// # Safety
    /// The memory that the entry refers to must stay until its operation has completed.
    #[inline]
    unsafe fn push(&mut self, slot: u32, operation: Operation, entry: squeue::Entry) {
        let entry = entry.user_data(pack(slot, operation));
        self.slot(slot).operations += 1;
        // SAFETY: the caller keeps the memory.
        if unsafe { self.uring.submission().push(&entry) }.is_err() {
            self.push_after_submitting(&entry);
        }
    }

    /// The submission queue is full: hand it to the kernel first.
    #[cold]
    #[inline(never)]
    fn push_after_submitting(&mut self, entry: &squeue::Entry) {
        let submitted = self.uring.submitter().submit();
        // SAFETY: as in `push`, whose caller keeps the memory.
        let pushed = unsafe { self.uring.submission().push(entry) };
        assert!(submitted.is_ok() && pushed.is_ok(), "the kernel accepts submissions: {submitted:?}");
    }
}

/// Lets the ring do nothing but connect, send and receive on sockets that were registered, for good: its operations pass
/// system call filters by. Then it may be used.
fn restrict(uring: &IoUring) -> io::Result<()> {
    let operations =
        [opcode::Connect::CODE, opcode::Send::CODE, opcode::RecvMulti::CODE, opcode::RecvMsgMulti::CODE];
    let mut allowed = operations.into_iter().map(Restriction::sqe_op).collect::<Vec<_>>();
    let flags = squeue::Flags::FIXED_FILE | squeue::Flags::BUFFER_SELECT;
    allowed.push(Restriction::sqe_flags_required(squeue::Flags::FIXED_FILE.bits()));
    allowed.push(Restriction::sqe_flags_allowed(flags.bits()));
    allowed.push(Restriction::register_op(FILES_UPDATE));
    uring.submitter().register_restrictions(&mut allowed)?;
    uring.submitter().register_enable_rings()
}

/// Buffers that the kernel fills in any order and that user space returns.
struct BufferPool {
    entries: *mut BufRingEntry,
    entries_bytes: usize,
    memory: *mut u8,
    memory_bytes: usize,
    count: u16,
    /// Buffers returned so far; the kernel reads it as the ring's tail.
    tail: u16,
}

impl BufferPool {
    fn register(uring: &IoUring, count: u16) -> io::Result<Self> {
        let entries_bytes = usize::from(count) * size_of::<BufRingEntry>();
        let memory_bytes = usize::from(count) * BUFFER_BYTES;
        let entries = anonymous(entries_bytes)?.cast::<BufRingEntry>();
        let memory = anonymous(memory_bytes)?;
        let mut pool = Self { entries, entries_bytes, memory, memory_bytes, count, tail: 0 };
        // SAFETY: the entries are page-aligned memory of `count` entries that the pool keeps until after the ring.
        unsafe { uring.submitter().register_buf_ring_with_flags(entries.addr() as u64, count, POOL, 0) }?;
        for id in 0..count {
            pool.give_back(id);
        }
        Ok(pool)
    }

    #[inline]
    fn give_back(&mut self, id: u16) {
        let place = usize::from(self.tail & (self.count - 1));
        // SAFETY: `place` is below `count`, the number of entries in the mapping.
        let entry = unsafe { self.entries.add(place) };
        // SAFETY: the kernel reads an entry only after the tail has passed it, and this one it has consumed.
        let entry = unsafe { &mut *entry };
        // SAFETY: `id` is below `count`: the kernel only returns ids that it was given.
        let memory = unsafe { self.memory.add(usize::from(id) * BUFFER_BYTES) };
        entry.set_addr(memory.addr() as u64);
        entry.set_len(u32::try_from(BUFFER_BYTES).unwrap_or(0));
        entry.set_bid(id);
        self.tail = self.tail.wrapping_add(1);
        // SAFETY: the mapping's first entry holds the tail.
        let tail = unsafe { BufRingEntry::tail(self.entries) };
        // SAFETY: the tail is aligned to 2 bytes, lives as long as the mapping, and is only accessed atomically.
        let tail = unsafe { AtomicU16::from_ptr(tail.cast_mut()) };
        tail.store(self.tail, Ordering::Release);
    }

    #[inline]
    fn bytes(&self, buffer: &Buffer) -> &[u8] {
        // SAFETY: the kernel gave an id below `count`.
        let memory = unsafe { self.memory.add(usize::from(buffer.id) * BUFFER_BYTES) };
        let end = widen(buffer.end).min(BUFFER_BYTES);
        // SAFETY: the kernel has filled `end` bytes and does not touch them again before they are returned, which
        // needs the `Buffer`.
        let filled = unsafe { std::slice::from_raw_parts(memory, end) };
        &filled[widen(buffer.begin).min(end)..]
    }
}

impl Drop for BufferPool {
    fn drop(&mut self) {
        // SAFETY: the mapping that `register` made; the ring, which was dropped before, used it last.
        unsafe { munmap(self.entries.cast(), self.entries_bytes) }.ok();
        // SAFETY: as above.
        unsafe { munmap(self.memory.cast(), self.memory_bytes) }.ok();
    }
}

impl From<&Address> for RawAddress {
    fn from(address: &Address) -> Self {
        // SAFETY: all zeroes are a valid value of this plain C structure.
        let mut storage: libc::sockaddr_storage = unsafe { std::mem::zeroed() };
        let length = match address {
            Address::Internet(SocketAddr::V4(v4)) => {
                let raw = libc::sockaddr_in {
                    sin_family: family(libc::AF_INET),
                    sin_port: v4.port().to_be(),
                    sin_addr: libc::in_addr { s_addr: u32::from_ne_bytes(v4.ip().octets()) },
                    sin_zero: [0; 8],
                };
                // SAFETY: `sockaddr_storage` is larger than, and aligned for, every socket address.
                unsafe { (&raw mut storage).cast::<libc::sockaddr_in>().write(raw) };
                size_of::<libc::sockaddr_in>()
            }
            Address::Internet(SocketAddr::V6(v6)) => {
                let raw = libc::sockaddr_in6 {
                    sin6_family: family(libc::AF_INET6),
                    sin6_port: v6.port().to_be(),
                    sin6_flowinfo: v6.flowinfo(),
                    sin6_addr: libc::in6_addr { s6_addr: v6.ip().octets() },
                    sin6_scope_id: v6.scope_id(),
                };
                // SAFETY: as above.
                unsafe { (&raw mut storage).cast::<libc::sockaddr_in6>().write(raw) };
                size_of::<libc::sockaddr_in6>()
            }
            Address::Unix(path) => {
                let mut raw = libc::sockaddr_un { sun_family: family(libc::AF_UNIX), sun_path: [0; 108] };
                // The last byte stays 0: a longer path is cut, and then there is nothing to connect to.
                for (to, from) in raw.sun_path.iter_mut().take(107).zip(path.as_os_str().as_bytes()) {
                    *to = libc::c_char::from_ne_bytes([*from]);
                }
                // SAFETY: as above.
                unsafe { (&raw mut storage).cast::<libc::sockaddr_un>().write(raw) };
                size_of::<libc::sockaddr_un>()
            }
        };
        Self { storage, length: libc::socklen_t::try_from(length).unwrap_or(0) }
    }
}

#[derive(Clone, Copy, Debug)]
enum Operation {
    Connect,
    Send,
    Receive,
}

const fn pack(slot: u32, operation: Operation) -> u64 {
    ((operation as u64) << 32) | slot as u64
}

const fn unpack(user_data: u64) -> (u32, Option<Operation>) {
    #[expect(clippy::cast_possible_truncation, reason = "the lower half is the slot")]
    let slot = user_data as u32;
    let operation = match user_data >> 32 {
        0 => Some(Operation::Connect),
        1 => Some(Operation::Send),
        2 => Some(Operation::Receive),
        _ => None,
    };
    (slot, operation)
}

/// What a stamped receive requests: no name, and room for one stamp.
fn stamped_receive() -> libc::msghdr {
    // SAFETY: all zeroes are a valid value of this plain C structure: no buffers, no name.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_controllen = widen(STAMP_CONTROL);
    message
}

fn anonymous(bytes: usize) -> io::Result<*mut u8> {
    let flags = MapFlags::PRIVATE | MapFlags::POPULATE;
    // SAFETY: a fresh mapping at an address of the kernel's choice aliases nothing.
    let memory =
        unsafe { mmap_anonymous(std::ptr::null_mut(), bytes, ProtFlags::READ | ProtFlags::WRITE, flags) }?;
    Ok(memory.cast())
}

/// An ended wait, an interrupted one and a completion queue that must be reaped first are no failures.
fn tolerate(result: io::Result<usize>) -> io::Result<()> {
    match result {
        Ok(_) => Ok(()),
        Err(error)
            if matches!(
                error.raw_os_error(),
                Some(libc::ETIME | libc::EINTR | libc::EBUSY | libc::EAGAIN)
            ) =>
        {
            Ok(())
        }
        Err(error) => Err(error),
    }
}

fn family(number: libc::c_int) -> libc::sa_family_t {
    libc::sa_family_t::try_from(number).unwrap_or(0)
}

const fn widen(number: u32) -> usize {
    number as usize
}

/// Bytes of a receive buffer. Small events leave most of it unused, which costs no copying.
const BUFFER_BYTES: usize = 8 << 10;
/// Bytes of `struct io_uring_recvmsg_out` (include/uapi/linux/io_uring.h), with which a stamped receive starts.
const RECEIVE_HEADER: usize = 16;
/// Bytes for control data: one `SCM_TIMESTAMPING` of three times is 64.
const STAMP_CONTROL: u32 = 64;
const STAMPED_OVERHEAD: u32 = 16 + STAMP_CONTROL;
/// `IORING_REGISTER_FILES_UPDATE` (include/uapi/linux/io_uring.h).
const FILES_UPDATE: u8 = 6;
/// The number of the only buffer pool.
const POOL: u16 = 0;
