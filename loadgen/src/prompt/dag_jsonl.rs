//! `dag_jsonl`: conversations written turn by turn as messages. Branches are refused, each by its place.

use super::dataset::{Format, Reading, Row};
use super::single_turn::one_line;
use super::{Context, Planned, When};
use endpoint::Turn;
use serde::Deserialize;
use serde_json::{Map, Value};

pub(super) const FORMAT: Format = Format {
    name: "dag_jsonl",
    read: Reading::Lines(row),
    context: Context::Live,
    fits: |row| {
        let turns = row.get("turns").and_then(Value::as_array);
        turns.is_some_and(|turns| turns.iter().any(|turn| turn.get("messages").is_some()))
    },
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Conversation {
    session_id: Option<String>,
    turns: Vec<Step>,
    context_mode: Option<String>,
    orchestrator: Option<Value>,
    spawns: Option<Value>,
    rounds: Option<Value>,
    think_time_ms: Option<Value>,
    think_time_sigma: Option<Value>,
    think_time_min_ms: Option<Value>,
    think_time_max_ms: Option<Value>,
    pre_session_spawns: Option<Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    messages: Vec<Value>,
    model: Option<String>,
    max_tokens: Option<u32>,
    tools: Option<Value>,
    extra: Option<Map<String, Value>>,
    forks: Option<Value>,
    spawns: Option<Value>,
    delay: Option<f64>,
}

fn row(line: &[u8]) -> Result<Row, String> {
    let conversation = serde_json::from_slice::<Conversation>(line).map_err(|error| one_line(&error))?;
    let name = conversation.session_id.clone().unwrap_or_default();
    let branches = [
        ("orchestrator", &conversation.orchestrator),
        ("spawns", &conversation.spawns),
        ("rounds", &conversation.rounds),
        ("think_time_ms", &conversation.think_time_ms),
        ("think_time_sigma", &conversation.think_time_sigma),
        ("think_time_min_ms", &conversation.think_time_min_ms),
        ("think_time_max_ms", &conversation.think_time_max_ms),
        ("pre_session_spawns", &conversation.pre_session_spawns),
    ];
    if let Some((key, _)) = branches.iter().find(|(_, value)| is_given(value.as_ref())) {
        return Err(format!("{name}.{key}: branches and their orchestration are not supported"));
    }
    let context = match conversation.context_mode.as_deref() {
        None => None,
        Some("deltas_without_responses") => Some(Context::Live),
        Some("message_array_with_responses") => Some(Context::Alone),
        Some(mode) => return Err(format!("{name}.context_mode: `{mode}` is not supported")),
    };
    let steps = conversation.turns.into_iter().enumerate();
    let turns = steps.map(|(number, step)| planned(&format!("{name}.turns[{number}]"), step));
    let turns = turns.collect::<Result<Vec<_>, _>>()?;
    if turns.is_empty() {
        return Err(format!("{name}.turns: a conversation needs at least one turn"));
    }
    Ok(Row { session: conversation.session_id, turns, context, ..Row::default() })
}

fn planned(place: &str, step: Step) -> Result<Planned, String> {
    for (key, value) in [("forks", &step.forks), ("spawns", &step.spawns)] {
        if is_given(value.as_ref()) {
            return Err(format!("{place}.{key}: branches are not supported"));
        }
    }
    let turn = Turn {
        role: "user".to_owned(),
        messages: Some(step.messages),
        model: step.model.unwrap_or_default(),
        max_tokens: step.max_tokens,
        tools: step.tools,
        extra: step.extra.unwrap_or_default(),
        ..Turn::default()
    };
    let when = step.delay.map_or(When::Unsaid, |delay_ms| When::After { delay_ms });
    Ok(Planned { turn, when, answer: None })
}

/// Whether there is anything but nothing.
fn is_given(value: Option<&Value>) -> bool {
    value.is_some_and(|value| !value.is_null() && value.as_array().is_none_or(|items| !items.is_empty()))
}
