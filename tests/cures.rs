//! The cures of `nslab why`: what else they change, and how narrow they are.

use crate::support::{NOTHING, Nslab, unindent};

/// Two hosts and a router that forwards between them, lines of its own, and the question.
const ROUTED: &str = r#"
    let red = netns("red");
    let router = netns("router");
    let blue = netns("blue");
    veth(red, "eth0", router, "to-red");
    veth(blue, "eth0", router, "to-blue");
    red.addr_add("eth0", "10.0.1.2/24");
    router.addr_add("to-red", "10.0.1.1/24");
    router.addr_add("to-blue", "10.0.2.1/24");
    blue.addr_add("eth0", "10.0.2.2/24");
    for end in [[red, "eth0"], [router, "to-red"], [router, "to-blue"], [blue, "eth0"]] {
        up(end[0], end[1]);
    }
    blue.route_add("default", "10.0.2.1");
    router.sysctl("net.ipv4.ip_forward", 1);
    LINES
    let answer = why(red, "10.0.2.2");
"#;

/// Checks the answer's cure, by these conditions too, after these lines.
fn answers(lines: &str, tools: &'static [&'static str], fix: &[String], conditions: &[&str]) {
    let lab = ROUTED.replace("LINES", lines);
    let cure = format!("answer.fix == {fix:?}");
    let mut names = vec!["the cure".to_string()];
    let mut checks = format!("check(\"the cure\", {cure});\n");
    for condition in ["answer.proved"].iter().chain(conditions) {
        let name = condition.replace('"', "'");
        checks += &format!("check(\"{name}\", {condition});\n");
        names.push(name);
    }
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    Nslab::test(NOTHING).file("labs/x/lab.rhai", format!("{lab}{checks}")).passes(&names).needs(tools).run();
}

/// Checks that a ping through the router is mended by these commands there, which change nothing
/// else.
fn cured_by(lines: &str, tools: &'static [&'static str], fix: &[&str]) {
    let lines = format!("red.route_add(\"default\", \"10.0.1.1\");\n{lines}");
    let fix: Vec<String> = fix.iter().map(|command| format!("ip netns exec router {command}")).collect();
    let conditions = ["answer.effects.asked > 5", "answer.effects.lost == []", "answer.effects.opened == []"];
    answers(&lines, tools, &fix, &conditions);
}

/// Checks the cause and the cure.
fn mended_by(lines: &str, id: &str, fix: &[&str]) {
    let fix: Vec<String> = fix.iter().map(|command| command.to_string()).collect();
    answers(lines, &["ip"], &fix, &[&format!("answer.cause.id == \"{id}\"")]);
}

#[test]
fn iptables_accepts_no_more_than_was_asked() {
    const TOOLS: &[&str] = &["ip", "iptables"];
    cured_by(
        r#"router.iptables("-P FORWARD DROP");"#,
        TOOLS,
        &[
            "iptables -A FORWARD -i to-red -o to-blue -p icmp -j ACCEPT",
            "iptables -A FORWARD -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT",
        ],
    );
    cured_by(
        r#"router.iptables("-A FORWARD -s 192.168.9.0/24 -j ACCEPT"); router.iptables("-A FORWARD -j DROP");"#,
        TOOLS,
        &[
            "iptables -I FORWARD 2 -i to-red -o to-blue -p icmp -j ACCEPT",
            "iptables -I FORWARD 3 -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT",
        ],
    );
    // A rule about such packets is deleted; one about a mark serves others too, and gets an
    // exception.
    cured_by(
        r#"router.iptables("-A FORWARD -s 10.0.1.2 -p icmp -j DROP");"#,
        TOOLS,
        &["iptables -D FORWARD -s 10.0.1.2/32 -p icmp -j DROP"],
    );
    cured_by(
        r#"router.iptables("-t mangle -A PREROUTING -i to-red -j MARK --set-mark 7");
           router.iptables("-A FORWARD -m mark --mark 7 -j DROP");"#,
        TOOLS,
        &["iptables -I FORWARD -i to-red -o to-blue -p icmp -j ACCEPT"],
    );
    // The ICMP error of REJECT is no answer: without the rule, other ports would be open too.
    cured_by(
        r#"router.iptables("-t mangle -A PREROUTING -i to-red -j MARK --set-mark 7");
           router.iptables("-A FORWARD -m mark --mark 7 -j REJECT");"#,
        TOOLS,
        &["iptables -I FORWARD -i to-red -o to-blue -p icmp -j ACCEPT"],
    );
    // A chain that accepts everything is not the rule that was forgotten.
    cured_by(
        r#"router.iptables("-N all"); router.iptables("-A all -j ACCEPT"); router.iptables("-P FORWARD DROP");
           router.iptables("-A FORWARD -m conntrack --ctstate ESTABLISHED -j ACCEPT");"#,
        TOOLS,
        &["iptables -A FORWARD -i to-red -o to-blue -p icmp -j ACCEPT"],
    );
}

#[test]
fn nft_accepts_no_more_than_was_asked() {
    cured_by(
        r#"router.nft("add table inet f; add chain inet f through { type filter hook forward priority 0; policy drop; }");"#,
        &["ip", "nft"],
        &[
            r#"nft 'add rule inet f through iifname "to-red" oifname "to-blue" meta l4proto icmp accept'"#,
            "nft add rule inet f through ct state established,related accept",
        ],
    );
    cured_by(
        "router.nft(`add table ip f; add chain ip f pre { type filter hook prerouting priority -300; policy drop; };
                     add rule ip f pre iifname to-blue accept`);",
        &["ip", "nft"],
        &[
            r#"nft 'add rule ip f pre iifname "to-red" ip saddr 10.0.1.2 ip daddr 10.0.2.2 meta l4proto icmp accept'"#,
        ],
    );
}

/// Asks why in a shell lab, where what a cure changes is told.
fn why(lab: &str, question: &[&str]) -> Nslab {
    let all = ["why", "lab.sh"].into_iter().chain(question.iter().copied());
    Nslab::new(all).file("lab.sh", unindent(lab)).needs(&["ip"])
}

#[test]
fn a_link_may_be_called_as_a_word_of_ip() {
    why(
        "
        ip netns add red
        ip link add a type veth peer name b netns red
        ip addr add 10.1.0.1/24 dev a
        ip link set a up
        ip -n red addr add 10.1.0.2/24 dev b
        ip -n red link set b up
        ",
        &["red", "10.1.0.1"],
    )
    .stdout(
        "
        red can't reach 10.1.0.1: `ip link add a type veth peer name b netns red` was
        refused (\"type\" is invalid lladdr): `ip link` reads `a` as its keyword
        `address`; `name a` is read as a name
          (nslab why --explain command-refused)

          request  [red] ✗
          the request did not leave any interface of red

        look at
            ip link add a type veth peer name b netns red

        cure
            ip link add name a type veth peer name b netns red
            ip addr add 10.1.0.1/24 dev a
            ip link set dev a up
            ip -n red addr add 10.1.0.2/24 dev b
            ip -n red link set dev b up
        proved: a replay of the lab with these commands reaches 10.1.0.1
        ",
    )
    .code(1)
    .run();
}

#[test]
fn what_a_cure_opens_is_told() {
    why(
        "
        ip netns add red
        ip netns add router
        ip netns add blue
        ip netns add shop
        ip link add eth0 netns red type veth peer name to-red netns router
        ip link add to-blue netns router type veth peer name eth0 netns blue
        ip link add to-shop netns router type veth peer name eth0 netns shop
        ip -n red addr add 10.0.1.2/24 dev eth0
        ip -n router addr add 10.0.1.1/24 dev to-red
        ip -n router addr add 10.0.2.1/24 dev to-blue
        ip -n router addr add 10.0.3.1/24 dev to-shop
        ip -n blue addr add 10.0.2.2/24 dev eth0
        ip -n shop addr add 10.0.3.2/24 dev eth0
        for end in 'red eth0' 'router to-red' 'router to-blue' 'router to-shop' 'blue eth0' 'shop eth0'; do
            set -- $end
            ip -n $1 link set $2 up
        done
        ip -n red route add default via 10.0.1.1
        ip -n blue route add default via 10.0.2.1
        ip -n shop route add default via 10.0.3.1
        ",
        &["red", "10.0.2.2"],
    )
    .stdout(
        "
        red can't reach 10.0.2.2: router gets packets for others on to-red and does not
        forward them: net.ipv4.ip_forward=0 there
          (nslab why --explain forwarding-off)

          request  [red] eth0 ──▶ to-red [router] ✗ to-blue
          the request was last seen entering router by to-red, and not at router's
          to-blue

        look at
            ip netns exec router sysctl net.ipv4.ip_forward

        cure
            ip netns exec router sysctl -qw net.ipv4.ip_forward=1
        proved: a replay of the lab with this command reaches 10.0.2.2
        it also opens: blue → shop, red → shop, shop → blue, shop → red
        ",
    )
    .code(1)
    .run();
}

#[test]
fn what_is_wrong_is_mended_rather_than_worked_around() {
    mended_by(
        r#"red.route_add("10.0.2.0/31", "10.0.1.1");"#,
        "route-typo",
        &["ip -n red route del 10.0.2.0/31 via 10.0.1.1", "ip -n red route add 10.0.2.0/24 via 10.0.1.1"],
    );
    mended_by(
        r#"red.rule_add(#{to: "10.0.2.0/24", table: 100});"#,
        "route-missing",
        &["ip -n red route add default via 10.0.1.1 table 100"],
    );
    mended_by(
        r#"red.route_add("default", "10.0.1.1"); red.addr_add("eth0", "10.0.2.2/32");"#,
        "duplicate-address",
        &["ip -n red addr del 10.0.2.2/32 dev eth0"],
    );
    mended_by(
        r#"red.route_add("default", "10.0.1.1"); blue.addr_del("eth0", "10.0.2.2/24");"#,
        "address-missing",
        &["ip -n blue addr add 10.0.2.2/24 dev eth0", "ip -n blue route add default via 10.0.2.1"],
    );
}

#[test]
fn the_tool_that_writes_the_rules_is_named() {
    let said = |rules: &[&str], words: &str| {
        let rules: String = rules.iter().map(|rule| format!("router.iptables(\"{rule}\");\n")).collect();
        let lab = format!("red.route_add(\"default\", \"10.0.1.1\");\n{rules}");
        let lab = ROUTED
            .replace("LINES", &lab)
            .replace("why(red, \"10.0.2.2\")", "why(red, \"10.0.2.2\", #{tcp: 8080})");
        Nslab::test(NOTHING)
            .file(
                "labs/x/lab.rhai",
                format!("{lab}check(\"said\", answer.cause.text.contains(\"{words}\"));"),
            )
            .passes(&["said"])
            .needs(&["ip", "iptables"])
            .run();
    };
    said(
        &["-N ufw-before-forward", "-A FORWARD -j ufw-before-forward", "-P FORWARD DROP"],
        "`ufw route allow in on to-red out on to-blue to 10.0.2.2 port 8080 proto tcp` says it for good",
    );
    said(
        &["-N DOCKER-USER", "-A FORWARD -j DOCKER-USER", "-P FORWARD DROP"],
        "a rule that is to stay belongs into the chain DOCKER-USER",
    );
    said(
        &["-N f2b-sshd", "-A FORWARD -j f2b-sshd", "-A f2b-sshd -s 10.0.1.2 -j REJECT"],
        "`fail2ban-client set sshd unbanip 10.0.1.2` says it for good",
    );
}
