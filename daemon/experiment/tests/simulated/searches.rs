//! Searches on simulated servers.

use super::{Finished, Server, T_95, T_99, Until, clients, judged, load};
use experiment::search::{Measured, Outcome, Probe, Search};
use serde_json::json;

/// A search for the knee. A run of the usual length takes 30 s.
pub(crate) fn saturation(server: &Server, seed: u64) -> Finished {
    let search = json!({
        "planner": "saturation", "max_iterations": 100,
        "search_space": [{"path": "concurrency", "lo": 1, "hi": 1024, "kind": "int"}],
    });
    Finished::of(&parsed(search), |probe, number| {
        let seconds = 30.0 * f64::from(probe.length);
        let requests = server.closed(clients(probe), Until::Seconds(seconds), seed << 20 | number);
        let load = load(&requests, probe.values[0]);
        Outcome::Measured(Measured {
            objectives: Vec::new(),
            limits: Vec::new(),
            load,
            requests: count(&requests),
            is_cut: false,
        })
    })
}

/// A search for the most load of which 95 % of the requests are answered within a limit.
pub(crate) fn slo(server: &Server, limit: f64, requests: usize, seed: u64) -> Finished {
    let search = json!({
        "planner": "slo", "max_iterations": 200,
        "search_space": [{"path": "concurrency", "lo": 1, "hi": 256, "kind": "int"}],
        "sla_filters": [{"metric_tag": "request_latency", "op": "le", "threshold": limit}],
    });
    Finished::of(&parsed(search), |probe, number| {
        let most = requests * probe.length as usize;
        let all = server.closed(clients(probe), Until::Requests(most), seed << 20 | number);
        // A run that does not confirm ends as soon as its answer is sure.
        let early = [8, 4, 2].into_iter().filter(|_| !probe.confirms).map(|part| &all[..most / part]);
        let sure = early.filter(|part| part.len() >= 200).find_map(|part| {
            let judged = judged(part, limit, T_99)?;
            let is_sure = !matches!(judged.answer, experiment::search::Answer::Unsure { .. });
            is_sure.then_some((part, judged))
        });
        let (part, judged) = sure.map_or_else(
            || (all.as_slice(), judged(&all, limit, T_95)),
            |(part, judged)| (part, Some(judged)),
        );
        outcome(part.len(), judged, probe)
    })
}

/// The same by a planner of AIPerf's, whose runs all have the same number of requests.
pub(crate) fn fixed(planner: &str, server: &Server, limit: f64, requests: usize, seed: u64) -> Finished {
    let search = json!({
        "planner": planner, "max_iterations": 200,
        "search_space": [{"path": "concurrency", "lo": 1, "hi": 256, "kind": "int"}],
        "sla_filters": [{"metric_tag": "request_latency", "op": "le", "threshold": limit}],
    });
    Finished::of(&parsed(search), |probe, number| {
        let all = server.closed(clients(probe), Until::Requests(requests), seed << 20 | number);
        outcome(all.len(), judged(&all, limit, T_95), probe)
    })
}

fn outcome(requests: usize, judged: Option<experiment::search::Judged>, probe: &Probe) -> Outcome {
    let Some(judged) = judged else {
        return Outcome::Failed(format!("too few requests at {:?}", probe.values));
    };
    let requests = u64::try_from(requests).unwrap_or(u64::MAX);
    Outcome::Measured(Measured {
        objectives: Vec::new(),
        limits: vec![judged],
        load: None,
        requests,
        is_cut: false,
    })
}

fn count(requests: &[super::Request]) -> u64 {
    u64::try_from(requests.iter().filter(|request| request.is_answered).count()).unwrap_or(u64::MAX)
}

fn parsed(block: serde_json::Value) -> Search {
    Search::parse(block).expect("the search is valid")
}
