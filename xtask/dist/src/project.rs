//! Where things are, and what is known of the repository: version, time of the last commit, machines.

use crate::process;
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The repository.
#[derive(Clone, Debug)]
pub(crate) struct Project {
    /// Its top folder.
    pub(crate) root: PathBuf,
    /// Where cargo builds.
    pub(crate) target: PathBuf,
    /// The version of the programs.
    pub(crate) version: String,
    /// Seconds since 1970 that every file in a package has: those of the last commit.
    pub(crate) time: u64,
}

/// A machine that packages are made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Target {
    /// 64-bit machines with Intel's or AMD's instructions.
    #[value(name = "x86_64")]
    X86_64,
    /// 64-bit machines with Arm's instructions.
    Aarch64,
}

impl Project {
    /// The project that this program was built from.
    pub(crate) fn find() -> Result<Self> {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let root = here.ancestors().nth(2).context("this crate lies in no repository")?.to_owned();
        let this = std::env::current_exe().context("failed to find this program's own path")?;
        let target = this.ancestors().nth(2).context("this program does not lie where cargo builds")?;
        let time = time_of_commit(&root);
        Ok(Self { target: target.to_owned(), root, version: env!("CARGO_PKG_VERSION").to_owned(), time })
    }

    /// Where tools, caches and packages are.
    pub(crate) fn packages(&self) -> PathBuf {
        self.target.join("packages")
    }

    /// The cargo that started this program, in the repository's top folder.
    pub(crate) fn cargo(&self) -> Command {
        let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.current_dir(&self.root);
        command
    }
}

impl Target {
    /// What Linux and Python call it.
    pub(crate) const fn machine(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::Aarch64 => "aarch64",
        }
    }

    /// What Rust calls it.
    pub(crate) const fn triple(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64-unknown-linux-gnu",
            Self::Aarch64 => "aarch64-unknown-linux-gnu",
        }
    }

    /// What Debian and containers call it.
    pub(crate) const fn architecture(self) -> &'static str {
        match self {
            Self::X86_64 => "amd64",
            Self::Aarch64 => "arm64",
        }
    }
}

/// When the last commit was made; outside a clone, a moment that is the same everywhere.
fn time_of_commit(root: &Path) -> u64 {
    let given = std::env::var("SOURCE_DATE_EPOCH").ok();
    let of_git = || {
        let mut git = Command::new("git");
        process::output(git.arg("-C").arg(root).args(["log", "-1", "--format=%ct"])).ok()
    };
    given.or_else(of_git).and_then(|text| text.trim().parse().ok()).unwrap_or(TIME_WITHOUT_GIT)
}

/// 2026-01-01, later than the earliest time that a zip file can hold.
const TIME_WITHOUT_GIT: u64 = 1_767_225_600;
