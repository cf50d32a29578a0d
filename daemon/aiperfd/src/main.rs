//! The daemon's program; everything is in the library.

use clap::Parser;
use std::io::Write;
use std::process::ExitCode;

fn main() -> ExitCode {
    match aiperfd::run_daemon(&aiperfd::Args::parse(), &build_info::BUILD) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Standard error may be closed; then the error can't be reported.
            writeln!(std::io::stderr(), "aiperfd: {error:#}").ok();
            ExitCode::FAILURE
        }
    }
}
