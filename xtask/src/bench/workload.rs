//! Loads beyond the ordinary: many requests a second in an open loop, TLS, many conversations, many rows.

use super::Row;
use super::rig::Rig;
use super::spread::{float, spread};
use crate::clock::mono_ns;
use crate::process;
use anyhow::{Context, Result};
use serde_json::Value;
use std::fmt::Write as _;
use std::fs;

/// Requests a second at even distances from one hot core, and how many of those that were asked for came late or never.
pub(super) fn rate(rig: &Rig) -> Result<Vec<Row>> {
    let (mut delivered, mut late, mut unsent) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rig.runs {
        let server = rig.server(&[
            "--ttft-ms",
            "1",
            "--gap-ms",
            "0",
            "--tokens",
            "1",
            "--ignore-max-tokens",
            "--usage",
            "never",
        ])?;
        let (rate, seconds) = (RATE.to_string(), SECONDS.to_string());
        let load =
            ["--request-rate", &rate, "--arrival-pattern", "constant", "--benchmark-duration", &seconds];
        let rest = ["--concurrency", "4096", "--isl", "32", "--osl", "1", "--export-level", "summary"];
        let outcome = rig.profile(server.address(), &[&load[..], &rest].concat())?;
        let sent = outcome.count("requests_sent");
        delivered.push(sent / float(SECONDS));
        late.push(100.0 * outcome.count("requests_late") / sent);
        unsent.push(100.0 * outcome.count("requests_unsent") / (float(RATE) * float(SECONDS)));
    }
    Ok(vec![Row {
        what: "requests/s sent in an open loop; late by 1 ms, never sent, %".to_owned(),
        peer: format!("asked: {RATE}"),
        ours: format!("{}; {}, {}", spread(&delivered, 0), spread(&late, 2), spread(&unsent, 2)),
        how: format!("at even distances, {SECONDS} s, one hot core, a token each"),
    }])
}

/// Events a second over TLS, and how far the kernel's stamps are from the server's writes.
pub(super) fn tls(rig: &Rig) -> Result<Vec<Row>> {
    let (certificate, key) = certificate(rig)?;
    let secure = ["--tls-certificate", certificate.as_str(), "--tls-key", key.as_str()];
    let mut events = Vec::new();
    for _ in 0..rig.runs {
        let flags =
            ["--ttft-ms", "0", "--gap-ms", "0", "--tokens", "500", "--ignore-max-tokens", "--usage", "never"];
        let server = rig.server(&[&flags[..], &["--separate-writes"], &secure].concat())?;
        let flags =
            ["--concurrency", "64", "--benchmark-duration", "4", "--timestamps", "ebpf", "--insecure"];
        let rest = ["--isl", "128", "--osl", "1", "--export-level", "summary"];
        let outcome = rig.profile(server.secure_address()?, &[&flags[..], &rest].concat())?;
        events.push(outcome.requests_per_second() * 500.0);
    }
    let (stamps, matched) = super::truth::of_tls(rig, &secure)?;
    Ok(vec![
        Row {
            what: "separately written events/s over TLS".to_owned(),
            peer: "–".to_owned(),
            ours: spread(&events, 0),
            how: "500 events a response, 64 connections, 4 s, TLS 1.3 to the scripted server".to_owned(),
        },
        Row {
            what: "kernel stamp − write over TLS, µs".to_owned(),
            peer: "–".to_owned(),
            ours: format!("{stamps}; {matched} % matched"),
            how: "256 streams, an event each 10 ms".to_owned(),
        },
    ])
}

/// What the load generator holds of ten thousand conversations that are all open.
pub(super) fn conversations(rig: &Rig) -> Result<Vec<Row>> {
    let (mut all, mut each) = (Vec::new(), Vec::new());
    for _ in 0..rig.runs {
        let [few, many] = [100, CONVERSATIONS].map(|count| open_conversations(rig, count));
        let (few, many) = (few?, many?);
        all.push(many / 1e6);
        each.push((many - few) / float(CONVERSATIONS - 100) / 1e3);
    }
    Ok(vec![Row {
        what: format!("memory of the load generator with {CONVERSATIONS} open conversations, MB; kB each"),
        peer: "–".to_owned(),
        ours: format!("{}; {}", spread(&all, 0), spread(&each, 1)),
        how: "two turns of 64 tokens, five seconds apart, one hot core; each: beyond a run of 100".to_owned(),
    }])
}

fn open_conversations(rig: &Rig, count: u64) -> Result<f64> {
    let server = rig.server(&["--ttft-ms", "1", "--gap-ms", "0", "--tokens", "16", "--ignore-max-tokens"])?;
    let count = count.to_string();
    let load = ["--concurrency", &count, "--conversation-num", &count, "--num-dataset-entries", "1000"];
    let turns = ["--conversation-turn-mean", "2", "--conversation-turn-delay-mean", "5000", "--isl", "64"];
    let rest = ["--export-level", "summary"];
    let outcome = rig.profile(server.address(), &[&load[..], &turns, &rest].concat())?;
    Ok(outcome.figure("loadgen_peak_memory_bytes"))
}

/// From the start of `aiperf-ctl profile` to the server's first read, with a file of a million rows.
pub(super) fn dataset(rig: &Rig) -> Result<Vec<Row>> {
    let rows = rig.folder.join("rows.jsonl");
    let mut text = String::new();
    for number in 0..ROWS {
        writeln!(
            text,
            "{{\"text\":\"Question {number}: {}\",\"output_length\":2}}",
            "why and how ".repeat(8)
        )?;
    }
    fs::write(&rows, &text).context("failed to write the rows")?;
    drop(text);
    let (log, path) = (rig.folder.join("server.jsonl"), rows.to_str().context("the path is no text")?);
    let log_path = log.to_str().context("the build directory's path is no text")?;
    let (mut seconds, mut memory) = (Vec::new(), Vec::new());
    for _ in 0..rig.runs {
        let server = rig.server(&["--ttft-ms", "1", "--gap-ms", "1", "--tokens", "2", "--log", log_path])?;
        let begun = mono_ns();
        let flags = ["--concurrency", "8", "--request-count", "1000", "--input-file", path];
        let rest = ["--custom-dataset-type", "single_turn", "--export-level", "summary"];
        let outcome = rig.profile_on("0,1", server.address(), &[&flags[..], &rest].concat())?;
        server.end()?;
        let log = fs::read_to_string(&log).context("failed to read the server's log")?;
        let first: Value = serde_json::from_str(log.lines().next().unwrap_or_default())?;
        let read = first["read_ns"].as_u64().context("the log has no request")?;
        seconds.push(float(read.saturating_sub(begun)) / 1e9);
        memory.push(outcome.figure("loadgen_peak_memory_bytes") / 1e6);
    }
    fs::remove_file(&rows).ok();
    Ok(vec![Row {
        what: "start to first request with a million rows, s; memory of the load generator, MB".to_owned(),
        peer: "–".to_owned(),
        ours: format!("{}; {}", spread(&seconds, 2), spread(&memory, 0)),
        how: "single_turn rows of about 140 bytes, all read and checked before the first request".to_owned(),
    }])
}

/// A certificate that nobody needs to trust, and its key.
fn certificate(rig: &Rig) -> Result<(String, String)> {
    let example = ["run", "-q", "--release", "--package", "mock-server", "--example", "certificate", "--"];
    process::run(rig.project.cargo().args(example).arg(&rig.folder))?;
    let path = |name: &str| rig.folder.join(name).display().to_string();
    Ok((path("certificate.pem"), path("key.pem")))
}

const RATE: u64 = 20_000;
const SECONDS: u64 = 5;
const CONVERSATIONS: u64 = 10_000;
const ROWS: u64 = 1_000_000;
