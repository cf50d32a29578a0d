//! The search for a border, on scripted servers.

use crate::search::scripted::{Finished, finish, judged, judged_at_most};
use crate::search::{Answer, Judged, Measure, Outcome, Probe};
use serde_json::json;

fn search(kind: &str, hi: u32, outcome: impl FnMut(&Probe) -> Outcome) -> Finished {
    let block = json!({
        "max_iterations": 60,
        "search_space": [{"path": "concurrency", "lo": 1, "hi": hi, "kind": kind}],
        "sla_filters": [{"metric_tag": "time_to_first_token", "op": "le", "threshold": 100}],
    });
    finish(block, outcome)
}

/// A server with 5 ms more for each request in flight, known to 4 % by a run of the usual length.
fn line(probe: &Probe) -> Outcome {
    let (number, error) = (5.0 * probe.values[0], 0.2 * probe.values[0] / f64::from(probe.length).sqrt());
    let answer = match (number + error <= 100.0, number - error > 100.0) {
        (true, _) => Answer::Met,
        (_, true) => Answer::Missed,
        _ => Answer::Unsure { looks_met: number <= 100.0 },
    };
    let observed = Measure { value: number, low: number - error, high: number + error };
    let Outcome::Measured(mut measured) = judged(number, answer) else { unreachable!("a run") };
    measured.limits = vec![Judged { observed: Some(observed), answer }];
    Outcome::Measured(measured)
}

#[test]
fn the_border_is_found_and_both_sides_are_confirmed() {
    let finished = search("int", 64, line);
    assert_eq!((finished.best(), finished.reason), (Some(20.0), "slo_precision_reached"));
    let border = finished.found.border.unwrap();
    assert_eq!((border.feasible.map(|at| at.0), border.infeasible.map(|at| at.0)), (Some(20.0), Some(21.0)));
    let (low, high) = border.interval.unwrap();
    assert!(low <= 20.0 && high >= 21.0 && high - low < 3.0, "{low} {high}");
    let confirming = finished.trials.iter().filter(|trial| trial.probe.confirms);
    let confirming = confirming.map(|trial| (trial.probe.values[0], trial.probe.length)).collect::<Vec<_>>();
    assert_eq!(confirming, [(20.0, 2), (20.0, 4), (20.0, 8), (21.0, 2)]);
    let best = &finished.trials[finished.found.best[0]];
    assert!(best.probe.confirms, "{best:?}");
}

#[test]
fn an_unsure_answer_is_asked_again_longer() {
    let mut lengths = Vec::new();
    search("int", 64, |probe| {
        if (19.5..20.5).contains(&probe.values[0]) {
            lengths.push(probe.length);
        }
        line(probe)
    });
    assert_eq!(lengths, [1, 2, 4, 8]);
}

#[test]
fn a_failed_confirmation_goes_on_searching() {
    // Short runs say that 24 are fine, long ones that 20 are.
    let outcome = |probe: &Probe| {
        let most = if probe.confirms { 20.0 } else { 24.0 };
        judged_at_most(probe.values[0] / most * 100.0, 100.0)
    };
    let finished = search("int", 64, outcome);
    assert_eq!((finished.best(), finished.reason), (Some(20.0), "slo_precision_reached"));
    // And the other way round.
    let outcome = |probe: &Probe| {
        let most = if probe.confirms { 24.0 } else { 20.0 };
        judged_at_most(probe.values[0] / most * 100.0, 100.0)
    };
    let finished = search("int", 64, outcome);
    assert_eq!((finished.best(), finished.reason), (Some(24.0), "slo_precision_reached"));
}

#[test]
fn a_client_that_is_the_limit_bounds_the_search() {
    let outcome = |probe: &Probe| match probe.values[0] {
        ..=10.0 => judged_at_most(1.0, 100.0),
        _ => Outcome::ClientLimited("a thread was busy".to_owned()),
    };
    let finished = search("int", 64, outcome);
    assert_eq!((finished.best(), finished.reason), (Some(10.0), "client_limited"));
    assert_eq!(finished.found.border.unwrap().infeasible, None, "{}", finished.note());
    assert_eq!(finished.note(), "the client was the limit above 10: at 11, a thread was busy");
    let finished = search("int", 64, |_| Outcome::ClientLimited("a thread was busy".to_owned()));
    assert_eq!((finished.best(), finished.reason), (None, "client_limited"));
}

#[test]
fn a_range_may_lie_on_one_side() {
    let finished = search("int", 64, |_| judged_at_most(240.0, 100.0));
    assert_eq!((finished.best(), finished.reason), (None, "slo_no_pass_in_range"));
    let note = "no load meets the limits: at 1, the least one, time_to_first_token p95 is 240.000000, asked for <= 100";
    assert_eq!((finished.note(), finished.values().as_slice()), (note, [1.0, 1.0].as_slice()));
    let finished = search("int", 6, |_| judged_at_most(1.0, 100.0));
    assert_eq!((finished.best(), finished.reason), (Some(6.0), "slo_no_failure_in_range"));
    let border = finished.found.border.unwrap();
    assert_eq!((border.infeasible, border.interval), (None, None));
    assert_eq!(finished.note(), "the limits are met up to 6, the space's end");
    let finished = search("int", 64, |_| Outcome::Failed("refused".to_owned()));
    assert_eq!(finished.best(), None, "{}", finished.note());
}

#[test]
fn a_rate_is_found_to_a_share_of_it() {
    let finished = search("real", 64, |probe| judged_at_most(5.0 * probe.values[0], 102.3));
    let best = finished.best().unwrap();
    assert!((20.25..=20.46).contains(&best), "{best}");
}

#[test]
fn one_wrong_answer_does_not_end_a_search_below_it() {
    let mut first = true;
    let outcome = |probe: &Probe| {
        let is_wrong = (3.5..4.5).contains(&probe.values[0]) && std::mem::take(&mut first);
        judged_at_most(if is_wrong { 200.0 } else { 5.0 * probe.values[0] }, 100.0)
    };
    let finished = search("int", 64, outcome);
    assert_eq!(finished.best(), Some(20.0), "{:?}", finished.values());
}

/// The client becomes the limit at a load that is one step above the best one: nothing is asked for again and again.
#[test]
fn a_client_that_is_the_limit_one_step_above_ends_the_search() {
    let block = json!({
        "search_space": [{"path": "phases.profiling.rate", "lo": 50, "hi": 250, "kind": "real"}],
        "sla_filters": [{"metric_tag": "x", "op": "le", "threshold": 131.0}],
        "max_iterations": 60,
    });
    let mut longest = 0;
    let finished = finish(block, |probe| {
        longest = longest.max(probe.length);
        // A longer run at the greatest load that keeps the limit is late.
        match probe.values[0] {
            load if load > 129.0 && load <= 131.0 && probe.confirms => {
                Outcome::ClientLimited("late".to_owned())
            }
            load => judged_at_most(load, 131.0),
        }
    });
    assert_ne!(finished.reason, "max_iterations", "{:?}", finished.values());
    let mut values = finished.values();
    values.sort_by(f64::total_cmp);
    let repeated = values.windows(3).filter(|three| three[0].to_bits() == three[2].to_bits()).count();
    assert!(repeated <= 2, "no load is asked for again and again: {values:?}");
}
