use super::addr::family;
use super::prefix::{Prefix, address};
use crate::net::kernel::Kernel;
use crate::net::notation::typed::typed;
use crate::net::{Family, NetError, Netns, Network};
use nix::errno::Errno;
use rtnetlink::packet_core::{NLM_F_APPEND, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE};
use rtnetlink::packet_route::route::{
    RouteAttribute, RouteFlags, RouteHeader, RouteMessage, RouteMetric, RouteProtocol, RouteScope, RouteType,
};
use rtnetlink::packet_route::{AddressFamily, RouteNetlinkMessage};
use std::fmt;

/// A route as it is typed.
#[derive(Debug, Clone, Default)]
pub struct RouteOptions {
    /// The gateway.
    pub via: Option<String>,
    /// The interface.
    pub dev: Option<String>,
    /// The metric.
    pub metric: Option<u32>,
    /// The source address to prefer.
    pub src: Option<String>,
    /// The table, by name or number; main by default.
    pub table: Option<String>,
    /// `unicast`, `blackhole`, `unreachable`, `prohibit` or `throw`.
    pub kind: Option<String>,
    /// Whether the gateway counts as reachable on the interface, whatever the
    /// addresses are.
    pub onlink: bool,
    /// The path MTU of this route, in bytes.
    pub mtu: Option<u32>,
}

/// An operation on a route, in the words of ip-route(8).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::net) enum RouteVerb {
    /// Adds a new route.
    Add,
    /// Adds a route, even if there is one to the same destination.
    Append,
    /// Replaces the route to the same destination, or adds one.
    Replace,
    /// Replaces the existing route to the same destination.
    Change,
    /// Deletes the route.
    Delete,
}

impl fmt::Display for RouteOptions {
    /// The words of `ip route` after the destination.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = |n: Option<u32>| n.map(|n| n.to_string());
        let (metric, mtu) = (number(self.metric), number(self.mtu));
        let words = [
            ("via", &self.via),
            ("dev", &self.dev),
            ("metric", &metric),
            ("src", &self.src),
            ("table", &self.table),
            ("mtu", &mtu),
        ];
        for (word, value) in words {
            if let Some(value) = value {
                write!(f, " {word} {}", typed(value))?;
            }
        }
        if self.onlink { f.write_str(" onlink") } else { Ok(()) }
    }
}

impl Network {
    /// Adds a route, as `ip route add DST via …` does.
    ///
    /// # Errors
    ///
    /// If an address is invalid, the interface does not exist or is down, or the
    /// gateway is not on a network of an interface.
    pub fn route_add(&self, netns: &Netns, dst: &str, options: &RouteOptions) -> Result<(), NetError> {
        self.route_new(netns, dst, options, NLM_F_CREATE | NLM_F_EXCL)
    }

    /// Carries out an operation of ip-route(8).
    pub(in crate::net) fn route_change(
        &self,
        netns: &Netns,
        verb: RouteVerb,
        dst: &str,
        options: &RouteOptions,
    ) -> Result<(), NetError> {
        let flags = match verb {
            RouteVerb::Add => NLM_F_CREATE | NLM_F_EXCL,
            RouteVerb::Append => NLM_F_CREATE | NLM_F_APPEND,
            RouteVerb::Replace => NLM_F_CREATE | NLM_F_REPLACE,
            RouteVerb::Change => NLM_F_REPLACE,
            RouteVerb::Delete => return self.route_del(netns, dst, options),
        };
        self.route_new(netns, dst, options, flags)
    }

    fn route_new(
        &self,
        netns: &Netns,
        dst: &str,
        options: &RouteOptions,
        flags: u16,
    ) -> Result<(), NetError> {
        let kernel = self.act()?;
        let message = kernel.route_message(netns, dst, options)?;
        kernel.change(netns, RouteNetlinkMessage::NewRoute(message), flags).map_err(|refused| {
            let exists = refused.is(Errno::EEXIST);
            let unreachable = refused.is(Errno::ENETUNREACH) || refused.is(Errno::EHOSTUNREACH);
            let down = refused.is(Errno::ENETDOWN);
            let error = NetError::from(refused);
            match &options.via {
                _ if exists => error.hint(format!("`{netns}` has a route to {dst} already")),
                _ if down => error.hint("an interface must be up before a route can use it"),
                Some(via) if unreachable => {
                    let rule = "a gateway must be on a network of an interface that is up";
                    error.hint(match self.networks(netns) {
                        Some(networks) => format!("{rule}; {via} is on none of {networks}"),
                        None => format!("{rule}; `{netns}` has no network yet"),
                    })
                }
                _ => error,
            }
        })
    }

    /// Removes a route, as `ip route del DST …` does.
    ///
    /// # Errors
    ///
    /// If there is no such route.
    pub fn route_del(&self, netns: &Netns, dst: &str, options: &RouteOptions) -> Result<(), NetError> {
        let kernel = self.act()?;
        let mut message = kernel.route_message(netns, dst, options)?;
        // Attributes that were not given match any value.
        message.header.protocol = RouteProtocol::Unspec;
        message.header.scope = RouteScope::NoWhere;
        if options.kind.is_none() {
            message.header.kind = RouteType::Unspec;
        }
        kernel.change(netns, RouteNetlinkMessage::DelRoute(message), 0).map_err(|refused| {
            let missing = refused.is(Errno::ESRCH);
            let error = NetError::from(refused);
            if missing { error.hint(format!("`{netns}` has no such route to {dst}")) } else { error }
        })
    }

    /// Flushes the cached exceptions of a namespace, such as learned path MTUs,
    /// as `ip route flush cache` does.
    ///
    /// # Errors
    ///
    /// If the kernel refuses.
    pub fn flush_route_cache(&self, netns: &Netns, family: Family) -> Result<(), NetError> {
        if family == Family::Inet {
            return self.write_sysctl(netns, "net.ipv4.route.flush", "-1");
        }
        let kernel = self.act()?;
        let mut message = RouteMessage::default();
        message.header.address_family = AddressFamily::Inet6;
        message.header.flags = RouteFlags::Cloned;
        for row in kernel.dump(netns, RouteNetlinkMessage::GetRoute(message))? {
            if let RouteNetlinkMessage::NewRoute(route) = row
                && route.header.flags.contains(RouteFlags::Cloned)
            {
                // An entry may have expired in between.
                let _ = kernel.change(netns, RouteNetlinkMessage::DelRoute(route), 0);
            }
        }
        Ok(())
    }

    /// The networks of a namespace's interfaces, for a hint.
    fn networks(&self, netns: &Netns) -> Option<String> {
        let routes = self.routes(netns, crate::net::Family::Inet, None).unwrap_or_default();
        let on_link: Vec<String> = routes
            .iter()
            .filter(|route| route.via.is_none())
            .map(|route| format!("{} ({})", route.dst, route.dev.as_deref().unwrap_or("-")))
            .collect();
        Some(on_link.join(", ")).filter(|networks| !networks.is_empty())
    }
}

impl Kernel<'_> {
    fn route_message(
        &self,
        netns: &Netns,
        dst: &str,
        options: &RouteOptions,
    ) -> Result<RouteMessage, NetError> {
        let via = options.via.as_deref().map(address).transpose()?;
        let src = options.src.as_deref().map(address).transpose()?;
        let dst = if dst == "default" { None } else { Some(Prefix::parse(dst)?) };
        let known = dst.map(|dst| dst.address).or(via).or(src);
        let mut message = RouteMessage::default();
        let header = &mut message.header;
        header.address_family = known.map_or(AddressFamily::Inet, family);
        header.destination_prefix_length = dst.map_or(0, |dst| dst.length);
        header.protocol = RouteProtocol::Boot;
        header.kind = route_type(options.kind.as_deref())?;
        // As in `ip`: a destination without a gateway is on the link.
        header.scope = match (header.kind, via) {
            (RouteType::Unicast, None) if header.address_family == AddressFamily::Inet => RouteScope::Link,
            (RouteType::Local, _) if header.address_family == AddressFamily::Inet => RouteScope::Host,
            _ => RouteScope::Universe,
        };
        if options.onlink {
            header.flags = RouteFlags::Onlink;
        }
        let table = table_number(options.table.as_deref())?;
        header.table = u8::try_from(table).unwrap_or(RouteHeader::RT_TABLE_UNSPEC);
        let mut attributes = Vec::new();
        attributes.extend(dst.map(|dst| RouteAttribute::Destination(dst.address.into())));
        attributes.extend(via.map(|via| RouteAttribute::Gateway(via.into())));
        attributes.extend(src.map(|src| RouteAttribute::PrefSource(src.into())));
        attributes.extend(options.metric.map(RouteAttribute::Priority));
        attributes.extend(options.mtu.map(|mtu| RouteAttribute::Metrics(vec![RouteMetric::Mtu(mtu)])));
        attributes.push(RouteAttribute::Table(table));
        if let Some(dev) = &options.dev {
            attributes.push(RouteAttribute::Oif(self.index_of(netns, dev)?));
        }
        message.attributes = attributes;
        Ok(message)
    }
}

fn route_type(text: Option<&str>) -> Result<RouteType, NetError> {
    Ok(match text {
        None | Some("unicast") => RouteType::Unicast,
        Some("blackhole") => RouteType::BlackHole,
        Some("unreachable") => RouteType::Unreachable,
        Some("prohibit") => RouteType::Prohibit,
        Some("throw") => RouteType::Throw,
        Some("local") => RouteType::Local,
        Some(other) => {
            return Err(NetError::new(format!("\"{other}\" is no type of a route"))
                .hint("choose `unicast`, `blackhole`, `unreachable`, `prohibit`, `throw` or `local`"));
        }
    })
}

/// Reads the name or number of a table (ip-route(8)).
pub(in crate::net) fn table_number(text: Option<&str>) -> Result<u32, NetError> {
    Ok(match text {
        None | Some("main") => 254,
        Some("local") => 255,
        Some("default") => 253,
        Some(text) => text.parse().map_err(|_| {
            NetError::new(format!("argument \"{text}\" is wrong: table id value is invalid"))
                .hint("a table is `main`, `local`, `default` or a number")
        })?,
    })
}
