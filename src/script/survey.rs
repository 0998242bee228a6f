//! Walks a lab's syntax tree: finds its checks, and its errors.

use super::compile::Compiler;
use super::draws;
use super::fault::at;
use super::suggest::nearest;
use super::words;
use super::world::place;
use crate::event::Fault;
use crate::lab::{Declared, Draw, Kind, Place, Span, ToolUse, slug};
use crate::net::missing_tool;
use rhai::{AST, ASTNode, Array, Dynamic, Expr, FnCallExpr, Stmt};
use std::collections::{BTreeMap, BTreeSet};

/// The longest name of a snapshot's file that leaves room for `.snap.new`: a file
/// name has at most 255 bytes.
const LONGEST_SLUG: usize = 240;

/// The findings in a tree.
pub(super) struct Read {
    pub checks: Vec<Declared>,
    /// The imports, as written, with their places.
    pub imports: Vec<(String, Place)>,
    /// The path of the reference solution in the gap of an exercise.
    pub gap: Option<(String, Place)>,
    /// Checks whose points can't be read from the file.
    pub pointless: Vec<Place>,
    /// Checks in functions, which may be called anywhere.
    pub hidden: Vec<Place>,
    /// The draws for each student.
    pub draws: Vec<Draw>,
}

/// A check that is being read.
struct Seen {
    declared: Declared,
    variables: BTreeSet<String>,
    /// The tree's own node, to recognize the nodes inside it.
    node: *const FnCallExpr,
}

/// A variable, and the place that makes its value.
struct Let {
    name: String,
    span: Span,
    node: *const Stmt,
}

/// Walks the tree of a lab.
pub(super) struct Walk<'a> {
    compiler: &'a Compiler,
    functions: BTreeMap<String, BTreeSet<usize>>,
    /// The bodies of functions, including closures, by name.
    bodies: Vec<(String, Span)>,
    map_keys: BTreeSet<String>,
    seen: Vec<Seen>,
    lets: Vec<Let>,
    tools: Vec<ToolUse>,
    imports: Vec<(String, Place)>,
    gap: Option<(String, Place)>,
    pointless: Vec<Place>,
    hidden: Vec<Place>,
    draws: Vec<Draw>,
    /// The calls that are statements outside of every block and function.
    alone: BTreeSet<Place>,
    calls: Vec<(Place, String, usize, bool)>,
    faults: Vec<Fault>,
}

impl<'a> Walk<'a> {
    pub fn new(compiler: &'a Compiler, ast: &AST) -> Self {
        let mut functions: BTreeMap<String, BTreeSet<usize>> = BTreeMap::new();
        let mut bodies = Vec::new();
        for function in ast.iter_fn_def() {
            functions.entry(function.name.to_string()).or_default().insert(function.params.len());
            let (first, last) = (function.body.start_position(), function.body.end_position());
            bodies.push((function.name.to_string(), Span { first: place(first), last: place(last) }));
        }
        Self {
            compiler,
            functions,
            bodies,
            map_keys: BTreeSet::new(),
            seen: Vec::new(),
            lets: Vec::new(),
            tools: Vec::new(),
            imports: Vec::new(),
            gap: None,
            pointless: Vec::new(),
            hidden: Vec::new(),
            draws: Vec::new(),
            alone: ast.statements().iter().filter_map(call_alone).collect(),
            calls: Vec::new(),
            faults: Vec::new(),
        }
    }

    pub fn visit(&mut self, path: &[ASTNode]) {
        let Some(node) = path.last() else { return };
        let here = place(node.position());
        self.extend_spans(path, here);
        match node {
            ASTNode::Stmt(Stmt::FnCall(call, position)) | ASTNode::Expr(Expr::FnCall(call, position)) => {
                self.call(path, call, place(*position), false);
            }
            ASTNode::Expr(Expr::MethodCall(call, position)) => self.call(path, call, place(*position), true),
            ASTNode::Expr(Expr::Variable(variable, ..)) => self.variable(path, &variable.1),
            ASTNode::Expr(Expr::Map(entries, _)) => {
                self.map_keys.extend(entries.0.iter().map(|(key, _)| key.name.to_string()));
            }
            ASTNode::Stmt(statement @ Stmt::Var(variable, ..)) => {
                let span = Span { first: here, last: here };
                self.lets.push(Let { name: variable.0.name.to_string(), span, node: *statement });
            }
            ASTNode::Stmt(Stmt::Import(import, position)) => match &import.0 {
                Expr::StringConstant(name, position) => {
                    self.imports.push((name.to_string(), place(*position)))
                }
                _ => {
                    self.faults.push(at(place(*position), "the path of an import is a string literal", None))
                }
            },
            _ => {}
        }
    }

    /// Extends the spans of the checks and `let`s that contain a node: those
    /// found last.
    fn extend_spans(&mut self, path: &[ASTNode], here: Place) {
        if !here.is_known() {
            return;
        }
        for node in path {
            match node {
                ASTNode::Stmt(Stmt::FnCall(call, _)) | ASTNode::Expr(Expr::FnCall(call, _))
                    if Kind::of(&call.name).is_some() =>
                {
                    let node: *const FnCallExpr = &raw const **call;
                    if let Some(seen) = self.seen.iter_mut().rev().find(|seen| seen.node == node) {
                        let span = &mut seen.declared.evidence[0];
                        span.last = span.last.max(here);
                    }
                }
                ASTNode::Stmt(statement @ Stmt::Var(..)) => {
                    let node: *const Stmt = *statement;
                    if let Some(seen) = self.lets.iter_mut().rev().find(|seen| seen.node == node) {
                        seen.span.last = seen.span.last.max(here);
                    }
                }
                _ => {}
            }
        }
    }

    fn variable(&mut self, path: &[ASTNode], name: &str) {
        for node in path {
            if let ASTNode::Stmt(Stmt::FnCall(call, _)) | ASTNode::Expr(Expr::FnCall(call, _)) = node
                && Kind::of(&call.name).is_some()
            {
                let node: *const FnCallExpr = &raw const **call;
                if let Some(seen) = self.seen.iter_mut().rev().find(|seen| seen.node == node) {
                    seen.variables.insert(name.into());
                }
            }
        }
    }

    fn call(&mut self, path: &[ASTNode], call: &FnCallExpr, here: Place, method: bool) {
        let name = call.name.as_str();
        let operator = call.op_token.is_some() || !name.starts_with(|c: char| c.is_alphabetic() || c == '_');
        // The name of a closure is `anon$…`.
        if operator || name.contains('$') || !call.namespace.is_empty() {
            return;
        }
        self.calls.push((here, name.into(), call.args.len() + usize::from(method), method));
        if let Some(kind) = Kind::of(name) {
            self.expectation(path, call, kind, here, method);
        }
        if name == "Fn"
            && let Some(Expr::StringConstant(pointed, position)) = call.args.first()
            && Kind::of(pointed).is_some()
        {
            let hint =
                format!("write `{pointed}(\"its name\", …)`, so that it is found without running the lab");
            self.faults.push(at(
                place(*position),
                format!("`{pointed}` is called by its name only"),
                Some(hint),
            ));
        }
        if name == "submission" {
            self.submission(call, here, self.alone.contains(&here) && !method);
        }
        if name == "pick" {
            match draws::read(call, here, method) {
                Ok(draw) => self.draws.push(draw),
                Err(fault) => self.faults.push(fault),
            }
        }
        // The text does not show whether a function is called.
        if matches!(name, "exec" | "start" | "sh") && is_straight(path) && !self.is_in_function(here) {
            self.program(call, here);
        }
    }

    fn is_in_function(&self, here: Place) -> bool {
        self.bodies.iter().any(|(name, body)| !name.contains('$') && body.contains(here))
    }

    fn expectation(&mut self, path: &[ASTNode], call: &FnCallExpr, kind: Kind, here: Place, method: bool) {
        let form = format!("write `{kind}(\"its name\", …)`");
        if method {
            let message = format!("`{kind}` is not called with a dot");
            self.faults.push(at(here, message, Some(form)));
            return;
        }
        let name = match call.args.first() {
            Some(Expr::StringConstant(name, _)) => name.to_string(),
            Some(other) => {
                let message = format!("the name of a {kind} is a string literal");
                let hint = "it is a test case, and is found without running the lab; in a loop one name stands for all rounds";
                self.faults.push(at(place(other.position()), message, Some(hint.into())));
                return;
            }
            None => return,
        };
        if name.trim().is_empty() {
            self.faults.push(at(here, format!("a {kind} needs a name"), Some(form)));
            return;
        }
        if name.contains("::") || name.contains(char::is_control) {
            let message = format!("the name of a {kind} has no `::` and no control character");
            let hint = "it becomes part of a test's name and of a file's".to_string();
            self.faults.push(at(here, message, Some(hint)));
            return;
        }
        if kind == Kind::Snapshot && path.iter().any(is_loop) {
            let hint = "a snapshot has one text; give each round's a `check`, or take it outside the loop";
            self.faults.push(at(here, "a snapshot in a loop", Some(hint.into())));
            return;
        }
        let evidence = vec![Span { first: here, last: here }];
        let said = call.args.get(if kind == Kind::Eventually { 3 } else { 2 });
        let points = points(said);
        if points.is_none() {
            self.pointless.push(here);
        }
        if self.is_in_function(here) {
            self.hidden.push(here);
        }
        let hint = literal(said, "hint").and_then(|value| value.into_string().ok());
        let needs = literal(said, "needs").map(texts).unwrap_or_default();
        let points = points.unwrap_or(1);
        let declared = Declared { name, kind, place: here, evidence, tool: None, points, hint, needs };
        self.seen.push(Seen { declared, variables: BTreeSet::new(), node: call });
    }

    /// Records the gap of an exercise. There is only one, and it must be reached.
    fn submission(&mut self, call: &FnCallExpr, here: Place, alone: bool) {
        let Some(Expr::StringConstant(path, _)) = call.args.first() else {
            let hint =
                "write `submission(\"solutions/mask.sh\");`, so that it is found without running the lab";
            let message = "the path of the reference solution is a string literal";
            return self.faults.push(at(here, message, Some(hint.into())));
        };
        if !alone {
            let hint = "it parts what is given from what is judged, so it is reached once, whatever happens";
            let message = "`submission` stands alone, outside of every block and function";
            return self.faults.push(at(here, message, Some(hint.into())));
        }
        if let Some((_, first)) = &self.gap {
            let hint = format!("the first one is at {first}; what stands after it is judged");
            return self.faults.push(at(here, "an exercise has one gap, and this is a second", Some(hint)));
        }
        self.gap = Some((path.to_string(), here));
    }

    /// Records a command whose tool this machine lacks: the lab stops there.
    fn program(&mut self, call: &FnCallExpr, here: Place) {
        let text = call.args.iter().find_map(|argument| match argument {
            Expr::StringConstant(text, _) => Some(text.as_str()),
            _ => None,
        });
        let missing = text.and_then(missing_tool);
        self.tools.extend(missing.map(|program| ToolUse { program, place: here }));
    }

    pub fn finish(mut self) -> Result<Read, Fault> {
        self.check_calls();
        self.check_names();
        self.draws.sort_by_key(|draw| draw.place);
        self.faults.extend(draws::drawn_twice(&self.draws));
        self.faults.sort_by_key(|fault| fault.place);
        if let Some(first) = self.faults.into_iter().next() {
            return Err(first);
        }
        // Closures and functions are walked last, but readers start at the top.
        self.seen.sort_by_key(|seen| seen.declared.place);
        self.tools.sort_by_key(|tool| tool.place);
        let Self { seen, tools, lets, imports, gap, pointless, hidden, draws, .. } = self;
        let mut made: BTreeMap<&str, Vec<Span>> = BTreeMap::new();
        for Let { name, span, .. } in &lets {
            made.entry(name).or_default().push(*span);
        }
        let checks = seen.into_iter().map(|seen| {
            let mut declared = seen.declared;
            for variable in seen.variables {
                let made = made.get(variable.as_str()).into_iter().flatten();
                let made = made.filter(|span| span.first < declared.place);
                declared.evidence.extend(made.max_by_key(|span| span.first));
            }
            let last = declared.evidence[0].last;
            declared.tool = tools.first().filter(|tool| tool.place <= last).cloned();
            declared
        });
        let checks = checks.collect();
        Ok(Read { checks, imports, gap, pointless, hidden, draws })
    }

    /// Checks that every called function exists, with this number of arguments.
    fn check_calls(&mut self) {
        for (name, body) in &self.bodies {
            if words::all().any(|word| word.name == name) {
                let message = format!("the lab's own function `{name}` has the name of one of nslab's");
                self.faults.push(at(body.first, message, Some("give it another name".into())));
            }
        }
        // Only the first error is reported.
        let wrong = self.calls.iter().filter(|call| !self.is_sound(call)).min_by_key(|(here, ..)| *here);
        let Some((here, name, count, method)) = wrong else { return };
        let fault = match self.functions.get(name).or_else(|| self.compiler.arities.get(name)) {
            Some(counts) => self.wrong_count(*here, name, *count, counts, *method),
            None => {
                let ours = words::all().map(|word| word.name);
                let theirs = self.functions.keys().map(String::as_str);
                let languages = self.compiler.arities.keys().map(String::as_str);
                let near = nearest(name, ours.chain(theirs)).or_else(|| {
                    nearest(name, languages.filter(|name| name.starts_with(char::is_alphabetic)))
                });
                let hint = near.map(|near| format!("did you mean `{near}`?"));
                at(*here, format!("there is no function `{name}`"), hint)
            }
        };
        self.faults.push(fault);
    }

    /// Tells whether such a function exists, with this number of arguments.
    fn is_sound(&self, (_, name, count, method): &(Place, String, usize, bool)) -> bool {
        match self.functions.get(name).or_else(|| self.compiler.arities.get(name)) {
            Some(counts) if counts.contains(count) || name == "call" => true,
            // The lab's own function may be called with `this`.
            Some(counts) => *method && self.functions.contains_key(name) && counts.contains(&(count - 1)),
            None => *method && self.map_keys.contains(name),
        }
    }

    fn wrong_count(
        &self,
        here: Place,
        name: &str,
        count: usize,
        counts: &BTreeSet<usize>,
        method: bool,
    ) -> Fault {
        let arguments = |n: usize, counts: &str| {
            if n == 1 { format!("{counts} argument") } else { format!("{counts} arguments") }
        };
        if let Some(word) = words::all().find(|word| word.name == name) {
            let message = format!("`{name}` does not take {}", arguments(count, &count.to_string()));
            let first = if method { "; what stands before the dot is the first argument" } else { "" };
            return at(here, message, Some(format!("write {}{first}", word.form)));
        }
        // The value before the dot is an argument of the language's functions,
        // but `this` in the lab's.
        let before = usize::from(method);
        let own = self.functions.contains_key(name);
        let counts = counts.iter().map(|n| if own { *n } else { n.saturating_sub(before) });
        let counts: Vec<usize> = counts.collect();
        let shown = counts.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or ");
        let shown = arguments(counts.last().copied().unwrap_or(0), &shown);
        at(here, format!("`{name}` takes {shown}, not {}", count - before), None)
    }

    /// Checks that names are unique: each is one test case, and one file.
    fn check_names(&mut self) {
        let mut names: BTreeMap<&str, Place> = BTreeMap::new();
        let mut slugs: BTreeMap<String, &str> = BTreeMap::new();
        let mut seen: Vec<&Seen> = self.seen.iter().collect();
        seen.sort_by_key(|seen| seen.declared.place);
        for Seen { declared, .. } in seen {
            if let Some(first) = names.insert(&declared.name, declared.place) {
                let message = format!("the name `{}` is used twice", declared.name);
                let hint = format!("it was used first at {first}; each check is a test case of its own");
                self.faults.push(at(declared.place, message, Some(hint)));
            } else if declared.kind == Kind::Snapshot && slug(&declared.name).len() > LONGEST_SLUG {
                let hint = format!("it becomes a file's name, of {LONGEST_SLUG} bytes at most");
                self.faults.push(at(declared.place, "the name of the snapshot is too long", Some(hint)));
            } else if declared.kind == Kind::Snapshot
                && let Some(other) = slugs.insert(slug(&declared.name), &declared.name)
            {
                let message =
                    format!("the snapshots `{other}` and `{}` would be the same file", declared.name);
                let hint = "they differ in signs only, which a file's name leaves out".to_string();
                self.faults.push(at(declared.place, message, Some(hint)));
            }
        }
    }
}

/// Returns the place of a statement that is nothing but a call.
fn call_alone(statement: &Stmt) -> Option<Place> {
    match statement {
        Stmt::FnCall(_, position) => Some(place(*position)),
        Stmt::Expr(expression) => match &**expression {
            Expr::FnCall(_, position) => Some(place(*position)),
            _ => None,
        },
        _ => None,
    }
}

/// Returns an option of a call, if the file alone shows its value.
fn literal(options: Option<&Expr>, key: &str) -> Option<Dynamic> {
    let Some(Expr::Map(entries, _)) = options else { return None };
    entries.0.iter().find(|(name, _)| name.name == key)?.1.get_literal_value(None)
}

/// Returns the points of a check: one by default; `None` if the file does not
/// show them.
fn points(options: Option<&Expr>) -> Option<u32> {
    match options {
        None => Some(1),
        Some(Expr::Map(entries, _)) if entries.0.iter().all(|(name, _)| name.name != "points") => Some(1),
        Some(_) => literal(options, "points")?.as_int().ok()?.try_into().ok(),
    }
}

/// Returns one text, or several.
fn texts(value: Dynamic) -> Vec<String> {
    match value.clone().try_cast::<Array>() {
        Some(several) => several.into_iter().filter_map(|one| one.into_string().ok()).collect(),
        None => value.into_string().into_iter().collect(),
    }
}

fn is_loop(node: &ASTNode) -> bool {
    matches!(node, ASTNode::Stmt(Stmt::While(..) | Stmt::Do(..) | Stmt::For(..)))
}

/// Tells whether a node is always reached when the lab reaches its line.
fn is_straight(path: &[ASTNode]) -> bool {
    !path.iter().any(|node| {
        is_loop(node)
            || matches!(
                node,
                ASTNode::Stmt(Stmt::If(..) | Stmt::Switch(..) | Stmt::TryCatch(..))
                    | ASTNode::Expr(Expr::And(..) | Expr::Or(..) | Expr::Coalesce(..))
            )
    })
}
