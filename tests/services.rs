//! Services, and those who ask them: what is refused, and what is said where
//! nobody answers.

mod support;

use support::{NOTHING, Nslab};

/// A lab with this text stops, and this is said of it.
#[track_caller]
fn stops(lab: &str, report: &str) {
    Nslab::test(NOTHING).lab(lab).fails(report).run();
}

/// All checks of a lab pass.
#[track_caller]
fn passes(lab: &str, checks: &[&str]) {
    Nslab::test(NOTHING).lab(lab).passes(checks).run();
}

#[test]
fn a_port_of_70000() {
    stops(
        r#"
        let blue = netns("blue");
        serve_http(blue, 70000, "hello");
        "#,
        r#"
        labs/x/lab.rhai:2:1: port number too large: 70000
           |
         2 | serve_http(blue, 70000, "hello");
           | ^
        command: ip netns exec blue sh -c 'cd "$(mktemp -d)" && printf %s hello > index.html && exec python3 -m http.server 70000' &
        hint: a port is a number from 1 to 65535
        "#,
    );
}

#[test]
fn a_port_that_is_taken() {
    stops(
        r#"
        let blue = netns("blue");
        serve_http(blue, 80, "hello");
        blue.serve_http(80, "hello again");
        "#,
        r#"
        labs/x/lab.rhai:3:6: bind: Address already in use
           |
         3 | blue.serve_http(80, "hello again");
           |      ^
        command: ip netns exec blue sh -c 'cd "$(mktemp -d)" && printf %s '\''hello again'\'' > index.html && exec python3 -m http.server 80' &
        hint: port 80/tcp of `blue` is taken by serve_http("80")
        "#,
    );
}

#[test]
fn a_port_that_is_free_elsewhere() {
    passes(
        r#"
        let red = netns("red");
        let blue = netns("blue");
        serve_http(80, "host");
        serve_http(blue, 80, "blue");
        for ns in [red, blue] {
            ns.up("lo");
        }
        check("the host's", http_get("127.0.0.1").body == "host");
        check("blue's", http_get(blue, "127.0.0.1").body == "blue");
        check("red has none", tcp(red, "127.0.0.1", 80).error == "Connection refused");
        "#,
        &["the host's", "blue's", "red has none"],
    );
}

#[test]
fn an_address_that_the_namespace_does_not_have() {
    stops(
        r#"
        let blue = netns("blue");
        addr_add(blue, "lo", "10.0.0.1/8");
        serve_http(blue, "192.168.15.2:80", "hello");
        "#,
        r#"
        labs/x/lab.rhai:3:1: bind: Cannot assign requested address
           |
         3 | serve_http(blue, "192.168.15.2:80", "hello");
           | ^
        command: ip netns exec blue sh -c 'cd "$(mktemp -d)" && printf %s hello > index.html && exec python3 -m http.server 80 --bind 192.168.15.2' &
        hint: `blue` does not have 192.168.15.2; it has 10.0.0.1
        "#,
    );
}

#[test]
fn an_address_without_a_port() {
    stops(
        r#"
        serve_http("192.168.15.2", "hello");
        "#,
        r#"
        labs/x/lab.rhai:1:1: "192.168.15.2" is no place to listen
           |
         1 | serve_http("192.168.15.2", "hello");
           | ^
        command: sh -c 'cd "$(mktemp -d)" && printf %s hello > index.html && exec python3 -m http.server 192.168.15.2' &
        hint: write a port, as `80`, or an address and a port, as `"192.168.15.2:80"`
        "#,
    );
}

#[test]
fn a_service_answers_while_the_script_waits_for_a_program() {
    passes(
        r#"
        let blue = netns("blue");
        blue.up("lo");
        serve_http(blue, "127.0.0.1:80", "hello");
        // bash is everywhere that curl may be missing.
        let page = sh(blue, "bash -c 'exec 3<>/dev/tcp/127.0.0.1/80; printf \"GET / HTTP/1.0\\r\\n\\r\\n\" >&3; cat <&3'");
        check("a page", page);
        check("its status", page.stdout.contains("200 OK"));
        check("its text", page.stdout.ends_with("\r\n\r\nhello"));
        "#,
        &["a page", "its status", "its text"],
    );
}

#[test]
fn a_service_that_is_stopped_is_gone() {
    passes(
        r#"
        let web = serve_http(80, "hello");
        check("it is there", tcp("127.0.0.1", 80));
        check("it runs", web.running);
        stop(web);
        check("it is gone", tcp("127.0.0.1", 80).error == "Connection refused");
        check("it has ended", !web.running);
        serve_http(80, "hello again");
        check("the port is free", http_get("http://127.0.0.1/").body == "hello again");
        "#,
        &["it is there", "it runs", "it is gone", "it has ended", "the port is free"],
    );
}

#[test]
fn who_answers_is_seen_behind_a_rewritten_address() {
    passes(
        r#"
        let red = netns("red");
        let blue = netns("blue");
        veth(red, "veth-red", blue, "veth-blue");
        red.addr_add("veth-red", "10.0.0.1/24");
        blue.addr_add("veth-blue", "10.0.0.2/24");
        red.up("veth-red");
        blue.up("veth-blue");
        serve_http(blue, 80, "hello");
        check("blue", http_get(red, "10.0.0.2", #{by: blue}));
        check("blue's port", tcp(red, "10.0.0.2", 80, #{by: blue}));
        let not_red = http_get(red, "10.0.0.2", #{by: red});
        check("not red", not_red.error == "10.0.0.2 answered, but it was not `red` that did");
        check("not red's port", !tcp(red, "10.0.0.2", 80, #{by: red}));
        "#,
        &["blue", "blue's port", "not red", "not red's port"],
    );
}

#[test]
fn a_page_that_nobody_has() {
    Nslab::test(NOTHING)
        .lab(
            r#"
            check("a page", http_get("http://10.0.0.1:8080/"));
            "#,
        )
        .fails_as(
            "x/lab::a page",
            r#"
            labs/x/lab.rhai:1:1: check `a page` failed
               |
             1 | check("a page", http_get("http://10.0.0.1:8080/"));
               | ^
            expected: a page
            $ curl -sS --connect-timeout 1 -m 5 http://10.0.0.1:8080/
                curl: (7) Failed to connect to 10.0.0.1 port 8080: Network is unreachable
            "#,
        )
        .run();
}

#[test]
fn a_url_with_a_port_of_70000() {
    stops(
        r#"
        http_get("http://10.0.0.1:70000/");
        "#,
        r#"
        labs/x/lab.rhai:1:1: port number too large: 70000
           |
         1 | http_get("http://10.0.0.1:70000/");
           | ^
        command: curl -sS --connect-timeout 1 -m 5 http://10.0.0.1:70000/
        hint: a port is a number from 1 to 65535
        "#,
    );
}
