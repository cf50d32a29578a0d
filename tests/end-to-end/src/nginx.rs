//! nginx as a TLS proxy in front of the scripted server, with a certificate created for the test.

use crate::server::Server;
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// A proxy, stopped on drop.
#[derive(Debug)]
pub struct Nginx {
    process: Child,
    folder: TempDir,
    port: u16,
}

impl Nginx {
    /// Starts one.
    ///
    /// # Panics
    /// When nginx is not installed (`cargo xtask setup` installs it), or does not start.
    #[must_use]
    pub fn before(server: &Server) -> Self {
        let folder = crate::certificate::made();
        // The port is free again when nginx binds it; no other test uses this range meanwhile.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        fs::write(folder.path().join("nginx.conf"), configuration(port, server)).unwrap();
        let process = Command::new("nginx")
            .arg("-p")
            .arg(folder.path())
            .args(["-c", "nginx.conf"])
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("nginx is installed: `cargo xtask setup` does it");
        let nginx = Self { process, folder, port };
        crate::patience::until("nginx to listen", || TcpStream::connect(("127.0.0.1", port)).ok());
        nginx
    }

    /// Its address.
    #[must_use]
    pub fn address(&self) -> (&'static str, u16) {
        ("127.0.0.1", self.port)
    }

    /// Its base URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("https://localhost:{}", self.port)
    }

    /// A base URL below which it buffers responses, which is its default.
    #[must_use]
    pub fn buffering_url(&self) -> String {
        format!("{}/buffered", self.url())
    }

    /// The file with the authority that signed its certificate.
    #[must_use]
    pub fn authority(&self) -> String {
        self.folder.path().join("authority.pem").display().to_string()
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // A graceful SIGQUIT is not necessary: only the directory is left behind, and it is removed too.
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

fn configuration(port: u16, server: &Server) -> String {
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
    let temporary = temporary.map(|what| format!("{what}_temp_path {what};")).join(" ");
    format!(
        "daemon off; master_process off; pid pid; error_log error.log;
events {{ worker_connections 1024; }}
http {{ access_log off; {temporary} keepalive_requests 100000;
  upstream scripted {{ server {}; keepalive 64; }}
  server {{ listen 127.0.0.1:{port} ssl; ssl_certificate certificate.pem; ssl_certificate_key key.pem;
    location / {{ proxy_pass http://scripted; proxy_http_version 1.1; proxy_set_header Connection \"\";
      proxy_buffering off; }}
    location /buffered/ {{ proxy_pass http://scripted/; proxy_http_version 1.1; proxy_set_header Connection \"\"; }} }} }}
",
        server.address
    )
}
