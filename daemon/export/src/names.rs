//! What the files of a run are called: AIPerf's names, or those that `--profile-export-prefix` makes.

use crate::error::ExportError;

/// The names of a run's files.
#[derive(Clone, Debug, Default)]
pub struct Names {
    prefix: Option<String>,
}

impl Names {
    /// The names with this prefix, if one was given; an ending that names a format is not part of it. The prefix may be
    /// what a foreign `run.json` says.
    ///
    /// # Errors
    /// When it is no name but a path, or would make a file take the name of another one.
    pub fn new(prefix: Option<&str>) -> Result<Self, ExportError> {
        let bare = |prefix: &str| {
            let endings = [".jsonl", ".json", ".csv"];
            let ending = endings.into_iter().find_map(|ending| prefix.strip_suffix(ending));
            ending.unwrap_or(prefix).to_owned()
        };
        let prefix = prefix.map(bare).filter(|prefix| !prefix.is_empty());
        if let Some(prefix) = &prefix {
            let why = match bad(prefix) {
                None if prefix.len() > PREFIX_BYTES_MAX => Some("it is longer than file names can be"),
                None if TAKEN.contains(&prefix.as_str()) => Some("a file of every run has that name"),
                bad => bad,
            };
            if let Some(why) = why {
                return Err(ExportError::Prefix { prefix: prefix.clone(), why });
            }
        }
        Ok(Self { prefix })
    }

    /// The name of a file: AIPerf's own, or the prefix with this ending.
    #[must_use]
    pub fn file(&self, default: &str, ending: &str) -> String {
        match &self.prefix {
            Some(prefix) if !ending.is_empty() => format!("{prefix}{ending}"),
            _ => default.to_owned(),
        }
    }
}

/// Whether a name is one: not a path, not the folder itself, not what programs take for a flag.
///
/// # Errors
/// When it is none.
pub fn check_name(name: &str) -> Result<(), ExportError> {
    match bad(name) {
        None => Ok(()),
        Some(why) => Err(ExportError::Name { name: name.to_owned(), why }),
    }
}

/// What is wrong with a name.
fn bad(name: &str) -> Option<&'static str> {
    match name {
        "" => Some("it is empty"),
        "." | ".." => Some("it names a folder"),
        _ if name.contains('/') => Some("it is a path"),
        _ if name.starts_with('-') => Some("it begins with a dash, as flags do"),
        _ if name.chars().any(char::is_control) => Some("it holds control characters"),
        _ if name.len() > NAME_BYTES_MAX => Some("it is longer than file names can be"),
        _ => None,
    }
}

/// What Linux takes, without the ending that a file has until it is whole.
const NAME_BYTES_MAX: usize = 255 - ".tmp".len();
/// With the longest ending, `_server_metrics.parquet`, it is still a name; daemons take no longer one.
const PREFIX_BYTES_MAX: usize = 200;
/// Prefixes whose `.json` is a file of its own: `run.json` and its like.
const TAKEN: &[&str] = &["run", "inputs", "outputs", "mlflow_export", "phase_manifest", "client_and_kernel"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_replaces_the_name() {
        let name = |prefix| Names::new(prefix).unwrap().file("profile_export_raw.jsonl", "_raw.jsonl");
        assert_eq!(
            Names::new(Some("foo")).unwrap().file("outputs.json", ""),
            "outputs.json",
            "the same always"
        );
        assert_eq!(name(None), "profile_export_raw.jsonl", "AIPerf's own");
        for prefix in ["foo", "foo.json", "foo.csv"] {
            assert_eq!(name(Some(prefix)), "foo_raw.jsonl", "with {prefix}");
        }
    }

    #[test]
    fn a_prefix_that_is_a_path_or_takes_a_name_is_refused() {
        let long = "x".repeat(240);
        for prefix in [
            "../escape",
            "/etc/x",
            "sub/dir/x",
            "..",
            ".",
            "-rf",
            "a\0b",
            "a\u{1b}b",
            "run",
            "run.json",
            "inputs",
            "outputs.json",
            "...json",
            &long,
        ] {
            assert!(Names::new(Some(prefix)).is_err(), "{prefix:?}");
        }
        for prefix in ["", ".json", "ä b", "v1.2", "..x", "runs"] {
            assert!(Names::new(Some(prefix)).is_ok(), "{prefix:?}");
        }
    }
}
