//! Fills pages by server-sent events (WHATWG HTML, 9.2): each page its own stream, of the parts that have changed since its last event.

use super::{Answer, of_type, plain};
use bytes::Bytes;
use http_body_util::{BodyExt, StreamBody};
use hyper::StatusCode;
use hyper::body::Frame;
use serde_json::{Map, Value};
use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;

/// The parts of a page by name, as HTML.
type Parts = Vec<(&'static str, String)>;

/// What fills pages, until it is over.
pub(crate) struct Events {
    parts: Box<dyn Fn() -> Parts + Send + Sync>,
    is_over: watch::Receiver<bool>,
    /// How often a page is filled.
    every: Duration,
    /// Streams that are open.
    open: AtomicUsize,
}

impl Events {
    /// Fills pages with these parts.
    pub(crate) fn new(
        is_over: watch::Receiver<bool>,
        parts: impl Fn() -> Parts + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self { parts: Box::new(parts), is_over, every: EVERY, open: AtomicUsize::new(0) })
    }

    /// A stream for a page.
    pub(crate) fn answer(self: &Arc<Self>) -> Answer {
        if self.open.load(Ordering::Relaxed) >= STREAMS_MAX {
            return plain(StatusCode::SERVICE_UNAVAILABLE, "too many pages are open");
        }
        let open = Open::count(self);
        // One event waits; the next has everything that is newer.
        let (sender, receiver) = mpsc::channel(1);
        tokio::spawn(open.fill(sender));
        let mut answer = of_type("text/event-stream", Bytes::new());
        *answer.body_mut() = StreamBody::new(ReceiverStream::new(receiver)).boxed_unsync();
        answer
    }

    /// Waits until no stream is open.
    pub(crate) async fn all_closed(&self) {
        while self.open.load(Ordering::Relaxed) > 0 {
            tokio::time::sleep(LOOK).await;
        }
    }
}

/// A stream that is counted while it is open.
struct Open(Arc<Events>);

impl Open {
    fn count(events: &Arc<Events>) -> Self {
        events.open.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(events))
    }

    /// Sends what has changed once a second, until it is over or the page is gone.
    async fn fill(self, sender: mpsc::Sender<Result<Frame<Bytes>, Infallible>>) {
        let mut is_over = self.0.is_over.clone();
        let (mut sent, mut missed) = (HashMap::new(), 0_u64);
        loop {
            let is_last = *is_over.borrow();
            // A page that has not read the event before misses this one.
            if is_last || sender.capacity() > 0 {
                let changed = changes((self.0.parts)(), &mut sent, missed);
                let event = if is_last { "event: end\n" } else { "" };
                let text = format!("{event}data: {}\n\n", Value::Object(changed));
                if sender.send(Ok(Frame::data(Bytes::from(text)))).await.is_err() || is_last {
                    return;
                }
            } else {
                missed += 1;
            }
            tokio::select! {
                () = tokio::time::sleep(self.0.every) => {}
                ended = is_over.wait_for(|is_over| *is_over) => {
                    if ended.is_err() {
                        return;
                    }
                }
                () = sender.closed() => return,
            }
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The parts that have changed since they were sent, and how many events the page has missed.
fn changes(parts: Parts, sent: &mut HashMap<&'static str, String>, missed: u64) -> Map<String, Value> {
    let text = match missed {
        0 => String::new(),
        missed => format!("This page was too slow for {missed} updates."),
    };
    let mut changed = Map::new();
    for (name, html) in parts.into_iter().chain([(MISSED, text)]) {
        if sent.get(name) != Some(&html) {
            changed.insert(name.to_owned(), Value::String(html.clone()));
            sent.insert(name, html);
        }
    }
    changed
}

/// The part that says how many events a page has missed.
const MISSED: &str = "missed";
/// How often a page is filled.
const EVERY: Duration = Duration::from_secs(1);
/// Pages that are filled at once.
const STREAMS_MAX: usize = 16;
const LOOK: Duration = Duration::from_millis(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_has_changed_is_sent() {
        let mut sent = HashMap::new();
        let parts = |second: &str| vec![("a", "one".to_owned()), ("b", second.to_owned())];
        let names = |changed: &Map<String, Value>| changed.keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(&changes(parts("two"), &mut sent, 0)), ["a", "b", "missed"], "all at first");
        assert_eq!(names(&changes(parts("three"), &mut sent, 0)), ["b"]);
        assert!(changes(parts("three"), &mut sent, 0).is_empty());
        let late = changes(parts("three"), &mut sent, 2);
        assert_eq!(late["missed"], "This page was too slow for 2 updates.");
    }

    #[tokio::test]
    async fn a_page_that_does_not_read_misses_events_and_holds_up_nothing() {
        let (over, is_over) = watch::channel(false);
        let made = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&made);
        let parts = move || {
            let number = counted.fetch_add(1, Ordering::Relaxed);
            vec![("a", number.to_string())]
        };
        let every = Duration::from_millis(1);
        let events = Arc::new(Events { parts: Box::new(parts), is_over, every, open: AtomicUsize::new(0) });
        let answer = events.answer();
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!(events.open.load(Ordering::Relaxed), 1, "it is still open");
        over.send_replace(true);
        let all = answer.into_body().collect().await.unwrap().to_bytes();
        let text = String::from_utf8_lossy(&all);
        assert_eq!(text.matches("data: ").count(), 2, "what waited, and the last: {text}");
        assert_eq!(made.load(Ordering::Relaxed), 2, "nothing is made for a page that does not read");
        assert!(text.contains("event: end") && text.contains("too slow for"), "what it missed is counted");
        events.all_closed().await;
    }

    #[tokio::test]
    async fn streams_are_bounded_in_number() {
        let (_over, is_over) = watch::channel(false);
        let events = Events::new(is_over, Vec::new);
        let open = (0..STREAMS_MAX).map(|_| events.answer()).collect::<Vec<_>>();
        assert_eq!(events.answer().status(), StatusCode::SERVICE_UNAVAILABLE);
        drop(open);
        events.all_closed().await;
        assert_eq!(events.answer().status(), StatusCode::OK);
    }
}
