//! Keys that must not be stored, wherever a server echoes them: in an error's message, in a header, in a body.

use aho_corasick::{AhoCorasick, MatchKind};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use spec::handshake::Setup;
use spec::url::is_key;
use std::borrow::Cow;
use std::collections::BTreeSet;

/// What must not be stored, in every form in which it may be echoed.
#[derive(Clone, Debug, Default)]
pub struct Secrets {
    finder: Option<AhoCorasick>,
    /// Bytes of the longest form.
    longest: usize,
    /// Whether there are secrets that are not known any more: then nothing of an error response is stored.
    are_forgotten: bool,
}

impl Secrets {
    /// The keys of a set-up: values of the user's own headers, and of queries that hold a key.
    #[must_use]
    pub fn of(setup: &Setup) -> Self {
        let headers = setup.secret_headers.iter();
        let headers =
            headers.filter(|(name, _)| !OPEN_HEADERS.iter().any(|open| name.eq_ignore_ascii_case(open)));
        let urls = setup.addresses.iter().map(|(url, _)| url.as_str());
        let urls = urls.chain(setup.plan.endpoint.urls.iter().map(String::as_str));
        let urls = urls.chain(setup.plan.endpoint.path.as_deref());
        let values = headers.flat_map(|(_, value)| of_header(value)).chain(urls.flat_map(of_query));
        let mut secrets = Self::known(values);
        secrets.are_forgotten = setup.replay && !setup.plan.endpoint.header_names.is_empty();
        secrets
    }

    /// These values, in every form.
    #[must_use]
    pub fn known(values: impl IntoIterator<Item = String>) -> Self {
        let values = values.into_iter().filter(|value| value.len() >= LEAST).collect::<BTreeSet<_>>();
        let forms = values.iter().flat_map(|value| forms(value)).collect::<BTreeSet<_>>();
        let longest = forms.iter().map(Vec::len).max().unwrap_or(0);
        let builder = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .match_kind(MatchKind::LeftmostLongest)
            .build(forms);
        // Without forms there is nothing to be found; their number is far below the finder's limit.
        Self { finder: builder.ok().filter(|_| longest > 0), longest, are_forgotten: false }
    }

    /// Whether the text of error responses must not be stored at all.
    #[must_use]
    pub const fn are_forgotten(&self) -> bool {
        self.are_forgotten
    }

    /// Bytes of the longest form: as much more must be there where a text is cut off.
    #[must_use]
    pub const fn longest(&self) -> usize {
        self.longest
    }

    /// The bytes, with each secret replaced.
    #[must_use]
    pub fn redacted<'a>(&self, bytes: &'a [u8]) -> Cow<'a, [u8]> {
        self.redacted_up_to(bytes, bytes.len())
    }

    /// The first `most` bytes, with each secret that starts in them replaced; it may end beyond them.
    #[must_use]
    pub fn redacted_up_to<'a>(&self, bytes: &'a [u8], most: usize) -> Cow<'a, [u8]> {
        let most = most.min(bytes.len());
        let whole = &bytes[..most];
        let Some(finder) = self.finder.as_ref().filter(|finder| finder.is_match(bytes)) else {
            return Cow::Borrowed(whole);
        };
        let mut redacted = Vec::with_capacity(most);
        let mut place = 0;
        for found in finder.find_iter(bytes).take_while(|found| found.start() < most) {
            redacted.extend_from_slice(&bytes[place..found.start()]);
            redacted.extend_from_slice(REDACTED);
            place = found.end();
        }
        redacted.extend_from_slice(whole.get(place..).unwrap_or_default());
        Cow::Owned(redacted)
    }

    /// The text, with each secret replaced.
    #[must_use]
    pub fn redacted_text(&self, text: String) -> String {
        match self.redacted(text.as_bytes()) {
            Cow::Borrowed(_) => text,
            Cow::Owned(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        }
    }
}

/// The value of a header, what follows its scheme, and of `Basic` the name and the password.
fn of_header(value: &str) -> Vec<String> {
    let mut values = vec![value.to_owned()];
    let Some((scheme, rest)) = value.trim().split_once(' ') else { return values };
    let rest = rest.trim();
    values.push(rest.to_owned());
    if scheme.eq_ignore_ascii_case("basic")
        && let Ok(decoded) = STANDARD.decode(rest)
    {
        let decoded = String::from_utf8_lossy(&decoded).into_owned();
        values.extend(decoded.split_once(':').map(|(_, password)| password.to_owned()));
        values.push(decoded);
    }
    values
}

/// Values in the query of a URL that look like keys, as written there and decoded.
fn of_query(url: &str) -> Vec<String> {
    let query = url.split_once('?').map_or("", |(_, query)| query);
    let query = query.split('#').next().unwrap_or_default();
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs
        .filter(|(name, value)| is_key(name, value))
        .flat_map(|(_, value)| [value.to_owned(), percent_decoded(value)])
        .collect()
}

/// Every form in which a server may echo a value.
fn forms(value: &str) -> Vec<Vec<u8>> {
    let bytes = value.as_bytes();
    let escaped = serde_json::to_string(value).unwrap_or_default();
    let escaped = escaped.trim_matches('"').to_owned();
    let unicode = value.chars().map(json_escaped).collect::<String>();
    let html = value.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;");
    let hex = bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let mut forms = vec![value.to_owned(), escaped.replace('/', "\\/"), escaped, unicode, html, hex];
    forms.extend([b"-_.~".as_slice(), b"", b"-_.~/+=", b"-_.*"].map(|open| percent_encoded(bytes, open)));
    forms.push(percent_encoded(bytes, b"-_.* ").replace(' ', "+"));
    let mut forms = forms.into_iter().map(String::into_bytes).collect::<Vec<_>>();
    for engine in [STANDARD, URL_SAFE] {
        // At any offset: three bytes are four characters, those at both ends depend on their neighbours.
        for before in 0..3 {
            let encoded = engine.encode([&vec![0; before], bytes].concat());
            let begin = (before * 8).div_ceil(6);
            let end = (before + bytes.len()) * 8 / 6;
            forms.extend(encoded.as_bytes().get(begin..end).map(<[u8]>::to_vec));
        }
    }
    forms.retain(|form| form.len() >= LEAST);
    forms
}

/// Everything but letters and digits as JSON may write it.
fn json_escaped(letter: char) -> String {
    if letter.is_ascii_alphanumeric() {
        return letter.to_string();
    }
    let mut units = [0; 2];
    letter.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")).collect()
}

fn percent_encoded(bytes: &[u8], open: &[u8]) -> String {
    let encoded = |byte: &u8| {
        if byte.is_ascii_alphanumeric() || open.contains(byte) {
            char::from(*byte).to_string()
        } else {
            format!("%{byte:02X}")
        }
    };
    bytes.iter().map(encoded).collect()
}

fn percent_decoded(text: &str) -> String {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, later)) = rest.split_first() {
        let pair = later.get(..2).and_then(|pair| std::str::from_utf8(pair).ok());
        let value = pair.filter(|_| *first == b'%').and_then(|pair| u8::from_str_radix(pair, 16).ok());
        decoded.push(value.unwrap_or(*first));
        rest = if value.is_some() { &later[2..] } else { later };
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

/// Replaces a secret.
const REDACTED: &[u8] = b"[redacted]";
/// Shorter values would be found in every text.
const LEAST: usize = 8;
/// Headers whose values are no secret.
const OPEN_HEADERS: &[&str] = &[
    "accept",
    "accept-encoding",
    "accept-language",
    "cache-control",
    "connection",
    "content-type",
    "user-agent",
];

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use spec::Plan;
    use std::collections::BTreeMap;

    /// A set-up without anything.
    pub(crate) fn setup() -> Setup {
        Setup {
            plan: Plan::unknown(),
            secret_headers: BTreeMap::new(),
            addresses: Vec::new(),
            run_number: 0,
            cpus: Vec::new(),
            ring_bytes: 0,
            socket_stamps: false,
            keep_raw: false,
            inputs: Vec::new(),
            replay: false,
            own_user: false,
        }
    }

    const KEY: &str = "sk-Ab/9+=x%z\"é-0123";

    fn check(secrets: &Secrets, text: &str, expected: &str) {
        let redacted = secrets.redacted(text.as_bytes());
        assert_eq!(String::from_utf8_lossy(&redacted), expected, "{text}");
    }

    #[test]
    fn a_key_is_found_in_every_form() {
        let secrets = Secrets::known(of_header(&format!("Bearer {KEY}")));
        check(&secrets, &format!("no such key: {KEY}!"), "no such key: [redacted]!");
        check(&secrets, &format!("Authorization: Bearer {KEY}"), "Authorization: [redacted]");
        check(&secrets, &serde_json::json!({ "key": KEY }).to_string(), r#"{"key":"[redacted]"}"#);
        check(&secrets, &KEY.to_ascii_uppercase(), "[redacted]");
        for open in [b"-_.~".as_slice(), b"", b"-_.~/+=", b"-_.*"] {
            check(&secrets, &format!("/x?k={}", percent_encoded(KEY.as_bytes(), open)), "/x?k=[redacted]");
        }
        for before in ["", "a", "ab", "abc", "user:"] {
            for engine in [STANDARD, URL_SAFE] {
                let echoed = engine.encode(format!("{before}{KEY}{before}"));
                let redacted = secrets.redacted_text(echoed.clone());
                assert!(
                    redacted.contains("[redacted]") && redacted.len() < before.len() * 4 + 18,
                    "{redacted}"
                );
            }
        }
        let hex = KEY.bytes().map(|byte| format!("{byte:02X}")).collect::<String>();
        check(&secrets, &hex, "[redacted]");
    }

    #[test]
    fn keys_of_a_set_up_are_secrets() {
        let mut setup = setup();
        setup.secret_headers.insert("Authorization".to_owned(), "Bearer abcdefghij".to_owned());
        setup.secret_headers.insert("Accept".to_owned(), "text/event-stream".to_owned());
        setup
            .addresses
            .push(("http://h/v1?subscription-key=klmnopqrst".to_owned(), "127.0.0.1:1".to_owned()));
        let secrets = Secrets::of(&setup);
        check(&secrets, "abcdefghij klmnopqrst text/event-stream", "[redacted] [redacted] text/event-stream");
    }

    #[test]
    fn a_password_is_a_secret_of_its_own() {
        let basic = format!("Basic {}", STANDARD.encode("user:correct horse"));
        let secrets = Secrets::known(of_header(&basic));
        check(&secrets, "user: correct horse", "user: [redacted]");
    }

    #[test]
    fn what_is_no_key_stays() {
        let secrets = Secrets::known(["short".to_owned(), String::new()]);
        check(&secrets, "short, in short", "short, in short");
        assert!(of_query("http://h/v1?api-version=2024-02-01").is_empty(), "a version is no key");
        assert_eq!(
            of_query("http://h/v1?api-key=a%2Fb&x=1#y"),
            ["a%2Fb", "a/b"],
            "a key, as written and decoded"
        );
    }

    #[test]
    fn a_text_is_cut_off_before_a_key_is() {
        let secrets = Secrets::known(["0123456789".to_owned()]);
        let text = b"abc0123456789def";
        assert_eq!(&*secrets.redacted_up_to(text, 5), b"abc[redacted]", "no part of it is left");
        assert_eq!(&*secrets.redacted_up_to(text, 14), b"abc[redacted]d", "the rest follows");
        assert_eq!(&*secrets.redacted_up_to(text, 3), b"abc", "what starts later is not there");
    }
}
