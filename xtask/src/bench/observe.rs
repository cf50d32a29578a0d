//! What it costs to watch a server: the same load with and without, at 100,000 events a second.

use super::Row;
use super::rig::Rig;
use super::spread::{ratios, spread};
use crate::process;
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Events a second watched ÷ unwatched, and what was lost.
pub(super) fn watching(rig: &Rig) -> Result<Vec<Row>> {
    if process::find("wrk").is_none() {
        bail!("wrk is missing");
    }
    let (mut with, mut without, mut lost) = (Vec::new(), Vec::new(), 0);
    for _ in 0..rig.runs {
        without.push(load(rig, None)?);
        let folder = rig.folder.join("observe");
        with.push(load(rig, Some(&folder))?);
        lost += losses(&folder)?;
    }
    Ok(vec![Row {
        what: "events/s of a watched server ÷ unwatched".to_owned(),
        peer: format!("unwatched {}", spread(&without, 0)),
        ours: format!("{}, {lost} lost or unmatched", spread(&ratios(&with, &without), 3)),
        how: format!(
            "{CONNECTIONS} connections of wrk, an event every 0.64 ms on each, {SECONDS} s; watched: {}",
            spread(&with, 0)
        ),
    }])
}

/// Events a second over a server in a cgroup of its own, observed or not.
fn load(rig: &Rig, observed: Option<&Path>) -> Result<f64> {
    let group = Group::make()?;
    // A socket belongs to the cgroup in which it was opened, and those that are accepted to that of the listening one.
    let server = group.within(|| rig.server(SERVER))?;
    let observer = observed.map(|folder| Observer::start(rig, &group, folder)).transpose()?;
    let script = rig.folder.join("observe.lua");
    fs::write(&script, LUA).context("failed to write wrk's script")?;
    let mut wrk = Command::new("taskset");
    wrk.args(["-c", "0", "wrk", "-t1"]).arg(format!("-c{CONNECTIONS}")).arg(format!("-d{SECONDS}s"));
    wrk.arg("-s").arg(&script).arg(format!("http://{}/v1/chat/completions", server.address()));
    let text = process::output(&mut wrk).context("wrk failed")?;
    if let Some(observer) = observer {
        observer.end()?;
    }
    let line = text.lines().find_map(|line| line.strip_prefix("Requests/sec:"));
    let rate = line.context("wrk did not say how many requests a second")?.trim().parse::<f64>()?;
    Ok(rate * TOKENS)
}

/// What the observer could not match.
fn losses(folder: &Path) -> Result<u64> {
    let text = fs::read(folder.join("run.json")).context("the observer left no run.json")?;
    let run: Value = serde_json::from_slice(&text).context("run.json is no JSON")?;
    let counted = run["counters"]["watched_connections"].as_u64().unwrap_or(0);
    if counted == 0 {
        bail!("the observer saw no connection");
    }
    let places = ["kernel", "unmatched_events", "unmatched_requests"];
    let counts = places.iter().filter_map(|place| run["loss"][*place].as_object());
    Ok(counts.flatten().filter_map(|(_, count)| count.as_u64()).sum())
}

/// `aiperf-ctl observe` on the client's core.
struct Observer {
    process: Child,
    report: PathBuf,
}

impl Observer {
    fn start(rig: &Rig, group: &Group, folder: &Path) -> Result<Self> {
        fs::remove_dir_all(folder).ok();
        let report = rig.folder.join("observe.txt");
        let mut command = rig.client();
        command.args(["observe", "--cgroup", &group.name, "--side", "server", "--tokenizer", "none"]);
        command.arg("--artifact-dir").arg(folder).args(["--socket", "private"]);
        let process = command.stdout(Stdio::null()).stderr(fs::File::create(&report)?).spawn();
        let mut observer = Self { process: process.context("failed to start the observer")?, report };
        for _ in 0..PATIENCE_TENTHS {
            if fs::read_to_string(&observer.report)?.contains("watching") {
                return Ok(observer);
            }
            if let Some(status) = observer.process.try_wait()? {
                bail!("the observer ended with {status}: {}", fs::read_to_string(&observer.report)?);
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        bail!("the observer does not watch")
    }

    fn end(mut self) -> Result<()> {
        let pid = i32::try_from(self.process.id()).ok().and_then(rustix::process::Pid::from_raw);
        rustix::process::kill_process(
            pid.context("the observer has no number")?,
            rustix::process::Signal::INT,
        )?;
        let status = self.process.wait()?;
        anyhow::ensure!(
            status.success(),
            "the observer ended with {status}: {}",
            fs::read_to_string(&self.report)?
        );
        Ok(())
    }
}

impl Drop for Observer {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

/// A cgroup for the server.
pub(super) struct Group {
    path: PathBuf,
    pub(super) name: String,
}

impl Group {
    pub(super) fn make() -> Result<Self> {
        let mounts = fs::read_to_string("/proc/self/mountinfo").context("failed to read the mounts")?;
        let line =
            mounts.lines().find(|line| line.contains(" - cgroup2 ")).context("cgroup v2 is not mounted")?;
        let root = line.split(' ').nth(4).context("the mounts are not what was expected")?;
        let name = format!("aiperf-bench-{}", std::process::id());
        let path = Path::new(root).join(&name);
        fs::create_dir(&path).with_context(|| format!("failed to create the cgroup `{}`", path.display()))?;
        Ok(Self { path, name })
    }

    /// Does something while this process is in it; what is started meanwhile stays.
    pub(super) fn within<T>(&self, start: impl FnOnce() -> Result<T>) -> Result<T> {
        let text = fs::read_to_string("/proc/self/cgroup").context("failed to read this process's cgroup")?;
        let own =
            text.lines().find_map(|line| line.strip_prefix("0::/")).context("this process has no cgroup")?;
        let root = self.path.parent().context("a cgroup lies below the root")?;
        let this = std::process::id().to_string();
        fs::write(self.path.join("cgroup.procs"), &this).context("failed to enter the cgroup")?;
        let started = start();
        fs::write(root.join(own).join("cgroup.procs"), &this).context("failed to leave the cgroup")?;
        started
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        fs::write(self.path.join("cgroup.kill"), "1").ok();
        for _ in 0..PATIENCE_TENTHS {
            if fs::remove_dir(&self.path).is_ok() {
                return;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

const CONNECTIONS: u32 = 64;
const SECONDS: u32 = 5;
const TOKENS: f64 = 500.0;
/// 64 streams, each with an event every 0.64 ms.
const SERVER: &[&str] = &[
    "--ttft-ms",
    "1",
    "--gap-ms",
    "0.64",
    "--tokens",
    "500",
    "--ignore-max-tokens",
    "--usage",
    "never",
    "--separate-writes",
    "--log-limit",
    "0",
];
const LUA: &str = "wrk.method = \"POST\"\nwrk.headers[\"Content-Type\"] = \"application/json\"\n\
                   wrk.body = [==[{\"model\":\"m\",\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}]==]\n";
const PATIENCE_TENTHS: u32 = 100;
