//! A survey says what `ip -d`, `bridge -d`, `tc` and `sysctl` say: in networks
//! that have a bit of everything.

mod measured;

use libtest_mimic::{Arguments, Completion, Failed, Trial};
use nslab::event::{Event, Order};
use nslab::lab::{Language, Place};
use nslab::net::survey::{Link, LinkKind, Net, Peer, Route, RouteQuestion, Space, Survey};
use nslab::net::{Limits, Network};
use nslab::sandbox::{For, Launcher};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

type Test = fn(&Network) -> Result<(), String>;

/// The beginning of an error for something that this machine can't measure.
const LACKING: &str = "lacking: ";

const TESTS: [(&str, Test); 13] = [
    ("links", links),
    ("links_of_programs", links_of_programs),
    ("peers", peers),
    ("addresses", addresses),
    ("routes", routes),
    ("rules", rules),
    ("neighbours", neighbours),
    ("forwarding_databases", forwarding_databases),
    ("queues", queues),
    ("switches", switches),
    ("counters_and_listeners", counters_and_listeners),
    ("ipsec", ipsec),
    ("routes_that_the_kernel_chooses", lookups),
];

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // Before any thread.
    let launcher = Launcher::start(For::Labs, &mut (), |(), order, inside, line| {
        let test = TESTS.iter().find(|(name, _)| *name == order.path).expect("it was ordered").1;
        let network = Network::with_kernel_defaults(Box::new(inside), false).expect("a network");
        if let Err(text) = test(&network) {
            line.emit(Event::Note { place: Place::default(), text });
        }
        line.emit(Event::Ended);
    });
    let launcher = Arc::new(launcher);
    let trials = TESTS.map(|(name, _)| {
        let launcher = launcher.clone();
        Trial::ignorable_test(name, move || match &*launcher {
            Ok(launcher) => run(launcher, name),
            Err(error) => measured::ignored(error),
        })
    });
    // They wait more than they work.
    arguments.test_threads.get_or_insert(nslab::run::at_a_time());
    libtest_mimic::run(&arguments, trials.into()).exit_code()
}

fn run(launcher: &Launcher, name: &str) -> Result<Completion, Failed> {
    if let Some(lack) = measured::lacking(&["ip", "bridge", "tc", "sysctl"]) {
        return measured::ignored(lack);
    }
    let order = Order {
        path: name.into(),
        text: String::new(),
        helpers: Vec::new(),
        timeout_ms: 60_000,
        language: Language::Shell,
        patience_ms: 3000,
        watched: false,
        linger: false,
        captures: false,
        inquiry: None,
        submission: None,
        live: None,
        seed: String::new(),
        secret: String::new(),
    };
    let mut said = None;
    let mut ended = None;
    launcher.open()?.run(&order, |event| match event {
        Event::Note { text, .. } => said = Some(text),
        other => ended = Some(other),
    })?;
    match (said, ended) {
        (None, Some(Event::Ended)) => Ok(Completion::Completed),
        (Some(text), _) => match text.strip_prefix(LACKING) {
            Some(lack) => measured::ignored(lack),
            None => Err(text.into()),
        },
        (None, other) => Err(format!("{other:?}").into()),
    }
}

/// Runs a script in the host.
fn sh(network: &Network, script: &str) -> Result<String, String> {
    let answer = network.sh(&network.host(), script, Limits::default()).map_err(|error| error.to_string())?;
    match answer.code {
        0 => Ok(answer.stdout),
        _ => Err(format!("{script}\n{}{}", answer.stdout, answer.stderr)),
    }
}

/// Asks a tool of iproute2 that speaks JSON, in one namespace.
fn ask(network: &Network, space: &str, tool: &str) -> Result<Vec<Value>, String> {
    let netns = if space == "host" { String::new() } else { format!("ip netns exec {space} ") };
    let text = sh(network, &format!("{netns}{tool}"))?;
    let text = if text.trim().is_empty() { "[]" } else { &text };
    let rows: Vec<Value> = serde_json::from_str(text).map_err(|error| format!("{tool}: {error}: {text}"))?;
    Ok(rows.into_iter().filter(|row| row.as_object().is_some_and(|row| !row.is_empty())).collect())
}

fn survey(network: &Network) -> Result<Survey, String> {
    network.survey().map_err(|error| error.to_string())
}

/// Compares what we say with what they say, in words of both.
fn same(what: &str, ours: Vec<String>, theirs: Vec<String>) -> Result<(), String> {
    let (ours, theirs): (BTreeSet<_>, BTreeSet<_>) =
        (ours.into_iter().collect(), theirs.into_iter().collect());
    match ours == theirs && !theirs.is_empty() {
        true => Ok(()),
        false => {
            Err(format!("{what}\nonly we say: {:#?}\nonly it says: {:#?}", &ours - &theirs, &theirs - &ours))
        }
    }
}

/// A value of JSON as one word.
fn word(value: &Value) -> String {
    match value {
        Value::Null => "-".into(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn or_dash<T: ToString>(value: Option<T>) -> String {
    value.map_or("-".into(), |value| value.to_string())
}

fn space<'a>(survey: &'a Survey, name: &str) -> Result<&'a Space, String> {
    survey.space(name).ok_or_else(|| format!("there is no {name}"))
}

fn link<'a>(space: &'a Space, name: &str) -> Result<&'a Link, String> {
    space.link(name).ok_or_else(|| format!("there is no link {name}"))
}

#[track_caller]
fn must(truth: bool, what: &str) -> Result<(), String> {
    if truth { Ok(()) } else { Err(format!("{}: not so: {what}", std::panic::Location::caller())) }
}

/// Two namespaces on a bridge of the host, and one behind a cable.
const NET: &str = "
set -e
ip netns add red; ip netns add blue; ip netns add far
for ns in red blue far; do ip -n $ns link set lo up; done
ip link set lo up
ip link add br0 type bridge forward_delay 700 ageing_time 20000 mcast_snooping 0 nf_call_iptables 1
ip link add eth0 netns red type veth peer name p-red
ip link add eth0 netns blue type veth peer name p-blue
ip link add up0 type veth peer name up0 netns far
ip link set br0 up mtu 1400
for p in p-red p-blue; do ip link set $p master br0 up; done
bridge link set dev p-red isolated on learning off flood off hairpin on guard on neigh_suppress on
bridge link set dev p-blue mcast_flood off bcast_flood off locked on
ip link set up0 up alias 'to the far side'
ip addr add 10.0.0.254/24 dev br0
ip addr add 10.9.0.1/30 dev up0
ip -n far link set up0 up arp off promisc on multicast off
ip -n far addr add 10.9.0.2/30 dev up0
for ns in red blue; do ip -n $ns link set eth0 up; ip -n $ns route flush cache; done
ip -n red addr add 10.0.0.1/24 brd + dev eth0
ip -n red addr add 10.0.0.11/24 dev eth0
ip -n red addr add 10.7.0.1 peer 10.7.0.2/32 dev eth0
ip -n red addr add 10.8.0.1/24 dev eth0 noprefixroute valid_lft 5000 preferred_lft 4000
ip -n red addr add fd00::1/64 dev eth0 nodad
ip -n blue addr add 10.0.0.2/24 dev eth0
";

fn links(network: &Network) -> Result<(), String> {
    sh(network, NET)?;
    sh(
        network,
        "set -e
        ip -n red link add mv0 link eth0 type macvlan mode vepa
        ip -n red link set mv0 up
        ip -n red link add mv1 link eth0 type macvlan mode private
        ip link add vx0 type vxlan id 42 local 10.9.0.1 remote 10.9.0.2 dev up0 dstport 4789 ttl 5 nolearning l2miss proxy
        ip link set vx0 up
        ip link add vx1 type vxlan id 43 group 239.1.1.1 dev up0 dstport 4790",
    )?;
    let survey = same_links(network)?;
    let host = space(&survey, "host")?;
    let asked = ask(network, "host", "ip -j -s link")?;
    let after = self::survey(network)?;
    for row in asked {
        let name = word(&row["ifname"]);
        let received = row["stats64"]["rx"]["packets"].as_u64().ok_or("no counter")?;
        let (then, now) = (link(host, &name)?, link(space(&after, "host")?, &name)?);
        let between = then.counters.rx_packets..=now.counters.rx_packets;
        must(between.contains(&received), &format!("{name} has received {received}: {between:?}"))?;
    }
    let red = space(&survey, "red")?;
    let parent = link(red, "mv0")?.parent.clone();
    must(
        parent == Some(Peer { space: Some("red".into()), index: link(red, "eth0")?.index }),
        "mv0 is on eth0",
    )?;
    let parent = link(host, "vx0")?.parent.as_ref().and_then(|parent| survey.find(parent));
    must(parent.is_some_and(|(_, link)| link.name == "up0"), "vx0 is on up0")
}

/// Whether anybody may open `/dev/net/tun` is the machine's choice.
fn links_of_programs(network: &Network) -> Result<(), String> {
    sh(network, "set -e; ip tuntap add tun0 mode tun; ip link set tun0 up; ip tuntap add tap0 mode tap")
        .map_err(|error| format!("{LACKING}{error}"))?;
    let survey = same_links(network)?;
    let tun = &link(space(&survey, "host")?, "tun0")?.tun;
    must(tun.as_ref().is_some_and(|tun| !tun.attached), "nobody reads tun0")
}

/// Every link, as `ip` tells it.
fn same_links(network: &Network) -> Result<Survey, String> {
    let survey = survey(network)?;
    for space in &survey.spaces {
        let theirs = ask(network, &space.name, "ip -j -d -s link")?;
        let ours = space.links.iter().map(|link| {
            let port = link.port.as_ref().map(|port| {
                format!(
                    "{} {} {} {} {} {} {} {} {} {}",
                    port.state,
                    port.isolated,
                    port.learning,
                    port.flood,
                    port.hairpin,
                    port.guard,
                    port.neigh_suppress,
                    port.mcast_flood,
                    port.bcast_flood,
                    port.locked
                )
            });
            let bridge = link.bridge.as_ref().map(|bridge| {
                format!(
                    "{} {} {} {} {} {}",
                    bridge.stp,
                    bridge.forward_delay,
                    bridge.ageing_time,
                    bridge.mcast_snooping,
                    bridge.nf_call_iptables,
                    bridge.vlan_filtering
                )
            });
            let vxlan = link.vxlan.as_ref().map(|vxlan| {
                format!(
                    "{} {} {} {} {} {} {} {}",
                    vxlan.id,
                    or_dash(vxlan.remote),
                    or_dash(vxlan.local),
                    vxlan.port,
                    vxlan.ttl,
                    vxlan.learning,
                    vxlan.proxy,
                    vxlan.l2miss
                )
            });
            let words = [
                link.index.to_string(),
                link.name.clone(),
                if link.mac.is_empty() { "-".into() } else { link.mac.clone() },
                link.mtu.to_string(),
                if link.kind == LinkKind::Device { "-".into() } else { link.kind.to_string() },
                link.operstate.to_string(),
                link.qdisc.clone(),
                link.txqlen.to_string(),
                or_dash(link.master.and_then(|index| space.link_at(index)).map(|link| &link.name)),
                format!("{} {} {}", link.up, link.lower_up, link.noarp),
                format!("{} {} {}", link.promisc, link.multicast, link.promiscuity),
                or_dash(link.alias.as_ref()),
                or_dash(port),
                or_dash(bridge),
                or_dash(link.macvlan.as_ref().map(|macvlan| &macvlan.mode)),
                or_dash(vxlan),
                or_dash(link.tun.as_ref().map(|tun| format!("{} {}", tun.tap, tun.persist))),
            ];
            words.join(" | ")
        });
        let theirs = theirs.iter().map(|link| {
            let flag =
                |flag: &str| link["flags"].as_array().is_some_and(|flags| flags.contains(&flag.into()));
            let info = &link["linkinfo"];
            let (data, port) = (&info["info_data"], &info["info_slave_data"]);
            let kind = word(&info["info_kind"]);
            let list = |value: &Value, keys: &[&str]| -> String {
                keys.iter().map(|key| word(&value[*key])).collect::<Vec<_>>().join(" ")
            };
            let number = |key: &str| data[key] == 1;
            let of = |wanted: &str, text: String| if kind == wanted { text } else { "-".into() };
            let remote = if data["group"].is_null() { word(&data["remote"]) } else { word(&data["group"]) };
            let on = |key: &str| data[key] == Value::Bool(true);
            let words = [
                word(&link["ifindex"]),
                word(&link["ifname"]),
                word(&link["address"]),
                word(&link["mtu"]),
                kind.clone(),
                word(&link["operstate"]),
                word(&link["qdisc"]),
                word(&link["txqlen"]),
                word(&link["master"]),
                format!("{} {} {}", flag("UP"), flag("LOWER_UP"), flag("NOARP")),
                format!("{} {} {}", flag("PROMISC"), flag("MULTICAST"), word(&link["promiscuity"])),
                word(&link["ifalias"]),
                match port["state"].is_null() {
                    true => "-".into(),
                    false => list(
                        port,
                        &[
                            "state",
                            "isolated",
                            "learning",
                            "flood",
                            "hairpin",
                            "guard",
                            "neigh_suppress",
                            "mcast_flood",
                            "bcast_flood",
                            "locked",
                        ],
                    ),
                },
                of(
                    "bridge",
                    format!(
                        "{} {} {} {} {}",
                        number("stp_state"),
                        list(data, &["forward_delay", "ageing_time"]),
                        number("mcast_snooping"),
                        number("nf_call_iptables"),
                        number("vlan_filtering")
                    ),
                ),
                of("macvlan", word(&data["mode"])),
                of(
                    "vxlan",
                    format!(
                        "{} {remote} {} {} {} {}",
                        word(&data["id"]),
                        list(data, &["local", "port", "ttl"]),
                        on("learning"),
                        on("proxy"),
                        on("l2miss")
                    ),
                ),
                of("tun", format!("{} {}", word(&data["type"]) == "tap", on("persist"))),
            ];
            words.join(" | ")
        });
        same(&format!("links of {}", space.name), ours.collect(), theirs.collect())?;
    }
    Ok(survey)
}

fn peers(network: &Network) -> Result<(), String> {
    sh(network, NET)?;
    sh(
        network,
        "set -e
        ip link add vx0 type vxlan id 42 dev up0 dstport 4789
        ip link set vx0 netns red
        unshare -n sleep 60 & echo $! > pid
        while [ $(readlink /proc/$!/ns/net) = $(readlink /proc/self/ns/net) ]; do :; done
        ip link add h0 type veth peer name eth0 netns $(cat pid)
        ip -n far link add in0 type veth peer name in1",
    )?;
    let survey = survey(network)?;
    let (host, far) = (space(&survey, "host")?, space(&survey, "far")?);
    let other = |space: &Space, name: &str| {
        let peer = link(space, name)?.peer.clone().unwrap_or_default();
        let found = survey.find(&peer).map(|(space, link)| (space.name.clone(), link.name.clone()));
        Ok::<_, String>(found.unwrap_or_default())
    };
    let is = |space: &str, link: &str| (space.to_string(), link.to_string());
    must(other(host, "p-red")? == is("red", "eth0"), "the peer of p-red")?;
    must(other(space(&survey, "red")?, "eth0")? == is("host", "p-red"), "the peer of red's eth0")?;
    must(other(host, "up0")? == is("far", "up0"), "the peer of up0")?;
    must(other(far, "in0")? == is("far", "in1"), "the peer of in0")?;
    must(other(host, "br0")? == is("", ""), "br0 has none")?;
    let nameless = link(host, "h0")?.peer.clone();
    must(nameless.is_some_and(|peer| peer.space.is_none() && peer.index != 0), "h0 leads where no name is")?;
    let vx0 = link(space(&survey, "red")?, "vx0")?;
    must(
        vx0.vxlan.as_ref().is_some_and(|vxlan| vxlan.underlay.as_deref() == Some("host")),
        "vx0 sends in the host",
    )
}

fn addresses(network: &Network) -> Result<(), String> {
    sh(network, NET)?;
    // States that change by themselves must have settled.
    let confirmed = "for ns in red blue far; do
            while ip -n $ns -6 addr show tentative | grep -q inet6; do sleep 0.05; done
        done
        while ip -6 addr show tentative | grep -q inet6; do sleep 0.05; done";
    sh(network, confirmed)?;
    let survey = survey(network)?;
    for space in &survey.spaces {
        let ours = space.addrs.iter().map(|addr| {
            let words = [
                addr.dev.clone(),
                addr.ip.to_string(),
                or_dash(addr.peer),
                addr.prefix_len.to_string(),
                or_dash(addr.broadcast),
                addr.scope.clone(),
                format!("{} {}", addr.secondary, addr.tentative),
                format!("{} {}", addr.noprefixroute, addr.nodad),
                format!("{} {}", addr.valid_lft.is_none(), addr.preferred_lft.is_none()),
            ];
            words.join(" | ")
        });
        let mut theirs = Vec::new();
        for row in ask(network, &space.name, "ip -j -d addr")? {
            for addr in row["addr_info"].as_array().into_iter().flatten() {
                let on = |key: &str| addr[key] == Value::Bool(true);
                let for_ever = |key: &str| addr[key] == u32::MAX;
                let words = [
                    word(&row["ifname"]),
                    word(&addr["local"]),
                    word(&addr["address"]),
                    word(&addr["prefixlen"]),
                    word(&addr["broadcast"]),
                    word(&addr["scope"]),
                    format!("{} {}", on("secondary"), on("tentative")),
                    format!("{} {}", on("noprefixroute"), on("nodad")),
                    format!("{} {}", for_ever("valid_life_time"), for_ever("preferred_life_time")),
                ];
                theirs.push(words.join(" | "));
            }
        }
        same(&format!("addresses of {}", space.name), ours.collect(), theirs)?;
    }
    let red: Vec<String> = space(&survey, "red")?.addrs.iter().map(|addr| addr.ip.to_string()).collect();
    let place = |ip: &str| red.iter().position(|found| found == ip);
    must(place("10.0.0.1") < place("10.0.0.11"), "the primary address comes first")?;
    let ask_long = "set -e
        ip netns exec blue sysctl -qw net.ipv6.conf.eth0.dad_transmits=60
        ip -n blue addr add fd00::2/64 dev eth0";
    sh(network, ask_long)?;
    let survey = self::survey(network)?;
    let asked = space(&survey, "blue")?.addrs.iter().find(|addr| addr.ip.to_string() == "fd00::2");
    must(asked.is_some_and(|addr| addr.tentative && !addr.dadfailed), "nobody has confirmed fd00::2 yet")
}

fn route(route: &Route) -> String {
    let hops = route.hops.iter().map(|hop| {
        let dev = if hop.dev.is_empty() { "-" } else { &hop.dev };
        format!("{} {dev} {} {}", or_dash(hop.via), hop.weight, hop.flags.join(","))
    });
    let words = [
        route.kind.clone(),
        route.dst.to_string(),
        route.table.to_string(),
        route.scope.clone(),
        route.protocol.clone(),
        route.metric.to_string(),
        or_dash(route.src),
        hops.collect::<Vec<_>>().join(", "),
        or_dash(route.mtu),
        route.mtu_locked.to_string(),
    ];
    words.join(" | ")
}

fn ip_route(route: &Value, inet6: bool) -> String {
    let default =
        |value: &Value, default: &str| if value.is_null() { default.to_string() } else { word(value) };
    let flags = |value: &Value| {
        let flags = value["flags"].as_array().into_iter().flatten();
        flags.map(word).collect::<Vec<_>>().join(",")
    };
    let gateway = |value: &Value| {
        let via = if value["via"]["host"].is_null() { &value["gateway"] } else { &value["via"]["host"] };
        word(via)
    };
    let hops: Vec<String> = match route["nexthops"].as_array() {
        Some(hops) => hops
            .iter()
            .map(|hop| {
                format!("{} {} {} {}", gateway(hop), word(&hop["dev"]), word(&hop["weight"]), flags(hop))
            })
            .collect(),
        None if route["dev"].is_null() && route["gateway"].is_null() => Vec::new(),
        None => vec![format!("{} {} 1 {}", gateway(route), word(&route["dev"]), flags(route))],
    };
    let metrics =
        route["metrics"].as_array().and_then(|metrics| metrics.first()).cloned().unwrap_or_default();
    let table = match default(&route["table"], "main").as_str() {
        "main" => "254".into(),
        "local" => "255".into(),
        other => other.to_string(),
    };
    let words = [
        default(&route["type"], "unicast"),
        word(&route["dst"]),
        table,
        default(&route["scope"], "global"),
        default(&route["protocol"], "boot"),
        default(&route["metric"], if inet6 { "1024" } else { "0" }),
        word(&route["prefsrc"]),
        hops.join(", "),
        word(&metrics["mtu"]),
        metrics["mtu_lock"]
            .as_bool()
            .or(metrics["mtu"].as_object().map(|_| true))
            .unwrap_or_default()
            .to_string(),
    ];
    words.join(" | ")
}

/// Routes of `red` of every kind.
const ROUTES: &str = "
set -e
ip -n red route add default via 10.0.0.254 metric 50
ip -n red route add 10.1.0.0/24 nexthop via 10.0.0.2 weight 3 nexthop via 10.0.0.254
ip -n red route add blackhole 10.2.0.0/24
ip -n red route add unreachable 10.3.0.0/24 table 100
ip -n red route add prohibit 10.4.0.0/24 metric 7
ip -n red route add throw 10.5.0.0/24 table 100
ip -n red route add 10.6.0.0/24 via 172.16.0.1 dev eth0 onlink mtu 1300 src 10.0.0.11
ip -n red route add 10.6.1.0/24 via inet6 fd00::2 dev eth0
ip -n red route add 10.6.2.0/24 dev eth0 scope link table 100
ip -n red -6 route add fd01::/64 via fd00::2 metric 5 mtu 1300
ip -n red -6 route add unreachable fd02::/64
ip -n red -6 route add default nexthop via fd00::2 nexthop via fd00::3
ip -n red -6 route add fd03::/64 dev eth0 table 100
";

fn routes(network: &Network) -> Result<(), String> {
    sh(network, NET)?;
    sh(network, ROUTES)?;
    in_the_end(|| same_routes(network))?;
    sh(network, "ip -n red route add 10.66.0.0/24 dev eth0 mtu lock 1000")?;
    let space = network.survey_of(&network.namespaces().map_err(|error| error.to_string())?[2]);
    let space = space.map_err(|error| error.to_string())?;
    let locked = space.routes.iter().find(|route| route.dst.to_string() == "10.66.0.0/24");
    must(
        space.name == "red" && locked.is_some_and(|route| route.mtu_locked && route.mtu == Some(1000)),
        "mtu lock 1000",
    )
}

/// Looks again while the kernel still has something to do: it makes the routes
/// of IPv6 a moment after their links have come up.
fn in_the_end(look: impl Fn() -> Result<(), String>) -> Result<(), String> {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        match look() {
            Err(_) if Instant::now() < deadline => thread::sleep(Duration::from_millis(50)),
            found => return found,
        }
    }
}

fn same_routes(network: &Network) -> Result<(), String> {
    let survey = survey(network)?;
    for space in &survey.spaces {
        for inet6 in [false, true] {
            let ours = space.routes.iter().filter(|route| route.dst.ip.is_ipv6() == inet6 && !route.cached);
            let family = if inet6 { "-6" } else { "-4" };
            let theirs = ask(network, &space.name, &format!("ip -j -d {family} route show table all"))?;
            let theirs = theirs.iter().map(|row| ip_route(row, inet6)).collect();
            same(&format!("routes of {}", space.name), ours.map(route).collect(), theirs)?;
        }
    }
    Ok(())
}

fn rules(network: &Network) -> Result<(), String> {
    sh(network, NET)?;
    sh(
        network,
        "set -e
        ip -n red rule add pref 10 from 10.0.0.1 to 10.1.0.0/16 lookup 100
        ip -n red rule add pref 11 not from 10.0.0.0/24 blackhole
        ip -n red rule add pref 12 fwmark 0x1/0xff iif eth0 prohibit
        ip -n red rule add pref 13 oif nosuch tos 0x10 table 5
        ip -n red rule add pref 14 ipproto icmp lookup 100
        ip -n red rule add pref 15 ipproto tcp dport 80-90 sport 1000 lookup 100
        ip -n red rule add pref 16 uidrange 0-0 goto 32766
        ip -n red rule add pref 17 lookup main suppress_prefixlength 0
        ip -n red rule add pref 18 fwmark 0x0/0x1 unreachable
        ip -n red -6 rule add pref 20 from fd00::1 lookup 100",
    )?;
    let survey = survey(network)?;
    let red = space(&survey, "red")?;
    for inet6 in [false, true] {
        let pair = |pair: Option<(u16, u16)>| or_dash(pair.map(|(low, high)| format!("{low}-{high}")));
        let ours = red.rules.iter().filter(|rule| rule.inet6 == inet6).map(|rule| {
            let table = rule.table.map(|table| match table {
                253 => "default".into(),
                254 => "main".into(),
                255 => "local".into(),
                other => other.to_string(),
            });
            let words = [
                rule.pref.to_string(),
                rule.not.to_string(),
                rule.from.map_or("all".into(), |net| net.to_string()),
                or_dash(rule.to),
                or_dash(rule.iif.as_ref()),
                or_dash(rule.oif.as_ref()),
                rule.oif_detached.to_string(),
                or_dash(rule.fwmark.map(|mark| if mark == 0 { "0".into() } else { format!("{mark:#x}") })),
                or_dash(
                    rule.fwmark
                        .map(|_| rule.fwmask)
                        .filter(|mask| *mask != u32::MAX)
                        .map(|mask| format!("{mark:#x}", mark = mask)),
                ),
                if rule.tos == 0 { "-".into() } else { format!("{:#04x}", rule.tos) },
                or_dash(rule.ipproto),
                pair(rule.sport),
                pair(rule.dport),
                or_dash(rule.uidrange.map(|(low, high)| format!("{low}-{high}"))),
                if rule.action == "lookup" { "-".into() } else { rule.action.clone() },
                or_dash(table),
                or_dash(rule.goto),
                or_dash(rule.suppress_prefixlength),
            ];
            words.join(" | ")
        });
        let theirs = ask(network, "red", &format!("ip -j -d {} rule", if inet6 { "-6" } else { "-4" }))?;
        let theirs = theirs.iter().map(|rule| {
            let net = |address: &str, length: &str| match (&rule[address], &rule[length]) {
                (Value::Null, _) => "-".to_string(),
                (ip, Value::Null) => word(ip),
                (ip, length) => format!("{}/{}", word(ip), word(length)),
            };
            let range = |one: &str, from: &str, to: &str| match (&rule[one], &rule[from]) {
                (Value::Null, Value::Null) => "-".to_string(),
                (Value::Null, low) => format!("{}-{}", word(low), word(&rule[to])),
                (one, _) => format!("{0}-{0}", word(one)),
            };
            let ipproto = match word(&rule["ipproto"]).as_str() {
                "icmp" => "1".to_string(),
                "tcp" => "6".to_string(),
                other => other.to_string(),
            };
            let (action, goto) = match (&rule["action"], &rule["goto"]) {
                (Value::Null, goto) if !goto.is_null() => ("goto".into(), word(goto)),
                (action, goto) => (word(action), word(goto)),
            };
            let words = [
                word(&rule["priority"]),
                rule.get("not").is_some().to_string(),
                net("src", "srclen"),
                net("dst", "dstlen"),
                word(&rule["iif"]),
                word(&rule["oif"]),
                rule.get("oif_detached").is_some().to_string(),
                word(&rule["fwmark"]),
                word(&rule["fwmask"]),
                word(&rule["tos"]),
                ipproto,
                range("sport", "sport_start", "sport_end"),
                range("dport", "dport_start", "dport_end"),
                range("none", "uid_start", "uid_end"),
                action,
                word(&rule["table"]),
                goto,
                word(&rule["suppress_prefixlen"]),
            ];
            words.join(" | ")
        });
        same("rules of red", ours.collect(), theirs.collect())?;
    }
    Ok(())
}

fn neighbours(network: &Network) -> Result<(), String> {
    sh(network, NET)?;
    sh(
        network,
        "set -e
        ip -n red neigh add 10.0.0.2 lladdr 02:00:00:00:00:02 nud permanent dev eth0
        ip -n red neigh add 10.0.0.3 lladdr 02:00:00:00:00:03 nud noarp dev eth0
        ip -n red neigh add 10.0.0.4 lladdr 02:00:00:00:00:04 nud stale dev eth0
        ip -n red neigh add 10.0.0.5 nud failed dev eth0
        ip -n red neigh add fd00::2 lladdr 02:00:00:00:00:02 nud permanent dev eth0 router
        ip -n red neigh add proxy 10.0.0.9 dev eth0
        ip -n red neigh add proxy fd00::9 dev eth0",
    )?;
    let survey = survey(network)?;
    let red = space(&survey, "red")?;
    let ours = red.neighs.iter().map(|row| {
        let state = if row.proxy { "proxy" } else { &row.state };
        format!("{} {} {} {state} {}", row.ip, row.dev, or_dash(row.mac.as_ref()), row.router)
    });
    let mut theirs = Vec::new();
    for (question, proxy) in [("ip -j neigh show nud all", false), ("ip -j neigh show proxy", true)] {
        for row in ask(network, "red", question)? {
            let state = if proxy { "proxy".into() } else { word(&row["state"][0]) };
            let (dev, router) = (word(&row["dev"]), row.get("router").is_some());
            theirs.push(format!("{} {dev} {} {state} {router}", word(&row["dst"]), word(&row["lladdr"])));
        }
    }
    same("neighbours of red", ours.collect(), theirs)
}

fn forwarding_databases(network: &Network) -> Result<(), String> {
    sh(network, NET)?;
    sh(
        network,
        "set -e
        ip link add vx0 type vxlan id 42 dstport 4789; ip link set vx0 up
        bridge fdb append 00:00:00:00:00:00 dev vx0 dst 10.9.0.2
        bridge fdb add 02:00:00:00:00:07 dev vx0 dst 10.9.0.3 port 4790 vni 7 via up0
        bridge fdb add 02:00:00:00:00:08 dev p-red master static
        bridge fdb add 02:00:00:00:00:09 dev p-red master dynamic sticky
        bridge fdb add 02:00:00:00:00:0a dev p-blue master dynamic
        bridge fdb add 02:00:00:00:00:0b dev br0 self",
    )?;
    let survey = survey(network)?;
    let host = space(&survey, "host")?;
    let name =
        |index: Option<u32>| or_dash(index.and_then(|index| host.link_at(index)).map(|link| &link.name));
    let ours = host.fdb.iter().map(|row| {
        let words = [
            row.mac.clone(),
            row.dev.clone(),
            name(row.master),
            or_dash(row.vlan),
            row.state.clone(),
            row.sticky.to_string(),
            or_dash(row.dst),
            or_dash(row.port),
            or_dash(row.vni),
            name(row.via),
        ];
        words.join(" | ")
    });
    let theirs = ask(network, "host", "bridge -j -d fdb")?;
    let theirs = theirs.iter().map(|row| {
        let flag = |flag: &str| row["flags"].as_array().is_some_and(|flags| flags.contains(&flag.into()));
        let words = [
            word(&row["mac"]),
            word(&row["ifname"]),
            word(&row["master"]),
            word(&row["vlan"]),
            word(&row["state"]).trim_start_matches('-').to_string(),
            flag("sticky").to_string(),
            word(&row["dst"]),
            word(&row["port"]),
            word(&row["vni"]),
            word(&row["viaIf"]),
        ];
        words.join(" | ")
    });
    same("databases of the host", ours.collect(), theirs.collect())
}

fn queues(network: &Network) -> Result<(), String> {
    sh(network, NET)?;
    sh(
        network,
        "set -e
        tc -n red qdisc add dev eth0 root handle 1: htb default 10
        tc -n red class add dev eth0 parent 1: classid 1:10 htb rate 8kbit burst 2000
        tc -n red filter add dev eth0 parent 1: protocol ip pref 7 u32 match ip dst 10.0.0.2/32 match ip protocol 1 0xff flowid 1:10
        tc -n blue qdisc add dev eth0 root tbf rate 80kbit burst 1500 limit 3000
        tc -n far qdisc add dev up0 clsact",
    )?;
    let survey = survey(network)?;
    for name in ["red", "blue", "far"] {
        let space = space(&survey, name)?;
        let rows = space.qdiscs.iter().filter(|qdisc| !qdisc.class);
        let ours = rows.clone().map(|row| format!("{} {} {} {}", row.dev, row.kind, row.handle, row.parent));
        let theirs = ask(network, name, "tc -j -s qdisc show")?;
        let theirs = theirs.iter().map(|row| {
            let parent = if row["root"].is_null() { word(&row["parent"]) } else { "root".into() };
            format!("{} {} {} {parent}", word(&row["dev"]), word(&row["kind"]), word(&row["handle"]))
        });
        same(&format!("queues of {name}"), ours.collect(), theirs.collect())?;
    }
    let red = space(&survey, "red")?;
    let class = red.qdiscs.iter().find(|row| row.class).ok_or("no class")?;
    must((class.handle.as_str(), class.rate) == ("1:10", Some(1000)), "the class of htb")?;
    must(
        class.burst.is_some_and(|burst| (1990..=2000).contains(&burst)),
        &format!("its burst {:?}", class.burst),
    )?;
    let tbf = space(&survey, "blue")?.qdiscs.iter().find(|row| row.kind == "tbf").ok_or("no tbf")?;
    must((tbf.rate, tbf.limit) == (Some(10_000), Some(3000)), &format!("the tbf {tbf:?}"))?;
    must(
        tbf.burst.is_some_and(|burst| (1490..=1500).contains(&burst)),
        &format!("its burst {:?}", tbf.burst),
    )?;
    let filter = red.filters.first().ok_or("no filter")?;
    must(
        filter.matches == ["match 0a000002/ffffffff at 16", "match 00010000/00ff0000 at 8"],
        &format!("{filter:?}"),
    )?;
    must(red.filters.len() == 1 && filter.classid.as_deref() == Some("1:10"), &format!("{filter:?}"))?;
    // Our command deletes the filter.
    sh(network, &format!("tc -n red {}", filter.deletion()))?;
    let left = sh(network, "tc -n red filter show dev eth0")?;
    must(!left.contains("flowid"), &left)
}

fn switches(network: &Network) -> Result<(), String> {
    sh(network, NET)?;
    sh(
        network,
        "set -e
        ip -n red link add eth0.7 type veth peer name x; ip -n red link set eth0.7 up
        ip netns exec red sysctl -qw net.ipv4.conf.eth0.rp_filter=2 net.ipv4.conf.eth0.arp_ignore=8 \
            net.ipv4.conf.eth0/7.proxy_arp=1 net.ipv6.conf.eth0.disable_ipv6=1 net.ipv4.ip_default_ttl=3 \
            net.ipv4.neigh.eth0.mcast_solicit=0 net.ipv4.conf.all.accept_local=1 net.ipv6.conf.eth0.hop_limit=4 \
            net.ipv4.conf.eth0.drop_gratuitous_arp=1 net.ipv6.conf.eth0/7.keep_addr_on_down=1 \
            net.ipv4.ping_group_range='0 0' net.ipv4.conf.eth0.bc_forwarding=1",
    )?;
    let survey = survey(network)?;
    for space in &survey.spaces {
        let netns =
            if space.name == "host" { String::new() } else { format!("ip netns exec {} ", space.name) };
        let theirs = sh(network, &format!("{netns}sysctl -a 2>/dev/null || true"))?;
        let theirs: BTreeMap<&str, &str> = theirs.lines().filter_map(|line| line.split_once(" = ")).collect();
        must(space.sysctls.len() > 120, &format!("there are switches: {}", space.sysctls.len()))?;
        for (key, value) in &space.sysctls {
            // The namespace's own table has no switches where it belongs to a
            // user namespace; and entries come and go.
            if key.contains(".neigh.default.") || key.ends_with("conntrack_count") {
                continue;
            }
            let read = theirs.get(key.as_str()).map(|value| value.trim());
            must(read == Some(value.as_str()), &format!("{} in {}: {value}, {read:?}", key, space.name))?;
        }
    }
    let red = space(&survey, "red")?;
    must(red.switch("net.ipv4.conf.eth0.arp_ignore") == Some(8), "arp_ignore")?;
    must(red.sysctl("net.ipv4.conf.eth0/7.proxy_arp") == Some("1"), "proxy_arp")?;
    must(red.sysctl("net.ipv4.neigh.eth0.mcast_solicit") == Some("0"), "mcast_solicit")
}

fn counters_and_listeners(network: &Network) -> Result<(), String> {
    if let Some(lack) = measured::lacking(&["ping"]) {
        return Err(format!("{LACKING}{lack}"));
    }
    sh(network, NET)?;
    let before = survey(network)?;
    sh(
        network,
        "ip -n blue route add blackhole 10.0.0.1
        ip netns exec blue ping -c1 -W1 10.0.0.1; ip netns exec red ping -c1 127.0.0.1
        true",
    )?;
    let after = survey(network)?;
    let (red, before) = (space(&after, "red")?, space(&before, "red")?);
    let grown = red.counted_since(before);
    must(grown.get("IcmpInEchos") == Some(&1), &format!("{grown:?}"))?;
    must(red.counter("OutRequests") == 0 && red.counter("IpOutRequests") >= 2, "by its whole name")?;
    must(red.counter("OutOctets") > 0 && red.counter("IpExtOutOctets") > 0, "or without the group's")?;
    for (address, proto) in [("10.0.0.1:80", "tcp"), ("0.0.0.0:53", "udp"), ("[::]:81", "tcp")] {
        must(!red.listeners.iter().any(|_| true), &format!("nobody listens at {address}/{proto} yet"))?;
    }
    Ok(())
}

fn ipsec(network: &Network) -> Result<(), String> {
    sh(network, NET)?;
    sh(
        network,
        "set -e
        ip -n red xfrm policy add dir out src 10.0.0.1/32 dst 10.0.0.2/32 action block
        ip -n red xfrm policy add dir in src 10.0.0.0/24 dst 0.0.0.0/0 proto tcp dport 80 priority 9 \
            tmpl src 10.9.0.1 dst 10.9.0.2 proto esp reqid 5 mode tunnel level use
        ip -n red xfrm policy add dir out dst fd00::2/128 proto ipv6-icmp type 128 action block
        ip -n red xfrm policy setdefault fwd block",
    )?;
    let survey = survey(network)?;
    let red = space(&survey, "red")?;
    must(red.xfrm_blocks == [false, true, false], &format!("{:?}", red.xfrm_blocks))?;
    must(red.policies.len() == 3, &format!("{:#?}", red.policies))?;
    let blocking =
        red.policies.iter().find(|policy| policy.block && policy.selector.proto == 0).ok_or("none blocks")?;
    let expected = ("out", Net::parse("10.0.0.1"), Net::parse("10.0.0.2"));
    let found = (blocking.dir.as_str(), Some(blocking.selector.src), Some(blocking.selector.dst));
    must(found == expected, &format!("{blocking:?}"))?;
    let other = red.policies.iter().find(|policy| policy.dir == "in").ok_or("no other")?;
    must(
        other.selector.dport == Some(80) && other.selector.proto == 6 && other.priority == 9,
        &format!("{other:?}"),
    )?;
    let template = other.templates.first().ok_or("no template")?;
    must(template.mode == "tunnel" && template.reqid == 5 && template.optional, &format!("{template:?}"))?;
    must(
        template.src == "10.9.0.1".parse().ok() && template.dst == "10.9.0.2".parse().ok(),
        &format!("{template:?}"),
    )?;
    // Our command deletes each policy.
    for policy in &red.policies {
        sh(network, &format!("ip -n red {}", policy.deletion()))?;
    }
    let left = sh(network, "ip -n red xfrm policy")?;
    must(left.is_empty(), &left)
}

fn lookups(network: &Network) -> Result<(), String> {
    sh(network, NET)?;
    sh(network, ROUTES)?;
    sh(
        network,
        "set -e
        ip -n red rule add pref 10 fwmark 0x1 lookup 100
        ip -n red rule add pref 11 ipproto tcp dport 80 to 10.6.2.0/24 lookup 100
        ip netns exec red sysctl -qw net.ipv4.conf.all.rp_filter=1 net.ipv4.conf.eth0.rp_filter=1",
    )?;
    let red = network.namespaces().map_err(|error| error.to_string())?;
    let red = red.iter().find(|netns| netns.name() == "red").ok_or("no red")?;
    let ip = |text: &str| text.parse().map_err(|error| format!("{error}"));
    let to = |text: &str| Ok::<_, String>(RouteQuestion::to(ip(text)?));
    let asks = [
        to("10.0.0.2")?,
        to("10.0.0.1")?,
        to("10.6.0.9")?,
        to("10.2.0.1")?,
        to("10.4.0.1")?,
        to("8.8.8.8")?,
        to("fd00::2")?,
        to("fd01::2")?,
        to("fd02::2")?,
        RouteQuestion { mark: Some(1), ..to("10.3.0.1")? },
        RouteQuestion { mark: Some(1), ..to("10.6.2.5")? },
        RouteQuestion { ipproto: Some(6), dport: Some(80), sport: Some(1000), ..to("10.6.2.5")? },
        RouteQuestion { ipproto: Some(6), dport: Some(81), ..to("10.6.2.5")? },
        RouteQuestion { src: Some(ip("10.0.0.2")?), iif: Some("eth0".into()), ..to("10.0.0.1")? },
        RouteQuestion { src: Some(ip("10.99.0.2")?), iif: Some("lo".into()), ..to("10.0.0.1")? },
        RouteQuestion { src: Some(ip("10.0.0.1")?), iif: Some("eth0".into()), ..to("10.0.0.1")? },
        RouteQuestion { src: Some(ip("10.0.0.2")?), iif: Some("eth0".into()), ..to("10.1.0.9")? },
        RouteQuestion { oif: Some("eth0".into()), uid: Some(7), tos: 0x10, ..to("10.44.0.1")? },
        RouteQuestion { fibmatch: true, ..to("10.6.0.9")? },
        RouteQuestion { fibmatch: true, ..to("8.8.8.8")? },
        RouteQuestion { fibmatch: true, ..to("10.1.0.9")? },
        RouteQuestion { fibmatch: true, ..to("fd01::9")? },
    ];
    for question in asks {
        let netns = "ip netns exec red ";
        let theirs = sh(network, &format!("{netns}ip -j -d route get {question} 2>&1 || true"))?;
        let ours = network.route_get(red, &question);
        let at = |what: &str| format!("ip route get {question}: {ours:?} {theirs} ({what})");
        match (&ours, serde_json::from_str::<Vec<Value>>(&theirs)) {
            (Err(error), Err(_)) => must(theirs.contains(&error.text) && error.errno != 0, &at("its words"))?,
            (Ok(route), Ok(rows)) => {
                let row = rows.into_iter().next().ok_or_else(|| at("no answer"))?;
                let table = word(&row["table"]).replace("local", "255").replace("main", "254");
                must(table == "-" || route.table.to_string() == table, &at("the table"))?;
                must(route.dst.to_string() == word(&row["dst"]), &at("the destination"))?;
                must(
                    route.src.map(|src| src.to_string()) == row["prefsrc"].as_str().map(Into::into),
                    &at("src"),
                )?;
                if row["nexthops"].is_null() {
                    must(or_dash(route.via()) == word(&row["gateway"]), &at("the gateway"))?;
                    must(or_dash(route.dev()) == word(&row["dev"]), &at("the link"))?;
                } else {
                    must(route.hops.len() == 2, &at("both ways"))?;
                }
                let kind = if row["type"].is_null() { "unicast".into() } else { word(&row["type"]) };
                must(route.kind == kind, &at("its type"))?;
            }
            _ => return Err(at("only one has an answer")),
        }
    }
    let nowhere = network.route_get(red, &RouteQuestion { oif: Some("nosuch".into()), ..to("10.0.0.2")? });
    must(nowhere.is_err_and(|error| error.errno == 0 && error.text.contains("nosuch")), "no such link")
}
