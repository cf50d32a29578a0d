//! Streams results to an OpenTelemetry collector.

use super::{Named, Setup, Sink};
use crate::args::TelemetryArgs;
use crate::plan::Refusal;
use crate::terminal::print_warning;
use anyhow::Result;
use spec::Plan;
use telemetry_out::{Collector, Destination, Endpoint};

/// The collector that the flags name, until it is opened.
struct Otlp(Option<Collector>);

pub(super) fn check(setup: Setup<'_>) -> Named<'_> {
    let (args, plan) = (&setup.args.telemetry, &setup.profile.plan);
    let Some(given) = &args.otel_url else {
        if args.stream.iter().any(|what| what == "spans") {
            return Err(
                Refusal("--stream spans needs --otel-url: MLflow does not accept spans".to_owned()).into()
            );
        }
        return Ok(None);
    };
    let endpoint = Endpoint::parse(given).map_err(|error| Refusal(format!("--otel-url: {error}")))?;
    Ok(Some(Box::new(Otlp(Some(Collector { endpoint, resource: resource(args, plan)? })))))
}

impl Sink for Otlp {
    fn open(&mut self) -> Result<Option<Box<dyn Destination>>> {
        let Some(collector) = self.0.take().filter(is_reachable) else { return Ok(None) };
        Ok(Some(Box::new(collector)))
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
