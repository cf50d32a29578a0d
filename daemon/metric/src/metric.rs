//! What a metric is: its names, its units, when it applies, and the formula that makes it.

use crate::case::Case;
use crate::stats::Stat;
use crate::totals::Totals;
use crate::value::Value;

/// One metric: everything that any reader of its values needs to know.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// Its name wherever types end: JSON, Parquet, flags.
    pub tag: &'static str,
    /// Its name for people.
    pub header: &'static str,
    /// Its name where room is short.
    pub short: &'static str,
    /// The unit of the formula.
    pub unit: Unit,
    /// The unit in which it is shown and exported.
    pub display: Unit,
    /// Its place in the console table; those without one come last.
    pub order: Option<u32>,
    /// The console table that shows it.
    pub group: Group,
    /// When it applies and how it is treated.
    pub flags: Flags,
    /// How it comes about.
    pub kind: Kind,
    /// Who defined it.
    pub origin: Origin,
    /// What it says, with its formula, in a sentence.
    pub text: &'static str,
}

/// How a metric comes about.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// A number per request; its distribution is reported.
    Record(fn(&Case<'_>) -> Option<Value>),
    /// Numbers per request, made from its events; the distribution of all of them is reported.
    List(List),
    /// A number per request; the sum is reported.
    Sum(fn(&Case<'_>) -> Option<Value>),
    /// A number per request; the least is reported.
    Minimum(fn(&Case<'_>) -> Option<Value>),
    /// A number per request; the greatest is reported.
    Maximum(fn(&Case<'_>) -> Option<Value>),
    /// One number, made from the totals of others.
    Derived(fn(&Totals) -> Option<Value>),
    /// Made by an analysis of the whole run.
    Injected(Injected),
    /// Never there, and why.
    Absent(&'static str),
}

/// The metrics that have a number per event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum List {
    /// Gaps between reads of events with content.
    InterChunk,
    /// Gaps between arrivals of events with content.
    KernelInterChunk,
    /// Arrival to read, of every event.
    ReceiveOverhead,
}

/// The analyses of the whole run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Injected {
    /// The distribution of the metric with this tag, failed requests counted as never ending.
    Adjusted(&'static str),
    /// Time-weighted over the window.
    Sweep(Curve),
    /// Time-weighted over the parts of the window in which the phase is active.
    ActiveSweep(Curve),
    /// Over all requests, failed ones too: due to begin.
    DueToStart,
    /// Over all requests, failed ones too: due to end.
    DueToEnd,
    /// The round trip that is taken off latencies.
    NetworkRtt,
    /// The distribution of the metric with this tag, less that round trip.
    NetworkAdjusted(&'static str),
    /// A percentile of how late requests of a fixed schedule were, counted from the least late.
    ReplayLag(Stat),
    /// Whether that is too late.
    ReplayDegraded,
    /// From what was read of the GPUs.
    Gpu,
}

/// The quantities that a sweep over the run's time yields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is named after the metric that shows it")]
pub enum Curve {
    Concurrency,
    DecodeThroughput,
    PrefillThroughput,
    DecodeConcurrency,
    PrefillConcurrency,
    TotalThroughput,
    DecodeThroughputPerUser,
    PrefillThroughputPerUser,
    TokensInFlight,
}

/// Who defined a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// NVIDIA AIPerf 0.13.0: tag, unit and number are the same.
    Aiperf,
    /// This project.
    Ours,
}

/// The console tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// The main table.
    Main,
    /// Rates and concurrency over the whole window.
    Effective,
    /// Rates while the phase is active.
    Active,
    /// The server's own counts.
    Usage,
    /// Speculative decoding.
    SpecDecode,
    /// What the kernel saw.
    Kernel,
    /// What the client added.
    Client,
    /// Joules and watts of NVIDIA's GPUs.
    NvidiaEfficiency,
    /// The same of AMD's.
    AmdEfficiency,
    /// What the GPUs drew, by request, token and gap.
    Gpu,
    /// The stages of the HTTP exchange.
    HttpTrace,
    /// No table.
    Hidden,
}

/// Units, by the names that AIPerf writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is its name")]
pub enum Unit {
    Nanoseconds,
    Microseconds,
    Milliseconds,
    Seconds,
    Bytes,
    Kilobytes,
    Tokens,
    TokensPerSecond,
    TokensPerSecondPerUser,
    Images,
    Requests,
    RequestsPerSecond,
    Count,
    Ratio,
    ZeroOrOne,
    Percent,
    Events,
    Other(&'static str),
}

/// When a metric applies and how it is treated: AIPerf's flags by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flags(u32);

impl Flags {
    /// None.
    pub const NONE: Self = Self(0);
    /// Only of streamed answers.
    pub const STREAMING_ONLY: Self = Self(1);
    /// Only of failed requests.
    pub const ERROR_ONLY: Self = Self(1 << 1);
    /// Only where the endpoint answers with tokens.
    pub const PRODUCES_TOKENS_ONLY: Self = Self(1 << 2);
    /// More is better.
    pub const LARGER_IS_BETTER: Self = Self(1 << 4);
    /// Only where the endpoint takes audio.
    pub const SUPPORTS_AUDIO_ONLY: Self = Self(1 << 6);
    /// Only where the endpoint takes images.
    pub const SUPPORTS_IMAGE_ONLY: Self = Self(1 << 7);
    /// Computed, never exported: not settled yet.
    pub const EXPERIMENTAL: Self = Self(1 << 9);
    /// Only where the endpoint makes videos.
    pub const PRODUCES_VIDEO_ONLY: Self = Self(1 << 16);
    /// Computed, never exported.
    pub const INTERNAL: Self = Self(1 << 5);
    /// Only where the endpoint tells reasoning from answer.
    pub const SUPPORTS_REASONING: Self = Self(1 << 8);
    /// Only with thresholds given.
    pub const GOODPUT: Self = Self(1 << 10);
    /// Never in the per-request export.
    pub const NO_INDIVIDUAL_RECORDS: Self = Self(1 << 11);
    /// Only where the endpoint reads tokens.
    pub const TOKENIZES_INPUT_ONLY: Self = Self(1 << 12);
    /// Compares the server's counts with ours, so only where both exist.
    pub const USAGE_DIFF_ONLY: Self = Self(1 << 14);
    /// A stage of the HTTP exchange.
    pub const HTTP_TRACE_ONLY: Self = Self(1 << 15);
    /// Has a copy in which failed requests never end.
    pub const PERCENTILE_INCLUDES_FAILED_REQUESTS: Self = Self(1 << 17);
    /// Only with a fixed schedule.
    pub const FIXED_SCHEDULE_ONLY: Self = Self(1 << 18);
    /// Not in accuracy mode.
    pub const DISABLE_ON_ACCURACY: Self = Self(1 << 19);

    const NAMES: &[(Self, &str)] = &[
        (Self::STREAMING_ONLY, "STREAMING_ONLY"),
        (Self::ERROR_ONLY, "ERROR_ONLY"),
        (Self::PRODUCES_TOKENS_ONLY, "PRODUCES_TOKENS_ONLY"),
        (Self::LARGER_IS_BETTER, "LARGER_IS_BETTER"),
        (Self::INTERNAL, "INTERNAL"),
        (Self::SUPPORTS_REASONING, "SUPPORTS_REASONING"),
        (Self::SUPPORTS_AUDIO_ONLY, "SUPPORTS_AUDIO_ONLY"),
        (Self::SUPPORTS_IMAGE_ONLY, "SUPPORTS_IMAGE_ONLY"),
        (Self::EXPERIMENTAL, "EXPERIMENTAL"),
        (Self::PRODUCES_VIDEO_ONLY, "PRODUCES_VIDEO_ONLY"),
        (Self::GOODPUT, "GOODPUT"),
        (Self::NO_INDIVIDUAL_RECORDS, "NO_INDIVIDUAL_RECORDS"),
        (Self::TOKENIZES_INPUT_ONLY, "TOKENIZES_INPUT_ONLY"),
        (Self::USAGE_DIFF_ONLY, "USAGE_DIFF_ONLY"),
        (Self::HTTP_TRACE_ONLY, "HTTP_TRACE_ONLY"),
        (Self::PERCENTILE_INCLUDES_FAILED_REQUESTS, "PERCENTILE_INCLUDES_FAILED_REQUESTS"),
        (Self::FIXED_SCHEDULE_ONLY, "FIXED_SCHEDULE_ONLY"),
        (Self::DISABLE_ON_ACCURACY, "DISABLE_ON_ACCURACY"),
    ];

    /// These and those.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all of `other` are among them.
    #[must_use]
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Their names.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Self::NAMES.iter().filter(move |(flag, _)| self.has(*flag)).map(|(_, name)| *name)
    }
}

impl Unit {
    /// The unit's name in every export.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Nanoseconds => "ns",
            Self::Microseconds => "us",
            Self::Milliseconds => "ms",
            Self::Seconds => "sec",
            Self::Bytes => "B",
            Self::Kilobytes => "KB",
            Self::Tokens => "tokens",
            Self::TokensPerSecond => "tokens/sec",
            Self::TokensPerSecondPerUser => "tokens/sec/user",
            Self::Images => "images",
            Self::Requests => "requests",
            Self::RequestsPerSecond => "requests/sec",
            Self::Count => "count",
            Self::Ratio | Self::ZeroOrOne => "ratio",
            Self::Percent => "%",
            Self::Events => "events",
            Self::Other(name) => name,
        }
    }

    /// What a number in this unit is multiplied by to be in `other`; 1 where the two measure different things.
    const fn factor(self, other: Self) -> f64 {
        match (self, other) {
            (Self::Nanoseconds, Self::Microseconds) => 1e-3,
            (Self::Nanoseconds, Self::Milliseconds) => 1e-6,
            (Self::Nanoseconds, Self::Seconds) => 1e-9,
            (Self::Bytes, Self::Kilobytes) => 1.0 / 1024.0,
            (Self::Seconds, Self::Milliseconds) => 1e3,
            (Self::Milliseconds, Self::Seconds) => 1e-3,
            (Self::Microseconds, Self::Nanoseconds) => 1e3,
            (Self::Milliseconds, Self::Nanoseconds) => 1e6,
            (Self::Seconds, Self::Nanoseconds) => 1e9,
            (Self::Kilobytes, Self::Bytes) => 1024.0,
            _ => 1.0,
        }
    }
}

impl Metric {
    const fn new(tag: &'static str, header: &'static str, kind: Kind) -> Self {
        Self {
            tag,
            header,
            short: header,
            unit: Unit::Count,
            display: Unit::Count,
            order: None,
            group: Group::Main,
            flags: Flags::NONE,
            kind,
            origin: Origin::Aiperf,
            text: "",
        }
    }

    /// A metric with a number per request.
    pub(crate) const fn record(
        tag: &'static str,
        header: &'static str,
        formula: fn(&Case<'_>) -> Option<Value>,
    ) -> Self {
        Self::new(tag, header, Kind::Record(formula))
    }

    /// A metric with a number per event.
    pub(crate) const fn list(tag: &'static str, header: &'static str, list: List) -> Self {
        Self::new(tag, header, Kind::List(list))
    }

    /// A metric that is a sum over requests.
    pub(crate) const fn sum(
        tag: &'static str,
        header: &'static str,
        formula: fn(&Case<'_>) -> Option<Value>,
    ) -> Self {
        Self::new(tag, header, Kind::Sum(formula))
    }

    /// A metric that is made from totals.
    pub(crate) const fn derived(
        tag: &'static str,
        header: &'static str,
        formula: fn(&Totals) -> Option<Value>,
    ) -> Self {
        Self::new(tag, header, Kind::Derived(formula))
    }

    /// A metric that an analysis of the whole run yields.
    pub(crate) const fn injected(tag: &'static str, header: &'static str, injected: Injected) -> Self {
        Self::new(tag, header, Kind::Injected(injected))
    }

    /// A metric that has no value here.
    pub(crate) const fn absent(tag: &'static str, header: &'static str, why: &'static str) -> Self {
        Self::new(tag, header, Kind::Absent(why)).group(Group::Hidden)
    }

    /// Whether it is computed only for other metrics, and for whoever works on it.
    #[must_use]
    pub const fn is_hidden(&self) -> bool {
        self.flags.0 & (Flags::INTERNAL.0 | Flags::EXPERIMENTAL.0) != 0
    }

    pub(crate) const fn kind(self, kind: Kind) -> Self {
        Self { kind, ..self }
    }

    pub(crate) const fn short(self, short: &'static str) -> Self {
        Self { short, ..self }
    }

    pub(crate) const fn unit(self, unit: Unit) -> Self {
        Self { unit, display: unit, ..self }
    }

    /// Computed in one unit, shown in another.
    pub(crate) const fn shown(self, unit: Unit, display: Unit) -> Self {
        Self { unit, display, ..self }
    }

    /// A span: computed in nanoseconds, shown in milliseconds.
    pub(crate) const fn latency(self) -> Self {
        self.shown(Unit::Nanoseconds, Unit::Milliseconds)
    }

    pub(crate) const fn order(self, order: u32) -> Self {
        Self { order: Some(order), ..self }
    }

    pub(crate) const fn group(self, group: Group) -> Self {
        Self { group, ..self }
    }

    pub(crate) const fn flags(self, flags: Flags) -> Self {
        Self { flags, ..self }
    }

    pub(crate) const fn ours(self, group: Group) -> Self {
        Self { origin: Origin::Ours, group, ..self }
    }

    pub(crate) const fn text(self, text: &'static str) -> Self {
        Self { text, ..self }
    }

    /// A number of the formula, in the unit in which it is shown.
    #[must_use]
    pub fn shown_value(&self, value: Value) -> Option<Value> {
        Value::new(value.get() * self.display_factor())
    }

    /// What a number of the formula is multiplied by to be shown.
    #[must_use]
    pub const fn display_factor(&self) -> f64 {
        self.unit.factor(self.display)
    }

    /// What a shown number is multiplied by to be one of the formula.
    #[must_use]
    pub const fn inner_factor(&self) -> f64 {
        self.display.factor(self.unit)
    }

    /// Whether its numbers are whole and shown as such per request.
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        let counted = matches!(
            self.unit,
            Unit::Tokens
                | Unit::Requests
                | Unit::Count
                | Unit::Nanoseconds
                | Unit::Events
                | Unit::ZeroOrOne
                | Unit::Images
        );
        counted && self.unit.factor(self.display).to_bits() == 1.0_f64.to_bits()
    }
}
