//! The provider, by OpenTelemetry's semantic conventions for generative AI.

/// `gen_ai.provider.name` by the server's host name; `_OTHER` for an unknown one.
#[must_use]
pub fn provider(host: &str) -> &'static str {
    let host = host.to_ascii_lowercase();
    let matching = PROVIDERS.iter().find(|(begin, end, _)| {
        host.len() >= begin.len() + end.len() && host.starts_with(begin) && host.ends_with(end)
    });
    matching.map_or("_OTHER", |(_, _, name)| name)
}

/// Prefix and suffix of a host name, and its provider.
const PROVIDERS: &[(&str, &str, &str)] = &[
    ("api.openai.com", "", "openai"),
    ("api.anthropic.com", "", "anthropic"),
    ("api.deepseek.com", "", "deepseek"),
    ("api.mistral.ai", "", "mistral_ai"),
    ("api.cohere.ai", "", "cohere"),
    ("api.cohere.com", "", "cohere"),
    ("api.x.ai", "", "x_ai"),
    ("api.groq.com", "", "groq"),
    ("api.perplexity.ai", "", "perplexity"),
    ("generativelanguage.googleapis.com", "", "gcp.gemini"),
    ("", "-aiplatform.googleapis.com", "gcp.vertex_ai"),
    ("bedrock-runtime.", ".amazonaws.com", "aws.bedrock"),
    ("", ".openai.azure.com", "azure.ai.openai"),
    ("", ".services.ai.azure.com", "azure.ai.inference"),
    ("", ".ibm.com", "ibm.watsonx.ai"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_identify_the_provider() {
        let table = [
            ("api.openai.com", "openai"),
            ("us-central1-aiplatform.googleapis.com", "gcp.vertex_ai"),
            ("bedrock-runtime.us-east-1.amazonaws.com", "aws.bedrock"),
            ("localhost", "_OTHER"),
        ];
        for (host, expected) in table {
            assert_eq!(provider(host), expected, "{host}");
        }
    }
}
