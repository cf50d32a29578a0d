//! Bounds on everything a load generator stores, whatever a server sends, and counts by name of what exceeded them.
//!
//! ```text
//! one response    4 GiB on the wire; 524,288 events; 16 MiB of text; 64 MiB of a body that is parsed; 24 MiB of raw bytes
//!                 of a compressed one also: 256 MiB decoded, 16 MiB of window
//! all that are    open at once   512 MiB and 256 KiB for each connection, in the response parser; as much again of answers
//!                 in sessions' histories; 2 GiB of windows of compressed ones; 256 MiB and 64 KiB for each connection of
//!                 events that are not whole
//! the process     `RLIMIT_DATA`, by [`data_bytes`]: the backstop
//! ```

use spec::handshake::Setup;
use spec::{Input, Length, Plan};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! bounds {
    ($($(#[$doc:meta])* $case:ident = $name:literal;)*) => {
        /// A bound, by what is counted when it is exceeded.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Bound {$($(#[$doc])* $case,)*}

        /// Every bound, with its name in reports.
        pub const BOUNDS: &[(Bound, &str)] = &[$((Bound::$case, $name)),*];
    };
}

bounds! {
    /// Requests of whose responses something was left out.
    Requests = "requests_with_limits";
    /// Events with data that have no row: there were too many.
    Events = "events_over_limit";
    /// Bytes of responses that were not parsed or not kept for the raw export.
    ResponseBytes = "response_bytes_over_limit";
    /// Texts whose tokens were not counted: they are too long for the tokenizer.
    Texts = "texts_over_limit";
    /// Sessions that ended before their time: an answer was too long to go on with.
    Sessions = "sessions_over_limit";
    /// Responses that were dropped: too long, or too much of them was not whole.
    Responses = "responses_over_limit";
    /// Responses of jobs of which only the start was read.
    JobBytes = "job_bytes_over_limit";
    /// Watched connections that were not followed: there were too many, or too much of them was not whole.
    Watched = "watched_connections_over_limit";
    /// Answers whose first chunk claims all of their tokens although more followed, or that were one chunk: with
    /// `--per-chunk-usage` their gaps count it as one token.
    FirstChunks = "per_chunk_usage_unusable";
    /// Streams that succeeded without an end marker: perhaps they were cut off.
    Unfinished = "streams_without_finish_reason";
    /// Responses that were not decoded: too many were being decoded at once.
    Decoders = "coded_responses_over_limit";
    /// Bytes of a dead daemon's spool that are no records.
    SpoolBytes = "spool_bytes_unreadable";
    /// Requests of a dead daemon's spool whose start is not in it any more.
    Beginnings = "requests_without_beginning";
}

/// What exceeded which bound, counted by all threads.
#[derive(Debug, Default)]
pub struct Exceeded([AtomicU64; BOUNDS.len()]);

impl Exceeded {
    /// Counts what did not fit.
    #[cold]
    pub fn count(&self, bound: Bound, more: u64) {
        self.0[bound as usize].fetch_add(more, Ordering::Relaxed);
    }

    /// What was counted so far, by name; without what never happened.
    #[must_use]
    pub fn named(&self) -> BTreeMap<String, u64> {
        let counts =
            BOUNDS.iter().zip(&self.0).map(|((_, name), count)| (*name, count.load(Ordering::Relaxed)));
        counts.filter(|(_, count)| *count > 0).map(|(name, count)| (name.to_owned(), count)).collect()
    }
}

/// Bytes of private memory that a run may need: the sum of all bounds, the inputs many times, and room for what has none.
///
/// ```text
/// 5 GiB: programs, tokenizer, one text being tokenized, one body being parsed, windows of compressed responses
/// + 2 x open responses + 4 x answers of sessions + events that are not whole
/// + workers    x 768 MiB: 128 MiB of receive buffers, and requests that are ready
/// + connections x 1 MiB: TLS, requests that are being sent
/// + inputs     x 48
/// + synthetic prompts x 32 bytes a token, images x 16 bytes a pixel, audio x 32 bytes a sample
/// ```
#[must_use]
pub fn data_bytes(setup: &Setup, connections: u64, inputs: u64) -> u64 {
    let workers = setup.cpus.len() as u64;
    let open =
        open_bytes(connections).saturating_mul(2).saturating_add(answer_bytes(connections).saturating_mul(4));
    [
        (3 << 30) + DECODERS_BYTES_MAX as u64,
        open,
        partial_bytes(connections),
        workers.saturating_mul(768 << 20),
        connections.saturating_mul(1 << 20),
        inputs.saturating_mul(48),
        made_bytes(&setup.plan, inputs),
    ]
    .into_iter()
    .fold(0, u64::saturating_add)
}

/// Bytes of synthetic content, generously.
fn made_bytes(plan: &Plan, inputs: u64) -> u64 {
    let Input::Synthetic { entries, input_tokens, made, .. } = &plan.input else { return 0 };
    let most = |length: &Length| length.longest().max(1.0);
    let longest = made.pairs.iter().map(|pair| most(&pair.input)).fold(most(input_tokens), f64::max);
    let tokens = 2.0 * longest * f64::from(made.batch_size)
        + f64::from(made.prefix_tokens)
        + f64::from(made.user_context_tokens.unwrap_or(0))
        + f64::from(made.shared_system_tokens.unwrap_or(0));
    let passages = made.rankings.as_ref().map_or(0.0, |rankings| {
        most(&rankings.passages) * most(&rankings.passage_tokens) + most(&rankings.query_tokens)
    });
    let pixels = made
        .images
        .as_ref()
        .map_or(0.0, |images| f64::from(images.batch_size) * most(&images.width) * most(&images.height));
    let samples = made.audios.as_ref().map_or(0.0, |audios| {
        let rate = audios.sample_rates_hz.iter().copied().max().unwrap_or(48_000);
        f64::from(audios.batch_size) * most(&audios.seconds) * f64::from(rate)
    });
    // Uploaded images, audio clips and videos are in each conversation that shows them.
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    let uploaded = f64::from(made.videos.min(1)) * inputs as f64;
    let turn = 32.0 * (tokens + passages) + 16.0 * pixels + 32.0 * samples + uploaded + 4096.0;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a float cast saturates")]
    let bytes = (turn * most(&made.turns) * f64::from(*entries)) as u64;
    bytes
}

/// Bytes that the response parser holds of all open responses.
#[must_use]
pub const fn open_bytes(connections: u64) -> u64 {
    (512 << 20) + connections.saturating_mul(256 << 10)
}

/// Bytes of answers in sessions' histories, of a worker and of its composer each.
#[must_use]
pub const fn answer_bytes(connections: u64) -> u64 {
    (512 << 20) + connections.saturating_mul(256 << 10)
}

/// Bytes of heads and events that are not whole, of all connections of a worker.
#[must_use]
pub const fn partial_bytes(connections: u64) -> u64 {
    (256 << 20) + connections.saturating_mul(64 << 10)
}

/// Bytes of one response on the wire: a server that sends more is faulty.
pub const RESPONSE_BYTES_MAX: u64 = 4 << 30;
/// Bytes to which a compressed response may decode, and the largest window of `zstd` that browsers accept (RFC 9659).
pub const DECODED_BYTES_MAX: u64 = 256 << 20;
/// The logarithm of that window.
pub const ZSTD_WINDOW_LOG_MAX: u32 = 23;
/// Bytes of the windows of all responses that are being decoded.
pub const DECODERS_BYTES_MAX: usize = 2 << 30;
/// Events of one response that have a row. The last row is that of the last event, whatever their number.
pub const EVENTS_MAX: usize = 1 << 19;
/// Bytes of answer and reasoning of one response.
pub const TEXT_BYTES_MAX: usize = 16 << 20;
/// Bytes of a body that is no stream and is parsed.
pub const BODY_BYTES_MAX: usize = 64 << 20;
/// Bytes of one response that are kept for the raw export.
pub const RAW_BYTES_MAX: usize = 24 << 20;
/// Bytes of an error's message that a server sent within a stream.
pub const ERROR_BYTES_MAX: usize = 64 << 10;
/// Bytes of an error's type.
pub const ERROR_TYPE_BYTES_MAX: usize = 256;
/// Bytes of the histogram of draft tokens that a server reports.
pub const HISTOGRAM_BYTES_MAX: usize = 16 << 10;
/// Memory of responses that have ended, which the next ones use again.
pub const KEPT_BYTES_MAX: usize = 64 << 20;
/// Bytes of one response, as it arrived, from which a session's next turn is made.
pub const SESSION_RESPONSE_BYTES_MAX: usize = 64 << 20;
/// Bytes of one answer that later turns of its session are sent with.
pub const ANSWER_BYTES_MAX: usize = 1 << 20;
/// Bytes of a job's answer.
pub const JOB_BYTES_MAX: usize = 16 << 20;
/// Bytes of requests that are ready before they are due, of all workers; each has a few, however large.
pub const READY_BYTES_MAX: usize = 512 << 20;
/// Threads that no worker needs.
pub const OTHER_THREADS: u64 = 64;

/// The longest message of the response parser: everything of a request that has a bound of its own.
const LONGEST_MESSAGE: usize = EVENTS_MAX * 32
    + RAW_BYTES_MAX
    + crate::wire::http::HEAD_BYTES_MAX
    + crate::observe::BODY_BYTES_MAX
    + ERROR_BYTES_MAX
    + HISTOGRAM_BYTES_MAX
    + (64 << 10);
const _: () = assert!(
    LONGEST_MESSAGE <= common::reply_event::MESSAGE_BYTES_MAX as usize,
    "the daemon refuses longer messages"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_of_zero_are_not_reported() {
        let exceeded = Exceeded::default();
        assert!(exceeded.named().is_empty(), "nothing");
        exceeded.count(Bound::Events, 3);
        exceeded.count(Bound::Events, 4);
        let counts = exceeded.named().into_iter().collect::<Vec<_>>();
        assert_eq!(counts, [("events_over_limit".to_owned(), 7)], "by name");
        for (place, (bound, name)) in BOUNDS.iter().enumerate() {
            assert_eq!(*bound as usize, place, "{name}");
        }
    }
}
