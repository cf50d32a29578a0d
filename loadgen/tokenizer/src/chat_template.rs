//! Chat templates: what a model is shown of a list of messages, for input lengths as the server counts them.

use crate::{clock, python};
use chrono::format::{Item, StrftimeItems};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Kwargs, Serde};
use minijinja::{Environment, Error, ErrorKind, Value, context};
use serde::Deserialize;
use serde_json::{Map, Value as Json, json};
use std::fmt;
use std::sync::Arc;

/// A tokenizer's chat template. A clone shares it.
#[derive(Clone)]
pub struct ChatTemplate {
    environment: Arc<Environment<'static>>,
    /// The texts of special tokens, by name.
    tokens: Arc<Map<String, Json>>,
}

/// Why a chat template is of no use: the plan's fault.
#[derive(Debug, thiserror::Error)]
pub enum ChatTemplateError {
    /// Not what was uploaded.
    #[error("failed to read the chat template")]
    Json(#[source] serde_json::Error),
    /// It is no Jinja template.
    #[error("failed to understand the chat template: {0}")]
    Syntax(String),
    /// It can't render the messages.
    #[error("failed to apply the chat template: {0}")]
    Render(String),
}

#[derive(Deserialize)]
struct Written {
    template: String,
    #[serde(flatten)]
    tokens: Map<String, Json>,
}

impl ChatTemplate {
    /// The template of a JSON object with its text as `template`, and the texts of special tokens (`bos_token`, ...).
    ///
    /// # Errors
    /// When it is none, or can't show a message.
    pub fn from_json(bytes: &[u8]) -> Result<Self, ChatTemplateError> {
        if bytes.len() > TEMPLATE_BYTES_MAX {
            return Err(ChatTemplateError::Syntax(format!("it is longer than {TEMPLATE_BYTES_MAX} bytes")));
        }
        let Written { template, tokens } = serde_json::from_slice(bytes).map_err(ChatTemplateError::Json)?;
        let mut environment = Environment::new();
        // What transformers sets for them.
        let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
        environment.set_syntax(syntax.map_err(|error| ChatTemplateError::Syntax(error.to_string()))?);
        environment.set_fuel(Some(FUEL));
        environment.set_unknown_method_callback(python::method);
        environment.set_formatter(|out, _state, value| {
            out.write_str(&python::text_of(value)).map_err(|_full| Error::from(ErrorKind::WriteFailure))
        });
        environment.add_filter("tojson", |value: Value, options: Kwargs| python::tojson(&value, &options));
        environment.add_filter("string", |value: Value| python::text_of(&value));
        environment.add_function("raise_exception", |why: String| -> Result<String, Error> {
            Err(Error::new(ErrorKind::InvalidOperation, why))
        });
        environment.add_function("strftime_now", |format: String| dated(&format));
        environment
            .add_template_owned(NAME, without_generation(&template))
            .map_err(|error| ChatTemplateError::Syntax(format!("{error:#}")))?;
        let made = Self { environment: Arc::new(environment), tokens: Arc::new(tokens) };
        made.rendered(&[json!({"role": "user", "content": "hi"})], None)?;
        Ok(made)
    }

    /// The text that the model receives for these messages, up to where its answer starts.
    ///
    /// # Errors
    /// When the template refuses them.
    pub fn rendered(&self, messages: &[Json], tools: Option<&Json>) -> Result<String, ChatTemplateError> {
        let failed = |error: Error| ChatTemplateError::Render(format!("{error:#}"));
        let template = self.environment.get_template(NAME).map_err(failed)?;
        let known = context! {
            messages => Value::from(Serde(messages)),
            tools => tools.map(|tools| Value::from(Serde(tools))),
            add_generation_prompt => true,
            ..Value::from(Serde(&*self.tokens))
        };
        template.render(known).map_err(failed)
    }
}

/// The moment in a form of Python's `strftime`.
fn dated(format: &str) -> Result<String, Error> {
    let items = StrftimeItems::new(format).collect::<Vec<_>>();
    if items.contains(&Item::Error) {
        let why = format!("`{format}` is no form of a date");
        return Err(Error::new(ErrorKind::InvalidOperation, why));
    }
    Ok(clock::now().format_with_items(items.iter()).to_string())
}

/// A template without the tag `generation`, with which transformers marks a model's text: what it encloses is shown.
fn without_generation(template: &str) -> String {
    let mut written = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((before, tag)) = rest.split_once("{%") {
        written.push_str(before);
        written.push_str("{%");
        let Some((inside, after)) = tag.split_once("%}") else {
            rest = tag;
            continue;
        };
        let name = inside.trim_matches(|one: char| one.is_whitespace() || one == '-' || one == '+');
        let instead = match name {
            "generation" => Some("if true"),
            "endgeneration" => Some("endif"),
            _ => None,
        };
        match instead {
            Some(instead) => written.push_str(&inside.replace(name, &format!(" {instead} "))),
            None => written.push_str(inside),
        }
        written.push_str("%}");
        rest = after;
    }
    written.push_str(rest);
    written
}

impl fmt::Debug for ChatTemplate {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("ChatTemplate")
    }
}

const NAME: &str = "chat_template";
/// What one rendering may cost: an instruction costs 1, and so do 64 bytes that it makes, so it makes 128 MiB at most.
const FUEL: u64 = 2 << 20;
/// Bytes of a template with its tokens: the longest known ones have 30,000.
const TEMPLATE_BYTES_MAX: usize = 4 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    /// As several models have it: methods of Python's strings, a refusal, special tokens.
    const LIKE_OTHERS: &str = "{{ bos_token }}{% for message in messages %}\n{% if message['role'] not in ['user', \
         'assistant', 'system'] %}{{ raise_exception('no such role') }}{% endif %}\n<|{{ message.role }}|>{{ \
         message['content'].strip() }}<|end|>{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}";

    fn template(text: &str) -> Result<ChatTemplate, ChatTemplateError> {
        ChatTemplate::from_json(json!({"template": text, "bos_token": "<s>"}).to_string().as_bytes())
    }

    #[test]
    fn messages_are_shown_as_the_model_sees_them() {
        let template = template(LIKE_OTHERS).unwrap();
        let messages =
            [json!({"role": "user", "content": " hi "}), json!({"role": "assistant", "content": "ho"})];
        let expected = "<s><|user|>hi<|end|><|assistant|>ho<|end|><|assistant|>";
        assert_eq!(template.rendered(&messages, None).unwrap(), expected, "both messages");
        let odd = [json!({"role": "cat", "content": "miau"})];
        let refused = template.rendered(&odd, None).unwrap_err().to_string();
        assert!(refused.contains("no such role"), "{refused}");
    }

    /// What transformers rendered, as `tests/golden/chat-templates/make.py` had it: one case for each thing that its Jinja has
    /// and others have not.
    #[test]
    fn templates_are_rendered_as_transformers_renders_them() {
        let cases = include_str!("../../../tests/golden/chat-templates/cases.json");
        let cases: Vec<Json> = serde_json::from_str(cases).unwrap();
        assert!(cases.len() > 10, "there are cases");
        for case in cases {
            let mut written = case["tokens"].clone();
            written["template"] = case["template"].clone();
            let template = ChatTemplate::from_json(written.to_string().as_bytes())
                .unwrap_or_else(|error| panic!("{}: {error}", case["name"]));
            let tools = Some(&case["tools"]).filter(|tools| !tools.is_null());
            let rendered = template.rendered(case["messages"].as_array().unwrap(), tools);
            let rendered = rendered.unwrap_or_else(|error| panic!("{}: {error}", case["name"]));
            assert_eq!(rendered, case["expected"].as_str().unwrap(), "{}", case["name"]);
        }
    }

    #[test]
    fn the_day_is_of_today() {
        let shown = template("{{ strftime_now('%Y-%m-%d') }}").unwrap().rendered(&[], None).unwrap();
        assert_eq!(shown, clock::now().format("%Y-%m-%d").to_string(), "by UTC");
        let refused = template("{{ strftime_now('%!') }}").unwrap_err().to_string();
        assert!(refused.contains("is no form of a date"), "{refused}");
    }

    #[test]
    fn what_is_no_template_is_refused() {
        let check = |text: &str, expected: &str| {
            let refused = template(text).unwrap_err().to_string();
            assert!(refused.contains(expected), "{refused}");
        };
        check("{% for %}", "understand the chat template");
        check("{{ messages[0].nothing() }}", "apply the chat template");
        assert!(ChatTemplate::from_json(b"{}").is_err(), "no template at all");
        let long = "x".repeat(TEMPLATE_BYTES_MAX + 1);
        check(&long, "is longer than");
    }

    #[test]
    fn what_never_ends_or_grows_without_bound_is_refused() {
        let loops = "{% for a in range(9999) %}".repeat(4) + &"{% endfor %}".repeat(4);
        let doubles = "{% set n = namespace(x='aaaaaaaa') %}{% for i in range(60) %}{% set n.x = n.x ~ n.x %}{% endfor %}{{ n.x }}";
        let macros = "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}";
        for text in [&*loops, doubles, macros, "{{ 'a' * 4000000000 }}"] {
            let refused = template(text).unwrap_err().to_string();
            assert!(refused.contains("apply the chat template"), "{refused} of {text}");
        }
        // Methods and filters of a text that is long already.
        for more in [
            "messages[0].content.replace('a', 'b' * 10000)",
            "messages[0].content | indent(1000000)",
            "('a' * 1000000).replace('', 'b' * 1000)",
            "messages | tojson(indent=64) | tojson(ensure_ascii=true) | replace('a', 'b' * 100)",
        ] {
            let text = format!("{{{{ {more} }}}}");
            let Ok(made) = template(&text) else { continue };
            let long = [json!({"role": "user", "content": "a\n".repeat(1 << 20)})];
            let rendered = made.rendered(&long, None);
            assert!(rendered.is_err(), "{text} makes {:?} bytes", rendered.map(|text| text.len()));
        }
    }
}
