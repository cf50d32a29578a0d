//! HOT: connections, from their opening to their end. Budget: docs/BUDGET.md, "sending on time".

use super::connection::{Active, State};
use super::event_loop::Worker;
use super::response::outcome_of;
use crate::ring::socket;
use crate::wire::http::AtEnd;
use crate::wire::tls::Tls;
use common::client_event::{Opened, Outcome};
use common::clock::MonoNs;
use common::id::SocketCookie;
use common::ring::Counter;
use std::io;
use std::os::fd::AsFd;

impl Worker {
    /// Opens a connection for a request.
    #[cold]
    #[inline(never)]
    pub(super) fn open(&mut self, active: Active) {
        let now = clock::mono();
        let Some(place) = self.pool.take_free() else {
            self.evict(now);
            self.pool.strand(active);
            return;
        };
        let (request, target) = (active.prepared.request.0, active.prepared.target);
        let (cookie, tls) = match self.connection_to(place, target) {
            Ok(made) => made,
            Err((outcome, errno)) => {
                self.pool.give_back(place);
                self.back_off(target, now);
                self.fail_unsent(active, outcome, now, errno);
                return;
            }
        };
        let connection = self.pool.open(place, active, cookie, tls, now);
        self.memory.forget_held(connection);
        self.pacer.deadlines().start(now, place, request);
        self.ring.connect(place, &self.pool.target(target).address);
    }

    /// Makes a socket for a target at a place, and TLS if the target requires it; the error is how its request ends.
    fn connection_to(&mut self, place: u32, target: u16) -> Result<Made, (Outcome, u32)> {
        let target = self.pool.target(target);
        let tls = target.tls.as_ref().map(|(config, name)| Tls::new(config, name).map(Box::new)).transpose();
        let Ok(tls) = tls else { return Err((Outcome::TlsFailed, 0)) };
        let unconnected = |error: io::Error| (Outcome::ConnectFailed, errno(&error));
        let socket = socket::open(&target.address).map_err(unconnected)?;
        let cookie = socket::cookie(socket.as_fd()).map_err(unconnected)?;
        self.ring.install(place, socket).map_err(unconnected)?;
        Ok((cookie, tls))
    }

    /// Opens connections for requests that wait for places, as far as there are any.
    #[cold]
    #[inline(never)]
    pub(super) fn land(&mut self, now: MonoNs) {
        while self.pool.has_free()
            && let Some(active) = self.pool.pop_stranded()
        {
            self.open(active);
        }
        if self.pool.has_stranded() {
            self.evict(now);
        }
    }

    /// Closes an idle connection, to make room, unless one is being closed: its place is free when its receive has ended.
    #[cold]
    fn evict(&mut self, now: MonoNs) {
        if let Some(place) = self.pool.evict() {
            self.close(place, now);
        }
    }

    #[cold]
    #[inline(never)]
    pub(super) fn connected(&mut self, place: u32, error: u32) {
        let now = clock::mono();
        if self.pool.at(place).state != State::Connecting {
            return self.settle(place);
        }
        if error != 0 {
            return self.failed(place, Outcome::ConnectFailed, error);
        }
        let socket = self.ring.socket(place).map(AsFd::as_fd);
        let local_port = socket.map_or(0, socket::local_port);
        if self.stamper.is_on()
            && let Some(Err(error)) = socket.map(socket::enable_stamps)
        {
            return self.failed(place, Outcome::ConnectFailed, errno(&error));
        }
        let connection = self.pool.at(place);
        let opened = Opened {
            cookie: connection.cookie,
            connect_begun: connection.connect_begun,
            local_port: u32::from(local_port),
            remote_port: u32::from(self.pool.target(connection.target).address.port()),
        };
        self.reporter.opened(connection.id, now, &opened);
        self.ring.receive(place);
        let connection = self.pool.at_mut(place);
        if connection.tls.is_some() {
            connection.state = State::Securing;
            self.shake_hands(place);
        } else {
            self.start_on(place);
        }
    }

    /// A connection is ready for the request that waits for it.
    #[cold]
    #[inline(never)]
    pub(super) fn start_on(&mut self, place: u32) {
        if self.pool.active(place).is_some_and(Active::is_job_started) {
            self.go_on_with_job(place);
        } else {
            self.send(place);
        }
    }

    /// The server ended the connection, or it broke.
    #[cold]
    #[inline(never)]
    pub(super) fn receive_ended(&mut self, place: u32, error: u32) {
        let now = clock::mono();
        if self.pool.at(place).state == State::Waiting {
            return self.job_left(place);
        }
        if self.sent_again(place) {
            return;
        }
        let connection = self.pool.at_mut(place);
        if connection.state == State::Busy
            && let Some(active) = connection.active.as_ref()
        {
            if active.job.is_some() {
                return self.job_broke_off(place, error, now);
            }
            let mut sink = self.reporter.sink(active.prepared.request, now);
            let outcome = match (error, connection.responses.finish(&mut sink)) {
                (0, AtEnd::Complete) => outcome_of(active.status),
                (0, AtEnd::Truncated) => Outcome::Truncated,
                (0, AtEnd::NotStarted) => Outcome::ClosedEarly,
                _ => Outcome::Reset,
            };
            return self.failed(place, outcome, error);
        }
        if connection.state == State::Securing {
            return self.failed(place, Outcome::TlsFailed, error);
        }
        self.close(place, now);
        self.settle(place);
    }

    /// What was handed to the kernel could not be sent.
    #[cold]
    #[inline(never)]
    pub(super) fn send_failed(&mut self, place: u32, error: u32) {
        if self.sent_again(place) {
            return;
        }
        if self.pool.active(place).is_some_and(Active::is_job_started) {
            return self.receive_ended(place, error);
        }
        self.failed(place, Outcome::SendFailed, error);
    }

    /// Ends a connection; its place is free once nothing is in flight on it.
    #[cold]
    #[inline(never)]
    pub(super) fn close(&mut self, place: u32, now: MonoNs) {
        let was_open = self.pool.at(place).state != State::Connecting;
        if !self.pool.close(place) {
            return;
        }
        let connection = self.pool.at_mut(place);
        self.memory.count_held(connection);
        if was_open {
            self.reporter.closed(connection.id, now);
        }
        self.ring.uninstall(place);
        self.settle(place);
    }

    /// Frees the place of a closed connection when its last operation has completed.
    #[inline]
    pub(super) fn settle(&mut self, place: u32) {
        self.pool.settle(place, self.ring.in_flight(place));
    }

    #[cold]
    #[inline(never)]
    pub(super) fn rearm(&mut self, place: u32) {
        if matches!(self.pool.at(place).state, State::Idle | State::Busy | State::Waiting | State::Securing) {
            self.reporter.counters().count(Counter::BuffersExhausted, 1);
            self.ring.receive(place);
        } else {
            self.settle(place);
        }
    }
}

/// What a connection is made of, besides its place.
type Made = (SocketCookie, Option<Box<Tls>>);

fn errno(error: &io::Error) -> u32 {
    error.raw_os_error().map_or(0, i32::unsigned_abs)
}
