//! The loop that everything runs in: one thread, one epoll, and a timer that is as fine as the clock.

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::fd::{AsFd as _, OwnedFd};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, SocketAddrUnix, SocketFlags, SocketType, acceptfrom_with, bind, listen, socket_with,
    sockopt,
};
use rustls::ServerConfig;

use crate::clock::{self, DurationNs, MonoNs};
use crate::connection::{Connection, Fate, Hangup};
use crate::fault::Fault;
use crate::jobs::Jobs;
use crate::log::{Log, LogFile, Totals};
use crate::prefix_cache::PrefixCache;
use crate::respond::Responder;
use crate::scheduler::Scheduler;
use crate::script::Script;
use crate::timers::{Timers, Token};
use crate::tls::{Handshakes, Tls};

/// The server.
#[derive(Debug)]
pub(crate) struct Server {
    listener: OwnedFd,
    unix: Option<OwnedFd>,
    tls: Option<(OwnedFd, Arc<ServerConfig>)>,
    epoll: OwnedFd,
    connections: Table,
    shared: Shared,
    address: SocketAddr,
}

/// What all connections have a hand in.
#[derive(Debug)]
pub(crate) struct Shared {
    /// The server's behaviour.
    pub(crate) script: Script,
    /// What makes the bytes.
    pub(crate) responder: Responder,
    /// What was written when.
    pub(crate) log: Log,
    /// Who has to write next.
    pub(crate) timers: Timers,
    /// Who has to wait for a slot, if requests have to.
    pub(crate) scheduler: Option<Scheduler>,
    /// Which prompts' beginnings are cached, if any are.
    pub(crate) prefix_cache: Option<PrefixCache>,
    /// When the whole server does nothing.
    pub(crate) stall: Stall,
    /// What the log cannot know.
    pub(crate) totals: Totals,
    /// How often a socket would not take all of a write.
    pub(crate) blocked_writes: u64,
    /// The connection that requested the server to quit.
    pub(crate) quit: Option<Token>,
    /// Room in which a write is put together; kept for its memory.
    pub(crate) out: Vec<u8>,
    /// What is being made.
    pub(crate) jobs: Jobs,
    /// How clients shook hands.
    pub(crate) handshakes: Handshakes,
    log_file: Option<LogFile>,
    requests: u64,
}

/// The time in which the whole server does nothing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stall {
    after_first_request: DurationNs,
    length: DurationNs,
    begin: MonoNs,
    end: MonoNs,
}

impl Server {
    /// Listens on `address`.
    pub(crate) fn listen(address: SocketAddr, shared: Shared) -> io::Result<Self> {
        let (listener, address) = listener(address)?;
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        epoll::add(&epoll, &listener, event_data(LISTENER), EventFlags::IN)?;
        let connections = Table::default();
        Ok(Self { listener, unix: None, tls: None, epoll, connections, shared, address })
    }

    /// Listens on a Unix socket too, to which any user may connect.
    pub(crate) fn listen_at(&mut self, path: &Path) -> io::Result<()> {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let listener = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
        bind(&listener, &SocketAddrUnix::new(path)?)?;
        rustix::fs::chmod(path, rustix::fs::Mode::from_raw_mode(0o666))?;
        listen(&listener, BACKLOG)?;
        epoll::add(&self.epoll, &listener, event_data(UNIX), EventFlags::IN)?;
        self.unix = Some(listener);
        Ok(())
    }

    /// Listens with TLS too, on a port that the kernel chooses; returns the address.
    pub(crate) fn listen_with(&mut self, config: Arc<ServerConfig>) -> io::Result<SocketAddr> {
        let (listener, address) = listener(SocketAddr::new(self.address.ip(), 0))?;
        epoll::add(&self.epoll, &listener, event_data(SECURE), EventFlags::IN)?;
        self.tls = Some((listener, config));
        Ok(address)
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Makes the server quit when standard input ends.
    pub(crate) fn watch_stdin(&self) -> io::Result<()> {
        epoll::add(&self.epoll, io::stdin(), event_data(STDIN), EventFlags::IN)?;
        Ok(())
    }

    /// Serves until a request to quit or a failure, then saves the log.
    pub(crate) fn run(mut self) -> io::Result<()> {
        let served = self.serve();
        // What was written until then is saved in either case.
        let saved = self.quit();
        served.and(saved)
    }

    fn serve(&mut self) -> io::Result<()> {
        let mut ready = Vec::with_capacity(READY_MAX);
        loop {
            let timeout = self.timeout().map(DurationNs::to_timespec);
            match epoll::wait(&self.epoll, spare_capacity(&mut ready), timeout.as_ref()) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            if self.shared.stall.covers(clock::now()) {
                self.shared.stall.sit_out();
            }
            let is_idle = ready.is_empty() && self.shared.next_due().is_none();
            for event in ready.drain(..) {
                let (data, flags) = (event.data, event.flags);
                match token_of(data) {
                    LISTENER | UNIX | SECURE => self.accept(token_of(data))?,
                    STDIN => {
                        if stdin_has_ended()? {
                            return Ok(());
                        }
                    }
                    token => self.on_ready(token, flags),
                }
            }
            self.fire();
            self.serve_slots();
            if self.shared.quit.is_some() {
                return Ok(());
            }
            if is_idle {
                self.shared.save_log();
            }
        }
    }

    fn timeout(&self) -> Option<DurationNs> {
        match self.shared.next_due() {
            Some(due) => Some(clock::now().until(due)),
            None if self.shared.has_unsaved_log() => Some(IDLE),
            None => None,
        }
    }

    fn fire(&mut self) {
        let now = clock::now();
        // The sockets are looked after in between, however many timers are late.
        for _ in 0..FIRE_MAX {
            let Some(token) = self.shared.timers.pop_due(now) else {
                return;
            };
            if let Some(connection) = self.connections.get(token)
                && connection.on_timer(&mut self.shared) == Fate::Dies
            {
                self.remove(token);
            }
        }
    }

    /// Begins the responses of those whose turn has come.
    fn serve_slots(&mut self) {
        if let Some(scheduler) = &mut self.shared.scheduler {
            scheduler.advance(clock::now());
        }
        while let Some(served) = self.shared.scheduler.as_mut().and_then(Scheduler::pop_served) {
            if let Some(connection) = self.connections.get(served.token)
                && connection.on_served(served, &mut self.shared) == Fate::Dies
            {
                self.remove(served.token);
            }
        }
    }

    fn on_ready(&mut self, token: Token, flags: EventFlags) {
        let Some(connection) = self.connections.get(token) else {
            return;
        };
        let gone = EventFlags::RDHUP | EventFlags::HUP | EventFlags::ERR;
        let mut fate = Fate::Lives;
        if flags.contains(EventFlags::OUT) {
            fate = connection.on_writable(&mut self.shared);
        }
        if fate == Fate::Lives && flags.intersects(EventFlags::IN | gone) {
            let hangup = if flags.intersects(gone) { Hangup::Seen } else { Hangup::None };
            fate = connection.on_readable(hangup, &mut self.shared);
        }
        if fate == Fate::Dies {
            self.remove(token);
        }
    }

    fn accept(&mut self, from: Token) -> io::Result<()> {
        loop {
            let listener = match from {
                UNIX => self.unix.as_ref(),
                SECURE => self.tls.as_ref().map(|(listener, _)| listener),
                _ => Some(&self.listener),
            };
            let Some(listener) = listener else { return Ok(()) };
            let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
            let (socket, peer) = match acceptfrom_with(listener, flags) {
                Ok(accepted) => accepted,
                Err(Errno::AGAIN) => return Ok(()),
                // The client was gone before it was accepted.
                Err(Errno::INTR | Errno::CONNABORTED) => continue,
                Err(error) => return Err(error.into()),
            };
            self.shared.totals.connections += 1;
            let number = self.shared.totals.connections;
            if self.shared.script.fault == Some(Fault::AcceptClose)
                && number.is_multiple_of(self.shared.script.fault_every)
            {
                continue;
            }
            let peer_port =
                peer.and_then(|peer| SocketAddr::try_from(peer).ok()).map_or(0, |peer| peer.port());
            let token = self.connections.reserve();
            let interest = EventFlags::IN | EventFlags::OUT | EventFlags::RDHUP | EventFlags::ET;
            epoll::add(&self.epoll, &socket, event_data(token), interest)?;
            let config = self.tls.as_ref().filter(|_| from == SECURE).map(|(_, config)| config);
            let tls = config.map(|config| Tls::new(config).map(Box::new)).transpose()?;
            self.connections.put(token, Connection::new(socket, tls, token, number, peer_port));
        }
    }

    fn remove(&mut self, token: Token) {
        if let Some(mut connection) = self.connections.take(token) {
            connection.abandon_answer(&mut self.shared);
            // The socket leaves the epoll as it is closed.
        }
    }

    /// Saves the log, then replies to the request to quit.
    fn quit(mut self) -> io::Result<()> {
        for connection in self.connections.all() {
            connection.abandon_answer(&mut self.shared);
        }
        let Shared { log, log_file, totals, quit, .. } = &mut self.shared;
        let quit_connection = *quit;
        if let Some(file) = log_file {
            file.save(log, *totals)?;
        }
        if let Some(connection) = quit_connection.and_then(|token| self.connections.get(token)) {
            connection.reply_to_quit(&mut self.shared);
        }
        Ok(())
    }
}

impl Shared {
    /// A server at its start.
    pub(crate) fn new(
        script: Script,
        responder: Responder,
        stall: Stall,
        log: Log,
        log_file: Option<LogFile>,
    ) -> Self {
        Self {
            script,
            responder,
            log,
            timers: Timers::default(),
            scheduler: None,
            prefix_cache: None,
            stall,
            totals: Totals::default(),
            blocked_writes: 0,
            quit: None,
            out: Vec::with_capacity(1 << 16),
            jobs: Jobs::default(),
            handshakes: Handshakes::default(),
            log_file,
            requests: 0,
        }
    }

    /// The number of the request that has just come.
    pub(crate) fn next_number(&mut self) -> u64 {
        self.requests += 1;
        self.requests
    }

    /// When the next write is due or the next request gets its turn, if there is any.
    fn next_due(&self) -> Option<MonoNs> {
        let of_scheduler = self.scheduler.as_ref().and_then(Scheduler::next_due);
        [self.timers.next_due(), of_scheduler].into_iter().flatten().min()
    }

    /// Adds to the log file what is new.
    pub(crate) fn save_log(&mut self) {
        if let Some(file) = &mut self.log_file
            && file.is_behind(&self.log)
            && let Err(error) = file.save(&self.log, self.totals)
        {
            complain(&format!("failed to save the log: {error}"));
        }
    }

    /// The text of `GET /metrics` at `now`.
    pub(crate) fn metrics(&mut self, now: MonoNs) -> Vec<u8> {
        let mut text = String::new();
        for (name, help, value) in [
            ("mock_requests_total", "Requests received.", self.requests),
            ("mock_requests_finished_total", "Requests that are over.", self.log.requests()),
            ("mock_events_total", "Events written for requests that are over.", self.log.events()),
            ("mock_connections_total", "Connections accepted.", self.totals.connections),
            ("mock_bytes_total", "Bytes written.", self.totals.bytes),
            ("mock_blocked_writes_total", "Writes that a socket would not take whole.", self.blocked_writes),
            ("mock_tls_full_handshakes_total", "Handshakes of strangers.", self.handshakes.full),
            ("mock_tls_resumed_handshakes_total", "Handshakes that went on.", self.handshakes.resumed),
            ("mock_tls_http11_total", "Handshakes that agreed on http/1.1.", self.handshakes.http11),
            ("mock_dropped_log_lines_total", "Requests the log had no room for.", self.log.dropped_lines()),
        ] {
            text.push_str(&format!("# HELP {name} {help}\n# TYPE {name} counter\n{name} {value}\n"));
        }
        for (name, count) in &self.handshakes.names {
            text.push_str(&format!("mock_tls_server_name_total{{name=\"{name}\"}} {count}\n"));
        }
        self.push_metrics_of_vllm(now, &mut text);
        text.into_bytes()
    }

    /// Adds what vLLM says of its queue and its prefix cache, as far as there are any, by vLLM's names.
    fn push_metrics_of_vllm(&mut self, now: MonoNs, text: &mut String) {
        let mut push = |name: &str, kind: &str, help: &str, value: u64| {
            let labels = r#"engine="0",model_name="mock-model""#;
            text.push_str(&format!(
                "# HELP vllm:{name} {help}\n# TYPE vllm:{name} {kind}\nvllm:{name}{{{labels}}} {value}.0\n"
            ));
        };
        let count = |count: usize| u64::try_from(count).expect("a count fits in 64 bits");
        if let Some(scheduler) = &mut self.scheduler {
            scheduler.advance(now);
            push("num_requests_running", "gauge", "Requests that have a slot.", count(scheduler.running()));
            push("num_requests_waiting", "gauge", "Requests that wait for one.", count(scheduler.waiting()));
        }
        if let Some(cache) = &self.prefix_cache {
            push("prefix_cache_queries_total", "counter", "Tokens of prompts.", cache.queries());
            push("prefix_cache_hits_total", "counter", "Tokens of prompts that were cached.", cache.hits());
        }
    }

    fn has_unsaved_log(&self) -> bool {
        self.log_file.as_ref().is_some_and(|file| file.is_behind(&self.log))
    }
}

impl Stall {
    /// A stall of `length` that starts `after_first_request`.
    pub(crate) fn new(after_first_request: DurationNs, length: DurationNs) -> Self {
        Self { after_first_request, length, begin: MonoNs::NEVER, end: MonoNs::NEVER }
    }

    /// Notes that a request was read at `now`; only the first one matters.
    pub(crate) fn on_request(&mut self, now: MonoNs) {
        if self.end == MonoNs::NEVER && self.length > DurationNs::ZERO {
            self.begin = now + self.after_first_request;
            self.end = self.begin + self.length;
        }
    }

    /// Whether a stall is still to come.
    #[inline]
    pub(crate) fn is_planned(&self) -> bool {
        self.begin != MonoNs::NEVER
    }

    /// Whether the server is to do nothing at `now`.
    #[inline]
    pub(crate) fn covers(&self, now: MonoNs) -> bool {
        now >= self.begin
    }

    /// Does nothing until the stall is over, and reads the clock then.
    #[cold]
    #[inline(never)]
    pub(crate) fn sit_out(&mut self) -> MonoNs {
        clock::sleep_until(self.end);
        self.begin = MonoNs::NEVER;
        clock::now()
    }
}

/// A socket that listens, and where.
fn listener(address: SocketAddr) -> io::Result<(OwnedFd, SocketAddr)> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let listener = socket_with(family, SocketType::STREAM, flags, None)?;
    sockopt::set_socket_reuseaddr(&listener, true)?;
    // The sockets that it accepts inherit this.
    sockopt::set_tcp_nodelay(&listener, true)?;
    bind(&listener, &address)?;
    listen(&listener, BACKLOG)?;
    let bound = rustix::net::getsockname(&listener)?;
    Ok((listener, SocketAddr::try_from(bound)?))
}

/// Reports to the user that something went wrong.
pub(crate) fn complain(message: &str) {
    // If standard error is closed it can't be reported.
    drop(writeln!(io::stderr(), "mock-server: {message}"));
}

/// The connections, each at a place that its token names.
#[derive(Debug, Default)]
struct Table {
    slots: Vec<Slot>,
    free: Vec<u32>,
}

#[derive(Debug, Default)]
struct Slot {
    generation: u32,
    connection: Option<Box<Connection>>,
}

impl Table {
    fn reserve(&mut self) -> Token {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot::default());
            u32::try_from(self.slots.len() - 1).expect("file descriptors are 32 bits wide")
        });
        Token { slot, generation: self.slots[index(slot)].generation }
    }

    fn put(&mut self, token: Token, connection: Connection) {
        self.slots[index(token.slot)].connection = Some(Box::new(connection));
    }

    fn get(&mut self, token: Token) -> Option<&mut Connection> {
        let slot = self.slots.get_mut(index(token.slot))?;
        slot.connection.as_deref_mut().filter(|_| slot.generation == token.generation)
    }

    fn take(&mut self, token: Token) -> Option<Box<Connection>> {
        let slot =
            self.slots.get_mut(index(token.slot)).filter(|slot| slot.generation == token.generation)?;
        let connection = slot.connection.take()?;
        slot.generation = slot.generation.wrapping_add(1);
        self.free.push(token.slot);
        Some(connection)
    }

    fn all(&mut self) -> impl Iterator<Item = &mut Connection> {
        self.slots.iter_mut().filter_map(|slot| slot.connection.as_deref_mut())
    }
}

fn index(slot: u32) -> usize {
    usize::try_from(slot).expect("pointers are at least 32 bits wide")
}

fn event_data(token: Token) -> EventData {
    EventData::new_u64(u64::from(token.slot) | (u64::from(token.generation) << u32::BITS))
}

fn token_of(data: EventData) -> Token {
    let bits = data.u64();
    let half = |bits: u64| u32::try_from(bits & u64::from(u32::MAX)).expect("half of 64 bits is 32 bits");
    Token { slot: half(bits), generation: half(bits >> u32::BITS) }
}

fn stdin_has_ended() -> io::Result<bool> {
    let mut scratch = [0; 256];
    match rustix::io::read(io::stdin().as_fd(), &mut scratch) {
        Ok(count) => Ok(count == 0),
        Err(Errno::INTR | Errno::AGAIN) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

const LISTENER: Token = Token { slot: u32::MAX, generation: 0 };

const STDIN: Token = Token { slot: u32::MAX, generation: 1 };

const UNIX: Token = Token { slot: u32::MAX, generation: 2 };

const SECURE: Token = Token { slot: u32::MAX, generation: 3 };

/// Clients that may wait to be accepted.
const BACKLOG: i32 = 4096;

/// The most sockets that are looked after in one turn.
const READY_MAX: usize = 1024;

/// The most timers that fire in one turn.
const FIRE_MAX: usize = 256;

/// How long nothing happens before the log is saved unasked.
const IDLE: DurationNs = DurationNs::from_millis(1000);
