//! A run from its start to its files, whatever becomes of the user's patience or of the daemon.
//!
//! ```text
//! lines of progress ──▶ last one ──▶ fetch
//!      │ a signal: stop, let requests in flight end; a second: stop now
//!      └ the daemon died: have one again, which makes a run of what was recorded, and fetch that
//! ```

use crate::client::Lines;
use crate::daemon::Daemon;
use crate::interrupt;
use crate::runs;
use crate::say::{say_aside, say_warning};
use anyhow::{Context, Result, anyhow};
use control::{Problem, Progress, State, Status, Stop};
use export::Folder;
use std::path::Path;

/// A run that a daemon was asked for.
#[derive(Debug)]
pub(crate) struct Run {
    /// The daemon.
    pub(crate) daemon: Daemon,
    /// Its id.
    pub(crate) run_id: String,
    lines: Lines,
    /// Signals that are known to this run.
    seen: u32,
    /// Whether it changes no more.
    is_over: bool,
    /// Whether its daemon died, and another one made a run of what was recorded.
    is_recovered: bool,
}

impl Run {
    /// Follows a run that is not started yet.
    pub(crate) async fn of(daemon: Daemon, run_id: String) -> Result<Self> {
        let lines = daemon.client.lines(&format!("/v1/runs/{run_id}/progress")).await?;
        Ok(Self { daemon, run_id, lines, seen: interrupt::seen(), is_over: false, is_recovered: false })
    }

    /// The run's id.
    pub(crate) fn run_id(&self) -> &str {
        &self.run_id
    }

    /// Its place in the control API.
    pub(crate) fn path(&self) -> String {
        format!("/v1/runs/{}", self.run_id)
    }

    /// Takes the signals until here for those of others, such as the command that is watched.
    pub(crate) fn pass_over_signals(&mut self) {
        self.seen = interrupt::seen();
    }

    /// Starts it.
    pub(crate) async fn start(&self) -> Result<()> {
        let _: Status = self.daemon.client.post(&format!("{}/start", self.path()), &()).await?;
        Ok(())
    }

    /// Follows it until its state is wanted, or will not change any more. A signal stops it.
    pub(crate) async fn until(
        &mut self,
        is_wanted: impl Fn(State) -> bool,
        mut tell: impl FnMut(&Progress),
    ) -> Result<State> {
        while !self.is_over {
            tokio::select! {
                line = self.lines.next::<Progress>() => match line {
                    Ok(Some(progress)) => {
                        tell(&progress);
                        if let Some(error) = self.ended_without_report(progress.state, progress.problem.clone()) {
                            return Err(error);
                        }
                        self.is_over = progress.state.is_final();
                        if is_wanted(progress.state) {
                            return Ok(progress.state);
                        }
                    }
                    Ok(None) => self.go_on(None).await?,
                    Err(error) => self.go_on(Some(error)).await?,
                },
                _ = interrupt::next(&mut self.seen) => self.stop_as_wanted().await?,
            }
        }
        Ok(State::Finished)
    }

    /// Fetches its files; a private daemon keeps nothing of it then.
    pub(crate) async fn fetch(&mut self, directory: &Path) -> Result<()> {
        let to = Folder::open(directory)?;
        if let Err(error) = runs::fetch(&self.daemon.client, &self.run_id, &to).await {
            // A refusal is the daemon's word; anything else may be its death.
            if error.is::<Problem>() || self.is_recovered {
                return Err(error);
            }
            self.go_on(Some(error)).await?;
            runs::fetch(&self.daemon.client, &self.run_id, &to).await?;
        }
        if let Err(error) = self.daemon.forget(&self.run_id).await {
            say_warning(&format!("{error:#}"));
        }
        Ok(())
    }

    /// Stops it, unless it is over.
    pub(crate) async fn stop(&mut self, how: Stop) -> Result<()> {
        if self.is_over {
            return Ok(());
        }
        let stopped = self.daemon.client.post::<Status>(&format!("{}/stop", self.path()), &how).await;
        match stopped {
            Ok(_) => Ok(()),
            Err(error) if error.is::<Problem>() => Err(error),
            Err(error) => self.go_on(Some(error)).await,
        }
    }

    /// Asks nothing more of a run that can't be made.
    pub(crate) async fn give_up(&self) {
        let path = self.path();
        let given_up = async {
            // Whatever prevented the run may prevent this too.
            self.daemon.client.post::<Status>(&format!("{path}/stop"), &Stop::Now).await.ok();
            self.daemon.client.delete(&path).await.ok();
        };
        tokio::time::timeout(GIVE_UP_PATIENCE, given_up).await.ok();
    }

    async fn stop_as_wanted(&mut self) -> Result<()> {
        let how = if self.seen <= 1 { Stop::Drain } else { Stop::Now };
        if how == Stop::Drain {
            say_aside("stopping: waiting for requests in flight (Ctrl-C again to stop now)");
        }
        self.stop(how).await
    }

    /// Why a run that is over has no report, if it has none.
    fn ended_without_report(&self, state: State, problem: Option<Problem>) -> Option<anyhow::Error> {
        let run_id = &self.run_id;
        match (state, problem) {
            (State::Failed, None) => Some(anyhow!("the run failed without a reason")),
            (State::Failed, Some(problem)) => Some(problem.into()),
            (State::Interrupted, Some(problem)) => Some(anyhow::Error::from(problem).context(format!(
                "the report could not be written; `aiperf-ctl runs recover {run_id}` tries again"
            ))),
            _ => None,
        }
    }

    /// Goes on after the daemon hung up: with the run if it still goes on, or else with what it recorded.
    async fn go_on(&mut self, hung_up: Option<anyhow::Error>) -> Result<()> {
        let run_id = &self.run_id;
        let why = hung_up.map_or_else(String::new, |error| format!(": {error:#}"));
        say_warning(&format!("the daemon hung up under run {run_id}{why}"));
        let lost = || {
            format!(
                "run {run_id} is not recovered yet; once its daemon is there, `aiperf-ctl runs recover {run_id}` tries again"
            )
        };
        let again = interrupt::or_since(&mut self.seen, self.daemon.again()).await;
        again.map_err(anyhow::Error::from).flatten().with_context(lost)?;
        let client = &self.daemon.client;
        let path = format!("/v1/runs/{run_id}");
        let status: Status = client.get(&path).await.with_context(lost)?;
        if !status.state.is_final() {
            // It was only the connection.
            self.lines = client.lines(&format!("{path}/progress")).await.with_context(lost)?;
            return Ok(());
        }
        if let Some(problem) = status.problem.filter(|_| status.state == State::Failed) {
            return Err(problem.into());
        }
        if status.state == State::Interrupted {
            let _: Status = client.post(&format!("{path}/recover"), &()).await.with_context(lost)?;
        }
        say_warning(&format!("the daemon died: the report is of what run {run_id} recorded until then"));
        (self.is_over, self.is_recovered) = (true, true);
        Ok(())
    }
}

const GIVE_UP_PATIENCE: std::time::Duration = std::time::Duration::from_secs(2);
