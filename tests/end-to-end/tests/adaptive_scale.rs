//! Tests phases that change their own load against a server whose capacity is known: what is found, and what is written of it.
#![expect(clippy::unwrap_used, reason = "in a test, what goes wrong unexpectedly fails it")]

use end_to_end::client::{Ended, Run, Running};
use end_to_end::control_http::descendants;
use end_to_end::patience::until;
use end_to_end::server::Server;
use end_to_end::{needs_probes, needs_programs};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

/// A run of this phase to its end.
fn scaled(server: &Server, phase: &str) -> Ended {
    let folder = tempfile::tempdir().unwrap();
    started(server, phase, folder.path()).end()
}

/// A run of this phase, whose configuration is in a folder.
fn started(server: &Server, phase: &str, folder: &Path) -> Running {
    let file = folder.join("run.yaml");
    let common = "model: m\nendpoint: {type: chat, streaming: true}\ndataset: {entries: 4, isl: 8, osl: 4}\n\
                  tokenizer: {name: none}\ngpu_telemetry: {enabled: false}\nserver_metrics: {enabled: false}\n\
                  artifacts: {dir: artifacts}\nruntime: {ui: none}\n";
    fs::write(&file, format!("{common}phases:\n- {phase}\n")).unwrap();
    let mut run = Run::of("profile");
    run.command.arg("--config").arg(&file).args(["--fail-on", "never", "--url"]).arg(server.url());
    run.without_daemon().start()
}

/// The same on a host that leaves its client alone: where other programs made it late in window after window, it is made again.
fn undisturbed(server: &Server, phase: &str) -> Ended {
    let mut ended = scaled(server, phase);
    for _again in 0..3 {
        if ended.json("run.json")["adaptive_scale"][0]["void_windows"] == 0 {
            break;
        }
        ended = scaled(server, phase);
    }
    ended
}

fn signal(pid: u32, signal: Signal) {
    kill_process(Pid::from_raw(i32::try_from(pid).unwrap()).unwrap(), signal).unwrap();
}

/// The load generator that sends requests, not the process that spawns it.
fn load_generator(pid: u32) -> Option<u32> {
    descendants(pid).into_iter().find(|pid| {
        let line = fs::read(Path::new("/proc").join(pid.to_string()).join("cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).replace('\0', " ").contains("aiperf-loadgen run")
    })
}

/// The values that the load was set to.
fn values(ended: &Ended) -> Vec<Value> {
    let run = ended.json("run.json");
    run["steered"].as_array().unwrap().iter().map(|steered| steered["value"].clone()).collect()
}

/// With 8 slots of 55 ms, 12 requests at once wait for one another at most, and 20 for one or two: a first token takes 95 ms or less,
/// and 95 ms or more.
const EIGHT_SLOTS: &str = "--slots 8 --ttft-ms 40 --gap-ms 5 --tokens 4";
const CLIMB: &str = "{name: climb, duration: 30, concurrency: 60, grace_period: 5, adaptive_scale: {control: {min: 4}, \
                     window: 1, min_completed_requests: 20, sustain_duration: 2, \
                     strategy: {base_step: 8, max_step_multiplier: 1}, sla: {time_to_first_token: {p75: {lt: 112}}}}}";

#[test]
fn the_concurrency_below_the_limit_is_held() {
    needs_programs!();
    let server = Server::start(EIGHT_SLOTS);
    let ended = undisturbed(&server, CLIMB);
    ended.ended_with(0);
    let run = ended.json("run.json");
    let found = &run["adaptive_scale"][0];
    assert_eq!(found["reason"], "sustain_duration_completed", "{run:#}\n{}", ended.err);
    assert_eq!((&found["sustained"], &found["first_failing"]), (&json!(12.0), &json!(20.0)), "{found:#}");
    assert_eq!(values(&ended), [json!(4.0), json!(12.0), json!(20.0), json!(12.0), Value::Null]);
    let begun = run["phases"][0]["begun_ns"].as_u64().unwrap();
    let moments = run["steered"].as_array().unwrap().iter().map(|steered| steered["at_ns"].as_u64().unwrap());
    let moments = moments.collect::<Vec<_>>();
    assert!(moments[0] == begun && moments.is_sorted(), "on the clock of the run: {moments:?}, {begun}");
    assert!(ended.out.contains("concurrency 12 was sustained; 20 misses a limit"), "{}", ended.out);
    assert!(ended.err.contains("adaptive_scale `climb`: concurrency 4 to 12"), "{}", ended.err);

    let summary = ended.json("phases/climb/adaptive_scale_summary.json");
    assert_eq!(
        (&summary["status"], &summary["schema_version"]),
        (&json!("completed"), &json!(2)),
        "{summary:#}"
    );
    assert_eq!(
        summary["result"],
        json!({"boundary_value": 12, "first_failing_value": 20, "last_passing_value": 12})
    );
    let candidates = summary["candidates"].as_array().unwrap();
    let accepted = candidates.iter().map(|one| (one["candidate_value"].as_u64().unwrap(), &one["accepted"]));
    let accepted = accepted.take(4).collect::<Vec<_>>();
    let (yes, no) = (json!(true), json!(false));
    assert_eq!(accepted, [(4, &yes), (12, &yes), (20, &no), (12, &yes)], "{summary:#}");
    for window in candidates {
        let share = window["client"]["share"].as_f64().unwrap();
        assert!((0.0..0.1).contains(&share) && window["client"]["void"] == false, "{window:#}");
        assert!(window["ttft_p50_ms"].as_f64().unwrap() > 35.0, "{window:#}");
    }
    let events = ended.lines("phases/climb/adaptive_scale_events.jsonl");
    let names = events.iter().map(|event| event["event"].as_str().unwrap()).collect::<Vec<_>>();
    assert_eq!(names[..3], ["adaptive_phase_started", "adaptive_window", "adaptive_decision"]);
    assert_eq!(names.last(), Some(&"adaptive_complete"));
    let missed = events.iter().find(|event| event["sla_passed"] == false).unwrap();
    let key = "time_to_first_token:p75:lt:112";
    assert_eq!((&missed["control_value"], &missed["binding_sla"]), (&json!(20), &json!(key)), "{missed:#}");
    let manifest = ended.json("adaptive_scale_manifest.json");
    assert_eq!(manifest["adaptive_phases"][0]["events_path"], "phases/climb/adaptive_scale_events.jsonl");
}

/// A load generator that does not run for a while shows nothing of the server: the same load is assessed again.
#[test]
fn a_window_in_which_the_client_stood_still_is_void() {
    needs_probes!();
    let server = Server::start(EIGHT_SLOTS);
    let folder = tempfile::tempdir().unwrap();
    let running = started(&server, CLIMB, folder.path());
    until("a step up", || running.err().contains("concurrency 4 to 12").then_some(()));
    let loadgen = until("a load generator", || load_generator(running.pid()));
    signal(loadgen, Signal::STOP);
    std::thread::sleep(std::time::Duration::from_millis(600));
    signal(loadgen, Signal::CONT);
    let ended = running.end();
    ended.ended_with(0);
    let run = ended.json("run.json");
    let found = &run["adaptive_scale"][0];
    assert!(found["void_windows"].as_u64().is_some_and(|count| count > 0), "{found:#}\n{}", ended.err);
    assert_eq!(values(&ended)[..3], [json!(4.0), json!(12.0), json!(20.0)], "no step too many: {found:#}");
    let summary = ended.json("phases/climb/adaptive_scale_summary.json");
    let candidates = summary["candidates"].as_array().unwrap();
    let void = candidates.iter().find(|window| window["client"]["void"] == true).unwrap();
    assert_eq!((&void["accepted"], &void["rejection_reason"]), (&json!(false), &json!("client_limited")));
    assert!(void["client"]["share"].as_f64().unwrap() > 0.1, "{void:#}");
    assert!(ended.out.contains("void because of this client"), "{}", ended.out);
}

#[test]
fn a_rate_rises_to_its_maximum() {
    needs_programs!();
    let server = Server::start("--ttft-ms 20");
    let ended = undisturbed(
        &server,
        "{name: profiling, type: constant, rate: 80, duration: 20, adaptive_scale: true, adaptive_control_min: 20, \
         adaptive_control_variable: request_rate, adaptive_assessment_period: 1, adaptive_sustain_duration: 5, \
         adaptive_scale_step_policy: fixed_percent_step, adaptive_scale_step_percent: 100, \
         sla: [{metric_tag: request_latency, stat: p50, op: lt, threshold: 2000}]}",
    );
    ended.ended_with(0);
    let run = ended.json("run.json");
    let found = &run["adaptive_scale"][0];
    assert_eq!(found["reason"], "max_control_value_reached_without_saturation", "{run:#}\n{}", ended.err);
    assert_eq!((&found["status"], &found["last_passing"]), (&json!("incomplete"), &json!(80.0)));
    assert_eq!(values(&ended), [json!(20.0), json!(40.0), json!(80.0), Value::Null]);
    // Of each value the requests whose time it was, by when each was due.
    let moments = run["steered"].as_array().unwrap().iter().map(|steered| steered["at_ns"].as_u64().unwrap());
    let moments = moments.map(|at| i64::try_from(at).unwrap()).collect::<Vec<_>>();
    let real = &run["clock_begin"];
    let shift = real["real_ns"].as_i64().unwrap() - real["mono_ns"].as_i64().unwrap();
    let starts = ended
        .records()
        .into_iter()
        .map(|record| record["metadata"]["request_start_ns"].as_i64().unwrap() - shift);
    let starts = starts.collect::<Vec<_>>();
    for (place, rate) in [20.0, 40.0, 80.0].into_iter().enumerate() {
        let (begin, end) = (moments[place], moments[place + 1]);
        let count = starts.iter().filter(|start| (begin..end).contains(*start)).count();
        let expected = std::time::Duration::from_nanos((end - begin).unsigned_abs()).as_secs_f64() * rate;
        let found = f64::from(u32::try_from(count).unwrap());
        assert!(
            (found - expected).abs() <= 2.0 + expected * 0.25,
            "{found} at {rate}/s, {expected} expected"
        );
    }
}

/// The least load is too much: nothing is held, and the phase is over at once.
#[test]
fn a_limit_that_the_least_load_misses_ends_the_phase() {
    needs_programs!();
    let server = Server::start("--ttft-ms 30");
    let phase = "{name: profiling, duration: 20, concurrency: 8, adaptive_scale: true, adaptive_assessment_period: 1, \
                 adaptive_sustain_duration: 5, sla: [{metric_tag: ttft, stat: p50, op: lt, threshold: 10}]}";
    let ended = undisturbed(&server, phase);
    ended.ended_with(0);
    let run = ended.json("run.json");
    let found = &run["adaptive_scale"][0];
    assert_eq!(
        (&found["reason"], &found["status"]),
        (&json!("no_sustainable_concurrency_found"), &json!("failed"))
    );
    assert_eq!(values(&ended), [json!(1.0), Value::Null]);
    let received = server.received();
    let refused = scaled(
        &server,
        &phase.replace("threshold: 10", "threshold: 10}, {metric_tag: x, op: lt, threshold: 1"),
    );
    refused.ended_with(2);
    assert!(refused.err.contains("phase `profiling`: `sla[1]`: `x` cannot be judged"), "{}", refused.err);
    assert_eq!(server.received(), received, "nothing was sent");
}
