//! What was measured, for a reader.

use crate::clock::{Times, milliseconds};
use crate::crowd::{Crowd, LABS};
use crate::rounds::Row;
use crate::variant::Who;
use std::time::Duration;

/// What we ask of ourselves: a ratio of two medians, and its bound.
const REQUIREMENTS: [(&str, Who, Who, Bound); 5] = [
    ("nslab test / floor", Who::Test, Who::Floor, Bound::AtMost(2.0)),
    ("tutorial shell / nslab test", Who::Shell, Who::Test, Bound::AtLeast(15.0)),
    ("ip -batch / nslab test", Who::Batch, Who::Test, Bound::AtLeast(3.0)),
    ("nslab run / nslab test", Who::Run, Who::Test, Bound::AtMost(1.5)),
    ("tutorial order / direct", Who::Tutorial, Who::Test, Bound::AtMost(1.3)),
];

/// What we ask of many labs, in labs per second.
const CROWD: Bound = Bound::AtLeast(300.0);

#[derive(Clone, Copy)]
enum Bound {
    AtMost(f64),
    AtLeast(f64),
}

impl Bound {
    fn holds(self, value: f64) -> bool {
        match self {
            Self::AtMost(bound) => value <= bound,
            Self::AtLeast(bound) => value >= bound,
        }
    }

    fn text(self) -> String {
        match self {
            Self::AtMost(bound) => format!("≤ {bound}"),
            Self::AtLeast(bound) => format!("≥ {bound}"),
        }
    }
}

/// Prints the table, which ends with the requirements.
pub fn print(rows: &[Row], crowd: &Crowd) {
    let median = |who| rows.iter().find(|row| row.who == who).and_then(|row| row.times.median());
    let ratio = |time: Option<Duration>, who| Some(time?.div_duration_f64(median(who)?));
    let mut lines =
        vec![["W1", "runs", "median ms", "p90 ms", "/ floor", "/ nslab test", ""].map(String::from)];
    let mut line = |name: String, times: &Times, compared: Option<Duration>, note: String| {
        let shown = |ratio: Option<f64>| ratio.map_or("–".into(), |ratio| format!("{ratio:.2}"));
        let time = |time: Option<Duration>| time.map_or("–".into(), milliseconds);
        lines.push([
            name,
            times.len().to_string(),
            time(times.median()),
            time(times.p90()),
            shown(ratio(compared, Who::Floor)),
            shown(ratio(compared, Who::Test)),
            note,
        ]);
    };
    for row in rows {
        line(row.name.into(), &row.times, row.times.median(), row.note.clone());
    }
    let rate = crowd.rate().map_or(String::new(), |rate| format!("{rate:.0} labs/s"));
    let first = crowd
        .first
        .median()
        .map_or(String::new(), |first| format!(", first result after {} ms", milliseconds(first)));
    line(format!("nslab test, {LABS} labs"), &crowd.whole, None, rate + &first);
    print_aligned(&lines);

    println!();
    let mut lines = vec![["requirement", "wanted", "measured", "holds"].map(String::from)];
    let mut line = |name: String, bound: Bound, value: Option<f64>, digits: usize| {
        let (value, holds) = match value {
            Some(value) => (format!("{value:.digits$}"), if bound.holds(value) { "yes" } else { "no" }),
            None => ("–".into(), "not measured"),
        };
        lines.push([name, bound.text(), value, holds.into()]);
    };
    for (name, of, to, bound) in REQUIREMENTS {
        line(name.into(), bound, ratio(median(of), to), 2);
    }
    line(format!("{LABS} labs, labs per second"), CROWD, crowd.rate(), 0);
    print_aligned(&lines);
}

/// Prints rows of cells: the first and the last to the left, numbers to the
/// right.
pub fn print_aligned<const N: usize>(lines: &[[String; N]]) {
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; N] = std::array::from_fn(width);
    for line in lines {
        let cells = line.iter().zip(widths).enumerate().map(|(column, (cell, width))| {
            if column == 0 || column == N - 1 { format!("{cell:width$}") } else { format!("{cell:>width$}") }
        });
        println!("{}", cells.collect::<Vec<_>>().join("  ").trim_end());
    }
}
