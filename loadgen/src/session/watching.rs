//! Runs that send nothing: what others send is watched.

use super::given::Given;
use super::ready::tokenizer;
use super::{Failure, obey, report_exceeded, spawn};
use crate::bounds::Exceeded;
use crate::confine::Confinement;
use crate::observe;
use crate::orders::{Orders, Reporter};
use crate::ring::shared::Gauge;
use crate::worker::{DRAIN, GO};
use spec::handshake::{Report, Setup};
use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::AtomicU8;

/// Watches other clients' traffic until the daemon has no more of it; of a daemon that died, reads what it spooled.
pub(super) fn observe(
    setup: &Setup,
    watch: &spec::Watch,
    mut given: Given,
    orders: Orders,
    reporter: &mut Reporter,
    confinement: &Confinement,
) -> Result<(), Failure> {
    let plan = &setup.plan;
    let tokenizer = tokenizer(plan, &mut given)?;
    let missing = || Failure::Load("set up", io::Error::other("descriptors are missing"));
    let (memory, spool) = given.workers.pop().ok_or_else(missing)?;
    let gauge = Gauge::map(memory.as_fd()).map_err(|error| Failure::Load("map a ring", error))?;
    let replies = given.replies.take().ok_or_else(missing)?;
    // A spool that is read again grows no more.
    let over = Arc::new(AtomicU8::new(if setup.replay { DRAIN } else { GO }));
    let stop_request = Arc::clone(&over);
    spawn("orders".to_owned(), move || obey(orders, stop_request, Arc::default()))?;
    let unconfined = confinement.missing().to_vec();
    reporter.send(&Report::Prepared { entries: 0, replays: false, notices: Vec::new(), unconfined });
    let spool = (spool, gauge);
    // Parsing may be behind, for the spool holds; what is watched must not be.
    rustix::process::setpriority_process(Some(rustix::thread::gettid()), 19).ok();
    let mut met = |counts: &observe::Counts| {
        let models = counts.models.iter().cloned().collect();
        reporter.send(&Report::Watched { counts: counts.named().clone(), models });
    };
    let side = watch.side;
    let exceeded = Arc::<Exceeded>::default();
    let observer = observe::Observer {
        spool,
        replies,
        side,
        tokenizer,
        plan,
        over: &over,
        met: &mut met,
        is_replay: setup.replay,
        exceeded: Arc::clone(&exceeded),
    };
    let counts = observe::run(observer).map_err(|error| Failure::Load("watch", error))?;
    met(&counts);
    report_exceeded(reporter, &exceeded);
    reporter.send(&Report::Finished);
    Ok(())
}
