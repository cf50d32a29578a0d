//! Reads the records of a run again, whose daemon or load generator died before they were parsed.
//!
//! ```text
//! spool/worker-N ──▶ a new load generator: its response parser alone ──▶ replies ─┐
//! spool/kernel ──────────────────────────────────────────────────────────────────┴▶ join ──▶ replay/ (parts)
//! ```
//!
//! Nothing is sent. Requests that were open are recorded as interrupted.

use crate::collect::client_ring::ClientRing;
use crate::daemon::Daemon;
use crate::host::is_stopped;
use crate::live::EndedRequests;
use crate::loadgen::{Loadgen, Received};
use crate::parts::{Parts, Writers, metadata};
use crate::pipeline::{Naming, Pipeline, PipelineThread, View, phase_names, settings};
use crate::reply::Replies;
use crate::run_dirs::{RunDir, Started, run_number};
use crate::spool::{self, Reader};
use crate::standstill::{PARSER_STANDSTILL, STANDSTILL};
use crate::threads::lock;
use anyhow::{Context, Result, bail};
use common::clock::DurationNs;
use control::{Fault, Problem};
use join::{Joiner, Unmatched};
use spec::handshake::{Order, Setup};
use spec::{Plan, Side, Timestamps};
use std::collections::BTreeMap;
use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What was read again.
pub(crate) struct Replayed {
    pub(crate) parts: Parts,
    pub(crate) view: View,
    pub(crate) reported: Reported,
}

/// What the load generator reports besides the requests.
#[derive(Default)]
pub(crate) struct Reported {
    /// Bounds that something exceeded, and how much was left out, by name.
    pub(crate) exceeded: BTreeMap<String, u64>,
    /// Counts of other clients' traffic, by name.
    pub(crate) met: BTreeMap<String, u64>,
    /// The models that other clients requested.
    pub(crate) models: Vec<String>,
}

/// Reads a run's spool files again, into parts in a folder of their own.
///
/// # Errors
/// When they are not whole, or can't be read.
pub(crate) fn run(daemon: &Daemon, directory: &RunDir, plan: &Plan, started: &Started) -> Result<Replayed> {
    if !spool::is_whole(&directory.spool()) {
        bail!("the run was so long that records were freed when they were in complete parts");
    }
    let timestamps = timestamps(&started.timestamps);
    let folder = directory.path().join("replay");
    std::fs::remove_dir_all(&folder).ok();
    std::fs::create_dir(&folder).with_context(|| format!("failed to create `{}`", folder.display()))?;
    let kernel = directory.spool().join("kernel");
    let reader = kernel.is_file().then(|| Reader::again(&kernel)).transpose()?;
    let (reply_read, reply_write) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
    let spools = Spools::open(directory, plan, started)?;
    let mut parser = Loadgen::start(daemon, None)?;
    spools.give(&mut parser, directory, plan, reply_write)?;
    let (since, pid) = (clock::mono(), parser.pid());
    let hangs = || {
        let taken = clock::mono() - since;
        let hangs = taken > PREPARE_PATIENCE || (is_stopped(pid) && taken > STANDSTILL);
        hangs.then(|| Problem::new(Fault::Load, "the load generator that reads the records hangs"))
    };
    parser.prepared(&hangs)?;
    let view = Arc::new(Mutex::new(View::default()));
    let no_stamps = (timestamps == Timestamps::User).then_some(Unmatched::NoStamps);
    let joiner = match &plan.watch {
        Some(watch) => Joiner::watching(&phase_names(plan), watch.side == Side::Server),
        None => Joiner::new(&phase_names(plan), no_stamps),
    };
    let metadata = metadata(&run_id(directory), timestamps, &started.clock_begin, &started.host);
    let pipeline = Pipeline {
        replies: Replies::new(reply_read.into()),
        kernel: reader,
        joiner,
        writers: Writers::new(&folder, plan, &metadata),
        view: Arc::clone(&view),
        settings: settings(plan, started.clock_begin),
        naming: Naming::of(&run_id(directory), plan),
        live: Arc::<EndedRequests>::default(),
        rolling: None,
        keeping: None,
        received: Arc::default(),
    };
    let mut pipeline = PipelineThread::start("replay", 5, pipeline)?;
    let reported = wait_for_parser(&mut parser, || spools.parsed() + pipeline.received());
    // Without it the pipeline has no more to read.
    drop(parser);
    let parts = pipeline.wait(clock::mono)?.close()?;
    let view = lock(&view).clone();
    Ok(Replayed { parts, view, reported: reported? })
}

/// Waits until the parser has read everything, as long as it makes progress; returns what it reports.
fn wait_for_parser(parser: &mut Loadgen<'_>, progress: impl Fn() -> u64) -> Result<Reported> {
    let (mut last, mut since) = (progress(), clock::mono());
    let mut reported = Reported::default();
    loop {
        match parser.receive(LOOK)? {
            Received::Finished => return Ok(reported),
            Received::Exceeded(counts) => reported.exceeded = counts,
            Received::Watched { counts, models } => (reported.met, reported.models) = (counts, models),
            Received::Gone => bail!("the load generator that reads the records died"),
            Received::Failed(problem) => return Err(problem.into()),
            Received::Nothing | Received::Phase { .. } | Received::Stopped(_) => {}
        }
        let now = progress();
        if now != last {
            (last, since) = (now, clock::mono());
        }
        let patience = if is_stopped(parser.pid()) { STANDSTILL } else { PARSER_STANDSTILL };
        if clock::mono() - since > patience {
            bail!("the load generator that reads the records hangs");
        }
    }
}

/// The spool files that the parser reads, each with shared memory that holds how far it may be read.
struct Spools(Vec<(ClientRing, File)>);

impl Spools {
    fn open(directory: &RunDir, plan: &Plan, started: &Started) -> Result<Self> {
        let names: Vec<String> = match plan.watch {
            Some(_) => vec!["kernel".to_owned()],
            None => (0..started.workers).map(|worker| format!("worker-{worker}")).collect(),
        };
        let open = |name: String| {
            let path: PathBuf = directory.spool().join(name);
            let file = File::open(&path).with_context(|| format!("failed to open `{}`", path.display()))?;
            let gauge = ClientRing::create(GAUGE_BYTES).context("failed to make shared memory")?;
            gauge.show(file.metadata()?.len());
            Ok((gauge, file))
        };
        Ok(Self(names.into_iter().map(open).collect::<Result<_>>()?))
    }

    /// Bytes that were read so far.
    fn parsed(&self) -> u64 {
        self.0.iter().map(|(gauge, _)| gauge.counters().parsed().0).sum()
    }

    fn give(
        &self,
        parser: &mut Loadgen<'_>,
        directory: &RunDir,
        plan: &Plan,
        replies: std::os::fd::OwnedFd,
    ) -> Result<()> {
        let nothing = File::options().write(true).open("/dev/null")?;
        let inputs = directory.inputs();
        let mut opened = Vec::new();
        for (_, path) in &inputs {
            opened.push(File::open(path)?);
        }
        let setup = Setup {
            plan: plan.clone(),
            secret_headers: BTreeMap::new(),
            addresses: Vec::new(),
            run_number: run_number(&run_id(directory))?,
            cpus: vec![None; self.0.len()],
            ring_bytes: GAUGE_BYTES,
            socket_stamps: false,
            keep_raw: plan.output.keeps_responses(),
            inputs: inputs.into_iter().map(|(name, _)| name).collect(),
            replay: true,
            own_user: parser.has_own_user(),
        };
        let mut descriptors: Vec<BorrowedFd<'_>> = vec![replies.as_fd(), nothing.as_fd()];
        for (gauge, spool) in &self.0 {
            descriptors.push(gauge.descriptor());
            descriptors.push(spool.as_fd());
        }
        descriptors.extend(opened.iter().map(AsFd::as_fd));
        parser.set_up(&Order::Setup(Box::new(setup)), &descriptors)
    }
}

/// The source of timestamps of this name.
pub(crate) fn timestamps(name: &str) -> Timestamps {
    let all = [Timestamps::Ebpf, Timestamps::SoTimestamping];
    all.into_iter().find(|one| one.name() == name).unwrap_or(Timestamps::User)
}

fn run_id(directory: &RunDir) -> String {
    directory.path().file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// The inputs are read again before the records are.
const PREPARE_PATIENCE: DurationNs = DurationNs::from_millis(600_000);
const LOOK: Duration = Duration::from_millis(20);
/// Shared memory that holds no ring, only how far a spool file may be read.
const GAUGE_BYTES: u64 = 4096;
