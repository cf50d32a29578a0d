//! What the files of a run are called: AIPerf's names, or those that `--profile-export-prefix` makes.

/// The names of a run's files.
#[derive(Clone, Debug, Default)]
pub struct Names {
    prefix: Option<String>,
}

impl Names {
    /// The names with this prefix, if one was given; an ending that names a format is not part of it.
    #[must_use]
    pub fn new(prefix: Option<&str>) -> Self {
        let bare = |prefix: &str| {
            let endings = [".jsonl", ".json", ".csv"];
            let ending = endings.into_iter().find_map(|ending| prefix.strip_suffix(ending));
            ending.unwrap_or(prefix).to_owned()
        };
        Self { prefix: prefix.map(bare).filter(|prefix| !prefix.is_empty()) }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_replaces_the_name() {
        let name = |prefix| Names::new(prefix).file("profile_export_raw.jsonl", "_raw.jsonl");
        assert_eq!(Names::new(Some("foo")).file("outputs.json", ""), "outputs.json", "the same always");
        assert_eq!(name(None), "profile_export_raw.jsonl", "AIPerf's own");
        for prefix in ["foo", "foo.json", "foo.csv"] {
            assert_eq!(name(Some(prefix)), "foo_raw.jsonl", "with {prefix}");
        }
    }
}
