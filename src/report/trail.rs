//! The paths of packets, one line each: requests from left to right, replies from
//! right to left.

use super::explanation::{Ink, paragraph};
use crate::event::{Explanation, Passed, Trail, TrailEnd, TrailStep};
use crate::lab::visible;

/// The width of a drawing.
const WIDTH: usize = 80;
const THERE: &str = "──▶";
const BACK: &str = "◀──";
const LOST: &str = "✗";

/// A visit to a namespace: the interfaces of arrival and of departure.
#[derive(Debug, Default, PartialEq, Eq)]
struct Visit {
    ns: String,
    into: Vec<String>,
    out: Vec<String>,
}

impl Visit {
    /// Returns its text from left to right, or mirrored.
    fn text(&self, back: bool) -> String {
        let (mut left, mut right) = (self.into.clone(), self.out.clone());
        if back {
            std::mem::swap(&mut left, &mut right);
            left.reverse();
            right.reverse();
        }
        let ns = format!("[{}]", self.ns);
        visible(&left.into_iter().chain([ns]).chain(right).collect::<Vec<_>>().join(" "))
    }
}

/// Draws all paths, and says where the packet was seen last.
pub(super) fn drawing(why: &Explanation, ink: Ink) -> String {
    let widest = why.trails.iter().map(|trail| label(trail.what).len()).max().unwrap_or_default();
    let mut text = String::new();
    let mut there: Option<(Vec<Visit>, usize)> = None;
    for trail in &why.trails {
        let back = matches!(trail.what, Passed::Reply | Passed::ArpReply | Passed::Error);
        let visits = visits(trail, &why.from);
        let (mut pieces, marks) = pieces(trail, &visits, back);
        if back {
            pieces.reverse();
        }
        let room = WIDTH - widest - 4;
        let rows = rows(&pieces, room);
        let width = |row: &str| row.chars().count();
        // A reply is drawn below the end of its request.
        let from = visits.first().map(|visit| visit.ns.as_str());
        let indent = match (&there, &rows[..]) {
            (Some((asked, end)), [row]) if back => {
                let same = asked.last().map(|visit| visit.ns.as_str()) == from;
                if same { end.saturating_sub(width(row)) } else { 0 }
            }
            _ => 0,
        };
        for (n, row) in rows.iter().enumerate() {
            let label = if n == 0 { label(trail.what) } else { "" };
            let row = row.replace(&marks, &ink.bad(&marks));
            let gap = " ".repeat(widest - label.len() + 2 + indent);
            text += &format!("  {label}{gap}{}\n", if marks.is_empty() { rows[n].clone() } else { row });
        }
        if let (false, [row]) = (back, &rows[..]) {
            there = Some((visits, width(row)));
        }
    }
    if let Some(lost) = why.trails.iter().find_map(last_seen) {
        text += &format!("{}\n", paragraph(&lost, "  ", "  "));
    }
    text
}

fn label(what: Passed) -> &'static str {
    match what {
        Passed::Request => "request",
        Passed::ArpRequest => "who has?",
        Passed::ArpReply => "is at",
        Passed::Reply => "reply",
        Passed::Error => "error",
    }
}

fn visits(trail: &Trail, from: &str) -> Vec<Visit> {
    let mut visits: Vec<Visit> = Vec::new();
    for TrailStep { ns, dev, out } in &trail.steps {
        let fits = |visit: &&mut Visit| visit.ns == *ns && (*out || visit.out.is_empty());
        let visit = match visits.last_mut().filter(fits) {
            Some(_) => visits.last_mut(),
            None => {
                visits.push(Visit { ns: ns.clone(), ..Visit::default() });
                visits.last_mut()
            }
        };
        if let Some(visit) = visit {
            if *out { visit.out.push(dev.clone()) } else { visit.into.push(dev.clone()) }
        }
    }
    if visits.is_empty() {
        visits.push(Visit { ns: from.into(), ..Visit::default() });
    }
    visits
}

/// Returns the parts of a drawing in travel order, and the mark at the end.
fn pieces(trail: &Trail, visits: &[Visit], back: bool) -> (Vec<String>, String) {
    let arrow = if back { BACK } else { THERE };
    let mut pieces = Vec::new();
    for (n, visit) in visits.iter().enumerate() {
        if n > 0 {
            pieces.push(arrow.to_string());
        }
        pieces.push(visit.text(back));
    }
    let mark = match (&trail.end, back) {
        (TrailEnd::Arrived, _) => String::new(),
        (TrailEnd::Waits, _) => "…".into(),
        (TrailEnd::Within(_) | TrailEnd::Before(Some(TrailStep { out: true, .. })), _) => LOST.into(),
        (TrailEnd::Round, _) => "↺".into(),
        (TrailEnd::Before(_), false) => format!("──{LOST}"),
        (TrailEnd::Before(_), true) => format!("{LOST}──"),
    };
    if !mark.is_empty() {
        pieces.push(mark.clone());
    }
    if let TrailEnd::Before(Some(TrailStep { ns, dev, out })) = &trail.end {
        let next = Visit { ns: ns.clone(), into: vec![dev.clone()], ..Visit::default() };
        pieces.push(if *out { visible(dev) } else { next.text(back) });
    }
    (pieces, mark)
}

/// Splits the parts into rows, each broken after an arrow.
fn rows(pieces: &[String], room: usize) -> Vec<String> {
    let mut rows: Vec<String> = vec![String::new()];
    for piece in pieces {
        let Some(row) = rows.last_mut() else { continue };
        if row.is_empty() {
            row.push_str(piece);
        } else if row.chars().count() + 1 + piece.chars().count() + 4 <= room || piece.chars().count() <= 3 {
            row.push(' ');
            row.push_str(piece);
        } else {
            rows.push(piece.clone());
        }
    }
    rows
}

/// Returns the last place where the packet was seen, and the first where it was
/// not, in words.
fn last_seen(trail: &Trail) -> Option<String> {
    let about = trail.about.as_deref().unwrap_or_default();
    let what = match trail.what {
        Passed::ArpRequest => format!("question who has {about}"),
        Passed::ArpReply => format!("answer to who has {about}"),
        Passed::Request => "request".into(),
        Passed::Reply => "reply".into(),
        Passed::Error => "error".into(),
    };
    let seen = match trail.steps.last() {
        Some(TrailStep { ns, dev, out: true }) => format!("the {what} was last seen leaving {ns} by {dev}"),
        Some(TrailStep { ns, dev, out: false }) => format!("the {what} was last seen entering {ns} by {dev}"),
        None => format!("the {what} did not leave any interface"),
    };
    let then = match &trail.end {
        TrailEnd::Before(Some(TrailStep { ns, dev, .. })) => format!(", and not at {ns}'s {dev}"),
        TrailEnd::Before(None) => ", and nowhere else".into(),
        TrailEnd::Within(ns) if trail.steps.is_empty() => format!(" of {ns}"),
        TrailEnd::Within(_) if trail.what == Passed::ArpRequest => ", and nobody there answers".into(),
        TrailEnd::Within(_) => ", and goes no further".into(),
        TrailEnd::Round => return Some(format!("the {what} goes in a circle")),
        TrailEnd::Arrived | TrailEnd::Waits => return None,
    };
    Some(visible(&format!("{seen}{then}")))
}
