//! Where things are: the repository, cargo, and the programs that it builds.

use anyhow::{Context, Result};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The repository and its build directory.
#[derive(Clone, Debug)]
pub(crate) struct Project {
    /// The repository's top folder.
    pub(crate) root: PathBuf,
    /// Where cargo builds: the folder that this program lies in.
    pub(crate) target: PathBuf,
}

/// How the workspace is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Profile {
    /// Quickly.
    Dev,
    /// To be measured with.
    Release,
}

impl Project {
    /// The project that this program was built from.
    pub(crate) fn find() -> Result<Self> {
        let this = std::env::current_exe().context("failed to find this program's own path")?;
        let target =
            this.parent().and_then(Path::parent).context("this program does not lie where cargo builds")?;
        Ok(Self { root: root()?, target: target.to_owned() })
    }

    /// The cargo that started this program, in the repository's top folder.
    pub(crate) fn cargo(&self) -> Command {
        let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.current_dir(&self.root);
        command
    }

    /// A program of the workspace.
    pub(crate) fn program(&self, profile: Profile, name: &str) -> PathBuf {
        self.target.join(profile.folder()).join(name)
    }
}

impl Profile {
    /// What it is called in the build directory.
    const fn folder(self) -> &'static str {
        match self {
            Self::Dev => "debug",
            Self::Release => "release",
        }
    }

    /// Cargo's flags.
    pub(crate) const fn flags(self) -> &'static [&'static str] {
        match self {
            Self::Dev => &[],
            Self::Release => &["--release"],
        }
    }
}

/// The repository's top folder.
pub(crate) fn root() -> Result<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().map(Path::to_owned).context("this crate lies in no repository")
}
