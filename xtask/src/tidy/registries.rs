//! Registries are complete: a file that is not in its list is dead, whatever the compiler says.

use super::Violation;
use super::source::Files;
use std::collections::BTreeSet;

/// A folder of which each file is a thing that a list must name.
struct Registry {
    /// The folder, with a slash at its end.
    folder: &'static str,
    /// What makes a file of the folder a thing; everything does if it is empty.
    marker: &'static str,
    /// The file with the list.
    list: &'static str,
    /// What precedes the file's stem in the list, and what follows it.
    named: (&'static str, &'static str),
}

const REGISTRIES: &[Registry] = &[
    Registry {
        folder: "loadgen/src/shape/",
        marker: "",
        list: "loadgen/src/shape/mod.rs",
        named: ("&", "::SHAPE"),
    },
    Registry {
        folder: "loadgen/endpoint/src/",
        marker: "impl Endpoint for ",
        list: "loadgen/endpoint/src/lib.rs",
        named: ("&", "::"),
    },
    Registry {
        folder: "daemon/aiperfd/src/probe/",
        marker: "",
        list: "daemon/aiperfd/src/probe/mod.rs",
        named: ("&", "::PROBE"),
    },
    Registry { folder: "ebpf/src/probe/", marker: "", list: "ebpf/src/probe/mod.rs", named: ("mod ", ";") },
    Registry {
        folder: "daemon/export/src/",
        marker: "artifacts: &Artifacts<'_>, out: &mut dyn Write",
        list: "daemon/export/src/registry.rs",
        named: ("write: ", "::"),
    },
    Registry {
        folder: "daemon/aiperf-ctl/src/observer/",
        marker: "impl Observer for ",
        list: "daemon/aiperf-ctl/src/observer/mod.rs",
        named: ("", "::check"),
    },
    Registry {
        folder: "daemon/aiperf-ctl/src/observer/sink/",
        marker: "impl Sink for ",
        list: "daemon/aiperf-ctl/src/observer/sink/mod.rs",
        named: ("", "::check"),
    },
    Registry {
        folder: "daemon/metric/src/",
        marker: "const METRIC: Metric",
        list: "daemon/metric/src/registry.rs",
        named: ("::", "::METRIC"),
    },
    Registry {
        folder: "xtask/src/tidy/",
        marker: "fn check(files: &Files)",
        list: "xtask/src/tidy/mod.rs",
        named: ("", "::check"),
    },
];

/// Where a probe has a file of the same stem.
const PROBE_FOLDERS: [&str; 3] = ["common/src/kernel_event/", "daemon/aiperfd/src/probe/", "ebpf/src/probe/"];

pub(super) fn check(files: &Files) -> Vec<Violation> {
    let mut found = REGISTRIES.iter().flat_map(|registry| unlisted(files, registry)).collect::<Vec<_>>();
    found.extend(lonely_probes(files));
    found
}

fn unlisted(files: &Files, registry: &Registry) -> Vec<Violation> {
    let list = files.get(registry.list).map_or("", |file| file.code.as_str());
    let things = files.iter().filter_map(|(path, file)| {
        let stem = stem(path, registry.folder)?;
        file.code.contains(registry.marker).then_some((path, stem))
    });
    let (before, after) = registry.named;
    things
        .filter(|(path, stem)| **path != registry.list && !list.contains(&format!("{before}{stem}{after}")))
        .map(|(path, _)| Violation::new(path, 1, format!("not in the list of {}", registry.list)))
        .collect()
}

fn lonely_probes(files: &Files) -> Vec<Violation> {
    let stems = PROBE_FOLDERS.map(|folder| {
        files
            .keys()
            .filter(|path| !path[folder.len().min(path.len())..].contains('/'))
            .filter_map(|path| stem(path, folder))
            .collect::<BTreeSet<_>>()
    });
    let all = stems.iter().flatten().copied().collect::<BTreeSet<_>>();
    let missing = |(folder, there): (&str, &BTreeSet<&str>)| {
        let lost = all.iter().filter(|stem| !there.contains(*stem)).map(|stem| {
            let file = format!("{folder}{stem}.rs");
            Violation::new(&file, 1, format!("the probe `{stem}` has no file here; it has one elsewhere"))
        });
        lost.collect::<Vec<_>>()
    };
    PROBE_FOLDERS.into_iter().zip(&stems).flat_map(missing).collect()
}

/// The stem of a Rust file below a folder, or the name of the folder whose module it is, unless that is the folder itself.
fn stem<'a>(path: &'a str, folder: &str) -> Option<&'a str> {
    let name = path.strip_prefix(folder)?.strip_suffix(".rs")?;
    let name = name.strip_suffix("/mod").unwrap_or(name);
    let stem = name.rsplit('/').next()?;
    (!matches!(stem, "mod" | "lib")).then_some(stem)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::source::files;

    #[test]
    fn a_file_that_is_not_listed_is_found() {
        let given = files(&[
            ("loadgen/src/shape/mod.rs", "const SHAPES: &[&Shape] = &[&a::SHAPE];"),
            ("loadgen/src/shape/a.rs", ""),
            ("loadgen/src/shape/b.rs", ""),
            ("loadgen/endpoint/src/lib.rs", "const ENDPOINTS: &[&dyn Endpoint] = &[];"),
            ("loadgen/endpoint/src/chat.rs", "impl Endpoint for Chat {}"),
            ("loadgen/endpoint/src/json.rs", ""),
        ]);
        let found = check(&given).into_iter().map(|one| one.file).collect::<Vec<_>>();
        assert_eq!(
            found,
            ["loadgen/src/shape/b.rs", "loadgen/endpoint/src/chat.rs"],
            "files outside their lists"
        );
    }

    #[test]
    fn a_probe_has_three_files() {
        let given = files(&[
            ("common/src/kernel_event/a.rs", ""),
            ("daemon/aiperfd/src/probe/a.rs", ""),
            ("daemon/aiperfd/src/probe/mod.rs", ""),
        ]);
        let found = lonely_probes(&given);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].file, "ebpf/src/probe/a.rs", "the missing one");
    }
}
