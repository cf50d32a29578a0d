//! Runs `aiperf-ctl publish`, which the daemon starts to publish what it observes; it has no privileges and sends the daemon
//! nothing.
//!
//! ```text
//! aiperfd ── lines on standard input ──▶ board.rs ──▶ prometheus.rs  GET /metrics
//!                                          │     └──▶ page.html      GET /   GET /live.json
//!                                          └──▶ telemetry-out ──▶ collector
//! ```

mod board;
mod histogram;
mod instruments;
mod prometheus;

use crate::args::PublishArgs;
use crate::interrupt;
use crate::terminal::print_warning;
use anyhow::{Context, Result};
use board::{Board, Served};
use bytes::Bytes;
use clock::Moment;
use control::Published;
use http_body_util::Full;
use hyper::http::uri::Authority;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use prometheus::Format;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use telemetry_out::{Collector, Domains, Endpoint, Event, Exports, Sender, Settings, Stream, USUAL_ROOM};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// Publishes until the daemon closes the pipe.
pub(crate) fn run(args: &PublishArgs) -> Result<u8> {
    anyhow::ensure!(args.listen.ip().is_loopback(), "--listen: `{}` is not a loopback address", args.listen);
    let sender = args.otel_url.as_deref().map(sender).transpose()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let board = Arc::new(Mutex::new(Board::default()));
    let _orderly = interrupt::orderly(interrupt::OF_A_WAIT);
    runtime.block_on(async {
        let listener = TcpListener::bind(args.listen).await;
        let listener = listener.with_context(|| format!("failed to listen on `{}`", args.listen))?;
        let start = Moment::now();
        let serving = tokio::spawn(serve(listener, args.listen.ip(), Arc::clone(&board), start));
        // When a signal ends it, the accumulated exports are still sent.
        let received = interrupt::or(receive(&board, sender.as_ref(), start)).await;
        serving.abort();
        received.unwrap_or(Ok(()))
    })?;
    let exports = sender.map(|sender| sender.finish().exports).unwrap_or_default();
    for Exports { to, problem, .. } in exports {
        if let Some(problem) = problem {
            print_warning(&format!("exports to the {to} failed: {problem}"));
        }
    }
    Ok(0)
}

/// Receives the daemon's messages until it closes the pipe.
async fn receive(board: &Mutex<Board>, sender: Option<&Sender>, start: Moment) -> Result<()> {
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Some(line) = lines.next_line().await.context("failed to read from the daemon")? {
        let published =
            serde_json::from_str::<Published>(&line).context("failed to parse a message of the daemon")?;
        if let (Some(sender), Published::Request { server, request }) = (sender, &published) {
            let (server, request) = (server.clone(), request.clone());
            sender.offer(Event::Served { server, request });
        }
        if let Ok(mut board) = board.lock() {
            board.take(published, start.elapsed());
        }
    }
    Ok(())
}

fn sender(url: &str) -> Result<Sender> {
    let endpoint = Endpoint::parse(url).context("[publish] otel_url")?;
    let resource = [("service.name", "aiperfd"), ("service.version", env!("CARGO_PKG_VERSION"))];
    let resource = resource.map(|(key, value)| (key.to_owned(), value.to_owned())).to_vec();
    Ok(Sender::start(Settings {
        stream: Stream {
            domains: Domains { requests: false, timing: false, served: true, spans: false },
            run_id: None,
            room: USUAL_ROOM,
            warn: print_warning,
        },
        destinations: vec![Box::new(Collector { endpoint, resource })],
        attributes: Vec::new(),
        server: None,
    })?)
}

/// Serves until aborted. When there are too many connections, the oldest is closed, so that idle or slow clients never block
/// others.
async fn serve(listener: TcpListener, own: IpAddr, board: Arc<Mutex<Board>>, start: Moment) {
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
        let attended = tokio::time::timeout(LIFE_MAX, attend(stream, own, Arc::clone(&board), start));
        open.push_back(tokio::spawn(async {
            // A connection past its maximum lifetime is closed.
            attended.await.ok();
        }));
    }
}

async fn attend(stream: TcpStream, own: IpAddr, board: Arc<Mutex<Board>>, start: Moment) {
    let service = service_fn(move |request| {
        let response = respond(&request, own, &board, start);
        async move { Ok::<_, Infallible>(response) }
    });
    let mut server = hyper::server::conn::http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(PATIENCE);
    server.max_buf_size(HEAD_BYTES_MAX).max_headers(HEADERS_MAX);
    // A client that disconnects early is not an error here.
    server.serve_connection(TokioIo::new(stream), service).await.ok();
}

fn respond<B>(
    request: &Request<B>,
    own: IpAddr,
    board: &Mutex<Board>,
    start: Moment,
) -> Response<Full<Bytes>> {
    if !is_for_us(request, own) {
        return plain(
            StatusCode::MISDIRECTED_REQUEST,
            "use the host name localhost, or the address of this socket",
        );
    }
    let Ok(mut board) = board.lock() else { return plain(StatusCode::INTERNAL_SERVER_ERROR, "broken") };
    match (request.method(), request.uri().path()) {
        (&Method::GET, "/metrics") => {
            let accept = request.headers().get("accept").and_then(|accept| accept.to_str().ok());
            let format = Format::of(accept.unwrap_or_default());
            let now = start.elapsed();
            if board.served.as_ref().is_none_or(|served| served.format != format || now > served.at + FRESH) {
                let text = prometheus::text(&board, format);
                board.served = Some(Served { format, at: now, text: text.into() });
            }
            let text = board.served.as_ref().map(|served| served.text.clone());
            of_type(format.content_type(), text.unwrap_or_default())
        }
        (&Method::GET, "/live.json") => of_type("application/json", board.live(start.elapsed()).to_string()),
        (&Method::GET, "/") => of_type("text/html; charset=utf-8", PAGE.to_owned()),
        (&Method::GET, _) => plain(StatusCode::NOT_FOUND, "available paths: /, /metrics and /live.json"),
        _ => plain(StatusCode::METHOD_NOT_ALLOWED, "only GET"),
    }
}

/// Whether a request names this host. Under DNS rebinding, a malicious page whose name resolves to this address sends its own
/// host name, and is refused.
fn is_for_us<B>(request: &Request<B>, own: IpAddr) -> bool {
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

fn of_type(kind: &'static str, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    let headers = response.headers_mut();
    headers.insert("content-type", hyper::header::HeaderValue::from_static(kind));
    headers.insert("content-security-policy", hyper::header::HeaderValue::from_static(POLICY));
    headers.insert("cache-control", hyper::header::HeaderValue::from_static("no-store"));
    response
}

fn plain(status: StatusCode, text: &'static str) -> Response<Full<Bytes>> {
    let mut response = of_type("text/plain; charset=utf-8", format!("{text}\n"));
    *response.status_mut() = status;
    response
}

const PAGE: &str = include_str!("page.html");
/// The page loads nothing from elsewhere.
const POLICY: &str =
    "default-src 'none'; connect-src 'self'; style-src 'unsafe-inline'; script-src 'unsafe-inline'";
/// Frequent scrapes get the same cached text for this long.
const FRESH: Duration = Duration::from_millis(250);
const CONNECTIONS_MAX: usize = 64;
/// Maximum lifetime of a connection: longer than the interval between Prometheus' scrapes.
const LIFE_MAX: Duration = Duration::from_secs(120);
/// Maximum size of a request's head.
const HEAD_BYTES_MAX: usize = 16 << 10;
const HEADERS_MAX: usize = 64;
/// Timeout for a client to send its request.
const PATIENCE: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[test]
    fn only_requests_for_this_host_are_served() {
        let board = Mutex::new(Board::default());
        let own = "127.0.0.9".parse().unwrap();
        let check = |uri: &str, hosts: &[&str], expected: u16| {
            let mut request = Request::get(uri);
            for host in hosts {
                request = request.header("host", *host);
            }
            let response = respond(&request.body(()).unwrap(), own, &board, Moment::now());
            assert_eq!(response.status().as_u16(), expected, "{uri} {hosts:?}");
        };
        for host in ["localhost", "LOCALHOST:9400", "127.0.0.1:9400", "127.0.0.9:1", "[::1]:9400"] {
            check("/metrics", &[host], 200);
        }
        for host in [
            "evil.example",
            "evil.example:9400",
            "localhost.evil.example",
            "10.0.0.1",
            "",
            "a b",
            "@localhost@",
        ] {
            check("/metrics", &[host], 421);
        }
        check("/metrics", &[], 421);
        check("/metrics", &["localhost", "evil.example"], 421);
        check("http://evil.example/metrics", &["localhost"], 421);
        check("http://localhost/metrics", &["localhost"], 200);
    }
    #[tokio::test]
    async fn silent_clients_do_not_block_others() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = tokio::spawn(serve(listener, address.ip(), Arc::default(), Moment::now()));
        let mut silent = Vec::new();
        for place in 0..3 * CONNECTIONS_MAX {
            let mut stream = TcpStream::connect(address).await.unwrap();
            // Some send half a request.
            if place % 2 == 0 {
                stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: ").await.unwrap();
            }
            silent.push(stream);
        }
        let mut client = TcpStream::connect(address).await.unwrap();
        let request = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        client.write_all(request).await.unwrap();
        let mut response = String::new();
        client.read_to_string(&mut response).await.unwrap();
        assert!(response.starts_with("HTTP/1.1 200"), "{response}");
        serving.abort();
    }
}
