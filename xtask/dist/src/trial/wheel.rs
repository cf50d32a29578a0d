//! The wheel: installed by pip and uv into empty environments of every Python of this host, and beside NVIDIA AIPerf.

use super::root::PLAIN;
use super::{Beside, Trial, measured};
use crate::build::PROGRAMS;
use crate::process::{self, say};
use anyhow::{Context, Result, ensure};
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// Every installation.
pub(super) fn run(trial: &Trial<'_>, beside: Beside) -> Result<()> {
    let wheel = trial.package("aiperfd-", ".whl")?;
    say(&format!("the wheel, {}", wheel.display()));
    let pythons = pythons();
    ensure!(!pythons.is_empty(), "no Python from 3.9 on is on this host");
    for (version, python) in &pythons {
        say(&format!("  Python {version}"));
        by_pip(trial, &wheel, python)?;
    }
    by_uv(trial, &wheel)?;
    if beside == Beside::Aiperf {
        let (_, python) = pythons
            .iter()
            .find(|(version, _)| AIPERF_PYTHONS.contains(&version.as_str()))
            .with_context(|| format!("NVIDIA AIPerf takes a Python of {}", AIPERF_PYTHONS.join(", ")))?;
        beside_aiperf(trial, &wheel, python)?;
    }
    Ok(())
}

fn by_pip(trial: &Trial<'_>, wheel: &Path, python: &Path) -> Result<()> {
    let folder = folder(wheel)?;
    let here = folder.path();
    // As root; there is no package index, so a dependency would be missed.
    sh(here, &[python], &trial.block("pip")?, &[("PIP_NO_INDEX", "1")])?;
    measured::check(&here.join("artifacts"), "ebpf")?;
    let programs = here.join("venv/bin");
    executable(&programs)?;
    process::output(Command::new(programs.join("pip")).arg("check"))?;
    plain_profile(trial, here, &programs)?;
    process::output(Command::new(programs.join("pip")).args(["uninstall", "--yes", "aiperfd"]))?;
    let left = PROGRAMS.iter().find(|name| programs.join(name).exists());
    ensure!(left.is_none(), "pip left {left:?}");
    Ok(())
}

fn by_uv(trial: &Trial<'_>, wheel: &Path) -> Result<()> {
    say("  uv");
    let tools = trial.project.packages().join("tools/uv");
    let uv = tools.join("bin");
    if !uv.join("uv").is_file() {
        process::run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&tools))?;
        process::run(Command::new(uv.join("python")).args(["-m", "pip", "install", "-q", UV]))?;
    }
    let folder = folder(wheel)?;
    let here = folder.path();
    let path = |name: &str| here.join(name).to_string_lossy().into_owned();
    let (tools, bin, cache) = (path("tools"), path("bin"), path("cache"));
    let variables =
        [("UV_OFFLINE", "1"), ("UV_TOOL_DIR", &tools), ("UV_TOOL_BIN_DIR", &bin), ("UV_CACHE_DIR", &cache)];
    // What is on the search path is a link: the programs find each other beside its target.
    sh(here, &[&uv, &here.join("bin")], &trial.block("uv")?, &variables)?;
    measured::check(&here.join("artifacts"), "ebpf")?;
    ensure!(here.join("bin/aiperf-ctl").is_symlink(), "uv links the programs");
    executable(&here.join("bin"))?;
    plain_profile(trial, here, &here.join("bin"))
}

fn beside_aiperf(trial: &Trial<'_>, wheel: &Path, python: &Path) -> Result<()> {
    say(&format!("  beside {AIPERF}"));
    let folder = folder(wheel)?;
    let here = folder.path();
    let script = format!(
        "python3 -m venv venv\nvenv/bin/pip install -q {AIPERF}\nvenv/bin/pip install -q ./aiperfd-*.whl"
    );
    sh(here, &[python], &script, &[])?;
    process::output(Command::new(here.join("venv/bin/pip")).arg("check"))?;
    let theirs = process::output(Command::new(here.join("venv/bin/aiperf")).arg("--version"))?;
    say(&format!("  aiperf --version: {}", theirs.trim()));
    plain_profile(trial, here, &here.join("venv/bin"))
}

/// A person without privilege measures with programs of a folder.
fn plain_profile(trial: &Trial<'_>, here: &Path, programs: &Path) -> Result<()> {
    let folder = here.join("plain");
    fs::create_dir(&folder).with_context(|| format!("failed to create `{}`", folder.display()))?;
    chown(&folder, Some(PLAIN), Some(PLAIN)).context("failed to give a folder away")?;
    let mut command = Command::new("setpriv");
    let user = PLAIN.to_string();
    command.args(["--reuid", &user, "--regid", &user, "--clear-groups", "--inh-caps=-all"]);
    command.arg(programs.join("aiperf-ctl")).args([
        "profile",
        "--model",
        "m",
        "--url",
        trial.server.address(),
    ]);
    command.args(["--streaming", "--request-count", "100", "--tokenizer", "builtin"]).current_dir(&folder);
    process::output(&mut command)?;
    measured::check(&folder, "so_timestamping")
}

fn executable(folder: &Path) -> Result<()> {
    for name in PROGRAMS {
        let path = folder.join(name);
        let file = fs::metadata(&path).with_context(|| format!("`{}` is not installed", path.display()))?;
        ensure!(file.permissions().mode() & 0o111 == 0o111, "`{}` can't be run by all", path.display());
    }
    Ok(())
}

/// A folder with the wheel, which everybody may enter.
fn folder(wheel: &Path) -> Result<TempDir> {
    let folder = tempfile::tempdir().context("failed to make a folder")?;
    fs::set_permissions(folder.path(), Permissions::from_mode(0o755))?;
    let to = folder.path().join(wheel.file_name().unwrap_or_default());
    fs::copy(wheel, to).with_context(|| format!("failed to copy `{}`", wheel.display()))?;
    Ok(folder)
}

/// Runs commands of a shell in a folder, with folders first on the search path.
fn sh(here: &Path, first: &[&Path], script: &str, variables: &[(&str, &str)]) -> Result<()> {
    say(&script.lines().map(|line| format!("  $ {line}")).collect::<Vec<_>>().join("\n"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = first.iter().map(|one| one.to_path_buf()).chain(std::env::split_paths(&path));
    let mut command = Command::new("sh");
    command.arg("-c").arg(format!("set -e\nsudo() {{ \"$@\"; }}\n{script}")).current_dir(here);
    command.env("PATH", std::env::join_paths(path)?).envs(variables.iter().copied());
    process::output(&mut command).map(|_| ())
}

/// Folders of Pythons from 3.9 on, by their version: pyenv's and the system's.
fn pythons() -> Vec<(String, PathBuf)> {
    let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
    let versions = fs::read_dir(home.join(".pyenv/versions")).into_iter().flatten().flatten();
    let folders = versions.map(|entry| entry.path().join("bin")).chain([PathBuf::from("/usr/bin")]);
    let version = |folder: &Path| {
        let code = "import sys, ensurepip; print('%d.%d' % sys.version_info[:2])";
        let printed = process::output(Command::new(folder.join("python3")).args(["-c", code])).ok()?;
        let minor = printed.trim().strip_prefix("3.")?.parse::<u32>().ok()?;
        (minor >= 9).then_some(minor)
    };
    let mut found = folders.filter_map(|folder| Some((version(&folder)?, folder))).collect::<Vec<_>>();
    found.sort();
    found.dedup_by_key(|(minor, _)| *minor);
    found.into_iter().map(|(minor, folder)| (format!("3.{minor}"), folder)).collect()
}

const UV: &str = "uv==0.13.8";
const AIPERF: &str = "aiperf==0.13.0";
const AIPERF_PYTHONS: [&str; 3] = ["3.11", "3.12", "3.13"];
