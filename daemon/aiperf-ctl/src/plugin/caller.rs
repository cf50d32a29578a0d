//! Calls a plugin: one request, one answer, and a deadline for both.

use super::process::Printed;
use aiperfd_plugin::frame::Frame;
use aiperfd_plugin::message::{Answer, Log, Request};
use common::clock::MonoNs;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;
use store::visible_within;

/// The socket of a plugin.
pub(super) struct Caller {
    socket: UnixStream,
    next: u64,
    /// Where its notifications are noted.
    printed: Printed,
}

/// Why a call has no result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// It did not answer in time.
    Late(Duration),
    /// It has ended, and what it printed last.
    Gone(Option<String>),
    /// It answered with an error of its own.
    Failed(String),
    /// What it sent is no answer.
    NoAnswer(String),
}

impl fmt::Display for Trouble {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Late(time) => write!(out, "did not answer in {} s", time.as_secs_f64()),
            Self::Gone(Some(line)) => write!(out, "ended: {line}"),
            Self::Gone(None) => write!(out, "ended without a word"),
            Self::Failed(why) => write!(out, "failed: {why}"),
            Self::NoAnswer(why) => write!(out, "sent what is no answer: {why}"),
        }
    }
}

impl Trouble {
    /// Whether the plugin can still be called: it has answered.
    pub(super) const fn is_an_answer(&self) -> bool {
        matches!(self, Self::Failed(_))
    }
}

impl Caller {
    pub(super) fn new(socket: UnixStream, printed: Printed) -> Self {
        Self { socket, next: 1, printed }
    }

    /// Calls a method and waits for its answer. After any trouble but an answer's, the plugin must not be called again: what it
    /// sends next may answer this call.
    ///
    /// # Errors
    /// See [`Trouble`].
    pub(super) fn call<T: DeserializeOwned>(
        &mut self,
        method: &str,
        params: &impl Serialize,
        body: Vec<u8>,
        patience: Duration,
    ) -> Result<T, Trouble> {
        let invalid =
            |error: serde_json::Error| Trouble::NoAnswer(visible_within(&error.to_string(), TEXT_MAX));
        let id = self.next;
        self.next += 1;
        let params = serde_json::to_value(params).map_err(invalid)?;
        let request = Request { jsonrpc: "2.0".to_owned(), id, method: method.to_owned(), params };
        let message = serde_json::to_vec(&request).map_err(invalid)?;
        let mut timed = Timed { socket: &self.socket, begin: clock::mono(), patience };
        let sent = Frame { message, body }.write(&mut timed);
        sent.map_err(|error| self.trouble(&error, patience))?;
        let answer = self.answer(id, patience, timed)?;
        serde_json::from_value(answer).map_err(invalid)
    }

    fn answer(&self, id: u64, patience: Duration, mut timed: Timed<'_>) -> Result<Value, Trouble> {
        loop {
            let frame = Frame::read(&mut timed).map_err(|error| self.trouble(&error, patience))?;
            let Some(frame) = frame else { return Err(Trouble::Gone(self.printed.last_line())) };
            let answer = serde_json::from_slice::<Answer>(&frame.message);
            let answer =
                answer.map_err(|error| Trouble::NoAnswer(visible_within(&error.to_string(), TEXT_MAX)))?;
            match answer {
                Answer { id: None, method: Some(_), params, .. } => self.note(params),
                Answer { id: Some(of), error, result, .. } if of == id => {
                    return match error {
                        Some(error) => Err(Trouble::Failed(visible_within(&error.message, TEXT_MAX))),
                        None => Ok(result.unwrap_or_default()),
                    };
                }
                _ => return Err(Trouble::NoAnswer("it answers another call".to_owned())),
            }
        }
    }

    fn note(&self, params: Option<Value>) {
        if let Some(Ok(Log { level, text })) = params.map(serde_json::from_value) {
            self.printed.add(format!("{level}: {text}\n").as_bytes());
        }
    }

    fn trouble(&self, error: &io::Error, patience: Duration) -> Trouble {
        match error.kind() {
            ErrorKind::TimedOut | ErrorKind::WouldBlock => Trouble::Late(patience),
            ErrorKind::InvalidData | ErrorKind::InvalidInput => {
                Trouble::NoAnswer(visible_within(&error.to_string(), TEXT_MAX))
            }
            _ => Trouble::Gone(self.printed.last_line()),
        }
    }
}

/// A socket whose every operation ends when the time of the whole call is over.
struct Timed<'a> {
    socket: &'a UnixStream,
    begin: MonoNs,
    patience: Duration,
}

impl Timed<'_> {
    fn left(&self) -> io::Result<Duration> {
        let passed = Duration::from_secs_f64((clock::mono() - self.begin).as_seconds().max(0.0));
        let left = self.patience.saturating_sub(passed);
        if left.is_zero() { Err(ErrorKind::TimedOut.into()) } else { Ok(left) }
    }
}

impl Read for Timed<'_> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        self.socket.set_read_timeout(Some(self.left()?))?;
        let mut socket = self.socket;
        socket.read(to)
    }
}

impl Write for Timed<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.socket.set_write_timeout(Some(self.left()?))?;
        let mut socket = self.socket;
        socket.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Characters of a plugin's text in a message.
const TEXT_MAX: usize = 300;

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// What a call results in when the other side sends these bytes, if any, and then ends or not.
    fn called(sent: Option<&[u8]>, ends: bool) -> Result<Value, Trouble> {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        theirs.write_all(sent.unwrap_or_default()).unwrap();
        let kept = Some(theirs).filter(|_| !ends);
        let mut caller = Caller::new(ours, Printed::default());
        let result = caller.call("hello", &json!({}), Vec::new(), Duration::from_millis(50));
        drop(kept);
        result
    }

    fn framed(message: &str) -> Vec<u8> {
        let mut bytes = Vec::new();
        Frame { message: message.as_bytes().to_vec(), body: Vec::new() }.write(&mut bytes).unwrap();
        bytes
    }

    #[test]
    fn answers_and_what_is_none() {
        let says = |message: &str| called(Some(&framed(message)), false);
        assert_eq!(says(r#"{"jsonrpc": "2.0", "id": 1, "result": 7}"#), Ok(json!(7)));
        assert_eq!(says(r#"{"id": 1}"#), Ok(Value::Null), "nothing is a result");
        let failed = says(r#"{"id": 1, "error": {"code": 1, "message": "no \u001b file"}}"#).unwrap_err();
        assert_eq!(failed, Trouble::Failed("no \\u001b file".to_owned()));
        assert!(failed.is_an_answer());
        assert!(matches!(says(r#"{"id": 2, "result": 7}"#), Err(Trouble::NoAnswer(_))), "of another call");
        assert!(matches!(says("[1]"), Err(Trouble::NoAnswer(_))));
        assert!(matches!(called(Some(b"hello, world\n"), false), Err(Trouble::NoAnswer(_))), "no frame");
        assert_eq!(called(None, false), Err(Trouble::Late(Duration::from_millis(50))));
        assert_eq!(
            called(Some(&[9, 0]), false),
            Err(Trouble::Late(Duration::from_millis(50))),
            "half a frame"
        );
        assert_eq!(called(Some(&[9, 0]), true), Err(Trouble::Gone(None)));
    }

    #[test]
    fn notifications_come_before_an_answer() {
        let log = framed(r#"{"jsonrpc": "2.0", "method": "log", "params": {"level": "info", "text": "hi"}}"#);
        let both = [log, framed(r#"{"id": 1, "result": 7}"#)].concat();
        assert_eq!(called(Some(&both), false), Ok(json!(7)));
    }
}
