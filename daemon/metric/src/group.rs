//! The results of a set of requests: a phase, with its time slices.

use crate::analysis::{Formula, Row};
use crate::events::Lists;
use crate::injected::due;
use crate::injected::timeline::{Flight, TimelineStats, timeline_stats};
use crate::metric::{Injected, Kind, List, Metric};
use crate::network;
use crate::rates;
use crate::registry::METRICS;
use crate::replay;
use crate::report::MetricResult;
use crate::settings::{Settings, Window};
use crate::slices::Bin;
use crate::stats::{Sample, Stat, Stats};
use crate::totals::{Observed, Totals};
use crate::value::{Value, float, whole};
use statistics::{Interval, Needs};
use std::sync::Mutex;

/// All collected data.
#[derive(Debug)]
pub(crate) struct Source<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) formulas: Vec<Formula>,
    pub(crate) rows: &'a [Row],
    pub(crate) lists: Lists,
}

/// A set of requests with its window and its slices.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Group<'a> {
    pub(crate) places: &'a [u32],
    /// The phases that they belong to, by index: all requests of these.
    pub(crate) phases: &'a [u16],
    pub(crate) window: Option<Window>,
    /// The duration that throughputs are divided by.
    pub(crate) observed: Observed,
    pub(crate) slices: &'a [Bin],
}

/// The results of a group.
#[derive(Debug)]
pub(crate) struct Results {
    pub(crate) whole: Vec<MetricResult>,
    pub(crate) slices: Vec<Vec<MetricResult>>,
}

/// The results of one set of requests, by tag.
#[derive(Debug)]
struct Tally {
    totals: Totals,
    stats: Vec<(&'static str, Stats)>,
}

impl Source<'_> {
    /// The results of the last group; the lists are released.
    pub(crate) fn last_results(&mut self, group: &Group<'_>) -> Results {
        self.results(group, Lists::last_stats, true)
    }

    /// The results of a group.
    pub(crate) fn first_results(&mut self, group: &Group<'_>) -> Results {
        self.results(group, |lists, list, phases, factor| lists.stats(list, phases, factor), false)
    }

    /// Two threads process columns while there are any; then one computes the timeline, which needs only a few columns. For the
    /// last group, each column is released when it is done.
    fn results(
        &mut self,
        group: &Group<'_>,
        list_stats: fn(&mut Lists, List, &[u16], f64) -> Stats,
        is_last: bool,
    ) -> Results {
        let Self { settings, formulas, rows, lists } = self;
        let needed = formulas.iter().filter(|formula| is_needed(formula.metric.tag)).cloned();
        let needed = needed.collect::<Vec<_>>();
        let timeline_columns = Columns { settings, formulas: &needed, rows };
        let given = if is_last && group.slices.is_empty() { std::mem::take(formulas) } else { Vec::new() };
        let columns = Columns { settings, formulas, rows };
        let kept = columns.formulas.iter().map(Taken::Kept);
        let work: Work<'_> = Mutex::new(Box::new(given.into_iter().map(Taken::Given).chain(kept)));
        let inter_chunk = settings.list_metric(List::InterChunk);
        let (lists, (mut whole, slices)) = std::thread::scope(|scope| {
            let timeline_thread = scope.spawn(|| {
                let parts = columns.parts(group.places, &work);
                let timeline = timeline_columns.timeline(group, lists);
                let rates = timeline_columns.rates(group.places);
                let slices = group.slices.iter().map(|bin| gap_stats(lists.gather(&bin.places), inter_chunk));
                let slices = slices.collect::<Vec<_>>();
                let mut whole = Vec::new();
                for list in [List::InterChunk, List::KernelInterChunk, List::ReceiveOverhead] {
                    if let Some(metric) = settings.list_metric(list) {
                        let stats = list_stats(lists, list, group.phases, metric.display_factor());
                        whole.extend(stats.count().is_some().then_some((metric.tag, stats)));
                    }
                }
                ((timeline, whole, slices, rates), parts)
            });
            let slices =
                group.slices.iter().map(|bin| columns.tally(&bin.places, Observed::Window(bin.length())));
            let slices = slices.collect::<Vec<_>>();
            let parts = columns.parts(group.places, &work);
            let due = columns.due_latencies(group.places);
            let (lists, others) = timeline_thread.join().expect("the timeline does not panic");
            let mut whole = columns.tally_of(parts.into_iter().chain(others), group.observed);
            whole.stats.extend(due);
            (lists, (whole, slices))
        });
        let (mut timeline, whole_lists, slice_gaps, rates) = lists;
        let slices_timeline = timeline.split_off(1.min(timeline.len()));
        whole.complete(whole_lists, timeline.first());
        whole.precise(rates, rates::failures(rows, group.places));
        let slices =
            slices.into_iter().zip(slice_gaps).zip(slices_timeline).map(|((mut tally, gaps), timeline)| {
                tally.complete(gaps, Some(&timeline));
                tally.results(settings)
            });
        Results { slices: slices.collect(), whole: whole.results(settings) }
    }
}

/// Columns queued for the threads.
type Work<'a> = Mutex<Box<dyn Iterator<Item = Taken<'a>> + Send + 'a>>;

/// A column that a thread is processing.
enum Taken<'a> {
    /// It is needed again.
    Kept(&'a Formula),
    /// It is released when it is done.
    Given(Formula),
}

/// The results of one column: its total, and the statistics of the metric and of its copies, none for a scalar.
#[derive(Debug)]
struct Part {
    metric: &'static Metric,
    total: Value,
    stats: Vec<(&'static str, Stats)>,
}

/// The columns' data.
#[derive(Clone, Copy)]
struct Columns<'a> {
    settings: &'a Settings,
    formulas: &'a [Formula],
    rows: &'a [Row],
}

impl Columns<'_> {
    fn tally(&self, places: &[u32], observed: Observed) -> Tally {
        let work: Work<'_> = Mutex::new(Box::new(self.formulas.iter().map(Taken::Kept)));
        self.tally_of(self.parts(places, &work), observed)
    }

    /// The parts of a tally that no other thread has taken.
    fn parts(&self, places: &[u32], work: &Work<'_>) -> Vec<Part> {
        let failures = places.iter().filter(|place| !self.rows[**place as usize].scope.valid).count();
        let take = || work.lock().expect("taking a column does not panic").next();
        let mut parts = Vec::new();
        while let Some(taken) = take() {
            parts.extend(match &taken {
                Taken::Kept(formula) => self.part(formula, places, failures),
                Taken::Given(formula) => self.part(formula, places, failures),
            });
        }
        parts
    }

    /// The results of one column.
    fn part(&self, formula: &Formula, places: &[u32], failures: usize) -> Option<Part> {
        let metric = formula.metric;
        let column = || places.iter().filter_map(|place| formula.column.get(*place as usize));
        let scalar =
            |number: Option<f64>| Some(Part { metric, total: Value::new(number?)?, stats: Vec::new() });
        match metric.kind {
            Kind::Record(_) => {
                let sample = Sample::new(column().collect());
                let total = Value::new(sample.sum()).filter(|_| !sample.is_empty())?;
                let mut stats = vec![(metric.tag, sample.stats(metric.display_factor()))];
                let adjusted = copy_of(metric, |injected| matches!(injected, Injected::Adjusted(_)));
                if let Some(copy) = adjusted.filter(|_| failures > 0) {
                    let failed =
                        |place: &u32| (!self.rows[*place as usize].scope.valid).then_some(f64::INFINITY);
                    let value = |place: &u32| formula.column.get(*place as usize).or_else(|| failed(place));
                    let all = places.iter().filter_map(value).collect::<Vec<_>>();
                    stats.push((copy.tag, sample.adjusted(&all, metric.display_factor())));
                }
                if let Some(rtt_ms) = self.settings.network_rtt_ms {
                    let copy = copy_of(metric, |injected| matches!(injected, Injected::NetworkAdjusted(_)));
                    stats.extend(copy.map(|copy| (copy.tag, network::adjust(column(), rtt_ms))));
                }
                Some(Part { metric, total, stats })
            }
            Kind::Sum(_) => scalar(column().reduce(|sum, number| sum + number)),
            Kind::Minimum(_) => scalar(column().reduce(f64::min)),
            Kind::Maximum(_) => scalar(column().reduce(f64::max)),
            Kind::List(_) | Kind::Derived(_) | Kind::Injected(_) | Kind::Absent(_) => None,
        }
    }

    /// Combines the parts, and derives further metrics.
    fn tally_of(&self, parts: impl IntoIterator<Item = Part>, observed: Observed) -> Tally {
        let mut tally = Tally { totals: Totals::new(observed), stats: Vec::new() };
        for Part { metric, total, stats } in parts {
            if stats.is_empty() {
                tally.scalar(metric, Some(total.get()));
            } else {
                tally.totals.put(metric.tag, total);
                tally.stats.extend(stats);
            }
        }
        if let Some(rtt_ms) = self.settings.network_rtt_ms {
            tally.stats.push((network::RTT.tag, network::rtt(rtt_ms)));
        }
        tally.derive(self.settings);
        tally
    }

    fn due_latencies(&self, places: &[u32]) -> Vec<(&'static str, Stats)> {
        let rows = || places.iter().map(|place| &self.rows[*place as usize]);
        let stats = |milliseconds: Vec<f64>| Sample::new(milliseconds).stats(1.0);
        let started = stats(rows().map(|row| due::between(row.due, row.start)).collect());
        let ended = stats(rows().map(|row| due::between(row.due, row.end)).collect());
        let both = [(due::CREDIT_TO_START.tag, started), (due::EFFECTIVE_LATENCY.tag, ended)];
        both.into_iter().filter(|(_, stats)| stats.count().is_some()).collect()
    }

    /// How sure the rates of these requests are.
    fn rates(&self, places: &[u32]) -> Vec<rates::Relative> {
        let column = |tag: &str| self.formulas.iter().find(|formula| formula.metric.tag == tag);
        let [input, output, good] = RATE_METRICS.map(column);
        let number = |of: Option<&Formula>, place: usize| {
            of.and_then(|formula| formula.column.get(place)).unwrap_or(f64::NAN)
        };
        rates::intervals(self.rows, places, |_, place| {
            let (input, output) = (number(input, place), number(output, place));
            let total =
                if input.is_nan() { output } else { input + if output.is_nan() { 0.0 } else { output } };
            [1.0, output, input, total, number(good, place)]
        })
    }

    fn timeline(&self, group: &Group<'_>, lists: &Lists) -> Vec<TimelineStats> {
        let column = |tag: &str| self.formulas.iter().find(|formula| formula.metric.tag == tag);
        let (input, output) = (column("input_sequence_length"), column("output_sequence_length"));
        let first_token = column("time_to_first_token");
        // Requests of other processes have no client timestamps.
        let first_token_kernel = column("kernel_time_to_first_token");
        let number = |of: Option<&Formula>, place: usize| {
            of.and_then(|formula| formula.column.get(place)).unwrap_or(f64::NAN)
        };
        let gaps = group.places.iter().map(|place| lists.gaps(*place).len()).sum::<usize>();
        let flights = group.places.iter().map(|row| {
            let place = *row as usize;
            let Row { start, end, .. } = self.rows[place];
            let waited = first_token
                .and_then(|formula| formula.column.get(place))
                .or_else(|| first_token_kernel.and_then(|formula| formula.column.get(place)));
            Flight {
                start: float(start.0),
                first_token: waited.map_or(f64::NAN, |waited| float(start.0.saturating_add(whole(waited)))),
                end: float(end.0),
                input: number(input, place),
                output: number(output, place),
                gaps: if gaps > MOST_TIMELINE_GAPS { &[] } else { lists.gaps(*row) },
            }
        });
        let flights = flights.collect::<Vec<_>>();
        let mut windows = Vec::with_capacity(1 + group.slices.len());
        windows.push(match group.window {
            Some(Window { begin, end }) => {
                let date = |stamp| float(self.settings.clock.real(stamp).0);
                (date(begin), date(end))
            }
            None => (
                flights.iter().map(|flight| flight.start).fold(f64::INFINITY, f64::min),
                flights.iter().map(|flight| flight.end).fold(f64::NEG_INFINITY, f64::max),
            ),
        });
        windows.extend(group.slices.iter().map(|bin| (bin.begin, bin.end)));
        if flights.is_empty() { Vec::new() } else { timeline_stats(&flights, &windows) }
    }
}

impl Tally {
    fn scalar(&mut self, metric: &'static Metric, number: Option<f64>) {
        if let Some(value) = number.and_then(Value::new) {
            self.totals.put(metric.tag, value);
            if let Some(shown) = metric.shown_value(value) {
                self.stats.push((metric.tag, Stats::scalar(shown)));
            }
        }
    }

    /// Computes the metrics that can be derived, including those derived from derived ones.
    fn derive(&mut self, settings: &Settings) {
        let derived = METRICS.iter().copied().filter(|metric| settings.apply(metric));
        let mut open = derived.collect::<Vec<_>>();
        loop {
            let before = open.len();
            open.retain(|metric| {
                let Kind::Derived(formula) = metric.kind else { return false };
                let value = formula(&self.totals);
                self.scalar(metric, value.map(Value::get));
                value.is_none()
            });
            if open.len() == before {
                return;
            }
        }
    }

    fn complete(
        &mut self,
        lists: impl IntoIterator<Item = (&'static str, Stats)>,
        timeline: Option<&TimelineStats>,
    ) {
        self.stats.extend(lists);
        self.replay();
        for metric in METRICS {
            if let Kind::Injected(injected) = metric.kind
                && let Some(stats) = timeline.and_then(|timeline| timeline.get(injected))
            {
                self.stats.push((metric.tag, stats.clone()));
            }
        }
    }

    /// Gives rates and the share of failures their intervals.
    fn precise(&mut self, rates: Vec<rates::Relative>, failures: Option<Result<Interval, Needs>>) {
        for (tag, stats) in &mut self.stats {
            if let Some((_, interval)) = rates.iter().find(|(rate, _)| rate == tag) {
                rates::apply(stats, *interval);
            }
            if let Some(failures) = failures.filter(|_| *tag == "request_error_rate") {
                stats.set_interval(failures);
            }
        }
    }

    /// Metrics derived from the offsets of a fixed schedule.
    fn replay(&mut self) {
        let offsets = self.stats.iter().find(|(tag, _)| *tag == replay::OFFSET.tag);
        let Some(offsets) = offsets.map(|(_, stats)| stats.clone()) else { return };
        let worst = replay::lag_ms(&offsets, Stat::P99);
        for metric in METRICS {
            let number = match metric.kind {
                Kind::Injected(Injected::ReplayLag(stat)) => replay::lag_ms(&offsets, stat),
                Kind::Injected(Injected::ReplayDegraded) => {
                    worst.map(|worst| if worst > replay::DEGRADED_MS { 1.0 } else { 0.0 })
                }
                _ => continue,
            };
            self.scalar(metric, number);
        }
    }

    /// In the registry's order, without hidden metrics.
    fn results(mut self, settings: &Settings) -> Vec<MetricResult> {
        let shown = |metric: &&Metric| settings.apply(metric) && !metric.is_hidden();
        METRICS
            .iter()
            .copied()
            .filter(shown)
            .filter_map(|metric| {
                let place = self.stats.iter().position(|(tag, _)| *tag == metric.tag)?;
                Some(MetricResult { metric, stats: self.stats.swap_remove(place).1 })
            })
            .collect()
    }
}

impl Lists {
    /// The gaps of these requests.
    fn gather(&self, places: &[u32]) -> Sample {
        let gaps = || places.iter().map(|place| self.gaps(*place)).filter(|gaps| !gaps.is_empty());
        let counts = gaps().map(|gaps| u32::try_from(gaps.len()).unwrap_or(u32::MAX));
        Sample::clustered(gaps().flatten().copied().collect(), counts.collect())
    }
}

impl Settings {
    fn list_metric(&self, list: List) -> Option<&'static Metric> {
        let is = |metric: &&Metric| matches!(metric.kind, Kind::List(of) if of == list);
        METRICS.iter().copied().find(is).filter(|metric| self.apply(metric))
    }
}

/// The copy of this metric of the given kind.
fn copy_of(metric: &Metric, is_such: fn(Injected) -> bool) -> Option<&'static Metric> {
    METRICS.iter().copied().find(|other| match other.kind {
        Kind::Injected(injected @ (Injected::Adjusted(of) | Injected::NetworkAdjusted(of))) => {
            of == metric.tag && is_such(injected)
        }
        _ => false,
    })
}

fn gap_stats(gaps: Sample, metric: Option<&'static Metric>) -> Option<(&'static str, Stats)> {
    let metric = metric?;
    let stats = gaps.stats(metric.display_factor());
    stats.count().is_some().then_some((metric.tag, stats))
}

/// The metrics whose per-request values the timeline uses.
const TIMELINE_METRICS: [&str; 4] =
    ["input_sequence_length", "output_sequence_length", "time_to_first_token", "kernel_time_to_first_token"];

/// Those that rates use: input, output, and whether a request is good.
const RATE_METRICS: [&str; 3] = ["input_sequence_length", "output_sequence_length", "good_request_count"];

fn is_needed(tag: &str) -> bool {
    TIMELINE_METRICS.contains(&tag) || RATE_METRICS.contains(&tag)
}

/// With more gaps than this, decoding is treated as if its tokens were evenly spaced, as AIPerf does without gaps.
const MOST_TIMELINE_GAPS: usize = 1_000_000;
