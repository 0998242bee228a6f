//! Facts that a lab's text shows before it runs: above all, which veth pairs may
//! be created later.
//!
//! A pair whose ends are created in their final namespaces differs from a pair
//! moved there in one way: while only one end is up, the kernel reports that end
//! as DOWN, but a moved one as LOWERLAYERDOWN. With both ends up, there is no
//! difference. So a pair may wait only if the lab's text shows that both ends are
//! set up before any observation: a straight sequence of actions with plain
//! arguments, from the pair to the second `up`.

use super::world::place;
use crate::lab::Place;
use crate::net::Expected;
use rhai::{AST, ASTNode, Expr, FnCallExpr, Position, Stmt};
use std::collections::BTreeSet;

/// Actions that observe nothing and start no program.
const BLIND: [&str; 17] = [
    "addr_add",
    "addr_del",
    "bridge",
    "host",
    "macvlan",
    "neigh_add",
    "netns",
    "note",
    "route_add",
    "route_del",
    "set_mac",
    "set_master",
    "set_mtu",
    "set_netns",
    "step",
    "title",
    "veth",
];

/// Counts the namespaces that the text of the lab creates, and tells whether it
/// has a submission: by the calls in the text.
pub(super) fn expected(ast: &AST) -> Expected {
    let mut expected = Expected { namespaces: 0, submission: false };
    ast.walk(&mut |path| {
        if let Some(ASTNode::Expr(Expr::FnCall(call, _)) | ASTNode::Stmt(Stmt::FnCall(call, _))) = path.last()
        {
            expected.namespaces += usize::from(call.name == "netns");
            expected.submission |= call.name == "submission";
        }
        true
    });
    expected
}

/// Returns the places of the `veth` calls whose pair may wait.
pub(super) fn veths_that_may_wait(ast: &AST) -> BTreeSet<Place> {
    let statements = ast.statements();
    let mut places = BTreeSet::new();
    for (number, statement) in statements.iter().enumerate() {
        let Some((call, position)) = call_of(statement) else { continue };
        if call.name == "veth"
            && let [Expr::StringConstant(a, _), Expr::StringConstant(b, _)] = &call.args[..]
            && are_switched_on(&statements[number + 1..], [a, b])
        {
            places.insert(place(position));
        }
    }
    places
}

/// Tells whether both links are set up before any observation.
fn are_switched_on(statements: &[Stmt], mut links: [&str; 2]) -> bool {
    for statement in statements {
        let call = match statement {
            Stmt::Var(variable, ..) => match &variable.1 {
                Expr::FnCall(call, _) => call,
                value if is_plain(value) => continue,
                _ => return false,
            },
            Stmt::Noop(_) => continue,
            other => match call_of(other) {
                Some((call, _)) => call,
                None => return false,
            },
        };
        if !call.args.iter().all(is_plain) {
            return false;
        }
        if call.name == "up" {
            for link in &mut links {
                if call.args.iter().any(|arg| matches!(arg, Expr::StringConstant(up, _) if up == *link)) {
                    *link = "";
                }
            }
            if links == ["", ""] {
                return true;
            }
        } else if !BLIND.contains(&call.name.as_str()) {
            return false;
        }
    }
    false
}

/// Returns the call of a statement: `up(red, "a")` or `red.up("a")`.
fn call_of(statement: &Stmt) -> Option<(&FnCallExpr, Position)> {
    let expression = match statement {
        Stmt::FnCall(call, position) => return Some((call, *position)),
        Stmt::Expr(expression) => &**expression,
        _ => return None,
    };
    match expression {
        Expr::FnCall(call, position) => Some((call, *position)),
        Expr::Dot(parts, ..) => match (&parts.lhs, &parts.rhs) {
            (lhs, Expr::MethodCall(call, position)) if is_plain(lhs) => Some((call, *position)),
            _ => None,
        },
        _ => None,
    }
}

/// Tells whether an argument observes nothing: a literal, a variable, or
/// `host()`.
fn is_plain(argument: &Expr) -> bool {
    match argument {
        Expr::Variable(..) => true,
        Expr::FnCall(call, _) => call.name == "host" && call.args.is_empty(),
        Expr::Map(entries, _) => entries.0.iter().all(|(_, value)| is_plain(value)),
        other => other.is_constant(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::engine::Stage;
    use super::*;

    fn lines(lab: &str) -> Vec<u32> {
        let ast = Stage::new().engine.compile(lab).unwrap();
        veths_that_may_wait(&ast).into_iter().map(|place| place.line).collect()
    }

    #[test]
    fn a_pair_waits_where_both_ends_are_switched_on_unseen() {
        let lab = "let red = netns(\"red\");\nveth(\"a\", \"b\");\nset_netns(\"a\", red);\n\
                   addr_add(red, \"a\", \"10.0.0.1/24\", #{broadcast: \"+\"});\nred.up(\"a\");\n";
        assert_eq!(lines(&format!("{lab}up(\"b\");\nping(\"10.0.0.1\");")), [2]);
        assert_eq!(lines(&format!("{lab}let blue = netns(\"blue\");\nhost().up(\"b\");")), [2]);
        assert!(lines(lab).is_empty());
        assert!(lines(&format!("{lab}links(red);\nup(\"b\");")).is_empty());
        assert!(lines(&format!("{lab}note(links(red));\nup(\"b\");")).is_empty());
        assert!(lines(&format!("{lab}if true {{ up(\"b\"); }}")).is_empty());
        assert!(lines(&format!("{lab}exec(\"true\");\nup(\"b\");")).is_empty());
    }
}
