//! The same load several times: a directory a run, and what their numbers have in common.
//!
//! ```text
//! <artifact-dir>/profile_runs/run_0001/ ...   a run each, as it would be alone
//! <artifact-dir>/aggregate/                   mean, deviation and interval of every number over the runs
//! ```

mod aggregate;

use crate::args::{MultiRunArgs, ProfileArgs};
use crate::plan::Profile;
use crate::report::Reported;
use crate::say::{say, say_aside, say_warning};
use crate::{FAILED, INTERRUPTED};
use aggregate::{Aggregate, Failed};
use anyhow::{Context, Result, bail};
use std::path::Path;
use std::time::Duration;

/// One run: its numbers, and the exit status that it alone would have.
pub(crate) type Outcome = (Reported, u8);

/// Runs as often as the arguments say; gives the exit status of the worst run.
pub(crate) fn run(
    args: &ProfileArgs,
    profile: &Profile,
    one: impl Fn(&Profile) -> Result<Outcome>,
) -> Result<u8> {
    let multi = &args.multi_run;
    let directory = &profile.artifact_dir;
    let mut worst = 0;
    let (mut runs, mut failed) = (Vec::new(), Vec::new());
    for number in 1..=multi.num_profile_runs {
        if number > 1 && multi.profile_run_cooldown_seconds > 0.0 {
            say_aside(&format!("waiting {} s before the next run", multi.profile_run_cooldown_seconds));
            std::thread::sleep(Duration::from_secs_f64(multi.profile_run_cooldown_seconds));
        }
        let label = format!("run_{number:04}");
        say_aside(&format!("run {number} of {}", multi.num_profile_runs));
        match one(&of_run(profile, multi, args.input.random_seed, number)) {
            Ok((reported, status)) => {
                worst = worst.max(status);
                runs.push((label, reported.report));
            }
            Err(error) => {
                say_warning(&format!("{label}: {error:#}"));
                worst = worst.max(FAILED);
                failed.push(Failed { label, error: format!("{error:#}") });
            }
        }
        if worst == INTERRUPTED {
            break;
        }
    }
    if runs.is_empty() {
        bail!("no run succeeded");
    }
    let aggregate = Aggregate::new(runs, failed, multi.confidence_level, multi.profile_run_cooldown_seconds);
    let to = directory.join("aggregate");
    std::fs::create_dir_all(&to).with_context(|| format!("failed to create `{}`", to.display()))?;
    aggregate.write(&to)?;
    say(&aggregate.table());
    say(&format!("Results are in {}\n", directory.display()));
    Ok(worst)
}

/// The plan of one of the runs.
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

/// AIPerf's.
const CONSISTENT_SEED: u64 = 42;
