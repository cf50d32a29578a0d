//! Makes a run of what a daemon that died left behind: its complete parts.

use crate::run::put_together;
use crate::store::RunDir;
use crate::{clock, host};
use anyhow::{Context, Result};
use export::parquet::rows;
use record::{Build, Loss, Phase, Reason, Request, Run, SCHEMA_VERSION, Standing, Verdict};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Puts the parts of an interrupted run together and writes its `run.json`: never `valid`, and it says why.
pub fn recover(directory: &RunDir, run_id: &str, build: &Build) -> Result<()> {
    let (plan, _) = directory.plan()?;
    // Parts of the others that no part of requests belongs to are of requests that were lost.
    let complete = parts(directory, "requests")?.len();
    for stem in ["requests", "tokens", "responses"] {
        let mut parts = parts(directory, stem)?;
        parts.truncate(complete);
        if !parts.is_empty() {
            put_together(&parts, directory, stem)?;
        }
    }
    let gpus = parts(directory, "gpu")?;
    if !gpus.is_empty() {
        put_together(&gpus, directory, "gpu")?;
    }
    let requests = directory.path().join("requests.parquet");
    anyhow::ensure!(requests.is_file(), "no part of run {run_id} was complete: nothing can be recovered");
    let mut phases = Vec::<Phase>::new();
    for batch in rows::<Request>(&requests)? {
        for Request { phase: name, due_ns, ended_ns, .. } in batch? {
            match phases.iter_mut().find(|phase| phase.name == name) {
                Some(phase) => {
                    phase.begun_ns = phase.begun_ns.min(due_ns);
                    phase.ended_ns = phase.ended_ns.max(ended_ns);
                }
                None => phases.push(Phase { name, begun_ns: due_ns, ended_ns, duration_ns: None }),
            }
        }
    }
    phases.sort_by_key(|phase| phase.begun_ns);
    let clock = clock::anchor();
    let why = "the daemon died; what was recorded until then was recovered";
    let reason = Reason {
        name: "recovered".to_owned(),
        standing: Standing::Degraded,
        text: format!("{why}, and counters of loss are not known"),
        figures: Vec::new(),
    };
    let run = Run {
        schema_version: SCHEMA_VERSION.to_owned(),
        version: build.version.to_owned(),
        commit: Some(build.commit.to_owned()),
        kernel_object: None,
        run_id: run_id.to_owned(),
        source: plan.watch.as_ref().map_or("profile", common::plan::Watch::source).to_owned(),
        timestamps: plan.timestamps.name().to_owned(),
        timestamps_reason: None,
        plan,
        host: host::describe(&[]),
        doctor: Vec::new(),
        clock_begin: clock,
        clock_end: clock,
        phases,
        was_cancelled: true,
        is_complete: false,
        incomplete_reason: Some(why.to_owned()),
        loss: Loss::default(),
        counters: BTreeMap::new(),
        figures: BTreeMap::new(),
        gpu: Vec::new(),
        streamed: Vec::new(),
        client: None,
        verdict: Verdict::from_reasons(vec![reason]),
    };
    directory.write_run(&run)?;
    directory.remove_scratch();
    Ok(())
}

/// The complete parts of a table, in order.
fn parts(directory: &RunDir, stem: &str) -> Result<Vec<PathBuf>> {
    let folder = directory.path().join("parts");
    let entries =
        std::fs::read_dir(&folder).with_context(|| format!("failed to read `{}`", folder.display()))?;
    let mut parts = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            name.starts_with(stem) && name.ends_with(".parquet")
        })
        .collect::<Vec<_>>();
    parts.sort();
    Ok(parts)
}
