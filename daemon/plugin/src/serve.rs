//! A plugin's side: answers calls on descriptor 0 until its end of file.

use crate::PROTOCOL;
use crate::frame::Frame;
use crate::message::{
    Answer, FAILED, Greeting, Hello, INVALID_PARAMS, NO_SUCH_METHOD, OfHandle, Offered, Open, Opened,
    Request, RpcError,
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{self, BufReader};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

/// A component that a plugin offers.
#[derive(Clone, Copy)]
pub struct Offer {
    /// Its kind: `stream_exporter`.
    pub kind: &'static str,
    /// Its name.
    pub name: &'static str,
    /// One line.
    pub description: &'static str,
    /// Makes one as the user configures it; [`Opened::handle`] is set by [`serve`].
    pub open: fn(&Open) -> Result<Made, Failure>,
}

/// What [`Offer::open`] gives: what is answered, and what serves the calls.
pub type Made = (Opened, Box<dyn Component>);

/// A component that was opened.
pub trait Component {
    /// Answers a method of its kind, without the kind's name: `rows`, with the parameters and the body of the call.
    ///
    /// # Errors
    /// What the user is shown.
    fn call(&mut self, method: &str, params: Value, body: &[u8]) -> Result<Value, Failure>;
}

/// Why a call has no result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The component has no such method.
    #[error("there is no method `{0}`")]
    NoSuchMethod(String),
    /// The parameters are not those of the method.
    #[error("invalid parameters: {0}")]
    Invalid(String),
    /// It failed; the text is for the user.
    #[error("{0}")]
    Failed(String),
}

impl From<Failure> for RpcError {
    fn from(failure: Failure) -> Self {
        let code = match failure {
            Failure::NoSuchMethod(_) => NO_SUCH_METHOD,
            Failure::Invalid(_) => INVALID_PARAMS,
            Failure::Failed(_) => FAILED,
        };
        Self { code, message: failure.to_string(), data: None }
    }
}

/// Serves components on descriptor 0 until its end of file.
///
/// # Errors
/// When descriptor 0 is no socket, or what comes from it is no frame.
pub fn serve(name: &str, version: &str, offers: &[Offer]) -> io::Result<()> {
    let socket = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    let mut calls = BufReader::new(socket.try_clone()?);
    let mut answers = socket;
    let mut served = Served { name, version, offers, opened: BTreeMap::new(), next: 1 };
    while let Some(frame) = Frame::read(&mut calls)? {
        let request = serde_json::from_slice::<Request>(&frame.message).map_err(io::Error::other)?;
        let (result, error) = match served.answer(&request.method, request.params, &frame.body) {
            Ok(result) => (Some(result), None),
            Err(failure) => (None, Some(failure.into())),
        };
        let answer =
            Answer { jsonrpc: "2.0".to_owned(), id: Some(request.id), result, error, ..Answer::default() };
        let message = serde_json::to_vec(&answer)?;
        Frame { message, body: Vec::new() }.write(&mut answers)?;
    }
    Ok(())
}

/// What is served.
struct Served<'a> {
    name: &'a str,
    version: &'a str,
    offers: &'a [Offer],
    /// By handle, with its kind.
    opened: BTreeMap<u64, (&'static str, Box<dyn Component>)>,
    next: u64,
}

impl Served<'_> {
    fn answer(&mut self, method: &str, params: Value, body: &[u8]) -> Result<Value, Failure> {
        match method {
            "hello" => self.hello(&parsed(params)?),
            "open" => self.open(&parsed(params)?),
            "close" => {
                self.opened.remove(&parsed::<OfHandle>(params)?.handle);
                Ok(Value::Null)
            }
            _ => {
                let handle = parsed::<OfHandle>(params.clone())?.handle;
                let no_such = || Failure::NoSuchMethod(method.to_owned());
                let (kind, verb) = method.split_once('.').ok_or_else(no_such)?;
                let opened = self.opened.get_mut(&handle).filter(|(of, _)| *of == kind);
                let (_, component) = opened.ok_or_else(no_such)?;
                component.call(verb, params, body)
            }
        }
    }

    fn hello(&self, hello: &Hello) -> Result<Value, Failure> {
        let protocol = hello.protocol.min(PROTOCOL);
        if protocol == 0 {
            return Err(Failure::Invalid("protocol 0 is none".to_owned()));
        }
        let offered = |offer: &Offer| Offered {
            kind: offer.kind.to_owned(),
            name: offer.name.to_owned(),
            description: offer.description.to_owned(),
        };
        let components = self.offers.iter().map(offered).collect();
        let (name, version) = (self.name.to_owned(), self.version.to_owned());
        Ok(json!(Greeting { protocol, name, version, components }))
    }

    fn open(&mut self, open: &Open) -> Result<Value, Failure> {
        let offer = self.offers.iter().find(|offer| offer.kind == open.kind && offer.name == open.name);
        let Some(offer) = offer else {
            return Err(Failure::Invalid(format!("there is no {} `{}`", open.kind, open.name)));
        };
        let (opened, component) = (offer.open)(open)?;
        let handle = self.next;
        self.next += 1;
        self.opened.insert(handle, (offer.kind, component));
        Ok(json!(Opened { handle, ..opened }))
    }
}

fn parsed<T: DeserializeOwned>(params: Value) -> Result<T, Failure> {
    serde_json::from_value(params).map_err(|error| Failure::Invalid(error.to_string()))
}
