//! Templates of configuration files, by AIPerf's names.

/// A template.
pub(super) struct Template {
    /// Its name.
    pub(super) name: &'static str,
    /// The file, in which `MODEL` and `URL` stand for the user's.
    text: &'static str,
}

impl Template {
    /// What it is for: its first line.
    pub(super) fn title(&self) -> &'static str {
        self.text.lines().next().unwrap_or_default().trim_start_matches("# ")
    }

    /// The file for a model and a server.
    pub(super) fn file(&self, model: &str, url: &str) -> String {
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        // Inside `"${NAME:default}"` the text stands as it is.
        let inside =
            self.text.replace(":MODEL}", &format!(":{model}}}")).replace(":URL}", &format!(":{url}}}"));
        inside.replace("URL", &quoted(url)).replace("MODEL\n", &format!("{}\n", quoted(model)))
    }

    /// The template with a name.
    pub(super) fn find(name: &str) -> Option<&'static Self> {
        TEMPLATES.iter().find(|template| template.name == name)
    }

    /// Whether its name or its text has a word, in any case.
    pub(super) fn has(&self, word: &str) -> bool {
        let word = word.to_lowercase();
        self.name.contains(&word) || self.text.to_lowercase().contains(&word)
    }
}

/// Every template.
pub(super) const TEMPLATES: &[Template] = &[
    Template { name: "audio_multimodal", text: include_str!("templates/audio_multimodal.yaml") },
    Template { name: "embeddings", text: include_str!("templates/embeddings.yaml") },
    Template { name: "env_var_production", text: include_str!("templates/env_var_production.yaml") },
    Template { name: "fixed_schedule", text: include_str!("templates/fixed_schedule.yaml") },
    Template { name: "goodput_slo", text: include_str!("templates/goodput_slo.yaml") },
    Template { name: "gpu_telemetry", text: include_str!("templates/gpu_telemetry.yaml") },
    Template { name: "http_trace_metrics", text: include_str!("templates/http_trace_metrics.yaml") },
    Template { name: "inline_dataset", text: include_str!("templates/inline_dataset.yaml") },
    Template { name: "jinja2_variables", text: include_str!("templates/jinja2_variables.yaml") },
    Template { name: "kv_cache_test", text: include_str!("templates/kv_cache_test.yaml") },
    Template { name: "latency_test", text: include_str!("templates/latency_test.yaml") },
    Template { name: "long_context", text: include_str!("templates/long_context.yaml") },
    Template { name: "minimal", text: include_str!("templates/minimal.yaml") },
    Template {
        name: "multi_turn_conversation",
        text: include_str!("templates/multi_turn_conversation.yaml"),
    },
    Template {
        name: "multi_url_load_balancing",
        text: include_str!("templates/multi_url_load_balancing.yaml"),
    },
    Template { name: "multimodal_vision", text: include_str!("templates/multimodal_vision.yaml") },
    Template { name: "public_dataset", text: include_str!("templates/public_dataset.yaml") },
    Template { name: "ramping", text: include_str!("templates/ramping.yaml") },
    Template { name: "request_cancellation", text: include_str!("templates/request_cancellation.yaml") },
    Template {
        name: "scenario_workload_profiles",
        text: include_str!("templates/scenario_workload_profiles.yaml"),
    },
    Template { name: "speed_bench_sweep", text: include_str!("templates/speed_bench_sweep.yaml") },
    Template { name: "sweep_distributions", text: include_str!("templates/sweep_distributions.yaml") },
    Template { name: "sweep_with_plot", text: include_str!("templates/sweep_with_plot.yaml") },
    Template { name: "time_based_soak", text: include_str!("templates/time_based_soak.yaml") },
    Template { name: "trace_replay", text: include_str!("templates/trace_replay.yaml") },
    Template { name: "user_files", text: include_str!("templates/user_files.yaml") },
    Template { name: "warmup_profiling", text: include_str!("templates/warmup_profiling.yaml") },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Document;

    #[test]
    fn every_template_is_valid() {
        for template in TEMPLATES {
            let text = template.file("org/a: b # c", "http://h:1");
            let document =
                Document::parse(&text).unwrap_or_else(|why| panic!("{}: {why}\n{text}", template.name));
            let nothing = |_: &str| None;
            let read = |document: &Document| {
                document.read(nothing).unwrap_or_else(|why| panic!("{}: {why}", template.name));
            };
            match document.sweep(nothing).unwrap_or_else(|why| panic!("{}: {why}", template.name)) {
                None => read(&document),
                Some(sweep) => {
                    let variations = document.variations(&sweep).unwrap();
                    assert!(variations.len() > 1, "{}", template.name);
                    variations.iter().for_each(|(document, _)| read(document));
                }
            }
            assert!(!template.title().is_empty() && !text.contains("MODEL\n"), "{}", template.name);
        }
        assert_eq!(TEMPLATES.len(), 27, "as many as AIPerf 0.13.0 has");
    }
}
