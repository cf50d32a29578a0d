//! HOT: empties the kernel's rings and the workers' rings into spool files, in an order that the join relies on.
//! Budget: docs/BUDGET.md, "CPU per event".
//!
//! ```text
//! every 2 ms:   1  see how far each worker has written
//!               2  copy that much of each worker's ring to its spool      (bytes: never looked into)
//!               3  empty the kernel's rings into one spool                (every stamp of those bytes is in it)
//!               4  let the response parser read what was copied in step 2
//! ```
//!
//! So a reader of a worker's record finds the kernel's stamps of its bytes in the kernel's spool.

pub mod client_ring;
pub mod kernel_rings;

use crate::spool::Writer;
use client_ring::ClientRing;
use kernel_rings::KernelRings;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// What is collected, and its destination.
pub struct Collector {
    /// The kernel's rings and their spool; `None` for a timestamp source without probes.
    pub kernel: Option<(KernelRings, Writer)>,
    /// Each worker's ring and its spool.
    pub clients: Vec<(ClientRing, Writer)>,
    /// The reader of the kernel's spool in another process, if there is one.
    pub shown: Option<Shown>,
    /// How long it sleeps between two looks.
    pub interval: Duration,
    /// Set when the load generator has ended: one more look, then it is done.
    pub over: Arc<AtomicBool>,
    /// Looks so far: a collector whose number does not grow hangs.
    pub looks: Arc<AtomicU64>,
}

/// The kernel's spool as another process sees it.
pub struct Shown {
    gauge: ClientRing,
    collected: Collected,
}

/// How much was collected, to be read meanwhile.
#[derive(Clone, Debug, Default)]
pub struct Collected {
    records: Arc<AtomicU64>,
    spooled: Arc<AtomicU64>,
    consumed: Arc<AtomicU64>,
}

impl Collected {
    /// Records of the kernel's ring.
    pub fn records(&self) -> u64 {
        self.records.load(Ordering::Relaxed)
    }

    /// How far the other process has read, and how far it may.
    pub fn parsed(&self) -> (u64, u64) {
        let consumed = self.consumed.load(Ordering::Acquire);
        (consumed, self.spooled.load(Ordering::Acquire))
    }

    /// Bytes that the other process has not read.
    pub fn lag_bytes(&self) -> u64 {
        let (consumed, spooled) = self.parsed();
        spooled.saturating_sub(consumed)
    }

    /// How far the other process has read.
    pub fn consumed(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.consumed)
    }
}

impl Shown {
    /// Shown by the header of a ring that holds nothing.
    pub fn new(gauge: ClientRing) -> Self {
        Self { gauge, collected: Collected::default() }
    }

    /// How much was collected.
    pub fn collected(&self) -> Collected {
        self.collected.clone()
    }

    fn show(&self, length: u64, records: u64) {
        self.gauge.show(length);
        self.collected.records.fetch_add(records, Ordering::Relaxed);
        self.collected.spooled.store(length, Ordering::Release);
        self.collected.consumed.store(self.gauge.consumed_of(length), Ordering::Release);
    }
}

impl Collector {
    /// Collects from these, once it runs.
    pub fn new(
        kernel: Option<(KernelRings, Writer)>,
        clients: Vec<(ClientRing, Writer)>,
        shown: Option<Shown>,
        interval_ms: u64,
    ) -> Self {
        let interval = Duration::from_millis(interval_ms);
        Self { kernel, clients, shown, interval, over: Arc::default(), looks: Arc::default() }
    }

    /// Collects until it is over; returns the clients' rings, for their counters.
    ///
    /// # Errors
    /// When a spool file can't be written: the disk is full, most likely.
    pub fn run(mut self) -> io::Result<()> {
        loop {
            let over = self.over.load(Ordering::Acquire);
            self.look()?;
            self.looks.fetch_add(1, Ordering::Relaxed);
            if over {
                return Ok(());
            }
            std::thread::sleep(self.interval);
        }
    }

    /// One turn of the loop.
    fn look(&mut self) -> io::Result<()> {
        for (ring, spool) in &mut self.clients {
            ring.drain(|bytes| spool.append(bytes))?;
        }
        if let Some((rings, spool)) = &mut self.kernel {
            let mut records = 0;
            rings.drain(|record| {
                records += 1;
                spool.append(record)
            })?;
            spool.publish()?;
            if let Some(shown) = &self.shown {
                shown.show(spool.length(), records);
            }
        }
        for (ring, spool) in &mut self.clients {
            spool.publish()?;
            ring.show(spool.length());
            spool.free_before(ring.consumed())?;
        }
        Ok(())
    }
}
