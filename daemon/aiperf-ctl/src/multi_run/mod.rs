//! Repeats the same load: one directory per run, and aggregates over all of them.
//!
//! ```text
//! <artifact-dir>/profile_runs/run_0001/ ...   one run each, as without repetition
//! <artifact-dir>/aggregate/                   mean, deviation and interval of every metric over the runs
//! ```

mod aggregate;
mod collated;
mod convergence;

use crate::FAILED;
use crate::args::{MultiRunArgs, ProfileArgs};
use crate::interrupt::{self, Interrupted};
use crate::plan::{Profile, Refusal};
use crate::report::Reported;
use crate::terminal::{print_note, print_result, print_warning};
use aggregate::{Aggregate, Failed};
use anyhow::{Result, bail};
use collated::Collated;
use convergence::{Criterion, Observed};
use export::Folder;
use metric::Report;
use std::path::Path;
use std::time::Duration;

/// One run: its results, and the exit status that it would have on its own.
pub(crate) type Outcome = (Reported, u8);

/// Checks the arguments for convergence.
///
/// # Errors
/// When convergence cannot be tested, with the reason.
pub(crate) fn check(args: &MultiRunArgs) -> Result<(), Refusal> {
    Criterion::of(args).map(drop)
}

/// Runs the set number of times, or until runs converge; returns the exit status of the worst run.
pub(crate) fn run(
    args: &ProfileArgs,
    profile: &Profile,
    one: impl Fn(&Profile) -> Result<Outcome>,
) -> Result<u8> {
    let multi = &args.multi_run;
    let directory = &profile.artifact_dir;
    let mut series = Series { criterion: Criterion::of(multi)?, ..Series::default() };
    // A signal ends the series with a report of the completed runs, also between two of them.
    let _orderly = interrupt::orderly(interrupt::OF_A_WAIT);
    for number in 1..=multi.num_profile_runs {
        if number > 1 && multi.profile_run_cooldown_seconds > 0.0 {
            print_note(&format!("waiting {} s before the next run", multi.profile_run_cooldown_seconds));
            if interrupt::pause(Duration::from_secs_f64(multi.profile_run_cooldown_seconds)).is_err() {
                break;
            }
        }
        let label = format!("run_{number:04}");
        print_note(&format!("run {number} of {}", multi.num_profile_runs));
        match one(&of_run(profile, multi, args.input.random_seed, number)) {
            Ok(outcome) => series.take(label, outcome)?,
            Err(error) if error.is::<Interrupted>() => break,
            Err(error) => {
                print_warning(&format!("{label}: {error:#}"));
                series.worst = series.worst.max(FAILED);
                series.failed.push(Failed { label, error: format!("{error:#}") });
            }
        }
        if interrupt::received().is_some() {
            break;
        }
        if let Some(how) = series.agreement() {
            print_note(&format!("runs converged after {number}: {how}"));
            break;
        }
    }
    series.finish(multi, directory)
}

/// The runs completed so far.
#[derive(Default)]
struct Series {
    runs: Vec<(String, Report)>,
    failed: Vec<Failed>,
    worst: u8,
    criterion: Option<Criterion>,
    observed: Vec<Observed>,
    collated: Collated,
}

impl Series {
    fn take(&mut self, label: String, (reported, status): Outcome) -> Result<()> {
        self.worst = self.worst.max(status);
        if let Some(error) = reported.no_response() {
            self.failed.push(Failed { label, error });
            return Ok(());
        }
        if let Some(criterion) = &self.criterion {
            let stat = reported.report.stat(criterion.metric().tag, criterion.stat());
            let mut observed = Observed { stat: stat.map(metric::Value::get), numbers: Vec::new() };
            reported.each_number(|metric, number| {
                if criterion.is_of_requests() && metric.tag == criterion.metric().tag {
                    observed.numbers.push(number);
                }
                self.collated.put(&label, metric.tag, number);
            })?;
            if observed.stat.is_none() {
                print_warning(&format!(
                    "{label} has no `{}`: convergence cannot be tested",
                    criterion.metric().tag
                ));
            }
            self.observed.push(observed);
        }
        self.runs.push((label, reported.report));
        Ok(())
    }

    fn agreement(&self) -> Option<String> {
        self.criterion.as_ref()?.agreement(&self.observed)
    }

    /// Writes the aggregates of the runs.
    fn finish(self, multi: &MultiRunArgs, directory: &Path) -> Result<u8> {
        let Self { runs, failed, worst, criterion, collated, .. } = self;
        if runs.is_empty() {
            interrupt::check()?;
            bail!("no run succeeded");
        }
        let to = Folder::make(directory)?.within("aggregate")?;
        if criterion.is_some() {
            let labels = runs.iter().map(|(label, _)| label.clone()).collect::<Vec<_>>();
            collated.write(&to, &labels, &failed)?;
        }
        let aggregate =
            Aggregate::new(runs, failed, multi.confidence_level, multi.profile_run_cooldown_seconds);
        aggregate.write(&to)?;
        print_result(&aggregate.table());
        print_result(&format!("Results are in {}\n", directory.display()));
        Ok(interrupt::received().map_or(worst, Interrupted::status))
    }
}

/// The plan of one run of the series.
fn of_run(profile: &Profile, multi: &MultiRunArgs, seed: Option<u64>, number: u32) -> Profile {
    let mut run = profile.clone();
    run.artifact_dir = profile.artifact_dir.join(Path::new("profile_runs")).join(format!("run_{number:04}"));
    run.plan.output.artifact_dir = run.artifact_dir.display().to_string();
    if number > 1 && !multi.no_profile_run_disable_warmup_after_first {
        run.plan.load.phases.retain(|phase| !phase.is_warmup);
    }
    if seed.is_none() {
        run.plan.random_seed = if multi.no_set_consistent_seed {
            profile.plan.random_seed.wrapping_add(u64::from(number))
        } else {
            CONSISTENT_SEED
        };
    }
    run
}

/// AIPerf's default seed for several runs.
const CONSISTENT_SEED: u64 = 42;
