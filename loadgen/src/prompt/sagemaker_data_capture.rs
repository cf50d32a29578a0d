//! `sagemaker_data_capture`: requests that Amazon SageMaker captured at an endpoint.

use super::dataset::{Format, Reading, Row};
use super::single_turn::one_line;
use super::{Context, Planned, When};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::DateTime;
use endpoint::Turn;
use serde::Deserialize;
use serde_json::Value;

pub(super) const FORMAT: Format = Format {
    name: "sagemaker_data_capture",
    read: Reading::Lines(row),
    context: Context::Alone,
    fits: |row| row.get("captureData").is_some(),
    lengths: ["input_length", "max_tokens"],
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Fields {
    capture_data: Capture,
    event_metadata: Option<Metadata>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Capture {
    endpoint_input: Body,
}

#[derive(Deserialize)]
struct Body {
    data: String,
    encoding: Option<String>,
}

impl Body {
    /// The request: as it is, or in Base64, as SageMaker writes what it does not know to be JSON.
    fn json(self) -> Result<Vec<u8>, String> {
        match self.encoding.as_deref() {
            Some("JSON") => Ok(self.data.into_bytes()),
            None if self.data.trim_start().starts_with('{') => Ok(self.data.into_bytes()),
            None | Some("BASE64") => {
                let decoded = STANDARD.decode(self.data.trim());
                decoded.map_err(|error| format!("`endpointInput.data` is no Base64: {error}"))
            }
            Some(other) => Err(format!("`endpointInput` is encoded as {other}, not as JSON or BASE64")),
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    inference_time: Option<String>,
}

#[derive(Deserialize)]
struct Request {
    messages: Vec<Value>,
    tools: Option<Value>,
    max_tokens: Option<u32>,
    max_completion_tokens: Option<u32>,
}

fn row(line: &[u8]) -> Result<Row, String> {
    let fields = serde_json::from_slice::<Fields>(line).map_err(|error| one_line(&error))?;
    let body = fields.capture_data.endpoint_input;
    let request = serde_json::from_slice::<Request>(&body.json()?)
        .map_err(|error| format!("`endpointInput.data`: {}", one_line(&error)))?;
    let turn = Turn {
        role: "user".to_owned(),
        messages: Some(request.messages),
        tools: request.tools,
        max_tokens: request.max_completion_tokens.or(request.max_tokens),
        ..Turn::default()
    };
    let when = match fields.event_metadata.and_then(|metadata| metadata.inference_time) {
        None => When::Unscheduled,
        Some(time) => {
            let at = DateTime::parse_from_rfc3339(&time)
                .map_err(|error| format!("`inferenceTime` `{time}` is no date: {error}"))?;
            #[expect(clippy::cast_precision_loss, reason = "milliseconds of dates are exact in a float")]
            let timestamp_ms = at.timestamp_millis() as f64;
            When::At { timestamp_ms }
        }
    };
    Ok(Row { turns: vec![Planned { turn, when, answer: None }], ..Row::default() })
}
