//! The compiler of the kernel programs: two ways to one, and how the programs are built with either.
//!
//! It takes a compiler that may use unstable features, the source of `core`, and `bpf-linker`.

use crate::process;
use crate::project::Project;
use anyhow::{Context, Result};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A way to a compiler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Compiler {
    /// rustup's nightly with rust-src.
    Nightly,
    /// Debian's rustc-web and rust-web-src.
    Debian,
}

impl Compiler {
    /// The compilers that are there, if their linker is.
    pub(crate) fn available() -> Vec<Self> {
        if process::find(LINKER).is_none() {
            return Vec::new();
        }
        let there = [(Self::Nightly, nightly_has_source()), (Self::Debian, debian_is_there())];
        there.into_iter().filter_map(|(compiler, is_there)| is_there.then_some(compiler)).collect()
    }

    /// What it is called in messages.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Nightly => "rustup's nightly with rust-src",
            Self::Debian => "Debian's rustc-web with rust-web-src",
        }
    }

    /// Which versions it is made of. Another version may choose other instructions.
    pub(crate) fn versions(self) -> String {
        let mut rustc = match self {
            Self::Nightly => {
                let mut command = Command::new("rustup");
                command.args(["run", "nightly", "rustc"]);
                command
            }
            Self::Debian => Command::new(DEBIAN_RUSTC),
        };
        let verbose = process::output(rustc.arg("-vV")).unwrap_or_default();
        let line = |start: &str| verbose.lines().find(|line| line.starts_with(start)).unwrap_or("unknown");
        let linker =
            process::find(LINKER).and_then(|path| process::output(Command::new(path).arg("--version")));
        format!("{}, {}, {}", line("rustc"), line("LLVM"), linker.as_deref().unwrap_or("no linker").trim())
    }

    /// Builds the kernel programs into [`built`].
    pub(crate) fn build(self, project: &Project) -> Result<()> {
        let mut command = match self {
            Self::Nightly => {
                let mut command = Command::new("rustup");
                command.args(["run", "nightly", "cargo"]);
                command
            }
            Self::Debian => {
                let mut command = project.cargo();
                command.env("RUSTC", DEBIAN_RUSTC).env("RUSTC_BOOTSTRAP", "1");
                command
            }
        };
        for foreign in FOREIGN_VARIABLES {
            command.env_remove(foreign);
        }
        command.args(FLAGS);
        command.current_dir(project.root.join("ebpf")).env("PATH", search_path());
        process::run(&mut command)
    }
}

/// Where the compiler leaves the kernel programs.
pub(crate) fn built(project: &Project) -> PathBuf {
    project.root.join("ebpf/target").join(TARGET).join("release/aiperfd-ebpf")
}

/// Every file that the last build read, from the repository's top folder: what rustc says, and what decides the versions.
pub(crate) fn sources(project: &Project) -> Result<Vec<String>> {
    let path = built(project).with_extension("d");
    let text = fs::read_to_string(&path).with_context(|| format!("failed to read `{}`", path.display()))?;
    let (_, read) = text.split_once(": ").context("cargo lists no sources")?;
    // A blank in a path is written with a backslash.
    let read = read.replace("\\ ", "\0");
    let relative = read.split_whitespace().map(|path| {
        let path = path.replace('\0', " ");
        let path = Path::new(&path).strip_prefix(&project.root).context("a source outside the repository")?;
        Ok(path.to_string_lossy().into_owned())
    });
    let mut sources = relative.collect::<Result<Vec<_>>>()?;
    sources.extend(MANIFESTS.map(str::to_owned));
    sources.sort();
    Ok(sources)
}

/// Whether rustup has a nightly with the source of `core`.
pub(crate) fn nightly_has_source() -> bool {
    let mut command = Command::new("rustup");
    command.args(["component", "list", "--installed", "--toolchain", "nightly"]);
    process::output(&mut command).is_some_and(|list| list.lines().any(|line| line.starts_with("rust-src")))
}

/// Whether Debian's compiler, its source and its LLVM are there.
pub(crate) fn debian_is_there() -> bool {
    [DEBIAN_RUSTC, DEBIAN_CORE, DEBIAN_LLVM_CONFIG].iter().all(|path| Path::new(path).exists())
}

/// Where the linker and LLVM's own tools are found first.
pub(crate) fn search_path() -> OsString {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(PathBuf::from(DEBIAN_LLVM).join("bin")).chain(process::cargo_bin());
    let folders = folders.filter(|folder| folder.is_dir()).chain(std::env::split_paths(&path));
    std::env::join_paths(folders).unwrap_or(path)
}

/// The program that makes kernel programs of LLVM's output.
pub(crate) const LINKER: &str = "bpf-linker";
/// Debian's LLVM.
pub(crate) const DEBIAN_LLVM: &str = "/usr/lib/llvm-22";
const DEBIAN_LLVM_CONFIG: &str = "/usr/lib/llvm-22/bin/llvm-config";
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
const DEBIAN_CORE: &str = "/usr/lib/rustlib/src/rust/library/core/src/lib.rs";
const TARGET: &str = "bpfel-unknown-none";
/// What decides which versions of dependencies the programs are made of, and how they are compiled.
const MANIFESTS: [&str; 2] = ["ebpf/Cargo.toml", "ebpf/Cargo.lock"];
/// What cargo is asked for.
pub(crate) const FLAGS: &[&str] = &["build", "--release", "-Z", "build-std=core", "--target", TARGET];
/// What the cargo and rustup that started this program set for themselves and what is meant for the host's code.
const FOREIGN_VARIABLES: &[&str] = &[
    "CARGO_BUILD_TARGET",
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_TARGET_DIR",
    "LD_LIBRARY_PATH",
    "RUSTC_WORKSPACE_WRAPPER",
    "RUSTC_WRAPPER",
    "RUSTFLAGS",
    "RUSTUP_TOOLCHAIN",
];
