//! Exports each request to an observed server, by the semantic conventions for model servers.

use super::Strategy;
use crate::sender::Event;
use crate::sink::Instruments;
use opentelemetry::KeyValue;

/// The strategy.
pub(super) struct Served {
    common: Vec<KeyValue>,
}

impl Served {
    pub(super) fn new(common: &[KeyValue]) -> Self {
        Self { common: common.to_vec() }
    }
}

impl Strategy for Served {
    fn supports(&self, event: &Event) -> bool {
        matches!(event, Event::Served { .. })
    }

    fn process(&mut self, event: &Event, instruments: &mut dyn Instruments) {
        let Event::Served { server, request } = event else { return };
        let mut attributes = self.common.clone();
        attributes.push(KeyValue::new("aiperfd.server.name", server.clone()));
        attributes.push(KeyValue::new("gen_ai.request.model", request.model.clone().unwrap_or_default()));
        attributes.extend(request.error.clone().map(|error| KeyValue::new("error.type", error)));
        for (tag, name, bounds) in NAMED {
            if let Some(ms) = request.values.get(tag) {
                instruments.record(name, "s", Some(bounds), ms / 1e3, &attributes);
            }
        }
    }
}

/// The kernel's metric, its name, its bounds in seconds:
/// <https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-metrics/#generative-ai-model-server-metrics>
const NAMED: &[(&str, &str, &[f64])] = &[
    (
        "kernel_time_to_first_token",
        "gen_ai.server.time_to_first_token",
        &[0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0],
    ),
    (
        "kernel_inter_token_latency",
        "gen_ai.server.time_per_output_token",
        &[0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5],
    ),
    (
        "kernel_request_latency",
        "gen_ai.server.request.duration",
        &[0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92],
    ),
];
