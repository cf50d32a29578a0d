//! `cargo xtask setup`: installs what is missing and says what it does; with everything there it only says so.
//!
//! ```text
//! kernel programs   1  rustup's nightly with rust-src, and bpf-linker
//!                   2  else, on Debian 12 as root: rustc-web, rust-web-src, LLVM 22, and bpf-linker built with it
//! tests             ip, nft, nginx, curl, wrk, prometheus and ffmpeg, on systems with apt-get as root; what they need of Python,
//!                   under target/
//! ```

use crate::bpf::{self, Compiler, DEBIAN_LLVM, LINKER};
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
}

/// Runs the command.
pub(crate) fn run(project: &Project, args: &Args) -> Result<()> {
    if args.check {
        return check(project);
    }
    install(project)?;
    install_of_python(project);
    Ok(())
}

/// Installs what is missing. What can't be installed here is told, and is no error: everything else works without.
pub(crate) fn install(project: &Project) -> Result<()> {
    match Compiler::find() {
        Some(compiler) => say(&format!("compiler of the kernel programs: {}", compiler.name())),
        None => install_compiler(project)?,
    }
    install_tools()
}

fn check(project: &Project) -> Result<()> {
    let mut missing = missing_tools();
    let unmade = |environment: &&python::Environment| {
        !python::is_made(&environment.folder(&project.target), environment.packages)
    };
    missing.extend(python::OF_TESTS.iter().filter(unmade).map(|environment| environment.what));
    match Compiler::find() {
        Some(compiler) => say(&format!("compiler of the kernel programs: {}", compiler.name())),
        None => missing.insert(0, "compiler of the kernel programs"),
    }
    if missing.is_empty() {
        say("nothing is missing");
        return Ok(());
    }
    bail!("missing: {}; `cargo xtask setup` installs what it can", missing.join(", "))
}

fn install_compiler(project: &Project) -> Result<()> {
    say("compiler of the kernel programs: missing");
    if !bpf::debian_is_there() && nightly_with_source() {
        return match process::find(LINKER) {
            Some(_) => Ok(()),
            None => process::run(project.cargo().args(["install", LINKER])),
        };
    }
    if !(process::is_root() && process::find("apt-get").is_some()) {
        say(INSTRUCTIONS);
        return Ok(());
    }
    if !bpf::debian_is_there() {
        apt_install(DEBIAN_PACKAGES)?;
    }
    if process::find(LINKER).is_none() {
        let mut command = project.cargo();
        command.args([
            "install",
            LINKER,
            "--version",
            "0.13.0",
            "--no-default-features",
            "--features",
            "llvm-22",
        ]);
        command.env("LLVM_PREFIX", DEBIAN_LLVM).env("LLVM_SYS_221_PREFIX", DEBIAN_LLVM);
        process::run(command.env("PATH", bpf::search_path()))?;
    }
    if Compiler::find().is_none() {
        say(INSTRUCTIONS);
    }
    Ok(())
}

/// Gets rustup's nightly with the source of `core`, if there is a rustup that can.
fn nightly_with_source() -> bool {
    if process::find("rustup").is_none() {
        return false;
    }
    let attempts: [&[&str]; 2] = [
        &["component", "add", "rust-src", "--toolchain", "nightly"],
        &["toolchain", "install", "nightly", "--profile", "minimal", "--component", "rust-src"],
    ];
    bpf::nightly_has_source()
        || attempts.iter().any(|attempt| match process::run(Command::new("rustup").args(*attempt)) {
            Ok(()) => bpf::nightly_has_source(),
            Err(error) => {
                say(&format!("that did not work ({error:#}); going on with the next way"));
                false
            }
        })
}

fn install_tools() -> Result<()> {
    let missing = missing_tools();
    if missing.is_empty() {
        say(&format!("tools of the tests: {}", TOOLS.map(|(program, _)| program).join(", ")));
        return Ok(());
    }
    if process::is_root() && process::find("apt-get").is_some() {
        return apt_install(&TOOLS.map(|(_, package)| package));
    }
    say(&format!(
        "tools of the tests: {} missing; tests that need them are skipped or fail",
        missing.join(", ")
    ));
    Ok(())
}

/// Makes the environments of Python that tests need. Without Python or the network such tests are skipped.
pub(crate) fn install_of_python(project: &Project) {
    for environment in python::OF_TESTS {
        let what = environment.what;
        match python::environment(&environment.folder(&project.target), environment.packages) {
            Ok(_) => say(&format!("{what} for the tests: {}", environment.packages.join(", "))),
            Err(error) => say(&format!("{what} is missing, tests with it are skipped: {error:#}")),
        }
    }
}

fn missing_tools() -> Vec<&'static str> {
    TOOLS.iter().map(|(program, _)| *program).filter(|program| process::find(program).is_none()).collect()
}

fn apt_install(packages: &[&str]) -> Result<()> {
    let apt = || {
        let mut command = Command::new("apt-get");
        command.env("DEBIAN_FRONTEND", "noninteractive");
        command
    };
    process::run(apt().args(["update", "-q"]))?;
    process::run(apt().args(["install", "-q", "-y", "--no-install-recommends"]).args(packages))
}

/// Packages of the second way.
const DEBIAN_PACKAGES: &[&str] =
    &["rustc-web", "rust-web-src", "llvm-22-dev", "libpolly-22-dev", "libzstd-dev", "zlib1g-dev"];
/// Programs that the kernel and end-to-end tests use, and their packages.
const TOOLS: [(&str, &str); 7] = [
    ("ip", "iproute2"),
    ("nft", "nftables"),
    ("nginx", "nginx-light"),
    ("curl", "curl"),
    ("wrk", "wrk"),
    ("prometheus", "prometheus"),
    ("ffmpeg", "ffmpeg"),
];

const INSTRUCTIONS: &str = "\
The kernel programs can't be built here; everything else works, on the rungs below `ebpf`. To build them:
  either  rustup toolchain install nightly --component rust-src
          cargo install bpf-linker
  or      (Debian 12) run `cargo xtask setup` as root
Then run `cargo xtask build`.";
