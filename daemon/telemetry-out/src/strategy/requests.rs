//! Exports each request's metrics as histograms: AIPerf's by the names of the semantic conventions, their kernel counterparts,
//! and everything else as `aiperf.<tag>`.

use super::Strategy;
use crate::conventions::DURATION_BOUNDS;
use crate::sender::Event;
use crate::sink::Instruments;
use control::LiveRequest;
use metric::{Metric, PROFILING, Unit, WARMUP};
use opentelemetry::KeyValue;
use std::borrow::Cow;
use std::collections::HashMap;

/// The strategy.
pub(super) struct Requests {
    common: Vec<KeyValue>,
    /// By the metric's tag, created on first use.
    instruments: HashMap<&'static str, Instrument>,
}

impl Requests {
    pub(super) fn new(common: &[KeyValue]) -> Self {
        Self { common: common.to_vec(), instruments: HashMap::new() }
    }
}

/// Attributes that a request's metrics and its span share.
pub(super) fn attributes(common: &[KeyValue], request: &LiveRequest) -> Vec<KeyValue> {
    let mut attributes = common.to_vec();
    attributes.extend([
        KeyValue::new("aiperf.benchmark_phase", if request.is_warmup { WARMUP } else { PROFILING }),
        KeyValue::new("aiperf.phase_name", request.phase.clone()),
        KeyValue::new("aiperf.worker.id", format!("worker_{}", request.worker)),
        KeyValue::new("aiperf.was_cancelled", request.error.as_deref() == Some("cancelled")),
        KeyValue::new("aiperf.has_error", request.error.is_some()),
    ]);
    attributes.extend(error_type(request).map(|kind| KeyValue::new("error.type", kind)));
    attributes
}

impl Strategy for Requests {
    fn supports(&self, event: &Event) -> bool {
        matches!(event, Event::Request(_))
    }

    fn process(&mut self, event: &Event, instruments: &mut dyn Instruments) {
        let Event::Request(request) = event else { return };
        let mut attributes = attributes(&self.common, request);
        let usual = attributes.len();
        for (tag, value) in request.values.iter() {
            // A tag that is not known is of a newer daemon.
            let Some(metric) = metric::find(tag) else { continue };
            let known = self.instruments.entry(metric.tag);
            let Instrument { name, unit, bounds, token_type } =
                known.or_insert_with(|| Instrument::of(metric));
            let value = if *unit == "s" { seconds(value, metric.display) } else { value };
            attributes.extend(token_type.map(|kind| KeyValue::new("gen_ai.token.type", kind)));
            instruments.record(name, unit, *bounds, value, &attributes);
            attributes.truncate(usual);
        }
    }
}

/// The instrument of a metric.
#[derive(Clone, Debug, PartialEq)]
struct Instrument {
    name: Cow<'static, str>,
    unit: &'static str,
    bounds: Option<&'static [f64]>,
    token_type: Option<&'static str>,
}

impl Instrument {
    fn of(metric: &Metric) -> Self {
        if let Some(named) = NAMED.iter().find(|named| named.tag == metric.tag) {
            let Named { name, unit, bounds, token_type, .. } = *named;
            return Self { name: name.into(), unit, bounds: Some(bounds), token_type };
        }
        let unit = metric.display.name();
        match metric.tag.strip_prefix("kernel_") {
            Some(twin) => {
                let name = format!("aiperf.kernel.{twin}").into();
                let is_time = is_time(metric.display);
                let bounds = is_time.then_some(CHUNK_BOUNDS);
                Self { name, unit: if is_time { "s" } else { unit }, bounds, token_type: None }
            }
            None => {
                Self { name: format!("aiperf.{}", metric.tag).into(), unit, bounds: None, token_type: None }
            }
        }
    }
}

/// The error, by AIPerf's names.
fn error_type(request: &LiveRequest) -> Option<&'static str> {
    let error = request.error.as_deref()?;
    Some(match (error, request.http_status) {
        ("cancelled", _) => "cancelled",
        (error, _) if error.contains("timeout") => "timeout",
        (_, Some(500..=599)) => "http_5xx",
        (_, Some(400..=499)) => "http_4xx",
        _ => "_OTHER",
    })
}

const fn is_time(unit: Unit) -> bool {
    matches!(unit, Unit::Nanoseconds | Unit::Microseconds | Unit::Milliseconds | Unit::Seconds)
}

/// A duration in this unit, converted to seconds.
pub(super) fn seconds(value: f64, unit: Unit) -> f64 {
    match unit {
        Unit::Nanoseconds => value / 1e9,
        Unit::Microseconds => value / 1e6,
        Unit::Milliseconds => value / 1e3,
        _ => value,
    }
}

/// A metric that the semantic conventions define.
struct Named {
    tag: &'static str,
    name: &'static str,
    unit: &'static str,
    bounds: &'static [f64],
    token_type: Option<&'static str>,
}

/// <https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-metrics/>
const NAMED: &[Named] = &[
    Named {
        tag: "request_latency",
        name: "gen_ai.client.operation.duration",
        unit: "s",
        bounds: DURATION_BOUNDS,
        token_type: None,
    },
    Named {
        tag: "time_to_first_token",
        name: "gen_ai.client.operation.time_to_first_chunk",
        unit: "s",
        bounds: CHUNK_BOUNDS,
        token_type: None,
    },
    Named {
        tag: "inter_token_latency",
        name: "gen_ai.client.operation.time_per_output_chunk",
        unit: "s",
        bounds: CHUNK_BOUNDS,
        token_type: None,
    },
    Named {
        tag: "input_sequence_length",
        name: "gen_ai.client.token.usage",
        unit: "{token}",
        bounds: TOKEN_BOUNDS,
        token_type: Some("input"),
    },
    Named {
        tag: "output_sequence_length",
        name: "gen_ai.client.token.usage",
        unit: "{token}",
        bounds: TOKEN_BOUNDS,
        token_type: Some("output"),
    },
];
/// The conventions' bounds, and beyond them up to some hours.
const CHUNK_BOUNDS: &[f64] = &[
    0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.12, 0.14, 0.16, 0.18, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45,
    0.5, 0.75, 1.0, 2.0, 5.0, 20.0, 80.0, 320.0, 1280.0, 5120.0, 20480.0,
];
const TOKEN_BOUNDS: &[f64] = &[
    1.0,
    4.0,
    16.0,
    64.0,
    256.0,
    1024.0,
    4096.0,
    16384.0,
    65536.0,
    262_144.0,
    1_048_576.0,
    4_194_304.0,
    16_777_216.0,
];
