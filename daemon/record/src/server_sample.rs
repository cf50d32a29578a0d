//! One number of a server's Prometheus metrics, as the server reported it, with the time of the scrape.

use crate::column::columns;
use common::clock::MonoNs;

/// The metric that a scrape itself is, as Prometheus calls it: 1 if it succeeded, 0 if not.
pub const SCRAPE: &str = "up";

columns! {
    /// A scrape, or a number that is not what the scrape before found; a row of `server_metrics.parquet`.
    ServerSample {
        /// Where it was scraped.
        endpoint_url: String, Identity, None, Scraper;
        /// When the server was scraped.
        asked_ns: MonoNs, Nanoseconds, Monotonic, Scraper;
        /// When its answer was there.
        answered_ns: MonoNs, Nanoseconds, Monotonic, Scraper;
        /// The metric family's name, a counter's without `_total`; `up` for the scrape itself.
        metric_name: String, Identity, None, Server;
        /// `gauge`, `counter`, `histogram` or `unknown`.
        metric_type: String, Plain, None, Server;
        /// The server's description of the metric; of a failed scrape, why.
        description: String, Plain, None, Server;
        /// The labels as a JSON object, by name; without `le`.
        labels: String, Identity, None, Server;
        /// Which number of a histogram it is: `sum`, `count`, or the upper bound of a bucket.
        part: Option<String>, Identity, None, Server;
        /// The number; absent if the server no longer reports it.
        value: Option<f64>, Plain, None, Server;
    }
}
