//! What the command line accepts as a number.

/// A finite number above 0, at most 1 000.
pub(super) fn parse_rate(text: &str) -> Result<f64, String> {
    parse(
        text,
        |rate| rate > 0.0 && rate <= 1_000.0,
        "above 0 and at most 1000",
    )
}

/// A probability.
pub(super) fn parse_probability(text: &str) -> Result<f64, String> {
    parse(text, |p| (0.0..=1.0).contains(&p), "between 0 and 1")
}

/// A distance on the road.
pub(super) fn parse_metres(text: &str) -> Result<f64, String> {
    parse(
        text,
        |m| m > 0.0 && m <= 100_000.0,
        "above 0 and at most 100000",
    )
}

/// A length of time, at most a year.
pub(super) fn parse_seconds(text: &str) -> Result<f64, String> {
    parse(
        text,
        |s| s > 0.0 && s <= 31_536_000.0,
        "above 0 and at most 31536000",
    )
}

fn parse(text: &str, fits: impl Fn(f64) -> bool, range: &str) -> Result<f64, String> {
    text.parse()
        .ok()
        .filter(|number| fits(*number))
        .ok_or_else(|| format!("must be a number {range}"))
}
