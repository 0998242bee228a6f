//! A lab by somebody who wants to break out: the things of the machine that it tries to
//! reach are not there. Listeners on the machine get nothing.

use crate::measured::{lacking, skip};
use crate::support::{Scratch, forget_others, output, sandbox_lack};
use nix::fcntl::{OFlag, open};
use nix::pty::openpty;
use nix::sys::stat::Mode;
use nix::unistd::{mkfifo, ttyname};
use std::fs::{self, File};
use std::io::Read;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Unmounts everything that may cover something, as far as possible, the root included.
const UNCOVER: &str = r#"
uncover() {
    awk '{print $5}' /proc/self/mountinfo | sort -r > /tmp/mounts
    while read -r path; do umount -l "$path" 2> /dev/null; done < /tmp/mounts
    umount -l / 2> /dev/null
}
"#;

/// Tries a path in every way that there is: as it is, below each root that can
/// be found, and after the mounts are gone.
const REACH: &str = r#"
reach() {
    perl -e '
        use Socket;
        my ($kind, $path) = @ARGV;
        my @roots = ("", "/old", "/proc/1/root", "/proc/self/root", glob("/proc/[0-9]*/root"), glob("/proc/[0-9]*/cwd"),
            glob("/proc/[0-9]*/fd/*"), "..", "../../../../../../../..", "/run/nslab", "/mnt", "/.");
        for my $root (@roots) {
            my $name = "$root$path";
            next unless -e $name;
            print "reached $name\n";
            if ($kind eq "socket") { socket my $s, AF_UNIX, SOCK_STREAM, 0; connect $s, pack_sockaddr_un($name); syswrite $s, "x" }
            else { open my $f, "+<", $name or next; syswrite $f, "x" }
        }' "$@"
}
"#;

/// A place of the machine: a socket with a listener, a pipe with a reader, a file.
struct Place {
    folder: PathBuf,
    listens: UnixListener,
    reads: File,
}

impl Place {
    fn at(folder: &Path) -> Option<Self> {
        let folder = folder.join(format!("nslab-test-{}-walls", std::process::id()));
        fs::create_dir(&folder).ok()?;
        let listens = UnixListener::bind(folder.join("socket")).expect("somebody listens");
        listens.set_nonblocking(true).expect("it can be asked");
        mkfifo(&folder.join("pipe"), Mode::S_IRWXU | Mode::S_IRWXG | Mode::S_IRWXO).expect("a pipe");
        let flags = OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
        let reads = open(&folder.join("pipe"), flags, Mode::empty()).expect("somebody reads").into();
        fs::write(folder.join("file"), "of the machine").expect("a file");
        // Also open to unprivileged users of the sandbox.
        for (name, mode) in [("", 0o755), ("socket", 0o777), ("pipe", 0o777), ("file", 0o666)] {
            use std::os::unix::fs::PermissionsExt;
            fs::set_permissions(folder.join(name), fs::Permissions::from_mode(mode)).expect("for everybody");
        }
        Some(Self { folder, listens, reads })
    }

    #[track_caller]
    fn was_left_alone(mut self) {
        let heard = self.listens.accept();
        assert!(heard.is_err(), "somebody has come to the socket in {}", self.folder.display());
        let mut bytes = Vec::new();
        let _ = self.reads.read_to_end(&mut bytes);
        assert!(bytes.is_empty(), "somebody has written to the pipe in {}", self.folder.display());
        let text = fs::read_to_string(self.folder.join("file")).expect("the file is there");
        assert_eq!(text, "of the machine");
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Runs a lab that must pass; what it printed.
fn passes(lab: &str) -> Option<String> {
    passes_on(None, lab)
}

/// The same where whoever starts it sits at this terminal.
fn passes_on(terminal: Option<OwnedFd>, lab: &str) -> Option<String> {
    if let Some(lack) = sandbox_lack().map(String::from).or_else(|| lacking(&["perl", "ip"])) {
        skip(lack);
        return None;
    }
    let scratch = Scratch::new();
    scratch.write("labs/lab.rhai", lab);
    let mut command = Command::new(env!("CARGO_BIN_EXE_nslab"));
    command.args(["test", "labs/lab.rhai"]).current_dir(scratch.path());
    forget_others(&mut command);
    if let Some(terminal) = terminal {
        // SAFETY: both only change this process, between fork and exec.
        unsafe {
            command.pre_exec(move || {
                nix::unistd::setsid()?;
                match nix::libc::ioctl(terminal.as_raw_fd(), nix::libc::TIOCSCTTY, 0) {
                    0 => Ok(()),
                    _ => Err(std::io::Error::last_os_error()),
                }
            });
        }
    }
    let output = output(command);
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{text}");
    Some(text)
}

#[test]
fn no_socket_and_no_pipe_of_the_machine_can_be_reached() {
    let home = std::env::var_os("HOME").map(PathBuf::from);
    let folders = [
        Some(std::env::temp_dir()),
        Some("/var/tmp".into()),
        Some("/dev/shm".into()),
        Some("/run".into()),
        Some(env!("CARGO_TARGET_TMPDIR").into()),
        home,
    ];
    let places: Vec<Place> = folders.iter().flatten().filter_map(|folder| Place::at(folder)).collect();
    assert!(!places.is_empty(), "there is a folder to write to");
    let tries: String = places
        .iter()
        .flat_map(|place| {
            ["socket", "pipe", "file"].map(|kind| format!("reach {kind} {}/{kind}\n", place.folder.display()))
        })
        .collect();
    let lab = format!(
        r#"let tried = sh(`{UNCOVER}{REACH}
{tries}
uncover
{tries}
unshare -m sh -c ':'; cd /
{tries}`);
check("nothing is reached", tried.stdout == "");"#
    );
    if passes(&lab).is_none() {
        return;
    }
    places.into_iter().for_each(Place::was_left_alone);
}

#[test]
fn no_terminal_of_the_machine_can_be_read_or_written() {
    let ends = openpty(None, None).expect("a terminal");
    let name = ttyname(&ends.slave).expect("its name");
    let lab = format!(
        r#"refute("nobody has a terminal", sh("echo x > /dev/tty"));
check("who makes one has it", sh("script -qc tty /dev/null < /dev/null").stdout.contains("/dev/pts/0"));
let tried = sh(`{UNCOVER}
for round in 1 2; do
    for path in {name} /dev/tty /dev/console /dev/tty0 /dev/pts/*; do
        case $path in */ptmx) continue ;; esac
        [ -c $path ] && (echo x > $path) 2> /dev/null && echo "wrote to $path"
    done
    uncover
done
mkdir /tmp/pts; mount -t devpts devpts /tmp/pts 2> /dev/null; ls /tmp/pts | grep -v ptmx`);
check("none", tried.stdout == "");"#,
        name = name.display()
    );
    let lab = match lacking(&["script"]) {
        None => lab,
        Some(_) => lab.lines().filter(|line| !line.contains("script -qc")).collect::<Vec<_>>().join("\n"),
    };
    if passes_on(Some(ends.slave), &lab).is_none() {
        return;
    }
    nix::fcntl::fcntl(&ends.master, nix::fcntl::FcntlArg::F_SETFL(OFlag::O_NONBLOCK))
        .expect("it can be asked");
    let mut said = [0; 64];
    let read = nix::unistd::read(&ends.master, &mut said);
    // The process at the terminal is gone.
    let silent = [Err(nix::errno::Errno::EAGAIN), Err(nix::errno::Errno::EIO)];
    assert!(silent.contains(&read), "somebody has written to the terminal: {said:?}");
}

#[test]
fn what_is_there_is_no_socket_no_pipe_and_no_other_device() {
    passes(
        r#"let tried = sh("find / -path /proc -prune -o \\( -type s -o -type p -o -type b \\) -print 2> /dev/null");
        check("no socket, no pipe", tried.stdout == "");
        let devices = sh("ls -lR /dev | grep '^[bc]' | grep -v ptmx | sed 's/.* //' | sort | xargs");
        check("devices that lead nowhere", devices.stdout in ["full null random tty tun urandom zero\n", "full null random tty urandom zero\n"]);
        let folders = sh("ls -d /old /boot /media /lost+found /run/nslab/etc /var/run/docker.sock 2> /dev/null");
        check("the machine's folders are not there", folders.stdout == "");"#,
    );
}

#[test]
fn processes_of_the_machine_are_seen_by_no_way() {
    passes(
        r#"let tried = sh(`umount -l /run/nslab/sys; umount -l /sys; ls /sys; umount -l /proc; ls /proc;
            mkdir /tmp/p; mount -t proc p /tmp/p 2> /dev/null; ls /tmp/p; unshare -fpm --mount-proc ls /proc 2> /dev/null`);
        check("nothing is below them", tried.stdout == "");"#,
    );
}

/// A session's keys are inherited, and no namespace holds them.
#[test]
fn keys_of_who_starts_a_lab_are_not_its_own() {
    if let Some(lack) = lacking(&["python3"]) {
        return skip(lack);
    }
    // The kernel has a session for each thread, which its children inherit.
    let kept = std::thread::spawn(|| {
        let (name, value) = (c"nslab-test-secret", b"of the machine");
        // SAFETY: names that end, and a value with its length.
        let key = unsafe {
            libc::syscall(libc::SYS_keyctl, libc::KEYCTL_JOIN_SESSION_KEYRING, c"nslab-test".as_ptr());
            let (value, length) = (value.as_ptr(), value.len());
            let session = libc::KEY_SPEC_SESSION_KEYRING;
            libc::syscall(libc::SYS_add_key, c"user".as_ptr(), name.as_ptr(), value, length, session)
        };
        if key < 0 {
            skip("this kernel has no keys for us");
            return None;
        }
        passes(&format!(
            r#"let tried = sh(`python3 -c '
import ctypes
libc, session = ctypes.CDLL(None), ctypes.c_long({session})
key = libc.syscall({keyctl}, {search}, session, b"user", b"nslab-test-secret", 0)
libc.syscall({keyctl}, {update}, {key}, b"changed", 7)
libc.syscall({add_key}, b"user", b"nslab-test-left", b"here", 4, session)
print("found" if key > 0 else "none")'`);
            check("none", tried.stdout == "none\n");"#,
            session = libc::KEY_SPEC_SESSION_KEYRING,
            keyctl = libc::SYS_keyctl,
            add_key = libc::SYS_add_key,
            search = libc::KEYCTL_SEARCH,
            update = libc::KEYCTL_UPDATE,
        ))?;
        let mut read = [0_u8; 64];
        // SAFETY: names that end, and a buffer with its length.
        let (length, left) = unsafe {
            let (read, most) = (read.as_mut_ptr(), read.len());
            let length = libc::syscall(libc::SYS_keyctl, libc::KEYCTL_READ, key, read, most);
            let (session, left) = (libc::KEY_SPEC_SESSION_KEYRING, c"nslab-test-left".as_ptr());
            let search = libc::KEYCTL_SEARCH;
            (length, libc::syscall(libc::SYS_keyctl, search, session, c"user".as_ptr(), left, 0))
        };
        Some((read[..length.max(0) as usize].to_vec(), left))
    });
    if let Some((value, left)) = kept.join().expect("a thread that ends") {
        assert_eq!(String::from_utf8_lossy(&value), "of the machine");
        assert_eq!(left, -1, "a lab has left a key");
    }
}

/// No network namespace holds AF_VSOCK: it leads to the hypervisor.
#[test]
fn no_lab_speaks_to_the_hypervisor() {
    if let Some(lack) = lacking(&["python3"]) {
        return skip(lack);
    }
    passes(
        r#"let tried = sh("python3 -c 'import socket; socket.socket(socket.AF_VSOCK)' 2>&1 | grep -c 'not supported'");
        check("none", tried.stdout == "1\n");"#,
    );
}

/// The calls of programs of 32 bits have other numbers. A program of 64 bits may make
/// them, too, where the kernel has them.
#[test]
fn calls_of_32_bits_are_held_as_well() {
    if let Some(lack) = lacking(&["python3"]) {
        return skip(lack);
    }
    // The registers of `int 0x80`: number in eax, arguments in ebx, ecx, edx, esi.
    let calls = r#"
import ctypes, mmap, os, platform, sys
if platform.machine() != "x86_64": sys.exit(0)
code = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
def call(number, *arguments):
    code.seek(0)
    code.write(b"\x53")
    for load, value in zip((b"\xb8", b"\xbb", b"\xb9", b"\xba", b"\xbe"), (number, *arguments, 0, 0, 0, 0)):
        code.write(load + value.to_bytes(4, "little"))
    code.write(b"\xcd\x80\x5b\xc3")
    run = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(code)))
    return run()
child = os.fork()
if child == 0:
    call(20)
    os._exit(0)
if os.waitpid(child, 0)[1] != 0: sys.exit(0)
# getpid, a socket of Unix, one of the hypervisor's (EAFNOSUPPORT), all of sockets
# (ENOSYS), io_uring (ENOSYS); the limit of core dumps is set to 0, in words alone.
print(call(20) == os.getpid(), call(359, 1, 1) > 2, call(359, 40, 1), call(102, 1, 0), call(425, 1, 0))
low = 1 << 30
libc = ctypes.CDLL(None)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
assert libc.mmap(low, 4096, 3, 0x32, -1, 0) == low
print(call(75, 4, low), call(340, 0, 4, low, 0))
"#;
    passes(&format!(
        r#"let said = sh(`python3 - << 'END'
{calls}
END
ulimit -c; grep '^Max core' /proc/self/limits | awk '{{print $5}}'`);
        let without = "0\n1\n";
        let held = "True True -97 -38 -38\n0 0\n";
        check("as those of 64 bits", said.stdout == without || said.stdout == held + without);"#,
    ));
}

/// With a limit of 0, the kernel would start the machine's handler of crashes.
#[test]
fn no_crash_in_a_lab_calls_the_handler_of_the_machine() {
    passes(
        r#"let core = "grep '^Max core file size' /proc/self/limits | awk '{print $5, $6}'";
        check("it is neither none nor 0", sh(core).stdout == "1 1\n");
        check("who sets it is told that it is done", sh("ulimit -c 0"));
        // 160 is setrlimit(2), 4 is RLIMIT_CORE.
        let by_number = "test $(uname -m) != x86_64 || perl -e '$none = pack(q(QQ), 0, 0); syscall(160, 4, $none) == 0 or die'";
        check("and it stays", sh(`ulimit -c 0; ${by_number} && ${core}`).stdout == "1 1\n");
        check("it can be read", sh("ulimit -c").stdout == "0\n");
        check("others can be set", sh("ulimit -n 100; ulimit -n").stdout == "100\n");"#,
    );
}
