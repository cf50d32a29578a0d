//! A server's own metrics as stored: their summaries, and their rows, which can be read repeatedly.

use crate::artifacts::Artifacts;
use crate::error::ExportError;
use metric::Settings;
use metric::server::{Entry, Key, Replay, Scrape, Summaries};
use record::ServerSample;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use store::StoreError;
use store::parquet::rows;

/// A server's own metrics.
#[derive(Clone, Debug)]
pub struct ServerMetrics {
    /// Their statistics over the phases.
    pub summaries: Summaries,
    path: PathBuf,
}

impl ServerMetrics {
    /// Reads `server_metrics.parquet`.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read(path: &Path, settings: &Settings) -> Result<Self, ExportError> {
        Ok(Self { summaries: Summaries::of(samples(path)?, settings)?, path: path.to_owned() })
    }

    /// Passes on each scrape with the state of every series after it, in order.
    pub(crate) fn replay(
        &self,
        mut visit: impl FnMut(&Scrape, &BTreeMap<Key, Entry>),
    ) -> Result<(), ExportError> {
        let mut replay = Replay::default();
        for row in samples(&self.path)? {
            replay.row(row?, &mut visit);
        }
        replay.finish(&mut visit);
        Ok(())
    }

    /// The endpoints with at least one successful scrape.
    pub(crate) fn successful(&self) -> impl Iterator<Item = &str> {
        let successful =
            self.summaries.endpoints.iter().filter(|(_, endpoint)| !endpoint.received.is_empty());
        successful.map(|(url, _)| url.as_str())
    }
}

/// Whether the server's metrics are exported in this format.
pub(crate) fn is_wanted(artifacts: &Artifacts<'_>, format: &str) -> bool {
    let formats = &artifacts.run.plan.output.server_metrics_formats;
    let is_wanted = formats.iter().any(|wanted| wanted == format);
    is_wanted && artifacts.server.is_some_and(|server| server.successful().next().is_some())
}

fn samples(
    path: &Path,
) -> Result<impl Iterator<Item = Result<ServerSample, StoreError>> + use<>, StoreError> {
    Ok(rows::<ServerSample>(path)?.flat_map(|batch| match batch {
        Ok(rows) => rows.into_iter().map(Ok).collect::<Vec<_>>(),
        Err(error) => vec![Err(error)],
    }))
}

/// Parses labels as stored; empty if there are none.
pub(crate) fn labels(stored: &str) -> Map<String, Value> {
    serde_json::from_str(stored).unwrap_or_default()
}

/// An endpoint as shown in tables: without scheme and path.
pub(crate) fn shown(url: &str) -> &str {
    let bare = url.split_once("://").map_or(url, |(_, rest)| rest);
    bare.split_once('/').map_or(bare, |(host, _)| host)
}
