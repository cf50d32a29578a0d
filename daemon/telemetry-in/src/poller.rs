//! Scrapes one endpoint in intervals on a separate thread, from before the first request until the server is idle; or reads a server's
//! sockets from the kernel in the same way.

use crate::changes::{Changes, RowBuilder, Times};
use crate::dcgm::{Dcgm, DcgmField};
use crate::exposition::{Exposition, parse};
use crate::sockets::{ServerSockets, SocketsError};
use common::clock::{DurationNs, MonoNs};
use spec::url::shown;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;
use store::parquet::{Limits, PartWriter};
use ureq::Agent;
use ureq::tls::TlsConfig;

/// What is scraped, and how often.
#[derive(Clone, Debug)]
pub struct Poll {
    /// The endpoint's URL.
    pub url: String,
    /// The interval between two scrapes.
    pub interval: Duration,
    /// The clock.
    pub now: fn() -> MonoNs,
    /// Whether scraping continues if the first scrape fails.
    pub insists: bool,
    /// TLS settings.
    pub tls: TlsConfig,
}

/// An endpoint that is being scraped.
#[derive(Debug)]
pub struct Poller {
    stop: Sender<()>,
    thread: JoinHandle<Outcome>,
    url: String,
}

/// The result of scraping.
#[derive(Debug)]
pub struct Outcome {
    /// The URL that was scraped, which may be a fallback of the given one.
    pub url: String,
    /// The rows, as complete Parquet files in order.
    pub parts: Vec<PathBuf>,
    /// Successful scrapes.
    pub succeeded: u64,
    /// Failed scrapes.
    pub failed: u64,
    /// Why the last failed scrape failed, or why rows are missing.
    pub problem: Option<String>,
    /// Invalid lines.
    pub bad_lines: u64,
    /// Values that were left out because they are not finite.
    pub not_finite: u64,
    /// Values beyond the maximum.
    pub too_many: u64,
}

impl Poller {
    /// Starts scraping a server's metrics, into parts of `server_metrics.parquet` named `stem` in `directory`. Returns after
    /// the first response, or a timeout.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn start(poll: Poll, directory: &Path, stem: &str) -> std::io::Result<Self> {
        Self::start_with(poll, Changes::default(), directory, stem)
    }

    /// Starts reading from the kernel what the sockets of a server of this host hold, into parts of `server_metrics.parquet` named
    /// `stem` in `directory`. The sockets of a server that is elsewhere cannot be read.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn start_sockets(
        server: SocketAddr,
        now: fn() -> MonoNs,
        directory: &Path,
        stem: &str,
    ) -> std::io::Result<Self> {
        let tls = TlsConfig::default();
        let poll =
            Poll { url: format!("sockets://{server}"), interval: SOCKETS_INTERVAL, now, insists: false, tls };
        let source = Source::Sockets { server, opened: None };
        Self::start_from(source, poll, Changes::default(), directory, stem)
    }

    /// Starts scraping a DCGM exporter, into parts of `gpu.parquet`; `more` are additional fields requested by the user.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn start_dcgm(poll: Poll, more: &[DcgmField], directory: &Path, stem: &str) -> std::io::Result<Self> {
        Self::start_with(poll, Dcgm::new(more), directory, stem)
    }

    fn start_with<T: RowBuilder>(
        poll: Poll,
        builder: T,
        directory: &Path,
        stem: &str,
    ) -> std::io::Result<Self> {
        // The server is reached as by the load generator: directly, without a proxy.
        let agent = Agent::config_builder()
            .timeout_global(Some(SCRAPE_TIMEOUT))
            .user_agent(concat!("aiperfd/", env!("CARGO_PKG_VERSION")))
            .proxy(None)
            .tls_config(poll.tls.clone())
            .build()
            .new_agent();
        Self::start_from(Source::Http(agent), poll, builder, directory, stem)
    }

    fn start_from<T: RowBuilder>(
        source: Source,
        poll: Poll,
        builder: T,
        directory: &Path,
        stem: &str,
    ) -> std::io::Result<Self> {
        let (stop, stopped) = channel();
        let (first, firsts) = channel();
        let writer = PartWriter::new(directory, stem, Limits::STANDARD, &[]);
        let url = poll.url.clone();
        let thread = std::thread::Builder::new()
            .name("scrape".to_owned())
            .spawn(move || Scraping::new(source, poll, builder, writer).run(&stopped, &first))?;
        // The run starts whether or not the first response arrived in time.
        firsts.recv_timeout(FIRST_PATIENCE).ok();
        Ok(Self { stop, thread, url })
    }

    /// Scrapes a last time, or until the server is idle, and stops.
    #[must_use]
    pub fn finish(self) -> Outcome {
        drop(self.stop);
        let url = self.url;
        self.thread.join().unwrap_or_else(|_| Outcome {
            url,
            parts: Vec::new(),
            succeeded: 0,
            failed: 0,
            problem: Some("its thread panicked".to_owned()),
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
    #[error("the response is not in Prometheus' text format")]
    NotPrometheus,
    #[error(transparent)]
    Sockets(#[from] SocketsError),
}

impl ScrapeError {
    /// Whether a retry cannot succeed.
    fn is_final(&self) -> bool {
        matches!(
            self,
            Self::NotPrometheus | Self::Sockets(_) | Self::Http(ureq::Error::StatusCode(400..=499))
        )
    }
}

/// Where readings come from.
enum Source {
    /// An endpoint.
    Http(Agent),
    /// The kernel, which is asked on the thread that reads.
    Sockets { server: SocketAddr, opened: Option<ServerSockets> },
}

struct Scraping<T: RowBuilder> {
    poll: Poll,
    source: Source,
    builder: T,
    writer: PartWriter<T::Row>,
    outcome: Outcome,
    has_fallen_back: bool,
}

impl<T: RowBuilder> Scraping<T> {
    fn new(source: Source, poll: Poll, builder: T, writer: PartWriter<T::Row>) -> Self {
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
        Self { poll, source, builder, writer, outcome, has_fallen_back: false }
    }

    fn run(mut self, stopped: &Receiver<()>, first: &Sender<()>) -> Outcome {
        let first_scrape = self.scrape();
        // The caller may have stopped waiting.
        first.send(()).ok();
        if first_scrape.is_ok() && (self.poll.insists || self.outcome.succeeded > 0) {
            while stopped.recv_timeout(self.poll.interval) == Err(RecvTimeoutError::Timeout) {
                if self.scrape().is_err() {
                    break;
                }
            }
            self.close();
        }
        match self.writer.finish() {
            Ok(parts) => self.outcome.parts = parts,
            Err(error) => self.outcome.problem = Some(with_causes(&error)),
        }
        self.outcome
    }

    /// Servers may count a request shortly after its last byte: scrapes until nothing changes any more.
    fn close(&mut self) {
        let start = (self.poll.now)();
        loop {
            let before = self.builder.observations();
            let quiet = self.scrape().is_err() || before.to_bits() == self.builder.observations().to_bits();
            if quiet || (self.poll.now)() - start > FLUSH_PERIOD {
                return;
            }
            std::thread::sleep(FLUSH_INTERVAL);
        }
    }

    /// Scrapes once; an error means that a retry cannot succeed.
    fn scrape(&mut self) -> Result<(), ()> {
        let sent = (self.poll.now)();
        let found = self.fetch();
        let at = Times { sent, received: (self.poll.now)() };
        let rows = match found {
            Ok(found) => {
                self.outcome.succeeded += 1;
                self.outcome.bad_lines += found.bad_lines;
                self.outcome.not_finite += found.not_finite;
                self.outcome.too_many += found.too_many;
                self.builder.rows(&self.outcome.url, at, found.readings)
            }
            Err(error) => {
                let is_final = error.is_final() && self.outcome.succeeded == 0;
                if is_final && self.falls_back(&error) {
                    return self.scrape();
                }
                self.outcome.failed += 1;
                self.outcome.problem = Some(with_causes(&error));
                if is_final {
                    return Err(());
                }
                self.builder.failed(&self.outcome.url, at, with_causes(&error)).into_iter().collect()
            }
        };
        for row in rows {
            if let Err(error) = self.writer.push(row) {
                self.outcome.problem = Some(with_causes(&error));
                return Err(());
            }
        }
        Ok(())
    }

    /// TensorRT-LLM serves JSON at `/metrics`, and Prometheus' format at a path below.
    fn falls_back(&mut self, error: &ScrapeError) -> bool {
        let base =
            self.poll.url.strip_suffix("/metrics").filter(|_| T::HAS_FALLBACK_PATH && !self.has_fallen_back);
        let Some(base) = base.filter(|_| matches!(error, ScrapeError::NotPrometheus)) else { return false };
        self.poll.url = format!("{base}/prometheus/metrics");
        self.outcome.url = shown(&self.poll.url);
        self.has_fallen_back = true;
        true
    }

    fn fetch(&mut self) -> Result<Exposition, ScrapeError> {
        match &mut self.source {
            Source::Http(agent) => scraped(agent, &self.poll.url),
            Source::Sockets { server, opened } => {
                let sockets = match opened {
                    Some(sockets) => sockets,
                    None => opened.insert(ServerSockets::of(*server)?),
                };
                Ok(Exposition { readings: sockets.readings()?, ..Exposition::default() })
            }
        }
    }
}

/// The values that an endpoint serves.
fn scraped(agent: &Agent, url: &str) -> Result<Exposition, ScrapeError> {
    let mut response = agent.get(url).header("accept", ACCEPT).call()?;
    let body = response.body_mut().with_config().limit(BODY_MAX).read_to_vec()?;
    let text = String::from_utf8_lossy(&body);
    let found = parse(&text);
    // A server without requests so far may declare its metrics and have no values yet.
    if found.readings.is_empty() && !body.is_empty() && !names_metrics(&text) {
        return Err(ScrapeError::NotPrometheus);
    }
    Ok(found)
}

/// Whether a text declares metrics in Prometheus' format, with or without values.
fn names_metrics(text: &str) -> bool {
    text.lines().any(|line| ["# TYPE ", "# HELP ", "# EOF"].iter().any(|begin| line.starts_with(begin)))
}

/// An error with its causes.
fn with_causes(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) if source.to_string() != error.to_string() => {
            format!("{error}: {}", with_causes(source))
        }
        _ => error.to_string(),
    }
}

const ACCEPT: &str = "text/plain;version=0.0.4,application/openmetrics-text;q=0.5";
/// Maximum size of a response body.
const BODY_MAX: u64 = 16 << 20;
const SCRAPE_TIMEOUT: Duration = Duration::from_secs(5);
/// The interval between two readings of a server's sockets: what waits in them changes fast, and reading them costs it nothing.
const SOCKETS_INTERVAL: Duration = Duration::from_millis(100);
/// How long a run waits for the first scrape, from which increases are counted.
const FIRST_PATIENCE: Duration = Duration::from_secs(2);
/// How long to wait for a server to finish counting its requests.
const FLUSH_PERIOD: DurationNs = DurationNs::from_millis(2000);
const FLUSH_INTERVAL: Duration = Duration::from_millis(100);
