//! `cohere_rankings`: Cohere's reranking API.

use crate::{Endpoint, Metadata, Reply, Turn, body, ranking};
use serde_json::{Map, Value};

/// The endpoint.
#[derive(Debug)]
pub struct CohereRankings;

impl Endpoint for CohereRankings {
    fn metadata(&self) -> &'static Metadata {
        &METADATA
    }

    fn body(&self, turns: &[Turn], plan: &spec::Endpoint) -> Map<String, Value> {
        let mut body = Map::new();
        if let Some(turn) = turns.last() {
            body.insert("model".to_owned(), Value::from(turn.model.as_str()));
            body.insert("query".to_owned(), Value::from(ranking::query(turn)));
            body.insert("documents".to_owned(), ranking::passages(turn).collect());
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
    name: "cohere_rankings",
    path: Some("/v2/rerank"),
    metrics_title: "Rankings Metrics",
    ..Metadata::TEXT_IN
};
const RANKED: &str = "results";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{check_body, check_unfit, check_whole, plan};

    #[test]
    fn passages_are_ranked() {
        check_body(
            &CohereRankings,
            &ranking::sample(),
            &plan(""),
            r#"{"model":"m","query":"what?","documents":["this","that"]}"#,
        );
        check_unfit(&CohereRankings, &Turn::user("x".to_owned(), "m".to_owned()), "`query` and `passages`");
        check_whole(
            &CohereRankings,
            r#"{"results":[{"index":1,"relevance_score":0.9},{"index":0,"relevance_score":0.1}]}"#,
            "body",
        );
        check_whole(&CohereRankings, "{}", "error invalid_ranking: the response has no list of `results`");
    }
}
