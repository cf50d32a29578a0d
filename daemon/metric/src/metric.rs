//! The type of a metric: its names, its units, when it applies, and its formula.

use crate::case::Case;
use crate::stats::Stat;
use crate::totals::Totals;
use crate::value::Value;

/// A metric: everything that any consumer of its values needs to know.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// Its name in JSON, Parquet and flags.
    pub tag: &'static str,
    /// Its display name.
    pub header: &'static str,
    /// Its short display name.
    pub short: &'static str,
    /// The unit of the formula.
    pub unit: Unit,
    /// The unit in which it is displayed and exported.
    pub display: Unit,
    /// Its position in the console table; metrics without one are last.
    pub order: Option<u32>,
    /// The console table that shows it.
    pub group: Group,
    /// When it applies and how it is treated.
    pub flags: Flags,
    /// How it is computed.
    pub kind: Kind,
    /// Who defined it.
    pub origin: Origin,
    /// Its description with the formula, in one sentence.
    pub text: &'static str,
}

/// How a metric is computed.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// A value per request; its distribution is reported.
    Record(fn(&Case<'_>) -> Option<Value>),
    /// Values per request, computed from its events; the distribution of all of them is reported.
    List(List),
    /// A value per request; the sum is reported.
    Sum(fn(&Case<'_>) -> Option<Value>),
    /// A value per request; the minimum is reported.
    Minimum(fn(&Case<'_>) -> Option<Value>),
    /// A value per request; the maximum is reported.
    Maximum(fn(&Case<'_>) -> Option<Value>),
    /// One value, computed from the totals of other metrics.
    Derived(fn(&Totals) -> Option<Value>),
    /// Computed by an analysis of the whole run.
    Injected(Injected),
    /// Never available, with the reason.
    Absent(&'static str),
}

/// The metrics with a value per event.
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
    /// The distribution of the metric with this tag, with failed requests counted as infinite.
    Adjusted(&'static str),
    /// Time-weighted over the window.
    TimeWeighted(Curve),
    /// Time-weighted over the parts of the window in which the phase is active.
    ActiveTimeWeighted(Curve),
    /// Over all requests including failed ones: release to start.
    DueToStart,
    /// Over all requests including failed ones: release to end.
    DueToEnd,
    /// The round trip that is subtracted from latencies.
    NetworkRtt,
    /// The distribution of the metric with this tag, minus that round trip.
    NetworkAdjusted(&'static str),
    /// A percentile of the lateness of requests of a fixed schedule, relative to the least late one.
    ReplayLag(Stat),
    /// Whether that lateness is too large.
    ReplayDegraded,
    /// From GPU telemetry.
    Gpu,
}

/// The curves over the run's time that time-weighted metrics use.
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
    /// NVIDIA AIPerf 0.13.0: tag, unit and value are the same.
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
    /// Kernel timestamps.
    Kernel,
    /// The client's overhead.
    Client,
    /// Joules and watts of NVIDIA's GPUs.
    NvidiaEfficiency,
    /// Joules and watts of AMD's GPUs.
    AmdEfficiency,
    /// GPU energy by request, token and gap.
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
    /// Only for streamed responses.
    pub const STREAMING_ONLY: Self = Self(1);
    /// Only for failed requests.
    pub const ERROR_ONLY: Self = Self(1 << 1);
    /// Only if the endpoint's responses contain tokens.
    pub const PRODUCES_TOKENS_ONLY: Self = Self(1 << 2);
    /// More is better.
    pub const LARGER_IS_BETTER: Self = Self(1 << 4);
    /// Only if the endpoint accepts audio.
    pub const SUPPORTS_AUDIO_ONLY: Self = Self(1 << 6);
    /// Only if the endpoint accepts images.
    pub const SUPPORTS_IMAGE_ONLY: Self = Self(1 << 7);
    /// Computed, never exported: not final yet.
    pub const EXPERIMENTAL: Self = Self(1 << 9);
    /// Only if the endpoint produces videos.
    pub const PRODUCES_VIDEO_ONLY: Self = Self(1 << 16);
    /// Computed, never exported.
    pub const INTERNAL: Self = Self(1 << 5);
    /// Only if the endpoint separates reasoning from the answer.
    pub const SUPPORTS_REASONING: Self = Self(1 << 8);
    /// Only if thresholds are given.
    pub const GOODPUT: Self = Self(1 << 10);
    /// Never in the per-request export.
    pub const NO_INDIVIDUAL_RECORDS: Self = Self(1 << 11);
    /// Only if the endpoint consumes tokens.
    pub const TOKENIZES_INPUT_ONLY: Self = Self(1 << 12);
    /// Compares the server's counts with ours, so only if both exist.
    pub const USAGE_DIFF_ONLY: Self = Self(1 << 14);
    /// A stage of the HTTP exchange.
    pub const HTTP_TRACE_ONLY: Self = Self(1 << 15);
    /// Has a copy in which failed requests count as infinite.
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

    /// The union of both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether it includes all of `other`.
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

    /// The factor from this unit to `other`; 1 if the two measure different quantities.
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

    /// A metric with a value per request.
    pub(crate) const fn record(
        tag: &'static str,
        header: &'static str,
        formula: fn(&Case<'_>) -> Option<Value>,
    ) -> Self {
        Self::new(tag, header, Kind::Record(formula))
    }

    /// A metric with a value per event.
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

    /// A metric computed from totals.
    pub(crate) const fn derived(
        tag: &'static str,
        header: &'static str,
        formula: fn(&Totals) -> Option<Value>,
    ) -> Self {
        Self::new(tag, header, Kind::Derived(formula))
    }

    /// A metric computed by an analysis of the whole run.
    pub(crate) const fn injected(tag: &'static str, header: &'static str, injected: Injected) -> Self {
        Self::new(tag, header, Kind::Injected(injected))
    }

    /// A metric that has no value here.
    pub(crate) const fn absent(tag: &'static str, header: &'static str, why: &'static str) -> Self {
        Self::new(tag, header, Kind::Absent(why)).group(Group::Hidden)
    }

    /// Whether it is computed only for other metrics and for development.
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

    /// Computed in one unit, displayed in another.
    pub(crate) const fn shown(self, unit: Unit, display: Unit) -> Self {
        Self { unit, display, ..self }
    }

    /// A duration: computed in nanoseconds, displayed in milliseconds.
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

    /// A value of the formula, in the displayed unit.
    #[must_use]
    pub fn shown_value(&self, value: Value) -> Option<Value> {
        Value::new(value.get() * self.display_factor())
    }

    /// The factor from the formula's unit to the displayed one.
    #[must_use]
    pub const fn display_factor(&self) -> f64 {
        self.unit.factor(self.display)
    }

    /// The factor from the displayed unit to the formula's.
    #[must_use]
    pub const fn inner_factor(&self) -> f64 {
        self.display.factor(self.unit)
    }

    /// Whether its values are integers, and displayed as such per request.
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
