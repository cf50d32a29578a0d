//! What is asked of the server beside the load: whether the model is there, to forget its cache, to run its profiler.

use crate::args::EndpointArgs;
use crate::clock;
use crate::interrupt;
use crate::plan::Profile;
use crate::say::{say_aside, say_warning};
use crate::trust::tls;
use anyhow::{Context, Result, bail};
use common::clock::DurationNs;
use endpoint::{Scheme, Turn, target};
use serde_json::Value;
use spec::url::shown;
use std::time::Duration;
use ureq::http::{self, Response, StatusCode};
use ureq::{Agent, Body};

/// Asks the servers of a profile.
pub(crate) struct ServerCalls<'a> {
    profile: &'a Profile,
    args: &'a EndpointArgs,
    agent: Agent,
}

/// Stops the server's profiler when it goes.
pub(crate) struct ServerProfiler<'a>(Option<&'a ServerCalls<'a>>);

impl<'a> ServerCalls<'a> {
    pub(crate) fn new(profile: &'a Profile, args: &'a EndpointArgs) -> Result<Self> {
        let config = Agent::config_builder()
            .tls_config(tls(profile)?)
            .http_status_as_error(false)
            .user_agent(concat!("aiperfd/", env!("CARGO_PKG_VERSION")))
            .proxy(None);
        Ok(Self { profile, args, agent: config.build().new_agent() })
    }

    /// Waits until every model answers at every server, if the user wants that.
    pub(crate) fn wait_for_models(&self) -> Result<()> {
        let patience = self.args.wait_for_model_timeout;
        if patience <= 0.0 {
            return Ok(());
        }
        let deadline = clock::mono() + DurationNs::from_seconds(patience);
        let seconds = self.args.wait_for_model_interval;
        let (pause, interval) = (Duration::from_secs_f64(seconds), DurationNs::from_seconds(seconds));
        for asked in &self.profile.urls {
            let (mut attempts, url) = (0, shown(asked));
            let ready = loop {
                attempts += 1;
                let why = match self.look(asked) {
                    Ok(ready) => break ready,
                    Err(why) => why,
                };
                interrupt::check()?;
                if clock::mono() + interval > deadline {
                    bail!("Timed out: the model did not answer at {url} within {patience} s: {why:#}");
                }
                if attempts == 1 {
                    say_aside(&format!("waiting for the model at {url}, up to {patience} s: {why:#}"));
                }
                interrupt::pause(pause)?;
            };
            say_aside(&format!("{ready} at {url}, attempt {attempts}"));
        }
        Ok(())
    }

    /// Asks once; says what is ready.
    fn look(&self, url: &str) -> Result<String> {
        match self.args.wait_for_model_mode.as_str() {
            "models" => self.look_for_models(url),
            "inference" => self.ask_once(url),
            _ => Ok(format!("{}; {}", self.look_for_models(url)?, self.ask_once(url)?)),
        }
    }

    /// Whether `/v1/models` lists all models; of a server without such a list, whether it answers at its base.
    fn look_for_models(&self, url: &str) -> Result<String> {
        let mut said = self.get(self.address(url, MODELS_PATH)?)?;
        if said.status().as_u16() == NOT_FOUND {
            let base = self.get(self.address(url, "")?)?;
            let status = base.status();
            succeeded(status).context("there is no /v1/models, and at its base URL")?;
            let status = status.as_u16();
            return Ok(format!(
                "no /v1/models; its base URL answers with status {status}: accepting as ready"
            ));
        }
        succeeded(said.status())?;
        let body = said.body_mut().with_config().limit(BODY_BYTES_MAX).read_to_vec()?;
        let said: Value = serde_json::from_slice(&body).context("what it says at /v1/models is no JSON")?;
        let listed = said["data"].as_array().map(Vec::as_slice).unwrap_or_default();
        let is_listed = |model: &&String| listed.iter().any(|one| one["id"] == model.as_str());
        let models = &self.profile.plan.endpoint.models;
        if let Some(model) = models.iter().find(|model| !is_listed(model)) {
            bail!("Model '{model}' not yet in /v1/models");
        }
        Ok(format!("Model '{}' ready", models.join("', '")))
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

    /// Whether each model answers a request for one token. A refusal is an answer, as for AIPerf: the request is a guess.
    fn ask_once(&self, url: &str) -> Result<String> {
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

    /// Has every server forget its prefix cache, if the user wants that.
    pub(crate) fn reset_kv_cache(&self) -> Result<()> {
        let args = self.args;
        // Saying how asks for it too.
        let is_wanted = args.reset_kv_cache
            || args.reset_kv_cache_path.is_some()
            || args.reset_kv_cache_timeout_seconds.is_some();
        if !is_wanted {
            return Ok(());
        }
        let path = self.args.reset_kv_cache_path.as_deref().unwrap_or("/reset_prefix_cache");
        let patience = self.args.reset_kv_cache_timeout_seconds.map_or(PATIENCE, Duration::from_secs_f64);
        self.everywhere(path, patience).context("--reset-kv-cache: the server did not forget its cache")
    }

    /// Starts every server's profiler, if the user wants that.
    pub(crate) fn profiler(&'a self) -> Result<ServerProfiler<'a>> {
        let args = self.args;
        let is_wanted = args.server_profiler
            || args.server_profiler_start_path.is_some()
            || args.server_profiler_stop_path.is_some()
            || args.server_profiler_timeout_seconds.is_some();
        if !is_wanted {
            return Ok(ServerProfiler(None));
        }
        let path = self.args.server_profiler_start_path.as_deref().unwrap_or("/start_profile");
        self.everywhere(path, self.profiler_patience())
            .context("--server-profiler: the server's profiler did not start")?;
        Ok(ServerProfiler(Some(self)))
    }

    fn profiler_patience(&self) -> Duration {
        self.args.server_profiler_timeout_seconds.map_or(PATIENCE, Duration::from_secs_f64)
    }

    /// At a path of every server, or once at a URL of its own.
    fn everywhere(&self, path: &str, patience: Duration) -> Result<()> {
        if path.contains("://") {
            return self.order(path, "", patience);
        }
        let urls = &self.profile.urls;
        urls.iter().try_for_each(|url| self.order(url, path, patience))
    }

    /// Asks for what only success is an answer to.
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
        // What the server's own headers hold is for nobody else.
        for (name, value) in self.headers().filter(|_| self.is_of_profile(url)) {
            request = request.header(name, value);
        }
        let (agent, body) = (self.agent.clone(), body.to_vec());
        interrupt::unless(move || {
            let request = agent.configure_request(request.body(body)?).timeout_global(Some(patience)).build();
            anyhow::Ok(agent.run(request)?.status())
        })?
    }

    /// Whether a URL is at a host that the load goes to.
    fn is_of_profile(&self, url: &str) -> bool {
        let host = |url: &str| target(url, None, None).ok().map(|target| target.host);
        let wanted = host(url);
        wanted.is_some() && self.profile.urls.iter().any(|known| host(known) == wanted)
    }

    fn headers(&self) -> impl Iterator<Item = (&String, &String)> {
        self.profile.secret_headers.iter()
    }

    /// A path of a server, whatever path its URL has.
    fn address(&self, url: &str, path: &str) -> Result<String> {
        let target = target(url, None, Some(path))?;
        let scheme = match target.scheme {
            Scheme::Http => "http",
            Scheme::Https => "https",
            Scheme::Unix => {
                bail!("{}: over a Unix socket the server is asked for nothing but the load", shown(url))
            }
        };
        Ok(format!("{scheme}://{}{}", target.host_header, target.path_and_query))
    }
}

impl Drop for ServerProfiler<'_> {
    fn drop(&mut self) {
        if let Some(calls) = self.0 {
            let path = calls.args.server_profiler_stop_path.as_deref().unwrap_or("/stop_profile");
            if let Err(error) = calls.everywhere(path, calls.profiler_patience()) {
                say_warning(&format!("--server-profiler: the server's profiler did not stop: {error:#}"));
            }
        }
    }
}

fn succeeded(status: StatusCode) -> Result<()> {
    if !status.is_success() {
        bail!("it answers with status {}", status.as_u16());
    }
    Ok(())
}

/// More than any list of models.
const BODY_BYTES_MAX: u64 = 16 << 20;
const NOT_FOUND: u16 = 404;
/// Statuses from here on say that the server can't answer.
const SERVER_ERRORS: u16 = 500;
const MODELS_PATH: &str = "/v1/models";
/// How long one call may take, unless the user says otherwise.
const PATIENCE: Duration = Duration::from_secs(30);
