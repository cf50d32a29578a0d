//! Extracts the texts of a run's responses, as its endpoint parses them.

use common::reply_event::EventKind;
use endpoint::{Endpoint, Turn, sse};
use export::{ResponseText, Texts};
use serde_json::Value;
use spec::Plan;
use store::Exchange;

/// The endpoint of a run, which parses its responses.
pub(crate) struct ResponseTexts {
    endpoint: &'static dyn Endpoint,
    plan: Plan,
}

impl ResponseTexts {
    /// For the endpoint of this plan; `None` if no endpoint of this version parses it.
    pub(crate) fn of(plan: &Plan) -> Option<Self> {
        let endpoint = endpoint::of_plan(&plan.endpoint).ok()?;
        Some(Self { endpoint, plan: plan.clone() })
    }
}

impl Texts for ResponseTexts {
    fn response_text(&self, exchange: &Exchange) -> Option<ResponseText> {
        let mut text = ResponseText::default();
        let mut reasoning = String::new();
        for token in exchange.tokens.iter().filter(|token| token.kind.is_content()) {
            let data = &exchange.response(token)?.data;
            let fields;
            let reply = if token.kind == EventKind::Body {
                self.endpoint.whole(data)
            } else {
                fields = sse::fields(data);
                self.endpoint.event(&fields.data)
            };
            text.all.extend([&*reply.reasoning, &*reply.content, &*reply.tool_call]);
            text.answer.push_str(&reply.content);
            reasoning.push_str(&reply.reasoning);
        }
        if text.answer.is_empty() {
            text.answer = reasoning;
        }
        Some(text)
    }

    fn message(&self, answer: &str) -> Option<Value> {
        let mut turn = Turn::user(answer.to_owned(), String::new());
        "assistant".clone_into(&mut turn.role);
        let mut body = self.endpoint.body(&[turn], &self.plan.endpoint);
        let list = ["messages", "input"].into_iter().find_map(|key| body.remove(key))?;
        list.as_array()?.last().cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::clock::MonoNs;
    use common::id::RequestId;
    use record::{Request, Response, Token};
    use serde_json::json;

    fn plan(kind: &str) -> Plan {
        let mut plan = Plan::unknown();
        kind.clone_into(&mut plan.endpoint.kind);
        plan
    }

    fn check(endpoint: &str, responses: &[(EventKind, &str)], expected: Option<(&str, &str)>) {
        let id = RequestId(0);
        let tokens =
            (0..).zip(responses).map(|(index, (kind, _))| Token::noticed(id, index, *kind, MonoNs(1)));
        let bytes = (0..).zip(responses).filter(|(_, (_, data))| !data.is_empty());
        let bytes = bytes.map(|(index, (_, data))| Response {
            request_id: id,
            index: Some(index),
            data: data.as_bytes().to_vec(),
        });
        let exchange = Exchange {
            request: Request::blank(id),
            tokens: tokens.collect(),
            responses: bytes.collect(),
            foreign: None,
        };
        let text = ResponseTexts::of(&plan(endpoint)).unwrap().response_text(&exchange);
        let expected =
            expected.map(|(all, answer)| ResponseText { all: all.to_owned(), answer: answer.to_owned() });
        assert_eq!(text, expected, "{responses:?}");
    }

    #[test]
    fn streams_and_bodies() {
        let event = |delta: Value| {
            let chunk = json!({"object": "chat.completion.chunk", "choices": [{"delta": delta}]});
            format!("data: {chunk}\n\n")
        };
        let reasoning = event(json!({"reasoning": "hm "}));
        let content = event(json!({"content": "yes"}));
        check("chat", &[(EventKind::Reasoning, &reasoning)], Some(("hm ", "hm ")));
        let both =
            [(EventKind::Role, ""), (EventKind::Reasoning, &*reasoning), (EventKind::Content, &*content)];
        check("chat", &both, Some(("hm yes", "yes")));
        check("chat", &[(EventKind::Content, "")], None);
        let body = json!({"object": "text_completion", "choices": [{"text": "abc"}]}).to_string();
        check("completions", &[(EventKind::Body, &body)], Some(("abc", "abc")));
    }

    #[test]
    fn responses_become_messages_where_requests_have_messages() {
        let message = |kind: &str| ResponseTexts::of(&plan(kind)).unwrap().message("yes");
        assert_eq!(message("chat"), Some(json!({"role": "assistant", "content": "yes"})), "chat");
        assert_eq!(message("completions"), None, "a prompt is not a list");
    }
}
