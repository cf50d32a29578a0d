//! Flags of `plot`.

use super::MlflowUploadArgs;
use clap::ValueEnum;
use std::path::PathBuf;

/// Flags of `plot`.
#[derive(Clone, Debug, clap::Args)]
pub struct PlotArgs {
    /// Artifact directories of aiperf-ctl or of AIPerf, or directories with several of them: sweeps, repeated runs. One run is
    /// plotted over its time, several are compared. Default: artifacts.
    #[arg(value_name = "PATHS", conflicts_with = "paths_flag")]
    pub paths: Vec<PathBuf>,
    /// The directories, given as a flag.
    #[arg(long = "paths", value_name = "PATHS", num_args = 1..)]
    pub paths_flag: Vec<PathBuf>,
    /// Directory for the pictures. Default: plots in the first of the directories.
    #[arg(long, visible_alias = "output-dir")]
    pub output: Option<PathBuf>,
    /// Which plots are made, and how: a plot_config.yaml of AIPerf's layout. Default: .aiperf-plot-config.yaml in the run's
    /// directory, else ~/.aiperf/plot_config.yaml, else the built-in one.
    #[arg(long)]
    pub config: Option<PathBuf>,
    /// Colors of the pictures.
    #[arg(long, value_enum, ignore_case = true, default_value_t = ThemeArg::Light)]
    pub theme: ThemeArg,
    /// Files of each plot: pixels, vectors, both of them, or the data as JSON; repeat the flag or separate by commas.
    #[arg(long, value_enum, value_delimiter = ',', default_value = "png")]
    pub format: Vec<PictureArg>,
    /// Width of the pixels' picture; it is half as high.
    #[arg(long, default_value_t = 1600, value_parser = clap::value_parser!(u32).range(200..=8000))]
    pub width: u32,
    /// Print the built-in plot_config.yaml, to be changed and given by --config, and plot nothing.
    #[arg(long)]
    pub show_config: bool,
    /// What is uploaded to MLflow.
    #[command(flatten)]
    pub mlflow: MlflowUploadArgs,
}

/// Values of --theme.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ThemeArg {
    /// Dark on white.
    Light,
    /// Light on near black.
    Dark,
}

/// Values of --format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PictureArg {
    /// Pixels.
    Png,
    /// Vectors, with the numbers as attributes.
    Svg,
    /// Both of them.
    Both,
    /// The numbers of the plot.
    Json,
}
