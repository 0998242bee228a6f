//! The results of the measurements, for a reader.

use crate::clock::{Times, milliseconds};
use crate::crowd::{Crowd, Until};
use crate::large::{Large, NEIGHBOURS};
use crate::race::{Bound, Race};
use crate::traps::{self, Trap};
use crate::variant::Who;
use std::time::Duration;

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

/// The requirements, all printed at the end.
pub struct Verdicts(Vec<[String; 4]>);

impl Verdicts {
    pub fn none() -> Self {
        Self(vec![["requirement", "wanted", "measured", "holds"].map(String::from)])
    }

    pub fn print(&self) {
        print_aligned(&self.0);
    }

    fn add(&mut self, name: String, bound: Bound, value: Option<f64>, digits: usize) {
        let (value, holds) = match value {
            Some(value) => (format!("{value:.digits$}"), if bound.holds(value) { "yes" } else { "no" }),
            None => ("–".into(), "not measured"),
        };
        self.0.push([name, bound.text(), value, holds.into()]);
    }
}

/// Prints the results of a race.
pub fn race(race: &Race, verdicts: &mut Verdicts) {
    let median = |who| race.rows.iter().find(|row| row.who == who).and_then(|row| row.times.median());
    let ratio = |time: Option<Duration>, who| Some(time?.div_duration_f64(median(who)?));
    let shown = |ratio: Option<f64>| ratio.map_or("–".into(), |ratio| format!("{ratio:.2}"));
    let head = [&race.title, "runs", "least ms", "median ms", "p90 ms", "/ floor", "/ nslab test", ""];
    let lines = race.rows.iter().map(|row| {
        let median = row.times.median();
        [
            row.who.name().into(),
            row.times.len().to_string(),
            time(row.times.least()),
            time(median),
            time(row.times.p90()),
            shown(ratio(median, Who::Floor)),
            shown(ratio(median, Who::Test)),
            row.note.clone(),
        ]
    });
    print_aligned(&std::iter::once(head.map(String::from)).chain(lines).collect::<Vec<_>>());
    println!();
    for requirement in race.requirements {
        let (of, to) = (requirement.of, requirement.to);
        let name = format!("{}: {} / {}", race.title, of.name(), to.name());
        verdicts.add(name, requirement.bound, ratio(median(of), to), 2);
    }
}

/// Prints the results of many labs at once.
pub fn crowds(crowds: &[Crowd], verdicts: &mut Verdicts) {
    let head = ["one nslab test", "runs", "first ms", "last ms", "end ms", "down ms", "labs/s", "to the end"];
    let shown = |rate: Option<f64>| rate.map_or("–".into(), |rate| format!("{rate:.0}"));
    let median = |times: &Times| time(times.median());
    let lines = crowds.iter().map(|crowd| {
        [
            format!("{} labs of {}", crowd.labs, crowd.title),
            crowd.whole.len().to_string(),
            median(&crowd.first),
            median(&crowd.last),
            median(&crowd.whole),
            median(&crowd.down),
            shown(crowd.rate(Until::LastResult)),
            shown(crowd.rate(Until::End)),
        ]
    });
    print_aligned(&std::iter::once(head.map(String::from)).chain(lines).collect::<Vec<_>>());
    println!(
        "until the first result, the last line, the end, and until the kernel has taken all down;\n\
         labs a second until the last line, and until the end\n"
    );
    for crowd in crowds {
        let name = format!("{} labs of {}, labs per second", crowd.labs, crowd.title);
        verdicts.add(name, crowd.bound, crowd.rate(crowd.until), 0);
    }
}

/// Prints the results of the large labs.
pub fn large(all: &[Large], verdicts: &mut Verdicts) {
    let head = ["W4 by nslab test", "runs", "median ms", "longest ms", "ARP", "IPv6", "KiB/namespace", ""];
    let shown = |count: Option<u64>| count.map_or("–".into(), |count| count.to_string());
    let lines = all.iter().map(|large| {
        [
            format!("N={}", large.namespaces),
            large.times.len().to_string(),
            time(large.times.median()),
            time(large.times.longest()),
            shown(large.arp),
            shown(large.ndisc),
            shown(large.memory()),
            if large.failed > 0 { format!("{} more failed", large.failed) } else { String::new() },
        ]
    });
    print_aligned(&std::iter::once(head.map(String::from)).chain(lines).collect::<Vec<_>>());
    println!("the most that the machine's neighbour tables had more than before, and its memory less\n");
    for large in all {
        let title = format!("W4, N={}", large.namespaces);
        let seconds = |time: Duration| time.as_secs_f64();
        let bound = Bound::AtMost(seconds(large.allowed));
        verdicts.add(format!("{title}: seconds"), bound, large.times.median().map(seconds), 2);
        let measured = large.times.len() + large.failed;
        let lost = (measured > 0).then_some(large.failed as f64);
        verdicts.add(format!("{title}: runs with a lost ping"), Bound::AtMost(0.0), lost, 0);
        for (table, most) in [("ARP", large.arp), ("IPv6", large.ndisc)] {
            let most = most.map(|most| most as f64);
            verdicts.add(format!("{title}: {table} entries"), Bound::AtMost(NEIGHBOURS), most, 0);
        }
    }
}

/// Prints the times of answers of `why`.
pub fn traps(traps: &[Trap], verdicts: &mut Verdicts) {
    let head = ["nslab why, cure proved", "runs", "lab ms", "why ms", "p90 ms", "beyond ms", ""];
    let lines = traps.iter().map(|trap| {
        [
            trap.title.clone(),
            trap.why.len().to_string(),
            time(trap.lab.median()),
            time(trap.why.median()),
            time(trap.why.p90()),
            time(trap.beyond()),
            String::new(),
        ]
    });
    print_aligned(&std::iter::once(head.map(String::from)).chain(lines).collect::<Vec<_>>());
    println!("the lab up to there by `nslab test`; medians\n");
    let beyond = traps.iter().filter_map(Trap::beyond).fold(Times::none(), |mut all, time| {
        all.add(time);
        all
    });
    let milliseconds = |time: Duration| time.as_secs_f64() * 1000.0;
    let bound = Bound::AtMost(milliseconds(traps::ALLOWED));
    let median = beyond.median().map(milliseconds);
    verdicts.add("why beyond the lab, median in ms".into(), bound, median, 0);
}

fn time(time: Option<Duration>) -> String {
    time.map_or("–".into(), milliseconds)
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
