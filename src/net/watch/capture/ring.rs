//! A packet socket with a ring that the kernel fills (packet(7), and
//! `packet_mmap.rst` of the kernel's documentation).
//!
//! A normal socket's buffer holds some hundred packets, and a user namespace may
//! not raise that limit. A ring holds thousands.

use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};
use std::ffi::c_void;
use std::os::fd::{AsRawFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering};

/// The kernel hands a block over when it is full, or some milliseconds old. If
/// all blocks are handed over by age, they last for a quarter of a second, in
/// which the reading thread gets its turn. The largest packet is one that the
/// sender's kernel has not segmented yet, 64 KiB.
const BLOCK: usize = 128 << 10;
const BLOCKS: usize = 64;
const MATURE_MS: u32 = 4;

/// A captured packet.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Seconds and nanoseconds since 1970.
    pub time: (u32, u32),
    /// The original length.
    pub length: u32,
    /// From the first header on.
    pub bytes: Vec<u8>,
    /// The offset of the network header.
    pub net: usize,
    /// The destination hardware address, if its header was removed.
    pub to: Option<[u8; 6]>,
    /// The link-layer address, in the layout of packet(7).
    pub from: libc::sockaddr_ll,
}

/// The socket and its ring.
#[derive(Debug)]
pub struct Ring {
    socket: OwnedFd,
    memory: NonNull<c_void>,
    /// The block that is handed over next.
    block: usize,
    /// Packets that the kernel has put here, and those that it has dropped.
    counted: u64,
    taken: u64,
    lost: u64,
}

// SAFETY: the ring owns the memory, and only the owner of the ring reads it.
unsafe impl Send for Ring {}

impl Ring {
    /// Opens a ring for one link (0 for all of them) of this thread's current
    /// namespace.
    pub fn open(index: u32) -> nix::Result<Self> {
        // Without a protocol the socket receives nothing until the ring is
        // ready.
        let socket = socket(
            AddressFamily::Packet,
            SockType::Raw,
            SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK,
            None,
        )?;
        set(&socket, libc::PACKET_VERSION, &(libc::tpacket_versions::TPACKET_V3 as libc::c_int))?;
        let request = libc::tpacket_req3 {
            tp_block_size: BLOCK as u32,
            tp_block_nr: BLOCKS as u32,
            tp_frame_size: 2048,
            tp_frame_nr: (BLOCK / 2048 * BLOCKS) as u32,
            tp_retire_blk_tov: MATURE_MS,
            tp_sizeof_priv: 0,
            tp_feature_req_word: 0,
        };
        set(&socket, libc::PACKET_RX_RING, &request)?;
        // SAFETY: a new mapping of the socket's ring, of the size asked for.
        let memory = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                BLOCK * BLOCKS,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED,
                socket.as_raw_fd(),
                0,
            )
        };
        let memory = match NonNull::new(memory) {
            Some(memory) if memory.as_ptr() != libc::MAP_FAILED => memory,
            _ => return Err(Errno::last()),
        };
        let ring = Self { socket, memory, block: 0, counted: 0, taken: 0, lost: 0 };
        ring.listen(index)?;
        Ok(ring)
    }

    fn listen(&self, index: u32) -> nix::Result<()> {
        // SAFETY: all-zero is a valid sockaddr_ll, and it lives through the call.
        let result = unsafe {
            let mut address: libc::sockaddr_ll = std::mem::zeroed();
            address.sll_family = libc::AF_PACKET as u16;
            address.sll_protocol = (libc::ETH_P_ALL as u16).to_be();
            address.sll_ifindex = index as i32;
            let size = size_of::<libc::sockaddr_ll>() as libc::socklen_t;
            libc::bind(self.socket.as_raw_fd(), (&raw const address).cast(), size)
        };
        Errno::result(result).map(drop)
    }

    /// The socket, which becomes readable when a block is handed over.
    pub fn socket(&self) -> &OwnedFd {
        &self.socket
    }

    /// The number of dropped packets.
    pub fn lost(&self) -> u64 {
        self.lost
    }

    /// Tells whether all packets in the ring were taken.
    pub fn is_drained(&mut self) -> bool {
        // SAFETY: the kernel writes no more than `size`, into a struct that
        // lives through the call.
        let counts = unsafe {
            let mut counts: libc::tpacket_stats_v3 = std::mem::zeroed();
            let mut size = size_of::<libc::tpacket_stats_v3>() as libc::socklen_t;
            libc::getsockopt(
                self.socket.as_raw_fd(),
                libc::SOL_PACKET,
                libc::PACKET_STATISTICS,
                (&raw mut counts).cast(),
                &raw mut size,
            );
            counts
        };
        // The kernel resets its counters at each request.
        self.counted += u64::from(counts.tp_packets - counts.tp_drops);
        self.lost += u64::from(counts.tp_drops);
        self.taken >= self.counted
    }

    /// Takes the packets that were handed over, and clears a pending error, such
    /// as that of a link that went down.
    pub fn take(&mut self, mut keep: impl FnMut(Seen)) {
        let _ = nix::sys::socket::getsockopt(&self.socket, nix::sys::socket::sockopt::SocketError);
        loop {
            // SAFETY: `block` is one of the ring's, whose memory is mapped.
            let start = unsafe { self.memory.as_ptr().cast::<u8>().add(self.block * BLOCK) };
            let header = start.cast::<libc::tpacket_block_desc>();
            // SAFETY: the header of a block, aligned to its pages. The kernel
            // writes the status while we read it, so it is an atomic.
            let status = unsafe { AtomicU32::from_ptr(&raw mut (*header).hdr.bh1.block_status) };
            if status.load(Ordering::Acquire) & libc::TP_STATUS_USER == 0 {
                return;
            }
            // SAFETY: a block that is handed over is ours until we give it
            // back, and the kernel's offsets stay within it.
            unsafe {
                let mut packet = start.add((*header).hdr.bh1.offset_to_first_pkt as usize);
                for _ in 0..(*header).hdr.bh1.num_pkts {
                    let found = packet.cast::<libc::tpacket3_hdr>().read();
                    keep(seen(packet, &found));
                    self.taken += 1;
                    packet = packet.add(found.tp_next_offset as usize);
                }
            }
            status.store(libc::TP_STATUS_KERNEL, Ordering::Release);
            self.block = (self.block + 1) % BLOCKS;
        }
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        // SAFETY: mapped by `open`, and nobody else has it.
        unsafe { libc::munmap(self.memory.as_ptr(), BLOCK * BLOCKS) };
    }
}

/// Copies a packet out of the ring.
///
/// # Safety
///
/// `packet` points to a packet that the kernel has written, with this header.
unsafe fn seen(packet: *const u8, header: &libc::tpacket3_hdr) -> Seen {
    const ADDRESS: usize = size_of::<libc::tpacket3_hdr>().next_multiple_of(libc::TPACKET_ALIGNMENT);
    // SAFETY: guaranteed by the caller.
    let (from, bytes) = unsafe {
        let from = packet.add(ADDRESS).cast::<libc::sockaddr_ll>().read();
        let start = packet.add(header.tp_mac.into());
        (from, std::slice::from_raw_parts(start, header.tp_snaplen as usize))
    };
    let mut bytes = bytes.to_vec();
    let mut net = usize::from(header.tp_net.saturating_sub(header.tp_mac)).min(bytes.len());
    let mut length = header.tp_len;
    // The kernel removes a VLAN tag and delivers it separately.
    if header.tp_status & libc::TP_STATUS_VLAN_VALID != 0
        && header.tp_mac != header.tp_net
        && bytes.len() >= 12
    {
        let kind = match header.tp_status & libc::TP_STATUS_VLAN_TPID_VALID {
            0 => libc::ETH_P_8021Q as u16,
            _ => header.hv1.tp_vlan_tpid,
        };
        let tag = [kind.to_be_bytes(), (header.hv1.tp_vlan_tci as u16).to_be_bytes()].concat();
        bytes.splice(12..12, tag);
        length += 4;
        net += 4;
    }
    Seen { time: (header.tp_sec, header.tp_nsec), length, bytes, net, to: None, from }
}

fn set<T>(socket: &OwnedFd, option: libc::c_int, value: &T) -> nix::Result<()> {
    // SAFETY: the value lives through the call.
    let result = unsafe {
        let size = size_of::<T>() as libc::socklen_t;
        libc::setsockopt(socket.as_raw_fd(), libc::SOL_PACKET, option, (&raw const *value).cast(), size)
    };
    Errno::result(result).map(drop)
}
