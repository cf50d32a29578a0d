//! Repeats the same load: one directory per run, and aggregates over all of them.
//!
//! ```text
//! <artifact-dir>/profile_runs/run_0001/ ...   one run each, as without repetition
//! <artifact-dir>/aggregate/                   mean, deviation and interval of every metric over the runs
//! ```

pub(crate) mod aggregate;
mod collated;
mod convergence;

use crate::FAILED;
use crate::args::ProfileArgs;
use crate::display::Place;
use crate::interrupt::{self, Interrupted};
use crate::plan::{PRIMING, Profile, Refusal};
use crate::report::Reported;
use crate::resolve::Resolved;
use crate::session::{Outcome, Session};
use crate::terminal::{print_note, print_result, print_warning};
use aggregate::{Aggregate, Failed};
use anyhow::{Result, bail};
use collated::Collated;
use convergence::Criterion;
pub(crate) use convergence::Observed;
use metric::Report;
use std::path::Path;
use std::time::Duration;
use store::Folder;

/// A run and how often it is made.
pub(crate) struct Experiment {
    /// The run.
    pub(crate) base: Resolved,
    /// How often, and what happens between two.
    pub(crate) repeat: Repeat,
}

/// How often a run is made.
pub(crate) struct Repeat {
    /// Most runs.
    pub(crate) runs: u32,
    /// The wait between two.
    pub(crate) cooldown: Duration,
    /// Of the intervals over runs.
    confidence: f64,
    /// Whether each run warms up, not only the first.
    pub(crate) warms_up_each: bool,
    seeds: Seeds,
    /// When the runs agree, so that no further one is needed.
    criterion: Option<Criterion>,
}

/// The seeds of several runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seeds {
    /// That of the user.
    Given,
    /// AIPerf's, for all of them.
    Consistent,
    /// Another one for each.
    Different,
}

impl Repeat {
    /// What the flags set.
    ///
    /// # Errors
    /// When convergence cannot be tested, with the reason.
    pub(crate) fn of(args: &ProfileArgs) -> Result<Self, Refusal> {
        let multi = &args.multi_run;
        let seeds = match args.input.random_seed {
            Some(_) => Seeds::Given,
            None if multi.no_set_consistent_seed => Seeds::Different,
            None => Seeds::Consistent,
        };
        Ok(Self {
            runs: multi.num_profile_runs,
            cooldown: Duration::from_secs_f64(multi.profile_run_cooldown_seconds),
            confidence: multi.confidence_level,
            warms_up_each: multi.no_profile_run_disable_warmup_after_first,
            seeds,
            criterion: Criterion::of(multi)?,
        })
    }

    /// The seed of the run of this number, from 1 on; `planned` is that of a single run.
    pub(crate) const fn seed(&self, planned: u64, number: u32) -> u64 {
        match self.seeds {
            Seeds::Given => planned,
            _ if self.runs == 1 => planned,
            Seeds::Consistent => CONSISTENT_SEED,
            Seeds::Different => planned.wrapping_add(number as u64),
        }
    }
}

impl Repeat {
    /// What convergence is tested on in a run; nothing without a criterion.
    ///
    /// # Errors
    /// When the run's records cannot be read.
    pub(crate) fn observed(&self, reported: &Reported) -> Result<Observed> {
        self.criterion
            .as_ref()
            .map_or_else(|| Ok(Observed::default()), |criterion| criterion.observed(reported))
    }

    /// How these runs have converged, if they have.
    pub(crate) fn agreement(&self, runs: &[Observed]) -> Option<String> {
        self.criterion.as_ref()?.agreement(runs)
    }
}

impl Experiment {
    /// The run of this number, from 1 on.
    fn run(&self, number: u32) -> Resolved {
        let mut run = self.base.clone();
        let Profile { plan, artifact_dir, .. } = &mut run.profile;
        *artifact_dir = artifact_dir.join(Path::new("profile_runs")).join(format!("run_{number:04}"));
        plan.output.artifact_dir = artifact_dir.display().to_string();
        if number > 1 && !self.repeat.warms_up_each {
            plan.load.phases.retain(|phase| !phase.is_warmup || phase.name == PRIMING);
        }
        plan.random_seed = self.repeat.seed(plan.random_seed, number);
        run
    }
}

/// Runs the set number of times, or until runs converge; returns the exit status of the worst run.
///
/// # Errors
/// When no run succeeded, or the aggregates cannot be written.
pub(crate) fn run(experiment: &Experiment, session: &impl Session) -> Result<u8> {
    let Experiment { base, repeat } = experiment;
    let mut series = Series { criterion: repeat.criterion, ..Series::default() };
    // A signal ends the series with a report of the completed runs, also between two of them.
    let _orderly = interrupt::orderly(interrupt::OF_A_WAIT);
    for number in 1..=repeat.runs {
        if number > 1 && !repeat.cooldown.is_zero() {
            print_note(&format!("waiting {} s before the next run", repeat.cooldown.as_secs_f64()));
            if session.pause(repeat.cooldown).is_err() {
                break;
            }
        }
        let label = format!("run_{number:04}");
        let (number_of, of) = (number as usize, Some(repeat.runs as usize));
        let place = Place { number: number_of, of, label: label.clone(), ..Place::default() };
        print_note(&place.shown());
        session.next_is(place);
        match session.run(&experiment.run(number)) {
            Ok(outcome) => series.take(label, outcome)?,
            Err(error) if error.is::<Interrupted>() => break,
            Err(error) => {
                print_warning(&format!("{label}: {error:#}"));
                series.worst = series.worst.max(FAILED);
                series.failed.push(Failed { label, error: format!("{error:#}") });
            }
        }
        if session.interrupted().is_some() {
            break;
        }
        if let Some(how) = series.agreement() {
            print_note(&format!("runs converged after {number}: {how}"));
            break;
        }
    }
    series.finish(repeat, &base.profile.artifact_dir, session)
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
    fn take(&mut self, label: String, Outcome { reported, status, .. }: Outcome) -> Result<()> {
        self.worst = self.worst.max(status);
        if let Some(error) = reported.no_response() {
            self.failed.push(Failed { label, error });
            return Ok(());
        }
        if let Some(criterion) = &self.criterion {
            let observed = criterion.observed(&reported)?;
            reported.each_number(|metric, number| self.collated.put(&label, metric.tag, number))?;
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
    fn finish(self, repeat: &Repeat, directory: &Path, session: &impl Session) -> Result<u8> {
        let Self { runs, failed, worst, criterion, collated, .. } = self;
        if runs.is_empty() {
            session.interrupted().map_or(Ok(()), Err)?;
            bail!("no run succeeded");
        }
        let to = Folder::make(directory)?.within("aggregate")?;
        if criterion.is_some() {
            let labels = runs.iter().map(|(label, _)| label.clone()).collect::<Vec<_>>();
            collated.write(&to, &labels, &failed)?;
        }
        let aggregate = Aggregate::new(runs, failed, repeat.confidence, repeat.cooldown.as_secs_f64());
        aggregate.write(&to)?;
        print_result(&aggregate.table());
        print_result(&format!("Results are in {}\n", directory.display()));
        Ok(session.interrupted().map_or(worst, Interrupted::status))
    }
}

/// AIPerf's default seed for several runs.
const CONSISTENT_SEED: u64 = 42;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::testing::profile_of;
    use crate::session::fake::{FakeSession, Step};
    use serde_json::Value;

    /// What a command with these flags made of a session.
    struct Made {
        /// The exit status, or the error.
        status: Result<u8>,
        /// The aggregates' description of the runs; `null` if there are no aggregates.
        metadata: Value,
        session: FakeSession,
    }

    fn made(flags: &str, script: &[Step]) -> Made {
        let folder = tempfile::tempdir().unwrap();
        let directory = folder.path().join("artifacts");
        let flags = format!("--model m --artifact-dir {} {flags}", directory.display());
        let (args, profile) = profile_of(&flags).unwrap();
        let base = Resolved { profile, inputs: Vec::new() };
        let experiment = Experiment { base, repeat: Repeat::of(&args).unwrap() };
        let session = FakeSession::of(script);
        let status = run(&experiment, &session);
        let aggregate = directory.join("aggregate/profile_export_aiperf_aggregate.json");
        let aggregate = store::source::read(&aggregate, 1 << 20);
        let aggregate = aggregate.map_or(Value::Null, |text| serde_json::from_slice(&text).unwrap());
        Made { status, metadata: aggregate["metadata"].clone(), session }
    }

    /// Checks the exit status, and which runs the aggregates are of.
    #[track_caller]
    fn check(flags: &str, script: &[Step], status: u8, labels: &[&str]) -> Made {
        let made = made(flags, script);
        let result = made.status.as_ref().map_err(|error| format!("{error:#}"));
        assert_eq!(result, Ok(&status), "{flags} {script:?}");
        assert_eq!(made.metadata["run_labels"], serde_json::json!(labels), "{flags} {script:?}");
        assert!(made.session.is_over(), "every step of {script:?} happens");
        made
    }

    #[test]
    fn a_load_is_repeated() {
        let flags = "--num-profile-runs 3 --profile-run-cooldown-seconds 7 --request-count 2 --warmup-request-count 1";
        let three = [Step::Completes(&[10, 12]); 3];
        let Made { session, .. } = check(flags, &three, 0, &["run_0001", "run_0002", "run_0003"]);
        assert_eq!(session.pauses.take(), [Duration::from_secs(7); 2], "before each run except the first");
        let runs = session.runs.take();
        let phases = runs.iter().map(|run| run.plan.load.phases.len()).collect::<Vec<_>>();
        assert_eq!(phases, [2, 1, 1], "only the first warms up");
        assert!(runs.iter().all(|run| run.plan.random_seed == CONSISTENT_SEED), "the same requests");
        let folders = runs.iter().map(|run| run.artifact_dir.file_name().unwrap().to_owned());
        assert_eq!(folders.collect::<Vec<_>>(), ["run_0001", "run_0002", "run_0003"], "one for each");
    }

    #[test]
    fn the_worst_run_decides_the_status() {
        let good = Step::Completes(&[10, 12]);
        let script = [good, Step::CompletesWith(crate::VERDICT, &[10, 12]), good];
        check("--num-profile-runs 3", &script, crate::VERDICT, &["run_0001", "run_0002", "run_0003"]);
    }

    #[test]
    fn runs_end_when_they_have_converged() {
        let flags = "--num-profile-runs 5 --convergence-metric request_latency";
        let three = [Step::Completes(&[100, 102]), Step::Completes(&[101, 103]), Step::Completes(&[99, 101])];
        check(flags, &three, 0, &["run_0001", "run_0002", "run_0003"]);
        let all = ["run_0001", "run_0002", "run_0003", "run_0004", "run_0005"];
        let far_apart: [&[u64]; 5] = [&[100], &[400], &[90], &[600], &[20]];
        check(flags, &far_apart.map(Step::Completes), 0, &all);
    }

    #[test]
    fn a_failing_run_does_not_end_the_others() {
        let good = Step::Completes(&[10, 12]);
        let script = [good, Step::Fails("no server responds"), Step::GetsNoResponse, good];
        let made = check("--num-profile-runs 4", &script, FAILED, &["run_0001", "run_0004"]);
        let failed = made.metadata["failed_runs"].as_array().unwrap();
        let named =
            |run: &Value| format!("{}: {}", run["label"].as_str().unwrap(), run["error"].as_str().unwrap());
        let failed = failed.iter().map(named).collect::<Vec<_>>();
        assert_eq!(failed[0], "run_0002: no server responds", "{failed:?}");
        assert!(failed[1].starts_with("run_0003: ") && failed[1].contains("overloaded"), "{failed:?}");
    }

    #[test]
    fn without_any_run_there_is_no_result() {
        let made = made("--num-profile-runs 2", &[Step::Fails("one"), Step::Fails("two")]);
        assert_eq!(made.status.unwrap_err().to_string(), "no run succeeded", "both were tried");
        assert_eq!(made.metadata, Value::Null, "no aggregates");
    }

    #[test]
    fn a_signal_ends_the_repetition() {
        let (repeated, good) = ("--num-profile-runs 5", Step::Completes(&[10, 12]));
        let paused = "--num-profile-runs 5 --profile-run-cooldown-seconds 60";
        // During the wait between two runs.
        check(paused, &[good, Step::PauseEnds], 143, &["run_0001"]);
        // During a run or its report: what it measured until then counts.
        check(paused, &[good, Step::IsStopped(&[11])], 143, &["run_0001", "run_0002"]);
        check(repeated, &[Step::IsStopped(&[11])], 143, &["run_0001"]);
        // Between two runs, or while the server of a later one is waited for.
        check(repeated, &[good, Step::DoesNotStart], 143, &["run_0001"]);
        // A run that failed before is no reason to lose the others.
        check(repeated, &[good, Step::Fails("gone"), Step::DoesNotStart], 143, &["run_0001"]);
    }

    #[test]
    fn a_signal_before_the_first_result_is_the_reason() {
        for script in [&[Step::DoesNotStart][..], &[Step::Fails("gone"), Step::DoesNotStart]] {
            let made = made("--num-profile-runs 5", script);
            let error = made.status.unwrap_err();
            assert!(error.is::<Interrupted>(), "{script:?}: {error:#}");
            assert_eq!(made.metadata, Value::Null, "no aggregates");
            assert!(made.session.is_over(), "no further run");
        }
    }
}
