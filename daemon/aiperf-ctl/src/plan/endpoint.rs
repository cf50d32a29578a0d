//! Plans where requests are sent and how they look.

use super::{Planned, Refusal, refuse};
use crate::args::{EndpointArgs, ProfileArgs};
use endpoint::KeyHeader;
use serde_json::{Map, Value};
use spec::url::{shown, without_keys};
use spec::{Dialect, Endpoint, ModelChoice, Plan, Trust};
use std::collections::BTreeMap;
use std::net::Ipv6Addr;

/// The endpoint as it is stored, and its URLs as they are requested: including keys, which are not stored.
pub(super) fn endpoint(
    args: &ProfileArgs,
    secret_headers: &BTreeMap<String, String>,
) -> Planned<(Endpoint, Vec<String>)> {
    // Without a tokenizer, the server's counts are the only ones.
    let server_counts = args.tokenizer.tokenizer.as_deref() == Some("none");
    let applies_chat_template = args.tokenizer.apply_chat_template;
    let args = &args.endpoint;
    let kind = &args.endpoint_type;
    let Some(known) = endpoint::by_name(kind) else {
        let names = endpoint::ENDPOINTS.iter().map(|endpoint| endpoint.metadata().name).collect::<Vec<_>>();
        return refuse(format!("--endpoint-type `{kind}` is not supported; available: {}", names.join(", ")));
    };
    // A key in the path is added to each URL.
    let (path, keys) = args.path.as_deref().map(without_keys).unzip();
    let mut urls = Vec::new();
    for url in &args.urls {
        let mut url = if url.contains("://") { url.clone() } else { format!("http://{url}") };
        for key in keys.iter().flatten() {
            url.push(if url.contains('?') { '&' } else { '?' });
            url.push_str(key);
        }
        // Parse errors show the URL, so its redacted form is the one parsed.
        endpoint::target(&shown(&url), path.as_deref(), known.metadata().path)
            .and_then(|_| endpoint::target(&url, path.as_deref(), known.metadata().path))
            .map_err(|error| Refusal(format!("--url: {error}{}", bracketed(&url))))?;
        urls.push(url);
    }
    let models = models(args)?;
    let streaming = args.streaming && known.metadata().supports_streaming;
    let mut extra_inputs = extra_inputs(&args.extra_inputs)?;
    let dialect = Dialect { applies_chat_template, ..dialect(args, &mut extra_inputs)? };
    content_type(args, known)?;
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
            "--extra-inputs store:true sends only the newest turn, so only the server knows the input tokens: add \
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
            (_, true) => Trust::AnyCertificate,
            (Some(_), false) => Trust::File,
            (None, false) => Trust::System,
        },
        session_header: session_header(args.session_header.as_deref())?,
        header_names: secret_headers.keys().cloned().collect(),
        extra_inputs,
        dialect,
        capability: Some(known.metadata().capability()),
    };
    Ok((endpoint, urls))
}

/// A hint how to write a URL whose host is an IPv6 address without brackets.
fn bracketed(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return String::new() };
    let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let is_address = |host: &str| host.parse::<Ipv6Addr>().is_ok();
    let with_port =
        authority.rsplit_once(':').filter(|(host, port)| is_address(host) && port.parse::<u16>().is_ok());
    let written = match with_port {
        Some((host, port)) => format!("[{host}]:{port}"),
        None if is_address(authority) => format!("[{authority}]"),
        None => return String::new(),
    };
    format!("; write the address in brackets: {scheme}://{written}{}", shown(path))
}

/// Refuses a content type that the endpoint does not support.
fn content_type(args: &EndpointArgs, endpoint: &dyn endpoint::Endpoint) -> Planned<()> {
    let Some(wanted) = args.request_content_type.as_deref() else { return Ok(()) };
    let mut plan = Plan::unknown().endpoint;
    plan.dialect.sends_forms = wanted == FORM;
    let has = endpoint.content_type(&plan);
    if has.starts_with(wanted) {
        return Ok(());
    }
    let what = if has.starts_with(FORM) { "forms" } else { "JSON" };
    refuse(format!("--request-content-type {wanted}: {} requests are {what}", endpoint.metadata().name))
}

/// Whether requests are forms: as set by the user, else as in AIPerf.
fn sends_forms(args: &EndpointArgs) -> bool {
    match args.request_content_type.as_deref() {
        Some(kind) => kind == FORM,
        None => args.endpoint_type == "video_generation",
    }
}

fn models(args: &EndpointArgs) -> Planned<Vec<String>> {
    if args.model.iter().chain(&args.models).any(|name| name.trim().is_empty()) {
        return refuse("--model is empty");
    }
    match (&args.model, args.models.as_slice()) {
        (None, []) => refuse("--model is missing: give the name of the model that the server serves"),
        (Some(model), []) => Ok(vec![model.clone()]),
        (None, models) => Ok(models.to_vec()),
        (Some(model), _) => {
            refuse(format!("the model is given twice, as `{model}` and by --model: leave one of them out"))
        }
    }
}

fn model_choice(args: &EndpointArgs, models: usize) -> Planned<ModelChoice> {
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

/// Removes settings of the client itself from the inputs for the server, where the endpoint has them.
fn dialect(args: &EndpointArgs, extra_inputs: &mut Map<String, Value>) -> Planned<Dialect> {
    let mut take = |key: &str| match extra_inputs.remove(key) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(other) if key == TEMPLATE => Ok(Some(other.to_string())),
        Some(_) => refuse(format!("--extra-inputs {key} is not text")),
    };
    let is_template = args.endpoint_type == "template";
    let template = if is_template { take(TEMPLATE)? } else { None };
    if is_template && template.is_none() {
        return refuse("--endpoint-type template needs a template: --extra-inputs payload_template:FILE");
    }
    let finds_answers = is_template || args.endpoint_type == "raw";
    Ok(Dialect {
        per_chunk_usage: args.per_chunk_usage,
        sends_forms: sends_forms(args),
        template,
        response_field: if finds_answers { take("response_field")? } else { None },
        applies_chat_template: false,
        download_content: args.download_video_content,
        poll_interval_ms: poll_interval_ms(args.video_poll_interval),
    })
}

/// The headers that the endpoint needs, the key, and the user's own over them, by name.
pub(super) fn headers(args: &EndpointArgs) -> Planned<BTreeMap<String, String>> {
    let metadata = endpoint::by_name(&args.endpoint_type).map(endpoint::Endpoint::metadata);
    let needed = metadata.map(|metadata| metadata.headers).unwrap_or_default();
    let mut headers: BTreeMap<_, _> =
        needed.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    given_headers(&mut headers, &args.headers)?;
    if let Some(key) = &args.api_key {
        if key.bytes().any(|byte| byte.is_ascii_control()) {
            return refuse("--api-key contains control characters");
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
fn given_headers(headers: &mut BTreeMap<String, String>, given: &[String]) -> Planned<()> {
    let mut pairs = Vec::new();
    for header in given {
        if header.trim_start().starts_with('{') {
            let object: BTreeMap<String, String> = serde_json::from_str(header)
                .map_err(|_secret| Refusal("--header is not a JSON object of strings".to_owned()))?;
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
            return refuse(format!("--header `{name}` has a name or a value that is invalid in HTTP"));
        }
        if FRAMING_HEADERS.iter().any(|framing| framing.eq_ignore_ascii_case(name)) {
            return refuse(format!("--header `{name}`: it is computed for each request from its body"));
        }
        headers.retain(|there, _| !there.eq_ignore_ascii_case(name));
        headers.insert(name.to_owned(), value.to_owned());
    }
    Ok(())
}

/// `key:value` pairs, several with commas between them, or JSON objects, merged in order.
pub(super) fn extra_inputs(given: &[String]) -> Planned<Map<String, Value>> {
    let mut merged = Map::new();
    for extra in given {
        if extra.trim_start().starts_with('{') {
            match serde_json::from_str(extra) {
                Ok(Value::Object(object)) => merged.extend(object),
                Ok(_) => return refuse("--extra-inputs is JSON but not an object"),
                Err(error) => return refuse(format!("--extra-inputs is not valid JSON: {error}")),
            }
            continue;
        }
        for pair in pairs(extra) {
            let Some((key, value)) = pair.split_once(':') else {
                return refuse(format!("--extra-inputs `{extra}` is neither key:value nor a JSON object"));
            };
            merged.insert(key.trim().to_owned(), value_of(value.trim()));
        }
    }
    Ok(merged)
}

/// Splits text into pairs: a comma separates pairs only if a key follows it, else it belongs to the value.
fn pairs(text: &str) -> Vec<&str> {
    let is_key = |key: &str| {
        !key.trim().is_empty()
            && key.trim().bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
    };
    let is_pair = |part: &str| part.split_once(':').is_some_and(|(key, _)| is_key(key));
    // A value in JSON has commas of its own.
    let is_nested = text.contains(['{', '[', '"']);
    if is_nested || !text.split(',').all(is_pair) { vec![text] } else { text.split(',').collect() }
}

/// Parses a value as JSON or Python syntax; plain text otherwise.
fn value_of(text: &str) -> Value {
    match text.to_ascii_lowercase().as_str() {
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        "none" | "null" => Value::Null,
        _ => serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned())),
    }
}

/// The header that carries a session's id.
fn session_header(name: Option<&str>) -> Planned<String> {
    let name = name.unwrap_or("X-Correlation-ID");
    if !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)) {
        return Ok(name.to_owned());
    }
    refuse(format!("--session-header `{name}` is not a valid HTTP header name"))
}

/// Whole milliseconds, at least one.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a float cast saturates")]
fn poll_interval_ms(seconds: f64) -> u32 {
    ((seconds * 1000.0).round() as u32).max(1)
}

/// Headers that define where a body ends: a user's value would break the connection.
const FRAMING_HEADERS: &[&str] = &["Content-Length", "Transfer-Encoding"];
/// APIs whose requests are messages, which a server puts into its chat template.
const CHATS: &[&str] = &["chat", "responses", "messages", "chat_embeddings"];
const TEMPLATE: &str = "payload_template";
const FORM: &str = "multipart/form-data";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extra_inputs_are_pairs_or_objects() {
        let check = |given: &[&str], expected: &str| {
            let given = given.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
            assert_eq!(serde_json::to_string(&extra_inputs(&given).unwrap()).unwrap(), expected, "{given:?}");
        };
        check(&["a:1", "b:x:y"], r#"{"a":1,"b":"x:y"}"#);
        check(&["temperature:0.5,top_p:0.9, n:2"], r#"{"temperature":0.5,"top_p":0.9,"n":2}"#);
        check(&["ignore_eos:True,stop:None"], r#"{"ignore_eos":true,"stop":null}"#);
        check(&["stop:one, two"], r#"{"stop":"one, two"}"#);
        check(&[r#"stop:["a:b","c:d"]"#], r#"{"stop":["a:b","c:d"]}"#);
        check(&[r#"{"a":1}"#, "a:2"], r#"{"a":2}"#);
        assert!(extra_inputs(&["a".to_owned()]).is_err(), "not a pair");
    }

    #[test]
    fn an_address_without_brackets_is_shown_with_them() {
        let check = |url: &str, expected: &str| {
            let expected = if expected.is_empty() {
                String::new()
            } else {
                format!("; write the address in brackets: {expected}")
            };
            assert_eq!(bracketed(url), expected, "{url}");
        };
        check("http://::1:80", "http://[::1]:80");
        check("http://fe80::1/v1", "http://[fe80::1]/v1");
        check("http://[::1]:80", "");
        check("http://host:80", "");
    }
}
