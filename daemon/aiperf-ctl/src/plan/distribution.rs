//! Parses distributions in the forms of AIPerf's configuration files, which its field names tell apart.
//!
//! ```text
//! 512                                                      always the same
//! {mean: 512, stddev: 50}                                  normal
//! {mean: 512, median: 400}                                 log-normal
//! {peaks: [{mean: 128, stddev: 20, weight: 60}, ...]}      one of several
//! {points: [{value: 128, weight: 40}, ...]}                one of several values
//! ```
//!
//! Each of the objects may have `min` and `max`.

use serde_json::{Map, Value};
use spec::{Form, Length, Peak, Point};

/// A distribution in any of the forms.
///
/// # Errors
/// What is wrong.
pub(crate) fn distribution(value: &Value) -> Result<Length, String> {
    if let Some(number) = number(value) {
        return checked(Length::fixed(number));
    }
    let Value::Object(fields) = value else {
        return Err("is neither a number nor a distribution".to_owned());
    };
    let mut fields = fields.clone();
    // The other fields tell which form it is.
    fields.remove("type");
    let mut take = |name: &str| take_number(&mut fields, name);
    let (min, max) = (take("min")?, take("max")?);
    let (mean, median, stddev, value) = (take("mean")?, take("median")?, take("stddev")?, take("value")?);
    let (peaks, points) = (fields.remove("peaks"), fields.remove("points"));
    if let Some(unknown) = fields.keys().next() {
        return Err(format!("`{unknown}` is no field of a distribution"));
    }
    let length = match (peaks, points, mean, median, value) {
        (Some(peaks), None, None, None, None) => of_peaks(&peaks)?,
        (None, Some(points), None, None, None) => of_points(&points)?,
        (None, None, Some(mean), Some(median), None) => {
            Length { form: Some(Form::LogNormal { median }), ..Length::fixed(mean) }
        }
        (None, None, Some(mean), None, None) => Length::normal(mean, stddev.unwrap_or(0.0)),
        (None, None, None, None, Some(value)) => Length::fixed(value),
        _ => {
            return Err(
                "expected a number, or an object with `mean` and `stddev`, `mean` and `median`, `peaks`, or `points`"
                    .to_owned(),
            );
        }
    };
    checked(Length { min, max, ..length })
}

fn checked(length: Length) -> Result<Length, String> {
    length.check().map(|()| length)
}

fn of_peaks(peaks: &Value) -> Result<Length, String> {
    let Some(items) = peaks.as_array().filter(|items| items.len() >= 2) else {
        return Err("`peaks` is not a list of at least 2 distributions".to_owned());
    };
    let peak = |item: &Value| {
        let Some(mut fields) = item.as_object().cloned() else {
            return Err("a peak is not an object".to_owned());
        };
        let weight = take_number(&mut fields, "weight")?.unwrap_or(1.0);
        let inner = fields.remove("distribution").unwrap_or(Value::Object(fields));
        Ok(Peak { length: distribution(&inner)?, weight })
    };
    let peaks = items.iter().map(peak).collect::<Result<Vec<_>, _>>()?;
    let mean = weighted(peaks.iter().map(|peak| (peak.length.mean, peak.weight)));
    Ok(Length { form: Some(Form::Peaks(peaks)), ..Length::fixed(mean) })
}

fn of_points(points: &Value) -> Result<Length, String> {
    let Some(items) = points.as_array() else { return Err("`points` is not a list".to_owned()) };
    let point = |item: &Value| {
        let Some(mut fields) = item.as_object().cloned() else {
            return Err("a point is not an object".to_owned());
        };
        let value = take_number(&mut fields, "value")?.ok_or("a point has no `value`")?;
        Ok(Point { value, weight: take_number(&mut fields, "weight")?.unwrap_or(1.0) })
    };
    let points = items.iter().map(point).collect::<Result<Vec<_>, String>>()?;
    let mean = weighted(points.iter().map(|point| (point.value, point.weight)));
    Ok(Length { form: Some(Form::Points(points)), ..Length::fixed(mean) })
}

/// The mean of values with weights.
fn weighted(values: impl Iterator<Item = (f64, f64)>) -> f64 {
    let (sum, weights) =
        values.fold((0.0, 0.0), |(sum, weights), (value, weight)| (sum + value * weight, weights + weight));
    if weights > 0.0 { sum / weights } else { 0.0 }
}

fn take_number(fields: &mut Map<String, Value>, name: &str) -> Result<Option<f64>, String> {
    match fields.remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => number(&value).map(Some).ok_or_else(|| format!("`{name}` is not a number")),
    }
}

/// A number, also as text, which is what a variable of the environment is.
fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
    .filter(|number| number.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_fields_tell_which_form_it_is() {
        let check =
            |value: Value, expected: Length| assert_eq!(distribution(&value), Ok(expected), "{value}");
        check(json!(512), Length::fixed(512.0));
        check(json!("512"), Length::fixed(512.0));
        check(json!({"value": 3}), Length::fixed(3.0));
        check(json!({"mean": 512, "stddev": "50"}), Length::normal(512.0, 50.0));
        check(json!({"mean": 512, "max": 600}), Length { max: Some(600.0), ..Length::fixed(512.0) });
        let skewed = Length { form: Some(Form::LogNormal { median: 400.0 }), ..Length::fixed(512.0) };
        check(json!({"mean": 512, "median": 400, "type": "lognormal"}), skewed.clone());
        let peaks = vec![
            Peak { length: Length::normal(100.0, 5.0), weight: 3.0 },
            Peak { length: skewed, weight: 1.0 },
        ];
        let mixed = Length { form: Some(Form::Peaks(peaks)), ..Length::fixed(203.0) };
        let (one, other) =
            (json!({"mean": 100, "stddev": 5, "weight": 3}), json!({"mean": 512, "median": 400}));
        check(json!({"peaks": [one, other]}), mixed.clone());
        let inner = json!({"distribution": {"mean": 512, "median": 400}, "weight": 1});
        check(json!({"peaks": [one, inner]}), mixed);
        let points = vec![Point { value: 8.0, weight: 1.0 }, Point { value: 32.0, weight: 2.0 }];
        let empirical = Length { form: Some(Form::Points(points)), ..Length::fixed(24.0) };
        check(json!({"points": [{"value": 8}, {"value": 32, "weight": 2}]}), empirical);
    }

    #[test]
    fn what_is_none_is_refused() {
        let check = |value: Value, expected: &str| {
            let why = distribution(&value).expect_err(expected);
            assert!(why.contains(expected), "{value}: {why}");
        };
        check(json!([1]), "neither a number nor a distribution");
        check(json!({"stddev": 3}), "expected a number");
        check(json!({"mean": 3, "peaks": []}), "expected a number");
        check(json!({"mean": 3, "mode": 2}), "`mode` is no field of a distribution");
        check(json!({"mean": "many"}), "`mean` is not a number");
        check(json!({"mean": 3, "median": 4}), "at most the mean 3");
        check(json!({"peaks": [{"mean": 3}]}), "at least 2");
        check(json!({"points": []}), "weights");
        check(json!({"mean": 3, "stddev": -1}), "not negative");
    }
}
