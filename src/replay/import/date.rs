use crate::time::Timestamp;

/// Parses `2018-05-01T16:04:23.694Z` and the like, with a blank for the `T` and a zone in words.
///
/// The flag says whether the zone is UTC; where it is not, the digits are taken as they stand.
pub(super) fn parse(text: &str) -> Option<(Timestamp, bool)> {
    let (date, rest) = text.trim().split_once(['T', ' '])?;
    let mut parts = date.splitn(3, '-').map(str::parse::<u64>);
    let (year, month, day) = (
        parts.next()?.ok()?,
        parts.next()?.ok()?,
        parts.next()?.ok()?,
    );
    let end = rest
        .find(|next: char| !next.is_ascii_digit() && next != ':' && next != '.')
        .unwrap_or(rest.len());
    let (clock, zone) = rest.split_at(end);
    let mut parts = clock.splitn(3, ':');
    let hour: u64 = parts.next()?.parse().ok()?;
    let minute: u64 = parts.next()?.parse().ok()?;
    let seconds = parts.next()?;
    let (second, fraction) = seconds.split_once('.').unwrap_or((seconds, ""));
    let second: u64 = second.parse().ok()?;
    let in_range = (1970..=9999).contains(&year)
        && (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && hour < 24
        && minute < 60
        && second <= 60;
    if !in_range {
        return None;
    }
    let milliseconds: u64 = fraction
        .chars()
        .chain("000".chars())
        .take(3)
        .collect::<String>()
        .parse()
        .ok()?;
    let unix_s = ((days(year, month, day) * 24 + hour) * 60 + minute) * 60 + second;
    let time = Timestamp::from_unix_ms(unix_s * 1_000 + milliseconds)?;
    Some((time, zone.starts_with('Z')))
}

/// Days since 1970-01-01 of a date of the Gregorian calendar from then on.
///
/// Counts years from March, so that the leap day is the last of its year.
fn days(year: u64, month: u64, day: u64) -> u64 {
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let leap_days = year / 4 - year / 100 + year / 400;
    let days_of_year = (153 * month + 2) / 5 + day - 1;
    year * 365 + leap_days + days_of_year - DAYS_TO_1970
}

/// Days from 0000-03-01 to 1970-01-01.
const DAYS_TO_1970: u64 = 719_468;

#[cfg(test)]
mod tests {
    use super::parse;

    /// `date -u -d ... +%s`, with the milliseconds.
    #[test]
    fn dates_of_the_pilots_are_read() {
        let times = [
            ("1970-01-01T00:00:00Z", 0, true),
            ("2018-05-01T16:04:23.694Z", 1_525_190_663_694, true),
            ("2017-12-05T16:33:58Z[UTC]", 1_512_491_638_000, true),
            ("2019-01-14 00:20:30.046 [ET]", 1_547_425_230_046, false),
            ("2024-02-29T23:59:59.9Z", 1_709_251_199_900, true),
        ];
        for (text, unix_ms, universal) in times {
            let (time, zone) = parse(text).unwrap();
            assert_eq!((time.unix_ms(), zone), (unix_ms, universal), "{text}");
        }
    }

    #[test]
    fn nonsense_is_no_date() {
        for text in [
            "",
            "T",
            "2018-13-01T00:00:00Z",
            "2018-05-01T24:00:00Z",
            "2018-05-01T1:2Z",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
