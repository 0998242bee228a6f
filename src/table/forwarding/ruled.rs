use super::alike::first_difference;
use super::{Block, Comparison, Forwarding, Row, Unreadable, Way, Ways, is_v6};
use std::net::IpAddr;

/// A rule, and its table: a line of `ip rule`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lookup {
    /// The rule, as `ip rule` prints it.
    pub rule: String,
    /// Whether it matches only some packets, by source, mark, ….
    pub some: bool,
    /// The destination that it matches, if it matches only one.
    pub to: Option<String>,
    /// The rows of its table. A rule that ends packets itself has a table of one
    /// row.
    pub rows: Vec<Row>,
}

/// Tables that are looked up in order.
struct Ruled<'a>(Vec<&'a Part>);

/// One of these tables, and the destinations that it is for.
struct Part {
    to: Option<Block>,
    table: Forwarding,
}

impl Ways for Ruled<'_> {
    fn way(&self, to: IpAddr) -> Option<(Block, &Way)> {
        let is_asked = |part: &&&Part| part.to.is_none_or(|block| is_in(block, to));
        self.0.iter().filter(is_asked).find_map(|part| part.table.way(to))
    }

    fn blocks(&self) -> Vec<Block> {
        self.0.iter().flat_map(|part| part.table.blocks().into_iter().chain(part.to)).collect()
    }
}

fn is_in(block: Block, ip: IpAddr) -> bool {
    block.is_v6() == ip.is_ipv6() && Block::around(ip, block.length()) == block
}

impl Comparison {
    /// Compares the result of rules and their tables, in order, with one table. A
    /// rule for some packets must treat them like all others.
    ///
    /// # Errors
    ///
    /// If a row can't be read.
    pub fn by_rules(lookups: &[Lookup], wanted: &[Row]) -> Result<Self, Unreadable> {
        let all: Vec<Row> = lookups.iter().flat_map(|lookup| lookup.rows.clone()).collect();
        let v6 = is_v6(wanted).or(is_v6(&all)).unwrap_or(false);
        let parts = lookups.iter().map(|lookup| {
            let to = lookup.to.as_ref().map(|to| Block::read(to, v6)).transpose()?;
            Ok(Part { to, table: Forwarding::read(&lookup.rows, v6)? })
        });
        let parts: Vec<Part> = parts.collect::<Result<_, Unreadable>>()?;
        let wanted = Forwarding::read(wanted, v6)?;
        // The rules for all packets, and at most one other. If no other rule
        // changes anything alone, their order does not matter, either.
        let asked = |one: Option<usize>| {
            let is_asked = |n: usize| !lookups[n].some || one == Some(n);
            Ruled((0..parts.len()).filter(|n| is_asked(*n)).map(|n| &parts[n]).collect())
        };
        if let Some(difference) = first_difference(&asked(None), &wanted) {
            return Ok(Self { difference: Some(difference), rule: None, obstacle: None });
        }
        for (n, lookup) in lookups.iter().enumerate().filter(|(_, lookup)| lookup.some) {
            if let Some(difference) = first_difference(&asked(Some(n)), &wanted) {
                let rule = Some(lookup.rule.clone());
                return Ok(Self { difference: Some(difference), rule, obstacle: None });
            }
        }
        Ok(Self { difference: None, rule: None, obstacle: None })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(rows: &[&str]) -> Vec<Row> {
        let row = |text: &&str| {
            let (dst, via) = text.split_once(" via ").unwrap();
            Row { dst: dst.into(), via: Some(via.into()), ..Row::default() }
        };
        rows.iter().map(row).collect()
    }

    fn lookup(rule: &str, some: bool, to: Option<&str>, table: &[&str]) -> Lookup {
        Lookup { rule: rule.into(), some, to: to.map(String::from), rows: rows(table) }
    }

    fn compared(lookups: &[Lookup]) -> String {
        let wanted = rows(&["10.1.0.0/16 via 10.0.0.1", "default via 10.0.0.9"]);
        Comparison::by_rules(lookups, &wanted).unwrap().text()
    }

    #[test]
    fn tables_are_asked_one_after_the_other() {
        let first = lookup("10", false, None, &["10.1.0.0/16 via 10.0.0.1"]);
        let main = lookup("32766", false, None, &["default via 10.0.0.9"]);
        assert_eq!(compared(&[first.clone(), main.clone()]), "both forward alike");
        assert_eq!(
            compared(&[main, first]),
            "10.1.0.0/16 goes via 10.0.0.9 by default in the first table, and via 10.0.0.1 by the second"
        );
    }

    #[test]
    fn a_rule_for_one_destination_counts_there() {
        let main = lookup("32766", false, None, &["10.1.0.0/16 via 10.0.0.1", "default via 10.0.0.9"]);
        let same = lookup("10", false, Some("10.1.2.3"), &["default via 10.0.0.1"]);
        assert_eq!(compared(&[same, main.clone()]), "both forward alike");
        let other = lookup("10", false, Some("10.1.2.3"), &["default via 10.0.0.7"]);
        assert_eq!(
            compared(&[other, main]),
            "10.1.2.3 goes via 10.0.0.7 by default in the first table, and via 10.0.0.1 by 10.1.0.0/16 in the second"
        );
    }

    #[test]
    fn a_rule_for_some_packets_changes_nothing_for_them() {
        let main = lookup("32766", false, None, &["10.1.0.0/16 via 10.0.0.1", "default via 10.0.0.9"]);
        let harmless = lookup("10", true, None, &["10.1.0.0/24 via 10.0.0.1"]);
        assert_eq!(compared(&[harmless.clone(), main.clone()]), "both forward alike");
        let other = lookup("11: from 10.0.0.4 lookup 100", true, None, &["10.1.0.0/24 via 10.0.0.2"]);
        assert_eq!(
            compared(&[harmless, other, main]),
            "for packets of the rule `11: from 10.0.0.4 lookup 100`, 10.1.0.0/24 goes via 10.0.0.2 by the first table, and via 10.0.0.1 by 10.1.0.0/16 in the second"
        );
    }
}
