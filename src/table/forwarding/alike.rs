use super::block::address;
use super::{Block, Forwarding, NextHop, Row, Unreadable, Way, Ways, is_v6};
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv6Addr};

/// The first block of addresses that two tables treat differently.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The addresses.
    pub block: Block,
    /// The matching row of the first table, and its way; `None` if there is none.
    pub first: Option<(Block, Way)>,
    /// The same for the second one.
    pub second: Option<(Block, Way)>,
}

/// Whether two tables forward equally.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comparison {
    /// The first difference.
    pub difference: Option<Difference>,
    /// The rule whose packets the difference is about, if not all.
    pub rule: Option<String>,
    /// Something besides routes that decides about packets.
    pub obstacle: Option<String>,
}

impl Comparison {
    /// Compares two tables. Link-local IPv6 addresses are left out, because
    /// packets to them are never forwarded.
    ///
    /// # Errors
    ///
    /// If a row can't be read.
    pub fn of(first: &[Row], second: &[Row]) -> Result<Self, Unreadable> {
        let families = (is_v6(first), is_v6(second));
        // A bare `default` has the family of the rows around it.
        let one = Forwarding::read(first, families.0.or(families.1).unwrap_or(false))?;
        let two = Forwarding::read(second, families.1.or(families.0).unwrap_or(false))?;
        Ok(Self { difference: first_difference(&one, &two), rule: None, obstacle: None })
    }

    /// Tells whether they forward equally.
    pub fn ok(&self) -> bool {
        self.difference.is_none() && self.obstacle.is_none()
    }

    /// Returns the difference, as text.
    pub fn error(&self) -> Option<String> {
        let difference = self.difference.as_ref().map(|difference| match &self.rule {
            Some(rule) => format!("for packets of the rule `{rule}`, {}", difference.text()),
            None => difference.text(),
        });
        difference.or_else(|| self.obstacle.clone())
    }

    /// Returns the answer as a sentence.
    pub fn text(&self) -> String {
        self.error().unwrap_or_else(|| "both forward alike".into())
    }
}

impl Difference {
    fn text(&self) -> String {
        let clause = |met: &Option<(Block, Way)>| match met {
            None => "goes nowhere".into(),
            Some((_, way)) => way.clause(),
        };
        let met = |met: &Option<(Block, Way)>| met.as_ref().map(|(block, _)| *block);
        // A part of all addresses without a row of its own means nothing to a
        // reader.
        let rest = met(&self.first).filter(|block| block.length() == 0 && met(&self.second) == Some(*block));
        let about = rest.unwrap_or(self.block);
        // A row for more addresses than these is named.
        let row = |met: &Option<(Block, Way)>| match met {
            Some((block, _)) if *block != about => format!("{block} in "),
            _ => String::new(),
        };
        let (first, second) = (clause(&self.first), clause(&self.second));
        // A common first word is said once.
        let short = second.strip_prefix("goes ").filter(|_| first.starts_with("goes "));
        format!(
            "{about} {first} by {}the first table, and {} by {}the second",
            row(&self.first),
            short.unwrap_or(&second),
            row(&self.second)
        )
    }
}

/// Returns the first difference between two tables, IPv4 before IPv6.
pub(super) fn first_difference(one: &dyn Ways, two: &dyn Ways) -> Option<Difference> {
    [false, true].into_iter().find_map(|v6| difference(one, two, v6))
}

/// Returns the first difference between two tables. Only the borders of blocks
/// matter, so one address after each border is looked up.
fn difference(one: &dyn Ways, two: &dyn Ways, v6: bool) -> Option<Difference> {
    let every = Block::around(address(0, v6), 0);
    let end = every.last_bits();
    let blocks = one.blocks().into_iter().chain(two.blocks()).filter(|block| block.is_v6() == v6);
    let mut borders = BTreeSet::from([0]);
    for block in blocks.chain(v6.then(link_local)) {
        borders.insert(block.first_bits());
        borders.extend(block.last_bits().checked_add(1).filter(|next| *next <= end));
    }
    let met = |at: u128| (one.way(address(at, v6)), two.way(address(at, v6)));
    let ways = |at: u128| (met(at).0.map(|(_, way)| way), met(at).1.map(|(_, way)| way));
    let is_counted = |at: u128| !v6 || Block::around(address(at, v6), 10) != link_local();
    let differs = |at: u128| {
        let (first, second) = ways(at);
        is_counted(at) && !agree(first, second)
    };
    let start = borders.iter().copied().find(|at| differs(*at))?;
    // The difference extends as long as both tables stay the same.
    let mut behind = borders.range(start + 1..).copied();
    let last = behind.find(|at| !is_counted(*at) || ways(*at) != ways(start)).map_or(end, |next| next - 1);
    let (first, second) = met(start);
    let own = |(block, way): (Block, &Way)| (block, way.clone());
    Some(Difference {
        block: Block::between(start, last, v6),
        first: first.map(own),
        second: second.map(own),
    })
}

/// `fe80::/10`
fn link_local() -> Block {
    Block::around(IpAddr::V6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0)), 10)
}

/// Tells whether two ways are equal. A way without an interface matches any
/// interface.
fn agree(first: Option<&Way>, second: Option<&Way>) -> bool {
    match (first, second) {
        (Some(Way::To(first)), Some(Way::To(second))) => {
            let mut left: Vec<&(NextHop, u32)> = second.iter().collect();
            // Hops with an interface choose first.
            let mut ordered: Vec<&(NextHop, u32)> = first.iter().collect();
            ordered.sort_by_key(|(hop, _)| hop.dev.is_none());
            left.sort_by_key(|(hop, _)| hop.dev.is_none());
            ordered.into_iter().all(|(hop, weight)| {
                let same = |other: &&(NextHop, u32)| {
                    other.0.via == hop.via
                        && other.1 == *weight
                        && (other.0.dev.is_none() || hop.dev.is_none() || other.0.dev == hop.dev)
                };
                left.iter().position(same).map(|at| left.remove(at)).is_some()
            }) && left.is_empty()
        }
        (first, second) => first == second,
    }
}

#[cfg(test)]
mod tests {
    use super::super::block::bits;
    use super::*;

    fn row(text: &str) -> Row {
        let words: Vec<&str> = text.split(' ').collect();
        let after = |word: &str| {
            words
                .iter()
                .position(|w| *w == word)
                .and_then(|at| words.get(at + 1))
                .map(|word| (*word).to_string())
        };
        Row {
            dst: words[0].into(),
            via: after("via"),
            dev: after("dev"),
            kind: after("type"),
            metric: after("metric").map_or(0, |metric| metric.parse().unwrap()),
            ..Row::default()
        }
    }

    fn rows(text: &[&str]) -> Vec<Row> {
        text.iter().map(|text| row(text)).collect()
    }

    fn compared(first: &[&str], second: &[&str]) -> String {
        Comparison::of(&rows(first), &rows(second)).unwrap().text()
    }

    const ALIKE: &str = "both forward alike";

    #[test]
    fn halves_are_as_good_as_the_whole() {
        let whole = ["10.1.0.0/24 via 10.0.0.2"];
        assert_eq!(compared(&whole, &["10.1.0.128/25 via 10.0.0.2", "10.1.0.0/25 via 10.0.0.2"]), ALIKE);
        assert_eq!(
            compared(&whole, &["10.1.0.0/25 via 10.0.0.2"]),
            "10.1.0.128/25 goes via 10.0.0.2 by 10.1.0.0/24 in the first table, and nowhere by the second"
        );
        // One route for many covers their gaps, too.
        let all = ["10.1.0.0/25 via 10.0.0.2", "10.1.0.128/26 via 10.0.0.2", "10.1.0.192/26 via 10.0.0.2"];
        assert_eq!(compared(&all, &whole), ALIKE);
        assert_eq!(
            compared(&all[1..], &["10.1.0.0/24 via 10.0.0.2"]),
            "10.1.0.0/25 goes nowhere by the first table, and via 10.0.0.2 by 10.1.0.0/24 in the second"
        );
    }

    #[test]
    fn a_row_that_says_what_another_says_already_does_not_count() {
        assert_eq!(
            compared(&["default via 10.0.0.2"], &["default via 10.0.0.2", "10.9.9.9 via 10.0.0.2"]),
            ALIKE
        );
        assert_eq!(
            compared(&["default via 10.0.0.2"], &["default via 10.0.0.2", "10.9.9.9 via 10.0.0.3"]),
            "10.9.9.9 goes via 10.0.0.2 by default in the first table, and via 10.0.0.3 by the second"
        );
        assert_eq!(
            compared(&["default via 10.0.0.2"], &["0.0.0.0/1 via 10.0.0.2", "128.0.0.0/1 via 10.0.0.2"]),
            ALIKE
        );
        assert_eq!(compared(&[], &[]), ALIKE);
        assert_eq!(
            compared(&[], &["default via 10.0.0.2"]),
            "default goes nowhere by the first table, and via 10.0.0.2 by the second"
        );
    }

    #[test]
    fn a_metric_decides_among_equals_only() {
        let two = ["10.1.0.0/16 via 10.0.0.3 metric 20", "10.1.0.0/16 via 10.0.0.2 metric 10"];
        assert_eq!(compared(&two, &["10.1.0.0/16 via 10.0.0.2 metric 99"]), ALIKE);
        assert_eq!(
            compared(&["10.1.0.0/16 via 10.0.0.2 metric 1", "10.1.2.0/24 via 10.0.0.3 metric 9"], &two[1..]),
            "10.1.2.0/24 goes via 10.0.0.3 by the first table, and via 10.0.0.2 by 10.1.0.0/16 in the second"
        );
    }

    #[test]
    fn what_ends_a_packet_is_a_way_of_its_own() {
        let default = "default via 10.0.0.2";
        assert_eq!(
            compared(&[default, "10.4.0.0/16 type blackhole"], &[default]),
            "10.4.0.0/16 ends at a route of type blackhole by the first table, and goes via 10.0.0.2 by default in the second"
        );
        assert_eq!(
            compared(&["10.4.0.0/16 type blackhole"], &["10.4.0.0/16 type prohibit"]),
            "10.4.0.0/16 ends at a route of type blackhole by the first table, and ends at a route of type prohibit by the second"
        );
        // A `throw` route leads to the next table, as if it did not exist.
        assert_eq!(compared(&["10.4.0.0/16 type throw"], &[]), ALIKE);
        assert!(
            !Comparison::of(&rows(&[default, "10.4.0.0/16 type throw"]), &rows(&[default])).unwrap().ok()
        );
    }

    #[test]
    fn an_interface_counts_where_both_name_it() {
        let table = ["10.0.0.0/24 dev eth0", "default via 10.0.0.2 dev eth0"];
        assert_eq!(compared(&table, &["10.0.0.0/24 dev eth0", "default via 10.0.0.2"]), ALIKE);
        assert_eq!(
            compared(&table, &["10.0.0.0/24 dev eth1", "default via 10.0.0.2"]),
            "10.0.0.0/24 goes straight to dev eth0 by the first table, and straight to dev eth1 by the second"
        );
        assert_eq!(
            compared(&["10.0.0.0/24 dev eth0"], &["10.0.0.0/24 via 10.0.0.2"]),
            "10.0.0.0/24 goes straight to dev eth0 by the first table, and via 10.0.0.2 by the second"
        );
    }

    #[test]
    fn several_ways_are_a_set_with_shares() {
        let row = |hops: &[&str]| Row {
            dst: "default".into(),
            hops: hops.iter().map(|hop| format!("nexthop {hop}")).collect(),
            ..Row::default()
        };
        let (a, b) = ("via 10.0.0.2 dev a weight 2", "via 10.0.0.3 dev a weight 2");
        let compared =
            |first: &[&str], second: &[&str]| Comparison::of(&[row(first)], &[row(second)]).unwrap().text();
        assert_eq!(compared(&[a, b], &["via 10.0.0.3 dev a weight 1", "via 10.0.0.2 dev a weight 1"]), ALIKE);
        assert_eq!(
            compared(&[a, b], &[a]),
            "default goes via 10.0.0.2 dev a and via 10.0.0.3 dev a by the first table, and via 10.0.0.2 dev a by the second"
        );
        assert_eq!(
            compared(&[a, b], &[a, "via 10.0.0.3 dev a weight 6"]),
            "default goes via 10.0.0.2 dev a and via 10.0.0.3 dev a by the first table, and via 10.0.0.2 dev a and via 10.0.0.3 dev a weight 3 by the second"
        );
    }

    #[test]
    fn ipv6_has_a_space_of_its_own_without_what_stays_on_a_link() {
        assert_eq!(
            compared(
                &["fd01::/64 via fd00::2"],
                &["fd01::/65 via fd00::2", "fd01::8000:0:0:0/65 via fd00::2"]
            ),
            ALIKE
        );
        assert_eq!(compared(&["fe80::/64 dev a"], &["fe80::/64 dev b"]), ALIKE);
        assert_eq!(
            compared(&["default via fd00::2"], &["default via fd00::2", "ff00::/8 dev a"]),
            "ff00::/8 goes via fd00::2 by default in the first table, and straight to dev a by the second"
        );
        // A bare `default` has the family of the rows around it.
        assert_eq!(
            compared(&["default dev a", "fd01::/64 via fd00::2"], &["::/0 dev a", "fd01::/64 via fd00::2"]),
            ALIKE
        );
        assert_eq!(compared(&["default dev a"], &["::/0 dev a"]), ALIKE);
        assert_eq!(
            compared(&["::/0 dev a"], &["0.0.0.0/0 dev a"]),
            "default goes nowhere by the first table, and straight to dev a by the second"
        );
        assert_eq!(
            compared(&["::/0 via fd00::2"], &["::/1 via fd00::2"]),
            "8000::/2 goes via fd00::2 by default in the first table, and nowhere by the second"
        );
    }

    #[test]
    fn what_can_not_be_read_is_said() {
        let refused = |text: &str| {
            let Unreadable { error, hint } = Comparison::of(&rows(&[text]), &[]).unwrap_err();
            format!("{error}; {hint}")
        };
        assert_eq!(
            refused("10.0.0.7/24 dev a"),
            "10.0.0.7/24 is a host with its mask, not a network; the network is 10.0.0.0/24"
        );
        assert!(
            refused("10.0.0.0/33 dev a")
                .starts_with("any valid prefix is expected rather than \"10.0.0.0/33\"")
        );
        assert!(refused("red dev a").starts_with("any valid prefix is expected rather than \"red\""));
        assert_eq!(
            refused("10.0.0.0/24 via blue"),
            "any valid address is expected rather than \"blue\"; it is the gateway of 10.0.0.0/24"
        );
        assert!(
            refused("10.0.0.0/24 type blackhol")
                .starts_with("there is no type of route `blackhol`; the types are unicast, ")
        );
        assert!(refused("fd00::/64 via 10.0.0.1").starts_with("an IPv6 route has no IPv4 gateway"));
    }

    /// Pseudo-random numbers that are the same each time (xorshift).
    struct Dice(u64);

    impl Dice {
        fn below(&mut self, n: u64) -> u64 {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            self.0 % n
        }
    }

    /// The slow reference: checks every row.
    fn slow(rows: &[Row], to: u128, v6: bool) -> Option<(&str, Option<&str>)> {
        let holds = |row: &&Row| {
            let block = Block::read(&row.dst, v6).unwrap();
            block.first_bits() <= to && to <= block.last_bits()
        };
        let length = |row: &Row| Block::read(&row.dst, v6).unwrap().length();
        let mut best: Option<&Row> = None;
        for row in rows.iter().filter(holds) {
            let better = best.is_none_or(|best| {
                length(row) > length(best) || length(row) == length(best) && row.metric < best.metric
            });
            best = if better { Some(row) } else { best };
        }
        let best = best.filter(|row| row.kind.as_deref() != Some("throw"))?;
        Some((best.kind.as_deref().unwrap_or("unicast"), best.via.as_deref()))
    }

    #[test]
    fn random_tables_compare_as_address_by_address() {
        let mut dice = Dice(0x5eed_1234_5678_9abc);
        let (mut alike, mut unlike) = (0, 0);
        for round in 0..4000 {
            let v6 = round % 2 == 1;
            let (most, base): (u8, u128) =
                if v6 { (128, bits("fd00::".parse().unwrap())) } else { (32, 10 << 24) };
            let kinds = ["unicast", "unicast", "unicast", "blackhole", "throw"];
            let table = |dice: &mut Dice| -> Vec<Row> {
                (0..dice.below(6))
                    .map(|_| {
                        // A small address range, so that blocks overlap.
                        let length = most - dice.below(5) as u8;
                        let first = Block::around(address(base + u128::from(dice.below(16)), v6), length);
                        let is_default = dice.below(12) == 0;
                        let kind = kinds[dice.below(5) as usize];
                        let gateway = if v6 { ["fd01::1", "fd01::2"] } else { ["10.0.9.1", "10.0.9.2"] };
                        let via = gateway[dice.below(2) as usize].to_string();
                        Row {
                            dst: if is_default { "default".into() } else { first.to_string() },
                            via: (kind == "unicast").then_some(via),
                            kind: Some(kind.into()),
                            metric: dice.below(3) as u32,
                            is_v6: v6,
                            ..Row::default()
                        }
                    })
                    .collect()
            };
            let (one, two) = (table(&mut dice), table(&mut dice));
            let every = Block::around(address(0, v6), 0).last_bits();
            let mut probes = BTreeSet::from([0, every]);
            for row in one.iter().chain(&two) {
                let block = Block::read(&row.dst, v6).unwrap();
                let (first, last) = (block.first_bits(), block.last_bits());
                probes.extend([first, last, first.saturating_sub(1), last.saturating_add(1).min(every)]);
            }
            let first_unlike = probes.iter().copied().find(|to| slow(&one, *to, v6) != slow(&two, *to, v6));
            let comparison = Comparison::of(&one, &two).unwrap();
            assert_eq!(comparison.ok(), first_unlike.is_none(), "{one:#?}\n{two:#?}");
            match comparison.difference {
                None => alike += 1,
                Some(Difference { block, .. }) => {
                    unlike += 1;
                    assert_eq!(Some(block.first_bits()), first_unlike, "{one:#?}\n{two:#?}");
                    for to in [block.first_bits(), block.last_bits()] {
                        assert_ne!(slow(&one, to, v6), slow(&two, to, v6), "{block}\n{one:#?}\n{two:#?}");
                    }
                }
            }
        }
        assert!(alike > 200 && unlike > 200, "{alike} alike, {unlike} unlike");
    }
}
