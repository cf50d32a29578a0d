//! The one build that every package is made of: for an old glibc, without a trace of the host that built it.

use crate::metadata;
use crate::process;
use crate::project::{Project, Target};
use crate::tools::{self, Zig};
use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::Command;

/// The programs.
#[derive(Clone, Debug)]
pub(crate) struct Built {
    /// The machine that they are for.
    pub(crate) target: Target,
    /// Programs without symbols, by name.
    pub(crate) programs: BTreeMap<&'static str, Vec<u8>>,
    /// Their debug information, by name.
    pub(crate) debug: BTreeMap<&'static str, Vec<u8>>,
}

/// Builds the programs for a machine.
pub(crate) fn build(project: &Project, target: Target) -> Result<Built> {
    tools::add_target(target.triple())?;
    let zig = Zig::ready(project)?;
    let mut command = cargo(project, &zig, target)?;
    command.args(["--profile", "dist", "--bins"]);
    process::run(&mut command)?;
    take(project, target, &project.target.join(target.triple()).join("dist"))
}

/// Takes programs that are built.
pub(crate) fn take(project: &Project, target: Target, folder: &Path) -> Result<Built> {
    let work = project.packages().join("split").join(target.machine());
    std::fs::create_dir_all(&work).with_context(|| format!("failed to create `{}`", work.display()))?;
    let mut built = Built { target, programs: BTreeMap::new(), debug: BTreeMap::new() };
    for name in PROGRAMS {
        let (program, debug) = tools::split(&folder.join(name), &work)?;
        built.programs.insert(name, program);
        built.debug.insert(name, debug);
    }
    Ok(built)
}

/// A command of cargo for a machine and glibc 2.28.
fn cargo(project: &Project, zig: &Zig, target: Target) -> Result<Command> {
    let mut command = zig.cargo(project)?;
    command.args(["zigbuild", "--target", &format!("{}.{}", target.triple(), crate::elf::Glibc::LIMIT)]);
    command.arg("--locked");
    if metadata::is_offline(project, target) {
        command.arg("--offline");
    }
    let replaced = replaced_paths(project)?;
    let mut flags = OsString::new();
    for (from, to) in &replaced {
        push(&mut flags, &["--remap-path-prefix=".as_ref(), from, "=".as_ref(), to.as_ref()], "\u{1f}");
    }
    push(&mut flags, &["-Clink-arg=-Wl,--build-id=sha1".as_ref()], "\u{1f}");
    command.env("CARGO_ENCODED_RUSTFLAGS", flags);
    let mut of_c = OsString::new();
    for (from, to) in &replaced {
        push(&mut of_c, &["-ffile-prefix-map=".as_ref(), from, "=".as_ref(), to.as_ref()], " ");
    }
    command.env(format!("CFLAGS_{}", target.triple().replace('-', "_")), of_c);
    command.env("SOURCE_DATE_EPOCH", project.time.to_string());
    for name in ["RUSTFLAGS", "CARGO_INCREMENTAL", "RUSTC_WRAPPER"] {
        command.env_remove(name);
    }
    Ok(command)
}

/// Folders of this host, and what stands for them in programs.
fn replaced_paths(project: &Project) -> Result<Vec<(OsString, &'static str)>> {
    let home = std::env::var_os("CARGO_HOME").map(std::path::PathBuf::from);
    let home = home.or_else(|| Some(Path::new(&std::env::var_os("HOME")?).join(".cargo")));
    let home = home.context("neither CARGO_HOME nor HOME is set: where are the crates?")?;
    let sysroot = tools::sysroot()?;
    // Of several that match rustc takes the last.
    let mut paths = vec![(sysroot.into_os_string(), "/rust")];
    paths.push((home.clone().into_os_string(), "/cargo"));
    let registry = std::fs::read_dir(home.join("registry/src")).into_iter().flatten().flatten();
    // A registry's folder is called by a hash of where its index is, which differs between mirrors.
    paths.extend(registry.map(|entry| (entry.path().into_os_string(), "/cargo/registry")));
    paths.push((project.root.clone().into_os_string(), "/aiperfd"));
    paths.push((project.target.clone().into_os_string(), "/aiperfd/target"));
    Ok(paths)
}

fn push(text: &mut OsString, parts: &[&OsStr], between: &str) {
    if !text.is_empty() {
        text.push(between);
    }
    parts.iter().for_each(|part| text.push(part));
}

/// The programs of the product.
pub(crate) const PROGRAMS: [&str; 3] = ["aiperf-ctl", "aiperf-loadgen", "aiperfd"];
