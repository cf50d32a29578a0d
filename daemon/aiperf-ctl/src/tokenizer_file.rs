//! Where the file of a tokenizer is: in a directory, or in the local cache of the Hugging Face hub. Nothing is downloaded.

use std::path::{Path, PathBuf};

/// The `tokenizer.json` of a directory, or of a model by its name at the hub. What is not there is taken for a directory.
pub(crate) fn of(name: &Path, revision: Option<&str>) -> PathBuf {
    let given = name.join("tokenizer.json");
    if given.exists() {
        return given;
    }
    hub().and_then(|hub| cached(&hub, name.to_str()?, revision.unwrap_or("main"))).unwrap_or(given)
}

/// A model's file in a hub's cache, at a branch, a tag or a commit.
fn cached(hub: &Path, name: &str, revision: &str) -> Option<PathBuf> {
    let is_name =
        |name: &str| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte));
    if !is_name(name) || !is_name(revision) || name.contains("..") || revision.contains("..") {
        return None;
    }
    let model = hub.join(format!("models--{}", name.replace('/', "--")));
    let commit = std::fs::read_to_string(model.join("refs").join(revision));
    let commit = commit.map_or_else(|_no_branch| revision.to_owned(), |commit| commit.trim().to_owned());
    let file = model.join("snapshots").join(commit).join("tokenizer.json");
    file.exists().then_some(file)
}

/// Where the hub's own tools keep their cache.
fn hub() -> Option<PathBuf> {
    let variable = |name: &str| std::env::var_os(name).map(PathBuf::from);
    variable("HF_HUB_CACHE")
        .or_else(|| Some(variable("HF_HOME")?.join("hub")))
        .or_else(|| Some(variable("HOME")?.join(".cache/huggingface/hub")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn names_are_found_in_the_cache() {
        let hub = tempfile::tempdir().unwrap();
        let model = hub.path().join("models--org--name");
        fs::create_dir_all(model.join("refs")).unwrap();
        fs::create_dir_all(model.join("snapshots/abc")).unwrap();
        fs::write(model.join("refs/main"), "abc\n").unwrap();
        fs::write(model.join("snapshots/abc/tokenizer.json"), "{}").unwrap();
        let expected = model.join("snapshots/abc/tokenizer.json");
        assert_eq!(cached(hub.path(), "org/name", "main"), Some(expected.clone()), "a branch");
        assert_eq!(cached(hub.path(), "org/name", "abc"), Some(expected), "a commit");
        assert_eq!(cached(hub.path(), "org/other", "main"), None, "not there");
        assert_eq!(cached(hub.path(), "../org", "main"), None, "no name");
        assert_eq!(of(hub.path(), None), hub.path().join("tokenizer.json"), "a directory");
    }
}
