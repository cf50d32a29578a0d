//! URLs as they may be stored and shown: without user names, and without keys in their queries.

/// A URL, with or without its scheme, in which user name, password and keys are replaced.
#[must_use]
pub fn shown(url: &str) -> String {
    let (scheme, rest) = match url.split_once("://") {
        Some((scheme, rest)) => (format!("{scheme}://"), rest),
        None => (String::new(), url),
    };
    let (authority, rest) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let authority = match authority.rsplit_once('@') {
        Some((_, host)) if !scheme.is_empty() => format!("{HIDDEN_USER}@{host}"),
        _ => authority.to_string(),
    };
    let Some((path, query)) = rest.split_once('?') else { return format!("{scheme}{authority}{rest}") };
    let (query, fragment) = query.split_at(query.find('#').unwrap_or(query.len()));
    let pairs = query.split('&').map(|pair| match pair.split_once('=') {
        Some((name, value)) if is_key(name, value) => format!("{name}={HIDDEN}"),
        _ => pair.to_string(),
    });
    format!("{scheme}{authority}{path}?{}{fragment}", pairs.collect::<Vec<_>>().join("&"))
}

/// Splits the pairs of a query that hold keys from a path: what is left, and the keys.
#[must_use]
pub fn without_keys(path: &str) -> (String, Vec<String>) {
    let Some((path, query)) = path.split_once('?') else { return (path.to_string(), Vec::new()) };
    let pairs = query.split('&').map(ToString::to_string);
    let (keys, others): (Vec<_>, Vec<_>) =
        pairs.partition(|pair| pair.split_once('=').is_some_and(|(name, value)| is_key(name, value)));
    let mark = if others.is_empty() { "" } else { "?" };
    (format!("{path}{mark}{}", others.join("&")), keys)
}

/// Whether a pair of a query is a key: by its name, or because its value looks drawn.
#[must_use]
pub fn is_key(name: &str, value: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let has = |test: fn(&u8) -> bool| value.as_bytes().iter().any(test);
    let is_drawn = value.len() >= DRAWN_BYTES_MIN && has(u8::is_ascii_digit) && has(u8::is_ascii_alphabetic);
    !value.is_empty()
        && (KEY_NAMES.contains(&name.as_str())
            || KEY_WORDS.iter().any(|word| name.contains(word))
            || is_drawn)
}

const HIDDEN: &str = "[redacted]";
const HIDDEN_USER: &str = "<redacted>";
const KEY_NAMES: &[&str] = &["code", "sig", "pwd"];
const KEY_WORDS: &[&str] = &["key", "token", "secret", "signature", "auth", "passw", "credential"];
const DRAWN_BYTES_MIN: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_not_shown() {
        for (url, expected) in [
            ("http://h:1/v1", "http://h:1/v1"),
            ("http://u:p@h:1/v1", "http://<redacted>@h:1/v1"),
            ("http://h/a@b", "http://h/a@b"),
            ("https://h?api-key=hush", "https://h?api-key=[redacted]"),
            (
                "h:8000/v1?api-version=2024-02-01&api_key=hush&x",
                "h:8000/v1?api-version=2024-02-01&api_key=[redacted]&x",
            ),
            ("http://u@h/x?sig=hush#top?token=a", "http://<redacted>@h/x?sig=[redacted]#top?token=a"),
            ("http://h?q=abcdefghij0123456789", "http://h?q=[redacted]"),
            ("http://h?token=", "http://h?token="),
            ("a b", "a b"),
        ] {
            assert_eq!(shown(url), expected, "{url}");
        }
        let taken = without_keys("/v1/x?api-version=1&api-key=hush");
        assert_eq!(taken, ("/v1/x?api-version=1".into(), vec!["api-key=hush".into()]), "of a path");
        assert_eq!(without_keys("/x?key=a"), ("/x".into(), vec!["key=a".into()]), "all of it");
    }
}
