//! Joins the GPUs' energy to requests, tokens and gaps on one clock.
//!
//! ```text
//! joules(t)  ───────────────╱────────╱──    the curve of all GPUs together
//! request A     ├─────────────────┤         during it: joules(end) - joules(start)
//! request B            ├─────────────┤      its share: power divided by the requests in flight
//! ```

use super::curve::Curve;
use super::efficiency;
use super::series::Gpus;
use crate::case::Case;
use crate::gaps::Gaps;
use crate::metric::{Flags, Group, Injected, Metric, Unit};
use crate::rates;
use crate::report::{MetricResult, Report};
use crate::settings::{Settings, Window};
use crate::stats::{Sample, Stat, Stats};
use crate::value::{Value, float_of, whole};
use common::clock::MonoNs;
use common::id::RequestId;
use record::{Event, Request};
use statistics::{Interval, Needs, cycles};

gpu_metrics! { "" ours(Gpu) 0
    ENERGY_IN_REQUEST "gpu_energy_in_request" "GPU Energy During Request" "J" 900 (Flags::NONE)
        "Energy of all GPUs from kernel_sent_last (or submitted) to the last token, including that of concurrent requests.";
    ENERGY_SHARE "gpu_energy_share" "GPU Energy Share of Request" "J" 910 (Flags::NONE)
        "Energy of all GPUs from submitted to ended, divided at each point in time by the requests in flight.";
    ENERGY_SHARE_PER_OUTPUT_TOKEN "gpu_energy_share_per_output_token" "GPU Energy Share per Output Token" "mJ/token" 920
        (Flags::PRODUCES_TOKENS_ONLY) "1000 * gpu_energy_share / output_sequence_length.";
    ENERGY_PER_INPUT_TOKEN "gpu_energy_per_input_token" "GPU Energy per Input Token" "mJ/token" 930 (Flags::NONE)
        "1000 * energy of the measured phase / total_isl: including decoding.";
    POWER_IN_GAP "gpu_power_in_gap" "GPU Power Between Tokens" "W" 940 (Flags::STREAMING_ONLY)
        "Mean power of all GPUs in each gap between two events with content of a request, by their arrival (or read).";
    ENERGY_BY_POWER "gpu_energy_by_power" "GPU Energy, Power Integrated" "J" 950 (Flags::NONE)
        "Power over the measured phase, by trapezoids, for comparison with the energy counter.";
    COUNTER_DEVIATION "gpu_energy_deviation" "GPU Energy, Power Against Counter" "%" 960 (Flags::NONE)
        "100 * (integrated power - energy counter) / energy counter.";
    CALL_DURATION "gpu_call_duration" "GPU Driver Call" "us" 970 (Flags::NONE)
        "Duration of calls to GPU drivers, or of exporter scrapes: the cost of sampling.";
}

/// Joins the GPU samples of a run to its requests and events, row by row.
#[derive(Debug)]
pub struct Join<'a> {
    gpus: &'a Gpus,
    settings: &'a Settings,
    window: Window,
    energy: Curve,
    fine: Option<Curve>,
    /// Start and end of each request; for each valid one of the measured phase also its fields.
    flights: Vec<(MonoNs, MonoNs, Option<Measured>)>,
    /// Requests beyond the maximum.
    passed_over: u64,
    /// Power of each gap, in milliwatts.
    gaps: Gaps,
    /// The remaining capacity for gaps.
    room: usize,
    before: Option<(RequestId, MonoNs)>,
    /// Requests with events so far.
    observed: u32,
}

#[derive(Clone, Copy, Debug)]
struct Measured {
    sent: MonoNs,
    last_token: MonoNs,
    output_tokens: Option<u32>,
}

impl<'a> Join<'a> {
    /// A join of these GPUs; `None` without energy data or measured phase.
    #[must_use]
    pub fn new(gpus: &'a Gpus, settings: &'a Settings) -> Option<Self> {
        let window = settings.profiling?;
        let energy = Curve::energy_of_all(gpus)?;
        let fine = Curve::fine_of_all(gpus);
        Some(Self {
            gpus,
            settings,
            window,
            energy,
            fine,
            flights: Vec::new(),
            passed_over: 0,
            gaps: Gaps::default(),
            room: GAPS_EXACT,
            before: None,
            observed: 0,
        })
    }

    /// Adds a request.
    pub fn request(&mut self, request: &Request) {
        if self.flights.len() >= MOST_FLIGHTS {
            self.passed_over += 1;
            return;
        }
        let case = Case { request, settings: self.settings };
        let measured = (case.is_profiling() && case.is_valid()).then(|| Measured {
            sent: case.kernel_sent_last_ns.unwrap_or_else(|| case.started()),
            last_token: case.last_token().unwrap_or(case.ended_ns),
            output_tokens: case.output_length(),
        });
        self.flights.push((case.started(), case.ended_ns, measured));
    }

    /// Adds an event; those of a request are consecutive.
    pub fn event(&mut self, event: Event) {
        if !event.is_content {
            return;
        }
        let at = event.kernel_received_ns.unwrap_or(event.reaped_ns);
        if self.before.is_none_or(|(request, _)| request != event.request_id) {
            self.observed = self.observed.wrapping_add(1);
        }
        if let Some((request, before)) = self.before
            && request == event.request_id
            && before >= self.window.begin
            && before < at
            && at <= self.window.end
            && let Some(curve) = &self.fine
        {
            let watts = curve.between(before, at) / (at - before).as_seconds();
            self.gaps.push_of(self.observed, whole(watts * 1e3), &mut self.room);
        }
        self.before = Some((event.request_id, at));
    }

    /// The results, which also use other metrics of the report.
    #[must_use]
    pub fn finish(mut self, report: &Report, concurrency: Option<u32>) -> Vec<MetricResult> {
        let mut results = efficiency::results(self.gpus, self.window, concurrency, report);
        let [per_request, per_token] = self.precision();
        for result in &mut results {
            // What is divided by energy is as sure, in multiples, as its inverse.
            let tag = result.metric.tag.trim_start_matches("nvidia_").trim_start_matches("amd_");
            match tag {
                "energy_per_request" => rates::apply(&mut result.stats, per_request),
                "performance_per_watt" => rates::apply(&mut result.stats, rates::inverse(per_request)),
                "energy_per_output_token" => rates::apply(&mut result.stats, per_token),
                "output_tokens_per_joule" | "output_tps_per_watt" => {
                    rates::apply(&mut result.stats, rates::inverse(per_token));
                }
                _ => {}
            }
        }
        let mut put = |metric: &'static Metric, stats: Stats| {
            let has_value = stats.get(Stat::Avg).is_some() && self.settings.apply(metric);
            results.extend(has_value.then_some(MetricResult { metric, stats }));
        };
        let (in_request, shares, per_token) = self.by_request();
        let distribution = |numbers| Sample::new(numbers).stats(1.0);
        put(&ENERGY_IN_REQUEST, distribution(in_request));
        // Shares need all requests: one that is left out would increase the shares of the others.
        if self.passed_over == 0 {
            put(&ENERGY_SHARE, distribution(shares));
            put(&ENERGY_SHARE_PER_OUTPUT_TOKEN, distribution(per_token));
        }
        let scalar = |number: f64| Value::new(number).map(Stats::scalar).unwrap_or_default();
        let energy = self.energy.between(self.window.begin, self.window.end);
        if let Some(input) = report.stat("total_isl", Stat::Avg) {
            put(&ENERGY_PER_INPUT_TOKEN, scalar(1e3 * energy / input.get()));
        }
        put(&POWER_IN_GAP, self.gaps.last_stats(1e-3));
        if let Some((by_power, by_counter)) = self.both_ways() {
            put(&ENERGY_BY_POWER, scalar(by_power));
            put(&COUNTER_DEVIATION, scalar(100.0 * (by_power - by_counter) / by_counter));
        }
        put(&CALL_DURATION, self.gpus.call_stats());
        results
    }

    /// How sure the energy per request and per output token are, in multiples of each: from the energy between the ends of one
    /// request and the next, and that one's tokens.
    fn precision(&self) -> [Result<Interval, Needs>; 2] {
        let mut ended = self
            .flights
            .iter()
            .filter_map(|(_, ended, measured)| Some((*ended, measured.as_ref()?.output_tokens)))
            .filter(|(ended, _)| (self.window.begin..=self.window.end).contains(ended))
            .collect::<Vec<_>>();
        ended.sort_unstable_by_key(|(ended, _)| *ended);
        // Energy takes the place of time: it is what flows between the ends of requests.
        let energies = ended.windows(2).map(|pair| self.energy.between(pair[0].0, pair[1].0));
        let energies = energies.collect::<Vec<_>>();
        let parts = ended.iter().skip(1).map(|(_, tokens)| [1.0, f64::from(tokens.unwrap_or(0))]);
        cycles(energies.into_iter(), parts).map(|batches| rates::inverse(rates::relative(&batches)))
    }

    /// For each request: the energy during it, its share, and the share per token.
    fn by_request(&self) -> (Vec<f64>, Vec<f64>, Vec<f64>) {
        let shared = Shared::of(&self.flights, &self.energy);
        let (mut in_request, mut shares, mut per_token) = (Vec::new(), Vec::new(), Vec::new());
        for (started, ended, measured) in &self.flights {
            let Some(Measured { sent, last_token, output_tokens }) = measured else { continue };
            in_request.push(self.energy.between(*sent, *last_token));
            let share = shared.between(*started, *ended);
            shares.push(share);
            per_token
                .extend(output_tokens.filter(|count| *count > 0).map(|count| 1e3 * share / f64::from(count)));
        }
        (in_request, shares, per_token)
    }

    /// The energy of GPUs with both a power reading and a counter, by each method.
    fn both_ways(&self) -> Option<(f64, f64)> {
        let both = self
            .gpus
            .each()
            .filter_map(|gpu| Some((Curve::power_of(gpu)?, Curve::of_counter(gpu.energy())?)));
        let drawn = |curve: &Curve| curve.between(self.window.begin, self.window.end);
        let sums = both
            .fold((0.0, 0.0), |sums, (power, counter)| (sums.0 + drawn(&power), sums.1 + drawn(&counter)));
        (sums.1 > 0.0).then_some(sums)
    }
}

/// The energy share of one request in flight, at each start and end of a request.
#[derive(Debug)]
struct Shared {
    steps: Vec<(MonoNs, f64)>,
}

impl Shared {
    fn of(flights: &[(MonoNs, MonoNs, Option<Measured>)], energy: &Curve) -> Self {
        let begins = flights.iter().map(|(started, _, _)| (*started, 1_i64));
        let mut changes = begins.chain(flights.iter().map(|(_, ended, _)| (*ended, -1))).collect::<Vec<_>>();
        changes.sort_unstable();
        let (mut in_flight, mut drawn) = (0_i64, 0.0);
        let mut steps = Vec::<(MonoNs, f64)>::with_capacity(changes.len());
        for (at, change) in changes {
            if let Some((before, _)) = steps.last()
                && let Some(sharing) = usize::try_from(in_flight).ok().filter(|count| *count > 0)
            {
                drawn += energy.between(*before, at) / float_of(sharing);
            }
            in_flight += change;
            steps.push((at, drawn));
        }
        Self { steps }
    }

    fn between(&self, begin: MonoNs, end: MonoNs) -> f64 {
        let until = |moment: MonoNs| {
            let place = self.steps.partition_point(|(at, _)| *at <= moment);
            place.checked_sub(1).map_or(0.0, |place| self.steps[place].1)
        };
        until(end) - until(begin)
    }
}

/// Maximum number of gaps stored exactly.
const GAPS_EXACT: usize = 2_000_000;
/// Maximum number of requests with energy metrics.
const MOST_FLIGHTS: usize = 4_000_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::find;
    use crate::testing::settings;
    use record::GpuSample;

    const MS: u64 = 1_000_000;

    fn row(metric: &str, at_ms: u64, value: f64) -> GpuSample {
        let at = MonoNs(at_ms * MS);
        GpuSample {
            source: "nvml".to_owned(),
            gpu_index: 0,
            mig_index: None,
            gpu_uuid: "GPU-0".to_owned(),
            pid: None,
            metric: metric.to_owned(),
            asked_ns: MonoNs(at.0 - 5000),
            answered_ns: MonoNs(at.0 + 5000),
            sampled_ns: at,
            value: Some(value),
            text: None,
        }
    }

    /// A second of 200 W and a second of 400 W, from 1 s to 3 s of the clock.
    fn gpus() -> Gpus {
        let watts = |ms: u64| if ms < 2000 { 200.0 } else { 400.0 };
        let joules = |ms: u64| {
            if ms < 2000 {
                0.2 * crate::value::float(ms)
            } else {
                400.0 + 0.4 * crate::value::float(ms - 2000)
            }
        };
        let rows = (900..3100).step_by(10).flat_map(|ms| {
            [
                row("nvidia_power_usage", ms, watts(ms)),
                row("nvidia_power_instant", ms, watts(ms)),
                row("nvidia_energy_consumption", ms, joules(ms) * 1e-6),
            ]
        });
        Gpus::of(rows.map(Ok::<_, ()>)).unwrap()
    }

    fn request(id: u64, started_ms: u64, ended_ms: u64) -> Request {
        let at = |ms: u64| Some(MonoNs(ms * MS));
        Request {
            phase: "profiling".to_owned(),
            due_ns: MonoNs(started_ms * MS),
            submitted_ns: at(started_ms),
            kernel_sent_last_ns: at(started_ms),
            last_token_reaped_ns: at(ended_ms),
            ended_ns: MonoNs(ended_ms * MS),
            content_events: 2,
            input_tokens: Some(100),
            output_tokens: Some(10),
            ..Request::blank(RequestId(id))
        }
    }

    fn check(results: &[MetricResult], tag: &str, stat: Stat, expected: f64, within: f64) {
        let result = results.iter().find(|result| result.metric.tag == tag);
        let found = result.and_then(|result| result.stats.get(stat)).map(Value::get);
        assert!(found.is_some_and(|found| (found - expected).abs() < within), "{tag} {stat:?}: {found:?}");
    }

    #[test]
    fn energy_is_divided_among_requests_in_flight() {
        let window = Window { begin: MonoNs(1000 * MS), end: MonoNs(3000 * MS) };
        let settings = Settings { profiling: Some(window), ..settings() };
        let gpus = gpus();
        let mut join = Join::new(&gpus, &settings).unwrap();
        // Alone for a second at 200 W, then two share a second at 400 W.
        join.request(&request(1, 1000, 3000));
        join.request(&request(2, 2000, 3000));
        for (id, at) in [(1, 1200), (1, 1400), (2, 2500), (2, 2600)] {
            join.event(Event {
                request_id: RequestId(id),
                reaped_ns: MonoNs(at * MS),
                kernel_received_ns: None,
                is_content: true,
            });
        }
        let mut report = Report::default();
        for (tag, value) in
            [("total_isl", 200.0), ("total_osl", 20.0), ("request_count", 2.0), ("request_latency", 1500.0)]
        {
            let stats = Stats::scalar(Value::new(value).unwrap());
            report.results.push(MetricResult { metric: find(tag).unwrap(), stats });
        }
        let results = join.finish(&report, Some(2));
        check(&results, "gpu_energy_in_request", Stat::Max, 600.0, 5.0);
        check(&results, "gpu_energy_in_request", Stat::Min, 400.0, 5.0);
        check(&results, "gpu_energy_share", Stat::Max, 400.0, 5.0);
        check(&results, "gpu_energy_share", Stat::Min, 200.0, 5.0);
        check(&results, "gpu_energy_share", Stat::Sum, 600.0, 5.0);
        check(&results, "gpu_energy_share_per_output_token", Stat::Min, 20_000.0, 500.0);
        check(&results, "gpu_energy_per_input_token", Stat::Avg, 3000.0, 20.0);
        check(&results, "gpu_power_in_gap", Stat::Min, 200.0, 1.0);
        check(&results, "gpu_power_in_gap", Stat::Max, 400.0, 1.0);
        check(&results, "gpu_energy_by_power", Stat::Avg, 600.0, 5.0);
        check(&results, "gpu_energy_deviation", Stat::Avg, 0.0, 0.5);
        check(&results, "gpu_call_duration", Stat::P50, 10.0, 1e-9);
        check(&results, "nvidia_total_gpu_energy", Stat::Avg, 600.0, 5.0);
        check(&results, "nvidia_average_gpu_power", Stat::Avg, 300.0, 3.0);
        check(&results, "nvidia_total_gpu_power", Stat::Avg, 300.0, 3.0);
        check(&results, "nvidia_energy_per_output_token", Stat::Avg, 30_000.0, 300.0);
        check(&results, "nvidia_energy_per_total_token", Stat::Avg, 2727.3, 30.0);
        check(&results, "nvidia_energy_per_request", Stat::Avg, 300.0, 3.0);
        check(&results, "nvidia_energy_per_user", Stat::Avg, 300.0, 3.0);
        check(&results, "nvidia_energy_delay_product", Stat::Avg, 450.0, 4.0);
        check(&results, "nvidia_output_tokens_per_joule", Stat::Avg, 20.0 / 600.0, 1e-3);
        let of_amd = results.iter().any(|result| result.metric.tag.starts_with("amd_"));
        assert!(!of_amd, "no AMD GPU, no AMD metrics");
    }

    #[test]
    fn a_divided_gpu_draws_power_once() {
        let part = |mig: u32, row: GpuSample| GpuSample { mig_index: Some(mig), ..row };
        let rows = |uuid: [&'static str; 2]| {
            let rows = (0..5).flat_map(move |at| {
                let sample = row("nvidia_power_usage", 1 + at, 100.0);
                let sample = move |mig: usize| GpuSample { gpu_uuid: uuid[mig].to_owned(), ..sample.clone() };
                [part(0, sample(0)), part(1, sample(1))]
            });
            Gpus::of(rows.map(Ok::<_, ()>)).unwrap().each().count()
        };
        assert_eq!(rows(["GPU-0", "GPU-0"]), 1, "an exporter's MIG parts, each with the whole GPU's power");
        assert_eq!(
            rows(["MIG-a", "MIG-b"]),
            0,
            "parts are listed in addition to the whole GPU, which has the power"
        );
    }

    #[test]
    fn a_gpu_of_two_sources_counts_once() {
        let again = |row: GpuSample| GpuSample { source: "http://localhost:9400/metrics".to_owned(), ..row };
        let rows = (0..5).flat_map(|at| {
            let row = row("nvidia_power_usage", 1 + at, 100.0);
            [again(row.clone()), row]
        });
        let gpus = Gpus::of(rows.map(Ok::<_, ()>)).unwrap();
        assert_eq!(gpus.sources.len(), 2, "both are kept");
        assert_eq!(gpus.each().count(), 1, "energy is not doubled");
    }
}
