//! Reads stored requests and events for an analysis: one thread reads and decodes, the caller's computes.
//!
//! Events are read as far as the requests read so far need them, so that little of either is buffered.

use crate::error::StoreError;
use crate::parquet::{Events, events, rows};
use record::{Event, Request};
use std::path::PathBuf;
use std::sync::mpsc::{SyncSender, sync_channel};

/// Passes on the requests of these files and all events, each in order.
///
/// # Errors
/// When a file cannot be read; what precedes the failure has been passed on.
///
/// # Panics
/// Never: reading does not panic.
pub fn feed(requests: &[PathBuf], tokens: &[PathBuf], mut take: impl FnMut(Batch)) -> Result<(), StoreError> {
    std::thread::scope(|scope| {
        let (to, from) = sync_channel(QUEUE);
        let reader = scope.spawn(move || read(requests, tokens, &to));
        from.into_iter().for_each(&mut take);
        reader.join().expect("reading does not panic")
    })
}

/// A batch of rows.
#[derive(Clone, Debug)]
pub enum Batch {
    /// Requests.
    Requests(Vec<Request>),
    /// Events, of these requests or of later ones.
    Events(Vec<Event>),
}

fn read(requests: &[PathBuf], tokens: &[PathBuf], to: &SyncSender<Batch>) -> Result<(), StoreError> {
    let mut events = Ahead { files: tokens.iter(), open: None, read: 0 };
    let (mut wanted, mut all) = (0, 0);
    for path in requests {
        for batch in rows::<Request>(path)? {
            let batch = batch?;
            all += batch.len();
            if all > REQUESTS_MAX {
                let why = format!("it has more than {REQUESTS_MAX} requests");
                return Err(StoreError::Unreadable { path: path.clone(), why });
            }
            wanted += batch.iter().map(|request| u64::from(request.events)).sum::<u64>();
            to.send(Batch::Requests(batch)).ok();
            while events.read < wanted
                && let Some(batch) = events.next()?
            {
                to.send(Batch::Events(batch)).ok();
            }
        }
    }
    while let Some(batch) = events.next()? {
        to.send(Batch::Events(batch)).ok();
    }
    Ok(())
}

/// The events of several files, and the number read so far.
struct Ahead<'a> {
    files: std::slice::Iter<'a, PathBuf>,
    open: Option<Events>,
    read: u64,
}

impl Ahead<'_> {
    fn next(&mut self) -> Result<Option<Vec<Event>>, StoreError> {
        loop {
            if let Some(batch) = self.open.as_mut().and_then(Iterator::next) {
                let batch = batch?;
                self.read += batch.len() as u64;
                return Ok(Some(batch));
            }
            match self.files.next() {
                Some(path) => self.open = Some(events(path)?),
                None => return Ok(None),
            }
        }
    }
}

/// Maximum number of requests, whose metrics are all in memory. A foreign file can claim any number of equal ones in no bytes.
const REQUESTS_MAX: usize = 100_000_000;
/// Queued batches: few, because a batch of requests takes megabytes.
const QUEUE: usize = 2;
