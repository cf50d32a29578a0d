//! How much one hot core takes, with every record written, beside wrk on the same server.

use super::Row;
use super::rig::{Outcome, Rig};
use super::spread::{float, ratios, spread};
use super::wrk::Wrk;
use anyhow::Result;

/// One-token streaming requests a second, and what the kernel programs cost of them.
pub(super) fn requests(rig: &Rig) -> Result<Vec<Row>> {
    let server =
        ["--ttft-ms", "0", "--gap-ms", "0", "--tokens", "1", "--ignore-max-tokens", "--usage", "never"];
    let wrk = Wrk::find(&rig.folder);
    let (mut ours, mut without, mut peer, mut lost) = (Vec::new(), Vec::new(), Vec::new(), 0);
    for _ in 0..rig.runs {
        let outcome = closed_loop(rig, &server, "ebpf")?;
        ours.push(outcome.requests_per_second());
        lost += outcome.lost();
        without.push(closed_loop(rig, &server, "user")?.requests_per_second());
        if let Some(wrk) = &wrk {
            let server = rig.server(&server)?;
            peer.push(wrk.requests_per_second(server.address(), CONNECTIONS, SECONDS)?);
        }
    }
    Ok(vec![
        Row {
            what: "one-token streaming requests/s".to_owned(),
            peer: format!("wrk {}", spread(&peer, 0)),
            ours: format!("{} ({} × wrk)", spread(&ours, 0), spread(&ratios(&ours, &peer), 3)),
            how: format!("{CONNECTIONS} connections, {SECONDS} s, all records and probes on"),
        },
        Row {
            what: "requests/s with probes ÷ without".to_owned(),
            peer: "–".to_owned(),
            ours: format!("{}, {lost} lost or unmatched", spread(&ratios(&ours, &without), 3)),
            how: format!("--timestamps ebpf ÷ --timestamps user; without: {}", spread(&without, 0)),
        },
    ])
}

/// Events a second of which each is written on its own, and the CPU time that they cost the client.
pub(super) fn events(rig: &Rig) -> Result<Vec<Row>> {
    let server = [&SERVER_500[..], &["--separate-writes"]].concat();
    let wrk = Wrk::find(&rig.folder);
    let (mut ours, mut peer, mut cpu) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rig.runs {
        let outcome = closed_loop(rig, &server, "ebpf")?;
        ours.push(outcome.requests_per_second() * TOKENS);
        let seconds = outcome.figure("daemon_cpu_seconds") + outcome.figure("loadgen_cpu_seconds");
        cpu.push(seconds / (outcome.requests() * TOKENS / 1e6));
        if let Some(wrk) = &wrk {
            let server = rig.server(&server)?;
            peer.push(wrk.requests_per_second(server.address(), CONNECTIONS, SECONDS)? * TOKENS);
        }
    }
    Ok(vec![
        Row {
            what: "separately written events/s".to_owned(),
            peer: format!("wrk {}", spread(&peer, 0)),
            ours: format!("{} ({} × wrk)", spread(&ours, 0), spread(&ratios(&ours, &peer), 3)),
            how: format!("500 events a response, {CONNECTIONS} connections, {SECONDS} s"),
        },
        Row {
            what: "CPU seconds of the client side per million events".to_owned(),
            peer: "–".to_owned(),
            ours: spread(&cpu, 2),
            how: "daemon_cpu_seconds + loadgen_cpu_seconds of run.json, same runs".to_owned(),
        },
    ])
}

/// Events a second of which 16 share a write, and how long the report of the last of these runs takes.
pub(super) fn shared_segments(rig: &Rig) -> Result<Vec<Row>> {
    let server = [&SERVER_500[..], &["--events-per-write", "16"]].concat();
    let mut ours = Vec::new();
    let mut events = 0.0;
    for _ in 0..rig.runs {
        let outcome = closed_loop(rig, &server, "ebpf")?;
        ours.push(outcome.requests_per_second() * TOKENS);
        events = outcome.requests() * TOKENS;
    }
    let (seconds, peak) = super::footprint::report(rig)?;
    Ok(vec![
        Row {
            what: "events/s, 16 a segment".to_owned(),
            peer: "–".to_owned(),
            ours: spread(&ours, 0),
            how: format!("500 events a response, {CONNECTIONS} connections, {SECONDS} s"),
        },
        Row {
            what: "report of a stored run, s and MB".to_owned(),
            peer: "–".to_owned(),
            ours: format!("{seconds:.2} s, {:.0} MB", float(peak) / 1e6),
            how: format!("aiperf-ctl report of the last of these runs, {events:.0} events"),
        },
    ])
}

fn closed_loop(rig: &Rig, server: &[&str], timestamps: &str) -> Result<Outcome> {
    let server = rig.server(server)?;
    let (connections, seconds) = (CONNECTIONS.to_string(), SECONDS.to_string());
    let flags = ["--concurrency", &connections, "--benchmark-duration", &seconds, "--timestamps", timestamps];
    let rest = ["--isl", "128", "--osl", "1", "--export-level", "summary"];
    rig.profile(server.address(), &[&flags[..], &rest].concat())
}

const CONNECTIONS: u32 = 64;
const SECONDS: u32 = 4;
const SERVER_500: [&str; 9] =
    ["--ttft-ms", "0", "--gap-ms", "0", "--tokens", "500", "--ignore-max-tokens", "--usage", "never"];
/// Events with a token in each response of [`SERVER_500`]; the role, `[DONE]` and the head are not counted.
const TOKENS: f64 = 500.0;
