//! Tests the verdict of runs with a problem, and of the same runs without it; and the console screen that ends with it.
#![expect(clippy::unwrap_used, reason = "in a test, what goes wrong unexpectedly fails it")]

use end_to_end::client::{Ended, Run};
use end_to_end::control_http::descendants;
use end_to_end::hostile::Hostile as Scripted;
use end_to_end::nginx::Nginx;
use end_to_end::patience::until;
use end_to_end::server::Server;
use end_to_end::watched::audit;
use end_to_end::{needs_nginx, needs_probes, needs_programs, programs};
use rustix::process::{Pid, Signal, kill_process};
use std::io::Write;
use std::path::Path;
use std::process::Command;

/// The verdict's level and the reasons against the run.
fn verdict(ended: &Ended) -> (String, Vec<String>) {
    let verdict = ended.json("run.json")["verdict"].clone();
    let reasons = verdict["reasons"].as_array().unwrap().iter();
    let reasons = reasons.filter(|reason| reason["standing"] != "valid");
    let names = reasons.map(|reason| reason["name"].as_str().unwrap().to_owned()).collect();
    (verdict["standing"].as_str().unwrap().to_owned(), names)
}

#[track_caller]
fn check(ended: &Ended, status: i32, standing: &str, reason: &str) {
    ended.ended_with(status);
    let (found, reasons) = verdict(ended);
    assert_eq!(found, standing, "{reasons:?}");
    assert!(reasons.iter().any(|name| name == reason), "{reason} is among {reasons:?}");
    assert!(ended.out.contains(&format!("Verdict: {standing}")), "{}", ended.out);
}

/// The reasons of a verdict except those about the load of this machine.
fn without_host_reasons(mut reasons: Vec<String>) -> Vec<String> {
    let of_host =
        ["hot_core_shared", "sibling_busy", "client_overhead", "standstill", "governor", "steal_time"];
    reasons.retain(|name| !of_host.contains(&name.as_str()));
    reasons
}

fn run(server: &str, flags: &str) -> Ended {
    let server = Server::start(server);
    Run::profile(&server.url(), flags).end()
}

#[test]
fn failures_degrade_the_verdict() {
    needs_programs!();
    for (fault, cause) in [
        ("status:401", "HTTP 401"),
        ("status:404", "HTTP 404"),
        ("status:429", "HTTP 429"),
        ("status:500", "HTTP 500"),
        ("close", "response_truncated"),
        ("redirect", "HTTP 302"),
        ("error-object", ""),
    ] {
        let ended = run(&format!("--fault {fault}"), "--request-count 6 --concurrency 2");
        check(&ended, 1, "invalid", "requests_failed");
        let expected = format!("every request failed, the first with: {cause}");
        assert!(ended.json("run.json")["verdict"].to_string().contains(&expected), "{fault}: {}", ended.out);
    }
    let half = run("--fault status:503 --fault-every 2", "--request-count 20 --concurrency 2");
    check(&half, 3, "invalid", "requests_failed");
    let some = run("--fault status:503 --fault-every 20", "--request-count 40 --concurrency 2");
    check(&some, 0, "degraded", "requests_failed");
    // The page says in which second of the run they were.
    let page = some.read("report.html");
    assert!(
        page.contains("<b>requests_failed</b>") && page.contains("<a href=\"#figure-plot-0\">(at "),
        "{page}"
    );
    let never = run("--fault status:503 --fault-every 2", "--request-count 20 --fail-on never");
    check(&never, 0, "invalid", "requests_failed");
}

#[test]
fn a_good_run_is_valid() {
    needs_programs!();
    let ended = run("--separate-writes", "--request-count 40 --concurrency 4");
    ended.ended_with(0);
    let (standing, reasons) = verdict(&ended);
    let remaining = without_host_reasons(reasons);
    assert!(remaining.is_empty(), "{standing}: {remaining:?}");
}

#[test]
fn responses_that_were_not_streamed_are_reported() {
    needs_programs!();
    let together = run("--events-per-write 16", "--request-count 10 --concurrency 2 --osl 16");
    check(&together, 0, "degraded", "buffered");
    // The server responds with one body, whatever was requested.
    let whole = run("", "--request-count 10 --concurrency 2 --osl 16 --extra-inputs stream:false");
    check(&whole, 0, "degraded", "not_streamed");
    let summary = whole.json("profile_export_aiperf.json");
    for tag in ["time_to_first_token", "inter_token_latency", "time_to_second_token"] {
        assert!(summary.get(tag).is_none(), "{tag}: {}", summary[tag]);
    }
    assert!(summary["request_latency"]["avg"].is_number(), "the latency stays");
    assert!(!whole.out.contains("Time to First Token"), "{}", whole.out);
    let wanted = Server::start("");
    let plain = Run::plain_profile(&wanted.url(), "--request-count 10 --osl 16").end();
    assert!(verdict(&plain).1.iter().all(|name| name != "not_streamed"), "no stream was requested");
}

/// The same server, behind a proxy that forwards events and behind one that buffers them.
#[test]
fn a_buffering_proxy_is_reported() {
    needs_nginx!();
    let server = Server::start("--tokens 12 --gap-ms 3 --ignore-max-tokens");
    let nginx = Nginx::before(&server);
    let flags = format!("--request-count 10 --concurrency 2 --ca-certificate {}", nginx.authority());
    let streamed = Run::profile(&nginx.url(), &flags).end();
    streamed.ended_with(0);
    assert!(verdict(&streamed).1.iter().all(|name| name != "buffered"), "{}", streamed.out);
    check(&Run::profile(&nginx.buffering_url(), &flags).end(), 0, "degraded", "buffered");
}

/// A server whose token counts differ from ours.
#[test]
fn different_token_counts_are_reported() {
    needs_programs!();
    let server = Scripted::responding(|_, _, stream| {
        let chunk = |text: &str| {
            format!("data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{text}\"}}}}]}}\n\n")
        };
        let usage = "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":52,\"total_tokens\":61}}\n\n";
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
        stream.write_all(head.as_bytes()).ok();
        for word in ["one", " two", " three"] {
            stream.write_all(chunk(word).as_bytes()).ok();
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
        stream.write_all(usage.as_bytes()).ok();
        stream.write_all(b"data: [DONE]\n\n").ok();
    });
    let flags = "--request-count 10 --concurrency 1";
    check(&Run::profile(&server.url(), flags).end(), 0, "degraded", "token_counts_differ");
    let by_server = Run::profile(&server.url(), &format!("{flags} --use-server-token-count")).end();
    let remaining = without_host_reasons(verdict(&by_server).1);
    assert!(remaining.is_empty(), "the server's own counts are used: {remaining:?}");
}

#[test]
fn a_stall_is_reported() {
    needs_probes!();
    let server = Server::start("--tokens 50 --gap-ms 4");
    let flags = "--concurrency 4 --benchmark-duration 5 --benchmark-grace-period 5";
    let running = Run::profile(&server.url(), flags).start();
    server.until_received(8);
    let loadgen = until("a load generator", || process(running.pid(), "aiperf-loadgen"));
    signal(loadgen, Signal::STOP);
    std::thread::sleep(std::time::Duration::from_millis(2500));
    signal(loadgen, Signal::CONT);
    check(&running.end(), 3, "invalid", "standstill");
}

#[test]
fn an_observation_without_requests_is_invalid() {
    needs_probes!();
    let ended = audit(&[], &["true"]).end();
    ended.ended_with(3);
    assert_eq!(verdict(&ended), ("invalid".to_owned(), vec!["nothing_seen".to_owned()]), "{}", ended.err);
    audit(&["--fail-on", "never"], &["true"]).end().ended_with(0);
    audit(&[], &["false"]).end().ended_with(1);
}

/// At 80 columns no line wraps, everything fits on a screen of 24 lines, and it ends with the verdict and the files.
#[test]
fn the_report_is_one_screen() {
    needs_programs!();
    let server = Server::start("--fault status:503 --fault-every 2");
    let flags = "--request-count 20 --concurrency 2";
    let ended = Run::profile(&server.url(), flags).end();
    let lines = ended.out.lines().collect::<Vec<_>>();
    assert!(lines.len() <= 23, "{} lines:\n{}", lines.len(), ended.out);
    let widest =
        lines.iter().filter(|line| !line.starts_with("Results")).map(|line| line.chars().count()).max();
    assert!(widest.unwrap() <= 80, "{}", ended.out);
    let verdict = lines.iter().position(|line| line.starts_with("Verdict: invalid")).expect("a verdict");
    let results =
        lines.iter().position(|line| line.starts_with("Results: ")).expect("the line with the files");
    assert!(verdict < results && results + 2 >= lines.len(), "at the end: {}", ended.out);
    let full = Run::profile(&server.url(), &format!("{flags} --console full")).end();
    assert!(full.out.lines().count() > 40, "every table: {}", full.out);
    let file = std::fs::read_to_string(full.artifacts().join("profile_export_console.txt")).unwrap();
    assert!(file.contains("LLM Metrics"), "and they are in the file: {file}");
}

#[test]
fn repeated_failures_are_not_a_success() {
    needs_programs!();
    let server = Server::start("--fault status:503");
    let ended = Run::profile(&server.url(), "--request-count 3 --num-profile-runs 2").end();
    ended.ended_with(1);
    assert!(ended.err.contains("no run succeeded"), "{}", ended.err);
}

fn signal(pid: u32, signal: Signal) {
    kill_process(Pid::from_raw(i32::try_from(pid).unwrap()).unwrap(), signal).unwrap();
}

/// The load generator that sends requests, not the process that spawns it.
fn process(pid: u32, name: &str) -> Option<u32> {
    descendants(pid).into_iter().find(|pid| {
        let line =
            std::fs::read(Path::new("/proc").join(pid.to_string()).join("cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).replace('\0', " ").contains(&format!("{name} run"))
    })
}

/// There, the kernel's timestamps use another clock: they are not used, and the run reports why.
#[test]
fn in_a_time_namespace_other_timestamps_are_used() {
    needs_probes!();
    let server = Server::start("");
    let mut command = Command::new("unshare");
    command.args(["--time", "--monotonic", "100000", "--"]).arg(programs::folder().join("aiperf-ctl"));
    command.args(["profile", "--model", "mock-model", "--url", &server.url(), "--streaming"]);
    command.args(["--request-count", "8", "--isl", "8", "--osl", "4", "--artifact-dir", "artifacts"]);
    let ended = Run::by(command).without_daemon().end();
    ended.ended_with(0);
    let run = ended.json("run.json");
    assert_eq!(run["timestamps"], "so_timestamping", "{}", run["timestamps_reason"]);
    assert!(
        run["timestamps_reason"].as_str().unwrap().contains("time namespace"),
        "{}",
        run["timestamps_reason"]
    );
    for record in ended.records() {
        let overhead = record["metrics"]["client_receive_overhead_first_token"]["value"].as_f64().unwrap();
        assert!((0.0..60_000.0).contains(&overhead), "{record}");
    }
}
