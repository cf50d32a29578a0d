//! What is built in, by AIPerf's categories: the same lists from which the client takes it.

use super::Entry;
use crate::args::profile_command;
use crate::plot;
use spec::DATASET_FORMATS;

/// The components of this program.
pub(super) fn entries() -> Vec<Entry> {
    let mut entries = Vec::new();
    let mut add = |kind: &str, name: &str, description: &str| {
        entries.push(Entry {
            kind: kind.to_owned(),
            name: name.to_owned(),
            class: None,
            description: description.to_owned(),
            priority: 0,
            order: 0,
            is_auto_loaded: true,
            parameters: Vec::new(),
            package: 0,
        });
    };
    for endpoint in endpoint::ENDPOINTS {
        let metadata = endpoint.metadata();
        add("endpoint", metadata.name, metadata.path.unwrap_or(metadata.metrics_title));
    }
    DATASET_FORMATS.iter().for_each(|format| add("custom_dataset_loader", format.name, ""));
    crate::dataset::public_names().for_each(|name| add("public_dataset_loader", name, ""));
    for exporter in export::EXPORTERS {
        add("data_exporter", exporter.default, "");
    }
    plot::type_names().for_each(|name| add("plot", name, ""));
    for (kind, flag) in OF_FLAGS {
        let command = profile_command();
        let values = command.get_arguments().find(|argument| argument.get_long() == Some(flag));
        for value in values.map(clap::Arg::get_possible_values).unwrap_or_default() {
            let help = value.get_help().map(ToString::to_string).unwrap_or_default();
            add(kind, value.get_name(), &help);
        }
    }
    entries
}

/// Categories whose members are the values of a flag.
const OF_FLAGS: &[(&str, &str)] = &[
    ("arrival_pattern", "arrival-pattern"),
    ("dataset_sampler", "dataset-sampling-strategy"),
    ("search_planner", "search-planner"),
    ("search_recipe", "search-recipe"),
    ("ui", "ui"),
];
