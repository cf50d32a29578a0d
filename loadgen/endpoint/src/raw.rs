//! `raw`: bodies as the user wrote them, sent as they are.

use crate::{Endpoint, Metadata, Reply, Turn, Unfit, detect};
use jmespath::Expression;
use serde_json::{Map, Value};

/// The endpoint, without a place of the answer.
#[derive(Debug)]
pub struct Raw;

impl Endpoint for Raw {
    fn metadata(&self) -> &'static Metadata {
        &METADATA
    }

    fn body(&self, turns: &[Turn], _plan: &spec::Endpoint) -> Map<String, Value> {
        payload(turns).and_then(|payload| serde_json::from_str(payload).ok()).unwrap_or_default()
    }

    fn encode(&self, turns: &[Turn], _plan: &spec::Endpoint) -> Result<Vec<u8>, Unfit> {
        let why =
            || "its rows must be whole bodies: --custom-dataset-type raw_payload or inputs_json".to_owned();
        let payload = payload(turns).ok_or_else(|| Unfit { endpoint: METADATA.name, why: why() })?;
        Ok(payload.as_bytes().to_vec())
    }

    fn event<'a>(&self, data: &'a [u8]) -> Reply<'a> {
        detect::event_at(None, data)
    }

    fn whole<'a>(&self, body: &'a [u8]) -> Reply<'a> {
        detect::whole_at(None, body)
    }
}

/// With the place of the answer.
#[derive(Debug)]
struct Placed {
    field: Expression<'static>,
}

impl Endpoint for Placed {
    fn metadata(&self) -> &'static Metadata {
        &METADATA
    }

    fn body(&self, turns: &[Turn], plan: &spec::Endpoint) -> Map<String, Value> {
        Raw.body(turns, plan)
    }

    fn encode(&self, turns: &[Turn], plan: &spec::Endpoint) -> Result<Vec<u8>, Unfit> {
        Raw.encode(turns, plan)
    }

    fn event<'a>(&self, data: &'a [u8]) -> Reply<'a> {
        detect::event_at(Some(&self.field), data)
    }

    fn whole<'a>(&self, body: &'a [u8]) -> Reply<'a> {
        detect::whole_at(Some(&self.field), body)
    }
}

fn payload(turns: &[Turn]) -> Option<&str> {
    turns.last()?.payload.as_deref()
}

pub(crate) fn configured(plan: &spec::Endpoint) -> Result<&'static dyn Endpoint, Unfit> {
    let Some(field) = field(plan, METADATA.name)? else { return Ok(&Raw) };
    Ok(Box::leak(Box::new(Placed { field })))
}

/// The place of the answer, if the plan sets one.
pub(crate) fn field(
    plan: &spec::Endpoint,
    endpoint: &'static str,
) -> Result<Option<Expression<'static>>, Unfit> {
    let longest = plan.dialect.response_field.as_ref().map_or(0, String::len);
    if longest > FIELD_BYTES_MAX {
        return Err(Unfit {
            endpoint,
            why: format!("`response_field` is longer than {FIELD_BYTES_MAX} bytes"),
        });
    }
    let compile = |field: &String| jmespath::compile(field);
    plan.dialect.response_field.as_ref().map(compile).transpose().map_err(|error| {
        let why = format!("`response_field` is no JMESPath: {}", error.reason);
        Unfit { endpoint, why }
    })
}

/// Bytes of a JMESPath: its parser calls itself, so a longer one may end the program.
const FIELD_BYTES_MAX: usize = 1024;
const METADATA: Metadata = Metadata {
    name: "raw",
    supports_audio: true,
    supports_images: true,
    supports_videos: true,
    ..Metadata::TEXT
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{check, check_unfit, check_whole, plan};

    #[test]
    fn payloads_are_sent_as_they_are() {
        let mut turn = Turn::user("x".to_owned(), "m".to_owned());
        check_unfit(&Raw, &turn, "must be whole bodies");
        turn.payload = Some(r#"{"b": 1,  "a":[2]}"#.to_owned());
        turn.extra = serde_json::from_str(r#"{"no":1}"#).unwrap();
        let mut plan = plan("");
        plan.extra_inputs = serde_json::from_str(r#"{"no":2}"#).unwrap();
        assert_eq!(Raw.encode(&[turn], &plan).unwrap(), br#"{"b": 1,  "a":[2]}"#, "nothing is merged");
    }

    #[test]
    fn answers_are_found_at_the_plans_place() {
        check(&Raw, r#"{"choices":[{"delta":{"content":"hi"}}]}"#, "content <hi>");
        check_whole(&Raw, r#"{"response":"hi"}"#, "body <hi>");
        let mut plan = plan("");
        plan.dialect.response_field = Some("a[0].b".to_owned());
        let placed = configured(&plan).unwrap();
        check(placed, r#"{"a":[{"b":"hi"}]}"#, "content <hi>");
        check_whole(placed, r#"{"a":[{"b":"hi"}]}"#, "body <hi>");
        plan.dialect.response_field = Some("[[".to_owned());
        assert!(configured(&plan).is_err(), "no JMESPath");
    }
}
