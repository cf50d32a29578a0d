//! Every parser of foreign bytes under fuzz; the targets are in `tests/`.
//!
//! `cargo test --workspace --test parsers` (`messages`, `join`, `observe`, `files`, `run`) runs each with random bytes and with
//! the corpora in `tests/__fuzz__`: as many cases as it has time for in some seconds. `AIPERFD_FUZZ_CASES=1000000` runs each
//! for exactly so many cases instead, however long that takes; one target is
//! `cargo test --workspace --test parsers http_responses`. A fuzzing engine finds more:
//! `cargo bolero test -p fuzz http_responses` (cargo-bolero, nightly).

#![forbid(unsafe_code)]

use std::time::Duration;

/// How many cases each target has, at most.
#[must_use]
pub fn cases() -> usize {
    requested_cases().unwrap_or(CASES)
}

/// How long each target may take: so many seconds, or as long as needed if a number of cases is set.
#[must_use]
pub fn time(seconds: u64) -> Duration {
    if requested_cases().is_some() { Duration::MAX } else { Duration::from_secs(seconds) }
}

fn requested_cases() -> Option<usize> {
    std::env::var("AIPERFD_FUZZ_CASES").ok()?.parse().ok()
}

const CASES: usize = 1_000_000;
