//! The REST API: experiments, runs, metrics, parameters and tags.

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
    /// Its URL without a trailing slash, and without credentials.
    pub(super) base: String,
    authorization: Option<String>,
}

impl std::fmt::Debug for Tracking {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Tracking").field("base", &self.base).finish_non_exhaustive()
    }
}

/// Credentials: MLflow's `MLFLOW_TRACKING_USERNAME`, `MLFLOW_TRACKING_PASSWORD` and `MLFLOW_TRACKING_TOKEN`.
#[derive(Clone, Default)]
pub struct Credentials {
    /// A user's name and password.
    pub user: Option<(String, String)>,
    /// A token, which has precedence.
    pub token: Option<String>,
}

/// The server's data of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunInfo {
    /// Its id.
    pub run_id: String,
    /// Its name.
    pub run_name: String,
    /// The URI of its artifacts.
    pub artifact_uri: String,
}

/// A value of a metric at a point in time.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// The metric's name.
    pub key: String,
    /// Its value.
    pub value: f64,
    /// Milliseconds since 1970.
    pub timestamp_ms: u64,
    /// Its step.
    pub step: u64,
}

/// The final status of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Completed.
    Finished,
    /// Failed.
    Failed,
    /// Stopped by the user.
    Killed,
}

/// Why data was not logged.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The address is invalid.
    #[error("failed to use the tracking server's address `{0}`: expected http://host:port or https://host")]
    Address(String),
    /// The server did not respond.
    #[error("MLflow tracking server at {0} did not respond")]
    Http(String, #[source] ureq::Error),
    /// The server returned an error.
    #[error("MLflow tracking server returned an error for {path}: {status} {message}")]
    Refused {
        /// The API path.
        path: String,
        /// The HTTP status.
        status: u16,
        /// MLflow's error code and message.
        message: String,
    },
    /// The response is not what the API defines.
    #[error("MLflow tracking server returned neither a run nor an experiment for {0}")]
    Strange(String),
    /// The run's artifacts are stored where this program cannot write.
    #[error(
        "the run's artifacts are stored at {0}, which is not supported: start the server with --serve-artifacts, or upload \
         them with MLflow's own client"
    )]
    Store(String),
    /// A file could not be read or written.
    #[error("failed to copy `{0}`")]
    File(String, #[source] std::io::Error),
}

impl LogError {
    /// Whether the server does not have the named resource.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        matches!(self, Self::Refused { status: 404, .. })
    }
}

impl Tracking {
    /// A server at an address, which is not contacted yet.
    ///
    /// # Errors
    /// When the address is not an HTTP URL.
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

    /// The address without secrets.
    #[must_use]
    pub fn shown(&self) -> &str {
        &self.base
    }

    /// Checks that the server responds.
    ///
    /// # Errors
    /// When it does not, or reports that it is unhealthy.
    pub fn check(&self) -> Result<(), LogError> {
        let request = self.request("GET", &format!("{}/health", self.base)).body(Vec::new());
        self.run("health", request).map(drop)
    }

    /// The id of the experiment with this name, created if necessary.
    ///
    /// # Errors
    /// When the server does not respond or returns an error.
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

    /// Creates a run; without a name, the server generates one.
    ///
    /// # Errors
    /// When the server does not respond or returns an error.
    pub fn create_run(
        &self,
        experiment: &str,
        name: Option<&str>,
        start_ms: u64,
        tags: &[(String, String)],
    ) -> Result<RunInfo, LogError> {
        let mut request = json!({"experiment_id": experiment, "start_time": start_ms, "tags": pairs(tags)});
        if let Some(name) = name {
            request["run_name"] = name.into();
        }
        run_of(&self.post("runs/create", &request)?, "runs/create")
    }

    /// Finds an existing run.
    ///
    /// # Errors
    /// When the server does not respond, or has no such run.
    pub fn find_run(&self, run_id: &str) -> Result<RunInfo, LogError> {
        let query = percent_encoding::utf8_percent_encode(run_id, percent_encoding::NON_ALPHANUMERIC);
        run_of(&self.get(&format!("runs/get?run_id={query}"))?, "runs/get")
    }

    /// Logs metrics, parameters and tags, in as many batches as the API requires.
    ///
    /// # Errors
    /// When the server does not respond or returns an error; earlier batches are logged.
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

    /// Ends a run, and renames it if a name is given.
    ///
    /// # Errors
    /// When the server does not respond or returns an error.
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
        let mut request = json!({"run_id": run_id, "status": status, "end_time": end_ms});
        if let Some(name) = name {
            request["run_name"] = name.into();
        }
        self.post("runs/update", &request).map(drop)
    }

    fn log_batch(&self, batch: &Value) -> Result<(), LogError> {
        self.post("runs/log-batch", batch).map(drop)
    }

    pub(super) fn get(&self, path: &str) -> Result<Value, LogError> {
        let request = self.request("GET", &format!("{}{API}/{path}", self.base)).body(Vec::new());
        self.run(path, request).and_then(|body| read(&body, path))
    }

    fn post(&self, path: &str, content: &Value) -> Result<Value, LogError> {
        let request = self.request("POST", &format!("{}{API}/{path}", self.base));
        let request =
            request.header("content-type", "application/json").body(content.to_string().into_bytes());
        self.run(path, request).and_then(|body| read(&body, path))
    }

    /// A request to the server itself, with the credentials.
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
    /// The authorization header: credentials in the address have precedence over those in the environment.
    fn header(&self, uri: &str) -> Option<String> {
        if let Some(token) = &self.token {
            return Some(format!("Bearer {token}"));
        }
        let authority = uri.split_once("://")?.1.split('/').next()?;
        let in_address =
            authority.rsplit_once('@').map(|(user, _)| user.split_once(':').unwrap_or((user, "")));
        let user = self.user.as_ref().map(|(name, password)| (name.as_str(), password.as_str()));
        let (name, password) = in_address.or(user)?;
        Some(format!("Basic {}", BASE64.encode(format!("{name}:{password}"))))
    }
}

/// The server's error, with its message.
pub(super) fn refused(path: &str, status: StatusCode, body: &[u8]) -> LogError {
    let error = serde_json::from_slice::<Value>(body).unwrap_or_default();
    let word = |key: &str| error[key].as_str().unwrap_or_default().to_owned();
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
/// Maximum items of a batch: <https://mlflow.org/docs/latest/api_reference/rest-api.html#log-batch>
const POINTS_MAX: usize = 1000;
const PAIRS_MAX: usize = 100;
/// Maximum characters of a parameter or tag.
const VALUE_MAX: usize = 5000;
/// Maximum size of a response.
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
        assert!(!format!("{tracking:?}").contains("dXNl"), "also not in debug output");
        let token = Credentials { token: Some("t".to_owned()), ..Credentials::default() };
        assert_eq!(token.header("http://a").as_deref(), Some("Bearer t"), "a token");
    }

    #[test]
    fn only_http_addresses_are_accepted() {
        for uri in ["", "file:./mlruns", "./mlruns", "sqlite:///x.db", "http://", "http://a b"] {
            let error = tracking(uri, &Credentials::default()).unwrap_err();
            assert!(matches!(error, LogError::Address(_)), "{uri}: {error}");
        }
    }

    #[test]
    fn errors_include_the_servers_message() {
        let body = br#"{"error_code":"RESOURCE_DOES_NOT_EXIST","message":"No run"}"#;
        let error = refused("runs/get?run_id=7", StatusCode::NOT_FOUND, body);
        assert!(error.is_unknown(), "a 404");
        let expected =
            "MLflow tracking server returned an error for runs/get: 404 RESOURCE_DOES_NOT_EXIST No run";
        assert_eq!(error.to_string(), expected, "without the query");
        assert_eq!(
            refused("x", StatusCode::BAD_GATEWAY, b"<html>").to_string(),
            "MLflow tracking server returned an error for x: 502 ",
            "a response that is not JSON"
        );
    }
}
