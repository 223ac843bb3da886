use quick_xml::{
    Reader, XmlVersion,
    events::{BytesStart, Event},
};

use super::unpack::offset;
use crate::replay::Cut;

/// An element read whole: small parts of a document as a tree.
#[derive(Debug, Default)]
pub(super) struct Element {
    pub(super) name: String,
    pub(super) attributes: Vec<(String, String)>,
    pub(super) text: String,
    pub(super) children: Vec<Self>,
    /// Whether its end was there; false along the branch where the document is cut.
    pub(super) complete: bool,
}

impl Element {
    fn of(start: &BytesStart<'_>) -> Self {
        Self {
            name: start.name().as_ref().to_owned(),
            attributes: attributes(start),
            ..Self::default()
        }
    }

    /// The first child with this name.
    pub(super) fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    /// The descendant at the end of these names.
    pub(super) fn descendant(&self, path: &[&str]) -> Option<&Self> {
        path.iter()
            .try_fold(self, |element, name| element.child(name))
    }

    /// Its text as a number; NaN where there is text that is none.
    pub(super) fn number(&self) -> f64 {
        self.text.trim().parse().unwrap_or(f64::NAN)
    }

    /// An attribute's value.
    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }
}

/// All attributes of a start tag; those that cannot be read are missing.
pub(super) fn attributes(start: &BytesStart<'_>) -> Vec<(String, String)> {
    start
        .attributes()
        .with_checks(false)
        .flatten()
        .filter_map(|attribute| {
            let value = attribute
                .normalized_value(XmlVersion::Implicit1_0)
                .ok()?
                .into_owned();
            Some((attribute.key.as_ref().to_owned(), value))
        })
        .collect()
}

/// Calls `visit` with every element directly below the root whose name `wanted` accepts, and with
/// the start of the root itself as an element without children.
///
/// A cut document gives what is there of its last element, too.
pub(super) fn top_elements(
    text: &str,
    wanted: impl Fn(&str) -> bool,
    mut visit: impl FnMut(&Element) -> Result<(), String>,
) -> Option<Cut> {
    let mut reader = Reader::from_str(text);
    let mut open: Vec<Element> = Vec::new();
    let mut depth = 0_usize;
    let cut = loop {
        let event = match reader.read_event() {
            Ok(event) => event,
            Err(error) => {
                break Cut {
                    at: reader.error_position(),
                    why: format!("damaged XML: {error}"),
                };
            }
        };
        let at = reader.buffer_position();
        let mut done = None;
        match &event {
            Event::Start(start) | Event::Empty(start) => {
                depth += 1;
                if depth > DEPTH_MAX {
                    let why = format!("elements are nested more than {DEPTH_MAX} deep");
                    break Cut { at, why };
                }
                let collect = !open.is_empty() || depth == 2 && wanted(start.name().as_ref());
                if depth == 1 {
                    done = Some(Element::of(start));
                } else if collect {
                    open.push(Element::of(start));
                }
                if matches!(event, Event::Empty(_)) {
                    depth -= 1;
                    done = done.or_else(|| close(&mut open));
                }
            }
            Event::End(_) => {
                depth = depth.saturating_sub(1);
                done = close(&mut open);
            }
            Event::Text(text) => {
                if let Some(element) = open.last_mut() {
                    element.text.push_str(&text.xml10_content());
                }
            }
            Event::Eof if depth == 0 => return None,
            Event::Eof => {
                break Cut {
                    at: offset(text.len()),
                    why: "the XML ends inside an element".to_owned(),
                };
            }
            Event::CData(_)
            | Event::Comment(_)
            | Event::Decl(_)
            | Event::PI(_)
            | Event::DocType(_)
            | Event::GeneralRef(_) => {}
        }
        if let Some(Err(why)) = done.as_ref().map(&mut visit) {
            return Some(Cut { at, why });
        }
    };
    match fold(open).as_ref().map(visit) {
        Some(Err(why)) => Some(Cut { at: cut.at, why }),
        Some(Ok(())) | None => Some(cut),
    }
}

/// Closes the innermost open element; returns it if it was the outermost.
fn close(open: &mut Vec<Element>) -> Option<Element> {
    let mut element = open.pop()?;
    element.complete = true;
    match open.last_mut() {
        Some(parent) => {
            parent.children.push(element);
            None
        }
        None => Some(element),
    }
}

/// Joins elements that never ended to their parents.
fn fold(open: Vec<Element>) -> Option<Element> {
    open.into_iter().rev().reduce(|child, mut parent| {
        parent.children.push(child);
        parent
    })
}

const DEPTH_MAX: usize = 64;
