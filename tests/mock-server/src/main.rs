//! A scripted inference server: it responds on a fixed schedule and logs when it wrote what.
//!
//! It is the truth that a benchmark client's token times are compared with, so it shares no code with the client.
//!
//! ```text
//!   args -> Plan -> server (epoll loop) -> connection -> request    what a client requests, of which api
//!                       |                       |------> script     when each part is due
//!                       |                       |------> scheduler  who has to wait for a slot, and how long
//!                     timers                    |------> respond    which bytes a part has
//!                                               +------> log        when they were written
//! ```
#![forbid(unsafe_code)]

mod api;
mod args;
mod clock;
mod connection;
mod fault;
mod form;
mod jobs;
mod log;
mod prefix_cache;
mod random;
mod request;
mod respond;
mod scheduler;
mod script;
mod server;
mod service;
mod timers;
mod tls;

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::num::NonZeroU64;
use std::process::ExitCode;

use clap::Parser as _;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{CpuSet, sched_setaffinity, set_current_timer_slack};

use args::{Args, Plan, Stdin};
use log::{Log, LogFile};
use prefix_cache::PrefixCache;
use respond::Responder;
use scheduler::Scheduler;
use server::{Server, Shared, complain};

fn main() -> ExitCode {
    match run(Args::parse().into_plan()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            complain(&format!("failed to {}: {}", failure.doing, failure.cause));
            ExitCode::FAILURE
        }
    }
}

fn run(plan: Plan) -> Result<(), Failure> {
    prepare_thread(plan.cpu)?;
    let log_file = match &plan.log {
        Some(path) => Some(LogFile::create(path).map_err(doing("create the log file"))?),
        None => None,
    };
    let responder = Responder::new(plan.style, clock::unix_seconds());
    let mut shared = Shared::new(plan.script, responder, plan.stall, Log::new(plan.log_limit), log_file);
    shared.scheduler = plan.rules.map(Scheduler::new);
    shared.prefix_cache = plan.cache_blocks.map(PrefixCache::new);
    let mut server = Server::listen(plan.address, shared).map_err(doing("listen"))?;
    if let Some(path) = &plan.unix {
        server.listen_at(path).map_err(doing("listen on the Unix socket"))?;
    }
    let mut secure = None;
    if let Some((certificate, key)) = &plan.tls {
        let config = tls::config(certificate, key).map_err(doing("use the certificate"))?;
        secure = Some(server.listen_with(config).map_err(doing("listen with TLS"))?);
    }
    if plan.stdin == Stdin::EndsServer {
        server.watch_stdin().map_err(doing("watch standard input"))?;
    }
    announce(&server, secure).map_err(doing("report where the server listens"))?;
    server.run().map_err(doing("serve"))
}

/// What went wrong, and at what.
struct Failure {
    doing: &'static str,
    cause: io::Error,
}

fn doing(doing: &'static str) -> impl Fn(io::Error) -> Failure {
    move |cause| Failure { doing, cause }
}

/// Keeps the thread on its CPU, lets it sleep exactly as long as it requests, and lets it have many sockets.
fn prepare_thread(cpu: Option<usize>) -> Result<(), Failure> {
    if let Some(cpu) = cpu {
        if cpu >= CpuSet::MAX_CPU {
            return Err(doing("stay on the CPU")(io::ErrorKind::InvalidInput.into()));
        }
        let mut cpus = CpuSet::new();
        cpus.set(cpu);
        sched_setaffinity(None, &cpus).map_err(|error| doing("stay on the CPU")(error.into()))?;
    }
    set_current_timer_slack(NonZeroU64::new(1))
        .map_err(|error| doing("set the timer slack")(error.into()))?;
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit })
        .map_err(|error| doing("raise the number of open files")(error.into()))
}

fn announce(server: &Server, secure: Option<SocketAddr>) -> io::Result<()> {
    let mut words = format!("listening on {}\n", server.address());
    if let Some(address) = secure {
        words.push_str(&format!("listening with TLS on {address}\n"));
    }
    let mut out = io::stdout().lock();
    out.write_all(words.as_bytes())?;
    out.flush()
}
