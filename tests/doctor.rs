//! `nslab doctor` on machines that lack something. What can be taken away in
//! namespaces of one's own is taken away here; `.ci/doctor` has what takes a
//! kernel of its own.

use crate::measured::skip;
use crate::support::{Scratch, forget_others, output, sandbox_lack};
use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// How `nslab doctor` ended, and what it said.
struct Told {
    code: Option<i32>,
    text: String,
}

impl Told {
    #[track_caller]
    fn says(&self, words: &str) -> &Self {
        assert!(self.text.contains(words), "not said: {words}\n{}", self.text);
        self
    }

    /// There is no sandbox, for this reason.
    #[track_caller]
    fn has_no_sandbox(&self, error: &str) -> &Self {
        assert_eq!(self.code, Some(4), "{}", self.text);
        self.says("this machine can't run labs").says(&format!("it says: {error}"))
    }

    /// There is a sandbox.
    #[track_caller]
    fn has_a_sandbox(&self) -> &Self {
        assert_eq!(self.code, Some(0), "{}", self.text);
        self.says("this machine can run labs").says("  ok       a sandbox: ")
    }
}

fn told(mut command: Command) -> Told {
    let folder = Scratch::new();
    command.current_dir(folder.path());
    let output = output(command);
    let text =
        [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    Told { code: output.status.code(), text }
}

fn nslab(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nslab"));
    command.args(arguments);
    forget_others(&mut command);
    command
}

/// `nslab doctor` where a script of sh(1) has changed what it sees.
fn doctor_after(script: &str) -> Command {
    let mut command = Command::new("unshare");
    let script = format!("{script}\nexec \"$@\"");
    command.args(["-Urm", "sh", "-ec", &script, "sh", env!("CARGO_BIN_EXE_nslab"), "doctor"]);
    forget_others(&mut command);
    command
}

/// Whether this machine gives sandboxes, without which nothing can be taken
/// away.
fn can_run() -> bool {
    sandbox_lack().map(skip).is_none()
}

#[test]
fn a_kind_of_namespaces_that_is_switched_off_is_named() {
    for kind in ["user", "net", "mnt"] {
        if !can_run() {
            return;
        }
        told(doctor_after(&format!("echo 0 > /proc/sys/user/max_{kind}_namespaces")))
            .has_no_sandbox("failed to create ")
            .says(&format!("allow {kind} namespaces: `sudo sysctl -w user.max_{kind}_namespaces=15000`"))
            .says(&format!(
                "\n\necho user.max_{kind}_namespaces=15000 | sudo tee /etc/sysctl.d/60-nslab.conf\n"
            ));
    }
}

#[test]
fn too_few_namespaces_are_not_none() {
    if can_run() {
        // A sandbox takes two levels of them.
        told(doctor_after("echo 1 > /proc/sys/user/max_user_namespaces"))
            .has_no_sandbox("failed to create user, pid, mount, net, uts and ipc namespaces: No space left")
            .says("too many namespaces are in use")
            .says("the limits outside of this container count, too");
    }
}

/// Covers a part of /proc, as container engines do. The kernel then mounts no other /proc
/// that would show more (`mount_too_revealing`).
const COVERED: &str = "mount --bind /dev/null /proc/keys";

#[test]
fn a_covered_proc_is_named_in_the_words_of_each_place() {
    if !can_run() {
        return;
    }
    let covered = |name: &str, value: &str| {
        let mut command = doctor_after(COVERED);
        command.env(name, value);
        told(command)
    };
    let refused = "failed to mount /proc: Operation not permitted (EPERM)";
    covered("KUBERNETES_SERVICE_HOST", "10.96.0.1")
        .has_no_sandbox(refused)
        .says("\n        procMount: Unmasked\n")
        .says("\nspec:\n  hostUsers: false\n");
    for name in ["CODESPACES", "REMOTE_CONTAINERS"] {
        covered(name, "true")
            .has_no_sandbox(refused)
            .says("\n\"runArgs\": [")
            .says("\"--security-opt=systempaths=unconfined\"");
    }
    covered("container", "podman").has_no_sandbox(refused).says("--security-opt unmask=ALL");
    // Without the cover, a sandbox is possible.
    told(doctor_after(&format!("{COVERED}\numount /proc/keys"))).has_a_sandbox();
}

#[test]
fn a_covered_proc_has_its_remedy_in_all_commands() {
    if !can_run() {
        return;
    }
    let script = format!(
        "{COVERED}\necho 'check(\"a\", true);' > a.rhai\n\"$1\" run a.rhai || echo \"code $?\"\n\"$1\" test a.rhai || echo \"code $?\""
    );
    let mut command = Command::new("unshare");
    command.args(["-Urm", "sh", "-ec", &script, "sh", env!("CARGO_BIN_EXE_nslab")]);
    forget_others(&mut command);
    command.env("KUBERNETES_SERVICE_HOST", "10.96.0.1");
    let told = told(command);
    told.says("hint: have the pod allow it")
        .says("test a::a ... ignored (not measured: failed to mount /proc");
    assert_eq!(told.text.matches("\nspec:\n").count(), 2, "{}", told.text);
    assert_eq!(told.text.matches("code 4\n").count(), 2, "{}", told.text);
}

#[test]
fn a_chroot_is_named() {
    if can_run() {
        // A folder that is no mount of its own, with the system in it.
        let script = "
            mkdir root
            for name in /*; do
                if [ -L $name ]; then cp -P $name root; elif [ -d $name ]; then mkdir root$name; fi
            done
            for name in dev etc proc sys usr; do mount --rbind /$name root/$name; done
            cp $1 root/nslab
            shift
            set -- chroot root /nslab \"$@\"
        ";
        told(doctor_after(script))
            .has_no_sandbox("failed to create a user namespace: Operation not permitted (EPERM)")
            .says("this is a chroot");
    }
}

/// As Docker mounts it.
#[test]
fn a_sys_that_can_t_be_written_is_enough() {
    if can_run() {
        let told = told(doctor_after("mount -o remount,bind,ro /sys"));
        told.has_a_sandbox().says("  ok       programs in a namespace");
    }
}

/// A filter that refuses these calls, as container engines, sandboxes of
/// editors and units of systemd put one on.
fn refuse(mut command: Command, calls: &[libc::c_long], errno: i32) -> Command {
    let step = |code: u32, jf: u8, k: u32| libc::sock_filter { code: code as u16, jt: 0, jf, k };
    let mut filter = vec![step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0)];
    for call in calls {
        filter.push(step(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 1, *call as u32));
        filter.push(step(libc::BPF_RET | libc::BPF_K, 0, libc::SECCOMP_RET_ERRNO | errno as u32));
    }
    filter.push(step(libc::BPF_RET | libc::BPF_K, 0, libc::SECCOMP_RET_ALLOW));
    // SAFETY: two system calls between fork and exec, which allocate nothing.
    unsafe {
        command.pre_exec(move || {
            let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_mut_ptr() };
            let on = libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
                && libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program) == 0;
            if on { Ok(()) } else { Err(io::Error::last_os_error()) }
        });
    }
    command
}

#[test]
fn a_filter_that_refuses_a_call_is_named() {
    if !can_run() {
        return;
    }
    for (call, errno, error) in [
        (
            libc::SYS_unshare,
            libc::EPERM,
            "failed to create a user namespace: Operation not permitted (EPERM)",
        ),
        (libc::SYS_mount, libc::EPERM, "failed to make every mount private: Operation not permitted (EPERM)"),
        (
            libc::SYS_mount_setattr,
            libc::ENOSYS,
            "failed to make the machine's files read-only: Function not implemented (ENOSYS)",
        ),
        (
            libc::SYS_mount_setattr,
            libc::EPERM,
            "failed to make the machine's files read-only: Operation not permitted (EPERM)",
        ),
    ] {
        let doctor = refuse(nslab(&["doctor"]), &[call], errno);
        told(doctor).has_no_sandbox(error).says("remedy: ").says("seccomp");
        let mut pod = refuse(nslab(&["doctor"]), &[call], errno);
        pod.env("KUBERNETES_SERVICE_HOST", "10.96.0.1");
        told(pod).has_no_sandbox(error).says("        seccompProfile:\n          type: Unconfined\n");
    }
}

/// Then no program can start a thread, and no lab be run beside another.
#[test]
fn a_filter_that_refuses_clone3_is_named() {
    if can_run() {
        let error = "failed to start a thread: Operation not permitted (EPERM)";
        told(refuse(nslab(&["doctor"]), &[libc::SYS_clone3], libc::EPERM))
            .has_no_sandbox(error)
            .says("seccomp");
        let folder = Scratch::new();
        for lab in ["a", "b"] {
            folder.write(&format!("labs/{lab}.rhai"), "check(\"it runs\", true);");
        }
        let path = folder.path().join("labs");
        let all = refuse(nslab(&["test", &path.display().to_string()]), &[libc::SYS_clone3], libc::EPERM);
        let told = told(all);
        assert_eq!(told.code, Some(4), "{}", told.text);
        told.says(&format!("ignored (not measured: {error}; "));
    }
}

/// As older container engines do, which know nothing of clone3(2): programs
/// fall back on clone(2).
#[test]
fn a_filter_that_does_not_know_clone3_hinders_nothing() {
    if can_run() {
        told(refuse(nslab(&["doctor"]), &[libc::SYS_clone3], libc::ENOSYS)).has_a_sandbox();
    }
}

#[test]
fn a_tool_that_is_there_and_does_not_work_is_not_called_ok() {
    if !can_run() {
        return;
    }
    let broken = "mount -t tmpfs tmpfs /usr/local/sbin\n\
        for tool in tcpdump ping nft; do\n\
            printf '#!/bin/sh\\necho \"%s: it is broken\" >&2\\nexit 1\\n' $tool > /usr/local/sbin/$tool\n\
            chmod 755 /usr/local/sbin/$tool\n\
        done";
    let told = told(doctor_after(broken));
    told.has_a_sandbox();
    for tool in ["tcpdump", "ping", "nft"] {
        told.says(&format!("  missing  the tool `{tool}`\n           it says: {tool}: it is broken\n"));
    }
    // One that ends well and has seen no packet.
    told_of_idle_tcpdump().says("  missing  the tool `tcpdump`\n");
}

fn told_of_idle_tcpdump() -> Told {
    told(doctor_after(
        "mount -t tmpfs tmpfs /usr/local/sbin\n\
         printf '#!/bin/sh\\nexit 0\\n' > /usr/local/sbin/tcpdump\n\
         chmod 755 /usr/local/sbin/tcpdump",
    ))
}

#[test]
fn a_machine_without_tun_has_a_remedy() {
    if can_run() {
        told(doctor_after("mount -t tmpfs tmpfs /dev/net"))
            .has_a_sandbox()
            .says("  missing  links that programs make (/dev/net/tun)\n")
            .says("remedy: /dev/net/tun can't be opened: No such file or directory; load the module: `sudo modprobe tun`");
    }
}

#[test]
fn the_fields_of_the_report_stay() {
    if !can_run() {
        return;
    }
    let output = output(nslab(&["doctor", "--json"]));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
    assert_eq!(report["can_run_labs"], true);
    assert!(report["kernel"].is_string());
    let abilities = report["abilities"].as_array().expect("a list");
    for ability in abilities {
        for field in ["name", "ok", "error", "cost", "remedy", "copied"] {
            assert!(ability.get(field).is_some(), "no `{field}` in {ability}");
        }
        assert_eq!(ability["ok"] == true, ability["error"].is_null(), "{ability}");
    }
    let names: Vec<&str> = abilities.iter().filter_map(|ability| ability["name"].as_str()).collect();
    assert!(names.contains(&"the tool `tcpdump`") && names.contains(&"IPv6"), "{names:?}");
}
