use super::super::value::{PingValue, TableValue, TracerouteValue};
use super::super::world::{Call, Fallible, WorldCell};
use super::options::Options;
use super::{Word, here_or_host};
use crate::event::Probe;
use crate::net::{
    Family, NetError, Netns, Network, PingAnswer, PingOptions, PingSource, TracerouteOptions, typed,
};
use crate::table::Table;
use rhai::{Engine, Map};
use std::rc::Rc;

pub(super) const WORDS: &[Word] = &[
    Word {
        name: "ping",
        form: "`ping([ns,] dst)` or `ping([ns,] dst, #{count, all, timeout_ms, size, ttl, df, iface, by})`",
        about: "Sends `count` echo requests (1), waits `timeout_ms` (1000) for the answer to each, \
                and holds where one came, or with `all: true` where all came; of ten or more one may be lost, as on every network. `size` is the payload in bytes (56), `df` forbids \
                fragments, `iface` is an interface or an address to send from, and `by: blue` \
                counts only what blue itself answered: its kernel, while a submission's programs \
                stand still. Gives `.ok .error .text .sent .received .from .ttl .time_ms`; `.error` \
                is in ping(8)'s words.",
        example: "check(\"I hear myself\", ping(\"127.0.0.1\"));\n\
                  check(\"there is nowhere else\", ping(\"8.8.8.8\").error == \"connect: Network is unreachable\");",
    },
    Word {
        name: "traceroute",
        form: "`traceroute([ns,] dst)` or `traceroute([ns,] dst, #{max_hops, timeout_ms})`",
        about: "Finds the way to a destination, hop by hop, with one UDP probe for each, as `traceroute -n -q1` \
                does; holds where the destination has answered. Waits `timeout_ms` (1000) for who is \
                silent, and for at most `max_hops` (30). Gives `.ok .error .text`, and `.rows()`: `ttl, addr, \
                error`, where `addr` is `()` for one that was silent and `error` is `!H`, `!N` or `!X` \
                (traceroute(8)).",
        example: "let way = traceroute(\"127.0.0.1\");\ncheck(\"I am there\", way);\n\
                  check(\"in one hop\", way.rows().map(|hop| hop.addr) == [\"127.0.0.1\"]);",
    },
    Word {
        name: "links",
        form: "`links([ns])`",
        about: "The interfaces, `lo` first: `name, kind, mac, mtu, state, master, peer, addrs` \
                (`ip link`). `peer` is the other end of a veth or the parent of a macvlan. Devices that \
                the kernel makes by itself in each namespace where a module for tunnels is loaded \
                (`tunl0`, `gre0`, `sit0`, …) have no row until one is switched on, has an address, is a \
                port or carries another link, or an act names it. One that is on and has no carrier \
                for the other end's or the parent's sake is `LOWERLAYERDOWN`.",
        example: "check(\"only lo\", links().len() == 1 && links()[0].name == \"lo\");",
    },
    Word {
        name: "addrs",
        form: "`addrs([ns])`",
        about: "The addresses: `dev, addr, scope, broadcast` (`ip addr`).",
        example: "check(\"lo has its own\", addrs().contains(#{dev: \"lo\", addr: \"127.0.0.1/8\", scope: \"host\"}));",
    },
    Word {
        name: "routes",
        form: "`routes([ns])` or `routes([ns,] #{family, table})`",
        about: "The IPv4 routes of table main: `dst, via, dev, src, metric, table, type, scope` \
                (`ip route`). `family: \"inet6\"` gives those of IPv6, `table` another table, and \
                `routes().classic()` text as `route -n` prints it.",
        example: "check(\"there is none\", routes().is_empty());\n\
                  check(\"but for oneself\", routes(#{table: \"local\"}).contains(#{dst: \"127.0.0.0/8\", type: \"local\"}));",
    },
    Word {
        name: "rules",
        form: "`rules([ns])` or `rules([ns,] #{family})`",
        about: "The rules that choose a routing table, in the order in which they are asked: \
                `pref, from, to, iif, fwmark, table, action` (`ip rule`). The action is `lookup`, \
                or what is done without looking. `family: \"inet6\"` gives those of IPv6.",
        example: "check(\"the last but one\", rules()[1].pref == 32766 && rules()[1].table == \"main\");",
    },
    Word {
        name: "arp",
        form: "`arp([ns])`",
        about: "The neighbours: `ip, mac, dev, state` (`ip neigh`). The state is `resolved`, \
                `failed` or `permanent`. `arp().classic()` is text as `arp -n` prints it.",
        example: "check(\"nobody is known\", arp().is_empty());",
    },
    Word {
        name: "fdb",
        form: "`fdb([ns,] bridge)`",
        about: "Which hardware address is behind which port of a bridge: `mac, port, state` \
                (`bridge fdb`). The state is `learned`, `static` or `permanent`.",
        example: "bridge(\"br0\");\nveth(\"a\", \"b\");\nset_master(\"a\", \"br0\");\n\
                  check(\"the port's own\", fdb(\"br0\").contains(#{port: \"a\", state: \"permanent\"}));",
    },
    Word {
        name: "conntrack",
        form: "`conntrack([ns])`",
        about: "The connections that the kernel keeps track of, which it does in a namespace with \
                rules about them: `proto, src, dst, sport, dport, reply_src, reply_dst, state` \
                (`conntrack -L`). The state is TCP's word, such as `ESTABLISHED`, or `REPLIED` or \
                `UNREPLIED`. As text it shows no port that the kernel has picked. The kernel's own \
                reports on multicast groups have no row.",
        example: "allow(\"input\", #{ct: \"established\"});\nping(\"127.0.0.1\");\n\
                  check(\"the echo\", conntrack().contains(#{proto: \"icmp\", src: \"127.0.0.1\", state: \"REPLIED\"}));",
    },
    Word {
        name: "firewall",
        form: "`firewall([ns])`",
        about: "The rules of nf_tables, where iptables writes too: `family, table, chain, rule, \
                policy` (`nft list ruleset`). Each chain has a row without a rule, and one for \
                each of its rules, in nft's words, counters left out; what is not known here \
                stands in brackets. The rules of iptables-legacy are elsewhere, and not here.",
        example: "policy(\"forward\", \"drop\");\nallow(\"forward\", #{proto: \"tcp\", dport: 80});\n\
                  check(\"the policy\", firewall().contains(#{chain: \"FORWARD\", policy: \"drop\"}));\n\
                  check(\"the rule\", firewall().contains(#{chain: \"FORWARD\", rule: \"tcp dport 80 accept\"}));",
    },
    Word {
        name: "processes",
        form: "`processes([ns])`",
        about: "The lab's processes that are in the namespace: `pid, ns_pid, command`. `ns_pid` is the \
                number that a process has in a pid namespace of its own (`#{pid: true}`), and else the \
                same as `pid`. The text of a row has no other number, because it is the kernel that \
                picks it.",
        example: "let red = netns(\"red\");\nstart(red, \"sleep 1000\", #{pid: true});\n\
                  check(\"it is the first\", processes(red).contains(#{ns_pid: 1, command: \"sleep 1000\"}));",
    },
    Word {
        name: "sockets",
        form: "`sockets([ns])`",
        about: "The TCP and UDP sockets of the namespace, those of services among them: `proto, local, \
                remote, state` (`ss -tuan`), without those that are on their way in or out, as \
                `TIME-WAIT`. The text of a row has `ephemeral` for a port that the kernel has picked.",
        example: "serve_http(\"127.0.0.1:80\", \"hello\");\n\
                  check(\"somebody listens\", sockets().contains(#{local: \"127.0.0.1:80\", state: \"LISTEN\"}));",
    },
];

pub(super) fn register(engine: &mut Engine, cell: &WorldCell) {
    here_or_host!(engine, cell, "ping", |call, ns, dst: &str| ping(&call, &ns, dst, Map::new()));
    here_or_host!(engine, cell, "ping", |call, ns, dst: &str, options: Map| ping(&call, &ns, dst, options));
    here_or_host!(engine, cell, "traceroute", |call, ns, dst: &str| {
        traceroute(&call, &ns, dst, Map::new())
    });
    here_or_host!(engine, cell, "traceroute", |call, ns, dst: &str, options: Map| {
        traceroute(&call, &ns, dst, options)
    });
    here_or_host!(engine, cell, "links", |call, ns| {
        let command = format!("{} link", ns.ip());
        table(&call, command, |network| network.links(&ns).map(Table::Links))
    });
    here_or_host!(engine, cell, "addrs", |call, ns| {
        let command = format!("{} addr", ns.ip());
        table(&call, command, |network| network.addrs(&ns).map(Table::Addrs))
    });
    here_or_host!(engine, cell, "routes", |call, ns| routes(&call, &ns, Map::new()));
    here_or_host!(engine, cell, "routes", |call, ns, options: Map| routes(&call, &ns, options));
    here_or_host!(engine, cell, "rules", |call, ns| rules(&call, &ns, Map::new()));
    here_or_host!(engine, cell, "rules", |call, ns, options: Map| rules(&call, &ns, options));
    here_or_host!(engine, cell, "arp", |call, ns| {
        let command = format!("{} neigh", ns.ip());
        table(&call, command, |network| network.arp(&ns).map(Table::Arp))
    });
    here_or_host!(engine, cell, "conntrack", |call, ns| {
        let command = ns.exec("conntrack -L");
        table(&call, command, |network| network.conntrack(&ns).map(Table::Conntrack))
    });
    here_or_host!(engine, cell, "firewall", |call, ns| {
        let command = ns.exec("nft list ruleset");
        table(&call, command, |network| network.firewall(&ns).map(Table::Firewall))
    });
    here_or_host!(engine, cell, "processes", |call, ns| {
        let command = match ns.is_host() {
            true => "ps -e -o pid,args".to_string(),
            false => format!("ps -o pid,args -p \"$(ip netns pids {} | paste -sd,)\"", typed(ns.name())),
        };
        table(&call, command, |network| network.processes(&ns).map(Table::Processes))
    });
    here_or_host!(engine, cell, "sockets", |call, ns| {
        table(&call, ns.exec("ss -tuan"), |network| network.sockets(&ns).map(Table::Sockets))
    });
    here_or_host!(engine, cell, "fdb", |call, ns, bridge: &str| {
        let command = format!("{} fdb show br {}", ns.tool("bridge"), typed(bridge));
        table(&call, command, |network| network.fdb(&ns, bridge).map(Table::Fdb))
    });
}

fn table(
    call: &Call,
    command: String,
    look: impl FnOnce(&Network) -> Result<Table, NetError>,
) -> Fallible<TableValue> {
    let table = call.ask(command, look, |table| (table.to_string(), Some(table.clone())))?;
    Ok(TableValue(Rc::new(table)))
}

fn routes(call: &Call, ns: &Netns, options: Map) -> Fallible<TableValue> {
    let mut options = Options::new(call, "routes", options, &["family", "table"])?;
    let family = options.family()?.unwrap_or(Family::Inet);
    let word = if family == Family::Inet6 { " -6" } else { "" };
    let from = options.word("table")?;
    let words = from.as_ref().map(|table| format!(" show table {}", typed(table))).unwrap_or_default();
    let command = format!("{}{word} route{words}", ns.ip());
    table(call, command, |network| network.routes(ns, family, from.as_deref()).map(Table::Routes))
}

fn rules(call: &Call, ns: &Netns, options: Map) -> Fallible<TableValue> {
    let family = Options::new(call, "rules", options, &["family"])?.family()?.unwrap_or(Family::Inet);
    let word = if family == Family::Inet6 { " -6" } else { "" };
    let command = format!("{}{word} rule", ns.ip());
    table(call, command, |network| network.rules(ns, family).map(Table::Rules))
}

fn ping(call: &Call, ns: &Netns, dst: &str, options: Map) -> Fallible<PingValue> {
    let known = ["count", "all", "timeout_ms", "size", "ttl", "df", "iface", "by"];
    let mut options = Options::new(call, "ping", options, &known)?;
    let default = PingOptions::default();
    let source = options.text("iface")?.map(|text| match text.parse() {
        Ok(ip) => PingSource::Address(ip),
        Err(_) => PingSource::Interface(text),
    });
    let how = PingOptions {
        count: options.number("count", "a number from 1 to 65535")?.unwrap_or(default.count),
        timeout_ms: options.number("timeout_ms", "a number of milliseconds")?.unwrap_or(default.timeout_ms),
        size: options.number("size", "a number from 0 to 65507")?.unwrap_or(default.size),
        ttl: options.number("ttl", "a number from 1 to 255")?,
        df: options.flag("df")?.unwrap_or(default.df),
        source,
        by: options.value("by", "a namespace")?,
        every: options.flag("all")?.unwrap_or(default.every),
        deadline: call.world.deadline(),
        ..default
    };
    if how.count == 0 || how.ttl == Some(0) || how.size > 65_507 {
        return Err(
            call.misuse("ping can't send this", "`count` and `ttl` are at least 1, `size` at most 65507")
        );
    }
    let command = ns.exec(&command(dst, &how));
    let pending_why = call.pending_why(Probe {
        size: Some(how.size).filter(|size| *size != default.size),
        df: how.df,
        interface: how.source.as_ref().map(|source| match source {
            PingSource::Interface(name) => name.clone(),
            PingSource::Address(ip) => ip.to_string(),
        }),
        ..Probe::to(ns.name(), dst)
    })?;
    let how = PingOptions { timeout_ms: call.world.at_most(how.timeout_ms), ..how };
    let (ns, dst) = (ns.clone(), dst.to_string());
    let answer = call.ask_somebody(
        command,
        move |network| network.ping(&ns, &dst, &how),
        PingAnswer::ok,
        |answer| (answer.text(), None),
        |answer| (!answer.ok()).then_some(pending_why),
    )?;
    call.in_time(PingValue(Rc::new(answer)))
}

fn traceroute(call: &Call, ns: &Netns, dst: &str, options: Map) -> Fallible<TracerouteValue> {
    let mut options = Options::new(call, "traceroute", options, &["max_hops", "timeout_ms"])?;
    let max_hops = options.number("max_hops", "a number from 1 to 255")?;
    if max_hops == Some(0) {
        return Err(call.misuse("first hop out of range", "`max_hops` is at least 1"));
    }
    let timeout_ms = options.number("timeout_ms", "a number of milliseconds")?.unwrap_or(1000);
    let most = max_hops.map(|hops: u8| format!(" -m{hops}")).unwrap_or_default();
    let command = format!("traceroute -n -q1 -w{}{most} {}", timeout_ms as f64 / 1000.0, typed(dst));
    let how = TracerouteOptions {
        max_hops: max_hops.unwrap_or(30),
        timeout_ms: call.world.at_most(timeout_ms),
        deadline: call.world.deadline(),
    };
    call.world.flush();
    let answer = call.ask(
        ns.exec(&command),
        |network| network.traceroute(ns, dst, &how),
        |answer| (answer.text(), Some(Table::Hops(answer.hops.clone()))),
    )?;
    call.in_time(TracerouteValue(Rc::new(answer)))
}

/// Returns the command as one would type it.
fn command(dst: &str, how: &PingOptions) -> String {
    let mut command = format!("ping -c{} -W{}", how.count, how.timeout_ms as f64 / 1000.0);
    let default = PingOptions::default();
    // `-A`: send the next one as soon as a reply arrives.
    if how.every {
        command += " -A";
    }
    if how.size != default.size {
        command += &format!(" -s{}", how.size);
    }
    if let Some(ttl) = how.ttl {
        command += &format!(" -t{ttl}");
    }
    if how.df {
        command += " -Mdo";
    }
    match &how.source {
        None => {}
        Some(PingSource::Interface(name)) => command += &format!(" -I {}", typed(name)),
        Some(PingSource::Address(ip)) => command += &format!(" -I {ip}"),
    }
    format!("{command} {}", typed(dst))
}
