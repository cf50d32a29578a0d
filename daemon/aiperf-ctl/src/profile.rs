//! Runs `aiperf-ctl profile`: from the plan to the report.

use crate::args::ProfileArgs;
use crate::dataset;
use crate::earlier;
use crate::gpu_telemetry;
use crate::multi_run;
use crate::plain_file;
use crate::plan::{Profile, Refusal, plan};
use crate::private::{self, KEPT_MAX, Tidied};
use crate::series;
use crate::session::{self, LiveSession, Outcome, Session, inputs};
use crate::terminal::{print_note, print_result, print_warning};
use crate::tokenizer_file;
use crate::upload::Upload;
use anyhow::Result;
use spec::{Plan, Trust};

/// Runs a profile; returns the exit status.
pub(crate) fn run(args: &ProfileArgs) -> Result<u8> {
    let command_line = std::env::args().collect::<Vec<_>>();
    let mut profile = plan(args, &command_line)?;
    multi_run::check(&args.multi_run)?;
    profile.warnings.iter().for_each(|warning| print_warning(warning));
    private::log_at(args.service.level());
    if args.output.dry_run {
        return dry_run(args, &mut profile);
    }
    tidy_up();
    let uploads = read_files(args, &mut profile)?;
    if profile.plan.endpoint.trust == Trust::AnyCertificate {
        print_warning(
            "--insecure: the server's certificate is not verified, so anyone on the network path can impersonate it",
        );
    }
    warn_of_tokenizer(args, &profile.plan);
    gpu_telemetry::warn_before(&args.telemetry, &profile.plan.endpoint.urls);
    let session = LiveSession::new(args, &profile, uploads)?;
    if args.multi_run.num_profile_runs > 1 {
        let status = multi_run::run(args, &profile, &session)?;
        let prefix = profile.plan.output.export_prefix.as_deref();
        earlier::remove_outside_series(&profile.artifact_dir, prefix, args.multi_run.num_profile_runs)?;
        return Ok(status);
    }
    let Outcome { reported, status } = session.run(&profile)?;
    print_result(&format!("{}\n", reported.closing(&profile.artifact_dir)?));
    Ok(status)
}

/// Checks everything that a run would check before it contacts the server, and prints the plan: reads the user's files, and
/// writes none.
fn dry_run(args: &ProfileArgs, profile: &mut Profile) -> Result<u8> {
    let uploads = read_files(args, profile)?;
    session::check(args, profile, uploads)?;
    tokenizer_file::check(profile.tokenizer_dir.as_deref(), args.tokenizer.tokenizer_revision.as_deref())?;
    print_result(&format!("{}\n", serde_json::to_string_pretty(&profile.plan)?));
    Ok(0)
}

/// Reads the user's files: those that become part of the plan, and those that are uploaded. Sets the dataset's format in the
/// plan.
fn read_files(args: &ProfileArgs, profile: &mut Profile) -> Result<Vec<(&'static str, Upload)>> {
    read_template(&mut profile.plan);
    for file in profile.series.clone() {
        let points = series::points(&inputs::read(&file.path, "--request-rate-series")?)?;
        if let Some(phase) = profile.plan.load.phases.get_mut(file.phase) {
            phase.request_rate_series = points;
        }
    }
    let mut uploads = dataset::media(args, &profile.plan)?;
    uploads.extend(dataset::read(args, &mut profile.plan)?.map(|rows| ("dataset", rows)));
    profile.plan.check().map_err(|fault| Refusal(fault.to_string()))?;
    Ok(uploads)
}

/// Removes data of earlier private daemons that is not worth keeping, and reports which runs can still be recovered.
fn tidy_up() {
    let Tidied { kept, removed } = private::tidy();
    if kept > 0 {
        print_note(&format!(
            "{kept} runs of earlier commands that were killed are kept; `aiperf-ctl runs list` lists them, `runs recover` and \
             `runs fetch` create their reports, `runs delete` removes them"
        ));
    }
    if removed > 0 {
        print_note(&format!("{removed} older runs were removed: at most {KEPT_MAX} are kept"));
    }
}

/// Reads the template, if the user's value names a file.
fn read_template(plan: &mut Plan) {
    if let Some(template) = &mut plan.endpoint.dialect.template
        && let Some(text) = plain_file::read(template)
    {
        *template = text;
    }
}

fn warn_of_tokenizer(args: &ProfileArgs, plan: &Plan) {
    let counted = args.tokenizer.tokenizer.is_none() && !plan.endpoint.use_server_token_count;
    let model = plan.endpoint.models.first().map_or("", String::as_str);
    if counted && !PLACEHOLDER_MODELS.contains(&model) {
        print_warning(&format!(
            "tokens are counted with o200k_base, not with the tokenizer of `{model}`: use --tokenizer DIR (with \
             tokenizer.json), or --tokenizer none for the server's counts"
        ));
    }
}

/// Placeholder names, which are not models with a tokenizer.
const PLACEHOLDER_MODELS: &[&str] = &["mock-model", "test-model", "fake-model", "mock"];
