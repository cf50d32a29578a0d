//! The control API: HTTP/1.1 with JSON on a unix socket. Its types are defined in `control`.

use crate::access::{Call, Route, UNKNOWN, may_see, permit, printable, route};
use crate::execute;
use crate::limits::{self, Refused};
use crate::listener::Listener;
use crate::live::{Detail, EndedRequests, Subscriber};
use crate::plan_check;
use crate::recover::recover;
use crate::run::{Kind, Owner, Run};
use crate::run_dirs::{new_run_id, run_number};
use crate::runs::Runs;
use crate::watch;
use bytes::Bytes;
use control::{Create, Created, Fault, Health, Problem, State, Status, Steer, Stop};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode, Uri};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde::Serialize;
use std::convert::Infallible;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::time::timeout;
use tokio_stream::wrappers::ReceiverStream;
use zeroize::Zeroize;

/// Serves clients until none can connect any more, or the future is dropped. A failed connection affects no other client.
pub async fn serve(runs: Arc<Runs>, mut listener: Listener) {
    let mut has_failed = false;
    loop {
        match listener.accept().await {
            Ok(None) => return,
            Ok(Some(stream)) => {
                has_failed = false;
                admit(&runs, stream);
            }
            Err(error) => {
                if !has_failed {
                    tracing::warn!("a client can't be accepted at this moment: {error}");
                }
                has_failed = true;
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Serves a connection, unless its user or all of them have too many.
fn admit(runs: &Arc<Runs>, stream: UnixStream) {
    let limits = &runs.daemon.limits;
    let Some(caller) = Caller::of(&stream) else { return };
    let (of_user, all) = (u64::from(limits.connections_per_user), u64::from(limits.connections));
    let taken = match runs.held.connections.take(caller.uid, 1, of_user, all) {
        Ok(taken) => taken,
        Err(refused) => {
            let problem = match refused {
                Refused::User => {
                    limits::met("connections_per_user", of_user, "you have too many connections")
                }
                Refused::All => limits::met("connections", all, "there are too many connections"),
            };
            return turn_away(&stream, &problem);
        }
    };
    let runs = Arc::clone(runs);
    runs.daemon.clients.fetch_add(1, Ordering::Relaxed);
    tokio::spawn(async move {
        let head_time = runs.daemon.limits.head_time();
        let served = Arc::clone(&runs);
        let service = service_fn(move |request| {
            let runs = Arc::clone(&served);
            async move { Ok::<_, Infallible>(answer(runs, caller, request).await) }
        });
        // A client that disconnects in the middle is no error of the daemon's.
        hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(head_time)
            .max_buf_size(HEAD_BYTES_MAX)
            .serve_connection(TokioIo::new(stream), service)
            .await
            .ok();
        runs.daemon.clients.fetch_sub(1, Ordering::Relaxed);
        drop(taken);
    });
}

/// Responds to a connection that is not served, as far as that does not block.
fn turn_away(stream: &UnixStream, problem: &Problem) {
    if let Ok(body) = serde_json::to_string(problem) {
        let length = body.len();
        let head = "HTTP/1.1 409 Conflict\r\ncontent-type: application/json\r\nconnection: close\r\n";
        stream.try_write(format!("{head}content-length: {length}\r\n\r\n{body}").as_bytes()).ok();
    }
}

type Body = BoxBody<Bytes, io::Error>;
type Answer = Result<Response<Body>, Problem>;

async fn answer(runs: Arc<Runs>, caller: Caller, request: Request<Incoming>) -> Response<Body> {
    let Some(route) = route(request.method(), request.uri().path()) else {
        let what = printable(request.uri().path());
        return refusal(&Problem::new(Fault::Plan, format!("{UNKNOWN} {what} in the control API")));
    };
    match permit(&runs.daemon.rules, runs.owner(&route.run_id), &route, caller.uid) {
        Ok(()) => handle(&runs, caller, &route, request).await.unwrap_or_else(|problem| refusal(&problem)),
        Err(problem) => refusal(&problem),
    }
}

/// Handles a permitted call.
async fn handle(runs: &Arc<Runs>, caller: Caller, route: &Route, request: Request<Incoming>) -> Answer {
    let id = route.run_id.as_str();
    match route.call {
        Call::Health => health(runs),
        Call::Capabilities => json(StatusCode::OK, &runs.daemon.capabilities(concurrency(request.uri()))),
        Call::List => list(runs, caller),
        Call::Create => create(runs, caller, request).await,
        Call::Status => status(runs, id),
        Call::Upload => upload(runs, id, &route.name, request).await,
        Call::Start => start(runs, id),
        Call::Join => join(runs, caller, id),
        Call::Progress => progress(runs, id),
        Call::Requests => requests(runs, id, request.uri()),
        Call::Steer => steer(runs, id, request).await,
        Call::Stop => stop(runs, id, request).await,
        Call::Recover => recovered(runs, id).await,
        Call::Files => files(runs, id),
        Call::File => file(runs, id, &route.name).await,
        Call::Delete => delete(runs, id),
    }
}

fn health(runs: &Runs) -> Answer {
    let accepting = !runs.daemon.draining.load(Ordering::Relaxed) && !runs.daemon.spawner.is_gone();
    let health = Health {
        version: runs.daemon.build.version.to_owned(),
        commit: runs.daemon.build.commit.to_owned(),
        kernel_object: runs.daemon.kernel_object.clone(),
        accepting,
    };
    json(StatusCode::OK, &health)
}

/// The connections of `?concurrency=N`.
fn concurrency(uri: &Uri) -> Option<u32> {
    uri.query()?.strip_prefix("concurrency=")?.parse().ok()
}

/// The runs that the caller may see.
fn list(runs: &Runs, caller: Caller) -> Answer {
    let mut listed = runs.list();
    listed.retain(|status| may_see(&runs.daemon.rules, status.owner, caller.uid));
    json(StatusCode::OK, &listed)
}

async fn create(runs: &Runs, caller: Caller, request: Request<Incoming>) -> Answer {
    if runs.daemon.draining.load(Ordering::Relaxed) {
        return Err(Problem::new(Fault::Busy, "aiperfd is shutting down and accepts no runs"));
    }
    let (create, bytes): (Create, usize) = read_json(runs, request, runs.daemon.limits.plan_bytes()).await?;
    plan_check::check(&create)?;
    if let Some(watch) = &create.plan.watch {
        runs.daemon.rules.permit(&watch.target, caller.uid)?;
    }
    let waiting = runs.waiting(caller.uid, bytes)?;
    runs.may_keep(caller.uid)?;
    runs.has_room(caller.uid)?;
    let run_id = new_run_id().map_err(disk)?;
    let directory = runs.daemon.run_dirs.create(&run_id).map_err(disk)?;
    let status = Status {
        run_id: run_id.clone(),
        state: State::Created,
        created_ns: clock::mono(),
        created_unix_seconds: clock::real().0 / 1_000_000_000,
        target: create.plan.endpoint.urls.first().cloned().unwrap_or_default(),
        model: create.plan.endpoint.models.first().cloned().unwrap_or_default(),
        standing: None,
        problem: None,
        owner: caller.uid,
    };
    if let Err(error) = directory.write_plan(&create, &status) {
        directory.remove().ok();
        return Err(disk(error));
    }
    let live = match create.plan.watch {
        None => Arc::new(EndedRequests::of_run(run_number(&run_id).map_err(disk)?)),
        Some(_) => Arc::default(),
    };
    if create.plan.watch.is_none() {
        runs.publish(&status.model, &live);
    }
    let run = Arc::new(Run::new(directory, Kind::of(create), status, caller.owner(), live, waiting));
    tracing::info!(run = run_id, client = run.owner.name, "run created");
    runs.insert(&run);
    json(StatusCode::CREATED, &Created { run_id })
}

/// A run that waits for its inputs: nothing is uploaded into one that was started.
fn created(runs: &Runs, id: &str) -> Result<Arc<Run>, Problem> {
    let run = running(runs, id)?;
    run.touch()?;
    Ok(run)
}

async fn upload(runs: &Runs, id: &str, name: &str, request: Request<Incoming>) -> Answer {
    let run = created(runs, id)?;
    let path = run.directory.input(name).ok_or_else(|| unknown(&format!("input {}", printable(name))))?;
    // In another file until it is whole: a run that is started meanwhile does not read half of it.
    let partial = path.with_extension(format!("{:x}", clock::mono().0));
    let written = receive(runs, run.owner.uid, &partial, id, request).await;
    let placed = match written {
        Ok(()) => created(runs, id)
            .and_then(|_run| std::fs::rename(&partial, &path).map_err(|error| disk(error.into()))),
        Err(problem) => Err(problem),
    };
    if let Err(problem) = placed {
        tokio::fs::remove_file(&partial).await.ok();
        return Err(problem);
    }
    runs.daemon.run_dirs.refresh(id);
    Ok(Response::new(empty()))
}

/// Writes a body to a file, within its user's share of the disk.
async fn receive(
    runs: &Runs,
    uid: u32,
    path: &std::path::Path,
    id: &str,
    request: Request<Incoming>,
) -> Result<(), Problem> {
    let mut file = tokio::fs::File::create(path).await.map_err(|error| disk(error.into()))?;
    let mut body = request.into_body();
    let mut taken = Vec::new();
    let mut unchecked = ROOM_LOOK_BYTES;
    while let Some(frame) = piece(runs, &mut body).await? {
        let Some(data) = frame.data_ref() else { continue };
        let length = u64::try_from(data.len()).unwrap_or(u64::MAX);
        unchecked += length;
        if unchecked >= ROOM_LOOK_BYTES {
            created(runs, id)?;
            runs.has_room(uid)?;
            taken.push(runs.take_room(uid, unchecked)?);
            unchecked = 0;
        }
        file.write_all(data).await.map_err(|error| disk(error.into()))?;
    }
    file.flush().await.map_err(|error| disk(error.into()))
}

/// The next piece of a body, within the time for it.
async fn piece(runs: &Runs, body: &mut Incoming) -> Result<Option<Frame<Bytes>>, Problem> {
    let patience = runs.daemon.limits.body_time();
    match timeout(patience, body.frame()).await {
        Ok(None) => Ok(None),
        Ok(Some(Ok(frame))) => Ok(Some(frame)),
        Ok(Some(Err(_))) => Err(Problem::new(Fault::Plan, "the upload broke off")),
        Err(_) => {
            let seconds = runs.daemon.limits.request_body_seconds;
            Err(limits::met(
                "request_body_seconds",
                format!("{seconds} s"),
                "no data of the request's body arrived in time",
            ))
        }
    }
}

fn start(runs: &Arc<Runs>, id: &str) -> Answer {
    let run = running(runs, id)?;
    run.leave_waiting()?;
    execute::start(runs, &run)
        .map_err(|error| Problem::new(Fault::Load, format!("failed to start a thread: {error}")))?;
    json(StatusCode::OK, &run.status())
}

/// The caller's process joins a run that watches it.
fn join(runs: &Runs, caller: Caller, id: &str) -> Answer {
    let run = running(runs, id)?;
    watch::adopt(&run, caller.uid, caller.pid)?;
    json(StatusCode::OK, &run.status())
}

/// A line of progress at once and then at intervals, the last when the run has ended.
fn progress(runs: &Runs, id: &str) -> Answer {
    let run = running(runs, id)?;
    let (sender, receiver) = tokio::sync::mpsc::channel(4);
    run.followers.fetch_add(1, Ordering::Relaxed);
    tokio::spawn(async move {
        let mut asleep = Duration::ZERO;
        loop {
            let progress = run.progress();
            let last = progress.state.is_final();
            // While it prepares, a client waits for the first request; later twice a second is enough.
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
        run.followers.fetch_sub(1, Ordering::Relaxed);
    });
    let body = StreamBody::new(ReceiverStream::new(receiver)).boxed();
    Ok(Response::new(body))
}

/// Who subscribes, and the details that are requested of each request.
fn subscription(uri: &Uri) -> (Subscriber, Detail) {
    match uri.query() {
        Some("steering") => (Subscriber::Steering, Detail::Stages),
        Some("stages") => (Subscriber::Client, Detail::Stages),
        _ => (Subscriber::Client, Detail::Numbers),
    }
}

/// Requests as they end, in pieces; the stream ends with the run.
fn requests(runs: &Runs, id: &str, uri: &Uri) -> Answer {
    let run = running(runs, id)?;
    let (sender, receiver) = tokio::sync::mpsc::channel(4);
    let (subscriber, detail) = subscription(uri);
    run.live.open(subscriber, detail);
    tokio::spawn(async move {
        loop {
            let last = run.progress().state.is_final();
            for piece in run.live.take(subscriber).chunks(REQUESTS_PIECE) {
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

async fn steer(runs: &Runs, id: &str, request: Request<Incoming>) -> Answer {
    let run = running(runs, id)?;
    let (steer, _): (Steer, usize) = read_json(runs, request, ORDER_BYTES_MAX).await?;
    run.steer(steer)?;
    json(StatusCode::OK, &run.status())
}

async fn stop(runs: &Runs, id: &str, request: Request<Incoming>) -> Answer {
    let run = running(runs, id)?;
    let (how, _): (Stop, usize) = read_json(runs, request, ORDER_BYTES_MAX).await?;
    run.request_stop(how);
    json(StatusCode::OK, &run.status())
}

async fn recovered(runs: &Arc<Runs>, id: &str) -> Answer {
    let state = runs.status(id).ok_or_else(|| unknown(&format!("run {id}")))?.state;
    if state != State::Interrupted {
        let message = format!("run {id} was not interrupted; nothing is to be recovered");
        return Err(Problem::new(Fault::Plan, message));
    }
    let directory = runs.daemon.run_dirs.get(id).ok_or_else(|| unknown(&format!("run {id}")))?;
    let held = runs.hold(id)?;
    let (owned, recovering) = (id.to_owned(), Arc::clone(runs));
    // A client that disconnects does not stop it, so everything that belongs to it moves into it.
    let done = tokio::task::spawn_blocking(move || {
        let done = recover(&recovering.daemon, &directory, &owned);
        if done.is_ok() {
            // From now on its directory is found.
            recovering.forget(&owned);
        }
        recovering.daemon.run_dirs.refresh(&owned);
        drop(held);
        done
    });
    done.await.map_err(|_panicked| broken())?.map_err(disk)?;
    status(runs, id)
}

fn status(runs: &Runs, id: &str) -> Answer {
    json(StatusCode::OK, &runs.status(id).ok_or_else(|| unknown(&format!("run {id}")))?)
}

fn files(runs: &Runs, id: &str) -> Answer {
    let directory = runs.daemon.run_dirs.get(id).ok_or_else(|| unknown(&format!("run {id}")))?;
    json(StatusCode::OK, &directory.files())
}

async fn file(runs: &Runs, id: &str, name: &str) -> Answer {
    let path = runs.daemon.run_dirs.get(id).and_then(|run| run.file(name));
    let path = path.ok_or_else(|| unknown(&format!("file {} in run {id}", printable(name))))?;
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

fn delete(runs: &Arc<Runs>, id: &str) -> Answer {
    // A run that is being recovered is not removed under it.
    let _held = runs.hold(id)?;
    if let Some(run) = runs.find(id) {
        let state = run.close();
        if !state.is_final() && state != State::Created {
            return Err(Problem::new(Fault::Busy, format!("run {id} is running: stop it first")));
        }
        runs.forget(id);
    }
    let directory = runs.daemon.run_dirs.get(id).ok_or_else(|| unknown(&format!("run {id}")))?;
    directory.remove().map_err(disk)?;
    runs.daemon.run_dirs.refresh(id);
    Ok(Response::new(empty()))
}

fn running(runs: &Runs, id: &str) -> Result<Arc<Run>, Problem> {
    runs.find(id).ok_or_else(|| unknown(&format!("run {id}")))
}

/// Requests that are sent in one piece.
const REQUESTS_PIECE: usize = 32;
/// The caller, by the credentials that the kernel vouches for.
#[derive(Clone, Copy, Debug)]
struct Caller {
    uid: u32,
    pid: Option<u32>,
}

impl Caller {
    fn of(stream: &UnixStream) -> Option<Self> {
        let credentials = stream.peer_cred().ok()?;
        let pid = credentials.pid().and_then(|pid| u32::try_from(pid).ok());
        Some(Self { uid: credentials.uid(), pid })
    }

    fn owner(self) -> Owner {
        let name = format!("uid {} pid {}", self.uid, self.pid.unwrap_or(0));
        Owner { uid: self.uid, pid: self.pid, name }
    }
}

/// A body of JSON, and about how much memory it uses.
async fn read_json<T: serde::de::DeserializeOwned>(
    runs: &Runs,
    request: Request<Incoming>,
    bytes_max: usize,
) -> Result<(T, usize), Problem> {
    let mut body = request.into_body();
    let mut bytes = Vec::new();
    while let Some(frame) = piece(runs, &mut body).await? {
        let Some(data) = frame.data_ref() else { continue };
        if bytes.len() + data.len() > bytes_max {
            let limit = format!("{} KiB", bytes_max / 1024);
            return Err(limits::met("plan_kib", limit, "the request's body is too long"));
        }
        bytes.extend_from_slice(data);
    }
    let values = plan_check::values(&bytes);
    if values > plan_check::VALUES_MAX {
        let most = plan_check::VALUES_MAX;
        return Err(Problem::new(Fault::Plan, format!("the request's body holds more than {most} values")));
    }
    let value = serde_json::from_slice(&bytes)
        .map_err(|error| Problem::new(Fault::Plan, format!("the body is not what was expected: {error}")));
    // Each value uses this much memory, however short it is.
    let length = bytes.len() + values * plan_check::VALUE_BYTES;
    // It holds the user's keys.
    bytes.zeroize();
    Ok((value?, length))
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

const ORDER_BYTES_MAX: usize = 4 << 10;
const HEAD_BYTES_MAX: usize = 64 << 10;
/// How often it is checked whether an upload still has room.
const ROOM_LOOK_BYTES: u64 = 8 << 20;
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
const FILE_PIECE: usize = 256 << 10;
const PROGRESS_QUICK: Duration = Duration::from_millis(20);
const PROGRESS_SLOW: Duration = Duration::from_millis(500);
