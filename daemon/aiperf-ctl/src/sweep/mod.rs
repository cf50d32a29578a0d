//! Runs that differ in some values: each measured on its own, and compared in one table.
//!
//! ```text
//! variations ──▶ cells: checked and resolved before the first run
//!                  │
//! course.rs    what is run next: all of them, or what a search's planner asks for ◀─────────────┐
//!                  ▼                                                                            │
//! journal.rs   what is measured already ──▶ session ──▶ a line in the journal, a row ──▶ judged.rs: limits kept?
//! cause.rs     what requests wait for at a load that is too much
//! results.rs   AIPerf's sweep_aggregate, the best and the Pareto-optimal variations
//! post_process.rs  AIPerf's curves through the variations of a recipe
//! mlperf.rs    the points of MLPerf Endpoints' curve in its files
//! history.rs   AIPerf's search_history.json, and a search's answer on both clocks
//! ```
//!
//! A run that fails is a row with its reason. A command that is repeated in the same directory measures only what is missing.

mod cause;
mod course;
mod history;
mod journal;
mod judged;
mod mlperf;
mod post_process;
mod results;

use crate::args::{Base, Clock, Command, ConsoleArg, ProfileArgs, Scope, SweepOrder, Swept, Unparsed};
use crate::display::Place;
use crate::earlier;
use crate::interrupt::{self, Interrupted};
use crate::multi_run::Repeat;
use crate::plan::output::sweep_dir;
use crate::plan::{PRIMING, Refusal, plan};
use crate::report::{self, Reported};
use crate::resolve::{Resolved, resolve};
use crate::session::{self, Outcome, Session};
use crate::terminal::{print_note, print_result, print_warning};
use crate::{FAILED, VERDICT};
use anyhow::{Result, anyhow, bail};
use common::clock::DurationNs;
use course::{Course, RUN_FAILED};
use experiment::search::{Answer, Limit, Probe, Strategy};
use experiment::{Order, Sweep, Variation};
use export::{HtmlPaper, HtmlPart, console};
use history::History;
use journal::{Begun, DIGEST, Entry, Journal, digest};
pub(crate) use journal::{NAME as JOURNAL, failures};
use metric::Stat;
use results::{Measured, Results, Row};
pub(crate) use results::{NAME as AGGREGATE, NOT_COMPARED, named};
use serde_json::json;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;
use store::{Folder, visible};

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
    /// The limits that a run must keep.
    limits: Vec<Limit>,
    /// Whose time they are judged by.
    clock: Clock,
    /// What ends when one is certainly missed.
    scope: Scope,
    recipe: Option<String>,
    /// Makes the arguments of a search's variations.
    base: Base,
    command_line: Vec<String>,
}

/// A variation with what it takes to run it.
struct Cell {
    variation: Variation,
    resolved: Resolved,
    /// What a search asked for with it.
    probe: Option<Probe>,
    /// For which tier of limits.
    tier: Option<usize>,
}

impl Cell {
    /// Checks a variation, and reads its files.
    fn of(
        variation: &Variation,
        args: &ProfileArgs,
        command_line: &[String],
        probe: Option<Probe>,
        warnings: &mut Vec<String>,
    ) -> Result<Self> {
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
        Ok(Self { variation: variation.clone(), resolved, probe, tier: None })
    }

    /// What its seed differs by from that of the experiment: it depends on nothing but its values, and of a search on its
    /// place and its number.
    fn own_seed(&self, trial: u32) -> u64 {
        let mut values = serde_json::to_vec(&self.variation.values).unwrap_or_default();
        if self.probe.is_some() {
            values.extend(self.variation.index.to_le_bytes());
            values.extend(trial.to_le_bytes());
        }
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
            let value = rounded(value);
            format!("{}={value}", path.rsplit('.').next().unwrap_or(path))
        });
        visible(&pairs.collect::<Vec<_>>().join(" ")).into_owned()
    }
}

/// A run of a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Step {
    cell: usize,
    /// From 1 on.
    trial: u32,
}

impl SweepRuns {
    /// The directory of its results.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Checks the plan of every variation, and reads its files.
    ///
    /// # Errors
    /// What is wrong, and with which variation.
    pub(crate) fn of(args: &ProfileArgs, swept: &Swept, command_line: &[String]) -> Result<Self> {
        let repeat = Repeat::of(args)?;
        let common = &swept.sweep.common;
        let mut cells = Vec::new();
        let mut warnings = swept.sweep.warnings();
        warnings.extend(swept.warnings.iter().cloned());
        for (variation, args) in &swept.runs {
            // What is true of the ends of a space need not be of a load between them.
            let mut of_end = Vec::new();
            let warnings = if swept.sweep.search().is_some() { &mut of_end } else { &mut warnings };
            cells.push(Cell::of(variation, args, command_line, None, warnings)?);
        }
        can_give(swept, &cells)?;
        can_be_points(swept, &cells, repeat.runs)?;
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
            limits: swept.sweep.limits(),
            clock: args.search.search_clock,
            scope: args.search.stopping_scope.unwrap_or_else(|| Scope::usual(&swept.sweep)),
            recipe: swept.recipe.clone(),
            base: swept.base.clone(),
            command_line: command_line.to_vec(),
            cells,
        })
    }

    /// Adds a variation that a search asks for.
    ///
    /// # Errors
    /// When its arguments are not valid.
    fn add(&mut self, probe: &Probe, tier: Option<usize>) -> Result<()> {
        let Some(search) = self.sweep.search() else { return Ok(()) };
        let values = search.point(&probe.values);
        let args = self.base.at(&values).map_err(|error| match error {
            Unparsed::Refused(why) => anyhow::Error::from(Refusal(why)),
            Unparsed::Clap(error) => anyhow!("{error}"),
        })?;
        let Command::Profile(args) = args.command else { bail!("not the arguments of a run") };
        let label =
            values.iter().map(|(path, value)| format!("{path}={value}")).collect::<Vec<_>>().join(", ");
        let variation = Variation { index: self.cells.len(), label, values };
        let args = ProfileArgs { is_of_sweep: true, ..*args };
        let mut ignored = Vec::new();
        let cell = Cell::of(&variation, &args, &self.command_line, Some(probe.clone()), &mut ignored)?;
        self.cells.push(Cell { tier, ..cell });
        Ok(())
    }

    /// The limits that every variation must keep: not those of tiers.
    fn common_limits(&self) -> &[Limit] {
        let common = self.sweep.search().map_or(self.limits.len(), |search| search.common_limits().len());
        self.limits.get(..common).unwrap_or_default()
    }

    /// Which limits a variation is asked about: all, or those of a tier.
    fn places_of(&self, cell: usize) -> Vec<usize> {
        let tier = self.sweep.search().zip(self.cells.get(cell).and_then(|cell| cell.tier));
        tier.map_or_else(|| (0..self.limits.len()).collect(), |(search, tier)| search.places_of_tier(tier))
    }

    /// The limit that a run certainly misses.
    fn missed(&self, row: &Row) -> Option<String> {
        let judged = judged::judged(&self.limits, self.clock, true, std::slice::from_ref(row));
        let mut judged = self.limits.iter().zip(judged);
        judged.find(|(_, judged)| judged.answer == Answer::Missed).map(|(limit, _)| judged::shown(limit))
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
                "directory": self.directory_of(Step { cell, trial: 1 }),
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

    /// What a search looks for, and where.
    fn sought(&self) -> Result<Option<String>> {
        let Some(search) = self.sweep.search() else { return Ok(None) };
        let mut hash = Sha256::new();
        let clock = self.clock == Clock::Kernel;
        hash.update(serde_json::to_vec(&json!([search, self.limits, self.repeat.runs, clock]))?);
        self.digests(0)?.values().for_each(|digest| hash.update(digest));
        Ok(Some(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()))
    }

    /// What each run of a list is; of a search, what its ends are.
    fn digests(&self, seed: u64) -> Result<BTreeMap<Step, String>> {
        let trials = || 1..=self.repeat.runs;
        let steps = (0..self.cells.len()).flat_map(|cell| trials().map(move |trial| Step { cell, trial }));
        steps.map(|step| Ok((step, digest(&self.run(step, seed))?))).collect()
    }

    /// The wait between two runs.
    fn pause(&self) -> Duration {
        if self.repeat.runs > 1 { self.cooldown.max(self.repeat.cooldown) } else { self.cooldown }
    }

    /// Where a run's results go, below the directory of all: as AIPerf lays them out.
    fn directory_of(&self, step: Step) -> PathBuf {
        let name = self.cells[step.cell].variation.directory();
        if self.sweep.search().is_some() {
            let run = format!("profile_runs/run_{:04}", step.trial);
            return Path::new(&format!("search_iter_{:04}", step.cell)).join(run);
        }
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
            profile.plan.load.phases.retain(|phase| !phase.is_warmup || phase.name == PRIMING);
        }
        let probe = self.cells[step.cell].probe.as_ref();
        if let (Some(probe), Some(search)) = (probe, self.sweep.search()) {
            judged::set_requests(search, &mut profile.plan.load.phases);
            lengthen(&mut profile.plan.load.phases, probe.length);
        }
        if self.scope > Scope::Never && !probe.is_some_and(|probe| probe.confirms) {
            let is_of_border = self.sweep.search().is_some_and(|search| search.planner.looks_for_border());
            let limits = self.places_of(step.cell).into_iter().map(|place| self.limits[place].clone());
            let limits = limits.collect::<Vec<_>>();
            let limits = judged::watched(&limits, self.clock, &profile.plan.load, is_of_border);
            profile.plan.observers.limits.clone_from(&limits);
            profile.observers.limits = limits;
        }
        if !self.limits.is_empty() || probe.is_some() {
            // What a limit is on is the steady state, where a run has one.
            profile.plan.output.steady_state = true;
        }
        let seed = self.repeat.seed(seed, step.trial);
        profile.plan.random_seed = match self.same_seed {
            true => seed,
            false => seed.wrapping_add(self.cells[step.cell].own_seed(step.trial)) & SEEDS,
        };
        run
    }
}

/// Checks that runs are what MLPerf Endpoints' points are: a number of requests at a concurrency, streamed, each once.
fn can_be_points(swept: &Swept, cells: &[Cell], runs: u32) -> Result<(), Refusal> {
    if swept.sweep.search().is_none_or(|search| search.planner != Strategy::MlperfEndpoints) {
        return Ok(());
    }
    let refuse = |why: &str| Err(Refusal(format!("the points of MLPerf Endpoints {why}")));
    if runs > 1 {
        return refuse("are one run each: leave --num-profile-runs out");
    }
    for plan in cells.iter().map(|cell| &cell.resolved.profile.plan) {
        let mut measured = plan.load.phases.iter().filter(|phase| !phase.is_warmup);
        let is_point = |phase: &spec::Phase| {
            let is_counted = phase.request_count.is_some() && phase.duration_seconds.is_none();
            phase.shape == spec::Shape::Concurrency && is_counted
        };
        if !measured.all(is_point) {
            return refuse(
                "are runs at a concurrency, of a number of requests: one pass over the data set (--request-count, and neither a \
                 rate nor --benchmark-duration)",
            );
        }
        if !plan.endpoint.streaming {
            return refuse("are of streamed responses: add --streaming");
        }
    }
    Ok(())
}

/// Checks that runs can have the numbers that are looked for.
fn can_give(swept: &Swept, cells: &[Cell]) -> Result<(), Refusal> {
    let limits = swept.sweep.limits();
    let limits = limits.iter().map(|limit| ("limit", limit.metric_tag.as_str(), limit.stat.as_str()));
    let objectives = swept.sweep.search().into_iter().flat_map(|search| &search.objectives);
    let objectives = objectives.map(|one| ("objective", one.metric.as_str(), one.stat.as_str()));
    let params = swept.sweep.common.post_process.as_ref().map(|post_process| &post_process.params);
    let of_curve = params.into_iter().filter_map(|params| {
        Some(("metric", params["metric_tag"].as_str()?, params["stat"].as_str().unwrap_or("avg")))
    });
    for (what, tag, stat) in limits.chain(objectives).chain(of_curve) {
        let refuse = |why: &str| Err(Refusal(format!("the {what} {tag} {stat}: {why}")));
        let Some(metric) = metric::find(tag) else {
            return refuse("unknown metric; docs/METRICS.md lists all");
        };
        let Some(known) = Stat::ALL.into_iter().find(|known| known.name() == stat) else {
            return refuse("unknown statistic");
        };
        let plans = cells.iter().map(|cell| &cell.resolved.profile.plan);
        if !plans.into_iter().all(|plan| metric::can_give(plan, metric, known)) {
            return refuse("no run of this endpoint and these flags has it");
        }
    }
    Ok(())
}

/// Carries out what is missing, and writes the tables of everything; returns the exit status.
///
/// # Errors
/// When no run succeeded, when the directory holds another experiment, or when results cannot be written.
pub(crate) fn run(experiment: &mut SweepRuns, session: &impl Session) -> Result<u8> {
    let drawn = experiment.first().profile.plan.random_seed;
    // A signal ends the experiment with a report of the completed runs, also between two of them.
    let _orderly = interrupt::orderly(interrupt::OF_A_WAIT);
    let begun =
        Begun { seed: drawn, search: experiment.sought()?, server: session.server(experiment.first()) };
    let mut journal = Journal::open(&experiment.directory, experiment.restart, begun.clone())?;
    let seed = if experiment.is_seeded { drawn } else { journal.seed() };
    let mut digests = experiment.digests(seed)?;
    journal.check(&digests, &begun)?;
    if experiment.sweep.search().is_some() {
        // The ends of the space were checked; what is run is what is asked for.
        experiment.cells.clear();
        digests.clear();
    }
    let mut course = Course::of(experiment);
    let mut results = Results::default();
    let mut number = 0;
    let (mut is_first, mut pace) = (true, Pace::default());
    while let Some(step) = course.next(experiment)? {
        let mut run = experiment.run(step, seed);
        let digest = digests.remove(&step).map_or_else(|| digest(&run), Ok)?;
        run.profile.plan.output.other.insert(DIGEST.to_owned(), journal.name_of(&digest));
        let label = experiment.cells[step.cell].name();
        number += 1;
        let place = pace.place(experiment, &course, number, &label);
        let number = place.shown();
        session.next_is(place);
        let row = match journal.measured(&digest, &run.profile) {
            Some((reported, certain)) => {
                print_note(&format!("{number}: {label} is measured already"));
                let status = if reported.fails(run.profile.plan.output.fail_on) { VERDICT } else { 0 };
                let outcome = Outcome { reported, status, certain };
                with_results(&outcome, &run.profile.artifact_dir, &experiment.repeat)?
            }
            None => {
                let pause = experiment.pause();
                if !is_first && !pause.is_zero() {
                    print_note(&format!("waiting {} s before the next run", pause.as_secs_f64()));
                    if session.pause(pause).is_err() {
                        break;
                    }
                }
                is_first = false;
                print_note(&format!("{number}: {label}"));
                let begin = clock::mono();
                let Some(row) = carried_out(session, &run, &experiment.repeat)? else { break };
                pace.add(clock::mono() - begin, pause);
                journal.add(&Entry::of(&digest, step.trial, &label, &experiment.directory_of(step), &row))?;
                if experiment.shows_lines {
                    print_note(&format!("  {}", row.line()));
                }
                row
            }
        };
        // A run that a signal ended says nothing about the load.
        let is_whole = session.interrupted().is_none();
        if is_whole {
            let pointless = course.take(experiment, step, &row);
            skip(experiment, pointless, &mut results);
        }
        results.put(step.cell, &experiment.cells[step.cell].variation, row);
        if !is_whole {
            break;
        }
    }
    if experiment.sweep.search().is_some() {
        results.without_void_runs();
    }
    results.complete(experiment.cells.iter().map(|cell| &cell.variation));
    finish(experiment, session, &course, &results)
}

/// Carries out a run, once more if its server went away and is to be waited for; `None` if a signal ended it without results.
fn carried_out(session: &impl Session, run: &Resolved, repeat: &Repeat) -> Result<Option<Row>> {
    let directory = &run.profile.artifact_dir;
    let retries = u32::from(run.profile.preparation.wait_for_model.is_some());
    for attempt in 0.. {
        let row = match session.run(run) {
            Ok(outcome) => match outcome.reported.no_response() {
                None => return with_results(&outcome, directory, repeat).map(Some),
                Some(why) => {
                    let is_refused = outcome.reported.report.errors.iter().any(|error| error.code.is_some());
                    Row::failed(why, is_refused, directory.clone())
                }
            },
            Err(error) if error.is::<Interrupted>() => return Ok(None),
            Err(error) => Row::failed(format!("{error:#}"), false, directory.clone()),
        };
        if attempt == retries || session.interrupted().is_some() {
            return Ok(Some(row));
        }
        print_warning(&format!("{}; once more when the model is ready", row.line()));
    }
    Ok(None)
}

/// Adds the rows of runs that would say nothing.
fn skip(experiment: &SweepRuns, pointless: Vec<(Step, String)>, results: &mut Results) {
    for (step, why) in pointless {
        print_note(&format!("{}: {why}", experiment.cells[step.cell].name()));
        let directory = experiment.directory.join(experiment.directory_of(step));
        results.put(step.cell, &experiment.cells[step.cell].variation, Row::skipped(why, directory));
    }
}

/// The row of a run with results.
fn with_results(outcome: &Outcome, directory: &Path, repeat: &Repeat) -> Result<Row> {
    let Outcome { reported, status, certain } = outcome;
    let row = Row::finished(reported, *status, directory.to_owned(), certain.clone());
    Ok(Row { observed: repeat.observed(reported)?, ..row })
}

fn finish(experiment: &SweepRuns, session: &impl Session, course: &Course, results: &Results) -> Result<u8> {
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
        limits: experiment.common_limits(),
        drawn: &experiment.limits,
        clock: experiment.clock,
        results,
    };
    aggregated.write(directory)?;
    let mut sections = aggregated.sections();
    let (mut found, mut answers) = (Vec::new(), 0);
    if let Course::Search(searching) = course {
        let history = History { experiment, searching, results };
        history.write(directory)?;
        // The answer comes first.
        let of_search = history.sections();
        answers = of_search.len();
        sections.splice(0..0, of_search);
        found = history.found();
        mlperf::write(directory, experiment, searching, results)?;
    }
    if !experiment.first().profile.plan.output.without_html {
        let title = experiment.recipe.clone().unwrap_or_else(|| "Sweep".to_owned());
        let subtitle = directory.display().to_string();
        let pictures = aggregated.pictures(&found);
        let data = aggregated.data()?;
        let parts = [HtmlPart::Sections(&sections), HtmlPart::Pictures(&pictures)];
        let report = HtmlPaper { title: &title, subtitle: &subtitle, parts: &parts, data: &data };
        let mut page = Folder::make(directory)?.create("report.html")?;
        page.write_all(report.html().as_bytes())?;
        page.finish()?;
    }
    // On a terminal the last lines are seen first.
    sections.rotate_left(answers);
    let (width, colour) = report::terminal(ConsoleArg::Full);
    print_result(&console::sections(&sections, width, colour));
    print_result(&format!("Results are in {}\n", directory.display()));
    let has_failed = matches!(course, Course::Search(searching) if searching.ended == Some(RUN_FAILED));
    let status = if has_failed { FAILED } else { results.status() };
    Ok(session.interrupted().map_or(status, Interrupted::status))
}

/// A value as a reader needs it: a number has no more digits than matter.
fn rounded(value: &serde_json::Value) -> String {
    match (value.as_str(), value.as_i64(), value.as_f64()) {
        (Some(text), ..) => text.to_owned(),
        (None, None, Some(number)) if number.abs() >= 0.001 && number.abs() < 1e15 => {
            let digits = 4 - metric::whole(number.abs().log10().floor().max(0.0)).min(3);
            let text = format!("{number:.*}", usize::try_from(digits).unwrap_or(4));
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        }
        _ => value.to_string(),
    }
}

/// How long runs take.
#[derive(Default)]
struct Pace {
    seconds: f64,
    runs: usize,
}

impl Pace {
    fn add(&mut self, run: DurationNs, pause: Duration) {
        self.seconds += run.as_seconds() + pause.as_secs_f64();
        self.runs += 1;
    }

    /// Where the experiment is at the run of this number.
    fn place(&self, experiment: &SweepRuns, course: &Course, number: usize, label: &str) -> Place {
        let left = course.left();
        Place {
            number,
            of: left.map(|left| number + left),
            label: label.to_owned(),
            seconds_left: left.and_then(|left| self.seconds_left(left + 1)),
            best: course.best(experiment),
        }
    }

    /// How many seconds so many more will take; unknown before the first has ended.
    fn seconds_left(&self, runs: usize) -> Option<f64> {
        (self.runs > 0).then(|| self.seconds * metric::float_of(runs) / metric::float_of(self.runs))
    }
}

/// Makes the measured phases longer by a factor.
fn lengthen(phases: &mut [spec::Phase], factor: u32) {
    for phase in phases.iter_mut().filter(|phase| !phase.is_warmup) {
        phase.request_count = phase.request_count.map(|count| count.saturating_mul(u64::from(factor)));
        phase.session_count = phase.session_count.map(|count| count.saturating_mul(u64::from(factor)));
        phase.duration_seconds = phase.duration_seconds.map(|seconds| seconds * f64::from(factor));
    }
}

/// The seeds that every JSON reader reads exactly.
const SEEDS: u64 = (1 << 53) - 1;

/// Whether a run in a directory is complete.
fn is_complete(reported: &Reported) -> bool {
    reported.run.is_complete && !reported.run.was_cancelled
}
