//! Writes the pictures, their data where asked for, and `summary.txt`, which lists what was drawn and what was not, and why.

use super::Plot;
use super::find::RunDir;
use anyhow::{Context, Result};
use picture::{Canvas, Figure, Theme, png, svg};
use std::fmt::Write as _;
use std::io::Write;
use std::path::Path;
use store::{Folder, visible};

/// Which files each plot has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Formats {
    pub(super) png: bool,
    pub(super) svg: bool,
    pub(super) json: bool,
    /// Of the PNG, in pixels.
    pub(super) width: u32,
    pub(super) theme: Theme,
}

/// Writes all files; returns how many plots were drawn.
pub(super) fn write(directory: &Path, plots: &[Plot], runs: &[RunDir], formats: Formats) -> Result<usize> {
    let folder =
        Folder::make(directory).with_context(|| format!("failed to write to `{}`", directory.display()))?;
    let mut drawn = 0;
    let mut names = Vec::new();
    for plot in plots {
        if let Ok(figure) = &plot.figure {
            names.extend(pictures(&folder, &plot.name, figure, formats)?);
            drawn += 1;
        }
    }
    let mut file = folder.create("summary.txt")?;
    file.write_all(summary(directory, plots, runs, &names).as_bytes())?;
    file.finish()?;
    Ok(drawn)
}

fn pictures(folder: &Folder, name: &str, figure: &Figure, formats: Formats) -> Result<Vec<String>> {
    let canvas = Canvas::new(formats.theme);
    let mut written = Vec::new();
    let mut put = |ending: &str, bytes: &[u8]| -> Result<()> {
        let name = format!("{name}.{ending}");
        let mut file = folder.create(&name)?;
        file.write_all(bytes)?;
        file.finish()?;
        written.push(name);
        Ok(())
    };
    if formats.png {
        put("png", &png(figure, canvas, formats.width).with_context(|| format!("failed to draw `{name}`"))?)?;
    }
    if formats.svg {
        put("svg", svg(figure, canvas).as_bytes())?;
    }
    if formats.json {
        put("json", figure.to_json()?.as_bytes())?;
    }
    Ok(written)
}

/// The summary: AIPerf's, with what is left out.
fn summary(directory: &Path, plots: &[Plot], runs: &[RunDir], names: &[String]) -> String {
    let drawn = plots.iter().filter(|plot| plot.figure.is_ok()).count();
    let mut text = format!("Plots of {} runs\n{}\n\n", runs.len(), "=".repeat(50));
    if let [only] = runs {
        text = format!("Plots of {}\n{}\n\n", visible(&only.path.display().to_string()), "=".repeat(50));
    }
    let mut line = |line: &str| {
        // Writing to a String cannot fail.
        writeln!(text, "{line}").ok();
    };
    line(&format!("Generated {drawn} plots:\n"));
    names.iter().for_each(|name| line(&format!("  - {name}")));
    let left_out = plots.iter().filter_map(|plot| Some((plot.name.as_str(), plot.figure.as_ref().err()?)));
    let left_out = left_out.collect::<Vec<_>>();
    if !left_out.is_empty() {
        line(&format!("\nLeft out {} plots:\n", left_out.len()));
        left_out.iter().for_each(|(name, why)| line(&format!("  - {name}: {}", visible(why))));
    }
    let noted = plots.iter().filter_map(|plot| Some((plot.name.as_str(), plot.figure.as_ref().ok()?)));
    for (name, figure) in noted.filter(|(_, figure)| figure.refused.is_some() || !figure.notes.is_empty()) {
        let notes = figure.refused.iter().map(|why| format!("not to be used: {why}"));
        let notes = notes.chain(figure.notes.iter().cloned()).collect::<Vec<_>>();
        line(&format!("\n{name}: {}", visible(&notes.join(" "))));
    }
    line(&format!("\nOutput directory: {}", visible(&directory.display().to_string())));
    text
}
