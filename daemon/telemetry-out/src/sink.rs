//! What every destination of results is: a [`Destination`] that can be opened, and then a [`Sink`] that strategies record values at.

use crate::sender::{Domains, Exports};
use opentelemetry::KeyValue;
use opentelemetry_otlp::ExporterBuildError;
use std::fmt::Debug;

/// A system that results can be sent to, as the user named it.
pub trait Destination: Debug + Send {
    /// Starts exporting to it.
    ///
    /// # Errors
    /// When an exporter or a thread cannot be created. That the system does not respond is no error: it is counted.
    fn open(self: Box<Self>, stream: &Stream) -> Result<Box<dyn Sink>, SinkError>;
}

/// What is sent to every destination.
#[derive(Clone, Debug)]
pub struct Stream {
    /// The results that are exported.
    pub domains: Domains,
    /// The run's id, if what is exported is one run.
    pub run_id: Option<String>,
    /// Capacity of each queue.
    pub room: usize,
    /// Logs a warning about dropped items.
    pub warn: fn(&str),
}

/// Why exporting cannot start.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    /// The exporter could not be created.
    #[error("failed to create an exporter")]
    Exporter(#[from] ExporterBuildError),
    /// A thread could not be started.
    #[error("failed to start a thread")]
    Thread(#[from] std::io::Error),
}

/// An operation with its duration, in nanoseconds since 1970.
#[derive(Clone, Debug, PartialEq)]
pub struct Span {
    /// Its trace, which has no other span.
    pub trace_id: u128,
    /// Its id.
    pub span_id: u64,
    /// The operation.
    pub name: String,
    /// When it started.
    pub started_ns: u64,
    /// When it ended.
    pub ended_ns: u64,
    /// Its attributes.
    pub attributes: Vec<KeyValue>,
    /// Events during it, with their times.
    pub events: Vec<(String, u64)>,
    /// The error, if it failed.
    pub error: Option<String>,
}

/// Records values by instrument, named by OpenTelemetry's conventions.
pub trait Instruments {
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
pub trait Sink: Instruments + Send {
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
