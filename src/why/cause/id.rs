//! The list of causes. Scripts and books rely on the ids, so an id never changes.

/// Makes the enum, its ids, and its lists.
macro_rules! causes {
    ($($subject:literal { $($name:ident = $id:literal,)* })*) => {
        /// A cause that `nslab why` can name. Its page stands in the file of its finder; [`pages`](super::super::pages) shows it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Cause {
            $($(#[doc = concat!("`", $id, "`")] $name,)*)*
        }

        impl Cause {
            /// All causes, in the order of the list.
            pub const ALL: &[Self] = &[$($(Self::$name,)*)*];

            /// All causes, by subject.
            pub const SUBJECTS: &[(&str, &[Self])] = &[$(($subject, &[$(Self::$name,)*]),)*];

            /// Returns the cause's name, for people and scripts.
            pub const fn id(self) -> &'static str {
                match self {
                    $($(Self::$name => $id,)*)*
                }
            }
        }
    };
}

causes! {
    "commands" {
        CommandRefused = "command-refused",
        OutputPasted = "output-pasted",
    }
    "links" {
        LinkMissing = "link-missing",
        CableInWrongNamespace = "cable-in-wrong-namespace",
        LinkDown = "link-down",
        LoopbackDown = "loopback-down",
        VethDeleted = "veth-deleted",
    }
    "bridges" {
        BridgePortNotEnslaved = "bridge-port-not-enslaved",
        BridgePortOfWrongBridge = "bridge-port-of-wrong-bridge",
        BridgesNotConnected = "bridges-not-connected",
        AddressOnBridgePort = "address-on-bridge-port",
        BridgePortState = "bridge-port-state",
        BridgeStpDelay = "bridge-stp-delay",
        BridgeRing = "bridge-ring",
        BridgePortFloodOff = "bridge-port-flood-off",
        BridgePortLocked = "bridge-port-locked",
        BridgePortIsolated = "bridge-port-isolated",
        BridgeFdbWrong = "bridge-fdb-wrong",
        DuplicateMac = "duplicate-mac",
        BridgeNetfilter = "bridge-netfilter",
    }
    "tunnels and queues" {
        MacvlanMode = "macvlan-mode",
        MacvlanParentsApart = "macvlan-parents-apart",
        MacvlanVepaWithoutHairpin = "macvlan-vepa-without-hairpin",
        MacvlanParentUnreachable = "macvlan-parent-unreachable",
        MacvlanSource = "macvlan-source",
        VxlanVniMismatch = "vxlan-vni-mismatch",
        VxlanPortMismatch = "vxlan-port-mismatch",
        VxlanExtensionMismatch = "vxlan-extension-mismatch",
        VxlanLocalMissing = "vxlan-local-missing",
        VxlanRemoteWrong = "vxlan-remote-wrong",
        VxlanFdbMissing = "vxlan-fdb-missing",
        VxlanFdbWrong = "vxlan-fdb-wrong",
        TunnelIntoItself = "tunnel-into-itself",
        VxlanTtlTooSmall = "vxlan-ttl-too-small",
        VxlanProxy = "vxlan-proxy",
        VxlanMtu = "vxlan-mtu",
        LinkProtodown = "link-protodown",
        TunWithoutReader = "tun-without-reader",
        XdpAttached = "xdp-attached",
        QdiscDrops = "qdisc-drops",
        TcFilter = "tc-filter",
    }
    "addresses" {
        AddressUnknown = "address-unknown",
        AddressOutside = "address-outside",
        AddressMissing = "address-missing",
        AddressTypo = "address-typo",
        AddressInWrongNamespace = "address-in-wrong-namespace",
        AddressOnWrongLink = "address-on-wrong-link",
        DuplicateAddress = "duplicate-address",
        DifferentSubnets = "different-subnets",
        NetmaskMismatch = "netmask-mismatch",
        SubnetOnLoopback = "subnet-on-loopback",
        AddressLostByMove = "address-lost-by-move",
        Ipv6AddressLostByDown = "ipv6-address-lost-by-down",
        SecondaryAddressLost = "secondary-address-lost",
        Ipv6Disabled = "ipv6-disabled",
        LocalRouteMissing = "local-route-missing",
        WrongPeer = "wrong-peer",
        AddressExpired = "address-expired",
        AddressDeprecated = "address-deprecated",
        AddressOnLoopback = "address-on-loopback",
        SourceNotOwn = "source-not-own",
        WrongInterface = "wrong-interface",
        MartianAddress = "martian-address",
        MartianSource = "martian-source",
        Ipv6Tentative = "ipv6-tentative",
        Ipv6Dadfailed = "ipv6-dadfailed",
        Ipv6AdvertisementIgnored = "ipv6-advertisement-ignored",
        Ipv6NoAdvertisement = "ipv6-no-advertisement",
        Ipv6LinkLocalMissing = "ipv6-link-local-missing",
        LinkLocalWithoutScope = "link-local-without-scope",
        AddressesSwapped = "addresses-swapped",
        DhcpNoLease = "dhcp-no-lease",
    }
    "neighbours" {
        ArpIgnored = "arp-ignored",
        ArpFiltered = "arp-filtered",
        ArpAnnounce = "arp-announce",
        L2MulticastUnicastDropped = "l2-multicast-unicast-dropped",
        NeighbourWrongMac = "neighbour-wrong-mac",
        ArpOff = "arp-off",
        ProxyArpOff = "proxy-arp-off",
        ProxyArpSteals = "proxy-arp-steals",
        NetmaskTooWide = "netmask-too-wide",
    }
    "routes" {
        RouteMissing = "route-missing",
        RouteTypo = "route-typo",
        ReturnRouteMissing = "return-route-missing",
        RouteLost = "route-lost",
        BlackholeRoute = "blackhole-route",
        UnreachableRoute = "unreachable-route",
        ProhibitRoute = "prohibit-route",
        ThrowRoute = "throw-route",
        RouteWrongDevice = "route-wrong-device",
        WrongGateway = "wrong-gateway",
        ConnectedRouteMissing = "connected-route-missing",
        PolicyRule = "policy-rule",
        PolicyRuleMissing = "policy-rule-missing",
        OtherUplink = "other-uplink",
        ForwardingOff = "forwarding-off",
        RpFilter = "rp-filter",
        TtlTooSmall = "ttl-too-small",
        HopLimitTooSmall = "hop-limit-too-small",
        IcmpEchoIgnored = "icmp-echo-ignored",
        BroadcastEchoIgnored = "broadcast-echo-ignored",
        IcmpRatelimit = "icmp-ratelimit",
        RoutingLoop = "routing-loop",
    }
    "firewalls" {
        FirewallRule = "firewall-rule",
        FirewallPolicy = "firewall-policy",
        FirewallNearMiss = "firewall-near-miss",
        FirewallRuleRefused = "firewall-rule-refused",
        FirewallWrongChain = "firewall-wrong-chain",
        FirewallOrder = "firewall-order",
        FirewallSet = "firewall-set",
        FirewallInvalid = "firewall-invalid",
        FirewallFlushed = "firewall-flushed",
        ConntrackNotrack = "conntrack-notrack",
        ConntrackZone = "conntrack-zone",
        ConntrackStale = "conntrack-stale",
    }
    "NAT and marks" {
        DnatCatchesTooMuch = "dnat-catches-too-much",
        DnatMissing = "dnat-missing",
        DnatNearMiss = "dnat-near-miss",
        DnatToLoopback = "dnat-to-loopback",
        DnatWrongAddress = "dnat-wrong-address",
        DnatWrongChain = "dnat-wrong-chain",
        DnatWrongPort = "dnat-wrong-port",
        HairpinWithoutMasquerade = "hairpin-without-masquerade",
        MasqueradeMissing = "masquerade-missing",
        MasqueradeNearMiss = "masquerade-near-miss",
        MasqueradeWrongNamespace = "masquerade-wrong-namespace",
        SnatForeignAddress = "snat-foreign-address",
        TtlRewritten = "ttl-rewritten",
        PolicyRuleFwmark = "policy-rule-fwmark",
        TproxyNoSocket = "tproxy-no-socket",
        TproxyNoTable = "tproxy-no-table",
        MasqueradeWithoutAddress = "masquerade-without-address",
        PacketRewritten = "packet-rewritten",
    }
    "services" {
        TcpBoundElsewhere = "tcp-bound-elsewhere",
        TcpNobodyListens = "tcp-nobody-listens",
        TcpWrongNamespace = "tcp-wrong-namespace",
        TcpWrongPort = "tcp-wrong-port",
    }
    "names" {
        NameDnsNotAsked = "name-dns-not-asked",
        NameHostsWrong = "name-hosts-wrong",
        NameNoResolvConf = "name-no-resolv-conf",
        NameRecordWrong = "name-record-wrong",
        NameSearchMissing = "name-search-missing",
        NameServerNotRunning = "name-server-not-running",
        NameServerSilent = "name-server-silent",
        NameServerWrong = "name-server-wrong",
        NameUnknown = "name-unknown",
    }
    "IPsec" {
        XfrmPolicyBlock = "xfrm-policy-block",
        XfrmPolicyWithoutState = "xfrm-policy-without-state",
        XfrmDefaultBlock = "xfrm-default-block",
        XfrmStateMismatch = "xfrm-state-mismatch",
    }
    "sizes" {
        MtuTooSmall = "mtu-too-small",
        RouteMtu = "route-mtu",
        PmtuCached = "pmtu-cached",
        FragmentMemory = "fragment-memory",
    }
}

impl Cause {
    /// Returns the cause with this id.
    pub fn of(id: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|cause| cause.id() == id)
    }
}

impl std::fmt::Display for Cause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.id())
    }
}

impl PartialEq<Cause> for String {
    fn eq(&self, cause: &Cause) -> bool {
        self == cause.id()
    }
}
