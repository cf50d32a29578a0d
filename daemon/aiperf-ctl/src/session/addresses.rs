//! Where a run's requests are sent: resolved for each run, because a server may have moved or gone since the run before.

use anyhow::{Context, Result, bail};
use endpoint::Scheme;
use spec::url::shown;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// Resolves each URL with the user's resolver, and checks that a server listens there.
///
/// # Errors
/// When none does, with what to check.
pub(super) fn resolve(urls: &[String]) -> Result<Vec<(String, String)>> {
    let mut resolved = Vec::new();
    for requested in urls {
        let (target, url) = (endpoint::target(requested, None, None)?, &shown(requested));
        if target.scheme == Scheme::Unix {
            UnixStream::connect(&target.host).with_context(|| {
                format!("no server responds at {url}: check that it is running and that you may write to its socket")
            })?;
            resolved.push((requested.clone(), format!("unix:{}", target.host)));
            continue;
        }
        let addresses = (target.host.as_str(), target.port).to_socket_addrs().with_context(|| {
            format!("failed to resolve the server's name `{}` of --url {url}", target.host)
        })?;
        let address = first_that_listens(addresses, url)?;
        resolved.push((requested.clone(), address.to_string()));
    }
    Ok(resolved)
}

fn first_that_listens(addresses: impl Iterator<Item = SocketAddr>, url: &str) -> Result<SocketAddr> {
    let mut last = None;
    for address in addresses {
        match TcpStream::connect_timeout(&address, CONNECT_PATIENCE) {
            Ok(_) => return Ok(address),
            Err(error) => last = Some((address, error)),
        }
    }
    match last {
        Some((address, error)) => {
            bail!(
                "no server responds at {url} ({address}: {error}): check that it is running and that the port is correct"
            )
        }
        None => bail!("the server's name in {url} has no address"),
    }
}

const CONNECT_PATIENCE: Duration = Duration::from_secs(5);
