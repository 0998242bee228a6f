use super::{Gap, Lab, LabSource, Language, Place, Solution};

impl Lab {
    /// Returns the lab up to the point where a person works in it, followed by
    /// the typed commands: at its gap, after a step (in a shell lab, after a
    /// line), or at its end.
    pub fn up_to_here(&self, at: Option<&str>, typed: Solution) -> Self {
        let lines: Vec<&str> = self.source.text.lines().collect();
        let last = match (at, self.language, &self.gap) {
            (None, _, Some(gap)) => (gap.place.line as usize).saturating_sub(1),
            (Some(at), Language::Shell, _) => at.parse().unwrap_or(lines.len()),
            (Some(at), Language::Rhai, _) => end_of_step(&lines, at),
            (None, ..) => lines.len(),
        };
        let mut text: String = lines[..last.min(lines.len())].iter().flat_map(|line| [*line, "\n"]).collect();
        let gap = match self.language {
            Language::Shell => {
                text += &typed.text;
                None
            }
            Language::Rhai => {
                text += "submission(\"typed\");\n";
                let place = Place::new(last as u32 + 1, 1);
                Some(Gap { place, reference: typed.clone(), handed_in: Some(typed) })
            }
        };
        let source = LabSource { text, ..self.source.clone() };
        Self { source, gap, checks: Vec::new(), ..self.clone() }
    }
}

/// Returns the number of lines before the step after this one. A step is named by
/// its number or by how its text begins.
fn end_of_step(lines: &[&str], wanted: &str) -> usize {
    let steps = lines.iter().enumerate().filter_map(|(n, line)| {
        let text = line.trim_start().strip_prefix("step(")?;
        Some((n, text.trim_start().trim_start_matches(['"', '`']).to_lowercase()))
    });
    let steps: Vec<(usize, String)> = steps.collect();
    let is_wanted =
        |n: usize, text: &str| (n + 1).to_string() == wanted || text.starts_with(&wanted.to_lowercase());
    let found = steps.iter().enumerate().position(|(n, (_, text))| is_wanted(n, text));
    let next = found.and_then(|found| steps.get(found + 1));
    next.map_or(lines.len(), |(line, _)| *line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::LabName;

    fn lab(path: &str, text: &str) -> Lab {
        let source = LabSource { name: LabName::of(path.as_ref()), path: path.into(), text: text.into() };
        Lab {
            source,
            language: Language::of(path.as_ref()).unwrap_or(Language::Rhai),
            tool: None,
            checks: Vec::new(),
            helpers: Vec::new(),
            gap: None,
            draws: Vec::new(),
        }
    }

    fn typed() -> Solution {
        Solution { path: "typed.sh".into(), text: "ip link\n".into(), language: Language::Shell }
    }

    #[test]
    fn a_lab_goes_as_far_as_one_is() {
        let of =
            |path: &str, text: &str, at: Option<&str>| lab(path, text).up_to_here(at, typed()).source.text;
        assert_eq!(of("x.sh", "a\nb\nc\n", None), "a\nb\nc\nip link\n");
        assert_eq!(of("x.sh", "a\nb\nc\n", Some("2")), "a\nb\nip link\n");
        let steps = "step(\"One\");\na();\nstep(\"Two\");\nb();\n";
        assert_eq!(of("x.rhai", steps, Some("1")), "step(\"One\");\na();\nsubmission(\"typed\");\n");
        assert_eq!(of("x.rhai", steps, Some("one")), "step(\"One\");\na();\nsubmission(\"typed\");\n");
        assert_eq!(of("x.rhai", steps, Some("2")), format!("{steps}submission(\"typed\");\n"));
    }

    #[test]
    fn an_exercise_goes_to_its_gap() {
        let gap = Gap { place: Place::new(2, 1), reference: typed(), handed_in: None };
        let exercise = Lab { gap: Some(gap), ..lab("x.rhai", "a();\nsubmission(\"s.sh\");\ncheck();\n") };
        let here = exercise.up_to_here(None, typed());
        assert_eq!(here.source.text, "a();\nsubmission(\"typed\");\n");
        assert_eq!(here.gap.and_then(|gap| gap.handed_in), Some(typed()));
    }
}
