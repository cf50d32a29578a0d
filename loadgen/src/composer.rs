//! Makes requests ready before they are due, on a thread of its own: head, body, ids, in one piece of memory each.
//!
//! ```text
//! template ──copy, write ids──▶ ready ──▶ worker ──▶ kernel
//!     ▲                                     │
//!     └──────────── spent ◀─────────────────┘      the memory comes back, so the hot core allocates nothing
//! ```

use common::id::RequestId;
use rtrb::{Consumer, Producer, RingBuffer};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// A request that only has to be sent.
#[derive(Debug)]
pub struct Prepared {
    /// Head and body.
    pub bytes: Vec<u8>,
    /// Its place in the schedule.
    pub request: RequestId,
    /// The session that it belongs to.
    pub session: u64,
    /// Which payload it carries.
    pub entry: u32,
    /// The turn within the session, from 0.
    pub turn: u32,
    /// Which of the targets it goes to.
    pub target: u16,
}

/// The worker's ends of the two queues.
#[derive(Debug)]
pub struct PreparedQueue {
    /// Requests to send, in order.
    pub ready: Consumer<Prepared>,
    spent: Producer<Vec<u8>>,
}

/// The composer's ends of the two queues.
#[derive(Debug)]
pub struct Feed {
    ready: Producer<Prepared>,
    spent: Consumer<Vec<u8>>,
}

/// A request of one payload to one target, with places for the ids.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    bytes: Vec<u8>,
    request_id_at: usize,
    session_id_at: usize,
}

/// What a composer needs to make every request of one worker.
#[derive(Clone, Debug)]
pub struct Composition {
    /// A template for each payload and target: `templates[entry][target]`.
    pub templates: Arc<Vec<Vec<Template>>>,
    /// The number from which ids on the wire are made.
    pub run_number: u64,
    /// The worker's number.
    pub worker: u64,
    /// How many workers there are: the worker's requests are every `workers`-th.
    pub workers: u64,
}

impl PreparedQueue {
    /// Gives back the memory of a request that was sent.
    #[inline]
    pub fn give_back(&mut self, bytes: Vec<u8>) {
        if bytes.capacity() > 0 {
            // The queue has room for every request there can be; should it not, the memory is simply freed.
            self.spent.push(bytes).ok();
        }
    }
}

/// Both queues, for `depth` requests ready and at most `in_flight` being sent.
#[must_use]
pub fn queue(depth: usize, in_flight: usize) -> (Feed, PreparedQueue) {
    let (ready_in, ready_out) = RingBuffer::new(depth);
    let (spent_in, spent_out) = RingBuffer::new(depth + in_flight + 1);
    (Feed { ready: ready_in, spent: spent_out }, PreparedQueue { ready: ready_out, spent: spent_in })
}

impl Template {
    /// A `POST` of `body`. `fixed_headers` are whole lines without their line ends.
    #[must_use]
    pub fn post(path: &str, host: &str, fixed_headers: &[String], session_header: &str, body: &[u8]) -> Self {
        let mut head = format!("POST {path} HTTP/1.1\r\nHost: {host}\r\n");
        for header in fixed_headers {
            head.push_str(header);
            head.push_str("\r\n");
        }
        head.push_str("X-Request-ID: ");
        let request_id_at = head.len();
        head.push_str(&" ".repeat(ID_LENGTH));
        head.push_str("\r\n");
        head.push_str(session_header);
        head.push_str(": ");
        let session_id_at = head.len();
        head.push_str(&" ".repeat(ID_LENGTH));
        head.push_str("\r\nContent-Length: ");
        head.push_str(&body.len().to_string());
        head.push_str("\r\n\r\n");
        let mut bytes = head.into_bytes();
        bytes.extend_from_slice(body);
        Self { bytes, request_id_at, session_id_at }
    }

    /// Writes the request with its ids into `bytes`.
    fn fill(&self, bytes: &mut Vec<u8>, request_id: &[u8; ID_LENGTH], session_id: &[u8; ID_LENGTH]) {
        bytes.clear();
        bytes.extend_from_slice(&self.bytes);
        bytes[self.request_id_at..self.request_id_at + ID_LENGTH].copy_from_slice(request_id);
        bytes[self.session_id_at..self.session_id_at + ID_LENGTH].copy_from_slice(session_id);
    }
}

impl Composition {
    /// The worker's `index`-th request, in `bytes`.
    fn request(&self, index: u64, mut bytes: Vec<u8>) -> Prepared {
        let number = self.worker + index * self.workers;
        let entries = self.templates.len() as u64;
        let targets = self.templates[0].len() as u64;
        let entry = usize::try_from(number % entries).unwrap_or(0);
        let target = usize::try_from(number % targets).unwrap_or(0);
        let request = RequestId(number);
        self.templates[entry][target].fill(
            &mut bytes,
            &request.header(self.run_number),
            &request.session_header(self.run_number),
        );
        Prepared {
            bytes,
            request,
            session: number,
            entry: u32::try_from(entry).unwrap_or(u32::MAX),
            turn: 0,
            target: u16::try_from(target).unwrap_or(u16::MAX),
        }
    }
}

/// Keeps the queue full until the worker has gone or `over` is set.
pub fn run(composition: &Composition, mut queue: Feed, over: &AtomicBool) {
    let mut index = 0;
    while !queue.ready.is_abandoned() && !over.load(Ordering::Relaxed) {
        while !queue.ready.is_full() {
            let bytes = queue.spent.pop().unwrap_or_default();
            let prepared = composition.request(index, bytes);
            index += 1;
            if queue.ready.push(prepared).is_err() {
                return;
            }
        }
        std::thread::sleep(REFILL);
    }
}

/// Characters of an id on the wire.
const ID_LENGTH: usize = 36;
/// How long the composer sleeps when the queue is full.
const REFILL: Duration = Duration::from_millis(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_whole_and_carries_its_ids() {
        let template = Template::post(
            "/v1/chat/completions",
            "localhost:8000",
            &["Accept: text/event-stream".to_owned()],
            "X-Correlation-ID",
            b"{}",
        );
        let composition =
            Composition { templates: Arc::new(vec![vec![template]]), run_number: 9, worker: 1, workers: 2 };
        let prepared = composition.request(3, Vec::new());
        assert_eq!(prepared.request, RequestId(7), "every second request is this worker's");
        let id = String::from_utf8(RequestId(7).header(9).to_vec()).unwrap();
        let session = String::from_utf8(RequestId(7).session_header(9).to_vec()).unwrap();
        let expected = format!(
            "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost:8000\r\nAccept: text/event-stream\r\n\
             X-Request-ID: {id}\r\nX-Correlation-ID: {session}\r\nContent-Length: 2\r\n\r\n{{}}"
        );
        assert_eq!(String::from_utf8(prepared.bytes).unwrap(), expected, "the request on the wire");
    }

    #[test]
    fn memory_comes_back() {
        let template = Template::post("/", "h", &[], "S", b"body");
        let composition =
            Composition { templates: Arc::new(vec![vec![template]]), run_number: 1, worker: 0, workers: 1 };
        let (composer, mut worker) = queue(4, 1);
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| run(&composition, composer, &over));
            for number in 0..100 {
                let prepared = loop {
                    match worker.ready.pop() {
                        Ok(prepared) => break prepared,
                        Err(_) => std::thread::yield_now(),
                    }
                };
                assert_eq!(prepared.request, RequestId(number), "in order");
                worker.give_back(prepared.bytes);
            }
            over.store(true, Ordering::Relaxed);
        });
    }
}
