//! A load generator as the daemon sees it: a socket to give orders on, a cgroup that holds it.

use crate::cgroup::Cgroup;
use crate::nursery::{Nursery, send_with_descriptors};
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

/// A running load generator. It ends when this value does.
#[derive(Debug)]
pub struct Loadgen {
    socket: UnixStream,
    heard: Vec<u8>,
    pid: u32,
    cgroup: Option<Cgroup>,
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
    /// Nothing in the time given.
    Nothing,
    /// Every record is written.
    Finished,
    /// It ended without a word.
    Gone,
    /// It can't go on.
    Failed(Problem),
}

impl Loadgen {
    /// Has a load generator started, and moves it into the run's cgroup before it opens a socket.
    pub fn bear(nursery: &Nursery, cgroup: Option<Cgroup>) -> Result<Self> {
        let (ours, theirs) = UnixStream::pair().context("failed to make a socket pair")?;
        let pid = nursery.bear(theirs.as_fd())?;
        if let Some(cgroup) = &cgroup {
            cgroup.take(pid)?;
        }
        Ok(Self { socket: ours, heard: Vec::new(), pid, cgroup })
    }

    /// Its process number.
    pub const fn pid(&self) -> u32 {
        self.pid
    }

    /// Where its cgroup is.
    pub fn cgroup_path(&self) -> Option<&Path> {
        self.cgroup.as_ref().map(Cgroup::path)
    }

    /// Gives it everything it needs.
    pub fn set_up(&mut self, order: &Order, descriptors: &[BorrowedFd<'_>]) -> Result<()> {
        send_with_descriptors(self.socket.as_fd(), &line(order)?, descriptors)
            .context("failed to set up the load generator")
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
    pub fn prepared(&mut self, give_up: impl Fn() -> bool) -> Result<(bool, Vec<String>)> {
        loop {
            match self.report(Duration::from_millis(20))? {
                Told::Report(Report::Prepared { notices, replays, .. }) => return Ok((replays, notices)),
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
                Told::Gone => bail!("the load generator died while it prepared; see loadgen.log"),
                Told::Nothing if give_up() => {
                    return Err(Problem::new(Fault::Plan, "stopped before the first request").into());
                }
                Told::Nothing => {}
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
            Told::Report(Report::Prepared { .. } | Report::Exceeded { .. }) | Told::Nothing => Heard::Nothing,
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

/// The longest report that is taken.
const REPORT_BYTES_MAX: usize = 1 << 20;
