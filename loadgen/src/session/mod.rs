//! One load generator's life: set up, prepare, send, drain, finish.

mod given;
mod inputs;
mod ready;
mod replaying;
mod share;
mod threads;
mod watching;
mod way;

use crate::bounds::{self, Exceeded};
use crate::confine::{self, Confinement};
use crate::orders::{Orders, Reporter};
use crate::ring::socket;
use crate::secrets::Secrets;
use crate::steering::Controls;
use crate::worker::{DRAIN, GO, LOOK_AROUND, STOP};
use given::Given;
use inputs::Inputs;
use ready::{Ready, prepare};
use replaying::replay;
use spec::handshake::{Order, Report, Setup};
use std::collections::BTreeSet;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread::JoinHandle;
use threads::{RunThreads, threshold};
use watching::observe;
use zeroize::Zeroize;

/// Why a load generator can't run. The variants state what is at fault.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The plan or its inputs.
    #[error("{0}")]
    Plan(String),
    /// The server.
    #[error("{0}")]
    Server(String),
    /// The host: memory, descriptors, io_uring.
    #[error("failed to {0}")]
    Load(&'static str, #[source] io::Error),
}

/// Runs with standard input as the socket to the daemon, until all is sent and reported or the daemon is gone.
#[must_use]
pub fn run() -> ExitCode {
    let mut confinement = Confinement::start();
    let Ok(socket) = io::stdin().as_fd().try_clone_to_owned() else { return ExitCode::FAILURE };
    let orders = Orders::new(UnixStream::from(socket));
    let Ok(mut reporter) = orders.reporter() else { return ExitCode::FAILURE };
    let mut secrets = Secrets::default();
    match serve(orders, &mut reporter, &mut confinement, &mut secrets) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let fault = match error {
                Failure::Plan(_) => "plan",
                Failure::Server(_) => "server",
                Failure::Load(..) => "load",
            };
            let message = secrets.redacted_text(with_cause(&error));
            reporter.send(&Report::Failed { fault: fault.to_owned(), message });
            ExitCode::FAILURE
        }
    }
}

fn serve(
    mut orders: Orders,
    reporter: &mut Reporter,
    confinement: &mut Confinement,
    secrets: &mut Secrets,
) -> Result<(), Failure> {
    let order = orders.receive().map_err(|error| Failure::Load("read the daemon's orders", error))?;
    let Some((Order::Setup(mut setup), descriptors)) = order else { return Ok(()) };
    *secrets = Secrets::of(&setup);
    let mut given = Given::sort(&setup, descriptors)?;
    limit(confinement, &setup, &given);
    if let Some(watch) = setup.plan.watch.clone() {
        confinement.seal(&BTreeSet::new());
        return observe(&setup, &watch, given, orders, reporter, confinement);
    }
    let ready = prepare(&mut setup, &mut given)?;
    // From here on requests' heads contain them: no other part needs them.
    setup.secret_headers.values_mut().for_each(Zeroize::zeroize);
    confinement.seal(&ports(&ready));
    if setup.replay {
        return replay(&setup, given, ready, orders, reporter, (confinement, secrets));
    }
    let exceeded = Arc::default();
    send(&setup, given, ready, orders, reporter, (confinement, secrets), &exceeded)?;
    report_exceeded(reporter, &exceeded);
    reporter.send(&Report::Finished);
    Ok(())
}

/// Sends the plan's requests, until all of them are reported.
fn send(
    setup: &Setup,
    given: Given,
    ready: Ready,
    mut orders: Orders,
    reporter: &mut Reporter,
    (confinement, secrets): (&Confinement, &Secrets),
    exceeded: &Arc<Exceeded>,
) -> Result<(), Failure> {
    let mut prepared = prepared(&ready, confinement);
    // Kept until the end: while it lives the kernel stamps packets.
    let _stamping = stamping(setup)?;
    let stop_request = Arc::new(AtomicU8::new(GO));
    let controls = Arc::new(Controls::of(&setup.plan.load.phases));
    let threshold = threshold(&setup.plan);
    let inputs_json =
        given.inputs_json.try_clone().map_err(|error| Failure::Load("write `inputs.json`", error))?;
    let inputs = Inputs {
        conversations: Arc::clone(&ready.conversations),
        endpoint: ready.endpoint,
        plan: setup.plan.endpoint.clone(),
        hot: setup.cpus.iter().flatten().copied().collect(),
        stop_request: Arc::clone(&stop_request),
    };
    let shared = threads::Shared {
        stop_request: &stop_request,
        controls: &controls,
        threshold: threshold.as_ref(),
        secrets,
        exceeded,
    };
    let run_threads = RunThreads::start(setup, given, ready, &shared)?;
    if let (Err(why), Report::Prepared { unconfined, .. }) = (confine::close_rings(), &mut prepared) {
        unconfined.push(format!("io_uring: {why}"));
    }
    reporter.send(&prepared);
    let begin = loop {
        match orders.receive().map_err(|error| Failure::Load("read the daemon's orders", error))? {
            Some((Order::Start { at_ns }, _)) => break at_ns,
            Some((Order::Setup(_), _)) => {}
            Some((Order::Control { phase, value }, _)) => controls.set(phase, value, clock::mono()),
            // Stopped before it started, or the daemon is gone.
            Some((Order::Drain | Order::Stop, _)) | None => std::process::exit(0),
        }
    };
    spawn("orders".to_owned(), move || obey(orders, stop_request, controls))?;
    let inputs = spawn("inputs".to_owned(), move || inputs.write(&inputs_json))?;
    let threads = run_threads.run_phases(begin, &setup.plan.load.phases, reporter);
    for thread in threads {
        let result = thread.join().unwrap_or_else(|_| Err(io::Error::other("a thread panicked")));
        result.map_err(|error| Failure::Load("generate load", error))?;
    }
    let written = inputs.join().unwrap_or_else(|_| Err(io::Error::other("a thread panicked")));
    written.map_err(|error| Failure::Load("write `inputs.json`", error))?;
    if threshold.is_some_and(|threshold| threshold.is_crossed()) {
        reporter.send(&Report::Stopped {
            why: "more requests failed than --failed-request-threshold allows".to_owned(),
        });
    }
    Ok(())
}

/// The report that everything is ready.
fn prepared(ready: &Ready, confinement: &Confinement) -> Report {
    Report::Prepared {
        entries: ready.conversations.count() as u64,
        replays: !ready.trace.is_empty(),
        notices: ready.notices.clone(),
        unconfined: confinement.missing().to_vec(),
    }
}

/// Has the kernel stamp packets, if the plan requires it.
fn stamping(setup: &Setup) -> Result<Option<std::net::UdpSocket>, Failure> {
    let warmed = setup.socket_stamps.then(socket::warm_up_stamps).transpose();
    warmed.map_err(|error| Failure::Load("have the kernel stamp packets", error))
}

/// Bounds memory and threads by what the set-up may need.
fn limit(confinement: &mut Confinement, setup: &Setup, given: &Given) {
    let workers = setup.cpus.len();
    let threads = setup.own_user.then(|| confine::threads(workers));
    confinement.limit(bounds::data_bytes(setup, connections(setup), given.input_bytes()), threads);
}

/// Connections of all workers; of a run that watches, as many as there is room for.
fn connections(setup: &Setup) -> u64 {
    if setup.plan.watch.is_some() {
        return crate::observe::OPEN_MAX;
    }
    let (workers, targets) = (setup.cpus.len(), setup.addresses.len());
    (0..workers).map(|worker| u64::from(share::connections(&setup.plan, worker, workers, targets))).sum()
}

/// The ports of all targets.
fn ports(ready: &Ready) -> BTreeSet<u16> {
    let ports = ready.ways.targets.iter().map(|target| target.address.port());
    ports.filter(|port| *port > 0).collect()
}

/// Reports what was left out, if anything was.
fn report_exceeded(reporter: &mut Reporter, exceeded: &Exceeded) {
    let counts = exceeded.named();
    if !counts.is_empty() {
        reporter.send(&Report::Exceeded { counts });
    }
}

/// Passes the user's stop request and the values of phases on, on a thread of its own; without a daemon there is no client to send for.
fn obey(mut orders: Orders, stop_request: Arc<AtomicU8>, controls: Arc<Controls>) {
    loop {
        match orders.receive() {
            Ok(Some((Order::Drain, _))) => {
                stop_request.store(DRAIN.max(stop_request.load(Ordering::Relaxed)), Ordering::Relaxed)
            }
            Ok(Some((Order::Stop, _))) => stop_request.store(STOP, Ordering::Relaxed),
            // By then every worker has seen it.
            Ok(Some((Order::Control { phase, value }, _))) => {
                controls.set(phase, value, clock::mono() + LOOK_AROUND);
            }
            Ok(Some(_)) => {}
            Ok(None) | Err(_) => std::process::exit(1),
        }
    }
}

fn spawn<T: Send + 'static>(
    name: String,
    body: impl FnOnce() -> T + Send + 'static,
) -> Result<JoinHandle<T>, Failure> {
    std::thread::Builder::new().name(name).spawn(body).map_err(|error| Failure::Load("start a thread", error))
}

/// An error with its causes, in one line.
fn with_cause(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
