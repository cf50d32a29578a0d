//! Whatever runs give, a search ends, stays in its space, and goes on from its trials alone.

use experiment::search::{Answer, Ask, Judged, Load, Measure, Measured, Outcome, Search, Trial};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::json;

fn outcome(random: &mut StdRng) -> Outcome {
    let mut measure = || {
        let (value, width) = (random.random::<f64>() * 200.0, random.random::<f64>() * 20.0);
        Measure { value, low: value - width, high: value + width }
    };
    let (observed, throughput, response) = (measure(), measure(), measure());
    let answer = match random.random::<f64>() {
        ..0.4 => Answer::Met,
        ..0.7 => Answer::Missed,
        share => Answer::Unsure { looks_met: share < 0.85 },
    };
    let in_flight = if random.random::<bool>() { throughput.value * response.value } else { 7.0 };
    match random.random::<f64>() {
        ..0.05 => Outcome::Failed("refused".to_owned()),
        ..0.1 => Outcome::ClientLimited("busy".to_owned()),
        ..0.15 => Outcome::Measured(Measured {
            objectives: vec![None],
            limits: vec![Judged { observed: None, answer: Answer::Missed }],
            load: None,
            requests: 0,
            is_cut: false,
        }),
        _ => Outcome::Measured(Measured {
            objectives: vec![Some(observed)],
            limits: vec![Judged { observed: Some(observed), answer }],
            load: Some(Load {
                throughput,
                response,
                in_flight,
                issue_seconds: random.random_range(0.0..2000.0),
            }),
            requests: 100,
            is_cut: false,
        }),
    }
}

#[track_caller]
fn check(planner: &str, seed: u64) {
    let mut block = json!({
        "planner": planner, "max_iterations": 40, "sla_replicates": seed % 3,
        "search_space": [{"path": "concurrency", "lo": 1, "hi": 2 + seed % 90, "kind": "int"}],
        "objectives": [{"metric": "output_token_throughput", "direction": "MAXIMIZE"}],
        "sla_filters": [{"metric_tag": "time_to_first_token", "op": "le", "threshold": 100}],
    });
    if planner == "saturation" {
        block["sla_filters"] = json!([]);
    }
    let search = Search::parse(block).expect("the search is valid");
    let mut random = StdRng::seed_from_u64(seed);
    let mut planner = search.planner();
    let mut trials = Vec::new();
    while let Ask::Measure(probe) = planner.ask() {
        let value = probe.values[0];
        let axis = &search.search_space[0];
        let is_inside = (axis.lo..=axis.hi).contains(&value) && value.fract().abs() <= 0.0;
        assert!(is_inside && probe.length >= 1, "{seed}: {probe:?}");
        assert!(trials.len() < search.max_iterations, "{seed}: too many runs");
        let mut restored = search.planner();
        trials.iter().for_each(|trial| restored.tell(trial));
        assert_eq!(restored.ask(), Ask::Measure(probe.clone()), "{seed}: after {} runs", trials.len());
        let trial = Trial { probe, outcome: outcome(&mut random) };
        planner.tell(&trial);
        trials.push(trial);
        for best in planner.found().best {
            let is_of_server = matches!(trials[best].outcome, Outcome::Measured(_));
            assert!(is_of_server, "{seed}: {:?} is best", trials[best]);
        }
    }
}

#[test]
fn a_search_ends_inside_its_space() {
    for planner in ["slo", "saturation", "monotonic_sla", "smooth_isotonic", "bayesian"] {
        (1..150).for_each(|seed| check(planner, seed));
    }
}
