//! `cargo xtask check-aarch64`: the programs compile for 64-bit Arm. The kernel programs are the same object on both.

use crate::process;
use crate::project::Project;
use crate::say::say;
use crate::setup;
use anyhow::{Result, bail};
use std::process::Command;

/// Runs the command. A missing target or C compiler for it is reported; it is an error only in CI.
pub(crate) fn run(project: &Project) -> Result<()> {
    let target = process::run(Command::new("rustup").args(["target", "add", TARGET]));
    if process::find(COMPILER).is_none() {
        setup::attempt("a compiler of C for aarch64", || setup::apt_install(PACKAGES));
    }
    let missing = match (target, process::find(COMPILER)) {
        (Ok(()), Some(_)) => return check(project),
        (Err(error), _) => format!("Rust's library for {TARGET} ({error:#})"),
        (_, None) => format!("`{COMPILER}`"),
    };
    if std::env::var("CI").as_deref() == Ok("true") {
        bail!("left out in CI, for want of {missing}");
    }
    say(&format!(
        "left out, for want of {missing}; everything for this machine's own processor works without"
    ));
    Ok(())
}

fn check(project: &Project) -> Result<()> {
    process::run(project.cargo().args(["check", "--locked", "--bins", "--target", TARGET]))?;
    say("the programs compile for aarch64");
    Ok(())
}

const TARGET: &str = "aarch64-unknown-linux-gnu";
const COMPILER: &str = "aarch64-linux-gnu-gcc";
const PACKAGES: &[&str] = &["gcc-aarch64-linux-gnu", "libc6-dev-arm64-cross"];
