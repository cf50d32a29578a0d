//! Every parser of foreign bytes under fuzz; the targets are in `tests/`.
//!
//! `cargo test -p fuzz` runs each for some seconds with random bytes and with the corpora in `tests/__fuzz__`. A
//! fuzzing engine finds more: `cargo bolero test -p fuzz http_responses` (cargo-bolero, nightly).
