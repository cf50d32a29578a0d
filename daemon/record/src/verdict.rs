//! Whether a run may be trusted, and why not.

use serde::{Deserialize, Serialize};

/// The level of a verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// No problem with the numbers was found.
    Valid,
    /// The numbers hold with the reservations that the reasons state.
    Degraded,
    /// The numbers must not be used.
    Invalid,
}

/// A measured figure behind a reason.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// What was measured.
    pub name: String,
    /// How much, finite.
    pub value: f64,
    /// Its unit.
    pub unit: String,
}

/// Why a run is not simply valid.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reason {
    /// A stable name: `kernel_ring_full`, `late_requests` ...
    pub name: String,
    /// How bad it is.
    pub standing: Standing,
    /// One sentence for the user: what happened and what to do.
    pub text: String,
    /// The figures behind it.
    pub figures: Vec<Figure>,
}

/// A run's level with its reasons.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// The worst of the reasons.
    pub standing: Standing,
    /// Every reason, worst first.
    pub reasons: Vec<Reason>,
}

impl Verdict {
    /// The verdict that follows from these reasons.
    #[must_use]
    pub fn from_reasons(mut reasons: Vec<Reason>) -> Self {
        reasons.sort_by_key(|reason| std::cmp::Reverse(reason.standing));
        let standing = reasons.first().map_or(Standing::Valid, |reason| reason.standing);
        Self { standing, reasons }
    }
}

impl Standing {
    /// The level's name in the console and in `run.json`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::Degraded => "degraded",
            Self::Invalid => "invalid",
        }
    }
}
