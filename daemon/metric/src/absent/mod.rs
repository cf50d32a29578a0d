//! Metrics that AIPerf registers and that have no value here: each with its unit and flags, and why.

pub(crate) mod other;
