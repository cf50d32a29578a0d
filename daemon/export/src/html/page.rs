//! The frame of a page: its style, a policy that allows nothing else, its head and its foot.

use super::sections::text;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use picture::Theme;
use sha2::{Digest, Sha256};

/// A page.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Page<'a> {
    /// What it is of; foreign text.
    pub(super) title: &'a str,
    /// What was measured; foreign text.
    pub(super) subtitle: &'a str,
    /// Its HTML.
    pub(super) body: &'a str,
    /// The script that it has; empty for none.
    pub(super) script: &'a str,
    /// Whether its script reads from the server that it came from.
    pub(super) is_live: bool,
    /// The digest of the data that it was made from; empty for none.
    pub(super) digest: &'a str,
}

/// The page as HTML. Its policy forbids other scripts, other styles and the network.
pub(super) fn page(Page { title, subtitle, body, script, is_live, digest }: &Page<'_>) -> String {
    let (light, dark) = (Theme::Light.properties(), Theme::Dark.properties());
    let style = format!(
        ":root{{{light}}}\n@media (prefers-color-scheme:dark){{:root{{{dark}}}}}\n@media print{{:root{{{light}}}}}\n{STYLE}"
    );
    let version = env!("CARGO_PKG_VERSION");
    let hash = |of: &str| BASE64.encode(Sha256::digest(of));
    let mut policy = format!("default-src 'none'; style-src 'sha256-{}'", hash(&style));
    if !script.is_empty() {
        policy.push_str(&format!("; script-src 'sha256-{}'", hash(script)));
    }
    if *is_live {
        policy.push_str("; connect-src 'self'");
    }
    let script = if script.is_empty() { String::new() } else { format!("<script>{script}</script>\n") };
    let digest = text(digest);
    let digest = if digest.is_empty() {
        String::new()
    } else {
        format!("<footer data-sha256=\"{digest}\">aiperfd {version} · data {digest}</footer>\n")
    };
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{title}</title>\n\
         <style>{style}</style>\n</head>\n<body>\n<main>\n<header>\n<h1>{title}</h1>\n<p class=\"muted\">{subtitle}</p>\n</header>\n\
         {body}{digest}</main>\n{script}</body>\n</html>\n",
        title = text(title),
        subtitle = text(subtitle),
    )
}

const STYLE: &str = include_str!("style.css");
