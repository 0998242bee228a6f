//! VXLAN links: a virtual network between hosts, in UDP packets (RFC 7348).

use super::prefix::address;
use crate::net::kernel::Kernel;
use crate::net::notation::typed::typed;
use crate::net::{NetError, Netns, Network};
use rtnetlink::packet_route::link::{InfoData, InfoKind, InfoVxlan};
use std::fmt;
use std::net::IpAddr;

/// The standard port of VXLAN (RFC 7348, section 5). The kernel's default is an
/// older one, from before the standard; `ip` warns about it.
const PORT: u16 = 4789;

/// A VXLAN link, in the words of ip-link(8).
#[derive(Debug, Clone, Default)]
pub struct VxlanOptions {
    /// The network identifier (VNI).
    pub id: Option<i64>,
    /// The local address to send from.
    pub local: Option<String>,
    /// The remote host's address.
    pub remote: Option<String>,
    /// The UDP port; 4789 by default.
    pub port: Option<i64>,
    /// The link to send on.
    pub dev: Option<String>,
}

impl fmt::Display for VxlanOptions {
    /// The words of `ip link` after `type vxlan`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(id) = self.id {
            write!(f, " id {id}")?;
        }
        let words = [("local", &self.local), ("remote", &self.remote), ("dev", &self.dev)];
        for (word, value) in words {
            if let Some(value) = value {
                write!(f, " {word} {}", typed(value))?;
            }
        }
        write!(f, " dstport {}", self.port.unwrap_or(PORT.into()))
    }
}

impl Network {
    /// Adds a VXLAN link, as `ip link add NAME type vxlan id N …` does.
    ///
    /// # Errors
    ///
    /// If an option makes no sense, the name is invalid or taken, or the
    /// namespace already has a VXLAN link with this VNI.
    pub fn vxlan(&self, netns: &Netns, name: &str, options: &VxlanOptions) -> Result<(), NetError> {
        let kernel = self.act()?;
        self.pending.tunnels.set(true);
        if options.id.is_none() {
            return Err(NetError::new("vxlan: missing virtual network identifier")
                .hint("a VXLAN link has a number, the same at both ends: `#{id: 42, …}`"));
        }
        let mut infos = vec![InfoVxlan::Port(port(options.port)?)];
        infos.extend(kernel.vxlan_infos(netns, options)?);
        let data = InfoData::Vxlan(infos);
        kernel.add_link(netns, name, InfoKind::Vxlan, Some(data), None, true).map_err(|error| {
            match error.error.contains("specified VNI already exists") {
                true => error.hint("each wire is told by its `id`: choose another one"),
                false => error,
            }
        })
    }
}

impl Kernel<'_> {
    /// Changes a VXLAN link, as `ip link set NAME type vxlan id N …` does.
    pub(in crate::net) fn set_vxlan(
        &self,
        netns: &Netns,
        name: &str,
        options: &VxlanOptions,
    ) -> Result<(), NetError> {
        let infos = self.vxlan_infos(netns, options)?;
        self.set_kind(netns, name, InfoKind::Vxlan, InfoData::Vxlan(infos))
    }

    /// The attributes of a link, without its port.
    fn vxlan_infos(&self, netns: &Netns, options: &VxlanOptions) -> Result<Vec<InfoVxlan>, NetError> {
        let mut infos = Vec::new();
        infos.extend(options.id.map(id).transpose()?.map(InfoVxlan::Id));
        let local = options.local.as_deref().map(|text| end("local", text)).transpose()?;
        let remote = options.remote.as_deref().map(|text| end("remote", text)).transpose()?;
        if let (Some(local), Some(remote)) = (local, remote)
            && local.is_ipv4() != remote.is_ipv4()
        {
            let family = if local.is_ipv4() { "inet" } else { "inet6" };
            return Err(NetError::new(format!("{family} address is expected rather than \"{remote}\""))
                .hint("both ends speak IPv4, or both IPv6"));
        }
        infos.extend(local.map(|ip| match ip {
            IpAddr::V4(ip) => InfoVxlan::Local(ip),
            IpAddr::V6(ip) => InfoVxlan::Local6(ip),
        }));
        infos.extend(remote.map(|ip| match ip {
            IpAddr::V4(ip) => InfoVxlan::Group(ip),
            IpAddr::V6(ip) => InfoVxlan::Group6(ip),
        }));
        if let Some(dev) = &options.dev {
            infos.push(InfoVxlan::Link(self.index_of(netns, dev)?));
        }
        Ok(infos)
    }
}

fn id(id: i64) -> Result<u32, NetError> {
    let valid = u32::try_from(id).ok().filter(|id| *id < 1 << 24);
    valid.ok_or_else(|| {
        NetError::new(format!("argument \"{id}\" is wrong: invalid id"))
            .hint("the number of a VXLAN is from 0 to 16777215")
    })
}

fn port(port: Option<i64>) -> Result<u16, NetError> {
    let port = port.unwrap_or(PORT.into());
    port.try_into().map_err(|_| {
        NetError::new(format!("argument \"{port}\" is wrong: dst port"))
            .hint("a UDP port is a number from 1 to 65535; the usual one for VXLAN is 4789")
    })
}

fn end(word: &str, text: &str) -> Result<IpAddr, NetError> {
    let ip = address(text)?;
    if ip.is_multicast() {
        return Err(NetError::new(format!("argument \"{text}\" is wrong: invalid {word} address"))
            .hint("each end is one host's address"));
    }
    Ok(ip)
}
