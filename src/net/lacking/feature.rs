//! Something that a kernel or its tools may have or lack.

use std::fmt;

/// A part of the kernel, or of a tool, that a command asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Feature {
    /// A kind of links, and its module.
    Link(&'static str, &'static str),
    /// Bridges that know VLANs.
    BridgeVlan,
    /// A family of nf_tables, with the kernel's number.
    Family(&'static str, u8),
    /// A type of chains in a family.
    ChainType(&'static str, u8),
    /// An expression of rules in a family.
    Expression(&'static str, u8),
    /// Flow tables in a family.
    Flowtable(u8),
    /// A match of iptables, by nf_tables.
    Match(&'static str, u8),
    /// A target of iptables, by nf_tables.
    Target(&'static str, u8),
    /// A table of the old iptables; whether of IPv6.
    OldTable(&'static str, bool),
    /// The part of an extension that iptables itself loads.
    Extension(&'static str),
    /// A queueing discipline.
    Qdisc(&'static str),
    /// A classifier of `tc filter`.
    Classifier(&'static str),
    /// An action of `tc`.
    TcAction(&'static str),
    /// A family of generic netlink, and its module.
    Generic(&'static str, &'static str),
    /// An encapsulation of a route: its name, number and module.
    Encapsulation(&'static str, u16, &'static str),
    /// Routes by labels.
    Mpls,
    /// IPsec's policies and states.
    Ipsec,
    /// A protocol of IPsec, with its number.
    IpsecProtocol(&'static str, u8),
    /// IPv6 as a whole.
    Ipv6,
    /// Switches: a file that is there with them, and the module.
    Switch(&'static str, &'static str),
    /// A program that is not installed, and its package.
    Program(&'static str, &'static str),
}

impl Feature {
    /// The module that brings it, where one does and its name is known.
    fn module(self) -> Option<String> {
        let own = |name: &'static str, module: &'static str| match module {
            "" => name.to_string(),
            module => module.to_string(),
        };
        Some(match self {
            Self::Link(kind, module) => own(kind, module),
            Self::ChainType("nat", _) => "nft_chain_nat".into(),
            Self::Expression(name, _) => format!("nft_{name}"),
            Self::Flowtable(_) => "nf_flow_table_inet".into(),
            Self::Match(name, _) | Self::Target(name, _) => format!("xt_{name}"),
            Self::OldTable(name, v6) => format!("ip{}table_{name}", if v6 { "6" } else { "" }),
            Self::Qdisc(kind) => format!("sch_{kind}"),
            Self::Classifier(kind) => format!("cls_{kind}"),
            Self::TcAction(kind) => format!("act_{kind}"),
            Self::Mpls => "mpls_router".into(),
            Self::Ipsec => "xfrm_user".into(),
            Self::IpsecProtocol(name, _) => format!("{name}4"),
            Self::Generic(_, "") | Self::Encapsulation(_, _, "") => return None,
            Self::Generic(_, module) | Self::Encapsulation(_, _, module) | Self::Switch(_, module) => {
                module.into()
            }
            Self::BridgeVlan
            | Self::Family(..)
            | Self::ChainType(..)
            | Self::Extension(_)
            | Self::Ipv6
            | Self::Program(..) => return None,
        })
    }

    /// What the machine's owner can do where it is missing.
    pub fn remedy(self) -> String {
        match self {
            Self::Extension(name) if ["geoip", "condition", "TARPIT"].contains(&name) => {
                "install it: `apt-get install xtables-addons-common`".into()
            }
            Self::Extension(name) => format!("install iptables' extension `{name}`"),
            Self::Program(_, package) => format!("install it: `apt-get install {package}`"),
            // Nobody can do so from within a user namespace.
            _ => match self.module() {
                Some(module) => {
                    format!("this kernel has no {self}; load the module: `sudo modprobe {module}`")
                }
                None => format!("this kernel has no {self}; use one that has"),
            },
        }
    }
}

impl fmt::Display for Feature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Link(kind, _) => write!(f, "{kind} links"),
            Self::BridgeVlan => f.write_str("bridges with VLANs"),
            Self::Family(name, _) => write!(f, "family `{name}` in nf_tables"),
            Self::ChainType(kind, _) => write!(f, "chains of type `{kind}` in nf_tables"),
            Self::Expression(name, _) => write!(f, "expression `{name}` in nf_tables"),
            Self::Flowtable(_) => f.write_str("flow tables in nf_tables"),
            Self::Match(name, _) => write!(f, "match `{name}` of iptables"),
            Self::Target(name, _) => write!(f, "target `{name}` of iptables"),
            Self::OldTable(name, false) => write!(f, "table `{name}` of the old iptables"),
            Self::OldTable(name, true) => write!(f, "table `{name}` of the old ip6tables"),
            Self::Extension(name) => write!(f, "extension `{name}` of iptables"),
            Self::Qdisc(kind) => write!(f, "queueing discipline `{kind}`"),
            Self::Classifier(kind) => write!(f, "classifier `{kind}`"),
            Self::TcAction(kind) => write!(f, "action `{kind}` of tc"),
            Self::Generic(family, _) => write!(f, "netlink family `{family}`"),
            Self::Encapsulation(name, ..) => write!(f, "routes with `encap {name}`"),
            Self::Mpls => f.write_str("MPLS routes"),
            Self::Ipsec => f.write_str("IPsec"),
            Self::IpsecProtocol(name, _) => write!(f, "IPsec protocol `{name}`"),
            Self::Ipv6 => f.write_str("IPv6"),
            Self::Switch(path, _) => write!(f, "switches in {path}"),
            Self::Program(name, _) => write!(f, "program `{name}`"),
        }
    }
}
