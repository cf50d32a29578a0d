//! Messages: JSON-RPC 2.0, and the parameters and results of each method. Times are nanoseconds of the real-time clock unless the name
//! says otherwise.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// A call of a method.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// Always `2.0`.
    pub jsonrpc: String,
    /// What the answer names.
    pub id: u64,
    /// `hello`, `open`, `phase_hook.start` …
    pub method: String,
    /// Its parameters.
    #[serde(default)]
    pub params: Value,
}

/// What a plugin sends: the answer to a call, or a notification without `id`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// Always `2.0`.
    #[serde(default)]
    pub jsonrpc: String,
    /// That of the call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<u64>,
    /// What the call results in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<Value>,
    /// Why it has no result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<RpcError>,
    /// Of a notification: `log`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Its parameters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub params: Option<Value>,
}

/// Why a call has no result.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct RpcError {
    /// 1 when the plugin's own code failed; JSON-RPC's numbers otherwise.
    pub code: i64,
    /// What happened, for the user.
    pub message: String,
    /// `type`: the kind of error in the plugin's language.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Value>,
}

/// Code of an error of the plugin's own.
pub const FAILED: i64 = 1;
/// JSON-RPC's code for a method that is not known.
pub const NO_SUCH_METHOD: i64 = -32601;
/// JSON-RPC's code for parameters that are not valid.
pub const INVALID_PARAMS: i64 = -32602;

/// Parameters of `hello`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Hello {
    /// The highest version of the protocol that the caller speaks.
    pub protocol: u32,
    /// The caller: `aiperfd`.
    pub host: String,
    /// Its version.
    pub version: String,
}

/// Result of `hello`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Greeting {
    /// The version that is spoken: not higher than the caller's.
    pub protocol: u32,
    /// The plugin's name.
    pub name: String,
    /// Its version.
    #[serde(default)]
    pub version: String,
    /// What it offers.
    #[serde(default)]
    pub components: Vec<Offered>,
}

/// A component that a plugin offers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Offered {
    /// Its kind: `phase_hook`.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// One line.
    #[serde(default)]
    pub description: String,
}

/// Parameters of `open`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Open {
    /// The component's kind.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Of a Python component, its class: `package.module:Class`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    /// The user's configuration of it.
    #[serde(default)]
    pub config: Map<String, Value>,
    /// The run's artifact directory, an absolute path.
    pub directory: String,
    /// Of a dataset loader, the file that it is to read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
}

/// Result of `open`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Opened {
    /// What calls name it by.
    pub handle: u64,
    /// What it is opened as: the kind that was asked for, but that a `post_processor` may be an `aggregator`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// The methods of its kind that it has; the others are not called.
    #[serde(default)]
    pub methods: Vec<String>,
    /// How a stream exporter wants its rows.
    #[serde(default)]
    pub rows: Encoding,
}

/// How rows are encoded in a body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Encoding {
    /// One JSON object a line.
    #[default]
    Json,
    /// An Arrow IPC stream.
    Arrow,
}

/// Parameters of `phase_hook.start`, `.sending_complete`, `.complete` and `.timeout`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct PhaseEvent {
    /// The component.
    pub handle: u64,
    /// The phase.
    pub phase: Phase,
    /// What it has done so far.
    pub stats: Stats,
}

/// A phase of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Phase {
    /// Its name: `profiling`.
    pub name: String,
    /// Whether it is left out of the results.
    pub is_warmup: bool,
    /// Its place among the run's phases, from 1 on.
    pub number: u32,
}

/// What a phase has done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Stats {
    /// Requests handed to the kernel.
    pub sent: u64,
    /// Sessions whose first requests have ended.
    pub sent_sessions: u64,
    /// Requests that succeeded.
    pub completed: u64,
    /// Requests that were cancelled.
    pub cancelled: u64,
    /// Requests that ended in any other way.
    pub failed: u64,
    /// Requests in flight.
    pub in_flight: u64,
    /// When its first request was due.
    pub start_ns: u64,
    /// When it had ended.
    pub end_ns: Option<u64>,
    /// The same moments on the monotonic clock.
    pub start_monotonic_ns: u64,
    /// The end on the monotonic clock.
    pub end_monotonic_ns: Option<u64>,
    /// When it had sent everything.
    pub sending_complete_ns: Option<u64>,
    /// When its first byte left, by the kernel's stamp.
    pub kernel_first_sent_ns: Option<u64>,
    /// When its last byte arrived, by the kernel's stamp.
    pub kernel_last_received_ns: Option<u64>,
}

/// Parameters of `aggregator.records`; `post_processor.records` has only the handle. The body has the rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Records {
    /// The component.
    pub handle: u64,
    /// Which phase the rows are of, from 0 on.
    #[serde(default)]
    pub set: u32,
}

/// Result of `post_processor.process`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Processed {
    /// Whether it could do what it is for.
    pub success: bool,
    /// Rows that it has processed.
    #[serde(default)]
    pub record_count: u64,
    /// Those among them that it counts as errors.
    #[serde(default)]
    pub error_count: u64,
    /// What it has found, by name.
    #[serde(default)]
    pub metrics: BTreeMap<String, Value>,
    /// The file that it has written.
    #[serde(default)]
    pub output_path: Option<String>,
}

/// Parameters of a method that needs nothing but its component: `close`, `post_processor.process`, `aggregator.aggregate`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct OfHandle {
    /// The component.
    pub handle: u64,
}

/// Parameters of `aggregator.report`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Aggregated {
    /// The component.
    pub handle: u64,
    /// What `aggregator.aggregate` has returned.
    pub aggregated: Value,
}

/// Result of `aggregator.report` and `console_exporter.export`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Text {
    /// Lines for the console. Control characters are not shown.
    pub text: String,
}

/// Parameters of `data_exporter.export` and `console_exporter.export`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Export {
    /// The component.
    pub handle: u64,
    /// `profile_export_aiperf.json`.
    pub summary: Value,
    /// `run.json`.
    pub run: Value,
    /// Of a console exporter: columns of the terminal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<u32>,
}

/// Result of `data_exporter.export`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Exported {
    /// The files that it has written.
    #[serde(default)]
    pub files: Vec<String>,
}

/// Parameters of `stream_exporter.rows`, whose body has the rows, and of `stream_exporter.finish`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Rows {
    /// The component.
    pub handle: u64,
    /// Rows that were dropped so far.
    pub dropped: u64,
}

/// Parameters of `custom_dataset_loader.load`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Load {
    /// The component.
    pub handle: u64,
    /// The file.
    pub path: String,
}

/// Result of `custom_dataset_loader.next`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Loaded {
    /// Conversations: rows of the dataset format `multi_turn`.
    pub rows: Vec<Value>,
    /// Whether these are the last ones.
    pub is_done: bool,
}

/// Parameters of the notification `log`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Log {
    /// `info`, `warning` or `error`.
    pub level: String,
    /// One line.
    pub text: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use schemars::{Schema, schema_for};

    /// Each method with what it takes and what it results in, if that is anything.
    fn methods() -> Vec<(&'static str, Schema, Option<Schema>)> {
        let (records, handle) = (|| schema_for!(Records), || schema_for!(OfHandle));
        let hooks = ["start", "sending_complete", "complete", "timeout"];
        let hooks = hooks.map(|event| match event {
            "start" => "phase_hook.start",
            "sending_complete" => "phase_hook.sending_complete",
            "complete" => "phase_hook.complete",
            _ => "phase_hook.timeout",
        });
        let mut all = vec![
            ("hello", schema_for!(Hello), Some(schema_for!(Greeting))),
            ("open", schema_for!(Open), Some(schema_for!(Opened))),
            ("close", handle(), None),
            ("log", schema_for!(Log), None),
            ("post_processor.records", records(), None),
            ("post_processor.process", handle(), Some(schema_for!(Processed))),
            ("aggregator.records", records(), None),
            ("aggregator.aggregate", handle(), Some(schema_for!(Value))),
            ("aggregator.report", schema_for!(Aggregated), Some(schema_for!(Text))),
            ("custom_dataset_loader.load", schema_for!(Load), None),
            ("custom_dataset_loader.next", handle(), Some(schema_for!(Loaded))),
            ("data_exporter.export", schema_for!(Export), Some(schema_for!(Exported))),
            ("console_exporter.export", schema_for!(Export), Some(schema_for!(Text))),
            ("stream_exporter.rows", schema_for!(Rows), None),
            ("stream_exporter.finish", schema_for!(Rows), None),
        ];
        all.extend(hooks.map(|method| (method, schema_for!(PhaseEvent), None)));
        all
    }

    /// `AIPERFD_GOLDEN=1 cargo test -p aiperfd-plugin` writes it anew.
    #[test]
    fn the_schemas_are_those_of_the_documentation() {
        let mut schemas = Map::new();
        for (method, params, result) in methods() {
            let result = result.map_or(serde_json::json!({"type": "null"}), |schema| schema.to_value());
            schemas.insert(method.to_owned(), serde_json::json!({"params": params, "result": result}));
        }
        schemas.insert("error".to_owned(), schema_for!(RpcError).to_value());
        let text = serde_json::to_string_pretty(&schemas).unwrap() + "\n";
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/plugins.schema.json");
        if std::env::var_os("AIPERFD_GOLDEN").is_some() {
            std::fs::write(path, &text).unwrap();
        }
        assert_eq!(std::fs::read_to_string(path).unwrap_or_default(), text, "docs/plugins.schema.json");
    }

    #[test]
    fn a_greeting_needs_little() {
        let greeting =
            serde_json::from_str::<Greeting>(r#"{"protocol": 1, "name": "p", "new": []}"#).unwrap();
        assert_eq!((greeting.protocol, greeting.components.len()), (1, 0));
        let opened = serde_json::from_str::<Opened>(r#"{"handle": 3}"#).unwrap();
        assert_eq!(opened.rows, Encoding::Json);
    }
}
