//! What the ledger holds, in lines that people read.

use serde_json::{Map, Value};
use wayside::time::Timestamp;

use crate::ledger::utc;

/// The fields of an object, one a line, those of objects in it indented.
pub(crate) fn lines(value: &Value) -> String {
    let mut text = String::new();
    match value {
        Value::Object(fields) => push_fields(&mut text, fields, ""),
        Value::Array(_) | Value::Bool(_) | Value::Null | Value::Number(_) | Value::String(_) => {
            text.push_str(&words(value));
            text.push('\n');
        }
    }
    text
}

/// A value in one line: text without quotes, a list by its elements, an object by its fields.
pub(crate) fn words(value: &Value) -> String {
    match value {
        Value::Null => NONE.to_owned(),
        Value::Bool(is_so) => if *is_so { "yes" } else { "no" }.to_owned(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.clone(),
        Value::Array(elements) if elements.is_empty() => NONE.to_owned(),
        Value::Array(elements) => {
            let elements: Vec<String> = elements.iter().map(words).collect();
            elements.join(", ")
        }
        Value::Object(fields) => {
            let fields = fields.iter();
            let fields: Vec<String> = fields
                .map(|(name, value)| {
                    let (name, value) = line(name, value);
                    format!("{name} {value}")
                })
                .collect();
            fields.join(", ")
        }
    }
}

fn push_fields(text: &mut String, fields: &Map<String, Value>, indent: &str) {
    for (name, value) in fields {
        match value {
            Value::Object(inner) if !inner.is_empty() => {
                text.push_str(&format!("{indent}{}:\n", spaced(name)));
                push_fields(text, inner, &format!("{indent}  "));
            }
            Value::Array(_)
            | Value::Bool(_)
            | Value::Null
            | Value::Number(_)
            | Value::Object(_)
            | Value::String(_) => {
                let (name, value) = line(name, value);
                text.push_str(&format!("{indent}{name}: {value}\n"));
            }
        }
    }
}

/// A field's name and value; moments as dates.
fn line(name: &str, value: &Value) -> (String, String) {
    let moment = name.strip_suffix("_unix_ms").zip(value.as_u64());
    let moment = moment.and_then(|(name, unix_ms)| {
        let moment = Timestamp::from_unix_ms(unix_ms)?;
        Some((spaced(name), utc(moment)))
    });
    moment.unwrap_or_else(|| (spaced(name), words(value)))
}

fn spaced(name: &str) -> String {
    name.replace('_', " ")
}

const NONE: &str = "none";

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::lines;

    #[test]
    fn fields_stand_in_lines_and_moments_are_dates() {
        let value = json!({
            "status": "active",
            "odometer": { "km": 10, "read_unix_ms": 0 },
            "custody": null,
            "history_marks": [1, 2],
            "is_open": true,
        });

        let shown = lines(&value);

        let mut sorted: Vec<&str> = shown.lines().collect();
        sorted.sort_unstable();
        assert_eq!(
            sorted,
            [
                "  km: 10",
                "  read: 1970-01-01T00:00:00.000Z",
                "custody: none",
                "history marks: 1, 2",
                "is open: yes",
                "odometer:",
                "status: active",
            ]
        );
    }
}
