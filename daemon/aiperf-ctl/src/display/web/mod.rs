//! `--web`: a page that shows what is going on, filled by server-sent events.
//!
//! ```text
//! Now ──▶ page.rs  parts ──▶ GET /events   each client its own stream: once a second the parts that have changed
//!                            GET /         the frame, with the only script that its policy allows
//!                            GET /now.json what is going on, as data
//! ```
//!
//! It only reads. On a loopback address everyone on this host may look; elsewhere a token is needed, which the address that is printed
//! carries. A client that reads slowly misses events, which costs the run nothing: each of them says how many it missed.

mod page;

use super::Shared;
use crate::local_http::{Answer, Events, Site, is_for_us, not_for_us, of_type, plain, serve};
use crate::plan::Refusal;
use crate::terminal::{print_note, print_progress};
use anyhow::{Context, Result};
use export::LivePage;
use hyper::body::Incoming;
use hyper::header::HeaderValue;
use hyper::{Method, Request, StatusCode};
use sha2::{Digest, Sha256};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;

/// A page that is served until it is closed.
pub(super) struct Web {
    over: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
    /// Whether its address has a token, which is printed and nowhere else.
    pub(super) has_token: bool,
}

impl Web {
    /// Serves what is going on at an address, or at the usual one.
    ///
    /// # Errors
    /// When the address cannot be listened on.
    pub(super) fn open(address: Option<SocketAddr>, now: &Shared) -> Result<Self> {
        let listener = listen(address)?;
        let own = listener.local_addr()?;
        let token = (!own.ip().is_loopback()).then(token).transpose()?;
        let query = token.as_ref().map(|token| format!("?token={token}")).unwrap_or_default();
        let line = format!("live page: http://{}/{query}", reachable(own));
        // A token is no message: those are on pages and in files.
        if query.is_empty() {
            print_note(&line)
        } else {
            print_progress(&line)
        }
        let (over, is_over) = watch::channel(false);
        let has_token = token.is_some();
        let site = Arc::new(Pages {
            own: own.ip(),
            token: token.map(|token| Sha256::digest(token).into()),
            page: PageText::new(),
            events: Events::new(is_over.clone(), filled(now)),
            now: now.clone(),
        });
        // On a thread of its own: the command may be within another one.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let serving = move || {
            runtime.block_on(async {
                let Ok(listener) = TcpListener::from_std(listener) else { return };
                let mut over = is_over;
                let events = Arc::clone(&site.events);
                let serving = tokio::spawn(serve(listener, site));
                // The other end is there until the command ends.
                over.wait_for(|is_over| *is_over).await.ok();
                tokio::time::timeout(LAST_PATIENCE, events.all_closed()).await.ok();
                // What was passed on is also written.
                tokio::time::sleep(WRITE_PATIENCE).await;
                serving.abort();
            });
        };
        let thread = std::thread::Builder::new().name("web".to_owned()).spawn(serving);
        Ok(Self { over, thread: Some(thread.context("failed to start a thread")?), has_token })
    }
}

impl Drop for Web {
    fn drop(&mut self) {
        self.over.send_replace(true);
        if let Some(thread) = self.thread.take() {
            // A page that failed is no reason for the command to.
            thread.join().ok();
        }
    }
}

/// A socket at the address, or at the usual one; if that is used by another command, at any port.
fn listen(address: Option<SocketAddr>) -> Result<std::net::TcpListener> {
    let listener = bound(address)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

fn bound(address: Option<SocketAddr>) -> Result<std::net::TcpListener> {
    if let Some(address) = address {
        let listener = std::net::TcpListener::bind(address);
        let why = |error| {
            format!(
                "--web: failed to listen on `{address}`: {error}; without an address a free port is taken"
            )
        };
        return listener.map_err(|error| Refusal(why(error)).into());
    }
    let host = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let usual = std::net::TcpListener::bind((host, USUAL_PORT));
    let listener = usual.or_else(|_used| std::net::TcpListener::bind((host, 0)));
    listener.context("--web: failed to listen on a loopback address")
}

/// An address that others can open: one that is every address of this host goes by the host's name.
fn reachable(own: SocketAddr) -> String {
    if !own.ip().is_unspecified() {
        return own.to_string();
    }
    let host = rustix::system::uname();
    format!("{}:{}", store::visible(&host.nodename().to_string_lossy()), own.port())
}

/// A token that nobody can guess.
fn token() -> Result<String> {
    let mut bytes = [0; 16];
    rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty())
        .context("--web: no random numbers")?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// What is served.
struct Pages {
    own: IpAddr,
    /// The digest of the token, if one is needed.
    token: Option<[u8; 32]>,
    page: PageText,
    now: Shared,
    events: Arc<Events>,
}

/// What fills the parts of a page.
fn filled(now: &Shared) -> impl Fn() -> Vec<(&'static str, String)> + Send + Sync + 'static {
    let now = now.clone();
    move || {
        let current = now.lock().clone();
        page::parts(&current)
    }
}

/// The page, and the policy that it is sent with: that of its head.
struct PageText(String);

impl PageText {
    fn new() -> Self {
        Self(LivePage { title: "aiperf-ctl", parts: page::PARTS }.html())
    }
}

impl Site for Pages {
    // A page must see the end of the run.
    const LIFE_MAX: Option<Duration> = None;

    fn respond(&self, request: &Request<Incoming>) -> Answer {
        // A page elsewhere has no token, whatever its name resolves to.
        if self.token.is_none() && !is_for_us(request, self.own) {
            return not_for_us();
        }
        if request.method() != Method::GET {
            return plain(StatusCode::METHOD_NOT_ALLOWED, "only GET");
        }
        if let Some(entered) = self.entered(request) {
            return entered;
        }
        match request.uri().path() {
            "/" => of_type("text/html; charset=utf-8", self.page.0.clone()),
            "/events" => self.events.answer(),
            "/now.json" => match serde_json::to_vec(&*self.now.lock()) {
                Ok(json) => of_type("application/json", json),
                Err(error) => plain(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
            },
            _ => plain(StatusCode::NOT_FOUND, "available paths: /, /events and /now.json"),
        }
    }
}

impl Pages {
    /// The response to a client that must show its token first, or has just shown it.
    fn entered(&self, request: &Request<Incoming>) -> Option<Answer> {
        let token = self.token.as_ref()?;
        let is_it = |shown: &str| <[u8; 32]>::from(Sha256::digest(shown)) == *token;
        let query = request.uri().query().unwrap_or_default();
        if let Some(shown) =
            query.split('&').find_map(|pair| pair.strip_prefix("token=")).filter(|shown| is_it(shown))
        {
            let mut answer = plain(StatusCode::SEE_OTHER, "");
            let cookie = format!("{COOKIE}={shown}; HttpOnly; SameSite=Strict; Path=/");
            answer.headers_mut().insert("set-cookie", HeaderValue::from_str(&cookie).ok()?);
            answer.headers_mut().insert("location", HeaderValue::from_static("/"));
            return Some(answer);
        }
        let cookies = request.headers().get_all("cookie").iter().filter_map(|cookies| cookies.to_str().ok());
        let mut shown = cookies.flat_map(|cookies| cookies.split(';')).filter_map(|cookie| {
            let (name, value) = cookie.trim().split_once('=')?;
            (name == COOKIE).then_some(value)
        });
        let is_known = shown.any(is_it);
        (!is_known).then(|| {
            plain(StatusCode::UNAUTHORIZED, "open the address that aiperf-ctl printed: it has a token")
        })
    }
}

const COOKIE: &str = "aiperf_token";
/// The port of a page whose address was not given.
const USUAL_PORT: u16 = 8050;
/// How long the command waits for pages to receive its end.
const LAST_PATIENCE: Duration = Duration::from_millis(300);
const WRITE_PATIENCE: Duration = Duration::from_millis(20);
