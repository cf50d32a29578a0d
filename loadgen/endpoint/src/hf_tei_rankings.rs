//! `hf_tei_rankings`: Hugging Face Text Embeddings Inference's reranking API.

use crate::{Endpoint, Metadata, Reply, Turn, body, ranking};
use serde_json::{Map, Value};

/// The endpoint.
#[derive(Debug)]
pub struct HfTeiRankings;

impl Endpoint for HfTeiRankings {
    fn metadata(&self) -> &'static Metadata {
        &METADATA
    }

    fn body(&self, turns: &[Turn], plan: &spec::Endpoint) -> Map<String, Value> {
        let mut body = Map::new();
        if let Some(turn) = turns.last() {
            body.insert("query".to_owned(), Value::from(ranking::query(turn)));
            body.insert("texts".to_owned(), ranking::passages(turn).collect());
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
    name: "hf_tei_rankings",
    path: Some("/rerank"),
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
            &HfTeiRankings,
            &ranking::sample(),
            &plan(""),
            r#"{"query":"what?","texts":["this","that"]}"#,
        );
        check_unfit(&HfTeiRankings, &Turn::user("x".to_owned(), "m".to_owned()), "`query` and `passages`");
        check_whole(&HfTeiRankings, r#"[{"index":1,"score":0.9},{"index":0,"score":0.1}]"#, "body");
        check_whole(&HfTeiRankings, "{}", "error invalid_ranking: the response has no list of `results`");
    }
}
