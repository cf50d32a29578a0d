//! Parses `--seq-dist`: pairs of input and output tokens with their probabilities, in AIPerf's three syntaxes.

use super::distribution::distribution;
use super::{Checked, Refusal, refuse};
use serde::Deserialize;
use serde_json::Value;
use spec::{Length, Pair};

#[derive(Deserialize)]
struct Json {
    pairs: Vec<JsonPair>,
}

#[derive(Deserialize)]
struct JsonPair {
    isl: Value,
    osl: Value,
    #[serde(alias = "probability")]
    prob: f64,
    #[serde(default)]
    isl_stddev: Option<f64>,
    #[serde(default)]
    osl_stddev: Option<f64>,
}

/// `256,128:60;1024|100,512|50:40`, `[(256,128):60,(1024|100,512|50):40]` or `{"pairs":[{"isl":256,...}]}`.
pub(super) fn pairs(text: &str) -> Checked<Vec<Pair>> {
    let text = text.trim();
    let pairs = if text.starts_with('{') {
        let json: Json =
            serde_json::from_str(text).map_err(|error| Refusal(format!("--seq-dist: {error}")))?;
        let length = |value: &Value, stddev: Option<f64>| {
            let length = distribution(value).map_err(|why| Refusal(format!("--seq-dist: {why}")))?;
            Ok(Length { stddev: stddev.unwrap_or(length.stddev), ..length })
        };
        let pair = |pair: JsonPair| {
            Ok(Pair {
                input: length(&pair.isl, pair.isl_stddev)?,
                output: length(&pair.osl, pair.osl_stddev)?,
                percent: pair.prob,
            })
        };
        json.pairs.into_iter().map(pair).collect::<Checked<Vec<_>>>()?
    } else if let Some(inner) = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')) {
        let parts =
            inner.split('(').map(|part| part.trim().trim_end_matches(',')).filter(|part| !part.is_empty());
        parts.map(|part| pair(&part.replace(')', ""))).collect::<Checked<Vec<_>>>()?
    } else {
        text.split(';').filter(|part| !part.trim().is_empty()).map(pair).collect::<Checked<Vec<_>>>()?
    };
    let sum = pairs.iter().map(|pair: &Pair| pair.percent).sum::<f64>();
    let is_sound = |length: &Length| length.mean >= 1.0 && length.stddev >= 0.0;
    if pairs.iter().any(|pair| !is_sound(&pair.input) || !is_sound(&pair.output) || pair.percent < 0.0) {
        return refuse("--seq-dist: lengths must be at least 1, deviations and percentages not negative");
    }
    if (sum - 100.0).abs() > TOLERANCE {
        return refuse(format!("--seq-dist: percentages must add up to 100, not {sum}"));
    }
    Ok(pairs)
}

/// `1024|100,512|50:40`.
fn pair(text: &str) -> Checked<Pair> {
    let malformed =
        || Refusal(format!("--seq-dist `{text}` is not of the form ISL[|stddev],OSL[|stddev]:percent"));
    let number = |text: &str| {
        text.trim().parse::<f64>().ok().filter(|number| number.is_finite()).ok_or_else(malformed)
    };
    let length = |text: &str| {
        let (mean, stddev) = text.split_once('|').unwrap_or((text, "0"));
        Ok(Length::normal(number(mean)?, number(stddev)?))
    };
    let (lengths, percent) = text.rsplit_once(':').ok_or_else(malformed)?;
    let (input, output) = lengths.split_once(',').ok_or_else(malformed)?;
    Ok(Pair { input: length(input)?, output: length(output)?, percent: number(percent)? })
}

/// The same tolerance as AIPerf's.
const TOLERANCE: f64 = 1e-6;

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Result<&str, &str>) {
        let described = pairs(text).map(|pairs| {
            let one = |pair: &Pair| {
                let Pair { input, output, percent } = pair;
                format!("{}|{},{}|{}:{percent}", input.mean, input.stddev, output.mean, output.stddev)
            };
            pairs.iter().map(one).collect::<Vec<_>>().join(";")
        });
        match expected {
            Ok(expected) => assert_eq!(described.as_deref(), Ok(expected), "{text}"),
            Err(expected) => {
                let why = described.expect_err(text).0;
                assert!(why.contains(expected), "{text}: {why}");
            }
        }
    }

    #[test]
    fn three_ways_to_write_them() {
        let expected = Ok("256|0,128|0:60;1024|100,512|50:40");
        check("256,128:60;1024|100,512|50:40", expected);
        check("[(256,128):60, (1024|100,512|50):40]", expected);
        check(
            r#"{"pairs":[{"isl":256,"osl":128,"prob":60},{"isl":1024,"osl":512,"prob":40,"isl_stddev":100,"osl_stddev":50}]}"#,
            expected,
        );
        check("256,128:60", Err("add up to 100, not 60"));
        check("256:100", Err("is not of the form"));
        check("0,1:100", Err("at least 1"));
        check("{", Err("--seq-dist: EOF"));
    }
}
