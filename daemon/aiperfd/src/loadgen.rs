//! A load generator as the daemon sees it: a socket to send orders on, a cgroup that holds it.

use crate::cgroup::Cgroup;
use crate::daemon::Daemon;
use crate::privileges::Lent;
use crate::spawner::{Spawner, send_with_descriptors};
use anyhow::{Context, Result, bail};
use common::clock::MonoNs;
use control::{Fault, Problem};
use spec::handshake::{Order, Report};
use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;
use zeroize::Zeroize;

/// A running load generator. It ends when this value does.
#[derive(Debug)]
pub struct Loadgen<'a> {
    socket: UnixStream,
    received: Vec<u8>,
    pid: u32,
    spawner: &'a Spawner,
    cgroup: Option<Cgroup>,
    /// The user number that it runs as, returned last of all.
    identity: Lent<'a>,
}

/// A message of a load generator, or that there is none.
#[derive(Debug)]
pub enum Received {
    /// A phase has passed a step.
    Phase {
        /// Its place in the plan.
        phase: u32,
        /// The step.
        step: Step,
    },
    /// It stops before the plan is done, for this reason.
    Stopped(String),
    /// Counts of other clients' traffic.
    Watched {
        /// By name.
        counts: BTreeMap<String, u64>,
        /// The requested models.
        models: Vec<String>,
    },
    /// Bounds that something exceeded, and how much was left out, by name.
    Exceeded(BTreeMap<String, u64>),
    /// No message in the time.
    Nothing,
    /// Every record is written.
    Finished,
    /// It ended without a message.
    Gone,
    /// It can't go on.
    Failed(Problem),
}

/// A step of a phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// It started at this moment.
    Started(MonoNs),
    /// It had sent everything at this moment.
    SentAll(MonoNs),
    /// It had ended at this moment, and whether requests were cancelled because its time was over.
    Ended(MonoNs, bool),
}

impl<'a> Loadgen<'a> {
    /// Starts a load generator as a user of its own, and moves it into the run's cgroup before it opens a socket.
    ///
    /// # Errors
    /// When the spawner can't start it.
    pub fn start(daemon: &'a Daemon, cgroup: Option<Cgroup>) -> Result<Self> {
        let identity = daemon.identities.lend();
        let mut attempt = 0;
        let (socket, pid) = loop {
            let (ours, theirs) = UnixStream::pair().context("failed to make a socket pair")?;
            match daemon.spawner.start(identity.identity(), theirs.as_fd()) {
                Ok(pid) => break (ours, pid),
                // The spawner died in the middle, and the guard starts another one. Should the first have started a load
                // generator all the same, that ends with its socket.
                Err(_) if attempt < START_ATTEMPTS => attempt += 1,
                Err(error) => return Err(error),
            }
        };
        let started = Self { socket, received: Vec::new(), pid, spawner: &daemon.spawner, cgroup, identity };
        if let Some(cgroup) = &started.cgroup {
            cgroup.take(pid)?;
        }
        Ok(started)
    }

    /// Ends it by force. What it had written into shared memory is there.
    pub fn end(&self) {
        self.spawner.end(self.pid);
    }

    /// Its process number.
    pub const fn pid(&self) -> u32 {
        self.pid
    }

    /// Whether no process but this one has its user number.
    pub const fn has_own_user(&self) -> bool {
        self.identity.identity().uid().is_some()
    }

    /// Where its cgroup is.
    pub fn cgroup_path(&self) -> Option<&Path> {
        self.cgroup.as_ref().map(Cgroup::path)
    }

    /// Sends it the set-up with everything it needs.
    pub fn set_up(&mut self, order: &Order, descriptors: &[BorrowedFd<'_>]) -> Result<()> {
        // A load generator that does not read must not block the run for ever.
        self.socket.set_write_timeout(Some(SETUP_PATIENCE))?;
        let mut line = line(order)?;
        let sent = send_with_descriptors(self.socket.as_fd(), &line, descriptors);
        // It holds the user's keys.
        line.zeroize();
        sent.context("failed to set up the load generator")
    }

    /// Sends it an order. That it has ended meanwhile is found by [`Loadgen::receive`].
    pub fn order(&mut self, order: &Order) -> Result<()> {
        match self.socket.write_all(&line(order)?) {
            Err(error) if error.kind() != ErrorKind::BrokenPipe => {
                Err(error).context("failed to order the load generator")
            }
            _ => Ok(()),
        }
    }

    /// Waits until it is prepared; returns whether it replays a trace, and notices for the user. `give_up` is called
    /// repeatedly.
    pub fn prepared(&mut self, give_up: &dyn Fn() -> Option<Problem>) -> Result<(bool, Vec<String>)> {
        loop {
            match self.report(Duration::from_millis(20))? {
                Incoming::Report(Report::Prepared { mut notices, replays, unconfined, .. }) => {
                    notices.extend(
                        unconfined
                            .iter()
                            .map(|what| format!("the load generator is not fully confined: {what}")),
                    );
                    return Ok((replays, notices));
                }
                Incoming::Report(Report::Failed { fault, message }) => {
                    return Err(problem(&fault, message).into());
                }
                Incoming::Report(
                    Report::Finished
                    | Report::Phase { .. }
                    | Report::PhaseSent { .. }
                    | Report::PhaseEnded { .. }
                    | Report::Stopped { .. }
                    | Report::Watched { .. }
                    | Report::Exceeded { .. },
                ) => {
                    bail!("the load generator finished before it started")
                }
                Incoming::Gone => bail!(
                    "the load generator died while it prepared: its input may be too large for the memory of the host"
                ),
                Incoming::Nothing => {
                    if let Some(why) = give_up() {
                        return Err(why.into());
                    }
                }
            }
        }
    }

    /// Its next message, within a time.
    pub fn receive(&mut self, patience: Duration) -> Result<Received> {
        Ok(match self.report(patience)? {
            Incoming::Report(Report::Finished) => Received::Finished,
            Incoming::Report(Report::Failed { fault, message }) => Received::Failed(problem(&fault, message)),
            Incoming::Report(Report::Phase { phase, at_ns }) => {
                Received::Phase { phase, step: Step::Started(at_ns) }
            }
            Incoming::Report(Report::PhaseSent { phase, at_ns }) => {
                Received::Phase { phase, step: Step::SentAll(at_ns) }
            }
            Incoming::Report(Report::PhaseEnded { phase, at_ns, timed_out }) => {
                Received::Phase { phase, step: Step::Ended(at_ns, timed_out) }
            }
            Incoming::Report(Report::Watched { counts, models }) => Received::Watched { counts, models },
            Incoming::Report(Report::Stopped { why }) => Received::Stopped(why),
            Incoming::Report(Report::Exceeded { counts }) => Received::Exceeded(counts),
            Incoming::Report(Report::Prepared { .. }) | Incoming::Nothing => Received::Nothing,
            Incoming::Gone => Received::Gone,
        })
    }

    fn report(&mut self, patience: Duration) -> Result<Incoming> {
        loop {
            if let Some(end) = self.received.iter().position(|byte| *byte == b'\n') {
                let message = self.received.drain(..=end).collect::<Vec<_>>();
                let report =
                    serde_json::from_slice(&message).context("the load generator sent an invalid report")?;
                return Ok(Incoming::Report(report));
            }
            if self.received.len() > REPORT_BYTES_MAX {
                bail!("the load generator does not stop talking");
            }
            self.socket.set_read_timeout(Some(patience))?;
            let mut bytes = [0; 4096];
            match self.socket.read(&mut bytes) {
                Ok(0) => return Ok(Incoming::Gone),
                Ok(count) => self.received.extend_from_slice(&bytes[..count]),
                Err(error)
                    if matches!(
                        error.kind(),
                        ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
                    ) =>
                {
                    return Ok(Incoming::Nothing);
                }
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return Ok(Incoming::Gone),
                Err(error) => return Err(error).context("failed to read the load generator's reports"),
            }
        }
    }
}

impl Drop for Loadgen<'_> {
    fn drop(&mut self) {
        // It ends with its socket too, unless it hangs.
        self.end();
    }
}

enum Incoming {
    Report(Report),
    Nothing,
    Gone,
}

fn line(order: &Order) -> Result<Vec<u8>> {
    let mut line = serde_json::to_vec(order).context("failed to write an order")?;
    line.push(b'\n');
    Ok(line)
}

fn problem(fault: &str, message: String) -> Problem {
    let fault = match fault {
        "plan" => Fault::Plan,
        "server" => Fault::Server,
        "kernel" => Fault::Kernel,
        _ => Fault::Load,
    };
    Problem::new(fault, message)
}

const START_ATTEMPTS: u32 = 2;
const SETUP_PATIENCE: Duration = Duration::from_secs(30);
/// The longest report that is taken.
const REPORT_BYTES_MAX: usize = 1 << 20;
