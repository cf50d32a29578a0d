//! What a check of the host found: its result, the cause of a bad one, and the cure.

use serde::{Deserialize, Serialize};

/// The result of one check of the host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The check: `io_uring`. `docs/DOCTOR.md` lists them.
    pub name: String,
    /// The checks that it belongs to: `network`.
    pub group: String,
    /// Whether the host is as a measurement needs it.
    pub level: Level,
    /// What was found.
    pub found: String,
    /// Why that is not as it should be.
    pub cause: Option<String>,
    /// What to do about it.
    pub cure: Option<String>,
}

/// Whether the host is as a measurement needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// It is.
    Ok,
    /// Runs work, but are less precise or smaller than they could be.
    Warning,
    /// Something cannot be done on this host as it is.
    Missing,
}

impl Level {
    /// Its name: `warning`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Missing => "missing",
        }
    }
}
