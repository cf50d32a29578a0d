//! The search for a knee, on scripted servers.

use crate::search::scripted::{Finished, finish, loaded};
use crate::search::{Outcome, Probe};
use serde_json::json;

fn search(hi: u32, outcome: impl FnMut(&Probe) -> Outcome) -> Finished {
    let block = json!({
        "planner": "saturation", "max_iterations": 60,
        "search_space": [{"path": "concurrency", "lo": 1, "hi": hi, "kind": "int"}],
    });
    finish(block, outcome)
}

/// A server of workers that take 0.1 s, known to a share that falls with the length of the run.
fn workers(probe: &Probe, count: f64) -> Outcome {
    let throughput = probe.values[0].min(count) / 0.1;
    loaded(probe.values[0], throughput, probe.values[0] / throughput, 0.02 / f64::from(probe.length).sqrt())
}

#[test]
fn the_knee_of_workers_is_their_number() {
    for count in [1.0, 5.0, 16.0, 20.0, 33.0] {
        let finished = search(512, |probe| workers(probe, count));
        assert_eq!(
            (finished.best(), finished.reason),
            (Some(count), "saturation_confirmed"),
            "{}",
            finished.note()
        );
        let (low, high) = finished.found.border.unwrap().interval.unwrap();
        assert!(low < count && count < high, "{low} {high}");
        let best = &finished.trials[finished.found.best[0]].probe;
        assert!(best.confirms, "{best:?}");
    }
}

#[test]
fn the_ladder_doubles_and_the_neighbours_are_confirmed() {
    let finished = search(512, |probe| workers(probe, 16.0));
    let of = |confirms: bool| {
        let probes = finished.trials.iter().map(|trial| &trial.probe);
        probes.filter(|probe| probe.confirms == confirms).map(|probe| probe.values[0]).collect::<Vec<_>>()
    };
    assert_eq!(of(true), [16.0, 15.0, 17.0]);
    assert_eq!(of(false)[..6], [1.0, 2.0, 4.0, 8.0, 16.0, 32.0]);
}

#[test]
fn a_server_that_slows_down_has_its_knee_where_the_asymptotes_cross() {
    // X = N / (0.1 + 0.01 N): at most 100 a second, and 0.11 s at a load of 1.
    let outcome = |probe: &Probe| {
        let response = 0.01f64.mul_add(probe.values[0], 0.1);
        loaded(probe.values[0], probe.values[0] / response, response, 0.002)
    };
    let finished = search(1024, outcome);
    let best = finished.best().unwrap();
    assert!((9.0..=11.0).contains(&best), "{best} {}", finished.note());
}

#[test]
fn a_load_that_is_not_steady_is_measured_again_longer() {
    // At 8, short runs end while requests pile up.
    let outcome = |probe: &Probe| {
        if (7.5..8.5).contains(&probe.values[0]) && probe.length < 4 {
            return loaded(8.0, 80.0, 0.05, 0.01);
        }
        workers(probe, 16.0)
    };
    let finished = search(512, outcome);
    let lengths = finished.trials.iter().filter(|trial| (7.5..8.5).contains(&trial.probe.values[0]));
    let lengths = lengths.map(|trial| trial.probe.length).collect::<Vec<_>>();
    assert_eq!((lengths.as_slice(), finished.best()), ([1, 2, 4].as_slice(), Some(16.0)));
}

#[test]
fn noise_makes_runs_longer() {
    let noisy = |probe: &Probe| {
        let throughput = probe.values[0].min(16.0) * 10.0;
        loaded(
            probe.values[0],
            throughput,
            probe.values[0] / throughput,
            0.1 / f64::from(probe.length).sqrt(),
        )
    };
    let (quiet, noisy) = (search(512, |probe| workers(probe, 16.0)), search(512, noisy));
    let length = |finished: &Finished| finished.trials.iter().map(|trial| trial.probe.length).sum::<u32>();
    assert!(length(&noisy) > length(&quiet), "{} {}", length(&noisy), length(&quiet));
    assert_eq!(noisy.best(), Some(16.0), "{}", noisy.note());
}

#[test]
fn a_client_that_is_the_limit_has_no_knee() {
    let outcome = |probe: &Probe| match probe.values[0] {
        ..=8.0 => workers(probe, 16.0),
        _ => Outcome::ClientLimited("a thread was busy".to_owned()),
    };
    let finished = search(512, outcome);
    assert_eq!((finished.best(), finished.reason), (None, "client_limited"));
    let note = "nothing is known of the server from 16 on: the client was the limit: a thread was busy";
    assert_eq!(finished.note(), note);
}

#[test]
fn a_run_that_fails_once_is_repeated() {
    let mut failures = 0;
    let mut failing = |most: u32| {
        search(512, |probe| {
            if (15.5..16.5).contains(&probe.values[0]) && failures < most {
                failures += 1;
                return Outcome::Failed("refused".to_owned());
            }
            workers(probe, 16.0)
        })
    };
    let once = failing(1);
    assert_eq!((once.best(), once.reason), (Some(16.0), "saturation_confirmed"), "{}", once.note());
    let twice = failing(3);
    assert_eq!((twice.best(), twice.reason), (None, "run_failed"), "{}", twice.note());
}

#[test]
fn a_client_that_becomes_the_limit_is_asked_once_more() {
    let mut limited = 0;
    let mut limiting = |most: u32| {
        search(512, |probe| {
            if probe.confirms && (16.5..17.5).contains(&probe.values[0]) && limited < most {
                limited += 1;
                return Outcome::ClientLimited("a thread was busy".to_owned());
            }
            workers(probe, 16.0)
        })
    };
    let once = limiting(1);
    assert_eq!((once.best(), once.reason), (Some(16.0), "saturation_confirmed"), "{}", once.note());
    let twice = limiting(3);
    assert_eq!((twice.best(), twice.reason), (None, "client_limited"), "{}", twice.note());
    assert_eq!(
        twice.trials.iter().filter(|trial| trial.probe.values[0] > 16.5).count(),
        3,
        "{:?}",
        twice.values()
    );
}

#[test]
fn a_range_may_end_before_throughput_does() {
    let finished = search(8, |probe| workers(probe, 16.0));
    assert_eq!((finished.best(), finished.reason), (None, "saturation_not_in_range"));
    assert!(finished.note().starts_with("throughput still grows at 8"), "{}", finished.note());
}
