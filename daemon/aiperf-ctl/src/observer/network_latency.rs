//! `--network-latency-automatic`: measures the network's round trip during the run, and stores it with the run.

use super::{Checked, Observer, Setup, Start};
use crate::terminal::print_warning;
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::io::{BufReader, ErrorKind, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;
use store::{Folder, Names, source};
use telemetry_in::{Ping, Pinger, Pinging};

/// Pings of the run's servers.
struct NetworkLatency<'a> {
    directory: &'a Path,
    names: Names,
    interval: Duration,
    /// The servers being pinged, each with its URL.
    pinged: Vec<(String, SocketAddr, Pinger)>,
}

pub(super) fn check(setup: Setup<'_>) -> Checked<'_> {
    let profile = setup.profile;
    let Some(wanted) = &profile.observers.network_latency else { return Ok(None) };
    let directory = profile.artifact_dir.as_path();
    let names = Names::new(profile.plan.output.export_prefix.as_deref())?;
    let interval = Duration::from_secs_f64(wanted.interval_seconds);
    Ok(Some(Box::new(NetworkLatency { directory, names, interval, pinged: Vec::new() })))
}

impl Observer for NetworkLatency<'_> {
    /// Starts pinging each server once.
    fn start(&mut self, start: &mut Start<'_>) -> Result<()> {
        let Self { interval, pinged, .. } = self;
        for (url, address) in start.addresses {
            // A unix socket has no network latency.
            let Ok(address) = address.parse() else { continue };
            if pinged.iter().all(|(_, known, _)| *known != address) {
                let pinging = Pinging { address, interval: *interval, now: clock::mono, date: clock::real };
                let pinger = Pinger::start(pinging).context("failed to start a thread")?;
                pinged.push((spec::url::shown(url), address, pinger));
            }
        }
        Ok(())
    }

    fn finish(&mut self) {
        if self.pinged.is_empty() {
            return;
        }
        let mut lines = Vec::new();
        let mut successes = 0;
        for (url, address, pinger) in self.pinged.drain(..) {
            for ping in pinger.finish() {
                successes += usize::from(ping.round_trip.is_ok());
                lines.push(line(&url, address, &ping));
            }
        }
        if successes == 0 {
            print_warning(
                "--network-latency-automatic: no connection was accepted, so no metric is adjusted",
            );
        }
        if let Err(error) = self.store(&lines) {
            print_warning(&format!("the network latency could not be stored: {error:#}"));
        }
    }
}

impl NetworkLatency<'_> {
    fn store(&self, lines: &[Value]) -> Result<()> {
        let mut file = Folder::open(self.directory)?.create(&name(&self.names))?;
        lines.iter().try_for_each(|line| writeln!(file, "{line}"))?;
        file.finish()?;
        Ok(())
    }
}

/// The mean round trip stored in a run's directory, in milliseconds.
pub(crate) fn stored_mean_ms(directory: &Path, names: &Names) -> Result<Option<f64>> {
    let path = directory.join(name(names));
    let read = || format!("failed to read `{}`", path.display());
    let file = match source::open(&path, BYTES_MAX) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).with_context(read),
    };
    let mut round_trips = Vec::new();
    let (mut file, mut line) = (BufReader::new(file), Vec::new());
    while source::next_line(&mut file, &mut line, LINE_BYTES_MAX).with_context(read)? {
        let line: Value = serde_json::from_slice(&line).with_context(read)?;
        round_trips.extend(line["rtt_ns"].as_u64().map(metric::float));
    }
    let mean = round_trips.iter().sum::<f64>() / metric::float_of(round_trips.len());
    Ok(Some(mean / 1e6).filter(|mean| mean.is_finite()))
}

fn name(names: &Names) -> String {
    names.file("profile_export_network_latency.jsonl", "_network_latency.jsonl")
}

/// A line with AIPerf's keys.
fn line(url: &str, address: SocketAddr, ping: &Ping) -> Value {
    let mut line = json!({
        "timestamp_ns": ping.at.0,
        "target_url": url,
        "target_host": address.ip().to_string(),
        "target_port": address.port(),
        "probe_type": "tcp_connect",
        "rtt_ns": ping.round_trip.as_ref().ok().map(|taken| taken.0),
        "success": ping.round_trip.is_ok(),
    });
    if let Err(why) = &ping.round_trip {
        line["error"] = json!({"type": "OSError", "message": why});
    }
    line
}

/// Maximum size of the file: one line per second and address lasts for years.
const BYTES_MAX: u64 = 1 << 30;
const LINE_BYTES_MAX: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;
    use common::clock::{DurationNs, RealNs};

    #[test]
    fn the_mean_is_of_successful_pings() {
        let directory = tempfile::tempdir().unwrap();
        let names = Names::new(Some("x")).unwrap();
        assert_eq!(stored_mean_ms(directory.path(), &names).unwrap(), None, "nothing was measured");
        let ping = |round_trip| Ping { at: RealNs(1), round_trip };
        let address = "10.0.0.1:80".parse().unwrap();
        let pings = [Ok(DurationNs(1_000_000)), Err("refused".to_owned()), Ok(DurationNs(3_000_000))];
        let lines = pings.map(|round_trip| format!("{}\n", line("http://a", address, &ping(round_trip))));
        std::fs::write(directory.path().join("x_network_latency.jsonl"), lines.concat()).unwrap();
        assert_eq!(stored_mean_ms(directory.path(), &names).unwrap(), Some(2.0), "of two");
        let failed: Value = serde_json::from_str(&lines[1]).unwrap();
        assert_eq!(failed["error"], json!({"type": "OSError", "message": "refused"}), "{failed}");
    }
}
