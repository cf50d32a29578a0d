//! Calls to rows: the clock before, the call, the clock after; and what becomes of a call that fails.

use crate::collector::{About, CallError, Gpu, Pace};
use common::clock::{Anchor, DurationNs, MonoNs, RealNs};
use record::{GpuMetric, GpuSample};

/// Who reads the clock.
#[derive(Clone, Copy, Debug)]
pub struct Clocks {
    /// `CLOCK_MONOTONIC`.
    pub mono: fn() -> MonoNs,
    /// One moment on both clocks: drivers date their samples by the calendar.
    pub anchor: fn() -> Anchor,
}

/// What a call found.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    found: Vec<Found>,
}

#[derive(Debug)]
struct Found {
    metric: &'static str,
    value: f64,
    pid: Option<u32>,
    /// The driver's own date of the number.
    dated: Option<RealNs>,
}

/// What calls cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cost {
    pub(crate) calls: u64,
    pub(crate) nanoseconds: u64,
}

impl Answer {
    /// A number, true about now.
    pub(crate) fn put(&mut self, metric: &GpuMetric, value: f64) {
        self.found.push(Found { metric: metric.name, value, pid: None, dated: None });
    }

    /// A number that the driver dates, in microseconds since 1970.
    pub(crate) fn put_dated(&mut self, metric: &GpuMetric, value: f64, micros: u64) {
        let dated = Some(RealNs(micros.saturating_mul(1000)));
        self.found.push(Found { metric: metric.name, value, pid: None, dated });
    }

    /// A number of one process, which the driver may date.
    pub(crate) fn put_of(&mut self, pid: u32, metric: &GpuMetric, value: f64, micros: Option<u64>) {
        let dated = micros.map(|micros| RealNs(micros.saturating_mul(1000)));
        self.found.push(Found { metric: metric.name, value, pid: Some(pid), dated });
    }
}

/// A GPU with what is known of its calls.
pub(crate) struct PolledGpu<'a> {
    source: &'static str,
    gpu: Box<dyn Gpu + 'a>,
    turns: Vec<Turn>,
    answer: Answer,
}

/// What is known of one call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Turn {
    is_over: bool,
    /// It is not made before.
    not_before: MonoNs,
    /// Its last error, which is recorded once.
    last_error: Option<String>,
}

impl<'a> PolledGpu<'a> {
    pub(crate) fn new(source: &'static str, gpu: Box<dyn Gpu + 'a>) -> Self {
        let turns = vec![Turn::default(); gpu.calls().len()];
        Self { source, gpu, turns, answer: Answer::default() }
    }

    /// The rows that identify the GPU.
    pub(crate) fn introduction(&self, now: MonoNs) -> Vec<GpuSample> {
        let About { texts, .. } = self.gpu.about();
        let row = |(name, text): &(&'static str, String)| GpuSample {
            text: Some(text.clone()),
            ..self.row(name, now, now)
        };
        texts.iter().map(row).collect()
    }

    /// Makes every call that is due at this pace.
    pub(crate) fn poll(&mut self, pace: Pace, clocks: Clocks, rows: &mut Vec<GpuSample>, cost: &mut Cost) {
        for (place, call) in self.gpu.calls().iter().enumerate() {
            if call.pace != pace || self.turns[place].is_over {
                continue;
            }
            let asked = (clocks.mono)();
            if asked < self.turns[place].not_before {
                continue;
            }
            self.answer.found.clear();
            let result = self.gpu.poll(place, &mut self.answer);
            let answered = (clocks.mono)();
            cost.calls += 1;
            cost.nanoseconds += answered.0.saturating_sub(asked.0);
            match result {
                Ok(()) => self.turns[place].last_error = None,
                Err(error) => self.failed(place, call.name, error, [asked, answered], rows),
            }
            self.take(clocks, [asked, answered], rows);
        }
    }

    fn take(&mut self, clocks: Clocks, [asked, answered]: [MonoNs; 2], rows: &mut Vec<GpuSample>) {
        let mut anchor = None;
        for Found { metric, value, pid, dated } in std::mem::take(&mut self.answer.found) {
            if !value.is_finite() {
                continue;
            }
            let sampled = dated.map(|date| anchor.get_or_insert_with(clocks.anchor).mono(date));
            let row = self.row(metric, asked, answered);
            let sampled_ns = sampled.unwrap_or(row.sampled_ns);
            rows.push(GpuSample { pid, sampled_ns, value: Some(value), ..row });
        }
    }

    #[cold]
    #[inline(never)]
    fn failed(
        &mut self,
        place: usize,
        name: &'static str,
        error: CallError,
        [asked, answered]: [MonoNs; 2],
        rows: &mut Vec<GpuSample>,
    ) {
        let turn = &mut self.turns[place];
        let text = error.to_string();
        match error {
            CallError::Never(_) => turn.is_over = true,
            CallError::Failed(_) => turn.not_before = answered + RETRY,
        }
        if turn.last_error.as_deref() != Some(text.as_str()) {
            turn.last_error = Some(text.clone());
            rows.push(GpuSample { text: Some(text), ..self.row(name, asked, answered) });
        }
    }

    fn row(&self, metric: &str, asked_ns: MonoNs, answered_ns: MonoNs) -> GpuSample {
        let about = self.gpu.about();
        GpuSample {
            source: self.source.to_owned(),
            gpu_index: about.index,
            mig_index: about.mig_index,
            gpu_uuid: about.uuid.clone(),
            pid: None,
            metric: metric.to_owned(),
            asked_ns,
            answered_ns,
            sampled_ns: MonoNs(u64::midpoint(asked_ns.0, answered_ns.0)),
            value: None,
            text: None,
        }
    }
}

/// A count as a number.
#[expect(
    clippy::cast_precision_loss,
    reason = "bytes, joules and nanoseconds stay far below 2^53 of their units"
)]
pub(crate) const fn float(count: u64) -> f64 {
    count as f64
}

/// How long a call that failed is left alone.
const RETRY: DurationNs = DurationNs::from_millis(1000);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collector::Call;
    use record::gpu_metric::{NVIDIA_POWER_SAMPLE, NVIDIA_POWER_USAGE};
    use std::cell::Cell;

    thread_local! {
        static NOW: Cell<u64> = const { Cell::new(1_000_000) };
    }

    /// Each reading is a microsecond after the one before.
    const CLOCKS: Clocks = Clocks {
        mono: || MonoNs(NOW.with(|now| now.replace(now.get() + 1000))),
        anchor: || Anchor { mono_ns: MonoNs(0), real_ns: RealNs(500_000), uncertainty_ns: DurationNs(0) },
    };

    struct Scripted {
        about: About,
        polls: u32,
    }

    const CALLS: &[Call] = &[
        Call { name: "power", pace: Pace::Interval },
        Call { name: "never", pace: Pace::Interval },
        Call { name: "sometimes", pace: Pace::Interval },
        Call { name: "dated", pace: Pace::Second },
    ];

    impl Gpu for Scripted {
        fn about(&self) -> &About {
            &self.about
        }

        fn calls(&self) -> &'static [Call] {
            CALLS
        }

        fn poll(&mut self, place: usize, answer: &mut Answer) -> Result<(), CallError> {
            self.polls += 1;
            match place {
                0 => answer.put(&NVIDIA_POWER_USAGE, 70.5),
                1 => return Err(CallError::Never("not on this chip".to_owned())),
                2 => return Err(CallError::Failed("busy".to_owned())),
                _ => answer.put_dated(&NVIDIA_POWER_SAMPLE, f64::NAN, 1),
            }
            if place == 3 {
                answer.put_dated(&NVIDIA_POWER_SAMPLE, 80.0, 2500);
            }
            Ok(())
        }
    }

    fn rows(gpu: &mut PolledGpu<'_>, pace: Pace) -> Vec<String> {
        let (mut rows, mut cost) = (Vec::new(), Cost::default());
        gpu.poll(pace, CLOCKS, &mut rows, &mut cost);
        assert!(cost.nanoseconds == cost.calls * 1000, "each call took a microsecond: {cost:?}");
        let lines = rows.iter().map(|row| {
            let text = row.value.map(|value| value.to_string()).or_else(|| row.text.clone());
            format!("{} {} at {}", row.metric, text.unwrap_or_default(), row.sampled_ns.0 - row.asked_ns.0)
        });
        lines.collect()
    }

    #[test]
    fn each_number_has_its_time_and_each_failure_is_recorded_once() {
        let mut gpu = PolledGpu::new("test", Box::new(Scripted { about: About::default(), polls: 0 }));
        let first = rows(&mut gpu, Pace::Interval);
        assert_eq!(
            first,
            ["nvidia_power_usage 70.5 at 500", "never not on this chip at 500", "sometimes busy at 500"],
            "the middle of the call"
        );
        assert_eq!(rows(&mut gpu, Pace::Interval), ["nvidia_power_usage 70.5 at 500"], "no retry yet");
        NOW.with(|now| now.set(now.get() + 2_000_000_000));
        assert_eq!(rows(&mut gpu, Pace::Interval).len(), 1, "the same failure is not recorded again");
        NOW.with(|now| now.set(1_000_000));
        assert_eq!(rows(&mut gpu, Pace::Second), ["nvidia_power_sample 80 at 1000000"], "by the driver");
    }
}
