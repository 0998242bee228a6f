//! A feature that a kernel or its tools may have or lack.

use std::fmt;

/// A part of the kernel, or of a tool, that a command needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Feature {
    /// A kind of links, and its module.
    Link(&'static str, &'static str),
    /// Bridges with VLAN filtering.
    BridgeVlan,
    /// A family of nf_tables, with the kernel's number.
    Family(&'static str, u8),
    /// A chain type in a family.
    ChainType(&'static str, u8),
    /// A rule expression in a family.
    Expression(&'static str, u8),
    /// Flow tables in a family.
    Flowtable(u8),
    /// An iptables match, through nf_tables.
    Match(&'static str, u8),
    /// An iptables target, through nf_tables.
    Target(&'static str, u8),
    /// A table of legacy iptables, and whether it is for IPv6.
    OldTable(&'static str, bool),
    /// The shared library of an extension that iptables itself loads.
    Extension(&'static str),
    /// A queueing discipline.
    Qdisc(&'static str),
    /// A classifier of `tc filter`.
    Classifier(&'static str),
    /// An action of `tc`.
    TcAction(&'static str),
    /// A family of generic netlink, and its module.
    Generic(&'static str, &'static str),
    /// A route encapsulation: its name, number and module.
    Encapsulation(&'static str, u16, &'static str),
    /// MPLS routes.
    Mpls,
    /// IPsec's policies and states.
    Ipsec,
    /// A protocol of IPsec, with its number.
    IpsecProtocol(&'static str, u8),
    /// IPv6 as a whole.
    Ipv6,
    /// Sysctls: a file that exists if they do, and the module.
    Switch(&'static str, &'static str),
    /// A program that is not installed, and its package.
    Program(&'static str, &'static str),
}

impl Feature {
    /// The module that provides the feature, if there is one and its name is
    /// known.
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

    /// The remedy that the machine's owner can apply.
    pub fn remedy(self) -> String {
        match self {
            Self::Extension(name) if ["geoip", "condition", "TARPIT"].contains(&name) => {
                "install it: `apt-get install xtables-addons-common`".into()
            }
            Self::Extension(name) => format!("install iptables' extension `{name}`"),
            Self::Program(_, package) => format!("install it: `apt-get install {package}`"),
            // A user namespace cannot load modules.
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
