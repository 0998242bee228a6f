//! The labs of the workloads, in the order that costs the kernel least.

use super::masquerade::masquerade;
use super::network::{End, FIRST, LO, Space, forward, lay_cable};
use crate::stages::{Failure, Stages};
use std::io;
use std::net::Ipv4Addr;

/// A workload.
#[derive(Debug, Clone, Copy)]
pub enum Work {
    W1,
    W2,
    /// With this number of namespaces.
    W4(u16),
}

impl Work {
    pub fn argument(self) -> String {
        match self {
            Self::W1 => "w1".into(),
            Self::W2 => "w2".into(),
            Self::W4(count) => format!("w4:{count}"),
        }
    }

    pub fn from_argument(argument: &str) -> Option<Self> {
        match argument.split_once(':') {
            None if argument == "w1" => Some(Self::W1),
            None if argument == "w2" => Some(Self::W2),
            Some(("w4", count)) => Some(Self::W4(count.parse().ok()?)),
            _ => None,
        }
    }

    /// Does the work, in the sandbox whose first process this is.
    pub fn run(self, stages: &mut Stages) -> Result<(), Failure> {
        let host = stages.stage("set the host's lo up", || {
            let host = Space::here()?;
            host.set_up(LO)?;
            Ok(host)
        })?;
        match self {
            Self::W1 => w1(stages),
            Self::W2 => w2(stages, &host),
            Self::W4(count) => w4(stages, &host, count),
        }
    }
}

/// Two namespaces and a cable.
fn w1(stages: &mut Stages) -> Result<(), Failure> {
    const RED: Ipv4Addr = Ipv4Addr::new(192, 168, 15, 1);
    const BLUE: Ipv4Addr = Ipv4Addr::new(192, 168, 15, 2);
    let (red, echo) = stages.stage("make the namespace red", || Space::add_with_echo("red"))?;
    let blue = stages.stage("make the namespace blue", || Space::add("blue"))?;
    stages.stage("set lo up in both", || {
        red.set_up(LO)?;
        blue.set_up(LO)
    })?;
    stages.stage("lay the cable", || {
        let near = End { space: &red, name: "veth-red", index: FIRST };
        lay_cable(&near, None, &End { space: &blue, name: "veth-blue", index: FIRST })
    })?;
    stages.stage("give both ends an address", || {
        red.add_address(FIRST, RED, 24)?;
        blue.add_address(FIRST, BLUE, 24)
    })?;
    stages.stage("set blue's end up", || blue.set_up(FIRST))?;
    stages.stage("settle", || {
        red.settle(FIRST)?;
        blue.settle(FIRST)
    })?;
    stages.stage("ping blue from red", || echo.exchange(BLUE, 1))?;
    stages.stage("read the routes and neighbours", || {
        red.expect(1, 1)?;
        blue.expect(1, 1)
    })
}

/// Two namespaces on a bridge, and one outside, which knows the host only.
fn w2(stages: &mut Stages, host: &Space) -> Result<(), Failure> {
    const NETWORK: Ipv4Addr = Ipv4Addr::new(192, 168, 15, 0);
    const RED: Ipv4Addr = Ipv4Addr::new(192, 168, 15, 1);
    const BLUE: Ipv4Addr = Ipv4Addr::new(192, 168, 15, 2);
    const BRIDGE: Ipv4Addr = Ipv4Addr::new(192, 168, 15, 5);
    const HOST: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 2);
    const OUTSIDE: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 3);
    /// Links of the host.
    const SWITCH: i32 = FIRST;
    const RED_PORT: i32 = FIRST + 1;
    const BLUE_PORT: i32 = FIRST + 2;
    const UPLINK: i32 = FIRST + 3;

    // The switch is set before there are links, as it has to be applied to each of them.
    stages.stage("forward", forward)?;
    stages.stage("masquerade", || masquerade(NETWORK))?;
    stages.stage("make the bridge", || {
        host.add_bridge("v-net-0", SWITCH)?;
        host.add_address(SWITCH, BRIDGE, 24)
    })?;
    let (red, outside, blue, echo) = stages.stage("make the namespaces", || {
        let (red, outside) = (Space::add("red")?, Space::add("outside")?);
        let (blue, echo) = Space::add_with_echo("blue")?;
        Ok((red, outside, blue, echo))
    })?;
    stages.stage("lay the cables", || {
        let port = |name, index| End { space: host, name, index };
        let end = |space, name| End { space, name, index: FIRST };
        lay_cable(&port("veth-red-br", RED_PORT), Some(SWITCH), &end(&red, "veth-red"))?;
        lay_cable(&port("veth-blue-br", BLUE_PORT), Some(SWITCH), &end(&blue, "veth-blue"))?;
        lay_cable(&port("eth0", UPLINK), None, &end(&outside, "eth0"))
    })?;
    stages.stage("give all an address", || {
        red.add_address(FIRST, RED, 24)?;
        blue.add_address(FIRST, BLUE, 24)?;
        host.add_address(UPLINK, HOST, 24)?;
        outside.add_address(FIRST, OUTSIDE, 24)
    })?;
    stages.stage("set the far ends up", || {
        [&red, &blue, &outside].into_iter().try_for_each(|space| space.set_up(FIRST))
    })?;
    stages.stage("add the default routes", || {
        red.add_default_route(BRIDGE)?;
        blue.add_default_route(BRIDGE)
    })?;
    stages.stage("settle", || {
        [&red, &blue, &outside].into_iter().try_for_each(|space| space.settle(FIRST))?;
        // The bridge last: it has a carrier when a port has.
        [RED_PORT, BLUE_PORT, UPLINK, SWITCH].into_iter().try_for_each(|index| host.settle(index))
    })?;
    stages.stage("ping the outside from blue", || echo.exchange(OUTSIDE, 1))?;
    stages.stage("read the tables of all", || {
        host.expect(2, 2)?;
        red.expect(2, 0)?;
        blue.expect(2, 1)?;
        outside.expect(1, 1)?;
        host.expect_learned(SWITCH)
    })
}

/// Many namespaces on a bridge.
fn w4(stages: &mut Stages, host: &Space, count: u16) -> Result<(), Failure> {
    const SWITCH: i32 = FIRST;
    let port = |number: u16| SWITCH + i32::from(number);
    let ip = |number: u16| {
        let [high, low] = number.to_be_bytes();
        Ipv4Addr::new(10, 0, high, low)
    };
    stages.stage("make the bridge", || host.add_bridge("v-net-0", SWITCH))?;
    let (first, echo) = stages.stage("make the first namespace", || Space::add_with_echo("ns-1"))?;
    let spaces = stages.stage("make the others", || {
        let others = (2..=count).map(|number| Space::add(&format!("ns-{number}")));
        let all: io::Result<Vec<Space>> = [Ok(first)].into_iter().chain(others).collect();
        Ok((1..).zip(all?).collect::<Vec<(u16, Space)>>())
    })?;
    stages.stage("lay the cables", || {
        spaces.iter().try_for_each(|(number, space)| {
            let (near, far) = (format!("veth-{number}-br"), format!("veth-{number}"));
            let near = End { space: host, name: &near, index: port(*number) };
            lay_cable(&near, Some(SWITCH), &End { space, name: &far, index: FIRST })
        })
    })?;
    stages.stage("give all an address", || {
        spaces.iter().try_for_each(|(number, space)| space.add_address(FIRST, ip(*number), 16))
    })?;
    stages.stage("set the far ends up", || spaces.iter().try_for_each(|(_, space)| space.set_up(FIRST)))?;
    stages.stage("settle", || {
        spaces.iter().try_for_each(|(number, space)| {
            space.settle(FIRST)?;
            host.settle(port(*number))
        })?;
        host.settle(SWITCH)
    })?;
    stages.stage("ping all others from the first", || {
        (2..=count).try_for_each(|number| echo.exchange(ip(number), number))
    })
}
