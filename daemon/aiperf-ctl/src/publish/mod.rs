//! Runs `aiperf-ctl publish`, which the daemon starts to publish what it observes; it has no privileges and sends the daemon
//! nothing.
//!
//! ```text
//! aiperfd ── lines on standard input ──▶ board.rs ──▶ prometheus.rs  GET /metrics
//!                                          │     └──▶ the live page  GET /   GET /events   GET /live.json
//!                                          └──▶ telemetry-out ──▶ collector
//! ```

mod board;
mod histogram;
mod instruments;
mod prometheus;

use crate::args::PublishArgs;
use crate::interrupt;
use crate::local_http::{Answer, Events, Site, is_for_us, not_for_us, of_type, plain, serve};
use crate::terminal::print_warning;
use anyhow::{Context, Result};
use board::{Board, Served};
use clock::Moment;
use control::Published;
use export::LivePage;
use hyper::body::Incoming;
use hyper::{Method, Request, StatusCode};
use prometheus::Format;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use telemetry_out::{Collector, Domains, Endpoint, Event, Exports, Sender, Settings, Stream, USUAL_ROOM};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpListener;
use tokio::sync::watch;

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
        let (_over, is_over) = watch::channel(false);
        let site = Pages::new(args.listen.ip(), &board, start, is_over);
        let serving = tokio::spawn(serve(listener, Arc::new(site)));
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

/// What is published, as pages and metrics.
struct Pages {
    own: IpAddr,
    board: Arc<Mutex<Board>>,
    start: Moment,
    events: Arc<Events>,
}

impl Pages {
    fn new(own: IpAddr, board: &Arc<Mutex<Board>>, start: Moment, is_over: watch::Receiver<bool>) -> Self {
        let shown = Arc::clone(board);
        let events = Events::new(is_over, move || match shown.lock() {
            Ok(board) => vec![(SERVERS, board.page(start.elapsed()))],
            Err(_broken) => Vec::new(),
        });
        Self { own, board: Arc::clone(board), start, events }
    }
}

impl Site for Pages {
    fn respond(&self, request: &Request<Incoming>) -> Answer {
        respond(request, self)
    }
}

fn respond<B>(request: &Request<B>, pages: &Pages) -> Answer {
    let Pages { own, board, start, events } = pages;
    if !is_for_us(request, *own) {
        return not_for_us();
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
        (&Method::GET, "/") => {
            let page = LivePage { title: "Observed servers", parts: &[SERVERS] };
            of_type("text/html; charset=utf-8", page.html())
        }
        (&Method::GET, "/events") => events.answer(),
        (&Method::GET, _) => {
            plain(StatusCode::NOT_FOUND, "available paths: /, /events, /metrics and /live.json")
        }
        _ => plain(StatusCode::METHOD_NOT_ALLOWED, "only GET"),
    }
}

/// The part of the page with the servers.
const SERVERS: &str = "servers";
/// Frequent scrapes get the same cached text for this long.
const FRESH: Duration = Duration::from_millis(250);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::local_http::CONNECTIONS_MAX;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    #[test]
    fn only_requests_for_this_host_are_served() {
        let (_over, is_over) = watch::channel(false);
        let pages = Pages::new("127.0.0.9".parse().unwrap(), &Arc::default(), Moment::now(), is_over);
        let check = |uri: &str, hosts: &[&str], expected: u16| {
            let mut request = Request::get(uri);
            for host in hosts {
                request = request.header("host", *host);
            }
            let response = respond(&request.body(()).unwrap(), &pages);
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
        let (_over, is_over) = watch::channel(false);
        let site = Pages::new(address.ip(), &Arc::default(), Moment::now(), is_over);
        let serving = tokio::spawn(serve(listener, Arc::new(site)));
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
