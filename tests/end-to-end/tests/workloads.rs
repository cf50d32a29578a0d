//! Tests loads of several phases, conversations and connections, each compared with the server's own log.
#![expect(clippy::unwrap_used, reason = "in a test, what goes wrong unexpectedly fails it")]

use end_to_end::client::{Ended, Run};
use end_to_end::needs_programs;
use end_to_end::server::Server;
use serde_json::{Value, json};
use std::fs;

/// A profile with a file of prompts.
fn with_rows(server: &Server, rows: &str, flags: &str) -> Ended {
    let mut run = Run::of("profile");
    fs::write(run.folder.path().join("rows.jsonl"), rows).unwrap();
    let common = "--model mock-model --streaming --ui none --artifact-dir artifacts --random-seed 1";
    run.command.args(common.split(' ')).args(["--input-file", "rows.jsonl", "--url", &server.url()]);
    run.command.args(flags.split_whitespace());
    let ended = run.without_daemon().end();
    ended.ended_with(0);
    ended
}

fn metadata(record: &Value, key: &str) -> Value {
    record["metadata"][key].clone()
}

fn counter(ended: &Ended, name: &str) -> u64 {
    ended.json("run.json")["counters"][name].as_u64().unwrap()
}

#[test]
fn a_warmup_is_sent_first_and_left_out() {
    needs_programs!();
    let server = Server::start("");
    let flags = "--concurrency 4 --request-count 12 --warmup-request-count 6 --warmup-concurrency 2";
    let ended = Run::profile(&server.url(), flags).end();
    ended.ended_with(0);
    assert_eq!(server.log().len(), 18, "both phases were sent");
    let summary = ended.json("profile_export_aiperf.json");
    assert_eq!(summary["request_count"]["avg"], 12.0, "only one is measured");
    let phases = ended.records().iter().map(|record| metadata(record, "benchmark_phase")).collect::<Vec<_>>();
    let of = |name: &str| phases.iter().filter(|phase| *phase == name).count();
    assert_eq!((of("warmup"), of("profiling")), (6, 12), "each record has its phase");
    let run = ended.json("run.json");
    let at = |place: usize, key: &str| run["phases"][place][key].as_u64().unwrap();
    assert!(at(0, "ended_ns") <= at(1, "begun_ns"), "one after the other: {}", run["phases"]);
}

/// Named phases, of which the last starts before the previous one has completed.
#[test]
fn phases_have_names() {
    needs_programs!();
    let server = Server::start("--ttft-ms 50");
    let mut run = Run::of("profile");
    let config = "benchmark:\n  model: mock-model\n  endpoint: {streaming: true}\n  phases:\n  \
                  - {name: cold, kind: warmup, requests: 3}\n  \
                  - {name: warm, kind: warmup, requests: 4, concurrency: 2}\n  \
                  - {name: steady, kind: profiling, requests: 6, concurrency: 3, seamless: true}\n";
    fs::write(run.folder.path().join("config.yaml"), config).unwrap();
    let flags = "--config config.yaml --isl 16 --ui none --artifact-dir artifacts --url";
    run.command.args(flags.split(' ')).arg(server.url());
    let ended = run.without_daemon().end();
    ended.ended_with(0);
    let records = ended.records();
    let of = |name: &str| records.iter().filter(|record| metadata(record, "phase_name") == name).count();
    assert_eq!((of("cold"), of("warm"), of("steady")), (3, 4, 6), "each record has its phase");
    assert_eq!(ended.json("profile_export_aiperf.json")["request_count"]["avg"], 6.0, "one is measured");
    let run = ended.json("run.json");
    let at = |place: usize, key: &str| run["phases"][place][key].as_u64().unwrap();
    assert!(at(0, "ended_ns") <= at(1, "begun_ns"), "one after the other: {}", run["phases"]);
    assert!(at(2, "begun_ns") < at(1, "ended_ns"), "the last one did not wait: {}", run["phases"]);
}

/// Each measured phase has separate results, and all of them together are the run's.
#[test]
fn several_phases_are_measured() {
    needs_programs!();
    let server = Server::start("--ttft-ms 20 --fault status:503 --fault-every 9");
    let phases = r#"[{"name":"cold","kind":"warmup","requests":3},
        {"name":"few","requests":8,"concurrency":1},{"name":"many","requests":24,"concurrency":8}]"#;
    let mut run = Run::of("profile");
    let flags = "--model mock-model --streaming --isl 16 --ui none --artifact-dir artifacts --url";
    run.command.args(flags.split(' ')).arg(server.url()).args(["--phases", phases]);
    let ended = run.without_daemon().end();
    ended.ended_with(0);
    let count = |file: &str, tag: &str| ended.json(file)[tag]["avg"].as_f64().unwrap_or(0.0);
    let of = |name: &str, tag: &str| count(&format!("phases/{name}/profile_export_aiperf.json"), tag);
    let all = |tag: &str| count("profile_export_aiperf.json", tag);
    let failed = all("error_request_count");
    assert!(failed > 0.0, "some failed");
    for (tag, sum) in [("request_count", 32.0 - failed), ("error_request_count", failed)] {
        assert_eq!(
            (all(tag), of("few", tag) + of("many", tag)),
            (sum, sum),
            "{tag}: the warmup is not included"
        );
    }
    let in_flight = |name| of(name, "effective_concurrency");
    assert!(in_flight("few") <= 1.0 && in_flight("many") > 2.0, "{} {}", in_flight("few"), in_flight("many"));
    let listed = |name: &str| {
        let records = ended.records();
        let record = records.iter().find(|record| metadata(record, "phase_name") == name).unwrap();
        (metadata(record, "benchmark_phase"), metadata(record, "profiling_index"))
    };
    let fact = |kind: &str, index: Option<u64>| (json!(kind), json!(index));
    assert_eq!(listed("cold"), fact("warmup", None), "the warmup has no index among the measured phases");
    assert_eq!(listed("few"), fact("profiling", Some(0)), "the first one");
    assert_eq!(listed("many"), fact("profiling", Some(1)), "the second one");
    let manifest = ended.json("phase_manifest.json");
    let places = manifest["phases"].as_array().unwrap().iter().map(|phase| &phase["profiling_index"]);
    assert_eq!(places.collect::<Vec<_>>(), [&json!(null), &json!(0), &json!(1)], "{manifest}");
    let console = fs::read_to_string(ended.artifacts().join("profile_export_console.txt")).unwrap();
    assert!(console.contains("aiperfd | Phases"), "next to each other: {console}");
}

#[test]
fn turns_of_a_session_follow_each_other() {
    needs_programs!();
    let server = Server::start("");
    let rows = "{\"session_id\":\"s\",\"turns\":[{\"text\":\"one\"},{\"text\":\"two\",\"delay\":40},{\"text\":\"three\"}]}\n";
    let ended = with_rows(&server, rows, "--custom-dataset-type multi_turn --concurrency 1 --osl 3");
    let mut records = ended.records();
    records.sort_by_key(|record| metadata(record, "turn_index").as_u64());
    assert_eq!(records.len(), 3, "a request for each turn");
    let ids = records.iter().map(|record| metadata(record, "x_correlation_id")).collect::<Vec<_>>();
    assert!(ids.iter().all(|id| *id == ids[0]), "one session: {ids:?}");
    assert!(records.iter().all(|record| metadata(record, "conversation_id") == "s"), "its row's name");
    let tokens = |record: &Value| record["metrics"]["input_sequence_length"]["value"].as_u64().unwrap();
    assert!(
        tokens(&records[0]) + 3 < tokens(&records[1]) && tokens(&records[1]) + 3 < tokens(&records[2]),
        "each turn is sent with the messages before it: {records:?}"
    );
    let mut served = server.log();
    served.sort_by_key(|request| request.read_ns);
    let gaps =
        served.windows(2).map(|pair| pair[1].read_ns - pair[0].written.last().expect("a response").before_ns);
    assert!(gaps.collect::<Vec<_>>()[0] >= 40_000_000, "the second turn waits 40 ms after the response");
}

/// A root starts a fork and two spawns; it waits for the spawns before its last turn.
#[test]
fn sessions_start_others() {
    needs_programs!();
    let server = Server::start("");
    let turn = |text: &str, more: &str| {
        format!("{{\"messages\":[{{\"role\":\"user\",\"content\":\"{text}\"}}]{more}}}")
    };
    let row = |name: &str, turns: &[String]| {
        format!("{{\"session_id\":\"{name}\",\"turns\":[{}]}}\n", turns.join(","))
    };
    let branches = ",\"forks\":[\"fork\"],\"spawns\":[{\"children\":[\"a\",\"b\"]}]";
    let rows = row("root", &[turn("one", branches), turn("two", "")])
        + &row("fork", &[turn("other", "")])
        + &row("a", &[turn("x", ""), turn("y", "")])
        + &row("b", &[turn("z", "")]);
    let flags = "--custom-dataset-type dag_jsonl --concurrency 1 --conversation-num 3";
    let ended = with_rows(&server, &rows, flags);
    let records = ended.records();
    assert_eq!(records.len(), 3 * 6, "three trees of six requests");
    let count = |turn: u64| records.iter().filter(|record| metadata(record, "turn_index") == turn).count();
    assert_eq!((count(0), count(1)), (3 * 4, 3 * 2), "four sessions of a tree, of which two continue");
    let input = |record: &Value| record["metrics"]["input_sequence_length"]["value"].as_u64().unwrap();
    let lengths = records.iter().map(input).collect::<Vec<_>>();
    // A fork's prompt is "one", the response of four tokens and "other".
    assert!(lengths.iter().filter(|length| **length >= 6).count() >= 6, "forks inherit: {lengths:?}");
    let of = |name: &str| {
        records.iter().filter(|record| metadata(record, "conversation_id") == name).collect::<Vec<_>>()
    };
    let (roots, started) = (of("root"), ["fork", "a", "b"].map(of).concat());
    assert_eq!((roots.len(), started.len()), (3 * 2, 3 * 4), "each has the name of its row");
    for root in &roots {
        assert_eq!(metadata(root, "agent_depth"), 0, "{root}");
        assert_eq!(metadata(root, "parent_correlation_id"), Value::Null, "{root}");
        assert_eq!(metadata(root, "root_correlation_id"), metadata(root, "x_correlation_id"), "{root}");
    }
    for session in &started {
        let above = ["parent_correlation_id", "root_correlation_id"].map(|key| metadata(session, key));
        assert_eq!(metadata(session, "agent_depth"), 1, "{session}");
        assert_eq!(above[0], above[1], "a root started it: {session}");
        assert!(roots.iter().any(|root| metadata(root, "x_correlation_id") == above[0]), "{session}");
    }
    let branches = &ended.json("profile_export_aiperf.json")["branch_stats"];
    let expected = json!({"children_spawned": 9, "children_completed": 9, "children_errored": 0, "children_truncated": 0,
        "parents_suspended": 3, "parents_resumed": 3});
    assert_eq!(branches, &expected, "of each tree a fork and two spawns, for which the root waits once");
    let mut numbers =
        records.iter().map(|record| metadata(record, "session_num").as_u64()).collect::<Vec<_>>();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..18).map(Some).collect::<Vec<_>>(), "each request has a number of its own");
    let inputs = ended.json("inputs.json");
    assert_eq!(inputs["data"].as_array().unwrap().len(), 4, "every conversation: {inputs}");
    let mut run = Run::of("profile");
    fs::write(run.folder.path().join("rows.jsonl"), rows.replace("\"a\",\"b\"", "\"c\"")).unwrap();
    let flags = "--model m --streaming --input-file rows.jsonl --artifact-dir artifacts --ui none --url";
    run.command.args(flags.split(' ')).arg(server.url());
    let refused = run.without_daemon().end();
    refused.ended_with(2);
    assert!(refused.err.contains("root.turns[0].spawns[0]: there is no conversation `c`"), "{}", refused.err);
}

#[test]
fn connections_are_shared_as_requested() {
    needs_programs!();
    let server = Server::start("");
    let rows = "{\"session_id\":\"s\",\"turns\":[{\"text\":\"one\"},{\"text\":\"two\"}]}\n";
    for (strategy, connections) in [("pooled", 1), ("never", 8), ("sticky-user-sessions", 4)] {
        let flags = format!(
            "--custom-dataset-type multi_turn --concurrency 1 --conversation-num 4 --connection-reuse-strategy {strategy}"
        );
        let ended = with_rows(&server, rows, &flags);
        assert_eq!(ended.records().len(), 8, "four sessions of two turns");
        assert_eq!(counter(&ended, "connections_opened"), connections, "{strategy}");
    }
}

#[test]
fn a_trace_is_replayed_at_its_times() {
    needs_programs!();
    let server = Server::start("");
    let rows = (0..5).map(|row| {
        format!("{{\"timestamp\":{},\"text_input\":\"x\",\"output_length\":2}}\n", 1000 + 30 * row)
    });
    let rows = rows.collect::<String>();
    let ended = with_rows(&server, &rows, "--custom-dataset-type mooncake_trace");
    let mut sent = ended.records();
    sent.sort_by_key(|record| metadata(record, "request_start_ns").as_u64());
    assert_eq!(sent.len(), 5, "every row once");
    let mut read = server.log().iter().map(|request| request.read_ns).collect::<Vec<_>>();
    read.sort_unstable();
    for (row, at) in read.iter().enumerate() {
        let due = 30_000_000 * u64::try_from(row).unwrap();
        // A row is early by at most the delay of the first one's arrival.
        assert!(at - read[0] + 20_000_000 >= due, "row {row} arrived before its time: {read:?}");
    }
    let run = ended.json("run.json");
    assert_eq!(run["plan"]["load"]["phases"][0]["shape"], "fixed_schedule", "found by its timestamps");
    let window =
        "--fixed-schedule-start-offset 1030 --fixed-schedule-end-offset 1090 --synthesis-speedup-ratio 2";
    let flags = format!("--custom-dataset-type mooncake_trace --fixed-schedule {window}");
    assert_eq!(with_rows(&server, &rows, &flags).records().len(), 3, "offsets are of the trace's own time");
}

#[test]
fn users_are_evenly_spaced() {
    needs_programs!();
    let server = Server::start("");
    let rows =
        "{\"session_id\":\"s\",\"turns\":[{\"text\":\"one\"},{\"text\":\"two\"},{\"text\":\"three\"}]}\n";
    let flags = "--custom-dataset-type multi_turn --user-centric-rate 40 --num-users 4 --request-count 20";
    let ended = with_rows(&server, rows, flags);
    let mut by_session = std::collections::BTreeMap::<String, Vec<u64>>::new();
    for record in ended.records() {
        let started = metadata(&record, "request_start_ns").as_u64().unwrap();
        by_session.entry(metadata(&record, "x_correlation_id").to_string()).or_default().push(started);
    }
    for starts in by_session.values_mut() {
        starts.sort_unstable();
        for pair in starts.windows(2) {
            assert!(pair[1] - pair[0] >= 95_000_000, "a tenth of a second from one to the next: {starts:?}");
        }
    }
}

#[test]
fn some_requests_are_cancelled_and_the_others_are_not() {
    needs_programs!();
    let server = Server::start("--tokens 20 --gap-ms 5");
    let flags =
        "--concurrency 4 --request-count 60 --request-cancellation-rate 50 --request-cancellation-delay 0.01";
    let ended = Run::profile(&server.url(), flags).end();
    ended.ended_with(0);
    let records = ended.records();
    let cancelled = records.iter().filter(|record| record["error"]["code"] == 499).count();
    assert!((15..45).contains(&cancelled), "{cancelled} of 60, half were requested");
    for record in &records {
        match record.get("error") {
            Some(error) => {
                assert_eq!(error["type"], "RequestCancellationError", "{record}");
                assert!(error["message"].to_string().contains("--request-cancellation-rate"), "{record}");
            }
            None => assert_eq!(metadata(record, "was_cancelled"), false, "{record}"),
        }
    }
}

#[test]
fn too_many_failures_stop_the_run() {
    needs_programs!();
    let server = Server::start("--fault status:503 --fault-every 2");
    let flags = "--concurrency 2 --request-count 500 --failed-request-threshold 0.3 --fail-on never";
    let ended = Run::profile(&server.url(), flags).end();
    ended.ended_with(1);
    let run = ended.json("run.json");
    assert!(
        run["incomplete_reason"].to_string().contains("--failed-request-threshold"),
        "the run reports why it stopped: {}",
        run["incomplete_reason"]
    );
    assert!(counter(&ended, "requests_sent") < 500, "most were not sent");
}

#[test]
fn workers_are_no_more_than_there_is_to_share() {
    needs_programs!();
    let server = Server::start("");
    let ended = Run::profile(&server.url(), "--workers 2 --concurrency 1 --request-count 5").end();
    ended.ended_with(0);
    assert_eq!(ended.records().len(), 5, "no worker waits for a slot that never becomes free");
}

/// The server stalls for two seconds; requests due meanwhile waited, and their latency from due includes it.
#[test]
fn a_stall_is_in_the_latencies_of_waiting_requests() {
    needs_programs!();
    let server = Server::start("--stall-at-ms 300 --stall-for-ms 2000");
    let flags = "--request-rate 100 --arrival-pattern constant --concurrency 8 --benchmark-duration 3 --fail-on never";
    let ended = Run::profile(&server.url(), flags).end();
    ended.ended_with(0);
    let records = ended.records();
    let over = |tag: &str, ms: f64| {
        let value = |record: &&Value| record["metrics"].get(tag).and_then(|metric| metric["value"].as_f64());
        records.iter().filter(|record| value(record).is_some_and(|value| value > ms)).count()
    };
    // A hundred requests were due in the first of the two seconds, and each of them waited for the second.
    assert!(over("request_latency_from_due", 1000.0) >= 95, "latencies from due contain the stall");
    assert!(over("request_latency_from_due", 1950.0) >= 2, "the first ones all of it");
    // Eight were in flight; a clock that starts when a request is sent misses all others.
    assert!(over("request_latency", 1000.0) <= 16, "the same latencies from when requests were sent");
    assert!(over("schedule_lag", 1000.0) >= 80, "how late each was sent is stated");
    let run = ended.json("run.json");
    let verdict = run["verdict"].to_string();
    assert!(verdict.contains("late_requests"), "a run whose requests were late is not valid: {verdict}");
    assert!(counter(&ended, "requests_late") >= 80, "{}", run["counters"]);
}

/// Half of the requested rate cannot be sent with one request at a time; that is reported, and degrades the run.
#[test]
fn unsent_due_requests_are_reported() {
    needs_programs!();
    let server = Server::start("--ttft-ms 20 --tokens 1");
    let flags = "--request-rate 100 --arrival-pattern constant --concurrency 1 --benchmark-duration 1 --fail-on never";
    let ended = Run::profile(&server.url(), flags).end();
    ended.ended_with(0);
    let (sent, unsent) = (counter(&ended, "requests_sent"), counter(&ended, "requests_unsent"));
    assert_eq!(sent + unsent, 100, "a hundred were due");
    assert!(unsent >= 45, "at twenty milliseconds each, fifty fit into a second: {unsent} were not sent");
    let run = ended.json("run.json");
    assert_ne!(run["verdict"]["standing"], "valid", "more than one in a hundred: {}", run["verdict"]);
    assert!(run["verdict"].to_string().contains("unsent_requests"), "{}", run["verdict"]);
}

#[test]
fn few_requests_wait_for_their_first_token_at_once() {
    needs_programs!();
    let server = Server::start("--ttft-ms 30 --gap-ms 5 --tokens 10");
    let flags = "--concurrency 8 --prefill-concurrency 2 --request-count 24";
    let ended = Run::profile(&server.url(), flags).end();
    ended.ended_with(0);
    let mut waiting = server
        .log()
        .iter()
        .flat_map(|request| {
            let first =
                request.written.iter().find(|event| event.kind == "token").expect("a token").before_ns;
            [(request.read_ns, 1), (first, -1)]
        })
        .collect::<Vec<(u64, i32)>>();
    waiting.sort_unstable();
    let mut now = 0;
    for (_, change) in waiting {
        now += change;
        assert!(now <= 2, "no more than two concurrently");
    }
}
