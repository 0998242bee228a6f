//! Asks the kernel itself whether it knows a feature, in a separate namespace
//! that nobody else sees.
//!
//! Each request is incomplete on purpose: a kernel that knows the name reports
//! what is missing, and one that does not know it says so.

use super::feature::Feature;
use crate::net::kernel::netlink::{open, retry, send};
use crate::net::kernel::nfnetlink::{APPEND, Attributes, CREATE, Message, Netfilter};
use nix::errno::Errno;
use nix::sched::{CloneFlags, unshare};
use nix::sys::socket::{AddressFamily, SockFlag, SockProtocol, SockType, socket};
use rtnetlink::sys::protocols::{NETLINK_GENERIC, NETLINK_NETFILTER, NETLINK_ROUTE, NETLINK_XFRM};
use std::os::fd::AsRawFd;
use std::path::Path;

/// `NLM_F_CREATE` and `NLM_F_EXCL` of netlink(7).
const NEW: u16 = 0x600;

/// The index of `lo` in every namespace, and the index of our bridge.
const LO: u32 = 1;
const BRIDGE: u32 = 77;

/// Returns the first feature that the kernel does not know; `None` if it knows
/// all, or if no namespace can be created to ask in.
pub(super) fn first_missing(features: Vec<Feature>) -> Option<Feature> {
    if features.is_empty() {
        return None;
    }
    // The namespace is deleted with the thread and its sockets.
    let thread = std::thread::Builder::new().stack_size(256 << 10).spawn(move || {
        unshare(CloneFlags::CLONE_NEWNET).ok()?;
        features.into_iter().find(|feature| is_missing(*feature))
    });
    thread.ok()?.join().ok().flatten()
}

/// The folders where iptables looks for its extensions.
const FOLDERS: [&str; 5] = [
    "/usr/lib/x86_64-linux-gnu/xtables",
    "/usr/lib/aarch64-linux-gnu/xtables",
    "/usr/lib/xtables",
    "/usr/lib64/xtables",
    "/lib/xtables",
];

/// Tells whether iptables has its own library of an extension.
pub(super) fn has_extension(name: &str) -> bool {
    let kinds = ["xt", "ipt", "ip6t", "ebt", "arpt"];
    let files = kinds.map(|kind| format!("lib{kind}_{name}.so"));
    FOLDERS.iter().any(|folder| files.iter().any(|file| Path::new(folder).join(file).exists()))
}

fn is_missing(feature: Feature) -> bool {
    let nothing = Attributes::default();
    match feature {
        Feature::Link(kind, _) => {
            let info = Attributes::default().text(1, kind);
            refused(NETLINK_ROUTE, 16, NEW, &[0; 16], nothing.nest(18, info)) == Some(Errno::EOPNOTSUPP)
        }
        Feature::BridgeVlan => knows_no_bridge_vlan(),
        Feature::Family(_, family) => {
            let errors = [Errno::EOPNOTSUPP, Errno::EAFNOSUPPORT, Errno::EPROTONOSUPPORT, Errno::EINVAL];
            rules(family, |_| Vec::new()).is_some_and(|error| errors.contains(&error))
        }
        Feature::ChainType(kind, family) => {
            let hook = if kind == "route" { 3 } else { 4 };
            let hook = Attributes::default().number(1, hook).number(2, 100);
            let chain = named(3).nest(4, hook).text(7, kind);
            rules(family, |table| vec![table(3, CREATE, chain)]) == Some(Errno::ENOENT)
        }
        Feature::Expression(name, family) => {
            let list = Attributes::default().nest(1, Attributes::default().text(1, name));
            let rule = Attributes::default().text(1, NAME).text(2, NAME).nest(4, list);
            let with_rule = |table: &Build| vec![table(3, CREATE, named(3)), table(6, CREATE | APPEND, rule)];
            rules(family, with_rule) == Some(Errno::ENOENT)
        }
        Feature::Flowtable(family) => {
            let hook = Attributes::default().number(1, 0).number(2, 0);
            let flowtable = named(2).nest(3, hook);
            rules(family, |table| vec![table(22, CREATE, flowtable)]) == Some(Errno::ENOENT)
        }
        Feature::Match(name, family) => knows_no_extension(name, family, 0),
        Feature::Target(name, family) => knows_no_extension(name, family, 1),
        Feature::OldTable(name, v6) => knows_no_old_table(name, v6),
        Feature::Qdisc(kind) => qdisc(kind) == Some(Errno::ENOENT),
        Feature::Classifier(kind) => {
            // A filter needs a parent qdisc.
            if !matches!(qdisc("ingress"), None | Some(Errno::EEXIST)) {
                return false;
            }
            let about = traffic(0xFFFF_0000, 1 << 16 | u32::from(3_u16.to_be()));
            refused(NETLINK_ROUTE, 44, NEW, &about, nothing.text(1, kind)) == Some(Errno::ENOENT)
        }
        Feature::TcAction(kind) => {
            let action = Attributes::default().nest(1, Attributes::default().text(1, kind));
            refused(NETLINK_ROUTE, 48, NEW, &[0; 4], nothing.nest(1, action)) == Some(Errno::ENOENT)
        }
        // CTRL_CMD_GETFAMILY by its name.
        Feature::Generic(family, _) => {
            refused(NETLINK_GENERIC, 16, 0, &[3, 1, 0, 0], nothing.text(2, family)) == Some(Errno::ENOENT)
        }
        Feature::Encapsulation(_, number, _) => {
            // A route to one IPv4 address, through `lo`.
            let route = [2, 32, 0, 0, 254, 4, 253, 1, 0, 0, 0, 0];
            let attributes = nothing
                .bytes(1, &[10, 0, 0, 1])
                .bytes(4, &LO.to_ne_bytes())
                .nest(22, Attributes::default())
                .bytes(21, &number.to_ne_bytes());
            refused(NETLINK_ROUTE, 24, NEW, &route, attributes) == Some(Errno::EOPNOTSUPP)
        }
        Feature::Mpls => {
            let route = [28, 20, 0, 0, 254, 4, 0, 1, 0, 0, 0, 0];
            refused(NETLINK_ROUTE, 24, NEW, &route, nothing) == Some(Errno::EOPNOTSUPP)
        }
        Feature::Ipsec => knows_no_ipsec(),
        Feature::IpsecProtocol(_, number) => knows_no_ipsec_protocol(number),
        Feature::Ipv6 => {
            let any = socket(AddressFamily::Inet6, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None);
            any.err() == Some(Errno::EAFNOSUPPORT)
        }
        // These are not kernel features, or are checked where the lab runs.
        Feature::Extension(_) | Feature::Switch(..) | Feature::Program(..) => false,
    }
}

/// The name of our table and of our chain.
const NAME: &str = "nslab";

/// Makes a message of nf_tables: its kind, flags and attributes.
type Build = dyn Fn(u16, u16, Attributes) -> Message;

/// Attributes that name our table, and an object in it by the attribute `kind`.
fn named(kind: u16) -> Attributes {
    Attributes::default().text(1, NAME).text(kind, NAME)
}

/// Returns the kernel's error for a change of rules: a table, and the messages
/// after it.
fn rules(family: u8, more: impl FnOnce(&Build) -> Vec<Message>) -> Option<Errno> {
    let socket = Netfilter::open().ok()?;
    let build = move |kind, flags, attributes| Message::tables(kind, family, flags, attributes);
    let mut messages = vec![build(0, CREATE, Attributes::default().text(1, NAME))];
    messages.extend(more(&build));
    socket.transact(messages).err().map(|error| Errno::from_raw(error.errno))
}

/// Asks with `NFNL_MSG_COMPAT_GET` whether there is a match or a target of this
/// name.
fn knows_no_extension(name: &str, family: u8, kind: u32) -> bool {
    let attributes = Attributes::default().text(1, name).number(2, 0).number(3, kind);
    let answer = refused(NETLINK_NETFILTER, 11 << 8, 0, &[family, 0, 0, 0], attributes);
    // EOPNOTSUPP means that this part of the kernel is missing.
    matches!(answer, Some(Errno::ENOENT | Errno::EINVAL | Errno::EOPNOTSUPP))
}

/// Sends `IPT_SO_GET_INFO`, the first request of legacy iptables.
fn knows_no_old_table(name: &str, v6: bool) -> bool {
    const GET_INFO: libc::c_int = 64;
    let (family, level) = match v6 {
        true => (AddressFamily::Inet6, libc::IPPROTO_IPV6),
        false => (AddressFamily::Inet, libc::IPPROTO_IP),
    };
    let Ok(socket) = socket(family, SockType::Raw, SockFlag::SOCK_CLOEXEC, SockProtocol::Raw) else {
        return false;
    };
    let mut info = [0_u8; 84];
    info[..name.len()].copy_from_slice(name.as_bytes());
    let mut length = info.len() as libc::socklen_t;
    // SAFETY: the kernel writes at most `length` bytes, which are available.
    let done = unsafe {
        libc::getsockopt(socket.as_raw_fd(), level, GET_INFO, info.as_mut_ptr().cast(), &mut length)
    };
    done < 0 && matches!(Errno::last(), Errno::ENOPROTOOPT | Errno::ENOENT)
}

/// `struct tcmsg`, about `lo`.
fn traffic(parent: u32, info: u32) -> Vec<u8> {
    let handle = if parent == 0xFFFF_FFF1 { 0xFFFF_0000_u32 } else { 0 };
    [0, LO, handle, parent, info].iter().flat_map(|word| word.to_ne_bytes()).collect()
}

/// Returns the kernel's error for a queueing discipline.
fn qdisc(kind: &str) -> Option<Errno> {
    let parent = if matches!(kind, "ingress" | "clsact") { 0xFFFF_FFF1 } else { 0xFFFF_FFFF };
    refused(NETLINK_ROUTE, 36, NEW, &traffic(parent, 0), Attributes::default().text(1, kind))
}

fn knows_no_bridge_vlan() -> bool {
    let about = |family: u8, index: u32| {
        let mut about = [0; 16];
        about[0] = family;
        about[4..8].copy_from_slice(&index.to_ne_bytes());
        about
    };
    let info = Attributes::default().text(1, "bridge");
    let made = refused(NETLINK_ROUTE, 16, NEW, &about(0, BRIDGE), Attributes::default().nest(18, info));
    if !matches!(made, None | Some(Errno::EEXIST)) {
        return false;
    }
    // `bridge vlan add vid 5 dev … self`
    let vlan = [0_u16.to_ne_bytes(), 5_u16.to_ne_bytes()].concat();
    let own = Attributes::default().bytes(0, &2_u16.to_ne_bytes()).bytes(2, &vlan);
    let answer = refused(NETLINK_ROUTE, 19, 0, &about(7, BRIDGE), Attributes::default().nest(26, own));
    answer == Some(Errno::EOPNOTSUPP)
}

fn knows_no_ipsec() -> bool {
    open(NETLINK_XFRM).is_err_and(|error| error.raw_os_error() == Some(libc::EPROTONOSUPPORT))
}

/// Asks for a state with each of some algorithms, because a kernel may lack one
/// of these, too.
fn knows_no_ipsec_protocol(protocol: u8) -> bool {
    // `struct xfrm_usersa_info`
    let mut state = [0_u8; 224];
    state[56..60].copy_from_slice(&[10, 0, 0, 2]);
    state[72..76].copy_from_slice(&0x1000_u32.to_be_bytes());
    state[76] = protocol;
    state[80..84].copy_from_slice(&[10, 0, 0, 1]);
    state[212..214].copy_from_slice(&2_u16.to_ne_bytes());
    let algorithm = |name: &str, bytes: usize| {
        let mut value = vec![0_u8; 68 + bytes];
        value[..name.len()].copy_from_slice(name.as_bytes());
        value[64..68].copy_from_slice(&(bytes as u32 * 8).to_ne_bytes());
        value
    };
    // `XFRMA_ALG_AUTH`, `XFRMA_ALG_CRYPT`, `XFRMA_ALG_COMP`
    let choices = match protocol {
        50 => vec![(2, "ecb(cipher_null)", 0), (2, "cbc(aes)", 16), (2, "cbc(des)", 8)],
        51 => {
            vec![(1, "digest_null", 0), (1, "hmac(sha1)", 20), (1, "hmac(md5)", 16), (1, "hmac(sha256)", 32)]
        }
        _ => vec![(3, "deflate", 0)],
    };
    choices.into_iter().any(|(kind, name, bytes)| {
        let attributes = Attributes::default().bytes(kind, &algorithm(name, bytes));
        refused(NETLINK_XFRM, 16, NEW, &state, attributes) == Some(Errno::EPROTONOSUPPORT)
    })
}

/// Returns the kernel's error for one request; `None` if it accepts it.
fn refused(protocol: isize, kind: u16, flags: u16, body: &[u8], attributes: Attributes) -> Option<Errno> {
    const REQUEST_AND_ACK: u16 = 0x5;
    let of = |error: std::io::Error| Errno::from_raw(error.raw_os_error().unwrap_or(libc::EPROTO));
    let socket = match open(protocol) {
        Ok(socket) => socket,
        Err(error) => return Some(of(error)),
    };
    let mut packet = vec![0; 4];
    packet.extend(kind.to_ne_bytes());
    packet.extend((flags | REQUEST_AND_ACK).to_ne_bytes());
    packet.extend([0; 8]);
    packet.extend(body);
    packet.extend(attributes.as_bytes());
    let length = packet.len() as u32;
    packet[..4].copy_from_slice(&length.to_ne_bytes());
    if let Err(error) = send(&socket, &packet) {
        return Some(Errno::from_raw(error.errno));
    }
    // An object may come before the acknowledgement.
    loop {
        let mut answer = Vec::with_capacity(64 * 1024);
        if let Err(error) = retry(|| socket.recv(&mut answer, 0)) {
            return Some(of(error));
        }
        let mut rest = &answer[..];
        while let [l0, l1, l2, l3, k0, k1, ..] = *rest {
            let length = u32::from_ne_bytes([l0, l1, l2, l3]) as usize;
            if i32::from(u16::from_ne_bytes([k0, k1])) == libc::NLMSG_ERROR {
                let code = i32::from_ne_bytes(rest.get(16..20)?.try_into().ok()?);
                return (code != 0).then(|| Errno::from_raw(-code));
            }
            rest = rest.get(length.max(16).next_multiple_of(4)..).unwrap_or_default();
        }
    }
}
