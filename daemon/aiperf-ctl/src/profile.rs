//! Runs `aiperf-ctl profile`: from the plan to the report.

use crate::args::{ProfileArgs, Swept};
use crate::display::Display;
use crate::earlier;
use crate::multi_run::{self, Experiment, Repeat};
use crate::plan::{Checked, Profile, Refusal, plan};
use crate::plot::AutoPlot;
use crate::private::{self, KEPT_MAX, Tidied};
use crate::resolve::resolve;
use crate::session::{self, LiveSession, Outcome, Session};
use crate::sweep::{self, SweepRuns};
use crate::terminal::{print_note, print_result, print_warning, warn_once};
use crate::tokenizer_file;
use anyhow::Result;
use spec::{Plan, Trust};
use std::path::PathBuf;

/// Runs a profile, and plots its results if that is asked for; returns the exit status.
pub(crate) fn run(args: &ProfileArgs) -> Result<u8> {
    let plots = AutoPlot::of(args)?;
    match (measure(args)?, plots) {
        (Measured { status, directory: Some(directory) }, Some(plots)) => {
            Ok(plots.status(&directory, status))
        }
        (Measured { status, .. }, _) => Ok(status),
    }
}

/// What was measured.
struct Measured {
    /// The exit status.
    status: u8,
    /// Where the results are, if there are any.
    directory: Option<PathBuf>,
}

fn measure(args: &ProfileArgs) -> Result<Measured> {
    let checked_only = |status| Measured { status, directory: None };
    let command_line = std::env::args().collect::<Vec<_>>();
    if let Some(swept) = &args.swept {
        return sweep_of(args, swept, &command_line);
    }
    let checked = plan(args, &command_line)?;
    let repeat = Repeat::of(args)?;
    if checked.profile.artifact_dir.join(sweep::JOURNAL).exists() {
        return Err(Refusal(format!(
            "`{}` holds a sweep: use another --artifact-dir",
            checked.profile.artifact_dir.display()
        ))
        .into());
    }
    checked.warnings.iter().for_each(|warning| print_warning(warning));
    private::log_at(args.service.level());
    if args.output.dry_run {
        return dry_run(args, checked).map(checked_only);
    }
    tidy_up();
    let resolved = resolve(args, checked)?;
    let profile = &resolved.profile;
    warn_of_trust(&profile.plan);
    warn_of_tokenizer(args, &profile.plan);
    let display = Display::open(args.output.ui, args.output.web)?;
    let session = LiveSession::new(args, &display, &resolved)?;
    if repeat.runs > 1 {
        warn_once();
        let experiment = Experiment { base: resolved, repeat };
        let status = multi_run::run(&experiment, &session)?;
        let Profile { plan, artifact_dir, .. } = &experiment.base.profile;
        let prefix = plan.output.export_prefix.as_deref();
        earlier::remove_outside_series(artifact_dir, prefix, experiment.repeat.runs)?;
        return Ok(Measured { status, directory: Some(artifact_dir.clone()) });
    }
    let Outcome { reported, status, .. } = session.run(&resolved)?;
    let directory = &resolved.profile.artifact_dir;
    print_result(&format!("{}\n", reported.closing(directory)?));
    Ok(Measured { status, directory: Some(directory.clone()) })
}

/// Runs every variation of a sweep.
fn sweep_of(args: &ProfileArgs, swept: &Swept, command_line: &[String]) -> Result<Measured> {
    private::log_at(args.service.level());
    warn_once();
    let mut experiment = SweepRuns::of(args, swept, command_line)?;
    if args.output.dry_run {
        experiment.check()?;
        print_result(&format!("{}\n", experiment.shown()?));
        return Ok(Measured { status: 0, directory: None });
    }
    tidy_up();
    let first = experiment.first();
    warn_of_trust(&first.profile.plan);
    warn_of_tokenizer(args, &first.profile.plan);
    let display = Display::open(args.output.ui, args.output.web)?;
    let session = LiveSession::new(args, &display, experiment.first())?;
    experiment.check()?;
    let status = sweep::run(&mut experiment, &session)?;
    Ok(Measured { status, directory: Some(experiment.directory().to_owned()) })
}

fn warn_of_trust(plan: &Plan) {
    if plan.endpoint.trust == Trust::AnyCertificate {
        print_warning(
            "--insecure: the server's certificate is not verified, so anyone on the network path can impersonate it",
        );
    }
}

/// Checks everything that a run would check before it contacts the server, and prints the plan: reads the user's files, and
/// writes none.
fn dry_run(args: &ProfileArgs, checked: Checked) -> Result<u8> {
    let resolved = resolve(args, checked)?;
    session::check(&resolved.profile)?;
    let profile = &resolved.profile;
    tokenizer_file::check(profile.tokenizer_dir.as_deref(), args.tokenizer.tokenizer_revision.as_deref())?;
    print_result(&format!("{}\n", serde_json::to_string_pretty(&profile.plan)?));
    Ok(0)
}

/// Removes data of earlier private daemons that is not worth keeping, and reports which runs can still be recovered.
fn tidy_up() {
    let Tidied { kept, removed } = private::tidy();
    if kept > 0 {
        let runs = match kept {
            1 => "1 run is kept of an earlier command that was killed".to_owned(),
            _ => format!("{kept} runs are kept of earlier commands that were killed"),
        };
        print_note(&format!(
            "{runs}: `aiperf-ctl runs list`, `runs recover` and `runs fetch` create reports, `runs delete` removes them"
        ));
    }
    if removed > 0 {
        print_note(&format!("{removed} older runs were removed: at most {KEPT_MAX} are kept"));
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
