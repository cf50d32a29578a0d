//! Replies read as JSON values, for APIs whose answers are few: what is no JSON and what is an error.

use crate::json::{is_truthy, repaired};
use crate::openai::{odd_event, reported};
use crate::reply::Reply;
use crate::usage::ReportedUsage;
use common::reply_event::Usage;
use memchr::memchr3_iter;
use serde::Deserialize;
use serde_json::Value;

/// The value of an event's data, or what it means that it is none.
pub(crate) fn event(data: &[u8]) -> Result<Value, Box<Reply<'static>>> {
    read(data).map_err(|odd| Box::new(odd_event(data, &odd))).and_then(|value| checked(value, data))
}

/// The value of a body, or what it means that it is none.
pub(crate) fn whole(body: &[u8]) -> Result<Value, Box<Reply<'static>>> {
    let odd = |odd| Box::new(Reply::failed("invalid_json", format!("the body is no JSON: {odd}")));
    read(body).map_err(odd).and_then(|value| checked(value, body))
}

/// The server's token counts.
pub(crate) fn usage(value: &Value) -> Option<Usage> {
    ReportedUsage::deserialize(value.get("usage")?).ok()?.0
}

/// The text at a path; empty if there is none.
pub(crate) fn text(value: &Value, path: &str) -> String {
    value.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// The items of a list; none if it is no list.
pub(crate) fn items<'v>(value: &'v Value, key: &str) -> impl Iterator<Item = &'v Value> {
    value.get(key).and_then(Value::as_array).into_iter().flatten()
}

fn read(bytes: &[u8]) -> Result<Value, serde_json::Error> {
    // A value in memory is many times as long as it may be written.
    let values = memchr3_iter(b',', b'[', b'{', bytes).take(VALUES_MAX + 1).count();
    if values > VALUES_MAX {
        return Err(serde::de::Error::custom(format!("it may hold more than {VALUES_MAX} values")));
    }
    serde_json::from_slice(bytes).or_else(|odd| match repaired(bytes) {
        Some(fixed) => serde_json::from_slice(&fixed).map_err(|_as_odd| odd),
        None => Err(odd),
    })
}

fn checked(value: Value, json: &[u8]) -> Result<Value, Box<Reply<'static>>> {
    let is = |key: &str| value.get(key).and_then(Value::as_str) == Some("error");
    let has_error = value.get("error").is_some_and(is_truthy);
    if has_error || is("object") || is("type") { Err(Box::new(reported(json))) } else { Ok(value) }
}

/// Values of one body or event: some 300 MB of memory.
const VALUES_MAX: usize = 4 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_many_values_are_refused() {
        let most = format!("[{}0]", "0,".repeat(VALUES_MAX - 1));
        assert!(whole(most.as_bytes()).is_ok(), "as many as there may be");
        let more = format!("[{}0]", "0,".repeat(VALUES_MAX));
        let refused = whole(more.as_bytes()).err().and_then(|reply| reply.error).unwrap();
        assert!(refused.message.contains("more than 4194304 values"), "{}", refused.message);
        assert!(size_of::<Value>() <= 80, "{} bytes of a value", size_of::<Value>());
        let nested = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(whole(nested.as_bytes()).is_err(), "what is nested too deep");
    }
}
