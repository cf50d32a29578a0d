//! Runs `aiperf-ctl trace`: a stored run as a timeline for Perfetto or Chrome.

use crate::args::{TimelineArgs, TimelineFormatArg};
use crate::memory;
use crate::output_file::OutputFile;
use crate::report::Reported;
use crate::terminal::print_result;
use anyhow::Result;
use export::TimelineFormat;

/// Writes the timeline; returns the exit status.
pub(crate) fn run(args: &TimelineArgs) -> Result<u8> {
    memory::limit();
    let (format, usual, viewer) = match args.format {
        TimelineFormatArg::Perfetto => (TimelineFormat::Perfetto, "trace.pftrace", "ui.perfetto.dev"),
        TimelineFormatArg::Chrome => (TimelineFormat::Chrome, "trace.json", "chrome://tracing"),
    };
    let reported = Reported::without_metrics(&args.directory)?;
    let path = args.output.clone().unwrap_or_else(|| args.directory.join(usual));
    let mut file = OutputFile::create(&path, "--output")?;
    reported.timeline(format, &mut file)?;
    file.finish()?;
    print_result(&format!("{}: open it in {viewer}\n", path.display()));
    Ok(0)
}
