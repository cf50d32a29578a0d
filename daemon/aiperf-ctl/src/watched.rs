//! Shared by `audit` and `observe`: a run that only observes.

use crate::args::WatchArgs;
use crate::daemon::Daemon;
use crate::follow::Run;
use crate::plan::{Refusal, redacted};
use crate::terminal::print_warning;
use crate::tokenizer_file::BYTES_MAX as TOKENIZER_BYTES_MAX;
use anyhow::Result;
use bytes::Bytes;
use control::{Create, Progress, State, Stop};
use spec::{Plan, Side, Target, Timestamps, Tokenizer, Watch};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use store::source;

/// The plan of an observing run.
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

/// Starts observing; returns when the daemon does, or when the run has already ended.
pub(crate) async fn start(daemon: Daemon, plan: Plan, tokenizer: &str) -> Result<Run> {
    let inputs = match &plan.tokenizer {
        Tokenizer::File { .. } => vec![("tokenizer", read(tokenizer)?.into())],
        _ => Vec::new(),
    };
    let create = Create { plan, secret_headers: BTreeMap::new(), addresses: Vec::new() };
    let (mut run, ()) = Run::launch(daemon, create, inputs, async |_| Ok(())).await?;
    run.until(|state| state == State::Running, noticed).await?;
    Ok(run)
}

/// Stops a run and fetches its files.
pub(crate) async fn end(mut run: Run, how: Stop, directory: &Path) -> Result<()> {
    run.stop(how).await?;
    run.until(State::is_final, noticed).await?;
    run.fetch(directory).await
}

/// Warns about problems that the user should know at once.
pub(crate) fn noticed(progress: &Progress) {
    if let Some(notice) = &progress.notice {
        print_warning(notice);
    }
}

fn read(tokenizer: &str) -> Result<Bytes> {
    let path = PathBuf::from(tokenizer);
    let path = if path.is_dir() { path.join("tokenizer.json") } else { path };
    let bytes = source::read(&path, TOKENIZER_BYTES_MAX)
        .map_err(|error| Refusal(format!("--tokenizer: failed to read `{}`: {error}", path.display())))?;
    Ok(Bytes::from(bytes))
}

/// Maximum number of ports in the kernel program's map.
const PORTS_MAX: usize = 16;
