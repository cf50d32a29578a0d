//! What is run next: of a sweep all its variations, of a search what its planner asks for.

use super::judged::outcome;
use super::results::Row;
use super::{Cell, Step, SweepRuns};
use crate::args::Scope;
use crate::multi_run::Observed;
use crate::terminal::print_note;
use anyhow::Result;
use experiment::search::{Answer, Ask, Found, FoundTier, Outcome, Planner, Probe, Trial};
use experiment::{Order, Variation};
use std::collections::{BTreeMap, VecDeque};

/// What is run next.
pub(super) enum Course {
    /// These, in order; with what convergence is tested on in each variation.
    List(VecDeque<Step>, BTreeMap<usize, Vec<Observed>>),
    /// What the planner asks for.
    Search(Box<Searching>),
}

/// A search that is under way.
pub(super) struct Searching {
    planner: Box<dyn Planner>,
    /// What has been measured.
    pub(super) trials: Vec<Trial>,
    /// The probe that is being measured.
    current: Option<Current>,
    /// Why nothing more is measured; none if it was interrupted.
    pub(super) ended: Option<&'static str>,
    /// Runs that were made, also those that are void.
    pub(super) runs: usize,
    /// Their requests.
    pub(super) requests: u64,
}

/// A probe that is being measured.
struct Current {
    probe: Probe,
    /// Its runs so far.
    rows: Vec<Row>,
    /// The runs before them that are void, because the client was the limit.
    void: u32,
    /// Whether one of those had no response at all.
    failed: bool,
}

impl Course {
    /// The course of an experiment.
    pub(super) fn of(experiment: &SweepRuns) -> Self {
        if let Some(search) = experiment.sweep.search() {
            let planner = search.planner();
            return Self::Search(Box::new(Searching {
                planner,
                trials: Vec::new(),
                current: None,
                ended: None,
                runs: 0,
                requests: 0,
            }));
        }
        let (cells, trials) = (0..experiment.cells.len(), 1..=experiment.repeat.runs);
        let steps = match experiment.order {
            Order::Repeated => {
                trials.flat_map(|trial| cells.clone().map(move |cell| Step { cell, trial })).collect()
            }
            Order::Independent => {
                cells.flat_map(|cell| trials.clone().map(move |trial| Step { cell, trial })).collect()
            }
        };
        Self::List(steps, BTreeMap::new())
    }

    /// The next run; a search adds its variation to the experiment.
    ///
    /// # Errors
    /// When the arguments of a variation cannot be.
    pub(super) fn next(&mut self, experiment: &mut SweepRuns) -> Result<Option<Step>> {
        match self {
            Self::List(steps, _) => Ok(steps.pop_front()),
            Self::Search(searching) => searching.next(experiment),
        }
    }

    /// Takes what a run gave; returns which of the other runs are now pointless, with the reason.
    pub(super) fn take(&mut self, experiment: &SweepRuns, step: Step, row: &Row) -> Vec<(Step, String)> {
        match self {
            Self::Search(searching) => {
                searching.take(experiment, row);
                Vec::new()
            }
            Self::List(steps, observed) => {
                let observed = observed.entry(step.cell).or_default();
                observed.push(row.observed.clone());
                if let Some(how) = experiment.repeat.agreement(observed) {
                    let count = observed.len();
                    print_note(&format!("  its runs converged after {count}: {how}"));
                    steps.retain(|left| left.cell != step.cell);
                }
                if experiment.scope == Scope::Sweep {
                    hopeless(experiment, steps, step, row)
                } else {
                    Vec::new()
                }
            }
        }
    }

    /// The best so far, of a search.
    pub(super) fn best(&self, experiment: &SweepRuns) -> Option<String> {
        match self {
            Self::List(..) => None,
            Self::Search(searching) => searching.best(experiment),
        }
    }

    /// How many runs there are in all, where that is known.
    pub(super) fn left(&self) -> Option<usize> {
        match self {
            Self::List(steps, _) => Some(steps.len()),
            Self::Search(_) => None,
        }
    }
}

impl Searching {
    fn next(&mut self, experiment: &mut SweepRuns) -> Result<Option<Step>> {
        if self.ended.is_some() {
            return Ok(None);
        }
        if let Some(Current { rows, void, .. }) = &self.current {
            let trial = u32::try_from(rows.len()).unwrap_or(u32::MAX).saturating_add(void + 1);
            return Ok(Some(Step { cell: experiment.cells.len() - 1, trial }));
        }
        match self.planner.ask() {
            Ask::Done(why) => {
                self.ended = Some(why);
                Ok(None)
            }
            Ask::Measure(probe) => {
                experiment.add(&probe, self.planner.asks_for())?;
                self.current = Some(Current { probe, rows: Vec::new(), void: 0, failed: false });
                Ok(Some(Step { cell: experiment.cells.len() - 1, trial: 1 }))
            }
        }
    }

    fn take(&mut self, experiment: &SweepRuns, row: &Row) {
        let (Some(search), Some(mut current)) = (experiment.sweep.search(), self.current.take()) else {
            return;
        };
        self.runs += 1;
        self.requests += row.report.as_ref().map_or(0, |report| report.requests);
        // What disturbed a run once need not do so again.
        if let Some(why) = row.void().filter(|_| current.void < VOID_MAX) {
            print_note(&format!("  this says nothing of the server ({why}): once more"));
            self.current = Some(Current { void: current.void + 1, ..current });
            return;
        }
        // A server that is going away says nothing of the load; one that refuses connections does, once more.
        if row.is_broken && !current.failed {
            print_note("  connections failed: once more");
            self.current = Some(Current { failed: true, void: current.void + 1, ..current });
            return;
        }
        // A server that is not there says nothing of the load.
        if row.report.is_none() && !row.is_refused {
            if current.failed {
                self.ended = Some(RUN_FAILED);
                return;
            }
            print_note("  the server did not respond: once more");
            self.current = Some(Current { failed: true, void: current.void + 1, ..current });
            return;
        }
        current.rows.push(row.clone());
        let observed = current.rows.iter().map(|row| row.observed.clone()).collect::<Vec<_>>();
        let agreement = experiment.repeat.agreement(&observed);
        if current.rows.len() < experiment.repeat.runs as usize && agreement.is_none() {
            self.current = Some(current);
            return;
        }
        let Current { probe, rows, .. } = current;
        let watched = experiment.places_of(experiment.cells.len() - 1);
        let outcome = outcome(search, &experiment.limits, experiment.clock, &rows, &watched);
        let trial = Trial { probe, outcome };
        self.planner.tell(&trial);
        if experiment.shows_lines {
            print_note(&format!("  {}", line(experiment, &trial)));
            let best = self.best(experiment);
            print_note(&format!("  best so far: {}", best.as_deref().unwrap_or("none")));
        }
        self.trials.push(trial);
    }

    /// The best so far, by name.
    fn best(&self, experiment: &SweepRuns) -> Option<String> {
        let best = self.planner.found().best;
        let best = best.iter().filter_map(|place| experiment.cells.get(*place)).map(Cell::name);
        let best = best.collect::<Vec<_>>().join(", ");
        (!best.is_empty()).then_some(best)
    }

    /// What is known so far.
    pub(super) fn found(&self) -> Found {
        self.planner.found()
    }

    /// The same of each tier of limits.
    pub(super) fn tiers(&self) -> Vec<FoundTier> {
        self.planner.tiers()
    }
}

/// What a trial says about the limits, in one line.
fn line(experiment: &SweepRuns, trial: &Trial) -> String {
    let measured = match &trial.outcome {
        Outcome::Measured(measured) => measured,
        Outcome::ClientLimited(why) => return format!("no answer: this client was the limit ({why})"),
        Outcome::Failed(why) => return format!("no answer: {why}"),
    };
    let answers = experiment.limits.iter().zip(&measured.limits).map(|(limit, judged)| {
        let answer = match judged.answer {
            Answer::Met => "kept",
            Answer::Missed => "missed",
            Answer::Unsure { looks_met: true } => "kept, not surely",
            Answer::Unsure { looks_met: false } => "missed, not surely",
        };
        format!("{} {answer}", super::judged::shown(limit))
    });
    let answers = answers.collect::<Vec<_>>();
    if !answers.is_empty() {
        return answers.join("; ");
    }
    let objectives = experiment.sweep.search().map_or(&[][..], |search| &search.objectives);
    let numbers = objectives.iter().zip(&measured.objectives).map(|(objective, measure)| {
        let number =
            measure.map_or_else(|| "no number".to_owned(), |measure| format!("{:.1}", measure.value));
        format!("{} {}: {number}", objective.metric, objective.stat)
    });
    numbers.collect::<Vec<_>>().join("; ")
}

/// Takes away the runs of loads above one that misses a limit.
fn hopeless(
    experiment: &SweepRuns,
    steps: &mut VecDeque<Step>,
    step: Step,
    row: &Row,
) -> Vec<(Step, String)> {
    let Some(missed) = experiment.missed(row) else { return Vec::new() };
    let too_much = &experiment.cells[step.cell].variation;
    let (above, left) = std::mem::take(steps)
        .into_iter()
        .partition::<Vec<_>, _>(|step| is_above(&experiment.cells[step.cell].variation, too_much));
    *steps = left.into();
    let name = experiment.cells[step.cell].name();
    above.into_iter().map(|step| (step, format!("not run: {name} misses {missed}"))).collect()
}

/// Whether a variation is at least as much load as another one in everything that is a load, and equal in the rest.
fn is_above(one: &Variation, other: &Variation) -> bool {
    one.values.len() == other.values.len()
        && one.values.iter().all(|(path, value)| {
            let Some(than) = other.values.get(path) else { return false };
            let is_load = LOADS.contains(&path.rsplit('.').next().unwrap_or(path));
            match (value.as_f64(), than.as_f64()) {
                (Some(value), Some(than)) if is_load => value >= than,
                _ => value == than,
            }
        })
}

/// Why a search ends whose server is gone.
pub(super) const RUN_FAILED: &str = "run_failed";
/// How often a run is made again in which this client was the limit.
const VOID_MAX: u32 = 2;
/// Values of which more is more load.
const LOADS: &[&str] = &["concurrency", "prefill_concurrency", "rate", "request_rate", "users"];
