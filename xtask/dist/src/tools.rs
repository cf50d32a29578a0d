//! Tools that packages are made with, of fixed versions, under target/packages and fetched once.
//!
//! ```text
//! zig              from PyPI: a C compiler and linker that knows the symbols of old glibcs
//! cargo-zigbuild   from crates.io: has cargo use it
//! rust-objcopy     part of the Rust toolchain: puts debug information into a file of its own
//! ```

use crate::process;
use crate::project::Project;
use anyhow::{Context, Result, bail};
use object::{Object, ObjectSection};
use sha2::{Digest, Sha256};
use std::ffi::OsString;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Zig and cargo-zigbuild.
#[derive(Clone, Debug)]
pub(crate) struct Zig {
    folder: PathBuf,
    cache: PathBuf,
}

impl Zig {
    /// Fetches what is missing. The network is needed for that alone.
    pub(crate) fn ready(project: &Project) -> Result<Self> {
        let zig = Self { folder: project.packages().join("tools"), cache: project.packages().join("cache") };
        zig.compiler().with_context(|| format!("failed to get zig {ZIG} from PyPI: {INSTEAD}"))?;
        zig.builder(project)
            .with_context(|| format!("failed to get cargo-zigbuild {ZIGBUILD} from crates.io: {INSTEAD}"))?;
        Ok(zig)
    }

    /// Cargo with zig as its C compiler and linker, in the repository's top folder.
    pub(crate) fn cargo(&self, project: &Project) -> Result<Command> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let path = std::env::join_paths(
            std::iter::once(self.folder.join("zig/bin")).chain(std::env::split_paths(&path)),
        )?;
        let mut command = Command::new(self.folder.join("bin/cargo-zigbuild"));
        command.current_dir(&project.root).env("PATH", path);
        command.env("CARGO_ZIGBUILD_CACHE_DIR", self.cache.join("zigbuild"));
        command.env("ZIG_GLOBAL_CACHE_DIR", self.cache.join("zig"));
        command.env("ZIG_LOCAL_CACHE_DIR", self.cache.join("zig"));
        Ok(command)
    }

    fn compiler(&self) -> Result<()> {
        let folder = self.folder.join("zig");
        let made = folder.join("made-for");
        if std::fs::read_to_string(&made).is_ok_and(|version| version == ZIG) {
            return Ok(());
        }
        process::run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder))?;
        let mut pip = Command::new(folder.join("bin/python"));
        process::run(pip.args(["-m", "pip", "install", "-q", &format!("ziglang=={ZIG}")]))?;
        std::fs::write(&made, ZIG).with_context(|| format!("failed to write `{}`", made.display()))
    }

    fn builder(&self, project: &Project) -> Result<()> {
        let program = self.folder.join("bin/cargo-zigbuild");
        let version = process::output(Command::new(&program).arg("--version")).unwrap_or_default();
        if version.trim().ends_with(ZIGBUILD) {
            return Ok(());
        }
        let mut cargo = project.cargo();
        cargo.args(["install", "-q", "--locked", "--force", "cargo-zigbuild", "--version", ZIGBUILD]);
        process::run(cargo.arg("--root").arg(&self.folder))
    }
}

/// Whether the Rust toolchain can make programs for a machine; installs what is missing if rustup can.
pub(crate) fn add_target(triple: &str) -> Result<()> {
    let libraries = sysroot()?.join("lib/rustlib").join(triple);
    if libraries.is_dir() {
        return Ok(());
    }
    process::run(Command::new("rustup").args(["target", "add", triple])).with_context(|| {
        format!("the Rust toolchain has no `{triple}`: add it, by `rustup target add {triple}` where there is rustup")
    })
}

/// Splits a program: gives it without symbols, and its symbols and debug information alone.
pub(crate) fn split(program: &Path, folder: &Path) -> Result<(Vec<u8>, Vec<u8>)> {
    let (objcopy, libraries) = (objcopy()?, sysroot()?.join("lib"));
    let name = program.file_name().context("a program has a name")?;
    let (bare, debug) = (folder.join(name), folder.join(debug_name(name)));
    let copy = |arguments: &[&str], from: &Path, to: &Path| {
        // The toolchain's own is linked with the compiler's LLVM.
        let mut command = Command::new(&objcopy);
        command.env("LD_LIBRARY_PATH", &libraries).args(arguments).arg(from).arg(to);
        process::output(&mut command).map(|_| ())
    };
    copy(&["--only-keep-debug"], program, &debug)?;
    copy(&["--strip-all"], program, &bare)?;
    let read =
        |path: &Path| std::fs::read(path).with_context(|| format!("failed to read `{}`", path.display()));
    identified(read(&bare)?, read(&debug)?)
}

/// Gives a program and its debug information, which debuggers find by it, a build id of what the program does. The linker's is a
/// hash of debug information too, and of the folder in which that was made.
fn identified(mut program: Vec<u8>, mut debug: Vec<u8>) -> Result<(Vec<u8>, Vec<u8>)> {
    let place = build_id(&program)?;
    program[place.clone()].fill(0);
    let digest = Sha256::digest(&program);
    let place_of_debug = build_id(&debug)?;
    for (file, place) in [(&mut program, place), (&mut debug, place_of_debug)] {
        let id = digest.get(..place.len()).context("a build id is longer than a digest")?;
        file[place].copy_from_slice(id);
    }
    Ok((program, debug))
}

/// Where the build id is in a file.
fn build_id(file: &[u8]) -> Result<Range<usize>> {
    let parsed = object::File::parse(file).context("a program is no ELF file")?;
    let note = parsed.section_by_name(".note.gnu.build-id").context("a program has no build id")?;
    let (begin, size) = note.file_range().context("a build id that is nowhere in the file")?;
    let (begin, end) = (usize::try_from(begin + NOTE_HEAD)?, usize::try_from(begin + size)?);
    anyhow::ensure!(begin < end && end <= file.len(), "a build id that ends behind its file");
    Ok(begin..end)
}

/// The toolchain's folder.
pub(crate) fn sysroot() -> Result<PathBuf> {
    let printed = process::output(Command::new("rustc").args(["--print", "sysroot"]))?;
    Ok(PathBuf::from(printed.trim()))
}

fn debug_name(program: &std::ffi::OsStr) -> OsString {
    let mut name = program.to_owned();
    name.push(".debug");
    name
}

/// The toolchain's own, so that the same toolchain makes the same bytes; else LLVM's or binutils'.
fn objcopy() -> Result<PathBuf> {
    let facts = process::output(Command::new("rustc").arg("-vV"))?;
    let host = facts.lines().find_map(|line| line.strip_prefix("host: ")).unwrap_or_default();
    let own = sysroot()?.join("lib/rustlib").join(host).join("bin/rust-objcopy");
    if own.is_file() {
        return Ok(own);
    }
    let other = ["llvm-objcopy", "objcopy"].iter().find_map(|name| process::find(name));
    match other {
        Some(path) => {
            process::say(&format!(
                "the Rust toolchain has no rust-objcopy: taking `{}`, so packages made elsewhere may differ",
                path.display()
            ));
            Ok(path)
        }
        None => bail!("failed to find objcopy: install binutils or LLVM"),
    }
}

/// Three numbers and the owner's name, before the id (the ELF specification's note section).
const NOTE_HEAD: u64 = 16;
const ZIG: &str = "0.17.1";
const ZIGBUILD: &str = "0.24.1";
const INSTEAD: &str =
    "without it there are no packages, and `cargo build --release` makes the programs for this host";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_build_id_is_of_the_program_alone() {
        let program = std::fs::read("/bin/sh").unwrap();
        let place = build_id(&program).unwrap();
        let mut other = program.clone();
        other[place.clone()].fill(7);
        let (one, of_one) = identified(program.clone(), program.clone()).unwrap();
        let (two, _) = identified(other.clone(), other).unwrap();
        assert!(one == two, "whatever the linker's was");
        assert_eq!(one[place.clone()], of_one[place.clone()], "debug information is found by it");
        let mut changed = program.clone();
        *changed.last_mut().unwrap() ^= 1;
        let (changed, _) = identified(changed.clone(), changed).unwrap();
        assert_ne!(one[place.clone()], changed[place], "another program has another");
    }
}
