//! A run without any problem, for tests to change.

use super::{Evidence, Requests, judge};
use record::Standing;

fn good() -> Evidence {
    Evidence {
        due: 1000,
        sent: 1000,
        requests: Requests { ended: 1000, completed: 1000, streams: 1000, ..Requests::default() },
        events: 16_000,
        kernel_stamps: true,
        open_loop: true,
        tokenizer: Some("builtin".to_owned()),
        kernel_ttft_p50_ms: Some(20.0),
        client_overhead_p99_ms: Some(0.3),
        hot_core_busy: Some(0.4),
        measured_ms: 10_000.0,
        ..Evidence::default()
    }
}

/// Checks the verdict, and its reasons, of a good run that was changed.
pub(super) fn check(change: impl FnOnce(&mut Evidence), standing: Standing, names: &[&str]) {
    let mut evidence = good();
    change(&mut evidence);
    let verdict = judge(&evidence);
    let found = verdict.reasons.iter().map(|reason| reason.name.as_str()).collect::<Vec<_>>();
    assert_eq!((verdict.standing, found.as_slice()), (standing, names), "{evidence:?}");
}

/// Checks that there is a reason with this text.
pub(super) fn check_text(change: impl FnOnce(&mut Evidence), expected: &str) {
    let mut evidence = good();
    change(&mut evidence);
    let verdict = judge(&evidence);
    let found = verdict.reasons.iter().any(|reason| reason.text.contains(expected));
    assert!(found, "`{expected}` is in {:?}", verdict.reasons);
}

#[test]
fn a_good_run_has_no_reasons() {
    check(|_| {}, Standing::Valid, &[]);
}
