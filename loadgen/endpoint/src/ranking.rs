//! What requests for rankings share: a query, and passages to put in order.

use crate::reply::Reply;
use crate::{Turn, value};
use serde_json::Value;

/// The query; empty if there is none.
pub(crate) fn query(turn: &Turn) -> &str {
    turn.named("query").next().unwrap_or_default()
}

/// The passages.
pub(crate) fn passages(turn: &Turn) -> impl Iterator<Item = &str> {
    turn.named("passages")
}

/// Why a turn can't be ranked.
pub(crate) fn unfit(turns: &[Turn]) -> Option<String> {
    let turn = turns.last()?;
    (query(turn).is_empty() || passages(turn).next().is_none())
        .then(|| "a row needs texts named `query` and `passages`".to_owned())
}

/// A list of ranked passages: the body itself, or what it has by this name.
pub(crate) fn whole(body: &[u8], key: &str) -> Reply<'static> {
    let value = match value::whole(body) {
        Ok(value) => value,
        Err(odd) => return *odd,
    };
    let ranked = value.as_array().or_else(|| value.get(key).and_then(Value::as_array));
    match ranked {
        Some(ranked) if !ranked.is_empty() => Reply::body(String::new(), value::usage(&value)),
        _ => Reply::failed("invalid_ranking", format!("the response has no list of `{key}`")),
    }
}

/// The turn of tests.
#[cfg(test)]
pub(crate) fn sample() -> Turn {
    let text = |name: &str, contents: &[&str]| crate::Text {
        name: name.to_owned(),
        contents: contents.iter().map(|content| (*content).to_owned()).collect(),
    };
    let texts = vec![text("query", &["what?"]), text("passages", &["this", "that"])];
    Turn { texts, ..Turn::user(String::new(), "m".to_owned()) }
}
