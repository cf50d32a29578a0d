//! What a configuration may say, and what is refused.

use super::*;
use serde_json::json;

/// A search of one axis with one limit, and the fields of `over`.
fn block(over: &Value) -> Value {
    let mut block = json!({
        "type": "adaptive_search",
        "planner": "monotonic_sla",
        "search_space": [{"path": "phases.profiling.concurrency", "lo": 1, "hi": 64, "kind": "int"}],
        "sla_filters": [{"metric_tag": "time_to_first_token", "stat": "p95", "op": "lt", "threshold": 200}],
    });
    if let (Some(fields), Some(over)) = (block.as_object_mut(), over.as_object()) {
        fields.extend(over.clone());
        fields.retain(|_, value| !value.is_null());
    }
    block
}

#[track_caller]
fn check_refused(over: &Value, expected: &str) {
    let found = Search::parse(block(over)).map(|search| search.planner);
    assert_eq!(found.map_err(|refused| refused.to_string()), Err(expected.to_owned()), "{over}");
}

#[track_caller]
fn parsed(over: &Value) -> Search {
    Search::parse(block(over)).unwrap()
}

#[test]
fn defaults_are_those_of_aiperf() {
    let search = parsed(&json!({}));
    assert_eq!(
        (search.n_initial_points, search.plateau_window, search.improvement_patience),
        (5, 8, 10),
        "{search:?}"
    );
    assert_eq!((search.monotonic_stability_trials, search.sla_replicates), (2, 0));
    assert_eq!((search.objective_pooling, search.sla_precision.requests()), (Pooling::Mean, 1000));
    assert_eq!(search.plateau_threshold.to_bits(), 0.01_f64.to_bits());
    assert_eq!((search.random_seed, search.max_iterations), (None, 50));
    assert_eq!(search.search_space[0].prior, super::super::axis::Prior::Uniform);
    let default = json!({"sla_filters": [{"metric": "request_latency", "op": "le", "threshold": 1.0}]});
    assert_eq!(parsed(&default).sla_filters[0].stat, "p95");
}

#[test]
fn a_planner_is_chosen_from_what_is_looked_for() {
    let planner = |over: &Value| parsed(over).planner;
    let objectives = json!([{"metric": "output_token_throughput", "direction": "MAXIMIZE"}]);
    assert_eq!(planner(&json!({"planner": null})), Strategy::Slo);
    assert_eq!(planner(&json!({"planner": null, "objectives": objectives})), Strategy::Bayesian);
    assert_eq!(planner(&json!({"planner": "smooth_isotonic"})), Strategy::SmoothIsotonic);
    assert_eq!(planner(&json!({"planner": "saturation", "sla_filters": null})), Strategy::Saturation);
}

#[test]
fn a_space_must_have_values() {
    let axes = |axes: Value| json!({"search_space": axes});
    let axis = |lo: f64, hi: f64| json!({"path": "concurrency", "lo": lo, "hi": hi, "kind": "int"});
    let at = "sweep.search_space[0]: `concurrency`:";
    check_refused(&axes(json!([])), "sweep.search_space: expected a list with 1 to 20 axes");
    check_refused(&axes(json!([axis(8.0, 8.0)])), &format!("{at} hi (8) must be more than lo (8)"));
    check_refused(&axes(json!([axis(9.0, 8.0)])), &format!("{at} hi (8) must be more than lo (9)"));
    check_refused(&axes(json!([axis(1.5, 8.0)])), &format!("{at} lo (1.5) and hi (8) must be whole numbers"));
    check_refused(
        &axes(json!([axis(0.0, 8.0)])),
        "sweep.search_space[0].lo: `monotonic_sla` doubles the load, and needs lo above 0",
    );
    let log = json!([{"path": "concurrency", "lo": 0, "hi": 8, "prior": "log-uniform"}]);
    check_refused(&axes(log), &format!("{at} a log-uniform prior needs lo above 0, not 0"));
    let twice = json!([axis(1.0, 8.0), {"path": "phases.profiling.concurrency", "lo": 1, "hi": 4}]);
    check_refused(&axes(twice), "sweep.search_space[1]: `phases.profiling.concurrency` is there already");
    let two = json!([axis(1.0, 8.0), {"path": "datasets.main.prompts.isl", "lo": 1, "hi": 4}]);
    check_refused(
        &axes(two),
        "sweep.search_space: `monotonic_sla` searches one axis; `bayesian` searches several",
    );
    let real = json!([{"path": "request_rate", "lo": 1, "hi": 4}]);
    check_refused(
        &axes(real),
        "sweep.search_space[0].kind: `monotonic_sla` searches whole numbers: give `kind: int`",
    );
    let many = (0..21).map(|axis| json!({"path": format!("variables.v{axis}"), "lo": 0, "hi": 1}));
    check_refused(
        &axes(many.collect::<Vec<_>>().into()),
        "sweep.search_space: expected a list with 1 to 20 axes",
    );
}

#[test]
fn a_planner_needs_what_it_plans_with() {
    check_refused(&json!({"sla_filters": []}), "sweep.sla_filters: `monotonic_sla` needs at least one limit");
    check_refused(
        &json!({"planner": "bayesian"}),
        "sweep.objectives: `bayesian` needs at least one objective",
    );
    let objective = json!({"metric": "request_throughput", "direction": "maximize"});
    check_refused(
        &json!({"objectives": [objective, objective]}),
        "sweep.objectives: `monotonic_sla` has one objective at most",
    );
    let bayesian = json!({"planner": "bayesian", "objectives": [objective], "max_iterations": 5});
    check_refused(
        &bayesian,
        "sweep.n_initial_points: must be less than max_iterations, or no model chooses a run",
    );
    check_refused(
        &json!({"planner": "optuna", "objectives": [objective], "optuna_acquisition": "qlognehvi"}),
        "sweep.optuna_acquisition: is for several objectives, and this search has 1",
    );
    check_refused(
        &json!({"planner": "optuna", "objectives": [objective], "optuna_terminator": "emmr"}),
        "sweep.optuna_terminator: is not supported: use improvement_patience, or leave it out",
    );
}

#[test]
fn numbers_are_in_their_ranges() {
    let refused = |field: &str, value: Value, why: &str| {
        let mut over = Map::new();
        over.insert(field.to_owned(), value);
        check_refused(&Value::Object(over), &format!("sweep.{field}: {why}"));
    };
    refused("max_iterations", json!(1), "is not between 2 and 200");
    refused("max_iterations", json!(201), "is not between 2 and 200");
    refused("plateau_window", json!(1), "is not at least 2");
    refused("plateau_threshold", json!(0), "is not above 0");
    refused("improvement_patience", json!(1), "is not at least 2");
    refused("monotonic_stability_trials", json!(0), "is not at least 1");
    let tier = |label: &str, filters: Value| json!({"label": label, "filters": filters});
    let limit = |op: &str| json!({"metric_tag": "x", "op": op, "threshold": 5});
    refused(
        "sla_tiers",
        json!([tier("a", json!([limit("lt")]))]),
        "expected 2 to 10 tiers: one tier is `sla_filters`",
    );
    let refused_at = |second: Value, place: &str, why: &str| {
        let over = json!({"sla_tiers": [tier("a", json!([limit("lt")])), second]});
        check_refused(&over, &format!("sweep.sla_tiers[1]{place}: {why}"));
    };
    refused_at(tier("a", json!([limit("lt")])), ".label", "`a` is no name of its own");
    refused_at(tier("b", json!([])), ".filters", "a tier needs at least one limit");
    refused_at(
        tier("b", json!([limit("lt"), limit("gt")])),
        "",
        "p95 of x cannot be less than 5 and more than 5",
    );
    let unknown = Search::parse(block(&json!({"max_iteration": 5}))).unwrap_err().to_string();
    assert!(unknown.starts_with("sweep: unknown field `max_iteration`"), "{unknown}");
}

#[test]
fn limits_do_not_contradict_each_other() {
    let limit = |op: &str, threshold: f64| json!({"metric_tag": "x", "stat": "avg", "op": op, "threshold": threshold});
    check_refused(
        &json!({"sla_filters": [limit("lt", 5.0), limit("gt", 10.0)]}),
        "sweep.sla_filters: avg of x cannot be less than 5 and more than 10",
    );
    check_refused(
        &json!({"sla_filters": [limit("lt", 5.0)], "outcome_constraints": [{"metric": "x", "op": "==", "bound": 7}]}),
        "sweep.sla_filters: avg of x cannot be less than 5 and at least 7",
    );
    check_refused(
        &json!({"sla_filters": [{"metric_tag": "x", "stat": "p98", "op": "lt", "threshold": 1}]}),
        "sweep.sla_filters[0].stat: `p98` is not one of avg, min, max, p1, p5, p10, p25, p50, p75, p90, p95, p99, std",
    );
}

#[test]
fn constraints_are_limits_of_averages() {
    let search =
        parsed(&json!({"outcome_constraints": [{"metric": "error_request_count", "op": "==", "bound": 0}]}));
    let limits = search.limits();
    let found = limits.iter().map(|limit| (limit.stat.as_str(), limit.op)).collect::<Vec<_>>();
    assert_eq!(found, [("p95", Op::Lt), ("avg", Op::Le), ("avg", Op::Ge)]);
}

#[test]
fn values_are_those_of_a_configuration() {
    let search = parsed(&json!({}));
    assert_eq!(search.value(0, 12.0).to_string(), "12");
    assert_eq!(search.value(7, 12.5).to_string(), "12.5");
}

#[test]
fn what_is_ignored_is_reported() {
    let objective = json!([{"metric": "request_throughput", "direction": "MAXIMIZE"}]);
    let over = json!({
        "planner": "optuna", "objectives": objective, "optuna_sampler": "gp", "constraint_mode": "eic"
    });
    let warnings = parsed(&over).warnings();
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    assert!(warnings[0].starts_with("sweep.optuna_sampler: is ignored"), "{warnings:?}");
}
