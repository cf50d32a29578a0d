//! When each part of a response is due: the schedule that the server keeps to, as a function of flags and request.
//!
//! Nothing here reads a clock or touches bytes. A response is a list of runs, a run is one part repeated, and the
//! course of a response walks over them, write by write:
//!
//! ```text
//!   read          ttft - lead        ttft       gap         gap
//!    |----------------|----------------|---------|-----------|
//!                head + role        Token x (n - 1) ...     Last   Usage   Done
//! ```
//!
//! Head and role share a write, and so do tokens that are due at one instant. Where nothing has to wait at all,
//! the whole response is one write. `--separate-writes` lifts the latter two.

use crate::api::Api;
use crate::clock::{DurationNs, MonoNs};
use crate::fault::Fault;
use crate::log::Kind;
use crate::prefix_cache::Prompt;
use crate::random::Random;
use crate::request::Persistence;
use crate::service::Service;

/// The server's behaviour, checked.
#[derive(Clone, Debug)]
pub(crate) struct Script {
    /// From the request's last byte to the first token.
    pub(crate) ttft: DurationNs,
    /// From one token to the next.
    pub(crate) gap: DurationNs,
    /// How many tokens, and who decides.
    pub(crate) tokens: Tokens,
    /// How many of the tokens are reasoning.
    pub(crate) reasoning_tokens: u32,
    /// How many token events share one write.
    pub(crate) events_per_write: u32,
    /// Whether events that are due at one instant share a write.
    pub(crate) writes: Writes,
    /// How far `ttft` and `gap` vary, in millionths of themselves.
    pub(crate) jitter_millionths: u64,
    /// How times vary from request to request.
    pub(crate) service: Service,
    /// The seed of the random numbers.
    pub(crate) seed: u64,
    /// How long the role chunk precedes the first token; `None` for no role chunk.
    pub(crate) role_lead: Option<DurationNs>,
    /// When the head is written.
    pub(crate) head_at: HeadAt,
    /// Whether a stream ends with a usage chunk.
    pub(crate) usage: Usage,
    /// Whether a stream ends with `[DONE]`.
    pub(crate) done: Done,
    /// What goes wrong, if anything.
    pub(crate) fault: Option<Fault>,
    /// It goes wrong in every n-th request.
    pub(crate) fault_every: u64,
    /// Whether requests' bodies are logged.
    pub(crate) keeps_bodies: bool,
}

/// How many tokens a response has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tokens {
    /// The request's maximum; this many if it has none.
    Requested(u32),
    /// This many, whatever the request's maximum is.
    Fixed(u32),
}

/// Whether events that are due at one instant share a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Writes {
    /// They do.
    Coalesced,
    /// Each has its own.
    Separate,
}

/// When the head of a stream is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum HeadAt {
    /// As soon as the request has been read.
    Start,
    /// When the role chunk or, without one, the first token is due.
    FirstToken,
}

/// Whether a stream has a usage chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Usage {
    /// If the request has one.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Whether a stream ends with `[DONE]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Done {
    /// It does.
    Sent,
    /// It just ends.
    Left,
}

/// A request for an inference.
#[derive(Clone, Debug)]
pub(crate) struct Inference {
    /// The how-manieth request, from 1.
    pub(crate) number: u64,
    /// Its API.
    pub(crate) api: &'static Api,
    /// Whether it requests a stream.
    pub(crate) delivery: Delivery,
    /// Its maximum number of tokens.
    pub(crate) tokens_max: Option<u32>,
    /// Whether it requests the usage.
    pub(crate) include_usage: bool,
    /// How long its prompt is, and what the cache had of it.
    pub(crate) prompt: Prompt,
    /// How many inputs it has.
    pub(crate) inputs: u32,
    /// Whether the connection is to live on.
    pub(crate) persistence: Persistence,
    /// The fault that it selects.
    pub(crate) fault: Option<Fault>,
}

/// How a reply is delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// As server-sent events.
    Stream,
    /// As one JSON body.
    Whole,
}

/// One thing that a response is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Part {
    /// Responses of the 1xx kind.
    Interim,
    /// The first half of the head.
    HeadHalf,
    /// The second half of the head.
    HeadRest,
    /// The head.
    Head,
    /// The role chunk.
    Role,
    /// A reasoning token.
    Reasoning,
    /// A token.
    Token,
    /// The last token, with the finish reason.
    Last,
    /// The last token where it is a reasoning token.
    LastReasoning,
    /// An error in the midst of the stream.
    Error,
    /// A chunk with a malformed size.
    BrokenChunk,
    /// The usage chunk.
    Usage,
    /// `[DONE]` and the end of the body.
    Done,
    /// The end of the body without `[DONE]`.
    End,
    /// A whole body.
    Body,
    /// A whole body with an error, or garbage.
    ErrorBody,
}

/// One part, repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    /// The part.
    pub(crate) part: Part,
    /// How often it is sent; repeats are one gap apart.
    pub(crate) count: u32,
    /// How long after the previous part the first one is due.
    pub(crate) wait: Wait,
}

/// The time between one part and the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    /// None, and both share a write.
    Joined,
    /// This long.
    Exact(DurationNs),
    /// One gap between tokens, with its jitter.
    Gap,
}

/// What happens to the connection after the response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// It serves the next request.
    KeepAlive,
    /// It is closed.
    Close,
    /// It is reset.
    Reset,
    /// Its writing half is closed.
    ShutdownWrite,
    /// It is left as it is, and serves no more requests.
    Abandon,
}

/// The times of one response.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// To the first token.
    pub(crate) ttft: DurationNs,
    /// From one token to the next.
    pub(crate) gap: DurationNs,
}

/// The way of one response through its runs.
#[derive(Debug)]
pub(crate) struct Course {
    runs: Vec<Run>,
    ending: Ending,
    next_run: usize,
    repeats: u32,
    due: MonoNs,
    gaps: Gaps,
    events_per_write: u32,
    writes: Writes,
    at_once: bool,
}

impl Script {
    /// The fault of a request, if it has one.
    pub(crate) fn fault_of(&self, inference: &Inference) -> Option<Fault> {
        inference.fault.or_else(|| self.fault.filter(|_| inference.number.is_multiple_of(self.fault_every)))
    }

    /// How many tokens a request gets.
    pub(crate) fn tokens_of(&self, inference: &Inference) -> u32 {
        let tokens = match self.tokens {
            Tokens::Requested(default) => inference.tokens_max.unwrap_or(default),
            Tokens::Fixed(tokens) => tokens,
        };
        tokens.clamp(1, TOKENS_MAX)
    }

    /// The times of a request that nothing slows down: the part of the prompt that is cached takes no time.
    pub(crate) fn pace_of(&self, inference: &Inference) -> Pace {
        let factor = self.service.factor(Random::of(self.seed, inference.number));
        let Prompt { tokens, cached } = inference.prompt;
        // A prompt without tokens has none that are cached.
        let ttft = self.ttft.part(tokens.saturating_sub(cached).max(1), tokens.max(1));
        Pace { ttft: factor.of(ttft), gap: factor.of(self.gap) }
    }

    /// How long the whole response to a request takes.
    pub(crate) fn time_of_whole(&self, inference: &Inference, pace: Pace) -> DurationNs {
        let mut gaps = Gaps::new(self, pace, inference.number);
        let mut time = gaps.vary(pace.ttft);
        for _ in 1..self.tokens_of(inference) {
            time = time + gaps.next_gap();
        }
        time
    }
}

impl Course {
    /// Plans the response to an inference request whose times count from `begin`.
    pub(crate) fn plan(script: &Script, inference: &Inference, pace: Pace, begin: MonoNs) -> Self {
        let fault = script.fault_of(inference);
        let mut gaps = Gaps::new(script, pace, inference.number);
        let mut runs = Vec::with_capacity(8);
        match (short_of(fault), inference.delivery) {
            (Some(parts), _) => runs.extend_from_slice(parts),
            (None, Delivery::Stream) => {
                let ttft = gaps.vary(pace.ttft);
                plan_stream(script, inference, fault, ttft, &mut runs);
            }
            (None, Delivery::Whole) => plan_whole(script, inference, pace, &mut runs),
        }
        let ending = bend(&mut runs, fault, inference.persistence);
        let mut course = Self {
            runs,
            ending,
            next_run: 0,
            repeats: 0,
            due: begin,
            gaps,
            events_per_write: script.events_per_write,
            writes: script.writes,
            at_once: false,
        };
        course.at_once = script.writes == Writes::Coalesced && course.waits_for_nothing();
        course
    }

    /// A reply that is due at once: a head and a body.
    pub(crate) fn reply(body: Part, persistence: Persistence, read: MonoNs) -> Self {
        Self {
            runs: vec![once(Part::Head, Wait::Exact(DurationNs::ZERO)), once(body, Wait::Joined)],
            ending: Ending::after(persistence),
            next_run: 0,
            repeats: 0,
            due: read,
            gaps: Gaps::default(),
            events_per_write: 1,
            writes: Writes::Coalesced,
            at_once: true,
        }
    }

    /// The same, and then the connection ends whatever its persistence was.
    pub(crate) fn hanging_up(self) -> Self {
        Self { ending: Ending::Close, ..self }
    }

    /// What the response is made of.
    pub(crate) fn runs(&self) -> &[Run] {
        &self.runs
    }

    /// What happens after it.
    pub(crate) fn ending(&self) -> Ending {
        self.ending
    }

    /// Replaces `parts` by what the next write contains, and returns when that is due; `None` when all is written.
    pub(crate) fn next_write(&mut self, parts: &mut Vec<Part>) -> Option<MonoNs> {
        parts.clear();
        let (first, _) = self.peek()?;
        self.advance(parts);
        let mut tokens = u32::from(first.is_token());
        while let Some((part, wait)) = self.peek() {
            let joins_tokens = tokens > 0
                && part.is_token()
                && (tokens < self.events_per_write
                    || (self.writes == Writes::Coalesced && self.is_nothing(wait)));
            if !(self.at_once || wait == Wait::Joined || joins_tokens) {
                break;
            }
            self.advance(parts);
            tokens += u32::from(part.is_token());
        }
        Some(self.due)
    }

    fn peek(&self) -> Option<(Part, Wait)> {
        let run = self.runs.get(self.next_run)?;
        Some((run.part, if self.repeats == 0 { run.wait } else { Wait::Gap }))
    }

    fn advance(&mut self, parts: &mut Vec<Part>) {
        let Some((part, wait)) = self.peek() else {
            return;
        };
        let span = match wait {
            Wait::Joined => DurationNs::ZERO,
            Wait::Exact(span) => span,
            Wait::Gap => self.gaps.next_gap(),
        };
        self.due = self.due + span;
        parts.push(part);
        self.repeats += 1;
        if self.repeats == self.runs[self.next_run].count {
            self.next_run += 1;
            self.repeats = 0;
        }
    }

    fn is_nothing(&self, wait: Wait) -> bool {
        match wait {
            Wait::Joined => true,
            Wait::Exact(span) => span == DurationNs::ZERO,
            Wait::Gap => self.gaps.gap == DurationNs::ZERO,
        }
    }

    fn waits_for_nothing(&self) -> bool {
        self.runs
            .iter()
            .all(|run| self.is_nothing(run.wait) && (run.count == 1 || self.is_nothing(Wait::Gap)))
    }
}

impl Part {
    /// How many kinds of parts there are.
    pub(crate) const COUNT: usize = Self::ErrorBody as usize + 1;

    /// What the log calls it; none for bytes that are not an event.
    pub(crate) const fn kind(self) -> Option<Kind> {
        match self {
            Self::Interim | Self::HeadHalf | Self::End => None,
            Self::Head | Self::HeadRest => Some(Kind::Head),
            Self::Role => Some(Kind::Role),
            Self::Reasoning | Self::Token | Self::Last | Self::LastReasoning => Some(Kind::Token),
            Self::Usage => Some(Kind::Usage),
            Self::Done => Some(Kind::Done),
            Self::Body => Some(Kind::Body),
            Self::Error | Self::BrokenChunk | Self::ErrorBody => Some(Kind::Error),
        }
    }

    /// Whether it is a token.
    pub(crate) fn is_token(self) -> bool {
        self.kind() == Some(Kind::Token)
    }

    /// Whether it is in the response's body.
    pub(crate) fn is_body(self) -> bool {
        !matches!(self, Self::Interim | Self::HeadHalf | Self::HeadRest | Self::Head)
    }

    /// Whether faults that come after so many events count it.
    fn is_event(self) -> bool {
        !matches!(self.kind(), None | Some(Kind::Head))
    }
}

impl Ending {
    fn after(persistence: Persistence) -> Self {
        match persistence {
            Persistence::KeepAlive => Self::KeepAlive,
            Persistence::Close => Self::Close,
        }
    }
}

/// The runs of responses that are cut so short that neither tokens nor their times matter.
fn short_of(fault: Option<Fault>) -> Option<&'static [Run]> {
    const NOW: Wait = Wait::Exact(DurationNs::ZERO);
    match fault? {
        Fault::Never | Fault::AcceptClose => Some(&[]),
        Fault::Garbage => Some(const { &[once(Part::ErrorBody, NOW)] }),
        Fault::Status(_) => Some(const { &[once(Part::Head, NOW), once(Part::ErrorBody, Wait::Joined)] }),
        Fault::Redirect(_) | Fault::Empty => Some(const { &[once(Part::Head, NOW)] }),
        _ => None,
    }
}

fn plan_stream(
    script: &Script,
    inference: &Inference,
    fault: Option<Fault>,
    ttft: DurationNs,
    runs: &mut Vec<Run>,
) {
    let role_lead = script.role_lead.filter(|_| inference.api.has(Part::Role));
    let lead = DurationNs(role_lead.unwrap_or_default().0.min(ttft.0));
    let before_lead = Wait::Exact(ttft.minus(lead));
    let mut first_wait = Wait::Exact(lead);
    match (script.head_at, role_lead) {
        (HeadAt::FirstToken, None) => runs.push(once(Part::Head, before_lead)),
        (HeadAt::FirstToken, Some(_)) => {
            runs.extend([once(Part::Head, before_lead), once(Part::Role, Wait::Joined)]);
        }
        (HeadAt::Start, None) => {
            runs.push(once(Part::Head, Wait::Exact(DurationNs::ZERO)));
            first_wait = before_lead;
        }
        (HeadAt::Start, Some(_)) => {
            runs.extend([once(Part::Head, Wait::Exact(DurationNs::ZERO)), once(Part::Role, before_lead)]);
        }
    }
    plan_tokens(script, inference, fault, first_wait, runs);
    let sends_usage = match script.usage {
        Usage::Auto => inference.include_usage || inference.api.always_reports_usage,
        Usage::Always => true,
        Usage::Never => false,
    };
    let sends_usage = sends_usage && inference.api.has(Part::Usage);
    let failed = matches!(fault, Some(Fault::ErrorEvent(_) | Fault::ErrorObject(_)));
    if sends_usage && !failed {
        runs.push(once(Part::Usage, Wait::Exact(DurationNs::ZERO)));
    }
    match (script.done, fault) {
        (Done::Sent, _) if !inference.api.has(Part::Done) => runs.push(once(Part::End, Wait::Joined)),
        (Done::Left, _) | (_, Some(Fault::NoDone)) => runs.push(once(Part::End, Wait::Joined)),
        (Done::Sent, Some(Fault::LateDone(late))) => runs.push(once(Part::Done, Wait::Exact(late))),
        (Done::Sent, _) => runs.push(once(Part::Done, Wait::Exact(DurationNs::ZERO))),
    }
}

fn plan_tokens(
    script: &Script,
    inference: &Inference,
    fault: Option<Fault>,
    first_wait: Wait,
    runs: &mut Vec<Run>,
) {
    let tokens = script.tokens_of(inference);
    let reasoning = if inference.api.has(Part::Reasoning) { script.reasoning_tokens } else { 0 };
    let is_all_reasoning = reasoning >= tokens && inference.api.has(Part::LastReasoning);
    let last = if is_all_reasoning { Part::LastReasoning } else { Part::Last };
    let reasoning = reasoning.min(tokens - 1);
    let mut wait = first_wait;
    let mut push = |part, count| {
        if count > 0 {
            runs.push(Run { part, count, wait });
            wait = Wait::Gap;
        }
    };
    if let Some(Fault::ErrorEvent(after) | Fault::ErrorObject(after)) = fault {
        let after = after.min(tokens - 1);
        push(Part::Reasoning, reasoning.min(after));
        push(Part::Token, after - reasoning.min(after));
        push(Part::Error, 1);
    } else {
        push(Part::Reasoning, reasoning);
        push(Part::Token, tokens - 1 - reasoning);
        push(last, 1);
    }
}

fn plan_whole(script: &Script, inference: &Inference, pace: Pace, runs: &mut Vec<Run>) {
    let due = if inference.api.is_job { DurationNs::ZERO } else { script.time_of_whole(inference, pace) };
    runs.extend([once(Part::Head, Wait::Exact(due)), once(Part::Body, Wait::Joined)]);
}

/// Adapts the runs to the fault, and returns what happens to the connection in the end.
fn bend(runs: &mut Vec<Run>, fault: Option<Fault>, persistence: Persistence) -> Ending {
    match fault {
        Some(Fault::Reset(after)) => {
            cut_after_events(runs, after);
            Ending::Reset
        }
        Some(Fault::Close(after)) => {
            cut_after_events(runs, after);
            Ending::Close
        }
        Some(Fault::ShutdownWrite(after)) => {
            cut_after_events(runs, after);
            Ending::ShutdownWrite
        }
        Some(Fault::Continue) => {
            runs.insert(0, once(Part::Interim, Wait::Exact(DurationNs::ZERO)));
            Ending::after(persistence)
        }
        Some(Fault::SlowHead(apart)) => {
            if let Some(head) = runs.iter().position(|run| run.part == Part::Head) {
                runs.insert(head, Run { part: Part::HeadHalf, ..runs[head] });
                runs[head + 1] = once(Part::HeadRest, Wait::Exact(apart));
            }
            Ending::after(persistence)
        }
        Some(Fault::BadChunk) => {
            if let Some(at) = runs.iter().position(|run| run.part.is_token() || run.part == Part::Body) {
                runs[at] = Run { part: Part::BrokenChunk, count: 1, ..runs[at] };
                runs.truncate(at + 1);
            }
            Ending::Close
        }
        Some(Fault::Never) => Ending::Abandon,
        Some(
            Fault::ConnectionClose
            | Fault::AcceptClose
            | Fault::Garbage
            | Fault::BadStatusLine
            | Fault::HangUp,
        ) => Ending::Close,
        _ => Ending::after(persistence),
    }
}

/// Keeps the first `limit` events and what precedes the next one.
fn cut_after_events(runs: &mut Vec<Run>, limit: u32) {
    let mut left = limit;
    for index in 0..runs.len() {
        if !runs[index].part.is_event() {
            continue;
        }
        if runs[index].count > left {
            runs[index].count = left;
            runs.truncate(if left == 0 { index } else { index + 1 });
            return;
        }
        left -= runs[index].count;
    }
}

const fn once(part: Part, wait: Wait) -> Run {
    Run { part, count: 1, wait }
}

/// The gaps between tokens, each with its jitter.
#[derive(Clone, Copy, Debug, Default)]
struct Gaps {
    gap: DurationNs,
    jitter_millionths: u64,
    random: Random,
}

impl Gaps {
    fn new(script: &Script, pace: Pace, number: u64) -> Self {
        Self {
            gap: pace.gap,
            jitter_millionths: script.jitter_millionths,
            random: Random::of(script.seed, number),
        }
    }

    fn next_gap(&mut self) -> DurationNs {
        self.vary(self.gap)
    }

    /// The span, or one that is drawn evenly from the spans around it.
    fn vary(&mut self, span: DurationNs) -> DurationNs {
        let most = span.part(self.jitter_millionths, 1_000_000).0.min(span.0);
        if most == 0 {
            return span;
        }
        DurationNs(span.0 - most + self.random.next() % (2 * most + 1))
    }
}

/// More tokens than any response needs; a request may have a far higher maximum.
const TOKENS_MAX: u32 = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::APIS;

    /// 20 ms to the first token, 5 ms between tokens, no jitter, no fault.
    fn script() -> Script {
        Script {
            ttft: DurationNs::from_millis(20),
            gap: DurationNs::from_millis(5),
            tokens: Tokens::Requested(3),
            reasoning_tokens: 0,
            events_per_write: 1,
            writes: Writes::Coalesced,
            jitter_millionths: 0,
            service: Service::Constant,
            seed: 0,
            role_lead: Some(DurationNs::ZERO),
            head_at: HeadAt::FirstToken,
            usage: Usage::Auto,
            done: Done::Sent,
            fault: None,
            fault_every: 1,
            keeps_bodies: false,
        }
    }

    /// A streamed chat for as many tokens as the script has.
    fn inference() -> Inference {
        Inference {
            number: 1,
            api: &APIS[0],
            delivery: Delivery::Stream,
            tokens_max: None,
            include_usage: false,
            prompt: Prompt { tokens: 8, cached: 0 },
            inputs: 1,
            persistence: Persistence::KeepAlive,
            fault: None,
        }
    }

    fn writes(script: &Script, inference: &Inference) -> Vec<(MonoNs, Vec<Part>)> {
        let mut course = Course::plan(script, inference, script.pace_of(inference), MonoNs(0));
        let mut parts = Vec::new();
        let mut writes = Vec::new();
        while let Some(due) = course.next_write(&mut parts) {
            writes.push((due, parts.clone()));
        }
        writes
    }

    /// Compares the writes, each as its due time in milliseconds and its parts, and then the ending.
    #[track_caller]
    fn check(script: &Script, inference: &Inference, expected: &str) {
        let mut text = String::new();
        for (due, parts) in writes(script, inference) {
            let parts: Vec<String> = parts.iter().map(|part| format!("{part:?}")).collect();
            text.push_str(&format!("{} {} | ", due.0 / 1_000_000, parts.join("+")));
        }
        let course = Course::plan(script, inference, script.pace_of(inference), MonoNs(0));
        text.push_str(&format!("{:?}", course.ending()));
        assert_eq!(text, expected, "the writes of {inference:?}");
    }

    #[track_caller]
    fn check_fault(fault: Fault, expected: &str) {
        check(&script(), &Inference { fault: Some(fault), ..inference() }, expected);
    }

    #[test]
    fn head_and_role_share_a_write_and_all_else_has_its_own() {
        check(&script(), &inference(), "20 Head+Role | 20 Token | 25 Token | 30 Last | 30 Done | KeepAlive");
        let completions = Inference { api: &APIS[1], ..inference() };
        check(&script(), &completions, "20 Head | 20 Token | 25 Token | 30 Last | 30 Done | KeepAlive");
        let responses = Inference { api: Api::at("/v1/responses").expect("an API"), ..inference() };
        check(
            &script(),
            &responses,
            "20 Head+Role | 20 Token | 25 Token | 30 Last | 30 Usage+End | KeepAlive",
        );
    }

    #[test]
    fn head_and_role_are_sent_when_scripted() {
        let lead =
            Script { role_lead: Some(DurationNs::from_millis(8)), tokens: Tokens::Fixed(1), ..script() };
        check(&lead, &inference(), "12 Head+Role | 20 Last | 20 Done | KeepAlive");
        let start = Script { head_at: HeadAt::Start, ..lead.clone() };
        check(&start, &inference(), "0 Head | 12 Role | 20 Last | 20 Done | KeepAlive");
        let no_role = Script { role_lead: None, ..start };
        check(&no_role, &inference(), "0 Head | 20 Last | 20 Done | KeepAlive");
        let long_lead = Script { role_lead: Some(DurationNs::from_millis(80)), ..lead };
        check(&long_lead, &inference(), "0 Head+Role | 20 Last | 20 Done | KeepAlive");
    }

    #[test]
    fn what_need_not_wait_is_one_write_by_default() {
        let at_once = Script { ttft: DurationNs::ZERO, gap: DurationNs::ZERO, ..script() };
        check(&at_once, &inference(), "0 Head+Role+Token+Token+Last+Done | KeepAlive");
        let separate = Script { writes: Writes::Separate, ..at_once };
        check(&separate, &inference(), "0 Head+Role | 0 Token | 0 Token | 0 Last | 0 Done | KeepAlive");
        let burst = Script { gap: DurationNs::ZERO, ..script() };
        check(&burst, &inference(), "20 Head+Role | 20 Token+Token+Last | 20 Done | KeepAlive");
    }

    #[test]
    fn tokens_that_share_a_write_are_due_with_the_last_of_them() {
        let two = Script { events_per_write: 2, ..script() };
        check(&two, &inference(), "20 Head+Role | 25 Token+Token | 30 Last | 30 Done | KeepAlive");
        let many = Script { events_per_write: 9, ..script() };
        check(&many, &inference(), "20 Head+Role | 30 Token+Token+Last | 30 Done | KeepAlive");
    }

    #[test]
    fn the_request_or_the_script_decides_how_many_tokens_there_are() {
        let one = Inference { tokens_max: Some(1), include_usage: true, ..inference() };
        check(&script(), &one, "20 Head+Role | 20 Last | 20 Usage | 20 Done | KeepAlive");
        let fixed = Script { tokens: Tokens::Fixed(2), usage: Usage::Never, done: Done::Left, ..script() };
        check(&fixed, &one, "20 Head+Role | 20 Token | 25 Last+End | KeepAlive");
        let none = Inference { tokens_max: Some(0), persistence: Persistence::Close, ..inference() };
        check(&script(), &none, "20 Head+Role | 20 Last | 20 Done | Close");
    }

    #[test]
    fn the_first_tokens_are_reasoning() {
        let some = Script { reasoning_tokens: 1, ..script() };
        check(&some, &inference(), "20 Head+Role | 20 Reasoning | 25 Token | 30 Last | 30 Done | KeepAlive");
        let all = Script { reasoning_tokens: 3, ..script() };
        check(
            &all,
            &inference(),
            "20 Head+Role | 20 Reasoning | 25 Reasoning | 30 LastReasoning | 30 Done | KeepAlive",
        );
    }

    #[test]
    fn a_whole_reply_is_sent_when_its_last_token_would_be() {
        check(&script(), &Inference { delivery: Delivery::Whole, ..inference() }, "30 Head+Body | KeepAlive");
    }

    #[test]
    fn what_is_cached_takes_no_time() {
        let half = Inference { prompt: Prompt { tokens: 8, cached: 4 }, ..inference() };
        check(&script(), &half, "10 Head+Role | 10 Token | 15 Token | 20 Last | 20 Done | KeepAlive");
        let empty = Inference { prompt: Prompt { tokens: 0, cached: 0 }, ..inference() };
        check(&script(), &empty, "20 Head+Role | 20 Token | 25 Token | 30 Last | 30 Done | KeepAlive");
    }

    #[test]
    fn a_stream_is_cut_after_so_many_events() {
        check_fault(Fault::Reset(0), "20 Head | Reset");
        check_fault(Fault::Close(1), "20 Head+Role | Close");
        check_fault(Fault::ShutdownWrite(3), "20 Head+Role | 20 Token | 25 Token | ShutdownWrite");
        check_fault(Fault::Close(9), "20 Head+Role | 20 Token | 25 Token | 30 Last | 30 Done | Close");
    }

    #[test]
    fn faults_bend_the_course() {
        check_fault(Fault::Status(503), "0 Head+ErrorBody | KeepAlive");
        check_fault(Fault::Never, "Abandon");
        check_fault(Fault::AcceptClose, "Close");
        check_fault(Fault::Garbage, "0 ErrorBody | Close");
        check_fault(Fault::BadChunk, "20 Head+Role | 20 BrokenChunk | Close");
        check_fault(Fault::ErrorEvent(0), "20 Head+Role | 20 Error | 20 Done | KeepAlive");
        check_fault(Fault::ErrorObject(1), "20 Head+Role | 20 Token | 25 Error | 25 Done | KeepAlive");
        check_fault(
            Fault::SlowHead(DurationNs::from_millis(7)),
            "20 HeadHalf | 27 HeadRest+Role | 27 Token | 32 Token | 37 Last | 37 Done | KeepAlive",
        );
        check_fault(
            Fault::LateDone(DurationNs::from_millis(7)),
            "20 Head+Role | 20 Token | 25 Token | 30 Last | 37 Done | KeepAlive",
        );
        check_fault(
            Fault::Continue,
            "0 Interim | 20 Head+Role | 20 Token | 25 Token | 30 Last | 30 Done | KeepAlive",
        );
    }

    #[test]
    fn a_fault_may_hit_only_some_requests() {
        let third = Script { fault: Some(Fault::Empty), fault_every: 3, ..script() };
        for number in 1..10 {
            let fault = third.fault_of(&Inference { number, ..inference() });
            assert_eq!(fault.is_some(), number % 3 == 0, "request {number} has fault {fault:?}");
        }
    }

    #[test]
    fn jitter_stays_in_its_bounds_and_follows_the_seed() {
        let jitter = Script { jitter_millionths: 100_000, tokens: Tokens::Fixed(1000), ..script() };
        let first = writes(&jitter, &inference());
        assert_eq!(first, writes(&jitter, &inference()), "the same seed makes the same schedule");
        let other = Script { seed: 1, ..jitter.clone() };
        assert_ne!(first, writes(&other, &inference()), "another seed makes another schedule");
        assert_ne!(
            first,
            writes(&jitter, &Inference { number: 2, ..inference() }),
            "so does another request"
        );
        let tokens: Vec<MonoNs> =
            first.iter().filter(|(_, parts)| parts[0].is_token()).map(|(due, _)| *due).collect();
        assert_eq!(tokens.len(), 1000, "each token has its write");
        for pair in tokens.windows(2) {
            let gap = pair[0].until(pair[1]).0;
            assert!((4_500_000..=5_500_000).contains(&gap), "a gap of {gap} ns");
        }
    }
}
