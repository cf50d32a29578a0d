//! The interface between strategies and exporters.

use crate::sender::Exports;
use opentelemetry::KeyValue;

/// An operation with its duration, in nanoseconds since 1970.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Span {
    pub(crate) trace_id: u128,
    pub(crate) span_id: u64,
    pub(crate) name: String,
    pub(crate) started_ns: u64,
    pub(crate) ended_ns: u64,
    pub(crate) attributes: Vec<KeyValue>,
    /// Events during it, with their times.
    pub(crate) events: Vec<(String, u64)>,
    /// The error, if it failed.
    pub(crate) error: Option<String>,
}

/// Records values by instrument, named by OpenTelemetry's conventions.
pub(crate) trait Instruments {
    /// Records a value of a distribution; its bounds apply when the instrument is created.
    fn record(
        &mut self,
        name: &str,
        unit: &'static str,
        bounds: Option<&[f64]>,
        value: f64,
        attributes: &[KeyValue],
    );
    /// Increments a counter.
    fn add(&mut self, name: &str, unit: &'static str, value: f64, attributes: &[KeyValue]);
    /// Changes a gauge by a difference.
    fn shift(&mut self, name: &str, unit: &'static str, value: f64, attributes: &[KeyValue]);
    /// Records a completed operation; ignored by destinations without spans.
    fn span(&mut self, _: &Span) {}
}

/// Exports values to one destination.
pub(crate) trait Sink: Instruments + Send {
    /// Sends what is queued, and stops.
    fn finish(self: Box<Self>) -> Vec<Exports>;
}

/// Records the same values at several destinations.
impl Instruments for Vec<Box<dyn Sink>> {
    fn record(
        &mut self,
        name: &str,
        unit: &'static str,
        bounds: Option<&[f64]>,
        value: f64,
        attributes: &[KeyValue],
    ) {
        self.iter_mut().for_each(|sink| sink.record(name, unit, bounds, value, attributes));
    }

    fn add(&mut self, name: &str, unit: &'static str, value: f64, attributes: &[KeyValue]) {
        self.iter_mut().for_each(|sink| sink.add(name, unit, value, attributes));
    }

    fn shift(&mut self, name: &str, unit: &'static str, value: f64, attributes: &[KeyValue]) {
        self.iter_mut().for_each(|sink| sink.shift(name, unit, value, attributes));
    }

    fn span(&mut self, span: &Span) {
        self.iter_mut().for_each(|sink| sink.span(span));
    }
}
