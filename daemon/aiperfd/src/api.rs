//! The control API: HTTP/1.1 with JSON on a unix socket. What is said is defined in `control`.

use crate::clock;
use crate::daemon::Daemon;
use crate::live::{Detail, Ear, EndedRequests};
use crate::recover::recover;
use crate::run::Active;
use crate::store::{new_run_id, run_number};
use anyhow::{Context, Result};
use bytes::Bytes;
use control::{Create, Created, Fault, Health, Problem, State, Status, Stop};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use std::convert::Infallible;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio_stream::wrappers::ReceiverStream;

/// Serves clients until the future is dropped.
///
/// # Errors
/// When the socket breaks.
pub async fn serve(daemon: Arc<Daemon>, listener: UnixListener) -> Result<()> {
    loop {
        let (stream, _) = listener.accept().await.context("failed to accept a client")?;
        let daemon = Arc::clone(&daemon);
        daemon.clients.fetch_add(1, Ordering::Relaxed);
        let connected = Arc::clone(&daemon);
        tokio::spawn(async move {
            let client = Caller::of(&stream);
            let service = service_fn(move |request| {
                let (daemon, client) = (Arc::clone(&daemon), client);
                async move { Ok::<_, Infallible>(answer(daemon, client, request).await) }
            });
            // A client that hangs up in the middle is its own business.
            hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await
                .ok();
            connected.clients.fetch_sub(1, Ordering::Relaxed);
        });
    }
}

type Body = BoxBody<Bytes, io::Error>;
type Answer = std::result::Result<Response<Body>, Problem>;

async fn answer(daemon: Arc<Daemon>, client: Caller, request: Request<Incoming>) -> Response<Body> {
    let path = request.uri().path().to_owned();
    let parts = path.strip_prefix("/v1/").unwrap_or_default().split('/').collect::<Vec<_>>();
    let method = request.method().clone();
    let answer = match (method, parts.as_slice()) {
        (Method::GET, ["health"]) => health(&daemon),
        (Method::GET, ["capabilities"]) => {
            json(StatusCode::OK, &daemon.capabilities(concurrency(request.uri())))
        }
        (Method::GET, ["runs"]) => json(StatusCode::OK, &daemon.list()),
        (Method::POST, ["runs"]) => create(&daemon, client, request).await,
        (Method::GET, ["runs", id]) => status(&daemon, id),
        (Method::PUT, ["runs", id, "inputs", name]) => upload(&daemon, id, name, request).await,
        (Method::POST, ["runs", id, "start"]) => start(&daemon, id),
        (Method::POST, ["runs", id, "join"]) => join(&daemon, client, id),
        (Method::GET, ["runs", id, "progress"]) => progress(&daemon, id),
        (Method::GET, ["runs", id, "requests"]) => requests(&daemon, id, detail(request.uri())),
        (Method::POST, ["runs", id, "stop"]) => stop(&daemon, id, request).await,
        (Method::POST, ["runs", id, "recover"]) => recovered(&daemon, id).await,
        (Method::GET, ["runs", id, "files"]) => files(&daemon, id),
        (Method::GET, ["runs", id, "files", name]) => file(&daemon, client, id, name).await,
        (Method::DELETE, ["runs", id]) => delete(&daemon, id),
        _ => Err(Problem::new(Fault::Plan, format!("the control API has no `{path}`"))),
    };
    answer.unwrap_or_else(|problem| refusal(&problem))
}

fn health(daemon: &Daemon) -> Answer {
    let accepting = !daemon.draining.load(Ordering::Relaxed);
    let health = Health {
        version: daemon.build.version.to_owned(),
        commit: daemon.build.commit.to_owned(),
        kernel_object: daemon.kernel_object.clone(),
        accepting,
    };
    json(StatusCode::OK, &health)
}

/// The connections of `?concurrency=N`.
fn concurrency(uri: &Uri) -> Option<u32> {
    uri.query()?.strip_prefix("concurrency=")?.parse().ok()
}

async fn create(daemon: &Daemon, client: Caller, request: Request<Incoming>) -> Answer {
    if daemon.draining.load(Ordering::Relaxed) {
        return Err(Problem::new(Fault::Busy, "aiperfd is shutting down and takes no runs"));
    }
    let create: Create = read_json(request).await?;
    if let Some(watch) = &create.plan.watch {
        daemon.rules.permit(&watch.target, client.uid)?;
    }
    let run_id = new_run_id().map_err(disk)?;
    let directory = daemon.store.create(&run_id).map_err(disk)?;
    let status = Status {
        run_id: run_id.clone(),
        state: State::Created,
        created_ns: clock::mono(),
        created_unix_seconds: clock::real().0 / 1_000_000_000,
        target: create.plan.endpoint.urls.first().cloned().unwrap_or_default(),
        model: create.plan.endpoint.models.first().cloned().unwrap_or_default(),
        standing: None,
        problem: None,
    };
    directory.write_plan(&create, &status).map_err(disk)?;
    let live = match create.plan.watch {
        None => Arc::new(EndedRequests::of_run(run_number(&run_id).map_err(disk)?)),
        Some(_) => Arc::default(),
    };
    if create.plan.watch.is_none() {
        daemon.publish(&status.model, &live);
    }
    let run = Active {
        directory,
        create: Mutex::new(create),
        status: Mutex::new(status),
        client: client.name(),
        will: Mutex::default(),
        watchers: AtomicUsize::new(0),
        live,
        telling: Mutex::default(),
        uid: client.uid,
        watched: Mutex::default(),
        kept: None,
        health: Mutex::default(),
    };
    tracing::info!(run = run_id, client = run.client, "run created");
    active(daemon)?.insert(run_id.clone(), Arc::new(run));
    json(StatusCode::CREATED, &Created { run_id })
}

async fn upload(daemon: &Daemon, id: &str, name: &str, request: Request<Incoming>) -> Answer {
    let run = running(daemon, id)?;
    let path = run.directory.input(name).ok_or_else(|| unknown(&format!("input `{name}`")))?;
    let mut file = tokio::fs::File::create(&path).await.map_err(|error| disk(error.into()))?;
    let mut body = request.into_body();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_poisoned| Problem::new(Fault::Plan, "the upload broke off"))?;
        if let Some(data) = frame.data_ref() {
            file.write_all(data).await.map_err(|error| disk(error.into()))?;
        }
    }
    file.flush().await.map_err(|error| disk(error.into()))?;
    Ok(Response::new(empty()))
}

fn start(daemon: &Arc<Daemon>, id: &str) -> Answer {
    let run = running(daemon, id)?;
    {
        let mut status = run.status.lock().map_err(|_poisoned| broken())?;
        if status.state != State::Created {
            return Err(Problem::new(Fault::Plan, format!("run {id} was started before")));
        }
        status.state = State::Preparing;
    }
    let (daemon, thread) = (Arc::clone(daemon), Arc::clone(&run));
    std::thread::Builder::new()
        .name(format!("run-{id}"))
        .spawn(move || thread.execute(&daemon))
        .map_err(|error| Problem::new(Fault::Load, format!("failed to start a thread: {error}")))?;
    json(StatusCode::OK, &*run.status.lock().map_err(|_poisoned| broken())?)
}

/// The caller's process joins a run that watches it.
fn join(daemon: &Daemon, client: Caller, id: &str) -> Answer {
    let run = running(daemon, id)?;
    run.adopt(client.uid, client.pid)?;
    json(StatusCode::OK, &*run.status.lock().map_err(|_poisoned| broken())?)
}

/// A line of progress at once and then again and again, the last when the run has ended.
fn progress(daemon: &Daemon, id: &str) -> Answer {
    let run = running(daemon, id)?;
    let (sender, receiver) = tokio::sync::mpsc::channel(4);
    run.watchers.fetch_add(1, Ordering::Relaxed);
    tokio::spawn(async move {
        let mut asleep = Duration::ZERO;
        loop {
            let progress = run.progress();
            let last = progress.state.is_final();
            // While it prepares a client waits for the first request; later, twice a second does.
            let busy = matches!(progress.state, State::Running | State::Draining);
            let due = last || asleep.is_zero() || asleep >= if busy { PROGRESS_SLOW } else { PROGRESS_QUICK };
            if due {
                let Ok(mut line) = serde_json::to_vec(&progress) else { break };
                line.push(b'\n');
                if sender.send(Ok(Frame::data(Bytes::from(line)))).await.is_err() || last {
                    break;
                }
                asleep = Duration::ZERO;
            }
            tokio::select! {
                () = tokio::time::sleep(PROGRESS_QUICK) => asleep += PROGRESS_QUICK,
                () = sender.closed() => break,
            }
        }
        run.watchers.fetch_sub(1, Ordering::Relaxed);
    });
    let body = StreamBody::new(ReceiverStream::new(receiver)).boxed();
    Ok(Response::new(body))
}

/// How much is wanted of each request.
fn detail(uri: &Uri) -> Detail {
    if uri.query() == Some("stages") { Detail::Stages } else { Detail::Numbers }
}

/// Requests as they end, in pieces; the stream ends with the run.
fn requests(daemon: &Daemon, id: &str, detail: Detail) -> Answer {
    let run = running(daemon, id)?;
    let (sender, receiver) = tokio::sync::mpsc::channel(4);
    run.live.open(Ear::Client, detail);
    tokio::spawn(async move {
        loop {
            let last = run.progress().state.is_final();
            for piece in run.live.take(Ear::Client).chunks(REQUESTS_PIECE) {
                let mut lines = Vec::new();
                for request in piece {
                    if serde_json::to_writer(&mut lines, request).is_ok() {
                        lines.push(b'\n');
                    }
                }
                if sender.send(Ok(Frame::data(Bytes::from(lines)))).await.is_err() {
                    return;
                }
            }
            tokio::select! {
                () = tokio::time::sleep(PROGRESS_QUICK) => {}
                () = sender.closed() => return,
            }
            if last {
                return;
            }
        }
    });
    Ok(Response::new(StreamBody::new(ReceiverStream::new(receiver)).boxed()))
}

async fn stop(daemon: &Daemon, id: &str, request: Request<Incoming>) -> Answer {
    let run = running(daemon, id)?;
    let how: Stop = read_json(request).await?;
    *run.will.lock().map_err(|_poisoned| broken())? = Some(how);
    json(StatusCode::OK, &*run.status.lock().map_err(|_poisoned| broken())?)
}

async fn recovered(daemon: &Arc<Daemon>, id: &str) -> Answer {
    let state = daemon.status(id).ok_or_else(|| unknown(&format!("run {id}")))?.state;
    if state != State::Interrupted {
        let message = format!("run {id} was not interrupted; nothing is to be recovered");
        return Err(Problem::new(Fault::Plan, message));
    }
    let directory = daemon.store.get(id).ok_or_else(|| unknown(&format!("run {id}")))?;
    let (id_owned, build) = (id.to_owned(), daemon.build);
    let done = tokio::task::spawn_blocking(move || recover(&directory, &id_owned, &build)).await;
    done.map_err(|_poisoned| broken())?.map_err(disk)?;
    status(daemon, id)
}

fn status(daemon: &Daemon, id: &str) -> Answer {
    json(StatusCode::OK, &daemon.status(id).ok_or_else(|| unknown(&format!("run {id}")))?)
}

fn files(daemon: &Daemon, id: &str) -> Answer {
    let directory = daemon.store.get(id).ok_or_else(|| unknown(&format!("run {id}")))?;
    json(StatusCode::OK, &directory.files())
}

async fn file(daemon: &Daemon, client: Caller, id: &str, name: &str) -> Answer {
    if PRIVATE.contains(&name)
        && client.uid != Some(0)
        && (client.uid.is_none() || client.uid != daemon.owner(id))
    {
        let message =
            format!("`{name}` of run {id} holds what was said: only who made the run, or root, may fetch it");
        return Err(Problem::new(Fault::Plan, message));
    }
    let path = daemon.store.get(id).and_then(|run| run.file(name));
    let path = path.ok_or_else(|| unknown(&format!("file `{name}` in run {id}")))?;
    stream_file(path).await.map_err(|error| disk(error.into()))
}

async fn stream_file(path: PathBuf) -> io::Result<Response<Body>> {
    let mut file = tokio::fs::File::open(&path).await?;
    let length = file.metadata().await?.len();
    let (sender, receiver) = tokio::sync::mpsc::channel(4);
    tokio::spawn(async move {
        loop {
            let mut piece = Vec::with_capacity(FILE_PIECE);
            let frame = match (&mut file).take(FILE_PIECE as u64).read_to_end(&mut piece).await {
                Ok(0) => break,
                Ok(_) => Ok(Frame::data(Bytes::from(piece))),
                Err(error) => Err(error),
            };
            if sender.send(frame).await.is_err() {
                break;
            }
        }
    });
    let body = StreamBody::new(ReceiverStream::new(receiver)).boxed();
    let response = Response::builder().header("content-length", length).body(body);
    response.map_err(io::Error::other)
}

fn delete(daemon: &Daemon, id: &str) -> Answer {
    if let Some(run) = daemon.find(id) {
        let state = run.status.lock().map_err(|_poisoned| broken())?.state;
        if !state.is_final() && state != State::Created {
            return Err(Problem::new(Fault::Busy, format!("run {id} is running: stop it first")));
        }
        active(daemon)?.remove(id);
    }
    let directory = daemon.store.get(id).ok_or_else(|| unknown(&format!("run {id}")))?;
    directory.remove().map_err(disk)?;
    Ok(Response::new(empty()))
}

fn running(daemon: &Daemon, id: &str) -> std::result::Result<Arc<Active>, Problem> {
    daemon.find(id).ok_or_else(|| unknown(&format!("run {id}")))
}

fn active(
    daemon: &Daemon,
) -> std::result::Result<std::sync::MutexGuard<'_, std::collections::BTreeMap<String, Arc<Active>>>, Problem>
{
    daemon.active.lock().map_err(|_poisoned| broken())
}

/// Files of a run that hold prompts and answers.
const PRIVATE: [&str; 2] = ["payloads.parquet", "responses.parquet"];
/// Requests that are sent in one piece.
const REQUESTS_PIECE: usize = 32;
/// The caller, by the credentials that the kernel vouches for.
#[derive(Clone, Copy, Debug, Default)]
struct Caller {
    uid: Option<u32>,
    pid: Option<u32>,
}

impl Caller {
    fn of(stream: &UnixStream) -> Self {
        let Ok(credentials) = stream.peer_cred() else { return Self::default() };
        let pid = credentials.pid().and_then(|pid| u32::try_from(pid).ok());
        Self { uid: Some(credentials.uid()), pid }
    }

    fn name(self) -> String {
        match self.uid {
            Some(uid) => format!("uid {uid} pid {}", self.pid.unwrap_or(0)),
            None => "unknown".to_owned(),
        }
    }
}

async fn read_json<T: serde::de::DeserializeOwned>(
    request: Request<Incoming>,
) -> std::result::Result<T, Problem> {
    let limited = http_body_util::Limited::new(request.into_body(), JSON_BYTES_MAX);
    let body = limited
        .collect()
        .await
        .map_err(|error| Problem::new(Fault::Plan, format!("the body broke off: {error}")))?;
    serde_json::from_slice(&body.to_bytes())
        .map_err(|error| Problem::new(Fault::Plan, format!("the body is not what was expected: {error}")))
}

fn json(status: StatusCode, value: &impl Serialize) -> Answer {
    let text = serde_json::to_vec(value).map_err(|error| Problem::new(Fault::Load, error.to_string()))?;
    let body = Full::new(Bytes::from(text)).map_err(|never| match never {}).boxed();
    let response = Response::builder().status(status).header("content-type", "application/json").body(body);
    response.map_err(|error| Problem::new(Fault::Load, error.to_string()))
}

fn refusal(problem: &Problem) -> Response<Body> {
    let status = match problem.fault {
        Fault::Plan if problem.message.starts_with(UNKNOWN) => StatusCode::NOT_FOUND,
        Fault::Plan => StatusCode::BAD_REQUEST,
        Fault::Busy => StatusCode::CONFLICT,
        Fault::Disk => StatusCode::INSUFFICIENT_STORAGE,
        Fault::Server | Fault::Load | Fault::Kernel => StatusCode::INTERNAL_SERVER_ERROR,
    };
    json(status, problem).unwrap_or_else(|_| Response::new(empty()))
}

fn empty() -> Body {
    Full::new(Bytes::new()).map_err(|never| match never {}).boxed()
}

fn unknown(what: &str) -> Problem {
    Problem::new(Fault::Plan, format!("{UNKNOWN} {what}"))
}

#[expect(clippy::needless_pass_by_value, reason = "it is the last thing done with the error")]
fn disk(error: anyhow::Error) -> Problem {
    Problem::new(Fault::Disk, format!("{error:#}"))
}

fn broken() -> Problem {
    Problem::new(Fault::Load, "the daemon is broken: a thread of it panicked; restart aiperfd")
}

const UNKNOWN: &str = "there is no";
const JSON_BYTES_MAX: usize = 64 << 20;
const FILE_PIECE: usize = 256 << 10;
const PROGRESS_QUICK: Duration = Duration::from_millis(20);
const PROGRESS_SLOW: Duration = Duration::from_millis(500);
