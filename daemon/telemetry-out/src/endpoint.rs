//! Parses a collector's address: a host, a host with a port, or a URL becomes a full address.

use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

/// A collector's address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The protocol.
    pub protocol: Protocol,
    /// The full URL for metrics, with `/v1/metrics` for HTTP.
    pub url: String,
    /// The full URL for spans, with `/v1/traces` for HTTP.
    pub traces_url: String,
    /// The address without the path of metrics and spans.
    base: String,
    host: String,
    port: u16,
}

/// The protocol of a collector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// Protobuf over HTTP/1.1.
    Http,
    /// gRPC.
    Grpc,
}

/// An invalid address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "failed to use the collector's address `{0}`: expected host, host:port, http://, https:// or grpc://host:port"
)]
pub struct EndpointError(String);

impl Endpoint {
    /// Parses an address.
    ///
    /// # Errors
    /// When it has no host, or its scheme or port is invalid.
    pub fn parse(given: &str) -> Result<Self, EndpointError> {
        let refused = || EndpointError(without_password(given));
        let (scheme, rest) = given.split_once("://").unwrap_or(("http", given));
        let (protocol, scheme, default_port) = match scheme {
            "http" => (Protocol::Http, "http", 4318),
            "https" => (Protocol::Http, "https", 443),
            "grpc" => (Protocol::Grpc, "http", 4317),
            _ => return Err(refused()),
        };
        // A query, such as a key that a collector requires, stays after the appended path.
        let (rest, query) = rest.split_at(rest.find('?').unwrap_or(rest.len()));
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let bare = authority.rsplit_once('@').map_or(authority, |(_, bare)| bare);
        let (host, port) = match bare.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, port.parse().map_err(|_bad| refused())?),
            _ => (bare, default_port),
        };
        let is_sound = |one: char| one.is_ascii_graphic();
        if host.is_empty() || !given.chars().all(is_sound) {
            return Err(refused());
        }
        let path = path.trim_end_matches('/');
        let path = path.strip_suffix(METRICS_PATH).unwrap_or(path);
        let credentials = &authority[..authority.len() - bare.len()];
        let base = format!("{scheme}://{credentials}{host}:{port}");
        let (base, [url, traces_url]) = match protocol {
            Protocol::Http => {
                let base = base + path;
                let urls = [METRICS_PATH, TRACES_PATH].map(|signal| format!("{base}{signal}{query}"));
                (base + query, urls)
            }
            Protocol::Grpc => (base.clone(), [base.clone(), base]),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        Ok(Self { protocol, url, traces_url, base, host, port })
    }

    /// Whether a process listens there.
    #[must_use]
    pub fn is_reachable(&self) -> bool {
        let addresses = (self.host.as_str(), self.port).to_socket_addrs();
        addresses.is_ok_and(|mut addresses| {
            addresses.any(|address| TcpStream::connect_timeout(&address, PATIENCE).is_ok())
        })
    }

    /// The address without secrets.
    #[must_use]
    pub fn shown(&self) -> String {
        without_password(&self.base)
    }
}

pub(crate) fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    spec::url::shown(&format!("{scheme}://{host}{path}"))
}

const METRICS_PATH: &str = "/v1/metrics";
const TRACES_PATH: &str = "/v1/traces";
const PATIENCE: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_become_whole() {
        let table = [
            ("localhost", "http://localhost:4318/v1/metrics"),
            ("localhost:9999", "http://localhost:9999/v1/metrics"),
            ("http://localhost:4318", "http://localhost:4318/v1/metrics"),
            ("http://localhost:4318/v1/metrics", "http://localhost:4318/v1/metrics"),
            ("https://a/otlp/", "https://a:443/otlp/v1/metrics"),
            ("grpc://a", "http://a:4317"),
            ("[::1]:4318", "http://[::1]:4318/v1/metrics"),
            ("https://a/otlp?tenant=t/1", "https://a:443/otlp/v1/metrics?tenant=t/1"),
            ("http://a/v1/metrics?token=x", "http://a:4318/v1/metrics?token=x"),
            ("a:1?b=c", "http://a:1/v1/metrics?b=c"),
        ];
        for (given, expected) in table {
            assert_eq!(Endpoint::parse(given).unwrap().url, expected, "{given}");
        }
        let traces = |given| Endpoint::parse(given).unwrap().traces_url;
        assert_eq!(
            traces("https://a/otlp/v1/metrics"),
            "https://a:443/otlp/v1/traces",
            "next to the metrics"
        );
        assert_eq!(traces("grpc://a"), "http://a:4317", "the same service");
        for given in ["", "ftp://a", "a:b", "a b"] {
            assert!(Endpoint::parse(given).is_err(), "{given}");
        }
    }

    #[test]
    fn passwords_are_not_shown() {
        let endpoint = Endpoint::parse("http://user:hush@a:1").unwrap();
        assert_eq!(endpoint.shown(), "http://a:1", "without them");
        let endpoint = Endpoint::parse("http://a:1/x?token=hush").unwrap();
        assert!(!endpoint.shown().contains("hush"), "and without keys: {}", endpoint.shown());
    }
}
