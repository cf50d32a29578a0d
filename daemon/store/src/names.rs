//! Names the files of a run: AIPerf's names, or those derived from `--profile-export-prefix`.

use crate::error::StoreError;

/// The names of a run's files.
#[derive(Clone, Debug, Default)]
pub struct Names {
    prefix: Option<String>,
}

impl Names {
    /// The names with this prefix, if given; an extension that names a format is not part of it. The prefix may be from a
    /// foreign `run.json`.
    ///
    /// # Errors
    /// When it is a path, or would give a file the name of another artifact.
    pub fn new(prefix: Option<&str>) -> Result<Self, StoreError> {
        let bare = |prefix: &str| {
            let endings = [".jsonl", ".json", ".csv"];
            let ending = endings.into_iter().find_map(|ending| prefix.strip_suffix(ending));
            ending.unwrap_or(prefix).to_owned()
        };
        let prefix = prefix.map(bare).filter(|prefix| !prefix.is_empty());
        if let Some(prefix) = &prefix {
            let why = match bad(prefix) {
                None if prefix.len() > PREFIX_BYTES_MAX => Some("it is longer than a file name may be"),
                None if TAKEN.contains(&prefix.as_str()) => Some("that is the name of another artifact"),
                bad => bad,
            };
            if let Some(why) = why {
                return Err(StoreError::Prefix { prefix: prefix.clone(), why });
            }
        }
        Ok(Self { prefix })
    }

    /// The name of a file: AIPerf's own, or the prefix with this suffix.
    #[must_use]
    pub fn file(&self, default: &str, ending: &str) -> String {
        match &self.prefix {
            Some(prefix) if !ending.is_empty() => format!("{prefix}{ending}"),
            _ => default.to_owned(),
        }
    }
}

/// Checks that a name is not a path, not a directory, and not mistaken for a flag.
///
/// # Errors
/// When it is invalid.
pub fn check_name(name: &str) -> Result<(), StoreError> {
    match bad(name) {
        None => Ok(()),
        Some(why) => Err(StoreError::Name { name: name.to_owned(), why }),
    }
}

/// What is wrong with a name, if anything.
fn bad(name: &str) -> Option<&'static str> {
    match name {
        "" => Some("it is empty"),
        "." | ".." => Some("it names a directory"),
        _ if name.contains('/') => Some("it is a path"),
        _ if name.starts_with('-') => Some("it starts with a dash, like a flag"),
        _ if name.chars().any(char::is_control) => Some("it contains control characters"),
        _ if name.len() > NAME_BYTES_MAX => Some("it is longer than a file name may be"),
        _ => None,
    }
}

/// Linux's limit, minus the suffix of a temporary file.
const NAME_BYTES_MAX: usize = 255 - ".tmp".len();
/// With the longest suffix, `_server_metrics.parquet`, it is still a valid name; daemons accept no longer one.
const PREFIX_BYTES_MAX: usize = 200;
/// Prefixes whose `.json` is another artifact, such as `run.json`.
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
            "independent of the prefix"
        );
        assert_eq!(name(None), "profile_export_raw.jsonl", "AIPerf's own");
        for prefix in ["foo", "foo.json", "foo.csv"] {
            assert_eq!(name(Some(prefix)), "foo_raw.jsonl", "with {prefix}");
        }
    }

    #[test]
    fn a_prefix_that_is_a_path_or_another_artifact_is_refused() {
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
