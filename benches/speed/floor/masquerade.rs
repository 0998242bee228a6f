//! `nft add rule ip nat POSTROUTING ip saddr … masquerade`, with its table and
//! its chain: one batch of three requests, packed by hand.

use super::netlink::{Netlink, attribute, message};
use nix::libc;
use nix::sys::socket::SockProtocol;
use std::io;
use std::net::Ipv4Addr;

/// Attributes of linux/netfilter/nf_tables.h.
const NFTA_LIST_ELEM: u16 = 1;
const NFTA_TABLE_NAME: u16 = 1;
const NFTA_CHAIN_TABLE: u16 = 1;
const NFTA_CHAIN_NAME: u16 = 3;
const NFTA_CHAIN_HOOK: u16 = 4;
const NFTA_CHAIN_TYPE: u16 = 7;
const NFTA_HOOK_HOOKNUM: u16 = 1;
const NFTA_HOOK_PRIORITY: u16 = 2;
const NFTA_RULE_TABLE: u16 = 1;
const NFTA_RULE_CHAIN: u16 = 2;
const NFTA_RULE_EXPRESSIONS: u16 = 4;
const NFTA_EXPR_NAME: u16 = 1;
const NFTA_EXPR_DATA: u16 = 2;
const NFTA_PAYLOAD_DREG: u16 = 1;
const NFTA_PAYLOAD_BASE: u16 = 2;
const NFTA_PAYLOAD_OFFSET: u16 = 3;
const NFTA_PAYLOAD_LEN: u16 = 4;
const NFTA_CMP_SREG: u16 = 1;
const NFTA_CMP_OP: u16 = 2;
const NFTA_CMP_DATA: u16 = 3;
const NFTA_DATA_VALUE: u16 = 1;

const TABLE: &[u8] = b"nat\0";
const CHAIN: &[u8] = b"POSTROUTING\0";

/// Hides a network of 24 bits behind the address of whatever link its packets
/// leave by; in the namespace that this thread is in.
pub fn masquerade(network: Ipv4Addr) -> io::Result<()> {
    let table = attribute(NFTA_TABLE_NAME, TABLE);
    let hook = [
        number(NFTA_HOOK_HOOKNUM, libc::NF_INET_POST_ROUTING as u32),
        number(NFTA_HOOK_PRIORITY, libc::NF_IP_PRI_NAT_SRC as u32),
    ]
    .concat();
    let chain = [
        attribute(NFTA_CHAIN_TABLE, TABLE),
        attribute(NFTA_CHAIN_NAME, CHAIN),
        attribute(NFTA_CHAIN_HOOK, &hook),
        attribute(NFTA_CHAIN_TYPE, b"nat\0"),
    ]
    .concat();
    let rule = [
        attribute(NFTA_RULE_TABLE, TABLE),
        attribute(NFTA_RULE_CHAIN, CHAIN),
        attribute(NFTA_RULE_EXPRESSIONS, &expressions(network)),
    ]
    .concat();

    let (ipv4, create) = (libc::NFPROTO_IPV4 as u8, libc::NLM_F_CREATE);
    // A batch names its subsystem where others say 0.
    let bound = |kind| message(kind, 0, &head(0, libc::NFNL_SUBSYS_NFTABLES as u16));
    let request = |kind: i32, flags, body: &[u8]| {
        let kind = (libc::NFNL_SUBSYS_NFTABLES << 8 | kind) as u16;
        message(kind, create | flags, &[&head(ipv4, 0), body].concat())
    };
    let batch = [
        bound(libc::NFNL_MSG_BATCH_BEGIN as u16),
        request(libc::NFT_MSG_NEWTABLE, 0, &table),
        request(libc::NFT_MSG_NEWCHAIN, 0, &chain),
        // The kernel answers when the whole batch has been made, or as soon
        // as a part of it is refused.
        request(libc::NFT_MSG_NEWRULE, libc::NLM_F_ACK, &rule),
        bound(libc::NFNL_MSG_BATCH_END as u16),
    ]
    .concat();
    Netlink::open(SockProtocol::NetlinkNetFilter)?.exchange(&batch)
}

/// The expressions of the rule: it loads the first three bytes of the source, compares
/// them with the network's, and masquerades.
fn expressions(network: Ipv4Addr) -> Vec<u8> {
    const SOURCE: u32 = 12;
    const LENGTH: u32 = 3;
    let register = libc::NFT_REG_1 as u32;
    let read = [
        number(NFTA_PAYLOAD_DREG, register),
        number(NFTA_PAYLOAD_BASE, libc::NFT_PAYLOAD_NETWORK_HEADER as u32),
        number(NFTA_PAYLOAD_OFFSET, SOURCE),
        number(NFTA_PAYLOAD_LEN, LENGTH),
    ]
    .concat();
    let value = attribute(NFTA_DATA_VALUE, &network.octets()[..LENGTH as usize]);
    let compare = [
        number(NFTA_CMP_SREG, register),
        number(NFTA_CMP_OP, libc::NFT_CMP_EQ as u32),
        attribute(NFTA_CMP_DATA, &value),
    ]
    .concat();
    [(&b"payload\0"[..], read), (b"cmp\0", compare), (b"masq\0", Vec::new())]
        .map(|(name, data)| {
            let name = attribute(NFTA_EXPR_NAME, name);
            let data = attribute(NFTA_EXPR_DATA, &data);
            attribute(NFTA_LIST_ELEM, &[name, data].concat())
        })
        .concat()
}

/// `struct nfgenmsg`.
fn head(family: u8, resource: u16) -> [u8; 4] {
    let [high, low] = resource.to_be_bytes();
    [family, libc::NFNETLINK_V0 as u8, high, low]
}

/// An attribute that is a number: netfilter's are in network order.
fn number(kind: u16, value: u32) -> Vec<u8> {
    attribute(kind, &value.to_be_bytes())
}
