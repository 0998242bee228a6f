//! Names are resolved as the C library does: each case is a query to nslab, to getent(1)
//! and to ping(8) in the same namespace.

use crate::measured::{lacking, skip};
use crate::support::{NOTHING, Nslab};

/// A network with a name server at 192.168.15.2, and `asks(name)`, which
/// compares what nslab and the C library make of a name.
const NETWORK: &str = r#"
    let red = netns("red");
    let blue = netns("blue");
    veth(red, "veth-red", blue, "veth-blue");
    red.addr_add("veth-red", "192.168.15.1/24");
    blue.addr_add("veth-blue", "192.168.15.2/24");
    for end in [[red, "veth-red"], [blue, "veth-blue"]] {
        up(end[0], "lo");
        up(end[0], end[1]);
    }
    sh("mkdir -p /etc/netns/red");
    fn has(name, text) { sh(`printf '${text}' > /etc/netns/red/${name}`); }
    has("hosts", "127.0.0.1 localhost\n::1 localhost\n10.0.0.9 both.corp\n10.0.0.8 LOCAL.corp local alias\nfd00::8 local.corp\n10.0.0.7 local\n");
    has("resolv.conf", "nameserver 192.168.15.2\noptions timeout:1 attempts:1\n");
    let names = #{
        "web.corp": ["192.168.15.7", "fd00::7"],
        "both.corp": "192.168.15.9",
        "six.corp": "fd00::6",
        "www.corp": "web.corp",
        "a.b.corp": ["10.0.0.1", "10.9.0.1", "192.168.15.200", "192.168.15.3", "169.254.0.1"],
        "single": "10.1.1.1",
    };
    fn asks(red, name) {
        let theirs = exec(red, `getent ahosts ${name}`).stdout.split("\n");
        let addresses = [];
        for line in theirs {
            if line.contains("STREAM") && !addresses.contains(line.split(" ")[0]) {
                addresses.push(line.split(" ")[0]);
            }
        }
        let ours = resolve(red, name);
        if ours != addresses {
            note(`${name}: nslab says ${ours.addresses}, getent says ${addresses}`);
            return false;
        }
        // ping knows why there is none.
        let theirs = exec(red, `ping -c1 -W1 ${name}`);
        let ours = ping(red, name);
        let line = |text| text.split("\n")[0];
        let theirs = line.call(if theirs.stdout == "" { theirs.stderr } else { theirs.stdout });
        if line.call(ours.text) != theirs {
            note(`${name}: nslab says ${line.call(ours.text)}, ping says ${theirs}`);
            return false;
        }
        true
    }
    const NAMES = ["web.corp", "WEB.corp.", "both.corp", "six.corp", "www.corp", "a.b.corp", "single", "single.", "none",
        "none.", "none.corp", "corp", "web", "www", "b", "a.b", "local", "Local.Corp", "alias", "localhost", "127.1",
        "192.168.15", "1992.168.15.2", "::1", "a..b", "under_score.corp", "x-.corp"];
    // Where each takes its time.
    const SOME = ["web.corp", "six.corp", "none", "none.corp", "web", "local", "1992.168.15.2"];
    fn some_of(red, how) {
        compare(red, how, global::SOME)
    }
    fn all(red, how) {
        compare(red, how, global::NAMES)
    }
    fn compare(red, how, names) {
        let all = true;
        for name in names {
            if !asks(red, name) {
                note(how);
                all = false;
            }
        }
        all
    }
"#;

#[track_caller]
fn agrees(lab: &str) {
    let server: &[&str] = if lab.contains("dnsmasq") { &["dnsmasq"] } else { &[] };
    if let Some(lack) = lacking(&[&["getent", "ping"], server].concat()) {
        return skip(lack);
    }
    // The notes say what is different.
    Nslab::test(NOTHING).lab(&format!("{NETWORK}\n{lab}")).passes(&["they agree"]).run();
}

#[test]
fn with_a_server() {
    agrees(
        r#"
        serve_dns(blue, "192.168.15.2", names);
        check("they agree", all(red, "a server"));
        "#,
    );
}

#[test]
fn with_the_real_dnsmasq() {
    agrees(
        r#"
        let server = start(blue, "dnsmasq -d --no-hosts --no-resolv --listen-address=192.168.15.2 --bind-interfaces "
            + "--host-record=web.corp,192.168.15.7 --host-record=web.corp,fd00::7 --host-record=both.corp,192.168.15.9 "
            + "--host-record=six.corp,fd00::6 --cname=www.corp,web.corp --host-record=single,10.1.1.1 --local=/#/");
        let ready = false;
        for n in 0..500 {
            if !ready {
                ready = resolve(red, "single.").ok;
                sh("sleep 0.01");
            }
        }
        check("they agree", ready && all(red, "the real dnsmasq"));
        "#,
    );
}

#[test]
fn without_a_server() {
    agrees(
        r#"
        has("resolv.conf", "");
        check("they agree", all(red, "no server"));
        "#,
    );
}

#[test]
fn with_a_server_that_is_not_there() {
    agrees(
        r#"
        // Nobody is at that port, nobody has that address, nobody knows a way.
        for server in ["192.168.15.2", "192.168.15.9", "10.9.9.9"] {
            has("resolv.conf", `nameserver ${server}\noptions timeout:1 attempts:1\n`);
            check("they agree", compare(red, server, ["web.corp", "none", "local"]));
        }
        "#,
    );
}

#[test]
fn with_an_upstream_that_cannot_be_reached() {
    agrees(
        r#"
        serve_dns(blue, "192.168.15.2", names, #{upstream: "10.0.0.53"});
        check("they agree", all(red, "no upstream"));
        "#,
    );
}

#[test]
fn with_an_upstream() {
    agrees(
        r#"
        blue.addr_add("veth-blue", "192.168.15.3/24");
        serve_dns(blue, "192.168.15.3", #{"none.corp": "10.2.2.2", "none": "10.3.3.3", "web.corp": "10.4.4.4"});
        serve_dns(blue, "192.168.15.2", names, #{upstream: ["10.0.0.53", "192.168.15.3"]});
        check("they agree", some_of(red, "an upstream"));
        "#,
    );
}

#[test]
fn with_a_search_list() {
    agrees(
        r#"
        serve_dns(blue, "192.168.15.2", names);
        for lines in ["search corp", "domain corp", "search nowhere b.corp corp.", "search corp\nsearch nowhere",
            "search corp\noptions ndots:2", "search corp\noptions ndots:0", "search ."] {
            has("resolv.conf", `nameserver 192.168.15.2\n${lines}\n`);
            check("they agree", some_of(red, lines));
        }
        "#,
    );
}

#[test]
fn with_several_servers() {
    agrees(
        r#"
        serve_dns(blue, "192.168.15.2", names);
        blue.addr_add("veth-blue", "192.168.15.3/24");
        // One that knows nobody who knows.
        serve_dns(blue, "192.168.15.3", #{}, #{upstream: "10.0.0.53"});
        for servers in [["192.168.15.3", "192.168.15.2"], ["192.168.15.2", "192.168.15.3"],
            ["10.9.9.9", "192.168.15.1", "192.168.15.3", "192.168.15.2"]] {
            let lines = "";
            for server in servers {
                lines += `nameserver ${server}\n`;
            }
            has("resolv.conf", lines + "options timeout:1 attempts:1\n");
            check("they agree", compare(red, lines, ["web.corp", "none.corp"]));
        }
        "#,
    );
}

#[test]
fn in_another_order() {
    agrees(
        r#"
        serve_dns(blue, "192.168.15.2", names);
        for order in ["hosts: files dns", "hosts: dns files", "hosts: files", "hosts: dns", "passwd: files",
            "hosts: files [NOTFOUND=return] dns", "hosts: dns [NOTFOUND=return] files", "hosts:dns [!UNAVAIL=return] files",
            "hosts: files [SUCCESS=continue] dns", "hosts: nonsense [UNAVAIL=return] files dns", "hosts: nonsense dns # files"] {
            has("nsswitch.conf", order + "\n");
            check("they agree", some_of(red, order));
        }
        "#,
    );
}

#[test]
fn in_another_order_with_a_server_that_fails() {
    agrees(
        r#"
        serve_dns(blue, "192.168.15.2", #{}, #{upstream: "10.0.0.53"});
        for server in ["192.168.15.2", "192.168.15.1"] {
            has("resolv.conf", `nameserver ${server}\noptions timeout:1 attempts:1\n`);
            for order in ["hosts: dns files", "hosts: dns [!UNAVAIL=return] files", "hosts: dns [TRYAGAIN=return] files",
                "hosts: dns [UNAVAIL=return] files", "hosts: dns [NOTFOUND=return] files"] {
                has("nsswitch.conf", order + "\n");
                check("they agree", some_of(red, `${server} ${order}`));
            }
        }
        "#,
    );
}

#[test]
fn in_a_namespace_of_ipv4_alone() {
    agrees(
        r#"
        serve_dns(blue, "192.168.15.2", names);
        sysctl(red, "net.ipv6.conf.all.disable_ipv6", "1");
        check("they agree", all(red, "IPv4"));
        "#,
    );
}
