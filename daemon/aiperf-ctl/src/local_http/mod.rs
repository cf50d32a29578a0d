//! A small HTTP server for pages and metrics of this program: bounded in connections, in time and in what it reads.

mod events;

pub(crate) use events::Events;

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::HeaderValue;
use hyper::http::uri::Authority;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What is sent.
pub(crate) type Answer = Response<UnsyncBoxBody<Bytes, Infallible>>;

/// What answers requests.
pub(crate) trait Site: Send + Sync + 'static {
    /// How long a connection lives at most, if there is a limit: longer than the interval between Prometheus' scrapes.
    const LIFE_MAX: Option<Duration> = Some(Duration::from_secs(120));

    /// The response to a request, which has been read up to its body.
    fn respond(&self, request: &Request<Incoming>) -> Answer;
}

/// Serves until aborted. When there are too many connections, the oldest is closed, so that idle or slow clients never block
/// others.
pub(crate) async fn serve<S: Site>(listener: TcpListener, site: Arc<S>) {
    let mut open = VecDeque::<JoinHandle<()>>::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Most likely out of descriptors, of which other connections soon free some.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        open.retain(|connection| !connection.is_finished());
        if open.len() >= CONNECTIONS_MAX
            && let Some(oldest) = open.pop_front()
        {
            oldest.abort();
        }
        let attended = attend(stream, Arc::clone(&site));
        open.push_back(tokio::spawn(async {
            match S::LIFE_MAX {
                // A connection past its maximum lifetime is closed.
                Some(most) => drop(tokio::time::timeout(most, attended).await),
                None => attended.await,
            }
        }));
    }
}

async fn attend(stream: TcpStream, site: Arc<impl Site>) {
    let service = service_fn(move |request| {
        let response = site.respond(&request);
        async move { Ok::<_, Infallible>(response) }
    });
    let mut server = hyper::server::conn::http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(PATIENCE);
    server.max_buf_size(HEAD_BYTES_MAX).max_headers(HEADERS_MAX);
    // A client that disconnects early is not an error here.
    server.serve_connection(TokioIo::new(stream), service).await.ok();
}

/// Whether a request names this host. Under DNS rebinding, a malicious page whose name resolves to this address sends its own
/// host name, and is refused.
pub(crate) fn is_for_us<B>(request: &Request<B>, own: IpAddr) -> bool {
    let mut named = request.headers().get_all("host").iter();
    let (Some(host), None) = (named.next(), named.next()) else { return false };
    let host = host.to_str().ok().and_then(|host| host.parse::<Authority>().ok());
    let authority = request.uri().authority().cloned();
    host.is_some_and(|host| {
        [Some(host), authority].into_iter().flatten().all(|host| is_this_host(host.host(), own))
    })
}

fn is_this_host(host: &str, own: IpAddr) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let is_address = bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback() || address == own);
    is_address || host.eq_ignore_ascii_case("localhost")
}

/// The response to a request that does not name this host.
pub(crate) fn not_for_us() -> Answer {
    plain(StatusCode::MISDIRECTED_REQUEST, "use the host name localhost, or the address of this socket")
}

/// A body of a type, which no cache keeps.
pub(crate) fn of_type(kind: &'static str, body: impl Into<Bytes>) -> Answer {
    let mut response = Response::new(Full::new(body.into()).boxed_unsync());
    let headers = response.headers_mut();
    headers.insert("content-type", HeaderValue::from_static(kind));
    headers.insert("cache-control", HeaderValue::from_static("no-store"));
    headers.insert("x-content-type-options", HeaderValue::from_static("nosniff"));
    // A page has its own policy in its head, where this one cannot be.
    headers.insert("content-security-policy", HeaderValue::from_static("frame-ancestors 'none'"));
    headers.insert("referrer-policy", HeaderValue::from_static("no-referrer"));
    response
}

/// A line of text.
pub(crate) fn plain(status: StatusCode, text: &str) -> Answer {
    let mut response = of_type("text/plain; charset=utf-8", format!("{text}\n"));
    *response.status_mut() = status;
    response
}

/// Maximum number of connections.
pub(crate) const CONNECTIONS_MAX: usize = 64;
/// Maximum size of a request's head.
const HEAD_BYTES_MAX: usize = 16 << 10;
const HEADERS_MAX: usize = 64;
/// Timeout for a client to send its request.
const PATIENCE: Duration = Duration::from_secs(10);
