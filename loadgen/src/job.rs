//! Jobs: requests whose result is polled until it is there, such as videos.
//!
//! ```text
//! POST ──▶ job ──GET──▶ not yet ──GET──▶ done (──GET──▶ its content)      one request, one latency
//! ```

use crate::bounds::JOB_BYTES_MAX;
use crate::coding::decoded;
use crate::composer::{REQUEST_ID, has_header};
use crate::wire::coding::Coding;
use common::id::RequestId;
use endpoint::{Endpoint, Follow};
use std::borrow::Cow;

/// How servers are polled for jobs; one for each target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inquiry {
    /// Where jobs are started.
    path: String,
    /// The request's head from the `Host` line on, up to its ids.
    headers: String,
    /// The names of the headers that the ids of request and session go by, where the user has none of these names.
    id_headers: [Option<String>; 2],
}

/// A server's response for a job.
#[derive(Debug)]
pub struct Polled {
    /// The request.
    pub request: RequestId,
    /// The target.
    pub target: u16,
    /// The answer's body.
    pub body: Vec<u8>,
    /// How it is coded.
    pub coding: Coding,
}

impl Inquiry {
    /// For jobs that are started at `path` of a host, with whole header lines.
    #[must_use]
    pub fn new(path: &str, host: &str, headers: &[String], session_header: &str) -> Self {
        let mut text = String::new();
        if !has_header(headers, "Host") {
            text.push_str("Host: ");
            text.push_str(host);
            text.push_str("\r\n");
        }
        // There is no body that could have a type.
        for header in
            headers.iter().filter(|header| !has_header(std::slice::from_ref(header), "Content-Type"))
        {
            text.push_str(header);
            text.push_str("\r\n");
        }
        let id_headers =
            [REQUEST_ID, session_header].map(|name| (!has_header(headers, name)).then(|| name.to_owned()));
        Self { path: path.to_owned(), headers: text, id_headers }
    }

    /// The next poll; `None` when the job is over, successful or not.
    #[must_use]
    pub fn next(
        &self,
        response: &Polled,
        endpoint: &dyn Endpoint,
        plan: &spec::Endpoint,
        ids: [&[u8]; 2],
    ) -> Option<(Vec<u8>, Wanted)> {
        // What can't be decoded is no answer.
        let body = match response.coding {
            Coding::Identity => Cow::Borrowed(&*response.body),
            coding => Cow::Owned(decoded(coding, &response.body, JOB_BYTES_MAX).ok()?),
        };
        let (path, wanted) = match endpoint.follow(&self.path, &body, plan) {
            Follow::Nothing => return None,
            Follow::Again(path) => (path, Wanted::Status),
            Follow::Content(path) => (path, Wanted::Content),
        };
        let mut text = format!("GET {path} HTTP/1.1\r\n{}", self.headers);
        for (name, id) in self.id_headers.iter().zip(ids) {
            let id = String::from_utf8_lossy(id);
            text.extend(name.iter().flat_map(|name| [name.as_str(), ": ", &id, "\r\n"]));
        }
        text.push_str("\r\n");
        Some((text.into_bytes(), wanted))
    }
}

/// What a further request of a job requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Its status.
    Status,
    /// What it has made.
    Content,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(download_content: bool) -> spec::Endpoint {
        spec::Endpoint {
            dialect: spec::Dialect { download_content, ..spec::Dialect::default() },
            ..spec::Plan::unknown().endpoint
        }
    }

    fn check(body: &str, download: bool, expected: Option<(&str, Wanted)>) {
        let headers = ["Content-Type: application/json".to_owned(), "Accept: application/json".to_owned()];
        let inquiry = Inquiry::new("/v1/videos", "h:1", &headers, "X-Correlation-ID");
        let response = Polled {
            request: RequestId(1),
            target: 0,
            body: body.as_bytes().to_vec(),
            coding: Coding::Identity,
        };
        let endpoint = endpoint::by_name("video_generation").unwrap();
        let next = inquiry.next(&response, endpoint, &plan(download), [b"r", b"s"]);
        let next = next.map(|(bytes, wanted)| (String::from_utf8(bytes).unwrap(), wanted));
        let expected = expected.map(|(path, wanted)| {
            let headers =
                "Host: h:1\r\nAccept: application/json\r\nX-Request-ID: r\r\nX-Correlation-ID: s\r\n";
            (format!("GET {path} HTTP/1.1\r\n{headers}\r\n"), wanted)
        });
        assert_eq!(next, expected, "{body}");
    }

    #[test]
    fn a_job_is_polled_until_it_is_over() {
        check(r#"{"id":"v1","status":"queued"}"#, true, Some(("/v1/videos/v1", Wanted::Status)));
        check(r#"{"id":"v1","status":"completed"}"#, true, Some(("/v1/videos/v1/content", Wanted::Content)));
        check(r#"{"id":"v1","status":"completed"}"#, false, None);
        check(r#"{"id":"v1","status":"failed"}"#, true, None);
    }
}
