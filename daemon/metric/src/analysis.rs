//! Computes a report from requests and events: values are collected row by row, statistics are computed at the end.
//!
//! ```text
//! requests ──▶ one value per metric ───▶ columns ──┐
//! events ────▶ gaps, by request ─────▶ lists ──────┼──▶ finish: per phase and slice, in two threads ──▶ Report
//!              (whichever arrives first is buffered) │
//!              dates and token counts ──▶ timeline ──┘
//! ```

use crate::branches::Branches;
use crate::case::Case;
use crate::column::Column;
use crate::events::EventJoin;
use crate::flow;
use crate::group::{Group, Source};
use crate::metric::{Flags, Kind, Metric};
use crate::registry::METRICS;
use crate::report::{ErrorCount, PhaseReport, Report};
use crate::settings::{Settings, Window};
use crate::slices::{self, Bin};
use crate::totals::Observed;
use crate::value::Value;
use common::client_event::Outcome;
use common::clock::RealNs;
use record::{Event, Request, Token};
use std::collections::{BTreeMap, HashMap};

/// The analysis of a run, fed row by row.
#[derive(Debug)]
pub struct Analysis {
    settings: Settings,
    formulas: Vec<Formula>,
    rows: Vec<Row>,
    events: EventJoin,
    /// The names of the requests' phases; a row's `phase` is an index into them.
    phases: Vec<String>,
    errors: HashMap<Failure, (u64, usize)>,
    accepted_drafts: BTreeMap<u32, u64>,
    branches: Branches,
}

/// The error of a request, and its phase.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Failure {
    phase: u16,
    code: Option<u32>,
    kind: String,
    message: String,
}

/// A metric with a value per request, and the values.
#[derive(Clone, Debug)]
pub(crate) struct Formula {
    pub(crate) metric: &'static Metric,
    formula: fn(&Case<'_>) -> Option<Value>,
    pub(crate) column: Column,
}

/// What every request has: dates in integer nanoseconds, which become floats only where AIPerf's do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    pub(crate) due: RealNs,
    pub(crate) start: RealNs,
    pub(crate) end: RealNs,
    pub(crate) scope: RowScope,
}

/// Which sets a request is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RowScope {
    pub(crate) valid: bool,
    pub(crate) profiling: bool,
    pub(crate) phase: u16,
}

impl Analysis {
    /// An analysis of a run with these settings.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        let formulas = METRICS
            .iter()
            .copied()
            .filter(|metric| settings.apply(metric) && !metric.flags.has(Flags::EXPERIMENTAL))
            .filter_map(|metric| match metric.kind {
                Kind::Record(formula)
                | Kind::Sum(formula)
                | Kind::Minimum(formula)
                | Kind::Maximum(formula) => Some(Formula { metric, formula, column: Column::default() }),
                Kind::List(_) | Kind::Derived(_) | Kind::Injected(_) | Kind::Absent(_) => None,
            })
            .collect();
        Self {
            settings,
            formulas,
            rows: Vec::new(),
            events: EventJoin::new(),
            phases: Vec::new(),
            errors: HashMap::new(),
            accepted_drafts: BTreeMap::new(),
            branches: Branches::default(),
        }
    }

    /// Adds a request.
    pub fn request(&mut self, request: &Request) {
        let case = Case { request, settings: &self.settings };
        let phase = phase_place(&mut self.phases, &request.phase);
        let scope = RowScope { valid: case.is_valid(), profiling: case.is_profiling(), phase };
        let place = self.rows.len();
        for formula in &mut self.formulas {
            if formula.metric.flags.has(Flags::ERROR_ONLY) != scope.valid
                && case.has(formula.metric)
                && let Some(value) = (formula.formula)(&case)
            {
                formula.column.put(place, value);
            }
        }
        self.rows.push(Row {
            due: case.date(case.released()),
            start: case.date(case.started()),
            end: case.date(case.ended_ns),
            scope,
        });
        self.events.request(request, scope);
        if scope.profiling {
            self.branches.request(request);
        }
        if scope.valid && scope.profiling {
            for (accepted, count) in case.accepted_drafts() {
                *self.accepted_drafts.entry(accepted).or_default() += count;
            }
        }
        if !scope.valid {
            self.error(request, phase);
        }
    }

    /// Adds events; those of a request are consecutive, before or after the request.
    pub fn tokens(&mut self, tokens: &[Token]) {
        tokens.iter().for_each(|token| self.events.event(token.into()));
    }

    /// Like [`Self::tokens`], for events of which only the needed fields were read.
    pub fn events(&mut self, events: &[Event]) {
        events.iter().for_each(|event| self.events.event(*event));
    }

    /// Computes the statistics.
    #[must_use]
    pub fn finish(self) -> Report {
        let Self { settings, mut formulas, rows, events, phases, errors, accepted_drafts, branches } = self;
        formulas.iter_mut().for_each(|formula| formula.column.close());
        let (lists, orphan_events) = events.finish();
        let reversed_gaps = lists.reversed();
        let (measured, others) =
            (0..).zip(&phases).partition::<Vec<_>, _>(|(_, name)| settings.measured.contains(name));
        let [measured, others] =
            [measured, others].map(|of| of.into_iter().map(|(place, _)| place).collect::<Vec<_>>());
        let profiling = places(&rows, |scope| scope.profiling);
        let warmup = places(&rows, |scope| !scope.profiling);
        let (mut bins, left_out) = slices::slice(&rows, &profiling, settings.slice_duration);
        let found = settings.steady_state.then(|| slices::find_steady(&rows, &profiling, &formulas));
        let flow = if settings.steady_state { flow::flow(&rows, &profiling) } else { Vec::new() };
        let steady = found.and_then(Result::ok);
        bins.extend(steady.map(|steady| Bin::steady(&rows, &profiling, steady)));
        let mut source = Source { settings: &settings, formulas, rows: &rows, lists };
        let errors = Errors::new(errors);
        let mut by_phase = source.phases(&phases, &errors);
        let warmup_results = if warmup.is_empty() {
            Vec::new()
        } else {
            let window = settings.warmup;
            let observed = window.map_or(Observed::Benchmark, |window| Observed::Window(window.length()));
            source
                .first_results(&Group { places: &warmup, phases: &others, window, observed, slices: &[] })
                .whole
        };
        let (window, observed) = (settings.profiling, settings.observed());
        let group = Group { places: &profiling, phases: &measured, window, observed, slices: &bins };
        let mut results = source.last_results(&group);
        if let Some(phase) = by_phase.iter_mut().find(|phase| settings.measured == [phase.name.as_str()]) {
            phase.results.clone_from(&results.whole);
        }
        let (begin, end) = span(&rows, &profiling, &settings);
        let last = results.slices.pop_if(|_| steady.is_some()).zip(bins.pop_if(|_| steady.is_some()));
        let steady = steady.zip(last);
        let steady = steady.map(|(steady, (results, bin))| {
            Ok(slices::steady_report(&rows, &profiling, steady, bin.report(results)))
        });
        let steady = steady.or_else(|| found.and_then(Result::err).map(Err));
        let slices = bins.iter().zip(results.slices).map(|(bin, results)| bin.report(results)).collect();
        let failed = failures(&rows, &profiling);
        Report {
            results: results.whole,
            warmup: warmup_results,
            slices,
            slices_left_out: left_out,
            steady,
            flow,
            phases: by_phase,
            accepted_drafts,
            numbers: numbers(&rows),
            branches: branches.counts(),
            errors: errors.of(&measured),
            requests: profiling.len() as u64,
            failed,
            orphan_events,
            reversed_gaps,
            begin,
            end,
            show_trace_timing: settings.show_trace_timing,
        }
    }

    #[cold]
    #[inline(never)]
    fn error(&mut self, request: &Request, phase: u16) {
        let kind = match (&request.error_type, request.outcome) {
            (Some(kind), _) => kind.clone(),
            (None, Outcome::Ok) => Outcome::Empty.name().to_owned(),
            (None, outcome) => outcome.name().to_owned(),
        };
        let message = request.error_message.clone().unwrap_or_default();
        let order = self.errors.len();
        let failure = Failure { phase, code: request.error_code(), kind, message };
        self.errors.entry(failure).or_insert((0, order)).0 += 1;
    }
}

/// Errors, the most frequent first, then the earliest.
#[derive(Debug)]
struct Errors(Vec<(Failure, u64)>);

impl Errors {
    fn new(errors: HashMap<Failure, (u64, usize)>) -> Self {
        let mut sorted = errors.into_iter().collect::<Vec<_>>();
        sorted.sort_by_key(|(_, (count, order))| (std::cmp::Reverse(*count), *order));
        Self(sorted.into_iter().map(|(failure, (count, _))| (failure, count)).collect())
    }

    /// The errors of some phases together.
    fn of(&self, phases: &[u16]) -> Vec<ErrorCount> {
        let mut counts = Vec::<ErrorCount>::new();
        for (Failure { code, kind, message, .. }, count) in
            self.0.iter().filter(|(failure, _)| phases.contains(&failure.phase))
        {
            let is_same =
                |known: &&mut ErrorCount| (known.code, &known.kind, &known.message) == (*code, kind, message);
            match counts.iter_mut().find(is_same) {
                Some(known) => known.count += count,
                None => counts.push(ErrorCount {
                    code: *code,
                    kind: kind.clone(),
                    message: message.clone(),
                    count: *count,
                }),
            }
        }
        counts.sort_by_key(|count| std::cmp::Reverse(count.count));
        counts
    }
}

impl Source<'_> {
    /// The results of each phase, except those of the only measured one; empty for a run with one phase.
    fn phases(&mut self, names: &[String], errors: &Errors) -> Vec<PhaseReport> {
        let (settings, rows) = (self.settings, self.rows);
        if settings.phases.len() < 2 {
            return Vec::new();
        }
        let phase = |(name, window): &(String, Window)| {
            let place = (0..).zip(names).find(|(_, other)| *other == name).map(|(place, _)| place);
            let places = places(rows, |scope| Some(scope.phase) == place);
            let phases = place.as_slice();
            let observed = Observed::Window(window.length());
            let group = Group { places: &places, phases, window: Some(*window), observed, slices: &[] };
            let is_needed = settings.measured != [name.as_str()] && !places.is_empty();
            PhaseReport {
                name: name.clone(),
                profiling_index: settings.measured.iter().position(|measured| measured == name),
                begin: settings.clock.real(window.begin),
                end: settings.clock.real(window.end),
                results: if is_needed { self.first_results(&group).whole } else { Vec::new() },
                errors: errors.of(phases),
                requests: places.len() as u64,
                failed: failures(rows, &places),
            }
        };
        settings.phases.iter().map(phase).collect()
    }
}

/// The index of a phase among those seen so far.
fn phase_place(phases: &mut Vec<String>, name: &str) -> u16 {
    let known = phases.iter().position(|phase| phase == name);
    let place = known.unwrap_or_else(|| {
        phases.push(name.to_owned());
        phases.len() - 1
    });
    u16::try_from(place).unwrap_or(u16::MAX)
}

/// The number of each row within its phase, by order of release.
fn numbers(rows: &[Row]) -> Vec<u32> {
    let row = |place: &u32| &rows[*place as usize];
    let mut order = places(rows, |_| true);
    order.sort_by_key(|place| (row(place).scope.phase, row(place).due));
    let mut numbers = vec![0; rows.len()];
    for phase in order.chunk_by(|a, b| row(a).scope.phase == row(b).scope.phase) {
        for (number, place) in (0..).zip(phase) {
            numbers[*place as usize] = number;
        }
    }
    numbers
}

fn failures(rows: &[Row], places: &[u32]) -> u64 {
    places.iter().filter(|place| !rows[**place as usize].scope.valid).count() as u64
}

/// The values of one request, as in the per-request exports.
pub fn values<'a>(case: &'a Case<'a>) -> impl Iterator<Item = (&'static Metric, Value)> + 'a {
    let valid = case.is_valid();
    METRICS.iter().copied().filter_map(move |metric| {
        let (Kind::Record(formula) | Kind::Sum(formula)) = metric.kind else { return None };
        let skipped = metric.is_hidden() || metric.flags.has(Flags::NO_INDIVIDUAL_RECORDS);
        if skipped
            || metric.flags.has(Flags::ERROR_ONLY) == valid
            || !case.settings.apply(metric)
            || !case.has(metric)
        {
            return None;
        }
        Some((metric, metric.shown_value(formula(case)?)?))
    })
}

fn places(rows: &[Row], wanted: impl Fn(RowScope) -> bool) -> Vec<u32> {
    (0_u32..).zip(rows).filter(|(_, row)| wanted(row.scope)).map(|(place, _)| place).collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_numbered_by_phase_as_they_were_released() {
        let row = |phase, due| Row {
            due: RealNs(due),
            start: RealNs(due),
            end: RealNs(due),
            scope: RowScope { valid: true, profiling: true, phase },
        };
        let rows = [row(1, 30), row(0, 9), row(1, 10), row(1, 30), row(0, 5)];
        assert_eq!(numbers(&rows), [1, 1, 0, 2, 0], "at equal times, the order of the records");
    }
}
