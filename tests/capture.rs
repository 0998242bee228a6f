//! Captured packets: the rows agree with tcpdump's reading of the file.

use crate::measured::{lacking, skip};
use crate::support::{NOTHING, Nslab, Scratch, sandbox_lack};
use std::process::Command;

#[test]
fn a_capture_on_a_link_that_is_not_there() {
    Nslab::test(NOTHING)
        .lab(
            r#"
            let red = netns("red");
            veth(red, "veth-red", host(), "veth-red-br");
            let seen = red.capture("veth-red-br");
            "#,
        )
        .fails(
            r#"
            labs/x/lab.rhai:3:16: veth-red-br: No such device exists
               |
             3 | let seen = red.capture("veth-red-br");
               |                ^
            command: ip netns exec red tcpdump -ni veth-red-br -w 1-red-veth-red-br.pcap &
            hint: `red` has `lo`, `veth-red`; `host` has `veth-red-br`
            "#,
        )
        .run();
}

#[test]
fn nothing_is_lost_and_a_namespace_can_go() {
    Nslab::test(NOTHING)
        .lab(
            r#"
            let red = netns("red");
            let blue = netns("blue");
            veth(red, "a", blue, "b");
            let at_a = red.capture("a");
            let at_all = blue.capture("any");
            let at_lo = capture("lo");
            red.addr_add("a", "10.0.0.1/24");
            blue.addr_add("b", "10.0.0.2/24");
            red.up("a");
            blue.up("b");
            check("many", ping(red, "10.0.0.2", #{count: 3000}));
            check("each of them has a row, and so has the question", at_a.rows().len() == 6002);
            check("the same at the other end", at_all.rows().len() == 6002);
            let first = at_all.rows()[0];
            check("a row tells where and which way", first.at == "b In" && first.info == "who-has 10.0.0.2 tell 10.0.0.1");
            check("an answer goes out", at_all.rows()[1].at == "b Out");
            check("lo has heard nothing", at_lo.rows().is_empty());
            ping("127.0.0.1");
            check("on lo, a packet has one row", at_lo.rows().map(|row| row.info) == [
                "echo request, seq 1, length 64", "echo reply, seq 1, length 64",
            ]);
            stop(at_a);
            check("it has ended", !at_a.running && at_all.running);
            ping(red, "10.0.0.2");
            check("what was seen stays", at_a.rows().len() == 6002 && at_all.rows().len() == 6004);
            delete(red);
            check("the other end is gone, too", !links(blue).contains(#{name: "b"}));
            delete(blue);
            check("what was seen there stays as well", at_all.rows().len() == 6004);
            "#,
        )
        .passes(&[
            "many",
            "each of them has a row, and so has the question",
            "the same at the other end",
            "a row tells where and which way",
            "an answer goes out",
            "lo has heard nothing",
            "on lo, a packet has one row",
            "it has ended",
            "what was seen stays",
            "the other end is gone, too",
            "what was seen there stays as well",
        ])
        .run();
}

/// Red and blue with a router between them, and a bit of everything.
const EVERYTHING: &str = r#"
let red = netns("red");
let blue = netns("blue");
let router = netns("router");
veth(red, "a", router, "ra");
veth(blue, "b", router, "rb");
let seen = red.capture("a");
let all = router.capture("any");
for ns in [red, blue, router] { ns.up("lo"); }
router.sysctl("net.ipv4.ip_forward", 1);
router.sysctl("net.ipv6.conf.all.forwarding", 1);
for row in [[red, "a", 0, 1], [router, "ra", 0, 2], [blue, "b", 1, 1], [router, "rb", 1, 2]] {
    row[0].addr_add(row[1], `10.0.${row[2]}.${row[3]}/24`);
    row[0].addr_add(row[1], `fd00:${row[2]}::${row[3]}/64`);
    row[0].up(row[1]);
}
red.route_add("default", "10.0.0.2");
blue.route_add("default", "10.0.1.2");
red.route_add("default", #{via: "fd00:0::2"});
blue.route_add("default", #{via: "fd00:1::2"});
check("reached", ping(red, "10.0.1.1"));
check("reached over IPv6", ping(red, "fd00:1::1"));
check("in pieces", ping(red, "10.0.1.1", #{size: 4000}));
check("in pieces over IPv6", ping(red, "fd00:1::1", #{size: 4000}));
refute("too short a life", ping(red, "10.0.1.1", #{ttl: 1}));
refute("too short a life over IPv6", ping(red, "fd00:1::1", #{ttl: 1}));
refute("no route", ping(red, "10.9.9.9"));
refute("no route over IPv6", ping(red, "fd09::9"));
refute("nobody there", ping(red, "10.0.1.77"));
refute("nobody there over IPv6", ping(red, "fd00:1::77"));
router.route_add("10.7.0.0/16", #{type: "prohibit"});
refute("prohibited", ping(red, "10.7.0.1"));
router.set_mtu("rb", 1400);
refute("too large", ping(red, "10.0.1.1", #{size: 1452, df: true}));
refute("too large over IPv6", ping(red, "fd00:1::1", #{size: 1432, df: true}));
refute("refused", tcp(red, "10.0.1.1", 81));
blue.serve_http(80, "hello\n");
check("a page", http_get(red, "http://10.0.1.1/").body == "hello\n");
check("a page over IPv6", http_get(red, "http://[fd00:1::1]/").body == "hello\n");
red.vxlan("vx", #{id: 42, local: "10.0.0.1", remote: "10.0.1.1"});
blue.vxlan("vx", #{id: 42, local: "10.0.1.1", remote: "10.0.0.1"});
red.addr_add("vx", "192.168.0.1/24");
blue.addr_add("vx", "192.168.0.2/24");
red.up("vx");
blue.up("vx");
check("on another wire", ping(red, "192.168.0.2"));
for port in [7, 33434] {
    exec(red, `bash -c 'echo hello > /dev/udp/10.0.1.1/${port}'`);
    exec(red, `bash -c 'echo hello > /dev/udp/fd00:1::1/${port}'`);
}
note(seen.rows());
note(all.rows());
"#;

/// The rows that were printed last for a file.
fn rows_of<'a>(printed: &'a str, file: &str) -> Vec<&'a str> {
    let question = format!("  $ tcpdump -nr {file}\n");
    let at = printed.rfind(&question).expect("the rows are printed");
    let rows = printed[at + question.len()..].lines();
    rows.map_while(|line| line.strip_prefix("    ")).filter(|line| !line.starts_with(' ')).collect()
}

/// Tells whether a line of tcpdump is a packet without a row, since timers sent it.
fn has_no_row(line: &str) -> bool {
    let bare = line.contains("Flags [.], ") && line.ends_with("length 0");
    bare || line.contains("multicast listener report")
}

/// Tells whether tcpdump says of a packet what the row does.
fn says_the_same(line: &str, row: &str) -> bool {
    let mut words = row.split_once(' ').map_or("", |(_, rest)| rest).to_string();
    if let [_, way @ ("In" | "Out"), rest] = words.clone().splitn(3, ' ').collect::<Vec<_>>()[..] {
        // The file has the link's number, and tcpdump the name that this
        // machine has for it.
        if line.contains(" Out ") != (way == "Out") {
            return false;
        }
        words = rest.to_string();
    }
    let (ends, info) = words.split_at(words.match_indices(' ').nth(2).map_or(0, |(at, _)| at));
    let (proto, info) = info.trim().split_once(' ').unwrap_or((info, ""));
    let mut pieces: Vec<String> = info.split([',', ':']).map(|piece| piece.trim().to_string()).collect();
    match proto {
        // The address stands there with the port, which may be any.
        "TCP" | "UDP" => {
            let ports = pieces.remove(0);
            let (src, dst) = ends.split_once(" > ").expect("two ends");
            let (from, to) = ports.split_once(" > ").expect("two ports");
            pieces.push(if from == "*" { format!(" {src}.") } else { format!(" {src}.{from} ") });
            pieces.push(if to == "*" { format!("{dst}.") } else { format!("{dst}.{to}: ") });
            pieces.retain(|piece| proto != "UDP" || !piece.starts_with("length"));
        }
        "ARP" => pieces = vec!["ARP".into(), info.into()],
        "VXLAN" => {
            // tcpdump has the frame inside on a line of its own.
            pieces = vec!["VXLAN".into(), "vni 42".into()];
        }
        "ICMP" | "ICMPv6" | "ip-proto-58" if info.starts_with("fragment") => {
            // tcpdump says with `-v` only which fragment it is.
            pieces = vec![ends.to_string()];
        }
        _ => {
            pieces.push(ends.to_string());
            pieces.retain(|piece| piece != "first fragment");
            // Addresses of IPv6 were taken apart.
            if proto == "ICMPv6" {
                pieces = info.split(", ").map(Into::into).filter(|piece| piece != "first fragment").collect();
                pieces.push(ends.into());
            }
        }
    }
    pieces.iter().all(|piece| line.contains(piece.as_str()))
}

#[test]
fn the_rows_say_what_tcpdump_says() {
    for tool in ["tcpdump", "tshark", "bash"] {
        if let Some(lack) = lacking(&[tool]) {
            return skip(lack);
        }
    }
    if let Some(lack) = sandbox_lack() {
        return skip(lack);
    }
    let scratch = Scratch::new();
    scratch.write("lab.rhai", EVERYTHING);
    let output = Command::new(env!("CARGO_BIN_EXE_nslab"))
        .args(["run", "lab.rhai", "--captures", "seen/here"])
        .current_dir(scratch.path())
        .output()
        .expect("nslab starts");
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{printed}{}", String::from_utf8_lossy(&output.stderr));
    for (file, least) in [("1-red-a.pcap", 60), ("2-router-any.pcap", 120)] {
        let rows = rows_of(&printed, file);
        assert!(rows.len() > least, "{file} has {} rows\n{printed}", rows.len());
        let path = scratch.path().join("seen/here").join(file);
        let read = |tool: &str, arguments: &[&str]| {
            let output = Command::new(tool).args(arguments).arg(&path).output().expect("it starts");
            assert!(output.status.success(), "{tool}: {}", String::from_utf8_lossy(&output.stderr));
            String::from_utf8_lossy(&output.stdout).into_owned()
        };
        let text = read("tcpdump", &["-n", "-r"]);
        // The frame in a VXLAN packet has a line of its own.
        let lines = text.lines().filter(|line| line.starts_with(|c: char| c.is_ascii_digit()));
        let mut rows_left = rows.iter().peekable();
        for line in lines {
            match rows_left.peek() {
                Some(row) if says_the_same(line, row) => drop(rows_left.next()),
                Some(row) => assert!(
                    has_no_row(line) || line.contains("VXLAN"),
                    "{file}\ntcpdump: {line}\nwe: {row}\n{printed}"
                ),
                None => assert!(has_no_row(line) || line.contains("VXLAN"), "{file}: no row for {line}"),
            }
        }
        assert_eq!(rows_left.next(), None, "{file}: tcpdump has no such packet");
        let packets = read("tshark", &["-n", "-r"]).lines().count();
        let counted = printed.contains(&format!("{file}: {packets} packets"));
        assert!(counted, "tshark reads {packets} packets in {file}:\n{printed}");
    }
}

#[test]
fn a_folder_that_can_not_be_made() {
    Nslab::new(["run", "labs/x/lab.rhai", "--captures", "labs/x/lab.rhai/here"])
        .without_sandbox()
        .lab("capture(\"lo\");\n")
        .stderr(
            r#"
            error: failed to make `labs/x/lab.rhai/here`: Not a directory
            "#,
        )
        .code(2)
        .run();
}

/// The result does not depend on which side closes the connection first.
#[test]
fn a_page_whose_server_ends_the_connection_late() {
    if let Some(lack) = lacking(&["python3"]) {
        return skip(lack);
    }
    Nslab::test(NOTHING)
        .lab(
            r#"
            up("lo");
            // With a service of the lab's own, the others are given time, too.
            serve_http(81, "hi");
            start(`python3 -c "
            import socket, time
            stream, _ = socket.create_server(('127.0.0.1', 80)).accept()
            stream.recv(4096)
            stream.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi')
            time.sleep(0.1)
            "`);
            let seen = capture("lo");
            eventually("it answers", 5000, || http_get("http://127.0.0.1/"));
            let ends = seen.rows().filter(|row| row.info.contains("[F.]"));
            check("the server ends it, and then who asked", ends.map(|row| row.info) == [
                "80 > *: Flags [F.], length 0", "* > 80: Flags [F.], length 0",
            ]);
            "#,
        )
        .passes(&["it answers", "the server ends it, and then who asked"])
        .run();
}
