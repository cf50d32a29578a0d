//! The daemon's configuration file: what is watched as a service, who else may watch what, where it is published.
//!
//! ```toml
//! [[observe]]
//! name = "vllm"                 # lower-case letters, digits and hyphens
//! unit = "vllm.service"         # or cgroup = "path/below/the/root"
//!
//! [[allow]]
//! users = ["alice"]
//! cgroups = ["system.slice/vllm.service"]     # that they may observe
//! runs_of = ["bob"]                           # whose runs they may use, "*" for all users'
//! may = "read"                                # or "control": stop, recover, delete as well
//!
//! [limits]
//! disk_gib_per_user = 200
//!
//! [publish]
//! listen = "127.0.0.1:9464"
//! ```

use crate::limits::Limits;
use anyhow::{Context, Result, bail};
use common::clock::DurationNs;
use serde::Deserialize;
use spec::{Plan, Side, Target, Timestamps, Tokenizer, Watch};
use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::Path;

/// The file.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// What is watched for as long as the daemon runs.
    #[serde(default)]
    pub observe: Vec<Observe>,
    /// Users who may observe other processes than their own commands.
    #[serde(default)]
    pub allow: Vec<Allow>,
    /// Where numbers of what is watched are published.
    #[serde(default)]
    pub publish: Option<Publish>,
    /// Limits of users.
    #[serde(default)]
    pub limits: Limits,
}

/// Something that is watched for as long as the daemon runs.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Observe {
    /// Its name in metrics and in the folder of its records.
    pub name: String,
    /// Its cgroup, by the path below the hierarchy's root.
    pub cgroup: Option<String>,
    /// Its systemd unit.
    pub unit: Option<String>,
    /// Which end of the connections it is.
    #[serde(default = "server")]
    pub side: Side,
    /// Only connections with one of these ports; with none all.
    #[serde(default)]
    pub ports: Vec<u16>,
    /// Bytes that are captured of each segment.
    #[serde(default = "snap_length")]
    pub snap_length: u32,
    /// Whether tokens are counted here; else only the server's own counts are used, and without those there is no time per
    /// token.
    #[serde(default = "yes")]
    pub count_tokens: bool,
    /// Whether the server's reads of its sockets are recorded.
    #[serde(default)]
    pub socket_wait: bool,
    /// Seconds of a part of the records.
    #[serde(default = "part_seconds")]
    pub part_seconds: u32,
    /// MiB of records that are kept.
    #[serde(default = "keep_mib")]
    pub keep_mib: u32,
}

/// A rule: these users may observe these cgroups and those below them, and use the runs of these users.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Allow {
    /// Names of users, or their numbers.
    pub users: Vec<String>,
    /// Paths below the hierarchy's root.
    #[serde(default)]
    pub cgroups: Vec<String>,
    /// Names of users, or their numbers; `*` for all users.
    #[serde(default)]
    pub runs_of: Vec<String>,
    /// What they may do with those runs.
    #[serde(default)]
    pub may: May,
}

/// Rights of users on the runs of others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum May {
    /// List them, follow them, fetch their files.
    #[default]
    Read,
    /// Stop, recover and delete them as well.
    Control,
}

/// Where numbers are published.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Publish {
    /// A loopback address for Prometheus and browsers.
    #[serde(default = "listen")]
    pub listen: SocketAddr,
    /// An OpenTelemetry collector.
    pub otel_url: Option<String>,
}

impl Default for Publish {
    fn default() -> Self {
        Self { listen: listen(), otel_url: None }
    }
}

impl Config {
    /// Reads the file that was named, or else the usual one, which need not be there.
    ///
    /// # Errors
    /// When it can't be read, or is not valid.
    pub fn read(named: Option<&Path>) -> Result<Self> {
        let path = named.unwrap_or_else(|| Path::new(USUAL));
        let text = match fs::read_to_string(path) {
            Err(error) if named.is_none() && error.kind() == ErrorKind::NotFound => {
                return Ok(Self::default());
            }
            read => read.with_context(|| format!("failed to read `{}`", path.display()))?,
        };
        Self::parse(&text).with_context(|| format!("the configuration `{}` is wrong", path.display()))
    }

    fn parse(text: &str) -> Result<Self> {
        let config: Self = toml::from_str(text)?;
        let mut names = BTreeSet::new();
        for observe in &config.observe {
            observe.check()?;
            if !names.insert(&observe.name) {
                bail!("two [[observe]] are called `{}`", observe.name);
            }
        }
        if let Some(Publish { listen, .. }) = &config.publish
            && !listen.ip().is_loopback()
        {
            bail!("[publish] listen = \"{listen}\" is no loopback address");
        }
        Ok(config)
    }
}

impl Observe {
    fn check(&self) -> Result<()> {
        let name = &self.name;
        let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if name.is_empty() || name.len() > NAME_MAX || !name.bytes().all(is_plain) {
            bail!(
                "[[observe]] name = \"{name}\": must have 1 to {NAME_MAX} lower-case letters, digits and hyphens"
            );
        }
        if self.cgroup.is_some() == self.unit.is_some() {
            bail!("[[observe]] `{name}`: set either cgroup or unit");
        }
        if self.ports.len() > common::kernel_event::capture::PORTS_MAX {
            bail!("[[observe]] `{name}`: at most {} ports", common::kernel_event::capture::PORTS_MAX);
        }
        if !(64..=common::kernel_event::capture::SNAP_MAX).contains(&self.snap_length) {
            bail!(
                "[[observe]] `{name}`: snap_length is from 64 to {}",
                common::kernel_event::capture::SNAP_MAX
            );
        }
        if self.socket_wait && self.side == Side::Client {
            bail!("[[observe]] `{name}`: socket_wait is only for side = \"server\"");
        }
        if self.part_seconds == 0 || self.keep_mib == 0 {
            bail!("[[observe]] `{name}`: part_seconds and keep_mib are at least 1");
        }
        Ok(())
    }

    /// The plan of the run that watches it.
    #[must_use]
    pub fn plan(&self, target: Target) -> Plan {
        let mut plan = Plan::unknown();
        plan.endpoint.streaming = true;
        plan.endpoint.use_server_token_count = !self.count_tokens;
        plan.tokenizer = if self.count_tokens { Tokenizer::Builtin } else { Tokenizer::None };
        plan.timestamps = Timestamps::Ebpf;
        plan.watch = Some(Watch {
            target,
            side: self.side,
            ports: self.ports.clone(),
            snap_length: self.snap_length,
            payload: false,
            socket_wait: self.socket_wait,
        });
        plan
    }

    /// How long a part of its records is.
    #[must_use]
    pub fn part(&self) -> DurationNs {
        DurationNs::from_seconds(f64::from(self.part_seconds))
    }

    /// Bytes of records that are kept.
    #[must_use]
    pub fn keep_bytes(&self) -> u64 {
        u64::from(self.keep_mib) << 20
    }
}

const fn server() -> Side {
    Side::Server
}

const fn yes() -> bool {
    true
}

const fn snap_length() -> u32 {
    common::kernel_event::capture::SNAP_MAX
}

const fn part_seconds() -> u32 {
    600
}

const fn keep_mib() -> u32 {
    1024
}

/// The port that OpenTelemetry's Prometheus exporters use.
const fn listen() -> SocketAddr {
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 9464)
}

const USUAL: &str = "/etc/aiperfd.toml";
const NAME_MAX: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_configures_what_is_watched() {
        let config = Config::parse(
            "[[observe]]\nname = \"a\"\nunit = \"a.service\"\n[[allow]]\nusers = [\"me\"]\ncgroups = [\"x\"]\n",
        );
        let config = config.unwrap();
        let watch = config.observe[0].plan(Target::Cgroup("x".to_owned())).watch.unwrap();
        assert_eq!((watch.side, watch.snap_length), (Side::Server, 16384), "defaults");
        assert_eq!(config.publish.unwrap_or_default().listen.port(), 9464, "default");
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let check = |text: &str, expected: &str| {
            let refused = format!("{:#}", Config::parse(text).unwrap_err());
            assert!(refused.contains(expected), "{text}: {refused}");
        };
        check("[[observe]]\nname = \"../x\"\nunit = \"a\"\n", "lower-case letters");
        check("[[observe]]\nname = \"a\"\n", "either cgroup or unit");
        check("[[observe]]\nname = \"a\"\nunit = \"a\"\npart_seconds = 0\n", "at least 1");
        check(
            "[[observe]]\nname = \"a\"\nunit = \"a\"\n[[observe]]\nname = \"a\"\nunit = \"b\"\n",
            "two [[observe]]",
        );
        check("[publish]\nlisten = \"0.0.0.0:80\"\n", "no loopback");
        check("[[watch]]\n", "unknown field");
        check("[limits]\nconnection = 1\n", "unknown field");
        check("[limits]\nconnections = -1\n", "invalid value");
    }
}
