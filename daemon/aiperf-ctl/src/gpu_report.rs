//! What the GPUs did during a stored run, joined to its requests and events.

use crate::say::say_warning;
use anyhow::Result;
use export::parquet::{events, rows};
use metric::gpu::{Gpus, Join};
use metric::{Report, Settings};
use record::Request;
use spec::Plan;
use std::path::Path;

/// Adds what the GPUs did to a report; `None` of a run in which none were read. What can't be read costs its own numbers.
pub(crate) fn add(directory: &Path, plan: &Plan, settings: &Settings, report: &mut Report) -> Option<Gpus> {
    let path = directory.join("gpu.parquet");
    let read = path.is_file().then(|| export::gpus(&path))?;
    let gpus =
        read.inspect_err(|error| say_warning(&format!("the GPUs' numbers are left out: {error}"))).ok()?;
    if let Err(error) = join(directory, plan, settings, &gpus, report) {
        say_warning(&format!("the GPUs' numbers are not joined to requests: {error:#}"));
    }
    Some(gpus)
}

fn join(directory: &Path, plan: &Plan, settings: &Settings, gpus: &Gpus, report: &mut Report) -> Result<()> {
    let Some(mut join) = Join::new(gpus, settings) else { return Ok(()) };
    for batch in rows::<Request>(&directory.join("requests.parquet"))? {
        batch?.iter().for_each(|request| join.request(request));
    }
    for batch in events(&directory.join("tokens.parquet"))? {
        batch?.into_iter().for_each(|event| join.event(event));
    }
    let concurrency = plan.load.profiling().and_then(|phase| phase.concurrency);
    report.add(join.finish(report, concurrency));
    Ok(())
}
