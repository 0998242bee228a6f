use super::super::world::WorldCell;
use super::options::Options;
use super::{Word, anywhere};
use crate::net::{Netns, typed};
use rhai::{Array, Dynamic, Engine, Map};

pub(super) const WORDS: &[Word] = &[
    Word {
        name: "netns",
        form: "`netns(name)` or `netns(name, #{ipv6: false})`",
        about: "Makes a network namespace, as `ip netns add` does (ip-netns(8)). It has `lo` \
                alone, and that is down. Refuses a name that is taken or that is no file name.",
        example: "let red = netns(\"red\");\ncheck(\"lo is down\", links(red)[0].state == \"DOWN\");",
    },
    Word {
        name: "host",
        form: "`host()`",
        about: "The sandbox's own namespace: the host of the tutorials, with `lo` up.",
        example: "check(\"the host's lo is up\", ping(host(), \"127.0.0.1\"));",
    },
    Word {
        name: "netns_list",
        form: "`netns_list()`",
        about: "The namespaces that `ip netns list` shows, by name, as an array.",
        example: "netns(\"red\");\ncheck(\"red is listed\", \"red\" in netns_list());",
    },
    Word {
        name: "delete",
        form: "`delete(ns)`",
        about: "Removes a namespace, as `ip netns delete` does; its links go with it. Refuses \
                the host's, and one that was deleted before.",
        example: "let red = netns(\"red\");\ndelete(red);\ncheck(\"nothing is left\", netns_list().is_empty());",
    },
];

pub(super) fn register(engine: &mut Engine, cell: &WorldCell) {
    engine.register_type_with_name::<Netns>("netns");
    engine
        .register_get("name", |ns: &mut Netns| ns.name().to_string())
        .register_fn("to_string", |ns: &mut Netns| ns.name().to_string())
        .register_fn("to_debug", |ns: &mut Netns| ns.name().to_string())
        .register_fn("==", |a: Netns, b: Netns| a == b)
        .register_fn("!=", |a: Netns, b: Netns| a != b)
        .register_fn("==", |a: Netns, b: &str| a.name() == b)
        .register_fn("==", |a: &str, b: Netns| b.name() == a)
        .register_fn("!=", |a: Netns, b: &str| a.name() != b);
    anywhere!(engine, cell, "netns", |call, name: &str| {
        call.act(format!("ip netns add {}", typed(name)), |network| network.netns(name, true))
    });
    anywhere!(engine, cell, "netns", |call, name: &str, options: Map| {
        let mut options = Options::new(&call, "netns", options, &["ipv6"])?;
        let ipv6 = options.flag("ipv6")?.unwrap_or(true);
        call.act(format!("ip netns add {}", typed(name)), |network| network.netns(name, ipv6))
    });
    anywhere!(engine, cell, "host", |call| Ok(call.world.network.host()));
    anywhere!(engine, cell, "netns_list", |call| {
        let namespaces = call.ask("ip netns list".into(), crate::net::Network::namespaces, |found| {
            let names: Vec<&str> = found.iter().map(Netns::name).collect();
            (names.join("\n"), None)
        })?;
        Ok(namespaces.into_iter().map(Dynamic::from).collect::<Array>())
    });
    anywhere!(engine, cell, "delete", |call, ns: Netns| {
        call.act(format!("ip netns delete {}", typed(ns.name())), |network| network.delete(&ns))
    });
}
