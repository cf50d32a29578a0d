//! Jobs: requests whose answer has to be asked for again until it is there, such as videos.
//!
//! ```text
//! POST ──▶ job ──GET──▶ not yet ──GET──▶ done (──GET──▶ its content)      one request, one latency
//! ```

use common::id::RequestId;
use common::plan;
use endpoint::{Endpoint, Follow};

/// How servers are asked after jobs; one for each target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inquiry {
    /// Where jobs are begun.
    path: String,
    /// The request's head from the `Host` line on, up to its ids.
    headers: String,
    session_header: String,
}

/// What a server said of a job.
#[derive(Debug)]
pub struct Told {
    /// The request.
    pub request: RequestId,
    /// The target.
    pub target: u16,
    /// The answer's body.
    pub body: Vec<u8>,
}

impl Inquiry {
    /// For jobs that are begun at `path` of a host, with whole header lines.
    #[must_use]
    pub fn new(path: &str, host: &str, headers: &[String], session_header: &str) -> Self {
        let mut text = format!("Host: {host}\r\n");
        for header in headers.iter().filter(|header| !header.starts_with("Content-Type:")) {
            text.push_str(header);
            text.push_str("\r\n");
        }
        Self { path: path.to_owned(), headers: text, session_header: session_header.to_owned() }
    }

    /// What is to be sent next; `None` when the job is over, well or not.
    #[must_use]
    pub fn next(
        &self,
        told: &Told,
        endpoint: &dyn Endpoint,
        plan: &plan::Endpoint,
        ids: [&[u8]; 2],
    ) -> Option<(Vec<u8>, Wanted)> {
        let (path, wanted) = match endpoint.follow(&self.path, &told.body, plan) {
            Follow::Nothing => return None,
            Follow::Again(path) => (path, Wanted::Status),
            Follow::Content(path) => (path, Wanted::Content),
        };
        let [request, session] = ids.map(String::from_utf8_lossy);
        let text = format!(
            "GET {path} HTTP/1.1\r\n{}X-Request-ID: {request}\r\n{}: {session}\r\n\r\n",
            self.headers, self.session_header
        );
        Some((text.into_bytes(), wanted))
    }
}

/// What a further request of a job asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// How it gets on.
    Status,
    /// What it has made.
    Content,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(download_content: bool) -> plan::Endpoint {
        plan::Endpoint {
            dialect: plan::Dialect { download_content, ..plan::Dialect::default() },
            ..plan::Plan::unknown().endpoint
        }
    }

    fn check(body: &str, download: bool, expected: Option<(&str, Wanted)>) {
        let headers = ["Content-Type: application/json".to_owned(), "Accept: application/json".to_owned()];
        let inquiry = Inquiry::new("/v1/videos", "h:1", &headers, "X-Correlation-ID");
        let told = Told { request: RequestId(1), target: 0, body: body.as_bytes().to_vec() };
        let endpoint = endpoint::by_name("video_generation").unwrap();
        let next = inquiry.next(&told, endpoint, &plan(download), [b"r", b"s"]);
        let next = next.map(|(bytes, wanted)| (String::from_utf8(bytes).unwrap(), wanted));
        let expected = expected.map(|(path, wanted)| {
            let headers =
                "Host: h:1\r\nAccept: application/json\r\nX-Request-ID: r\r\nX-Correlation-ID: s\r\n";
            (format!("GET {path} HTTP/1.1\r\n{headers}\r\n"), wanted)
        });
        assert_eq!(next, expected, "{body}");
    }

    #[test]
    fn a_job_is_asked_after_until_it_is_over() {
        check(r#"{"id":"v1","status":"queued"}"#, true, Some(("/v1/videos/v1", Wanted::Status)));
        check(r#"{"id":"v1","status":"completed"}"#, true, Some(("/v1/videos/v1/content", Wanted::Content)));
        check(r#"{"id":"v1","status":"completed"}"#, false, None);
        check(r#"{"id":"v1","status":"failed"}"#, true, None);
    }
}
