//! The daemon's program; everything is in the library.

use clap::Parser;

fn main() -> anyhow::Result<()> {
    aiperfd::run_daemon(&aiperfd::Args::parse())
}
