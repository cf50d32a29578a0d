//! The runs of one load of a ladder: how much they know together, and whether the load was steady in them.

use super::{Load, Measure, Probe};

/// A number and the half width of its 95 % interval.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known {
    pub(super) value: f64,
    pub(super) error: f64,
}

impl Known {
    fn of(measure: &Measure) -> Self {
        Self { value: measure.value, error: (measure.high - measure.low) / 2.0 }
    }

    /// The error as a share of the number.
    pub(super) fn share(&self) -> f64 {
        if self.value > 0.0 { self.error / self.value } else { f64::INFINITY }
    }

    /// Whether it is more than another one by more than their error.
    pub(super) fn is_above(&self, other: &Self) -> bool {
        self.value - other.value > self.error.hypot(other.error)
    }

    /// The mean time of response of runs together, by requests.
    pub(super) fn of_responses<'a>(runs: impl Iterator<Item = &'a Run>) -> Option<Self> {
        let parts = runs.map(|run| (run.requests, run.response)).collect::<Vec<_>>();
        let requests = parts.iter().map(|(requests, _)| requests).sum::<f64>();
        let sum = parts.iter().map(|(requests, response)| requests * response.value).sum::<f64>();
        let errors =
            parts.iter().map(|(requests, response)| (requests * response.error).powi(2)).sum::<f64>();
        (requests > 0.0).then(|| Self { value: sum / requests, error: errors.sqrt() / requests })
    }

    /// The throughput of runs together: all requests by all seconds.
    pub(super) fn of_throughputs<'a>(runs: impl Iterator<Item = &'a Run>) -> Option<Self> {
        let parts = runs.map(|run| (run.requests / run.throughput.value, run.throughput)).collect::<Vec<_>>();
        let seconds = parts.iter().map(|(seconds, _)| seconds).sum::<f64>();
        let sum = parts.iter().map(|(seconds, throughput)| seconds * throughput.value).sum::<f64>();
        let errors =
            parts.iter().map(|(seconds, throughput)| (seconds * throughput.error).powi(2)).sum::<f64>();
        (seconds > 0.0 && seconds.is_finite())
            .then(|| Self { value: sum / seconds, error: errors.sqrt() / seconds })
    }
}

/// One run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    throughput: Known,
    response: Known,
    requests: f64,
    length: u32,
    confirms: bool,
    is_steady: bool,
    trial: usize,
}

/// The runs at one load.
#[derive(Clone, Debug)]
pub(super) struct Level {
    pub(super) load: f64,
    /// Whether the ladder asked for it, rather than a confirmation.
    pub(super) is_of_ladder: bool,
    runs: Vec<Run>,
}

impl Level {
    pub(super) const fn new(load: f64, is_of_ladder: bool) -> Self {
        Self { load, is_of_ladder, runs: Vec::new() }
    }

    /// One more run.
    pub(super) fn measured(&mut self, load: &Load, requests: u64, probe: &Probe, trial: usize) {
        let (throughput, response) = (Known::of(&load.throughput), Known::of(&load.response));
        let residual = throughput.value.mul_add(-response.value, load.in_flight);
        let error = throughput.share().hypot(response.share()).max(RESIDUAL_MIN) * load.in_flight;
        self.runs.push(Run {
            throughput,
            response,
            requests: f64::from(u32::try_from(requests).unwrap_or(u32::MAX)),
            length: probe.length,
            confirms: probe.confirms,
            // A run that does not know how sure it is says nothing, and a longer one may.
            is_steady: throughput.value > 0.0 && error.is_finite() && residual.abs() <= error,
            trial,
        });
    }

    /// The runs in which the load was steady.
    pub(super) fn steady(&self) -> impl Iterator<Item = &Run> {
        self.runs.iter().filter(|run| run.is_steady)
    }

    /// Throughput and time of response of its steady runs; none without one.
    pub(super) fn known(&self) -> Option<(Known, Known)> {
        Known::of_throughputs(self.steady()).zip(Known::of_responses(self.steady()))
    }

    /// By which share throughput is more on another level, and the error of that.
    pub(super) fn gain(&self, other: &Self) -> Option<(f64, f64)> {
        let (own, other) = (self.known()?.0, other.known()?.0);
        let ratio = other.value / own.value;
        Some((ratio - 1.0, ratio * own.share().hypot(other.share())))
    }

    /// The length of its longest run.
    pub(super) fn length(&self) -> u32 {
        self.runs.iter().map(|run| run.length).max().unwrap_or(0)
    }

    pub(super) const fn runs(&self) -> usize {
        self.runs.len()
    }

    pub(super) fn is_confirmed(&self) -> bool {
        self.runs.iter().any(|run| run.confirms)
    }

    /// The trial of its last run, of those that confirm if there is one.
    pub(super) fn last(&self) -> Option<usize> {
        let confirming = self.runs.iter().rev().find(|run| run.confirms);
        confirming.or_else(|| self.runs.last()).map(|run| run.trial)
    }
}

/// A residual below this share is rounding of the window's ends.
const RESIDUAL_MIN: f64 = 0.01;
