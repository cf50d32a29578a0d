//! How long after its due time a request's last byte leaves, in an open loop.

use super::Row;
use super::rig::{Outcome, Rig};
use super::spread::spread;
use anyhow::Result;

/// From due to `kernel_sent_last`, waiting in the kernel and asking again and again.
pub(super) fn overhead(rig: &Rig) -> Result<Vec<Row>> {
    let (mut blocking, mut spinning) = (Vec::new(), Vec::new());
    for _ in 0..rig.runs {
        blocking.push(p99_us(&open_loop(rig, "0", &[])?)?);
        spinning.push(p99_us(&open_loop(rig, "0,1", &["--spin"])?)?);
    }
    let row = |what: &str, ours: &[f64], how: &str| Row {
        what: what.to_owned(),
        peer: "–".to_owned(),
        ours: spread(ours, 1),
        how: format!("2,000 requests/s at even distances, 3 s; {how}"),
    };
    Ok(vec![
        row("due → last byte sent, p99, µs", &blocking, "everything of the client on core 0"),
        row(
            "the same with --spin, µs",
            &spinning,
            "the hot thread on core 0, the rest of the client where there is room",
        ),
    ])
}

fn open_loop(rig: &Rig, cores: &str, flags: &[&str]) -> Result<Outcome> {
    let server = rig.server(&["--ttft-ms", "5", "--gap-ms", "1", "--tokens", "4", "--ignore-max-tokens"])?;
    let load = ["--request-rate", "2000", "--arrival-pattern", "constant", "--concurrency", "256"];
    let rest =
        ["--benchmark-duration", "3", "--isl", "32", "--timestamps", "ebpf", "--export-level", "summary"];
    rig.profile_on(cores, server.address(), &[&load[..], &rest, flags].concat())?.with_kernel_stamps()
}

/// The summary gives milliseconds.
fn p99_us(outcome: &Outcome) -> Result<f64> {
    Ok(outcome.statistic("client_send_overhead", "p99")? * 1e3)
}
