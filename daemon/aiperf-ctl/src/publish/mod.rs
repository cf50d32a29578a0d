//! `aiperf-ctl publish`: the daemon starts it to publish what it watches; it has no privilege and can ask nothing.
//!
//! ```text
//! aiperfd ── lines on standard input ──▶ board.rs ──▶ prometheus.rs  GET /metrics
//!                                          │     └──▶ page.html      GET /   GET /live.json
//!                                          └──▶ telemetry-out ──▶ collector
//! ```

mod board;
mod histogram;
mod prometheus;

use crate::args::PublishArgs;
use crate::clock::Moment;
use crate::interrupt;
use crate::say::say_warning;
use anyhow::{Context, Result};
use board::{Board, Told};
use bytes::Bytes;
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
use telemetry_out::{Collector, Domains, Endpoint, Event, Exports, Sender, Settings, USUAL_ROOM};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// Publishes until the daemon is gone.
pub(crate) fn run(args: &PublishArgs) -> Result<u8> {
    anyhow::ensure!(args.listen.ip().is_loopback(), "--listen: `{}` is no loopback address", args.listen);
    let sender = args.otel_url.as_deref().map(sender).transpose()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let board = Arc::new(Mutex::new(Board::default()));
    let _orderly = interrupt::orderly(interrupt::OF_A_WAIT);
    runtime.block_on(async {
        let listener = TcpListener::bind(args.listen).await;
        let listener = listener.with_context(|| format!("failed to listen on `{}`", args.listen))?;
        let begun = Moment::now();
        let serving = tokio::spawn(serve(listener, args.listen.ip(), Arc::clone(&board), begun));
        // What was counted is still sent when a signal ends it.
        let heard = interrupt::or(hear(&board, sender.as_ref(), begun)).await;
        serving.abort();
        heard.unwrap_or(Ok(()))
    })?;
    let exports = sender.map(|sender| sender.finish().exports).unwrap_or_default();
    for Exports { to, problem, .. } in exports {
        if let Some(problem) = problem {
            say_warning(&format!("exports to the {to} failed: {problem}"));
        }
    }
    Ok(0)
}

/// Takes what the daemon tells until it is gone.
async fn hear(board: &Mutex<Board>, sender: Option<&Sender>, begun: Moment) -> Result<()> {
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Some(line) = lines.next_line().await.context("failed to hear the daemon")? {
        let published =
            serde_json::from_str::<Published>(&line).context("the daemon said what is not known")?;
        if let (Some(sender), Published::Request { server, request }) = (sender, &published) {
            let (server, request) = (server.clone(), request.clone());
            sender.offer(Event::Served { server, request });
        }
        if let Ok(mut board) = board.lock() {
            board.take(published, begun.elapsed());
        }
    }
    Ok(())
}

fn sender(url: &str) -> Result<Sender> {
    let endpoint = Endpoint::parse(url).context("[publish] otel_url")?;
    let resource = [("service.name", "aiperfd"), ("service.version", env!("CARGO_PKG_VERSION"))];
    let resource = resource.map(|(key, value)| (key.to_owned(), value.to_owned())).to_vec();
    Ok(Sender::start(Settings {
        domains: Domains { requests: false, timing: false, served: true, spans: false },
        attributes: Vec::new(),
        otlp: Some(Collector { endpoint, resource }),
        mlflow: None,
        server: None,
        room: USUAL_ROOM,
        warn: say_warning,
    })?)
}

/// Serves until it is called off. When there are too many connections the oldest goes: whoever holds one open, or reads
/// slowly, keeps nobody else out.
async fn serve(listener: TcpListener, own: IpAddr, board: Arc<Mutex<Board>>, begun: Moment) {
    let mut open = VecDeque::<JoinHandle<()>>::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Out of descriptors, most likely: others end soon.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        open.retain(|connection| !connection.is_finished());
        if open.len() >= CONNECTIONS_MAX
            && let Some(oldest) = open.pop_front()
        {
            oldest.abort();
        }
        let attended = tokio::time::timeout(LIFE_MAX, attend(stream, own, Arc::clone(&board), begun));
        open.push_back(tokio::spawn(async {
            // A connection that lived too long is closed, as is one that ended.
            attended.await.ok();
        }));
    }
}

async fn attend(stream: TcpStream, own: IpAddr, board: Arc<Mutex<Board>>, begun: Moment) {
    let service = service_fn(move |request| {
        let answer = answer(&request, own, &board, begun);
        async move { Ok::<_, Infallible>(answer) }
    });
    let mut server = hyper::server::conn::http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(PATIENCE);
    server.max_buf_size(HEAD_BYTES_MAX).max_headers(HEADERS_MAX);
    // A client that hangs up in the middle is its own business.
    server.serve_connection(TokioIo::new(stream), service).await.ok();
}

fn answer<B>(
    request: &Request<B>,
    own: IpAddr,
    board: &Mutex<Board>,
    begun: Moment,
) -> Response<Full<Bytes>> {
    if !is_for_us(request, own) {
        return plain(
            StatusCode::MISDIRECTED_REQUEST,
            "ask for localhost, or for the address that is listened on",
        );
    }
    let Ok(mut board) = board.lock() else { return plain(StatusCode::INTERNAL_SERVER_ERROR, "broken") };
    match (request.method(), request.uri().path()) {
        (&Method::GET, "/metrics") => {
            let accept = request.headers().get("accept").and_then(|accept| accept.to_str().ok());
            let format = Format::of(accept.unwrap_or_default());
            let now = begun.elapsed();
            if board.told.as_ref().is_none_or(|told| told.format != format || now > told.at + FRESH) {
                let text = prometheus::text(&board, format);
                board.told = Some(Told { format, at: now, text: text.into() });
            }
            let text = board.told.as_ref().map(|told| told.text.clone());
            of_type(format.content_type(), text.unwrap_or_default())
        }
        (&Method::GET, "/live.json") => of_type("application/json", board.live(begun.elapsed()).to_string()),
        (&Method::GET, "/") => of_type("text/html; charset=utf-8", PAGE.to_owned()),
        (&Method::GET, _) => plain(StatusCode::NOT_FOUND, "there are /, /metrics and /live.json"),
        _ => plain(StatusCode::METHOD_NOT_ALLOWED, "only GET"),
    }
}

/// Whether a request names this host. A page of somebody's whose name is made to lead to this address (DNS rebinding)
/// names its own, and learns nothing.
fn is_for_us<B>(request: &Request<B>, own: IpAddr) -> bool {
    let mut named = request.headers().get_all("host").iter();
    let (Some(host), None) = (named.next(), named.next()) else { return false };
    let host = host.to_str().ok().and_then(|host| host.parse::<Authority>().ok());
    let asked = request.uri().authority().cloned();
    host.is_some_and(|host| {
        [Some(host), asked].into_iter().flatten().all(|host| is_this_host(host.host(), own))
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
/// The page is all that it needs.
const POLICY: &str =
    "default-src 'none'; connect-src 'self'; style-src 'unsafe-inline'; script-src 'unsafe-inline'";
/// Whoever asks for metrics again and again gets the same text for so long.
const FRESH: Duration = Duration::from_millis(250);
const CONNECTIONS_MAX: usize = 64;
/// How long a connection may stay open: longer than Prometheus waits between scrapes.
const LIFE_MAX: Duration = Duration::from_secs(120);
/// A request's head.
const HEAD_BYTES_MAX: usize = 16 << 10;
const HEADERS_MAX: usize = 64;
/// How long a client may take to ask.
const PATIENCE: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[test]
    fn only_who_asks_for_this_host_is_answered() {
        let board = Mutex::new(Board::default());
        let own = "127.0.0.9".parse().unwrap();
        let check = |uri: &str, hosts: &[&str], expected: u16| {
            let mut request = Request::get(uri);
            for host in hosts {
                request = request.header("host", *host);
            }
            let answer = answer(&request.body(()).unwrap(), own, &board, Moment::now());
            assert_eq!(answer.status().as_u16(), expected, "{uri} {hosts:?}");
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
    async fn whoever_says_nothing_keeps_nobody_out() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = tokio::spawn(serve(listener, address.ip(), Arc::default(), Moment::now()));
        let mut silent = Vec::new();
        for place in 0..3 * CONNECTIONS_MAX {
            let mut stream = TcpStream::connect(address).await.unwrap();
            // Some say half of something.
            if place % 2 == 0 {
                stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: ").await.unwrap();
            }
            silent.push(stream);
        }
        let mut asking = TcpStream::connect(address).await.unwrap();
        let asked = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        asking.write_all(asked).await.unwrap();
        let mut answer = String::new();
        asking.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        serving.abort();
    }
}
