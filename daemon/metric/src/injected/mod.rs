//! Metrics that need the whole run at once: error-adjusted, time-weighted, and over failed requests too.

pub(crate) mod adjusted;
pub(crate) mod due;
pub(crate) mod sweep;
