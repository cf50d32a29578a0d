//! The instruments of the OpenTelemetry SDK, made when they are first used. All that a strategy knows of it.

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Histogram, Meter, UpDownCounter};
use std::collections::HashMap;

/// The instruments by name.
#[derive(Debug)]
pub(crate) struct Instruments {
    meter: Meter,
    histograms: HashMap<String, Histogram<f64>>,
    counters: HashMap<String, Counter<f64>>,
    gauges: HashMap<String, UpDownCounter<f64>>,
}

impl Instruments {
    pub(crate) fn new(meter: Meter) -> Self {
        Self { meter, histograms: HashMap::new(), counters: HashMap::new(), gauges: HashMap::new() }
    }

    /// Records a number; the bounds count when the instrument is made.
    pub(crate) fn record(
        &mut self,
        name: &str,
        unit: &'static str,
        bounds: Option<&[f64]>,
        value: f64,
        attributes: &[KeyValue],
    ) {
        if !self.histograms.contains_key(name) {
            let builder = self.meter.f64_histogram(name.to_owned()).with_unit(unit);
            let made = match bounds {
                Some(bounds) => builder.with_boundaries(bounds.to_vec()).build(),
                None => builder.build(),
            };
            self.histograms.insert(name.to_owned(), made);
        }
        if let Some(histogram) = self.histograms.get(name) {
            histogram.record(value, attributes);
        }
    }

    /// Adds to a counter.
    pub(crate) fn add(&mut self, name: &str, unit: &'static str, value: f64, attributes: &[KeyValue]) {
        let meter = &self.meter;
        let make = || meter.f64_counter(name.to_owned()).with_unit(unit).build();
        self.counters.entry(name.to_owned()).or_insert_with(make).add(value, attributes);
    }

    /// Moves a gauge.
    pub(crate) fn shift(&mut self, name: &str, unit: &'static str, value: f64, attributes: &[KeyValue]) {
        let meter = &self.meter;
        let make = || meter.f64_up_down_counter(name.to_owned()).with_unit(unit).build();
        self.gauges.entry(name.to_owned()).or_insert_with(make).add(value, attributes);
    }
}
