//! Exports the run's progress: requests sent, ended and in flight, as counters and gauges.

use super::Strategy;
use crate::sender::Event;
use crate::sink::Instruments;
use control::Progress;
use metric::float;
use opentelemetry::KeyValue;

/// The strategy; counters are exported as increments.
pub(super) struct Timing {
    attributes: Vec<KeyValue>,
    exported: Counts,
}

#[derive(Clone, Copy, Default)]
struct Counts {
    sent: u64,
    completed: u64,
    failed: u64,
    in_flight: u64,
    elapsed_seconds: f64,
}

impl Timing {
    pub(super) fn new(common: &[KeyValue]) -> Self {
        Self { attributes: common.to_vec(), exported: Counts::default() }
    }
}

impl Strategy for Timing {
    fn supports(&self, event: &Event) -> bool {
        matches!(event, Event::Progress(_))
    }

    fn process(&mut self, event: &Event, instruments: &mut dyn Instruments) {
        let Event::Progress(progress) = event else { return };
        let (before, now) = (self.exported, Counts::of(progress));
        let grown = [
            ("sent", before.sent, now.sent),
            ("completed", before.completed, now.completed),
            ("errors", before.failed, now.failed),
        ];
        for (what, before, now) in grown {
            let name = format!("aiperf.timing.requests.{what}");
            instruments.add(&name, "{request}", float(now.saturating_sub(before)), &self.attributes);
        }
        let shift = float(now.in_flight) - float(before.in_flight);
        instruments.shift("aiperf.timing.requests.in_flight", "{request}", shift, &self.attributes);
        let elapsed = now.elapsed_seconds - before.elapsed_seconds;
        instruments.shift("aiperf.timing.phase.elapsed_sec", "s", elapsed, &self.attributes);
        self.exported = now;
    }
}

impl Counts {
    fn of(progress: &Progress) -> Self {
        Self {
            sent: progress.requests_sent,
            completed: progress.requests_completed,
            failed: progress.requests_failed,
            in_flight: progress.requests_in_flight,
            elapsed_seconds: progress.elapsed_seconds,
        }
    }
}
