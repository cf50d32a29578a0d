//! Certificates for test servers, signed by an authority created for the test.

use rcgen::{CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use std::fs;
use tempfile::TempDir;

/// A directory with `authority.pem`, and `certificate.pem` and `key.pem` of `localhost`.
#[must_use]
pub fn made() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let certificate = CertificateParams::new(names).unwrap().signed_by(&key, &authority).unwrap();
    fs::write(at("authority.pem"), authority.pem()).unwrap();
    fs::write(at("certificate.pem"), certificate.pem()).unwrap();
    fs::write(at("key.pem"), key.serialize_pem()).unwrap();
    folder
}
