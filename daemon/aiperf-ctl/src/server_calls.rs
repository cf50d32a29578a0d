//! Sends the server control requests apart from the load: checks that the model is ready, resets its cache. The profiler's
//! are in `observer/profiler.rs`.

use crate::interrupt;
use crate::plan::Profile;
use crate::terminal::print_note;
use crate::trust::tls;
use anyhow::{Context, Result, bail};
use common::clock::DurationNs;
use endpoint::{Scheme, Turn, target};
use serde_json::Value;
use spec::url::shown;
use spec::{Readiness, ServerCall};
use std::time::Duration;
use ureq::http::{self, Response, StatusCode};
use ureq::{Agent, Body};

/// Sends control requests to the servers of a profile.
pub(crate) struct ServerCalls<'a> {
    profile: &'a Profile,
    agent: Agent,
}

impl<'a> ServerCalls<'a> {
    pub(crate) fn new(profile: &'a Profile) -> Result<Self> {
        let config = Agent::config_builder()
            .tls_config(tls(profile)?)
            .http_status_as_error(false)
            .user_agent(concat!("aiperfd/", env!("CARGO_PKG_VERSION")))
            .proxy(None);
        Ok(Self { profile, agent: config.build().new_agent() })
    }

    /// Waits until every model is ready on every server, if requested.
    pub(crate) fn wait_for_models(&self) -> Result<()> {
        let Some(wait) = &self.profile.preparation.wait_for_model else { return Ok(()) };
        let (patience, seconds) = (wait.timeout_seconds, wait.interval_seconds);
        let deadline = clock::mono() + DurationNs::from_seconds(patience);
        let (pause, interval) = (Duration::from_secs_f64(seconds), DurationNs::from_seconds(seconds));
        for requested in &self.profile.urls {
            let (mut attempts, url) = (0, shown(requested));
            let ready = loop {
                attempts += 1;
                let why = match self.check(requested, wait.mode) {
                    Ok(ready) => break ready,
                    Err(why) => why,
                };
                interrupt::check()?;
                if clock::mono() + interval > deadline {
                    bail!("Timed out: the model was not ready at {url} within {patience} s: {why:#}");
                }
                if attempts == 1 {
                    print_note(&format!("waiting for the model at {url}, up to {patience} s: {why:#}"));
                }
                interrupt::pause(pause)?;
            };
            print_note(&format!("{ready} at {url}, attempt {attempts}"));
        }
        Ok(())
    }

    /// Checks once; returns what is ready.
    fn check(&self, url: &str, mode: Readiness) -> Result<String> {
        match mode {
            Readiness::Models => self.list_models(url),
            Readiness::Inference => self.probe(url),
            Readiness::Both => Ok(format!("{}; {}", self.list_models(url)?, self.probe(url)?)),
        }
    }

    /// Whether `/v1/models` lists all models; for a server without such a list, whether its base URL responds.
    fn list_models(&self, url: &str) -> Result<String> {
        let mut response = self.get(self.address(url, MODELS_PATH)?)?;
        if response.status().as_u16() == NOT_FOUND {
            let base = self.get(self.address(url, "")?)?;
            let status = base.status();
            succeeded(status).context("/v1/models does not exist, and the base URL failed")?;
            let status = status.as_u16();
            return Ok(format!(
                "no /v1/models; its base URL responds with status {status}: accepting as ready"
            ));
        }
        succeeded(response.status())?;
        let body = response.body_mut().with_config().limit(BODY_BYTES_MAX).read_to_vec()?;
        let models: Value =
            serde_json::from_slice(&body).context("the response of /v1/models is not JSON")?;
        let listed = models["data"].as_array().map(Vec::as_slice).unwrap_or_default();
        let is_listed = |model: &&String| listed.iter().any(|one| one["id"] == model.as_str());
        let models = &self.profile.plan.endpoint.models;
        if let Some(model) = models.iter().find(|model| !is_listed(model)) {
            bail!("Model '{model}' not yet in /v1/models");
        }
        Ok(format!("Model '{}' ready", models.join("', '")))
    }

    /// What the servers say they are: the models that they serve, and their version; `None` if one does not say it.
    pub(crate) fn identity(&self) -> Option<String> {
        let reported = self.profile.urls.iter().map(|url| {
            let json = |path| {
                let mut response = self.get(self.address(url, path).ok()?).ok()?;
                succeeded(response.status()).ok()?;
                let body = response.body_mut().with_config().limit(BODY_BYTES_MAX).read_to_vec().ok()?;
                serde_json::from_slice::<Value>(&body).ok()
            };
            let models = json(MODELS_PATH)?;
            // What changes from one request to the next is not reported.
            let models = models["data"].as_array()?.iter().map(|model| {
                let known = ["id", "root", "max_model_len"].into_iter().filter(|key| !model[key].is_null());
                known.map(|key| model[key].to_string()).collect::<Vec<_>>().join(" ")
            });
            let models = models.collect::<Vec<_>>().join(", ");
            let version = json(VERSION_PATH);
            Some(version.map_or_else(|| models.clone(), |version| format!("{models}; version {version}")))
        });
        let reported = reported.collect::<Option<Vec<_>>>()?.join("; ");
        Some(reported.chars().take(IDENTITY_MAX).collect())
    }

    fn get(&self, address: String) -> Result<Response<Body>> {
        let mut request = http::Request::get(address);
        for (name, value) in self.headers() {
            request = request.header(name, value);
        }
        let agent = self.agent.clone();
        interrupt::unless(move || {
            let request = agent.configure_request(request.body(())?).timeout_global(Some(PATIENCE)).build();
            anyhow::Ok(agent.run(request)?)
        })?
    }

    /// Whether each model responds to a request for one token. As in AIPerf, a client error counts as ready: the request is a
    /// guess.
    fn probe(&self, url: &str) -> Result<String> {
        let mut plan = self.profile.plan.endpoint.clone();
        plan.streaming = false;
        let endpoint = endpoint::of_plan(&plan)?;
        let path = plan.path.as_deref().or_else(|| endpoint.metadata().path(&plan)).unwrap_or_default();
        for model in &plan.models {
            let turn = Turn { max_tokens: Some(1), ..Turn::user("hi".to_owned(), model.clone()) };
            let body = endpoint.encode(&[turn], &plan)?;
            let status = self.post(url, path, endpoint.content_type(&plan), &body, PATIENCE)?.as_u16();
            if status >= SERVER_ERRORS {
                bail!("the inference probe returned {status}");
            }
        }
        Ok("Inference probe ready".to_owned())
    }

    /// Resets every server's prefix cache, if requested.
    pub(crate) fn reset_kv_cache(&self) -> Result<()> {
        let Some(reset) = &self.profile.preparation.reset_kv_cache else { return Ok(()) };
        self.everywhere(reset).context("--reset-kv-cache: the server did not reset its cache")
    }

    /// Resets every server's prefix cache, so that a run finds nothing in it.
    ///
    /// # Errors
    /// When a server cannot.
    pub(crate) fn empty_cache(&self) -> Result<()> {
        let usual = ServerCall { path: RESET_PATH.to_owned(), timeout_seconds: PATIENCE.as_secs_f64() };
        self.everywhere(self.profile.preparation.reset_kv_cache.as_ref().unwrap_or(&usual))
    }

    /// Sends a request to a path of every server, or once to a full URL.
    pub(crate) fn everywhere(&self, call: &ServerCall) -> Result<()> {
        let (path, patience) = (call.path.as_str(), Duration::from_secs_f64(call.timeout_seconds));
        if path.contains("://") {
            return self.order(path, "", patience);
        }
        let urls = &self.profile.urls;
        urls.iter().try_for_each(|url| self.order(url, path, patience))
    }

    /// Sends a request that must succeed.
    fn order(&self, url: &str, path: &str, patience: Duration) -> Result<()> {
        succeeded(self.post(url, path, "application/json", b"", patience)?)
    }

    fn post(
        &self,
        url: &str,
        path: &str,
        content_type: &str,
        body: &[u8],
        patience: Duration,
    ) -> Result<StatusCode> {
        let mut request = http::Request::post(self.address(url, path)?).header("content-type", content_type);
        // The server's own headers may hold secrets, so they are not sent to other hosts.
        for (name, value) in self.headers().filter(|_| self.is_of_profile(url)) {
            request = request.header(name, value);
        }
        let (agent, body) = (self.agent.clone(), body.to_vec());
        interrupt::unless(move || {
            let request = agent.configure_request(request.body(body)?).timeout_global(Some(patience)).build();
            anyhow::Ok(agent.run(request)?.status())
        })?
    }

    /// Whether a URL's host is one of the load's servers.
    fn is_of_profile(&self, url: &str) -> bool {
        let host = |url: &str| target(url, None, None).ok().map(|target| target.host);
        let wanted = host(url);
        wanted.is_some() && self.profile.urls.iter().any(|known| host(known) == wanted)
    }

    fn headers(&self) -> impl Iterator<Item = (&String, &String)> {
        self.profile.secret_headers.iter()
    }

    /// The URL of a path on a server, whatever path the server's URL has.
    fn address(&self, url: &str, path: &str) -> Result<String> {
        let target = target(url, None, Some(path))?;
        let scheme = match target.scheme {
            Scheme::Http => "http",
            Scheme::Https => "https",
            Scheme::Unix => {
                bail!("{}: this request is not supported over a Unix socket", shown(url))
            }
        };
        Ok(format!("{scheme}://{}{}", target.host_header, target.path_and_query))
    }
}

fn succeeded(status: StatusCode) -> Result<()> {
    if !status.is_success() {
        bail!("it responds with status {}", status.as_u16());
    }
    Ok(())
}

/// Timeout of one request that asks whether a model is ready.
const PATIENCE: Duration = Duration::from_secs(30);
/// A limit that no list of models reaches.
const BODY_BYTES_MAX: u64 = 16 << 20;
/// Most characters of what servers say that they are.
const IDENTITY_MAX: usize = 2000;
const NOT_FOUND: u16 = 404;
/// Statuses from here on mean that the server cannot respond.
const SERVER_ERRORS: u16 = 500;
/// Where vLLM resets its cache.
const RESET_PATH: &str = "/reset_prefix_cache";
/// Where vLLM says its version.
const VERSION_PATH: &str = "/version";
const MODELS_PATH: &str = "/v1/models";
