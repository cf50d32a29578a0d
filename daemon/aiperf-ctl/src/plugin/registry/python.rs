//! Asks a Python interpreter which plugins are installed for it: a script that imports nothing of theirs.

use crate::plugin::process::Program;
use serde::Deserialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// An interpreter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Python {
    /// Its program.
    pub(crate) path: PathBuf,
}

/// A package with plugins.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Found {
    /// The distribution's name.
    pub(super) name: String,
    pub(super) version: String,
    /// The Python package that has the manifest.
    pub(super) package: String,
    /// The manifest's text, or why there is none.
    pub(super) manifest: Result<String, String>,
}

impl Python {
    /// The given interpreter, or that of the active virtual environment, or `python3`.
    ///
    /// # Errors
    /// When there is none.
    pub(super) fn find(given: Option<&str>) -> Result<Self, String> {
        if let Some(given) = given {
            return program(given)
                .map(|path| Self { path })
                .ok_or_else(|| format!("--plugin-python: `{given}` is no program"));
        }
        let of_environment =
            std::env::var_os("VIRTUAL_ENV").map(|folder| Path::new(&folder).join("bin/python"));
        let of_environment = of_environment.filter(|path| path.is_file());
        let path = of_environment.or_else(|| program("python3"));
        path.map(|path| Self { path }).ok_or_else(|| {
            "there is no `python3`, so plugins in Python are not found: --plugin-python names an interpreter"
                .to_owned()
        })
    }

    /// The packages with plugins; from then on it is the interpreter itself, where its path was that of a script which finds one.
    ///
    /// # Errors
    /// When the interpreter does not work.
    pub(super) fn installed(&mut self) -> Result<Vec<Found>, String> {
        let listed = self.listed(&[])?;
        let itself = PathBuf::from(listed.executable);
        if itself.is_absolute() {
            self.path = itself;
        }
        Ok(found(listed.plugins))
    }

    /// What runs the host of plugins, and the modules that it waits for.
    pub(in crate::plugin) fn host(&self) -> (Program, Vec<u8>) {
        let arguments = ["-c", BOOTSTRAP].map(OsString::from).to_vec();
        let modules = Value::from_iter(MODULES.iter().copied());
        (Program { path: self.path.clone(), arguments }, modules.to_string().into_bytes())
    }

    /// Runs the script; returns what it prints.
    fn ask(&self, arguments: &[&str]) -> Result<String, String> {
        let mut command = Command::new(&self.path);
        command.args(["-c", FIND]).args(arguments);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = command.spawn().map_err(|error| self.failed(&error.to_string()))?;
        let errors = process.stderr.take();
        let errors = std::thread::spawn(move || read(errors, ERROR_BYTES_MAX));
        let text = read(process.stdout.take(), LIST_BYTES_MAX);
        let status = process.wait().map_err(|error| self.failed(&error.to_string()))?;
        let errors = errors.join().unwrap_or_default();
        if status.success() {
            return Ok(text);
        }
        let why = errors.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it failed");
        Err(self.failed(&store::visible_within(why, ERROR_MAX)))
    }

    fn failed(&self, why: &str) -> String {
        format!("`{}` cannot list its plugins: {why}", self.path.display())
    }
}

impl Python {
    /// Which of these classes do not exist, and why; nothing of theirs is imported.
    ///
    /// # Errors
    /// When the interpreter does not work.
    pub(in crate::plugin) fn missing(&self, classes: &[&str]) -> Result<Vec<(String, String)>, String> {
        let listed = self.listed(&[&["--check"], classes].concat())?;
        Ok(listed.checked.into_iter().filter_map(|(class, problem)| Some((class, problem?))).collect())
    }

    /// The digest of a package's code: SHA-256, in hex.
    ///
    /// # Errors
    /// When the interpreter does not work, or the package is too large.
    pub(in crate::plugin) fn digest(&self, package: &str) -> Result<String, String> {
        let listed = self.listed(&["--digest", package])?;
        let found = listed.digests.into_values().next().unwrap_or_default();
        found.sha256.ok_or_else(|| found.problem.unwrap_or_default())
    }

    fn listed(&self, arguments: &[&str]) -> Result<Listed, String> {
        let text = self.ask(arguments)?;
        serde_json::from_str(&text)
            .map_err(|error| self.failed(&format!("it printed something else: {error}")))
    }
}

/// What the script prints.
#[derive(Deserialize)]
struct Listed {
    executable: String,
    plugins: Vec<Plugin>,
    checked: BTreeMap<String, Option<String>>,
    digests: BTreeMap<String, Digest>,
}

/// An entry point in the group of plugins, with its manifest.
#[derive(Deserialize)]
struct Plugin {
    distribution: String,
    version: String,
    package: Option<String>,
    manifest: Option<File>,
    problem: Option<String>,
}

#[derive(Deserialize)]
struct File {
    path: String,
    text: String,
}

#[derive(Default, Deserialize)]
struct Digest {
    sha256: Option<String>,
    problem: Option<String>,
}

/// The packages of entry points, of which several may lead to one manifest.
fn found(plugins: Vec<Plugin>) -> Vec<Found> {
    let mut seen = BTreeSet::new();
    let mut all = Vec::new();
    for Plugin { distribution, version, package, manifest, problem } in plugins {
        let path = manifest.as_ref().map(|manifest| manifest.path.clone());
        if !seen.insert((distribution.clone(), path)) {
            continue;
        }
        all.push(Found {
            name: distribution,
            version,
            package: package.unwrap_or_default(),
            manifest: manifest.map(|file| file.text).ok_or_else(|| problem.unwrap_or_default()),
        });
    }
    all
}

/// A program by its path, or by its name in `PATH`.
fn program(name: &str) -> Option<PathBuf> {
    if name.contains('/') {
        return Some(PathBuf::from(name)).filter(|path| path.is_file());
    }
    let folders = std::env::var_os("PATH")?;
    std::env::split_paths(&folders).map(|folder| folder.join(name)).find(|path| path.is_file())
}

fn read(from: Option<impl Read>, most: u64) -> String {
    let mut bytes = Vec::new();
    // What is cut off is no list.
    from.map(|from| from.take(most).read_to_end(&mut bytes));
    String::from_utf8_lossy(&bytes).into_owned()
}

const BOOTSTRAP: &str = include_str!("../python/bootstrap.py");
/// The modules of the host, by the names by which they import each other.
const MODULES: &[(&str, &str)] = &[
    ("aiperfd_components", include_str!("../python/components.py")),
    ("aiperfd_host", include_str!("../python/host.py")),
    ("aiperfd_shims", include_str!("../python/shims.py")),
    ("aiperfd_wire", include_str!("../python/wire.py")),
];
const FIND: &str = include_str!("../python/find.py");
const LIST_BYTES_MAX: u64 = 64 << 20;
const ERROR_BYTES_MAX: u64 = 64 << 10;
const ERROR_MAX: usize = 200;
