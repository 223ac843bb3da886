use quick_xml::{Reader, events::Event};

use super::{ImportError, Options, nyc, table, unpack};
use crate::replay::Cut;

/// A supported format, as its content shows.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Format {
    CommonRoad,
    /// With the byte at which the list of messages begins.
    Nyc(usize),
    Ode,
    Sumo,
    Table,
}

impl Format {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::CommonRoad => "CommonRoad XML",
            Self::Nyc(_) => "NYC pilot event JSON",
            Self::Ode => "ODE BSM JSON",
            Self::Sumo => "SUMO FCD XML",
            Self::Table => "CSV",
        }
    }
}

/// Finds the format in the content.
pub(super) fn detect(
    name: &str,
    content: &[u8],
    packing: Option<&Cut>,
    options: &Options,
) -> Result<Format, ImportError> {
    let unknown = |seen: String| {
        Err(ImportError::UnknownFormat {
            name: name.to_owned(),
            seen,
        })
    };
    if content.is_empty() {
        let why = packing.map_or(String::new(), |cut| format!(" ({})", cut.why));
        return unknown(format!("gzip without content{why}"));
    }
    let (text, _, _) = unpack::text(content);
    let start = text.trim_start();
    if start.starts_with('<') {
        return match root(text) {
            Some("fcd-export") => Ok(Format::Sumo),
            Some("commonRoad") => Ok(Format::CommonRoad),
            Some(root) => unknown(format!("XML with the root <{}>", shortened(root))),
            None => unknown("XML without a root element".to_owned()),
        };
    }
    if start.starts_with(['{', '[']) {
        if let Some(list_start) = nyc::list_start(text) {
            return Ok(Format::Nyc(list_start));
        }
        if ["\"coreData\"", "\"payload\"", "\"metadata\""]
            .into_iter()
            .any(|key| text.contains(key))
        {
            return Ok(Format::Ode);
        }
        return unknown("JSON without messages".to_owned());
    }
    let first = text.lines().next().unwrap_or_default();
    let header = table::header(text);
    let printable =
        !first.trim().is_empty() && first.chars().all(|next| !next.is_control() || next == '\t');
    if printable && (header.len() >= COLUMNS_MIN || options.columns.is_some()) {
        return Ok(Format::Table);
    }
    if printable {
        return unknown(format!("text that begins {:?}", shortened(first)));
    }
    let head: Vec<_> = content
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    unknown(format!("binary data that begins {}", head.join(" ")))
}

/// The name of the outermost element.
fn root(text: &str) -> Option<&str> {
    let mut reader = Reader::from_str(text);
    loop {
        let before = usize::try_from(reader.buffer_position()).ok()?;
        match reader.read_event().ok()? {
            Event::Start(_) | Event::Empty(_) => {
                let tag = text.get(before..)?.trim_start().strip_prefix('<')?;
                return tag
                    .split(|next: char| next.is_whitespace() || "/>".contains(next))
                    .next();
            }
            Event::Eof | Event::End(_) => return None,
            Event::Text(_)
            | Event::CData(_)
            | Event::Comment(_)
            | Event::Decl(_)
            | Event::PI(_)
            | Event::DocType(_)
            | Event::GeneralRef(_) => {}
        }
    }
}

fn shortened(text: &str) -> String {
    text.chars().take(SEEN_LEN_MAX).collect()
}

/// A table needs at least time, vehicle and two coordinates.
const COLUMNS_MIN: usize = 4;
const SEEN_LEN_MAX: usize = 40;
