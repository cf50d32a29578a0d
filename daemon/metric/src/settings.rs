//! The facts of a run that decide which metrics apply and how requests count.

use crate::goodput::Threshold;
use crate::metric::{Flags, Kind, Metric};
use crate::stats::Stat;
use crate::totals::Observed;
use common::clock::{Anchor, DurationNs, MonoNs};
use record::Run;
use spec::{Capability, Plan, Shape};

/// The facts of a run that the formulas need.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Whether streamed responses were requested.
    pub streaming: bool,
    /// Whether another tool produced the run: the due time in its records is the time of release.
    pub is_import: bool,
    /// What the endpoint supports.
    pub capability: Capability,
    /// Whether token counts are the server's own.
    pub use_server_token_count: bool,
    /// Whether requests followed a fixed schedule.
    pub fixed_schedule: bool,
    /// Whether the console shows the stages of the HTTP exchange.
    pub show_trace_timing: bool,
    /// The round trip in milliseconds that is subtracted from latencies, if known.
    pub network_rtt_ms: Option<f64>,
    /// The goodput thresholds; empty without `--goodput`.
    pub goodput: Vec<Threshold>,
    /// The length of a time slice, if slices were requested.
    pub slice_duration: Option<DurationNs>,
    /// The names of the measured phases, in order; all others are warmup.
    pub measured: Vec<String>,
    /// When requests of those phases could be sent, from the first one's start to the last one's end; without it, the requests
    /// themselves determine it.
    pub profiling: Option<Window>,
    /// When requests of the other phases could be sent.
    pub warmup: Option<Window>,
    /// The phases of the run by name.
    pub phases: Vec<(String, Window)>,
    /// Whether the steady state has separate results.
    pub steady_state: bool,
    /// The reference point that maps monotonic timestamps to dates.
    pub clock: Anchor,
}

/// A time window of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Its start.
    pub begin: MonoNs,
    /// Its end.
    pub end: MonoNs,
}

impl Settings {
    /// The settings from a run's own description. Thresholds on unknown metrics are left out: a user's are refused earlier.
    #[must_use]
    pub fn of(run: &Run) -> Self {
        let of_plan = Self::of_plan(&run.plan, run.source == IMPORTED, run.clock_begin);
        let measured = &of_plan.measured;
        let window = |is_measured: bool| {
            let phases = || run.phases.iter().filter(|phase| measured.contains(&phase.name) == is_measured);
            Some(Window {
                begin: phases().map(|phase| phase.begun_ns).min()?,
                end: phases().map(|phase| phase.ended_ns).max()?,
            })
        };
        let (profiling, warmup) = (window(true), window(false));
        let phases = run.phases.iter().map(|phase| (phase.name.clone(), Window::of(phase))).collect();
        Self { profiling, warmup, phases, ..of_plan }
    }

    /// The settings that a plan alone decides.
    fn of_plan(plan: &Plan, is_import: bool, clock: Anchor) -> Self {
        let goodput = plan.output.goodput.iter();
        Self {
            streaming: plan.endpoint.streaming,
            capability: plan.endpoint.capability(),
            use_server_token_count: plan.endpoint.use_server_token_count,
            is_import,
            fixed_schedule: !is_import
                && plan.load.measured().any(|phase| phase.shape == Shape::FixedSchedule),
            show_trace_timing: plan.output.show_trace_timing,
            network_rtt_ms: plan.output.network_latency_mean_ms,
            goodput: goodput.filter_map(|(tag, limit)| Threshold::new(tag, *limit).ok()).collect(),
            slice_duration: plan.output.slice_duration_seconds.map(DurationNs::from_seconds),
            profiling: None,
            warmup: None,
            measured: plan.load.measured().map(|phase| phase.name.clone()).collect(),
            phases: Vec::new(),
            steady_state: plan.output.steady_state,
            clock,
        }
    }

    /// The duration that throughputs are divided by: for several measured phases, what they cover without the time between
    /// them.
    pub(crate) fn observed(&self) -> Observed {
        let Some(whole) = self.profiling else { return Observed::Benchmark };
        let is_measured = |(name, _): &&(String, Window)| self.measured.contains(name);
        let mut windows =
            self.phases.iter().filter(is_measured).map(|(_, window)| *window).collect::<Vec<_>>();
        if windows.len() < 2 {
            return Observed::Window(whole.length());
        }
        windows.sort_by_key(|window| window.begin);
        let (mut covered, mut until) = (DurationNs(0), whole.begin);
        for window in windows {
            let begin = window.begin.max(until);
            until = until.max(window.end);
            covered = DurationNs(covered.0.saturating_add((until - begin).0.max(0)));
        }
        Observed::Windows(covered)
    }

    /// Whether a metric can have a value in this run.
    #[must_use]
    pub fn apply(&self, metric: &Metric) -> bool {
        let needs = [
            (Flags::STREAMING_ONLY, self.streaming),
            (Flags::PRODUCES_TOKENS_ONLY, self.capability.produces_tokens || metric.tag == ALWAYS_COUNTED),
            (Flags::TOKENIZES_INPUT_ONLY, self.capability.tokenizes_input),
            (Flags::SUPPORTS_AUDIO_ONLY, self.capability.supports_audio),
            (Flags::SUPPORTS_IMAGE_ONLY, self.capability.supports_images),
            (Flags::PRODUCES_VIDEO_ONLY, self.capability.produces_videos),
            (Flags::USAGE_DIFF_ONLY, !self.use_server_token_count),
            (Flags::FIXED_SCHEDULE_ONLY, self.fixed_schedule),
            (Flags::GOODPUT, !self.goodput.is_empty()),
        ];
        needs.into_iter().all(|(flag, met)| met || !metric.flags.has(flag))
    }
}

/// Whether a run of this plan can have a statistic of a metric.
#[must_use]
pub fn can_give(plan: &Plan, metric: &Metric, stat: Stat) -> bool {
    let has_stat = match metric.kind {
        Kind::Record(_) | Kind::List(_) | Kind::Injected(_) => true,
        Kind::Sum(_) | Kind::Minimum(_) | Kind::Maximum(_) | Kind::Derived(_) => stat == Stat::Avg,
        Kind::Absent(_) => false,
    };
    has_stat && Settings::of_plan(plan, false, Anchor::default()).apply(metric)
}

impl Window {
    const fn of(phase: &record::Phase) -> Self {
        Self { begin: phase.begun_ns, end: phase.ended_ns }
    }

    /// Its length.
    #[must_use]
    pub fn length(self) -> DurationNs {
        self.end - self.begin
    }
}

/// The source of a run of another tool, whose records have no due times.
pub const IMPORTED: &str = "import";

/// AIPerf computes it for every endpoint, because metrics that apply to all of them require it; without tokens it is 0.
const ALWAYS_COUNTED: &str = "output_sequence_length";

/// AIPerf's kind of a measured phase, and the default name of the only one.
pub const PROFILING: &str = "profiling";
/// AIPerf's kind of any other phase.
pub const WARMUP: &str = "warmup";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn time_between_phases_is_not_observed() {
        let check = |windows: &[(&str, u64, u64)], expected: Observed| {
            let window = |begin, end| Window { begin: MonoNs(begin), end: MonoNs(end) };
            let phases = windows.iter().map(|(name, begin, end)| ((*name).to_owned(), window(*begin, *end)));
            let measured = windows.iter().filter(|(name, ..)| *name != "cold");
            let settings = Settings {
                profiling: measured
                    .clone()
                    .map(|(_, begin, _)| *begin)
                    .min()
                    .zip(measured.clone().map(|(_, _, end)| *end).max())
                    .map(|(begin, end)| window(begin, end)),
                measured: measured.map(|(name, ..)| (*name).to_owned()).collect(),
                phases: phases.collect(),
                ..testing::settings()
            };
            assert_eq!(settings.observed(), expected, "{windows:?}");
        };
        let windows = |length| Observed::Windows(DurationNs(length));
        check(&[], Observed::Benchmark);
        check(&[("cold", 0, 5), ("a", 5, 9)], Observed::Window(DurationNs(4)));
        check(&[("cold", 0, 5), ("a", 5, 9), ("b", 12, 20)], windows(12));
        check(&[("a", 5, 15), ("b", 12, 20)], windows(15));
        check(&[("a", 5, 25), ("b", 12, 20)], windows(20));
    }
}
