//! What requests share: how the user's own fields are merged, and that streams end with token counts.

use crate::Turn;
use serde_json::{Map, Value, json};

/// Merges the user's fields, then requests token counts at a stream's end, unless the user's fields configure that.
pub(crate) fn merge(body: &mut Map<String, Value>, turn: &Turn, plan: &spec::Endpoint) {
    merge_extra(body, turn, plan);
    if plan.streaming {
        let options = body.entry("stream_options").or_insert_with(|| json!({}));
        if let Value::Object(options) = options {
            options.entry("include_usage").or_insert(Value::Bool(true));
            if plan.dialect.per_chunk_usage {
                options.entry("continuous_usage_stats").or_insert(Value::Bool(true));
            }
        }
    }
}

/// Merges the plan's fields, then the turn's, key by key: the last one counts.
pub(crate) fn merge_extra(body: &mut Map<String, Value>, turn: &Turn, plan: &spec::Endpoint) {
    for (key, value) in plan.extra_inputs.iter().chain(&turn.extra) {
        body.insert(key.clone(), value.clone());
    }
}

/// The tools that hold for the last turn: its own, or the last ones before it.
pub(crate) fn tools(turns: &[Turn]) -> Option<&Value> {
    turns.iter().rev().find_map(|turn| turn.tools.as_ref())
}
