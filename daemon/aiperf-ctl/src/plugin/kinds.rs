//! The kinds of components that plugins may have, and what AIPerf calls kinds that are none here.

/// A kind of component that a plugin may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// Called when a phase starts, has sent everything, ends, or runs out of time.
    PhaseHook,
    /// Makes metrics of its own from a run's rows.
    PostProcessor,
    /// Makes one result of the rows of several phases.
    Aggregator,
    /// Writes files, or exports results elsewhere, after a run.
    DataExporter,
    /// Shows something below a run's report.
    ConsoleExporter,
    /// Receives each request during a run.
    StreamExporter,
    /// Reads a dataset of a format of its own.
    CustomDatasetLoader,
}

impl Kind {
    /// Every kind.
    pub(crate) const ALL: [Self; 7] = [
        Self::PhaseHook,
        Self::PostProcessor,
        Self::Aggregator,
        Self::DataExporter,
        Self::ConsoleExporter,
        Self::StreamExporter,
        Self::CustomDatasetLoader,
    ];

    /// Its name in manifests, flags and the protocol.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::PhaseHook => "phase_hook",
            Self::PostProcessor => "post_processor",
            Self::Aggregator => "aggregator",
            Self::DataExporter => "data_exporter",
            Self::ConsoleExporter => "console_exporter",
            Self::StreamExporter => "stream_exporter",
            Self::CustomDatasetLoader => "custom_dataset_loader",
        }
    }

    /// One line.
    pub(crate) const fn description(self) -> &'static str {
        match self {
            Self::PhaseHook => "Called when a phase starts, has sent everything, ends, or runs out of time",
            Self::PostProcessor => "Makes metrics of its own from a run's requests",
            Self::Aggregator => "Makes one result of the requests of several phases",
            Self::DataExporter => "Writes files, or exports results elsewhere, after a run",
            Self::ConsoleExporter => "Shows something below a run's report",
            Self::StreamExporter => "Receives each request during a run",
            Self::CustomDatasetLoader => "Reads a dataset of a format of its own",
        }
    }

    /// The kind of a name, in the singular or in the plural.
    pub(crate) fn of(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|kind| name.strip_prefix(kind.name()).is_some_and(|rest| ["", "s"].contains(&rest)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_have_names() {
        for kind in Kind::ALL {
            assert_eq!(Kind::of(kind.name()), Some(kind));
            assert_eq!(Kind::of(&format!("{}s", kind.name())), Some(kind));
        }
        assert_eq!(Kind::of("gpu_telemetry_collector"), None);
    }
}
