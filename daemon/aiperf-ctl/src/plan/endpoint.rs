//! Where requests go and what they look like.

use super::{Checked, Refusal, refuse};
use crate::args::{EndpointArgs, ProfileArgs};
use common::plan::{Dialect, Endpoint, ModelChoice, Trust};
use common::url::{shown, without_keys};
use endpoint::KeyHeader;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The endpoint as it is stored, and its URLs as they are asked: with the keys that they may hold.
pub(super) fn endpoint(
    args: &ProfileArgs,
    secret_headers: &BTreeMap<String, String>,
) -> Checked<(Endpoint, Vec<String>)> {
    // Without a tokenizer the server's counts are all there is.
    let server_counts = args.tokenizer.tokenizer.as_deref() == Some("none");
    let applies_chat_template = args.tokenizer.apply_chat_template;
    let args = &args.endpoint;
    let kind = &args.endpoint_type;
    let Some(known) = endpoint::by_name(kind) else {
        let names = endpoint::ENDPOINTS.iter().map(|endpoint| endpoint.metadata().name).collect::<Vec<_>>();
        return refuse(format!("--endpoint-type `{kind}` is not offered; there are: {}", names.join(", ")));
    };
    // A key that the path holds goes with each URL.
    let (path, keys) = args.path.as_deref().map(without_keys).unzip();
    let mut urls = Vec::new();
    for url in &args.urls {
        let mut url = if url.contains("://") { url.clone() } else { format!("http://{url}") };
        for key in keys.iter().flatten() {
            url.push(if url.contains('?') { '&' } else { '?' });
            url.push_str(key);
        }
        // What is refused is shown, so it is tried as it may be shown.
        endpoint::target(&shown(&url), path.as_deref(), known.metadata().path)
            .and_then(|_| endpoint::target(&url, path.as_deref(), known.metadata().path))
            .map_err(|error| Refusal(format!("--url: {error}")))?;
        urls.push(url);
    }
    let models = models(args)?;
    let streaming = args.streaming && known.metadata().supports_streaming;
    let mut extra_inputs = extra_inputs(&args.extra_inputs)?;
    let dialect = Dialect { applies_chat_template, ..dialect(args, &mut extra_inputs)? };
    if applies_chat_template && !CHATS.contains(&kind.as_str()) {
        return refuse(format!("--apply-chat-template is for APIs of messages: {}", CHATS.join(", ")));
    }
    let is_stored = match extra_inputs.get("store") {
        Some(Value::Bool(is)) => *is,
        Some(Value::String(text)) => text.trim().eq_ignore_ascii_case("true"),
        _ => false,
    };
    if kind == "responses" && is_stored && !(args.use_server_token_count || server_counts) {
        return refuse(
            "--extra-inputs store:true sends only the newest turn, so that input tokens are known to the server alone: add \
             --use-server-token-count",
        );
    }
    let endpoint = Endpoint {
        kind: kind.clone(),
        urls: urls.iter().map(|url| shown(url)).collect(),
        path,
        model_choice: model_choice(args, models.len())?,
        models,
        streaming,
        request_timeout_seconds: args.request_timeout_seconds,
        use_legacy_max_tokens: args.use_legacy_max_tokens,
        use_server_token_count: args.use_server_token_count || server_counts,
        trust: match (&args.ca_certificate, args.insecure) {
            (_, true) => Trust::Anybody,
            (Some(_), false) => Trust::File,
            (None, false) => Trust::System,
        },
        session_header: session_header(args.session_header.as_deref())?,
        header_names: secret_headers.keys().cloned().collect(),
        extra_inputs,
        dialect,
    };
    Ok((endpoint, urls))
}

fn models(args: &EndpointArgs) -> Checked<Vec<String>> {
    match (&args.model, args.models.as_slice()) {
        (None, []) => refuse("no --model is given: name the model that the server serves"),
        (Some(model), []) => Ok(vec![model.clone()]),
        (None, models) => Ok(models.to_vec()),
        (Some(model), _) => {
            refuse(format!("`{model}` is no flag, and --model is given too: leave one of them out"))
        }
    }
}

fn model_choice(args: &EndpointArgs, models: usize) -> Checked<ModelChoice> {
    let strategy = args.model_selection_strategy.as_deref();
    if strategy != Some("weighted") && !args.model_weights.is_empty() {
        return refuse("--model-weights needs --model-selection-strategy weighted");
    }
    match strategy {
        Some("random") => Ok(ModelChoice::Random),
        Some("weighted") if args.model_weights.len() == models => {
            Ok(ModelChoice::Weighted { weights: args.model_weights.clone() })
        }
        Some("weighted") => {
            refuse(format!("--model-weights names {} weights for {models} models", args.model_weights.len()))
        }
        _ => Ok(ModelChoice::RoundRobin),
    }
}

/// Takes what is meant for us out of what is meant for the server, where the endpoint has it.
fn dialect(args: &EndpointArgs, extra_inputs: &mut Map<String, Value>) -> Checked<Dialect> {
    let mut take = |key: &str| match extra_inputs.remove(key) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(other) if key == TEMPLATE => Ok(Some(other.to_string())),
        Some(_) => refuse(format!("--extra-inputs {key} is not a text")),
    };
    let is_template = args.endpoint_type == "template";
    let template = if is_template { take(TEMPLATE)? } else { None };
    if is_template && template.is_none() {
        return refuse("--endpoint-type template needs a template: --extra-inputs payload_template:FILE");
    }
    let finds_answers = is_template || args.endpoint_type == "raw";
    Ok(Dialect {
        per_chunk_usage: args.per_chunk_usage,
        sends_forms: args.request_content_type.as_deref() == Some("multipart/form-data"),
        template,
        response_field: if finds_answers { take("response_field")? } else { None },
        applies_chat_template: false,
        download_content: args.download_video_content,
        poll_interval_ms: poll_interval_ms(args.video_poll_interval),
    })
}

/// The headers that the endpoint needs, the key, and the user's own over them, by name.
pub(super) fn headers(args: &EndpointArgs) -> Checked<BTreeMap<String, String>> {
    let metadata = endpoint::by_name(&args.endpoint_type).map(endpoint::Endpoint::metadata);
    let needed = metadata.map(|metadata| metadata.headers).unwrap_or_default();
    let mut headers: BTreeMap<_, _> =
        needed.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    given_headers(&mut headers, &args.headers)?;
    if let Some(key) = &args.api_key {
        if key.bytes().any(|byte| byte.is_ascii_control()) {
            return refuse("--api-key holds control characters");
        }
        let (name, value) = match metadata.map(|metadata| metadata.key_header) {
            Some(KeyHeader::ApiKey) => ("x-api-key", key.clone()),
            _ => ("Authorization", format!("Bearer {key}")),
        };
        headers.retain(|there, _| !there.eq_ignore_ascii_case(name));
        headers.insert(name.to_owned(), value);
    }
    Ok(headers)
}

/// `Name:Value` pairs or JSON objects, by name, over those that there are.
fn given_headers(headers: &mut BTreeMap<String, String>, given: &[String]) -> Checked<()> {
    let mut pairs = Vec::new();
    for header in given {
        if header.trim_start().starts_with('{') {
            let object: BTreeMap<String, String> = serde_json::from_str(header)
                .map_err(|_secret| Refusal("--header is not a JSON object of texts".to_owned()))?;
            pairs.extend(object);
            continue;
        }
        let Some((name, value)) = header.split_once(':') else {
            return refuse("--header is neither of the form Name:Value nor a JSON object");
        };
        pairs.push((name.to_owned(), value.to_owned()));
    }
    for (name, value) in &pairs {
        let (name, value) = (name.trim(), value.trim());
        let is_token = !name.is_empty()
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
        if !is_token || value.bytes().any(|byte| byte.is_ascii_control()) {
            return refuse(format!("--header `{name}` has a name or a value that HTTP does not allow"));
        }
        if FRAMING_HEADERS.iter().any(|framing| framing.eq_ignore_ascii_case(name)) {
            return refuse(format!("--header `{name}`: it is made for each request from its body"));
        }
        headers.retain(|there, _| !there.eq_ignore_ascii_case(name));
        headers.insert(name.to_owned(), value.to_owned());
    }
    Ok(())
}

/// `key:value` pairs (the value JSON if it parses, else text) or JSON objects, merged in order.
fn extra_inputs(given: &[String]) -> Checked<Map<String, Value>> {
    let mut merged = Map::new();
    for extra in given {
        if extra.trim_start().starts_with('{') {
            match serde_json::from_str(extra) {
                Ok(Value::Object(object)) => merged.extend(object),
                Ok(_) => return refuse("--extra-inputs is JSON but no object"),
                Err(error) => return refuse(format!("--extra-inputs is not valid JSON: {error}")),
            }
            continue;
        }
        let Some((key, value)) = extra.split_once(':') else {
            return refuse(format!("--extra-inputs `{extra}` is neither key:value nor a JSON object"));
        };
        let value = serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned()));
        merged.insert(key.to_owned(), value);
    }
    Ok(merged)
}

/// The header that carries a session's id.
fn session_header(name: Option<&str>) -> Checked<String> {
    let name = name.unwrap_or("X-Correlation-ID");
    if !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)) {
        return Ok(name.to_owned());
    }
    refuse(format!("--session-header `{name}` is no name that HTTP allows"))
}

/// Whole milliseconds, at least one.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a float cast saturates")]
fn poll_interval_ms(seconds: f64) -> u32 {
    ((seconds * 1000.0).round() as u32).max(1)
}

/// Headers that say where a body ends: another value than the body's own would break the connection.
const FRAMING_HEADERS: &[&str] = &["Content-Length", "Transfer-Encoding"];
/// APIs whose requests are messages, which a server puts into its chat template.
const CHATS: &[&str] = &["chat", "responses", "messages", "chat_embeddings"];
const TEMPLATE: &str = "payload_template";
