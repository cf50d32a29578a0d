//! Chat templates: what a model is shown of a list of messages, for input lengths as the server counts them.

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, Error, ErrorKind, context};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::fmt;
use std::sync::Arc;

/// A tokenizer's chat template. A clone shares it.
#[derive(Clone)]
pub struct ChatTemplate {
    environment: Arc<Environment<'static>>,
    /// The texts of special tokens, by name.
    tokens: Arc<Map<String, Value>>,
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
    /// It can't show what messages ask.
    #[error("failed to apply the chat template: {0}")]
    Render(String),
}

#[derive(Deserialize)]
struct Written {
    template: String,
    #[serde(flatten)]
    tokens: Map<String, Value>,
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
        environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
        environment.add_function("raise_exception", |why: String| -> Result<String, Error> {
            Err(Error::new(ErrorKind::InvalidOperation, why))
        });
        // The day is of no matter to a length.
        environment.add_function("strftime_now", |_format: String| "01 Jan 2026".to_owned());
        environment
            .add_template_owned(NAME, template)
            .map_err(|error| ChatTemplateError::Syntax(format!("{error:#}")))?;
        let made = Self { environment: Arc::new(environment), tokens: Arc::new(tokens) };
        made.rendered(&[json!({"role": "user", "content": "hi"})], None)?;
        Ok(made)
    }

    /// What the model is shown of these messages, up to where its answer begins.
    ///
    /// # Errors
    /// When the template refuses them.
    pub fn rendered(&self, messages: &[Value], tools: Option<&Value>) -> Result<String, ChatTemplateError> {
        let failed = |error: Error| ChatTemplateError::Render(format!("{error:#}"));
        let template = self.environment.get_template(NAME).map_err(failed)?;
        let known = context! {
            messages => minijinja::Value::from(Serde(messages)),
            tools => tools.map(|tools| minijinja::Value::from(Serde(tools))),
            add_generation_prompt => true,
            ..minijinja::Value::from(Serde(&*self.tokens))
        };
        template.render(known).map_err(failed)
    }
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
        ] {
            let text = format!("{{{{ {more} }}}}");
            let Ok(made) = template(&text) else { continue };
            let long = [json!({"role": "user", "content": "a\n".repeat(1 << 20)})];
            let rendered = made.rendered(&long, None);
            assert!(rendered.is_err(), "{text} makes {:?} bytes", rendered.map(|text| text.len()));
        }
    }
}
