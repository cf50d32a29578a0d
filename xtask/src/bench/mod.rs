//! `cargo xtask bench`: measures the promises of docs/BUDGET.md, side by side with wrk where it can do the same.
//!
//! ```text
//! core 1: mock-server --cpu 1        core 0: taskset -c 0 aiperf-ctl profile --cpus 0   (client, daemon, load generator)
//! ```
//!
//! Every figure is the median of several runs with the least and the greatest, each run with a fresh server. Peers
//! take turns with us, so that what the machine does meanwhile hits both.

mod aiperf;
mod footprint;
mod observe;
mod rig;
mod sending;
pub(crate) mod soak;
mod spread;
mod telemetry;
mod throughput;
mod truth;
mod workload;
mod wrk;

use crate::build;
use crate::project::{Profile, Project};
use crate::say::say;
use anyhow::{Result, bail};
use rig::Rig;

/// Flags of `bench`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How often each figure is measured.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
    /// Only these benchmarks; see the first column of the table.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Requests of the benchmark `memory`.
    #[arg(long, default_value_t = 300_000)]
    memory_requests: u64,
    /// Measure NVIDIA AIPerf too: takes Python and the network, once.
    #[arg(long)]
    with_aiperf: bool,
    /// Take the release programs that are there instead of building them.
    #[arg(long)]
    no_build: bool,
}

/// A line of the table.
#[derive(Clone, Debug)]
struct Row {
    /// What was measured, with its unit.
    what: String,
    /// The peer's figure.
    peer: String,
    /// Our figure.
    ours: String,
    /// How it was measured.
    how: String,
}

/// A benchmark: its name, what it measures.
type Benchmark = (&'static str, fn(&Rig) -> Result<Vec<Row>>);

/// Every benchmark, in the order of docs/BUDGET.md.
const BENCHMARKS: &[Benchmark] = &[
    ("stamps", truth::stamps),
    ("ttft", truth::ttft),
    ("requests", throughput::requests),
    ("events", throughput::events),
    ("shared", throughput::shared_segments),
    ("sending", sending::overhead),
    ("rate", workload::rate),
    ("tls", workload::tls),
    ("conversations", workload::conversations),
    ("dataset", workload::dataset),
    ("telemetry", telemetry::telemetry),
    ("memory", footprint::memory),
    ("start", footprint::start),
    ("observe", observe::watching),
    ("aiperf", aiperf::rows),
];

/// Runs the command.
pub(crate) fn run(project: &Project, args: &Args) -> Result<()> {
    if let Some(unknown) = args.only.iter().find(|name| !BENCHMARKS.iter().any(|(known, _)| known == name)) {
        let names = BENCHMARKS.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
        bail!("there is no benchmark `{unknown}`; there are: {names}");
    }
    if !args.no_build {
        build::build(project, Profile::Release)?;
    }
    let rig = Rig::new(project, args.runs, args.memory_requests, args.with_aiperf)?;
    let mut table = vec![
        "| benchmark | what | peer | ours | how |".to_owned(),
        "| --- | --- | --- | --- | --- |".to_owned(),
    ];
    for (name, measure) in BENCHMARKS {
        if !args.only.is_empty() && !args.only.iter().any(|only| only == name) {
            continue;
        }
        say(&format!("measuring: {name}"));
        match measure(&rig) {
            Ok(rows) => {
                table.extend(rows.into_iter().map(|row| {
                    format!("| {name} | {} | {} | {} | {} |", row.what, row.peer, row.ours, row.how)
                }))
            }
            Err(error) => table.push(format!("| {name} | failed: {error:#} | | | |")),
        }
    }
    say(&format!("\n{}\n{}\n", rig.machine(), table.join("\n")));
    if table.iter().any(|line| line.contains("| failed: ")) {
        bail!("a benchmark failed");
    }
    Ok(())
}
