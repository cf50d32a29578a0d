//! Replies of an unknown API: embeddings, rankings or text, whatever is found first.

use crate::reply::Reply;
use crate::value;
use common::reply_event::EventKind;
use jmespath::{Expression, Variable};
use serde_json::Value;

/// Means by a whole body.
pub(crate) fn whole(body: &[u8]) -> Reply<'static> {
    value::whole(body).map_or_else(|odd| *odd, |value| found(&value))
}

/// Parses a body whose answer is at the user's `response_field`, else the first answer that is found.
pub(crate) fn whole_at(field: Option<&Expression<'static>>, body: &[u8]) -> Reply<'static> {
    if std::str::from_utf8(body).is_ok() && !matches!(body.trim_ascii_start().first(), Some(b'{' | b'[')) {
        let text = String::from_utf8_lossy(body).trim().to_owned();
        return if text.is_empty() { Reply::bare(EventKind::Empty) } else { Reply::body(text, None) };
    }
    value::whole(body).map_or_else(|odd| *odd, |value| answered(field, &value))
}

/// Parses an event's data whose answer is at the user's `response_field`, else the first answer that is found.
pub(crate) fn event_at(field: Option<&Expression<'static>>, data: &[u8]) -> Reply<'static> {
    let mut reply = value::event(data).map_or_else(|odd| *odd, |value| answered(field, &value));
    as_event(&mut reply);
    reply
}

fn as_event(reply: &mut Reply<'_>) {
    if reply.kind == EventKind::Body {
        reply.kind = EventKind::Content;
    }
}

fn answered(field: Option<&Expression<'static>>, value: &Value) -> Reply<'static> {
    let searched = field.and_then(|field| {
        let found = field.search(Variable::try_from(value.clone()).ok()?).ok()?;
        serde_json::to_value(&*found).ok()
    });
    match searched {
        None | Some(Value::Null) => found(value),
        Some(Value::String(text)) => text_or_nothing(text, value),
        Some(Value::Array(items)) if !items.is_empty() && items.iter().all(Value::is_string) => {
            text_or_nothing(items.iter().filter_map(Value::as_str).collect(), value)
        }
        Some(_) => Reply::body(String::new(), value::usage(value)),
    }
}

fn found(value: &Value) -> Reply<'static> {
    let embeds = |item: &Value| value::text(item, "/object") == "embedding";
    let lists = ["embeddings", "embedding", "rankings", "results"];
    let has_list = lists.iter().any(|key| value::items(value, key).next().is_some());
    if has_list || value::items(value, "data").next().is_some_and(embeds) {
        return Reply::body(String::new(), value::usage(value));
    }
    let texts = [
        "/text",
        "/content",
        "/response",
        "/output",
        "/result",
        "/choices/0/text",
        "/choices/0/message/content",
        "/choices/0/delta/content",
    ];
    let text = texts.iter().map(|path| value::text(value, path)).find(|text| !text.is_empty());
    text_or_nothing(text.unwrap_or_default(), value)
}

fn text_or_nothing(text: String, value: &Value) -> Reply<'static> {
    let kind = if text.is_empty() { EventKind::Empty } else { EventKind::Body };
    Reply { kind, ..Reply::body(text, value::usage(value)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::described;
    use proptest::prelude::*;

    fn check(field: &str, body: &str, expected: &str) {
        let field = (!field.is_empty()).then(|| jmespath::compile(field).unwrap());
        assert_eq!(described(&whole_at(field.as_ref(), body.as_bytes())), expected, "{body}");
    }

    #[test]
    fn answers_are_found() {
        check("", r#"{"data":[{"object":"embedding"}]}"#, "body");
        check("", r#"{"embeddings":[[1]]}"#, "body");
        check("", r#"{"rankings":[{}]}"#, "body");
        check("", r#"{"result":"hi"}"#, "body <hi>");
        check("", r#"{"choices":[{"message":{"content":"hi"}}]}"#, "body <hi>");
        check("", r#"{"nothing":1}"#, "empty");
        check("", "plain words", "body <plain words>");
        check("a.b[0]", r#"{"a":{"b":["hi"]},"text":"no"}"#, "body <hi>");
        check("a.b", r#"{"a":{"b":["hi"," ho"]}}"#, "body <hi ho>");
        check("a.b", r#"{"text":"else"}"#, "body <else>");
        check("v", r#"{"v":[0.5,1]}"#, "body");
    }

    proptest! {
        #[test]
        fn garbage_never_panics(data in prop::collection::vec(any::<u8>(), 0..200)) {
            whole(&data);
            event_at(None, &data);
        }
    }
}
