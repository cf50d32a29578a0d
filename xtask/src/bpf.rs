//! The compiler of the kernel programs: two ways to one, and how the programs are built with either.
//!
//! It takes a compiler that may use unstable features, the source of `core`, and `bpf-linker`.

use crate::process;
use crate::project::Project;
use anyhow::Result;
use std::ffi::OsString;
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
    /// The compiler that is there, with its linker.
    pub(crate) fn find() -> Option<Self> {
        process::find(LINKER)?;
        if nightly_has_source() { Some(Self::Nightly) } else { debian_is_there().then_some(Self::Debian) }
    }

    /// What it is called in messages.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Nightly => "rustup's nightly with rust-src",
            Self::Debian => "Debian's rustc-web with rust-web-src",
        }
    }

    /// Builds the kernel programs into [`object`].
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
        command.args(["build", "--release", "-Z", "build-std=core", "--target", TARGET]);
        command.current_dir(project.root.join("ebpf")).env("PATH", search_path());
        process::run(&mut command)
    }
}

/// Where the built kernel programs are; `daemon/aiperfd/build.rs` takes them from there.
pub(crate) fn object(project: &Project) -> PathBuf {
    project.root.join("ebpf/target").join(TARGET).join("release/aiperfd-ebpf")
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
