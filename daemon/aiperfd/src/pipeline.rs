//! The pipeline of a run, drawn and wired: replies in, rows on disk out.
//!
//! ```text
//! response parser ──pipe──▶ reply message ─┐
//!                                          ├─▶ join ──▶ Request, Tokens ──▶ Parquet parts
//! kernel's spool ──▶ stamps ───────────────┘               │
//!                                                          └──▶ live percentiles, evidence for the verdict
//! ```
//!
//! Runs on a thread of low priority; when it is behind, the spool files wait.

use crate::live::EndedRequests;
use crate::parts::Writers;
use crate::reply::{Message, Replies, Reply};
use crate::rolling::Rolling;
use crate::run_dirs::run_number;
use crate::spool::{Keeping, Reader};
use crate::standstill::{PARSER_STANDSTILL, Since};
use crate::tally::Tally;
use crate::threads::{self, lock, spawn_with_priority};
use anyhow::{Context, Result};
use common::clock::{Anchor, DurationNs, MonoNs};
use common::kernel_event::Kind;
use common::kernel_event::capture::Capture;
use common::kernel_event::connection::Step;
use common::kernel_event::read::Read;
use common::kernel_event::segment::Stamp;
use join::{Joined, Joiner};
use metric::{Live, Settings};
use record::{Loss, Payload, Request, Response};
use spec::Plan;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use zerocopy::FromBytes;

/// What the pipeline is made of.
pub struct Pipeline {
    /// Messages of the response parser.
    pub replies: Replies,
    /// The kernel's stamps; `None` for a timestamp source without probes.
    pub kernel: Option<Reader>,
    /// Matches the two.
    pub joiner: Joiner,
    /// Where rows go.
    pub writers: Writers,
    /// Shared state, to be read while it runs.
    pub view: Arc<Mutex<View>>,
    /// Settings of live percentiles.
    pub settings: Settings,
    /// Values that all requests share; none of other clients' requests.
    pub naming: Naming,
    /// Subscribers to requests as they end.
    pub live: Arc<EndedRequests>,
    /// Where parts go as they are full, of a watch that has no end.
    pub rolling: Option<Rolling>,
    /// What is kept of the spool files; none of a run that is read again.
    pub keeping: Option<Keeping>,
    /// Messages so far: a pipeline in which their number does not grow hangs.
    pub received: Arc<AtomicU64>,
}

/// What every request of a run has in common.
#[derive(Clone, Debug, Default)]
pub struct Naming {
    /// The run's number, which its requests' ids are made of.
    pub run: Option<u64>,
    /// The model, where there is only one.
    pub model: Option<String>,
}

impl Naming {
    /// Of the requests of this run.
    #[must_use]
    pub fn of(run_id: &str, plan: &Plan) -> Self {
        if plan.watch.is_some() {
            return Self::default();
        }
        let model = plan.endpoint.models.first().filter(|_| plan.endpoint.models.len() == 1);
        Self { run: run_number(run_id).ok(), model: model.cloned() }
    }

    /// Sets a request's id and its date.
    fn name(&self, request: &mut Request, clock: &Anchor) {
        let started = request.submitted_ns.or(request.connect_begun_ns).or(request.kernel_sent_first_ns);
        request.started_unix_ns = started.map(|started| clock.real(started).0);
        if request.model.is_none() {
            request.model.clone_from(&self.model);
        }
        if let Some(run) = self.run.filter(|_| request.client_request_id.is_none()) {
            let id = request.request_id.header(run);
            request.client_request_id = Some(String::from_utf8_lossy(&id).into_owned());
        }
    }
}

/// State to be read while the pipeline runs.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// Requests recorded.
    pub recorded: u64,
    /// Numbers of the requests recorded, once there is a pipeline; a lock of its own, for they take a while to sum up.
    pub live: Arc<Mutex<Option<Live>>>,
    /// What could not be matched so far.
    pub loss: Loss,
    /// Counts for the verdict.
    pub tally: Tally,
    /// Watched requests that have started and not ended.
    pub in_flight: u64,
}

impl Pipeline {
    /// Runs until the response parser has finished or is gone; returns the writers, to be closed.
    pub fn run(mut self) -> Result<Writers> {
        let live = Arc::clone(&lock(&self.view).live);
        *lock(&live) = Some(Live::new(self.settings.clone()));
        let mut part_start = None;
        while let Some(message) =
            self.replies.receive().context("failed to read the response parser's messages")?
        {
            self.received.fetch_add(1, Ordering::Relaxed);
            match message {
                Message::Opened(_) => {}
                Message::Closed(closed) => self.joiner.forget(closed.cookie),
                Message::Stamped(stretch) => self.joiner.stretch(&stretch),
                Message::Passed(passed) => {
                    pull_kernel(self.kernel.as_mut(), &mut self.joiner, passed.time + SLACK)?;
                    self.joiner.pass(&passed);
                }
                Message::Request(reply) => {
                    pull_kernel(self.kernel.as_mut(), &mut self.joiner, reply.ended.ended + SLACK)?;
                    let mut joined = joined(&mut self.joiner, &reply);
                    self.naming.name(&mut joined.request, &self.settings.clock);
                    write(&mut self.writers, &reply, &joined)?;
                    if let Some(rolling) = &mut self.rolling {
                        rolling.take_if_due(&mut self.writers, joined.request.ended_ns)?;
                    }
                    let started = *part_start.get_or_insert(joined.request.ended_ns);
                    if joined.request.ended_ns - started > self.part_length() {
                        self.writers.end_parts()?;
                        self.keeping.iter().for_each(Keeping::ended_parts);
                        part_start = None;
                    }
                    if let Some(live) = &mut *lock(&live) {
                        live.request(&joined.request);
                    }
                    self.live.offer(&joined.request, &self.settings);
                    lock(&self.view).take(&joined);
                }
                Message::InFlight(now) => {
                    lock(&self.view).in_flight = now.open;
                }
                Message::Damaged => {
                    *lock(&self.view).loss.damaged.entry("reply_messages".to_owned()).or_default() += 1;
                }
                Message::Finished => break,
            }
        }
        if let Some(rolling) = &mut self.rolling {
            rolling.take(&mut self.writers)?;
        }
        Ok(self.writers)
    }
}

impl Pipeline {
    /// How long a part is. While the spool files are whole, a kill costs nothing, however long.
    fn part_length(&self) -> DurationNs {
        let is_short = self.keeping.as_ref().is_some_and(Keeping::is_short);
        if is_short { PART_LENGTH_SHORT } else { PART_LENGTH }
    }
}

/// The pipeline's thread, how far it is, and what it ended with.
pub(crate) struct PipelineThread {
    thread: Option<JoinHandle<Result<Writers>>>,
    received: Arc<AtomicU64>,
    result: Option<Result<Writers>>,
}

impl PipelineThread {
    /// Starts it.
    ///
    /// # Errors
    /// When no thread can be started.
    pub(crate) fn start(name: &str, priority: i32, pipeline: Pipeline) -> Result<Self> {
        let received = Arc::clone(&pipeline.received);
        let thread = spawn_with_priority(name, priority, move || pipeline.run())?;
        Ok(Self { thread: Some(thread), received, result: None })
    }

    /// Messages of the response parser so far.
    pub(crate) fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    /// Whether it has ended with a failure. That it has succeeded, because the response parser is done, is for the load
    /// generator to report.
    pub(crate) fn ended_early(&mut self) -> bool {
        if self.thread.as_ref().is_some_and(JoinHandle::is_finished)
            && let Some(thread) = self.thread.take()
        {
            self.result = Some(threads::join(thread).flatten());
        }
        matches!(self.result, Some(Err(_)))
    }

    /// What it failed with.
    pub(crate) fn failure(&self) -> Option<&anyhow::Error> {
        self.result.as_ref()?.as_ref().err()
    }

    /// Waits for its end as long as it makes progress; returns the writers.
    ///
    /// # Errors
    /// Its error, or that it hangs: it is left behind then.
    pub(crate) fn wait(&mut self, now: impl Fn() -> MonoNs) -> Result<Writers> {
        let mut last = Since { value: self.received(), since: now() };
        loop {
            self.ended_early();
            if let Some(result) = self.result.take() {
                return result;
            }
            anyhow::ensure!(self.thread.is_some(), "the pipeline was waited for before");
            if last.same(self.received(), now()) > PARSER_STANDSTILL {
                anyhow::bail!("the pipeline hangs");
            }
            std::thread::sleep(LOOK);
        }
    }
}

impl View {
    fn take(&mut self, joined: &Joined) {
        let request = &joined.request;
        self.recorded += 1;
        for token in &joined.tokens {
            if let Some(why) = &token.unmatched {
                *self.loss.unmatched_events.entry(why.clone()).or_default() += 1;
            }
        }
        if let Some(why) = &request.unmatched {
            *self.loss.unmatched_requests.entry(why.clone()).or_default() += 1;
        }
        self.tally.take(joined);
    }
}

/// The plan, with what the load generator found in the input, or the observer in the traffic.
pub(crate) fn as_run(plan: &Plan, replays: bool, models: &[String]) -> Plan {
    let mut plan = plan.clone();
    if replays {
        plan.load.replay();
    }
    if plan.watch.is_some() {
        plan.endpoint.models = models.to_vec();
    }
    plan
}

/// The names of a plan's phases, by which the joiner knows them.
pub(crate) fn phase_names(plan: &Plan) -> Vec<&str> {
    plan.load.phases.iter().map(|phase| phase.name.as_str()).collect()
}

/// What metrics a run of this plan can have, for the live percentiles.
pub(crate) fn settings(plan: &Plan, clock: Anchor) -> Settings {
    Settings {
        streaming: plan.endpoint.streaming,
        capability: plan.endpoint.capability(),
        use_server_token_count: plan.endpoint.use_server_token_count,
        is_import: false,
        fixed_schedule: false,
        show_trace_timing: false,
        network_rtt_ms: None,
        goodput: Vec::new(),
        slice_duration: None,
        profiling: None,
        warmup: None,
        measured: plan.load.measured().map(|phase| phase.name.clone()).collect(),
        phases: Vec::new(),
        steady_state: false,
        clock,
    }
}

/// Feeds the joiner every kernel record up to a moment.
fn pull_kernel(kernel: Option<&mut Reader>, joiner: &mut Joiner, until: MonoNs) -> Result<()> {
    let Some(spool) = kernel else { return Ok(()) };
    loop {
        let Some(kind) = spool.peek(size_of::<u32>())?.and_then(|word| u32::read_from_bytes(word).ok())
        else {
            return Ok(());
        };
        let length = match Kind::from_number(kind) {
            Some(Kind::Segment) => size_of::<Stamp>(),
            Some(Kind::Capture) => {
                let Some(head) = spool.peek(size_of::<Capture>())? else { return Ok(()) };
                Capture::read_from_bytes(head).map_or(size_of::<Capture>(), |capture| capture.length())
            }
            Some(Kind::Connection) => size_of::<Step>(),
            Some(Kind::Read) => size_of::<Read>(),
            // Blocks that a disk which broke never wrote read as zeros: there is no more.
            None if kind == 0 => return Ok(()),
            None => anyhow::bail!("the kernel's spool holds a record of unknown kind {kind}"),
        };
        let Some(bytes) = spool.peek(length)? else { return Ok(()) };
        let time = match Kind::from_number(kind) {
            Some(Kind::Segment | Kind::Capture) => Stamp::read_from_prefix(bytes).ok().map(|(stamp, _)| {
                if stamp.time <= until {
                    joiner.segment(&stamp);
                }
                stamp.time
            }),
            Some(Kind::Read) => Read::read_from_bytes(bytes).ok().map(|read| {
                if read.time <= until {
                    joiner.read(&read);
                }
                read.time
            }),
            _ => Step::read_from_bytes(bytes).ok().map(|step| {
                if step.time <= until {
                    joiner.step(&step);
                }
                step.time
            }),
        };
        match time {
            Some(time) if time <= until => spool.take(length),
            _ => return Ok(()),
        }
    }
}

fn joined(joiner: &mut Joiner, reply: &Reply<'_>) -> Joined {
    let mut joined = joiner.request(reply.ended, reply.events);
    if !reply.error_type.is_empty() {
        joined.request.error_type = Some(String::from_utf8_lossy(reply.error_type).into_owned());
        joined.request.error_message = Some(String::from_utf8_lossy(reply.error_message).into_owned());
    }
    let named = |bytes: &[u8]| (!bytes.is_empty()).then(|| String::from_utf8_lossy(bytes).into_owned());
    joined.request.model = named(reply.model);
    joined.request.client_request_id = named(reply.client_request_id);
    joined.request.spec_decode_histogram = named(reply.histogram);
    joined.request.conversation = named(reply.conversation);
    joined
}

fn write(writers: &mut Writers, reply: &Reply<'_>, joined: &Joined) -> Result<()> {
    writers.requests.push(joined.request.clone())?;
    for token in &joined.tokens {
        writers.tokens.push(token.clone())?;
    }
    if let Some(payloads) = &mut writers.payloads {
        let (request_id, data) = (joined.request.request_id, reply.payload.to_vec());
        let length = data.len();
        payloads.push_with(Payload { request_id, data }, length)?;
    }
    if let Some(responses) = &mut writers.responses {
        let request_id = joined.request.request_id;
        let (head, mut rest) = reply.raw.split_at(reply.raw_head_length());
        responses.push_with(Response { request_id, index: None, data: head.to_vec() }, head.len())?;
        for (index, event) in (0_u32..).zip(reply.events) {
            let length = usize::try_from(event.bytes).unwrap_or(0).min(rest.len());
            let (data, later) = rest.split_at(length);
            responses.push_with(Response { request_id, index: Some(index), data: data.to_vec() }, length)?;
            rest = later;
        }
    }
    Ok(())
}

/// How often a pipeline is looked at that is waited for.
const LOOK: std::time::Duration = std::time::Duration::from_millis(1);
/// Stamps of different processors may be out of order by less than this.
const SLACK: DurationNs = DurationNs::from_millis(50);
/// A part is ended after so much of the run.
const PART_LENGTH: DurationNs = DurationNs::from_millis(10_000);
/// The same once records are freed that are in complete parts: a kill loses no more than that.
const PART_LENGTH_SHORT: DurationNs = DurationNs::from_millis(800);
