//! Measures how long a server takes to accept a connection, in intervals: one network round trip, as AIPerf measures it.

use common::clock::{DurationNs, MonoNs, RealNs};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// The server, the interval, and the clocks.
#[derive(Clone, Copy, Debug)]
pub struct Pinging {
    /// The server.
    pub address: SocketAddr,
    /// The interval between two pings.
    pub interval: Duration,
    /// The clock that measures a round trip.
    pub now: fn() -> MonoNs,
    /// The wall clock.
    pub date: fn() -> RealNs,
}

/// One ping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ping {
    /// When it was started.
    pub at: RealNs,
    /// The duration of the connect, or why it failed.
    pub round_trip: Result<DurationNs, String>,
}

/// A running series of pings.
#[derive(Debug)]
pub struct Pinger {
    stop: Sender<()>,
    thread: JoinHandle<Vec<Ping>>,
}

impl Pinger {
    /// Starts pinging.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn start(pinging: Pinging) -> std::io::Result<Self> {
        let (stop, stopped) = channel();
        let thread = std::thread::Builder::new().name("ping".to_owned());
        Ok(Self { stop, thread: thread.spawn(move || pinging.run(&stopped))? })
    }

    /// Pings until there are enough successes for a mean, or a timeout; returns all pings.
    #[must_use]
    pub fn finish(self) -> Vec<Ping> {
        drop(self.stop);
        self.thread.join().unwrap_or_default()
    }
}

impl Pinging {
    fn run(self, stopped: &Receiver<()>) -> Vec<Ping> {
        let mut pings = vec![self.ping()];
        while stopped.recv_timeout(self.interval) == Err(RecvTimeoutError::Timeout) {
            pings.push(self.ping());
        }
        let start = (self.now)();
        for _ in 0..2 * ENOUGH {
            let successes = pings.iter().filter(|ping| ping.round_trip.is_ok()).count();
            if successes >= ENOUGH || (self.now)() - start > PATIENCE {
                break;
            }
            pings.push(self.ping());
        }
        pings
    }

    fn ping(&self) -> Ping {
        let at = (self.date)();
        let start = (self.now)();
        let connected = TcpStream::connect_timeout(&self.address, CONNECT_PATIENCE);
        let taken = (self.now)() - start;
        Ping { at, round_trip: connected.map(|_| taken).map_err(|error| error.to_string()) }
    }
}

/// AIPerf's minimum number of successes.
const ENOUGH: usize = 5;
/// How long to wait for them after the run has ended.
const PATIENCE: DurationNs = DurationNs::from_millis(3000);
const CONNECT_PATIENCE: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;
    use std::sync::atomic::{AtomicU64, Ordering};

    static TIME: AtomicU64 = AtomicU64::new(0);

    fn tick() -> MonoNs {
        MonoNs(TIME.fetch_add(1, Ordering::Relaxed))
    }

    fn pings(address: SocketAddr) -> Vec<Ping> {
        let interval = Duration::from_secs(3600);
        Pinger::start(Pinging { address, interval, now: tick, date: || RealNs(7) }).unwrap().finish()
    }

    #[test]
    fn there_are_enough_pings_for_a_mean() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let pings = pings(listener.local_addr().unwrap());
        assert_eq!(pings.len(), ENOUGH, "however short the run was");
        assert!(pings.iter().all(|ping| ping.at == RealNs(7) && ping.round_trip.is_ok()), "{pings:?}");
    }

    #[test]
    fn an_unreachable_server_is_reported() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let pings = pings(address);
        assert_eq!(pings.len(), 1 + 2 * ENOUGH, "retried, but only until the timeout");
        assert!(pings.iter().all(|ping| ping.round_trip.is_err()), "{pings:?}");
    }
}
