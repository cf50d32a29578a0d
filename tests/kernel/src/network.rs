//! Two network namespaces with a veth pair between them, and a packet filter that can drop what a test selects.

use std::net::IpAddr;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};

/// Two network namespaces, joined by a veth pair; removed when this value is dropped.
#[derive(Debug)]
pub struct Network {
    /// The namespace of the process in the cgroup.
    pub near: Namespace,
    /// The namespace of the other one.
    pub far: Namespace,
}

/// A network namespace with an address.
#[derive(Debug)]
pub struct Namespace {
    /// What it is called.
    pub name: String,
    /// The address of its end of the pair.
    pub address: IpAddr,
}

impl Network {
    /// Makes them.
    #[must_use]
    pub fn create() -> Self {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let pid = std::process::id();
        let near = Namespace::create(format!("aiperf-near-{pid}-{number}"), "10.77.0.1");
        let far = Namespace::create(format!("aiperf-far-{pid}-{number}"), "10.77.0.2");
        // Made inside a namespace, so that no other test's devices can have the same names.
        let pair = format!("link add veth0 netns {} type veth peer name veth0 netns {}", near.name, far.name);
        call("ip", &pair);
        for namespace in [&near, &far] {
            let name = &namespace.name;
            call("ip", &format!("-n {name} addr add {}/24 dev veth0", namespace.address));
            call("ip", &format!("-n {name} link set veth0 up"));
            call("ip", &format!("-n {name} link set lo up"));
        }
        Self { near, far }
    }
}

impl Namespace {
    fn create(name: String, address: &str) -> Self {
        call("ip", &format!("netns add {name}"));
        Self { name, address: address.parse().unwrap() }
    }

    /// Drops every TCP segment whose payload starts with `HOLE`, retransmissions of it as well, until
    /// [`Namespace::lose_nothing`].
    pub fn lose_holes(&self) {
        self.nft("add table inet loss");
        self.nft("add chain inet loss input { type filter hook input priority 0; }");
        self.nft("add rule inet loss input meta l4proto tcp @ih,0,32 0x484f4c45 drop");
    }

    /// Lets everything through again.
    pub fn lose_nothing(&self) {
        self.nft("delete table inet loss");
    }

    fn nft(&self, line: &str) {
        let output = Command::new("ip").args(["netns", "exec", &self.name, "nft", line]).output();
        succeed(line, &output.unwrap());
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        Command::new("ip").args(["netns", "del", &self.name]).status().ok();
    }
}

fn call(program: &str, arguments: &str) {
    let output = Command::new(program).args(arguments.split(' ')).output().unwrap();
    succeed(arguments, &output);
}

fn succeed(what: &str, output: &Output) {
    assert!(output.status.success(), "`{what}`: {}", String::from_utf8_lossy(&output.stderr));
}

static NUMBER: AtomicU32 = AtomicU32::new(0);
