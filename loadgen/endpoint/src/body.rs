//! What every JSON request shares: how the user's own fields are merged, and that streams end with token counts.

use crate::Turn;
use common::plan;
use serde_json::{Map, Value, json};

/// Merges the plan's fields, then the turn's, key by key; then asks for token counts at a stream's end, unless the
/// user has said something about that.
pub(crate) fn merge(body: &mut Map<String, Value>, turn: &Turn, plan: &plan::Endpoint) {
    for (key, value) in plan.extra_inputs.iter().chain(&turn.extra) {
        body.insert(key.clone(), value.clone());
    }
    if plan.streaming {
        let options = body.entry("stream_options").or_insert_with(|| json!({}));
        if let Value::Object(options) = options {
            options.entry("include_usage").or_insert(Value::Bool(true));
        }
    }
}
