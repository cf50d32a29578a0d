//! What plugins do with a run that has ended: rows for processors and aggregators, its summary for exporters.

use super::kinds::Kind;
use super::live::Opened;
use super::running::{Component, Fault, Plugin};
use super::set::Started;
use crate::report::Reported;
use aiperfd_plugin::message::{Aggregated, Export, Exported, OfHandle, Processed, Records, Text};
use anyhow::Result;
use serde_json::{Map, Value, json};
use std::path::Path;
use store::Folder;

/// What plugins have found, and what they want to be shown.
#[derive(Default)]
pub(crate) struct Findings {
    /// By `kind.name`: what is stored in [`FILE`].
    results: Map<String, Value>,
    /// Lines for the console, each after its component's name.
    texts: Vec<(String, String)>,
}

impl Started {
    /// Gives the run's rows to processors and aggregators, and its summary to exporters; then ends all plugins. What they have
    /// found and printed is written into the run's directory.
    ///
    /// # Errors
    /// When the run's own files cannot be read, or its directory cannot be written.
    pub(crate) fn after(&mut self, reported: &Reported, directory: &Path, width: u32) -> Result<Findings> {
        let mut findings = Findings::default();
        if self.has(&[Kind::PostProcessor, Kind::Aggregator]) {
            self.rows(reported)?;
            self.opened.iter_mut().for_each(|opened| opened.results(&mut findings));
        }
        if self.has(&[Kind::DataExporter, Kind::ConsoleExporter]) {
            let (summary, run) = reported.summary_and_run()?;
            let export = Export { handle: 0, summary, run, width: None };
            self.opened.iter_mut().for_each(|opened| opened.export(&export, width, &mut findings));
        }
        self.opened.iter_mut().for_each(|opened| opened.plugin.end());
        let folder = Folder::open(directory)?;
        if !findings.results.is_empty() {
            let mut file = folder.create(FILE)?;
            serde_json::to_writer_pretty(&mut file, &findings.results)?;
            file.finish()?;
        }
        self.write_logs(&folder)?;
        Ok(findings)
    }

    /// Writes what plugins have printed.
    pub(crate) fn write_logs(&self, folder: &Folder) -> Result<()> {
        for (name, text) in self.printed().into_iter().filter(|(_, text)| !text.is_empty()) {
            let name = name.replace(|letter: char| !letter.is_ascii_alphanumeric() && letter != '-', "_");
            let mut file = folder.create(&format!("{LOG_START}{name}{LOG_END}"))?;
            std::io::Write::write_all(&mut file, &text)?;
            file.finish()?;
        }
        Ok(())
    }

    fn has(&self, kinds: &[Kind]) -> bool {
        let mut components = self.opened.iter().flat_map(|opened| &opened.components);
        components.any(|component| kinds.contains(&component.kind))
    }

    /// Gives the rows of measured phases to processors and aggregators, some at a time.
    fn rows(&mut self, reported: &Reported) -> Result<()> {
        let mut batch = (0, Vec::new());
        reported.each_row(&mut |set, row| {
            if !batch.1.is_empty() && (batch.0 != set || batch.1.len() + row.len() > BATCH_BYTES) {
                let (of, body) = std::mem::take(&mut batch);
                self.opened.iter_mut().for_each(|opened| opened.records(of, &body));
            }
            batch.0 = set;
            batch.1.extend_from_slice(row);
            Ok(())
        })?;
        let (of, body) = batch;
        if !body.is_empty() {
            self.opened.iter_mut().for_each(|opened| opened.records(of, &body));
        }
        Ok(())
    }
}

impl Opened {
    fn components(&self, kinds: &[Kind]) -> Vec<Component> {
        let all = self.components.iter().filter(|component| kinds.contains(&component.kind));
        all.cloned().collect()
    }

    fn records(&mut self, set: u32, body: &[u8]) {
        for component in self.components(&[Kind::PostProcessor, Kind::Aggregator]) {
            let params = Records { handle: component.opened.handle, set };
            let method = format!("{}.records", component.kind.name());
            let _nothing: Option<Value> = self.plugin.call(&component, &method, &params, body.to_vec());
        }
    }

    fn results(&mut self, findings: &mut Findings) {
        for component in self.components(&[Kind::PostProcessor, Kind::Aggregator]) {
            let handle = component.opened.handle;
            let key = format!("{}.{}", component.kind.name(), component.name);
            if component.kind == Kind::PostProcessor {
                let processed: Option<Processed> =
                    self.plugin.call(&component, "post_processor.process", &OfHandle { handle }, Vec::new());
                if let Some(processed) = processed {
                    findings.texts.push((key.clone(), of_processed(&processed)));
                    self.note_if_failed(&component, &processed);
                    findings.results.insert(key, json!(processed));
                }
                continue;
            }
            let aggregated: Option<Value> =
                self.plugin.call(&component, "aggregator.aggregate", &OfHandle { handle }, Vec::new());
            let Some(aggregated) = aggregated else { continue };
            let params = Aggregated { handle, aggregated: aggregated.clone() };
            let report: Option<Text> = self.plugin.call(&component, "aggregator.report", &params, Vec::new());
            if let Some(report) = &report {
                findings.texts.push((key.clone(), report.text.clone()));
            }
            let report = report.map(|report| report.text);
            findings.results.insert(key, json!({"aggregated": aggregated, "report": report}));
        }
    }

    fn note_if_failed(&mut self, component: &Component, processed: &Processed) {
        if !processed.success && self.plugin.faults.is_empty() {
            let text = format!("`{}` says that it did not succeed", component.name);
            self.plugin.faults.push(Fault { is_late: false, text });
        }
    }

    fn export(&mut self, export: &Export, width: u32, findings: &mut Findings) {
        for component in self.components(&[Kind::DataExporter, Kind::ConsoleExporter]) {
            let key = format!("{}.{}", component.kind.name(), component.name);
            let mut params = Export { handle: component.opened.handle, ..export.clone() };
            if component.kind == Kind::DataExporter {
                let exported =
                    call::<Exported>(&mut self.plugin, &component, "data_exporter.export", &params);
                if let Some(Exported { files }) = exported {
                    findings.results.insert(key, json!({"files": files}));
                }
                continue;
            }
            params.width = Some(width);
            let text = call::<Text>(&mut self.plugin, &component, "console_exporter.export", &params);
            findings.texts.extend(text.map(|text| (key, text.text)));
        }
    }
}

fn call<T: serde::de::DeserializeOwned>(
    plugin: &mut Plugin,
    component: &Component,
    method: &str,
    params: &Export,
) -> Option<T> {
    plugin.call(component, method, params, Vec::new())
}

/// What a processor has found, in lines.
fn of_processed(processed: &Processed) -> String {
    let Processed { record_count, error_count, metrics, output_path, .. } = processed;
    let mut lines = vec![format!("{record_count} requests, {error_count} of them errors")];
    lines.extend(metrics.iter().filter_map(|(name, value)| match value {
        Value::Number(number) => Some(format!("{name}: {number}")),
        Value::String(text) => Some(format!("{name}: {text}")),
        _ => None,
    }));
    lines.extend(output_path.as_ref().map(|path| format!("written to {path}")));
    lines.join("\n")
}

impl Findings {
    /// What is shown below the run's report; control characters are visible, and it is bounded.
    pub(crate) fn text(&self) -> String {
        let mut shown = String::new();
        for (name, text) in &self.texts {
            shown.push_str(&format!("\n{name}\n"));
            let lines = text.lines().map(|line| store::visible_within(line, LINE_MAX));
            let mut lines = lines.collect::<Vec<_>>();
            if lines.len() > LINES_MAX {
                let more = lines.len() - LINES_MAX;
                lines.truncate(LINES_MAX);
                lines.push(format!("({more} more lines)"));
            }
            lines.iter().for_each(|line| shown.push_str(&format!("  {line}\n")));
        }
        shown
    }
}

/// Whether a file of this name is what a plugin has printed.
pub(crate) fn is_log(name: &str) -> bool {
    name.starts_with(LOG_START) && name.ends_with(LOG_END)
}

const LOG_START: &str = "plugin_";
const LOG_END: &str = ".log";
/// What plugins have found.
pub(crate) const FILE: &str = "plugin_results.json";
/// Bytes of rows in a call.
const BATCH_BYTES: usize = 4 << 20;
const LINE_MAX: usize = 200;
const LINES_MAX: usize = 60;
