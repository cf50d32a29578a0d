//! Tests sweeps: what is measured, where it is, and that a repeated command measures only what is missing.
#![expect(clippy::unwrap_used, reason = "in a test, what goes wrong unexpectedly fails it")]

use end_to_end::client::{Ended, Run};
use end_to_end::server::Server;
use end_to_end::{needs_programs, patience};
use rustix::process::Signal;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::fs;
use std::path::Path;
use std::time::Duration;

/// A sweep whose results are in a directory.
fn sweep(url: &str, directory: &Path, flags: &str) -> Run {
    let mut run = Run::of("profile");
    let common = "--model m --streaming --osl 4 --tokenizer none --no-server-metrics --no-gpu-telemetry";
    if !flags.contains("--isl") {
        run.command.args(["--isl", "8"]);
    }
    run.command.args(["--url", url, "--artifact-dir"]).arg(directory);
    run.command.args(common.split(' ')).args(flags.split_whitespace());
    run.without_daemon()
}

fn read(path: &Path) -> Value {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap()
}

fn swept(directory: &Path) -> Value {
    read(&directory.join("sweep_aggregate/profile_export_aiperf_sweep.json"))
}

/// The lines of the journal that are of runs.
fn journal(directory: &Path) -> Vec<Value> {
    let text = fs::read_to_string(directory.join("experiment.jsonl")).unwrap_or_default();
    text.lines().skip(1).filter_map(|line| serde_json::from_str(line).ok()).collect()
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A stored run of five requests is shown as a page and as timelines.
#[track_caller]
fn of_a_variation(run: &Path) {
    let folder = tempfile::tempdir().unwrap();
    let page = |name: &str| {
        let mut report = Run::of("report");
        report.command.arg(run).args(["--format", "html", "--artifact-dir"]).arg(folder.path().join(name));
        report.end().ended_with(0);
        let files = fs::read_dir(folder.path().join(name)).unwrap();
        assert_eq!(files.count(), 1, "only the page");
        fs::read_to_string(folder.path().join(name).join("report.html")).unwrap()
    };
    let first = page("first");
    assert!(first.contains(&sha256(&fs::read(run.join("run.json")).unwrap())), "{first}");
    assert_eq!(page("again"), first, "the same run gives the same page");
    let mut trace = Run::of("trace");
    trace.command.arg(run);
    trace.end().ended_with(0);
    assert!(fs::read(run.join("trace.pftrace")).unwrap().len() > 1000, "five requests");
    let mut trace = Run::of("trace");
    trace.command.arg(run).args(["--format", "chrome"]);
    trace.end().ended_with(0);
    let trace = read(&run.join("trace.json"));
    let events = trace["traceEvents"].as_array().unwrap();
    // A slice of the client's process for each request.
    let of_client = |event: &&Value| event["name"].as_str().is_some_and(|name| name.starts_with("request "));
    assert_eq!(events.iter().filter(of_client).count(), 5, "{trace:#}");
}

#[track_caller]
fn refused(ended: &Ended, expected: &str) {
    ended.ended_with(2);
    assert!(ended.err.contains(expected), "{}", ended.err);
}

#[test]
fn every_combination_is_measured_once() {
    needs_programs!();
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start("--tokens 4 --gap-ms 2");
    let flags = "--concurrency 1,2 --request-count 3,5";
    let ended = sweep(&server.url(), folder.path(), flags).end();
    ended.ended_with(0);
    assert_eq!(server.received(), 16, "3 and 5 requests, twice");
    let found = swept(folder.path());
    let parameters =
        found["per_combination_metrics"].as_array().unwrap().iter().map(|one| &one["parameters"]);
    let expected = json!([
        {"concurrency": 1, "requests": 3}, {"concurrency": 1, "requests": 5},
        {"concurrency": 2, "requests": 3}, {"concurrency": 2, "requests": 5},
    ]);
    assert_eq!(json!(parameters.collect::<Vec<_>>()), expected, "AIPerf's order");
    // Which of them is the fastest, a host that does something else decides too; one that its client limited is not.
    let is_excluded = |one: &&Value| {
        let mut excluded = found["excluded_from_best"].as_array().unwrap().iter();
        excluded.any(|other| other["parameters"] == one["parameters"])
    };
    let throughput = |one: &&Value| one["metrics"]["request_throughput"]["mean"].as_f64().unwrap();
    let fastest = found["per_combination_metrics"].as_array().unwrap().iter();
    let fastest =
        fastest.filter(|one| !is_excluded(one)).max_by(|a, b| throughput(a).total_cmp(&throughput(b)));
    let best = &found["best_configurations"]["best_throughput"];
    assert_eq!(Some(&best["parameters"]), fastest.map(|one| &one["parameters"]), "{found:#}");
    assert_eq!(found["metadata"]["num_combinations"], 4, "{found}");
    for (name, requests) in [("concurrency_1__requests_3", 3), ("concurrency_2__requests_5", 5)] {
        let summary = read(&folder.path().join(name).join("profile_export_aiperf.json"));
        assert_eq!(summary["request_count"]["avg"], f64::from(requests), "{name}");
        let aggregate = folder.path().join("aggregate").join(name);
        let aggregate = read(&aggregate.join("profile_export_aiperf_aggregate.json"));
        assert_eq!(aggregate["metrics"]["request_count_avg"]["mean"], f64::from(requests), "{name}");
    }
    for row in ["concurrency=1 requests=3", "concurrency=2 requests=5"] {
        assert!(ended.out.contains(row), "{}", ended.out);
    }
    let page = || fs::read_to_string(folder.path().join("report.html")).unwrap();
    let first = page();
    assert!(
        first.contains("Throughput and latency") && first.contains("concurrency=2 requests=5"),
        "{first}"
    );
    let data = fs::read(folder.path().join("sweep_aggregate/profile_export_aiperf_sweep.json")).unwrap();
    assert!(first.contains(&sha256(&data)), "the foot has the digest of the data");
    of_a_variation(&folder.path().join("concurrency_2__requests_5"));
    // Again: everything is there.
    sweep(&server.url(), folder.path(), flags).end().ended_with(0);
    assert_eq!(server.received(), 16, "nothing is measured twice");
    assert_eq!(page(), first, "the same data give the same page");
    // More values: only what is missing.
    let more = "--concurrency 1,2,3 --request-count 3,5";
    sweep(&server.url(), folder.path(), more).end().ended_with(0);
    assert_eq!(server.received(), 24, "two more variations");
    // Also where they are not the last ones.
    let more = "--concurrency 4,1,2,3 --request-count 3,5";
    sweep(&server.url(), folder.path(), more).end().ended_with(0);
    assert_eq!(server.received(), 32, "two more variations");
    // Other requests are another experiment.
    let other = "--concurrency 1,2 --request-count 3,6";
    refused(&sweep(&server.url(), folder.path(), other).end(), "holds runs of another experiment");
    let other = format!("{other} --random-seed 7 --restart");
    for times in [1, 2] {
        sweep(&server.url(), folder.path(), &other).end().ended_with(0);
        assert_eq!(server.received(), 32 + 18 * times, "all of it, also with the same seed");
    }
    // Neither kind of results replaces the other.
    let single = sweep(&server.url(), folder.path(), "--concurrency 1 --request-count 3").end();
    refused(&single, "holds a sweep");
    let runs = tempfile::tempdir().unwrap();
    sweep(&server.url(), runs.path(), "--concurrency 1 --request-count 3").end().ended_with(0);
    refused(&sweep(&server.url(), runs.path(), flags).end(), "holds a run that is no part of this sweep");
    assert!(runs.path().join("requests.parquet").exists(), "what it holds is kept");
}

/// The values of a sweep are stored, and its directory is one.
#[test]
fn what_no_sweep_can_vary_is_refused() {
    needs_programs!();
    let folder = tempfile::tempdir().unwrap();
    let url = end_to_end::hostile::vanishing();
    for (flags, expected) in [
        ("--variant a:api-key=k --variant b:isl=9", "is the same for all runs"),
        ("--variant a:artifact-dir=x --variant b:isl=9", "is the same for all runs"),
        ("--variant a:url=http://u:p@h --variant b:isl=9", "is a secret"),
        ("--variant aggregate:isl=8 --variant b:isl=9", "a name of the sweep's own files"),
        ("--concurrency 1,1", "have the same directory"),
        ("--concurrency 1,2 --parameter-sweep-cooldown-seconds 1e30", "more than a century"),
    ] {
        refused(&sweep(&url, folder.path(), flags).end(), expected);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "{flags}: nothing is touched");
    }
}

#[test]
fn runs_are_made_in_turn() {
    needs_programs!();
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start("--tokens 4 --gap-ms 2");
    let flags = "--concurrency 1,2 --request-count 3 --warmup-request-count 1 --num-profile-runs 2";
    let ended = sweep(&server.url(), folder.path(), flags).end();
    ended.ended_with(0);
    assert_eq!(server.received(), 14, "each variation warms up once");
    let labels = journal(folder.path());
    let labels = labels.iter().map(|line| line["directory"].as_str().unwrap()).collect::<Vec<_>>();
    let expected = [
        "profile_runs/trial_0001/concurrency_1",
        "profile_runs/trial_0001/concurrency_2",
        "profile_runs/trial_0002/concurrency_1",
        "profile_runs/trial_0002/concurrency_2",
    ];
    assert_eq!(labels, expected, "a drift of the machine changes all variations alike");
    let found = read(&folder.path().join("aggregate/sweep_aggregate/profile_export_aiperf_sweep.json"));
    let first = &found["per_combination_metrics"][0]["metrics"]["request_count_avg"];
    assert_eq!((&first["mean"], &first["std"]), (&json!(3.0), &json!(0.0)), "{found}");
    let independent = tempfile::tempdir().unwrap();
    let flags = format!("{flags} --parameter-sweep-mode independent");
    sweep(&server.url(), independent.path(), &flags).end().ended_with(0);
    for place in
        ["concurrency_2/profile_runs/trial_0002/run.json", "concurrency_1/aggregate", "sweep_aggregate"]
    {
        assert!(independent.path().join(place).exists(), "{place}");
    }
}

#[test]
fn two_sweeps_are_compared_pair_by_pair() {
    needs_programs!();
    let folder = tempfile::tempdir().unwrap();
    let measured = |name: &str, server: &str, flags: &str, aggregate: &str| {
        let (server, made) = (Server::start(server), folder.path().join("made"));
        let flags = format!("--request-count 4 --num-profile-runs 2 {flags}");
        sweep(&server.url(), &made, &flags).end().ended_with(0);
        // Results may be compared wherever they are.
        let moved = folder.path().join(name);
        fs::rename(made, &moved).unwrap();
        // A busy host limits the client, which is not what this is about.
        let aggregate = moved.join(aggregate).join("profile_export_aiperf_sweep.json");
        let mut found = read(&aggregate);
        found["excluded_from_best"] = json!([]);
        fs::write(aggregate, found.to_string()).unwrap();
        moved
    };
    // 62 ms and 242 ms: not even a busy host makes a latency four times as long in each of two runs.
    let base = measured("base", "--tokens 4 --gap-ms 20", "--concurrency 1,2,3", "aggregate/sweep_aggregate");
    let flags = "--concurrency 1,2 --parameter-sweep-mode independent";
    let slow = measured("slow", "--tokens 4 --gap-ms 80", flags, "sweep_aggregate");
    let compared = |flags: &[&str]| {
        let mut run = Run::of("compare");
        run.command.args([&base, &slow]).args(["--metric", "request_latency.p50"]).args(flags);
        run.end()
    };
    let found = compared(&["--format", "json"]);
    found.ended_with(0);
    let found: Value = serde_json::from_str(&found.out).unwrap();
    let pairs = found["variations"].as_array().unwrap();
    let names = pairs.iter().map(|pair| (&pair["parameters"]["concurrency"], &pair["sides"][1]["runs"]));
    assert_eq!(names.collect::<Vec<_>>(), [(&json!(1), &json!(2)), (&json!(2), &json!(2))], "{found}");
    assert_eq!(found["in_some_sweeps"][0]["variation"], "concurrency=3", "{found}");
    let mean = &found["overall"]["request_latency.p50"]["sweeps"][1];
    assert!(mean["difference"].as_f64().is_some_and(|difference| difference > 1.5), "{found}");
    let text = compared(&[]).out;
    assert!(text.contains("concurrency=2") && text.contains("concurrency=3 is in"), "{text}");
    compared(&["--fail-if", "request_latency.p50 > 1.2x"]).ended_with(4);
    compared(&["--fail-if", "request_latency.p50 > 50x"]).ended_with(0);
    // A sweep is no run.
    let mut run = Run::of("compare");
    run.command.arg(&base).arg(slow.join("concurrency_1"));
    refused(&run.end(), "compare sweeps with sweeps");
}

#[test]
fn a_variation_that_fails_is_a_row() {
    needs_programs!();
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start("--tokens 4 --gap-ms 2");
    let flags = format!(
        "--request-count 3 --variant good:concurrency=1 --variant gone:url={}",
        end_to_end::hostile::vanishing()
    );
    let ended = sweep(&server.url(), folder.path(), &flags).end();
    ended.ended_with(0);
    let found = swept(folder.path());
    assert_eq!(
        (&found["num_profile_runs"], &found["num_successful_runs"]),
        (&json!(2), &json!(1)),
        "{found}"
    );
    assert_eq!(found["failed_runs"][0]["label"], "gone", "{found}");
    assert!(ended.out.contains("gone"), "its row has the reason: {}", ended.out);
    // Failed runs are measured again, the others are not.
    let ended = sweep(&server.url(), folder.path(), &flags).end();
    assert!(ended.err.contains("good is measured already"), "{}", ended.err);
    assert_eq!(server.received(), 3, "once");
    let nowhere = tempfile::tempdir().unwrap();
    let all = "--request-count 3 --concurrency 1,2";
    sweep(&end_to_end::hostile::vanishing(), nowhere.path(), all).end().ended_with(1);
}

#[test]
fn a_signal_ends_a_sweep_with_what_is_there() {
    needs_programs!();
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start("--tokens 4 --gap-ms 2");
    let flags = "--concurrency 1,2,3 --request-count 3 --parameter-sweep-cooldown-seconds 2";
    let running = sweep(&server.url(), folder.path(), flags).start();
    patience::until("the wait after the second run", || {
        (running.err().matches("before the next run").count() == 2).then_some(())
    });
    running.signal(Signal::INT);
    let ended = running.end();
    ended.ended_with(130);
    assert_eq!(swept(folder.path())["num_successful_runs"], 2, "{}", ended.err);
    sweep(&server.url(), folder.path(), flags).end().ended_with(0);
    assert_eq!(swept(folder.path())["num_successful_runs"], 3, "the rest");
    assert_eq!(server.received(), 9, "nothing is measured twice");
}

/// The command is killed at one moment after another; what it had measured is never measured again, and in the end everything is
/// there, as in a sweep without interruptions.
#[test]
fn a_sweep_that_is_killed_goes_on() {
    needs_programs!();
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start("--tokens 4 --gap-ms 2");
    let flags = "--request-count 20,21,22,23,24,25,26,27,28,29,30,31 --concurrency 1 --random-seed 3";
    let mut done = 0;
    for moment in 0..MOMENTS {
        let running = sweep(&server.url(), folder.path(), flags).start();
        let pid = running.pid();
        std::thread::sleep(Duration::from_millis(150 + 97 * moment % 700));
        running.signal(Signal::KILL);
        drop(running.end());
        patience::until("the process to exit", || {
            (!Path::new(&format!("/proc/{pid}")).exists()).then_some(())
        });
        let measured = journal(folder.path()).len();
        assert!(measured >= done, "nothing is lost: {measured} after {done}");
        done = measured;
    }
    sweep(&server.url(), folder.path(), flags).end().ended_with(0);
    let journal = journal(folder.path());
    let mut digests = journal.iter().map(|line| line["digest"].as_str().unwrap()).collect::<Vec<_>>();
    digests.sort_unstable();
    digests.dedup();
    assert_eq!(digests.len(), journal.len(), "each run has one line: {journal:#?}");
    let found = swept(folder.path());
    let requests = found["per_combination_metrics"].as_array().unwrap().iter().map(|one| {
        (
            one["parameters"]["requests"].as_f64().unwrap(),
            one["metrics"]["request_count"]["avg"].as_f64().unwrap(),
        )
    });
    let requests = requests.collect::<Vec<_>>();
    assert_eq!(requests, (20..32).map(|count| (f64::from(count), f64::from(count))).collect::<Vec<_>>());
    let received = server.received();
    sweep(&server.url(), folder.path(), flags).end().ended_with(0);
    assert_eq!(server.received(), received, "everything is measured already");
}

#[test]
fn a_configuration_describes_a_sweep() {
    needs_programs!();
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start("--tokens 4 --gap-ms 2");
    let file = folder.path().join("sweep.yaml");
    let text = format!(
        "sweep:\n  type: zip\n  parameters:\n    phases.profiling.concurrency: [1, 2]\n    datasets.main.prompts.osl: [4, 6]\n\
         benchmark:\n  model: m\n  endpoint: {{url: \"{}\", streaming: true}}\n  tokenizer: {{name: none}}\n  datasets: [{{name: main, \
         type: synthetic, prompts: {{isl: 8, osl: 4}}}}]\n  phases: [{{name: profiling, type: concurrency, concurrency: 1, requests: \
         3}}]\n",
        server.url()
    );
    fs::write(&file, text).unwrap();
    let mut run = Run::of("config");
    run.command.args(["expand", "--format", "json"]).arg(&file);
    let expanded: Value = serde_json::from_str(&run.end().ended_with(0).out).unwrap();
    assert_eq!(expanded["variations"][1]["dir_name"], "osl_6__concurrency_2", "{expanded}");
    let mut run = Run::of("profile");
    run.command.arg("--config").arg(&file).arg("--artifact-dir").arg(folder.path().join("out"));
    run.without_daemon().end().ended_with(0);
    let found = swept(&folder.path().join("out"));
    assert_eq!(
        found["per_combination_metrics"][1]["parameters"],
        json!({"osl": 6, "concurrency": 2}),
        "{found}"
    );
    let dry = |flags: &str| {
        let mut run = Run::of("profile");
        run.command.arg("--config").arg(&file).args(flags.split(' '));
        run.without_daemon().end()
    };
    let received = server.received();
    let plans: Value = serde_json::from_str(&dry("--dry-run").ended_with(0).out).unwrap();
    assert_eq!(plans[1]["plan"]["load"]["phases"][0]["concurrency"], 2, "{plans}");
    refused(&dry("--isl 8,16"), "it has a sweep, and so has the command line");
    refused(&dry("--concurrency 3"), "the sweep of the file varies it");
    refused(&dry("--osl 3"), "the sweep of the file varies it");
    assert_eq!(server.received(), received, "nothing is sent");
}

const MOMENTS: u64 = 20;

/// The share of prompt tokens that the server read from its cache, in percent, of each run in the order of its journal.
fn cached(directory: &Path) -> Vec<f64> {
    let runs = journal(directory);
    let runs = runs.iter().map(|line| directory.join(line["directory"].as_str().unwrap()));
    let read = |run| read(&Path::new(&run).join("profile_export_aiperf.json"));
    runs.map(|run| read(run)["overall_usage_prompt_cache_read_pct"]["avg"].as_f64().unwrap_or(0.0)).collect()
}

#[test]
fn a_cache_holds_what_it_is_to_hold() {
    needs_programs!();
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start("--tokens 4 --gap-ms 1 --prefix-cache 100000");
    let swept = |name: &str, flags: &str| {
        let directory = folder.path().join(name);
        sweep(&server.url(), &directory, &format!("--request-count 20 {flags}")).end().ended_with(0);
        cached(&directory)
    };
    // In whatever order, no variation finds the prompts of another one.
    for (name, order) in [("up", "64,128,256"), ("down", "256,128,64"), ("shuffled", "128,256,64")] {
        let found = swept(name, &format!("--concurrency 2 --isl {order} --random-seed 7"));
        // Of a sweep that was made before, the prompts are there.
        let is_first = name == "up";
        assert!(found.iter().all(|share| (*share < 5.0) == is_first), "{name}: {found:?}");
    }
    let cold = swept("cold", "--concurrency 2 --isl 64,128,256 --random-seed 7 --cache cold");
    assert!(cold.iter().all(|share| *share < 5.0), "it was reset before each: {cold:?}");
    let warm = swept("warm", "--concurrency 2,4 --isl 256 --num-dataset-entries 5 --cache warm");
    assert!(warm.iter().all(|share| *share > 80.0), "each prompt was sent once before: {warm:?}");
    let same = swept("same", "--concurrency 2,4 --isl 256 --parameter-sweep-same-seed");
    assert!(same[0] < 5.0 && same[1] > 80.0, "the second variation sends what the first one did: {same:?}");
}

#[test]
fn a_variation_whose_runs_converge_needs_no_more() {
    needs_programs!();
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start("--tokens 4 --gap-ms 1");
    let flags = "--concurrency 1,2 --request-count 5 --num-profile-runs 6 --parameter-sweep-mode independent \
                 --convergence-metric output_sequence_length";
    let ended = sweep(&server.url(), folder.path(), flags).end();
    ended.ended_with(0);
    assert_eq!(ended.err.matches("its runs converged after 3").count(), 2, "{}", ended.err);
    assert_eq!(server.received(), 30, "three runs of five requests, twice");
}
