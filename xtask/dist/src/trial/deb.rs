//! The life of the Debian package: checked, installed, used with and without a daemon, upgraded, removed, purged.

use super::Trial;
use super::measured;
use super::root::{Root, User};
use crate::build::{Built, PROGRAMS};
use crate::contents::Contents;
use crate::process::{self, say};
use crate::project::{Project, Target};
use anyhow::{Context, Result, ensure};
use flate2::read::GzDecoder;
use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

/// The whole life.
pub(super) fn run(trial: &Trial<'_>) -> Result<()> {
    let package = trial.package("aiperfd_", "_amd64.deb")?;
    say(&format!("the Debian package, {}", package.display()));
    let root = Root::debian(trial.project)?;
    let before = root.files()?;
    root.give(&package)?;
    say(root.sh(User::Root, "lintian --fail-on error /packages/*.deb 2>&1")?.trim_end());
    install(trial, &root)?;
    without_daemon(trial, &root)?;
    let mut daemon = Daemon::start(&root)?;
    with_daemon(trial, &root)?;
    upgrade(trial, &root)?;
    daemon.end()?;
    let mut daemon = Daemon::start(&root)?;
    with_daemon(trial, &root)?;
    daemon.end()?;
    remove(trial, &root, &before)
}

fn install(trial: &Trial<'_>, root: &Root) -> Result<()> {
    root.sh(User::Root, &format!("cd /packages\n{}", trial.block("deb")?))?;
    let verified = root.sh(User::Root, "systemd-analyze verify aiperfd.service aiperfd.socket 2>&1")?;
    ensure!(verified.trim().is_empty(), "systemd complains of the units: {verified}");
    let rated = "systemd-analyze security --offline=true --threshold=30 aiperfd.service | tail -n 1\nsystemctl is-enabled aiperfd.socket";
    say(root.sh(User::Root, rated)?.trim_end());
    root.sh(User::Root, "getent group aiperf | grep -q tester")?;
    for name in PROGRAMS {
        root.sh(User::Root, &format!("man --where {name} && {name} --version"))?;
    }
    root.sh(
        User::Root,
        "test -s /usr/share/bash-completion/completions/aiperf-ctl && dpkg --verify aiperfd",
    )?;
    Ok(())
}

/// `aiperf-ctl` starts a daemon of its own.
fn without_daemon(trial: &Trial<'_>, root: &Root) -> Result<()> {
    profile(trial, root, User::Root, "ebpf")?;
    profile(trial, root, User::Plain(""), "so_timestamping")
}

/// Members of the group get the kernel's timestamps from the daemon, others what they can have themselves.
fn with_daemon(trial: &Trial<'_>, root: &Root) -> Result<()> {
    profile(trial, root, User::Plain("aiperf"), "ebpf")?;
    profile(trial, root, User::Plain(""), "so_timestamping")
}

fn profile(trial: &Trial<'_>, root: &Root, user: User, timestamps: &str) -> Result<()> {
    root.sh(User::Root, "mkdir -m 1777 /tmp/run")?;
    root.sh(user, &format!("cd /tmp/run\n{}", trial.block("deb-profile")?))?;
    measured::check(&root.path().join("tmp/run"), timestamps)
}

/// A newer version replaces this one while a daemon runs, and keeps what an administrator wrote.
fn upgrade(trial: &Trial<'_>, root: &Root) -> Result<()> {
    let folder = tempfile::tempdir().context("failed to make a folder")?;
    let newer = newer(trial, folder.path())?;
    root.give(&newer)?;
    root.sh(User::Root, "echo '# ours' >> /etc/aiperfd.toml")?;
    let name = newer.file_name().unwrap_or_default().to_string_lossy().into_owned();
    root.sh(User::Root, &format!("apt-get install --yes /packages/{name} </dev/null"))?;
    let installed = root.sh(User::Root, "dpkg-query --show aiperfd && tail -n 1 /etc/aiperfd.toml")?;
    ensure!(installed.contains("+upgrade") && installed.contains("# ours"), "after the upgrade: {installed}");
    Ok(())
}

fn remove(trial: &Trial<'_>, root: &Root, before: &[String]) -> Result<()> {
    root.sh(User::Root, "apt-get remove --yes aiperfd")?;
    root.sh(
        User::Root,
        "test -d /var/lib/aiperfd/runs && test -f /etc/aiperfd.toml && ! test -e /usr/bin/aiperfd",
    )?;
    root.sh(User::Root, &trial.block("deb-purge")?)?;
    let left = root.files()?.into_iter().filter(|path| !before.contains(path));
    let left = left.filter(|path| !OF_DPKG.iter().any(|one| path.starts_with(one))).collect::<Vec<_>>();
    ensure!(left.is_empty(), "purging left {}", left.join(", "));
    root.sh(User::Root, "! getent group aiperf")?;
    say("  nothing is left");
    Ok(())
}

/// The same programs, as a package of a later version.
fn newer(trial: &Trial<'_>, folder: &Path) -> Result<PathBuf> {
    let mut project: Project = trial.project.clone();
    project.version.push_str("+upgrade");
    let tarball = trial.package("aiperfd-", "-linux.tar.gz")?;
    let bytes = std::fs::read(&tarball).with_context(|| format!("failed to read `{}`", tarball.display()))?;
    let mut programs = BTreeMap::new();
    for entry in tar::Archive::new(GzDecoder::new(bytes.as_slice())).entries()? {
        let mut entry = entry?;
        let path = entry.path()?.into_owned();
        let name = PROGRAMS.into_iter().find(|name| path.ends_with(Path::new("bin").join(name)));
        if let Some(name) = name {
            let mut program = Vec::new();
            entry.read_to_end(&mut program)?;
            programs.insert(name, program);
        }
    }
    let built = Built { target: Target::X86_64, programs, debug: BTreeMap::new() };
    let contents = Contents::gather(&project, &built)?;
    crate::deb::make(&contents, folder)?.pop().context("a package was made")
}

/// The daemon as the unit starts it, where no systemd runs.
struct Daemon(Child);

impl Daemon {
    fn start(root: &Root) -> Result<Self> {
        let unit = std::fs::read_to_string(root.path().join("lib/systemd/system/aiperfd.service"))
            .context("failed to read the installed unit")?;
        let line = unit
            .lines()
            .find_map(|line| line.strip_prefix("ExecStart="))
            .context("the unit starts nothing")?;
        say(&format!("  # {line}"));
        let mut words = line.split_whitespace();
        let mut command = root.command(User::Root, words.next().context("the unit starts nothing")?);
        let child = command.args(words).stdin(Stdio::null()).spawn().context("failed to start the daemon")?;
        let socket = root.path().join("run/aiperfd/control.sock");
        let mut daemon = Self(child);
        for _ in 0..ATTEMPTS {
            if std::os::unix::net::UnixStream::connect(&socket).is_ok() {
                return Ok(daemon);
            }
            if let Some(status) = daemon.0.try_wait()? {
                anyhow::bail!("the daemon ended at once with {status}");
            }
            std::thread::sleep(PAUSE);
        }
        anyhow::bail!("the daemon does not listen")
    }

    /// Asks it to end, as systemd does.
    fn end(&mut self) -> Result<()> {
        process::output(std::process::Command::new("kill").arg(self.0.id().to_string()))?;
        for _ in 0..ATTEMPTS {
            if let Some(status) = self.0.try_wait()? {
                ensure!(status.success(), "the daemon ended with {status}");
                return Ok(());
            }
            std::thread::sleep(PAUSE);
        }
        anyhow::bail!("the daemon does not end")
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

const ATTEMPTS: u32 = 600;
const PAUSE: Duration = Duration::from_millis(50);
/// What installing any package changes.
const OF_DPKG: &[&str] = &[
    "etc/.pwd.lock",
    "etc/group-",
    "etc/gshadow-",
    "etc/passwd-",
    "etc/shadow-",
    // Written by systemctl itself, and gone with the next start of the host.
    "run/systemd",
    "var/cache/",
    "var/lib/apt/",
    "var/lib/dpkg/",
    "var/log/",
];
