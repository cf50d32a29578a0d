//! Finds tokenizer files: in a directory, or in the local cache of the Hugging Face hub. Nothing is downloaded.

use crate::once;
use crate::plan::Refusal;
use bytes::Bytes;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use store::source;

/// The `tokenizer.json` of a directory, or of a model by its hub name. A name that is not in the cache is treated as a
/// directory.
pub(crate) fn of(name: &Path, revision: Option<&str>) -> PathBuf {
    let given = name.join("tokenizer.json");
    if given.exists() {
        return given;
    }
    hub().and_then(|hub| cached(&hub, name.to_str()?, revision.unwrap_or("main"))).unwrap_or(given)
}

/// Reads a tokenizer: the `tokenizer.json` of a directory, or of a model by its hub name, with the tokens that files next to it
/// add.
///
/// # Errors
/// When there is none, with how to get it.
pub(crate) fn read(name: &Path, revision: Option<&str>) -> Result<Bytes, Refusal> {
    let file = of(name, revision);
    let bytes = once::read(&file, BYTES_MAX).map_err(|error| {
        let hint = if error.kind() == ErrorKind::NotFound { how_to_get(name) } else { String::new() };
        Refusal(format!("--tokenizer: failed to read `{}`: {error}{hint}", file.display()))
    })?;
    let added = added_tokens(&file);
    Ok(if added.is_empty() { bytes } else { with_added(&bytes, added).map_or(bytes, Bytes::from) })
}

/// Checks that a tokenizer can be used.
///
/// # Errors
/// When it does not exist, or is invalid.
pub(crate) fn check(name: Option<&Path>, revision: Option<&str>) -> Result<(), Refusal> {
    let Some(name) = name else { return Ok(()) };
    let used = tokenizer::Tokenizer::from_json(&read(name, revision)?);
    used.map(drop).map_err(|error| {
        let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
        Refusal(format!("--tokenizer `{}`: {error}{cause}", name.display()))
    })
}

/// A hint how to get a missing `tokenizer.json`.
fn how_to_get(name: &Path) -> String {
    let shown = name.display();
    let has = |file: &str| name.join(file).is_file();
    let convert = |what: &str| {
        format!(
            "; it contains {what}: convert it to tokenizer.json once, by `python -c \"from transformers import AutoTokenizer as \
             T; T.from_pretrained('{shown}').save_pretrained('{shown}')\"`"
        )
    };
    if has("tokenizer.model") || has("spiece.model") || has("sentencepiece.bpe.model") {
        return convert("a SentencePiece model");
    }
    if has("tekken.json") {
        return convert("Mistral's tekken.json (the conversion also needs the package mistral-common)");
    }
    if has("vocab.json") || has("vocab.txt") {
        return convert("a vocabulary without tokenizer.json");
    }
    let is_hub_name = |name: &str| {
        let parts = name.split('/').collect::<Vec<_>>();
        let is_part = |part: &&str| {
            !part.is_empty()
                && !part.starts_with('.')
                && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
        };
        parts.len() <= 2 && parts.iter().all(is_part)
    };
    match name.to_str().filter(|text| is_hub_name(text) && !name.exists()) {
        Some(text) => format!(
            "; `{text}` is not in the local Hugging Face cache either, and nothing is downloaded automatically: get it \
             by `hf download {text} --include 'tokenizer*' --include '*.jinja'`, then its name is enough"
        ),
        None => String::new(),
    }
}

/// The tokens that `tokenizer_config.json` and `added_tokens.json` add, by their ids.
fn added_tokens(tokenizer: &Path) -> BTreeMap<u64, Value> {
    let sibling = |name: &str| sibling_json(tokenizer, name);
    let mut added = BTreeMap::new();
    let plain = sibling("added_tokens.json");
    for (content, number) in plain.as_object().into_iter().flatten() {
        if let Some(number) = number.as_u64() {
            added.insert(number, json!({ "content": content }));
        }
    }
    let config = sibling("tokenizer_config.json");
    for (number, token) in config["added_tokens_decoder"].as_object().into_iter().flatten() {
        if let (Ok(number), true) = (number.parse(), token["content"].is_string()) {
            added.insert(number, token.clone());
        }
    }
    added
}

/// A `tokenizer.json` with these tokens added; `None` if it has them all, or is invalid.
fn with_added(tokenizer: &[u8], added: BTreeMap<u64, Value>) -> Option<Vec<u8>> {
    let mut tokenizer: Value = serde_json::from_slice(tokenizer).ok()?;
    let there = tokenizer.get_mut("added_tokens")?.as_array_mut()?;
    let known = there.iter().filter_map(|token| token["content"].as_str().map(str::to_owned));
    let known = known.collect::<BTreeSet<_>>();
    let missing = added
        .into_iter()
        .filter(|(_, token)| token["content"].as_str().is_some_and(|content| !known.contains(content)));
    let mut has_more = false;
    for (number, token) in missing {
        let is = |key: &str| token[key].as_bool().unwrap_or(false);
        has_more = true;
        there.push(json!({
            "id": number, "content": token["content"], "single_word": is("single_word"), "lstrip": is("lstrip"),
            "rstrip": is("rstrip"), "normalized": is("normalized"), "special": is("special"),
        }));
    }
    there.sort_by_key(|token| token["id"].as_u64());
    has_more.then(|| tokenizer.to_string().into_bytes())
}

fn sibling_json(tokenizer: &Path, name: &str) -> Value {
    let text = sibling_text(tokenizer, name);
    text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default()
}

fn sibling_text(tokenizer: &Path, name: &str) -> Option<String> {
    let text = source::read_text(&tokenizer.with_file_name(name), CONFIG_BYTES_MAX).ok()?;
    Some(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

/// The chat template next to a tokenizer, in the form that the load generator reads: `chat_template.jinja`, or that of
/// `tokenizer_config.json` or `chat_template.json`, with the texts of special tokens.
///
/// # Errors
/// When there is none, or it cannot be used.
pub(crate) fn chat_template(tokenizer: &Path) -> Result<Vec<u8>, Refusal> {
    let config = sibling_json(tokenizer, "tokenizer_config.json");
    let of_config = || match config.get("chat_template")? {
        Value::String(text) => Some(text.clone()),
        Value::Array(named) => {
            let default =
                named.iter().find(|template| template["name"] == "default").or_else(|| named.first());
            default?["template"].as_str().map(str::to_owned)
        }
        _ => None,
    };
    let of_processor =
        || sibling_json(tokenizer, "chat_template.json")["chat_template"].as_str().map(str::to_owned);
    let Some(template) =
        sibling_text(tokenizer, "chat_template.jinja").or_else(of_config).or_else(of_processor)
    else {
        return Err(Refusal(format!(
            "--apply-chat-template: there is neither chat_template.jinja nor a `chat_template` in tokenizer_config.json \
             next to `{}`",
            tokenizer.display()
        )));
    };
    let mut written = json!({ "template": template });
    let map = sibling_json(tokenizer, "special_tokens_map.json");
    // Tokens that are not set are left out, as templates expect.
    for (name, token) in [&map, &config].into_iter().filter_map(Value::as_object).flatten() {
        let text = token.as_str().or_else(|| token.get("content")?.as_str());
        if let Some(text) = text.filter(|_| name.ends_with("_token")) {
            written[name] = Value::from(text);
        }
    }
    let written = written.to_string().into_bytes();
    match tokenizer::ChatTemplate::from_json(&written) {
        Ok(_) => Ok(written),
        Err(error) => Err(Refusal(format!("--apply-chat-template: `{}`: {error}", tokenizer.display()))),
    }
}

/// A model's file in the hub's cache, at a branch, a tag or a commit.
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

/// The directory where the hub's own tools store their cache.
fn hub() -> Option<PathBuf> {
    let variable = |name: &str| std::env::var_os(name).map(PathBuf::from);
    variable("HF_HUB_CACHE")
        .or_else(|| Some(variable("HF_HOME")?.join("hub")))
        .or_else(|| Some(variable("HOME")?.join(".cache/huggingface/hub")))
}

/// Several times the size of the largest published `tokenizer.json`.
pub(crate) const BYTES_MAX: u64 = 512 << 20;
const CONFIG_BYTES_MAX: u64 = 64 << 20;
const REF_BYTES_MAX: u64 = 4096;

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn templates_are_found_next_to_their_tokenizer() {
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
            assert_eq!(found.get("unk_token"), None, "{file}: tokens that are not set are left out");
        };
        let config = r#"{"bos_token":{"content":"<s>"},"chat_template":[{"name":"tool_use","template":"t"},{"name":"default","template":"d"}]}"#;
        check("tokenizer_config.json", config, "d");
        check("tokenizer_config.json", r#"{"bos_token":"<s>","chat_template":"one"}"#, "one");
        check("chat_template.jinja", "j", "j");
        fs::write(folder.path().join("chat_template.jinja"), "{% if %}").unwrap();
        assert!(chat_template(&tokenizer).is_err(), "no template");
    }

    #[test]
    fn tokens_in_files_next_to_a_tokenizer_are_added() {
        let folder = tempfile::tempdir().unwrap();
        let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden/tokenizer/tokenizer.json");
        fs::copy(golden, folder.path().join("tokenizer.json")).unwrap();
        let count = || {
            tokenizer::Tokenizer::from_json(&read(folder.path(), None).unwrap())
                .unwrap()
                .count("<|new_one|>x<|old|>")
        };
        let before = count();
        let config = r#"{"added_tokens_decoder":{"900001":{"content":"<|new_one|>","special":true}}}"#;
        fs::write(folder.path().join("tokenizer_config.json"), config).unwrap();
        let with_one = count();
        fs::write(folder.path().join("added_tokens.json"), r#"{"<|old|>":900000}"#).unwrap();
        let with_both = count();
        assert!(before > with_one && with_one > with_both, "{before}, {with_one}, {with_both} tokens");
        assert_eq!(with_both, 3, "one for each, and the letter");
    }

    #[test]
    fn errors_state_how_to_get_the_tokenizer() {
        let folder = tempfile::tempdir().unwrap();
        let check = |file: &str, expected: &str| {
            fs::write(folder.path().join(file), "x").unwrap();
            let refused = read(folder.path(), None).unwrap_err().to_string();
            fs::remove_file(folder.path().join(file)).unwrap();
            assert!(refused.contains(expected), "{refused}");
        };
        check("tokenizer.model", "it contains a SentencePiece model: convert it to tokenizer.json once");
        check("tekken.json", "mistral-common");
        check("vocab.json", "a vocabulary without tokenizer.json");
        let refused = |name: &str| read(Path::new(name), None).unwrap_err().to_string();
        assert!(
            refused("no-such/model-7B").contains("`hf download no-such/model-7B "),
            "{}",
            refused("no-such/model-7B")
        );
        assert!(!refused("./no/such/place").contains("hf download"), "{}", refused("./no/such/place"));
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
        assert_eq!(cached(hub.path(), "org/other", "main"), None, "not in the cache");
        assert_eq!(cached(hub.path(), "../org", "main"), None, "not a name");
        assert_eq!(of(hub.path(), None), hub.path().join("tokenizer.json"), "a directory");
    }
}
