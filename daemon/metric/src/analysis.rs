//! From requests and events to a report: numbers are gathered as rows come, statistics are taken at the end.
//!
//! ```text
//! requests ──▶ one number per metric ──▶ columns ──┐
//! events ────▶ gaps, by request ─────▶ lists ──────┼──▶ finish: per phase and slice, in two threads ──▶ Report
//!              (whichever comes first waits)       │
//!              dates and token counts ──▶ sweep ───┘
//! ```

use crate::case::Case;
use crate::column::Column;
use crate::events::{Event, EventJoin, Lists};
use crate::group::{Group, Source};
use crate::metric::{Flags, Kind, Metric};
use crate::registry::METRICS;
use crate::report::{ErrorCount, MetricResult, Report, Slice};
use crate::settings::{Settings, Window};
use crate::value::{Value, float, index, whole};
use common::client_event::Outcome;
use common::clock::RealNs;
use record::{Request, Token};
use std::collections::HashMap;

/// The analysis of a run, fed row by row.
#[derive(Debug)]
pub struct Analysis {
    settings: Settings,
    formulas: Vec<Formula>,
    rows: Vec<Row>,
    events: EventJoin,
    errors: HashMap<(Option<u32>, String, String), (u64, usize)>,
}

/// A metric with a number per request, and the numbers.
#[derive(Debug)]
pub(crate) struct Formula {
    pub(crate) metric: &'static Metric,
    formula: fn(&Case<'_>) -> Option<Value>,
    pub(crate) column: Column,
}

/// What every request has: dates in whole nanoseconds, which become floats only where AIPerf's do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    pub(crate) due: RealNs,
    pub(crate) start: RealNs,
    pub(crate) end: RealNs,
    pub(crate) standing: RowStanding,
}

/// Where a request counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RowStanding {
    pub(crate) valid: bool,
    pub(crate) profiling: bool,
}

impl Analysis {
    /// An analysis of a run with these settings.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        let formulas = METRICS
            .iter()
            .copied()
            .filter(|metric| settings.apply(metric))
            .filter_map(|metric| match metric.kind {
                Kind::Record(formula)
                | Kind::Sum(formula)
                | Kind::Minimum(formula)
                | Kind::Maximum(formula) => Some(Formula { metric, formula, column: Column::default() }),
                Kind::List(_) | Kind::Derived(_) | Kind::Injected(_) | Kind::Absent(_) => None,
            })
            .collect();
        Self { settings, formulas, rows: Vec::new(), events: EventJoin::new(), errors: HashMap::new() }
    }

    /// Takes a request.
    pub fn request(&mut self, request: &Request) {
        let case = Case { request, settings: &self.settings };
        let standing = RowStanding { valid: case.is_valid(), profiling: case.is_profiling() };
        let place = self.rows.len();
        for formula in &mut self.formulas {
            if formula.metric.flags.has(Flags::ERROR_ONLY) != standing.valid
                && let Some(value) = (formula.formula)(&case)
            {
                formula.column.put(place, value);
            }
        }
        self.rows.push(Row {
            due: case.date(case.due_ns),
            start: case.date(case.begun()),
            end: case.date(case.ended_ns),
            standing,
        });
        self.events.request(request, standing);
        if !standing.valid && standing.profiling {
            self.error(request);
        }
    }

    /// Takes events; those of a request are next to each other, before or after it.
    pub fn tokens(&mut self, tokens: &[Token]) {
        tokens.iter().for_each(|token| self.events.event(token.into()));
    }

    /// The same for events of which only what counts was read.
    pub fn events(&mut self, events: &[Event]) {
        events.iter().for_each(|event| self.events.event(*event));
    }

    /// Takes the statistics.
    #[must_use]
    pub fn finish(self) -> Report {
        let Self { settings, mut formulas, rows, events, errors } = self;
        formulas.iter_mut().for_each(|formula| formula.column.close());
        let (lists, orphan_events) = events.finish();
        let profiling = places(&rows, |standing| standing.profiling);
        let warmup = places(&rows, |standing| !standing.profiling);
        let bins = settings
            .slice_duration
            .map_or_else(Vec::new, |length| slice(&rows, &profiling, float(length.0.max(1).cast_unsigned())));
        let mut source = Source { settings: &settings, formulas: &formulas, rows: &rows, lists };
        let warmup_results = if warmup.is_empty() {
            Vec::new()
        } else {
            source.first_results(&Group { places: &warmup, window: settings.warmup, slices: &[] }).whole
        };
        let group = Group { places: &profiling, window: settings.profiling, slices: &bins };
        let results = source.last_results(&group);
        let (begin, end) = span(&rows, &profiling, &settings);
        let slices = bins.iter().zip(results.slices).map(|(bin, results)| bin.report(results)).collect();
        let failed = profiling.iter().filter(|place| !rows[**place as usize].standing.valid).count() as u64;
        Report {
            results: results.whole,
            warmup: warmup_results,
            slices,
            errors: by_frequency(errors),
            requests: profiling.len() as u64,
            failed,
            orphan_events,
            begin,
            end,
            show_trace_timing: settings.show_trace_timing,
        }
    }

    #[cold]
    #[inline(never)]
    fn error(&mut self, request: &Request) {
        let kind = match (&request.error_type, request.outcome) {
            (Some(kind), _) => kind.clone(),
            (None, Outcome::Ok) => Outcome::Empty.name().to_owned(),
            (None, outcome) => outcome.name().to_owned(),
        };
        let message = request.error_message.clone().unwrap_or_default();
        let code = request.error_code();
        let order = self.errors.len();
        self.errors.entry((code, kind, message)).or_insert((0, order)).0 += 1;
    }
}

/// The numbers of one request, as the per-request exports show them.
pub fn values<'a>(case: &'a Case<'a>) -> impl Iterator<Item = (&'static Metric, Value)> + 'a {
    let valid = case.is_valid();
    METRICS.iter().copied().filter_map(move |metric| {
        let (Kind::Record(formula) | Kind::Sum(formula)) = metric.kind else { return None };
        let skipped = metric.is_hidden() || metric.flags.has(Flags::NO_INDIVIDUAL_RECORDS);
        if skipped || metric.flags.has(Flags::ERROR_ONLY) == valid || !case.settings.apply(metric) {
            return None;
        }
        Some((metric, metric.shown_value(formula(case)?)?))
    })
}

/// A time slice before its results are there.
#[derive(Debug)]
pub(crate) struct Bin {
    pub(crate) places: Vec<u32>,
    pub(crate) begin: f64,
    pub(crate) end: f64,
    is_complete: bool,
}

impl Bin {
    fn report(&self, results: Vec<MetricResult>) -> Slice {
        Slice {
            begin: RealNs(whole(self.begin)),
            end: RealNs(whole(self.end)),
            is_complete: self.is_complete,
            results,
        }
    }

    /// Its window in whole nanoseconds.
    pub(crate) const fn window_ns(&self) -> u64 {
        whole(self.end).saturating_sub(whole(self.begin))
    }
}

fn places(rows: &[Row], wanted: impl Fn(RowStanding) -> bool) -> Vec<u32> {
    (0_u32..).zip(rows).filter(|(_, row)| wanted(row.standing)).map(|(place, _)| place).collect()
}

/// Cuts the requests into slices by when they began; empty slices are left out.
fn slice(rows: &[Row], places: &[u32], length: f64) -> Vec<Bin> {
    let row = |place: &u32| &rows[*place as usize];
    let first = places.iter().map(|place| row(place).start.0).min().map_or(0.0, float);
    let last = places.iter().map(|place| row(place).start.max(row(place).end).0).max().map_or(0.0, float);
    let mut bins = Vec::<Option<Bin>>::new();
    for place in places {
        let number = index((float(row(place).start.0) - first) / length);
        if number >= MOST_SLICES {
            continue;
        }
        if bins.len() <= number {
            bins.resize_with(number + 1, || None);
        }
        let begin = first + float(number as u64) * length;
        let bin = bins[number].get_or_insert_with(|| {
            let full_end = first + float(number as u64 + 1) * length;
            let is_complete = full_end <= last;
            Bin { places: Vec::new(), begin, end: if is_complete { full_end } else { last }, is_complete }
        });
        bin.places.push(*place);
    }
    bins.into_iter().flatten().collect()
}

fn span(rows: &[Row], places: &[u32], settings: &Settings) -> (RealNs, RealNs) {
    if let Some(Window { begin, end }) = settings.profiling {
        return (settings.clock.real(begin), settings.clock.real(end));
    }
    let row = |place: &u32| &rows[*place as usize];
    let begin = places.iter().map(|place| row(place).start).min();
    let end = places.iter().map(|place| row(place).end).max();
    (begin.unwrap_or_default(), end.unwrap_or_default())
}

fn by_frequency(errors: HashMap<(Option<u32>, String, String), (u64, usize)>) -> Vec<ErrorCount> {
    let mut sorted = errors.into_iter().collect::<Vec<_>>();
    sorted.sort_by_key(|(_, (count, order))| (std::cmp::Reverse(*count), *order));
    sorted
        .into_iter()
        .map(|((code, kind, message), (count, _))| ErrorCount { code, kind, message, count })
        .collect()
}

/// More slices than anyone reads; requests that begin after them are in no slice.
const MOST_SLICES: usize = 100_000;

impl Lists {
    /// How many numbers a list metric keeps exactly: 32 million gaps for AIPerf's, 2 million for each of ours.
    pub(crate) const LIMITS: (usize, usize) = (32_000_000, 2_000_000);
}
