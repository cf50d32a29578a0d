//! A load generator as the daemon sees it: a socket to give orders on, a cgroup that holds it.

use crate::cgroup::Cgroup;
use crate::daemon::Daemon;
use crate::privileges::Lent;
use crate::spawner::{Spawner, send_with_descriptors};
use anyhow::{Context, Result, bail};
use common::clock::MonoNs;
use common::handshake::{Order, Report};
use control::{Fault, Problem};
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
    heard: Vec<u8>,
    pid: u32,
    spawner: &'a Spawner,
    cgroup: Option<Cgroup>,
    /// The user number that it runs as, given back last of all.
    identity: Lent<'a>,
}

/// What was heard of a load generator.
#[derive(Debug)]
pub enum Heard {
    /// A phase has begun.
    Phase {
        /// Its place in the plan.
        phase: u32,
        /// When.
        begun: MonoNs,
    },
    /// It stops before the plan is done, for this reason.
    Stopped(String),
    /// What it met of others' traffic.
    Watched {
        /// By name.
        counts: BTreeMap<String, u64>,
        /// The models that were asked.
        models: Vec<String>,
    },
    /// Bounds that something exceeded, and how much was left out, by name.
    Exceeded(BTreeMap<String, u64>),
    /// Nothing in the time given.
    Nothing,
    /// Every record is written.
    Finished,
    /// It ended without a word.
    Gone,
    /// It can't go on.
    Failed(Problem),
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
        let started = Self { socket, heard: Vec::new(), pid, spawner: &daemon.spawner, cgroup, identity };
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

    /// Gives it everything it needs.
    pub fn set_up(&mut self, order: &Order, descriptors: &[BorrowedFd<'_>]) -> Result<()> {
        // A load generator that does not read must not hold the run up for ever.
        self.socket.set_write_timeout(Some(SETUP_PATIENCE))?;
        let mut line = line(order)?;
        let sent = send_with_descriptors(self.socket.as_fd(), &line, descriptors);
        // It holds the user's keys.
        line.zeroize();
        sent.context("failed to set up the load generator")
    }

    /// Gives it an order. That it has ended meanwhile is told by [`Loadgen::hear`].
    pub fn order(&mut self, order: &Order) -> Result<()> {
        match self.socket.write_all(&line(order)?) {
            Err(error) if error.kind() != ErrorKind::BrokenPipe => {
                Err(error).context("failed to order the load generator")
            }
            _ => Ok(()),
        }
    }

    /// Waits until it is prepared; gives whether it replays a trace, and what the user should know. `give_up` is asked
    /// again and again.
    pub fn prepared(&mut self, give_up: &dyn Fn() -> Option<Problem>) -> Result<(bool, Vec<String>)> {
        loop {
            match self.report(Duration::from_millis(20))? {
                Told::Report(Report::Prepared { mut notices, replays, unconfined, .. }) => {
                    notices.extend(
                        unconfined
                            .iter()
                            .map(|what| format!("the load generator is not fully confined: {what}")),
                    );
                    return Ok((replays, notices));
                }
                Told::Report(Report::Failed { fault, message }) => {
                    return Err(problem(&fault, message).into());
                }
                Told::Report(
                    Report::Finished
                    | Report::Phase { .. }
                    | Report::Stopped { .. }
                    | Report::Watched { .. }
                    | Report::Exceeded { .. },
                ) => {
                    bail!("the load generator finished before it began")
                }
                Told::Gone => bail!(
                    "the load generator died while it prepared: its input may be too large for the memory of the host"
                ),
                Told::Nothing => {
                    if let Some(why) = give_up() {
                        return Err(why.into());
                    }
                }
            }
        }
    }

    /// What it says within a time.
    pub fn hear(&mut self, patience: Duration) -> Result<Heard> {
        Ok(match self.report(patience)? {
            Told::Report(Report::Finished) => Heard::Finished,
            Told::Report(Report::Failed { fault, message }) => Heard::Failed(problem(&fault, message)),
            Told::Report(Report::Phase { phase, at_ns }) => Heard::Phase { phase, begun: at_ns },
            Told::Report(Report::Watched { counts, models }) => Heard::Watched { counts, models },
            Told::Report(Report::Stopped { why }) => Heard::Stopped(why),
            Told::Report(Report::Exceeded { counts }) => Heard::Exceeded(counts),
            Told::Report(Report::Prepared { .. }) | Told::Nothing => Heard::Nothing,
            Told::Gone => Heard::Gone,
        })
    }

    fn report(&mut self, patience: Duration) -> Result<Told> {
        loop {
            if let Some(end) = self.heard.iter().position(|byte| *byte == b'\n') {
                let told = self.heard.drain(..=end).collect::<Vec<_>>();
                let report = serde_json::from_slice(&told).context("the load generator speaks in tongues")?;
                return Ok(Told::Report(report));
            }
            if self.heard.len() > REPORT_BYTES_MAX {
                bail!("the load generator does not stop talking");
            }
            self.socket.set_read_timeout(Some(patience))?;
            let mut bytes = [0; 4096];
            match self.socket.read(&mut bytes) {
                Ok(0) => return Ok(Told::Gone),
                Ok(count) => self.heard.extend_from_slice(&bytes[..count]),
                Err(error)
                    if matches!(
                        error.kind(),
                        ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
                    ) =>
                {
                    return Ok(Told::Nothing);
                }
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return Ok(Told::Gone),
                Err(error) => return Err(error).context("failed to hear the load generator"),
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

enum Told {
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
