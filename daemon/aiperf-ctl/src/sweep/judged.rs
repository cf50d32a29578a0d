//! What the runs of a variation say about the limits and objectives of an experiment.
//!
//! A latency is the kernel's where it was measured, unless the client's is asked for. In it, a request that failed takes for ever.

use super::results::Row;
use crate::args::Clock;
use crate::compare::{self, Figure, Judgeable};
use crate::observer::Certain;
use common::clock::{DurationNs, RealNs};
use experiment::search::{Answer, Judged, Limit, Load, Measure, Measured, Op, Outcome, Search, Strategy};
use metric::{Kind, MetricResult, Report, Stat, find};
use spec::WatchedLimit;
use statistics::Gate;

/// What the runs of a probe gave. They were ended early for what is certain of the limits at the places `watched`.
pub(super) fn outcome(
    search: &Search,
    limits: &[Limit],
    clock: Clock,
    rows: &[Row],
    watched: &[usize],
) -> Outcome {
    let reports = rows.iter().filter_map(|row| row.report.as_ref()).collect::<Vec<_>>();
    if reports.is_empty() {
        let why = rows.iter().find_map(|row| row.error.clone());
        return Outcome::Failed(why.unwrap_or_else(|| "no run".to_owned()));
    }
    if let Some(void) = rows.iter().find_map(Row::void) {
        return Outcome::ClientLimited(void);
    }
    // Without a limit that failures miss, a server that refuses would look fast.
    if let Some(row) = rows.iter().find(|row| limits.is_empty() && !row.limits.is_empty()) {
        return Outcome::Failed(row.limits.join(", "));
    }
    // What is best is what the run's own report shows, of its whole length.
    let whole = Judgeable::of(reports.iter().map(|report| report.results.as_slice()));
    let objectives = search.objectives.iter();
    let objectives =
        objectives.map(|objective| whole.figure(&objective.metric, &objective.stat).map(measure));
    let mut answers = judged(limits, clock, true, rows);
    if watched.len() < limits.len() {
        let without = judged(limits, clock, false, rows);
        let others =
            answers.iter_mut().zip(without).enumerate().filter(|(place, _)| !watched.contains(place));
        others.for_each(|(_, (answer, without))| *answer = without);
    }
    Outcome::Measured(Measured {
        objectives: objectives.collect(),
        limits: answers,
        load: load(&reports),
        requests: reports.iter().map(|report| report.requests).sum(),
        is_cut: rows.iter().any(|row| row.certain.is_some()),
    })
}

/// Whether runs keep each limit, by one clock. `is_watched` is whether it is the one by which runs were ended early: what was certain
/// by it need not be by another one.
pub(super) fn judged(limits: &[Limit], clock: Clock, is_watched: bool, rows: &[Row]) -> Vec<Judged> {
    let reports = rows.iter().filter_map(|row| row.report.as_ref()).collect::<Vec<_>>();
    if reports.is_empty() {
        return Vec::new();
    }
    let side = Side { is_behind: rows.iter().any(|row| row.is_behind), ..Side::of(&reports, clock) };
    let certain = if is_watched { certainties(rows) } else { Vec::new() };
    limits.iter().map(|limit| side.judged(limit, &certain)).collect()
}

/// What was certain of each run when it was ended early.
fn certainties(rows: &[Row]) -> Vec<Option<&Certain>> {
    rows.iter().map(|row| row.certain.as_ref()).collect()
}

/// Whether any of these runs has kernel times of a metric that a limit is on.
pub(super) fn has_kernel_times<'a>(limits: &[Limit], rows: impl Iterator<Item = &'a Row>) -> bool {
    let reports = rows.filter_map(|row| row.report.as_ref());
    let mut results = reports.flat_map(results);
    results.any(|result| {
        limits.iter().any(|limit| result.metric.tag.strip_prefix(KERNEL) == Some(&limit.metric_tag))
    })
}

/// The limits that a run is watched for: on percentiles that must stay below, and on failures. `ends_when_kept` is whether the run
/// says nothing more when all limits are certainly kept.
pub(super) fn watched(
    limits: &[Limit],
    clock: Clock,
    load: &spec::Load,
    ends_when_kept: bool,
) -> Vec<WatchedLimit> {
    let measured = load.phases.iter().filter(|phase| !phase.is_warmup);
    let concurrency = measured.filter_map(|phase| phase.concurrency).max();
    let skipped = u64::from(concurrency.unwrap_or(USUAL_SKIPPED).saturating_mul(2));
    let of = |limit: &Limit| {
        if !matches!(limit.op, Op::Lt | Op::Le) {
            return None;
        }
        let name = shown(limit);
        let watched =
            WatchedLimit { name, metrics: Vec::new(), threshold: 0.0, share: 0.0, skipped, ends_when_kept };
        if limit.metric_tag == FAILURES {
            return Some(WatchedLimit { share: limit.threshold / 100.0, ..watched });
        }
        let (_, share) = Stat::PERCENTILES.into_iter().find(|(stat, _)| stat.name() == limit.stat)?;
        let client = find(&limit.metric_tag).filter(|metric| matches!(metric.kind, Kind::Record(_)))?;
        // Where a request has no kernel time, its client's is no less.
        let kernel = find(&format!("{KERNEL}{}", client.tag)).filter(|_| clock == Clock::Kernel);
        Some(WatchedLimit {
            metrics: kernel.into_iter().chain([client]).map(|metric| metric.tag.to_owned()).collect(),
            threshold: limit.threshold,
            share: 1.0 - share,
            ..watched
        })
    };
    let mut watched = limits.iter().filter_map(of).collect::<Vec<_>>();
    // Nothing is known of a limit that cannot be watched.
    let is_whole = watched.len() == limits.len();
    watched.iter_mut().for_each(|limit| limit.ends_when_kept &= is_whole);
    watched
}

/// Sets how many requests a run of AIPerf's `smooth_isotonic` has, unless the user did.
pub(super) fn set_requests(search: &Search, phases: &mut [spec::Phase]) {
    if search.planner != Strategy::SmoothIsotonic {
        return;
    }
    let requests = search.sla_precision.requests();
    let measured = phases.iter_mut().filter(|phase| !phase.is_warmup && phase.session_count.is_none());
    measured.for_each(|phase| phase.request_count = phase.request_count.or(Some(requests)));
}

/// The tag of the same number by the kernel's clock.
pub(super) fn kernel_tag(tag: &str) -> String {
    format!("{KERNEL}{tag}")
}

/// A limit as a reader sees it.
pub(super) fn shown(limit: &Limit) -> String {
    let op = match limit.op {
        Op::Lt => "<",
        Op::Le => "<=",
        Op::Gt => ">",
        Op::Ge => ">=",
    };
    let unit = find(&limit.metric_tag).map_or("", |metric| metric.display.name());
    format!("{} {} {op} {} {unit}", limit.metric_tag, limit.stat, limit.threshold)
}

/// The results that limits are on: the steady state's, if the run has one.
fn results(report: &Report) -> &[MetricResult] {
    match &report.steady {
        Some(Ok(steady)) => &steady.slice.results,
        _ => &report.results,
    }
}

/// The runs of one variation.
struct Side {
    runs: Judgeable,
    clock: Clock,
    has_failures: bool,
    /// Whether the server fell behind: how long requests take depends on how long it went on.
    is_behind: bool,
}

impl Side {
    fn of(reports: &[&Report], clock: Clock) -> Self {
        let runs = reports.iter().map(|report| results(report));
        Self {
            runs: Judgeable::of(runs),
            clock,
            has_failures: reports.iter().any(|report| report.failed > 0),
            is_behind: false,
        }
    }

    /// The tag of what is measured for a limit on a metric.
    fn tag(&self, tag: &str) -> String {
        let kernel = kernel_tag(tag);
        if self.clock == Clock::Kernel && self.runs.figure(&kernel, Stat::P50.name()).is_some() {
            kernel
        } else {
            tag.to_owned()
        }
    }

    fn figure(&self, tag: &str, stat: &str) -> Option<Figure> {
        self.runs.figure(&self.tag(tag), stat)
    }

    /// Whether the runs keep a limit, given what was certain when each of them was ended early.
    fn judged(&self, limit: &Limit, certain: &[Option<&Certain>]) -> Judged {
        let tag = self.tag(&limit.metric_tag);
        let missed = Certain::Missed(shown(limit));
        let grows = self.is_behind && matches!(limit.op, Op::Lt | Op::Le);
        let is_missed = grows || certain.contains(&Some(&missed));
        let is_kept = !certain.is_empty() && certain.iter().all(|one| *one == Some(&Certain::Kept));
        let adjusted = find(&format!("{WITH_FAILURES}{tag}")).filter(|_| self.has_failures);
        let tag = adjusted.map_or(tag.as_str(), |metric| metric.tag);
        let Some(figure) = self.runs.figure(tag, &limit.stat) else {
            // A percentile that falls on a failed request.
            let answer = if adjusted.is_some() || is_missed {
                Answer::Missed
            } else {
                Answer::Unsure { looks_met: false }
            };
            return Judged { observed: None, answer };
        };
        let (is_met, threshold): (fn(&f64, &f64) -> bool, _) = (
            match limit.op {
                Op::Lt => f64::lt,
                Op::Le => f64::le,
                Op::Gt => f64::gt,
                Op::Ge => f64::ge,
            },
            limit.threshold,
        );
        let answer = match self.runs.gate(tag, &limit.stat, is_met, threshold) {
            _ if is_missed => Answer::Missed,
            Gate::CantTell if is_kept => Answer::Met,
            Gate::Holds => Answer::Met,
            Gate::HoldsNot => Answer::Missed,
            Gate::CantTell => Answer::Unsure { looks_met: is_met(&figure.value, &threshold) },
        };
        Judged { observed: Some(measure(figure)), answer }
    }
}

/// What the server did in the steady part of the runs, by this client's clock: by that alone is it known how many are in flight.
fn load(reports: &[&Report]) -> Option<Load> {
    let steady = Side::of(reports, Clock::Client);
    let whole = Judgeable::of(reports.iter().map(|report| report.results.as_slice()));
    let throughput = steady.figure("request_throughput", "avg")?.value;
    // Of how sure a rate is, the whole run tells.
    let sure = measure(whole.figure("request_throughput", "avg")?);
    let scaled = |end: f64| throughput * end / sure.value;
    let response = measure(steady.figure("request_latency", "avg")?);
    let seconds = |number: f64| number / 1000.0;
    Some(Load {
        throughput: Measure { value: throughput, low: scaled(sure.low), high: scaled(sure.high) },
        response: Measure {
            value: seconds(response.value),
            low: seconds(response.low),
            high: seconds(response.high),
        },
        in_flight: steady.figure("effective_concurrency", "avg")?.value,
        issue_seconds: reports.iter().map(|report| issue_seconds(report)).fold(f64::INFINITY, f64::min),
    })
}

/// From one date to another, in seconds.
pub(super) fn seconds_between(begin: RealNs, end: RealNs) -> f64 {
    DurationNs(end.0.saturating_sub(begin.0).cast_signed()).as_seconds()
}

/// For how long requests of a run's steady state were issued, in seconds.
pub(super) fn issue_seconds(report: &Report) -> f64 {
    let steady = report.steady.as_ref().and_then(|steady| steady.as_ref().ok());
    steady.map_or(0.0, |steady| seconds_between(steady.slice.begin, steady.slice.end))
}

fn measure(figure: Figure) -> Measure {
    let (low, high) = compare::ends(&figure);
    Measure { value: figure.value, low, high }
}

/// The share of failures, in percent.
const FAILURES: &str = "request_error_rate";
/// Half the requests that a load without a set concurrency begins with.
const USUAL_SKIPPED: u32 = 25;
/// What the kernel's metrics begin with.
const KERNEL: &str = "kernel_";
/// What those begin with in which failed requests take for ever.
const WITH_FAILURES: &str = "adj_";
