//! Runs `aiperf-ctl trace`: a stored run as a timeline for Perfetto or Chrome.

use crate::args::{TimelineArgs, TimelineFormatArg};
use crate::memory;
use crate::plan::Refusal;
use crate::report::Reported;
use crate::terminal::print_result;
use anyhow::{Context, Result};
use export::TimelineFormat;
use std::path::Path;
use store::Folder;

/// Writes the timeline; returns the exit status.
pub(crate) fn run(args: &TimelineArgs) -> Result<u8> {
    memory::limit();
    let (format, usual, viewer) = match args.format {
        TimelineFormatArg::Perfetto => (TimelineFormat::Perfetto, "trace.pftrace", "ui.perfetto.dev"),
        TimelineFormatArg::Chrome => (TimelineFormat::Chrome, "trace.json", "chrome://tracing"),
    };
    let reported = Reported::of(&args.directory)?;
    let path = args.output.clone().unwrap_or_else(|| args.directory.join(usual));
    let name = path.file_name().and_then(|name| name.to_str());
    let name = name.ok_or_else(|| Refusal(format!("--output: `{}` names no file", path.display())))?;
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => Folder::make(parent)?,
        _ => Folder::make(Path::new("."))?,
    };
    let mut file =
        folder.create(name).with_context(|| format!("--output: failed to create `{}`", path.display()))?;
    reported.timeline(format, &mut file)?;
    file.finish()?;
    print_result(&format!("{}: open it in {viewer}\n", path.display()));
    Ok(0)
}
