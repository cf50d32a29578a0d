//! What a search may choose from by name, with AIPerf's names.

use serde::{Deserialize, Serialize};

/// Optuna's samplers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sampler {
    /// A Gaussian process.
    Gp,
    /// Parzen estimators of good and bad regions.
    Tpe,
    /// `BoTorch`'s Gaussian process.
    Botorch,
}

/// Acquisition functions, by their names in `BoTorch`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "each is the name of a function that is not run")]
pub enum Acquisition {
    Logei,
    Qlogei,
    Qnei,
    Qlognei,
    Qehvi,
    Qnehvi,
    Qlognehvi,
}

/// Optuna's rules for stopping.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Terminator {
    /// When the regret is bounded.
    Regret,
    /// When the expected regret changes little.
    Emmr,
    /// None of them.
    None,
}

/// How a percentile of several runs is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pooling {
    /// The mean of their percentiles.
    #[default]
    Mean,
    /// The percentile of all their requests.
    Pooled,
}

/// How many requests a run has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Precision {
    /// 10,000.
    Tight,
    /// 1,000.
    #[default]
    Normal,
    /// 300.
    Coarse,
}

impl Precision {
    /// Requests.
    #[must_use]
    pub const fn requests(self) -> u64 {
        match self {
            Self::Tight => 10_000,
            Self::Normal => 1_000,
            Self::Coarse => 300,
        }
    }
}

/// How limits change what a model prefers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConstraintMode {
    /// A run that misses one is worse than every run that meets all.
    #[default]
    Penalty,
    /// By the probability of meeting them.
    Eic,
}
