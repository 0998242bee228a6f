//! Common mistakes in a lab, and the hints that help.

use crate::support::{NOTHING, Nslab};

/// A lab of this one line stops at this column, and this is said of it.
#[track_caller]
fn stops(line: &str, column: usize, error: &str, rest: &str) {
    let name = if line.starts_with("check(\"x\"") { "x/lab::x" } else { "x/lab" };
    let mark = " ".repeat(column);
    let report = format!("\nlabs/x/lab.rhai:1:{column}: {error}\n   |\n 1 | {line}\n   |{mark}^\n{rest}\n");
    Nslab::test(NOTHING).lab(&format!("{line}\n")).fails_as(name, &report).run();
}

#[test]
fn a_field_under_the_name_that_others_give_it() {
    stops("rules()[0].prio;", 12, "there is no field `prio` here", "hint: did you mean `pref`?");
    let wanted = "rules().contains(#{priority: 5});";
    stops(wanted, 9, "a row of rules has no field `priority`", "hint: did you mean `pref`?");
    let option = "route_add(\"default\", #{gateway: \"10.0.0.1\"});";
    stops(option, 1, "`route_add` has no option `gateway`", "hint: did you mean `via`?");
}

#[test]
fn a_field_that_an_answer_does_not_have() {
    let line = "http_get(\"http://127.0.0.1/\").stat;";
    stops(line, 31, "an http answer has no field `stat`", "hint: did you mean `state`?");
}

#[test]
fn a_field_that_a_row_does_not_have() {
    let hint = "hint: what a row does not have is `()`, as the `rule` of a chain: ask `x != () && …`";
    let line = "policy(\"forward\", \"drop\"); firewall()[0].rule.contains(\"x\");";
    stops(line, 47, "`contains` does not take (nothing, string)", hint);
    stops("links()[0].peer.len();", 17, "`len` does not take (nothing)", hint);
}

#[test]
fn an_expectation_of_what_is_no_answer() {
    stops(
        r#"check("x", capture("lo"));"#,
        1,
        "`check` takes a bool or an answer, not a capture",
        "hint: ask something of its packets, as `.rows().contains(#{…})`",
    );
    stops(
        r#"check("x", serve_http(80, "a"));"#,
        1,
        "`check` takes a bool or an answer, not a service",
        "hint: it is there when the call returns; ask it something, as with `http_get` or `resolve`",
    );
    stops(
        r#"check("x", start("sleep 1000"));"#,
        1,
        "`check` takes a bool or an answer, not a process",
        "hint: ask something of it, as `.running`; what a program answers, `exec` gives",
    );
    stops(
        r#"check("x", policy("forward", "drop"));"#,
        1,
        "`check` takes a bool or an answer, not nothing",
        "hint: what only acts gives no answer: let it stand alone, and ask about it afterwards",
    );
}

#[test]
fn a_command_that_is_none() {
    let hint = "hint: write what would stand behind `iptables`, as `-A FORWARD -s 10.0.0.0/8 -j DROP`";
    let rest = format!("command: iptables\n{hint}");
    stops("iptables(\"\");", 1, "no command specified", &rest);
    let hint = "hint: a command is the name of a program and its arguments, as `ip link`";
    stops("exec(\"\");", 1, "there is no command", hint);
    let error = "exec of \"/nosuch/cmd\" failed: No such file or directory";
    let hint = "hint: no file is at `/nosuch/cmd` in the sandbox";
    stops("exec(\"/nosuch/cmd\");", 1, error, &format!("command: /nosuch/cmd\n{hint}"));
    stops("start(\"/nosuch/cmd\");", 1, error, &format!("command: /nosuch/cmd &\n{hint}"));
    let own = env!("CARGO_BIN_EXE_nslab");
    let error = format!("exec of \"{own}\" failed: No such file or directory");
    let hint = format!(
        "hint: no file is at `{own}` in the sandbox: of this machine it has the programs below /usr, and nobody's files"
    );
    stops(&format!("exec(\"{own}\");"), 1, &error, &format!("command: {own}\n{hint}"));
    stops(
        "exec(\"echo 'a\");",
        1,
        "`echo 'a` has a quote that is not closed",
        "command: echo 'a\nhint: what begins with a quote ends with the same one, as in a shell",
    );
}

#[test]
fn an_address_with_a_port_where_none_belongs() {
    let hint = "hint: an address stands here alone, without a port, as `192.168.15.1`";
    let error = "any valid address is expected rather than \":70000\"";
    let command = "command: dnsmasq -d -C /dev/null --no-resolv --no-hosts --bind-interfaces \
                   --listen-address=:70000 --local=/#/ &";
    stops("serve_dns(\":70000\", #{});", 1, error, &format!("{command}\n{hint}"));
    let error = "any valid prefix is expected rather than \"10.0.0.1:80\"";
    let command = "command: ip addr add 10.0.0.1:80 dev lo";
    stops("addr_add(\"lo\", \"10.0.0.1:80\");", 1, error, &format!("{command}\n{hint}"));
}

#[test]
fn a_port_below_0_to_listen() {
    let command = r#"command: sh -c 'cd "$(mktemp -d)" && printf %s x > index.html && exec python3 -m http.server -5 --bind ::' &"#;
    let rest = format!("{command}\nhint: a port is a number from 1 to 65535");
    stops("serve_http(host(), -5, \"x\");", 1, "port number too small: -5", &rest);
}
