//! The tables of a run on disk: rows into parts as they come, and one file of the parts of each table in the end.
//!
//! ```text
//! rows ──▶ Writers ──▶ parts/requests-00000.parquet .. ──▶ Parts ──▶ requests.parquet
//! ```

use crate::run_dirs::RunDir;
use anyhow::{Context, Result};
use common::clock::{Anchor, DurationNs, MonoNs, RealNs};
use record::{GpuSample, Host, Payload, Request, Response, SCHEMA_VERSION, Token};
use spec::{Plan, Timestamps};
use std::fs;
use std::path::{Path, PathBuf};
use store::parquet::{Limits, PartWriter, join as join_rows};

/// Where rows go.
pub struct Writers {
    /// `requests.parquet`
    pub requests: PartWriter<Request>,
    /// `tokens.parquet`
    pub tokens: PartWriter<Token>,
    /// `responses.parquet`, with the raw export.
    pub responses: Option<PartWriter<Response>>,
    /// `payloads.parquet`, of a run that watches and keeps requests' bodies.
    pub payloads: Option<PartWriter<Payload>>,
}

impl Writers {
    /// Writers into a folder of the tables that this plan has, with metadata about their run.
    pub(crate) fn new(parts: &Path, plan: &Plan, metadata: &[(String, String)]) -> Self {
        let limits = Limits::STANDARD;
        let payload = plan.watch.as_ref().is_some_and(|watch| watch.payload);
        let raw = payload || plan.output.keeps_responses();
        Self {
            requests: PartWriter::new(parts, "requests", limits, metadata),
            tokens: PartWriter::new(parts, "tokens", limits, metadata),
            responses: raw.then(|| PartWriter::new(parts, "responses", limits, metadata)),
            payloads: payload.then(|| PartWriter::new(parts, "payloads", limits, metadata)),
        }
    }

    /// Ends the open parts: what is in them survives whatever happens. The requests' part is ended last: if it is complete, so
    /// are the others.
    pub(crate) fn end_parts(&mut self) -> Result<()> {
        self.tokens.end_part()?;
        if let Some(responses) = &mut self.responses {
            responses.end_part()?;
        }
        if let Some(payloads) = &mut self.payloads {
            payloads.end_part()?;
        }
        Ok(self.requests.end_part()?)
    }

    /// Closes the writers; returns their parts.
    pub(crate) fn close(self) -> Result<Parts> {
        let mut parts = vec![("requests", self.requests.finish()?), ("tokens", self.tokens.finish()?)];
        if let Some(responses) = self.responses {
            parts.push(("responses", responses.finish()?));
        }
        if let Some(payloads) = self.payloads {
            parts.push(("payloads", payloads.finish()?));
        }
        Ok(Parts(parts))
    }
}

/// The results of a run as complete parts, by table.
#[derive(Debug, Default)]
pub(crate) struct Parts(Vec<(&'static str, Vec<PathBuf>)>);

impl Parts {
    /// The parts in the run's folder that are complete, of writers that failed or were killed. Parts of other tables that no
    /// part of requests belongs to are of requests that were lost.
    pub(crate) fn complete(directory: &RunDir) -> Self {
        let requests = complete(directory, "requests");
        let count = requests.len();
        let others = ["tokens", "responses", "payloads"].into_iter().map(|stem| {
            let mut parts = complete(directory, stem);
            parts.truncate(count);
            (stem, parts)
        });
        Self(std::iter::once(("requests", requests.clone())).chain(others).collect())
    }

    /// Whether there is none of requests.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.iter().all(|(stem, parts)| *stem != "requests" || parts.is_empty())
    }

    /// Makes one file of the parts of each table.
    pub(crate) fn put_together(&self, directory: &RunDir) -> Result<()> {
        for (stem, parts) in self.0.iter().filter(|(_, parts)| !parts.is_empty()) {
            put_together(parts, directory, stem)?;
        }
        Ok(())
    }
}

/// The complete parts of a table, in order.
pub(crate) fn complete(directory: &RunDir, stem: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory.path().join("parts")).into_iter().flatten().flatten();
    let mut parts = entries
        .map(|entry| entry.path())
        .filter(|path| {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            name.strip_prefix(stem).is_some_and(|rest| rest.starts_with('-')) && name.ends_with(".parquet")
        })
        .collect::<Vec<_>>();
    parts.sort();
    parts
}

/// Removes parts that were being written when their writer failed: their room is needed.
pub(crate) fn remove_incomplete(directory: &RunDir) {
    let entries = fs::read_dir(directory.path().join("parts")).into_iter().flatten().flatten();
    let incomplete = entries.filter(|entry| !entry.file_name().to_string_lossy().ends_with(".parquet"));
    incomplete.for_each(|entry| drop(fs::remove_file(entry.path())));
}

/// Makes one file of the complete parts of a table.
///
/// # Errors
/// On an error of the disk.
pub(crate) fn put_together(parts: &[PathBuf], directory: &RunDir, stem: &str) -> Result<()> {
    let whole = directory.path().join(format!("{stem}.parquet"));
    match parts {
        // It was put there before the disk was full.
        [only] if !only.exists() && whole.exists() => Ok(()),
        [only] => fs::rename(only, &whole).with_context(|| format!("failed to write `{}`", whole.display())),
        _ => join(parts, &whole, stem),
    }
}

/// Joins the parts of a table.
///
/// # Errors
/// On an error of the disk.
pub(crate) fn join(parts: &[PathBuf], whole: &Path, stem: &str) -> Result<()> {
    Ok(match stem {
        "requests" => join_rows::<Request>(parts, whole),
        "tokens" => join_rows::<Token>(parts, whole),
        "responses" => join_rows::<Response>(parts, whole),
        "payloads" => join_rows::<Payload>(parts, whole),
        _ => join_rows::<GpuSample>(parts, whole),
    }?)
}

/// Metadata of a Parquet file about its run, in case it is ever alone.
pub(crate) fn metadata(
    run_id: &str,
    timestamp_source: Timestamps,
    clock: &Anchor,
    host: &Host,
) -> Vec<(String, String)> {
    let pairs = [
        ("schema_version", SCHEMA_VERSION.to_owned()),
        ("run_id", run_id.to_owned()),
        ("timestamps", timestamp_source.name().to_owned()),
        ("clock_mono_ns", clock.mono_ns.0.to_string()),
        ("clock_real_ns", clock.real_ns.0.to_string()),
        ("kernel", host.kernel.clone()),
        ("cpu_model", host.cpu_model.clone()),
    ];
    pairs.map(|(key, value)| (format!("aiperfd.{key}"), value)).to_vec()
}

/// The clocks in a Parquet file's metadata: those of the boot in which it was written.
pub(crate) fn anchor(file: &Path) -> Option<Anchor> {
    let pairs = store::parquet::metadata(file).ok()?;
    let number = |name: &str| pairs.iter().find(|(key, _)| key == name)?.1.parse().ok();
    Some(Anchor {
        mono_ns: MonoNs(number("aiperfd.clock_mono_ns")?),
        real_ns: RealNs(number("aiperfd.clock_real_ns")?),
        uncertainty_ns: DurationNs::ZERO,
    })
}
