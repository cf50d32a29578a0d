//! `template`: bodies made from the user's own Jinja template.

use crate::raw::field;
use crate::{Endpoint, Media, Metadata, Reply, Turn, Unfit, body, detect};
use jmespath::Expression;
use minijinja::Environment;
use minijinja::value::Serde;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// The endpoint before it has a template.
#[derive(Debug)]
pub struct Template;

impl Endpoint for Template {
    fn metadata(&self) -> &'static Metadata {
        &METADATA
    }

    fn body(&self, _turns: &[Turn], _plan: &spec::Endpoint) -> Map<String, Value> {
        Map::new()
    }

    fn unfit(&self, _turns: &[Turn], _plan: &spec::Endpoint) -> Option<String> {
        Some(NO_TEMPLATE.to_owned())
    }

    fn event<'a>(&self, data: &'a [u8]) -> Reply<'a> {
        detect::event_at(None, data)
    }

    fn whole<'a>(&self, body: &'a [u8]) -> Reply<'a> {
        detect::whole_at(None, body)
    }
}

/// With a template.
#[derive(Debug)]
struct Configured {
    environment: Environment<'static>,
    field: Option<Expression<'static>>,
}

impl Configured {
    fn rendered(&self, turns: &[Turn], plan: &spec::Endpoint) -> Result<Map<String, Value>, String> {
        let turn = turns.last().ok_or("there is no turn to send")?;
        let template = self.environment.get_template(NAME).map_err(|error| error.to_string())?;
        let text = template.render(variables(turn, turns, plan)).map_err(|error| format!("{error:#}"))?;
        let mut fields: Map<String, Value> = serde_json::from_str(&text)
            .map_err(|error| format!("the template renders to no JSON object: {error}"))?;
        body::merge_extra(&mut fields, turn, plan);
        Ok(fields)
    }
}

impl Endpoint for Configured {
    fn metadata(&self) -> &'static Metadata {
        &METADATA
    }

    fn body(&self, turns: &[Turn], plan: &spec::Endpoint) -> Map<String, Value> {
        self.rendered(turns, plan).unwrap_or_default()
    }

    fn unfit(&self, turns: &[Turn], plan: &spec::Endpoint) -> Option<String> {
        self.rendered(turns, plan).err()
    }

    fn event<'a>(&self, data: &'a [u8]) -> Reply<'a> {
        detect::event_at(self.field.as_ref(), data)
    }

    fn whole<'a>(&self, body: &'a [u8]) -> Reply<'a> {
        detect::whole_at(self.field.as_ref(), body)
    }
}

fn variables(turn: &Turn, turns: &[Turn], plan: &spec::Endpoint) -> minijinja::Value {
    let texts = turn.contents().collect::<Vec<_>>();
    let urls = |media: &[Media]| media.iter().map(|media| media.url().to_owned()).collect::<Vec<_>>();
    let (images, audios, videos) = (urls(&turn.images), urls(&turn.audios), urls(&turn.videos));
    let queries = turn.named("query").collect::<Vec<_>>();
    let passages = turn.named("passages").collect::<Vec<_>>();
    let by_name =
        turn.texts.iter().map(|text| (text.name.as_str(), &text.contents)).collect::<BTreeMap<_, _>>();
    let spoken = |turn: &Turn| json!({"role": turn.role, "text": turn.joined()});
    minijinja::Value::from(Serde(json!({
        "text": texts.first(), "texts": texts,
        "image": images.first(), "images": images,
        "audio": audios.first(), "audios": audios,
        "video": videos.first(), "videos": videos,
        "query": queries.first(), "queries": queries,
        "passage": passages.first(), "passages": passages,
        "texts_by_name": by_name,
        "model": turn.model, "max_tokens": turn.max_tokens, "role": turn.role, "stream": plan.streaming,
        "turn": spoken(turn), "turns": turns.iter().map(spoken).collect::<Vec<_>>(),
    })))
}

pub(crate) fn configured(plan: &spec::Endpoint) -> Result<&'static dyn Endpoint, Unfit> {
    let unfit = |why| Unfit { endpoint: METADATA.name, why };
    let Some(source) = &plan.dialect.template else { return Err(unfit(NO_TEMPLATE.to_owned())) };
    let named = NAMED.iter().find(|(name, _)| name == source).map(|(_, source)| (*source).to_owned());
    let mut environment = Environment::new();
    environment.set_fuel(Some(FUEL));
    environment.set_undefined_behavior(minijinja::UndefinedBehavior::Strict);
    environment
        .add_template_owned(NAME, named.unwrap_or_else(|| source.clone()))
        .map_err(|error| unfit(format!("the template is not valid: {error:#}")))?;
    let field = field(plan, METADATA.name)?;
    Ok(Box::leak(Box::new(Configured { environment, field })))
}

const METADATA: Metadata = Metadata {
    name: "template",
    supports_audio: true,
    supports_images: true,
    supports_videos: true,
    ..Metadata::TEXT
};
const NAME: &str = "payload_template";
/// What one body may cost: an instruction costs 1, and so do 64 bytes that it makes, so it makes 1 GiB at most.
const FUEL: u64 = 16 << 20;
const NO_TEMPLATE: &str = "give a template: --extra-inputs payload_template:FILE";
/// Templates that have a name.
const NAMED: &[(&str, &str)] = &[("nv-embedqa", r#"{"text": {{ texts|tojson }}}"#)];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{check_whole, plan};

    fn check(template: &str, expected: Result<&str, &str>) {
        let mut plan = plan("stream");
        plan.dialect.template = Some(template.to_owned());
        let mut turn = Turn::user("say \"hi\"".to_owned(), "m".to_owned());
        turn.max_tokens = Some(4);
        let body = configured(&plan).and_then(|endpoint| endpoint.encode(&[turn], &plan));
        let body = body.map(|bytes| String::from_utf8(bytes).unwrap()).map_err(|error| error.why);
        match expected {
            Ok(expected) => assert_eq!(body.as_deref(), Ok(expected), "{template}"),
            Err(expected) => assert!(body.as_ref().is_err_and(|why| why.contains(expected)), "{body:?}"),
        }
    }

    #[test]
    fn templates_are_rendered() {
        check("nv-embedqa", Ok(r#"{"text":["say \"hi\""]}"#));
        check(
            r#"{"m": {{ model|tojson }}, "n": {{ max_tokens }}, "p": {{ text|tojson }}, "s": {{ stream|tojson }}}"#,
            Ok(r#"{"m":"m","n":4,"p":"say \"hi\"","s":true}"#),
        );
        check("{{ nothing }}", Err("undefined"));
        check("[1]", Err("no JSON object"));
        check("{% if %}", Err("is not valid"));
    }

    #[test]
    fn the_answer_is_found() {
        let mut plan = plan("");
        plan.dialect.template = Some("{}".to_owned());
        plan.dialect.response_field = Some("out.text".to_owned());
        check_whole(configured(&plan).unwrap(), r#"{"out":{"text":"hi"}}"#, "body <hi>");
        check_whole(&Template, r#"{"embedding":[1.0]}"#, "body");
    }
}
