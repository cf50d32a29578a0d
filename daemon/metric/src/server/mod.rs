//! A server's own Prometheus metrics over the time of the run. Pure.
//!
//! ```text
//! rows ──▶ replay.rs   a snapshot of every series after each scrape ──▶ exports line by line
//!                │
//!                └──▶ summary.rs   series over a phase ──▶ gauge.rs counter.rs histogram.rs   their statistics
//! ```

mod counter;
mod gauge;
mod histogram;
mod known;
mod replay;
mod summary;
#[cfg(test)]
mod tests;
mod unit;

pub use histogram::{Buckets, Quantile};
pub use known::{KNOWN, Known, Twin};
pub use replay::{Entry, Key, Replay, Scrape, State, bound};
pub use summary::{Endpoint, Family, Numbers, Series, Summaries, Summary};
pub use unit::unit;
