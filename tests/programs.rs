//! Programs of a lab: what they see, how they end, and what they may not take.

use crate::measured::{lacking, skip};
use crate::support::{NOTHING, Nslab, unindent};
use nslab::net::is_installed;

/// All checks of a lab pass.
#[track_caller]
fn passes(lab: &str, checks: &[&str]) {
    Nslab::test(NOTHING).lab(lab).passes(checks).run();
}

#[test]
fn a_command_that_does_not_exist() {
    Nslab::test(NOTHING)
        .lab(
            r#"
            let red = netns("red");
            red.start("no-such-command --now");
            "#,
        )
        .fails(
            r#"
            labs/x/lab.rhai:2:5: exec of "no-such-command" failed: No such file or directory
               |
             2 | red.start("no-such-command --now");
               |     ^
            command: ip netns exec red no-such-command --now &
            hint: this machine has no program `no-such-command` in /usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
            "#,
        )
        .run();
}

#[test]
fn a_command_that_never_ends() {
    Nslab::test(NOTHING)
        .lab(
            r#"
            check("it ends", sh("echo begun; sleep 1000", #{timeout_ms: 200}));
            "#,
        )
        .fails_as(
            "x/lab::it ends",
            r#"
            labs/x/lab.rhai:1:1: check `it ends` failed
               |
             1 | check("it ends", sh("echo begun; sleep 1000", #{timeout_ms: 200}));
               | ^
            expected: exit code 0
            $ sh -c 'echo begun; sleep 1000'
                begun
                ended after 200 ms, it ran on
            "#,
        )
        .run();
}

#[test]
fn a_signal_that_our_caller_ignores_is_heard() {
    Nslab::test(NOTHING)
        .lab(
            r#"
            let ignored = sh(host(), "sed -n 's/^SigIgn:[[:space:]]*//p' /proc/self/status").stdout;
            ignored.trim();
            // Without those that the C library keeps for itself.
            check("none is ignored", (parse_int(ignored, 16) & 0x7fffffff) == 0);
            "#,
        )
        // As what runs in the background of a shell without job control.
        .after("trap '' INT QUIT HUP TERM")
        .passes(&["none is ignored"])
        .run();
}

#[test]
fn a_command_that_prints_a_gigabyte() {
    Nslab::test(NOTHING)
        .lab(
            r#"
            let flood = sh("yes | head -c 1000000000", #{timeout_ms: 60000});
            check("it ends", flood);
            check("the first 8 MiB are kept", flood.stdout.len() < 8400000);
            check("it says what is left out", flood.stdout.ends_with("\n[991611392 more bytes are left out]\n"));
            "#,
        )
        .passes(&["it ends", "the first 8 MiB are kept", "it says what is left out"])
        .run();
}

#[test]
fn a_command_that_forks_without_end() {
    Nslab::test(NOTHING)
        .lab(
            r#"
            check("it ends", sh("while :; do sleep 1000 & done", #{timeout_ms: 60000}));
            // The lab itself goes on.
            check("a ping", ping("127.0.0.1"));
            check("a service", serve_http(80, "hello").running);
            check("a page", http_get("127.0.0.1"));
            "#,
        )
        .stdout(
            r#"

            running 4 tests
            test x/lab::it ends   ... FAILED
            test x/lab::a ping    ... ok
            test x/lab::a service ... ok
            test x/lab::a page    ... ok

            failures:

            ---- x/lab::it ends ----
            labs/x/lab.rhai:1:1: check `it ends` failed
               |
             1 | check("it ends", sh("while :; do sleep 1000 & done", #{timeout_ms: 60000}));
               | ^
            expected: exit code 0
            $ sh -c 'while :; do sleep 1000 & done'
                sh: 0: Cannot fork
                a lab has at most 1000 processes, and they are in use


            failures:
                x/lab::it ends

            test result: FAILED. 3 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in [TIME]

            "#,
        )
        .code(1)
        .run();
}

#[test]
fn a_command_that_takes_all_memory() {
    passes(
        r#"
        let hungry = sh("tail /dev/zero", #{timeout_ms: 60000});
        check("it is refused", hungry.error == "tail: memory exhausted");
        "#,
        &["it is refused"],
    );
}

#[test]
fn a_namespace_has_files_of_its_own() {
    passes(
        r#"
        let red = netns("red");
        let blue = netns("blue");
        sh("mkdir -p /etc/netns/red; echo red > /etc/netns/red/hostname; echo 10.0.0.9 web > /etc/netns/red/hosts");
        check("red has its own", exec(red, "cat /etc/hostname").stdout == "red\n");
        check("so has a program that goes on", start(red, "sleep 0").code != 1);
        check("red knows web", resolve(red, "web") == ["10.0.0.9"]);
        check("nobody else has", exec("cat /etc/hostname").stdout == "host\n" && exec(blue, "cat /etc/hostname").stdout == "host\n");
        check("nobody else knows", !resolve("web") && !resolve(blue, "web"));
        sh("echo > /etc/netns/red/of-nobody");
        let ours = exec(red, "true").stderr;
        check("a file over nothing", ours == "Bind /etc/netns/red/of-nobody -> /etc/of-nobody failed: No such file or directory\n");
        "#,
        &[
            "red has its own",
            "so has a program that goes on",
            "red knows web",
            "nobody else has",
            "nobody else knows",
            "a file over nothing",
        ],
    );
}

#[test]
fn a_pid_namespace_ends_with_its_first_process() {
    passes(
        r#"
        let red = netns("red");
        let first = start(red, "sh -c 'setsid sleep 1111 & sleep 2222'", #{pid: true});
        eventually("both are there", 5000, || processes(red).filter(|row| row.command.starts_with("sleep")).len() == 2);
        check("the first is 1", processes(red).some(|row| row.ns_pid == 1 && row.pid == first.pid));
        check("it sees itself", exec(red, "ls -d /proc/1 /proc/2", #{pid: true}).stdout == "/proc/1\n");
        check("it is alone", exec("sh -c 'echo $$'", #{pid: true}).stdout == "1\n");
        stop(first);
        eventually("both are gone", 5000, || processes(red).is_empty());
        "#,
        &["both are there", "the first is 1", "it sees itself", "it is alone", "both are gone"],
    );
}

#[test]
fn what_is_listed_is_what_others_list() {
    if let Some(lack) = lacking(&["ss", "ip", "bash"]) {
        return skip(lack);
    }
    passes(
        r#"
        let red = netns("red");
        red.up("lo");
        red.addr_add("lo", "fd00::1/64");
        serve_http(red, 80, "hello");
        serve_http(red, "127.0.0.1:8080", "hello");
        serve_http(red, "[fd00::1]:81", "hello");
        serve_dns(red, "fd00::1", #{web: "10.0.0.1"});
        serve_dns(red, "127.0.0.1", #{web: "10.0.0.1"});
        let silent = start(red, "bash -c 'exec 3<>/dev/udp/127.0.0.1/53; exec 4<>/dev/udp/fd00::1/53; sleep 1000'");
        eventually("a client is there", 5000, || sockets(red).filter(|row| row.state == "ESTAB").len() == 2);
        let theirs = [];
        for line in exec(red, "ss -Htuan state listening state unconnected state established").stdout.split("\n") {
            let words = line.split(" ").filter(|word| word != "");
            if words.len() > 5 {
                theirs.push(`${words[0]} ${words[1]} ${words[4]} ${words[5]}`);
            }
        }
        let ours = sockets(red).map(|row| `${row.proto} ${row.state} ${row.local} ${row.remote}`);
        theirs.sort();
        ours.sort();
        if ours != theirs {
            note(`we say ${ours}, ss says ${theirs}`);
        }
        check("sockets", ours.len() == 9 && ours == theirs);

        start(red, "sleep 1000", #{pid: true});
        start("sleep 2000");
        let theirs = exec("ip netns pids red").stdout.split("\n").filter(|pid| pid != "");
        let ours = processes(red).map(|row| row.pid.to_string());
        theirs.sort();
        ours.sort();
        check("processes", ours.len() == 2 && ours == theirs);
        "#,
        &["a client is there", "sockets", "processes"],
    );
}

#[test]
fn what_is_listed_has_nothing_that_the_kernel_picks() {
    passes(
        r#"
        let red = netns("red");
        red.up("lo");
        serve_http(red, 80, "hello");
        for n in 0..3 {
            http_get(red, "127.0.0.1");
            tcp(red, "127.0.0.1", 80);
        }
        start(red, "sleep 1000", #{pid: true});
        check("sockets", sockets(red).text == "tcp LISTEN *:80 *:*");
        check("processes", processes(red).text == "1 sleep 1000");
        "#,
        &["sockets", "processes"],
    );
}

#[test]
fn nothing_outlives_the_lab() {
    // Numbers that nobody else sleeps for.
    let seconds = 80_000_000 + u64::from(std::process::id());
    let lab = format!(
        r#"
        let red = netns("red");
        sh("sleep {seconds}1 > /dev/null 2>&1 &");
        sh(red, "setsid setsid sleep {seconds}2 > /dev/null 2>&1 &");
        sh(red, "setsid sleep {seconds}3 > /dev/null 2>&1 & sleep 0.1", #{{pid: true}});
        start(red, "sh -c 'trap \"\" TERM HUP INT; setsid sleep {seconds}4 & sleep {seconds}5'", #{{pid: true}});
        eventually("they are there", 5000, || processes(red).filter(|row| row.command.starts_with("sleep")).len() == 3);
        check("one is on the host", processes().contains(#{{command: "sleep {seconds}1"}}));
        "#
    );
    passes(&lab, &["they are there", "one is on the host"]);
    let mine = |path: &std::path::Path| {
        let line = std::fs::read(path.join("cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).contains(&format!("sleep\0{seconds}"))
    };
    let left = std::fs::read_dir("/proc").expect("/proc").flatten().filter(|entry| mine(&entry.path()));
    assert_eq!(left.count(), 0);
}

#[test]
fn a_program_sees_what_ip_shows_it() {
    if let Some(lack) = lacking(&["ip"]) {
        return skip(lack);
    }
    passes(
        r#"
        let red = netns("red");
        veth(red, "veth-red", host(), "veth-host");
        sh("mkdir -p /etc/netns/red; echo 10.0.0.9 web > /etc/netns/red/hosts; echo > /etc/netns/red/of-nobody");
        for command in ["cat /etc/hosts", "cat /etc/hostname", "ls /sys/class/net", "cat /proc/net/dev", "ls /no-such-file"] {
            let ours = exec(red, command);
            let theirs = exec(`ip netns exec red ${command}`);
            check("they see the same", ours.stdout == theirs.stdout && ours.stderr == theirs.stderr && ours.code == theirs.code);
        }
        let script = "echo $$; readlink /proc/self; ls -d /proc/[0-9]*";
        let ours = sh(red, script, #{pid: true}).stdout;
        let theirs = exec("ip netns exec red unshare --fork --pid --mount-proc sh -c '" + script + "'").stdout;
        check("they count the same", ours == theirs && ours.starts_with("1\n"));
        "#,
        &["they see the same", "they count the same"],
    );
}

/// As tcpdump and dnsmasq do before they begin their work.
#[test]
fn programs_may_give_up_being_root() {
    if let Some(lack) = lacking(&["setpriv", "ip"]) {
        return skip(lack);
    }
    passes(
        r#"
        check("its groups", exec("setpriv --clear-groups true"));
        check("all of it", exec("setpriv --reuid=nobody --regid=65534 --init-groups true"));
        // In name: there is no other user in a sandbox.
        check("it stays who it is", exec("setpriv --reuid=65534 --clear-groups id -u").stdout == "0\n");
        check("also in a namespace", exec(netns("red"), "setpriv --reuid=65534 --clear-groups true"));
        check("and where it starts others", sh("ip netns add blue; ip netns exec blue setpriv --clear-groups true"));
        // Only the kernel makes somebody root.
        check("root again", exec("setpriv --reuid=0 --regid=0 --clear-groups true"));
        let status = exec("cat /proc/self/status").stdout;
        check("it can do what it could", status.contains("NoNewPrivs:\t0"));
        "#,
        &[
            "its groups",
            "all of it",
            "it stays who it is",
            "also in a namespace",
            "and where it starts others",
            "root again",
            "it can do what it could",
        ],
    );
}

#[test]
fn a_program_whose_output_nobody_keeps_runs_on() {
    passes(
        r#"
        start("sh -c 'trap : PIPE; while echo tick; do sleep 0.01; done; echo gone > /tmp/gone'");
        sh("sleep 0.3");
        check("it runs on", !exec("test -e /tmp/gone"));
        "#,
        &["it runs on"],
    );
}

#[test]
fn tcpdump_runs_as_it_is() {
    for tool in ["tcpdump", "ping"] {
        if !is_installed(tool) {
            return skip(format!("{tool} is not installed"));
        }
    }
    passes(
        r#"
        let red = netns("red");
        red.up("lo");
        start(red, "ping -i 0.1 127.0.0.1");
        check("one packet", exec(red, "tcpdump -n -c 1 -i lo icmp").stdout.contains("127.0.0.1 > 127.0.0.1: ICMP echo"));
        check("as root", exec(red, "tcpdump -Z root -n -c 1 -i lo"));
        check("into a file", exec(red, "tcpdump -c 1 -i lo -w /tmp/one.pcap"));
        check("out of it", exec("tcpdump -n -r /tmp/one.pcap").stdout.contains("127.0.0.1"));
        "#,
        &["one packet", "as root", "into a file", "out of it"],
    );
}

#[test]
fn tcpdump_runs_beside_a_shell_lab() {
    for tool in ["tcpdump", "ping", "ip"] {
        if !is_installed(tool) {
            return skip(format!("{tool} is not installed"));
        }
    }
    let lab = "
        set -e
        ip netns add red
        ip -n red link set lo up
        ip netns exec red tcpdump -n -c 2 -i lo icmp > seen &
        until grep -q . seen; do ip netns exec red ping -c 1 -W 1 127.0.0.1 > /dev/null; done
        wait
        grep -q 'ICMP echo request' seen
        sudo tcpdump --version > /dev/null
    ";
    let told = "

        running 1 test
        test x/lab ... ok

        test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in [TIME]

    ";
    Nslab::test(NOTHING).file("labs/x/lab.sh", unindent(lab)).stdout(told).run();
}

#[test]
fn ping_and_traceroute_run_as_they_are() {
    for tool in ["ping", "traceroute"] {
        if !is_installed(tool) {
            return skip(format!("{tool} is not installed"));
        }
    }
    passes(
        r#"
        let red = netns("red");
        red.up("lo");
        check("ping", exec(red, "ping -c 1 127.0.0.1"));
        check("ping, with a record", exec(red, "ping -R -c 1 127.0.0.1"));
        check("traceroute", exec(red, "traceroute -n 127.0.0.1"));
        check("traceroute by ICMP", exec(red, "traceroute -I -n 127.0.0.1"));
        "#,
        &["ping", "ping, with a record", "traceroute", "traceroute by ICMP"],
    );
}

/// Also where root alone may, and nslab is root's.
#[test]
fn programs_open_dev_net_tun_where_their_user_may() {
    if !is_installed("ip") {
        return skip("ip is not installed");
    }
    let opens = std::fs::OpenOptions::new().read(true).write(true).open("/dev/net/tun");
    if opens.is_err() {
        return passes(
            r#"
            let answer = exec("ip tuntap add dev tun0 mode tun");
            check("it says so", !answer && answer.text.contains("\nhint: /dev/net/tun can't be opened: "));
            "#,
            &["it says so"],
        );
    }
    passes(
        r#"
        check("it opens", sh(": <> /dev/net/tun"));
        check("a link", exec("ip tuntap add dev tun0 mode tun"));
        check("there it is", links().contains(#{name: "tun0"}));
        "#,
        &["it opens", "a link", "there it is"],
    );
}

#[test]
fn who_can_t_open_dev_net_tun_is_told_why() {
    Nslab::test(NOTHING)
        .lab(
            r#"
            check("a link", exec("test -w /dev/net/tun"));
            "#,
        )
        .after("mount -t tmpfs tmpfs /dev/net")
        .fails_as(
            "x/lab::a link",
            r#"
            labs/x/lab.rhai:1:1: check `a link` failed
               |
             1 | check("a link", exec("test -w /dev/net/tun"));
               | ^
            expected: exit code 0
            $ test -w /dev/net/tun
                exit code 1
                hint: /dev/net/tun can't be opened: No such file or directory; load the module: `sudo modprobe tun`; a container needs `--device /dev/net/tun`, too
            "#,
        )
        .run();
}
