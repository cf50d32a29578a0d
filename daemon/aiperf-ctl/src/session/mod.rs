//! A session: what is made once for a `profile` command and serves each of its runs.
//!
//! ```text
//! flags, plan, files ──▶ Session ── run ──▶ Outcome        once, or again and again (`multi_run`)
//!                           │ pause, interrupted           between runs
//!                           └─ of a run: the server is ready ──▶ a daemon ──▶ observers start ──▶ the run
//!                                                        report ◀── observers finish ◀── its files ◀─┘
//! ```
//!
//! Addresses are resolved for each run, and a daemon that still responds is asked again: either may have changed since the run before.

mod addresses;
#[cfg(test)]
pub(crate) mod fake;
mod outcome;

use crate::args::ProfileArgs;
use crate::config::user_files::About;
use crate::daemon::Daemon;
use crate::display::{Display, Place};
use crate::earlier;
use crate::follow::Run;
use crate::gpu_telemetry;
use crate::interrupt::{self, Interrupted};
use crate::observer::{Certain, Observers, Setup};
use crate::plan::Profile;
use crate::report::{Reported, terminal};
use crate::resolve::Resolved;
use crate::server_calls::ServerCalls;
use crate::terminal::{print_note, print_result};
use anyhow::{Context, Result};
use control::{Create, State};
use spec::{CacheBust, CacheState};
use std::cell::RefCell;
use std::path::Path;
use std::time::Duration;
use tokio::runtime::Runtime;

/// What carries out the runs of a command; the tests of what plans them use one without a server.
pub(crate) trait Session {
    /// One run from its plan to its report.
    ///
    /// # Errors
    /// When there is no report: an [`Interrupted`] if a signal is the reason.
    fn run(&self, resolved: &Resolved) -> Result<Outcome>;

    /// What the servers of a run say they are, if they do.
    fn server(&self, resolved: &Resolved) -> Option<String>;

    /// Shows which run of several is the next.
    fn next_is(&self, place: Place);

    /// Waits between two runs.
    ///
    /// # Errors
    /// The signal that ends the wait.
    fn pause(&self, time: Duration) -> Result<(), Interrupted>;

    /// The first signal received, which ends the command after the current run.
    fn interrupted(&self) -> Option<Interrupted>;
}

/// One run: its results, and the exit status that it would have on its own.
pub(crate) struct Outcome {
    /// Its results.
    pub(crate) reported: Reported,
    /// Its exit status.
    pub(crate) status: u8,
    /// What is certain of the limits, if it was ended early for that.
    pub(crate) certain: Option<Certain>,
}

/// The session of a command, with servers and daemons.
pub(crate) struct LiveSession<'a> {
    args: &'a ProfileArgs,
    runtime: Runtime,
    /// Where progress is shown.
    display: &'a Display,
    /// The daemon of the run before.
    daemon: RefCell<Option<Daemon>>,
}

impl<'a> LiveSession<'a> {
    /// Checks what observes a run and what is requested of its server.
    ///
    /// # Errors
    /// When a flag is invalid.
    pub(crate) fn new(args: &'a ProfileArgs, display: &'a Display, resolved: &Resolved) -> Result<Self> {
        let _orderly = interrupt::orderly(interrupt::OF_A_WAIT);
        check(&resolved.profile)?;
        interrupt::check()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(Self { args, runtime, display, daemon: RefCell::default() })
    }

    /// Writes the files that the configuration file describes.
    fn write_user_files(&self, profile: &Profile) -> Result<()> {
        let Some(files) = &profile.user_files else { return Ok(()) };
        let directory = profile.artifact_dir.display().to_string();
        let endpoint = &profile.plan.endpoint;
        let about = About {
            epoch: clock::real().0 / 1_000_000_000,
            model: endpoint.models.first().map_or("", String::as_str),
            url: endpoint.urls.first().map_or("", String::as_str),
            directory: &directory,
        };
        files.write(&store::Folder::open(&profile.artifact_dir)?, &about)
    }

    /// Empties the servers' caches, if the run asks for it; returns another run where they cannot, whose prompts they do not have.
    fn cold(&self, resolved: &Resolved, calls: &ServerCalls<'_>) -> Result<Option<Resolved>> {
        if resolved.profile.preparation.cache != Some(CacheState::Cold) {
            calls.reset_kv_cache()?;
            return Ok(None);
        }
        let Err(why) = calls.empty_cache() else { return Ok(None) };
        interrupt::check()?;
        let mut other = resolved.clone();
        let is_unique = other.profile.plan.load.cache_bust.is_some_and(|bust| !bust.isolates_warmup());
        if !is_unique {
            print_note(&format!(
                "the prefix cache cannot be reset ({why:#}): each conversation has a prefix of its own"
            ));
            other.profile.plan.load.cache_bust = Some(CacheBust::FirstTurnPrefix);
        }
        Ok(Some(other))
    }

    /// A run whose server is ready, with its observers.
    fn observed(
        &self,
        resolved: &Resolved,
        addresses: Vec<(String, String)>,
        mut observers: Observers<'_>,
    ) -> Result<Outcome> {
        let (args, profile) = (self.args, &resolved.profile);
        let directory = &profile.artifact_dir;
        observers.prepare()?;
        let daemon = self.runtime.block_on(interrupt::or(self.found(directory)))??;
        observers.start(&addresses)?;
        let executed = self.runtime.block_on(self.execute(daemon, resolved, addresses, &mut observers));
        // Results are reported even after a signal; another one still ends the report at once.
        let _orderly = interrupt::orderly(interrupt::OF_A_WAIT);
        if executed.is_err() {
            observers.discard();
        }
        let daemon = executed?;
        *self.daemon.borrow_mut() = Some(daemon).filter(|_| self.is_of_many());
        let certain = observers.certain();
        observers.finish(directory)?;
        let mut reported = Reported::compute(directory)?;
        outcome::warn_of_timestamp_source(&reported.run);
        gpu_telemetry::warn_after(&reported.run);
        reported.write(directory)?;
        let width = u32::try_from(terminal(args.output.console).0).unwrap_or(u32::MAX);
        let below = observers.after(&mut reported, directory, width);
        self.display.ends(&reported);
        match args.swept {
            // It has a line of its own in the experiment.
            Some(_) => {}
            None if self.is_of_many() => print_note(&reported.line()),
            None => {
                reported.print(args.output.console)?;
                print_result(&below);
            }
        }
        observers.report(&reported);
        let status = outcome::status(&reported, profile.plan.output.fail_on);
        Ok(Outcome { reported, status, certain })
    }

    /// Whether the command makes several runs.
    const fn is_of_many(&self) -> bool {
        self.args.multi_run.num_profile_runs > 1 || self.args.swept.is_some()
    }

    /// The daemon of the run before, if it responds, or another one.
    async fn found(&self, directory: &Path) -> Result<Daemon> {
        let known = self.daemon.take();
        match known {
            Some(daemon) if daemon.responds().await => Ok(daemon),
            _ => Daemon::find_or_start(&self.args.timing.socket, directory).await,
        }
    }

    /// Uploads, starts, follows and fetches a run; returns its daemon.
    async fn execute(
        &self,
        daemon: Daemon,
        resolved: &Resolved,
        addresses: Vec<(String, String)>,
        observers: &mut Observers<'_>,
    ) -> Result<Daemon> {
        let profile = &resolved.profile;
        let (plan, secret_headers) = (profile.plan.clone(), profile.secret_headers.clone());
        let create = Create { plan, secret_headers, addresses };
        let follow = async |run: &Run| observers.follow(run).await;
        let (mut run, tasks) = Run::launch(daemon, create, resolved.inputs.clone(), follow).await?;
        let _orderly = interrupt::orderly(interrupt::OF_A_RUN);
        let mut shown = self.display.run(profile);
        let ended = run.until(State::is_final, |progress| {
            shown.update(progress);
            observers.progress(progress);
        });
        let ended = ended.await;
        drop(shown);
        ended?;
        for task in tasks {
            // It ends with the run; what it did not receive is still in the records.
            tokio::time::timeout(LIVE_PATIENCE, task).await.ok();
        }
        let prefix = profile.plan.output.export_prefix.as_deref();
        earlier::remove(&profile.artifact_dir, prefix, &observers.files())?;
        run.fetch(&profile.artifact_dir).await?;
        Ok(run.daemon)
    }
}

impl Session for LiveSession<'_> {
    fn run(&self, resolved: &Resolved) -> Result<Outcome> {
        let _orderly = interrupt::orderly(interrupt::OF_A_WAIT);
        let profile = &resolved.profile;
        let calls = ServerCalls::new(profile)?;
        let observers = Observers::check(Setup { profile, calls: &calls })?;
        interrupt::check()?;
        calls.wait_for_models()?;
        let urls = profile.urls.clone();
        let addresses = interrupt::unless(move || addresses::resolve(&urls))??;
        let directory = &profile.artifact_dir;
        std::fs::create_dir_all(directory)
            .with_context(|| format!("failed to create `{}`", directory.display()))?;
        let _gone_if_empty = GoneIfEmpty(directory);
        self.write_user_files(profile)?;
        let cold = self.cold(resolved, &calls)?;
        interrupt::check()?;
        self.observed(cold.as_ref().unwrap_or(resolved), addresses, observers)
    }

    fn server(&self, resolved: &Resolved) -> Option<String> {
        ServerCalls::new(&resolved.profile).ok()?.identity()
    }

    fn next_is(&self, place: Place) {
        self.display.next_is(place);
    }

    fn pause(&self, time: Duration) -> Result<(), Interrupted> {
        interrupt::pause(time)
    }

    fn interrupted(&self) -> Option<Interrupted> {
        interrupt::received()
    }
}

/// Checks everything that can be checked before a server is contacted.
///
/// # Errors
/// When a flag is invalid.
pub(crate) fn check(profile: &Profile) -> Result<()> {
    let calls = ServerCalls::new(profile)?;
    Observers::check(Setup { profile, calls: &calls }).map(drop)
}

/// Removes the artifact directory if a run left it empty; files in it existed before, or are worth keeping.
struct GoneIfEmpty<'a>(&'a Path);

impl Drop for GoneIfEmpty<'_> {
    fn drop(&mut self) {
        std::fs::remove_dir(self.0).ok();
    }
}

/// How long to wait for the last streamed requests after the run has ended.
const LIVE_PATIENCE: Duration = Duration::from_secs(5);
