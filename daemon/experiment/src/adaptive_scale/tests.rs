//! The expected sequences are what AIPerf 0.13's own controller decides for the same windows.

use super::*;

fn limit(metric_tag: &str, stat: &str, op: Op, threshold: f64) -> Limit {
    Limit { metric_tag: metric_tag.to_owned(), stat: stat.to_owned(), op, threshold }
}

/// One limit: the 95th percentile of latencies below 100 ms.
fn rules(minimum: f64, maximum: f64, sustain_seconds: f64) -> Rules {
    Rules {
        minimum,
        maximum,
        is_whole: true,
        completed_min: 1,
        sustain_seconds,
        step: Step::Margin { base: 10, multiplier_max: 4 },
        limits: vec![limit("request_latency", "p95", Op::Lt, 100.0)],
    }
}

/// A window of a second with so many requests of this latency, and so many that failed.
fn window(latency_ms: f64, requests: usize, errors: usize) -> Window {
    let sample = Sample { latency_ms, ttft_ms: Some(latency_ms / 2.0), ..Sample::default() };
    Window { requests: vec![sample; requests], errors, seconds: 1.0, ..Window::default() }
}

fn four(latencies: &[f64]) -> Vec<Window> {
    latencies.iter().map(|latency| window(*latency, 4, 0)).collect()
}

/// The value after each window, and why the phase ended.
fn decided(rules: Rules, windows: &[Window]) -> (Controller, String) {
    let mut controller = Controller::new(rules);
    let mut now = 0.0;
    let mut values = Vec::new();
    for window in windows {
        assert_eq!(controller.completed(), None, "a window after the end");
        now += window.seconds;
        controller.assess(window, now);
        values.push(format!("{}{}", controller.current(), &controller.stage().name()[..1]));
    }
    let reason = controller.completed().map(|reason| format!(" {reason}")).unwrap_or_default();
    let text = values.join(" ") + &reason;
    (controller, text)
}

#[track_caller]
fn check(rules: Rules, windows: &[Window], expected: &str) {
    assert_eq!(decided(rules, windows).1, expected);
}

#[test]
fn steps_are_smaller_near_the_limit() {
    let windows = four(&[10.0, 30.0, 55.0, 90.0, 120.0, 80.0, 80.0, 95.0]);
    let expected = "31d 51d 61d 71d 61s 61s 61s 61c sustain_duration_completed";
    check(rules(1.0, 100.0, 3.0), &windows, expected);
}

#[test]
fn steps_of_a_percentage() {
    let percent =
        |minimum, maximum, seconds| Rules { step: Step::Percent(25.0), ..rules(minimum, maximum, seconds) };
    let windows = four(&[50.0, 50.0, 50.0, 50.0, 130.0, 120.0, 90.0]);
    check(percent(4.0, 40.0, 2.0), &windows, "5d 7d 9d 12d 9s 6s 6c sustain_duration_completed");
    let windows = four(&[50.0, 50.0, 130.0, 120.0, 130.0]);
    check(percent(4.0, 40.0, 9.0), &windows, "5d 7d 5s 4s 4c sustain_failed_after_recovery");
    let rate = Rules { is_whole: false, step: Step::Percent(50.0), ..rules(2.5, 20.0, 2.0) };
    let windows = four(&[50.0, 50.0, 50.0, 50.0, 150.0, 50.0, 50.0]);
    check(rate, &windows, "4.5d 7.5d 11.5d 17.5d 11.5s 11.5s 11.5c sustain_duration_completed");
}

#[test]
fn ends_without_a_value_that_holds() {
    check(rules(4.0, 40.0, 9.0), &four(&[50.0, 130.0, 120.0]), "24d 4s 4c sustain_failed_sla_unrecoverable");
    check(rules(2.0, 12.0, 9.0), &four(&[150.0]), "2c no_sustainable_concurrency_found");
    let small = Rules { step: Step::Margin { base: 5, multiplier_max: 4 }, ..rules(1.0, 12.0, 9.0) };
    check(small, &four(&[50.0, 10.0, 10.0]), "11d 12d 12c max_control_value_reached_without_saturation");
}

#[test]
fn windows_with_few_requests_or_none_that_succeeded() {
    let three = Rules { completed_min: 3, ..rules(2.0, 32.0, 9.0) };
    let windows = [window(50.0, 2, 0), window(50.0, 3, 0), window(0.0, 0, 4), window(0.0, 0, 2)];
    check(three, &windows, "2d 22d 2s 2c sustain_failed_sla_unrecoverable");
    let cancelled = Window { cancelled: 2, ..window(0.0, 0, 0) };
    check(rules(2.0, 32.0, 9.0), &[window(0.0, 0, 0), cancelled], "2d 2c no_sustainable_concurrency_found");
}

#[test]
fn every_limit_counts() {
    let throughput = limit("request_throughput", "avg", Op::Ge, 4.0);
    let mut two = rules(1.0, 100.0, 9.0);
    two.limits.push(throughput);
    check(two, &[window(10.0, 8, 0), window(10.0, 5, 0), window(10.0, 3, 0)], "31d 41d 31s");
    let errors = Rules { limits: vec![limit("error_rate", "avg", Op::Le, 20.0)], ..rules(1.0, 100.0, 9.0) };
    check(errors, &[window(10.0, 8, 0), window(10.0, 8, 1), window(0.0, 0, 3)], "41d 51d 41s");
}

/// Here AIPerf looks at the requests that succeeded alone.
#[test]
fn failures_miss_a_limit_on_a_latency() {
    check(rules(1.0, 100.0, 9.0), &[window(10.0, 10, 0), window(10.0, 10, 1)], "31d 1s");
}

#[test]
fn a_void_window_decides_nothing() {
    let late = |latency| {
        let client = Client { sent: 10, late: 9, ..Client::default() };
        Window { client, ..window(latency, 4, 0) }
    };
    let windows = [window(50.0, 4, 0), late(10.0), late(500.0), window(50.0, 4, 0), late(500.0)];
    let (controller, text) = decided(rules(1.0, 100.0, 9.0), &windows);
    assert_eq!((text.as_str(), controller.void_windows()), ("21d 21d 21d 41d 41d", 3));
    let windows = vec![late(10.0); 5];
    check(rules(1.0, 100.0, 9.0), &windows, "1d 1d 1d 1d 1c client_limited");
    assert_eq!((status(CLIENT_LIMITED), status("phase_stopped")), ("incomplete", "completed"));
}

#[test]
fn events_are_aiperfs() {
    let (mut controller, _) = decided(rules(1.0, 100.0, 1.0), &four(&[55.0, 120.0, 80.0]));
    let shown = |event: &Event| {
        let Event { kind, stage, before, after, passed, step, .. } = event;
        let found = [event.boundary, event.last_passing, event.first_failing, event.primary, *step];
        let found =
            found.map(|value| value.map_or_else(|| "-".to_owned(), |value| value.to_string())).join(" ");
        format!("{} {} {before}>{after} {passed:?} {found}", kind.name(), stage.name())
    };
    let events = controller.take_events().iter().map(shown).collect::<Vec<_>>();
    let expected = [
        "adaptive_phase_started discover 1>1 None - - - - -",
        "adaptive_window discover 1>1 Some(true) - - - 55 -",
        "adaptive_decision discover 1>11 None - 1 - 55 10",
        "adaptive_window discover 11>11 Some(false) - 1 - 120 -",
        "sustain_started sustain 11>1 None 1 1 11 120 -",
        "boundary_discovered sustain 1>1 None 1 1 11 120 -",
        "adaptive_window sustain 1>1 Some(true) 1 1 11 80 -",
        "adaptive_decision sustain 1>1 None 1 1 11 80 -",
        "adaptive_complete complete 1>1 None 1 1 11 80 -",
    ];
    assert_eq!(events, expected);
    controller.end("phase_stopped");
    assert!(controller.take_events().is_empty(), "it ended before");
}
