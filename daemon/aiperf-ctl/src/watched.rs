//! What `audit` and `observe` have in common: a run that only watches.

use crate::args::WatchArgs;
use crate::client::{Client, Lines};
use crate::daemon::Daemon;
use crate::plan::{Refusal, redacted};
use crate::runs::fetch;
use crate::say::say_warning;
use anyhow::{Context, Result, bail};
use bytes::Bytes;
use common::plan::{Plan, Side, Target, Timestamps, Tokenizer, Watch};
use control::{Create, Created, Progress, State, Status, Stop};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The plan of a run that watches.
pub(crate) fn plan(
    args: &WatchArgs,
    target: Target,
    side: Side,
    artifact_dir: &Path,
    words: &[String],
) -> Result<Plan> {
    if args.ports.len() > PORTS_MAX {
        return Err(Refusal(format!("--port: at most {PORTS_MAX} ports")).into());
    }
    let mut plan = Plan::unknown();
    plan.endpoint.streaming = true;
    plan.endpoint.use_server_token_count = args.tokenizer == "none";
    plan.tokenizer = match args.tokenizer.as_str() {
        "none" => Tokenizer::None,
        "builtin" => Tokenizer::Builtin,
        name => Tokenizer::File { name: name.to_owned() },
    };
    plan.timestamps = Timestamps::Ebpf;
    plan.output.artifact_dir = artifact_dir.display().to_string();
    plan.command_line = redacted(words);
    plan.watch = Some(Watch {
        target,
        side,
        ports: args.ports.clone(),
        snap_length: args.snap_length,
        payload: args.payload,
        socket_wait: false,
    });
    Ok(plan)
}

/// A run that watches at this moment.
pub(crate) struct Running {
    client: Client,
    run_id: String,
    lines: Lines,
}

impl Running {
    /// Has the daemon watch; returns when it does.
    pub(crate) async fn begin(client: &Client, plan: Plan, tokenizer: &str) -> Result<Self> {
        let input = match &plan.tokenizer {
            Tokenizer::File { .. } => Some(read(tokenizer)?),
            _ => None,
        };
        let create = Create { plan, secret_headers: BTreeMap::new(), addresses: Vec::new() };
        let Created { run_id } = client.post("/v1/runs", &create).await?;
        let path = format!("/v1/runs/{run_id}");
        if let Some(bytes) = input {
            client.put(&format!("{path}/inputs/tokenizer"), bytes.into()).await?;
        }
        let lines = client.lines(&format!("{path}/progress")).await?;
        let _: Status = client.post(&format!("{path}/start"), &()).await?;
        let mut running = Self { client: client.clone(), run_id, lines };
        running.until(|state| state == State::Running).await?;
        Ok(running)
    }

    /// The run's id.
    pub(crate) fn run_id(&self) -> &str {
        &self.run_id
    }

    /// Waits until the run has ended although nobody stopped it.
    pub(crate) async fn ended(&mut self) -> Result<()> {
        self.until(State::is_final).await
    }

    /// Stops it and fetches its files.
    pub(crate) async fn end(&mut self, daemon: &Daemon, how: Stop, directory: &Path) -> Result<()> {
        let path = format!("/v1/runs/{}", self.run_id);
        let _: Status = self.client.post(&format!("{path}/stop"), &how).await?;
        self.until(State::is_final).await?;
        fetch(&self.client, &self.run_id, directory).await?;
        if daemon.is_private() {
            self.client.delete(&path).await?;
        }
        Ok(())
    }

    async fn until(&mut self, is_there: impl Fn(State) -> bool) -> Result<()> {
        while let Some(progress) = self.lines.next::<Progress>().await.context("the daemon died")? {
            if let Some(notice) = progress.notice {
                say_warning(&notice);
            }
            if progress.state == State::Failed {
                return Err(progress.problem.context("the run failed without a reason")?.into());
            }
            if is_there(progress.state) {
                return Ok(());
            }
        }
        bail!("the daemon died")
    }
}

fn read(tokenizer: &str) -> Result<Bytes> {
    let path = PathBuf::from(tokenizer);
    let path = if path.is_dir() { path.join("tokenizer.json") } else { path };
    let bytes = std::fs::read(&path)
        .map_err(|error| Refusal(format!("--tokenizer: failed to read `{}`: {error}", path.display())))?;
    Ok(Bytes::from(bytes))
}

/// What the kernel program has room for.
const PORTS_MAX: usize = 16;
