//! What a search tried and found: AIPerf's `search_history.json`, and its answer by the kernel's clock and by the client's.

use super::cause::cause;
use super::course::Searching;
use super::judged::{has_kernel_times, judged, shown};
use super::results::Results;
use super::{SweepRuns, rounded};
use crate::args::Clock;
use anyhow::Result;
use experiment::search::{Answer, Border, Found, Judged, Measure, Outcome, Search, Trial};
use export::view::{Cell, Column, Section, Side, Table};
use serde_json::{Value, json};
use std::cmp::Ordering;
use std::path::Path;
use store::Folder;

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
        let trials = &self.searching.trials;
        let iterations = trials.iter().enumerate().map(|(place, trial)| {
            let mut iteration = self.iteration(place, trial);
            iteration["non_monotonic_warning"] = self.is_out_of_order(place).into();
            iteration["outcome"] = json!(trial.outcome);
            iteration["length"] = trial.probe.length.into();
            iteration["confirms"] = trial.probe.confirms.into();
            iteration
        });
        let feasible =
            (0..trials.len()).filter(|place| self.is_feasible(*place, self.experiment.clock)).count();
        let best = found.best.iter().filter_map(|place| {
            let mut best = self.iteration(*place, trials.get(*place)?);
            best["feasible_count"] = feasible.into();
            best["pareto_rank"] = 0.into();
            Some(best)
        });
        json!({
            "config": search,
            "iterations": iterations.collect::<Vec<_>>(),
            "best_trials": best.collect::<Vec<_>>(),
            "boundary_summary": self.boundary(search, &found),
            "answers": self.answers(search).map(|(clock, border)| json!({
                "clock": name(clock),
                "most_that_keeps_every_limit": border.feasible.map(|(value, _)| value),
                "least_that_does_not": border.infeasible.map(|(value, _)| value),
            })).collect::<Vec<_>>(),
            "interval": found.border.and_then(|border| border.interval),
            "cause": self.cause(found.border),
            "note": found.note,
            "recipe": self.experiment.recipe,
            "convergence_reason": self.searching.ended.unwrap_or("interrupted"),
        })
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
            "feasible": self.is_feasible(place, self.experiment.clock),
        })
    }

    /// Whether a trial keeps every limit, by the numbers themselves.
    fn is_feasible(&self, place: usize, clock: Clock) -> bool {
        let is_of_server = self
            .searching
            .trials
            .get(place)
            .is_some_and(|trial| matches!(trial.outcome, Outcome::Measured(_)));
        is_of_server && self.judged(place, clock).iter().all(|judged| judged.answer.looks_met())
    }

    fn judged(&self, place: usize, clock: Clock) -> Vec<Judged> {
        let is_watched = clock == self.experiment.clock;
        judged(&self.experiment.limits, clock, is_watched, self.results.of(place))
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
        is_of_server.then(|| self.is_feasible(place, self.experiment.clock))
    }

    /// The border by each clock: between the most that keeps every limit and the least above it that does not.
    fn answers(&self, search: &Search) -> impl Iterator<Item = (Clock, Border)> {
        let is_along_one = search.search_space.len() == 1 && !self.experiment.limits.is_empty();
        let rows = (0..self.searching.trials.len()).flat_map(|place| self.results.of(place));
        let has_kernel = has_kernel_times(&self.experiment.limits, rows);
        let clocks = [Clock::Kernel, Clock::Client]
            .into_iter()
            .filter(move |clock| has_kernel || *clock == Clock::Client);
        clocks
            .filter(move |_| is_along_one)
            .map(|clock| (clock, self.border(clock)))
            .collect::<Vec<_>>()
            .into_iter()
    }

    /// The last trial of each load decides what it is: it is the longest one.
    fn border(&self, clock: Clock) -> Border {
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
        let infeasible: Point = loads.iter().copied().find(|(_, place)| !self.is_feasible(*place, clock));
        let feasible = loads
            .iter()
            .copied()
            .take_while(|(value, _)| infeasible.is_none_or(|(least, _)| *value < least))
            .last();
        Border { feasible, infeasible, interval: None }
    }

    fn boundary(&self, search: &Search, found: &Found) -> Value {
        let [axis] = &search.search_space[..] else { return Value::Null };
        let border = found.border.unwrap_or_else(|| self.border(self.experiment.clock));
        let point =
            |(value, place): (f64, usize)| json!({"value": search.value(0, value), "iteration_idx": place});
        let feasible = border.feasible.map(|(value, place)| {
            let mut point = point((value, place));
            point["objective_value"] = json!(self.objective(place));
            point
        });
        let infeasible = border.infeasible.map(|(value, place)| {
            let mut point = point((value, place));
            point["first_breach"] = json!(self.breach(place));
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

    /// The first limit that a trial does not keep.
    fn breach(&self, place: usize) -> Option<Value> {
        let judged = self.judged(place, self.experiment.clock);
        let mut limits = self.experiment.limits.iter().zip(judged);
        let (limit, judged) = limits.find(|(_, judged)| !judged.answer.looks_met())?;
        let mut breach = json!(limit);
        breach["observed"] = json!(judged.observed.map(|observed| observed.value));
        Some(breach)
    }

    /// What requests wait for at the least load that is too much; of a search without limits, at the greatest one.
    fn cause(&self, border: Option<Border>) -> Option<String> {
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
            let why = match self.experiment.limits.is_empty() {
                true => "nothing is confirmed",
                false => "no load that was tried keeps every limit",
            };
            say("best", why.to_owned());
        }
        for (clock, border) in self.answers(search) {
            say(&format!("on the {}'s clock", name(clock)), self.in_words(search, clock, border));
        }
        if let Some((low, high)) = found.border.and_then(|border| border.interval) {
            say(
                "interval",
                format!("{} to {} (95 %)", rounded(&search.value(0, low)), rounded(&search.value(0, high))),
            );
        }
        if let Some(cause) = self.cause(found.border) {
            say("cause", cause);
        }
        if let Some(note) = found.note {
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

    fn in_words(&self, search: &Search, clock: Clock, border: Border) -> String {
        let shown_value = |value: f64| rounded(&search.value(0, value));
        let kept = border.feasible.map(|(value, _)| format!("{} keeps every limit", shown_value(value)));
        let missed = border.infeasible.map(|(value, place)| {
            let judged = self.judged(place, clock);
            let mut limits = self.experiment.limits.iter().zip(judged);
            let breach = limits.find(|(_, judged)| !judged.answer.looks_met());
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

const fn name(clock: Clock) -> &'static str {
    match clock {
        Clock::Kernel => "kernel",
        Clock::Client => "client",
    }
}
