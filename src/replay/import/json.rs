use serde_json::{Deserializer, Value};

use super::unpack::offset;
use crate::replay::Cut;

/// Walks over JSON values one after the other: one a line, spread over lines, or in an array.
///
/// Unlike a parser of the whole text it gives what stands before a cut.
pub(super) struct Values<'a> {
    text: &'a str,
    at: usize,
}

/// What stands next.
pub(super) enum Next {
    /// A value.
    Value(Value),
    /// Something else; the walk goes on with the next line.
    Unreadable,
    /// The text ends inside a value.
    Cut(Cut),
    /// The text ends.
    End,
}

impl<'a> Values<'a> {
    /// Starts at a byte of the text.
    pub(super) fn new(text: &'a str, at: usize) -> Self {
        Self { text, at }
    }

    /// Whether the next character, blanks and commas aside, closes the array.
    pub(super) fn array_ends(&mut self) -> bool {
        self.skip(&[',']);
        self.rest().starts_with(']')
    }

    /// The next value.
    pub(super) fn next(&mut self) -> Next {
        self.skip(&[',', '[', ']']);
        let rest = self.rest();
        if rest.is_empty() {
            return Next::End;
        }
        let mut values = Deserializer::from_str(rest).into_iter::<Value>();
        match values.next() {
            Some(Ok(value)) => {
                self.at += values.byte_offset();
                Next::Value(value)
            }
            Some(Err(error)) if error.is_eof() => Next::Cut(Cut {
                at: offset(self.at),
                why: "the JSON ends inside a record".to_owned(),
            }),
            Some(Err(_)) => {
                self.at += rest.find('\n').map_or(rest.len(), |end| end + 1);
                Next::Unreadable
            }
            None => Next::End,
        }
    }

    /// The byte at which the next value stands.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn skip(&mut self, marks: &[char]) {
        let rest = self.rest();
        let trimmed = rest
            .trim_start_matches(|next: char| next.is_ascii_whitespace() || marks.contains(&next));
        self.at += rest.len() - trimmed.len();
    }
}

/// The number at `pointer`, written as a number or as text; `None` where there is neither.
pub(super) fn number(value: &Value, pointer: &str) -> Option<f64> {
    match value.pointer(pointer)? {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// The text at `pointer`; a number counts as its digits.
pub(super) fn text(value: &Value, pointer: &str) -> Option<String> {
    match value.pointer(pointer)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}
