//! Results to a collector and to MLflow while the run goes on.

use crate::args::TelemetryArgs;
use crate::follow::Run as Followed;
use crate::plan::Refusal;
use crate::report::read_run;
use crate::say::say_warning;
use anyhow::Result;
use control::{LiveRequest, Progress};
use endpoint::{Scheme, target};
use export::Folder;
use record::{Run, Streamed};
use spec::Plan;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use telemetry_out::{
    Collector, Domains, Endpoint, Event, Exports, LiveRun, Sender, Server, Settings, Summary, USUAL_ROOM,
    operation, provider,
};
use tokio::task::JoinHandle;

/// Who is told meanwhile.
pub(crate) struct Stream {
    /// What the sender is started with, once the run has a name.
    settings: Option<Settings>,
    sender: Option<Arc<Sender>>,
    domains: Domains,
    logs_to_mlflow: bool,
    /// Requests of which the daemon did not tell this program: there was no room.
    unheard: Arc<AtomicU64>,
}

impl Stream {
    /// What is to be told to whom, if anybody is.
    pub(crate) fn of(args: &TelemetryArgs, plan: &Plan, mlflow: Option<LiveRun>) -> Result<Option<Self>> {
        let otlp = collector(args, plan)?;
        if otlp.is_none() && mlflow.is_none() {
            return Ok(None);
        }
        let domains = domains(&args.stream);
        let logs_to_mlflow = mlflow.is_some();
        // Where cores are few, being told goes after being sent.
        rustix::process::nice(GIVES_WAY).ok();
        let settings = Settings {
            domains,
            attributes: attributes(args, plan)?,
            otlp,
            mlflow,
            server: server(plan)?,
            room: room()?,
            warn: say_warning,
        };
        let settings = Some(settings);
        Ok(Some(Self { settings, sender: None, domains, logs_to_mlflow, unheard: Arc::default() }))
    }

    /// Whether the run is logged to MLflow while it goes on.
    pub(crate) const fn logs_to_mlflow(&self) -> bool {
        self.logs_to_mlflow
    }

    /// Begins to tell of a run; has its daemon tell each request as it ends.
    pub(crate) async fn follow(&mut self, run: &Followed) -> Result<JoinHandle<()>> {
        let Some(mut settings) = self.settings.take() else { return Ok(tokio::spawn(async {})) };
        let resource = settings.otlp.iter_mut().map(|collector| &mut collector.resource);
        resource.for_each(|resource| resource.push(("aiperf.benchmark.id".to_owned(), run.run_id.clone())));
        let sender = Arc::new(Sender::start(settings)?);
        self.sender = Some(Arc::clone(&sender));
        let path = match self.domains {
            Domains { spans: true, .. } => format!("{}/requests?stages", run.path()),
            Domains { requests: true, .. } => format!("{}/requests", run.path()),
            _ => return Ok(tokio::spawn(async {})),
        };
        let mut lines = run.daemon.client.lines(&path).await?;
        let unheard = Arc::clone(&self.unheard);
        let mut wants_stages = self.domains.spans;
        Ok(tokio::spawn(async move {
            while let Ok(Some(request)) = lines.next::<LiveRequest>().await {
                if std::mem::take(&mut wants_stages) && request.stages.is_empty() {
                    say_warning(
                        "--stream spans: the daemon's version does not tell stages, so there are no spans",
                    );
                }
                unheard.store(request.dropped, Ordering::Relaxed);
                sender.offer(Event::Request(request));
            }
        }))
    }

    /// Tells how the run goes.
    pub(crate) fn progress(&self, progress: &Progress) {
        if let Some(sender) = self.sender.as_ref().filter(|_| self.domains.timing) {
            sender.offer(Event::Progress(progress.clone()));
        }
    }

    /// Sends what waits and says what did not arrive.
    pub(crate) fn finish(self) -> Vec<Streamed> {
        let Some(sender) = self.sender else { return Vec::new() };
        let Some(sender) = Arc::into_inner(sender) else {
            say_warning("the last results that were to be streamed are lost");
            return Vec::new();
        };
        let unheard = self.unheard.load(Ordering::Relaxed);
        if unheard > 0 {
            say_warning(&format!(
                "{unheard} requests were not streamed: this program was too slow to hear them"
            ));
        }
        let Summary { dropped, exports } = sender.finish();
        if dropped > 0 {
            say_warning(&format!("{dropped} events were dropped before they were sent"));
        }
        let told =
            exports.into_iter().map(|Exports { to, succeeded, failed, dropped: alone, problem, .. }| {
                let problem = problem.map(|problem| problem.replace(char::is_control, " "));
                if alone > 0 {
                    say_warning(&format!("{alone} of what was to go to the {to} was dropped"));
                }
                if failed > 0 {
                    let (all, problem) = (failed + succeeded, problem.as_deref().unwrap_or_default());
                    say_warning(&format!("{failed} of {all} exports to the {to} failed: {problem}"));
                }
                Streamed { to, succeeded, failed, dropped: unheard + dropped + alone, problem }
            });
        told.collect()
    }
}

/// Writes into the run's own words who was told of it.
pub(crate) fn note(streamed: Vec<Streamed>, directory: &Path) -> Result<()> {
    if streamed.is_empty() {
        return Ok(());
    }
    let run = Run { streamed, ..read_run(directory)? };
    let mut file = Folder::open(directory)?.create("run.json")?;
    serde_json::to_writer_pretty(&mut file, &run)?;
    file.finish()?;
    Ok(())
}

/// Whether results can be sent as the flags say, whether somebody listens there or not.
///
/// # Errors
/// What is wrong with which flag.
pub(crate) fn check(args: &TelemetryArgs, plan: &Plan) -> Result<()> {
    named(args, plan)?;
    attributes(args, plan)?;
    room().map(drop)
}

/// The collector, if one is given and reachable.
fn collector(args: &TelemetryArgs, plan: &Plan) -> Result<Option<Collector>> {
    let Some(collector) = named(args, plan)? else { return Ok(None) };
    if !collector.endpoint.is_reachable() {
        let shown = collector.endpoint.shown();
        say_warning(&format!("OTel collector at {shown} is not reachable. Metrics will not be exported."));
        return Ok(None);
    }
    Ok(Some(collector))
}

/// The collector that the flags name.
fn named(args: &TelemetryArgs, plan: &Plan) -> Result<Option<Collector>> {
    let Some(given) = &args.otel_url else {
        if args.stream.iter().any(|what| what == "spans") {
            return Err(Refusal("--stream spans needs --otel-url: MLflow takes no spans".to_owned()).into());
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

/// How many events wait at most, by AIPerf's variable.
fn room() -> Result<usize> {
    let Ok(given) = std::env::var(ROOM) else { return Ok(USUAL_ROOM) };
    let room = given.trim().parse::<usize>().ok().filter(|room| (1..=ROOM_MAX).contains(room));
    room.ok_or_else(|| Refusal(format!("{ROOM}: `{given}` is no number from 1 to {ROOM_MAX}")).into())
}

/// The server, if there is one.
fn server(plan: &Plan) -> Result<Option<Server>> {
    let [url] = plan.endpoint.urls.as_slice() else { return Ok(None) };
    let target = target(url, None, None)?;
    let is_remote = target.scheme != Scheme::Unix;
    Ok(is_remote.then_some(Server { host: target.host, port: target.port }))
}

/// What this program is.
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

/// Who offers the model: `gen_ai.provider.name`.
pub(crate) fn provider_of(args: &TelemetryArgs, plan: &Plan) -> Result<String> {
    if let Some(given) = &args.gen_ai_provider {
        return Ok(given.clone());
    }
    let url = plan.endpoint.urls.first().map_or("", String::as_str);
    Ok(provider(&target(url, None, None)?.host).to_owned())
}

/// What every metric says.
fn attributes(args: &TelemetryArgs, plan: &Plan) -> Result<Vec<(String, String)>> {
    let provider = provider_of(args, plan)?;
    let model = plan.endpoint.models.first().cloned().unwrap_or_default();
    let pairs = [
        ("gen_ai.operation.name", operation(&plan.endpoint.kind).to_owned()),
        ("gen_ai.provider.name", provider),
        ("gen_ai.request.model", model),
    ];
    Ok(pairs.map(|(key, value)| (key.to_owned(), value)).to_vec())
}

/// How much less of a core this program gets than the load generator, from here on.
const GIVES_WAY: i32 = 10;
const ROOM: &str = "AIPERF_OTEL_MAX_BUFFERED_RECORDS";
/// More would be no bound.
const ROOM_MAX: usize = 1_000_000;
