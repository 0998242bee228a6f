use super::super::world::WorldCell;
use super::{Word, here_or_host};
use crate::net::typed;
use rhai::{Dynamic, Engine, INT};

pub(super) const WORDS: &[Word] = &[Word {
    name: "sysctl",
    form: "`sysctl([ns,] key)` or `sysctl([ns,] key, value)`",
    about: "Reads or sets a switch of the kernel, as sysctl(8) does; the value is text. Only \
            those of a namespace can be set, never the machine's.",
    example: "sysctl(\"net.ipv4.ip_forward\", 1);\ncheck(\"it forwards\", sysctl(\"net.ipv4.ip_forward\") == \"1\");",
}];

pub(super) fn register(engine: &mut Engine, cell: &WorldCell) {
    here_or_host!(engine, cell, "sysctl", |call, ns, key: &str| {
        let command = ns.exec(&format!("sysctl -n {}", typed(key)));
        call.ask(command, |network| network.sysctl(&ns, key), |text| (text.clone(), None))
    });
    here_or_host!(engine, cell, "sysctl", |call, ns, key: &str, value: &str| {
        let command = ns.exec(&format!("sysctl -w {}", typed(&format!("{key}={value}"))));
        call.act(command, |network| network.set_sysctl(&ns, key, value)).map(Dynamic::from)
    });
    here_or_host!(engine, cell, "sysctl", |call, ns, key: &str, value: INT| {
        let command = ns.exec(&format!("sysctl -w {}", typed(&format!("{key}={value}"))));
        call.act(command, |network| network.set_sysctl(&ns, key, &value.to_string())).map(Dynamic::from)
    });
}
