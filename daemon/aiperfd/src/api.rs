//! The control API: HTTP/1.1 with JSON on a unix socket. Its types are defined in `control`.

use crate::access::{Call, Route, UNKNOWN, may_see, permit, printable, route};
use crate::clock;
use crate::daemon::Daemon;
use crate::limits::{self, Refused, Taken};
use crate::listener::Listener;
use crate::live::{Detail, EndedRequests, Subscriber};
use crate::plan_check;
use crate::recover::recover;
use crate::run::ActiveRun;
use crate::store::{new_run_id, run_number};
use crate::supervise::disk_is_full;
use crate::threads::lock;
use bytes::Bytes;
use control::{Create, Created, Fault, Health, Problem, State, Status, Stop};
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
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::time::timeout;
use tokio_stream::wrappers::ReceiverStream;
use zeroize::Zeroize;

/// Serves clients until none can connect any more, or the future is dropped. A failed connection affects no other client.
pub async fn serve(daemon: Arc<Daemon>, mut listener: Listener) {
    let mut has_failed = false;
    loop {
        match listener.accept().await {
            Ok(None) => return,
            Ok(Some(stream)) => {
                has_failed = false;
                admit(&daemon, stream);
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
fn admit(daemon: &Arc<Daemon>, stream: UnixStream) {
    let limits = &daemon.limits;
    let Some(caller) = Caller::of(&stream) else { return };
    let (of_user, all) = (u64::from(limits.connections_per_user), u64::from(limits.connections));
    let taken = match daemon.held.connections.take(caller.uid, 1, of_user, all) {
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
    let daemon = Arc::clone(daemon);
    daemon.clients.fetch_add(1, Ordering::Relaxed);
    tokio::spawn(async move {
        let head_time = daemon.limits.head_time();
        let served = Arc::clone(&daemon);
        let service = service_fn(move |request| {
            let daemon = Arc::clone(&served);
            async move { Ok::<_, Infallible>(answer(daemon, caller, request).await) }
        });
        // A client that disconnects in the middle is no error of the daemon's.
        hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(head_time)
            .max_buf_size(HEAD_BYTES_MAX)
            .serve_connection(TokioIo::new(stream), service)
            .await
            .ok();
        daemon.clients.fetch_sub(1, Ordering::Relaxed);
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

async fn answer(daemon: Arc<Daemon>, caller: Caller, request: Request<Incoming>) -> Response<Body> {
    let Some(route) = route(request.method(), request.uri().path()) else {
        let what = printable(request.uri().path());
        return refusal(&Problem::new(Fault::Plan, format!("{UNKNOWN} {what} in the control API")));
    };
    match permit(&daemon.rules, daemon.owner(&route.run_id), &route, caller.uid) {
        Ok(()) => handle(&daemon, caller, &route, request).await.unwrap_or_else(|problem| refusal(&problem)),
        Err(problem) => refusal(&problem),
    }
}

/// Handles a permitted call.
async fn handle(daemon: &Arc<Daemon>, caller: Caller, route: &Route, request: Request<Incoming>) -> Answer {
    let id = route.run_id.as_str();
    match route.call {
        Call::Health => health(daemon),
        Call::Capabilities => json(StatusCode::OK, &daemon.capabilities(concurrency(request.uri()))),
        Call::List => list(daemon, caller),
        Call::Create => create(daemon, caller, request).await,
        Call::Status => status(daemon, id),
        Call::Upload => upload(daemon, id, &route.name, request).await,
        Call::Start => start(daemon, id),
        Call::Join => join(daemon, caller, id),
        Call::Progress => progress(daemon, id),
        Call::Requests => requests(daemon, id, detail(request.uri())),
        Call::Stop => stop(daemon, id, request).await,
        Call::Recover => recovered(daemon, id).await,
        Call::Files => files(daemon, id),
        Call::File => file(daemon, id, &route.name).await,
        Call::Delete => delete(daemon, id),
    }
}

fn health(daemon: &Daemon) -> Answer {
    let accepting = !daemon.draining.load(Ordering::Relaxed) && !daemon.spawner.is_gone();
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

/// The runs that the caller may see.
fn list(daemon: &Daemon, caller: Caller) -> Answer {
    let mut runs = daemon.list();
    runs.retain(|status| may_see(&daemon.rules, status.owner, caller.uid));
    json(StatusCode::OK, &runs)
}

async fn create(daemon: &Daemon, caller: Caller, request: Request<Incoming>) -> Answer {
    if daemon.draining.load(Ordering::Relaxed) {
        return Err(Problem::new(Fault::Busy, "aiperfd is shutting down and accepts no runs"));
    }
    let (create, bytes): (Create, usize) = read_json(daemon, request, daemon.limits.plan_bytes()).await?;
    plan_check::check(&create)?;
    if let Some(watch) = &create.plan.watch {
        daemon.rules.permit(&watch.target, caller.uid)?;
    }
    let waiting = waiting(daemon, caller.uid, bytes)?;
    may_keep(daemon, caller.uid)?;
    has_room(daemon, caller.uid)?;
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
        daemon.publish(&status.model, &live);
    }
    let run = ActiveRun {
        directory,
        create: Mutex::new(create),
        status: Mutex::new(status),
        client: caller.name(),
        stop_request: Mutex::default(),
        watchers: AtomicUsize::new(0),
        live,
        progress_source: Mutex::default(),
        uid: caller.uid,
        pid: caller.pid,
        touched: Mutex::new(clock::mono()),
        waiting: Mutex::new(waiting),
        watched: Mutex::default(),
        kept: None,
        health: Mutex::default(),
    };
    tracing::info!(run = run_id, client = run.client, "run created");
    lock(&daemon.active).insert(run_id.clone(), Arc::new(run));
    daemon.store.refresh(&run_id);
    json(StatusCode::CREATED, &Created { run_id })
}

/// What a run that waits to be started uses of its user's share.
fn waiting(daemon: &Daemon, uid: u32, plan_bytes: usize) -> Result<Vec<Taken>, Problem> {
    let limits = &daemon.limits;
    let of_user = u64::from(limits.waiting_runs_per_user);
    let run = daemon.held.waiting.take(uid, 1, of_user, u64::MAX).map_err(|_refused| {
        limits::met("waiting_runs_per_user", of_user, "too many of your runs wait to be started")
    })?;
    let all = u64::from(limits.waiting_plans_mib) << 10;
    let kib = u64::try_from(plan_bytes).unwrap_or(u64::MAX) / 1024 + 1;
    let plan = daemon.held.plans.take(uid, kib, u64::MAX, all).map_err(|_refused| {
        let limit = format!("{} MiB", limits.waiting_plans_mib);
        limits::met("waiting_plans_mib", limit, "the plans of runs that wait are too large together")
    })?;
    Ok(vec![run, plan])
}

/// Refuses what would be more of the disk than there is, or than the user may have.
fn has_room(daemon: &Daemon, uid: u32) -> Result<(), Problem> {
    if let Some(why) = disk_is_full(&daemon.store, &daemon.limits) {
        return Err(Problem::new(Fault::Disk, why));
    }
    daemon.take_room(uid, 0).map(drop)
}

/// Refuses one run more of a user who keeps too many.
fn may_keep(daemon: &Daemon, uid: u32) -> Result<(), Problem> {
    let most = daemon.limits.stored_runs_per_user;
    if uid != limits::ROOT && daemon.store.usage(uid).0 >= u64::from(most) {
        let what = "you keep too many runs: delete some (`aiperf-ctl runs rm`)";
        return Err(limits::met("stored_runs_per_user", most, what));
    }
    Ok(())
}

/// A run that waits for its inputs: nothing is uploaded into one that was started.
fn created(daemon: &Daemon, id: &str) -> Result<Arc<ActiveRun>, Problem> {
    let run = running(daemon, id)?;
    let state = lock(&run.status).state;
    if state != State::Created {
        return Err(Problem::new(Fault::Plan, format!("run {id} was started before")));
    }
    *lock(&run.touched) = clock::mono();
    Ok(run)
}

async fn upload(daemon: &Daemon, id: &str, name: &str, request: Request<Incoming>) -> Answer {
    let run = created(daemon, id)?;
    let path = run.directory.input(name).ok_or_else(|| unknown(&format!("input {}", printable(name))))?;
    // In another file until it is whole: a run that is started meanwhile does not read half of it.
    let partial = path.with_extension(format!("{:x}", clock::mono().0));
    let written = receive(daemon, run.uid, &partial, id, request).await;
    let placed = match written {
        Ok(()) => created(daemon, id)
            .and_then(|_run| std::fs::rename(&partial, &path).map_err(|error| disk(error.into()))),
        Err(problem) => Err(problem),
    };
    if let Err(problem) = placed {
        tokio::fs::remove_file(&partial).await.ok();
        return Err(problem);
    }
    daemon.store.refresh(id);
    Ok(Response::new(empty()))
}

/// Writes a body to a file, within its user's share of the disk.
async fn receive(
    daemon: &Daemon,
    uid: u32,
    path: &std::path::Path,
    id: &str,
    request: Request<Incoming>,
) -> Result<(), Problem> {
    let mut file = tokio::fs::File::create(path).await.map_err(|error| disk(error.into()))?;
    let mut body = request.into_body();
    let mut taken = Vec::new();
    let mut unchecked = ROOM_LOOK_BYTES;
    while let Some(frame) = piece(daemon, &mut body).await? {
        let Some(data) = frame.data_ref() else { continue };
        let length = u64::try_from(data.len()).unwrap_or(u64::MAX);
        unchecked += length;
        if unchecked >= ROOM_LOOK_BYTES {
            created(daemon, id)?;
            has_room(daemon, uid)?;
            taken.push(daemon.take_room(uid, unchecked)?);
            unchecked = 0;
        }
        file.write_all(data).await.map_err(|error| disk(error.into()))?;
    }
    file.flush().await.map_err(|error| disk(error.into()))
}

/// The next piece of a body, within the time for it.
async fn piece(daemon: &Daemon, body: &mut Incoming) -> Result<Option<Frame<Bytes>>, Problem> {
    let patience = daemon.limits.body_time();
    match timeout(patience, body.frame()).await {
        Ok(None) => Ok(None),
        Ok(Some(Ok(frame))) => Ok(Some(frame)),
        Ok(Some(Err(_))) => Err(Problem::new(Fault::Plan, "the upload broke off")),
        Err(_) => {
            let seconds = daemon.limits.request_body_seconds;
            Err(limits::met(
                "request_body_seconds",
                format!("{seconds} s"),
                "no data of the request's body arrived in time",
            ))
        }
    }
}

fn start(daemon: &Arc<Daemon>, id: &str) -> Answer {
    let run = running(daemon, id)?;
    {
        let mut status = lock(&run.status);
        if status.state != State::Created {
            return Err(Problem::new(Fault::Plan, format!("run {id} was started before")));
        }
        status.state = State::Preparing;
    }
    // It waits no more; its plan is there until it ends.
    lock(&run.waiting).remove(WAITS);
    let (daemon, thread) = (Arc::clone(daemon), Arc::clone(&run));
    std::thread::Builder::new()
        .name(format!("run-{id}"))
        .spawn(move || thread.execute(&daemon))
        .map_err(|error| Problem::new(Fault::Load, format!("failed to start a thread: {error}")))?;
    json(StatusCode::OK, &*lock(&run.status))
}

/// The caller's process joins a run that watches it.
fn join(daemon: &Daemon, caller: Caller, id: &str) -> Answer {
    let run = running(daemon, id)?;
    run.adopt(caller.uid, caller.pid)?;
    json(StatusCode::OK, &*lock(&run.status))
}

/// A line of progress at once and then at intervals, the last when the run has ended.
fn progress(daemon: &Daemon, id: &str) -> Answer {
    let run = running(daemon, id)?;
    let (sender, receiver) = tokio::sync::mpsc::channel(4);
    run.watchers.fetch_add(1, Ordering::Relaxed);
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
        run.watchers.fetch_sub(1, Ordering::Relaxed);
    });
    let body = StreamBody::new(ReceiverStream::new(receiver)).boxed();
    Ok(Response::new(body))
}

/// The details that are requested of each request.
fn detail(uri: &Uri) -> Detail {
    if uri.query() == Some("stages") { Detail::Stages } else { Detail::Numbers }
}

/// Requests as they end, in pieces; the stream ends with the run.
fn requests(daemon: &Daemon, id: &str, detail: Detail) -> Answer {
    let run = running(daemon, id)?;
    let (sender, receiver) = tokio::sync::mpsc::channel(4);
    run.live.open(Subscriber::Client, detail);
    tokio::spawn(async move {
        loop {
            let last = run.progress().state.is_final();
            for piece in run.live.take(Subscriber::Client).chunks(REQUESTS_PIECE) {
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
    let (how, _): (Stop, usize) = read_json(daemon, request, ORDER_BYTES_MAX).await?;
    *lock(&run.stop_request) = Some(how);
    json(StatusCode::OK, &*lock(&run.status))
}

async fn recovered(daemon: &Arc<Daemon>, id: &str) -> Answer {
    let state = daemon.status(id).ok_or_else(|| unknown(&format!("run {id}")))?.state;
    if state != State::Interrupted {
        let message = format!("run {id} was not interrupted; nothing is to be recovered");
        return Err(Problem::new(Fault::Plan, message));
    }
    let directory = daemon.store.get(id).ok_or_else(|| unknown(&format!("run {id}")))?;
    let held = daemon.hold(id)?;
    let (owned, recovering) = (id.to_owned(), Arc::clone(daemon));
    // A client that disconnects does not stop it, so everything that belongs to it moves into it.
    let done = tokio::task::spawn_blocking(move || {
        let done = recover(&recovering, &directory, &owned);
        if done.is_ok() {
            // From now on the store has it.
            lock(&recovering.active).remove(&owned);
        }
        recovering.store.refresh(&owned);
        drop(held);
        done
    });
    done.await.map_err(|_panicked| broken())?.map_err(disk)?;
    status(daemon, id)
}

fn status(daemon: &Daemon, id: &str) -> Answer {
    json(StatusCode::OK, &daemon.status(id).ok_or_else(|| unknown(&format!("run {id}")))?)
}

fn files(daemon: &Daemon, id: &str) -> Answer {
    let directory = daemon.store.get(id).ok_or_else(|| unknown(&format!("run {id}")))?;
    json(StatusCode::OK, &directory.files())
}

async fn file(daemon: &Daemon, id: &str, name: &str) -> Answer {
    let path = daemon.store.get(id).and_then(|run| run.file(name));
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

fn delete(daemon: &Arc<Daemon>, id: &str) -> Answer {
    // A run that is being recovered is not removed under it.
    let _held = daemon.hold(id)?;
    if let Some(run) = daemon.find(id) {
        let state = run.close();
        if !state.is_final() && state != State::Created {
            return Err(Problem::new(Fault::Busy, format!("run {id} is running: stop it first")));
        }
        lock(&daemon.active).remove(id);
    }
    let directory = daemon.store.get(id).ok_or_else(|| unknown(&format!("run {id}")))?;
    directory.remove().map_err(disk)?;
    daemon.store.refresh(id);
    Ok(Response::new(empty()))
}

fn running(daemon: &Daemon, id: &str) -> Result<Arc<ActiveRun>, Problem> {
    daemon.find(id).ok_or_else(|| unknown(&format!("run {id}")))
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

    fn name(self) -> String {
        format!("uid {} pid {}", self.uid, self.pid.unwrap_or(0))
    }
}

/// A body of JSON, and about how much memory it uses.
async fn read_json<T: serde::de::DeserializeOwned>(
    daemon: &Daemon,
    request: Request<Incoming>,
    bytes_max: usize,
) -> Result<(T, usize), Problem> {
    let mut body = request.into_body();
    let mut bytes = Vec::new();
    while let Some(frame) = piece(daemon, &mut body).await? {
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
/// The index of a waiting run's share among what it holds; see [`waiting`].
const WAITS: usize = 0;
const HEAD_BYTES_MAX: usize = 64 << 10;
/// How often it is checked whether an upload still has room.
const ROOM_LOOK_BYTES: u64 = 8 << 20;
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
const FILE_PIECE: usize = 256 << 10;
const PROGRESS_QUICK: Duration = Duration::from_millis(20);
const PROGRESS_SLOW: Duration = Duration::from_millis(500);
