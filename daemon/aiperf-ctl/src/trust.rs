//! Configures which servers this program trusts for its own requests: the same as the load generator.

use crate::once;
use crate::plan::{Profile, Refusal};
use anyhow::Result;
use spec::Trust;
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};

/// TLS settings set by `--ca-certificate` and `--insecure`.
pub(crate) fn tls(profile: &Profile) -> Result<TlsConfig> {
    let tls = TlsConfig::builder().disable_verification(profile.plan.endpoint.trust == Trust::AnyCertificate);
    let Some(file) = &profile.authorities else { return Ok(tls.build()) };
    let pem = once::read(file, PEM_BYTES_MAX).map_err(|error| {
        Refusal(format!("--ca-certificate: failed to read `{}`: {error}", file.display()))
    })?;
    let certificates = parse_pem(&pem).filter_map(|item| match item {
        Ok(PemItem::Certificate(certificate)) => Some(certificate),
        _ => None,
    });
    Ok(tls.root_certs(RootCerts::new_with_certs(&certificates.collect::<Vec<_>>())).build())
}

/// A limit that no set of authorities reaches.
const PEM_BYTES_MAX: u64 = 16 << 20;
