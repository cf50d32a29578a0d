//! Results to an OpenTelemetry collector while the run goes on.

use crate::args::TelemetryArgs;
use crate::client::Client;
use crate::plan::Refusal;
use crate::say::say_warning;
use anyhow::Result;
use common::plan::Plan;
use control::{LiveRequest, Progress};
use endpoint::target;
use std::sync::Arc;
use telemetry_out::{Domains, Endpoint, Event, Otlp, Settings, operation, provider};
use tokio::task::JoinHandle;

/// A collector that is sent to.
pub(crate) struct Otel {
    sender: Arc<Otlp>,
    endpoint: Endpoint,
    domains: Domains,
}

impl Otel {
    /// Begins to send, if a collector is given and reachable.
    pub(crate) fn start(args: &TelemetryArgs, plan: &Plan) -> Result<Option<Self>> {
        let Some(given) = &args.otel_url else {
            if let Some(flag) = [
                ("--stream", !args.stream.is_empty()),
                ("--otel-resource-attributes", !args.otel_resource_attributes.is_empty()),
            ]
            .into_iter()
            .find_map(|(flag, is_given)| is_given.then_some(flag))
            {
                return Err(Refusal(format!("{flag} needs --otel-url")).into());
            }
            return Ok(None);
        };
        let endpoint = Endpoint::parse(given).map_err(|error| Refusal(format!("--otel-url: {error}")))?;
        let domains = domains(&args.stream);
        let resource = resource(args, plan)?;
        if !endpoint.is_reachable() {
            say_warning(&format!(
                "OTel collector at {} is not reachable. Metrics will not be exported.",
                endpoint.shown()
            ));
            return Ok(None);
        }
        let settings =
            Settings { endpoint: endpoint.clone(), domains, resource, attributes: attributes(args, plan)? };
        let sender = Arc::new(Otlp::start(&settings)?);
        Ok(Some(Self { sender, endpoint, domains }))
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
        let shown = self.endpoint.shown();
        let Some(sender) = Arc::into_inner(self.sender) else {
            say_warning(&format!("the last metrics for the OTel collector at {shown} are lost"));
            return;
        };
        let summary = sender.finish();
        if summary.dropped > 0 {
            say_warning(&format!("{} events were dropped before they were sent to {shown}", summary.dropped));
        }
        if summary.failed > 0 {
            let problem = summary.problem.unwrap_or_default();
            let all = summary.failed + summary.succeeded;
            say_warning(&format!("{} of {all} exports to {shown} failed: {problem}", summary.failed));
        }
    }
}

fn say_dropped(dropped: Option<u64>) {
    if let Some(dropped) = dropped {
        say_warning(&format!("{dropped} events were dropped: the OTel collector is slower than the run"));
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

/// What every metric says.
fn attributes(args: &TelemetryArgs, plan: &Plan) -> Result<Vec<(String, String)>> {
    let url = plan.endpoint.urls.first().map_or("", String::as_str);
    let host = target(url, None, None)?.host;
    let provider = args.gen_ai_provider.clone().unwrap_or_else(|| provider(&host).to_owned());
    let model = plan.endpoint.models.first().cloned().unwrap_or_default();
    let pairs = [
        ("gen_ai.operation.name", operation(&plan.endpoint.kind).to_owned()),
        ("gen_ai.provider.name", provider),
        ("gen_ai.request.model", model),
    ];
    Ok(pairs.map(|(key, value)| (key.to_owned(), value)).to_vec())
}
