//! What every benchmark is made of: a fresh server on one core, a profile on the other, and what both left behind.

use super::spread::float;
use crate::mock_server::MockServer;
use crate::process;
use crate::project::{Profile, Project};
use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Where and how often is measured.
#[derive(Debug)]
pub(super) struct Rig {
    /// How often each figure is measured.
    pub(super) runs: u32,
    /// Requests of the benchmark of memory.
    pub(super) memory_requests: u64,
    /// Whether AIPerf is measured too.
    pub(super) with_aiperf: bool,
    /// Where benchmarks leave their files; emptied at the start.
    pub(super) folder: PathBuf,
    /// What is measured.
    pub(super) project: Project,
    server: PathBuf,
    client: PathBuf,
}

/// The value of `--socket` for a daemon of the run's own.
pub(super) const PRIVATE: &str = "private";

/// What a profile left behind.
#[derive(Debug)]
pub(super) struct Outcome {
    /// Its artifact directory.
    pub(super) folder: PathBuf,
    run: Run,
    summary: Value,
}

/// Of `run.json`, what benchmarks read.
#[derive(Debug, Deserialize)]
struct Run {
    timestamps: String,
    counters: BTreeMap<String, u64>,
    figures: BTreeMap<String, f64>,
    phases: Vec<Phase>,
    loss: Loss,
}

#[derive(Debug, Deserialize)]
struct Phase {
    begun_ns: u64,
    ended_ns: u64,
}

#[derive(Debug, Deserialize)]
struct Loss {
    kernel: BTreeMap<String, u64>,
    unmatched_events: BTreeMap<String, u64>,
    unmatched_requests: BTreeMap<String, u64>,
}

impl Rig {
    pub(super) fn new(project: &Project, runs: u32, memory_requests: u64, with_aiperf: bool) -> Result<Self> {
        if process::find("taskset").is_none() {
            bail!("taskset (util-linux) is missing: it keeps client and server apart");
        }
        let folder = project.target.join("bench");
        fs::remove_dir_all(&folder).ok();
        fs::create_dir_all(&folder).with_context(|| format!("failed to create `{}`", folder.display()))?;
        Ok(Self {
            runs,
            memory_requests,
            with_aiperf,
            folder,
            project: project.clone(),
            server: project.program(Profile::Release, "mock-server"),
            client: project.program(Profile::Release, "aiperf-ctl"),
        })
    }

    /// The machine, for the table's head.
    pub(super) fn machine(&self) -> String {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let cpuinfo = read("/proc/cpuinfo");
        let models = cpuinfo.lines().filter_map(|line| line.strip_prefix("model name")?.split(": ").nth(1));
        let models = models.collect::<Vec<_>>();
        let kernel = read("/proc/sys/kernel/osrelease");
        let model = models.first().copied().unwrap_or("unknown processor");
        format!(
            "{} cores, {model}, Linux {}; median [least–greatest] of {} runs",
            models.len(),
            kernel.trim(),
            self.runs
        )
    }

    /// A fresh server on core 1.
    pub(super) fn server(&self, flags: &[&str]) -> Result<MockServer> {
        let pinned = ["--cpu", "1"].iter().chain(flags).copied().collect::<Vec<_>>();
        MockServer::start(&self.server, &pinned)
    }

    /// A profile whose whole client side is on core 0.
    pub(super) fn profile(&self, address: &str, flags: &[&str]) -> Result<Outcome> {
        self.profile_on("0", address, flags)
    }

    /// A profile whose hot core is core 0 and whose other threads may use `cores`, by a private daemon.
    pub(super) fn profile_on(&self, cores: &str, address: &str, flags: &[&str]) -> Result<Outcome> {
        self.profile_by(Path::new(PRIVATE), cores, address, flags)
    }

    /// The same by the daemon that listens at `socket`.
    pub(super) fn profile_by(
        &self,
        socket: &Path,
        cores: &str,
        address: &str,
        flags: &[&str],
    ) -> Result<Outcome> {
        let folder = self.folder.join("profile");
        fs::remove_dir_all(&folder).ok();
        let mut command = Command::new("taskset");
        command.args(["-c", cores]).arg(&self.client).args([
            "profile",
            "--model",
            "mock-model",
            "--url",
            address,
        ]);
        command.args([
            "--streaming",
            "--cpus",
            "0",
            "--ui",
            "none",
            "--fail-on",
            "never",
            "--random-seed",
            "1",
        ]);
        command.arg("--socket").arg(socket).arg("--artifact-dir").arg(&folder);
        let status =
            command.args(flags).stdout(Stdio::null()).status().context("failed to start `taskset`")?;
        if !status.success() {
            bail!("aiperf-ctl ended with {status}");
        }
        let read = |name: &str| {
            let path = folder.join(name);
            fs::read(&path).with_context(|| format!("failed to read `{}`", path.display()))
        };
        let run = serde_json::from_slice(&read("run.json")?).context("run.json is not what was expected")?;
        let summary =
            serde_json::from_slice(&read("profile_export_aiperf.json")?).context("the summary is no JSON")?;
        Ok(Outcome { folder, run, summary })
    }

    /// The client's program.
    pub(super) fn client(&self) -> Command {
        on_cores("0", &self.client)
    }

    /// The daemon's program.
    pub(super) fn daemon(&self, cores: &str) -> Command {
        on_cores(cores, &self.client.with_file_name("aiperfd"))
    }

    /// A program that `cargo xtask setup` installed for Python.
    pub(super) fn of_python(&self, environment: &str, program: &str) -> Option<PathBuf> {
        let path = self.folder.parent()?.join(environment).join("bin").join(program);
        path.is_file().then_some(path)
    }
}

fn on_cores(cores: &str, program: &Path) -> Command {
    let mut command = Command::new("taskset");
    command.args(["-c", cores]).arg(program);
    command
}

impl Outcome {
    /// Fails unless the run's stamps are the kernel programs'.
    pub(super) fn with_kernel_stamps(self) -> Result<Self> {
        let source = &self.run.timestamps;
        anyhow::ensure!(
            source == "ebpf",
            "the run's timestamp source is `{source}`, not `ebpf`: run this as root"
        );
        Ok(self)
    }

    /// Requests that ended well, per second from the first one due to the last one ended.
    pub(super) fn requests_per_second(&self) -> f64 {
        self.count("requests_completed") / self.seconds()
    }

    /// Requests that ended well.
    pub(super) fn requests(&self) -> f64 {
        self.count("requests_completed")
    }

    /// From the first request due to the last one ended.
    fn seconds(&self) -> f64 {
        let phase = self.run.phases.first();
        phase.map_or(f64::NAN, |phase| float(phase.ended_ns.saturating_sub(phase.begun_ns)) / 1e9)
    }

    /// A count of the run.
    pub(super) fn count(&self, name: &str) -> f64 {
        self.run.counters.get(name).map_or(f64::NAN, |count| float(*count))
    }

    /// A figure of the run's cost.
    pub(super) fn figure(&self, name: &str) -> f64 {
        self.run.figures.get(name).copied().unwrap_or(f64::NAN)
    }

    /// A statistic of a metric, in the metric's unit.
    pub(super) fn statistic(&self, tag: &str, name: &str) -> Result<f64> {
        self.summary[tag][name].as_f64().with_context(|| format!("the summary has no {name} of `{tag}`"))
    }

    /// What was dropped or could not be matched.
    pub(super) fn lost(&self) -> u64 {
        let Loss { kernel, unmatched_events, unmatched_requests } = &self.run.loss;
        kernel.values().chain(unmatched_events.values()).chain(unmatched_requests.values()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel_tests::skip::skip;

    /// The flags of every benchmark's profiles are accepted, by a private daemon and where none listens.
    #[test]
    fn a_profile_of_a_benchmark_ends_well() {
        let project = Project::find().unwrap();
        // A program of tests lies one folder deeper than the programs that it tests.
        let program = |name: &str| project.target.join(name);
        let (server, client) = (program("mock-server"), program("aiperf-ctl"));
        if !server.is_file() || !client.is_file() || process::find("taskset").is_none() {
            skip("the programs are not built (`cargo build`), or taskset is missing");
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().to_owned();
        let rig = Rig { runs: 1, memory_requests: 0, with_aiperf: false, folder, project, server, client };
        let server = MockServer::start(&rig.server, &["--tokens", "2"]).unwrap();
        let outcome = rig.profile(server.address(), &["--request-count", "3"]).unwrap();
        assert!((outcome.count("requests_completed") - 3.0).abs() < 0.5, "all of them");
        let elsewhere = rig.folder.join("no-daemon.sock");
        let refused = rig.profile_by(&elsewhere, "0", server.address(), &["--request-count", "3"]);
        assert!(refused.is_err(), "a daemon that is not there is not replaced in silence");
    }
}
