//! Metrics that AIPerf registers and that have no value here: each with its unit, its flags and the reason.

pub(crate) mod other;
