//! What is done with this repository, one file per command: `cargo xtask --help`.
//!
//! ```text
//! build ──▶ demo | bench | soak | audit-clients | test-plot | test-real-server | test-gpu      what needs programs
//! setup ──▶ test | test-clients                                                         what needs more than cargo
//! tidy      docs      ebpf                                                              what is made of the sources, or held against them
//! ```

mod audit_clients;
mod bench;
mod build;
mod check_aarch64;
mod check_dependencies;
mod clients;
mod clock;
mod count_files;
mod demo;
mod dist;
mod docs;
mod ebpf;
mod mock_server;
mod process;
mod project;
mod python;
mod say;
mod setup;
mod test;
mod test_clients;
mod test_gpu;
mod test_plot;
mod test_real_server;
mod tidy;

use anyhow::Result;
use clap::{Parser, Subcommand};
use project::Project;
use std::process::ExitCode;

/// What is done with this repository.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", max_term_width = 100)]
struct Args {
    /// What to do.
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Installs what the tests need and is missing, and says what it does.
    Setup(setup::Args),
    /// Builds the programs, and the server that demonstrations measure.
    Build(build::Args),
    /// Makes the kernel programs' object that every build embeds. For authors of probes.
    Ebpf(ebpf::Args),
    /// Checks that the programs compile for 64-bit Arm.
    CheckAarch64,
    /// Checks where the packages come from that the programs are made of, and their licences.
    CheckDependencies,
    /// Measures a scripted server on this machine and shows the report.
    Demo(demo::Args),
    /// Installs what is missing, builds, and runs every test: as root the kernel's too.
    Test,
    /// Runs the README's commands in a clone on a Debian of its own that has nothing but Rust. Takes root and an hour.
    TestFresh(dist::Args),
    /// Checks the rules of this repository that no compiler checks.
    Tidy,
    /// Adds an endpoint, a shape, a format, a sink and an observer to a copy of the last commit by their recipes, and holds how many
    /// files each touches. Takes minutes at first.
    CountFiles,
    /// Makes the documents, manual pages and completions that come from the code.
    Docs(docs::Args),
    /// Makes the packages, and tries them: see `cargo xtask dist --help`.
    #[command(disable_help_flag = true)]
    Dist(dist::Args),
    /// Measures the promises of docs/BUDGET.md on this machine.
    Bench(bench::Args),
    /// Loads a daemon, or has it watch a server, for an hour, and holds that nothing grows and nothing is lost.
    Soak(bench::soak::Args),
    /// Has NVIDIA AIPerf draw its pictures of a run of ours. Takes Python, the network and Chromium.
    TestPlot(test_plot::Args),
    /// Audits clients that others wrote in the end-to-end tests: AIPerf and the `openai` package.
    TestClients(test_clients::Args),
    /// Audits clients that others wrote against a server whose times are known, for docs/CLIENTS.md.
    AuditClients(audit_clients::Args),
    /// Reads a real NVIDIA GPU while a model is served on it, and says what that costs. Does nothing without a GPU.
    TestGpu(test_gpu::Args),
    /// Measures inference servers and proxies that others wrote, with a tiny model made on the spot, and holds what they count and
    /// log against the report. Takes Python and the network.
    TestRealServer(test_real_server::Args),
}

fn main() -> ExitCode {
    match run(&Args::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say::aside(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(command: &Command) -> Result<()> {
    let project = Project::find()?;
    match command {
        Command::Setup(args) => setup::run(&project, args),
        Command::Build(args) => build::run(&project, args),
        Command::Ebpf(args) => ebpf::run(&project, args),
        Command::CheckAarch64 => check_aarch64::run(&project),
        Command::CheckDependencies => check_dependencies::run(&project),
        Command::Demo(args) => demo::run(&project, args),
        Command::Test => test::run(&project),
        Command::TestFresh(args) => dist::run_fresh(&project, args),
        Command::Tidy => tidy::run(&project),
        Command::CountFiles => count_files::run(&project),
        Command::Dist(args) => dist::run(&project, args),
        Command::Docs(args) => docs::run(&project, args),
        Command::Bench(args) => bench::run(&project, args),
        Command::Soak(args) => bench::soak::run(&project, args),
        Command::TestPlot(args) => test_plot::run(&project, args),
        Command::TestClients(args) => test_clients::run(&project, args),
        Command::AuditClients(args) => audit_clients::run(&project, args),
        Command::TestGpu(args) => test_gpu::run(&project, args),
        Command::TestRealServer(args) => test_real_server::run(&project, args),
    }
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
