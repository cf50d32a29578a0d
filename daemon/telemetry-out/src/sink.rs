//! Whoever is told numbers: all that a strategy knows of where they go.

use crate::sender::Exports;
use opentelemetry::KeyValue;

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
}

/// Takes numbers to one place.
pub(crate) trait Sink: Instruments + Send {
    /// Sends what waits, and ends.
    fn finish(self: Box<Self>) -> Exports;
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
}
