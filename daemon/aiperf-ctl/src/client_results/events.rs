//! Compares event by event when the client noticed it, and when the kernel received it.
//!
//! Requests are matched by the `X-Request-ID` that the client sent; a request's events are matched by their order.

use anyhow::Result;
use common::clock::MonoNs;
use common::id::RequestId;
use export::csv::line;
use import::Noticed;
use metric::Stats;
use record::{Request, Token};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::path::Path;
use store::parquet::rows;
use store::{Folder, visible};

/// How late a client noticed events.
#[derive(Debug)]
pub(super) struct Delays {
    /// Events known to both sides.
    matched: u64,
    /// Events that the client reported.
    reported: u64,
    /// Events that the client noticed before the kernel received them, so its clock differs.
    early: u64,
    /// The delay, in ms.
    late: Stats,
}

/// A request that both the kernel and the client recorded.
struct Known<'a> {
    noticed: &'a Noticed,
    events: u32,
}

/// Matches the events, and writes each to a file; `None` if the client stores no events.
pub(super) fn matched(directory: &Path, noticed: &[Noticed]) -> Result<Option<Delays>> {
    let reported = noticed.iter().map(|request| request.events.len() as u64).sum::<u64>();
    if reported == 0 {
        return Ok(None);
    }
    let by_id = noticed.iter().map(|request| (request.client_request_id.as_str(), request)).collect();
    let known = known(&directory.join("requests.parquet"), &by_id)?;
    let mut file = Folder::open(directory)?.create(FILE)?;
    line(&mut file, COLUMNS)?;
    let (mut matched, mut early, mut late) = (0, 0, Vec::new());
    for batch in rows::<Token>(&directory.join("tokens.parquet"))? {
        for token in batch? {
            let Some((noticed, kernel, client)) = both(&known, &token) else { continue };
            let late_ns = client.since(kernel).0;
            matched += 1;
            early += u64::from(late_ns < 0);
            late.push(metric::float(late_ns.max(0).unsigned_abs()) / 1e6);
            let named = visible(&noticed.client_request_id).into_owned();
            let numbers = [kernel.0.to_string(), client.0.to_string(), late_ns.to_string()];
            let names = [token.request_id.0.to_string(), named, token.index.to_string()];
            line(&mut file, names.into_iter().chain(numbers))?;
        }
    }
    file.finish()?;
    Ok(Some(Delays { matched, reported, early, late: Stats::of_sample(late) }))
}

/// The requests that both recorded, with their number of events.
fn known<'a>(path: &Path, by_id: &HashMap<&str, &'a Noticed>) -> Result<HashMap<RequestId, Known<'a>>> {
    let mut known = HashMap::new();
    for batch in rows::<Request>(path)? {
        for request in batch? {
            let noticed = request.client_request_id.as_deref().and_then(|id| by_id.get(id));
            if let Some(noticed) = noticed {
                known.insert(request.request_id, Known { noticed, events: request.events });
            }
        }
    }
    Ok(known)
}

/// The two timestamps of an event, if both sides have one.
fn both<'a>(known: &HashMap<RequestId, Known<'a>>, token: &Token) -> Option<(&'a Noticed, MonoNs, MonoNs)> {
    let Known { noticed, events } = known.get(&token.request_id)?;
    let is_same = noticed.events.len() == usize::try_from(*events).ok()?;
    let client = noticed.events.get(usize::try_from(token.index).ok()?).filter(|_| is_same)?;
    Some((noticed, token.kernel_received_ns?, *client))
}

impl Delays {
    /// A sentence for the console.
    pub(super) fn sentence(&self) -> String {
        let late = |stat| self.late.get(stat).map_or(0.0, metric::Value::get);
        let [p50, p90, p99, max] = LATE.map(late);
        let mut text = format!(
            "Event by event: {} of {} matched by X-Request-ID; after the kernel received an event, the client noticed it\n  \
             p50 {p50:.2} ms, p90 {p90:.2} ms, p99 {p99:.2} ms, max {max:.2} ms later ({FILE})",
            self.matched, self.reported
        );
        if self.early > 0 {
            let early = format!(
                "\n  {} events have a client timestamp before the kernel's: the clocks differ",
                self.early
            );
            text.push_str(&early);
        }
        text
    }

    /// As JSON.
    pub(super) fn json(&self) -> Value {
        let late = |stat| self.late.get(stat).map(metric::Value::get);
        let [p50, p90, p99, max] = LATE.map(late);
        json!({"matched": self.matched, "reported_by_client": self.reported, "before_kernel": self.early,
               "late_ms": {"p50": p50, "p90": p90, "p99": p99, "max": max}})
    }
}

const LATE: [metric::Stat; 4] = [metric::Stat::P50, metric::Stat::P90, metric::Stat::P99, metric::Stat::Max];
const FILE: &str = "client_events.csv";
const COLUMNS: [&str; 6] =
    ["request_id", "client_request_id", "index", "kernel_received_ns", "client_noticed_ns", "late_ns"];

#[cfg(test)]
mod tests {
    use super::*;
    use store::parquet::{Limits, PartWriter};

    #[test]
    fn events_are_matched_by_id_and_place() {
        let folder = tempfile::tempdir().unwrap();
        let mut requests = PartWriter::new(folder.path(), "requests", Limits::STANDARD, &[]);
        let mut tokens = PartWriter::new(folder.path(), "tokens", Limits::STANDARD, &[]);
        for (number, id) in [(0, "a,\"1\""), (1, "b"), (2, "unknown")] {
            let request_id = RequestId(number);
            let client_request_id = Some(id.to_owned());
            requests.push(Request { client_request_id, events: 2, ..Request::blank(request_id) }).unwrap();
            for index in 0..2 {
                let kernel_received_ns = Some(MonoNs(1_000_000 + u64::from(index)));
                tokens.push(token(request_id, index, kernel_received_ns)).unwrap();
            }
        }
        for (parts, name) in [(requests.finish().unwrap(), "requests"), (tokens.finish().unwrap(), "tokens")]
        {
            std::fs::rename(&parts[0], folder.path().join(format!("{name}.parquet"))).unwrap();
        }
        let noticed = |id: &str, events: &[u64]| Noticed {
            client_request_id: id.to_owned(),
            is_profiling: true,
            events: events.iter().map(|at| MonoNs(*at)).collect(),
        };
        let reported = [noticed("a,\"1\"", &[3_000_000, 4_000_001]), noticed("b", &[5])];
        let delays = matched(folder.path(), &reported).unwrap().unwrap();
        assert_eq!((delays.matched, delays.reported, delays.early), (2, 3, 0), "{delays:?}");
        let text = store::source::read_text(&folder.path().join(FILE), 1 << 20).unwrap();
        assert_eq!(text.lines().nth(1), Some(r#"0,"a,""1""",0,1000000,3000000,2000000"#), "{text}");
        assert!(matched(folder.path(), &[noticed("a", &[])]).unwrap().is_none(), "no events");
    }

    fn token(request_id: RequestId, index: u32, kernel_received_ns: Option<MonoNs>) -> Token {
        let kind = common::reply_event::EventKind::Content;
        Token { kernel_received_ns, ..Token::noticed(request_id, index, kind, MonoNs(0)) }
    }
}
