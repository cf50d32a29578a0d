//! What a search tried and found: AIPerf's `search_history.json`, and its answer by the kernel's clock and by the client's.

use super::cause::{Cause, cause};
use super::course::Searching;
use super::judged::{has_kernel_times, judged, shown};
use super::results::{FALLS_BEHIND, Results};
use super::{SweepRuns, rounded};
use crate::args::Clock;
use anyhow::Result;
use experiment::search::{
    Answer, Border, CLIENT_LIMITED, Found, FoundTier, Judged, Limit, Measure, Outcome, Search, Trial,
};
use export::view::{Cell, Column, Section, Side, Table};
use serde_json::{Map, Value, json};
use std::cmp::Ordering;
use std::path::Path;
use store::{Folder, visible};

/// A search with what it measured.
pub(super) struct History<'a> {
    pub(super) experiment: &'a SweepRuns,
    pub(super) searching: &'a Searching,
    pub(super) results: &'a Results,
}

/// A load, and the trial that it was measured in.
type Point = Option<(f64, usize)>;

impl History<'_> {
    /// Writes `search_history.json`.
    pub(super) fn write(&self, directory: &Path) -> Result<()> {
        let Some(search) = self.experiment.sweep.search() else { return Ok(()) };
        let mut json = Folder::make(directory)?.create("search_history.json")?;
        serde_json::to_writer_pretty(&mut json, &self.json(search))?;
        json.finish()?;
        Ok(())
    }

    fn json(&self, search: &Search) -> Value {
        let found = self.searching.found();
        let answered = |(clock, border): (Clock, Border)| {
            json!({
                "clock": name(clock),
                "most_that_keeps_every_limit": border.feasible.map(|(value, _)| value),
                "least_that_does_not": border.infeasible.map(|(value, _)| value),
            })
        };
        let cause = self.cause(found.border);
        let trials = &self.searching.trials;
        let iterations = trials.iter().enumerate().map(|(place, trial)| {
            let mut iteration = self.iteration(place, trial);
            iteration["non_monotonic_warning"] = self.is_out_of_order(place).into();
            iteration["outcome"] = json!(trial.outcome);
            iteration["length"] = trial.probe.length.into();
            iteration["confirms"] = trial.probe.confirms.into();
            let row = self.results.of(place).iter().rev().find(|row| row.report.is_some());
            iteration["waits"] = json!(row.map(|row| row.waits));
            iteration["falls_behind"] = json!(row.map(|row| row.is_behind));
            iteration
        });
        let all = self.all();
        let feasible =
            (0..trials.len()).filter(|place| self.is_feasible(*place, self.experiment.clock, &all)).count();
        let best = found.best.iter().filter_map(|place| {
            let mut best = self.iteration(*place, trials.get(*place)?);
            best["feasible_count"] = feasible.into();
            best["pareto_rank"] = 0.into();
            Some(best)
        });
        let mut history = json!({
            "config": search,
            "iterations": iterations.collect::<Vec<_>>(),
            "best_trials": best.collect::<Vec<_>>(),
            "boundary_summary": self.boundary(search, &found),
            "answers": self.answers(search, &self.all()).map(answered).collect::<Vec<_>>(),
            "interval": found.border.and_then(|border| border.interval),
            "cause": cause.as_ref().map(|cause| &cause.text),
            "limited_by": cause.as_ref().and_then(|cause| cause.limited_by),
            "note": found.note,
            "recipe": self.experiment.recipe,
            "convergence_reason": self.searching.ended.unwrap_or("interrupted"),
        });
        let tiers = self.searching.tiers();
        if !tiers.is_empty() {
            history["config"]["tiers"] = json!(search.sla_tiers);
            let answers =
                |tier: &FoundTier| self.answers(search, &tier.places).map(answered).collect::<Vec<_>>();
            let results = tiers.iter().map(|tier| self.tier(search, tier, &answers(tier)));
            history["tier_results"] = results.collect();
            history["tier_metadata"] = json!({
                "actual_probe_count": trials.len(),
                "tier_evaluation_count": tiers.iter().map(|tier| tier.trials).sum::<usize>(),
                // Runs are shared by what they measured, not by which tier is the stricter one.
                "ordering_detected": false,
                "ordering_pairs": null,
            });
        }
        history
    }

    /// What was found for a tier, with AIPerf's keys and the answers by both clocks.
    fn tier(&self, search: &Search, tier: &FoundTier, answers: &[Value]) -> Value {
        let border = self.border_of(tier);
        let value = |point: Point| point.map(|(value, _)| search.value(0, value));
        let status = match tier.ended {
            Some(why) if why.ends_with("no_pass_in_range") => "no_pass_in_range",
            Some(why) if why.ends_with("no_failure_in_range") => "no_failure_in_range",
            Some(why) if why.ends_with("precision_reached") => "converged",
            _ => "partial",
        };
        let filters = tier.places.iter().filter_map(|place| self.experiment.limits.get(*place));
        let at_border = border.feasible.map(|(_, place)| {
            let judged = self.judged(place, self.experiment.clock, &tier.places);
            let numbers = judged.into_iter().map(|(limit, judged)| {
                (
                    format!("{}_{}", limit.metric_tag, limit.stat),
                    json!(judged.observed.map(|observed| observed.value)),
                )
            });
            numbers.collect::<Map<_, _>>()
        });
        json!({
            "label": tier.label,
            "boundary_concurrency": value(border.feasible),
            "convergence_status": status,
            "convergence_reason": tier.ended,
            "binding_constraint": border.infeasible.and_then(|(_, place)| self.breach(place, &tier.places)),
            "bracket_lower": value(border.feasible),
            "bracket_upper": value(border.infeasible),
            "confidence_interval": border.interval.map(|(low, high)| json!({"low": low, "high": high})),
            "probe_count": tier.trials,
            "boundary_metrics": at_border,
            "filters": filters.collect::<Vec<_>>(),
            "answers": answers,
            "note": tier.found.note,
        })
    }

    /// What was found along one axis, each value with its name.
    pub(super) fn found(&self) -> Vec<(String, f64)> {
        let value = |found: &Found| found.border.and_then(|border| border.feasible).map(|(value, _)| value);
        let tiers = self.searching.tiers();
        if tiers.is_empty() {
            let name = match self.experiment.limits.is_empty() {
                true => "the knee",
                false => "the most that keeps every limit",
            };
            return value(&self.searching.found())
                .map(|value| (name.to_owned(), value))
                .into_iter()
                .collect();
        }
        let of_tier = |tier: FoundTier| {
            let border = self.border_of(&tier);
            Some((visible(&tier.label).into_owned(), border.feasible?.0))
        };
        tiers.into_iter().filter_map(of_tier).collect()
    }

    /// The border of a tier: what its planner confirmed, or else what the numbers say so far.
    fn border_of(&self, tier: &FoundTier) -> Border {
        let is_confirmed = tier.ended.is_some_and(|why| why.ends_with("precision_reached"));
        let found = tier.found.border.filter(|_| is_confirmed);
        found.unwrap_or_else(|| self.border(self.experiment.clock, &tier.places))
    }

    /// The places of all limits.
    fn all(&self) -> Vec<usize> {
        (0..self.experiment.limits.len()).collect()
    }

    fn iteration(&self, place: usize, trial: &Trial) -> Value {
        let values = self.experiment.cells.get(place).map(|cell| &cell.variation.values);
        let objectives = match &trial.outcome {
            Outcome::Measured(measured) => Some(
                measured.objectives.iter().map(|one| one.map(|measure| measure.value)).collect::<Vec<_>>(),
            ),
            Outcome::ClientLimited(_) | Outcome::Failed(_) => None,
        };
        json!({
            "iteration_idx": place,
            "variation_values": values,
            "objective_values": objectives,
            "feasible": self.is_feasible(place, self.experiment.clock, &self.all()),
        })
    }

    /// Whether a trial keeps the limits at these places, by the numbers themselves.
    fn is_feasible(&self, place: usize, clock: Clock, limits: &[usize]) -> bool {
        let is_of_server = self
            .searching
            .trials
            .get(place)
            .is_some_and(|trial| matches!(trial.outcome, Outcome::Measured(_)));
        is_of_server && self.judged(place, clock, limits).iter().all(|(_, judged)| judged.answer.looks_met())
    }

    /// What a trial says of the limits at these places.
    fn judged(&self, place: usize, clock: Clock, limits: &[usize]) -> Vec<(&Limit, Judged)> {
        let of = |is_watched| judged(&self.experiment.limits, clock, is_watched, self.results.of(place));
        let without = of(false);
        // What was certain when the run was ended early is so by one clock, and of the limits that it was asked about.
        let watched = self.experiment.places_of(place);
        let is_certain = |limit: &usize| clock == self.experiment.clock && watched.contains(limit);
        let certain = of(true);
        let answers = limits.iter().filter_map(|limit| {
            let judged = if is_certain(limit) { &certain } else { &without };
            Some((self.experiment.limits.get(*limit)?, *judged.get(*limit)?))
        });
        answers.collect()
    }

    /// Whether a trial keeps the limits although one with less load does not, or the other way round.
    fn is_out_of_order(&self, place: usize) -> bool {
        let trials = &self.searching.trials;
        let [value] = trials[place].probe.values[..] else { return false };
        let of = |other: usize| trials[other].probe.values.first().copied().zip(Some(self.feasible(other)));
        let me = self.feasible(place);
        (0..place).filter_map(of).any(|(other, feasible)| match (feasible, me) {
            (Some(false), Some(true)) => other < value,
            (Some(true), Some(false)) => other > value,
            _ => false,
        })
    }

    fn feasible(&self, place: usize) -> Option<bool> {
        let is_of_server = matches!(self.searching.trials.get(place)?.outcome, Outcome::Measured(_));
        is_of_server.then(|| self.is_feasible(place, self.experiment.clock, &self.all()))
    }

    /// The border of the limits at these places by each clock: between the most that keeps all of them and the least above it that
    /// does not.
    fn answers(&self, search: &Search, limits: &[usize]) -> impl Iterator<Item = (Clock, Border)> {
        let is_along_one = search.search_space.len() == 1 && !self.experiment.limits.is_empty();
        let rows = (0..self.searching.trials.len()).flat_map(|place| self.results.of(place));
        let has_kernel = has_kernel_times(&self.experiment.limits, rows);
        let clocks = [Clock::Kernel, Clock::Client]
            .into_iter()
            .filter(move |clock| has_kernel || *clock == Clock::Client);
        clocks
            .filter(move |_| is_along_one)
            .map(|clock| (clock, self.border(clock, limits)))
            .collect::<Vec<_>>()
            .into_iter()
    }

    /// The last trial of each load decides what it is: it is the longest one.
    fn border(&self, clock: Clock, limits: &[usize]) -> Border {
        let trials = self.searching.trials.iter().enumerate().filter_map(|(place, trial)| {
            matches!(trial.outcome, Outcome::Measured(_))
                .then_some((trial.probe.values.first().copied()?, place))
        });
        let mut loads = Vec::<(f64, usize)>::new();
        for (value, place) in trials {
            match loads.iter_mut().find(|(known, _)| known.total_cmp(&value).is_eq()) {
                Some(known) => known.1 = place,
                None => loads.push((value, place)),
            }
        }
        loads.sort_by(|a, b| a.0.total_cmp(&b.0));
        let infeasible: Point =
            loads.iter().copied().find(|(_, place)| !self.is_feasible(*place, clock, limits));
        let feasible = loads
            .iter()
            .copied()
            .take_while(|(value, _)| infeasible.is_none_or(|(least, _)| *value < least))
            .last();
        Border { feasible, infeasible, interval: None }
    }

    fn boundary(&self, search: &Search, found: &Found) -> Value {
        let [axis] = &search.search_space[..] else { return Value::Null };
        let border = found.border.unwrap_or_else(|| self.border(self.experiment.clock, &self.all()));
        // Of tiers it is that of the one which allows most.
        let most = |tier: &FoundTier| {
            tier.found.border.and_then(|border| border.feasible).map_or(f64::NEG_INFINITY, |(value, _)| value)
        };
        let tiers = self.searching.tiers();
        let lenient = tiers.iter().max_by(|one, other| most(one).total_cmp(&most(other)));
        let limits = lenient.map_or_else(|| self.all(), |tier| tier.places.clone());
        let point =
            |(value, place): (f64, usize)| json!({"value": search.value(0, value), "iteration_idx": place});
        let feasible = border.feasible.map(|(value, place)| {
            let mut point = point((value, place));
            point["objective_value"] = json!(self.objective(place));
            point
        });
        let infeasible = border.infeasible.map(|(value, place)| {
            let mut point = point((value, place));
            point["first_breach"] = json!(self.breach(place, &limits));
            point
        });
        json!({"swept_dim_path": axis.path, "feasible_max": feasible, "infeasible_min": infeasible})
    }

    fn objective(&self, place: usize) -> Option<f64> {
        match &self.searching.trials.get(place)?.outcome {
            Outcome::Measured(measured) => Some(measured.objectives.first().copied()??.value),
            Outcome::ClientLimited(_) | Outcome::Failed(_) => None,
        }
    }

    /// The first of the limits at these places that a trial does not keep.
    fn breach(&self, place: usize, limits: &[usize]) -> Option<Value> {
        let judged = self.judged(place, self.experiment.clock, limits);
        let (limit, judged) = judged.into_iter().find(|(_, judged)| !judged.answer.looks_met())?;
        let mut breach = json!(limit);
        breach["observed"] = json!(judged.observed.map(|observed| observed.value));
        Some(breach)
    }

    /// What requests wait for at the least load that is too much; of a search without limits, at the greatest one.
    fn cause(&self, border: Option<Border>) -> Option<Cause> {
        if self.searching.ended == Some(CLIENT_LIMITED) {
            let last = self.searching.trials.len().checked_sub(1)?;
            return cause(self.results.of(last));
        }
        let place = match border?.infeasible {
            Some((_, place)) => place,
            None if !self.experiment.limits.is_empty() => return None,
            None => {
                let load = |place: &usize| self.searching.trials[*place].probe.values.first().copied();
                (0..self.searching.trials.len())
                    .max_by(|a, b| load(a).partial_cmp(&load(b)).unwrap_or(Ordering::Equal))?
            }
        };
        cause(self.results.of(place))
    }

    /// The answer.
    pub(super) fn sections(&self) -> Vec<Section> {
        let Some(search) = self.experiment.sweep.search() else { return Vec::new() };
        let found = self.searching.found();
        let mut rows = Vec::new();
        let mut say =
            |what: &str, text: String| rows.push(vec![Cell::Text(what.to_owned()), Cell::Text(text)]);
        for place in &found.best {
            if let Some(cell) = self.experiment.cells.get(*place) {
                say("best", format!("{}{}", cell.name(), self.objectives(search, *place)));
            }
        }
        if found.best.is_empty() {
            let is_of_server = |trial: &Trial| matches!(trial.outcome, Outcome::Measured(_));
            let why = match self.experiment.limits.is_empty() {
                _ if !self.searching.trials.iter().any(is_of_server) => "nothing is known of the server",
                true => "nothing is confirmed",
                false => "no load that was tried keeps every limit",
            };
            say("best", why.to_owned());
        }
        let tiers = self.searching.tiers();
        for tier in &tiers {
            for (clock, border) in self.answers(search, &tier.places) {
                let what = format!("{}, {}'s clock", visible(&tier.label), name(clock));
                say(&what, self.in_words(search, clock, border, &tier.places));
            }
            if let Some(interval) = tier.found.border.and_then(|border| border.interval) {
                say(&format!("{}, interval", visible(&tier.label)), shown_interval(search, interval));
            }
        }
        let all = self.all();
        for (clock, border) in self.answers(search, &all).filter(|_| tiers.is_empty()) {
            say(&format!("on the {}'s clock", name(clock)), self.in_words(search, clock, border, &all));
        }
        if let Some(interval) = found.border.and_then(|border| border.interval).filter(|_| tiers.is_empty()) {
            say("interval", shown_interval(search, interval));
        }
        if let Some(cause) = self.cause(found.border) {
            say("cause", cause.text);
        }
        for tier in &tiers {
            if let Some(note) = &tier.found.note {
                say(&format!("{}, note", visible(&tier.label)), note.clone());
            }
        }
        if let Some(note) = found.note.filter(|_| tiers.is_empty()) {
            say("note", note);
        }
        let ended = self.searching.ended.unwrap_or("interrupted").replace('_', " ");
        let (loads, runs, requests) =
            (self.searching.trials.len(), self.searching.runs, self.searching.requests);
        say("ended", format!("{ended}: {loads} answers from {runs} runs with {requests} requests"));
        let column = || Column { name: String::new(), side: Side::Left };
        let title = match &self.experiment.recipe {
            Some(recipe) => format!("aiperfd | Search: {recipe}"),
            None => "aiperfd | Search".to_owned(),
        };
        vec![Section::Table(Table { title, columns: vec![column(), column()], rows })]
    }

    /// What is best in a trial.
    fn objectives(&self, search: &Search, place: usize) -> String {
        let Some(Trial { outcome: Outcome::Measured(measured), .. }) = self.searching.trials.get(place)
        else {
            return String::new();
        };
        let text = search.objectives.iter().zip(&measured.objectives).filter_map(|(objective, measure)| {
            let Measure { value, low, high } = (*measure)?;
            let unit = metric::find(&objective.metric).map_or("", |metric| metric.display.name());
            let ends = if low.is_finite() && high.is_finite() && low < high {
                format!(" ({low:.1} to {high:.1})")
            } else {
                String::new()
            };
            Some(format!("{} {} {value:.1}{ends} {unit}", objective.metric, objective.stat))
        });
        let text = text.collect::<Vec<_>>().join(", ");
        if text.is_empty() { text } else { format!(": {text}") }
    }

    fn in_words(&self, search: &Search, clock: Clock, border: Border, limits: &[usize]) -> String {
        let shown_value = |value: f64| rounded(&search.value(0, value));
        let kept = border.feasible.map(|(value, _)| format!("{} keeps every limit", shown_value(value)));
        let missed = border.infeasible.map(|(value, place)| {
            let mut judged = self.judged(place, clock, limits).into_iter();
            let breach = judged.find(|(_, judged)| !judged.answer.looks_met());
            if self.results.of(place).iter().any(|row| row.is_behind) {
                return format!("{}: {FALLS_BEHIND}", shown_value(value));
            }
            let (what, is_unsure) = breach.map_or((String::new(), false), |(limit, judged)| {
                let observed = judged
                    .observed
                    .map_or_else(|| "no number".to_owned(), |measure| format!("{:.1}", measure.value));
                (
                    format!(" misses {} ({observed})", shown(limit)),
                    matches!(judged.answer, Answer::Unsure { .. }),
                )
            });
            format!("{}{what}{}", shown_value(value), if is_unsure { ", not surely" } else { "" })
        });
        let text = kept.into_iter().chain(missed).collect::<Vec<_>>();
        if text.is_empty() { "nothing was measured".to_owned() } else { text.join("; ") }
    }
}

fn shown_interval(search: &Search, (low, high): (f64, f64)) -> String {
    format!("{} to {} (95 %)", rounded(&search.value(0, low)), rounded(&search.value(0, high)))
}

const fn name(clock: Clock) -> &'static str {
    match clock {
        Clock::Kernel => "kernel",
        Clock::Client => "client",
    }
}
