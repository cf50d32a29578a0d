//! A plugin of aiperf-ctl.

use aiperfd_plugin::message::{Open, Opened};
use aiperfd_plugin::{Component, Failure, Made, Offer, serve};
use serde_json::Value;
use std::fmt::Write as _;
use std::path::PathBuf;

/// Notes each call in the run's artifact directory.
struct {{class}} {
    file: PathBuf,
    noted: String,
}

fn open(open: &Open) -> Result<Made, Failure> {
    let name = open.config.get("file").and_then(Value::as_str).unwrap_or("{{package}}.log");
    let component = {{class}} { file: PathBuf::from(&open.directory).join(name), noted: String::new() };
    let methods = METHODS.iter().map(|method| format!("{KIND}.{method}")).collect();
    Ok((Opened { handle: 0, kind: None, methods, rows: Default::default() }, Box::new(component)))
}

impl Component for {{class}} {
    fn call(&mut self, method: &str, params: Value, body: &[u8]) -> Result<Value, Failure> {
        if !METHODS.contains(&method) {
            return Err(Failure::NoSuchMethod(method.to_owned()));
        }
        let what = params.pointer("/phase/name").and_then(Value::as_str).unwrap_or("run");
        writeln!(self.noted, "{what}: {method}, {} bytes", body.len()).ok();
        std::fs::write(&self.file, &self.noted).map_err(|error| Failure::Failed(error.to_string()))?;
        Ok({{result}})
    }
}

fn main() -> std::io::Result<()> {
    serve("{{name}}", env!("CARGO_PKG_VERSION"), &[Offer { kind: KIND, name: "{{package}}", description: "What it does, in a line", open }])
}

const KIND: &str = "{{kind}}";
const METHODS: &[&str] = &[{{methods}}];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_call_is_noted() {
        let directory = std::env::temp_dir();
        let open = Open {
            kind: KIND.to_owned(),
            name: "{{package}}".to_owned(),
            class: None,
            config: Default::default(),
            directory: directory.display().to_string(),
            path: None,
        };
        let (opened, mut component) = super::open(&open).expect("it opens");
        assert_eq!(opened.methods.len(), METHODS.len());
        for method in METHODS {
            component.call(method, Value::Null, b"").expect("it is a method");
        }
        assert!(component.call("other", Value::Null, b"").is_err());
        std::fs::remove_file(directory.join("{{package}}.log")).expect("it was written");
    }
}
