//! `nslab export`: the script does what the lab has done.

use crate::measured::{lacking, lacking_in, skip};
use crate::support::{Nslab, Scratch, forget_others, output, sandbox_lack, side_by_side, unindent};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The output of the real tools for every namespace, a line each: the question and the
/// answer.
const LISTING: &str = r#"
say() {
    what=$1; shift
    printf '%s\t%s\t%s\n' "${ns:-host}" "$what" "$("$@")"
}
ruleset() {
    ${ns:+ip netns exec "$ns"} nft -s list ruleset | tr '\n' ' '
}
echo LISTING
for ns in "" $(ip netns list | cut -d" " -f1 | sort); do
    say links ip ${ns:+-n "$ns"} -j -d link
    say addrs ip ${ns:+-n "$ns"} -j addr
    say routes ip ${ns:+-n "$ns"} -j route show table all
    say routes6 ip ${ns:+-n "$ns"} -j -6 route show table all
    say rules ip ${ns:+-n "$ns"} -j rule
    say rules6 ip ${ns:+-n "$ns"} -j -6 rule
    say fdb bridge ${ns:+-n "$ns"} -j fdb
    if command -v nft > /dev/null; then say ruleset ruleset; fi
done
echo LISTED
"#;

/// Prepares a place where a script can change nothing of this machine. Root becomes
/// nobody first: as root, the script could write root's files.
const PLACE: &str = r#"
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /tmp
mount -t tmpfs tmpfs /var/lib
mkdir /run/etc
cp -r /etc/. /run/etc 2> /dev/null
mount --bind /run/etc /etc
rm -rf /etc/netns
mkdir /etc/netns
cd /tmp
printf '127.0.0.1 localhost\n::1 localhost\n' > /etc/hosts
: > /etc/resolv.conf
printf 'passwd: files\ngroup: files\nhosts: files dns\n' > /etc/nsswitch.conf
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
printf '%s' "$0" > lab.sh
timeout -k 5 60 bash lab.sh > out 2>&1 < /dev/null
code=$?
tail -n 30 out | sed 's/^/said\t/'
printf '\nended\t%s\n' "$code"
while read -r _; do
    eval "$1"
done
"#;

/// Fields that say what a lab has made, and not when or in which order.
const FIELDS: [(&str, &[&str]); 7] = [
    ("links", &["ifname", "mtu", "operstate", "master", "link", "address", "linkinfo"]),
    ("addrs", &["ifname", "addr_info"]),
    (
        "routes",
        &["type", "dst", "gateway", "dev", "protocol", "scope", "prefsrc", "metric", "table", "flags"],
    ),
    ("routes6", &["type", "dst", "gateway", "dev", "protocol", "metric", "table", "flags"]),
    ("rules", &["priority", "src", "dst", "iif", "fwmark", "table", "action"]),
    ("rules6", &["priority", "src", "dst", "iif", "fwmark", "table", "action"]),
    ("fdb", &["mac", "ifname", "master", "state", "flags"]),
];

/// The hardware addresses that bridges themselves have.
fn own_addresses(listing: &str) -> Vec<Value> {
    let rows = listing.lines().filter_map(|line| line.split_once("\tlinks\t"));
    let rows = rows.filter_map(|(_, text)| serde_json::from_str::<Vec<Value>>(text.trim()).ok()).flatten();
    rows.filter(|row| row["linkinfo"]["info_kind"] == "bridge").map(|row| row["address"].clone()).collect()
}

/// Hardware addresses, in a text where they stand in quotes or between blanks.
fn macs(text: &str) -> BTreeSet<&str> {
    let words = text.split(|c: char| !(c.is_ascii_hexdigit() || c == ':'));
    words.filter(|word| word.len() == 17 && word.split(':').all(|byte| byte.len() == 2)).collect()
}

/// The IPv6 address that follows from a hardware address.
fn link_local(mac: &str) -> String {
    let byte = |at: usize| u16::from_str_radix(&mac[3 * at..3 * at + 2], 16).unwrap_or_default();
    let word = |a: u16, b: u16| a << 8 | b;
    let groups =
        [word(byte(0) ^ 2, byte(1)), word(byte(2), 0xff), word(0xfe, byte(3)), word(byte(4), byte(5))];
    let [a, b, c, d] = groups;
    std::net::Ipv6Addr::new(0xfe80, 0, 0, 0, a, b, c, d).to_string()
}

/// A listing without what the kernel or a plugin has picked at random: what
/// the lab has chosen stands in its script.
fn chosen_only(listing: &str, script: &str) -> String {
    let chosen = macs(script);
    let mut text = listing.to_string();
    for mac in macs(listing) {
        let group = ["ff:ff", "00:00:00", "33:33", "01:"].iter().any(|begin| mac.starts_with(begin));
        if !group && !chosen.contains(mac) {
            text = text.replace(&link_local(mac), "LINK-LOCAL").replace(mac, "MAC");
        }
    }
    without_plugin_names(&text)
}

/// `veth1a2b3c4d` is what a CNI plugin calls a link.
fn without_plugin_names(text: &str) -> String {
    let mut parts = text.split("veth");
    let mut done = parts.next().unwrap_or_default().to_string();
    for part in parts {
        let random = part.chars().take_while(char::is_ascii_hexdigit).count();
        done += "veth";
        done += if random == 8 { "PLUGIN" } else { &part[..random] };
        done += &part[random..];
    }
    done
}

/// Normalizes a listing: sorted, a line each.
fn canonical(listing: &str, script: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let listing = &chosen_only(listing, script);
    let bridges = own_addresses(listing);
    for line in listing.lines() {
        let mut parts = line.splitn(3, '\t');
        let (Some(netns), Some(what), Some(text)) = (parts.next(), parts.next(), parts.next()) else {
            continue;
        };
        if what == "ruleset" {
            lines.extend(ruleset(text).map(|rule| format!("{netns}\t{what}\t{rule}")));
            continue;
        }
        let rows: Value = serde_json::from_str(text.trim()).unwrap_or(Value::Null);
        let fields = FIELDS.iter().find(|(name, _)| *name == what).map_or(&[][..], |(_, fields)| fields);
        for row in rows.as_array().into_iter().flatten() {
            // The kernel adds multicast groups to the FDB of links that are in no bridge.
            if what == "fdb" && row["master"].is_null() {
                continue;
            }
            // A bridge that has an IPv6 address says so when it likes, and
            // another one may have learned its address from that, or not.
            if what == "fdb" && row["state"] == "" && bridges.contains(&row["mac"]) {
                continue;
            }
            let kept: BTreeMap<&str, Value> = fields
                .iter()
                .filter(|field| !row[**field].is_null())
                .map(|field| (*field, kept(field, &row[*field])))
                .collect();
            let line = format!("{netns}\t{what}\t{}", json!(kept));
            // A solution's own links have hardware addresses that the kernel
            // picks, and their addresses follow.
            if !(script.contains("\n# The gap: ") && line.contains("fe80::")) {
                lines.push(line);
            }
        }
    }
    lines.sort();
    lines
}

fn kept(field: &str, value: &Value) -> Value {
    match field {
        "linkinfo" => json!([value["info_kind"], value["info_data"]["id"], value["info_data"]["mode"]]),
        "addr_info" => {
            let mut addrs: Vec<String> = value
                .as_array()
                .into_iter()
                .flatten()
                .map(|addr| {
                    format!("{} {} {} {}", addr["local"], addr["prefixlen"], addr["scope"], addr["broadcast"])
                })
                .collect();
            addrs.sort();
            json!(addrs)
        }
        _ => value.clone(),
    }
}

/// The rules as nft prints them, in which tables may come in any order.
fn ruleset(text: &str) -> impl Iterator<Item = String> {
    let tables: Vec<&str> = text.split("table ").collect();
    // nft warns of rules that were written for iptables.
    let plain = |table: &str| {
        let table = table.split("# Warning").next().unwrap_or_default();
        let words = table.split_whitespace().map(|word| {
            let mut states: Vec<&str> = word.split(',').collect();
            states.sort_unstable();
            states.join(",")
        });
        words.collect::<Vec<_>>().join(" ")
    };
    tables.into_iter().map(plain).filter(|table| !table.is_empty()).collect::<Vec<_>>().into_iter()
}

fn nslab(arguments: &[&str], folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nslab"));
    command.args(arguments).current_dir(folder);
    forget_others(&mut command);
    command
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Returns the state that a lab has left, in the words of the real tools.
fn left_by_lab(own: &str, below: &str, script: &str, scratch: &Scratch) -> Result<Vec<String>, String> {
    let listing = serde_json::to_string(LISTING).expect("a string");
    scratch.write(below, format!("{own}\nnote(sh({listing}).stdout);\n"));
    let told = output(nslab(&["run", below], scratch.path()));
    let told = format!("{}{}", text(&told.stdout), text(&told.stderr));
    let listing = told.rsplit_once("  LISTING\n").and_then(|(_, rest)| rest.split_once("  LISTED\n"));
    let lines = listing.ok_or(told.clone())?.0.lines().map(|line| line.strip_prefix("  ").unwrap_or(line));
    Ok(canonical(&lines.collect::<Vec<_>>().join("\n"), script))
}

/// Runs a script where it can do no harm, and looks until it has left what
/// it ought to: the kernel does some things a moment later.
fn left_by_script(script: &str, wanted: &[String]) -> Result<(), String> {
    let inner = ["-Urnmpf", "--mount-proc", "bash", "-c", PLACE, script, LISTING];
    let is_root = fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0);
    let mut command = match is_root {
        true => {
            let mut command = Command::new("setpriv");
            command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "unshare"]);
            command
        }
        false => Command::new("unshare"),
    };
    command.args(inner).current_dir("/").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| error.to_string())?;
    let (mut ask, answers) = (child.stdin.take(), child.stdout.take());
    let mut answers = BufReader::new(answers.expect("a pipe")).lines().map_while(Result::ok);
    let mut said = String::new();
    let code = loop {
        match answers.next() {
            Some(line) if line.starts_with("ended\t") => break line,
            Some(line) if line.is_empty() => {}
            Some(line) => said += &format!("{line}\n"),
            None => break "it did not begin".into(),
        }
    };
    let mut result = Err(format!("{code}\n{said}"));
    for _ in 0..40 {
        if code != "ended\t0" {
            break;
        }
        let asked = ask.as_mut().is_some_and(|ask| ask.write_all(b"go\n").and_then(|()| ask.flush()).is_ok());
        let listing: Vec<String> = match asked {
            true => answers.by_ref().take_while(|line| line != "LISTED").collect(),
            false => break,
        };
        let found = canonical(&listing.join("\n"), script);
        if found == wanted {
            result = Ok(());
            break;
        }
        let missing = wanted.iter().filter(|line| !found.contains(line)).map(|line| format!("- {line}\n"));
        let more = found.iter().filter(|line| !wanted.contains(line)).map(|line| format!("+ {line}\n"));
        result = Err(format!("{}{}{said}", missing.collect::<String>(), more.collect::<String>()));
        std::thread::sleep(std::time::Duration::from_millis(250));
    }
    drop(ask);
    let _ = child.wait();
    result
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn labs() -> Vec<PathBuf> {
    let mut folders = vec![root().join("labs")];
    let mut labs = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder of labs").flatten() {
            let path = entry.path();
            // Pitfalls end with a cure that `why` has given; what it adds has
            // hardware addresses that the kernel picks.
            if path.is_dir() && !path.ends_with("solutions") && !path.ends_with("pitfalls") {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rhai") {
                labs.push(path);
            }
        }
    }
    labs.sort();
    labs
}

/// Returns the reason why the scripts can't be run here.
fn lack() -> Option<String> {
    if let Some(lack) = sandbox_lack() {
        return Some(lack.into());
    }
    lacking(&["ip", "bridge", "unshare", "setpriv", "bash"])
}

#[test]
fn the_script_of_each_lab_leaves_what_the_lab_has_left() {
    if let Some(lack) = lack() {
        return skip(lack);
    }
    let only = std::env::var("NSLAB_TEST_LAB").unwrap_or_default();
    let mut labs: Vec<PathBuf> =
        labs().into_iter().filter(|lab| lab.display().to_string().contains(&only)).collect();
    // An exercise without a submission waits for each answer that does not come.
    labs.sort_by_key(|lab| !lab.starts_with(root().join("labs/exercises")));
    let wrong = std::sync::Mutex::new(Vec::new());
    let lacks = std::sync::Mutex::new(Vec::new());
    side_by_side(8, &labs, |lab| {
        let name = lab.strip_prefix(root()).expect("a lab of ours").display().to_string();
        match compare(lab) {
            Ok(None) => {}
            Ok(Some(lack)) => lacks.lock().expect("no panic").push(format!("{name}: {lack}")),
            Err(why) => wrong.lock().expect("no panic").push(format!("{name}:\n{why}")),
        }
    });
    let wrong = wrong.into_inner().expect("no panic");
    assert!(wrong.is_empty(), "{} of {} labs\n{}", wrong.len(), labs.len(), wrong.join("\n"));
    let lacks = lacks.into_inner().expect("no panic");
    if !lacks.is_empty() {
        skip(format!("{} of {} labs\n{}", lacks.len(), labs.len(), lacks.join("\n")));
    }
}

/// Compares a lab with its script; returns the reason if they can't be compared here.
fn compare(lab: &Path) -> Result<Option<String>, String> {
    let below = lab.strip_prefix(root()).expect("a lab of ours").display().to_string();
    let exported = output(nslab(&["export", &below], root()));
    if !exported.status.success() {
        let said = text(&exported.stderr);
        return match said.split_once("not measured: ") {
            Some((_, lack)) => Ok(lack.lines().next().map(Into::into)),
            None => Err(said),
        };
    }
    let again = output(nslab(&["export", &below], root()));
    let script = text(&exported.stdout);
    // A plugin picks its values anew each time.
    let plain = |script: &str| chosen_only(script, if below.contains("/cni/") { "" } else { script });
    if plain(&text(&again.stdout)) != plain(&script) {
        return Err("the script is another one the next time".into());
    }
    let scratch = Scratch::new();
    let folder = lab.parent().expect("a folder");
    let folders = [folder.to_path_buf(), folder.join("solutions")];
    let files = folders.iter().flat_map(fs::read_dir).flatten().flatten();
    for path in files.map(|file| file.path()) {
        if path.is_file() && path != lab {
            let below = path.strip_prefix(root()).expect("ours").display().to_string();
            scratch.write(&below, fs::read(&path).expect("a file"));
        }
    }
    let own = fs::read_to_string(lab).expect("a lab");
    let wanted = left_by_lab(&own, &below, &script, &scratch)?;
    match left_by_script(&impatient(&script), &wanted) {
        Ok(()) => Ok(None),
        // A tool that it types, where the lab has words of its own.
        Err(why) => lacking_in(&script).map(Some).ok_or(why),
    }
}

/// A script that waits less for answers that do not come: nc knows whole seconds
/// only, and an exercise asks at many closed ports. No question leaves anything
/// that is compared.
fn impatient(script: &str) -> String {
    script.replace(" nc -zv -w1 ", " timeout 0.3 nc -zv ").replace(" nc -u -w1 ", " timeout 0.3 nc -u ")
}

/// Names that `ip` would take for its own words, or for options.
const ODD_NAMES: &str = r#"
let odd = netns("-x");
let other = netns("a");
let help = netns("help");
veth("-a", "-b");
veth("name", "dev");
veth(odd, "up", other, "m");
for name in ["a", "ad", "b", "br", "d", "down", "h", "index", "l", "link-", "n", "numr", "type", "vf", "xdp"] {
    bridge(name);
    up(name);
}
down("d");
del_link("b");
bridge(odd, "mtu");
set_master(odd, "up", "mtu");
up(odd, "up");
up(odd, "mtu");
set_nomaster(odd, "up");
up("-a");
up("dev");
set_mtu("name", 1400);
set_mac("-b", "02:00:00:00:00:01");
addr_add("-a", "10.0.0.1/24");
route_add("10.9.0.0/16", #{dev: "-a"});
neigh_add("10.0.0.2", "02:00:00:00:00:02", "-a");
odd.sysctl("net.ipv4.ip_forward", "1");
check("the bridge has rows", fdb(odd, "mtu").len() > 0);
macvlan("t", "dev");
vxlan(odd, "group", #{id: 7, remote: "10.0.0.2"});
set_netns("-b", odd);
set_netns("t", help);
exec(odd, "true");
links(odd);
neigh_flush("-a");
delete(other);
"#;

#[test]
fn names_that_are_words_of_ip_can_be_typed() {
    if let Some(lack) = lack() {
        return skip(lack);
    }
    let scratch = Scratch::new();
    scratch.write("lab.rhai", ODD_NAMES);
    let exported = output(nslab(&["export", "lab.rhai"], scratch.path()));
    assert!(exported.status.success(), "{}", text(&exported.stderr));
    let script = text(&exported.stdout);
    let same = left_by_lab(ODD_NAMES, "lab.rhai", &script, &scratch)
        .and_then(|wanted| left_by_script(&script, &wanted));
    assert_eq!(same, Ok(()), "{script}");
}

/// `nslab export labs/x/lab.rhai`, and what it ought to print: the same at
/// the beginning, then the lab's description and its commands.
fn export(lab: &str, description: &str, commands: &str) -> Nslab {
    let options = match commands.contains("&\n") {
        true => "set -e\ntrap 'kill $(jobs -p) 2> /dev/null || true' EXIT\n",
        false => "set -e\n",
    };
    let head = unindent(
        r#"
        #!/usr/bin/env bash
        # labs/x/lab.rhai, by `nslab export`.
        #
        # Run it in namespaces of its own, where it can change nothing of this machine:
        #
        #   unshare -Urnmpf --mount-proc bash -c \
        #     'mount -t tmpfs tmpfs /run; mount -t tmpfs tmpfs /var/lib; \
        #      cp -r /etc /run/etc 2> /dev/null; mount --bind /run/etc /etc; \
        #      exec bash lab.sh'
        #
        "#,
    );
    let defaults = unindent(
        r#"

        # As in every lab: the host's lo is up, IPv6 addresses can be used at once,
        # no ICMP error is held back, and each link has the same hardware address
        # each time.
        ip link set lo up
        "#,
    );
    let chosen: Vec<String> =
        nslab::net::CHOSEN.iter().map(|(key, value, _)| format!("{key}={value}")).collect();
    let chosen = format!("chosen='{}'\nsysctl -qw $chosen\n", chosen.join(" "));
    let commands = unindent(commands);
    let commands = if commands.is_empty() { commands } else { format!("\n{commands}") };
    let whole =
        format!("{head}{}{options}\n{}{chosen}{commands}", unindent(description), defaults.trim_start());
    Nslab::new(["export", "labs/x/lab.rhai"]).lab(lab).stdout(&whole)
}

#[test]
fn the_reference_solution_stands_in_the_gap() {
    export(
        r#"
        //! Give the host {lan}.1.
        let lan = pick("lan", ["10.0.1", "10.0.2"]);
        submission("solutions/way.sh");
        check("it answers", ping(`${lan}.1`));
        "#,
        r#"
        # Give the host 10.0.1.1.
        "#,
        r#"
        # The gap: labs/x/solutions/way.sh
        (
        # As it is typed.
        ip addr add {lan}.1/24 dev lo
        ) || true

        ping -c1 -W1 10.0.1.1 || true
        #   check: it answers
        "#
        .replace("{lan}", "10.0.1")
        .as_str(),
    )
    .file("labs/x/solutions/way.sh", "# As it is typed.\nip addr add {lan}.1/24 dev lo\n\n")
    .run();
}

#[test]
fn a_script_says_what_was_typed() {
    export(
        r#"
        //! A lab.
        //! It says so.
        title("A title");
        step("A step");
        let red = netns("red");
        let odd = netns("it's");
        note("a note\nof two lines");
        veth(red, "veth-red", host(), "veth-host");
        try { red.addr_add("veth-red", "1992.168.15.2"); } catch (e) { note("no"); }
        check("nobody answers", !ping(red, "192.168.15.2").ok);
        tcp(red, "192.168.15.2", 80, #{sport: 4321});
        refute("a tool", exec("ip link show nope"));
        let sleeper = start("sleep 1000");
        start("sleep 2000");
        check("it runs", exec(`kill -0 ${sleeper.pid}`));
        stop(sleeper);
        snapshot("links", links(odd));
        "#,
        r#"
        # A lab.
        # It says so.
        "#,
        r#"
        # A title

        # A step
        ip netns add red
        ip netns exec red sysctl -qw $chosen
        ip netns add 'it'\''s'
        ip netns exec 'it'\''s' sysctl -qw $chosen
        # a note
        # of two lines
        ip -n red link add veth-red type veth peer name veth-host netns $$
        ip link set dev veth-host address 02:15:14:ba:ff:e3
        ip -n red link set dev veth-red address 02:63:21:b6:70:95
        ip -n red addr add 1992.168.15.2 dev veth-red || true
        #   refused: any valid prefix is expected rather than "1992.168.15.2"
        # no
        ip netns exec red ping -c1 -W1 192.168.15.2 || true
        #   check: nobody answers
        ip netns exec red nc -zv -w1 -p4321 192.168.15.2 80 || true
        ip link show nope || true
        #   refute: a tool
        sleep 1000 &
        pid1=$!
        sleep 2000 &
        pid2=$!
        sleep 1
        kill -0 $pid1 || true
        #   check: it runs
        kill $pid1 || true
        ip -n 'it'\''s' link
        #   snapshot: links
        "#,
    )
    .needs(&["ip"])
    .run();
}

#[test]
fn a_shell_lab_is_printed_as_it_is() {
    Nslab::new(["export", "lab.sh"]).file("lab.sh", "$ ip link (a)\n").stdout("$ ip link (a)\n").run();
}

#[test]
fn a_lab_that_stops_half_way() {
    export(
        r#"
        netns("red");
        up("eth7");
        netns("blue");
        "#,
        "",
        r#"
        ip netns add red
        ip netns exec red sysctl -qw $chosen
        ip link set eth7 up || true
        #   refused: Cannot find device "eth7"
        "#,
    )
    .stderr(
        r#"
        error: labs/x/lab.rhai:2:1: Cannot find device "eth7"
           |
         2 | up("eth7");
           | ^
        command: ip link set eth7 up
        hint: `host` has `lo`
        hint: the script goes as far as the lab did
        "#,
    )
    .code(1)
    .run();
}

#[test]
fn a_lab_that_is_none() {
    export("hots();", "", "")
        .stdout("")
        .stderr(
            r#"
            error: labs/x/lab.rhai:1:1: there is no function `hots`
               |
             1 | hots();
               | ^
            hint: did you mean `host`?
            "#,
        )
        .code(3)
        .run();
}

#[test]
fn a_lab_that_is_not_there() {
    Nslab::new(["export", "labs/none.rhai"])
        .without_sandbox()
        .stderr("error: failed to read `labs/none.rhai`: No such file or directory\n")
        .code(2)
        .run();
}

#[test]
fn a_failed_check_is_the_checks_own_business() {
    export(
        r#"
        check("no", false);
        "#,
        "",
        r#"
        #   check: no
        "#,
    )
    .run();
}

#[test]
fn a_machine_that_lacks_a_tool() {
    export(
        r#"
        netns("red");
        exec("arp -n");
        "#,
        "",
        r#"
        ip netns add red
        ip netns exec red sysctl -qw $chosen
        "#,
    )
    .stderr(
        r#"
        error: not measured: exec of "arp" failed: No such file or directory; install it: `apt-get install net-tools`
        hint: the script goes as far as the lab did
        "#,
    )
    .after("for arp in /usr/sbin/arp /sbin/arp /usr/bin/arp /bin/arp; do [ ! -e $arp ] || mount --bind /dev/null $arp; done")
    .code(1)
    .run();
}
