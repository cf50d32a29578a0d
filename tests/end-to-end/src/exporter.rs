//! A server that exports scripted Prometheus metrics.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;

/// An exporter, stopped on drop.
#[derive(Debug)]
pub struct Exporter {
    address: SocketAddr,
    over: Arc<AtomicBool>,
    place: Arc<AtomicUsize>,
    thread: Option<JoinHandle<()>>,
}

impl Exporter {
    /// Serves the first of these bodies; the next one after [`Exporter::advance`].
    #[must_use]
    pub fn start(bodies: Vec<Vec<u8>>) -> Self {
        Self::start_with(bodies, |_, body| body)
    }

    /// Like [`Exporter::start`], at `/prometheus/metrics`, as TensorRT-LLM does, and JSON everywhere else.
    #[must_use]
    pub fn start_at_fallback(bodies: Vec<Vec<u8>>) -> Self {
        Self::start_with(
            bodies,
            |path, body| {
                if path == "/prometheus/metrics" { body } else { b"[{\"iter\": 1}]" }
            },
        )
    }

    fn start_with(bodies: Vec<Vec<u8>>, choose: for<'b> fn(&str, &'b [u8]) -> &'b [u8]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let over = Arc::new(AtomicBool::new(false));
        let (ends, place) = (Arc::clone(&over), Arc::new(AtomicUsize::new(0)));
        let served = Arc::clone(&place);
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if ends.load(Ordering::Relaxed) {
                    return;
                }
                // A client may disconnect early.
                let body = &bodies[served.load(Ordering::Relaxed).min(bodies.len() - 1)];
                respond(stream.unwrap(), body, choose).ok();
            }
        });
        Self { address, over, place, thread: Some(thread) }
    }

    /// Serves the next body from now on.
    pub fn advance(&self) {
        self.place.fetch_add(1, Ordering::Relaxed);
    }

    /// The URL of the metrics.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/metrics", self.address)
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        TcpStream::connect(self.address).ok();
        self.thread.take().unwrap().join().unwrap();
    }
}

fn respond(
    mut stream: TcpStream,
    body: &[u8],
    choose: for<'b> fn(&str, &'b [u8]) -> &'b [u8],
) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let request = lines.next().transpose()?.unwrap_or_default();
    while lines.next().transpose()?.is_some_and(|line| !line.is_empty()) {}
    let body = choose(request.split(' ').nth(1).unwrap_or_default(), body);
    write!(stream, "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len())?;
    stream.write_all(body)
}
