//! `cargo xtask ebpf`: makes the kernel programs' object that every build embeds, and holds object and sources together.
//!
//! ```text
//! ebpf/src, common/src ── compiler ──▶ ebpf/aiperfd-ebpf.o      what aiperfd embeds
//!                              └─────▶ ebpf/aiperfd-ebpf.toml   digests of both, compiler, flags
//! ```
//!
//! The object is in the repository, so that nobody but the author of a probe needs a compiler for it.

pub(crate) mod compiler;
mod object;
mod record;

use crate::project::Project;
use crate::say::say;
use anyhow::{Context, Result, bail};
use compiler::Compiler;
use object::Contents;
use record::Record;
use std::fs;
use std::path::{Path, PathBuf};

/// Flags of `ebpf`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Write nothing: fail if the object is not what the sources say. With a compiler it is built again and compared.
    #[arg(long)]
    check: bool,
}

/// Runs the command.
pub(crate) fn run(project: &Project, args: &Args) -> Result<()> {
    if args.check { check(project) } else { make(project) }
}

fn make(project: &Project) -> Result<()> {
    let Some(compiler) = build(project, Compiler::available()) else {
        bail!(
            "no compiler for the kernel programs: `cargo xtask setup --probes` gets one. The object in the repository \
             is unchanged, and everything else can be built"
        )
    };
    let object = read(&compiler::built(project))?;
    Contents::read(&object).context("the compiler made no object of kernel programs")?;
    let record = Record::new(&project.root, &compiler::sources(project)?, &object, compiler.versions())?;
    write(&project.root.join(OBJECT), &object)?;
    write(&project.root.join(RECORD), record.text()?.as_bytes())?;
    say(&format!("{OBJECT} ({} bytes) and {RECORD} are written", object.len()));
    Ok(())
}

/// Builds with the first of these compilers that can.
fn build(project: &Project, compilers: Vec<Compiler>) -> Option<Compiler> {
    compilers.into_iter().find(|compiler| match compiler.build(project) {
        Ok(()) => true,
        Err(error) => {
            say(&format!("{}: that did not work ({error:#})", compiler.name()));
            false
        }
    })
}

fn check(project: &Project) -> Result<()> {
    let record = Record::read(&project.root)?;
    let stale = record.stale(&project.root);
    if !stale.is_empty() {
        bail!("{OBJECT} was not made of these sources; run `cargo xtask ebpf`:\n  {}", stale.join("\n  "));
    }
    let mut compilers = Compiler::available();
    // The one that made the object can make the same again.
    compilers.sort_by_key(|compiler| compiler.versions() != record.compiler);
    let Some(compiler) = build(project, compilers) else {
        say(&format!("{OBJECT} has the digest of its sources; no compiler here to build it again with"));
        return Ok(());
    };
    let committed = Contents::read(&read(&project.root.join(OBJECT))?)?;
    let built = Contents::read(&read(&compiler::built(project))?)?;
    compare(&record, &compiler.versions(), &committed.differences(&built))
}

/// Another version of the compiler may choose other instructions, but not other programs, maps or another license.
fn compare(record: &Record, versions: &str, differences: &[String]) -> Result<()> {
    let is_same = record.compiler == versions;
    let grave = differences.iter().filter(|one| is_same || !object::is_of_instructions(one));
    let grave = grave.map(String::as_str).collect::<Vec<_>>();
    if !grave.is_empty() {
        bail!("{OBJECT} is not what its sources are compiled to by {versions}:\n  {}", grave.join("\n  "));
    }
    if differences.is_empty() {
        say(&format!("{OBJECT} is what its sources are compiled to: same instructions, maps and license"));
    } else {
        say(&format!(
            "{OBJECT} has the programs, maps and license of its sources; its instructions are those of {}, and here \
             is {versions}",
            record.compiler
        ));
    }
    Ok(())
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("failed to read `{}`", path.display()))
}

fn write(path: &PathBuf, bytes: &[u8]) -> Result<()> {
    fs::write(path, bytes).with_context(|| format!("failed to write `{}`", path.display()))
}

/// The object, from the repository's top folder.
const OBJECT: &str = "ebpf/aiperfd-ebpf.o";
/// What it was made of.
const RECORD: &str = "ebpf/aiperfd-ebpf.toml";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_compiler_may_choose_instructions_and_nothing_else() {
        let record = Record::of("one compiler");
        let instructions = ["the instructions of `sockops`".to_owned()];
        let map = ["the map `DROPPED`".to_owned()];
        assert!(compare(&record, "one compiler", &[]).is_ok(), "the same");
        assert!(compare(&record, "one compiler", &instructions).is_err(), "the same compiler makes the same");
        assert!(compare(&record, "another", &instructions).is_ok(), "another may");
        assert!(compare(&record, "another", &map).is_err(), "a map is a map");
    }
}
