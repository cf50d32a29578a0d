//! Searches find what is known of simulated servers: small versions of the tables of docs/SEARCH.md, with fixed seeds.

mod simulated;

use experiment::search::backlog;
use simulated::searches::{fixed, saturation, slo};
use simulated::{Server, Service, float};

#[test]
fn a_knee_is_the_number_of_workers() {
    for service in Service::ALL {
        for seed in 0..3 {
            let finished = saturation(&Server::new(16, service), seed);
            let best = finished.best();
            assert!((best - 16.0).abs() <= 0.8, "{service:?} {seed}: {best} {:?}", finished.found.note);
            assert_eq!(finished.reason, "saturation_confirmed", "{service:?} {seed}");
        }
    }
}

#[test]
fn a_server_that_falls_behind_is_seen_and_another_is_not() {
    for service in Service::ALL {
        let server = Server::new(16, service);
        let alarms = |share: f64| {
            let is_growing = |seed: &u64| {
                backlog(&server.open(share, 60.0, 12, *seed)).is_some_and(|backlog| backlog.is_growing)
            };
            (0..40).filter(is_growing).count()
        };
        assert!(alarms(0.8) <= 2, "{service:?}: {} false alarms of 40", alarms(0.8));
        assert!(alarms(1.05) >= 36, "{service:?}: {} of 40 seen", alarms(1.05));
    }
}

#[test]
fn a_border_is_found_with_fewer_requests_than_by_halving_alone() {
    let server = Server::new(16, Service::Exponential);
    // Of runs of a million requests.
    let border = 39.0;
    let (mut requests, mut by_halving) = (0.0, 0.0);
    for seed in 0..5 {
        let (found, halved) =
            (slo(&server, 0.45, 2_000, seed), fixed("monotonic_sla", &server, 0.45, 8_000, seed));
        assert!((found.best() - border).abs() <= 1.0, "{seed}: {} for {border}", found.best());
        requests += float(found.requests());
        by_halving += float(halved.requests());
    }
    assert!(requests < 0.6 * by_halving, "{requests} {by_halving}");
}

#[test]
fn a_server_that_refuses_requests_never_ranks_above_a_slow_one() {
    for service in Service::ALL {
        let slow = Server::new(16, service);
        let refusing = Server { refused: 0.3, mean: slow.mean / 4.0, ..slow };
        for seed in 0..3 {
            let (refusing, slow) = (slo(&refusing, 0.6, 1_000, seed), slo(&slow, 0.6, 1_000, seed));
            assert_eq!((refusing.best().to_bits(), refusing.found.best.len()), (0, 0), "{service:?} {seed}");
            assert!(slow.best() > 16.0, "{service:?} {seed}: {}", slow.best());
        }
    }
}
