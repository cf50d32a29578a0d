//! Misbehaving servers: each is a function of the connection, after a request was read from it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A server that ends with the test process.
#[derive(Debug)]
pub struct Hostile {
    /// Its address.
    pub address: SocketAddr,
    /// Number of connections so far.
    pub connections: Arc<AtomicU64>,
}

impl Hostile {
    /// Starts a server with this response function, which gets the request's number and head; one request per connection.
    #[must_use]
    pub fn responding(respond: impl Fn(u64, &str, &mut TcpStream) + Send + Sync + 'static) -> Self {
        let requests = AtomicU64::new(0);
        Self::accepting(move |_, mut stream| {
            if let Some(head) = read_request(&stream) {
                respond(requests.fetch_add(1, Ordering::Relaxed), &head, &mut stream);
            }
        })
    }

    /// Starts a server that handles each connection with this function.
    #[must_use]
    pub fn accepting(serve: impl Fn(u64, TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicU64::new(0));
        let (serve, counted) = (Arc::new(serve), Arc::clone(&connections));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (number, serve) = (counted.fetch_add(1, Ordering::Relaxed), Arc::clone(&serve));
                std::thread::spawn(move || serve(number, stream));
            }
        });
        Self { address, connections }
    }

    /// Its base URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

/// The URL of a server that stops listening after the readiness check.
#[must_use]
pub fn vanishing() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || drop(listener.accept()));
    url
}

/// Writes the same bytes repeatedly, as long as the client reads them.
pub fn repeat(stream: &mut TcpStream, unit: &[u8], bytes: usize) {
    let block = unit.repeat((1 << 18) / unit.len() + 1);
    let mut left = bytes;
    while left > 0 {
        let count = left.min(block.len() / unit.len() * unit.len());
        if stream.write_all(&block[..count]).is_err() {
            return;
        }
        left -= count;
    }
}

/// Reads a request with its body, and returns the head; `None` if the connection has ended.
#[must_use]
pub fn read_request(stream: &TcpStream) -> Option<String> {
    read_request_with_body(stream).map(|(head, _)| head)
}

/// Reads a request; `None` if the connection has ended.
#[must_use]
pub fn read_request_with_body(stream: &TcpStream) -> Option<(String, Vec<u8>)> {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    loop {
        let before = head.len();
        reader.read_line(&mut head).ok().filter(|count| *count > 0)?;
        if head[before..].trim().is_empty() {
            break;
        }
    }
    let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: ")?.trim().parse().ok())?;
    let mut body = Vec::new();
    reader.take(length).read_to_end(&mut body).ok()?;
    Some((head, body))
}

/// The head of a stream that ends with its connection.
pub const STREAM: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
/// The head of a body that ends with its connection.
pub const BODY: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n";
/// An event with text.
pub const TOKEN: &[u8] = b"data: {\"choices\":[{\"delta\":{\"content\":\"word \"}}]}\n\n";
/// The last event.
pub const DONE: &[u8] = b"data: [DONE]\n\n";
