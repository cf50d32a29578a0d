//! `inputs.json`, written while requests are sent.

use crate::prompt::{self, Conversations};
use crate::worker::STOP;
use endpoint::Endpoint;
use std::fs::File;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

/// What is written down of the requests while they are sent.
pub(super) struct Inputs {
    pub(super) conversations: Arc<dyn Conversations>,
    pub(super) endpoint: &'static dyn Endpoint,
    pub(super) plan: spec::Endpoint,
    /// Cores on which this must not run.
    pub(super) hot: Vec<u32>,
    pub(super) stop_request: Arc<AtomicU8>,
}

impl Inputs {
    /// Writes `inputs.json`, at lower priority than everything else; stops once the user ends the run at once.
    pub(super) fn write(&self, file: &File) -> io::Result<()> {
        rustix::process::setpriority_process(Some(rustix::thread::gettid()), 19).ok();
        keep_off(&self.hot);
        let is_wanted = || self.stop_request.load(Ordering::Relaxed) != STOP;
        let out = io::BufWriter::with_capacity(WRITE_BYTES, file);
        prompt::inputs_json(out, &*self.conversations, self.endpoint, &self.plan, &is_wanted)
    }
}

/// Leaves cores to others, if that leaves any.
fn keep_off(cpus: &[u32]) {
    let Ok(mut set) = rustix::thread::sched_getaffinity(None) else { return };
    cpus.iter().for_each(|cpu| set.unset(*cpu as usize));
    if set.count() > 0 {
        rustix::thread::sched_setaffinity(None, &set).ok();
    }
}

const WRITE_BYTES: usize = 1 << 20;
