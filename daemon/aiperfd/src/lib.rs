//! The daemon: attaches probes to each run's cgroup, starts its load generator, joins what both saw, keeps the records.
//!
//! ```text
//! main ─ root ─▶ socket, run_dirs, cgroup, guard, publisher ─ drop privileges, confine ─▶ api ──▶ run ──▶ collect, pipeline
//! ```
#![deny(unsafe_code)]

pub mod access;
pub mod api;
pub mod args;
pub mod cgroup;
pub mod collect;
pub mod config;
mod confine;
pub mod daemon;
mod disk;
mod equipment;
pub mod evidence;
pub mod execute;
mod finish;
pub mod gpus;
pub mod guard;
pub mod host;
pub mod limits;
pub mod listener;
pub mod live;
mod load;
pub mod loadgen;
mod parts;
pub mod pipeline;
pub mod plan_check;
pub mod privileges;
pub mod probe;
pub(crate) mod progress;
pub mod publisher;
pub mod recover;
mod replay;
pub mod reply;
pub mod rolling;
pub mod rules;
pub mod run;
pub mod run_dirs;
pub mod runs;
pub mod service;
pub mod spawner;
pub mod spool;
mod standstill;
mod stopped;
pub mod supervise;
pub mod systemd;
pub mod tally;
mod threads;
mod throttled;
pub mod verdict;
pub mod watch;

use anyhow::{Context, Result};
pub use args::Args;
use args::Command;
use cgroup::{Place, Subtree};
use config::Config;
use control::Stop;
use daemon::{Cpus, Daemon};
use listener::Source;
use privileges::Identities;
use probe::Object;
use publisher::Publisher;
use record::Build;
use rules::Rules;
use run_dirs::RunDirs;
use runs::Runs;
use spawner::Spawner;
use std::io::Write;
use std::path::PathBuf;
use std::process::Child;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use systemd::Manager;
use tokio::io::AsyncReadExt;
use tokio::signal::unix::{SignalKind, signal};

/// Runs the daemon, or the helper process that the arguments select.
///
/// # Errors
/// When the daemon can't start or its socket breaks.
pub fn run_daemon(args: &Args, build: &Build) -> Result<()> {
    match &args.command {
        Some(Command::Guard { loadgen, cgroup, daemon }) => {
            log();
            privileges::shut()?;
            return guard::run(loadgen, cgroup.as_deref(), *daemon);
        }
        Some(Command::Spawner { loadgen }) => {
            log();
            privileges::shut()?;
            return spawner::run(loadgen);
        }
        Some(Command::Version { json }) => {
            let text = if *json { build.json(PROGRAM) } else { build.line(PROGRAM) };
            return Ok(std::io::stdout().write_all(text.as_bytes())?);
        }
        None => {}
    }
    log();
    privileges::shut()?;
    privileges::raise_descriptor_limit();
    // A private daemon belongs to its client, and ignores the configuration of the host's administrator.
    let config = if args.private { Config::default() } else { Config::read(args.config.as_deref())? };
    let manager = if args.private { Manager::none() } else { Manager::of_environment()? };
    // Before clients can connect: of two daemons the one that listens must be the one that has the directory.
    let run_dirs = RunDirs::open(&args.state_dir)?;
    let source = match manager.listener() {
        Some(listener) => Source::Listening(listener),
        None if args.private => Source::handed_on()?,
        None => Source::listen(&args.socket, privileges::client_group())?,
    };
    let Started { runs, guard, publisher } = start(args, &config, *build, run_dirs)?;
    let runs = Arc::new(runs);
    let services = match publisher {
        Some(publisher) => service::start(&runs, config.observe, &args.state_dir, publisher)?,
        None => Vec::new(),
    };
    let served = serve(args, Arc::clone(&runs), source, &manager);
    if served.is_ok() {
        // They have been notified to end, and have records to store.
        services.into_iter().for_each(|thread| drop(thread.join()));
    }
    // A socket of systemd's outlives the daemon: clients that connect meanwhile are served by the next one.
    if !manager.owns_socket() && !args.private {
        std::fs::remove_file(&args.socket).ok();
    }
    // A thread that hangs in the disk may hold the daemon: the spawner, and with it the guard, are notified.
    runs.daemon.spawner.close();
    drop(guard);
    served
}

/// Everything that requires root, in the order in which privileges are dropped.
fn start(args: &Args, config: &Config, build: Build, run_dirs: RunDirs) -> Result<Started> {
    let identities = Identities::of_host();
    let program = args.loadgen.clone().map_or_else(|| beside_this("aiperf-loadgen"), Ok)?;
    anyhow::ensure!(
        program.is_file(),
        "there is no load generator `{}`; build it, or name it with --loadgen",
        program.display()
    );
    let cgroup = Subtree::create(if args.delegated_cgroup { Place::Delegated } else { Place::Root });
    let (spawner, orders) = Spawner::pair()?;
    let path = cgroup.as_ref().ok().map(Subtree::path);
    let guard = Guarded(guard::start(&program, path, orders)?);
    let publisher = match &config.publish {
        None if config.observe.is_empty() => None,
        publish => {
            let publish = publish.clone().unwrap_or_default();
            // Kept as long as the daemon runs, so that no run gets the same.
            let identity = identities.lend().keep();
            Some(Publisher::start(&beside_this("aiperf-ctl")?, identity, &publish)?)
        }
    };
    privileges::keep_only_needed()?;
    let socket = if args.private { "the client's own".into() } else { args.socket.to_string_lossy() };
    tracing::info!(%socket, loadgen_user = identities.name(), guard = guard.0.id(), "started");
    let object = Object::find(args.ebpf_object.as_deref()).map_err(|error| format!("{error:#}"));
    let cgroups = cgroup::unified_mount().ok();
    confine::to(&args.state_dir, args.socket.parent().filter(|_| !args.private), cgroups.as_deref());
    let daemon = Daemon {
        run_dirs,
        build,
        kernel_object: object.as_ref().map_or_else(|_| "none".to_owned(), Object::digest),
        state_dir: args.state_dir.clone(),
        cpus: Cpus::all(),
        spawner,
        identities,
        limits: config.limits.clone(),
        kernel_ring_bytes: args.kernel_ring_bytes,
        client_ring_bytes: args.client_ring_bytes.max(CLIENT_RING_MIN),
        collect_interval_ms: args.collect_interval_ms,
        cgroup: cgroup.map_err(|error| format!("{error:#}")),
        object,
        draining: AtomicBool::new(false),
        clients: std::sync::atomic::AtomicUsize::new(0),
        rules: Rules::new(&config.allow),
        gpus: gpu::Settings { nvml_library: args.nvml_library.clone(), drm_folder: None },
    };
    let runs = if publisher.is_some() { Runs::published(daemon) } else { Runs::unpublished(daemon) };
    Ok(Started { runs, guard, publisher })
}

/// Logs to standard error.
fn log() {
    let filter = tracing_subscriber::EnvFilter::try_from_env(guard::LOG_FILTER);
    let filter = filter.unwrap_or_else(|_| "warn,aiperfd=info".into());
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
}

/// What was started while there was privilege.
struct Started {
    runs: Runs,
    guard: Guarded,
    publisher: Option<Publisher>,
}

/// Serves until a signal, or until the end of standard input if that was requested.
fn serve(args: &Args, runs: Arc<Runs>, source: Source, manager: &Manager) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let served = runtime.block_on(async {
        let listener = source.into_listener().context("failed to wait for clients")?;
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut hangup = signal(SignalKind::hangup())?;
        // A file that grows too long is an error of that file, not the end of the daemon: a handler keeps it from being one.
        let _too_long = signal(SignalKind::from_raw(SIGXFSZ))?;
        let mut serving = tokio::spawn(api::serve(Arc::clone(&runs), listener));
        manager.ready();
        let reports = manager.clone();
        let watched = Arc::clone(&runs);
        tokio::spawn(async move { reports.keep_alive(&watched).await });
        let kept_tidy = Arc::clone(&runs);
        tokio::spawn(async move {
            let mut ticks = tokio::time::interval(TIDY_INTERVAL);
            loop {
                ticks.tick().await;
                kept_tidy.tidy();
            }
        });
        let spawner = Arc::clone(&runs);
        let mut is_lost = false;
        let how = tokio::select! {
            // The one client of a private daemon is gone.
            _ = &mut serving => Stop::Now,
            _ = terminate.recv() => Stop::Drain,
            _ = interrupt.recv() => Stop::Drain,
            _ = hangup.recv() => Stop::Drain,
            () = end_of_input(), if args.quit_on_stdin_eof => Stop::Now,
            () = lost(&spawner.daemon) => {
                is_lost = true;
                Stop::Drain
            }
        };
        tracing::info!("draining");
        manager.stopping();
        let draining = Arc::clone(&runs);
        let drained = tokio::task::spawn_blocking(move || {
            draining.drain(how);
            if how == Stop::Drain {
                draining.daemon.linger();
            }
        });
        drained.await?;
        anyhow::ensure!(!is_lost, "the guard and the spawner are gone: no run can be started any more");
        Ok(())
    });
    // A read of standard input can't be called off, and must not keep the daemon.
    runtime.shutdown_background();
    served
}

fn beside_this(name: &str) -> Result<PathBuf> {
    let this = std::env::current_exe().context("failed to find this program's own path")?;
    Ok(this.with_file_name(name))
}

/// Ends when no load generator can be started any more: a service manager then starts another daemon.
async fn lost(daemon: &Daemon) {
    while !daemon.spawner.is_gone() {
        tokio::time::sleep(TIDY_INTERVAL).await;
    }
    tracing::error!("the guard and the spawner are gone; ending when the runs have");
}

async fn end_of_input() {
    let mut input = tokio::io::stdin();
    let mut bytes = [0; 64];
    while input.read(&mut bytes).await.unwrap_or(0) > 0 {}
}

/// The guard's process, waited for at the end so that nothing of the daemon is left.
struct Guarded(Child);

impl Drop for Guarded {
    fn drop(&mut self) {
        for _ in 0..GUARD_LOOKS {
            if !matches!(self.0.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(GUARD_LOOK);
        }
        tracing::warn!("the guard does not end; the next daemon removes what it leaves");
    }
}

/// The guard removes cgroups, which needs a moment, and is left behind if it hangs.
const GUARD_LOOKS: u32 = 1000;
const GUARD_LOOK: std::time::Duration = std::time::Duration::from_millis(10);
/// The largest event must fit a ring several times.
const CLIENT_RING_MIN: u32 = 8 << 20;
/// The program's name.
const PROGRAM: &str = "aiperfd";
/// The signal of a file that is longer than its limit, the same on every architecture that we build for (man 7 signal).
const SIGXFSZ: i32 = 25;
const TIDY_INTERVAL: std::time::Duration = std::time::Duration::from_secs(1);
