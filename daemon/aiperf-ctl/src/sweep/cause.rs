//! What requests wait for at a load, as far as the server's own metrics, its sockets and the kernel say it.
//!
//! | seen | limited by |
//! | --- | --- |
//! | the verdict says that this client was the limit | the client |
//! | the queue of connections to be accepted was full | the frontend |
//! | one segment in a hundred requests or more was sent again | the network |
//! | more requests wait in the server's sockets, to be accepted or to be read, than in the engine's queue | the frontend |
//! | the KV cache is full, and requests wait in the engine's queue | the cache |
//! | requests wait there | the engine |
//! | none wait there | each takes longer in a larger batch, or they wait where nothing is reported |

use super::results::Row;
use metric::Stat;
use metric::server::KNOWN;
use serde::Serialize;

/// What is known of where requests wait, averaged over the measured phases.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(super) struct Waits {
    /// Requests in the engine's queue, by the server's own metrics.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) engine: Option<f64>,
    /// The share of the KV cache that is in use, by the server's own metrics.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cache: Option<f64>,
    /// Connections that the server has not accepted, by the kernel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) accept: Option<f64>,
    /// The most connections that waited to be accepted, of how many may: beyond that the kernel drops them, and they are sent again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) accept_most: Option<(f64, f64)>,
    /// Connections with bytes that it has not read, also such that it has not accepted, by the kernel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) unread: Option<f64>,
    /// Segments that were sent again, for each request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) sent_again: Option<f64>,
}

/// What limits a load.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Cause {
    /// Its name; none where nothing that is seen explains it.
    pub(super) limited_by: Option<&'static str>,
    /// What is seen.
    pub(super) text: String,
}

impl Waits {
    /// What is known of a run. Several servers are taken together.
    pub(super) fn of(reported: &crate::report::Reported) -> Self {
        let series = |names: &[&str]| {
            let found = reported.server_summaries().and_then(|summaries| summaries.all(names));
            found.map_or(&[][..], |(_, series)| series)
        };
        let averages = |label: &str| {
            let known = KNOWN.iter().find(|known| known.label == label);
            let series = known.map_or(&[][..], |known| series(known.names));
            series.iter().filter_map(|series| series.get("avg"))
        };
        let sum = |label: &str| averages(label).reduce(|one, other| one + other);
        let fullest = series(&["aiperfd:accept_queue"]).iter().filter_map(|queue| {
            let limits = series(&["aiperfd:accept_queue_limit"]);
            let limit = limits.iter().find(|limit| limit.endpoint_url == queue.endpoint_url)?;
            queue.get("max").zip(limit.get("min"))
        });
        Self {
            engine: sum("Requests Waiting"),
            cache: averages("KV Cache Usage").reduce(f64::max),
            accept: sum("Connections Not Accepted"),
            accept_most: fullest.max_by(|one, other| (one.0 / one.1).total_cmp(&(other.0 / other.1))),
            unread: sum("Requests Not Read"),
            sent_again: reported.report.stat("retransmits", Stat::Avg).map(metric::Value::get),
        }
    }
}

/// What limits these runs; `None` if nothing is known of it.
pub(super) fn cause(rows: &[Row]) -> Option<Cause> {
    let row = rows.iter().rev().find(|row| row.report.is_some())?;
    if let Some(why) = row.void() {
        return Some(named("client", format!("this client: {why}")));
    }
    let mut cause = of(row.waits)?;
    if row.is_behind {
        cause.text = format!("the server falls behind: {}", cause.text);
    }
    Some(cause)
}

fn of(Waits { engine, cache, accept, accept_most, unread, sent_again }: Waits) -> Option<Cause> {
    // Linux lets one more wait than the limit (net/ipv4/inet_connection_sock.h, sk_acceptq_is_full).
    if let Some((most, limit)) = accept_most.filter(|(most, limit)| *limit > 0.0 && most >= limit) {
        let text =
            format!("the server's frontend: {most:.0} connections waited to be accepted, and {limit:.0} may");
        return Some(named("frontend", text));
    }
    if let Some(again) = sent_again.filter(|again| *again >= SENT_AGAIN_MIN) {
        return Some(named("network", format!("the network: {again:.2} segments a request were sent again")));
    }
    let queued = engine.unwrap_or(0.0);
    // What is not accepted is not read either.
    let unread = unread.map(|count| count - accept.unwrap_or(0.0));
    let [accept, unread] = [accept, unread].map(|count| count.filter(|count| *count >= WAITING_MIN));
    let in_sockets = accept.unwrap_or(0.0) + unread.unwrap_or(0.0);
    if in_sockets > queued {
        let accept = accept.map(|count| format!("{count:.1} connections wait to be accepted"));
        let unread = unread.map(|count| format!("{count:.1} requests wait to be read"));
        let what = accept.into_iter().chain(unread).collect::<Vec<_>>().join(", and ");
        let queue =
            engine.map_or_else(String::new, |count| format!("; {count:.1} wait in the engine's queue"));
        return Some(named("frontend", format!("the server's frontend: {what}{queue}")));
    }
    let engine = engine?;
    Some(match cache {
        Some(cache) if engine >= WAITING_MIN && cache >= CACHE_MIN => named(
            "cache",
            format!("the engine's KV cache is full ({:.0} %), and {engine:.1} requests wait", cache * 100.0),
        ),
        _ if engine >= WAITING_MIN => named("engine", format!("{engine:.1} requests wait in the engine's queue")),
        _ => Cause {
            limited_by: None,
            text: "no request waits in the engine's queue, nor in the server's sockets as far as they are seen: each may take longer \
                   in a larger batch"
                .to_owned(),
        },
    })
}

const fn named(limited_by: &'static str, text: String) -> Cause {
    Cause { limited_by: Some(limited_by), text }
}

/// Fewer segments that are sent again are chance.
const SENT_AGAIN_MIN: f64 = 0.01;
/// Fewer requests on average are no queue.
const WAITING_MIN: f64 = 0.5;
/// A cache with less in use has room.
const CACHE_MIN: f64 = 0.95;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cause_is_named() {
        let check = |waits: Waits, limited_by: Option<&str>, text: Option<&str>| {
            let found = of(waits);
            assert_eq!(found.as_ref().and_then(|cause| cause.limited_by), limited_by, "{waits:?}: {found:?}");
            let is_so = found.as_ref().zip(text).is_some_and(|(cause, text)| cause.text.contains(text));
            assert!(is_so || (found.is_none() && text.is_none()), "{waits:?}: {found:?}");
        };
        let nothing = Waits::default();
        let engine = |count| Waits { engine: Some(count), ..nothing };
        check(nothing, None, None);
        check(Waits { cache: Some(0.99), ..nothing }, None, None);
        check(Waits { unread: Some(0.1), accept: Some(0.0), ..nothing }, None, None);
        check(engine(12.0), Some("engine"), Some("12.0 requests wait in the engine's queue"));
        check(Waits { cache: Some(0.99), ..engine(12.0) }, Some("cache"), Some("KV cache is full (99 %)"));
        check(Waits { cache: Some(0.99), ..engine(0.0) }, None, Some("no request waits"));
        check(Waits { sent_again: Some(0.5), ..engine(12.0) }, Some("network"), Some("0.50 segments"));
        check(
            Waits { unread: Some(30.0), ..nothing },
            Some("frontend"),
            Some("30.0 requests wait to be read"),
        );
        check(Waits { unread: Some(3.0), ..engine(12.0) }, Some("engine"), Some("12.0 requests"));
        let full = Waits { accept_most: Some((2.0, 2.0)), sent_again: Some(0.2), ..nothing };
        check(full, Some("frontend"), Some("2 connections waited to be accepted, and 2 may"));
        let waiting = Waits { unread: Some(4.2), accept: Some(4.2), ..nothing };
        check(waiting, Some("frontend"), Some("frontend: 4.2 connections wait to be accepted"));
        let frontend = Waits { unread: Some(32.0), accept: Some(2.0), ..engine(0.2) };
        let text = "2.0 connections wait to be accepted, and 30.0 requests wait to be read; 0.2 wait in the engine's queue";
        check(frontend, Some("frontend"), Some(text));
    }
}
