use std::{
    io::{IsTerminal as _, Write as _},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{cast::Cast, picture::Stack, steps::milliseconds};

/// Standard output: lines that stay, and below them a table that changes.
///
/// On a terminal the table is drawn again in its place; elsewhere it is printed now and then.
pub(super) struct Screen {
    /// The table; `None` where standard output is no terminal.
    table: Option<ProgressBar>,
    drawn_at: Option<Duration>,
}

/// One line of the table.
pub(super) struct Row<'a> {
    pub(super) vehicle: &'a str,
    pub(super) distance_m: f64,
    /// The agent's process; `None` while there is none.
    pub(super) pid: Option<u32>,
    pub(super) stack: &'a Stack,
    /// Whether its own vehicle reported a hazard.
    pub(super) reported: bool,
}

impl Screen {
    /// A terminal, if standard output is one.
    pub(super) fn new() -> Self {
        let is_terminal = std::io::stdout().is_terminal();
        Self {
            table: is_terminal.then(empty_table),
            drawn_at: None,
        }
    }

    /// Prints a line that stays.
    pub(super) fn say(&self, line: &str) {
        match &self.table {
            Some(table) if self.drawn_at.is_some() => table.println(line),
            Some(_) | None => print(line),
        }
    }

    /// Shows the table as it is now, if it is time for it.
    pub(super) fn draw(&mut self, lines: &[String], now: Duration) {
        let every = if self.table.is_some() {
            DRAW_EVERY
        } else {
            PRINT_EVERY
        };
        if self.drawn_at.is_some_and(|at| now < at + every) {
            return;
        }
        self.drawn_at = Some(now);
        let text = format!("\n{}\n", lines.join("\n"));
        match &self.table {
            Some(table) => table.set_message(text),
            None => print(&text),
        }
    }

    /// Takes the table off the terminal.
    pub(super) fn clear(&mut self) {
        if let Some(table) = &self.table {
            table.finish_and_clear();
        }
        self.drawn_at = None;
    }
}

/// What each driving stack is told, as lines of at most 80 columns.
pub(super) fn table(rows: &[Row<'_>], doing: &str, now: Duration) -> Vec<String> {
    let mut lines = vec![format!(
        "  {:<20} {:>6} {:>11} {:>5} {:>6} {:>17} {:>7}",
        "vehicle", "away", "agent", "hears", "msg/s", "delay p50 / p99", "hazards"
    )];
    lines.extend(rows.iter().map(|row| row.line(now)));
    lines.push(format!("  {doing}").chars().take(WIDTH).collect());
    lines
}

impl Row<'_> {
    fn line(&self, now: Duration) -> String {
        let name: String = self.vehicle.chars().take(20).collect();
        let away = format!("{:.0} m", self.distance_m);
        let Some(pid) = self.pid else {
            return format!("  {name:<20} {away:>6} {:>11}", "killed");
        };
        let delay = self
            .stack
            .delays(now)
            .map_or_else(String::new, |(median, high)| {
                format!("{} / {}", milliseconds(median), milliseconds(high))
            });
        let hazards = if self.reported {
            "own".to_owned()
        } else {
            self.stack.hazards.len().to_string()
        };
        format!(
            "  {name:<20} {away:>6} {:>11} {:>5} {:>6.1} {delay:>17} {hazards:>7}",
            format!("pid {pid}"),
            self.stack.neighbours.len(),
            self.stack.rate_per_s(now),
        )
    }
}

/// The rows of a cast.
pub(super) fn rows<'a>(
    cast: &'a Cast,
    stacks: &'a [Stack],
    pids: &'a [Option<u32>],
    reported: bool,
) -> Vec<Row<'a>> {
    let numbered = cast.roles.iter().zip(stacks).zip(pids).enumerate();
    numbered
        .map(|(index, ((role, stack), pid))| Row {
            vehicle: &role.vehicle,
            distance_m: role.distance_m,
            pid: *pid,
            stack,
            reported: reported && index == 0,
        })
        .collect()
}

/// Prints a line; who closed the output does not want to read it.
pub(super) fn print(line: &str) {
    writeln!(std::io::stdout(), "{line}").ok();
}

fn empty_table() -> ProgressBar {
    let style = ProgressStyle::with_template("{msg}");
    let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::with_draw_target(None, ProgressDrawTarget::stdout()).with_style(style)
}

/// How often the table is drawn again on a terminal.
const DRAW_EVERY: Duration = Duration::from_millis(200);
/// How often the table is printed where it cannot be drawn again.
const PRINT_EVERY: Duration = Duration::from_secs(4);
const WIDTH: usize = 79;
