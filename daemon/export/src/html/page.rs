//! The frame of a page: its style, a policy that allows nothing else, its head and its foot.

use super::sections::text;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use picture::Theme;
use sha2::{Digest, Sha256};

/// A page.
#[derive(Clone, Copy, Debug)]
pub(super) struct Page<'a> {
    /// What it is of; foreign text.
    pub(super) title: &'a str,
    /// What was measured; foreign text.
    pub(super) subtitle: &'a str,
    /// Its HTML.
    pub(super) body: &'a str,
    /// The digest of the data that it was made from.
    pub(super) digest: &'a str,
}

/// The page as HTML. Its policy forbids scripts, other styles and the network.
pub(super) fn page(Page { title, subtitle, body, digest }: &Page<'_>) -> String {
    let (light, dark) = (Theme::Light.properties(), Theme::Dark.properties());
    let style = format!(
        ":root{{{light}}}\n@media (prefers-color-scheme:dark){{:root{{{dark}}}}}\n@media print{{:root{{{light}}}}}\n{STYLE}"
    );
    let policy = format!("default-src 'none'; style-src 'sha256-{}'", BASE64.encode(Sha256::digest(&style)));
    let version = env!("CARGO_PKG_VERSION");
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{title}</title>\n\
         <style>{style}</style>\n</head>\n<body>\n<main>\n<header>\n<h1>{title}</h1>\n<p class=\"muted\">{subtitle}</p>\n</header>\n\
         {body}<footer data-sha256=\"{digest}\">aiperfd {version} · data {digest}</footer>\n</main>\n</body>\n</html>\n",
        title = text(title),
        subtitle = text(subtitle),
        digest = text(digest),
    )
}

const STYLE: &str = include_str!("style.css");
