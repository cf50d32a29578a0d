//! Results to a collector and to MLflow while the run goes on.

use crate::args::TelemetryArgs;
use crate::client::Client;
use crate::plan::Refusal;
use crate::say::say_warning;
use anyhow::Result;
use common::plan::Plan;
use control::{LiveRequest, Progress};
use endpoint::target;
use std::sync::Arc;
use telemetry_out::{
    Collector, Domains, Endpoint, Event, Exports, LiveRun, Sender, Settings, Summary, operation, provider,
};
use tokio::task::JoinHandle;

/// Who is told meanwhile.
pub(crate) struct Stream {
    sender: Arc<Sender>,
    domains: Domains,
}

impl Stream {
    /// Begins to tell, if anybody is to be told.
    pub(crate) fn start(args: &TelemetryArgs, plan: &Plan, mlflow: Option<LiveRun>) -> Result<Option<Self>> {
        let otlp = collector(args, plan)?;
        if otlp.is_none() && mlflow.is_none() {
            return Ok(None);
        }
        let domains = domains(&args.stream);
        // Where cores are few, being told goes after being sent.
        rustix::process::nice(GIVES_WAY).ok();
        let sender = Sender::start(Settings { domains, attributes: attributes(args, plan)?, otlp, mlflow })?;
        Ok(Some(Self { sender: Arc::new(sender), domains }))
    }

    /// Has the daemon tell each request as it ends.
    pub(crate) async fn follow(&self, client: &Client, run: &str) -> Result<JoinHandle<()>> {
        let sender = self.domains.requests.then(|| Arc::clone(&self.sender));
        let Some(sender) = sender else { return Ok(tokio::spawn(async {})) };
        let mut lines = client.lines(&format!("{run}/requests")).await?;
        Ok(tokio::spawn(async move {
            let mut dropped = 0;
            while let Ok(Some(request)) = lines.next::<LiveRequest>().await {
                dropped = request.dropped;
                say_dropped(sender.offer(Event::Request(request)));
            }
            if dropped > 0 {
                say_warning(&format!(
                    "{dropped} requests were not streamed: this program was too slow to hear them"
                ));
            }
        }))
    }

    /// Tells how the run goes.
    pub(crate) fn progress(&self, progress: &Progress) {
        if self.domains.timing {
            say_dropped(self.sender.offer(Event::Progress(progress.clone())));
        }
    }

    /// Sends what waits and says what did not arrive.
    pub(crate) fn finish(self) {
        let Some(sender) = Arc::into_inner(self.sender) else {
            say_warning("the last results that were to be streamed are lost");
            return;
        };
        let Summary { dropped, exports } = sender.finish();
        if dropped > 0 {
            say_warning(&format!("{dropped} events were dropped before they were sent"));
        }
        for Exports { to, succeeded, failed, problem } in exports {
            if failed > 0 {
                let (all, problem) = (failed + succeeded, problem.unwrap_or_default());
                say_warning(&format!("{failed} of {all} exports to the {to} failed: {problem}"));
            }
        }
    }
}

/// The collector, if one is given and reachable.
fn collector(args: &TelemetryArgs, plan: &Plan) -> Result<Option<Collector>> {
    let Some(given) = &args.otel_url else {
        if !args.otel_resource_attributes.is_empty() {
            return Err(Refusal("--otel-resource-attributes needs --otel-url".to_owned()).into());
        }
        if !args.stream.is_empty() && args.mlflow_tracking_uri.is_none() {
            return Err(Refusal("--stream needs --otel-url or --mlflow-tracking-uri".to_owned()).into());
        }
        return Ok(None);
    };
    let endpoint = Endpoint::parse(given).map_err(|error| Refusal(format!("--otel-url: {error}")))?;
    let resource = resource(args, plan)?;
    if !endpoint.is_reachable() {
        let shown = endpoint.shown();
        say_warning(&format!("OTel collector at {shown} is not reachable. Metrics will not be exported."));
        return Ok(None);
    }
    Ok(Some(Collector { endpoint, resource }))
}

fn say_dropped(dropped: Option<u64>) {
    if let Some(dropped) = dropped {
        say_warning(&format!("{dropped} events were dropped: whoever is told is slower than the run"));
    }
}

fn domains(stream: &[String]) -> Domains {
    let has = |name: &str| stream.iter().any(|given| given == name);
    let all = stream.is_empty() || has("default");
    Domains { requests: all || has("metrics"), timing: all || has("timing"), served: false }
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
