//! Streams results to an OpenTelemetry collector.

use super::{Named, Sink};
use crate::plan::{Profile, Refusal};
use crate::terminal::print_warning;
use anyhow::Result;
use spec::Stream;
use telemetry_out::{Collector, Destination, Endpoint};

/// The collector that the plan names, until it is opened.
struct Otlp(Option<Collector>);

pub(super) fn check<'a>(profile: &'a Profile, stream: &'a Stream) -> Named<'a> {
    let Some(wanted) = &stream.otlp else { return Ok(None) };
    let endpoint = Endpoint::parse(&wanted.url).map_err(|error| Refusal(format!("--otel-url: {error}")))?;
    let resource = resource(wanted, &profile.plan.endpoint);
    Ok(Some(Box::new(Otlp(Some(Collector { endpoint, resource })))))
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
fn resource(wanted: &spec::Otlp, server: &spec::Endpoint) -> Vec<(String, String)> {
    let model = server.models.first().cloned().unwrap_or_default();
    let mut resource = vec![
        ("service.name".to_owned(), "aiperf".to_owned()),
        ("service.version".to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
        ("service.instance.id".to_owned(), std::process::id().to_string()),
        ("aiperf.endpoint.type".to_owned(), server.kind.clone()),
        ("aiperf.model.name".to_owned(), model),
    ];
    resource.extend(wanted.resource_attributes.iter().cloned());
    resource
}
