//! Runs `aiperf-ctl plot`: pictures of one run over its time, or of several compared, as AIPerf's `plot` names them.
//!
//! ```text
//! find.rs     which directories are runs: one, or several ─┐
//! config.rs   which plots are wanted, and of what ─────────┤
//!                                                          ├──▶ types/: one file a type ──▶ picture::Figure ──▶ files.rs
//! one.rs      a run's requests, slices, GPUs, server ──────┤
//! many.rs     several runs' summaries; groups.rs colors ───┘
//! ```
//!
//! A plot whose data is missing is listed with the reason, never drawn empty.

mod auto;
mod axes;
mod columns;
mod config;
mod files;
mod find;
mod gpus;
mod groups;
mod many;
mod one;
mod server;
#[cfg(test)]
mod tests;
mod types;

use crate::FAILED;
use crate::args::{PictureArg, PlotArgs, ThemeArg};
use crate::memory;
use crate::observer::sink::mlflow;
use crate::plan::Refusal;
use crate::terminal::{print_note, print_result, print_warning};
use anyhow::Result;
pub(crate) use auto::{AutoPlot, check};
use config::{Config, Spec};
use files::Formats;
use find::RunDir;
use many::Many;
pub(crate) use many::cause;
use one::OneRun;
use picture::{Figure, Theme};
use std::path::{Path, PathBuf};
use types::Draw;

/// The names of the types of plots.
pub(crate) fn type_names() -> impl Iterator<Item = &'static str> {
    types::PLOT_TYPES.iter().map(|known| known.name)
}

/// Plots the runs below some paths; returns the exit status.
pub(crate) fn run(args: &PlotArgs) -> Result<u8> {
    memory::limit();
    if args.show_config {
        print_result(config::BUILT_IN);
        return Ok(0);
    }
    let mut paths = if args.paths.is_empty() { args.paths_flag.clone() } else { args.paths.clone() };
    if paths.is_empty() {
        paths.push(PathBuf::from(USUAL_PATH));
    }
    let runs = find::runs(&paths)?;
    let config = Config::load(args.config.as_deref(), &paths)?;
    let output = args.output.clone().unwrap_or_else(|| paths[0].join(FOLDER));
    if args.mlflow.mlflow_upload && output.parent() != Some(&paths[0]) {
        let why =
            "--mlflow-upload uploads the run's directory, so the pictures must be in it: leave --output out";
        return Err(Refusal(why.to_owned()).into());
    }
    let theme = match args.theme {
        ThemeArg::Light => Theme::Light,
        ThemeArg::Dark => Theme::Dark,
    };
    let formats = Formats { width: args.width, theme, ..formats(&args.format) };
    let plots = draw(&runs, &config)?;
    let drawn = files::write(&output, &plots, &runs, formats)?;
    report(&plots, &config, &output, drawn);
    if args.mlflow.mlflow_upload && drawn > 0 {
        mlflow::upload_again(&args.mlflow, &paths[0])?;
    }
    Ok(if drawn > 0 { 0 } else { FAILED })
}

/// A wanted plot, and its figure or why there is none.
pub(super) struct Plot {
    /// Its id, which names its files.
    name: String,
    figure: Result<Figure, String>,
}

/// Makes the figures of all wanted plots.
fn draw(runs: &[RunDir], config: &Config) -> Result<Vec<Plot>> {
    config.warnings.iter().for_each(|warning| print_warning(warning));
    if let [only] = runs {
        let specs = &config.single_run;
        let run = OneRun::read(only, specs, config.downsampling)?;
        return Ok(plots(specs, |spec| match spec.kind.draw {
            Draw::One(draw) => draw(spec, &run),
            Draw::Many(_) => Err(format!("its type `{}` compares runs, and this is one", spec.kind.name)),
        }));
    }
    let specs = &config.multi_run;
    let many = Many::read(runs, config.classification.as_ref())?;
    Ok(plots(specs, |spec| match spec.kind.draw {
        Draw::Many(draw) => draw(spec, &many),
        Draw::One(_) => {
            Err(format!("its type `{}` shows one run, and these are {}", spec.kind.name, runs.len()))
        }
    }))
}

fn plots(specs: &[Spec], draw: impl Fn(&Spec) -> Result<Figure, String>) -> Vec<Plot> {
    let plot = |spec: &Spec| {
        let figure = draw(spec).and_then(|figure| match figure.items() {
            0 => Err("none of its numbers is there".to_owned()),
            _ => Ok(figure),
        });
        Plot { name: spec.name.clone(), figure }
    };
    specs.iter().map(plot).collect()
}

fn formats(given: &[PictureArg]) -> Formats {
    let has = |wanted: PictureArg| given.contains(&wanted);
    let both = has(PictureArg::Both);
    Formats {
        png: both || has(PictureArg::Png),
        svg: both || has(PictureArg::Svg),
        json: has(PictureArg::Json),
        width: 0,
        theme: Theme::Light,
    }
}

fn report(plots: &[Plot], config: &Config, output: &Path, drawn: usize) {
    print_note(&format!("Configuration: {}", config.source));
    for plot in plots {
        if let Err(why) = &plot.figure {
            print_warning(&format!("plot `{}` is left out: {why}", plot.name));
        }
    }
    let word = if drawn == 1 { "plot" } else { "plots" };
    print_result(&format!("Saved {drawn} {word} to: {}\n", output.display()));
}

/// Where AIPerf's `plot` looks if no path is given.
const USUAL_PATH: &str = "artifacts";
/// The directory of the pictures.
const FOLDER: &str = "plots";
