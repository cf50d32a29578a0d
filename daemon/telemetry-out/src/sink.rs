//! Whoever is told numbers: all that a strategy knows of where they go.

use crate::sender::Exports;
use opentelemetry::KeyValue;

/// Something that took some time, in nanoseconds since 1970.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Span {
    pub(crate) trace_id: u128,
    pub(crate) span_id: u64,
    pub(crate) name: String,
    pub(crate) begun_ns: u64,
    pub(crate) ended_ns: u64,
    pub(crate) attributes: Vec<KeyValue>,
    /// What happened meanwhile, and when.
    pub(crate) events: Vec<(String, u64)>,
    /// What went wrong.
    pub(crate) error: Option<String>,
}

/// Takes numbers by instrument, named by OpenTelemetry's conventions.
pub(crate) trait Instruments {
    /// One of a distribution's values; its bounds count when the instrument is made.
    fn record(
        &mut self,
        name: &str,
        unit: &'static str,
        bounds: Option<&[f64]>,
        value: f64,
        attributes: &[KeyValue],
    );
    /// By how much a counter has grown.
    fn add(&mut self, name: &str, unit: &'static str, value: f64, attributes: &[KeyValue]);
    /// By how much a gauge has moved.
    fn shift(&mut self, name: &str, unit: &'static str, value: f64, attributes: &[KeyValue]);
    /// Something that is over; a place that has no use for it passes it over.
    fn span(&mut self, _: &Span) {}
}

/// Takes numbers to one place.
pub(crate) trait Sink: Instruments + Send {
    /// Sends what waits, and ends.
    fn finish(self: Box<Self>) -> Vec<Exports>;
}

/// Several places that are told the same.
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
