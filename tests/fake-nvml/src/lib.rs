//! A library in place of NVIDIA's NVML: its entry points, by C's rules, with GPUs that a script describes.
//!
//! ```text
//! folder/libnvidia-ml.so.1   a copy of this crate's cdylib, made by `install`
//! folder/script.json         its GPUs, their numbers and their behaviour: see script.rs
//! ```
//!
//! Each copy is a library of its own, so one process can load several with different scripts.

pub mod clock;
pub mod entry;
pub mod gpus;
pub mod script;

use script::Script;
use std::path::{Path, PathBuf};

/// Puts a copy of the library with its script into a folder; returns its path. Its callers are tests and examples of this
/// workspace.
///
/// # Errors
/// When the library has not been built next to the test, or the folder can't be written to.
pub fn install(folder: &Path, script: &Script) -> std::io::Result<PathBuf> {
    let program = std::env::current_exe()?;
    // Tests are next to it, examples next to its folder.
    let beside = program.with_file_name(BUILT);
    let built = if beside.is_file() { beside } else { program.with_file_name("../deps").join(BUILT) };
    let library = folder.join("libnvidia-ml.so.1");
    std::fs::copy(built, &library)?;
    std::fs::write(folder.join(SCRIPT), serde_json::to_vec(script)?)?;
    Ok(library)
}

/// What cargo builds.
const BUILT: &str = "libfake_nvml.so";
/// The script's name next to the library.
pub(crate) const SCRIPT: &str = "script.json";
