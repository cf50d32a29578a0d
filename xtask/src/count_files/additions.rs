//! What is added to count its files: one thing of each kind, which does nothing, by the steps of its recipe.

/// Something that is added.
pub(super) struct Addition {
    /// What it is.
    pub(super) kind: &'static str,
    /// The recipe that it follows.
    pub(super) recipe: &'static str,
    /// The most files that it may touch.
    pub(super) most: usize,
    /// What is done.
    pub(super) steps: &'static [Step],
}

/// A change of one file.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// A file is copied, and words in it are replaced.
    Copy {
        /// The file that is copied.
        from: &'static str,
        /// The new file.
        to: &'static str,
        /// Words, and what stands in their place.
        replaced: &'static [(&'static str, &'static str)],
    },
    /// A file is written.
    Write {
        /// The new file.
        to: &'static str,
        /// Its text.
        text: &'static str,
    },
    /// A text in a file is replaced, where it is first.
    Replace {
        /// The file.
        file: &'static str,
        /// The text.
        from: &'static str,
        /// What stands in its place.
        to: &'static str,
    },
    /// Lines are added.
    After {
        /// The file that they are added to.
        file: &'static str,
        /// The line that they follow.
        anchor: &'static str,
        /// The lines.
        lines: &'static [&'static str],
    },
}

impl Step {
    /// The file that it touches.
    pub(super) const fn file(&self) -> &'static str {
        match self {
            Self::Copy { to, .. } | Self::Write { to, .. } => to,
            Self::Replace { file, .. } | Self::After { file, .. } => file,
        }
    }

    /// The files that it reads or touches.
    #[cfg(test)]
    pub(super) fn files(&self) -> impl Iterator<Item = &'static str> + use<> {
        let from = if let Self::Copy { from, .. } = self { Some(*from) } else { None };
        from.into_iter().chain([self.file()])
    }
}

/// Every kind, with the most files that one of it may touch.
pub(super) const ADDITIONS: &[Addition] = &[
    Addition { kind: "endpoint", recipe: "docs/recipes/endpoint.md", most: 2, steps: ENDPOINT },
    Addition { kind: "shape", recipe: "docs/recipes/shape.md", most: 5, steps: SHAPE },
    Addition { kind: "dataset format", recipe: "docs/recipes/format.md", most: 4, steps: FORMAT },
    Addition { kind: "sink", recipe: "docs/recipes/sink.md", most: 5, steps: SINK },
    Addition { kind: "observer", recipe: "docs/recipes/observer.md", most: 5, steps: OBSERVER },
];

const ENDPOINT: &[Step] = &[
    Step::Copy {
        from: "loadgen/endpoint/src/completions.rs",
        to: "loadgen/endpoint/src/throwaway.rs",
        replaced: &[("Completions", "Throwaway"), ("\"completions\"", "\"throwaway\"")],
    },
    Step::After {
        file: "loadgen/endpoint/src/lib.rs",
        anchor: "pub mod template;",
        lines: &["pub mod throwaway;"],
    },
    Step::After {
        file: "loadgen/endpoint/src/lib.rs",
        anchor: "&completions::Completions,",
        lines: &["&throwaway::Throwaway,"],
    },
];

const SHAPE: &[Step] = &[
    Step::After {
        file: "common/spec/src/load.rs",
        anchor: "UserCentric,",
        lines: &["/// One that does nothing else.", "Throwaway,"],
    },
    Step::After {
        file: "common/spec/src/load.rs",
        anchor: "Self::UserCentric,",
        lines: &["Self::Throwaway,"],
    },
    Step::After {
        file: "common/spec/src/load.rs",
        anchor: "Self::UserCentric => \"user_centric\",",
        lines: &["Self::Throwaway => \"throwaway\","],
    },
    Step::Copy {
        from: "loadgen/src/shape/constant.rs",
        to: "loadgen/src/shape/throwaway.rs",
        replaced: &[("Constant", "Throwaway")],
    },
    Step::After { file: "loadgen/src/shape/mod.rs", anchor: "mod poisson;", lines: &["mod throwaway;"] },
    Step::After {
        file: "loadgen/src/shape/mod.rs",
        anchor: "&user_centric::SHAPE,",
        lines: &["&throwaway::SHAPE,"],
    },
    Step::After {
        file: "daemon/aiperf-ctl/src/plan/load.rs",
        anchor: "(Some(\"constant\"), None) => Ok(Shape::Constant),",
        lines: &["(Some(\"throwaway\"), None) => Ok(Shape::Throwaway),"],
    },
    Step::Replace {
        file: "daemon/aiperf-ctl/src/args/load.rs",
        from: "[\"constant\", ",
        to: "[\"constant\", \"throwaway\", ",
    },
];

const FORMAT: &[Step] = &[
    Step::Write {
        to: "loadgen/src/prompt/throwaway.rs",
        text: r#"//! `throwaway`: rows that are read as those of `single_turn` are.

use super::Context;
use super::dataset::{Format, Reading};

pub(super) const FORMAT: Format = Format {
    name: "throwaway",
    read: Reading::Lines(super::single_turn::row),
    context: Context::Alone,
    fits: |_| false,
    lengths: super::limits::NAMES,
};
"#,
    },
    Step::After { file: "loadgen/src/prompt/mod.rs", anchor: "mod synthetic;", lines: &["mod throwaway;"] },
    Step::After {
        file: "loadgen/src/prompt/dataset.rs",
        anchor: "&single_turn::FORMAT,",
        lines: &["&super::throwaway::FORMAT,"],
    },
    Step::After {
        file: "common/spec/src/input.rs",
        anchor: "DatasetFormat { name: \"single_turn\", ..DatasetFormat::MEDIA },",
        lines: &["DatasetFormat { name: \"throwaway\", ..DatasetFormat::TEXTS },"],
    },
];

const SINK: &[Step] = &[
    Step::Write {
        to: "daemon/aiperf-ctl/src/observer/sink/throwaway.rs",
        text: r#"//! Results that go nowhere.

use super::{Named, Sink};
use crate::plan::Profile;
use anyhow::Result;
use telemetry_out::{Destination, Exports, Instruments, KeyValue, SinkError, Stream};

/// Counts what it is given.
#[derive(Debug, Default)]
struct Throwaway(u64);

pub(super) fn check<'a>(_: &'a Profile, stream: &'a spec::Stream) -> Named<'a> {
    Ok(stream.throwaway.is_some().then(|| Box::new(Throwaway::default()) as Box<dyn Sink>))
}

impl Sink for Throwaway {
    fn open(&mut self) -> Result<Option<Box<dyn Destination>>> {
        Ok(Some(Box::new(Self::default())))
    }
}

impl Destination for Throwaway {
    fn open(self: Box<Self>, _: &Stream) -> Result<Box<dyn telemetry_out::Sink>, SinkError> {
        Ok(self)
    }
}

impl Instruments for Throwaway {
    fn record(&mut self, _: &str, _: &'static str, _: Option<&[f64]>, _: f64, _: &[KeyValue]) {
        self.0 += 1;
    }

    fn add(&mut self, _: &str, _: &'static str, _: f64, _: &[KeyValue]) {
        self.0 += 1;
    }

    fn shift(&mut self, _: &str, _: &'static str, _: f64, _: &[KeyValue]) {
        self.0 += 1;
    }
}

impl telemetry_out::Sink for Throwaway {
    fn finish(self: Box<Self>) -> Vec<Exports> {
        let mut exports = Exports::new("throw-away sink".to_owned());
        exports.succeeded = self.0;
        vec![exports]
    }
}
"#,
    },
    Step::After {
        file: "daemon/aiperf-ctl/src/observer/sink/mod.rs",
        anchor: "mod otlp;",
        lines: &["mod throwaway;"],
    },
    Step::Replace {
        file: "daemon/aiperf-ctl/src/observer/sink/mod.rs",
        from: "otlp::check,",
        to: "otlp::check, throwaway::check,",
    },
    Step::After {
        file: "daemon/aiperf-ctl/src/args/telemetry.rs",
        anchor: "pub otel_url: Option<String>,",
        lines: &["/// Export metrics nowhere.", "#[arg(long)]", "pub throwaway_url: Option<String>,"],
    },
    Step::After {
        file: "common/spec/src/observers.rs",
        anchor: "pub mlflow: Option<Mlflow>,",
        lines: &["/// Nowhere.", "#[serde(default)]", "pub throwaway: Option<String>,"],
    },
    Step::Replace {
        file: "common/spec/src/observers.rs",
        from: "otlp: Some(",
        to: "throwaway: None, otlp: Some(",
    },
    Step::Replace {
        file: "daemon/aiperf-ctl/src/plan/observers.rs",
        from: "        otlp,",
        to: "        throwaway: args.throwaway_url.clone(), otlp,",
    },
];

const OBSERVER: &[Step] = &[
    Step::Write {
        to: "daemon/aiperf-ctl/src/observer/throwaway.rs",
        text: r#"//! An observer that sees nothing.

use super::{Checked, Observer, Setup};

struct Throwaway;

pub(super) fn check(setup: Setup<'_>) -> Checked<'_> {
    Ok(setup.profile.observers.throwaway.then(|| Box::new(Throwaway) as Box<dyn Observer>))
}

impl Observer for Throwaway {
    fn finish(&mut self) {}
}
"#,
    },
    Step::After {
        file: "daemon/aiperf-ctl/src/observer/mod.rs",
        anchor: "pub(crate) mod sink;",
        lines: &["mod throwaway;"],
    },
    Step::Replace {
        file: "daemon/aiperf-ctl/src/observer/mod.rs",
        from: "profiler::check,",
        to: "profiler::check, throwaway::check,",
    },
    Step::After {
        file: "daemon/aiperf-ctl/src/args/telemetry.rs",
        anchor: "pub network_latency_automatic: bool,",
        lines: &["/// Observe nothing.", "#[arg(long)]", "pub throwaway_automatic: bool,"],
    },
    Step::After {
        file: "common/spec/src/observers.rs",
        anchor: "pub network_latency: Option<NetworkLatency>,",
        lines: &[
            "/// Nothing.",
            "#[serde(skip_serializing_if = \"std::ops::Not::not\")]",
            "pub throwaway: bool,",
        ],
    },
    Step::Replace {
        file: "common/spec/src/observers.rs",
        from: "network_latency: Some(",
        to: "throwaway: false, network_latency: Some(",
    },
    Step::Replace {
        file: "daemon/aiperf-ctl/src/plan/observers.rs",
        from: "        profiler: profiler(server),",
        to: "        throwaway: args.throwaway_automatic, profiler: profiler(server),",
    },
];
