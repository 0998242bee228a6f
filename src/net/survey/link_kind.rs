//! The kind of a link, and what follows from it.
//!
//! Each question below is answered for each kind. A new kind is a line in the list; the
//! compiler then names the questions.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Makes the enum and the names by which `ip link` knows the kinds.
macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $word:literal,)*) => {
        /// The kind of a link, as `ip -d link` names it.
        #[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(from = "String", into = "String")]
        pub enum LinkKind {
            /// A device of the machine, or a loopback: it has no kind.
            #[default]
            Device,
            $($(#[$doc])* $name,)*
            /// A kind that nslab knows nothing of.
            Other(String),
        }

        impl LinkKind {
            /// The name of the kind; empty for a device.
            pub fn as_str(&self) -> &str {
                match self {
                    Self::Device => "",
                    $(Self::$name => $word,)*
                    Self::Other(name) => name,
                }
            }
        }

        impl From<&str> for LinkKind {
            fn from(name: &str) -> Self {
                match name {
                    "" => Self::Device,
                    $($word => Self::$name,)*
                    _ => Self::Other(name.into()),
                }
            }
        }
    };
}

kinds! {
    /// One end of a cable.
    Veth = "veth",
    /// A switch; it also is the host's own port of that switch.
    Bridge = "bridge",
    /// A part of its parent with a hardware address of its own.
    Macvlan = "macvlan",
    /// The same, for a program that reads frames.
    Macvtap = "macvtap",
    /// A part of its parent with the same hardware address.
    Ipvlan = "ipvlan",
    /// A VLAN of its parent.
    Vlan = "vlan",
    /// A tunnel of Ethernet over UDP.
    Vxlan = "vxlan",
    /// A link to a program: a tun, or a tap.
    Tun = "tun",
    /// A link to nobody.
    Dummy = "dummy",
    /// Several links as one.
    Bond = "bond",
    /// A table of routes as a link.
    Vrf = "vrf",
    /// An encrypted tunnel of packets over UDP.
    Wireguard = "wireguard",
}

/// The relation between a link and the link that the kernel gives as its IFLA_LINK.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LowerLink {
    /// The other end of the cable.
    Peer,
    /// The parent, whose wire it shares.
    Parent,
    /// The device by which a tunnel sends; its frames have another wire.
    Underlay,
}

impl LinkKind {
    /// The meaning of the link that it is tied to.
    pub fn lower(&self) -> LowerLink {
        match self {
            Self::Veth => LowerLink::Peer,
            Self::Vxlan | Self::Wireguard => LowerLink::Underlay,
            Self::Device
            | Self::Bridge
            | Self::Macvlan
            | Self::Macvtap
            | Self::Ipvlan
            | Self::Vlan
            | Self::Tun
            | Self::Dummy
            | Self::Bond
            | Self::Vrf
            | Self::Other(_) => LowerLink::Parent,
        }
    }

    /// Tells whether a lab may have meant to plug it into a bridge.
    pub fn is_made_for_a_bridge(&self) -> bool {
        match self {
            Self::Veth | Self::Vxlan | Self::Tun | Self::Macvlan | Self::Macvtap => true,
            // These are used in a bridge too, but are of use without one.
            Self::Vlan | Self::Bond | Self::Dummy | Self::Device | Self::Other(_) => false,
            // The kernel refuses these.
            Self::Bridge | Self::Ipvlan | Self::Vrf | Self::Wireguard => false,
        }
    }

    /// Tells whether the kernel makes such links with neighbour resolution off (NOARP).
    pub fn is_noarp_by_nature(&self) -> bool {
        match self {
            Self::Tun | Self::Wireguard | Self::Dummy | Self::Vrf => true,
            Self::Device
            | Self::Veth
            | Self::Bridge
            | Self::Macvlan
            | Self::Macvtap
            | Self::Ipvlan
            | Self::Vlan
            | Self::Vxlan
            | Self::Bond
            | Self::Other(_) => false,
        }
    }
}

impl From<String> for LinkKind {
    fn from(name: String) -> Self {
        Self::from(name.as_str())
    }
}

impl From<LinkKind> for String {
    fn from(kind: LinkKind) -> Self {
        kind.as_str().into()
    }
}

impl fmt::Display for LinkKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_has_the_name_that_it_was_read_from() {
        for name in ["", "veth", "bridge", "wireguard", "geneve"] {
            assert_eq!(LinkKind::from(name).as_str(), name);
        }
        assert_eq!(LinkKind::from("geneve"), LinkKind::Other("geneve".into()));
    }
}
