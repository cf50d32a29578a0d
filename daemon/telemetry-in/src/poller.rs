//! Asks one endpoint in intervals on a thread of its own, from before the first request until the server is quiet.

use crate::changes::{Changes, Moments, Teller};
use crate::dcgm::{Dcgm, DcgmField};
use crate::exposition::{Exposition, parse};
use common::clock::{DurationNs, MonoNs};
use export::parquet::{Limits, PartWriter};
use spec::url::shown;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;
use ureq::Agent;
use ureq::tls::TlsConfig;

/// What is asked, and how often.
#[derive(Clone, Debug)]
pub struct Poll {
    /// The endpoint's URL.
    pub url: String,
    /// From one question to the next.
    pub interval: Duration,
    /// The clock.
    pub now: fn() -> MonoNs,
    /// Whether it is asked on, although it did not answer the first time.
    pub insists: bool,
    /// Whom to trust.
    pub tls: TlsConfig,
}

/// An endpoint that is being asked.
#[derive(Debug)]
pub struct Poller {
    stop: Sender<()>,
    thread: JoinHandle<Outcome>,
    url: String,
}

/// What came of it.
#[derive(Debug)]
pub struct Outcome {
    /// The URL that answered, which may be another one than was given.
    pub url: String,
    /// The rows, as complete Parquet files in order.
    pub parts: Vec<PathBuf>,
    /// Scrapes that succeeded.
    pub succeeded: u64,
    /// Scrapes that failed.
    pub failed: u64,
    /// Why the last failed one did, or why rows are missing.
    pub problem: Option<String>,
    /// Lines that were not understood.
    pub bad_lines: u64,
    /// Numbers that were left out because they are infinite or none.
    pub not_finite: u64,
    /// Numbers for which there was no room.
    pub too_many: u64,
}

impl Poller {
    /// Begins to ask a server for its metrics, with parts of `server_metrics.parquet` called `stem` in `directory`. Returns when the first answer is there, or has been waited
    /// for long enough.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn start(poll: Poll, directory: &Path, stem: &str) -> std::io::Result<Self> {
        Self::start_with(poll, Changes::default(), directory, stem)
    }

    /// The same of an exporter of DCGM, with parts of `gpu.parquet`; `more` are fields that the user wants besides.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn start_dcgm(poll: Poll, more: &[DcgmField], directory: &Path, stem: &str) -> std::io::Result<Self> {
        Self::start_with(poll, Dcgm::new(more), directory, stem)
    }

    fn start_with<T: Teller>(poll: Poll, teller: T, directory: &Path, stem: &str) -> std::io::Result<Self> {
        let (stop, stopped) = channel();
        let (first, firsts) = channel();
        let writer = PartWriter::new(directory, stem, Limits::STANDARD, &[]);
        let url = poll.url.clone();
        let thread = std::thread::Builder::new()
            .name("scrape".to_owned())
            .spawn(move || Asking::new(poll, teller, writer).run(&stopped, &first))?;
        // Whether the first answer came in time or not, the run begins.
        firsts.recv_timeout(FIRST_PATIENCE).ok();
        Ok(Self { stop, thread, url })
    }

    /// Asks a last time, or until the server is quiet, and ends.
    #[must_use]
    pub fn finish(self) -> Outcome {
        drop(self.stop);
        let url = self.url;
        self.thread.join().unwrap_or_else(|_| Outcome {
            url,
            parts: Vec::new(),
            succeeded: 0,
            failed: 0,
            problem: Some("its thread died".to_owned()),
            bad_lines: 0,
            not_finite: 0,
            too_many: 0,
        })
    }
}

/// Why a scrape failed.
#[derive(Debug, thiserror::Error)]
enum ScrapeError {
    #[error("{0}")]
    Http(#[from] ureq::Error),
    #[error("what it says is not Prometheus' text format")]
    NotPrometheus,
}

impl ScrapeError {
    /// Whether asking again is of no use.
    fn is_final(&self) -> bool {
        matches!(self, Self::NotPrometheus | Self::Http(ureq::Error::StatusCode(400..=499)))
    }
}

struct Asking<T: Teller> {
    poll: Poll,
    agent: Agent,
    teller: T,
    writer: PartWriter<T::Row>,
    outcome: Outcome,
    has_fallen_back: bool,
}

impl<T: Teller> Asking<T> {
    fn new(poll: Poll, teller: T, writer: PartWriter<T::Row>) -> Self {
        // The server is asked as the load generator asks it: directly.
        let agent = Agent::config_builder()
            .timeout_global(Some(SCRAPE_TIMEOUT))
            .user_agent(concat!("aiperfd/", env!("CARGO_PKG_VERSION")))
            .proxy(None)
            .tls_config(poll.tls.clone())
            .build()
            .new_agent();
        let outcome = Outcome {
            url: shown(&poll.url),
            parts: Vec::new(),
            succeeded: 0,
            failed: 0,
            problem: None,
            bad_lines: 0,
            not_finite: 0,
            too_many: 0,
        };
        Self { poll, agent, teller, writer, outcome, has_fallen_back: false }
    }

    fn run(mut self, stopped: &Receiver<()>, first: &Sender<()>) -> Outcome {
        let asked = self.ask();
        // Nobody may be waiting any more.
        first.send(()).ok();
        if asked.is_ok() && (self.poll.insists || self.outcome.succeeded > 0) {
            while stopped.recv_timeout(self.poll.interval) == Err(RecvTimeoutError::Timeout) {
                if self.ask().is_err() {
                    break;
                }
            }
            self.close();
        }
        match self.writer.finish() {
            Ok(parts) => self.outcome.parts = parts,
            Err(error) => self.outcome.problem = Some(told(&error)),
        }
        self.outcome
    }

    /// Servers may count a request a moment after its last byte: asks until nothing is observed any more.
    fn close(&mut self) {
        let begun = (self.poll.now)();
        loop {
            let before = self.teller.observations();
            let quiet = self.ask().is_err() || before.to_bits() == self.teller.observations().to_bits();
            if quiet || (self.poll.now)() - begun > FLUSH_PERIOD {
                return;
            }
            std::thread::sleep(FLUSH_INTERVAL);
        }
    }

    /// Asks once; an error means that asking again is of no use.
    fn ask(&mut self) -> Result<(), ()> {
        let asked = (self.poll.now)();
        let found = self.scrape();
        let at = Moments { asked, answered: (self.poll.now)() };
        let rows = match found {
            Ok(found) => {
                self.outcome.succeeded += 1;
                self.outcome.bad_lines += found.bad_lines;
                self.outcome.not_finite += found.not_finite;
                self.outcome.too_many += found.too_many;
                self.teller.rows(&self.outcome.url, at, found.readings)
            }
            Err(error) => {
                let is_final = error.is_final() && self.outcome.succeeded == 0;
                if is_final && self.falls_back(&error) {
                    return self.ask();
                }
                self.outcome.failed += 1;
                self.outcome.problem = Some(told(&error));
                if is_final {
                    return Err(());
                }
                self.teller.failed(&self.outcome.url, at, told(&error)).into_iter().collect()
            }
        };
        for row in rows {
            if let Err(error) = self.writer.push(row) {
                self.outcome.problem = Some(told(&error));
                return Err(());
            }
        }
        Ok(())
    }

    /// TensorRT-LLM has JSON at `/metrics` and Prometheus' format below it.
    fn falls_back(&mut self, error: &ScrapeError) -> bool {
        let base =
            self.poll.url.strip_suffix("/metrics").filter(|_| T::MAY_BE_ELSEWHERE && !self.has_fallen_back);
        let Some(base) = base.filter(|_| matches!(error, ScrapeError::NotPrometheus)) else { return false };
        self.poll.url = format!("{base}/prometheus/metrics");
        self.outcome.url = shown(&self.poll.url);
        self.has_fallen_back = true;
        true
    }

    fn scrape(&self) -> Result<Exposition, ScrapeError> {
        let mut response = self.agent.get(&self.poll.url).header("accept", ACCEPT).call()?;
        let body = response.body_mut().with_config().limit(BODY_MAX).read_to_vec()?;
        let text = String::from_utf8_lossy(&body);
        let found = parse(&text);
        // A server that has served nothing may name its metrics and have no numbers yet.
        if found.readings.is_empty() && !body.is_empty() && !names_metrics(&text) {
            return Err(ScrapeError::NotPrometheus);
        }
        Ok(found)
    }
}

/// Whether a text names metrics in Prometheus' way, with numbers or without.
fn names_metrics(text: &str) -> bool {
    text.lines().any(|line| ["# TYPE ", "# HELP ", "# EOF"].iter().any(|begin| line.starts_with(begin)))
}

/// An error with what caused it.
fn told(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) if source.to_string() != error.to_string() => format!("{error}: {}", told(source)),
        _ => error.to_string(),
    }
}

const ACCEPT: &str = "text/plain;version=0.0.4,application/openmetrics-text;q=0.5";
/// A body that is longer is refused.
const BODY_MAX: u64 = 16 << 20;
const SCRAPE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a run waits for the state from which is counted.
const FIRST_PATIENCE: Duration = Duration::from_secs(2);
/// How long a server may go on counting what it did.
const FLUSH_PERIOD: DurationNs = DurationNs::from_millis(2000);
const FLUSH_INTERVAL: Duration = Duration::from_millis(100);
