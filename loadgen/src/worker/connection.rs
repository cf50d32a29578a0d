//! HOT: a connection and the request that it carries. Budget: docs/BUDGET.md, "memory".

use super::job::Job;
use crate::composer::{Next, Prepared, Response};
use crate::wire::http::Responses;
use crate::wire::tls::Tls;
use common::clock::MonoNs;
use common::id::{ConnectionId, SocketCookie};

pub(super) struct Connection {
    pub(super) state: State,
    pub(super) responses: Responses,
    pub(super) id: ConnectionId,
    pub(super) cookie: SocketCookie,
    pub(super) target: u16,
    pub(super) sent_offset: u64,
    /// Where the last request starts in the sent stream.
    pub(super) request_begin: u64,
    pub(super) uses: u32,
    pub(super) opened: u32,
    pub(super) connect_begun: MonoNs,
    pub(super) active: Option<Active>,
    pub(super) tls: Option<Box<Tls>>,
    /// Memory that it holds of what is not whole, as counted over all connections.
    pub(super) partial: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Absent,
    Connecting,
    /// Shaking hands: the request waits.
    Securing,
    Idle,
    Busy,
    /// Its request is a job that is to be polled.
    Waiting,
    Closing,
}

/// The request that a connection carries.
pub(super) struct Active {
    pub(super) prepared: Prepared,
    pub(super) due: MonoNs,
    pub(super) submitted: MonoNs,
    pub(super) response_begin: u64,
    pub(super) status: u16,
    pub(super) reads: u32,
    pub(super) phase: u32,
    /// Of a response that is malformed, what is: its number.
    pub(super) malformed: u32,
    /// Whether it waits for its first token, and others for that.
    pub(super) is_prefilling: bool,
    /// Comments of its response, which have no record.
    pub(super) comments: u32,
    /// Whether it was sent before, on a connection that the server ended at that moment.
    pub(super) is_retried: bool,
    /// The response, if its session has further turns.
    pub(super) response: Option<Response>,
    /// Of a job, its last answer.
    pub(super) job: Option<Box<Job>>,
}

impl Connection {
    /// Bytes received, on the wire.
    #[inline]
    pub(super) fn received_offset(&self) -> u64 {
        self.tls.as_ref().map_or_else(|| self.responses.offset(), |tls| tls.offset())
    }

    pub(super) fn absent() -> Self {
        Self {
            state: State::Absent,
            responses: Responses::new(),
            id: ConnectionId(0),
            cookie: SocketCookie(0),
            target: 0,
            sent_offset: 0,
            request_begin: 0,
            uses: 0,
            opened: 0,
            connect_begun: MonoNs(0),
            active: None,
            tls: None,
            partial: 0,
        }
    }

    /// Bytes of a request are sent, `before` bytes from here: its response is awaited.
    #[inline]
    pub(super) fn expect(&mut self, before: u64, bytes: &[u8]) {
        self.request_begin = self.sent_offset + before;
        self.sent_offset += bytes.len() as u64;
        self.responses.expect();
        self.state = State::Busy;
    }

    /// Memory that it holds of what is not whole.
    #[inline]
    pub(super) fn held(&self) -> usize {
        self.responses.held() + self.tls.as_ref().map_or(0, |tls| tls.held())
    }
}

impl Active {
    /// Whether its session sends further turns.
    pub(super) const fn goes_on(&self) -> bool {
        !matches!(self.prepared.next, Next::Over | Next::Tree)
    }

    /// Whether it is a job to which the server has responded.
    pub(super) fn is_job_started(&self) -> bool {
        self.job.as_ref().is_some_and(|job| job.has_started())
    }

    /// Bytes of the response that it holds: for its session's next turn, or of a job.
    #[inline]
    pub(super) fn kept(&self) -> u64 {
        let response = self.response.as_ref().map_or(0, |response| response.bytes.len());
        (response + self.job.as_ref().map_or(0, |job| job.held())) as u64
    }

    pub(super) const fn new(prepared: Prepared, due: MonoNs, phase: u32) -> Self {
        Self {
            prepared,
            due,
            submitted: MonoNs(0),
            response_begin: 0,
            status: 0,
            reads: 0,
            phase,
            is_prefilling: false,
            comments: 0,
            malformed: 0,
            is_retried: false,
            response: None,
            job: None,
        }
    }
}
