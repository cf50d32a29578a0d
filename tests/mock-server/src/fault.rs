//! The ways in which the server misbehaves on purpose, each with a name for `--fault` and `?fault=`.

use std::str::FromStr;

use crate::clock::DurationNs;

/// One way to misbehave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// A JSON error with this status.
    Status(u16),
    /// A TCP reset after this many events.
    Reset(u32),
    /// A clean close after this many events, without the end of the stream.
    Close(u32),
    /// Like `Close`, but only the writing half is closed; the connection stays until the client closes.
    ShutdownWrite(u32),
    /// Each byte of the response is its own write.
    Trickle,
    /// A header of 1 MiB.
    OversizedHead,
    /// A thousand headers.
    ManyHeaders,
    /// The first token's chunk has a size that is no number.
    BadChunk,
    /// The status line is not HTTP.
    BadStatusLine,
    /// Random bytes instead of a response.
    Garbage,
    /// An `event: error` after this many tokens.
    ErrorEvent(u32),
    /// A `data: {"error": ..}` after this many tokens.
    ErrorObject(u32),
    /// A `100 Continue` and a `103 Early Hints` before the response.
    Continue,
    /// Trailers after the last chunk.
    Trailers,
    /// `connection: close`, and a body that ends where the connection does.
    ConnectionClose,
    /// A stream with a content length instead of chunks.
    ContentLength,
    /// A redirect with this status.
    Redirect(u16),
    /// No answer.
    Never,
    /// The second half of the head is sent this much later than the first.
    SlowHead(DurationNs),
    /// The stream ends without `[DONE]`.
    NoDone,
    /// A `200 OK` with an empty body.
    Empty,
    /// No write is longer than this.
    Split(u32),
    /// `[DONE]` is sent this much later than the last event.
    LateDone(DurationNs),
    /// The connection is closed as soon as it is accepted.
    AcceptClose,
    /// The connection is closed after the whole answer, without a word of it.
    HangUp,
}

/// How one fault is spelled.
pub(crate) struct Spelling {
    /// The name.
    pub(crate) name: &'static str,
    /// The meaning of the argument, and its default value; `None` if the fault has no argument.
    pub(crate) argument: Option<(&'static str, u32)>,
    /// What the fault does, for `--help`.
    pub(crate) help: &'static str,
    make: fn(u32) -> Fault,
}

impl FromStr for Fault {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, given) = match text.split_once(':') {
            Some((name, argument)) => (name, Some(argument)),
            None => (text, None),
        };
        let spelling = SPELLINGS
            .iter()
            .find(|spelling| spelling.name == name)
            .ok_or_else(|| format!("unknown fault `{name}`"))?;
        let argument = match (spelling.argument, given) {
            (Some((_, default)), None) => default,
            (Some((unit, _)), Some(given)) => {
                given.parse().map_err(|error| format!("failed to read `{given}` as {unit}: {error}"))?
            }
            (None, None) => 0,
            (None, Some(_)) => return Err(format!("fault `{name}` has no argument")),
        };
        Ok((spelling.make)(argument))
    }
}

/// The list of faults for `--help`, one a line.
pub(crate) fn help() -> String {
    let mut text = String::from("Faults (for --fault, and for `?fault=` on one request):\n");
    for spelling in SPELLINGS {
        let name = match spelling.argument {
            Some((unit, default)) => format!("{}[:{unit}={default}]", spelling.name),
            None => spelling.name.to_owned(),
        };
        text.push_str(&format!("  {name:<28} {}\n", spelling.help));
    }
    text
}

/// Every fault, in the order of [`Fault`].
pub(crate) const SPELLINGS: &[Spelling] = &[
    spelling("status", Some(("STATUS", 503)), "a JSON error with this status", |n| Fault::Status(status(n))),
    spelling("reset", Some(("EVENTS", 1)), "a TCP reset after so many events", Fault::Reset),
    spelling(
        "close",
        Some(("EVENTS", 1)),
        "a clean close after so many events, stream cut short",
        Fault::Close,
    ),
    spelling(
        "shutdown-write",
        Some(("EVENTS", 1)),
        "as close, but reads on until the client closes",
        Fault::ShutdownWrite,
    ),
    spelling("trickle", None, "each byte is its own write", |_| Fault::Trickle),
    spelling("oversized-head", None, "a header of 1 MiB", |_| Fault::OversizedHead),
    spelling("many-headers", None, "a thousand headers", |_| Fault::ManyHeaders),
    spelling("bad-chunk", None, "a chunk size that is no number, then a close", |_| Fault::BadChunk),
    spelling("bad-status-line", None, "a status line that is not HTTP", |_| Fault::BadStatusLine),
    spelling("garbage", None, "random bytes instead of HTTP, then a close", |_| Fault::Garbage),
    spelling("error-event", Some(("TOKENS", 1)), "`event: error` after so many tokens", Fault::ErrorEvent),
    spelling(
        "error-object",
        Some(("TOKENS", 1)),
        "`data: {\"error\"..}` after so many tokens",
        Fault::ErrorObject,
    ),
    spelling("continue", None, "100 Continue and 103 Early Hints before the response", |_| Fault::Continue),
    spelling("trailers", None, "trailers after the last chunk", |_| Fault::Trailers),
    spelling("connection-close", None, "no chunks; the body ends where the connection does", |_| {
        Fault::ConnectionClose
    }),
    spelling("content-length", None, "no chunks; the stream has a content length", |_| Fault::ContentLength),
    spelling("redirect", Some(("STATUS", 302)), "a redirect", |n| Fault::Redirect(status(n))),
    spelling("never", None, "reads the request and never answers", |_| Fault::Never),
    spelling("slow-head", Some(("MS", 100)), "the head is sent in two halves, so far apart", |n| {
        Fault::SlowHead(DurationNs::from_millis(n.into()))
    }),
    spelling("no-done", None, "the stream ends without [DONE]", |_| Fault::NoDone),
    spelling("empty", None, "200 OK with an empty body", |_| Fault::Empty),
    spelling("split", Some(("BYTES", 7)), "no write is longer than so many bytes", Fault::Split),
    spelling("late-done", Some(("MS", 100)), "[DONE] is sent so much after the last event", |n| {
        Fault::LateDone(DurationNs::from_millis(n.into()))
    }),
    spelling("accept-close", None, "accepts and closes at once (in a query: closes unanswered)", |_| {
        Fault::AcceptClose
    }),
    spelling("hang-up", None, "closes after the whole answer, without a word of it", |_| Fault::HangUp),
];

const fn spelling(
    name: &'static str,
    argument: Option<(&'static str, u32)>,
    help: &'static str,
    make: fn(u32) -> Fault,
) -> Spelling {
    Spelling { name, argument, help, make }
}

/// A status line holds three digits, so that is what a status is.
fn status(number: u32) -> u16 {
    u16::try_from(number.clamp(100, 999)).expect("three digits fit")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<Fault, &str>) {
        assert_eq!(text.parse(), expected.map_err(str::to_owned), "fault `{text}`");
    }

    #[test]
    fn arguments_are_read_or_have_a_default() {
        check("status:429", Ok(Fault::Status(429)));
        check("status", Ok(Fault::Status(503)));
        check("reset:0", Ok(Fault::Reset(0)));
        check("late-done:5", Ok(Fault::LateDone(DurationNs::from_millis(5))));
        check("trickle", Ok(Fault::Trickle));
    }

    #[test]
    fn what_cannot_be_understood_is_refused() {
        check("explode", Err("unknown fault `explode`"));
        check("trickle:3", Err("fault `trickle` has no argument"));
        check("reset:x", Err("failed to read `x` as EVENTS: invalid digit found in string"));
    }

    #[test]
    fn every_spelling_is_a_fault_of_its_own() {
        let faults: Vec<Fault> = SPELLINGS
            .iter()
            .map(|spelling| spelling.name.parse().expect("a listed name is a fault"))
            .collect();
        for (index, fault) in faults.iter().enumerate() {
            assert!(!faults[..index].contains(fault), "{fault:?} is listed twice");
        }
    }
}
