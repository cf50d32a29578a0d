//! Follows a run from its start until its files are fetched, through signals and crashes of the daemon.
//!
//! ```text
//! progress lines ──▶ last one ──▶ fetch
//!      │ a signal: stop, wait for requests in flight; a second: stop now
//!      └ the daemon died: reconnect to a new one, which recovers the recorded part, and fetch that
//! ```

use crate::client::Lines;
use crate::daemon::Daemon;
use crate::interrupt;
use crate::resolve::Input;
use crate::runs;
use crate::terminal::{print_note, print_warning};
use anyhow::{Context, Result, anyhow};
use control::{Create, Created, Problem, Progress, State, Status, Stop};
use std::path::Path;
use store::Folder;
use zeroize::Zeroize;

/// A run that was requested from a daemon.
#[derive(Debug)]
pub(crate) struct Run {
    /// The daemon.
    pub(crate) daemon: Daemon,
    /// Its id.
    pub(crate) run_id: String,
    lines: Lines,
    /// The number of signals that this run has handled.
    seen: u32,
    /// Whether its state is final.
    is_over: bool,
    /// Whether its daemon died and another one recovered it.
    is_recovered: bool,
}

impl Run {
    /// Creates a run, uploads its inputs, and starts it when `ready` has seen it: what that returns is returned too. A run that
    /// cannot be started is discarded.
    pub(crate) async fn launch<T>(
        daemon: Daemon,
        mut create: Create,
        inputs: Vec<Input>,
        ready: impl AsyncFnOnce(&Self) -> Result<T>,
    ) -> Result<(Self, T)> {
        let created = daemon.client.post("/v1/runs", &create).await;
        create.secret_headers.values_mut().for_each(Zeroize::zeroize);
        create.addresses.iter_mut().for_each(|(url, _)| url.zeroize());
        let Created { run_id } = created?;
        let run = Self::of(daemon, run_id).await?;
        let started = async {
            for (name, input) in inputs {
                run.daemon.client.put(&format!("{}/inputs/{name}", run.path()), input).await?;
            }
            let made = ready(&run).await?;
            run.start().await?;
            anyhow::Ok(made)
        };
        match interrupt::or(started).await.map_err(anyhow::Error::from).flatten() {
            Ok(made) => Ok((run, made)),
            Err(error) => {
                run.give_up().await;
                Err(error)
            }
        }
    }

    /// Follows a run that has not started yet.
    async fn of(daemon: Daemon, run_id: String) -> Result<Self> {
        let lines = daemon.client.lines(&format!("/v1/runs/{run_id}/progress")).await?;
        Ok(Self { daemon, run_id, lines, seen: interrupt::seen(), is_over: false, is_recovered: false })
    }

    /// The run's id.
    pub(crate) fn run_id(&self) -> &str {
        &self.run_id
    }

    /// Its path in the control API.
    pub(crate) fn path(&self) -> String {
        format!("/v1/runs/{}", self.run_id)
    }

    /// Ignores the signals received so far, which were meant for another process, such as the observed command.
    pub(crate) fn pass_over_signals(&mut self) {
        self.seen = interrupt::seen();
    }

    async fn start(&self) -> Result<()> {
        let _: Status = self.daemon.client.post(&format!("{}/start", self.path()), &()).await?;
        Ok(())
    }

    /// Follows it until it reaches a requested state or a final one. A signal stops it.
    pub(crate) async fn until(
        &mut self,
        is_wanted: impl Fn(State) -> bool,
        mut report: impl FnMut(&Progress),
    ) -> Result<State> {
        while !self.is_over {
            tokio::select! {
                line = self.lines.next::<Progress>() => match line {
                    Ok(Some(progress)) => {
                        report(&progress);
                        if let Some(error) = self.ended_without_report(progress.state, progress.problem.clone()) {
                            return Err(error);
                        }
                        self.is_over = progress.state.is_final();
                        if is_wanted(progress.state) {
                            return Ok(progress.state);
                        }
                    }
                    Ok(None) => self.resume(None).await?,
                    Err(error) => self.resume(Some(error)).await?,
                },
                _ = interrupt::next(&mut self.seen) => self.stop_on_signal().await?,
            }
        }
        Ok(State::Finished)
    }

    /// Fetches its files; a private daemon then deletes its copy.
    pub(crate) async fn fetch(&mut self, directory: &Path) -> Result<()> {
        let to = Folder::open(directory)?;
        if let Err(error) = runs::fetch(&self.daemon.client, &self.run_id, &to).await {
            // An error response comes from a live daemon; any other failure may mean that it died.
            if error.is::<Problem>() || self.is_recovered {
                return Err(error);
            }
            self.resume(Some(error)).await?;
            runs::fetch(&self.daemon.client, &self.run_id, &to).await?;
        }
        if let Err(error) = self.daemon.forget(&self.run_id).await {
            print_warning(&format!("{error:#}"));
        }
        Ok(())
    }

    /// Stops it, unless it has ended.
    pub(crate) async fn stop(&mut self, how: Stop) -> Result<()> {
        if self.is_over {
            return Ok(());
        }
        let stopped = self.daemon.client.post::<Status>(&format!("{}/stop", self.path()), &how).await;
        match stopped {
            Ok(_) => Ok(()),
            Err(error) if error.is::<Problem>() => Err(error),
            Err(error) => self.resume(Some(error)).await,
        }
    }

    /// Discards a run that cannot be carried out.
    async fn give_up(&self) {
        let path = self.path();
        let given_up = async {
            // The cause of the failure may also prevent this.
            self.daemon.client.post::<Status>(&format!("{path}/stop"), &Stop::Now).await.ok();
            self.daemon.client.delete(&path).await.ok();
        };
        tokio::time::timeout(GIVE_UP_PATIENCE, given_up).await.ok();
    }

    async fn stop_on_signal(&mut self) -> Result<()> {
        let how = if self.seen <= 1 { Stop::Drain } else { Stop::Now };
        if how == Stop::Drain {
            print_note("stopping: waiting for requests in flight (Ctrl-C again to stop now)");
        }
        self.stop(how).await
    }

    /// The error of an ended run without a report.
    fn ended_without_report(&self, state: State, problem: Option<Problem>) -> Option<anyhow::Error> {
        let run_id = &self.run_id;
        match (state, problem) {
            (State::Failed, None) => Some(anyhow!("the run failed without a reason")),
            (State::Failed, Some(problem)) => Some(problem.into()),
            (State::Interrupted, Some(problem)) => Some(anyhow::Error::from(problem).context(format!(
                "the report could not be written; retry with `aiperf-ctl runs recover {run_id}`"
            ))),
            _ => None,
        }
    }

    /// Continues after the daemon closed the connection: with the run if it is still going, else with its recorded part.
    async fn resume(&mut self, error: Option<anyhow::Error>) -> Result<()> {
        let run_id = &self.run_id;
        let why = error.map_or_else(String::new, |error| format!(": {error:#}"));
        print_warning(&format!("the daemon closed the connection during run {run_id}{why}"));
        let lost = || {
            format!(
                "run {run_id} is not recovered yet; when its daemon is running, retry with `aiperf-ctl runs recover {run_id}`"
            )
        };
        let again = interrupt::or_since(&mut self.seen, self.daemon.again()).await;
        again.map_err(anyhow::Error::from).flatten().with_context(lost)?;
        let client = &self.daemon.client;
        let path = format!("/v1/runs/{run_id}");
        let status: Status = client.get(&path).await.with_context(lost)?;
        if !status.state.is_final() {
            // Only the connection was lost.
            self.lines = client.lines(&format!("{path}/progress")).await.with_context(lost)?;
            return Ok(());
        }
        if let Some(problem) = status.problem.filter(|_| status.state == State::Failed) {
            return Err(problem.into());
        }
        if status.state == State::Interrupted {
            let _: Status = client.post(&format!("{path}/recover"), &()).await.with_context(lost)?;
        }
        print_warning(&format!("the daemon died: the report covers what run {run_id} recorded until then"));
        (self.is_over, self.is_recovered) = (true, true);
        Ok(())
    }
}

const GIVE_UP_PATIENCE: std::time::Duration = std::time::Duration::from_secs(2);
