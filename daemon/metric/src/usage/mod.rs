//! The server's own token counts: AIPerf's usage metrics, their totals, and how they differ from our counts.

pub(crate) mod difference;
pub(crate) mod reported;
pub(crate) mod total;
