//! Reads a lab without running it: finds its checks, and its errors.

use super::draws;
use super::engine::Stage;
use super::fault::{at, syntax_of, too_many};
use super::gap;
use super::imports::Imports;
use super::survey::{Read, Walk};
use crate::event::Fault;
use crate::lab::{Lab, LabSource, Language, Place};
use rhai::AST;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

/// A reader of labs.
pub struct Compiler {
    pub(super) stage: Stage,
    /// The possible numbers of arguments of each function.
    pub(super) arities: BTreeMap<String, BTreeSet<usize>>,
}

impl Default for Compiler {
    fn default() -> Self {
        Self::new(Stage::new())
    }
}

/// The language's built-in functions that are not registered, with their numbers
/// of arguments.
const KEYWORDS: [(&str, &[usize]); 9] = [
    ("print", &[0, 1]),
    ("debug", &[0, 1]),
    ("type_of", &[1]),
    ("is_shared", &[1]),
    ("is_def_var", &[1]),
    ("is_def_fn", &[2]),
    ("Fn", &[1]),
    ("call", &[1, 2, 3, 4, 5, 6, 7, 8]),
    ("curry", &[2, 3, 4, 5, 6, 7, 8]),
];

/// The most text, in bytes, that is parsed again to find an unclosed comment.
const PATIENCE: usize = 4 << 20;

impl Compiler {
    /// Creates a compiler from a stage that no script needs.
    pub fn new(stage: Stage) -> Self {
        let found = RefCell::new(BTreeMap::<String, BTreeSet<usize>>::new());
        // Most names have several functions: create only one string for each
        // name.
        let _: Vec<()> = stage.engine.collect_fn_metadata(
            None,
            |info| {
                let (mut found, name) = (found.borrow_mut(), info.metadata.name.as_str());
                if !found.contains_key(name) {
                    found.insert(name.into(), BTreeSet::new());
                }
                found.get_mut(name)?.insert(info.metadata.num_params);
                None
            },
            true,
        );
        let mut arities = found.into_inner();
        for (name, counts) in KEYWORDS {
            arities.entry(name.into()).or_default().extend(counts);
        }
        Self { stage, arities }
    }

    /// Reads a lab.
    ///
    /// # Errors
    ///
    /// If its text is no valid script, calls a function that does not exist, or
    /// declares its checks in a way that can't be found without running it.
    pub fn read(&self, mut source: LabSource) -> Result<Lab, Fault> {
        // Some editors put a byte order mark at the beginning.
        if let Some(text) = source.text.strip_prefix('\u{feff}') {
            source.text = text.to_string();
        }
        let ast = self.compile(&source.text)?;
        if ast.statements().is_empty() && ast.iter_functions().next().is_none() {
            let hint = "a lab says at least one thing, as `netns(\"red\");`";
            return Err(at(Place::new(1, 1), "the lab is empty", Some(hint.into())));
        }
        let read = self.survey(&ast)?;
        let helpers = Imports::of(self, &source.path, &read.imports)?;
        let gap = gap::read(&source.path, &read)?;
        let (language, mut checks, draws) = (Language::Rhai, read.checks, read.draws);
        if let Some(gap) = &gap {
            gap::need_tools(gap, &mut checks);
        }
        let lab = Lab { source, language, tool: None, checks, helpers, draws, gap };
        draws::check_task(&lab)?;
        Ok(lab)
    }

    /// Compiles the text of a lab or of a helper.
    pub(super) fn compile(&self, text: &str) -> Result<AST, Fault> {
        if let Some(fault) = too_many(text) {
            return Err(fault);
        }
        let ast = self.stage.engine.compile(text).map_err(|error| syntax_of(&error, text))?;
        match self.open_comment(text) {
            None => Ok(ast),
            Some(place) => {
                let hint = "a comment that begins with `/*` ends with `*/`; all below would be left out";
                Err(at(place, "a comment is not closed", Some(hint.into())))
            }
        }
    }

    /// Finds an unclosed comment at the end of a script. The language accepts it
    /// silently, and the checks in it would be lost.
    fn open_comment(&self, text: &str) -> Option<Place> {
        // In a comment, no text is a syntax error.
        let is_comment = |end: usize| self.stage.engine.compile(format!("{}\n)", &text[..end])).is_ok();
        let mut starts = text.rmatch_indices("/*").map(|(start, _)| start).peekable();
        starts.peek().filter(|_| is_comment(text.len()))?;
        // Each `/*` may be within the comment before. With thousands of them, any
        // will do.
        let mut left = PATIENCE;
        let start = starts.find(|start| {
            left = left.saturating_sub(*start + 1);
            left == 0 || !is_comment(*start)
        });
        let before = &text[..start?];
        let line = before.matches('\n').count() + 1;
        let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
        Some(Place::new(line as u32, column as u32))
    }

    /// Walks a tree, and reports its errors.
    pub(super) fn survey(&self, ast: &AST) -> Result<Read, Fault> {
        let mut walk = Walk::new(self, ast);
        ast.walk(&mut |path| {
            walk.visit(path);
            true
        });
        walk.finish()
    }
}
