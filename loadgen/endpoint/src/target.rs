//! The target of a request: a base URL and an endpoint's path become the parts that HTTP needs.

/// The target of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Whether the connection is encrypted.
    pub scheme: Scheme,
    /// The host to resolve: a name or an address, without brackets.
    pub host: String,
    /// The port to connect to.
    pub port: u16,
    /// The value of the `Host` header.
    pub host_header: String,
    /// The request target of the request line; starts with a slash.
    pub path_and_query: String,
}

/// The protocol of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// In the clear.
    Http,
    /// Over TLS.
    Https,
    /// In the clear, over a Unix socket; [`Target::host`] is its path.
    Unix,
}

/// Why a URL is of no use: the plan's fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// Another scheme.
    #[error("failed to use the URL `{url}`: its scheme is none of http, https and unix")]
    Scheme {
        /// The URL.
        url: String,
    },
    /// A socket that is not valid, for its path is relative or longer than the kernel accepts.
    #[error("failed to use the URL `{url}`: write unix:// and an absolute path of at most 107 bytes")]
    Socket {
        /// The URL.
        url: String,
    },
    /// No host, or one that is malformed.
    #[error("failed to use the URL `{url}`: it names no host")]
    Host {
        /// The URL.
        url: String,
    },
    /// A port that is no number from 1 to 65535.
    #[error("failed to use the URL `{url}`: its port is no number from 1 to 65535")]
    Port {
        /// The URL.
        url: String,
    },
    /// A user name, which would end up in results.
    #[error(
        "failed to use a URL: it holds a user name or password; give them by --header or --api-key instead"
    )]
    Credentials,
    /// Characters that can't be sent as they are.
    #[error("failed to use the URL `{url}`: percent-encode its spaces, control and non-ASCII characters")]
    Characters {
        /// The URL.
        url: String,
    },
}

/// Joins a base URL with the path that replaces the endpoint's, or else the endpoint's.
///
/// What both have is used once: a base that ends in the whole path is used as it is, and of a base that ends in `/v1` and a
/// path that starts with `v1/` one is left out. The base's query is kept, before the path's own.
///
/// # Errors
/// When the URL can't be used.
pub fn target(
    base: &str,
    path_override: Option<&str>,
    endpoint_path: Option<&str>,
) -> Result<Target, TargetError> {
    let path = path_override.or(endpoint_path).unwrap_or("");
    for text in [base, path] {
        if text.bytes().any(|byte| !byte.is_ascii_graphic()) {
            return Err(TargetError::Characters { url: text.to_owned() });
        }
    }
    let (scheme, rest) = match base.split_once("://") {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => (Scheme::Http, rest),
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => (Scheme::Https, rest),
        Some((scheme, socket)) if scheme.eq_ignore_ascii_case("unix") => return local(base, socket, path),
        Some(_) => return Err(TargetError::Scheme { url: base.to_owned() }),
        None => (Scheme::Http, base),
    };
    let rest = rest.split_once('#').map_or(rest, |(rest, _fragment)| rest);
    let (authority, base_path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    if authority.contains('@') {
        return Err(TargetError::Credentials);
    }
    let (host, port) = host_and_port(authority, base)?;
    let default_port = if scheme == Scheme::Https { 443 } else { 80 };
    let bracketed = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    let host_header = match port {
        Some(port) if port != default_port => format!("{bracketed}:{port}"),
        _ => bracketed,
    };
    Ok(Target {
        scheme,
        host: host.to_owned(),
        port: port.unwrap_or(default_port),
        host_header,
        path_and_query: joined(base_path, path),
    })
}

/// A Unix socket: all of the URL is its path.
fn local(url: &str, socket: &str, path: &str) -> Result<Target, TargetError> {
    if !socket.starts_with('/') || socket.len() > SOCKET_PATH_MAX {
        return Err(TargetError::Socket { url: url.to_owned() });
    }
    Ok(Target {
        scheme: Scheme::Unix,
        host: socket.to_owned(),
        port: 0,
        host_header: "localhost".to_owned(),
        path_and_query: joined("", path),
    })
}

fn host_and_port<'a>(authority: &'a str, url: &str) -> Result<(&'a str, Option<u16>), TargetError> {
    let no_host = || TargetError::Host { url: url.to_owned() };
    let (host, port) = if let Some(bracketed) = authority.strip_prefix('[') {
        let (host, after) = bracketed.split_once(']').ok_or_else(no_host)?;
        host.parse::<std::net::Ipv6Addr>().map_err(|_not_an_address| no_host())?;
        match after.strip_prefix(':') {
            Some(port) => (host, Some(port)),
            None if after.is_empty() => (host, None),
            None => return Err(no_host()),
        }
    } else {
        authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port)))
    };
    if host.is_empty() {
        return Err(no_host());
    }
    let Some(port) = port.filter(|port| !port.is_empty()) else { return Ok((host, None)) };
    match port.parse::<u16>() {
        Ok(number) if number > 0 && port.bytes().all(|digit| digit.is_ascii_digit()) => {
            Ok((host, Some(number)))
        }
        _ => Err(TargetError::Port { url: url.to_owned() }),
    }
}

fn joined(base: &str, path: &str) -> String {
    let (base, base_query) = base.split_once('?').map_or((base, ""), |(base, query)| (base, query));
    let (path, path_query) = path.split_once('?').map_or((path, ""), |(path, query)| (path, query));
    let base = base.trim_end_matches('/');
    let path = path.trim_start_matches('/');
    let mut whole = base.to_owned();
    let has_it = base.strip_suffix(path.trim_end_matches('/')).is_some_and(|before| before.ends_with('/'));
    if !path.is_empty() && !has_it {
        let rest = if base.ends_with("/v1") { path.strip_prefix("v1/").unwrap_or(path) } else { path };
        whole.push('/');
        whole.push_str(rest);
    }
    if whole.is_empty() {
        whole.push('/');
    }
    for (mark, query) in [('?', base_query), (if base_query.is_empty() { '?' } else { '&' }, path_query)] {
        if !query.is_empty() {
            whole.push(mark);
            whole.push_str(query);
        }
    }
    whole
}

/// Bytes of a Unix socket's path without its end (unix(7)).
const SOCKET_PATH_MAX: usize = 107;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const CHAT: &str = "/v1/chat/completions";

    fn check(base: &str, path_override: Option<&str>, expected: &str) {
        let found = match target(base, path_override, Some(CHAT)) {
            Ok(target) => {
                format!(
                    "{:?} {} {} {} {}",
                    target.scheme, target.host, target.port, target.host_header, target.path_and_query
                )
            }
            Err(error) => error.to_string(),
        };
        assert_eq!(found, expected, "{base} {path_override:?}");
    }

    #[test]
    fn hosts() {
        check("http://localhost:8000", None, "Http localhost 8000 localhost:8000 /v1/chat/completions");
        check("localhost:8000/", None, "Http localhost 8000 localhost:8000 /v1/chat/completions");
        check(
            "HTTPS://api.example.com",
            None,
            "Https api.example.com 443 api.example.com /v1/chat/completions",
        );
        check("http://h:80", None, "Http h 80 h /v1/chat/completions");
        check("http://[::1]:9/x", None, "Http ::1 9 [::1]:9 /x/v1/chat/completions");
        check("http://[::1]", None, "Http ::1 80 [::1] /v1/chat/completions");
        check("unix:///run/x.sock", None, "Unix /run/x.sock 0 localhost /v1/chat/completions");
        check("unix:///run/x.sock", Some("my/path"), "Unix /run/x.sock 0 localhost /my/path");
    }

    #[test]
    fn paths_overlap() {
        check("http://h/v1", None, "Http h 80 h /v1/chat/completions");
        check("http://h/api/v1/", None, "Http h 80 h /api/v1/chat/completions");
        check("http://h/v1/chat/completions", None, "Http h 80 h /v1/chat/completions");
        check("http://h/x/v1/chat/completions/", None, "Http h 80 h /x/v1/chat/completions");
        check("http://h/dev1", None, "Http h 80 h /dev1/v1/chat/completions");
        check("http://h/ochat", Some("chat"), "Http h 80 h /ochat/chat");
        check("http://h", Some("my/path"), "Http h 80 h /my/path");
        check("http://h/", Some("/"), "Http h 80 h /");
        check("http://h", Some(""), "Http h 80 h /");
    }

    #[test]
    fn queries_are_kept() {
        check("http://h?key=1", None, "Http h 80 h /v1/chat/completions?key=1");
        check("http://h/v1?key=1#top", Some("v1/x?y=2"), "Http h 80 h /v1/x?key=1&y=2");
        check("http://h", Some("x?y=2"), "Http h 80 h /x?y=2");
    }

    #[test]
    fn what_is_refused() {
        check("ftp://h", None, "failed to use the URL `ftp://h`: its scheme is none of http, https and unix");
        check(
            "unix://x.sock",
            None,
            "failed to use the URL `unix://x.sock`: write unix:// and an absolute path of at most 107 bytes",
        );
        check("http://", None, "failed to use the URL `http://`: it names no host");
        check("http://:80", None, "failed to use the URL `http://:80`: it names no host");
        check("http://[h]", None, "failed to use the URL `http://[h]`: it names no host");
        check(
            "http://h:0",
            None,
            "failed to use the URL `http://h:0`: its port is no number from 1 to 65535",
        );
        check(
            "http://h:+1",
            None,
            "failed to use the URL `http://h:+1`: its port is no number from 1 to 65535",
        );
        check(
            "http://h:65536",
            None,
            "failed to use the URL `http://h:65536`: its port is no number from 1 to 65535",
        );
        check(
            "http://me:secret@h",
            None,
            "failed to use a URL: it holds a user name or password; give them by --header or --api-key instead",
        );
        check(
            "http://h",
            Some("/x HTTP/1.1\r\nx: y"),
            "failed to use the URL `/x HTTP/1.1\r\nx: y`: percent-encode its spaces, control and non-ASCII characters",
        );
    }

    proptest! {
        #[test]
        fn a_target_can_be_sent(base in "(https?://)?[\\[\\]a-z:/?#@.0-9 é]{0,20}", path in "[a-z/?# \r]{0,9}") {
            if let Ok(target) = target(&base, None, Some(&path)) {
                prop_assert!(target.path_and_query.starts_with('/'));
                prop_assert!(target.path_and_query.bytes().all(|byte| byte.is_ascii_graphic()));
                prop_assert!(!target.host_header.is_empty());
            }
        }
    }
}
