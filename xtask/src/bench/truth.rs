//! Stamps and times to first token against the truth: the mock server's own log of when it read and wrote.

use super::Row;
use super::rig::Rig;
use super::spread::{float, micros, percentile, spread};
use anyhow::{Context, Result};
use serde::Deserialize;
use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

/// Kernel stamp and client stamp of each event, minus the moment right before the server wrote it.
pub(super) fn stamps(rig: &Rig) -> Result<Vec<Row>> {
    let (mut kernel, mut user, mut matched) = (Figures::default(), Figures::default(), Vec::new());
    for _ in 0..rig.runs {
        let truth = measure(rig, 1024, &["--ttft-ms", "200", "--gap-ms", "10", "--tokens", "100"])?;
        let stamps = truth.iter().flat_map(|request| &request.events);
        let (mut kernel_us, mut user_us, mut events) = (Vec::new(), Vec::new(), 0_u64);
        for event in stamps {
            events += 1;
            user_us.push(micros(event.written_ns, event.user_ns));
            kernel_us.extend(event.kernel_ns.map(|stamp| micros(event.written_ns, stamp)));
        }
        matched.push(100.0 * float(kernel_us.len() as u64) / float(events));
        kernel.take(&kernel_us)?;
        user.take(&user_us)?;
    }
    let how = "1,024 streams, an event each 10 ms, stamp − the server's time before its write";
    let row = |what: &str, ours: String| Row {
        what: what.to_owned(),
        peer: "–".to_owned(),
        ours,
        how: how.to_owned(),
    };
    Ok(vec![
        row("kernel stamp − write, µs", format!("{}; {} % matched", kernel.text(), spread(&matched, 2))),
        row("client stamp − write, µs", user.text()),
    ])
}

/// Kernel stamps over TLS minus the server's writes, and how many of a hundred events have one.
pub(super) fn of_tls(rig: &Rig, secure: &[&str]) -> Result<(String, String)> {
    let (mut kernel, mut matched) = (Figures::default(), Vec::new());
    for _ in 0..rig.runs {
        let script = ["--ttft-ms", "200", "--gap-ms", "10", "--tokens", "100"];
        let truth = measure(rig, 256, &[&script[..], secure].concat())?;
        let events = truth.iter().flat_map(|request| &request.events);
        let stamps = events.map(|event| Some(micros(event.written_ns, event.kernel_ns?))).collect::<Vec<_>>();
        let known = stamps.iter().flatten().copied().collect::<Vec<_>>();
        matched.push(100.0 * float(known.len() as u64) / float(stamps.len() as u64));
        kernel.take(&known)?;
    }
    Ok((kernel.text(), spread(&matched, 2)))
}

/// Times to first token as reported, minus what they were: from the server's read to its first token's write.
pub(super) fn ttft(rig: &Rig) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for streams in [64, 1024] {
        let (mut kernel, mut beyond, mut user) = (Figures::default(), Figures::default(), Figures::default());
        let mut in_flight = Vec::new();
        for _ in 0..rig.runs {
            let truth = measure(rig, streams, &["--ttft-ms", "100", "--gap-ms", "10", "--tokens", "20"])?;
            in_flight.push(100.0 * in_flight_share(&truth, u64::from(streams)));
            let first = truth.iter().filter_map(|request| Some((request, request.first_token()?)));
            let (mut kernel_us, mut beyond_us, mut user_us) = (Vec::new(), Vec::new(), Vec::new());
            for (request, token) in first {
                let true_us = micros(request.read_ns, token.written_ns);
                user_us.push(micros(request.begun_ns, token.user_ns) - true_us);
                if let Some((sent, received)) = request.sent_ns.zip(token.kernel_ns) {
                    let wait_us = micros(sent, request.read_ns);
                    kernel_us.push(micros(sent, received) - true_us);
                    beyond_us.push(micros(sent, received) - true_us - wait_us);
                }
            }
            kernel.take(&kernel_us)?;
            beyond.take(&beyond_us)?;
            user.take(&user_us)?;
        }
        let how = format!("{streams} streams, an event each 10 ms; truth: the server's read to its write");
        let row = |what: &str, ours: String| Row {
            what: what.to_owned(),
            peer: "–".to_owned(),
            ours,
            how: how.clone(),
        };
        rows.push(row("kernel TTFT − truth, µs", kernel.text()));
        rows.push(row("the same beyond the server's own socket wait, µs", beyond.text()));
        rows.push(row("client TTFT − truth, µs", user.text()));
        rows.push(row("requests in flight of those possible, %", spread(&in_flight, 2)));
    }
    Ok(rows)
}

/// The share of the streams' time in which they had a request in flight, while requests were sent.
fn in_flight_share(requests: &[Request], streams: u64) -> f64 {
    let begin = requests.iter().map(|request| request.begun_ns).min().unwrap_or(0);
    let end = begin + SECONDS * 1_000_000_000;
    let spans = requests.iter().filter_map(|request| {
        let ended = request.events.last()?.user_ns.min(end);
        Some(ended.saturating_sub(request.begun_ns))
    });
    float(spans.sum()) / float(streams * (end - begin))
}

/// A percentile pair of each run.
#[derive(Debug, Default)]
struct Figures {
    p50: Vec<f64>,
    p99: Vec<f64>,
}

impl Figures {
    fn take(&mut self, values: &[f64]) -> Result<()> {
        self.p50.push(percentile(values, 50)?);
        self.p99.push(percentile(values, 99)?);
        Ok(())
    }

    fn text(&self) -> String {
        format!("p50 {}, p99 {}", spread(&self.p50, 1), spread(&self.p99, 1))
    }
}

/// A request as both sides saw it, in nanoseconds on `CLOCK_MONOTONIC`.
#[derive(Debug)]
struct Request {
    /// The client handed it to the kernel.
    begun_ns: u64,
    /// Its last byte left.
    sent_ns: Option<u64>,
    /// The server had read it.
    read_ns: u64,
    events: Vec<Event>,
}

#[derive(Debug)]
struct Event {
    is_token: bool,
    written_ns: u64,
    kernel_ns: Option<u64>,
    user_ns: u64,
}

impl Request {
    fn first_token(&self) -> Option<&Event> {
        self.events.iter().find(|event| event.is_token)
    }
}

/// Runs a closed loop of so many streams and puts both sides' accounts together.
fn measure(rig: &Rig, streams: u32, server: &[&str]) -> Result<Vec<Request>> {
    let log = rig.folder.join("server.jsonl");
    let path = log.to_str().context("the build directory's path is no text")?;
    // Jitter spreads the streams: without it all of them would write in the same instant.
    let always = ["--jitter", "0.5", "--ignore-max-tokens", "--separate-writes", "--log", path];
    let server = rig.server(&[server, &always].concat())?;
    let (streams, seconds) = (streams.to_string(), SECONDS.to_string());
    let load = ["--concurrency", &streams, "--benchmark-duration", &seconds, "--timestamps", "ebpf"];
    let rest = ["--isl", "32", "--export-level", "raw", "--insecure"];
    let url = server.secure_address().unwrap_or_else(|_no_tls| server.address());
    let outcome = rig.profile(url, &[&load[..], &rest].concat())?.with_kernel_stamps()?;
    server.end()?;
    let raw = read_lines::<RawLine>(&outcome.folder.join("profile_export_raw.jsonl"))?;
    let mut raw =
        raw.into_iter().map(|line| (line.metadata.x_request_id.clone(), line)).collect::<HashMap<_, _>>();
    let logged = read_lines::<LogLine>(&log)?;
    Ok(logged
        .into_iter()
        .filter_map(|line| Some(together(&line, raw.remove(line.request_id.as_deref()?)?)))
        .collect())
}

/// Events are recorded in the order in which they were written, which is the order in which they arrived.
fn together(logged: &LogLine, seen: RawLine) -> Request {
    let written = logged.events.iter().filter(|(kind, ..)| kind != "head");
    let kernel = seen.responses_kernel_ns.iter().copied().chain(std::iter::repeat(None));
    let events = written.zip(seen.responses.iter().zip(kernel));
    let events = events.map(|((kind, before, ..), (response, kernel_ns))| Event {
        is_token: kind == "token",
        written_ns: *before,
        kernel_ns,
        user_ns: response.perf_ns,
    });
    Request {
        begun_ns: seen.start_perf_ns,
        sent_ns: seen.sent_kernel_ns,
        read_ns: logged.read_ns,
        events: events.collect(),
    }
}

/// A line of `profile_export_raw.jsonl`.
#[derive(Debug, Deserialize)]
struct RawLine {
    metadata: Metadata,
    start_perf_ns: u64,
    sent_kernel_ns: Option<u64>,
    #[serde(default)]
    responses: Vec<Response>,
    #[serde(default)]
    responses_kernel_ns: Vec<Option<u64>>,
}

#[derive(Debug, Deserialize)]
struct Metadata {
    x_request_id: String,
}

#[derive(Debug, Deserialize)]
struct Response {
    perf_ns: u64,
}

/// A line of the mock server's log; the last line is a summary and has no request.
#[derive(Debug, Deserialize)]
struct LogLine {
    request_id: Option<String>,
    #[serde(default)]
    read_ns: u64,
    /// Kind, before and after the write, and where the stream then stood.
    #[serde(default)]
    events: Vec<(String, u64, u64, u64)>,
}

fn read_lines<T: serde::de::DeserializeOwned>(path: &Path) -> Result<Vec<T>> {
    let file = File::open(path).with_context(|| format!("failed to open `{}`", path.display()))?;
    let lines = BufReader::new(file).lines();
    lines
        .map(|line| {
            serde_json::from_str(&line?)
                .with_context(|| format!("a line of `{}` is not what was expected", path.display()))
        })
        .collect()
}

/// How long requests are sent.
const SECONDS: u64 = 3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_accounts_come_together() {
        let log = r#"{"request_id":"a","connection":1,"read_ns":100,"response_begin":0,
            "events":[["head",190,191,5],["role",190,191,9],["token",200,201,20],["done",300,301,30]]}"#;
        let raw = r#"{"metadata":{"x_request_id":"a"},"start_perf_ns":40,"sent_kernel_ns":50,
            "responses":[{"perf_ns":195},{"perf_ns":260,"packets":[]},{"perf_ns":360}],
            "responses_kernel_ns":[null,210,305]}"#;
        let request = together(&serde_json::from_str(log).unwrap(), serde_json::from_str(raw).unwrap());
        let token = request.first_token().unwrap();
        assert_eq!(
            (token.written_ns, token.kernel_ns, token.user_ns),
            (200, Some(210), 260),
            "the first token"
        );
        assert_eq!(
            (request.read_ns, request.sent_ns, request.events.len()),
            (100, Some(50), 3),
            "the request"
        );
        let summary: LogLine = serde_json::from_str(r#"{"summary":{"requests":1}}"#).unwrap();
        assert_eq!(summary.request_id, None, "the last line is no request");
    }
}
