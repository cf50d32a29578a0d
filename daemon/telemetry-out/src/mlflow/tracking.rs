//! The API: experiments, runs, metrics, parameters and tags.

use crate::endpoint::without_password;
use base64::Engine;
use serde_json::{Value, json};
use std::time::Duration;
use ureq::Agent;
use ureq::http::{Request, StatusCode};

/// A tracking server.
#[derive(Clone)]
pub struct Tracking {
    pub(super) agent: Agent,
    /// Its URL without a slash at its end, and without who asks.
    pub(super) base: String,
    authorization: Option<String>,
}

impl std::fmt::Debug for Tracking {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Tracking").field("base", &self.base).finish_non_exhaustive()
    }
}

/// Who asks: MLflow's `MLFLOW_TRACKING_USERNAME`, `MLFLOW_TRACKING_PASSWORD` and `MLFLOW_TRACKING_TOKEN`.
#[derive(Clone, Default)]
pub struct Credentials {
    /// A user's name and password.
    pub user: Option<(String, String)>,
    /// A token, which goes before them.
    pub token: Option<String>,
}

/// What the server knows of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunInfo {
    /// Its name for it.
    pub run_id: String,
    /// What people call it.
    pub run_name: String,
    /// Where its files are.
    pub artifact_uri: String,
}

/// A metric at a moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// The metric's name.
    pub key: String,
    /// Its value.
    pub value: f64,
    /// Milliseconds since 1970.
    pub timestamp_ms: u64,
    /// Its place in the curve.
    pub step: u64,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// As planned.
    Finished,
    /// By itself, before it was done.
    Failed,
    /// Because somebody stopped it.
    Killed,
}

/// Why something was not logged.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The address is none.
    #[error("failed to use the tracking server's address `{0}`: want http://host:port or https://host")]
    Address(String),
    /// It did not answer.
    #[error("MLflow tracking server at {0} did not answer")]
    Http(String, #[source] ureq::Error),
    /// It refused.
    #[error("MLflow tracking server refused {path}: {status} {message}")]
    Refused {
        /// What was asked.
        path: String,
        /// The HTTP status.
        status: u16,
        /// MLflow's error code and what it says.
        message: String,
    },
    /// What it said is not what its API promises.
    #[error("MLflow tracking server said something else than a run or an experiment to {0}")]
    Strange(String),
    /// Files of the run are where this program can't put them.
    #[error(
        "the run's files are kept at {0}, which is not spoken here: start the server with --serve-artifacts, or upload \
         them with MLflow's own client"
    )]
    Store(String),
    /// A file could not be read or written.
    #[error("failed to copy `{0}`")]
    File(String, #[source] std::io::Error),
}

impl LogError {
    /// Whether the server knows nothing by this name.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        matches!(self, Self::Refused { status: 404, .. })
    }
}

impl Tracking {
    /// A server at an address, which is not asked yet.
    ///
    /// # Errors
    /// When the address is no URL of HTTP.
    pub fn new(uri: &str, credentials: &Credentials, timeout: Duration) -> Result<Self, LogError> {
        let refused = || LogError::Address(without_password(uri));
        let base = without_password(uri.trim_end_matches('/'));
        let host =
            base.strip_prefix("http://").or_else(|| base.strip_prefix("https://")).ok_or_else(refused)?;
        if host.is_empty() || !uri.chars().all(|one| one.is_ascii_graphic()) {
            return Err(refused());
        }
        let config =
            Agent::config_builder().timeout_global(Some(timeout)).http_status_as_error(false).proxy(None);
        let agent = config.user_agent(concat!("aiperfd/", env!("CARGO_PKG_VERSION"))).build().new_agent();
        Ok(Self { agent, base, authorization: credentials.header(uri) })
    }

    /// The address as it may be shown.
    #[must_use]
    pub fn shown(&self) -> &str {
        &self.base
    }

    /// Whether the server answers.
    ///
    /// # Errors
    /// When it does not, or says that it is not well.
    pub fn check(&self) -> Result<(), LogError> {
        let request = self.request("GET", &format!("{}/health", self.base)).body(Vec::new());
        self.run("health", request).map(drop)
    }

    /// The experiment of this name, made if there is none.
    ///
    /// # Errors
    /// When the server does not answer or refuses.
    pub fn experiment(&self, name: &str) -> Result<String, LogError> {
        let query = percent_encoding::utf8_percent_encode(name, percent_encoding::NON_ALPHANUMERIC);
        match self.get(&format!("experiments/get-by-name?experiment_name={query}")) {
            Ok(found) => text(&found, "/experiment/experiment_id", "experiments/get-by-name"),
            Err(error) if error.is_unknown() => {
                let made = self.post("experiments/create", &json!({"name": name}))?;
                text(&made, "/experiment_id", "experiments/create")
            }
            Err(error) => Err(error),
        }
    }

    /// Begins a run; without a name the server makes one up.
    ///
    /// # Errors
    /// When the server does not answer or refuses.
    pub fn create_run(
        &self,
        experiment: &str,
        name: Option<&str>,
        start_ms: u64,
        tags: &[(String, String)],
    ) -> Result<RunInfo, LogError> {
        let mut asked = json!({"experiment_id": experiment, "start_time": start_ms, "tags": pairs(tags)});
        if let Some(name) = name {
            asked["run_name"] = name.into();
        }
        run_of(&self.post("runs/create", &asked)?, "runs/create")
    }

    /// A run that is there.
    ///
    /// # Errors
    /// When the server does not answer, or knows no such run.
    pub fn find_run(&self, run_id: &str) -> Result<RunInfo, LogError> {
        let query = percent_encoding::utf8_percent_encode(run_id, percent_encoding::NON_ALPHANUMERIC);
        run_of(&self.get(&format!("runs/get?run_id={query}"))?, "runs/get")
    }

    /// Logs metrics, parameters and tags, in as many batches as the API wants.
    ///
    /// # Errors
    /// When the server does not answer or refuses; batches before it are logged.
    pub fn log(
        &self,
        run_id: &str,
        points: &[Point],
        params: &[(String, String)],
        tags: &[(String, String)],
    ) -> Result<(), LogError> {
        for points in points.chunks(POINTS_MAX) {
            let points = points.iter().map(|point| {
                let Point { key, value, timestamp_ms, step } = point;
                json!({"key": key, "value": value, "timestamp": timestamp_ms, "step": step})
            });
            self.log_batch(&json!({"run_id": run_id, "metrics": points.collect::<Vec<_>>()}))?;
        }
        for params in params.chunks(PAIRS_MAX) {
            self.log_batch(&json!({"run_id": run_id, "params": pairs(params)}))?;
        }
        for tags in tags.chunks(PAIRS_MAX) {
            self.log_batch(&json!({"run_id": run_id, "tags": pairs(tags)}))?;
        }
        Ok(())
    }

    /// Ends a run, under a name of its own if one is given.
    ///
    /// # Errors
    /// When the server does not answer or refuses.
    pub fn end_run(
        &self,
        run_id: &str,
        status: Status,
        end_ms: u64,
        name: Option<&str>,
    ) -> Result<(), LogError> {
        let status = match status {
            Status::Finished => "FINISHED",
            Status::Failed => "FAILED",
            Status::Killed => "KILLED",
        };
        let mut asked = json!({"run_id": run_id, "status": status, "end_time": end_ms});
        if let Some(name) = name {
            asked["run_name"] = name.into();
        }
        self.post("runs/update", &asked).map(drop)
    }

    fn log_batch(&self, asked: &Value) -> Result<(), LogError> {
        self.post("runs/log-batch", asked).map(drop)
    }

    pub(super) fn get(&self, path: &str) -> Result<Value, LogError> {
        let request = self.request("GET", &format!("{}{API}/{path}", self.base)).body(Vec::new());
        self.run(path, request).and_then(|body| read(&body, path))
    }

    fn post(&self, path: &str, asked: &Value) -> Result<Value, LogError> {
        let request = self.request("POST", &format!("{}{API}/{path}", self.base));
        let request = request.header("content-type", "application/json").body(asked.to_string().into_bytes());
        self.run(path, request).and_then(|body| read(&body, path))
    }

    /// A request to the server itself, with who asks.
    pub(super) fn request(&self, method: &str, url: &str) -> ureq::http::request::Builder {
        let request = Request::builder().method(method).uri(url);
        match &self.authorization {
            Some(authorization) => request.header("authorization", authorization),
            None => request,
        }
    }

    fn run(
        &self,
        path: &str,
        request: Result<Request<Vec<u8>>, ureq::http::Error>,
    ) -> Result<Vec<u8>, LogError> {
        let lost = |error| LogError::Http(self.base.clone(), error);
        let mut response = self.agent.run(request.map_err(|error| lost(error.into()))?).map_err(lost)?;
        let status = response.status();
        let body = response.body_mut().with_config().limit(ANSWER_MAX).read_to_vec().map_err(lost)?;
        if status.is_success() { Ok(body) } else { Err(refused(path, status, &body)) }
    }
}

impl Credentials {
    /// As the environment has them: a user's in the address go before those of the environment.
    fn header(&self, uri: &str) -> Option<String> {
        if let Some(token) = &self.token {
            return Some(format!("Bearer {token}"));
        }
        let authority = uri.split_once("://")?.1.split('/').next()?;
        let told = authority.rsplit_once('@').map(|(user, _)| user.split_once(':').unwrap_or((user, "")));
        let user = self.user.as_ref().map(|(name, password)| (name.as_str(), password.as_str()));
        let (name, password) = told.or(user)?;
        Some(format!("Basic {}", BASE64.encode(format!("{name}:{password}"))))
    }
}

/// Why the server refused, as it says.
pub(super) fn refused(path: &str, status: StatusCode, body: &[u8]) -> LogError {
    let told = serde_json::from_slice::<Value>(body).unwrap_or_default();
    let word = |key: &str| told[key].as_str().unwrap_or_default().to_owned();
    let message = format!("{} {}", word("error_code"), word("message"));
    let path = path.split('?').next().unwrap_or(path).to_owned();
    LogError::Refused { path, status: status.as_u16(), message: message.trim().to_owned() }
}

fn read(body: &[u8], path: &str) -> Result<Value, LogError> {
    serde_json::from_slice(body).map_err(|_odd| LogError::Strange(path.to_owned()))
}

fn text(value: &Value, pointer: &str, path: &str) -> Result<String, LogError> {
    let text = value.pointer(pointer).and_then(Value::as_str);
    text.map(str::to_owned).ok_or_else(|| LogError::Strange(path.to_owned()))
}

fn run_of(value: &Value, path: &str) -> Result<RunInfo, LogError> {
    let word = |key: &str| text(value, &format!("/run/info/{key}"), path);
    Ok(RunInfo { run_id: word("run_id")?, run_name: word("run_name")?, artifact_uri: word("artifact_uri")? })
}

fn pairs(pairs: &[(String, String)]) -> Vec<Value> {
    let short = |value: &str| value.chars().take(VALUE_MAX).collect::<String>();
    pairs.iter().map(|(key, value)| json!({"key": key, "value": short(value)})).collect()
}

const BASE64: base64::engine::GeneralPurpose = base64::engine::general_purpose::STANDARD;
const API: &str = "/api/2.0/mlflow";
/// What a batch may hold: <https://mlflow.org/docs/latest/api_reference/rest-api.html#log-batch>
const POINTS_MAX: usize = 1000;
const PAIRS_MAX: usize = 100;
/// Characters of a parameter or tag.
const VALUE_MAX: usize = 5000;
/// Bytes of an answer that are read.
const ANSWER_MAX: u64 = 4 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn tracking(uri: &str, credentials: &Credentials) -> Result<Tracking, LogError> {
        Tracking::new(uri, credentials, Duration::from_secs(1))
    }

    #[test]
    fn secrets_stay_in_headers() {
        let tracking = tracking("http://user:hush@a:1/mlflow/", &Credentials::default()).unwrap();
        assert_eq!(tracking.shown(), "http://a:1/mlflow", "without them");
        assert_eq!(tracking.authorization.as_deref(), Some("Basic dXNlcjpodXNo"), "user:hush");
        assert!(!format!("{tracking:?}").contains("dXNl"), "nor for those who debug");
        let token = Credentials { token: Some("t".to_owned()), ..Credentials::default() };
        assert_eq!(token.header("http://a").as_deref(), Some("Bearer t"), "a token");
    }

    #[test]
    fn only_addresses_of_http_are_taken() {
        for uri in ["", "file:./mlruns", "./mlruns", "sqlite:///x.db", "http://", "http://a b"] {
            let error = tracking(uri, &Credentials::default()).unwrap_err();
            assert!(matches!(error, LogError::Address(_)), "{uri}: {error}");
        }
    }

    #[test]
    fn refusals_say_why() {
        let body = br#"{"error_code":"RESOURCE_DOES_NOT_EXIST","message":"No run"}"#;
        let error = refused("runs/get?run_id=7", StatusCode::NOT_FOUND, body);
        assert!(error.is_unknown(), "a 404");
        let said = "MLflow tracking server refused runs/get: 404 RESOURCE_DOES_NOT_EXIST No run";
        assert_eq!(error.to_string(), said, "without the query");
        assert_eq!(
            refused("x", StatusCode::BAD_GATEWAY, b"<html>").to_string(),
            "MLflow tracking server refused x: 502 ",
            "what is no JSON"
        );
    }
}
