use super::super::world::WorldCell;
use super::options::Options;
use super::{Word, here_or_host, ip_line};
use crate::net::{MacvlanMode, Netns, VxlanOptions, link_add, link_del, link_set};
use rhai::{Engine, INT, Map, NativeCallContext};

pub(super) const WORDS: &[Word] = &[
    Word {
        name: "veth",
        form: "`veth(a, b)` or `veth(ns_a, a, ns_b, b)`",
        about: "Adds a veth pair, a cable with two ends (veth(4)): both in the host, or each in \
                its namespace. Both ends are down. Refuses a name that is taken or too long.",
        example: "veth(\"veth-red\", \"veth-blue\");\n\
                  check(\"they are each other's peer\", links()[2].peer == \"veth-blue\");",
    },
    Word {
        name: "bridge",
        form: "`bridge([ns,] name)`",
        about: "Adds a bridge, a switch in software (ip-link(8)). It is down.",
        example: "bridge(\"v-net-0\");\n\
                  check(\"it is down\", links().contains(#{name: \"v-net-0\", state: \"DOWN\"}));",
    },
    Word {
        name: "macvlan",
        form: "`macvlan([ns,] name, parent)` or `macvlan([ns,] name, parent, mode)`",
        about: "Adds a link with a hardware address of its own on top of another one; `mode` is \
                `bridge` (the default), `private`, `vepa` or `passthru` (ip-link(8)).",
        example: "veth(\"up\", \"down\");\nmacvlan(\"mv0\", \"up\");\n\
                  check(\"it stands on up\", links().contains(#{name: \"mv0\", peer: \"up\"}));",
    },
    Word {
        name: "vxlan",
        form: "`vxlan([ns,] name, #{id, local, remote, port, dev})`",
        about: "Adds a link whose frames travel to the host `remote` in UDP packets, from the \
                address `local` or over the link `dev`; both ends have the same number `id` and \
                `port`, 4789 otherwise (ip-link(8)). Refuses a number that is taken.",
        example: "vxlan(\"vx0\", #{id: 42, remote: \"10.0.0.2\"});\n\
                  check(\"it is there\", links().contains(#{name: \"vx0\", kind: \"vxlan\"}));",
    },
    Word {
        name: "set_netns",
        form: "`set_netns([ns,] link, to)`",
        about: "Moves a link into the namespace `to`, or into the one of this name, as `ip link \
                set LINK netns TO` does. It is down there, and has lost its addresses.",
        example: "let red = netns(\"red\");\nveth(\"a\", \"b\");\nset_netns(\"a\", red);\n\
                  check(\"it is gone from here\", !links().contains(#{name: \"a\"}));",
    },
    Word {
        name: "set_master",
        form: "`set_master([ns,] port, bridge)`",
        about: "Makes a link a port of a bridge, as `ip link set PORT master BRIDGE` does.",
        example: "bridge(\"br0\");\nveth(\"a\", \"b\");\nset_master(\"a\", \"br0\");\n\
                  check(\"a is a port\", links().contains(#{name: \"a\", master: \"br0\"}));",
    },
    Word {
        name: "set_nomaster",
        form: "`set_nomaster([ns,] port)`",
        about: "Takes a port from its bridge, as `ip link set PORT nomaster` does.",
        example: "bridge(\"br0\");\nveth(\"a\", \"b\");\nset_master(\"a\", \"br0\");\nset_nomaster(\"a\");\n\
                  check(\"a is free\", links().contains(#{name: \"a\", master: ()}));",
    },
    Word {
        name: "up",
        form: "`up([ns,] link)`",
        about: "Switches a link on, as `ip link set LINK up` does. Refuses a link that is not there.",
        example: "veth(\"a\", \"b\");\nup(\"a\");\nup(\"b\");\n\
                  check(\"the cable is plugged in\", links().contains(#{name: \"a\", state: \"UP\"}));",
    },
    Word {
        name: "down",
        form: "`down([ns,] link)`",
        about: "Switches a link off, as `ip link set LINK down` does. Its routes go with it.",
        example: "down(\"lo\");\nrefute(\"nobody is at home\", ping(\"127.0.0.1\", #{timeout_ms: 50}));",
    },
    Word {
        name: "set_mtu",
        form: "`set_mtu([ns,] link, bytes)`",
        about: "Sets the largest packet that a link takes, in bytes, as `ip link set LINK mtu N` does.",
        example: "veth(\"a\", \"b\");\nset_mtu(\"a\", 1400);\ncheck(\"it is set\", links()[1].mtu == 1400);",
    },
    Word {
        name: "set_mac",
        form: "`set_mac([ns,] link, mac)`",
        about: "Sets a link's hardware address, as `ip link set LINK address MAC` does.",
        example: "veth(\"a\", \"b\");\nset_mac(\"a\", \"02:00:00:00:00:01\");\n\
                  check(\"it is set\", links()[1].mac == \"02:00:00:00:00:01\");",
    },
    Word {
        name: "del_link",
        form: "`del_link([ns,] link)`",
        about: "Removes a link, as `ip link del LINK` does. The other end of a veth goes with it.",
        example: "veth(\"a\", \"b\");\ndel_link(\"a\");\ncheck(\"both are gone\", links().len() == 1);",
    },
];

pub(super) fn register(engine: &mut Engine, cell: &WorldCell) {
    veths(engine, cell);
    here_or_host!(engine, cell, "bridge", |call, ns, name: &str| {
        call.act(ip_line(&ns, &link_add(name, &["type", "bridge"])), |network| network.bridge(&ns, name))
    });
    here_or_host!(engine, cell, "macvlan", |call, ns, name: &str, parent: &str| {
        let command = ip_line(&ns, &link_add(name, &["link", parent, "type", "macvlan", "mode", "bridge"]));
        call.act(command, |network| network.macvlan(&ns, name, parent, MacvlanMode::Bridge))
    });
    here_or_host!(engine, cell, "macvlan", |call, ns, name: &str, parent: &str, mode: &str| {
        let command = ip_line(&ns, &link_add(name, &["link", parent, "type", "macvlan", "mode", mode]));
        call.act(command, |network| network.macvlan(&ns, name, parent, MacvlanMode::parse(mode)?))
    });
    here_or_host!(engine, cell, "vxlan", |call, ns, name: &str, options: Map| {
        let known = ["id", "local", "remote", "port", "dev"];
        let mut options = Options::new(&call, "vxlan", options, &known)?;
        let options = VxlanOptions {
            id: options.number("id", "a number")?,
            local: options.text("local")?,
            remote: options.text("remote")?,
            port: options.number("port", "a number")?,
            dev: options.text("dev")?,
        };
        let command = format!("{}{options}", ip_line(&ns, &link_add(name, &["type", "vxlan"])));
        call.act(command, |network| network.vxlan(&ns, name, &options))
    });
    here_or_host!(engine, cell, "set_netns", |call, ns, link: &str, to: Netns| {
        // The sandbox's own namespace has no file; `ip` accepts a PID there.
        let name = if to.is_host() { "1" } else { to.name() };
        let command = ip_line(&ns, &link_set(link, &["netns", name]));
        call.act(command, |network| network.set_netns(&ns, link, &to))
    });
    // By name, as `ip` accepts it. A script that takes a bridge for a namespace
    // has only its name.
    here_or_host!(engine, cell, "set_netns", |call, ns, link: &str, to: &str| {
        let command = ip_line(&ns, &link_set(link, &["netns", to]));
        call.act(command, |network| {
            let to = network.namespace_named(&ns, link, to)?;
            network.set_netns(&ns, link, &to)
        })
    });
    here_or_host!(engine, cell, "set_master", |call, ns, port: &str, bridge: &str| {
        let command = ip_line(&ns, &link_set(port, &["master", bridge]));
        call.act(command, |network| network.set_master(&ns, port, bridge))
    });
    here_or_host!(engine, cell, "set_nomaster", |call, ns, port: &str| {
        let command = ip_line(&ns, &link_set(port, &["nomaster"]));
        call.act(command, |network| network.set_nomaster(&ns, port))
    });
    here_or_host!(engine, cell, "up", |call, ns, link: &str| {
        call.act(ip_line(&ns, &link_set(link, &["up"])), |network| network.set_up(&ns, link, true))
    });
    here_or_host!(engine, cell, "down", |call, ns, link: &str| {
        call.act(ip_line(&ns, &link_set(link, &["down"])), |network| network.set_up(&ns, link, false))
    });
    here_or_host!(engine, cell, "set_mtu", |call, ns, link: &str, bytes: INT| {
        let mtu = u32::try_from(bytes).map_err(|_| {
            call.misuse(format!("{bytes} is no size of a packet"), "a size is a positive number of bytes")
        })?;
        call.act(ip_line(&ns, &link_set(link, &["mtu", &mtu.to_string()])), |network| {
            network.set_mtu(&ns, link, mtu)
        })
    });
    here_or_host!(engine, cell, "set_mac", |call, ns, link: &str, mac: &str| {
        let command = ip_line(&ns, &link_set(link, &["address", mac]));
        call.act(command, |network| network.set_mac(&ns, link, mac))
    });
    here_or_host!(engine, cell, "del_link", |call, ns, link: &str| {
        call.act(ip_line(&ns, &link_del(link)), |network| network.del_link(&ns, link))
    });
}

fn veths(engine: &mut Engine, cell: &WorldCell) {
    here_or_host!(engine, cell, "veth", |call, ns, a: &str, b: &str| {
        let command = ip_line(&ns, &link_add(a, &["type", "veth", "peer", "name", b]));
        call.act(command, |network| network.veth((&ns, a), (&ns, b), call.may_wait()))
    });
    let cell = cell.clone();
    engine.register_fn(
        "veth",
        move |context: NativeCallContext, ns_a: Netns, a: &str, ns_b: Netns, b: &str| {
            let call = super::super::world::Call::new(&cell, &context)?;
            // `netns 1` is the sandbox's own namespace: its init is there.
            let there = if ns_b.is_host() { "1" } else { ns_b.name() };
            let mut words = link_add(a, &["type", "veth", "peer", "name", b]);
            if ns_a != ns_b {
                words.extend(["netns", there]);
            }
            let command = ip_line(&ns_a, &words);
            call.act(command, |network| network.veth((&ns_a, a), (&ns_b, b), false))
        },
    );
}
