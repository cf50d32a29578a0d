//! Streams results to an OpenTelemetry collector and to MLflow during the run.

use super::{Checked, Following, Observer, Setup, Start};
use crate::args::TelemetryArgs;
use crate::follow::Run;
use crate::plan::Refusal;
use crate::terminal::print_warning;
use anyhow::Result;
use control::{LiveRequest, Progress};
use endpoint::{Scheme, target};
use record::Streamed;
use spec::Plan;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use telemetry_out::{
    Collector, Domains, Endpoint, Event, Exports, Sender, Server, Settings, Summary, USUAL_ROOM, provider,
};
use tokio::task::JoinHandle;

/// The exporters of a run.
struct Stream {
    /// The sender's settings, until it is started with the run's name.
    settings: Option<Settings>,
    sender: Option<Arc<Sender>>,
    domains: Domains,
    /// Requests that the daemon dropped because this program's queue was full.
    not_received: Arc<AtomicU64>,
    /// What was exported, once the run is over.
    streamed: Vec<Streamed>,
}

pub(super) fn check(setup: Setup<'_>) -> Checked<'_> {
    let (args, plan) = (&setup.args.telemetry, &setup.profile.plan);
    let otlp = named(args, plan)?;
    if otlp.is_none() && args.mlflow_tracking_uri.is_none() {
        return Ok(None);
    }
    let domains = domains(&args.stream);
    let settings = Settings {
        domains,
        attributes: attributes(args, plan)?,
        otlp,
        mlflow: None,
        server: server(plan)?,
        room: room()?,
        warn: print_warning,
    };
    Ok(Some(Box::new(Stream {
        settings: Some(settings),
        sender: None,
        domains,
        not_received: Arc::default(),
        streamed: Vec::new(),
    })))
}

impl Observer for Stream {
    fn start(&mut self, start: &mut Start<'_>) -> Result<()> {
        let Some(mut settings) = self.settings.take() else { return Ok(()) };
        settings.otlp = settings.otlp.filter(is_reachable);
        settings.mlflow = start.live_run.take();
        if settings.otlp.is_none() && settings.mlflow.is_none() {
            return Ok(());
        }
        // Where cores are few, streaming results has lower priority than sending requests.
        rustix::process::nice(NICE_INCREMENT).ok();
        self.settings = Some(settings);
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

    fn discard(&mut self) {
        self.finish();
    }
}

impl Stream {
    /// Starts exporting a run; subscribes to each completed request of its daemon.
    async fn subscribe(&mut self, run: &Run) -> Result<Option<JoinHandle<()>>> {
        let Some(mut settings) = self.settings.take() else { return Ok(None) };
        let resource = settings.otlp.iter_mut().map(|collector| &mut collector.resource);
        resource.for_each(|resource| resource.push(("aiperf.benchmark.id".to_owned(), run.run_id.clone())));
        let sender = Arc::new(Sender::start(settings)?);
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

/// Whether the collector accepts connections; if not, warns.
fn is_reachable(collector: &Collector) -> bool {
    let is_reachable = collector.endpoint.is_reachable();
    if !is_reachable {
        let shown = collector.endpoint.shown();
        print_warning(&format!("OTel collector at {shown} is not reachable. Metrics will not be exported."));
    }
    is_reachable
}

/// The collector set by the flags.
fn named(args: &TelemetryArgs, plan: &Plan) -> Result<Option<Collector>> {
    let Some(given) = &args.otel_url else {
        if args.stream.iter().any(|what| what == "spans") {
            return Err(
                Refusal("--stream spans needs --otel-url: MLflow does not accept spans".to_owned()).into()
            );
        }
        return Ok(None);
    };
    let endpoint = Endpoint::parse(given).map_err(|error| Refusal(format!("--otel-url: {error}")))?;
    Ok(Some(Collector { endpoint, resource: resource(args, plan)? }))
}

fn domains(stream: &[String]) -> Domains {
    let has = |name: &str| stream.iter().any(|given| given == name);
    let all = stream.is_empty() || has("default");
    Domains {
        requests: all || has("metrics"),
        timing: all || has("timing"),
        served: false,
        spans: has("spans"),
    }
}

/// The queue's capacity in events, set by AIPerf's variable.
fn room() -> Result<usize> {
    let Ok(given) = std::env::var(ROOM) else { return Ok(USUAL_ROOM) };
    let room = given.trim().parse::<usize>().ok().filter(|room| (1..=ROOM_MAX).contains(room));
    room.ok_or_else(|| Refusal(format!("{ROOM}: `{given}` is not a number from 1 to {ROOM_MAX}")).into())
}

/// The server, if there is one.
fn server(plan: &Plan) -> Result<Option<Server>> {
    let [url] = plan.endpoint.urls.as_slice() else { return Ok(None) };
    let target = target(url, None, None)?;
    let is_remote = target.scheme != Scheme::Unix;
    Ok(is_remote.then_some(Server { host: target.host, port: target.port }))
}

/// OpenTelemetry resource attributes of this program.
fn resource(args: &TelemetryArgs, plan: &Plan) -> Result<Vec<(String, String)>> {
    let model = plan.endpoint.models.first().cloned().unwrap_or_default();
    let mut resource = vec![
        ("service.name".to_owned(), "aiperf".to_owned()),
        ("service.version".to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
        ("service.instance.id".to_owned(), std::process::id().to_string()),
        ("aiperf.endpoint.type".to_owned(), plan.endpoint.kind.clone()),
        ("aiperf.model.name".to_owned(), model),
    ];
    for pair in &args.otel_resource_attributes {
        match pair.split_once('=') {
            Some((key, value)) if !key.trim().is_empty() => {
                resource.push((key.trim().to_owned(), value.to_owned()));
            }
            _ => return Err(Refusal(format!("--otel-resource-attributes: `{pair}` is not key=value")).into()),
        }
    }
    Ok(resource)
}

/// The model's provider: `gen_ai.provider.name`.
pub(super) fn provider_of(args: &TelemetryArgs, plan: &Plan) -> Result<String> {
    if let Some(given) = &args.gen_ai_provider {
        return Ok(given.clone());
    }
    let url = plan.endpoint.urls.first().map_or("", String::as_str);
    Ok(provider(&target(url, None, None)?.host).to_owned())
}

/// Attributes of every metric.
fn attributes(args: &TelemetryArgs, plan: &Plan) -> Result<Vec<(String, String)>> {
    let provider = provider_of(args, plan)?;
    let model = plan.endpoint.models.first().cloned().unwrap_or_default();
    let operation = endpoint::by_name(&plan.endpoint.kind).map_or("chat", |known| known.metadata().operation);
    let pairs = [
        ("gen_ai.operation.name", operation.to_owned()),
        ("gen_ai.provider.name", provider),
        ("gen_ai.request.model", model),
    ];
    Ok(pairs.map(|(key, value)| (key.to_owned(), value)).to_vec())
}

/// Increment of this program's nice value, so that the load generator gets the cores first.
const NICE_INCREMENT: i32 = 10;
const ROOM: &str = "AIPERF_OTEL_MAX_BUFFERED_RECORDS";
/// More would not bound the memory.
const ROOM_MAX: usize = 1_000_000;
