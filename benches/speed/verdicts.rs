//! The soak of verdicts: nslab says at once that no answer will come, while ping(8)
//! waits. It runs thousands of networks, most of them with a fault, many side by side
//! while every processor is busy. No target that nslab has given up may answer ping, and
//! if both fail, both have to name the same error. (The reverse is no verdict: on so busy
//! a machine ping itself may come too late.)

use crate::setting::Setting;
use std::fmt::Write;
use std::hint;
use std::io;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// The number of pings that each lab compares.
const PINGS: usize = 20;
/// The default number of labs side by side.
const SIDE_BY_SIDE: usize = 50;
/// The time limit of a lab, in seconds: under an emulated processor, each ping takes as
/// long as a lab elsewhere.
const PATIENCE: &str = "3600";

/// Compares this number of verdicts, and tells whether all were right.
///
/// # Errors
///
/// If the labs can't be written or run.
pub fn run(setting: &Setting, verdicts: usize, side_by_side: Option<usize>) -> io::Result<bool> {
    let side_by_side = side_by_side.unwrap_or(SIDE_BY_SIDE);
    let labs = verdicts.div_ceil(PINGS);
    let folder = setting.workshop.folder().join("verdicts/labs");
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    for number in 0..labs {
        setting.workshop.write(&format!("verdicts/labs/lab{number}.rhai"), &[&lab(&mut dice)])?;
    }
    println!(
        "{} verdicts in {labs} networks, {side_by_side} side by side, beside spinning threads",
        labs * PINGS
    );
    let stop = AtomicBool::new(false);
    let output = thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    hint::spin_loop();
                }
            });
        }
        let threads = side_by_side.to_string();
        let output = Command::new(&setting.nslab)
            .args(["test", "--timeout", PATIENCE])
            .arg(&folder)
            .args(["--", "--test-threads", &threads])
            .stdin(Stdio::null())
            .output();
        stop.store(true, Ordering::Relaxed);
        output
    })?;
    let said = String::from_utf8_lossy(&output.stdout);
    let count =
        |end: &str| said.lines().filter(|line| line.starts_with("test ") && line.ends_with(end)).count();
    let (right, wrong) = (count("... ok"), count("... FAILED"));
    println!("right  {right}\nwrong  {wrong}");
    if wrong > 0 || right < labs * PINGS {
        let from = said.find("failures:").unwrap_or_default();
        println!("\n{}", said[from..].lines().take(60).collect::<Vec<_>>().join("\n"));
        println!("{}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(wrong == 0 && right == labs * PINGS)
}

/// Numbers that look random, and are the same in each run (xorshift).
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % most as u64) as usize
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len())]
    }
}

/// A network of some kind, with up to two things broken, and its pings.
fn lab(dice: &mut Dice) -> String {
    let (mut text, names, addresses) = match dice.below(4) {
        0 => bridge(2 + dice.below(5)),
        1 => chain(1 + dice.below(4)),
        2 => tunnel(),
        _ => cable(),
    };
    for _ in 0..dice.below(3) {
        let name = names[dice.below(names.len())].clone();
        text += &broken(dice, &name);
    }
    for number in 0..PINGS {
        let from = &names[dice.below(names.len())];
        let to = match dice.below(5) {
            0 => format!("10.{}.{}.{}", dice.below(4), dice.below(4), 200 + dice.below(50)),
            _ => addresses[dice.below(addresses.len())].clone(),
        };
        let size = if dice.below(6) == 0 { 2000 } else { 56 };
        let _ = writeln!(
            text,
            "let fast = ping({from}, \"{to}\", #{{size: {size}}});\n\
             let slow = exec({from}, \"ping -c1 -W1 -s{size} {to}\", #{{timeout_ms: 120000}});\n\
             note(`{from} to {to}: ${{fast.ok}} ${{slow.ok}}`);\n\
             check(\"{number}\", fast.ok || !slow.ok && same(fast.text, slow.stdout + slow.stderr));"
        );
    }
    let same = if text.contains("#{type:") { SAME_IF_TOLD } else { SAME };
    format!("{same}{text}")
}

/// Tells whether both name the same error.
const SAME: &str = r#"fn same(fast, slow) {
    for words in ["Host Unreachable", "Net Unreachable", "Time to live exceeded", "Network is unreachable", "Packet filtered"] {
        if fast.contains(words) != slow.contains(words) { return false; }
    }
    true
}
"#;

/// The same for a route that refuses packets: the kernel reports that to a host five
/// times at once, and then once a second (`error_burst` and `error_cost` below
/// `net.ipv4.route`), so only one of both may get the report.
const SAME_IF_TOLD: &str = r#"fn same(fast, slow) {
    let told = |text| ["Host Unreachable", "Net Unreachable", "Packet filtered"].filter(|words| text.contains(words));
    for words in ["Time to live exceeded", "Network is unreachable"] {
        if fast.contains(words) != slow.contains(words) { return false; }
    }
    let by_fast = told.call(fast);
    let by_slow = told.call(slow);
    by_fast.is_empty() || by_slow.is_empty() || by_fast == by_slow
}
"#;

type Network = (String, Vec<String>, Vec<String>);

fn bridge(members: usize) -> Network {
    let mut text =
        "bridge(\"br0\");\nup(\"br0\");\naddr_add(\"br0\", \"10.0.0.254/24\");\nup(\"lo\");\n".to_string();
    let (mut names, mut addresses) = (Vec::new(), vec!["10.0.0.254".to_string()]);
    for n in 1..=members {
        let _ = writeln!(
            text,
            "let n{n} = netns(\"n{n}\");\nn{n}.up(\"lo\");\nveth(n{n}, \"eth0\", host(), \"p{n}\");\nset_master(\"p{n}\", \"br0\");\n\
             up(\"p{n}\");\nn{n}.addr_add(\"eth0\", \"10.0.0.{n}/24\");\nn{n}.up(\"eth0\");\nn{n}.route_add(\"default\", \"10.0.0.254\");"
        );
        names.push(format!("n{n}"));
        addresses.push(format!("10.0.0.{n}"));
    }
    (text, names, addresses)
}

fn chain(routers: usize) -> Network {
    let last = routers + 1;
    let mut text = String::new();
    let (mut names, mut addresses) = (Vec::new(), Vec::new());
    for n in 0..=last {
        let _ = writeln!(
            text,
            "let n{n} = netns(\"n{n}\");\nn{n}.up(\"lo\");\nn{n}.sysctl(\"net.ipv4.ip_forward\", 1);"
        );
        names.push(format!("n{n}"));
    }
    for n in 0..last {
        let m = n + 1;
        let _ = writeln!(
            text,
            "veth(n{n}, \"right\", n{m}, \"left\");\nn{n}.addr_add(\"right\", \"10.1.{n}.1/24\");\nn{m}.addr_add(\"left\", \"10.1.{n}.2/24\");\n\
             n{n}.up(\"right\");\nn{m}.up(\"left\");"
        );
        addresses.extend([format!("10.1.{n}.1"), format!("10.1.{n}.2")]);
    }
    for n in 0..=last {
        for net in 0..last {
            if net + 1 < n {
                let _ = writeln!(text, "n{n}.route_add(\"10.1.{net}.0/24\", \"10.1.{}.1\");", n - 1);
            } else if net > n {
                let _ = writeln!(text, "n{n}.route_add(\"10.1.{net}.0/24\", \"10.1.{n}.2\");");
            }
        }
    }
    (text, names, addresses)
}

fn cable() -> Network {
    let text = "let a = netns(\"a\");\nlet b = netns(\"b\");\na.up(\"lo\");\nveth(a, \"eth0\", b, \"eth0\");\n\
                a.addr_add(\"eth0\", \"10.2.0.1/24\");\nb.addr_add(\"eth0\", \"10.2.0.2/24\");\na.up(\"eth0\");\nb.up(\"eth0\");\n";
    let own = |texts: &[&str]| texts.iter().map(|text| (*text).to_string()).collect();
    (text.into(), own(&["a", "b"]), own(&["10.2.0.1", "10.2.0.2"]))
}

/// A cable with a VXLAN in it, through which the kernel sends by itself.
fn tunnel() -> Network {
    let (mut text, names, mut addresses) = cable();
    for (own, other, ip) in [("a", "10.2.0.2", "10.3.0.1"), ("b", "10.2.0.1", "10.3.0.2")] {
        let _ = writeln!(
            text,
            "{own}.vxlan(\"vx0\", #{{id: 42, remote: \"{other}\", dev: \"eth0\"}});\n\
             {own}.addr_add(\"vx0\", \"{ip}/24\");\n{own}.up(\"vx0\");"
        );
        addresses.push(ip.into());
    }
    (text, names, addresses)
}

/// Something that stops packets.
fn broken(dice: &mut Dice, ns: &str) -> String {
    let firewall = |chain: &str| format!("block({ns}, \"{chain}\", #{{proto: \"icmp\"}});\n");
    match dice.below(9) {
        0 => firewall(dice.one(&["input", "output", "forward"])),
        1 => format!("policy({ns}, \"{}\", \"drop\");\n", dice.one(&["input", "forward"])),
        2 => format!("{ns}.sysctl(\"net.ipv4.ip_forward\", 0);\n"),
        3 => format!("{ns}.sysctl(\"net.ipv4.icmp_echo_ignore_all\", 1);\n"),
        4 => format!("try {{ {ns}.route_del(\"default\"); }} catch {{}}\n"),
        5 => {
            let kind = dice.one(&["blackhole", "unreachable", "prohibit"]);
            format!("try {{ {ns}.route_add(\"10.1.1.0/25\", #{{type: \"{kind}\"}}); }} catch {{}}\n")
        }
        6 => {
            format!("for row in links({ns}) {{ if row.name != \"lo\" {{ {ns}.down(row.name); break; }} }}\n")
        }
        7 => format!("{ns}.sysctl(\"net.ipv4.conf.all.arp_ignore\", 8);\n"),
        _ => format!("{ns}.sysctl(\"net.ipv4.conf.all.rp_filter\", 1);\n"),
    }
}
