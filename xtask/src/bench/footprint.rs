//! What a run takes besides processor time: memory, the time until it begins, the time of its report.

use super::Row;
use super::rig::Rig;
use super::spread::{float, spread};
use crate::clock::{mono_ns, seconds_since};
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::fs;
use std::process::Stdio;
use std::time::Duration;

/// The most memory that daemon and load generator held together, with 16 events a request.
pub(super) fn memory(rig: &Rig) -> Result<Vec<Row>> {
    let server = rig.server(&[
        "--ttft-ms",
        "0",
        "--gap-ms",
        "0",
        "--tokens",
        "16",
        "--ignore-max-tokens",
        "--usage",
        "never",
        "--events-per-write",
        "16",
        "--log-limit",
        "1000",
    ])?;
    let requests = rig.memory_requests.to_string();
    let flags =
        ["--concurrency", "64", "--request-count", &requests, "--isl", "32", "--export-level", "summary"];
    let outcome = rig.profile(server.address(), &flags)?;
    let parts =
        ["daemon_peak_memory_bytes", "loadgen_peak_memory_bytes"].map(|name| outcome.figure(name) / 1e6);
    Ok(vec![Row {
        what: "peak memory of daemon and load generator, MB".to_owned(),
        peer: "–".to_owned(),
        ours: format!("{:.0} ({:.0} + {:.0})", parts.iter().sum::<f64>(), parts[0], parts[1]),
        how: format!(
            "{requests} requests × 16 events; one run; the ring of 16 MiB that both share counts twice; --memory-requests \
             sets the number"
        ),
    }])
}

/// From the start of `aiperf-ctl profile` to the server's first read, with a daemon of its own and probes.
pub(super) fn start(rig: &Rig) -> Result<Vec<Row>> {
    let log = rig.folder.join("server.jsonl");
    let path = log.to_str().context("the build directory's path is no text")?;
    let mut millis = Vec::new();
    for _ in 0..rig.runs {
        let server = rig.server(&["--ttft-ms", "1", "--gap-ms", "1", "--tokens", "4", "--log", path])?;
        let begun = mono_ns();
        rig.profile(server.address(), &["--concurrency", "1", "--request-count", "10"])?;
        server.end()?;
        let text = fs::read_to_string(&log).context("failed to read the server's log")?;
        let first: Value =
            serde_json::from_str(text.lines().next().unwrap_or_default()).context("the log is no JSON")?;
        let read = first["read_ns"].as_u64().context("the log has no request")?;
        millis.push(float(read.saturating_sub(begun)) / 1e6);
    }
    Ok(vec![Row {
        what: "start to first request, ms".to_owned(),
        peer: "–".to_owned(),
        ours: spread(&millis, 0),
        how: "from starting aiperf-ctl to the server's first read; 100 prompts of 550 tokens generated on the way".to_owned(),
    }])
}

/// Seconds and peak memory of `aiperf-ctl report` of the profile that was made last.
pub(super) fn report(rig: &Rig) -> Result<(f64, u64)> {
    let begun = mono_ns();
    let mut command = rig.client();
    command.arg("report").arg(rig.folder.join("profile")).stdout(Stdio::null());
    let mut process = command.spawn().context("failed to start `taskset`")?;
    let status = format!("/proc/{}/status", process.id());
    let mut peak = 0;
    loop {
        peak = peak_memory(&fs::read_to_string(&status).unwrap_or_default()).unwrap_or(0).max(peak);
        if let Some(status) = process.try_wait().context("failed to wait for `aiperf-ctl report`")? {
            if !status.success() {
                bail!("aiperf-ctl report ended with {status}");
            }
            return Ok((seconds_since(begun), peak));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Bytes, from the text of a process's status (man 5 proc: VmHWM, in KiB).
fn peak_memory(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().split(' ').next()?.parse::<u64>().ok()? * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peaks_are_read() {
        assert_eq!(peak_memory("Name:\tx\nVmHWM:\t    12 kB\n"), Some(12_288), "KiB to bytes");
        assert_eq!(peak_memory(""), None, "a process that is gone");
    }
}
