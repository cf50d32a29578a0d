//! The client's program; everything is in the library.

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    aiperf_ctl::run(&aiperf_ctl::Args::parse())
}
