//! One load generator's life: set up, prepare, send, drain, finish.

mod field;
mod given;
mod inputs;
mod ready;
mod share;
mod watching;
mod way;

use crate::orders::{Orders, Reporter};
use crate::ring::socket;
use crate::worker::{DRAIN, GO, STOP};
use common::handshake::{Order, Report};
use field::{Field, threshold};
use given::Given;
use inputs::Inputs;
use ready::prepare;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread::JoinHandle;
use watching::observe;

/// Why a load generator can't run. The variants say whose fault it is.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The plan or its inputs.
    #[error("{0}")]
    Plan(String),
    /// The host: memory, descriptors, io_uring.
    #[error("failed to {0}")]
    Load(&'static str, #[source] io::Error),
}

/// Runs with standard input as the socket to the daemon, until all is sent and told or the daemon is gone.
#[must_use]
pub fn run() -> ExitCode {
    rustix::thread::set_no_new_privs(true).ok();
    let Ok(socket) = io::stdin().as_fd().try_clone_to_owned() else { return ExitCode::FAILURE };
    let orders = Orders::new(UnixStream::from(socket));
    let Ok(mut reporter) = orders.reporter() else { return ExitCode::FAILURE };
    match serve(orders, &mut reporter) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let fault = if matches!(error, Failure::Plan(_)) { "plan" } else { "load" };
            reporter.tell(&Report::Failed { fault: fault.to_owned(), message: with_cause(&error) });
            ExitCode::FAILURE
        }
    }
}

fn serve(mut orders: Orders, reporter: &mut Reporter) -> Result<(), Failure> {
    let order = orders.hear().map_err(|error| Failure::Load("hear the daemon", error))?;
    let Some((Order::Setup(mut setup), descriptors)) = order else { return Ok(()) };
    let mut given = Given::sort(&setup, descriptors)?;
    if let Some(watch) = setup.plan.watch.clone() {
        return observe(&setup.plan, &watch, given, orders, reporter);
    }
    let ready = prepare(&mut setup, &mut given)?;
    let prepared = Report::Prepared {
        entries: ready.conversations.count() as u64,
        replays: !ready.trace.is_empty(),
        notices: ready.notices.clone(),
        unconfined: Vec::new(),
    };
    // Kept until the end: while it lives the kernel stamps packets.
    let _stamping = if setup.socket_stamps {
        Some(
            socket::warm_up_stamps()
                .map_err(|error| Failure::Load("have the kernel stamp packets", error))?,
        )
    } else {
        None
    };
    let will = Arc::new(AtomicU8::new(GO));
    let threshold = threshold(&setup.plan);
    let inputs_json =
        given.inputs_json.try_clone().map_err(|error| Failure::Load("write `inputs.json`", error))?;
    let inputs = Inputs {
        conversations: Arc::clone(&ready.conversations),
        endpoint: ready.endpoint,
        plan: setup.plan.endpoint.clone(),
        hot: setup.cpus.iter().flatten().copied().collect(),
        will: Arc::clone(&will),
    };
    let field = Field::spread(&setup, given, ready, &will, threshold.as_ref())?;
    reporter.tell(&prepared);
    let begin = loop {
        match orders.hear().map_err(|error| Failure::Load("hear the daemon", error))? {
            Some((Order::Start { at_ns }, _)) => break at_ns,
            Some((Order::Setup(_), _)) => {}
            // Stopped before it began, or the daemon is gone.
            Some((Order::Drain | Order::Stop, _)) | None => return Ok(()),
        }
    };
    spawn("orders".to_owned(), move || obey(orders, will))?;
    let inputs = spawn("inputs".to_owned(), move || inputs.write(&inputs_json))?;
    let threads = field.go_through(begin, &setup.plan.load.phases, reporter);
    for thread in threads {
        let result = thread.join().unwrap_or_else(|_| Err(io::Error::other("a thread panicked")));
        result.map_err(|error| Failure::Load("generate load", error))?;
    }
    let written = inputs.join().unwrap_or_else(|_| Err(io::Error::other("a thread panicked")));
    written.map_err(|error| Failure::Load("write `inputs.json`", error))?;
    if threshold.is_some_and(|threshold| threshold.is_crossed()) {
        reporter.tell(&Report::Stopped {
            why: "more requests failed than --failed-request-threshold allows".to_owned(),
        });
    }
    reporter.tell(&Report::Finished);
    Ok(())
}

/// Passes on the user's will, on a thread of its own; without a daemon there is nobody to send for.
fn obey(mut orders: Orders, will: Arc<AtomicU8>) {
    loop {
        match orders.hear() {
            Ok(Some((Order::Drain, _))) => {
                will.store(DRAIN.max(will.load(Ordering::Relaxed)), Ordering::Relaxed)
            }
            Ok(Some((Order::Stop, _))) => will.store(STOP, Ordering::Relaxed),
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
