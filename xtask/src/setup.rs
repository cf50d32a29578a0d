//! `cargo xtask setup`: installs what tests need and is missing, and says what it does. What can't be installed is named and
//! stops nothing: programs that users run need none of it.
//!
//! ```text
//! tests      ip, nft, nginx, curl, wrk, prometheus, ffmpeg, tmux, systemd-analyze and chromium, on systems with apt-get as root; their Python packages, under target/
//! --probes   the compiler of the kernel programs, for authors of probes:
//!            1  rustup's nightly with rust-src, and bpf-linker
//!            2  else, on Debian 12 as root: rustc-web, rust-web-src, LLVM 22, and bpf-linker built with it
//! ```

use crate::ebpf::compiler::{self, Compiler, DEBIAN_LLVM, LINKER};
use crate::process;
use crate::project::Project;
use crate::python;
use crate::say::say;
use anyhow::{Result, bail};
use std::process::Command;

/// Flags of `setup`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only report: install nothing, and fail if something is missing.
    #[arg(long)]
    check: bool,
    /// The compiler of the kernel programs too, which only the author of a probe needs.
    #[arg(long)]
    probes: bool,
}

/// Runs the command.
pub(crate) fn run(project: &Project, args: &Args) -> Result<()> {
    if args.check {
        return check(project, args.probes);
    }
    let mut missing = install_for_tests(project);
    if args.probes && !install_compiler(project) {
        missing.push(COMPILER.to_owned());
    }
    match missing.is_empty() {
        true => say("nothing is missing"),
        false => say(&format!("still missing: {}", missing.join(", "))),
    }
    Ok(())
}

/// Installs what tests need, as far as that can be done here; what is missing then.
pub(crate) fn install_for_tests(project: &Project) -> Vec<String> {
    if missing_tools().is_empty() {
        say(&format!("tools of the tests: {}", TOOLS.map(|(program, _)| program).join(", ")));
    } else {
        attempt("tools of the tests", || apt_install(&TOOLS.map(|(_, package)| package)));
    }
    let mut missing = missing_tools().into_iter().map(str::to_owned).collect::<Vec<_>>();
    for environment in python::OF_TESTS {
        let what = environment.what;
        match python::environment(&environment.folder(&project.target), environment.packages) {
            Ok(_) => say(&format!("{what} for the tests: {}", environment.packages.join(", "))),
            Err(error) => {
                say(&format!("{what} could not be installed: {error:#}"));
                missing.push(what.to_owned());
            }
        }
    }
    missing
}

fn check(project: &Project, with_probes: bool) -> Result<()> {
    let mut missing = missing_tools();
    let unmade = |environment: &&python::Environment| {
        !python::is_made(&environment.folder(&project.target), environment.packages)
    };
    missing.extend(python::OF_TESTS.iter().filter(unmade).map(|environment| environment.what));
    if with_probes && Compiler::available().is_empty() {
        missing.insert(0, COMPILER);
    }
    if missing.is_empty() {
        say("nothing is missing");
        return Ok(());
    }
    bail!("missing: {}; `cargo xtask setup` installs what it can", missing.join(", "))
}

/// Tries each way to a compiler of the kernel programs until one is there.
fn install_compiler(project: &Project) -> bool {
    for (way, install) in WAYS {
        if Compiler::available().is_empty() {
            attempt(way, || install(project));
        }
    }
    let Some(compiler) = Compiler::available().first().copied() else {
        say(INSTRUCTIONS);
        return false;
    };
    say(&format!("{COMPILER}: {}", compiler.name()));
    true
}

fn install_nightly(project: &Project) -> Result<()> {
    if process::find("rustup").is_none() {
        bail!("there is no rustup");
    }
    let commands: [&[&str]; 2] = [
        &["component", "add", "rust-src", "--toolchain", "nightly"],
        &["toolchain", "install", "nightly", "--profile", "minimal", "--component", "rust-src"],
    ];
    for command in commands {
        if !compiler::nightly_has_source() {
            attempt("rustup's nightly with rust-src", || process::run(Command::new("rustup").args(command)));
        }
    }
    if !compiler::nightly_has_source() {
        bail!("rustup has no nightly with rust-src");
    }
    if process::find(LINKER).is_none() {
        process::run(project.cargo().args(["install", "--locked", LINKER]))?;
    }
    Ok(())
}

fn install_debian(project: &Project) -> Result<()> {
    if !compiler::debian_is_there() {
        apt_install(DEBIAN_PACKAGES)?;
    }
    if process::find(LINKER).is_none() {
        let mut command = project.cargo();
        command.args(["install", LINKER, "--version", "0.13.0"]);
        command.args(["--no-default-features", "--features", "llvm-22"]);
        command.env("LLVM_PREFIX", DEBIAN_LLVM).env("LLVM_SYS_221_PREFIX", DEBIAN_LLVM);
        process::run(command.env("PATH", compiler::search_path()))?;
    }
    Ok(())
}

/// Does something whose failure is reported and stops nothing.
pub(crate) fn attempt(what: &str, work: impl FnOnce() -> Result<()>) {
    if let Err(error) = work() {
        say(&format!("{what}: that did not work ({error:#}); going on without"));
    }
}

fn missing_tools() -> Vec<&'static str> {
    TOOLS.iter().map(|(program, _)| *program).filter(|program| process::find(program).is_none()).collect()
}

/// Installs packages of Debian, as root.
pub(crate) fn apt_install(packages: &[&str]) -> Result<()> {
    if process::find("apt-get").is_none() {
        bail!("there is no apt-get; install by hand: {}", packages.join(", "));
    }
    if !process::is_root() {
        bail!("only root installs packages: sudo apt-get install {}", packages.join(" "));
    }
    let apt = || {
        let mut command = Command::new("apt-get");
        command.env("DEBIAN_FRONTEND", "noninteractive");
        command
    };
    process::run(apt().args(["update", "-q"]))?;
    process::run(apt().args(["install", "-q", "-y", "--no-install-recommends"]).args(packages))
}

type Way = (&'static str, fn(&Project) -> Result<()>);

/// The ways to a compiler of the kernel programs, first choice first.
const WAYS: [Way; 2] = [
    ("rustup's nightly and bpf-linker", install_nightly),
    ("Debian's packages and bpf-linker", install_debian),
];
const COMPILER: &str = "compiler of the kernel programs";
const DEBIAN_PACKAGES: &[&str] =
    &["rustc-web", "rust-web-src", "llvm-22-dev", "libpolly-22-dev", "libzstd-dev", "zlib1g-dev"];
/// Programs that the kernel and end-to-end tests use, and their packages.
const TOOLS: [(&str, &str); 10] = [
    ("ip", "iproute2"),
    ("nft", "nftables"),
    ("nginx", "nginx-light"),
    ("curl", "curl"),
    ("wrk", "wrk"),
    ("prometheus", "prometheus"),
    ("ffmpeg", "ffmpeg"),
    ("tmux", "tmux"),
    ("systemd-analyze", "systemd"),
    ("chromium", "chromium"),
];

const INSTRUCTIONS: &str = "\
The kernel programs can't be compiled here. Only a change to ebpf/ takes that: every build embeds the object that is in the
repository. To get a compiler:
  either  rustup toolchain install nightly --component rust-src
          cargo install bpf-linker                               (needs LLVM's development files)
  or      (Debian 12) run `cargo xtask setup --probes` as root";
