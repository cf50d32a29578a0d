//! Where the file of a tokenizer is: in a directory, or in the local cache of the Hugging Face hub. Nothing is downloaded.

use crate::plan::Refusal;
use export::source;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// The `tokenizer.json` of a directory, or of a model by its name at the hub. What is not there is taken for a directory.
pub(crate) fn of(name: &Path, revision: Option<&str>) -> PathBuf {
    let given = name.join("tokenizer.json");
    if given.exists() {
        return given;
    }
    hub().and_then(|hub| cached(&hub, name.to_str()?, revision.unwrap_or("main"))).unwrap_or(given)
}

/// The chat template that lies beside a tokenizer, as the load generator reads it: `chat_template.jinja`, or that of
/// `tokenizer_config.json`, with the texts of special tokens.
///
/// # Errors
/// When there is none, or it is of no use.
pub(crate) fn chat_template(tokenizer: &Path) -> Result<Vec<u8>, Refusal> {
    let beside = |name: &str| source::read_text(&tokenizer.with_file_name(name), CONFIG_BYTES_MAX).ok();
    let config = beside("tokenizer_config.json").and_then(|text| serde_json::from_str::<Value>(&text).ok());
    let config = config.unwrap_or_default();
    let of_config = || match config.get("chat_template")? {
        Value::String(text) => Some(text.clone()),
        Value::Array(named) => {
            let default =
                named.iter().find(|template| template["name"] == "default").or_else(|| named.first());
            default?["template"].as_str().map(str::to_owned)
        }
        _ => None,
    };
    let Some(template) = beside("chat_template.jinja").or_else(of_config) else {
        return Err(Refusal(format!(
            "--apply-chat-template: there is neither chat_template.jinja nor a `chat_template` in tokenizer_config.json \
             beside `{}`",
            tokenizer.display()
        )));
    };
    let mut written = json!({ "template": template });
    for name in ["bos_token", "eos_token", "pad_token", "unk_token"] {
        let token = &config[name];
        let text = token.as_str().or_else(|| token.get("content")?.as_str()).unwrap_or_default();
        written[name] = Value::from(text);
    }
    let written = written.to_string().into_bytes();
    match tokenizer::ChatTemplate::from_json(&written) {
        Ok(_) => Ok(written),
        Err(error) => Err(Refusal(format!("--apply-chat-template: `{}`: {error}", tokenizer.display()))),
    }
}

/// A model's file in a hub's cache, at a branch, a tag or a commit.
fn cached(hub: &Path, name: &str, revision: &str) -> Option<PathBuf> {
    let is_name =
        |name: &str| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte));
    if !is_name(name) || !is_name(revision) || name.contains("..") || revision.contains("..") {
        return None;
    }
    let model = hub.join(format!("models--{}", name.replace('/', "--")));
    let commit = source::read_text(&model.join("refs").join(revision), REF_BYTES_MAX);
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

/// Several times the largest `tokenizer.json` that is published.
pub(crate) const BYTES_MAX: u64 = 512 << 20;
const CONFIG_BYTES_MAX: u64 = 64 << 20;
const REF_BYTES_MAX: u64 = 4096;

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn templates_are_found_beside_their_tokenizer() {
        let folder = tempfile::tempdir().unwrap();
        let tokenizer = folder.path().join("tokenizer.json");
        let refused = chat_template(&tokenizer).unwrap_err().to_string();
        assert!(refused.contains("neither chat_template.jinja"), "{refused}");
        let check = |file: &str, text: &str, expected: &str| {
            fs::write(folder.path().join(file), text).unwrap();
            let found: Value = serde_json::from_slice(&chat_template(&tokenizer).unwrap()).unwrap();
            assert_eq!(
                (found["template"].as_str(), found["bos_token"].as_str()),
                (Some(expected), Some("<s>")),
                "{file}"
            );
        };
        let config = r#"{"bos_token":{"content":"<s>"},"chat_template":[{"name":"tool_use","template":"t"},{"name":"default","template":"d"}]}"#;
        check("tokenizer_config.json", config, "d");
        check("tokenizer_config.json", r#"{"bos_token":"<s>","chat_template":"one"}"#, "one");
        check("chat_template.jinja", "j", "j");
        fs::write(folder.path().join("chat_template.jinja"), "{% if %}").unwrap();
        assert!(chat_template(&tokenizer).is_err(), "no template");
    }

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
