//! Metrics that need the whole run at once: error-adjusted, time-weighted, and including failed requests.

pub(crate) mod adjusted;
pub(crate) mod due;
pub(crate) mod timeline;
