use super::super::suggest::nearest;
use super::super::value::ExecValue;
use super::super::world::{Call, Fallible, WorldCell};
use super::options::Options;
use super::{Word, here_or_host};
use crate::net::{
    Action, Chain, FirewallOptions, Limits, NetError, Netns, PacketOptions, Policy, RuleChange, nft_command,
    typed as quoted,
};
use rhai::{Dynamic, Engine, INT, Map};
use std::rc::Rc;

pub(super) const WORDS: &[Word] = &[
    Word {
        name: "policy",
        form: "`policy([ns,] chain, policy)` or `policy([ns,] chain, policy, #{family})`",
        about: "Says what becomes of a packet that no rule of the chain `input`, `forward` or \
                `output` is about: `accept` or `drop`, as `iptables -P` does (iptables(8)). It is \
                for IPv4, with `family: \"inet6\"` for IPv6.",
        example: "policy(\"output\", \"drop\");\nrefute(\"nothing goes out\", ping(\"127.0.0.1\"));",
    },
    Word {
        name: "allow",
        form: "`allow([ns,] chain, #{iif, oif, saddr, daddr, proto, sport, dport, ct, family})`",
        about: "Lets packets through: adds a rule at the end of the chain `input`, `forward` or \
                `output`, in the table where iptables looks. The first rule that is about a packet \
                decides, and where there is none the policy. The keys are nft's (nft(8)), a value \
                may begin with `!= `, and of several, in an array, each makes a rule.",
        example: "policy(\"output\", \"drop\");\nallow(\"output\", #{daddr: \"127.0.0.0/8\", proto: \"icmp\"});\n\
                  check(\"but an echo does\", ping(\"127.0.0.1\"));",
    },
    Word {
        name: "block",
        form: "`block([ns,] chain, #{iif, oif, saddr, daddr, proto, sport, dport, ct, family})`",
        about: "Drops packets: adds a rule as `allow` does. Nobody is told; who sent them waits in \
                vain.",
        example: "block(\"input\", #{proto: \"icmp\"});\nrefute(\"no echo\", ping(\"127.0.0.1\", #{timeout_ms: 50}));",
    },
    Word {
        name: "masquerade",
        form: "`masquerade([ns,] network)` or `masquerade([ns,] network, #{oif})`",
        about: "Gives packets from a network the address of the interface by which they leave, and \
                the answers their way back, as `iptables -t nat -A POSTROUTING -s NETWORK -j \
                MASQUERADE` does.",
        example: "masquerade(\"192.168.15.0/24\");\n\
                  check(\"it stands there\", firewall().contains(#{chain: \"POSTROUTING\", \
                  rule: \"ip saddr 192.168.15.0/24 masquerade\"}));",
    },
    Word {
        name: "dnat",
        form: "`dnat([ns,] proto, port, to)`",
        about: "Sends what comes for a port of `tcp` or `udp` on to another address, or address and \
                port, as `iptables -t nat -A PREROUTING -p PROTO --dport PORT -j DNAT \
                --to-destination TO` does; and what the namespace sends to that port of an address \
                of its own, which comes by the chain OUTPUT.",
        example: "dnat(\"tcp\", 8080, \"192.168.15.2:80\");\n\
                  check(\"it stands there\", firewall().contains(#{table: \"nat\", chain: \"PREROUTING\", \
                  rule: \"tcp dport 8080 dnat to 192.168.15.2:80\"}));",
    },
    Word {
        name: "iptables",
        form: "`iptables([ns,] arguments)`",
        about: "Runs the real iptables(8), whichever of its two kinds this machine has, and gives \
                what `exec` gives. Where it fails, the act is refused in its own words. Where the \
                machine lacks it, nslab itself carries out what changes a rule, a chain or a policy, as far \
                as it knows each word; otherwise what follows is not measured.",
        example: "iptables(\"-P FORWARD DROP\");\ncheck(\"it says so\", iptables(\"-S FORWARD\").stdout.contains(\"-P FORWARD DROP\"));",
    },
    Word {
        name: "nft",
        form: "`nft([ns,] arguments)`",
        about: "Runs the real nft(8), as `iptables` runs iptables; the argument may be several \
                lines of nft.",
        example: "nft(\"add table ip filter\");\ncheck(\"it is there\", nft(\"list tables\").stdout == \"table ip filter\\n\");",
    },
];

const PACKET: [&str; 9] = ["iif", "oif", "saddr", "daddr", "proto", "sport", "dport", "ct", "family"];

pub(super) fn register(engine: &mut Engine, cell: &WorldCell) {
    here_or_host!(engine, cell, "policy", |call, ns, chain: &str, policy: &str| {
        set_policy(&call, &ns, chain, policy, Map::new())
    });
    here_or_host!(engine, cell, "policy", |call, ns, chain: &str, policy: &str, options: Map| {
        set_policy(&call, &ns, chain, policy, options)
    });
    here_or_host!(engine, cell, "allow", |call, ns, chain: &str, options: Map| {
        filter(&call, &ns, "allow", Action::Allow, chain, options)
    });
    here_or_host!(engine, cell, "block", |call, ns, chain: &str, options: Map| {
        filter(&call, &ns, "block", Action::Block, chain, options)
    });
    here_or_host!(engine, cell, "masquerade", |call, ns, network: &str| {
        masquerade(&call, &ns, network, Vec::new())
    });
    here_or_host!(engine, cell, "masquerade", |call, ns, network: &str, options: Map| {
        let oif = Options::new(&call, "masquerade", options, &["oif"])?.texts("oif")?;
        masquerade(&call, &ns, network, oif)
    });
    here_or_host!(engine, cell, "dnat", |call, ns, proto: &str, port: INT, to: &str| {
        dnat(&call, &ns, proto, &port.to_string(), to)
    });
    here_or_host!(engine, cell, "dnat", |call, ns, proto: &str, port: &str, to: &str| {
        dnat(&call, &ns, proto, port, to)
    });
    here_or_host!(engine, cell, "iptables", |call, ns, arguments: &str| {
        let limits = limits(&call);
        let command = ns.exec(format!("iptables {arguments}").trim_end());
        let answer = call.act(command, |network| network.iptables(&ns, arguments, limits))?;
        call.in_time(ExecValue(Rc::new(answer)))
    });
    here_or_host!(engine, cell, "nft", |call, ns, arguments: &str| {
        let limits = limits(&call);
        let command = ns.exec(&nft_command(arguments));
        let answer = call.act(command, |network| network.nft(&ns, arguments, limits))?;
        call.in_time(ExecValue(Rc::new(answer)))
    });
}

fn limits(call: &Call) -> Limits {
    call.world.flush();
    let default = Limits::default();
    Limits { timeout_ms: call.world.at_most(default.timeout_ms), ..default }
}

/// Carries out a ruling. If it is invalid, reports that with the rule as typed.
fn enact(call: &Call, ns: &Netns, typed: &str, ruling: Result<RuleChange, NetError>) -> Fallible<Dynamic> {
    let command = ns.exec(&match &ruling {
        Ok(ruling) => ruling.command(),
        Err(_) => format!("nft {}", quoted(&format!("add rule {typed}"))),
    });
    call.act(command, |network| network.enact(ns, &ruling?)).map(Dynamic::from)
}

fn chain_named(call: &Call, name: &str) -> Fallible<Chain> {
    Chain::parse(name).ok_or_else(|| {
        let near = nearest(&name.to_lowercase(), Chain::NAMES);
        let hint = match (near, name.to_lowercase().as_str()) {
            (Some(near), _) => format!("did you mean `{near}`?"),
            (None, "postrouting") => "that is for `masquerade`".into(),
            (None, "prerouting") => "that is for `dnat`".into(),
            (None, _) => "choose `input`, `forward` or `output`".into(),
        };
        call.misuse(format!("there is no chain `{name}`"), hint)
    })
}

fn set_policy(call: &Call, ns: &Netns, chain: &str, policy: &str, options: Map) -> Fallible<Dynamic> {
    let mut options = Options::new(call, "policy", options, &["family"])?;
    let family = options.family()?;
    let chain = chain_named(call, chain)?;
    let policy = Policy::parse(policy).ok_or_else(|| {
        let hint = match nearest(&policy.to_lowercase(), Policy::NAMES) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "a policy is `accept` or `drop`".into(),
        };
        call.misuse(format!("there is no policy `{policy}`"), hint)
    })?;
    enact(call, ns, "", Ok(RuleChange::policy(chain, policy, family)))
}

fn filter(
    call: &Call,
    ns: &Netns,
    word: &str,
    action: Action,
    chain: &str,
    options: Map,
) -> Fallible<Dynamic> {
    let mut options = Options::new(call, word, options, &PACKET)?;
    let chain = chain_named(call, chain)?;
    let options = FirewallOptions {
        family: options.family()?,
        packet: PacketOptions {
            iif: options.texts("iif")?,
            oif: options.texts("oif")?,
            saddr: options.texts("saddr")?,
            daddr: options.texts("daddr")?,
            proto: options.word("proto")?,
            sport: options.words("sport")?,
            dport: options.words("dport")?,
            ct: options.texts("ct")?,
        },
    };
    let typed = typed(chain, action, &options.packet);
    enact(call, ns, &typed, RuleChange::filter(chain, action, &options))
}

/// Returns a rule as one would type it, valid or not.
fn typed(chain: Chain, action: Action, packet: &PacketOptions) -> String {
    let proto = packet.proto.as_deref();
    let (sport, dport) =
        (format!("{} sport", proto.unwrap_or("th")), format!("{} dport", proto.unwrap_or("th")));
    let v6 = packet.saddr.iter().chain(&packet.daddr).any(|address| address.contains(':'));
    let ip = if v6 { "ip6" } else { "ip" };
    let (saddr, daddr) = (format!("{ip} saddr"), format!("{ip} daddr"));
    let ports = !(packet.sport.is_empty() && packet.dport.is_empty());
    let proto: Vec<String> = proto.filter(|_| !ports).map(Into::into).into_iter().collect();
    let parts = [
        ("iifname", &packet.iif),
        ("oifname", &packet.oif),
        (&saddr, &packet.saddr),
        (&daddr, &packet.daddr),
        ("meta l4proto", &proto),
        (&sport, &packet.sport),
        (&dport, &packet.dport),
        ("ct state", &packet.ct),
    ];
    let mut words = vec![format!("{ip} filter {chain}")];
    for (key, values) in parts {
        match &values[..] {
            [] => {}
            [value] => words.push(format!("{key} {value}")),
            values => words.push(format!("{key} {{ {} }}", values.join(", "))),
        }
    }
    words.push(if action == Action::Allow { "accept" } else { "drop" }.into());
    words.join(" ")
}

fn masquerade(call: &Call, ns: &Netns, network: &str, oif: Vec<String>) -> Fallible<Dynamic> {
    let typed = format!("ip nat POSTROUTING ip saddr {network} masquerade");
    enact(call, ns, &typed, RuleChange::masquerade(network, &oif))
}

fn dnat(call: &Call, ns: &Netns, proto: &str, port: &str, to: &str) -> Fallible<Dynamic> {
    let typed = format!("ip nat PREROUTING {proto} dport {port} dnat to {to}");
    enact(call, ns, &typed, RuleChange::dnat(proto, port, to))
}
