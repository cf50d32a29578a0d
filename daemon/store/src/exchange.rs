//! The requests of a run one by one, each with its events: in memory, or read from the stored tables side by side.

use crate::error::StoreError;
use crate::parquet::rows;
use record::{Request, Response, Row, Token};
use std::collections::{HashMap, VecDeque};
use std::path::{Path, PathBuf};

/// One request with its events and, of a raw run, their bytes.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// The request.
    pub request: Request,
    /// Its events.
    pub tokens: Vec<Token>,
    /// The bytes of its response's head and events: the head first, then by index.
    pub responses: Vec<Response>,
    /// The fields of another tool that produced the request.
    pub foreign: Option<ForeignRequest>,
}

impl Exchange {
    /// The bytes of an event, if they were stored.
    #[must_use]
    pub fn response(&self, token: &Token) -> Option<&Response> {
        let place = self.responses.binary_search_by_key(&Some(token.index), |response| response.index);
        place.ok().and_then(|place| self.responses.get(place))
    }
}

/// Another tool's fields of a request, each the text of a JSON object.
#[derive(Clone, Debug)]
pub struct ForeignRequest {
    /// Identity and times.
    pub metadata: String,
    /// The error, if it failed.
    pub error: Option<String>,
}

/// A source of requests that can be read repeatedly.
pub trait Exchanges {
    /// All requests from the first to the last.
    ///
    /// # Errors
    /// When they cannot be opened; later failures are items of the iterator.
    fn iter(&self) -> Result<ExchangeIter<'_>, StoreError>;

    /// The same without events and responses.
    ///
    /// # Errors
    /// As for [`Self::iter`].
    fn requests(&self) -> Result<RequestIter<'_>, StoreError> {
        Ok(Box::new(self.iter()?.map(|exchange| Ok(exchange?.request))))
    }
}

/// Iterates over requests alone.
pub type RequestIter<'a> = Box<dyn Iterator<Item = Result<Request, StoreError>> + 'a>;

/// Iterates over requests.
pub type ExchangeIter<'a> = Box<dyn Iterator<Item = Result<Exchange, StoreError>> + 'a>;

impl Exchanges for [Exchange] {
    fn iter(&self) -> Result<ExchangeIter<'_>, StoreError> {
        Ok(Box::new(<[Exchange]>::iter(self).cloned().map(Ok)))
    }
}

impl Exchanges for Vec<Exchange> {
    fn iter(&self) -> Result<ExchangeIter<'_>, StoreError> {
        Exchanges::iter(self.as_slice())
    }
}

/// Requests stored in Parquet files.
#[derive(Clone, Debug)]
pub struct Stored {
    /// `requests.parquet`, or its parts in order.
    pub requests: Vec<PathBuf>,
    /// `tokens.parquet`, or its parts in order.
    pub tokens: Vec<PathBuf>,
    /// `responses.parquet`, or its parts in order; empty unless the run was raw.
    pub responses: Vec<PathBuf>,
}

impl Exchanges for Stored {
    fn iter(&self) -> Result<ExchangeIter<'_>, StoreError> {
        let mut tokens = Grouped::new(&self.tokens, |token: &Token| token.request_id.0);
        let mut responses = Grouped::new(&self.responses, |response: &Response| response.request_id.0);
        let requests = self.requests.iter().flat_map(|path| batches::<Request>(path));
        Ok(Box::new(requests.map(move |request| {
            let request = request?;
            let id = request.request_id.0;
            let tokens = if request.events > 0 { tokens.take(id)? } else { Vec::new() };
            Ok(Exchange { tokens, responses: responses.take(id)?, request, foreign: None })
        })))
    }

    fn requests(&self) -> Result<RequestIter<'_>, StoreError> {
        Ok(Box::new(self.requests.iter().flat_map(|path| batches::<Request>(path))))
    }
}

type RowIter<'a, R> = Box<dyn Iterator<Item = Result<R, StoreError>> + 'a>;

fn batches<R: Row + 'static>(path: &Path) -> RowIter<'_, R> {
    match rows::<R>(path) {
        Ok(rows) => Box::new(rows.flat_map(|batch| -> RowIter<'static, R> {
            match batch {
                Ok(rows) => Box::new(rows.into_iter().map(Ok)),
                Err(error) => Box::new(std::iter::once(Err(error))),
            }
        })),
        Err(error) => Box::new(std::iter::once(Err(error))),
    }
}

/// Rows grouped by request. Groups are stored in about the order in which they are requested; those read too early are
/// buffered.
struct Grouped<'a, R> {
    rows: RowIter<'a, R>,
    request: fn(&R) -> u64,
    next: Option<R>,
    early: HashMap<u64, Vec<R>>,
    order: VecDeque<u64>,
}

impl<'a, R: Row + 'static> Grouped<'a, R> {
    fn new(paths: &'a [PathBuf], request: fn(&R) -> u64) -> Self {
        let rows = Box::new(paths.iter().flat_map(|path| batches::<R>(path)));
        Self { rows, request, next: None, early: HashMap::new(), order: VecDeque::new() }
    }

    /// The rows of a request; empty if there are none nearby.
    fn take(&mut self, id: u64) -> Result<Vec<R>, StoreError> {
        if let Some(rows) = self.early.remove(&id) {
            return Ok(rows);
        }
        for _ in 0..GROUPS_AHEAD {
            let Some((of, rows)) = self.group()? else { break };
            if of == id {
                return Ok(rows);
            }
            self.order.push_back(of);
            self.early.insert(of, rows);
            if self.early.len() > GROUPS_AHEAD
                && let Some(oldest) = self.order.pop_front()
            {
                self.early.remove(&oldest);
            }
        }
        Ok(Vec::new())
    }

    fn group(&mut self) -> Result<Option<(u64, Vec<R>)>, StoreError> {
        let first = match self.next.take() {
            Some(row) => row,
            None => match self.rows.next() {
                Some(row) => row?,
                None => return Ok(None),
            },
        };
        let id = (self.request)(&first);
        let mut rows = vec![first];
        for row in self.rows.by_ref() {
            let row = row?;
            if (self.request)(&row) != id {
                self.next = Some(row);
                break;
            }
            rows.push(row);
        }
        Ok(Some((id, rows)))
    }
}

/// Maximum number of buffered groups.
const GROUPS_AHEAD: usize = 4096;
