//! A proxy before the scripted server: what comes through it, against the server's own account.

use super::checks::{self, Arrival, Tokenizer};
use super::findings::Findings;
use super::profile::{Load, profile};
use super::server::{Server, free_address};
use super::{Rig, http, scripted};
use crate::mock_server::MockServer;
use anyhow::{Context, Result};
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

/// One way to be configured.
#[derive(Clone, Copy, Debug)]
pub(super) struct Way {
    /// What it is called.
    pub(super) case: &'static str,
    /// The directives that make it so, where they may stand.
    pub(super) directives: &'static str,
    /// How events come through it.
    pub(super) arrival: Arrival,
    /// How it sends answers.
    pub(super) coding: Coding,
}

/// How the bodies of answers are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coding {
    /// As they are.
    Plain,
    /// Compressed, for the client offers to take it.
    Gzip,
}

/// The scripted server, slow enough for a buffer to show.
pub(super) fn scripted(rig: &Rig) -> Result<(MockServer, SocketAddr)> {
    let flags = ["--ttft-ms", "40", "--gap-ms", "20", "--tokens", "16"];
    let server = MockServer::start(&rig.program("mock-server"), &flags)?;
    let address = server.address().parse().context("the scripted server has no address")?;
    Ok((server, address))
}

/// Measures a proxy each way; `configured` writes into a folder what it needs to listen at the first address before the scripted
/// server at the second, and gives its command.
pub(super) fn each(
    rig: &Rig,
    name: &'static str,
    ways: &[Way],
    configured: impl Fn(&Way, &Path, [SocketAddr; 2]) -> Result<Command>,
    findings: &mut Findings,
) -> Result<()> {
    for way in ways {
        let (_running, scripted) = scripted(rig)?;
        let (work, address) = (rig.work(way.case)?, free_address()?);
        let mut command = configured(way, &work, [address, scripted])?;
        let mut proxy = Server::by(name, &mut command, address, work.join("proxy.log"))?;
        proxy.wait_until_it_listens()?;
        measure(rig, way, &proxy, scripted, &[], findings)?;
    }
    Ok(())
}

/// Measures through a proxy that runs.
pub(super) fn measure(
    rig: &Rig,
    way: &Way,
    proxy: &Server,
    scripted: SocketAddr,
    more: &[&str],
    findings: &mut Findings,
) -> Result<()> {
    let accept: &[&str] = match way.coding {
        Coding::Plain => &[],
        Coding::Gzip => &["--header", "Accept-Encoding: gzip"],
    };
    let flags = [accept, more].concat();
    let load = Load {
        case: way.case,
        address: proxy.address.to_string(),
        model: MODEL.to_owned(),
        // It counts a token in each event of the scripted server.
        tokenizer: "builtin".to_owned(),
        flags: &flags,
    };
    let outcome = profile(rig, &load, findings)?;
    checks::answers(&outcome, Tokenizer::ForAnswers, findings);
    let expected = (way.coding == Coding::Gzip).then_some("gzip");
    let coding = |answer: &&super::answer::Answer| {
        answer.headers.get("content-encoding").map(String::as_str) != expected
    };
    let otherwise = outcome.answers.iter().filter(coding).count();
    if otherwise > 0 {
        findings.differs(&format!("{otherwise} answers are not {:?}", way.coding));
    }
    let served = scripted::served(&http::get(scripted, "/mock/log")?)?;
    scripted::compare(&outcome.answers, &served, findings);
    checks::verdict(&outcome, way.arrival, Tokenizer::ForAnswers, findings);
    Ok(())
}

/// What the scripted server is asked for.
pub(super) const MODEL: &str = "mock-model";
