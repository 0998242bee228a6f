//! Faults of a network that works: a line typed wrong, a line forgotten, or a line too
//! many.

mod later;
mod line;
mod rules;
mod typed;

use crate::dice::Dice;
use crate::networks::Question;
pub use line::Line;

/// Something to break, in one place.
#[derive(Debug, Clone)]
pub struct Fault {
    /// Its kind, for the score.
    pub kind: &'static str,
    /// The change of the lab.
    pub edit: Edit,
    /// The namespace that it is in; a cure has to act there.
    pub ns: String,
    /// Words of which one must be told.
    pub about: Vec<String>,
    /// Whether it shows with large packets only.
    pub large: bool,
}

impl Fault {
    /// Whether two ends differ by it, of which either can be the one that was
    /// meant.
    pub fn is_mutual(&self) -> bool {
        matches!(self.kind, "address" | "vxlan number" | "vxlan" | "service" | "nat of a rule")
    }
}

#[derive(Debug, Clone)]
pub enum Edit {
    /// A line in place of another; none where it is forgotten.
    Line(usize, Option<String>),
    /// A line that comes last, in place of where it belongs.
    Late(usize),
    /// A line at the end.
    Last(String),
}

impl Edit {
    /// The line that it changes.
    pub fn line(&self) -> Option<usize> {
        match self {
            Self::Line(at, _) | Self::Late(at) => Some(*at),
            Self::Last(_) => None,
        }
    }

    /// Applies several edits, the one of the later line first.
    pub fn apply(edits: &[&Edit], lines: &[&str]) -> Vec<String> {
        let mut result: Vec<Option<String>> = lines.iter().map(|line| Some((*line).to_string())).collect();
        for edit in edits {
            match edit {
                Self::Line(at, line) => result[*at].clone_from(line),
                Self::Late(at) => {
                    let line = result[*at].take();
                    result.push(line);
                }
                Self::Last(line) => result.push(Some(line.clone())),
            }
        }
        result.into_iter().flatten().collect()
    }
}

/// A command of a tool in a namespace.
fn inside(ns: &str, command: &str) -> String {
    match (ns, command.split_once(' ')) {
        ("host", _) => command.into(),
        (_, Some((tool @ ("ip" | "bridge" | "tc"), rest))) => format!("{tool} -n {ns} {rest}"),
        _ => format!("ip netns exec {ns} {command}"),
    }
}

/// All that can be broken, with dice for what it is broken to.
pub fn faults(lines: &[&str], asked: &Question, dice: &mut Dice) -> Vec<Fault> {
    let to = asked.to;
    let read: Vec<Line> = lines.iter().enumerate().map(|(at, text)| Line::read(at, text)).collect();
    let mut all = Faults { all: Vec::new(), v6: to.contains(':'), tcp: asked.tcp.is_some() };
    for line in &read {
        all.typed(line, dice);
    }
    let mut spaces: Vec<&str> = read.iter().map(|line| line.ns).collect();
    spaces.sort_unstable();
    spaces.dedup();
    let routed: Vec<&str> =
        read.iter().filter(|line| line.text.contains("forward")).map(|line| line.ns).collect();
    for ns in spaces {
        all.of_a_space(ns, to, routed.contains(&ns), dice);
    }
    let addrs: Vec<&Line> = read.iter().filter(|line| line.is(&["ip", "addr", "add"])).collect();
    for line in &addrs {
        all.of_a_link(line.ns, line.dev(), dice);
        let ip = line.words[3].split('/').next().expect("an address");
        for other in &addrs {
            match other.ns == line.ns {
                false => all.of_another(other, ip),
                true if other.dev() != line.dev() => all.on_another_link(line, other.dev()),
                true => {}
            }
        }
    }
    for line in read.iter().filter(|line| line.is(&["ip", "route", "add"])) {
        all.of_a_route(line, to, dice);
    }
    for line in read.iter().filter(|line| line.is(&["ip", "link", "set"])) {
        if let Some(ns) = line.after("netns") {
            let mut others = read.iter().filter_map(|line| line.after("netns")).filter(|other| *other != ns);
            if let Some(other) = others.next_back() {
                all.in_another_space(line, ns, other);
            }
        }
    }
    for line in read.iter().filter(|line| line.is(&["ip", "link", "set"]) && line.after("master").is_some()) {
        all.of_a_port(line.ns, line.words[3], line.after("master").expect("just seen"), dice);
    }
    all.all
}

struct Faults {
    all: Vec<Fault>,
    v6: bool,
    tcp: bool,
}

impl Faults {
    fn edit(&mut self, kind: &'static str, line: &Line, edit: Edit, about: &[&str]) {
        let about = about.iter().map(ToString::to_string).collect();
        self.all.push(Fault { kind, edit, ns: line.ns.into(), about, large: false });
    }

    /// Adds a fault that shows with large packets only.
    fn later_of_large(&mut self, kind: &'static str, ns: &str, command: &str, about: &[&str]) {
        self.later(kind, ns, command, about);
        self.all.last_mut().expect("just pushed").large = true;
    }

    fn later(&mut self, kind: &'static str, ns: &str, command: &str, about: &[&str]) {
        let about = about.iter().map(ToString::to_string).collect();
        let edit = Edit::Last(inside(ns, command));
        self.all.push(Fault { kind, edit, ns: ns.into(), about, large: false });
    }
}
