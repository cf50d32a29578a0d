//! The input of the exporters: the run, its report, and its requests one by one.

use crate::error::ExportError;
use crate::payloads::Payloads;
use crate::server::ServerMetrics;
use crate::texts::Texts;
use metric::gpu::Gpus;
use metric::{Report, Settings};
use record::Run;
use store::{Exchange, Exchanges, StoreError};

/// Everything that an exporter may read.
#[derive(Clone, Copy)]
pub struct Artifacts<'a> {
    /// The run's description.
    pub run: &'a Run,
    /// Its metrics.
    pub report: &'a Report,
    /// The settings with which the metrics were computed.
    pub settings: &'a Settings,
    /// Its requests.
    pub exchanges: &'a dyn Exchanges,
    /// The payloads sent; empty if they are unknown or no exporter needs them.
    pub payloads: &'a Payloads,
    /// Extracts texts from responses, if the endpoint is known.
    pub texts: Option<&'a dyn Texts>,
    /// Seconds by which the user's clock is ahead of UTC, for dates without a zone.
    pub utc_offset_seconds: i64,
    /// The server's own metrics, if they were collected.
    pub server: Option<&'a ServerMetrics>,
    /// GPU telemetry, if it was collected.
    pub gpus: Option<&'a Gpus>,
    /// The summary that another tool wrote of the run: its description of the run is exported, but not its metrics.
    pub foreign: Option<&'a serde_json::Value>,
}

impl Artifacts<'_> {
    /// All requests, each with its number within its phase, by order of release.
    pub(crate) fn numbered(
        &self,
    ) -> Result<impl Iterator<Item = (Result<Exchange, StoreError>, u32)> + '_, ExportError> {
        let numbers = self.report.numbers.iter().copied().chain(std::iter::repeat(u32::MAX));
        Ok(self.exchanges.iter()?.zip(numbers))
    }
}
