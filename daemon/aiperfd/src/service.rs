//! Services of the configuration, watched for as long as the daemon runs, and sent to the publisher.
//!
//! ```text
//! [[observe]] ── one thread each ──▶ a run that watches ──▶ rolling parts
//!                                        └── requests as they end, health ──▶ publisher (own user) ──▶ /metrics, OTLP
//! ```

use crate::cgroup;
use crate::config::Observe;
use crate::execute::execute;
use crate::limits::ROOT;
use crate::live::{Detail, EndedRequests, Subscriber};
use crate::publisher::Publisher;
use crate::recover::recover;
use crate::rolling::Kept;
use crate::run::{Kind, Observation, Owner, Run};
use crate::run_dirs::new_run_id;
use crate::runs::{PublishedRun, Runs};
use crate::threads::lock;
use anyhow::{Context, Result};
use control::{Create, Published, State, Status, WatchedServer};
use spec::Target;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// One thing that is watched.
#[derive(Debug)]
struct Service {
    observe: Observe,
    /// Its requests as they end, over all of its runs.
    live: Arc<EndedRequests>,
    /// Why it is not watched, if so.
    problem: Mutex<Option<String>>,
}

/// Starts to watch all of them; the threads end when the daemon has drained.
///
/// # Errors
/// When a folder can't be made or a thread not be started.
pub fn start(
    runs: &Arc<Runs>,
    observe: Vec<Observe>,
    state_dir: &Path,
    publisher: Publisher,
) -> Result<Vec<JoinHandle<()>>> {
    let (mut services, mut threads) = (Vec::new(), Vec::new());
    for observe in observe {
        let directory = state_dir.join("observed").join(&observe.name);
        std::fs::create_dir_all(&directory)
            .with_context(|| format!("failed to create `{}`", directory.display()))?;
        let kept = Kept { directory, part: observe.part(), bytes: observe.keep_bytes() };
        let live = Arc::<EndedRequests>::default();
        live.open(Subscriber::Publisher, Detail::Numbers);
        let service = Arc::new(Service { observe, live, problem: Mutex::default() });
        services.push(Arc::clone(&service));
        let runs = Arc::clone(runs);
        let name = format!("observe-{}", service.observe.name);
        threads.push(spawn(&name, move || service.watch(&runs, &kept))?);
    }
    let runs = Arc::clone(runs);
    threads.push(spawn("publish", move || publish(&runs, &services, publisher))?);
    Ok(threads)
}

impl Service {
    /// Watches again and again until the daemon drains.
    fn watch(&self, runs: &Runs, kept: &Kept) {
        self.take_up(runs, kept);
        while !runs.daemon.draining.load(Ordering::Relaxed) {
            let problem = match self.watch_once(runs, kept) {
                Ok(problem) => problem,
                Err(error) => Some(format!("{error:#}")),
            };
            let known = std::mem::replace(&mut *lock(&self.problem), problem.clone());
            if let Some(new) = problem.as_ref().filter(|_| known != problem) {
                tracing::warn!("`{}` is not watched: {new}", self.observe.name);
            }
            let again = clock::mono() + AGAIN;
            while clock::mono() < again && !runs.daemon.draining.load(Ordering::Relaxed) {
                std::thread::sleep(PATIENCE);
            }
        }
    }

    /// Moves what a killed daemon had watched and not stored yet to the parts.
    fn take_up(&self, runs: &Runs, kept: &Kept) {
        let left = runs.daemon.run_dirs.list().into_iter().filter(|status| {
            status.owner == ROOT && status.state == State::Interrupted && status.target == self.observe.name
        });
        for status in left {
            let Some(directory) = runs.daemon.run_dirs.get(&status.run_id) else { continue };
            let taken =
                recover(&runs.daemon, &directory, &status.run_id).and_then(|()| kept.take_up(&directory));
            let removed = taken.and_then(|()| directory.remove());
            if let Err(error) = removed {
                let (name, run) = (&self.observe.name, &status.run_id);
                tracing::warn!("what was left of watching `{name}` stays in run {run}: {error:#}");
            }
            runs.daemon.run_dirs.refresh(&status.run_id);
        }
    }

    /// Watches until that ends; returns why it did, if that is a failure.
    fn watch_once(&self, runs: &Runs, kept: &Kept) -> Result<Option<String>> {
        let target = self.target()?;
        let run_id = new_run_id()?;
        let run = Arc::new(self.run(runs, &run_id, target, kept)?);
        runs.insert(&run);
        execute(runs, &run);
        let problem = run.status().problem;
        runs.forget(&run_id);
        // Its records are in parts elsewhere.
        run.directory.remove()?;
        runs.daemon.run_dirs.refresh(&run_id);
        Ok(problem.map(|problem| problem.message))
    }

    fn target(&self) -> Result<Target> {
        let path = match (&self.observe.cgroup, &self.observe.unit) {
            (Some(path), _) => path.clone(),
            (None, Some(unit)) => cgroup::of_unit(unit)?
                .with_context(|| format!("no cgroup is called `{unit}` at this moment"))?,
            (None, None) => String::new(),
        };
        Ok(Target::Cgroup(path))
    }

    fn run(&self, runs: &Runs, run_id: &str, target: Target, kept: &Kept) -> Result<Run> {
        let directory = runs.daemon.run_dirs.create(run_id)?;
        let (plan, secret_headers) = (self.observe.plan(target), BTreeMap::new());
        let create = Create { plan, secret_headers, addresses: Vec::new() };
        let status = Status {
            run_id: run_id.to_owned(),
            state: State::Preparing,
            created_ns: clock::mono(),
            created_unix_seconds: clock::real().0 / 1_000_000_000,
            target: self.observe.name.clone(),
            model: String::new(),
            standing: None,
            problem: None,
            owner: ROOT,
        };
        directory.write_plan(&create, &status)?;
        let owner = Owner { uid: ROOT, pid: None, name: "the daemon's configuration".to_owned() };
        let observation = Observation { kept: Some(kept.clone()), ..Observation::default() };
        let kind = Kind::Watch(observation);
        Ok(Run::new(directory, (create.plan, kind), status, owner, Arc::clone(&self.live), Vec::new()))
    }

    /// Its state at this moment.
    fn health(&self, runs: &Runs, dropped: u64) -> WatchedServer {
        let ours = runs.active().into_iter().find(|run| Arc::ptr_eq(&run.live, &self.live));
        let health = ours.and_then(|run| match &run.kind {
            Kind::Load(_) => None,
            Kind::Watch(observation) => Some(lock(&observation.health).clone()),
        });
        let health = health.unwrap_or_default();
        let problem = lock(&self.problem).clone();
        let problem = problem.filter(|_| !health.is_watching);
        WatchedServer { name: self.observe.name.clone(), problem, dropped, ..health }
    }
}

/// Sends to the publisher until it is gone or the daemon is.
fn publish(runs: &Runs, services: &[Arc<Service>], mut publisher: Publisher) {
    let mut dropped = vec![0; services.len()];
    loop {
        for (service, dropped) in services.iter().zip(&mut dropped) {
            for request in service.live.take(Subscriber::Publisher) {
                *dropped = request.dropped;
                let server = service.observe.name.clone();
                if publisher.send(&Published::Request { server, request }).is_err() {
                    return tracing::warn!("the publishing process has ended: nothing is published any more");
                }
            }
            let health = service.health(runs, *dropped);
            if publisher.send(&Published::Watched(health)).and_then(|()| publisher.flush()).is_err() {
                return tracing::warn!("the publishing process has ended: nothing is published any more");
            }
        }
        if publish_runs(runs, &mut publisher).and_then(|()| publisher.flush()).is_err() {
            return tracing::warn!("the publishing process has ended: nothing is published any more");
        }
        if runs.daemon.draining.load(Ordering::Relaxed) {
            return;
        }
        std::thread::sleep(PUBLISH_INTERVAL);
    }
}

/// Sends the requests of clients' runs; a run that is over is sent a last time and forgotten.
fn publish_runs(runs: &Runs, publisher: &mut Publisher) -> std::io::Result<()> {
    for PublishedRun { model, live, dropped: reported } in &runs.to_publish() {
        for request in live.take(Subscriber::Publisher) {
            let all = request.dropped;
            let dropped = all.saturating_sub(reported.swap(all, Ordering::Relaxed));
            publisher.send(&Published::Sent { model: model.clone(), dropped, request })?;
        }
    }
    Ok(())
}

fn spawn(name: &str, body: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>> {
    std::thread::Builder::new().name(name.to_owned()).spawn(body).context("failed to start a thread")
}

/// How long it waits before it tries again to watch what is not there.
const AGAIN: common::clock::DurationNs = common::clock::DurationNs::from_millis(2000);
const PATIENCE: Duration = Duration::from_millis(50);
const PUBLISH_INTERVAL: Duration = Duration::from_millis(500);
