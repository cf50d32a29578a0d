//! What a run will do, with every default visible: made once from the arguments, checked once, saved with the run.
//!
//! Nothing after the plan validates or defaults. Secrets (keys, header values) are not part of it.

mod endpoint;
mod input;
mod load;
mod output;
mod timing;

pub use endpoint::Endpoint;
pub use input::{DATASET_FORMATS, Input, Length, Tokenizer};
pub use load::{Cancellation, ConnectionReuse, Curve, FixedSchedule, Load, Phase, Ramp, RatePoint, Sampling};
pub use output::{ExportLevel, FailOn, Output};
pub use timing::{Timestamps, Wait, Workers};

use alloc::string::String;
use serde::{Deserialize, Serialize};

/// A checked run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Where requests go and what they look like.
    pub endpoint: Endpoint,
    /// How tokens are counted.
    pub tokenizer: Tokenizer,
    /// What the requests say.
    pub input: Input,
    /// When requests are sent and when the run ends.
    pub load: Load,
    /// Where the load generator runs.
    pub workers: Workers,
    /// Which rung of kernel timestamps was asked for.
    pub timestamps: Timestamps,
    /// What is written.
    pub output: Output,
    /// The seed of everything that is drawn.
    pub random_seed: u64,
    /// The command line, secrets redacted.
    pub command_line: String,
}
