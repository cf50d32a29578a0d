//! Runs that differ in some values: each measured on its own, and compared in one table.
//!
//! ```text
//! variations ──▶ cells: checked and resolved before the first run
//!                  │ order: every variation once, then again (`repeated`), or each to its end (`independent`)
//!                  ▼
//! journal.rs   what is measured already ──▶ session ──▶ a line in the journal, a row in the table
//! results.rs   AIPerf's sweep_aggregate, the best and the Pareto-optimal variations
//! ```
//!
//! A run that fails is a row with its reason. A command that is repeated in the same directory measures only what is missing.

mod journal;
mod results;

use crate::VERDICT;
use crate::args::{ConsoleArg, ProfileArgs, SweepOrder, Swept};
use crate::earlier;
use crate::interrupt::{self, Interrupted};
use crate::multi_run::Repeat;
use crate::plan::output::sweep_dir;
use crate::plan::{Refusal, plan};
use crate::report::{self, Reported};
use crate::resolve::{Resolved, resolve};
use crate::session::{self, Outcome, Session};
use crate::terminal::{print_note, print_result, print_warning};
use anyhow::{Result, bail};
use experiment::{Order, Sweep, Variation};
use export::console;
use journal::{DIGEST, Entry, Journal, digest};
pub(crate) use journal::{NAME as JOURNAL, failures};
use results::{Measured, Results, Row};
pub(crate) use results::{NAME as AGGREGATE, named};
use serde_json::json;
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::time::Duration;
use store::visible;

/// The runs of a sweep, checked: nothing has been contacted or written.
pub(crate) struct SweepRuns {
    sweep: Sweep,
    cells: Vec<Cell>,
    repeat: Repeat,
    order: Order,
    cooldown: Duration,
    same_seed: bool,
    /// Whether the user chose the seed.
    is_seeded: bool,
    directory: PathBuf,
    prefix: Option<String>,
    /// Whether what is measured already is measured again.
    restart: bool,
    /// Whether each run has a line.
    shows_lines: bool,
    confidence: f64,
}

/// A variation with what it takes to run it.
struct Cell {
    variation: Variation,
    resolved: Resolved,
}

impl Cell {
    /// What its seed differs by from that of the experiment: it depends on nothing but its values.
    fn own_seed(&self) -> u64 {
        let values = serde_json::to_vec(&self.variation.values).unwrap_or_default();
        let digest = Sha256::digest(&values);
        digest.iter().take(8).fold(0, |seed, byte| seed << 8 | u64::from(*byte))
    }

    /// What it is called in messages: its values by their last names, or a name of its own.
    fn name(&self) -> String {
        let Variation { label, values, .. } = &self.variation;
        let is_plain = values.values().all(|value| !value.is_object() && !value.is_array());
        if !is_plain || values.is_empty() || !label.contains('=') {
            return visible(label).into_owned();
        }
        let pairs = values.iter().map(|(path, value)| {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            format!("{}={value}", path.rsplit('.').next().unwrap_or(path))
        });
        visible(&pairs.collect::<Vec<_>>().join(" ")).into_owned()
    }
}

/// A run of a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Step {
    cell: usize,
    /// From 1 on.
    trial: u32,
}

impl SweepRuns {
    /// Checks the plan of every variation, and reads its files.
    ///
    /// # Errors
    /// What is wrong, and with which variation.
    pub(crate) fn of(args: &ProfileArgs, swept: &Swept, command_line: &[String]) -> Result<Self> {
        let repeat = Repeat::of(args)?;
        let common = &swept.sweep.common;
        let mut cells = Vec::new();
        let mut warnings = swept.sweep.warnings();
        for (variation, args) in &swept.runs {
            let of_it = |error: anyhow::Error| {
                let text = format!("variation `{}`: {error:#}", variation.label);
                if error.is::<Refusal>() { Refusal(text).into() } else { error.context(text) }
            };
            let checked = plan(args, command_line).map_err(|refusal| of_it(refusal.into()))?;
            for warning in &checked.warnings {
                if !warnings.contains(warning) {
                    warnings.push(warning.clone());
                }
            }
            let resolved = resolve(args, checked).map_err(of_it)?;
            cells.push(Cell { variation: variation.clone(), resolved });
        }
        warnings.iter().for_each(|warning| print_warning(warning));
        let Some(first) = cells.first() else { bail!("a sweep without variations") };
        let profile = &first.resolved.profile;
        let directory = match &args.output.artifact_dir {
            Some(directory) => directory.clone(),
            None => sweep_dir(&profile.plan.endpoint),
        };
        let is_given = |flag: &str| args.given.contains_key(flag);
        let order = match args.sweep.parameter_sweep_mode {
            SweepOrder::Independent => Order::Independent,
            SweepOrder::Repeated if is_given("parameter-sweep-mode") => Order::Repeated,
            SweepOrder::Repeated => common.iteration_order.unwrap_or_default(),
        };
        let cooldown = match common.cooldown_seconds {
            Some(seconds) if !is_given("parameter-sweep-cooldown-seconds") => seconds,
            _ => args.sweep.parameter_sweep_cooldown_seconds,
        };
        let same_seed = common.same_seed.unwrap_or_default() && !is_given("no-parameter-sweep-same-seed");
        Ok(Self {
            sweep: swept.sweep.clone(),
            repeat,
            order,
            cooldown: Duration::from_secs_f64(cooldown),
            same_seed: args.sweep.parameter_sweep_same_seed || same_seed,
            is_seeded: args.input.random_seed.is_some(),
            directory,
            prefix: profile.plan.output.export_prefix.clone(),
            restart: args.sweep.restart,
            shows_lines: !args.sweep.no_sweep_table,
            confidence: args.multi_run.confidence_level,
            cells,
        })
    }

    /// Checks where results go, what observes each run, and what is requested of its server.
    pub(crate) fn check(&self) -> Result<()> {
        self.check_directory()?;
        self.cells.iter().try_for_each(|cell| session::check(&cell.resolved.profile))
    }

    /// The run of which a session is made.
    pub(crate) fn first(&self) -> &Resolved {
        &self.cells[0].resolved
    }

    /// What a dry run prints: the plan of each variation.
    pub(crate) fn shown(&self) -> Result<String> {
        let seed = self.first().profile.plan.random_seed;
        let cells = self.cells.iter().enumerate().map(|(cell, of)| {
            let run = self.run(Step { cell, trial: 1 }, seed);
            json!({
                "label": of.variation.label,
                "directory": of.variation.directory(),
                "values": of.variation.values,
                "plan": run.profile.plan,
            })
        });
        Ok(serde_json::to_string_pretty(&cells.collect::<Vec<_>>())?)
    }

    /// A directory with results that are no part of an experiment keeps them.
    fn check_directory(&self) -> Result<(), Refusal> {
        if self.restart || self.directory.join(journal::NAME).exists() {
            return Ok(());
        }
        let cells = (0..self.cells.len()).map(|cell| self.directory_of(Step { cell, trial: 1 }));
        let others = ["", "profile_runs/run_0001"].into_iter().map(PathBuf::from);
        match others.chain(cells).find(|place| self.directory.join(place).join("run.json").exists()) {
            Some(place) => Err(Refusal(format!(
                "`{}` holds a run that is no part of this sweep: use another --artifact-dir, or --restart to replace it",
                self.directory.join(place).display()
            ))),
            None => Ok(()),
        }
    }

    /// The wait between two runs.
    fn pause(&self) -> Duration {
        if self.repeat.runs > 1 { self.cooldown.max(self.repeat.cooldown) } else { self.cooldown }
    }

    /// Every run, in order.
    fn steps(&self) -> Vec<Step> {
        let (cells, trials) = (0..self.cells.len(), 1..=self.repeat.runs);
        match self.order {
            Order::Repeated => {
                trials.flat_map(|trial| cells.clone().map(move |cell| Step { cell, trial })).collect()
            }
            Order::Independent => {
                cells.flat_map(|cell| trials.clone().map(move |trial| Step { cell, trial })).collect()
            }
        }
    }

    /// Where a run's results go, below the directory of all: as AIPerf lays them out.
    fn directory_of(&self, step: Step) -> PathBuf {
        let name = self.cells[step.cell].variation.directory();
        let trial = format!("trial_{:04}", step.trial);
        match (self.repeat.runs, self.order) {
            (1, _) => PathBuf::from(name),
            (_, Order::Repeated) => Path::new("profile_runs").join(trial).join(name),
            (_, Order::Independent) => Path::new(&name).join("profile_runs").join(trial),
        }
    }

    /// A run, with the seed that the experiment began with.
    fn run(&self, step: Step, seed: u64) -> Resolved {
        let mut run = self.cells[step.cell].resolved.clone();
        let profile = &mut run.profile;
        profile.artifact_dir = self.directory.join(self.directory_of(step));
        profile.plan.output.artifact_dir = profile.artifact_dir.display().to_string();
        if step.trial > 1 && !self.repeat.warms_up_each {
            profile.plan.load.phases.retain(|phase| !phase.is_warmup);
        }
        let seed = self.repeat.seed(seed, step.trial);
        profile.plan.random_seed = match self.same_seed {
            true => seed,
            false => seed.wrapping_add(self.cells[step.cell].own_seed()) & SEEDS,
        };
        run
    }
}

/// Carries out what is missing, and writes the tables of everything; returns the exit status.
///
/// # Errors
/// When no run succeeded, when the directory holds another experiment, or when results cannot be written.
pub(crate) fn run(experiment: &SweepRuns, session: &impl Session) -> Result<u8> {
    let steps = experiment.steps();
    let drawn = experiment.first().profile.plan.random_seed;
    // A signal ends the experiment with a report of the completed runs, also between two of them.
    let _orderly = interrupt::orderly(interrupt::OF_A_WAIT);
    let mut journal = Journal::open(&experiment.directory, experiment.restart, drawn)?;
    let seed = if experiment.is_seeded { drawn } else { journal.seed() };
    let mut runs = steps.iter().map(|step| experiment.run(*step, seed)).collect::<Vec<_>>();
    let digests = runs.iter().map(digest).collect::<Result<Vec<_>>>()?;
    for (run, digest) in runs.iter_mut().zip(&digests) {
        run.profile.plan.output.other.insert(DIGEST.to_owned(), journal.name_of(digest));
    }
    journal.check(&digests)?;
    let mut results = Results::new(experiment.cells.iter().map(|cell| cell.variation.clone()).collect());
    let mut is_first = true;
    for ((place, step), (run, digest)) in steps.iter().enumerate().zip(runs.iter().zip(&digests)) {
        let label = &experiment.cells[step.cell].name();
        let number = format!("run {} of {}", place + 1, steps.len());
        if let Some(reported) = journal.measured(digest, &run.profile) {
            let is_failure = reported.fails(run.profile.plan.output.fail_on);
            let status = if is_failure { VERDICT } else { 0 };
            print_note(&format!("{number}: {label} is measured already"));
            results.put(step.cell, Row::finished(&reported, status, run.profile.artifact_dir.clone()));
            continue;
        }
        let pause = experiment.pause();
        if !is_first && !pause.is_zero() {
            print_note(&format!("waiting {} s before the next run", pause.as_secs_f64()));
            if session.pause(pause).is_err() {
                break;
            }
        }
        is_first = false;
        print_note(&format!("{number}: {label}"));
        let Some(row) = carried_out(session, run)? else { break };
        journal.add(&Entry::of(digest, step.trial, label, &experiment.directory_of(*step), &row))?;
        if experiment.shows_lines {
            print_note(&format!("  {}", row.line()));
        }
        results.put(step.cell, row);
        if session.interrupted().is_some() {
            break;
        }
    }
    finish(experiment, session, &results)
}

/// Carries out a run, once more if its server went away and is to be waited for; `None` if a signal ended it without results.
fn carried_out(session: &impl Session, run: &Resolved) -> Result<Option<Row>> {
    let directory = &run.profile.artifact_dir;
    let retries = u32::from(run.profile.preparation.wait_for_model.is_some());
    for attempt in 0.. {
        let row = match session.run(run) {
            Ok(Outcome { reported, status }) => match reported.no_response() {
                None => return Ok(Some(Row::finished(&reported, status, directory.clone()))),
                Some(why) => Row::failed(why, directory.clone()),
            },
            Err(error) if error.is::<Interrupted>() => return Ok(None),
            Err(error) => Row::failed(format!("{error:#}"), directory.clone()),
        };
        if attempt == retries || session.interrupted().is_some() {
            return Ok(Some(row));
        }
        print_warning(&format!("{}; once more when the model is ready", row.line()));
    }
    Ok(None)
}

fn finish(experiment: &SweepRuns, session: &impl Session, results: &Results) -> Result<u8> {
    if !results.has_any() {
        session.interrupted().map_or(Ok(()), Err)?;
        bail!("no run of the sweep succeeded: {}", results.first_failure().unwrap_or_default());
    }
    let directory = &experiment.directory;
    earlier::remove_outside_series(directory, experiment.prefix.as_deref(), 0)?;
    let aggregated = Measured {
        sweep: &experiment.sweep,
        order: experiment.order,
        trials: experiment.repeat.runs,
        confidence: experiment.confidence,
        cooldown: experiment.cooldown,
        results,
    };
    aggregated.write(directory)?;
    let (width, colour) = report::terminal(ConsoleArg::Full);
    print_result(&console::sections(&aggregated.sections(), width, colour));
    print_result(&format!("Results are in {}\n", directory.display()));
    Ok(session.interrupted().map_or_else(|| results.status(), Interrupted::status))
}

/// The seeds that every JSON reader reads exactly.
const SEEDS: u64 = (1 << 53) - 1;

/// Whether a run in a directory is complete.
fn is_complete(reported: &Reported) -> bool {
    reported.run.is_complete && !reported.run.was_cancelled
}
