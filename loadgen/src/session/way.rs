//! How servers are reached: addresses, certificates, and the heads of requests to them.

use super::Failure;
use super::given::Given;
use crate::composer::{Head, has_header};
use crate::job::Inquiry;
use crate::ring::socket::Address;
use crate::tls;
use crate::worker::Destination;
use endpoint::{Endpoint, Scheme};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use spec::Trust;
use spec::handshake::Setup;
use std::io::{self, Read};
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use zeroize::Zeroize;

/// How each target is reached, and the heads of requests to it.
pub(super) struct Ways {
    pub(super) heads: Vec<Head>,
    pub(super) inquiries: Vec<Inquiry>,
    pub(super) targets: Vec<Destination>,
}

impl Ways {
    /// No target is reached.
    pub(super) const fn none() -> Self {
        Self { heads: Vec::new(), inquiries: Vec::new(), targets: Vec::new() }
    }
}

pub(super) fn ways(setup: &Setup, given: &mut Given, endpoint: &dyn Endpoint) -> Result<Ways, Failure> {
    let plan = &setup.plan.endpoint;
    let mut headers = headers(setup, endpoint)?;
    let mut ways = Ways::none();
    for (url, address) in &setup.addresses {
        let path = endpoint.metadata().path(plan);
        let target = endpoint::target(url, plan.path.as_deref(), path)
            .map_err(|error| Failure::Plan(error.to_string()))?;
        let tls = match target.scheme {
            Scheme::Http | Scheme::Unix => None,
            Scheme::Https => Some(encrypted(plan, given, &target, url, &internet(address)?)?),
        };
        let address = match target.scheme {
            Scheme::Unix => local(&target.host)?,
            Scheme::Http | Scheme::Https => Address::Internet(internet(address)?),
        };
        let (path, host) = (&target.path_and_query, &target.host_header);
        ways.heads.push(Head::post(path, host, &headers, &plan.session_header));
        ways.inquiries.push(Inquiry::new(path, host, &headers, &plan.session_header));
        ways.targets.push(Destination { address, tls });
    }
    headers.iter_mut().for_each(Zeroize::zeroize);
    Ok(ways)
}

/// The lines that every request has but for its ids and its length: the user's own in place of ours.
fn headers(setup: &Setup, endpoint: &dyn Endpoint) -> Result<Vec<String>, Failure> {
    let plan = &setup.plan.endpoint;
    let accept = if plan.streaming { "text/event-stream" } else { "application/json" };
    let content_type = endpoint.content_type(plan);
    let own = [
        ("User-Agent", concat!("aiperfd/", env!("CARGO_PKG_VERSION"))),
        ("Accept", accept),
        ("Content-Type", content_type),
    ];
    let given =
        setup.secret_headers.iter().map(|(name, value)| format!("{name}: {value}")).collect::<Vec<_>>();
    if let Some(framing) =
        ["Content-Length", "Transfer-Encoding"].iter().find(|name| has_header(&given, name))
    {
        return Err(Failure::Plan(format!("--header {framing}: it follows from each request's own body")));
    }
    if has_header(&given, "Content-Type") && content_type.starts_with("multipart/") {
        return Err(Failure::Plan(
            "--header Content-Type: bodies are forms here, whose type names the boundary between their parts"
                .to_owned(),
        ));
    }
    let own = own.iter().filter(|(name, _)| !has_header(&given, name));
    let mut headers = own.map(|(name, value)| format!("{name}: {value}")).collect::<Vec<_>>();
    headers.extend(given);
    Ok(headers)
}

fn internet(address: &str) -> Result<SocketAddr, Failure> {
    address.parse().map_err(|_malformed| Failure::Plan(format!("`{address}` is no address")))
}

/// A Unix socket, connected to once, so that the user sees what is wrong.
fn local(path: &str) -> Result<Address, Failure> {
    UnixStream::connect(path).map_err(|error| {
        let denied = error.kind() == io::ErrorKind::PermissionDenied;
        let user = rustix::process::geteuid().as_raw();
        let what_to_do = if denied {
            format!("; the load generator runs as user {user}, who needs write permission (chmod o+w)")
        } else {
            String::new()
        };
        Failure::Plan(format!("failed to connect to --url unix://{path}: {error}{what_to_do}"))
    })?;
    Ok(Address::Unix(path.into()))
}

/// How connections to a target are encrypted; tried once, so that the user sees what is wrong.
fn encrypted(
    plan: &spec::Endpoint,
    given: &mut Given,
    target: &endpoint::Target,
    url: &str,
    address: &SocketAddr,
) -> Result<(Arc<ClientConfig>, ServerName<'static>), Failure> {
    let mut authorities = None;
    if plan.trust == Trust::File {
        let mut pem = Vec::new();
        let file = given.input("authorities")?;
        io::Seek::rewind(file).map_err(|error| Failure::Load("read the certificates", error))?;
        file.read_to_end(&mut pem).map_err(|error| Failure::Load("read the certificates", error))?;
        authorities = Some(pem);
    }
    let config = tls::config(authorities.as_deref(), plan.trust == Trust::AnyCertificate)
        .map_err(|why| Failure::Plan(format!("--ca-certificate: {why}")))?;
    let name = ServerName::try_from(target.host.clone())
        .map_err(|error| Failure::Plan(format!("--url {url}: {error}")))?;
    tls::try_out(&config, &name, address).map_err(|error| {
        // The query may contain a key.
        let url = url.split('?').next().unwrap_or_default();
        Failure::Server(format!("failed to shake hands with {url}: {error}"))
    })?;
    Ok((config, name))
}
