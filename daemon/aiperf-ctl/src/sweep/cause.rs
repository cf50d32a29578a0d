//! What requests wait for at a load, as far as the server's own metrics and the kernel say it.
//!
//! | seen | cause |
//! | --- | --- |
//! | one segment in a hundred requests or more was sent again | the network |
//! | the KV cache is full, and requests wait | the cache |
//! | requests wait in the engine's queue | the engine |
//! | none wait there | before the engine (the frontend, the socket), or each takes longer in a larger batch |

use super::results::Row;
use metric::Stat;
use metric::server::KNOWN;

/// What the server reports of its engine, averaged over the measured phases.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Engine {
    /// Requests that wait in its queue.
    pub(super) waiting: Option<f64>,
    /// The share of the KV cache that is in use.
    pub(super) cache: Option<f64>,
}

impl Engine {
    /// What a run's server metrics say.
    pub(super) fn of(reported: &crate::report::Reported) -> Self {
        let average = |label: &str| {
            let known = KNOWN.iter().find(|known| known.label == label)?;
            let (_, series) = reported.server_summaries()?.find(known.names)?;
            series.get("avg")
        };
        Self { waiting: average("Requests Waiting"), cache: average("KV Cache Usage") }
    }
}

/// What requests of these runs wait for, in words; `None` if nothing is known of it.
pub(super) fn cause(rows: &[Row]) -> Option<String> {
    let row = rows.iter().rev().find(|row| row.report.is_some())?;
    let report = row.report.as_ref()?;
    let again = report.stat("retransmits", Stat::Avg).map_or(0.0, metric::Value::get);
    of(row.engine, again)
}

fn of(engine: Engine, again: f64) -> Option<String> {
    let Engine { waiting, cache } = engine;
    if again >= RETRANSMITS_MIN {
        return Some(format!("the network: {again:.2} segments a request were sent again"));
    }
    let waiting = waiting?;
    Some(match cache {
        Some(cache) if waiting >= WAITING_MIN && cache >= CACHE_MIN => {
            format!("the engine's KV cache is full ({:.0} %), and {waiting:.1} requests wait", cache * 100.0)
        }
        _ if waiting >= WAITING_MIN => format!("{waiting:.1} requests wait in the engine's queue"),
        _ => "no request waits in the engine's queue: they wait before it, or each takes longer in a larger batch"
            .to_owned(),
    })
}

/// Fewer segments that are sent again are chance.
const RETRANSMITS_MIN: f64 = 0.01;
/// Fewer requests on average are no queue.
const WAITING_MIN: f64 = 0.5;
/// A cache with less in use has room.
const CACHE_MIN: f64 = 0.95;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cause_is_named() {
        let check = |waiting, cache, again, expected: Option<&str>| {
            let found = of(Engine { waiting, cache }, again);
            assert!(
                found.as_deref().zip(expected).is_some_and(|(found, expected)| found.contains(expected))
                    || (found.is_none() && expected.is_none()),
                "{found:?}, not {expected:?}"
            );
        };
        check(None, None, 0.0, None);
        check(None, Some(0.99), 0.0, None);
        check(Some(12.0), None, 0.0, Some("12.0 requests wait in the engine's queue"));
        check(Some(12.0), Some(0.99), 0.0, Some("KV cache is full (99 %)"));
        check(Some(0.0), Some(0.99), 0.0, Some("no request waits"));
        check(Some(12.0), None, 0.5, Some("the network"));
    }
}
