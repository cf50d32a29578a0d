//! HOT: connections that are encrypted. Budget: docs/BUDGET.md, "TLS".

use super::connection::State;
use super::event_loop::Worker;
use super::response::Reading;
use crate::ring::uring::Buffer;
use common::client_event::Outcome;
use common::clock::MonoNs;

impl Worker {
    /// Continues the handshake; when it is done, sends the request that waits for it.
    #[cold]
    #[inline(never)]
    pub(super) fn shake_hands(&mut self, place: u32) {
        if self.ring.is_sending(place) {
            // Called again when that is sent.
            return;
        }
        let connection = self.pool.at_mut(place);
        let Some(tls) = connection.tls.as_mut() else { return };
        if tls.is_ready() {
            return self.start_on(place);
        }
        let bytes = tls.outgoing();
        if !bytes.is_empty() {
            connection.sent_offset += bytes.len() as u64;
            self.ring.send(place, bytes);
        }
    }

    /// Bytes of an encrypted connection arrived.
    #[inline(never)]
    pub(super) fn received_sealed(&mut self, place: u32, buffer: &Buffer, reaped: MonoNs) {
        let mut taken = 0;
        loop {
            let connection = self.pool.at_mut(place);
            let Some(tls) = connection.tls.as_mut().filter(|_| connection.state != State::Closing) else {
                return;
            };
            let bytes = &self.ring.bytes(buffer)[taken..];
            let mut rest = bytes;
            match tls.take_record(&mut rest) {
                Ok(true) => taken += bytes.len() - rest.len(),
                Ok(false) => break,
                Err(_broken) => return self.failed(place, Outcome::TlsFailed, 0),
            }
            let end = tls.received();
            let plaintext = tls.plaintext();
            if !plaintext.is_empty() {
                let mut reading = Reading {
                    reporter: &mut self.reporter,
                    pacer: &mut self.pacer,
                    memory: &mut self.memory,
                    reaped,
                    end: Some(end),
                };
                let outcome = reading.feed(connection, &plaintext);
                if let Some(tls) = connection.tls.as_mut() {
                    tls.give_back(plaintext);
                }
                self.progressed(place, outcome, reaped);
            }
        }
        if self.pool.at(place).state == State::Securing {
            self.shake_hands(place);
        }
    }
}
