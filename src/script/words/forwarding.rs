use super::super::suggest::meant;
use super::super::value::{ForwardingValue, TableValue, type_of};
use super::super::world::{Call, Fallible, WorldCell};
use super::{Word, anywhere};
use crate::net::{Family, NetError, Netns, Network};
use crate::table::forwarding::{Comparison, Lookup, Row, is_v6};
use crate::table::{RuleRow, Table};
use rhai::{Array, Dynamic, Engine, Map};
use std::rc::Rc;

pub(super) const WORDS: &[Word] = &[Word {
    name: "same_forwarding",
    form: "`same_forwarding(routes, routes)` or `same_forwarding(ns, routes)`",
    about: "Tells whether two routing tables send every packet the same way, however many rows they do \
            it with: the longest prefix counts, and of equal ones the smallest metric. Each is what \
            `routes` gives, or an array of maps: `#{dst, via, dev, metric, type}`. Of a map, `dst` and one \
            of the others have to be there; an interface that it leaves out may be any, and `via: ()` \
            alone is a link of any name. What is not about the way (`src`, `mtu`, `scope`) does not count, \
            nor does `fe80::/10`, which is never forwarded. Of a \
            namespace, all counts that decides where its packets go: the rules (`ip rule`) and their tables, a \
            rule for some packets alone included, and it must have no firewall that stops or changes packets, \
            no `tc` that does, no policy of IPsec, no network of its own in the table `local`, no route with `tos` or \
            `encap`, and no address that ends by itself (`valid_lft`). Its `.text` names the first destination that \
            is treated differently, and how.",
    example: "let red = netns(\"red\");\nlet blue = netns(\"blue\");\nveth(red, \"eth0\", blue, \"eth0\");\n\
              red.addr_add(\"eth0\", \"10.0.0.1/24\");\nred.up(\"eth0\");\nblue.up(\"eth0\");\n\
              red.route_add(\"10.1.0.0/25\", \"10.0.0.2\");\nred.route_add(\"10.1.0.128/25\", \"10.0.0.2\");\n\
              let wanted = [#{dst: \"10.0.0.0/24\", dev: \"eth0\"}, #{dst: \"10.1.0.0/24\", via: \"10.0.0.2\"}];\n\
              check(\"two halves are a whole\", same_forwarding(routes(red), wanted));\n\
              red.route_del(\"10.1.0.128/25\");\n\
              check(\n    \"one half is missing\",\n    same_forwarding(routes(red), wanted).text\n        \
              == \"10.1.0.128/25 goes nowhere by the first table, and via 10.0.0.2 by 10.1.0.0/24 in the second\"\n);",
}];

const FIELDS: [&str; 8] = ["dst", "via", "dev", "metric", "type", "src", "table", "scope"];

pub(super) fn register(engine: &mut Engine, cell: &WorldCell) {
    anywhere!(engine, cell, "same_forwarding", |call, ns: Netns, b: TableValue| {
        by_rules(&call, &ns, &of_table(&call, &b)?)
    });
    anywhere!(engine, cell, "same_forwarding", |call, ns: Netns, b: Array| {
        by_rules(&call, &ns, &of_array(&call, b)?)
    });
    anywhere!(engine, cell, "same_forwarding", |call, a: TableValue, b: TableValue| {
        compared(&call, of_table(&call, &a)?, of_table(&call, &b)?)
    });
    anywhere!(engine, cell, "same_forwarding", |call, a: TableValue, b: Array| {
        compared(&call, of_table(&call, &a)?, of_array(&call, b)?)
    });
    anywhere!(engine, cell, "same_forwarding", |call, a: Array, b: TableValue| {
        compared(&call, of_array(&call, a)?, of_table(&call, &b)?)
    });
    anywhere!(engine, cell, "same_forwarding", |call, a: Array, b: Array| {
        compared(&call, of_array(&call, a)?, of_array(&call, b)?)
    });
}

/// Compares what a namespace does with packets, considering all rules and tables.
fn by_rules(call: &Call, ns: &Netns, wanted: &[Row]) -> Fallible<ForwardingValue> {
    let is_v6 = is_v6(wanted).unwrap_or(false);
    let (family, word) = if is_v6 { (Family::Inet6, " -6") } else { (Family::Inet, "") };
    let look = |network: &Network| {
        let mut lookups = Vec::new();
        let mut obstacle = network.obstacle(ns)?;
        for rule in network.rules(ns, family)? {
            match lookup(network, ns, family, &rule)? {
                Some(lookup) => lookups.push(lookup),
                None if is_idle(&rule) => {}
                None => obstacle = Some(format!("the rule `{rule}` does more than to ask a table")),
            }
        }
        let routes = network.routes(ns, family, None)?;
        Ok((lookups, obstacle, Table::Routes(routes)))
    };
    let command = format!("{}{word} route", ns.ip());
    let (lookups, obstacle, _) =
        call.ask(command, look, |(_, _, table)| (table.to_string(), Some(table.clone())))?;
    let comparison =
        Comparison::by_rules(&lookups, wanted).map_err(|wrong| call.misuse(wrong.error, wrong.hint))?;
    let comparison = Comparison { obstacle, ..comparison };
    Ok(ForwardingValue(Rc::new(comparison)))
}

/// Tells whether a rule decides nothing: the kernel's own rule for local
/// addresses.
fn is_idle(rule: &RuleRow) -> bool {
    rule.action == "nop" || (rule.table.as_deref() == Some("local") && rule.pref == 0)
}

/// Returns a rule with its table; `None` if it does more than a lookup.
fn lookup(network: &Network, ns: &Netns, family: Family, rule: &RuleRow) -> Result<Option<Lookup>, NetError> {
    if is_idle(rule) || !rule.end.is_empty() {
        return Ok(None);
    }
    let rows = match (rule.action.as_str(), &rule.table) {
        ("lookup", Some(table)) => network.routes(ns, family, Some(table))?.iter().map(Row::from).collect(),
        (kind @ ("prohibit" | "unreachable" | "blackhole"), _) => {
            vec![Row { dst: "default".into(), kind: Some(kind.into()), ..Row::default() }]
        }
        _ => return Ok(None),
    };
    let some = rule.not
        || rule.from != "all"
        || rule.iif.is_some()
        || rule.fwmark.is_some()
        || !rule.more.is_empty();
    Ok(Some(Lookup { rule: rule.to_string().replace('\t', " "), some, to: rule.to.clone(), rows }))
}

fn compared(call: &Call, a: Vec<Row>, b: Vec<Row>) -> Fallible<ForwardingValue> {
    let comparison = Comparison::of(&a, &b).map_err(|wrong| call.misuse(wrong.error, wrong.hint))?;
    Ok(ForwardingValue(Rc::new(comparison)))
}

/// Returns the rows of an observed table.
fn of_table(call: &Call, table: &TableValue) -> Fallible<Vec<Row>> {
    match &*table.0 {
        Table::Routes(routes) => Ok(routes.iter().map(Row::from).collect()),
        other => {
            let error = format!("`same_forwarding` compares tables of routes, not `{}`", other.name());
            Err(call.misuse(error, "ask for them with `routes(ns)`"))
        }
    }
}

/// Returns the rows that a script has written.
fn of_array(call: &Call, rows: Array) -> Fallible<Vec<Row>> {
    rows.into_iter().map(|row| of_map(call, row)).collect()
}

fn of_map(call: &Call, row: Dynamic) -> Fallible<Row> {
    let Some(map) = row.read_lock::<Map>() else {
        let hint = "a row is a map, as `#{dst: \"10.1.0.0/24\", via: \"10.0.0.2\"}`";
        return Err(call.misuse(format!("a row of routes is not {}", type_of(&row)), hint));
    };
    if let Some(wrong) = map.keys().find(|key| !FIELDS.contains(&key.as_str())) {
        let hint = match meant(wrong, FIELDS) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("what counts is {}", FIELDS[..5].join(", ")),
        };
        return Err(call.misuse(format!("a row of routes has no field `{wrong}`"), hint));
    }
    let text =
        |key: &str| match map.get(key) {
            None => Ok(None),
            Some(value) if value.is_unit() => Ok(None),
            Some(value) => match value.clone().into_string() {
                Ok(text) => Ok(Some(text)),
                Err(_) => Err(call
                    .misuse(format!("the field `{key}` of a route is a string, not {}", type_of(value)), "")),
            },
        };
    let Some(dst) = text("dst")? else {
        let hint = "say where it leads: `dst` is `default`, an address, or a network as `10.0.0.0/24`";
        return Err(call.misuse("a route without a destination", hint));
    };
    let (via, dev, kind) = (text("via")?, text("dev")?, text("type")?);
    let is_unicast = kind.as_deref().is_none_or(|kind| kind == "unicast");
    if is_unicast && via.is_none() && dev.is_none() {
        if map.contains_key("dev") {
            // In a script, a row of several next hops looks like this.
            let hint =
                "give the table itself, not its rows: only that has all ways of a row that has several";
            return Err(call.misuse(format!("the row of {dst} does not say its way"), hint));
        }
        if !map.contains_key("via") {
            let hint = "say `via`, `dev` or a `type` as `blackhole`; `via: ()` is a link of any name";
            return Err(call.misuse(format!("the route to {dst} leads nowhere"), hint));
        }
    }
    let metric = match map.get("metric") {
        None => 0,
        Some(value) if value.is_unit() => 0,
        Some(value) => match value.as_int().ok().and_then(|metric| u32::try_from(metric).ok()) {
            Some(metric) => metric,
            None => return Err(call.misuse(format!("`{value}` is no metric"), "a metric is a number from 0")),
        },
    };
    Ok(Row { dst, via, dev, kind, metric, ..Row::default() })
}
