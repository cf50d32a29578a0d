//! The kernel's stamps against the truth: the server's own log of when it wrote each event.
#![expect(clippy::unwrap_used, reason = "in a test, what goes wrong unexpectedly fails it")]

use common::id::RequestId;
use end_to_end::client::{Ended, Run};
use end_to_end::needs_probes;
use end_to_end::server::{Server, Written};
use export::parquet::rows;
use record::{Request, Token};
use std::collections::HashMap;
use std::io::Write;

/// Runs a profile and compares each event with the server's account of it.
fn check(name: &str, server: &str, flags: &str, requests: usize) {
    let server = Server::start(server);
    let ended = Run::profile(&server.url(), flags).end();
    ended.ended_with(0);
    let run = ended.json("run.json");
    assert_eq!(run["timestamps"], "ebpf", "the rung of {run}");
    let run_number = u64::from_str_radix(run["run_id"].as_str().unwrap(), 16).unwrap();
    let mut written =
        server.log().into_iter().map(|served| (served.request_id, served.written)).collect::<HashMap<_, _>>();
    let recorded = recorded(&ended);
    assert_eq!(recorded.len(), requests, "every request is recorded");
    let (mut kernel, mut user) = (Vec::new(), Vec::new());
    for (request, tokens) in recorded {
        let id = String::from_utf8(request.header(run_number).to_vec()).unwrap();
        let written = written.remove(&id).unwrap_or_else(|| panic!("the server knows of {id}"));
        compare(&id, &tokens, &written, &mut kernel, &mut user);
    }
    assert!(written.is_empty(), "requests that the server saw and the client did not record: {written:?}");
    let loss = &run["loss"];
    for place in ["unmatched_events", "unmatched_requests", "damaged"] {
        assert_eq!(loss[place], serde_json::json!({}), "nothing is lost: {loss}");
    }
    tell(name, "kernel", &mut kernel);
    tell(name, "user", &mut user);
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

/// One request: each event that was written was recorded, where it was written, and not before it was.
fn compare(id: &str, tokens: &[Token], written: &[Written], kernel: &mut Vec<u64>, user: &mut Vec<u64>) {
    let written = written.iter().filter(|event| event.kind != "head").collect::<Vec<_>>();
    assert_eq!(tokens.len(), written.len(), "events of {id}: {written:?}");
    let mut begin = 0;
    for (token, event) in tokens.iter().zip(written) {
        let end = token.end_offset;
        assert!(begin < end && end <= event.end, "event {} of {id} ends at {end}: {event:?}", token.index);
        begin = event.end;
        let stamp = token
            .kernel_received_ns
            .unwrap_or_else(|| panic!("event {} of {id} has no stamp", token.index))
            .0;
        assert!(stamp >= event.before_ns, "event {} of {id} came at {stamp}, before {event:?}", token.index);
        assert!(
            token.reaped_ns.0 >= stamp,
            "event {} of {id} was reaped before it came at {stamp}",
            token.index
        );
        kernel.push(stamp - event.before_ns);
        user.push(token.reaped_ns.0 - event.before_ns);
    }
}

/// Prints how much later than the server's write the stamps are. A figure to look at, not to hold anybody to.
fn tell(name: &str, view: &str, late_ns: &mut [u64]) {
    late_ns.sort_unstable();
    let at = |percent: usize| late_ns[(late_ns.len() - 1) * percent / 100].div_ceil(100);
    let figures =
        [50, 90, 99, 100].map(|percent| format!("p{percent} {}.{} µs", at(percent) / 10, at(percent) % 10));
    let line = format!("{name}: {view} stamp after write, {} events: {}", late_ns.len(), figures.join("  "));
    writeln!(std::io::stderr(), "{line}").ok();
}

#[test]
fn every_event_is_matched_at_64_streams() {
    needs_probes!();
    check("64 streams", "--cpu 0 --tokens 32", "--concurrency 64 --request-count 192", 192);
}

#[test]
fn every_event_is_matched_at_1024_streams() {
    needs_probes!();
    let server = "--cpu 0 --tokens 16 --ttft-ms 50 --gap-ms 50";
    check("1024 streams", server, "--concurrency 1024 --request-count 1024", 1024);
}
