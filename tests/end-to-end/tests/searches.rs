//! Tests searches against a server whose capacity is known: what is found, what is refused, and that a killed search goes on.
#![expect(clippy::unwrap_used, reason = "in a test, what goes wrong unexpectedly fails it")]

use end_to_end::client::{Ended, Run};
use end_to_end::server::Server;
use end_to_end::{needs_programs, patience};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A search whose results are in a directory.
fn search(url: &str, directory: &Path, flags: &str) -> Run {
    let mut run = Run::of("profile");
    let common =
        "--model m --streaming --isl 8 --osl 4 --tokenizer none --no-server-metrics --no-gpu-telemetry";
    run.command.args(["--url", url, "--artifact-dir"]).arg(directory);
    run.command.args(common.split(' ')).args(flags.split_whitespace());
    run.without_daemon()
}

fn read(path: &Path) -> Value {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap()
}

/// The end of a search on a host that leaves its client alone: where other programs made the client the limit, it is made again.
fn undisturbed(url: &str, directory: &Path, flags: &str) -> Ended {
    undisturbed_run(directory, || search(url, directory, flags))
}

fn undisturbed_run(directory: &Path, run: impl Fn() -> Run) -> Ended {
    let mut ended = run().end();
    for _again in 0..3 {
        if history(directory)["convergence_reason"] != "client_limited" {
            break;
        }
        let mut again = run();
        again.command.arg("--restart");
        ended = again.end();
    }
    ended
}

fn history(directory: &Path) -> Value {
    read(&directory.join("search_history.json"))
}

/// Beside another search a client is late, and then says nothing of the server.
fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Eight slots of 55 ms, of which the first token takes 40: with up to 8 requests in flight none waits for a slot, with up to 16
/// for one other request, and so on. A client that is a few milliseconds late is not the limit.
const EIGHT_SLOTS: &str = "--slots 8 --ttft-ms 40 --gap-ms 5 --tokens 4";
/// A request that waits for another one has its first token after 95 ms, and one that waits for two after 150.
const LIMITED: &str = "--search-recipe max-concurrency-under-sla --ttft-sla-ms 120 --concurrency-min 4 --concurrency-max 64 \
                       --request-count 100";

/// The search is killed on its way; what it had measured is not measured again.
#[test]
fn the_most_load_under_a_limit_is_found() {
    needs_programs!();
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(EIGHT_SLOTS);
    let running = search(&server.url(), folder.path(), LIMITED).start();
    let journal = folder.path().join("experiment.jsonl");
    let lines = || fs::read_to_string(&journal).unwrap_or_default().lines().count();
    patience::until("some runs are measured", || (lines() > 2).then_some(()));
    running.signal(Signal::KILL);
    let _killed = running.end();
    let measured = lines() - 1;
    let ended = search(&server.url(), folder.path(), LIMITED).end();
    let again = ended.err.matches("is measured already").count();
    assert!(again >= measured, "{measured} were measured: {}", ended.err);
    let ended = undisturbed(&server.url(), folder.path(), LIMITED);
    ended.ended_with(0);
    let found = history(folder.path());
    let most = found["boundary_summary"]["feasible_max"]["value"].as_u64().unwrap();
    let least = found["boundary_summary"]["infeasible_min"]["value"].as_u64().unwrap();
    assert!((12..=18).contains(&most), "two rounds of eight slots: {found:#}");
    assert!(least > most && least <= 20, "{found:#}");
    assert_eq!(found["recipe"], "max-concurrency-under-sla");
    let clocks = found["answers"].as_array().unwrap().iter().map(|one| one["clock"].as_str().unwrap());
    assert_eq!(clocks.collect::<Vec<_>>(), ["kernel", "client"], "{found:#}");
    for place in 0..found["iterations"].as_array().unwrap().len() {
        let run = folder.path().join(format!("search_iter_{place:04}/profile_runs/run_0001/run.json"));
        assert!(run.exists(), "AIPerf's layout: {}", run.display());
    }
    assert!(ended.out.contains("on the kernel's clock"), "{}", ended.out);
    let received = server.received();
    // Again: everything is there, and the planner asks for the same.
    search(&server.url(), folder.path(), LIMITED).end().ended_with(0);
    assert_eq!(server.received(), received, "nothing is measured twice");
    assert_eq!(history(folder.path()), found, "the same answer");
    // Another limit is another question.
    let other = LIMITED.replace("120", "200");
    let ended = search(&server.url(), folder.path(), &other).end();
    ended.ended_with(2);
    assert!(ended.err.contains("holds another experiment"), "{}", ended.err);
}

#[test]
fn no_load_keeps_an_impossible_limit() {
    needs_programs!();
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(EIGHT_SLOTS);
    let flags = "--search-recipe max-concurrency-under-sla --ttft-sla-ms 20 --concurrency-min 4 --concurrency-max 16 --request-count 100";
    let ended = search(&server.url(), folder.path(), flags).end();
    ended.ended_with(0);
    let found = history(folder.path());
    assert_eq!(found["best_trials"], json!([]), "{found:#}");
    assert_eq!(found["boundary_summary"]["feasible_max"], Value::Null, "{found:#}");
    assert!(ended.out.contains("no load that was tried keeps every limit"), "{}", ended.out);
}

#[test]
fn a_model_looks_for_the_best_load() {
    needs_programs!();
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(EIGHT_SLOTS);
    let flags = "--search-space phases.profiling.concurrency:1,32:int --search-metric output_token_throughput \
                 --search-direction maximize --search-max-iterations 4 --search-initial-points 3 --search-random-seed 3 \
                 --request-count 100";
    search(&server.url(), folder.path(), flags).end().ended_with(0);
    let found = history(folder.path());
    let iterations = found["iterations"].as_array().unwrap();
    assert_eq!((iterations.len(), &found["convergence_reason"]), (4, &json!("max_iterations")), "{found:#}");
    let best = found["best_trials"][0]["objective_values"][0].as_f64().unwrap();
    let most = iterations.iter().filter_map(|one| one["objective_values"][0].as_f64()).fold(0.0, f64::max);
    assert!((best - most).abs() < 1e-9, "the best of all: {found:#}");
}

/// Loads above one that misses a limit say nothing more.
#[test]
fn hopeless_loads_are_skipped() {
    needs_programs!();
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(EIGHT_SLOTS);
    let flags = "--concurrency 4,8,32,48,64 --request-count 400 --search-sla time_to_first_token:p95:lt:120 \
                 --stopping-scope sweep";
    let ended = search(&server.url(), folder.path(), flags).end();
    ended.ended_with(0);
    let found = read(&folder.path().join("sweep_aggregate/profile_export_aiperf_sweep.json"));
    let cells = found["per_combination_metrics"].as_array().unwrap();
    let skipped = cells.iter().filter(|cell| cell["skipped"].is_string()).count();
    assert_eq!((cells.len(), skipped), (5, 2), "{found:#}");
    assert_eq!(cells[2]["ended_early"]["missed"], "time_to_first_token p95 < 120 ms", "{found:#}");
    assert!(server.received() < 1200 + 64, "the third one ended early: {}", server.received());
    let constraints = &found["metadata"]["sla_constraints"];
    assert!(constraints["feasible_count"].as_u64().is_some_and(|count| count <= 2), "{found:#}");
    let best = &found["best_configurations"]["best_throughput"]["parameters"]["concurrency"];
    assert!(best.as_u64().is_none_or(|best| best <= 8), "one that misses a limit is not the best: {found:#}");
}

/// The recipes that are sweeps write AIPerf's files.
#[test]
fn curves_are_written() {
    needs_programs!();
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(EIGHT_SLOTS);
    let run = |name: &str, flags: &str| {
        let directory = folder.path().join(name);
        search(&server.url(), &directory, flags).end().ended_with(0);
        directory.join("sweep_aggregate")
    };
    let ramp = "--search-recipe concurrency-ramp --concurrency-min 2 --concurrency-max 32 --concurrency-steps 3 --request-count 200";
    // Where other programs made the client the limit of a run, the curve has no such run.
    let undisturbed = |name: &str, flags: &str, file: &str, is_whole: fn(&Value) -> bool| {
        let mut found = read(&run(name, flags).join(file));
        for _again in 0..3 {
            if is_whole(&found) {
                break;
            }
            found = read(&run(name, &format!("{flags} --restart")).join(file));
        }
        found
    };
    let knee = undisturbed("ramp", ramp, "degradation_knee.json", |knee| knee["knee_concurrency"] == 32);
    assert_eq!(knee["knee_concurrency"], 32, "three rounds of waiting: {knee:#}");
    let prefill =
        "--search-recipe prefill-ttft-curve --isl-min 16 --isl-max 64 --isl-steps 3 --request-count 5";
    let points = |curve: &Value| curve["raw_points"].as_array().map(Vec::len);
    let curve = undisturbed("prefill", prefill, "prefill_curve.json", |curve| {
        curve["raw_points"].as_array().is_some_and(|points| points.len() == 3)
    });
    assert_eq!(points(&curve), Some(3), "{curve:#}");
    let pareto = "--search-recipe pareto-sweep --isl-osl-pairs 8/4,16/4 --concurrency 2,4 --request-count 20";
    let front = undisturbed("pareto", pareto, "pareto_sweep.json", |front| {
        front["cells"].as_array().is_some_and(|cells| cells.len() == 4)
    });
    assert_eq!(front["cells"].as_array().map(Vec::len), Some(4), "{front:#}");
}

/// A server that refuses requests misses the limit: it is not this client that is at its limit.
#[test]
fn a_server_that_refuses_misses_the_limit() {
    needs_programs!();
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&format!("{EIGHT_SLOTS} --queue-max 4"));
    let ended = undisturbed(&server.url(), folder.path(), LIMITED);
    let found = history(folder.path());
    let border = &found["boundary_summary"];
    assert_eq!(border["feasible_max"]["value"], 12, "eight slots, and four that wait: {found:#}");
    assert_eq!(border["infeasible_min"]["value"], 13, "{found:#}");
    assert!(!ended.err.contains("says nothing of the server (requests_failed"), "{}", ended.err);
}

#[test]
fn a_server_that_goes_away_ends_the_search() {
    needs_programs!();
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(EIGHT_SLOTS);
    let running = search(&server.url(), folder.path(), LIMITED).start();
    let has_best = || running.err().contains("best so far: concurrency").then_some(());
    patience::until("a load keeps the limit", has_best);
    drop(server);
    let ended = running.end();
    ended.ended_with(1);
    let found = history(folder.path());
    assert_eq!(found["convergence_reason"], "run_failed", "{found:#}");
    let best = &found["best_trials"][0]["variation_values"]["phases.profiling.concurrency"];
    assert!(best.as_u64().is_some_and(|best| best >= 4), "what was measured counts: {found:#}");
}

/// Two groups of limits have a border each, and share runs.
#[test]
fn tiers_are_searched_together() {
    needs_programs!();
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(EIGHT_SLOTS);
    let flags = "--search-recipe max-concurrency-under-sla --concurrency-min 4 --concurrency-max 64 --request-count 100 \
                 --search-sla-tier fast:time_to_first_token:p95:lt:65 \
                 --search-sla-tier cheap:time_to_first_token:p95:lt:120,request_error_rate:avg:lt:1";
    undisturbed(&server.url(), folder.path(), flags).ended_with(0);
    let found = history(folder.path());
    let tiers = found["tier_results"].as_array().unwrap();
    let border = |tier: &Value| tier["boundary_concurrency"].as_u64().unwrap();
    assert_eq!(
        tiers.iter().map(|tier| tier["label"].as_str().unwrap()).collect::<Vec<_>>(),
        ["fast", "cheap"]
    );
    assert!((6..=9).contains(&border(&tiers[0])), "one round of eight slots: {found:#}");
    assert!((12..=18).contains(&border(&tiers[1])), "two rounds: {found:#}");
    assert_eq!(tiers[0]["binding_constraint"]["threshold"], 65.0, "{found:#}");
    let runs = &found["tier_metadata"];
    assert!(
        runs["actual_probe_count"].as_u64() < runs["tier_evaluation_count"].as_u64(),
        "shared: {found:#}"
    );
    assert_eq!(
        found["boundary_summary"]["feasible_max"]["value"],
        border(&tiers[1]),
        "the one that allows most"
    );
}

/// A server that takes one connection after another: requests wait before it, not in it.
#[test]
fn a_frontend_that_is_the_limit_is_named() {
    needs_programs!();
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || one_after_another(&listener));
    let flags = "--model m --isl 8 --osl 4 --tokenizer none --no-gpu-telemetry --connection-reuse-strategy never \
                 --search-recipe max-concurrency-under-sla --search-sla request_latency:avg:lt:70 --concurrency-max 16 --request-count 60 --search-max-iterations 5";
    let search = || {
        let mut run = Run::of("profile");
        run.command.args(["--url", &url, "--artifact-dir"]).arg(folder.path()).args(flags.split_whitespace());
        run.without_daemon()
    };
    undisturbed_run(folder.path(), search).ended_with(0);
    let found = history(folder.path());
    let border = &found["boundary_summary"]["feasible_max"]["value"];
    assert!((2..=4).contains(&border.as_u64().unwrap()), "20 ms each: {found:#}");
    assert_eq!(found["limited_by"], "frontend", "{found:#}");
    assert!(found["cause"].as_str().unwrap().contains("wait to be accepted"), "{found:#}");
}

/// Serves connections one after another, each in 20 ms.
fn one_after_another(listener: &TcpListener) {
    for connection in listener.incoming() {
        let Ok(mut connection) = connection else { return };
        let (mut request, mut piece) = (Vec::new(), [0; 4096]);
        let is_whole = |request: &[u8]| {
            if request.starts_with(b"GET") { request.ends_with(b"\r\n\r\n") } else { request.ends_with(b"}") }
        };
        while !is_whole(&request) {
            match connection.read(&mut piece) {
                Ok(length @ 1..) => request.extend_from_slice(&piece[..length]),
                _ => break,
            }
        }
        if request.starts_with(b"GET") {
            write!(connection, "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
                .ok();
            continue;
        }
        std::thread::sleep(Duration::from_millis(20));
        let body = r#"{"choices":[{"message":{"role":"assistant","content":"a b c d"}}],"usage":{"prompt_tokens":8,"completion_tokens":4}}"#;
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close";
        // A client that is gone takes no response.
        write!(connection, "{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len()).ok();
    }
}

/// In a short run of a rate that is too much no request waits long yet, and the backlog tells it.
#[test]
fn a_rate_that_a_server_cannot_keep_is_too_much() {
    needs_programs!();
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(EIGHT_SLOTS);
    let flags = "--request-rate 80,250 --arrival-pattern constant --request-count 500 \
                 --search-sla time_to_first_token:p95:lt:60000";
    let ended = search(&server.url(), folder.path(), flags).end();
    ended.ended_with(0);
    assert_eq!(ended.err.matches("the server falls behind").count(), 1, "{}", ended.err);
    let found = read(&folder.path().join("sweep_aggregate/profile_export_aiperf_sweep.json"));
    // A run that other programs disturbed is not feasible either, but misses nothing.
    let infeasible = found["infeasible"].as_array().unwrap();
    assert_eq!(infeasible.len(), 1, "145 a second is what it can do: {found:#}");
    assert_eq!(infeasible[0]["parameters"]["rate"], 250, "{found:#}");
}
