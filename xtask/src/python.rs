//! Python environments, one for each purpose, under target/ and made once.

use crate::process;
use anyhow::{Context, Result};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The Python of an environment that has these packages, made if it is not there yet. Takes the network then.
pub(crate) fn environment(venv: &Path, packages: &[&str]) -> Result<PathBuf> {
    let python = venv.join("bin/python");
    if is_made(venv, packages) {
        return Ok(python);
    }
    process::run(Command::new("python3").args(["-m", "venv"]).arg(venv))?;
    process::run(Command::new(&python).args(["-m", "pip", "install", "-q"]).args(packages))?;
    let made_for = venv.join(MADE_FOR);
    fs::write(&made_for, packages.join(" "))
        .with_context(|| format!("failed to write `{}`", made_for.display()))?;
    Ok(python)
}

/// Whether an environment is there and has these packages.
pub(crate) fn is_made(venv: &Path, packages: &[&str]) -> bool {
    fs::read_to_string(venv.join(MADE_FOR)).is_ok_and(|made| made == packages.join(" "))
}

/// Where the tests look for the readers of Parquet.
pub(crate) fn readers(target: &Path) -> PathBuf {
    target.join("readers")
}

/// Written when an environment is whole: its packages.
const MADE_FOR: &str = "made-for";

/// What reads Parquet files in the tests.
pub(crate) const READERS: &[&str] = &["pyarrow==26.0.1", "duckdb==2.0.0", "polars==2.1.0"];
