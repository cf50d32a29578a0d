//! `video_generation`: the OpenAI Videos API: a job is submitted, and polled until it is done.

use crate::{Endpoint, Extras, Follow, Metadata, Reply, Turn, Unfit, body, form, value};
use common::reply_event::{EventKind, Measure};
use serde_json::{Map, Value};

/// The endpoint.
#[derive(Debug)]
pub struct VideoGeneration;

impl Endpoint for VideoGeneration {
    fn metadata(&self) -> &'static Metadata {
        &METADATA
    }

    fn body(&self, turns: &[Turn], plan: &spec::Endpoint) -> Map<String, Value> {
        let mut body = Map::new();
        if let Some(turn) = turns.last() {
            body.insert("prompt".to_owned(), Value::from(turn.joined()));
            body.insert("model".to_owned(), Value::from(turn.model.as_str()));
            body::merge_extra(&mut body, turn, plan);
        }
        body
    }

    fn encode(&self, turns: &[Turn], plan: &spec::Endpoint) -> Result<Vec<u8>, Unfit> {
        let unfit = |why| Unfit { endpoint: METADATA.name, why };
        let fields = self.body(turns, plan);
        if plan.dialect.sends_forms {
            return form::encoded(&fields, &[]).map_err(unfit);
        }
        serde_json::to_vec(&fields).map_err(|error| unfit(error.to_string()))
    }

    fn content_type(&self, plan: &spec::Endpoint) -> &'static str {
        if plan.dialect.sends_forms { form::CONTENT_TYPE } else { "application/json" }
    }

    fn event<'a>(&self, data: &'a [u8]) -> Reply<'a> {
        self.whole(data)
    }

    /// What is known of the job: done, failed, or not there yet.
    fn whole<'a>(&self, body: &'a [u8]) -> Reply<'a> {
        let reply = |value: Value| match value::text(&value, "/status").as_str() {
            "completed" => {
                let extras = Some(Box::new(extras(&value)));
                Reply { extras, ..Reply::body(String::new(), value::usage(&value)) }
            }
            "failed" | "cancelled" => Reply::failed("video_failed", value::text(&value, "/error/message")),
            _ => Reply::bare(EventKind::Empty),
        };
        value::whole(body).map_or_else(|odd| *odd, reply)
    }

    fn follow(&self, path: &str, body: &[u8], plan: &spec::Endpoint) -> Follow {
        let Ok(value) = value::whole(body) else { return Follow::Nothing };
        let id = value::text(&value, "/id");
        let is_safe = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
        if id.is_empty() || !id.bytes().all(is_safe) {
            return Follow::Nothing;
        }
        let (path, query) = path.split_once('?').map_or((path, ""), |(path, query)| (path, query));
        let mark = if query.is_empty() { "" } else { "?" };
        match value::text(&value, "/status").as_str() {
            "completed" if plan.dialect.download_content => {
                let url = value::text(&value, "/url");
                let is_here = url.starts_with('/') && !url.starts_with("//");
                if is_here && url.bytes().all(|byte| byte.is_ascii_graphic()) {
                    return Follow::Content(url);
                }
                Follow::Content(format!("{path}/{id}/content{mark}{query}"))
            }
            "completed" | "failed" | "cancelled" => Follow::Nothing,
            _ => Follow::Again(format!("{path}/{id}{mark}{query}")),
        }
    }
}

/// vLLM-Omni's metrics of the work.
fn extras(job: &Value) -> Extras {
    let measure = |key: &str| job[key].as_f64().map_or(Measure::UNKNOWN, Measure::new);
    let (video_seconds, video_megabytes) = (measure("inference_time_s"), measure("peak_memory_mb"));
    Extras { video_seconds, video_megabytes, ..Extras::default() }
}

const METADATA: Metadata = Metadata {
    name: "video_generation",
    path: Some("/v1/videos"),
    metrics_title: "Video Generation Metrics",
    produces_videos: true,
    requires_polling: true,
    ..Metadata::TEXT_IN
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{check_body, check_whole, plan};

    #[test]
    fn a_job_is_followed() {
        let check = |body: &str, expected: Follow| {
            let mut plan = plan("");
            plan.dialect.download_content = true;
            assert_eq!(VideoGeneration.follow("/v1/videos?k=1", body.as_bytes(), &plan), expected, "{body}");
        };
        check(r#"{"id":"v1","status":"in_progress"}"#, Follow::Again("/v1/videos/v1?k=1".to_owned()));
        check(r#"{"id":"v1","status":"completed"}"#, Follow::Content("/v1/videos/v1/content?k=1".to_owned()));
        check(r#"{"id":"v1","status":"completed","url":"/f/1"}"#, Follow::Content("/f/1".to_owned()));
        check(r#"{"id":"v1","status":"failed"}"#, Follow::Nothing);
        check(r#"{"id":"v1 HTTP/1.1\r\n","status":"queued"}"#, Follow::Nothing);
        check("{", Follow::Nothing);
    }

    #[test]
    fn a_job_and_where_it_stands() {
        let turn = Turn::user("a cat walks".to_owned(), "m".to_owned());
        check_body(&VideoGeneration, &turn, &plan(""), r#"{"prompt":"a cat walks","model":"m"}"#);
        let mut form = plan("");
        form.dialect.sends_forms = true;
        let text = String::from_utf8(VideoGeneration.encode(&[turn], &form).unwrap()).unwrap();
        assert!(text.contains("name=\"prompt\"\r\n\r\na cat walks\r\n"), "{text}");
        check_whole(
            &VideoGeneration,
            r#"{"id":"v1","object":"video","status":"queued","progress":0}"#,
            "empty",
        );
        check_whole(&VideoGeneration, r#"{"id":"v1","status":"completed","inference_time_s":1.5}"#, "body");
        check_whole(&VideoGeneration, r#"{"id":"v1","status":"failed"}"#, "error video_failed: ");
    }
}
