use std::fmt::{self, Display};

use serde::Serialize;

/// What was found, in the order in which it was looked at.
#[derive(Debug, Default, Serialize)]
pub(super) struct Report {
    findings: Vec<Finding>,
}

/// One thing that was looked at.
#[derive(Debug, Serialize)]
struct Finding {
    level: Level,
    /// What was looked at, as `clock`.
    about: String,
    found: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<String>,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Level {
    /// As it should be.
    Well,
    /// It works, and could be better, or cannot be told from here.
    Doubtful,
    /// Something will not work.
    Wrong,
}

impl Report {
    /// All is as it should be.
    pub(super) fn well(&mut self, about: &str, found: impl Display) {
        self.add(Level::Well, about, found.to_string(), None);
    }

    /// It works, and could be better, or cannot be told from here.
    pub(super) fn doubtful(&mut self, about: &str, found: impl Display, remedy: impl Display) {
        let remedy = Some(remedy.to_string());
        self.add(Level::Doubtful, about, found.to_string(), remedy);
    }

    /// Something will not work.
    pub(super) fn wrong(&mut self, about: &str, found: impl Display, remedy: impl Display) {
        let remedy = Some(remedy.to_string());
        self.add(Level::Wrong, about, found.to_string(), remedy);
    }

    fn add(&mut self, level: Level, about: &str, found: String, remedy: Option<String>) {
        self.findings.push(Finding {
            level,
            about: about.to_owned(),
            found,
            remedy,
        });
    }

    /// How many things will not work.
    pub(super) fn count_wrong(&self) -> usize {
        self.count(Level::Wrong)
    }

    fn count(&self, level: Level) -> usize {
        self.findings.iter().filter(|it| it.level == level).count()
    }

    /// All in lines for people; what is as it should be only if asked for.
    pub(super) fn lines(&self, includes_well: bool) -> impl Display {
        Lines {
            report: self,
            includes_well,
        }
    }
}

struct Lines<'a> {
    report: &'a Report,
    includes_well: bool,
}

impl Display for Lines<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_shown = |it: &&Finding| self.includes_well || it.level != Level::Well;
        for finding in self.report.findings.iter().filter(is_shown) {
            let level = match finding.level {
                Level::Well => "well    ",
                Level::Doubtful => "doubtful",
                Level::Wrong => "WRONG   ",
            };
            writeln!(f, "{level} {}: {}", finding.about, finding.found)?;
            if let Some(remedy) = &finding.remedy {
                writeln!(f, "         -> {remedy}")?;
            }
        }
        let [wrong, doubtful, well] =
            [Level::Wrong, Level::Doubtful, Level::Well].map(|level| self.report.count(level));
        writeln!(f, "{wrong} wrong, {doubtful} doubtful, {well} well")
    }
}
