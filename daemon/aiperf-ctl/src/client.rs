//! The control API from the client's side: HTTP/1.1 over a unix socket, a connection for each call.

use crate::upload::Upload;
use anyhow::{Context, Result};
use bytes::Bytes;
use control::Problem;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::path::{Path, PathBuf};
use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;

/// A daemon that is reached by its socket.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    socket: PathBuf,
}

impl Client {
    /// The daemon behind this socket.
    pub(crate) fn new(socket: &Path) -> Self {
        Self { socket: socket.to_owned() }
    }

    /// Its socket.
    pub(crate) fn socket(&self) -> &Path {
        &self.socket
    }

    /// Asks for a value.
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        self.value(Method::GET, path, Upload::Bytes(Bytes::new())).await
    }

    /// Sends a value and gets one back.
    pub(crate) async fn post<T: DeserializeOwned>(&self, path: &str, value: &impl Serialize) -> Result<T> {
        self.value(Method::POST, path, Bytes::from(serde_json::to_vec(value)?).into()).await
    }

    /// Uploads something.
    pub(crate) async fn put(&self, path: &str, upload: Upload) -> Result<()> {
        self.call(Method::PUT, path, upload).await?;
        Ok(())
    }

    /// Removes something.
    pub(crate) async fn delete(&self, path: &str) -> Result<()> {
        self.call(Method::DELETE, path, Bytes::new().into()).await?;
        Ok(())
    }

    /// Downloads into a file, whole or not at all.
    pub(crate) async fn fetch(&self, path: &str, to: &Path) -> Result<()> {
        let mut body = self.call(Method::GET, path, Bytes::new().into()).await?.into_body();
        let mut name = to.as_os_str().to_owned();
        name.push(".tmp");
        let temporary = PathBuf::from(name);
        let written = async {
            let mut file = tokio::fs::File::create(&temporary).await?;
            while let Some(frame) = body.frame().await {
                if let Ok(data) = frame?.into_data() {
                    file.write_all(&data).await?;
                }
            }
            file.flush().await?;
            anyhow::Ok(())
        };
        written.await.with_context(|| format!("failed to write `{}`", to.display()))?;
        std::fs::rename(&temporary, to).with_context(|| format!("failed to write `{}`", to.display()))
    }

    /// Opens a stream of JSON lines.
    pub(crate) async fn lines(&self, path: &str) -> Result<Lines> {
        let response = self.call(Method::GET, path, Bytes::new().into()).await?;
        Ok(Lines { body: response.into_body(), heard: Vec::new() })
    }

    async fn value<T: DeserializeOwned>(&self, method: Method, path: &str, body: Upload) -> Result<T> {
        let response = self.call(method, path, body).await?;
        let bytes = response.into_body().collect().await.context("the daemon hung up")?.to_bytes();
        serde_json::from_slice(&bytes).context("the daemon's answer is not what this version expects")
    }

    async fn call(&self, method: Method, path: &str, upload: Upload) -> Result<Response<Incoming>> {
        let stream = UnixStream::connect(&self.socket)
            .await
            .with_context(|| format!("failed to reach the daemon at `{}`", self.socket.display()))?;
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.context("failed to greet the daemon")?;
        tokio::spawn(connection);
        let body = upload.body().context("failed to read what is uploaded")?;
        let request = Request::builder().method(method).uri(path).header("host", "aiperfd").body(body)?;
        let response = sender.send_request(request).await.context("the daemon hung up")?;
        if response.status().is_success() {
            return Ok(response);
        }
        let bytes = response.into_body().collect().await.context("the daemon hung up")?.to_bytes();
        let problem: Problem =
            serde_json::from_slice(&bytes).context("the daemon refused without a reason")?;
        Err(problem.into())
    }
}

/// A stream of JSON lines.
#[derive(Debug)]
pub(crate) struct Lines {
    body: Incoming,
    heard: Vec<u8>,
}

impl Lines {
    /// The next line, `None` when the stream has ended.
    pub(crate) async fn next<T: DeserializeOwned>(&mut self) -> Result<Option<T>> {
        loop {
            if let Some(end) = self.heard.iter().position(|byte| *byte == b'\n') {
                let line = self.heard.drain(..=end).collect::<Vec<_>>();
                return Ok(Some(serde_json::from_slice(&line)?));
            }
            match self.body.frame().await {
                None => return Ok(None),
                Some(frame) => {
                    if let Ok(data) = frame.context("the daemon hung up")?.into_data() {
                        self.heard.extend_from_slice(&data);
                    }
                }
            }
        }
    }
}
