//! Logs a strategy's values as `live.*` metrics: one point per metric and interval, the mean of its values or the current state
//! of a counter. The load on the server does not depend on the run's rate.

use super::tracking::{Point, Tracking};
use crate::sender::Exports;
use crate::sink::{Destination, Instruments, Sink, SinkError, Stream};
use opentelemetry::KeyValue;
use std::collections::BTreeMap;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// An MLflow run that is logged live.
#[derive(Clone, Debug)]
pub struct LiveRun {
    /// The tracking server.
    pub tracking: Tracking,
    /// The run's id.
    pub run_id: String,
    /// The wall clock, in milliseconds since 1970.
    pub now_ms: fn() -> u64,
}

/// A run that is being logged.
struct Live {
    numbers: Arc<Mutex<Numbers>>,
    stop: Sender<()>,
    thread: JoinHandle<Exports>,
}

/// By instrument, then by token type, which is empty for instruments without one.
type Numbers = BTreeMap<String, BTreeMap<String, Number>>;

/// A metric since its last point.
#[derive(Clone, Copy, Debug)]
enum Number {
    /// The sum and count of its values.
    Mean { sum: f64, count: f64 },
    /// Its level, and whether it has changed.
    Level { value: f64, has_changed: bool },
}

impl Destination for LiveRun {
    fn open(self: Box<Self>, _: &Stream) -> Result<Box<dyn Sink>, SinkError> {
        Ok(Box::new(Live::start(*self)?))
    }
}

impl Live {
    /// Starts logging.
    fn start(LiveRun { tracking, run_id, now_ms }: LiveRun) -> std::io::Result<Self> {
        let numbers = Arc::<Mutex<Numbers>>::default();
        let (stop, stopped) = channel::<()>();
        let shared = Arc::clone(&numbers);
        let thread = std::thread::Builder::new().name("mlflow".to_owned()).spawn(move || {
            let mut exports = Exports::new(format!("MLflow at {}", tracking.shown()));
            let (mut step, mut wait) = (0, INTERVAL);
            loop {
                let is_over = stopped.recv_timeout(wait) != Err(RecvTimeoutError::Timeout);
                let points = take(&shared, now_ms(), step);
                if !points.is_empty() {
                    let result = tracking.log(&run_id, &points, &[], &[]);
                    // A server that returns errors is retried less and less often; skipped points are not sent later.
                    wait = if result.is_ok() { INTERVAL } else { (wait * 2).min(LONGEST_WAIT) };
                    exports.count(&result);
                    step += 1;
                }
                if is_over {
                    return exports;
                }
            }
        })?;
        Ok(Self { numbers, stop, thread })
    }

    fn update(&self, name: &str, kind: &str, with: impl FnOnce(Option<Number>) -> Number) {
        let Ok(mut numbers) = self.numbers.lock() else { return };
        if !numbers.contains_key(name) {
            numbers.insert(name.to_owned(), BTreeMap::new());
        }
        let Some(kinds) = numbers.get_mut(name) else { return };
        match kinds.get_mut(kind) {
            Some(number) => *number = with(Some(*number)),
            None => drop(kinds.insert(kind.to_owned(), with(None))),
        }
    }

    fn shift_level(&self, name: &str, by: f64) {
        self.update(name, "", |number| match number {
            Some(Number::Level { value, .. }) => Number::Level { value: value + by, has_changed: true },
            _ => Number::Level { value: by, has_changed: true },
        });
    }
}

impl Instruments for Live {
    fn record(
        &mut self,
        name: &str,
        _: &'static str,
        _: Option<&[f64]>,
        value: f64,
        attributes: &[KeyValue],
    ) {
        let kind = attributes.iter().find(|attribute| attribute.key.as_str() == "gen_ai.token.type");
        let kind = kind.map(|kind| kind.value.as_str()).unwrap_or_default();
        self.update(name, &kind, |number| match number {
            Some(Number::Mean { sum, count }) => Number::Mean { sum: sum + value, count: count + 1.0 },
            _ => Number::Mean { sum: value, count: 1.0 },
        });
    }

    fn add(&mut self, name: &str, _: &'static str, value: f64, _: &[KeyValue]) {
        self.shift_level(name, value);
    }

    fn shift(&mut self, name: &str, _: &'static str, value: f64, _: &[KeyValue]) {
        self.shift_level(name, value);
    }
}

impl Sink for Live {
    fn finish(self: Box<Self>) -> Vec<Exports> {
        drop(self.stop);
        vec![self.thread.join().unwrap_or_else(|_| Exports::died("MLflow".to_owned()))]
    }
}

/// The points of everything received since the last call.
fn take(numbers: &Mutex<Numbers>, timestamp_ms: u64, step: u64) -> Vec<Point> {
    let Ok(mut numbers) = numbers.lock() else { return Vec::new() };
    let mut points = Vec::new();
    for (name, kinds) in &mut *numbers {
        kinds.retain(|kind, number| {
            let value = match number {
                Number::Mean { sum, count } => Some(*sum / *count),
                Number::Level { value, has_changed } => std::mem::take(has_changed).then_some(*value),
            };
            let value = value.filter(|value| value.is_finite());
            points.extend(value.map(|value| Point { key: key(name, kind), value, timestamp_ms, step }));
            matches!(number, Number::Level { .. })
        });
    }
    numbers.retain(|_, kinds| !kinds.is_empty());
    points
}

/// Output tokens have the name without a suffix, because AIPerf has no other types.
fn key(name: &str, kind: &str) -> String {
    match kind {
        "" | "output" => format!("live.{name}"),
        kind => format!("live.{name}.{kind}"),
    }
}

/// The interval between two points.
const INTERVAL: Duration = Duration::from_secs(1);
/// Maximum delay between retries: AIPerf's.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    fn points(numbers: &Mutex<Numbers>, step: u64) -> Vec<String> {
        let taken = take(numbers, 7, step);
        taken.into_iter().map(|point| format!("{} {} {}", point.key, point.value, point.step)).collect()
    }

    #[test]
    fn means_are_of_an_interval_and_levels_stay() {
        let (stop, _stopped) = channel();
        let thread = std::thread::spawn(Exports::default);
        let mut live = Live { numbers: Arc::default(), stop, thread };
        let input = [KeyValue::new("gen_ai.token.type", "input")];
        let output = [KeyValue::new("gen_ai.token.type", "output")];
        for value in [1.0, 3.0] {
            live.record("gen_ai.client.operation.duration", "s", None, value, &[]);
        }
        live.record("gen_ai.client.token.usage", "{token}", None, 20.0, &input);
        live.record("gen_ai.client.token.usage", "{token}", None, 4.0, &output);
        live.add("sent", "{request}", 2.0, &[]);
        live.add("sent", "{request}", 3.0, &[]);
        let expected = [
            "live.gen_ai.client.operation.duration 2 0",
            "live.gen_ai.client.token.usage.input 20 0",
            "live.gen_ai.client.token.usage 4 0",
            "live.sent 5 0",
        ];
        assert_eq!(points(&live.numbers, 0), expected, "all values");
        live.shift("sent", "{request}", -1.0, &[]);
        assert_eq!(points(&live.numbers, 1), ["live.sent 4 1"], "only values since then");
        assert_eq!(points(&live.numbers, 2), [""; 0], "no values");
    }
}
