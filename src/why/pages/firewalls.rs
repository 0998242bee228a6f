//! Firewalls: nftables, and the two iptables.

use super::Page;
use crate::why::Cause;

pub(super) const PAGES: &[Page] = &[
    Page {
        id: Cause::FirewallRule,
        title: "a rule of a firewall stops the packet",
        symptom: "Silence with DROP; `Destination Port Unreachable`, `Packet filtered` or a refused connection with REJECT; `Operation not permitted` in one's own OUTPUT.",
        cause: "The first rule that fits decides. In nftables, what one chain accepts may still be dropped by another one at the same hook.",
        evidence: "Whose counter grows while you ping?\n  ip netns exec NS iptables-save -c\n  ip netns exec NS nft list ruleset",
        cure: "Delete the rule, or put one that accepts before it:\n  ip netns exec NS iptables -D CHAIN RULE\n  ip netns exec NS nft delete rule FAMILY TABLE CHAIN handle NUMBER",
    },
    Page {
        id: Cause::FirewallPolicy,
        title: "no rule lets the packet pass, and the chain's policy is DROP",
        symptom: "Silence: the packet is seen at the interface and goes no further.",
        cause: "What no rule decides, the policy of the chain does. Packets to oneself meet INPUT, one's own OUTPUT, those of others FORWARD. With `bridge-nf-call-iptables=1`, what a bridge passes on meets FORWARD too.",
        evidence: "`policy DROP` in the chain's first line:\n  ip netns exec NS iptables -S\n  ip netns exec NS nft list chains",
        cure: "Let pass what is meant, there and back, or change the policy:\n  ip netns exec NS iptables -A FORWARD RULE -j ACCEPT\n  ip netns exec NS iptables -P FORWARD ACCEPT",
    },
    Page {
        id: Cause::FirewallNearMiss,
        title: "a rule accepts almost this packet, and differs by a slip",
        symptom: "Silence or a refusal, although there is a rule that lets this pass.",
        cause: "One word of the rule does not fit the packet: an interface, address, port or protocol that is not there, or is the other end's.",
        evidence: "Compare the rule that accepts with the packet, word by word:\n  ip netns exec NS iptables -S\n  ip netns exec NS nft -a list ruleset",
        cure: "Add the rule as it was meant, and take the wrong one away:\n  ip netns exec NS iptables -I CHAIN RULE -j ACCEPT\n  ip netns exec NS iptables -D CHAIN WRONG",
    },
    Page {
        id: Cause::FirewallRuleRefused,
        title: "the rule that would let it pass was refused",
        symptom: "Silence, and an error of iptables or nft earlier that nobody has read.",
        cause: "The command has failed, so that the rule is not there. `--dport` wants `-p tcp` or `-p udp` before it, a name has a slip, or an option is of another chain.",
        evidence: "The rule is not in the list:\n  ip netns exec NS iptables -S\n  ip netns exec NS nft -a list ruleset",
        cure: "Say it rightly:\n  ip netns exec NS iptables -A CHAIN -p tcp --dport PORT -j ACCEPT",
    },
    Page {
        id: Cause::FirewallWrongChain,
        title: "a rule that would let it pass stands in a chain that it does not meet",
        symptom: "Silence, and the counter of the rule that ought to accept stays 0.",
        cause: "Packets to the namespace itself meet INPUT, its own OUTPUT, and those that it passes on FORWARD alone.",
        evidence: "Which counters grow while you ping?\n  ip netns exec NS iptables -vnL\n  ip netns exec NS nft list ruleset",
        cure: "Put the rule in the chain that the packet meets:\n  ip netns exec NS iptables -I FORWARD RULE -j ACCEPT",
    },
    Page {
        id: Cause::FirewallOrder,
        title: "the rule that accepts stands behind the one that drops",
        symptom: "Silence, although the rule that lets this pass is in the right chain.",
        cause: "The first rule that fits decides, and `-A` puts a rule at the end.",
        evidence: "Look at the order, not only at the rules:\n  ip netns exec NS iptables -nL CHAIN --line-numbers",
        cure: "Put it before the other:\n  ip netns exec NS iptables -I CHAIN NUMBER RULE -j ACCEPT",
    },
    Page {
        id: Cause::FirewallSet,
        title: "an address is, or is not, in the set that a rule looks into",
        symptom: "Some get through, others do not, by their address or port.",
        cause: "The rule is right, and an element of its set is wrong or missing.",
        evidence: "Is it there?\n  ip netns exec NS nft list sets",
        cure: "Change the set, not the rule:\n  ip netns exec NS nft add element FAMILY TABLE SET { ADDR }\n  ip netns exec NS nft delete element FAMILY TABLE SET { ADDR }",
    },
    Page {
        id: Cause::FirewallInvalid,
        title: "the packet is dropped because it belongs to no connection",
        symptom: "Silence for answers only, or for one direction of several ways.",
        cause: "Connection tracking has not seen the beginning, as where requests and answers take different ways, and calls the packet invalid.",
        evidence: "Is the connection known, and do both directions come by here?\n  ip netns exec NS conntrack -L\n  ip netns exec NS tcpdump -ni any",
        cure: "Have both directions take the same way, or don't drop what is invalid:\n  ip netns exec NS iptables -D CHAIN -m conntrack --ctstate INVALID -j DROP",
    },
    Page {
        id: Cause::ConntrackNotrack,
        title: "an answer is not known as one, because nobody keeps track of it",
        symptom: "The request passes, the answer is dropped where `ESTABLISHED` is accepted.",
        cause: "A rule with NOTRACK (`-j CT --notrack`) in the table raw takes the request out of connection tracking.",
        evidence: "A rule in the table raw, and no entry:\n  ip netns exec NS iptables -t raw -S\n  ip netns exec NS conntrack -L",
        cure: "Delete that rule:\n  ip netns exec NS iptables -t raw -D CHAIN RULE",
    },
    Page {
        id: Cause::ConntrackZone,
        title: "an answer is looked up in another zone than its request",
        symptom: "The request passes, the answer is dropped where `ESTABLISHED` is accepted.",
        cause: "A rule puts one direction in a conntrack zone of its own. Each zone knows its own connections only.",
        evidence: "A rule with `--zone`, and an entry with `zone=`:\n  ip netns exec NS iptables -t raw -S\n  ip netns exec NS conntrack -L",
        cure: "Delete that rule, or have it act on both directions:\n  ip netns exec NS iptables -t raw -D CHAIN RULE",
    },
];
