//! Other people's clients in a virtual environment of Python: to be tested with, and to be audited.

use crate::process;
use crate::project::Project;
use anyhow::Result;
use std::path::PathBuf;
use std::process::Command;

/// The virtual environment with these packages, made and filled if it is not.
pub(crate) fn environment(project: &Project, packages: &[&str]) -> Result<PathBuf> {
    let folder = project.target.join("clients");
    if !folder.join("bin/python").is_file() {
        process::run(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
    }
    let pip = || Command::new(folder.join("bin/pip"));
    let missing = packages.iter().filter(|package| {
        let name = package.split("==").next().unwrap_or(package);
        process::output(pip().args(["show", "-q", name])).is_none()
    });
    let missing = missing.collect::<Vec<_>>();
    if !missing.is_empty() {
        process::run(pip().args(["install", "-q"]).args(missing))?;
    }
    Ok(folder)
}

/// The peer whose flags and files ours are.
pub(crate) const AIPERF: &str = "aiperf==0.13.0";
/// The client that most applications use.
pub(crate) const OPENAI: &str = "openai";
/// Another benchmark.
pub(crate) const GUIDELLM: &str = "guidellm==0.8.1";
