//! The files that the variants work on: labs and scripts in a folder of their
//! own below the temporary one, removed afterwards.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process;

/// Names, addresses and the checks are the same in each lab; only the way in
/// which the cable comes to its place differs.
const NAMESPACES: &str = r#"
let red = netns("red");
let blue = netns("blue");
"#;

/// As one writes it who knows that an end can be made where it is to be.
const DIRECT: &str = r#"
veth(red, "veth-red", blue, "veth-blue");
"#;

/// As tutorials do it: the pair is born in the host and then moved.
const TUTORIAL: &str = r#"
veth("veth-red", "veth-blue");
set_netns("veth-red", red);
set_netns("veth-blue", blue);
"#;

const ADDRESSES: &str = r#"
red.addr_add("veth-red", "192.168.15.1/24");
blue.addr_add("veth-blue", "192.168.15.2/24");
red.up("lo");
blue.up("lo");
red.up("veth-red");
blue.up("veth-blue");
"#;

const CHECKS: &str = r#"
check("red reaches blue", ping(red, "192.168.15.2"));
check("red's route", routes(red).contains(#{dst: "192.168.15.0/24", dev: "veth-red"}));
check("blue's route", routes(blue).contains(#{dst: "192.168.15.0/24", dev: "veth-blue"}));
check("red knows blue", arp(red).contains(#{ip: "192.168.15.2", state: "resolved"}));
check("blue knows red", arp(blue).contains(#{ip: "192.168.15.1", state: "resolved"}));
"#;

/// How many checks that is.
pub const CHECK_COUNT: usize = 5;

const SNAPSHOTS: &str = r#"
check("red reaches blue", ping(red, "192.168.15.2"));
snapshot("red's routes", routes(red));
snapshot("blue's routes", routes(blue));
snapshot("red's neighbours", arp(red));
snapshot("blue's neighbours", arp(blue));
"#;

/// How many snapshots that is.
pub const SNAPSHOT_COUNT: usize = 4;

/// Where `ip` is, which the PATH of an ordinary user may leave out.
pub const SYSTEM_PATH: &str = "/usr/sbin:/sbin";

/// Each step its own command, as tutorials have it: what happens in a
/// namespace is a program run there.
const SHELL: &str = "\
set -e
mount -t tmpfs run /run
ip netns add red
ip netns add blue
ip link add veth-red type veth peer name veth-blue
ip link set veth-red netns red
ip link set veth-blue netns blue
ip netns exec red ip addr add 192.168.15.1/24 dev veth-red
ip netns exec blue ip addr add 192.168.15.2/24 dev veth-blue
ip netns exec red ip link set lo up
ip netns exec blue ip link set lo up
ip netns exec red ip link set veth-red up
ip netns exec blue ip link set veth-blue up
ip netns exec red ping -c1 -W1 192.168.15.2
ip netns exec red ip route
ip netns exec red ip neigh
ip netns exec blue ip route
ip netns exec blue ip neigh
";

/// A batch for the host and one for each namespace, as who cares for speed
/// writes them: `ip -batch` is about one namespace.
const BATCH: &str = "\
set -e
mount -t tmpfs run /run
ip -batch host.batch
ip -n red -batch red.batch
ip -n blue -batch blue.batch
ip netns exec red ping -c1 -W1 192.168.15.2
ip -n red -batch look.batch
ip -n blue -batch look.batch
";

const HOST_BATCH: &str = "\
netns add red
netns add blue
link add veth-red netns red type veth peer name veth-blue netns blue
";

const RED_BATCH: &str = "\
addr add 192.168.15.1/24 dev veth-red
link set lo up
link set veth-red up
";

const BLUE_BATCH: &str = "\
addr add 192.168.15.2/24 dev veth-blue
link set lo up
link set veth-blue up
";

const LOOK_BATCH: &str = "\
route show
neigh show
";

fn path_line() -> String {
    format!("PATH=$PATH:{SYSTEM_PATH}\n")
}

/// The folder. It goes when this value goes.
pub struct Workshop(PathBuf);

impl Workshop {
    /// Makes the folder. It must be fresh: what is in it will be deleted.
    pub fn open() -> io::Result<Self> {
        let folder = std::env::temp_dir().join(format!("nslab-bench-{}", process::id()));
        fs::create_dir(&folder)?;
        Ok(Self(folder))
    }

    pub fn folder(&self) -> &Path {
        &self.0
    }

    /// Writes the lab whose cable is made in its place.
    pub fn direct_lab(&self) -> io::Result<PathBuf> {
        self.write("labs/w1/direct.rhai", &[NAMESPACES, DIRECT, ADDRESSES, CHECKS])
    }

    /// Writes the lab whose cable is born in the host.
    pub fn tutorial_lab(&self) -> io::Result<PathBuf> {
        self.write("labs/w1/tutorial.rhai", &[NAMESPACES, TUTORIAL, ADDRESSES, CHECKS])
    }

    /// Writes the lab that takes snapshots.
    pub fn snapshot_lab(&self) -> io::Result<PathBuf> {
        self.write("labs/w1/snapshots.rhai", &[NAMESPACES, DIRECT, ADDRESSES, SNAPSHOTS])
    }

    /// Where nslab keeps the snapshots of that lab.
    pub fn snapshots(&self) -> PathBuf {
        self.0.join("snapshots/w1/snapshots")
    }

    /// Writes many labs, and gives their folder.
    pub fn crowd(&self, count: usize) -> io::Result<PathBuf> {
        for number in 0..count {
            let path = format!("crowd/labs/w1/lab-{number:03}.rhai");
            self.write(&path, &[NAMESPACES, DIRECT, ADDRESSES, CHECKS])?;
        }
        Ok(self.0.join("crowd/labs"))
    }

    /// Writes the tutorial's shell script.
    pub fn shell(&self) -> io::Result<PathBuf> {
        self.write("shell.sh", &[&path_line(), SHELL])
    }

    /// Writes the batches, and the script that runs them in its own folder.
    pub fn batch(&self) -> io::Result<PathBuf> {
        self.write("host.batch", &[HOST_BATCH])?;
        self.write("blue.batch", &[BLUE_BATCH])?;
        self.write("red.batch", &[RED_BATCH])?;
        self.write("look.batch", &[LOOK_BATCH])?;
        self.write("batch.sh", &[&path_line(), BATCH])
    }

    fn write(&self, path: &str, parts: &[&str]) -> io::Result<PathBuf> {
        let path = self.0.join(path);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(&path, parts.concat())?;
        Ok(path)
    }
}

impl Drop for Workshop {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            eprintln!("warning: failed to remove {}: {error}", self.0.display());
        }
    }
}
