//! `nim_rankings`: NVIDIA NIM's reranking API.

use crate::{Endpoint, Metadata, Reply, Turn, body, ranking};
use serde_json::{Map, Value, json};

/// The endpoint.
#[derive(Debug)]
pub struct NimRankings;

impl Endpoint for NimRankings {
    fn metadata(&self) -> &'static Metadata {
        &METADATA
    }

    fn body(&self, turns: &[Turn], plan: &spec::Endpoint) -> Map<String, Value> {
        let mut body = Map::new();
        if let Some(turn) = turns.last() {
            body.insert("model".to_owned(), Value::from(turn.model.as_str()));
            body.insert("query".to_owned(), json!({"text": ranking::query(turn)}));
            let passages = ranking::passages(turn).map(|text| json!({"text": text}));
            body.insert("passages".to_owned(), passages.collect());
            body::merge_extra(&mut body, turn, plan);
        }
        body
    }

    fn unfit(&self, turns: &[Turn], _plan: &spec::Endpoint) -> Option<String> {
        ranking::unfit(turns)
    }

    fn event<'a>(&self, data: &'a [u8]) -> Reply<'a> {
        ranking::whole(data, RANKED)
    }

    fn whole<'a>(&self, body: &'a [u8]) -> Reply<'a> {
        ranking::whole(body, RANKED)
    }
}

const METADATA: Metadata = Metadata {
    name: "nim_rankings",
    path: Some("/v1/ranking"),
    metrics_title: "Rankings Metrics",
    ..Metadata::TEXT_IN
};
const RANKED: &str = "rankings";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{check_body, check_unfit, check_whole, plan};

    #[test]
    fn passages_are_ranked() {
        check_body(
            &NimRankings,
            &ranking::sample(),
            &plan(""),
            r#"{"model":"m","query":{"text":"what?"},"passages":[{"text":"this"},{"text":"that"}]}"#,
        );
        check_unfit(&NimRankings, &Turn::user("x".to_owned(), "m".to_owned()), "`query` and `passages`");
        check_whole(
            &NimRankings,
            r#"{"rankings":[{"index":1,"logit":2.5},{"index":0,"logit":-1.0}]}"#,
            "body",
        );
        check_whole(&NimRankings, "{}", "error invalid_ranking: the response has no list of `rankings`");
    }
}
