//! `cargo xtask dist`: the packages of the product, from one build of its programs.
//!
//! ```text
//! tools ─▶ build ─▶ programs, debug information ─┐
//! repository, crates ─▶ sbom, licences, contents ┴─▶ tarball, deb, wheel, oci ─▶ sums ─▶ trial: a Debian of its own
//! ```
//!
//! The same sources and tools make the same bytes: entries are sorted, times are the commit's, paths of the build host are
//! replaced.
#![forbid(unsafe_code)]

mod base;
mod build;
mod contents;
mod deb;
mod elf;
mod entry;
mod metadata;
mod oci;
mod page;
mod process;
mod project;
mod sbom;
mod sums;
mod tarball;
mod tools;
mod trial;
mod wheel;

use anyhow::{Context, Result};
use clap::Parser;
use contents::Contents;
use project::{Project, Target};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Makes packages: a tarball, a Debian package, a wheel for pip, a container image.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask dist", bin_name = "cargo xtask dist", max_term_width = 100)]
struct Args {
    /// Where packages go. Default: target/packages/out.
    #[arg(long, overrides_with = "out")]
    out: Option<PathBuf>,
    /// The machine that packages are for.
    #[arg(long, value_enum, default_value = "x86_64")]
    target: Target,
    /// Try the packages that are in the output folder: install, use, upgrade and remove them in a Debian of their own. Takes
    /// root, mmdebstrap and Debian's packages.
    #[arg(long)]
    test: bool,
    /// With --test: try only this package.
    #[arg(long, value_enum, requires = "test")]
    only: Option<trial::Package>,
    /// With --test: try the wheel beside NVIDIA AIPerf too, which is large.
    #[arg(long, requires = "test")]
    beside_aiperf: bool,
    /// Instead of packages: run these of the README's commands in a clone on a Debian that has nothing but Rust. Takes root.
    #[arg(long, value_enum, value_delimiter = ',', num_args = 0.., default_missing_values = ["demo", "test"])]
    fresh: Option<Vec<trial::fresh::Wanted>>,
    /// With --fresh: as whom.
    #[arg(long = "as", value_enum, value_delimiter = ',', default_values = ["root", "plain"], requires = "fresh")]
    newcomers: Vec<trial::fresh::Newcomer>,
    /// Package programs that are built already, from this folder: for tests of the packaging itself.
    #[arg(long, hide = true)]
    programs: Option<PathBuf>,
    /// Call the packages by this version: a test of upgrades takes two of them.
    #[arg(long, hide = true)]
    as_version: Option<String>,
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            process::aside(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<()> {
    let mut project = Project::find()?;
    if let Some(version) = &args.as_version {
        project.version.clone_from(version);
    }
    let out = args.out.clone().unwrap_or_else(|| project.packages().join("out"));
    if let Some(wanted) = &args.fresh {
        return trial::run_fresh(&project, wanted, &args.newcomers);
    }
    if args.test {
        return trial::run(&project, &out, args.only, args.beside_aiperf.into());
    }
    std::fs::create_dir_all(&out).with_context(|| format!("failed to create `{}`", out.display()))?;
    let built = match &args.programs {
        Some(folder) => build::take(&project, args.target, folder)?,
        None => build::build(&project, args.target)?,
    };
    make(&project, &built, &out)
}

/// Writes packages into a folder; gives their paths.
type Maker = fn(&Contents, &Path) -> Result<Vec<PathBuf>>;

/// Every package of these programs.
fn make(project: &Project, built: &build::Built, out: &Path) -> Result<()> {
    let contents = Contents::gather(project, built)?;
    let makers: [Maker; 4] = [tarball::make, deb::make, wheel::make, oci::make];
    // Compression is most of the work, and each package has its own.
    let contents = &contents;
    let made = std::thread::scope(|scope| {
        let threads = makers.map(|make| scope.spawn(move || make(contents, out)));
        threads.map(|thread| {
            thread.join().unwrap_or_else(|_panic| Err(anyhow::anyhow!("a package's thread panicked")))
        })
    });
    let mut files = Vec::new();
    for paths in made {
        files.extend(paths?);
    }
    sums::write(out, files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flags_are_consistent() {
        use clap::CommandFactory;
        Args::command().debug_assert();
    }
}
