//! The daemon: attaches probes to each run's cgroup, starts its load generator, joins what both saw, keeps the records.
//!
//! ```text
//! main ─ root ─▶ guard, nursery, cgroup, socket ─ drop privileges ─▶ api ──▶ run ──▶ collect, pipeline
//! ```
#![deny(unsafe_code)]

pub mod api;
pub mod args;
pub mod cgroup;
pub mod clock;
pub mod collect;
pub mod config;
pub mod daemon;
pub mod evidence;
pub mod gpus;
pub mod guard;
pub mod host;
pub mod live;
pub mod loadgen;
pub mod nursery;
pub mod pipeline;
pub mod privileges;
pub mod probe;
pub mod publisher;
pub mod recover;
pub mod reply;
pub mod rolling;
pub mod rules;
pub mod run;
pub mod service;
pub mod spool;
pub mod store;
pub mod systemd;
pub mod verdict;
pub mod watch;

use anyhow::{Context, Result};
pub use args::Args;
use args::Command;
use cgroup::{Place, Subtree};
use config::Config;
use control::Stop;
use daemon::{Cpus, Daemon};
use nursery::Nursery;
use probe::Object;
use publisher::Publisher;
use record::Build;
use rules::Rules;
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Child;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use store::Store;
use systemd::Manager;
use tokio::io::AsyncReadExt;
use tokio::signal::unix::{SignalKind, signal};

/// Runs the daemon, or the process beside it that the arguments ask for.
///
/// # Errors
/// When the daemon can't start or its socket breaks.
pub fn run_daemon(args: &Args, build: &Build) -> Result<()> {
    match &args.command {
        Some(Command::Guard { cgroup }) => return guard::run(cgroup),
        Some(Command::Version { json }) => {
            let text = if *json { build.json(PROGRAM) } else { build.line(PROGRAM) };
            return Ok(std::io::stdout().write_all(text.as_bytes())?);
        }
        None => {}
    }
    let filter = tracing_subscriber::EnvFilter::try_from_env("AIPERFD_LOG")
        .unwrap_or_else(|_| "warn,aiperfd=info".into());
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    // A private daemon is its client's, and does nothing that the host's administrator wants of one.
    let config = if args.quit_on_stdin_eof && args.config.is_none() {
        Config::default()
    } else {
        Config::read(args.config.as_deref())?
    };
    let manager = if args.quit_on_stdin_eof { Manager::none() } else { Manager::of_environment()? };
    let listener = match manager.listener()? {
        Some(listener) => listener,
        None => listen(&args.socket, if args.quit_on_stdin_eof { UseBy::Owner } else { UseBy::Group })?,
    };
    let Started { daemon, guard, publisher } = start(args, &config, *build)?;
    let daemon = Arc::new(daemon);
    let services = match publisher {
        Some(publisher) => service::start(&daemon, config.observe, &args.state_dir, publisher)?,
        None => Vec::new(),
    };
    let served = serve(args, daemon, listener, &manager);
    if served.is_ok() {
        // They have been told to end, and have records to put away.
        services.into_iter().for_each(|thread| drop(thread.join()));
    }
    // A socket of systemd's outlives the daemon: clients that connect meanwhile are served by the next one.
    if !manager.owns_socket() {
        std::fs::remove_file(&args.socket).ok();
    }
    drop(guard);
    served
}

/// Everything that takes root, in the order in which it is given up.
fn start(args: &Args, config: &Config, build: Build) -> Result<Started> {
    let store = Store::open(&args.state_dir)?;
    let user = privileges::loadgen_user()?;
    let program = args.loadgen.clone().map_or_else(|| beside_this("aiperf-loadgen"), Ok)?;
    let cgroup = Subtree::create(if args.delegated_cgroup { Place::Delegated } else { Place::Root });
    let guard = match &cgroup {
        Ok(cgroup) => Some(Guarded(guard::start(cgroup.path())?)),
        Err(_) => None,
    };
    let nursery = Nursery::start(&program, &user)?;
    let publisher = match &config.publish {
        None if config.observe.is_empty() => None,
        publish => {
            let publish = publish.clone().unwrap_or_default();
            Some(Publisher::start(&beside_this("aiperf-ctl")?, &user, &publish)?)
        }
    };
    privileges::keep_only_needed()?;
    tracing::info!(loadgen_user = user.name, nursery = nursery.pid(), "started");
    let object = Object::find(args.ebpf_object.as_deref()).map_err(|error| format!("{error:#}"));
    let daemon = Daemon {
        store,
        build,
        kernel_object: object.as_ref().map_or_else(|_| "none".to_owned(), Object::digest),
        state_dir: args.state_dir.clone(),
        cpus: Cpus::all(),
        nursery,
        kernel_ring_bytes: args.kernel_ring_bytes,
        client_ring_bytes: args.client_ring_bytes.max(CLIENT_RING_MIN),
        collect_interval_ms: args.collect_interval_ms,
        loadgen_user: user.name,
        cgroup: cgroup.map_err(|error| format!("{error:#}")),
        object,
        active: std::sync::Mutex::default(),
        draining: AtomicBool::new(false),
        clients: std::sync::atomic::AtomicUsize::new(0),
        published: publisher.as_ref().map(|_| std::sync::Mutex::default()),
        rules: Rules::new(&config.allow),
        gpus: gpu::Settings { nvml_library: args.nvml_library.clone(), drm_folder: None },
    };
    Ok(Started { daemon, guard, publisher })
}

/// What was started while there was privilege.
struct Started {
    daemon: Daemon,
    guard: Option<Guarded>,
    publisher: Option<Publisher>,
}

/// Serves until a signal, or the end of standard input when that was asked for.
fn serve(
    args: &Args,
    daemon: Arc<Daemon>,
    listener: std::os::unix::net::UnixListener,
    manager: &Manager,
) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let served = runtime.block_on(async {
        let listener = tokio::net::UnixListener::from_std(listener)?;
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut serving = tokio::spawn(api::serve(Arc::clone(&daemon), listener));
        manager.ready();
        let reports = manager.clone();
        let watched = Arc::clone(&daemon);
        tokio::spawn(async move { reports.keep_alive(&watched).await });
        let how = tokio::select! {
            served = &mut serving => return served?,
            _ = terminate.recv() => Stop::Drain,
            _ = interrupt.recv() => Stop::Drain,
            () = end_of_input(), if args.quit_on_stdin_eof => Stop::Now,
        };
        tracing::info!("draining");
        manager.stopping();
        let draining = Arc::clone(&daemon);
        let drained = tokio::task::spawn_blocking(move || {
            draining.drain(how);
            if how == Stop::Drain {
                draining.linger();
            }
        });
        drained.await?;
        Ok(())
    });
    // A read of standard input can't be called off, and must not keep the daemon.
    runtime.shutdown_background();
    served
}

/// Who may connect to a control socket.
#[derive(Clone, Copy, Debug)]
enum UseBy {
    /// The user whose private daemon it is, who need not be of the group of clients.
    Owner,
    /// The owner and the group of clients.
    Group,
}

/// The control socket.
fn listen(path: &Path, use_by: UseBy) -> Result<std::os::unix::net::UnixListener> {
    if let Some(directory) = path.parent() {
        std::fs::create_dir_all(directory)
            .with_context(|| format!("failed to create `{}`", directory.display()))?;
    }
    if std::os::unix::net::UnixStream::connect(path).is_ok() {
        anyhow::bail!("another aiperfd listens on `{}`", path.display());
    }
    std::fs::remove_file(path).ok();
    let listener = std::os::unix::net::UnixListener::bind(path)
        .with_context(|| format!("failed to listen on `{}`", path.display()))?;
    let (mode, group) = match use_by {
        UseBy::Owner => (0o600, None),
        UseBy::Group => (0o660, privileges::client_group()),
    };
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))?;
    if let Some(group) = group {
        chown(path, None, Some(group))
            .with_context(|| format!("failed to give `{}` to its group", path.display()))?;
    }
    listener.set_nonblocking(true)?;
    Ok(listener)
}

fn beside_this(name: &str) -> Result<PathBuf> {
    let this = std::env::current_exe().context("failed to find this program's own path")?;
    Ok(this.with_file_name(name))
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
        drop(self.0.stdin.take());
        self.0.wait().ok();
    }
}

/// The largest event must fit a ring several times.
const CLIENT_RING_MIN: u32 = 8 << 20;
/// The program's name.
const PROGRAM: &str = "aiperfd";
