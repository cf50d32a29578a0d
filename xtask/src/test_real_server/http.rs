//! Asks a server on this machine for a document.

use anyhow::{Context, Result, bail};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// What is at a path. HTTP/1.0 spares us chunks.
pub(super) fn get(address: SocketAddr, path: &str) -> Result<String> {
    let asked = || -> std::io::Result<Vec<u8>> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        write!(stream, "GET {path} HTTP/1.0\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
        let mut reply = Vec::new();
        stream.read_to_end(&mut reply)?;
        Ok(reply)
    };
    let reply = asked().with_context(|| format!("failed to ask {address} for {path}"))?;
    body(&String::from_utf8_lossy(&reply)).with_context(|| format!("{path} of {address}")).map(str::to_owned)
}

/// The body of a good reply.
fn body(reply: &str) -> Result<&str> {
    let (head, body) = reply.split_once("\r\n\r\n").context("the reply has no end of its head")?;
    let status = head.split(' ').nth(1).unwrap_or_default();
    match status {
        "200" => Ok(body),
        other => bail!("HTTP status {other}"),
    }
}

const PATIENCE: Duration = Duration::from_secs(20);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_good_reply_has_a_body() {
        assert_eq!(body("HTTP/1.0 200 OK\r\na: b\r\n\r\nc\r\n\r\nd").unwrap(), "c\r\n\r\nd");
        assert!(body("HTTP/1.1 503 Service Unavailable\r\n\r\n").is_err(), "a refusal");
        assert!(body("HTTP/1.1 200 OK\r\n").is_err(), "half a head");
    }
}
