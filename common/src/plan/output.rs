//! What is written, and what it means for the exit status.

use alloc::collections::BTreeMap;
use alloc::string::String;
use serde::{Deserialize, Serialize};

/// What is written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    /// Where results go, as the user gave it.
    pub artifact_dir: String,
    /// A base name for the exported files.
    pub export_prefix: Option<String>,
    /// How much is exported.
    pub export_level: ExportLevel,
    /// Which verdict makes the exit status non-zero.
    pub fail_on: FailOn,
    /// What else the command line said, by flag, for later readers of `run.json`.
    pub other: BTreeMap<String, String>,
}

/// How much is exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExportLevel {
    /// Only the summaries.
    Summary,
    /// A line per request too.
    Records,
    /// Every response too, byte for byte.
    Raw,
}

/// Which verdict makes the exit status non-zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailOn {
    /// A run that is not `valid`.
    Degraded,
    /// A run that is `invalid`.
    Invalid,
    /// No verdict.
    Never,
}
