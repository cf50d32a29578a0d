//! What limits the number of connections: ports, descriptors, and the kernel's queues and tables.

use crate::{Check, Host, Look, Weight};

pub(crate) const PORTS: Check = Check {
    name: "ports",
    group: "network",
    weight: Weight::Problem,
    looks_at: "net.ipv4.ip_local_port_range, less ip_local_reserved_ports, against --concurrency",
    why: "each connection to one address of a server uses a port of its own; when there is none left connecting fails",
    cure: "`sudo sysctl -w net.ipv4.ip_local_port_range=\"1024 65535\"`, or several --url",
    look: ports,
};

pub(crate) const DESCRIPTORS: Check = Check {
    name: "descriptors",
    group: "network",
    weight: Weight::Problem,
    looks_at: "the limit of open files (`ulimit -n`) against --concurrency",
    why: "each connection is an open file of the load generator's; beyond the limit connecting fails",
    cure: "`ulimit -n 65536` in the shell that starts the run; of a service, LimitNOFILE=",
    look: descriptors,
};

pub(crate) const CONNTRACK: Check = Check {
    name: "conntrack",
    group: "network",
    weight: Weight::Problem,
    looks_at: "how full the firewall's table of connections is (net.netfilter.nf_conntrack_max), if there is one",
    why: "when the table is full the kernel drops packets of new connections, which looks like a slow server",
    cure: "`sudo sysctl -w net.netfilter.nf_conntrack_max=1048576`",
    look: conntrack,
};

pub(crate) const LISTEN_QUEUE: Check = Check {
    name: "listen_queue",
    group: "network",
    weight: Weight::Problem,
    looks_at: "net.core.somaxconn against --concurrency, for a server on this host",
    why: "when many connections open at once and the server's queue is full, the rest wait a second and try again",
    cure: "`sudo sysctl -w net.core.somaxconn=65535` on the server's host, and restart the server",
    look: listen_queue,
};

pub(crate) const PORT_REUSE: Check = Check {
    name: "port_reuse",
    group: "network",
    weight: Weight::Problem,
    looks_at: "net.ipv4.tcp_tw_reuse",
    why: "a closed connection keeps its port for a minute; a server that closes after each response uses up the ports of a \
          fast run, unless they may be used again",
    cure: "`sudo sysctl -w net.ipv4.tcp_tw_reuse=1`",
    look: port_reuse,
};

/// The required number, where the user named it; else what is enough for most runs.
fn wanted(host: &Host) -> u64 {
    host.wanted.concurrency.map_or(CONCURRENCY_USUAL, u64::from)
}

fn ports(host: &Host) -> Option<Look> {
    let Some(count) = ports_free(host) else {
        return Some(Look::warning("unknown", "net.ipv4.ip_local_port_range can't be read"));
    };
    let found = format!("{count} for connections to one address");
    let wanted = wanted(host);
    Some(if wanted > count {
        Look::missing(found, format!("{wanted} connections are required"))
    } else if wanted.saturating_mul(10) > count.saturating_mul(9) {
        Look::warning(found, format!("{wanted} connections are required, and other programs use ports too"))
    } else {
        Look::ok(found)
    })
}

fn ports_free(host: &Host) -> Option<u64> {
    let range = host.text("/proc/sys/net/ipv4/ip_local_port_range")?;
    let mut ends = range.split_whitespace().map(str::parse::<u16>);
    let (first, last) = (ends.next()?.ok()?, ends.next()?.ok()?);
    let all = u64::from(last).checked_sub(u64::from(first))? + 1;
    let reserved = host.text("/proc/sys/net/ipv4/ip_local_reserved_ports").unwrap_or_default();
    let within = |port: &u32| (u32::from(first)..=u32::from(last)).contains(port);
    let reserved = crate::processor::parse_list(&reserved).iter().filter(|port| within(port)).count();
    Some(all.saturating_sub(u64::try_from(reserved).unwrap_or(all)))
}

fn descriptors(host: &Host) -> Option<Look> {
    let Some(limit) = host.limit("Max open files") else {
        return Some(Look::warning("unknown", "/proc/self/limits does not list this limit"));
    };
    let found = match limit.soft {
        u64::MAX => "no limit".to_owned(),
        soft => format!("{soft} open files"),
    };
    let needed = wanted(host).saturating_add(DESCRIPTORS_OTHER);
    Some(if limit.soft >= needed {
        Look::ok(found)
    } else if limit.hard >= needed {
        Look::missing(found, format!("{} connections take {needed}", wanted(host))).cured_by(format!(
            "`ulimit -n {needed}` in the shell that starts the run; of a service, LimitNOFILE="
        ))
    } else {
        let cause =
            format!("{} connections take {needed}, and the hard limit is {}", wanted(host), limit.hard);
        Look::missing(found, cause).cured_by(
            "raise `nofile` in /etc/security/limits.conf, or LimitNOFILE= of the service; then log in again",
        )
    })
}

fn conntrack(host: &Host) -> Option<Look> {
    let Some(most) = host.number("/proc/sys/net/netfilter/nf_conntrack_max") else {
        return Some(Look::ok("no table of connections"));
    };
    let count = host.number("/proc/sys/net/netfilter/nf_conntrack_count").unwrap_or(0);
    let found = format!("{count} of {most} places taken");
    Some(if count.saturating_add(wanted(host)) > most {
        Look::missing(found, format!("{} connections more do not fit", wanted(host)))
    } else if count > most / 2 {
        Look::warning(found, "it is more than half full")
    } else {
        Look::ok(found)
    })
}

fn listen_queue(host: &Host) -> Option<Look> {
    let Some(most) = host.number("/proc/sys/net/core/somaxconn") else {
        return Some(Look::warning("unknown", "net.core.somaxconn can't be read"));
    };
    let found = format!("at most {most} connections wait for a server here");
    Some(if host.wanted.concurrency.is_some_and(|wanted| u64::from(wanted) > most) {
        Look::warning(found, format!("{} connections may open at once", wanted(host)))
    } else {
        Look::ok(found)
    })
}

fn port_reuse(host: &Host) -> Option<Look> {
    // 1: for all connections, 2: for those to this host.
    Some(match host.number("/proc/sys/net/ipv4/tcp_tw_reuse") {
        Some(1) => Look::ok("for all connections"),
        Some(2) => Look::ok("for connections to this host"),
        Some(0) => Look::warning("not allowed", "net.ipv4.tcp_tw_reuse is 0"),
        _ => Look::ok("unknown"),
    })
}

/// What is looked for where the user named no number: as many as a large run on one host has.
const CONCURRENCY_USUAL: u64 = 512;
/// Files that a load generator has open besides its connections.
const DESCRIPTORS_OTHER: u64 = 64;

#[cfg(test)]
mod tests {
    use crate::testing::{Tree, check, check_host};
    use record::Level;

    #[track_caller]
    fn check_wanted(name: &str, concurrency: u32, change: impl Fn(&Tree), level: Level, text: &str) {
        let tree = Tree::healthy();
        change(&tree);
        let mut host = tree.host();
        host.wanted.concurrency = Some(concurrency);
        check_host(&host, name, level, text);
    }

    #[test]
    fn ports_for_so_many_connections() {
        check_wanted("ports", 20_000, |_| {}, Level::Ok, "28232 for");
        check_wanted("ports", 27_000, |_| {}, Level::Warning, "27000");
        check_wanted("ports", 60_000, |_| {}, Level::Missing, "60000 connections are required");
        let reserved =
            |tree: &Tree| tree.put("/proc/sys/net/ipv4/ip_local_reserved_ports", b"1-5,40000-50000\n");
        check_wanted("ports", 1, reserved, Level::Ok, "18231 for");
        let range =
            |text: &'static [u8]| move |tree: &Tree| tree.put("/proc/sys/net/ipv4/ip_local_port_range", text);
        check("ports", range(b"60999 32768"), Level::Warning, "unknown");
        check("ports", range(b"99999 999999"), Level::Warning, "unknown");
        check("ports", range(b"40000 40010"), Level::Missing, "11 for");
    }

    #[test]
    fn descriptors_for_so_many_connections() {
        check("descriptors", |_| {}, Level::Ok, "1024 open files");
        check_wanted("descriptors", 4000, |_| {}, Level::Missing, "ulimit -n 4064");
        check_wanted("descriptors", 1_000_000, |_| {}, Level::Missing, "limits.conf");
        let limits = |text: &'static [u8]| move |tree: &Tree| tree.put("/proc/self/limits", text);
        check_wanted(
            "descriptors",
            65_536,
            limits(b"Max open files unlimited unlimited files"),
            Level::Ok,
            "no limit",
        );
        check("descriptors", limits(b"Max open files -1 many files"), Level::Warning, "unknown");
    }

    #[test]
    fn tables_and_queues_of_the_kernel() {
        check("conntrack", |_| {}, Level::Ok, "no table");
        let table = |count: &'static [u8]| {
            move |tree: &Tree| {
                tree.put("/proc/sys/net/netfilter/nf_conntrack_max", b"10000");
                tree.put("/proc/sys/net/netfilter/nf_conntrack_count", count);
            }
        };
        check("conntrack", table(b"12"), Level::Ok, "12 of 10000");
        check("conntrack", table(b"6000"), Level::Warning, "half full");
        check("conntrack", table(b"9999"), Level::Missing, "do not fit");
        check("listen_queue", |_| {}, Level::Ok, "4096");
        check_wanted("listen_queue", 8000, |_| {}, Level::Warning, "8000");
        check("port_reuse", |_| {}, Level::Ok, "this host");
        check(
            "port_reuse",
            |tree| tree.put("/proc/sys/net/ipv4/tcp_tw_reuse", b"0"),
            Level::Warning,
            "not allowed",
        );
    }
}
