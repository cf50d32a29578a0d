//! `cargo xtask soak`: hours of load, or of watching, on one daemon: memory, descriptors and disk stay flat, nothing is lost.
//!
//! ```text
//! load      aiperfd with /metrics, one aiperf-ctl profile after the other, each request sent to a collector
//! observe   aiperfd that observes the server as a service, under the same profiles
//! ```
//!
//! Every ten seconds each process of the daemon is looked at. The first third of the samples is for filling up; flat is what does
//! not grow from the second third to the last.

use super::observe::Group;
use super::rig::{PRIVATE, Rig};
use super::spread::float;
use super::telemetry::{Published, answer, get, until};
use crate::build;
use crate::clock;
use crate::mock_server::MockServer;
use crate::project::{Profile, Project};
use crate::say::say;
use anyhow::{Context, Result, bail};
use std::collections::BTreeMap;
use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Flags of `soak`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What goes on: `load` or `observe`.
    what: What,
    /// How long.
    #[arg(long, default_value_t = 60)]
    minutes: u32,
    /// Requests a second.
    #[arg(long, default_value_t = 20_000)]
    rate: u32,
    /// Minutes of each run.
    #[arg(long, default_value_t = 5)]
    run_minutes: u32,
    /// Take the release programs that are there instead of building them.
    #[arg(long)]
    no_build: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum What {
    /// Runs through a daemon that publishes them, each request sent to a collector.
    Load,
    /// A server that the daemon watches as a service.
    Observe,
}

/// Runs the command.
pub(crate) fn run(project: &Project, args: &Args) -> Result<()> {
    if !args.no_build {
        build::build(project, Profile::Release)?;
    }
    let rig = Rig::new(project, 1, 0, false)?;
    let server = ["--ttft-ms", "1", "--gap-ms", "0", "--tokens", "1", "--ignore-max-tokens"];
    let (report, sent) = match args.what {
        What::Load => load(&rig, args, &server)?,
        What::Observe => observe(&rig, args, &server)?,
    };
    let rows = report.rows();
    let table = rows
        .iter()
        .map(|row| format!("| {} | {:.1} | {:.1} | {} |", row.what, row.before, row.after, row.unit));
    let table = table.collect::<Vec<_>>().join("\n");
    say(&format!(
        "{}\n{sent}\n| what | second third | last third | unit |\n| --- | --- | --- | --- |\n{table}",
        rig.machine()
    ));
    let grown = rows.iter().filter(|row| row.has_grown()).map(|row| row.what.as_str()).collect::<Vec<_>>();
    if !grown.is_empty() {
        bail!("not flat: {}", grown.join(", "));
    }
    Ok(())
}

/// Runs through a daemon that publishes, one after the other.
fn load(rig: &Rig, args: &Args, server: &[&str]) -> Result<(Report, String)> {
    let collector = TcpListener::bind("127.0.0.1:0")?;
    let collector_address = collector.local_addr()?.to_string();
    std::thread::spawn(move || collector.incoming().flatten().for_each(|stream| drop(answer(stream))));
    let published = Published::start(rig, CORES, "")?;
    let server = rig.server(server)?;
    let watch = Watch::start(published.pid(), rig.folder.join("published"));
    let (summary, _) = profiles(rig, args, &published.socket, &server, &["--otel-url", &collector_address])?;
    Ok((watch.end()?, summary))
}

/// A server that is watched as a service, under the same load.
fn observe(rig: &Rig, args: &Args, server: &[&str]) -> Result<(Report, String)> {
    let group = Group::make()?;
    let server = group.within(|| rig.server(server))?;
    let config = format!(
        "[[observe]]\nname = \"soaked\"\ncgroup = \"{}\"\ncount_tokens = false\npart_seconds = 60\nkeep_mib = 256\n",
        group.name
    );
    let published = Published::start(rig, CORES, &config)?;
    until("the observer", || {
        get(published.address, "/metrics")
            .is_ok_and(|text| text.contains("aiperfd_watching{server=\"soaked\"} 1"))
    })?;
    let watch = Watch::start(published.pid(), rig.folder.join("published"));
    let (summary, sent) = profiles(rig, args, Path::new(PRIVATE), &server, &[])?;
    until("every request to be published", || seen(published.address).is_ok_and(|seen| seen >= sent))
        .with_context(|| format!("{:?} of {sent} requests were seen", seen(published.address)))?;
    let lost = lost(published.address)?;
    if lost > 0.0 {
        bail!("{lost} records or requests of the watched server were lost");
    }
    Ok((watch.end()?, summary))
}

/// Runs one after the other until the time is over; each must have lost nothing.
fn profiles(
    rig: &Rig,
    args: &Args,
    socket: &Path,
    server: &MockServer,
    more: &[&str],
) -> Result<(String, f64)> {
    let (begun, seconds) = (clock::mono_ns(), f64::from(args.minutes) * 60.0);
    let (mut runs, mut requests, mut lost) = (0_u32, 0.0, 0);
    let (rate, length) = (args.rate.to_string(), (args.run_minutes * 60).to_string());
    while clock::seconds_since(begun) < seconds {
        let load =
            ["--request-rate", &rate, "--arrival-pattern", "constant", "--benchmark-duration", &length];
        let rest = ["--concurrency", "512", "--isl", "32", "--osl", "1", "--export-level", "summary"];
        let own = ["--no-gpu-telemetry", "--no-server-metrics"];
        let flags = [&load[..], &rest, &own, more].concat();
        let outcome = rig.profile_by(socket, CORES, server.address(), &flags)?;
        runs += 1;
        requests += outcome.count("requests_completed");
        lost += outcome.lost();
        say(&format!("run {runs}: {requests:.0} requests in all, {lost} lost"));
    }
    if lost > 0 {
        bail!("{lost} records were lost");
    }
    let seconds = clock::seconds_since(begun);
    Ok((format!("{runs} runs, {requests:.0} requests, {seconds:.0} s, nothing lost"), requests))
}

/// What the daemon reports as lost of an observed service.
fn lost(address: SocketAddr) -> Result<f64> {
    let text = get(address, "/metrics").context("the daemon does not answer")?;
    let lines = text.lines().filter(|line| {
        line.starts_with("aiperfd_kernel_dropped_total{")
            || line.starts_with("aiperfd_requests_dropped_total{")
    });
    Ok(sum(lines))
}

/// Requests of the watched service that were published.
fn seen(address: SocketAddr) -> Result<f64> {
    let text = get(address, "/metrics").context("the daemon does not answer")?;
    Ok(sum(text.lines().filter(|line| line.starts_with("aiperfd_requests_total{"))))
}

/// The sum of some series.
fn sum<'a>(lines: impl Iterator<Item = &'a str>) -> f64 {
    lines.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).sum()
}

/// What is looked at every ten seconds.
struct Watch {
    over: Arc<AtomicBool>,
    samples: Arc<Mutex<Vec<Sample>>>,
    thread: std::thread::JoinHandle<()>,
}

/// By what was looked at, how much it was.
type Sample = BTreeMap<String, f64>;

impl Watch {
    fn start(daemon: u32, state: PathBuf) -> Self {
        let (over, samples) = (Arc::<AtomicBool>::default(), Arc::<Mutex<Vec<Sample>>>::default());
        let (is_over, to) = (Arc::clone(&over), Arc::clone(&samples));
        let thread = std::thread::spawn(move || {
            while !is_over.load(Ordering::Relaxed) {
                let sample = look(daemon, &state);
                to.lock().unwrap_or_else(PoisonError::into_inner).push(sample);
                std::thread::sleep(INTERVAL);
            }
        });
        Self { over, samples, thread }
    }

    fn end(self) -> Result<Report> {
        self.over.store(true, Ordering::Relaxed);
        self.thread.join().map_err(|_panic| anyhow::anyhow!("the thread that looks died"))?;
        let samples = std::mem::take(&mut *self.samples.lock().unwrap_or_else(PoisonError::into_inner));
        Ok(Report(samples))
    }
}

/// The daemon and what it started, by program; and the disk of its state without the results of runs.
fn look(daemon: u32, state: &Path) -> Sample {
    let mut sample = Sample::new();
    let mut family = vec![daemon];
    let mut place = 0;
    while let Some(pid) = family.get(place).copied() {
        place += 1;
        let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
        for task in tasks {
            let children = fs::read_to_string(task.path().join("children")).unwrap_or_default();
            family.extend(children.split_whitespace().filter_map(|child| child.parse::<u32>().ok()));
        }
        let line = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let name = line.split('\0').take(2).collect::<Vec<_>>().join(" ");
        let program =
            Path::new(&name).file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let kib = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:")?.trim().split(' ').next()?.parse::<u64>().ok());
        let descriptors = fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count);
        *sample.entry(format!("memory of `{program}`, MiB")).or_default() += float(kib.unwrap_or(0)) / 1024.0;
        *sample.entry(format!("descriptors of `{program}`")).or_default() += float(descriptors as u64);
    }
    sample.insert("scratch on the disk, MiB".to_owned(), float(scratch(state)) / 1024.0 / 1024.0);
    sample
}

/// Bytes below a folder that are no results of runs.
fn scratch(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let bytes = entries.filter_map(|entry| {
        let found = entry.metadata().ok()?;
        let is_result = entry.path().extension().is_some_and(|extension| extension == "parquet");
        match (found.is_dir(), is_result) {
            (true, _) => Some(scratch(&entry.path())),
            (false, true) => None,
            (false, false) => Some(found.blocks() * 512),
        }
    });
    bytes.sum()
}

/// All samples.
struct Report(Vec<Sample>);

/// One thing that was looked at.
struct Row {
    what: String,
    before: f64,
    after: f64,
    unit: &'static str,
}

impl Row {
    /// More than noise: a tenth and what a buffer takes.
    fn has_grown(&self) -> bool {
        self.after > self.before * 1.1 + 16.0
    }
}

impl Report {
    /// The greatest of the second third of the samples, and of the last.
    fn rows(&self) -> Vec<Row> {
        let third = self.0.len() / 3;
        let names = self.0.iter().flat_map(BTreeMap::keys).collect::<std::collections::BTreeSet<_>>();
        let most = |name: &String, samples: &[Sample]| {
            samples.iter().filter_map(|sample| sample.get(name)).fold(0.0_f64, |most, value| most.max(*value))
        };
        let row = |name: &String| Row {
            what: name.clone(),
            before: most(name, self.0.get(third..2 * third).unwrap_or_default()),
            after: most(name, self.0.get(2 * third..).unwrap_or_default()),
            unit: "most of the samples",
        };
        names.into_iter().map(row).collect()
    }
}

/// All: the hot core is core 0 and the server's core 1, and what else the client side has runs on either. On core 0 alone a small
/// machine falls behind this rate, and a backlog of thousands of requests measures nothing but the queue.
const CORES: &str = "0,1";
const INTERVAL: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_grows_is_reported() {
        let sample = |memory: f64, descriptors: f64| {
            Sample::from([("memory".to_owned(), memory), ("descriptors".to_owned(), descriptors)])
        };
        let report = Report((0..9).map(|place| sample(100.0 + float(place) * 20.0, 40.0)).collect());
        let rows = report.rows();
        let grown =
            rows.iter().filter(|row| row.has_grown()).map(|row| row.what.as_str()).collect::<Vec<_>>();
        assert_eq!(grown, ["memory"], "and nothing else");
    }
}
