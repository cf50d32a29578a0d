//! Streams results to other systems during the run: to each [`Sink`] that the plan names.
//!
//! ```text
//! check ──▶ open ──▶ (results, in telemetry-out) ──▶ report
//! the       before   the queue, the threads and      the run's report
//! plan      the run  what was not delivered          is there
//! alone     exists
//! ```
//!
//! A sink is optional, slow, and may be down: it costs a warning, never the run.

pub(crate) mod mlflow;
mod otlp;

use super::{Checked, Following, Observer, Setup, Start};
use crate::follow::Run;
use crate::plan::{Profile, Refusal};
use crate::report::Reported;
use crate::terminal::print_warning;
use anyhow::Result;
use control::{LiveRequest, Progress};
use endpoint::{Scheme, target};
use record::Streamed;
use spec::Endpoint;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use telemetry_out::{
    Destination, Domains, Event, Exports, Sender, Server, Settings, Stream, Summary, USUAL_ROOM,
};
use tokio::task::JoinHandle;

/// Every sink, in the order in which they are opened.
const SINKS: &[for<'a> fn(&'a Profile, &'a spec::Stream) -> Named<'a>] = &[otlp::check, mlflow::check];

/// A sink that the plan names; `None` if it does not. Making one contacts nothing and writes nothing.
type Named<'a> = Result<Option<Box<dyn Sink + 'a>>>;

/// Another system that results are sent to during a run. Dropping it at any point releases what it holds there.
trait Sink {
    /// Makes it ready for a run that is about to start; `None`, after a warning, if it is not available.
    fn open(&mut self) -> Result<Option<Box<dyn Destination>>>;

    /// The files that it has written before the run's results, which are not those of an earlier run.
    fn files(&self) -> &'static [&'static str] {
        &[]
    }

    /// Receives the run's report, which has been written and shown.
    fn report(&mut self, _reported: &Reported) {}
}

/// The sinks of a run, and what is sent to all of them.
struct Sinks<'a> {
    /// Those that are open, until the sender is started with the run's name.
    destinations: Vec<Box<dyn Destination>>,
    domains: Domains,
    attributes: Vec<(String, String)>,
    server: Option<Server>,
    room: usize,
    sender: Option<Arc<Sender>>,
    /// Requests that the daemon dropped because this program's queue was full.
    not_received: Arc<AtomicU64>,
    /// What was exported, once the run is over.
    streamed: Vec<Streamed>,
    /// Dropped last: what a sink releases may be what the sender uses.
    sinks: Vec<Box<dyn Sink + 'a>>,
}

pub(super) fn check(setup: Setup<'_>) -> Checked<'_> {
    let profile = setup.profile;
    let Some(stream) = &profile.observers.stream else { return Ok(None) };
    let sinks = SINKS.iter().filter_map(|check| check(profile, stream).transpose());
    let sinks = sinks.collect::<Result<Vec<_>>>()?;
    let domains =
        Domains { requests: stream.metrics, timing: stream.timing, served: false, spans: stream.spans };
    Ok(Some(Box::new(Sinks {
        sinks,
        destinations: Vec::new(),
        domains,
        attributes: attributes(&stream.provider, &profile.plan.endpoint),
        server: server(&profile.plan.endpoint)?,
        room: room()?,
        sender: None,
        not_received: Arc::default(),
        streamed: Vec::new(),
    })))
}

impl Observer for Sinks<'_> {
    fn start(&mut self, _start: &mut Start<'_>) -> Result<()> {
        for sink in &mut self.sinks {
            self.destinations.extend(sink.open()?);
        }
        if !self.destinations.is_empty() {
            // Where cores are few, streaming results has lower priority than sending requests.
            rustix::process::nice(NICE_INCREMENT).ok();
        }
        Ok(())
    }

    fn follow<'a>(&'a mut self, run: &'a Run) -> Following<'a> {
        Box::pin(self.subscribe(run))
    }

    fn progress(&self, progress: &Progress) {
        if let Some(sender) = self.sender.as_ref().filter(|_| self.domains.timing) {
            sender.offer(Event::Progress(progress.clone()));
        }
    }

    /// Sends what is queued, and warns about what was not delivered.
    fn finish(&mut self) {
        let Some(sender) = self.sender.take() else { return };
        let Some(sender) = Arc::into_inner(sender) else {
            print_warning("the last queued results were not exported");
            return;
        };
        let not_received = self.not_received.load(Ordering::Relaxed);
        if not_received > 0 {
            print_warning(&format!(
                "{not_received} requests were not exported: this program was too slow to receive them"
            ));
        }
        let Summary { dropped, exports } = sender.finish();
        if dropped > 0 {
            print_warning(&format!("{dropped} events were dropped before they were exported"));
        }
        let streamed =
            exports.into_iter().map(|Exports { to, succeeded, failed, dropped: alone, problem, .. }| {
                let problem = problem.map(|problem| problem.replace(char::is_control, " "));
                if alone > 0 {
                    print_warning(&format!("{alone} events for the {to} were dropped"));
                }
                if failed > 0 {
                    let (all, problem) = (failed + succeeded, problem.as_deref().unwrap_or_default());
                    print_warning(&format!("{failed} of {all} exports to the {to} failed: {problem}"));
                }
                Streamed { to, succeeded, failed, dropped: not_received + dropped + alone, problem }
            });
        self.streamed = streamed.collect();
    }

    fn streamed(&mut self) -> Vec<Streamed> {
        std::mem::take(&mut self.streamed)
    }

    fn files(&self) -> Vec<&'static str> {
        self.sinks.iter().flat_map(|sink| sink.files()).copied().collect()
    }

    fn discard(&mut self) {
        self.finish();
    }

    fn report(&mut self, reported: &Reported) {
        self.sinks.iter_mut().for_each(|sink| sink.report(reported));
    }
}

impl Sinks<'_> {
    /// Starts exporting a run; subscribes to each completed request of its daemon.
    async fn subscribe(&mut self, run: &Run) -> Result<Option<JoinHandle<()>>> {
        if self.destinations.is_empty() {
            return Ok(None);
        }
        let sender = Arc::new(Sender::start(Settings {
            stream: Stream {
                domains: self.domains,
                run_id: Some(run.run_id.clone()),
                room: self.room,
                warn: print_warning,
            },
            destinations: std::mem::take(&mut self.destinations),
            attributes: std::mem::take(&mut self.attributes),
            server: self.server.take(),
        })?);
        self.sender = Some(Arc::clone(&sender));
        let path = match self.domains {
            Domains { spans: true, .. } => format!("{}/requests?stages", run.path()),
            Domains { requests: true, .. } => format!("{}/requests", run.path()),
            _ => return Ok(None),
        };
        let mut lines = run.daemon.client.lines(&path).await?;
        let not_received = Arc::clone(&self.not_received);
        let mut needs_stages = self.domains.spans;
        Ok(Some(tokio::spawn(async move {
            while let Ok(Some(request)) = lines.next::<LiveRequest>().await {
                if std::mem::take(&mut needs_stages) && request.stages.is_empty() {
                    print_warning(
                        "--stream spans: the daemon's version does not report stages, so no spans are exported",
                    );
                }
                not_received.store(request.dropped, Ordering::Relaxed);
                sender.offer(Event::Request(request));
            }
        })))
    }
}

/// The queue's capacity in events, set by AIPerf's variable.
fn room() -> Result<usize> {
    let Ok(given) = std::env::var(ROOM) else { return Ok(USUAL_ROOM) };
    let room = given.trim().parse::<usize>().ok().filter(|room| (1..=ROOM_MAX).contains(room));
    room.ok_or_else(|| Refusal(format!("{ROOM}: `{given}` is not a number from 1 to {ROOM_MAX}")).into())
}

/// The server, if there is one.
fn server(endpoint: &Endpoint) -> Result<Option<Server>> {
    let [url] = endpoint.urls.as_slice() else { return Ok(None) };
    let target = target(url, None, None)?;
    let is_remote = target.scheme != Scheme::Unix;
    Ok(is_remote.then_some(Server { host: target.host, port: target.port }))
}

/// Attributes of every metric.
fn attributes(provider: &str, endpoint: &Endpoint) -> Vec<(String, String)> {
    let model = endpoint.models.first().cloned().unwrap_or_default();
    let operation = ::endpoint::by_name(&endpoint.kind).map_or("chat", |known| known.metadata().operation);
    let pairs = [
        ("gen_ai.operation.name", operation.to_owned()),
        ("gen_ai.provider.name", provider.to_owned()),
        ("gen_ai.request.model", model),
    ];
    pairs.map(|(key, value)| (key.to_owned(), value)).to_vec()
}

/// Increment of this program's nice value, so that the load generator gets the cores first.
const NICE_INCREMENT: i32 = 10;
const ROOM: &str = "AIPERF_OTEL_MAX_BUFFERED_RECORDS";
/// More would not bound the memory.
const ROOM_MAX: usize = 1_000_000;
