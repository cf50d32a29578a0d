//! Tests that proxies in the environment are not used, neither by the load nor by other requests and exports.

use end_to_end::client::Run;
use end_to_end::collector::Collector;
use end_to_end::needs_programs;
use end_to_end::server::Server;
use std::net::TcpListener;

#[test]
fn nothing_is_sent_through_a_proxy() {
    needs_programs!();
    let server = Server::start("");
    let collector = Collector::start("200 OK");
    let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
    proxy.set_nonblocking(true).unwrap();
    for address in [format!("http://{}", proxy.local_addr().unwrap()), "no address at all".to_owned()] {
        let flags = "--concurrency 1 --request-count 3 --wait-for-model-timeout 5 --wait-for-model-mode both --stream default";
        let mut run = Run::profile(&server.url(), flags);
        run.command.args(["--otel-url", &collector.address()]);
        for name in ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"] {
            run.command.env(name, &address);
        }
        let ended = run.end();
        ended.ended_with(0);
        assert!(!ended.err.contains("exports"), "every export arrived: {}", ended.err);
        assert!(proxy.accept().is_err(), "no client connected to the proxy");
    }
    assert!(!collector.resource().is_empty(), "the collector received exports");
}
