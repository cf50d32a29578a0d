//! HOT: whether an event brings text, by its bytes: no JSON is parsed on a hot core. Budget: docs/BUDGET.md,
//! "CPU per event"; called only under `--prefill-concurrency`, until a request's first token.

use memchr::memmem;

/// Whether a member that holds text in some API's stream is a string that is not empty.
#[must_use]
pub fn is_in(event: &[u8]) -> bool {
    memmem::find_iter(event, b"\":").any(|colon| {
        let begin = memchr::memrchr(b'"', &event[..colon]).map_or(0, |quote| quote + 1);
        if !MEMBERS.contains(&&event[begin..colon]) {
            return false;
        }
        let value = event[colon + 2..].trim_ascii_start();
        value.len() > 1 && value[0] == b'"' && value[1] != b'"'
    })
}

const MEMBERS: &[&[u8]] = &[
    b"content",
    b"text",
    b"reasoning_content",
    b"reasoning",
    b"delta",
    b"thinking",
    b"arguments",
    b"partial_json",
    b"generated_text",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_noticed() {
        for (event, expected) in [
            (r#"data: {"choices":[{"delta":{"role":"assistant","content":""}}]}"#, false),
            (r#"data: {"choices":[{"delta":{"content":"a"}}]}"#, true),
            (r#"data: {"choices":[{"delta":{"content" : null, "reasoning_content": "hm"}}]}"#, true),
            (r#"data: {"choices":[{"text":"a"}]}"#, true),
            (r#"data: {"type":"response.output_text.delta","delta":"x"}"#, true),
            (r#"data: {"model":"content","id":"x"}"#, false),
            ("data: [DONE]", false),
            ("\":", false),
        ] {
            assert_eq!(is_in(event.as_bytes()), expected, "{event}");
        }
    }
}
