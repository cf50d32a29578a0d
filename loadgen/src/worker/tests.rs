//! HOT: what a worker allocates for each request, against a server on loopback. Budget: docs/BUDGET.md, "memory".

use super::*;
use crate::composer::{self, Feed, Next, Prepared};
use crate::ring::shared::Producer;
use crate::schedule::Limits;
use common::id::RequestId;
use common::ring::{Counter, RING_OFFSET};
use rustix::fs::{MemfdFlags, ftruncate, memfd_create};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;

/// A server on loopback whose responses are streams.
struct Server {
    address: SocketAddr,
    tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
}

impl Server {
    /// Serves until the test's process ends.
    fn start(is_encrypted: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let made = rcgen::generate_simple_self_signed(vec!["server.test".to_owned()]).unwrap();
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        let config = is_encrypted.then(|| Arc::new(config));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (stream, config) = (stream.unwrap(), config.clone());
                stream.set_nodelay(true).unwrap();
                std::thread::spawn(move || match config {
                    Some(config) => respond(StreamOwned::new(ServerConnection::new(config).unwrap(), stream)),
                    None => respond(stream),
                });
            }
        });
        let trusted = crate::tls::config(Some(made.cert.pem().as_bytes()), false).unwrap();
        let tls = is_encrypted.then(|| (trusted, ServerName::try_from("server.test").unwrap()));
        Self { address, tls }
    }
}

/// Answers each request with a stream, an event at a time.
fn respond(mut stream: impl Read + Write) {
    let mut request = [0; REQUEST.len()];
    while stream.read_exact(&mut request).is_ok() {
        let head: &[u8] =
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
        let events = std::iter::repeat_n(EVENT, EVENTS as usize);
        for part in std::iter::once(head).chain(events).chain([b"0\r\n\r\n".as_slice()]) {
            stream.write_all(part).unwrap();
            stream.flush().unwrap();
        }
    }
}

/// Makes `count` requests of buffers that came back, as a composer does, until the worker has ended.
fn feed(mut feed: Feed, count: u64, has_ended: &AtomicBool) {
    let mut number = 0;
    while !has_ended.load(Ordering::Relaxed) {
        let (ready, spent) = feed.ends();
        if number == count || ready.is_full() {
            std::thread::park_timeout(std::time::Duration::from_micros(100));
            continue;
        }
        let mut bytes = spent.pop().unwrap_or_default();
        bytes.clear();
        bytes.extend_from_slice(REQUEST);
        let next = Next::Over;
        ready
            .push(Prepared { bytes, request: RequestId(number), next, ..Prepared::nothing(number, false) })
            .unwrap();
        number += 1;
    }
}

/// Sends so many requests; returns how often the worker's thread allocated, or `None` where there is no io_uring.
fn allocations(server: &Server, requests: u64) -> Option<u64> {
    let memory = memfd_create("test", MemfdFlags::CLOEXEC).unwrap();
    ftruncate(&memory, RING_OFFSET as u64 + RING_BYTES).unwrap();
    let reporter = Reporter::new(Producer::map(memory.as_fd(), RING_BYTES).unwrap());
    let (feed_in, queue) = composer::queue(64, 8);
    let has_ended = Arc::new(AtomicBool::new(false));
    let ended_too = Arc::clone(&has_ended);
    let composer = std::thread::spawn(move || feed(feed_in, requests, &ended_too));
    let limits = Limits {
        duration: None,
        grace: None,
        sessions_at_once: Some(vec![DurationNs::ZERO; 4]),
        prefills_at_once: None,
        requests: Some(requests),
        sessions: None,
    };
    let (ready_in, ready) = channel();
    let (begin_in, begin) = channel();
    let (passed, _passed_out) = channel();
    begin_in.send(clock::mono()).unwrap();
    let assignment = Assignment {
        worker: 0,
        phases: vec![Phase {
            schedule: Box::new(move |begin, held| Schedule::places(begin, &limits, held)),
            is_seamless: false,
            is_warmup: false,
            cancellation: None,
            counts_anew: false,
            limits_prefill: false,
        }],
        ready: ready_in,
        begin,
        passed,
        queue,
        composer: composer.thread().clone(),
        numbering: Arc::default(),
        reporter,
        targets: vec![Destination { address: Address::Internet(server.address), tls: server.tls.clone() }],
        connections: 4,
        wait: Wait::Block,
        stamps: SocketStamps::Off,
        timeout: DurationNs::from_millis(60_000),
        reuse: ConnectionReuse::Pooled,
        poll_interval: None,
        threshold: None,
        seed: 0,
        stop_request: Arc::default(),
        warming: None,
        exceeded: Arc::default(),
    };
    let worker = std::thread::spawn(move || {
        let mut result = Ok(());
        let counted = allocation_counter::measure(|| result = run(assignment));
        result.map(|()| counted.count_total)
    });
    let counted = worker.join().unwrap().unwrap();
    has_ended.store(true, Ordering::Relaxed);
    composer.join().unwrap();
    ready.recv().unwrap().ok()?;
    let mut completed = [0; 8];
    let at = std::mem::offset_of!(common::ring::SharedHeader, counters) + 8 * Counter::Completed.index();
    rustix::io::pread(&memory, &mut completed, at as u64).unwrap();
    assert_eq!(u64::from_ne_bytes(completed), requests, "every request was answered");
    Some(counted)
}

/// What each of a thousand requests allocates, once connections are open and buffers have their sizes.
fn allocations_per_request(is_encrypted: bool) -> Option<f64> {
    let server = Server::start(is_encrypted);
    let (few, many) = (allocations(&server, 200)?, allocations(&server, 1_200)?);
    Some((f64::from(u32::try_from(many).unwrap()) - f64::from(u32::try_from(few).unwrap())) / 1_000.0)
}

/// Prints that a test does not run; in CI that is a failure.
fn skip() {
    let why = "this kernel or its policy offers no io_uring";
    assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "skipped in CI: {why}");
    writeln!(io::stderr(), "skipped: {why}").unwrap();
}

#[test]
fn a_request_allocates_nothing() {
    let Some(each) = allocations_per_request(false) else { return skip() };
    assert!(each < 0.01, "{each} allocations for a request");
}

#[test]
fn an_encrypted_request_allocates_only_what_rustls_does() {
    let Some(each) = allocations_per_request(true) else { return skip() };
    // One for the records of a request, and one for the plaintext of each record: rustls keeps both in vectors of its own, and
    // has them grow now and then.
    let of_rustls = f64::from(1 + EVENTS + 2);
    assert!(each < of_rustls + 0.25, "{each} allocations for a request; rustls makes {of_rustls}");
}

const REQUEST: &[u8] = b"POST /v1/completions HTTP/1.1\r\nHost: server.test\r\nContent-Length: 2\r\n\r\n{}";
const EVENT: &[u8] = b"16\r\ndata: {\"text\":\"one\"}\n\n\r\n";
const EVENTS: u32 = 8;
/// Memory for the records of all requests: nothing drains it.
const RING_BYTES: u64 = 16 << 20;
