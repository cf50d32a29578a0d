//! What the server says that it counted: AIPerf's usage metrics, their totals, and how far they are from our counts.

pub(crate) mod difference;
pub(crate) mod reported;
pub(crate) mod total;
