//! Python environments, one for each purpose, under target/ and made once.

use crate::process;
use anyhow::{Context, Result};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// An environment under target/.
pub(crate) struct Environment {
    name: &'static str,
    /// What is in it, in words.
    pub(crate) what: &'static str,
    pub(crate) packages: &'static [&'static str],
}

/// The Python of an environment that has these packages, made if it is not there yet. Takes the network then.
pub(crate) fn environment(venv: &Path, packages: &[&str]) -> Result<PathBuf> {
    let python = venv.join("bin/python");
    if is_made(venv, packages) {
        return Ok(python);
    }
    process::run(Command::new("python3").args(["-m", "venv"]).arg(venv))?;
    // It takes seconds where pip takes minutes, but knows nothing of pip's configuration.
    let by_uv = uv(venv).and_then(|uv| {
        // Where Python writes no bytecode, a server would compile all of it at each start.
        let install = ["pip", "install", "-q", "--compile-bytecode", "--python"];
        process::run(Command::new(uv).args(install).arg(&python).args(packages))
    });
    if by_uv.is_err() {
        process::run(Command::new(&python).args(["-m", "pip", "install", "-q"]).args(packages))?;
    }
    let made_for = venv.join(MADE_FOR);
    fs::write(&made_for, packages.join(" "))
        .with_context(|| format!("failed to write `{}`", made_for.display()))?;
    Ok(python)
}

/// The installer `uv`, in an environment of its own beside this one.
fn uv(beside: &Path) -> Result<PathBuf> {
    let venv = beside.with_file_name("uv");
    let uv = venv.join("bin/uv");
    if !uv.is_file() {
        process::run(Command::new("python3").args(["-m", "venv"]).arg(&venv))?;
        process::run(Command::new(venv.join("bin/pip")).args(["install", "-q", UV]))?;
    }
    Ok(uv)
}

/// Whether an environment is there and has these packages.
pub(crate) fn is_made(venv: &Path, packages: &[&str]) -> bool {
    fs::read_to_string(venv.join(MADE_FOR)).is_ok_and(|made| made == packages.join(" "))
}

impl Environment {
    /// Where the tests look for it.
    pub(crate) fn folder(&self, target: &Path) -> PathBuf {
        target.join(self.name)
    }
}

const UV: &str = "uv==0.13.9";
/// Written when an environment is whole: its packages.
const MADE_FOR: &str = "made-for";

/// What the tests need of Python's packages.
pub(crate) const OF_TESTS: &[Environment] = &[
    Environment {
        name: "readers",
        what: "readers of Parquet",
        packages: &["pyarrow==26.0.1", "duckdb==2.0.0", "polars==2.1.0"],
    },
    Environment { name: "mlflow", what: "an MLflow server", packages: &["mlflow==3.17.2"] },
    Environment { name: "pytest", what: "a runner of tests in Python", packages: &["pytest==9.2.0"] },
    Environment { name: "rotel", what: "a receiver of OpenTelemetry", packages: &["rotel==0.0.1a15"] },
];
