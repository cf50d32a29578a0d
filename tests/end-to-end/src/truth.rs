//! Compares the server's log with the recorded events.

use crate::client::Ended;
use crate::server::{Server, Written};
use common::id::RequestId;
use record::{Request, Token};
use std::collections::HashMap;
use store::parquet::rows;

/// How much later than the server's writes the timestamps are, in ns.
#[derive(Clone, Debug, Default)]
pub struct Lateness {
    /// The kernel's.
    pub kernel: Vec<u64>,
    /// The client's.
    pub user: Vec<u64>,
}

/// Compares each event of a run with kernel timestamps with the server's log.
///
/// # Panics
/// When one was not recorded, has no timestamp, or has one before it was written.
#[must_use]
pub fn hold_against(server: &Server, ended: &Ended, requests: usize) -> Lateness {
    let run = ended.json("run.json");
    assert_eq!(run["timestamps"], "ebpf", "the timestamp source of {run}");
    let run_number = u64::from_str_radix(run["run_id"].as_str().unwrap(), 16).unwrap();
    let mut written =
        server.log().into_iter().map(|served| (served.request_id, served.written)).collect::<HashMap<_, _>>();
    let recorded = recorded(ended);
    assert_eq!(recorded.len(), requests, "every request is recorded");
    let mut lateness = Lateness::default();
    for (request, tokens) in recorded {
        let id = String::from_utf8(request.header(run_number).to_vec()).unwrap();
        let written = written.remove(&id).unwrap_or_else(|| panic!("the server's log has {id}"));
        compare(&id, &tokens, &written, &mut lateness);
    }
    assert!(
        written.is_empty(),
        "requests that the server received and the client did not record: {written:?}"
    );
    let loss = &run["loss"];
    for place in ["unmatched_events", "unmatched_requests", "damaged"] {
        assert_eq!(loss[place], serde_json::json!({}), "nothing is lost: {loss}");
    }
    lateness
}

/// The events of each request, in order.
fn recorded(ended: &Ended) -> HashMap<RequestId, Vec<Token>> {
    let mut recorded = HashMap::new();
    for batch in rows::<Request>(&ended.artifacts().join("requests.parquet")).unwrap() {
        recorded.extend(batch.unwrap().into_iter().map(|request| (request.request_id, Vec::new())));
    }
    for batch in rows::<Token>(&ended.artifacts().join("tokens.parquet")).unwrap() {
        for token in batch.unwrap() {
            recorded.get_mut(&token.request_id).expect("an event of a known request").push(token);
        }
    }
    recorded
}

/// Compares one request: each written event was recorded, at its offset, and not before it was written.
fn compare(id: &str, tokens: &[Token], written: &[Written], lateness: &mut Lateness) {
    let written = written.iter().filter(|event| event.kind != "head").collect::<Vec<_>>();
    assert_eq!(tokens.len(), written.len(), "events of {id}: {written:?}");
    let mut begin = 0;
    for (token, event) in tokens.iter().zip(written) {
        let end = token.end_offset;
        // Events that share a TLS record end together.
        assert!(begin <= end && end <= event.end, "event {} of {id} ends at {end}: {event:?}", token.index);
        begin = event.end;
        let stamp = token
            .kernel_received_ns
            .unwrap_or_else(|| panic!("event {} of {id} has no timestamp", token.index))
            .0;
        assert!(
            stamp >= event.before_ns,
            "event {} of {id} arrived at {stamp}, before {event:?}",
            token.index
        );
        assert!(
            token.reaped_ns.0 >= stamp,
            "event {} of {id} was read before it arrived at {stamp}",
            token.index
        );
        lateness.kernel.push(stamp - event.before_ns);
        lateness.user.push(token.reaped_ns.0 - event.before_ns);
    }
}
