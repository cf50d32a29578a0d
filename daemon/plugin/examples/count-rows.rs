//! A plugin in Rust: a stream exporter that counts rows, and writes at the end how many it was given and how many were dropped.
//!
//! `aiperf-ctl profile … --plugin target/debug/examples/count-rows={"arrow": true}`

use aiperfd_plugin::message::{Encoding, Open, Opened, Rows};
use aiperfd_plugin::{Component, Failure, Made, Offer, serve};
use serde_json::{Value, json};
use std::path::PathBuf;

/// Counts rows.
struct Counting {
    encoding: Encoding,
    rows: u64,
    bytes: u64,
    file: PathBuf,
}

fn open(open: &Open) -> Result<Made, Failure> {
    let is_arrow = open.config.get("arrow") == Some(&Value::Bool(true));
    let encoding = if is_arrow { Encoding::Arrow } else { Encoding::Json };
    let methods = ["rows", "finish"].map(|verb| format!("stream_exporter.{verb}")).to_vec();
    let file = PathBuf::from(&open.directory).join("counted.json");
    let counting = Counting { encoding, rows: 0, bytes: 0, file };
    Ok((Opened { handle: 0, kind: None, methods, rows: encoding }, Box::new(counting)))
}

impl Component for Counting {
    fn call(&mut self, method: &str, params: Value, body: &[u8]) -> Result<Value, Failure> {
        let rows = serde_json::from_value::<Rows>(params).map_err(|why| Failure::Invalid(why.to_string()))?;
        match method {
            "rows" => {
                self.bytes += body.len() as u64;
                // Of an Arrow stream a plugin of the user's reads the batches; the number of lines is enough here.
                self.rows += match self.encoding {
                    Encoding::Json => body.iter().filter(|byte| **byte == b'\n').count() as u64,
                    Encoding::Arrow => 1,
                };
                Ok(Value::Null)
            }
            "finish" => {
                let counted = json!({"rows": self.rows, "bytes": self.bytes, "dropped": rows.dropped});
                let written = std::fs::write(&self.file, counted.to_string());
                written.map_err(|why| Failure::Failed(why.to_string()))?;
                Ok(Value::Null)
            }
            _ => Err(Failure::NoSuchMethod(method.to_owned())),
        }
    }
}

fn main() -> std::io::Result<()> {
    let offer = Offer { kind: "stream_exporter", name: "count_rows", description: "Counts rows", open };
    serve("count-rows", env!("CARGO_PKG_VERSION"), &[offer])
}
