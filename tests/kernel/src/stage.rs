//! A cgroup with the probes attached to it, and their records so far.

use aiperfd::cgroup::{Cgroup, Place, Subtree};
use aiperfd::collect::kernel_rings::KernelRings;
use aiperfd::probe::{Attached, Capturing, Object, Probes};
use common::id::SocketCookie;
use common::kernel_event::Kind;
use common::kernel_event::capture::Capture;
use common::kernel_event::connection::Step;
use common::kernel_event::read::Read;
use common::kernel_event::segment::Stamp;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;
use zerocopy::FromBytes;

/// A cgroup with the probes attached to it.
pub struct Stage {
    /// What the probes could not report is counted here.
    pub attached: Attached,
    /// The cgroup.
    pub cgroup: TestCgroup,
    /// What has been drained so far.
    pub seen: Seen,
    rings: KernelRings,
}

/// A cgroup of this test process, removed with everything in it when this value is dropped.
#[derive(Debug)]
pub struct TestCgroup {
    /// The cgroup.
    pub cgroup: Cgroup,
    _above: Arc<Above>,
}

/// The probes' records.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Segments, in the order of their times.
    pub stamps: Vec<Stamp>,
    /// Steps in connections' lives, in the order of their times.
    pub steps: Vec<Step>,
    /// Captured segments with their captured bytes, in the order of their times.
    pub captures: Vec<(Capture, Vec<u8>)>,
    /// Reads of sockets, in the order of the ring.
    pub reads: Vec<Read>,
}

impl Stage {
    /// A stage whose kernel rings have so many bytes.
    #[must_use]
    pub fn set(ring_bytes: u32) -> Self {
        Self::with(ring_bytes, None)
    }

    /// A stage on which payload is captured too.
    #[must_use]
    pub fn capturing(snap_length: u32, ports: &[u16]) -> Self {
        Self::with(ROOMY, Some(&Capturing { snap_length, ports: ports.to_vec(), reads: false }))
    }

    /// A stage on which payload is captured and reads of sockets are stamped.
    #[must_use]
    pub fn reading() -> Self {
        Self::with(ROOMY, Some(&Capturing { snap_length: 64, ports: Vec::new(), reads: true }))
    }

    fn with(ring_bytes: u32, capturing: Option<&Capturing>) -> Self {
        let cgroup = TestCgroup::create();
        let object = Object::find(None).unwrap();
        let probes = Probes::attach(&object, &cgroup.cgroup.open().unwrap(), ring_bytes, capturing).unwrap();
        Self { attached: probes.attached, cgroup, seen: Seen::default(), rings: probes.rings }
    }

    /// Reads what is in the rings.
    pub fn drain(&mut self) -> &Seen {
        let seen = &mut self.seen;
        let drained = self.rings.drain(|record| {
            seen.take(record);
            Ok(())
        });
        drained.unwrap();
        &self.seen
    }

    /// Drains until what was seen is enough.
    ///
    /// # Panics
    /// When it never is.
    pub fn until(&mut self, what: &str, enough: impl Fn(&Seen) -> bool) -> &Seen {
        for _ in 0..ATTEMPTS {
            self.drain();
            if enough(&self.seen) {
                return &self.seen;
            }
            std::thread::sleep(PAUSE);
        }
        panic!("the probes never reported {what}: {:?}", self.seen);
    }

    /// What the probes could not report, by reason.
    #[must_use]
    pub fn dropped(&self) -> BTreeMap<String, u64> {
        self.attached.dropped().unwrap()
    }
}

impl TestCgroup {
    /// A new cgroup below the one of this process.
    #[must_use]
    pub fn create() -> Self {
        let above = Above::get();
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let cgroup = above.0.child(&format!("test-{number}")).unwrap();
        Self { cgroup, _above: above }
    }
}

impl Seen {
    fn take(&mut self, record: &[u8]) {
        let (kind, _) = u32::read_from_prefix(record).unwrap();
        match Kind::from_number(kind) {
            Some(Kind::Segment) => self.stamps.push(Stamp::read_from_prefix(record).unwrap().0),
            Some(Kind::Connection) => self.steps.push(Step::read_from_prefix(record).unwrap().0),
            Some(Kind::Capture) => {
                let (capture, payload) = Capture::read_from_prefix(record).unwrap();
                assert_eq!(record.len(), capture.length(), "a record contains its length");
                let captured = payload[..capture.captured_length as usize].to_vec();
                self.stamps.push(capture.stamp);
                self.captures.push((capture, captured));
            }
            Some(Kind::Read) => self.reads.push(Read::read_from_prefix(record).unwrap().0),
            None => panic!("a record of unknown kind {kind}"),
        }
    }

    /// The segments of a socket in a direction.
    pub fn segments(&self, cookie: SocketCookie, direction: u32) -> impl Iterator<Item = &Stamp> {
        self.stamps.iter().filter(move |stamp| stamp.cookie == cookie && stamp.direction == direction)
    }

    /// The first step of a socket that has this stage.
    #[must_use]
    pub fn step(&self, cookie: SocketCookie, stage: u32) -> Option<&Step> {
        self.steps.iter().find(|step| step.cookie == cookie && step.stage == stage)
    }

    /// Checks that the segments of a direction carry exactly `length` bytes from `base` on: none missing, none beyond.
    ///
    /// # Panics
    /// When they do not.
    #[track_caller]
    pub fn covers(&self, cookie: SocketCookie, direction: u32, base: u32, length: u64) {
        let mut stretches = self
            .segments(cookie, direction)
            .map(|stamp| {
                let begin = u64::from(stamp.sequence.wrapping_sub(base));
                (begin, begin + u64::from(stamp.payload_length))
            })
            .collect::<Vec<_>>();
        stretches.sort_unstable();
        let mut covered = 0;
        for (begin, end) in &stretches {
            assert!(*begin <= covered, "bytes {covered} to {begin} have no stamp: {stretches:?}");
            covered = covered.max(*end);
        }
        assert_eq!(covered, length, "bytes stamped in direction {direction}: {stretches:?}");
    }
}

/// The cgroup of this process, in which those of its tests lie: there is one as long as a test needs it.
#[derive(Debug)]
struct Above(Subtree);

impl Above {
    fn get() -> Arc<Self> {
        let mut shared = ABOVE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        shared.upgrade().unwrap_or_else(|| {
            // The one before may be on its way out.
            let attempt = |_| Subtree::create(Place::Root).inspect_err(|_| std::thread::sleep(PAUSE)).ok();
            let fresh = (0..ATTEMPTS).find_map(attempt);
            let above = Arc::new(Self(fresh.expect("a cgroup for this process can be made")));
            *shared = Arc::downgrade(&above);
            above
        })
    }
}

impl Drop for Above {
    fn drop(&mut self) {
        aiperfd::cgroup::remove(self.0.path()).ok();
    }
}

static ABOVE: Mutex<Weak<Above>> = Mutex::new(Weak::new());
static NUMBER: AtomicU32 = AtomicU32::new(0);
const ATTEMPTS: u32 = 1000;
const PAUSE: Duration = Duration::from_millis(10);
/// A ring that these tests can't fill.
pub const ROOMY: u32 = 1 << 20;
