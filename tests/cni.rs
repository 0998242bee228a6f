//! CNI: what is refused, in the words of libcni and of the plugins, and what
//! plugins are told.

use crate::measured::skip;
use crate::support::{NOTHING, Nslab, unindent};
use std::path::Path;

/// Whether the plugins of the CNI project are here.
fn has_plugins() -> bool {
    let folders = ["/usr/lib/cni", "/opt/cni/bin"];
    let here = folders.iter().any(|folder| Path::new(folder).join("host-local").exists());
    if !here {
        skip("the CNI plugins are not installed");
    }
    here
}

/// Plugins for which each test writes a script of sh(1).
fn with_plugins(plugins: &[(&str, &str)], lab: &str) -> String {
    let mut text =
        String::from("let red = netns(\"red\");\nlet own = #{path: \"/tmp/cni\"};\nsh(`mkdir -p /tmp/cni");
    for (name, script) in plugins {
        text +=
            &format!("\ncat > /tmp/cni/{name} <<'END'\n#!/bin/sh\n{script}\nEND\nchmod +x /tmp/cni/{name}");
    }
    format!("{text}`);\n{}", unindent(lab))
}

/// A lab with these plugins stops, and this is said of it; `LINE` is the
/// number of its last line.
#[track_caller]
fn stops(plugins: &[(&str, &str)], lab: &str, report: &str) {
    let text = with_plugins(plugins, lab);
    let line = text.trim_end().lines().count().to_string();
    let report = report.replace("LINE", &line).replace("INDENT", &" ".repeat(line.len()));
    Nslab::test(NOTHING).file("labs/x/lab.rhai", text).fails(&report).run();
}

#[test]
fn a_configuration_without_a_name() {
    stops(
        &[],
        r#"
        cni_add(red, #{cniVersion: "1.0.0", type: "bridge"});
        "#,
        r#"
        labs/x/lab.rhai:LINE:1: error parsing configuration list: no name
         INDENT |
         LINE | cni_add(red, #{cniVersion: "1.0.0", type: "bridge"});
         INDENT | ^
        hint: a network has a name, which is the same for each of its containers: `name: "mynet"`
        "#,
    );
}

#[test]
fn a_configuration_that_is_no_json() {
    stops(
        &[],
        r#"
        cni_add(red, `{"name": "mynet", "plugins": [}`);
        "#,
        r#"
        labs/x/lab.rhai:LINE:1: error parsing configuration: expected value at line 1 column 31
         INDENT |
         LINE | cni_add(red, `{"name": "mynet", "plugins": [}`);
         INDENT | ^
        hint: a configuration is a map, or JSON in a string
        "#,
    );
}

#[test]
fn a_plugin_that_is_not_there() {
    stops(
        &[],
        r#"
        cni_add(red, #{name: "mynet", type: "brigde"}, own);
        "#,
        r#"
        labs/x/lab.rhai:LINE:1: failed to find plugin "brigde" in path [/tmp/cni /usr/lib/cni /opt/cni/bin]
         INDENT |
         LINE | cni_add(red, #{name: "mynet", type: "brigde"}, own);
         INDENT | ^
        hint: did you mean `bridge`?
        "#,
    );
}

#[test]
fn the_host_is_no_container() {
    stops(
        &[("mine", "echo '{}'")],
        r#"
        cni_add(host(), #{name: "mynet", type: "mine"}, own);
        "#,
        r#"
        labs/x/lab.rhai:LINE:1: the host is no container
         INDENT |
         LINE | cni_add(host(), #{name: "mynet", type: "mine"}, own);
         INDENT | ^
        hint: a container is a namespace of its own, as `netns("red")`
        "#,
    );
}

#[test]
fn a_plugin_that_fails() {
    stops(
        &[(
            "mine",
            r#"echo '{"cniVersion": "1.0.0", "code": 7, "msg": "no such bridge", "details": "br7"}'; exit 1"#,
        )],
        r#"
        cni_add(red, #{name: "mynet", type: "mine", it: "is mine"}, own);
        "#,
        r#"
        labs/x/lab.rhai:LINE:1: plugin type="mine" failed (add): no such bridge; br7
         INDENT |
         LINE | cni_add(red, #{name: "mynet", type: "mine", it: "is mine"}, own);
         INDENT | ^
        command: CNI_COMMAND=ADD CNI_CONTAINERID=red CNI_NETNS=/run/netns/red CNI_IFNAME=eth0 CNI_PATH=/tmp/cni:/usr/lib/cni:/opt/cni/bin /tmp/cni/mine <<< '{"cniVersion":"0.1.0","it":"is mine","name":"mynet","type":"mine"}'
        hint: the configuration is not what the plugin needs
        "#,
    );
}

#[test]
fn a_subnet_that_is_none() {
    // In the words of host-local, whose plugin fails for it.
    stops(
        &[("mine", r#"echo '{"code": 999, "msg": "invalid CIDR address: 10.22.0.0/33"}'; exit 1"#)],
        r#"
        cni_add(red, #{name: "mynet", type: "mine", ipam: #{subnet: "10.22.0.0/33"}}, own);
        "#,
        r#"
        labs/x/lab.rhai:LINE:1: plugin type="mine" failed (add): invalid CIDR address: 10.22.0.0/33
         INDENT |
         LINE | cni_add(red, #{name: "mynet", type: "mine", ipam: #{subnet: "10.22.0.0/33"}}, own);
         INDENT | ^
        command: CNI_COMMAND=ADD CNI_CONTAINERID=red CNI_NETNS=/run/netns/red CNI_IFNAME=eth0 CNI_PATH=/tmp/cni:/usr/lib/cni:/opt/cni/bin /tmp/cni/mine <<< '{"cniVersion":"0.1.0","ipam":{"subnet":"10.22.0.0/33"},"name":"mynet","type":"mine"}'
        hint: a subnet is the address of a network and its mask, as `10.22.0.0/16`
        "#,
    );
}

#[test]
fn a_plugin_that_prints_no_json() {
    stops(
        &[("mine", "echo hello")],
        r#"
        cni_add(red, #{name: "mynet", type: "mine"}, own);
        "#,
        r#"
        labs/x/lab.rhai:LINE:1: plugin type="mine" failed (add): it printed no JSON: "hello"
         INDENT |
         LINE | cni_add(red, #{name: "mynet", type: "mine"}, own);
         INDENT | ^
        command: CNI_COMMAND=ADD CNI_CONTAINERID=red CNI_NETNS=/run/netns/red CNI_IFNAME=eth0 CNI_PATH=/tmp/cni:/usr/lib/cni:/opt/cni/bin /tmp/cni/mine <<< '{"cniVersion":"0.1.0","name":"mynet","type":"mine"}'
        hint: the result of ADD is one JSON object, and nothing beside it
        "#,
    );
}

#[test]
fn plugins_that_fail_in_words_of_their_own() {
    let plugins = [
        ("silent", "exit 3"),
        ("loud", "echo it is all wrong >&2; exit 1"),
        ("odd", "echo '{\"a\": 1}'; exit 1"),
        ("empty", "true"),
        ("array", "echo '[1]'"),
    ];
    let lab = with_plugins(
        &plugins,
        r#"
        let said = [];
        for plugin in ["silent", "loud", "odd", "empty", "array"] {
            try { cni_add(red, #{name: "mynet", type: plugin}, own); said += "nothing"; }
            catch (e) { said += e.error; }
        }
        check("each in the words of libcni", said == [
            "plugin type=\"silent\" failed (add): netplugin failed with no error message: exit status 3",
            "plugin type=\"loud\" failed (add): netplugin failed: \"it is all wrong\"",
            "plugin type=\"odd\" failed (add): netplugin failed but error parsing its diagnostic message \"{\\\"a\\\": 1}\"",
            "plugin type=\"empty\" failed (add): it printed no result",
            "plugin type=\"array\" failed (add): it printed no JSON: \"[1]\"",
        ]);
        "#,
    );
    Nslab::test(NOTHING).file("labs/x/lab.rhai", lab).passes(&["each in the words of libcni"]).run();
}

#[test]
fn a_chain_is_called_as_the_specification_has_it() {
    // Each plugin writes down how it was called, and answers with its name.
    let tells = |name: &str| {
        format!(
            "echo \"{name} $CNI_COMMAND $CNI_CONTAINERID $CNI_NETNS $CNI_IFNAME $CNI_ARGS $(cat)\" >> /tmp/calls\n\
             [ $CNI_COMMAND = VERSION ] && echo '{{\"supportedVersions\": [\"0.4.0\", \"1.0.0\"]}}' || echo '{{\"by\": \"{name}\"}}'"
        )
    };
    let lab = with_plugins(
        &[("one", &tells("one")), ("two", &tells("two"))],
        r#"
        let mynet = #{
            cniVersion: "1.1.0", cniVersions: ["0.4.0", "1.1.0", "1.0.0"], name: "mynet",
            plugins: [#{type: "one", x: 1}, #{type: "two", capabilities: #{portMappings: true, bandwidth: false}}]
        };
        own.ifname = "net1";
        own.args = "K8S_POD_NAME=red;B=2";
        own.runtime_config = #{portMappings: [#{hostPort: 80}]};
        let calls = || { let calls = sh("cat /tmp/calls; rm /tmp/calls").stdout.split("\n"); calls.retain(|line| !line.contains("VERSION")); calls.pop(); calls };
        let first = "red /run/netns/red net1 K8S_POD_NAME=red;B=2 {\"cniVersion\":\"1.0.0\",\"name\":\"mynet\",";

        check("the last one's answer counts", cni_add(red, mynet, own).by == "two");
        check("ADD: in order, each with the answer of the one before", calls.call() == [
            "one ADD " + first + "\"type\":\"one\",\"x\":1}",
            "two ADD " + first + "\"prevResult\":{\"by\":\"one\"},\"runtimeConfig\":{\"portMappings\":[{\"hostPort\":80}]},\"type\":\"two\"}",
        ]);
        check("a second ADD is refused", { let said = ""; try { cni_add(red, mynet, own); } catch (e) { said = e.error; } said == "`red` has `net1` of the network `mynet` already" });
        calls.call();
        check("CHECK", cni_check(red, mynet, own));
        check("CHECK: in order, each with the last answer", calls.call() == [
            "one CHECK " + first + "\"prevResult\":{\"by\":\"two\"},\"type\":\"one\",\"x\":1}",
            "two CHECK " + first + "\"prevResult\":{\"by\":\"two\"},\"runtimeConfig\":{\"portMappings\":[{\"hostPort\":80}]},\"type\":\"two\"}",
        ]);
        mynet.disableCheck = true;
        check("no CHECK where it is disabled", cni_check(red, mynet, own).ok && !sh("cat /tmp/calls").stdout.contains(" CHECK "));
        sh("rm /tmp/calls");
        cni_del(red, mynet, own);
        check("DEL: the last one first", calls.call() == [
            "two DEL " + first + "\"prevResult\":{\"by\":\"two\"},\"runtimeConfig\":{\"portMappings\":[{\"hostPort\":80}]},\"type\":\"two\"}",
            "one DEL " + first + "\"prevResult\":{\"by\":\"two\"},\"type\":\"one\",\"x\":1}",
        ]);
        check("nothing to check is left", { let said = ""; try { cni_check(red, mynet, own); } catch (e) { said = e.error; } said == "`red` has no `net1` of the network `mynet`" });
        calls.call();
        delete(red);
        cni_del(red, mynet, own);
        check("DEL for a namespace that is gone", calls.call()[0].starts_with("two DEL red  net1 "));
        "#,
    );
    Nslab::test(NOTHING)
        .file("labs/x/lab.rhai", lab)
        .passes(&[
            "the last one's answer counts",
            "ADD: in order, each with the answer of the one before",
            "a second ADD is refused",
            "CHECK",
            "CHECK: in order, each with the last answer",
            "no CHECK where it is disabled",
            "DEL: the last one first",
            "nothing to check is left",
            "DEL for a namespace that is gone",
        ])
        .run();
}

#[test]
fn a_pool_without_an_address_left() {
    if !has_plugins() {
        return;
    }
    Nslab::test(NOTHING)
        .lab(
            r#"
            let small = `{"cniVersion": "1.0.0", "name": "small", "type": "bridge",
                "ipam": {"type": "host-local", "subnet": "10.0.0.0/30"}}`;
            cni_add(netns("빨강"), small);
            let said = "";
            try { cni_add(netns("blue"), small); } catch (e) { said = e.error; }
            check("the plugin's own words", said == "plugin type=\"bridge\" failed (add): failed to allocate for range 0: no IP addresses available in range set: 10.0.0.1-10.0.0.2");
            let next = #{cniVersion: "9.0.0", name: "next", type: "loopback"};
            try { cni_add(netns("green"), next, #{ifname: "lo"}); } catch (e) { said = e.error; }
            check("a version that the plugin does not know", said.starts_with("plugin type=\"loopback\" failed (add): incompatible CNI versions; config is \"9.0.0\", plugin supports ["));
            check("the machine's own state is not touched", sh("ls /var/lib/cni/networks").stdout == "small\n");
            "#,
        )
        .passes(&["the plugin's own words", "a version that the plugin does not know", "the machine's own state is not touched"])
        .run();
}

#[test]
fn a_machine_without_the_plugins() {
    Nslab::test(NOTHING)
        .after("for folder in /usr/lib/cni /opt/cni/bin; do [ ! -d $folder ] || mount -t tmpfs tmpfs $folder; done")
        .lab(
            r#"
            let red = netns("red");
            check("red is there", links(red).len() == 1);
            cni_add(red, #{name: "mynet", type: "bridge"});
            check("red has a cable", links(red).len() == 2);
            "#,
        )
        .stdout(
            r#"

            running 2 tests
            test x/lab::red is there    ... ok
            test x/lab::red has a cable ... ignored (not measured: failed to find plugin "bridge" in path [/usr/lib/cni /opt/cni/bin]; install it: `apt-get install containernetworking-plugins`)

            test result: ok. 1 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in [TIME]

            "#,
        )
        .run();
}
