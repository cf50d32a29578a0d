//! `dag_jsonl`: conversations written turn by turn as messages, whose turns may start others. What is not supported is
//! refused with its place.
//!
//! ```text
//! turn ──answer──▶ next turn ...                    join: the parent waits until the child is over
//!          ├─fork──▶ child, with the whole history
//!          └─spawn─▶ child, without history ──────▶ join
//! ```

use super::dataset::{Format, Named, Reading, Row};
use super::single_turn::one_line;
use super::{BranchKind, Context, Planned, When};
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
    lengths: ["input_length", "max_tokens"],
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
    #[serde(default)]
    forks: Vec<Value>,
    #[serde(default)]
    spawns: Vec<Value>,
    delay: Option<f64>,
}

fn row(line: &[u8]) -> Result<Row, String> {
    let conversation = serde_json::from_slice::<Conversation>(line).map_err(|error| one_line(&error))?;
    let name = conversation.session_id.clone().unwrap_or_default();
    let orchestration = [
        ("orchestrator", &conversation.orchestrator),
        ("spawns", &conversation.spawns),
        ("rounds", &conversation.rounds),
        ("think_time_ms", &conversation.think_time_ms),
        ("think_time_sigma", &conversation.think_time_sigma),
        ("think_time_min_ms", &conversation.think_time_min_ms),
        ("think_time_max_ms", &conversation.think_time_max_ms),
        ("pre_session_spawns", &conversation.pre_session_spawns),
    ];
    if let Some((key, _)) = orchestration.iter().find(|(_, value)| is_given(value.as_ref())) {
        return Err(format!("{name}.{key}: the orchestration of whole conversations is not supported"));
    }
    let context = match conversation.context_mode.as_deref() {
        None => None,
        Some("deltas_without_responses") => Some(Context::Live),
        Some("deltas_with_responses") => Some(Context::Recorded),
        Some("message_array_with_responses") => Some(Context::Alone),
        Some("message_array_without_responses") => Some(Context::Woven),
        Some(mode) => return Err(format!("{name}.context_mode: there is no mode `{mode}`")),
    };
    let count = conversation.turns.len();
    if count == 0 {
        return Err(format!("{name}.turns: a conversation needs at least one turn"));
    }
    let mut branches = Vec::new();
    for (number, step) in conversation.turns.iter().enumerate() {
        let place = format!("{name}.turns[{number}]");
        forks(&place, number, step, context.unwrap_or_default(), &mut branches)?;
        spawns(&place, number, count, step, &mut branches)?;
    }
    let turns = conversation.turns.into_iter().map(planned).collect();
    Ok(Row { session: conversation.session_id, turns, context, branches, ..Row::default() })
}

/// A child's name, or an object with it.
fn forks(
    place: &str,
    after: usize,
    step: &Step,
    context: Context,
    branches: &mut Vec<Named>,
) -> Result<(), String> {
    for (number, fork) in step.forks.iter().enumerate() {
        let place = format!("{place}.forks[{number}]");
        let child = match fork {
            Value::String(name) => name,
            Value::Object(fields) => {
                known(&place, fields, &["child", "background"])?;
                // The parent of a fork goes on whether that is set or not.
                if fields.get("background").is_some_and(|background| !background.is_boolean()) {
                    return Err(format!("{place}.background: it is true or false"));
                }
                text(&place, fields, "child")?
            }
            _ => return Err(format!("{place}: a fork is a name or an object with `child`")),
        };
        if matches!(context, Context::Alone | Context::Woven) {
            return Err(format!(
                "{place}: a fork needs the history before it, which context_mode message_array_* does not keep"
            ));
        }
        branches.push(Named { place, after, child: child.clone(), kind: BranchKind::Fork });
    }
    Ok(())
}

/// A child's name, or an object with several and the turn that waits for them.
fn spawns(
    place: &str,
    after: usize,
    turns: usize,
    step: &Step,
    branches: &mut Vec<Named>,
) -> Result<(), String> {
    for (number, spawn) in step.spawns.iter().enumerate() {
        let place = format!("{place}.spawns[{number}]");
        let (children, join_at) = match spawn {
            Value::String(name) => (vec![name], after + 1),
            Value::Object(fields) => {
                known(&place, fields, &["children", "join_at"])?;
                let children = fields.get("children").and_then(Value::as_array);
                let children =
                    children.ok_or_else(|| format!("{place}.children: a list of names is missing"))?;
                let names = children.iter().map(|child| match child {
                    Value::String(name) => Ok(name),
                    _ => Err(format!("{place}.children: a child is a name")),
                });
                let join_at = match fields.get("join_at") {
                    None | Some(Value::Null) => after + 1,
                    Some(at) => at.as_u64().and_then(|at| usize::try_from(at).ok()).unwrap_or(0),
                };
                (names.collect::<Result<Vec<_>, _>>()?, join_at)
            }
            _ => return Err(format!("{place}: a spawn is a name or an object with `children`")),
        };
        if join_at <= after || join_at > turns {
            return Err(format!(
                "{place}.join_at: it must be a later turn, or the number of turns for the end"
            ));
        }
        branches.extend(children.into_iter().map(|child| Named {
            place: place.clone(),
            after,
            child: child.clone(),
            kind: BranchKind::Spawn { join_at },
        }));
    }
    Ok(())
}

fn known(place: &str, fields: &Map<String, Value>, names: &[&str]) -> Result<(), String> {
    match fields.keys().find(|key| !names.contains(&key.as_str())) {
        Some(key) => Err(format!("{place}.{key}: there is no such field")),
        None => Ok(()),
    }
}

fn text<'a>(place: &str, fields: &'a Map<String, Value>, name: &str) -> Result<&'a String, String> {
    match fields.get(name) {
        Some(Value::String(text)) => Ok(text),
        _ => Err(format!("{place}.{name}: a name is missing")),
    }
}

fn planned(step: Step) -> Planned {
    let turn = Turn {
        role: "user".to_owned(),
        messages: Some(step.messages),
        model: step.model.unwrap_or_default(),
        max_tokens: step.max_tokens,
        tools: step.tools,
        extra: step.extra.unwrap_or_default(),
        ..Turn::default()
    };
    let when = step.delay.map_or(When::Unscheduled, |delay_ms| When::After { delay_ms });
    Planned { turn, when, answer: None }
}

/// Whether there is anything but nothing.
fn is_given(value: Option<&Value>) -> bool {
    value.is_some_and(|value| !value.is_null() && value.as_array().is_none_or(|items| !items.is_empty()))
}
