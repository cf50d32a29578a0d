//! Flags of what is written to files and to the console.

use clap::ValueEnum;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Flags of what is written to files and to the console.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Output")]
pub struct OutputArgs {
    /// Directory for the results. Default: artifacts/<model>-openai-<endpoint>-<load>.
    #[arg(long, visible_alias = "output-artifact-dir")]
    pub artifact_dir: Option<PathBuf>,
    /// Base name of the exported files: not a path, and not the name of another artifact such as `run`.
    #[arg(long, visible_alias = "profile-export-file")]
    pub profile_export_prefix: Option<String>,
    /// Export level: summary, records (also one line per request) or raw (also every response).
    #[arg(long, visible_alias = "profile-export-level", value_enum, default_value_t = ExportLevelArg::Records)]
    pub export_level: ExportLevelArg,
    /// Write no report.html, the report as one page that needs no network.
    #[arg(long)]
    pub no_report_html: bool,
    /// Write the texts of the responses to outputs.json.
    #[arg(long)]
    pub export_outputs_json: bool,
    /// Include the stages of each request's HTTP exchange in profile_export.jsonl.
    #[arg(long)]
    pub export_http_trace: bool,
    /// Progress display: dashboard (the whole terminal), simple (a bar on a terminal, plain lines elsewhere) or none.
    /// [default: dashboard on a terminal of at least 80×24, else simple]
    #[arg(long, visible_alias = "ui-type", value_enum)]
    pub ui: Option<Ui>,
    /// Show progress on a web page too, at an address of this host [default without an address: 127.0.0.1:8050, or another port if
    /// that is used]. Elsewhere than on a loopback address the printed URL has a token.
    #[arg(long, value_name = "ADDRESS:PORT", num_args = 0..=1, value_parser = page_address)]
    pub web: Option<Option<SocketAddr>>,
    /// Console report: summary (one screen) or full (every table). The report file has every table.
    #[arg(long, value_enum, default_value_t = ConsoleArg::Summary)]
    pub console: ConsoleArg,
    /// Plot the results when they are there, as `plot` does. [default with `plot` in a configuration file]
    #[arg(long, overrides_with = "no_auto_plot")]
    pub auto_plot: bool,
    /// Do not plot the results.
    #[arg(long, overrides_with = "auto_plot")]
    pub no_auto_plot: bool,
    /// Exit with status 1 if the results are not plotted.
    #[arg(long)]
    pub plot_required: bool,
    /// Which plots a configuration file asks for, as JSON: a mapping, or the path of a file.
    #[arg(skip)]
    pub plot: Option<String>,
    /// Check everything but the server, then exit: read the files and print the plan as JSON with every default. Nothing is
    /// written, and no socket or network is used.
    #[arg(long)]
    pub dry_run: bool,
}

/// Values of --export-level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ExportLevelArg {
    /// Only the summaries.
    Summary,
    /// Also a line per request.
    Records,
    /// Also every response.
    Raw,
}

/// The value of --web: an address with a port, or a port of this host.
pub(super) fn page_address(text: &str) -> Result<SocketAddr, String> {
    let of_port = || text.parse::<u16>().ok().map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
    let address = text.parse().ok().or_else(of_port);
    address.ok_or_else(|| {
        "give an address of this host with a port, such as 127.0.0.1:8050, or a port".to_owned()
    })
}

/// Values of --ui.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Ui {
    /// The whole terminal; where that is not possible, as `simple`, with a warning.
    Dashboard,
    /// A bar on a terminal, plain lines elsewhere.
    Simple,
    /// No progress.
    None,
}

/// Values of --console.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ConsoleArg {
    /// One screen that ends with the verdict.
    Summary,
    /// Every table.
    Full,
}
