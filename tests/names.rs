//! Names that nobody should choose, and some that only look so: what `ip`
//! takes is taken, what it refuses is refused in its words, and each command
//! that is shown can be typed as it stands.

use crate::measured::{lacking, skip};
use crate::support::{NOTHING, Nslab};

/// A lab with this text stops, and this is said of it.
#[track_caller]
fn stops(lab: &str, report: &str) {
    Nslab::test(NOTHING).lab(lab).fails(report).run();
}

#[test]
fn a_namespace_with_a_slash() {
    stops(
        r#"
        netns("red/blue");
        "#,
        r#"
        labs/x/lab.rhai:1:1: Invalid netns name "red/blue"
           |
         1 | netns("red/blue");
           | ^
        command: ip netns add red/blue
        hint: it becomes a file under /run/netns: one to 255 bytes, without a slash
        "#,
    );
}

#[test]
fn a_namespace_of_300_bytes() {
    let name = "x".repeat(300);
    stops(
        &format!("\n{}netns(\"{name}\");\n", " ".repeat(4)),
        &format!(
            "\nlabs/x/lab.rhai:1:1: Invalid netns name \"{name}\"\n   |\n 1 | netns(\"{name}\");\n   | ^\n\
             command: ip netns add {name}\n\
             hint: it becomes a file under /run/netns: one to 255 bytes, without a slash\n"
        ),
    );
}

#[test]
fn a_link_with_a_slash() {
    stops(
        r#"
        bridge("v/net");
        "#,
        r#"
        labs/x/lab.rhai:1:1: argument "v/net" is wrong: "dev" not a valid ifname
           |
         1 | bridge("v/net");
           | ^
        command: ip link add v/net type bridge
        hint: an interface name has no slash, colon or space
        "#,
    );
}

#[test]
fn a_link_with_a_space() {
    stops(
        r#"
        let red = netns("it's red");
        veth(red, "to blue", host(), "x");
        "#,
        r#"
        labs/x/lab.rhai:2:1: argument "to blue" is wrong: "dev" not a valid ifname
           |
         2 | veth(red, "to blue", host(), "x");
           | ^
        command: ip -n 'it'\''s red' link add 'to blue' type veth peer name x netns 1
        hint: an interface name has no slash, colon or space
        "#,
    );
}

#[test]
fn a_link_of_300_bytes() {
    let name = "x".repeat(300);
    stops(
        &format!("\n{}bridge(\"{name}\");\n", " ".repeat(4)),
        &format!(
            "\nlabs/x/lab.rhai:1:1: Attribute failed policy validation\n   |\n 1 | bridge(\"{name}\");\n   | ^\n\
             command: ip link add {name} type bridge\n\
             hint: it has 300 bytes, and an interface name has at most 15\n"
        ),
    );
}

#[test]
fn a_link_with_a_name_in_korean_that_is_too_long() {
    stops(
        r#"
        bridge("다리다리다리");
        "#,
        r#"
        labs/x/lab.rhai:1:1: Attribute failed policy validation
           |
         1 | bridge("다리다리다리");
           | ^
        command: ip link add 다리다리다리 type bridge
        hint: it has 18 bytes, and an interface name has at most 15
        "#,
    );
}

#[test]
fn names_with_spaces_quotes_and_korean_letters_work() {
    Nslab::run_lab()
        .lab(
            r#"
            let red = netns("red \"room\"");
            let blue = netns("파랑");
            veth(red, "a\"b", blue, "파랑");
            red.up("a\"b");
            blue.up("파랑");
            red.addr_add("a\"b", "10.0.0.1/24");
            blue.addr_add("파랑", "10.0.0.2/24");
            check("red reaches blue", ping(red, "10.0.0.2", #{iface: "a\"b"}));
            bridge("$PATH;x");
            sysctl("net.ipv4.conf.$PATH;x.rp_filter", "1");
            "#,
        )
        .stdout(
            r#"
            x/lab

              $ ip netns add 'red "room"'
                  red "room": a namespace, with `lo` alone
              $ ip netns add 파랑
                  파랑: a namespace, with `lo` alone
              $ ip -n 'red "room"' link add 'a"b' type veth peer name 파랑 netns 파랑
                  red "room": + a"b@파랑: mtu 1500 state DOWN veth 02:7a:17:90:d3:8a
                  파랑: + 파랑@a"b: mtu 1500 state DOWN veth 02:51:eb:83:d4:62
              $ ip -n 'red "room"' link set 'a"b' up
                  red "room": ~ a"b: state DOWN → LOWERLAYERDOWN
              $ ip -n 파랑 link set 파랑 up
                  red "room": ~ a"b: state LOWERLAYERDOWN → UP
                  red "room": + inet6 fe80::7a:17ff:fe90:d38a/64 scope link a"b
                  red "room": + fe80::/64 dev a"b proto kernel metric 256 pref medium
                  파랑: ~ 파랑: state DOWN → UP
                  파랑: + inet6 fe80::51:ebff:fe83:d462/64 scope link 파랑
                  파랑: + fe80::/64 dev 파랑 proto kernel metric 256 pref medium
              $ ip -n 'red "room"' addr add 10.0.0.1/24 dev 'a"b'
                  red "room": + inet 10.0.0.1/24 scope global a"b
                  red "room": + 10.0.0.0/24 dev a"b proto kernel scope link src 10.0.0.1
              $ ip -n 파랑 addr add 10.0.0.2/24 dev 파랑
                  파랑: + inet 10.0.0.2/24 scope global 파랑
                  파랑: + 10.0.0.0/24 dev 파랑 proto kernel scope link src 10.0.0.2
              $ ip netns exec 'red "room"' ping -c1 -W1 -I 'a"b' 10.0.0.2
                PING 10.0.0.2 (10.0.0.2) 56(84) bytes of data.
                64 bytes from 10.0.0.2: icmp_seq=1 ttl=64

                --- 10.0.0.2 ping statistics ---
                1 packets transmitted, 1 received, 0% packet loss
                  red "room": + 10.0.0.2 dev a"b lladdr 02:51:eb:83:d4:62 resolved
                  파랑: + 10.0.0.1 dev 파랑 lladdr 02:7a:17:90:d3:8a resolved
              ✓ red reaches blue
              $ ip link add '$PATH;x' type bridge
                  host: + $PATH;x: mtu 1500 state DOWN bridge 02:8a:85:a8:be:2e
              $ sysctl -w 'net.ipv4.conf.$PATH;x.rp_filter=1'
                  host: ~ net.ipv4.conf.$PATH;x.rp_filter: 0 → 1

            1 passed
            "#,
        )
        .run();
}

#[test]
fn our_words_are_those_of_ip() {
    if let Some(lack) = lacking(&["ip"]) {
        return skip(lack);
    }
    // Each name is given to nslab and to the real `ip`, in the same sandbox.
    Nslab::test(NOTHING)
        .lab(
            r#"
            let long = "x";
            for n in 0..299 { long += "x"; }
            let names = [
                "a/b", "a b", "a\tb", "a\"b", "it's", "$HOME;x", "a:b", "a@b", "x%d", "x%s", "%", "", ".", "..", "all",
                "default", "lo", "-x", "abcdefghijklmno", "abcdefghijklmnop", "한글", "한글한글한", "한글한글한글", long,
            ];
            // A name for sh(1): every byte of it means itself.
            fn quoted(name) {
                let name = name;
                name.replace("'", "'\\''");
                "'" + name + "'"
            }
            // What `ip` says, in the form in which we say it.
            fn said(answer) {
                let words = answer.stderr;
                words.trim();
                if words.starts_with("Error: ") { words = words.sub_string(7); }
                if words.ends_with(".") && !words.contains("\"") { words = words.sub_string(0, words.len() - 1); }
                words
            }
            fn ours(act) {
                try { act.call(); } catch (e) { return e.error; }
                ""
            }
            // Nothing is left of one when the other comes.
            fn clear() {
                for link in links() {
                    if link.name != "lo" { try { del_link(link.name); } catch {} }
                }
            }
            let refusals = 0;
            for name in names {
                let typed = quoted(name);
                let acts = [
                    [|| { let ns = netns(name); delete(ns); }, `ip netns add ${typed} && ip netns delete ${typed}`],
                    [|| bridge(name), `ip link add ${typed} type bridge`],
                    [|| veth("p", name), `ip link add p type veth peer name ${typed}`],
                    [|| veth(name, "p"), `ip link add ${typed} type veth peer name p`],
                ];
                for act in acts {
                    let we = ours(act[0]);
                    clear();
                    let they = said(sh(act[1]));
                    clear();
                    refusals += if they == "" { 0 } else { 1 };
                    check("the same words", [name, we] == [name, they]);
                }
            }
            check("some were refused, and some were not", refusals > 30);
            "#,
        )
        .stdout(
            r#"

            running 2 tests
            test x/lab::the same words                       ... ok
            test x/lab::some were refused, and some were not ... ok

            test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in [TIME]

            "#,
        )
        .run();
}
