//! Runs `aiperf-ctl profile`: from the plan to the report.

use crate::args::{ProfileArgs, Ui};
use crate::daemon::Daemon;
use crate::dataset;
use crate::earlier;
use crate::follow::Run;
use crate::gpu_telemetry;
use crate::interrupt;
use crate::multi_run;
use crate::observer::{Observers, Setup};
use crate::once;
use crate::plain_file;
use crate::plan::{Profile, Refusal, plan};
use crate::private::{self, KEPT_MAX, Tidied};
use crate::progress::Show;
use crate::report::Reported;
use crate::series;
use crate::server_calls::ServerCalls;
use crate::terminal::{print_note, print_result, print_warning};
use crate::tokenizer_file;
use crate::upload::Upload;
use crate::{FAILED, VERDICT};
use anyhow::{Context, Result, bail};
use bytes::Bytes;
use control::{Create, Created, State};
use endpoint::Scheme;
use record::Run as Stored;
use spec::url::shown;
use spec::{FailOn, Plan, Timestamps, Trust};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;
use zeroize::Zeroize;

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
    if args.multi_run.num_profile_runs > 1 {
        let status = multi_run::run(args, &profile, |profile| one(args, profile, &uploads))?;
        let prefix = profile.plan.output.export_prefix.as_deref();
        earlier::remove_outside_series(&profile.artifact_dir, prefix, args.multi_run.num_profile_runs)?;
        return Ok(status);
    }
    let (reported, status) = one(args, &profile, &uploads)?;
    print_result(&format!("{}\n", reported.closing(&profile.artifact_dir)?));
    Ok(status)
}

/// Checks everything that a run would check before it contacts the server, and prints the plan: reads the user's files, and
/// writes none.
fn dry_run(args: &ProfileArgs, profile: &mut Profile) -> Result<u8> {
    let uploads = read_files(args, profile)?;
    read_inputs(profile, &uploads, args.tokenizer.tokenizer_revision.as_deref())?;
    tokenizer_file::check(profile.tokenizer_dir.as_deref(), args.tokenizer.tokenizer_revision.as_deref())?;
    let calls = ServerCalls::new(profile, &args.endpoint)?;
    Observers::check(Setup { args, profile, calls: &calls })?;
    print_result(&format!("{}\n", serde_json::to_string_pretty(&profile.plan)?));
    Ok(0)
}

/// Reads the user's files: those that become part of the plan, and those that are uploaded. Sets the dataset's format in the
/// plan.
fn read_files(args: &ProfileArgs, profile: &mut Profile) -> Result<Vec<(&'static str, Upload)>> {
    read_template(&mut profile.plan);
    if let Some(file) = &args.load.request_rate_series {
        series::fill(&mut profile.plan.load, &read(file, "--request-rate-series")?)?;
    }
    let mut uploads = dataset::media(args, &profile.plan)?;
    uploads.extend(dataset::read(args, &mut profile.plan)?.map(|rows| ("dataset", rows)));
    Ok(uploads)
}

/// One run from its plan to its report, with the exit status that it would have on its own.
fn one(
    args: &ProfileArgs,
    profile: &Profile,
    uploads: &[(&'static str, Upload)],
) -> Result<multi_run::Outcome> {
    let _orderly = interrupt::orderly(interrupt::OF_A_WAIT);
    let inputs = read_inputs(profile, uploads, args.tokenizer.tokenizer_revision.as_deref())?;
    let calls = ServerCalls::new(profile, &args.endpoint)?;
    let observers = Observers::check(Setup { args, profile, calls: &calls })?;
    interrupt::check()?;
    calls.wait_for_models()?;
    let urls = profile.urls.clone();
    let addresses = interrupt::unless(move || resolve(&urls))??;
    let directory = &profile.artifact_dir;
    std::fs::create_dir_all(directory)
        .with_context(|| format!("failed to create `{}`", directory.display()))?;
    let _gone_if_empty = GoneIfEmpty(directory);
    calls.reset_kv_cache()?;
    interrupt::check()?;
    observed(args, profile, inputs, addresses, observers)
}

/// A run whose server is ready, with its observers.
fn observed(
    args: &ProfileArgs,
    profile: &Profile,
    inputs: Vec<(&'static str, Upload)>,
    addresses: Vec<(String, String)>,
    mut observers: Observers<'_>,
) -> Result<multi_run::Outcome> {
    let directory = &profile.artifact_dir;
    observers.prepare()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let daemon = Daemon::find_or_start(&args.timing.socket, directory);
    let daemon = runtime.block_on(interrupt::or(daemon))??;
    observers.start(&addresses)?;
    let executed =
        runtime.block_on(execute(daemon, profile, inputs, addresses, args.output.ui, &mut observers));
    // Results are reported even after a signal; another one still ends the report at once.
    let _orderly = interrupt::orderly(interrupt::OF_A_WAIT);
    if executed.is_err() {
        observers.discard();
    }
    executed?;
    observers.finish(directory)?;
    let reported = Reported::compute(directory)?;
    warn_of_timestamp_source(&reported.run);
    gpu_telemetry::warn_after(&reported.run);
    reported.write(directory)?;
    if args.multi_run.num_profile_runs > 1 {
        print_note(&reported.line());
    } else {
        reported.print(args.output.console)?;
    }
    observers.report(&reported);
    let status = status(&reported, profile.plan.output.fail_on);
    Ok((reported, status))
}

/// Removes the artifact directory if a run left it empty; files in it existed before, or are worth keeping.
struct GoneIfEmpty<'a>(&'a Path);

impl Drop for GoneIfEmpty<'_> {
    fn drop(&mut self) {
        std::fs::remove_dir(self.0).ok();
    }
}

/// Uploads, starts, follows and fetches a run.
async fn execute(
    daemon: Daemon,
    profile: &Profile,
    inputs: Vec<(&'static str, Upload)>,
    addresses: Vec<(String, String)>,
    ui: Ui,
    observers: &mut Observers<'_>,
) -> Result<()> {
    let mut create =
        Create { plan: profile.plan.clone(), secret_headers: profile.secret_headers.clone(), addresses };
    let created = daemon.client.post("/v1/runs", &create).await;
    create.secret_headers.values_mut().for_each(Zeroize::zeroize);
    create.addresses.iter_mut().for_each(|(url, _)| url.zeroize());
    let Created { run_id } = created?;
    let mut run = Run::of(daemon, run_id).await?;
    let started = async {
        let (client, path) = (&run.daemon.client, run.path());
        for (name, upload) in inputs {
            client.put(&format!("{path}/inputs/{name}"), upload).await?;
        }
        let tasks = observers.follow(&run).await?;
        run.start().await?;
        anyhow::Ok(tasks)
    };
    let tasks = match interrupt::or(started).await.map_err(anyhow::Error::from).flatten() {
        Ok(tasks) => tasks,
        Err(error) => {
            run.give_up().await;
            return Err(error);
        }
    };
    let _orderly = interrupt::orderly(interrupt::OF_A_RUN);
    let mut show = Show::new(ui);
    let ended = run.until(State::is_final, |progress| {
        show.update(progress);
        observers.progress(progress);
    });
    let ended = ended.await;
    show.finish();
    ended?;
    for task in tasks {
        // It ends with the run; what it did not receive is still in the records.
        tokio::time::timeout(LIVE_PATIENCE, task).await.ok();
    }
    let prefix = profile.plan.output.export_prefix.as_deref();
    earlier::remove(&profile.artifact_dir, prefix, &observers.files())?;
    run.fetch(&profile.artifact_dir).await
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

/// Reads the user's files, with the user's rights.
fn read_inputs(
    profile: &Profile,
    uploads: &[(&'static str, Upload)],
    revision: Option<&str>,
) -> Result<Vec<(&'static str, Upload)>> {
    let mut inputs = uploads.to_vec();
    if let Some(file) = &profile.authorities {
        inputs.push(("authorities", read(file, "--ca-certificate")?.into()));
    }
    if let Some(directory) = &profile.tokenizer_dir {
        let file = tokenizer_file::of(directory, revision);
        inputs.push(("tokenizer", tokenizer_file::read(directory, revision)?.into()));
        if profile.plan.endpoint.dialect.applies_chat_template {
            inputs.push(("chat_template", Bytes::from(tokenizer_file::chat_template(&file)?).into()));
        }
    } else if profile.plan.endpoint.dialect.applies_chat_template {
        let why = "--apply-chat-template needs --tokenizer with a directory or a name in the local Hugging Face cache";
        return Err(Refusal(why.to_owned()).into());
    }
    Ok(inputs)
}

fn read(path: &Path, flag: &str) -> Result<Bytes> {
    match once::read(path, tokenizer_file::BYTES_MAX) {
        Ok(bytes) => Ok(bytes),
        Err(error) => Err(Refusal(format!("{flag}: failed to read `{}`: {error}", path.display())).into()),
    }
}

/// Resolves each URL with the user's resolver, and checks that a server listens there.
fn resolve(urls: &[String]) -> Result<Vec<(String, String)>> {
    let mut resolved = Vec::new();
    for requested in urls {
        let (target, url) = (endpoint::target(requested, None, None)?, &shown(requested));
        if target.scheme == Scheme::Unix {
            UnixStream::connect(&target.host).with_context(|| {
                format!("no server responds at {url}: check that it is running and that you may write to its socket")
            })?;
            resolved.push((requested.clone(), format!("unix:{}", target.host)));
            continue;
        }
        let addresses = (target.host.as_str(), target.port).to_socket_addrs().with_context(|| {
            format!("failed to resolve the server's name `{}` of --url {url}", target.host)
        })?;
        let address = first_that_listens(addresses, url)?;
        resolved.push((requested.clone(), address.to_string()));
    }
    Ok(resolved)
}

fn first_that_listens(addresses: impl Iterator<Item = SocketAddr>, url: &str) -> Result<SocketAddr> {
    let mut last = None;
    for address in addresses {
        match TcpStream::connect_timeout(&address, CONNECT_PATIENCE) {
            Ok(_) => return Ok(address),
            Err(error) => last = Some((address, error)),
        }
    }
    match last {
        Some((address, error)) => {
            bail!(
                "no server responds at {url} ({address}: {error}): check that it is running and that the port is correct"
            )
        }
        None => bail!("the server's name in {url} has no address"),
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

fn warn_of_timestamp_source(run: &Stored) {
    if run.plan.timestamps == Timestamps::Auto
        && let Some(why) = &run.timestamps_reason
    {
        print_warning(&format!("timestamp source `{}`: {why}", run.timestamps));
    }
}

fn status(reported: &Reported, fail_on: FailOn) -> u8 {
    let (failures, requests) = (reported.report.failed, reported.report.requests);
    let failed = failures == requests;
    let threshold = reported.run.plan.load.failed_request_threshold;
    let stopped = !reported.run.is_complete
        && threshold.is_some_and(|share| metric::float(failures) > share * metric::float(requests));
    if let Some(interrupted) = interrupt::received() {
        return interrupted.status();
    }
    match () {
        () if failed => {
            print_warning("every request failed; see the errors above");
            FAILED
        }
        () if stopped => {
            print_warning("the run was stopped: more requests failed than --failed-request-threshold allows");
            FAILED
        }
        () if reported.fails(fail_on) => VERDICT,
        () => 0,
    }
}

/// How long to wait for the last streamed requests after the run has ended.
const LIVE_PATIENCE: Duration = Duration::from_secs(5);
const CONNECT_PATIENCE: Duration = Duration::from_secs(5);
/// Placeholder names, which are not models with a tokenizer.
const PLACEHOLDER_MODELS: &[&str] = &["mock-model", "test-model", "fake-model", "mock"];
