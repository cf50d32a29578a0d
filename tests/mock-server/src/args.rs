//! The command line, and the plan that is made of it once.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;

use crate::clock::DurationNs;
use crate::fault::{self, Fault};
use crate::respond::{DataLines, LineEnd, Preamble, Style};
use crate::scheduler::Rules;
use crate::script::{Done, HeadAt, Script, Tokens, Usage, Writes};
use crate::server::Stall;
use crate::service::Service;

/// A scripted, OpenAI-compatible inference server that logs when it wrote what.
///
/// It responds to POST /v1/chat/completions and to other APIs on a fixed schedule and logs, on CLOCK_MONOTONIC, when each
/// event's last byte was written and where in the connection's response stream it ended. GET /mock/log returns that log,
/// POST /mock/quit saves it to --log and ends the server.
#[derive(Debug, Parser)]
#[command(version, args_override_self = true, after_help = fault::help())]
pub(crate) struct Args {
    /// The address to listen on.
    #[arg(long, default_value = "127.0.0.1", value_name = "ADDRESS")]
    host: IpAddr,

    /// The port to listen on; 0 lets the kernel choose. The first line on stdout is `listening on HOST:PORT`.
    #[arg(long, default_value_t = 0)]
    port: u16,

    /// A Unix socket to listen on too. Any user may connect to it.
    #[arg(long, value_name = "PATH")]
    unix: Option<PathBuf>,

    /// Listen with TLS too, with this PEM certificate, on a port of its own. The second line on stdout is then
    /// `listening with TLS on HOST:PORT`.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_certificate: Option<PathBuf>,

    /// The certificate's key, PEM.
    #[arg(long, value_name = "FILE", requires = "tls_certificate")]
    tls_key: Option<PathBuf>,

    /// The CPU to run on; any by default.
    #[arg(long, value_name = "CPU")]
    cpu: Option<usize>,

    /// From the moment a request has been read, or has got its slot, to its first token, in milliseconds.
    #[arg(long, default_value = "20", value_name = "MS", value_parser = milliseconds)]
    ttft_ms: DurationNs,

    /// From one token to the next, in milliseconds.
    #[arg(long, default_value = "5", value_name = "MS", value_parser = milliseconds)]
    gap_ms: DurationNs,

    /// Serve this many requests at a time; others wait, first come, first served. The server can then do COUNT requests in the
    /// time that one takes, however late its timers are. Nothing of a response is written before its first token. A client that
    /// closes its connection gives up its place.
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..), conflicts_with_all = ["jitter", "head_at", "role_lead_ms"])]
    slots: Option<u32>,

    /// How many requests may wait for a slot, any number by default; one more gets status 503.
    #[arg(long, value_name = "COUNT", requires = "slots")]
    queue_max: Option<usize>,

    /// How the time in a slot varies from request to request: constant, exponential or lognormal[:SIGMA=1]. Its mean is what
    /// --ttft-ms and --gap-ms make it.
    #[arg(long, default_value = "constant", value_name = "DISTRIBUTION", requires = "slots")]
    service: Service,

    /// By how much the gap between tokens grows with the share of slots that others have taken when the first token is due:
    /// gap * (1 + FRACTION * others / slots).
    #[arg(long, default_value = "0", value_name = "FRACTION", value_parser = slowdown, requires = "slots")]
    batch_slowdown: u64,

    /// Cache this many blocks of prompts (of 16 tokens of 4 bytes): the time to the first token shrinks by the share of the
    /// prompt that is cached, which the usage reports. POST /reset_prefix_cache empties the cache.
    #[arg(long, value_name = "BLOCKS", value_parser = clap::value_parser!(u32).range(1..))]
    prefix_cache: Option<u32>,

    /// How many tokens a response has if the request does not set it (`max_completion_tokens`, `max_tokens`); at least 1, at
    /// most 1048576.
    #[arg(long, default_value_t = 16, value_name = "COUNT")]
    tokens: u32,

    /// Send --tokens tokens whatever the request has as its maximum.
    #[arg(long)]
    ignore_max_tokens: bool,

    /// How many of the tokens, counted from the first, are `reasoning_content` (chat only).
    #[arg(long, default_value_t = 0, value_name = "COUNT")]
    reasoning_tokens: u32,

    /// How many token events share one write; they are due when the last of them is.
    #[arg(long, default_value_t = 1, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    events_per_write: u32,

    /// Write each event on its own even if several are due at one instant.
    #[arg(long)]
    separate_writes: bool,

    /// How far TTFT and gaps vary, evenly to both sides, as a fraction of themselves from 0 to 1.
    #[arg(long, default_value = "0", value_name = "FRACTION", value_parser = millionths)]
    jitter: u64,

    /// The seed of the random numbers of --jitter and --service; the same seed gives the same schedule.
    #[arg(long, default_value_t = 0, value_name = "NUMBER")]
    seed: u64,

    /// When the head of a stream is written.
    #[arg(long, value_enum, default_value_t = HeadAt::FirstToken, value_name = "WHEN")]
    head_at: HeadAt,

    /// How long the role chunk precedes the first token, in milliseconds.
    #[arg(long, default_value = "0", value_name = "MS", value_parser = milliseconds)]
    role_lead_ms: DurationNs,

    /// Leave out the role chunk.
    #[arg(long)]
    no_role_chunk: bool,

    /// Leave out `data: [DONE]`.
    #[arg(long)]
    no_done: bool,

    /// Whether a stream has a usage chunk; auto leaves it to `stream_options.include_usage`.
    #[arg(long, value_enum, default_value_t = Usage::Auto, value_name = "WHEN")]
    usage: Usage,

    /// Report drafted tokens in the usage chunk, as if every second one was right.
    #[arg(long)]
    drafts: bool,

    /// What ends a line of an event.
    #[arg(long, value_enum, default_value_t = LineEnd::Lf, value_name = "CHARACTERS")]
    line_end: LineEnd,

    /// Put a comment line (`: ping`) before each event.
    #[arg(long)]
    comments: bool,

    /// Split the data of each event into two `data:` lines.
    #[arg(long)]
    multi_line: bool,

    /// When the whole server starts to do nothing, in milliseconds after the first request.
    #[arg(long, default_value = "0", value_name = "MS", value_parser = milliseconds, requires = "stall_for_ms")]
    stall_at_ms: DurationNs,

    /// How long it then does nothing, in milliseconds; 0 for no stall.
    #[arg(long, default_value = "0", value_name = "MS", value_parser = milliseconds)]
    stall_for_ms: DurationNs,

    /// What goes wrong with inference requests; the faults are listed below.
    #[arg(long, value_name = "FAULT")]
    fault: Option<Fault>,

    /// It goes wrong with every n-th request (with accept-close, connection).
    #[arg(long, default_value_t = 1, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    fault_every: u64,

    /// Where the log is saved: when the server quits, at GET /mock/log, and when nothing happened for a second. A
    /// signal ends the server without another save.
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,

    /// How many events the log has room for (32 bytes each); the lines that do not fit are counted.
    #[arg(long, default_value_t = 20_000_000, value_name = "EVENTS")]
    log_limit: usize,

    /// Log each inference request's body, as text.
    #[arg(long)]
    log_bodies: bool,

    /// Quit, as at POST /mock/quit, when standard input ends.
    #[arg(long)]
    quit_on_stdin_eof: bool,
}

/// What the server is to do, checked.
#[derive(Debug)]
pub(crate) struct Plan {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// The Unix socket on which it listens too.
    pub(crate) unix: Option<PathBuf>,
    /// Certificate and key with which it listens too.
    pub(crate) tls: Option<(PathBuf, PathBuf)>,
    /// Where it runs.
    pub(crate) cpu: Option<usize>,
    /// What it does with requests.
    pub(crate) script: Script,
    /// Who has to wait, if anyone.
    pub(crate) rules: Option<Rules>,
    /// How many blocks of prompts it caches, if any.
    pub(crate) cache_blocks: Option<usize>,
    /// How it spells events.
    pub(crate) style: Style,
    /// When it does nothing.
    pub(crate) stall: Stall,
    /// Where it saves the log.
    pub(crate) log: Option<PathBuf>,
    /// How many events it keeps.
    pub(crate) log_limit: usize,
    /// Whether the end of standard input ends it.
    pub(crate) stdin: Stdin,
}

/// What the end of standard input means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stdin {
    /// Nothing.
    Ignored,
    /// The end of the server.
    EndsServer,
}

impl Args {
    /// Makes the plan.
    pub(crate) fn into_plan(self) -> Plan {
        let script = Script {
            ttft: self.ttft_ms,
            gap: self.gap_ms,
            tokens: if self.ignore_max_tokens {
                Tokens::Fixed(self.tokens)
            } else {
                Tokens::Requested(self.tokens)
            },
            reasoning_tokens: self.reasoning_tokens,
            events_per_write: self.events_per_write,
            writes: if self.separate_writes { Writes::Separate } else { Writes::Coalesced },
            jitter_millionths: self.jitter,
            service: self.service,
            seed: self.seed,
            role_lead: (!self.no_role_chunk).then_some(self.role_lead_ms),
            head_at: self.head_at,
            usage: self.usage,
            done: if self.no_done { Done::Left } else { Done::Sent },
            fault: self.fault,
            fault_every: self.fault_every,
            keeps_bodies: self.log_bodies,
        };
        let style = Style {
            line_end: self.line_end,
            preamble: if self.comments { Preamble::Comment } else { Preamble::None },
            data_lines: if self.multi_line { DataLines::Two } else { DataLines::One },
            drafts: self.drafts,
            reports_cached: self.prefix_cache.is_some(),
        };
        let rules = self.slots.map(|slots| Rules {
            slots,
            queue_max: self.queue_max,
            slowdown_millionths: self.batch_slowdown,
        });
        Plan {
            address: SocketAddr::new(self.host, self.port),
            unix: self.unix,
            tls: self.tls_certificate.zip(self.tls_key),
            cpu: self.cpu,
            script,
            rules,
            cache_blocks: self.prefix_cache.and_then(|blocks| blocks.try_into().ok()),
            style,
            stall: Stall::new(self.stall_at_ms, self.stall_for_ms),
            log: self.log,
            log_limit: self.log_limit,
            stdin: if self.quit_on_stdin_eof { Stdin::EndsServer } else { Stdin::Ignored },
        }
    }
}

fn milliseconds(text: &str) -> Result<DurationNs, String> {
    let milliseconds: f64 = text.parse().map_err(|error| format!("{error}"))?;
    if !(0.0..=MILLISECONDS_MAX).contains(&milliseconds) {
        return Err(format!("not between 0 and {MILLISECONDS_MAX}"));
    }
    let nanoseconds = Duration::from_secs_f64(milliseconds / 1e3).as_nanos();
    u64::try_from(nanoseconds).map(DurationNs).map_err(|error| error.to_string())
}

fn millionths(text: &str) -> Result<u64, String> {
    millionths_to(text, 1.0)
}

fn slowdown(text: &str) -> Result<u64, String> {
    millionths_to(text, SLOWDOWN_MAX)
}

fn millionths_to(text: &str, most: f64) -> Result<u64, String> {
    let fraction: f64 = text.parse().map_err(|error| format!("{error}"))?;
    if !(0.0..=most).contains(&fraction) {
        return Err(format!("not between 0 and {most}"));
    }
    // A duration is a decimal number with nine places; of seconds, the millionths are microseconds.
    u64::try_from(Duration::from_secs_f64(fraction).as_micros()).map_err(|error| error.to_string())
}

/// Slower than any batch makes a server.
const SLOWDOWN_MAX: f64 = 1000.0;

/// One day.
const MILLISECONDS_MAX: f64 = 86_400_000.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected_ns: Option<u64>) {
        assert_eq!(milliseconds(text).ok(), expected_ns.map(DurationNs), "{text} milliseconds");
    }

    #[test]
    fn milliseconds_may_be_fractions() {
        check("20", Some(20_000_000));
        check("0.05", Some(50_000));
        check("-1", None);
        check("nan", None);
        check("1e12", None);
    }

    #[test]
    fn the_flags_are_consistent() {
        use clap::CommandFactory as _;
        Args::command().debug_assert();
    }
}
