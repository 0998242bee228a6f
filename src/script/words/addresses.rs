use super::super::world::{Call, Fallible, WorldCell};
use super::options::Options;
use super::{Word, here_or_host, ip_line};
use crate::net::{RouteOptions, RuleOptions, typed};
use rhai::{Engine, Map};

pub(super) const WORDS: &[Word] = &[
    Word {
        name: "addr_add",
        form: "`addr_add([ns,] link, addr)` or `addr_add([ns,] link, addr, #{broadcast})`",
        about: "Gives a link an address, as `ip addr add ADDR dev LINK` does (ip-address(8)). \
                Without a mask it is a single address, and nothing else is on its network. A \
                `broadcast` of `+` is the network's last address.",
        example: "addr_add(\"lo\", \"10.0.0.1/24\");\n\
                  check(\"it is there\", addrs().contains(#{addr: \"10.0.0.1/24\"}));",
    },
    Word {
        name: "addr_del",
        form: "`addr_del([ns,] link, addr)`",
        about: "Takes an address from a link, as `ip addr del ADDR dev LINK` does.",
        example: "addr_add(\"lo\", \"10.0.0.1/24\");\naddr_del(\"lo\", \"10.0.0.1/24\");\n\
                  check(\"it is gone\", !addrs().contains(#{addr: \"10.0.0.1/24\"}));",
    },
    Word {
        name: "route_add",
        form: "`route_add([ns,] dst, via)` or `route_add([ns,] dst, #{via, dev, metric, src, table, type, onlink, mtu})`",
        about: "Adds a route to `default`, a network or an address, as `ip route add` does \
                (ip-route(8)). Refuses a gateway that is on no network of an interface.",
        example: "addr_add(\"lo\", \"10.0.0.1/24\");\nroute_add(\"default\", \"10.0.0.2\");\n\
                  check(\"it is there\", routes().contains(#{dst: \"default\", via: \"10.0.0.2\"}));",
    },
    Word {
        name: "route_del",
        form: "`route_del([ns,] dst)` or `route_del([ns,] dst, #{via, dev, metric, src, table, type})`",
        about: "Removes a route, as `ip route del` does; options say which of several.",
        example: "route_add(\"10.9.0.0/16\", #{dev: \"lo\"});\nroute_del(\"10.9.0.0/16\");\n\
                  check(\"no route is left\", routes().is_empty());",
    },
    Word {
        name: "rule_add",
        form: "`rule_add([ns,] #{pref, from, to, iif, fwmark, table, action, family})`",
        about: "Adds a rule that says in which table the routes of a packet are looked up, as `ip \
                rule add` does (ip-rule(8)). Rules are asked by `pref`, the smallest first. An \
                `action` of `prohibit`, `unreachable` or `blackhole` looks nowhere. `family: \
                \"inet6\"` is for IPv6, where no address tells it.",
        example: "rule_add(#{from: \"10.0.0.0/24\", table: 100, pref: 100});\n\
                  check(\"it is there\", rules().contains(#{pref: 100, from: \"10.0.0.0/24\", table: \"100\"}));",
    },
    Word {
        name: "rule_del",
        form: "`rule_del([ns,] #{pref, from, to, iif, fwmark, table, action, family})`",
        about: "Removes the first rule that is so, as `ip rule del` does.",
        example: "rule_add(#{from: \"10.0.0.0/24\", table: 100});\nrule_del(#{table: 100});\n\
                  check(\"it is gone\", rules().len() == 3);",
    },
    Word {
        name: "neigh_add",
        form: "`neigh_add([ns,] ip, mac, link)`",
        about: "Sets a neighbour's hardware address by hand, as `ip neigh add` does \
                (ip-neighbour(8)). It is permanent: nobody asks for it any more.",
        example: "veth(\"a\", \"b\");\nup(\"a\");\nneigh_add(\"10.0.0.2\", \"02:00:00:00:00:02\", \"a\");\n\
                  check(\"it is permanent\", arp()[0].state == \"permanent\");",
    },
    Word {
        name: "neigh_del",
        form: "`neigh_del([ns,] ip, link)`",
        about: "Removes a neighbour, as `ip neigh del` does.",
        example: "veth(\"a\", \"b\");\nup(\"a\");\nneigh_add(\"10.0.0.2\", \"02:00:00:00:00:02\", \"a\");\n\
                  neigh_del(\"10.0.0.2\", \"a\");\ncheck(\"nobody is known\", arp().is_empty());",
    },
    Word {
        name: "neigh_flush",
        form: "`neigh_flush([ns])` or `neigh_flush([ns,] link)`",
        about: "Forgets the neighbours that were learned, as `ip neigh flush` does; those set by \
                hand stay.",
        example: "neigh_flush();\ncheck(\"nobody is known\", arp().is_empty());",
    },
];

pub(super) fn register(engine: &mut Engine, cell: &WorldCell) {
    here_or_host!(engine, cell, "addr_add", |call, ns, link: &str, addr: &str| {
        let command = ip_line(&ns, &["addr", "add", addr, "dev", link]);
        call.act(command, |network| network.addr_add(&ns, link, addr, None))
    });
    here_or_host!(engine, cell, "addr_add", |call, ns, link: &str, addr: &str, options: Map| {
        let mut options = Options::new(&call, "addr_add", options, &["broadcast"])?;
        let broadcast = options.text("broadcast")?;
        let mut words = vec!["addr", "add", addr];
        if let Some(broadcast) = &broadcast {
            words.extend(["brd", broadcast]);
        }
        words.extend(["dev", link]);
        let command = ip_line(&ns, &words);
        call.act(command, |network| network.addr_add(&ns, link, addr, broadcast.as_deref()))
    });
    here_or_host!(engine, cell, "addr_del", |call, ns, link: &str, addr: &str| {
        let command = ip_line(&ns, &["addr", "del", addr, "dev", link]);
        call.act(command, |network| network.addr_del(&ns, link, addr))
    });
    here_or_host!(engine, cell, "route_add", |call, ns, dst: &str, via: &str| {
        let route = RouteOptions { via: Some(via.into()), ..RouteOptions::default() };
        call.act(command(&ns.ip(), "add", dst, &route), |network| network.route_add(&ns, dst, &route))
    });
    here_or_host!(engine, cell, "route_add", |call, ns, dst: &str, options: Map| {
        let route = route(&call, "route_add", options)?;
        call.act(command(&ns.ip(), "add", dst, &route), |network| network.route_add(&ns, dst, &route))
    });
    here_or_host!(engine, cell, "route_del", |call, ns, dst: &str| {
        let route = RouteOptions::default();
        call.act(command(&ns.ip(), "del", dst, &route), |network| network.route_del(&ns, dst, &route))
    });
    here_or_host!(engine, cell, "route_del", |call, ns, dst: &str, options: Map| {
        let route = route(&call, "route_del", options)?;
        call.act(command(&ns.ip(), "del", dst, &route), |network| network.route_del(&ns, dst, &route))
    });
    here_or_host!(engine, cell, "rule_add", |call, ns, options: Map| {
        let rule = rule(&call, "rule_add", options)?;
        let command = format!("{}{} rule add{rule}", ns.ip(), rule.family_word());
        call.act(command, |network| network.rule_add(&ns, &rule))
    });
    here_or_host!(engine, cell, "rule_del", |call, ns, options: Map| {
        if options.is_empty() {
            return Err(
                call.misuse("`rule_del` is not told which rule", "name its `pref`, as `rules` shows it")
            );
        }
        let rule = rule(&call, "rule_del", options)?;
        let command = format!("{}{} rule del{rule}", ns.ip(), rule.family_word());
        call.act(command, |network| network.rule_del(&ns, &rule))
    });
    here_or_host!(engine, cell, "neigh_add", |call, ns, ip: &str, mac: &str, link: &str| {
        let command = ip_line(&ns, &["neigh", "add", ip, "lladdr", mac, "dev", link]);
        call.act(command, |network| network.neigh_add(&ns, ip, mac, link))
    });
    here_or_host!(engine, cell, "neigh_del", |call, ns, ip: &str, link: &str| {
        let command = ip_line(&ns, &["neigh", "del", ip, "dev", link]);
        call.act(command, |network| network.neigh_del(&ns, ip, link))
    });
    here_or_host!(engine, cell, "neigh_flush", |call, ns| {
        call.act(ip_line(&ns, &["neigh", "flush", "all"]), |network| network.neigh_flush(&ns, None))
    });
    here_or_host!(engine, cell, "neigh_flush", |call, ns, link: &str| {
        let command = ip_line(&ns, &["neigh", "flush", "dev", link]);
        call.act(command, |network| network.neigh_flush(&ns, Some(link)))
    });
}

fn route(call: &Call, word: &str, options: Map) -> Fallible<RouteOptions> {
    let known = ["via", "dev", "metric", "src", "table", "type", "onlink", "mtu"];
    let mut options = Options::new(call, word, options, &known)?;
    let number = "a number from 0 to 4294967295";
    Ok(RouteOptions {
        via: options.text("via")?,
        dev: options.text("dev")?,
        metric: options.number("metric", number)?,
        src: options.text("src")?,
        table: options.word("table")?,
        kind: options.text("type")?,
        onlink: options.flag("onlink")?.unwrap_or(false),
        mtu: options.number("mtu", number)?,
    })
}

fn rule(call: &Call, word: &str, options: Map) -> Fallible<RuleOptions> {
    let known = ["pref", "from", "to", "iif", "fwmark", "table", "action", "family"];
    let mut options = Options::new(call, word, options, &known)?;
    Ok(RuleOptions {
        family: options.family()?,
        pref: options.number("pref", "a number from 0 to 4294967295")?,
        from: options.text("from")?,
        to: options.text("to")?,
        iif: options.text("iif")?,
        fwmark: options.word("fwmark")?,
        table: options.word("table")?,
        action: options.text("action")?,
    })
}

fn command(ip: &str, verb: &str, dst: &str, route: &RouteOptions) -> String {
    let family =
        if dst.contains(':') || route.via.as_ref().is_some_and(|via| via.contains(':')) { " -6" } else { "" };
    let kind = route.kind.as_ref().map(|kind| format!(" {}", typed(kind))).unwrap_or_default();
    format!("{ip}{family} route {verb}{kind} {}{route}", typed(dst))
}
