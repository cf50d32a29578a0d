//! Curves through the runs of a sweep, in AIPerf's files: `degradation_knee.json` and others, next to the sweep's table.

use crate::terminal::print_note;
use anyhow::Result;
use experiment::search::Limit;
use experiment::search::fits::{
    ParetoAxes, Row, decode_surface, degradation_knee, pareto_sweep, prefill_curve, sla_breach,
};
use experiment::{PostProcess, Refused};
use serde_json::Value;
use store::Folder;

/// Writes the file, unless no run has the numbers.
pub(super) fn write(to: &Folder, asked: &PostProcess, limits: &[Limit], rows: &[Row]) -> Result<()> {
    let made = made(asked, limits, rows)?;
    let mut json = to.create(&asked.output_filename)?;
    serde_json::to_writer_pretty(&mut json, &made)?;
    json.finish()?;
    let numbers = SHOWN.iter().filter_map(|name| Some(format!("{name} {}", made.get(*name)?)));
    print_note(&format!("{}: {}", asked.output_filename, numbers.collect::<Vec<_>>().join(", ")));
    Ok(())
}

fn made(asked: &PostProcess, limits: &[Limit], rows: &[Row]) -> Result<Value, Refused> {
    let text = |name: &str, usual: &'static str| asked.params[name].as_str().unwrap_or(usual).to_owned();
    let number = |name: &str, usual: f64| asked.params[name].as_f64().unwrap_or(usual);
    let (path, stat) = (text("swept_param", CONCURRENCY), text("stat", "avg"));
    match asked.handler.as_str() {
        "degradation_knee_detect" => {
            let (metric, threshold) = (text("metric_tag", "request_latency"), number("threshold_pct", 0.2));
            degradation_knee(rows, &path, &metric, &stat, threshold)
        }
        "ttft_curve_fit" => {
            let (metric, floor) = (text("metric_tag", "time_to_first_token"), number("r2_floor", R2_FLOOR));
            prefill_curve(rows, &path, &metric, &stat, floor)
        }
        "itl_surface_fit" => {
            let paths = [text("concurrency_param", CONCURRENCY), text("osl_param", OSL)];
            let metric = text("metric_tag", "inter_token_latency");
            decode_surface(rows, [&paths[0], &paths[1]], &metric, &stat)
        }
        "sla_breach_knee" => {
            let own = serde_json::from_value::<Vec<Limit>>(asked.params["sla_filters"].clone());
            Ok(sla_breach(rows, &path, own.as_deref().unwrap_or(limits)))
        }
        "pareto_sweep_export" => {
            let x = [text("x_metric", "time_to_first_token"), text("x_stat", "p95")];
            let y = [text("y_metric", "output_token_throughput"), text("y_stat", "avg")];
            let paths =
                [text("isl_key", "isl"), text("osl_key", "osl"), text("concurrency_key", "concurrency")];
            pareto_sweep(
                rows,
                ParetoAxes { x: [&x[0], &x[1]], y: [&y[0], &y[1]], paths: [&paths[0], &paths[1], &paths[2]] },
            )
        }
        other => Err(Refused::new("sweep.post_process.handler", format!("unknown: `{other}`"))),
    }
}

/// The numbers of a file that are its answer.
const SHOWN: &[&str] = &[
    "baseline_concurrency",
    "knee_concurrency",
    "max_passing_concurrency",
    "first_failing_concurrency",
    "fit_form",
    "r_squared",
];
const CONCURRENCY: &str = "phases.profiling.concurrency";
const OSL: &str = "datasets.main.prompts.osl";
/// A straight line that explains less of the variance is replaced by a parabola.
const R2_FLOOR: f64 = 0.85;
