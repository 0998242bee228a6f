//! The parsers of a resolver, for the fuzzers.

use super::conf::{Resolv, Status, hosts, steps};
use super::stub;
use simple_dns::TYPE;

/// Parses a text as each of the files.
pub fn files(text: &str) {
    let conf = Resolv::read(text);
    assert!((1..=3).contains(&conf.servers.len()) && (1..=30).contains(&conf.timeout));
    hosts(text);
    let _ = steps(text).iter().any(|step| step.ends_with(Status::NotFound));
}

/// Parses a server's answer.
pub fn read_answer(bytes: &[u8]) {
    stub::is_truncated(bytes);
    for (name, kind) in
        [("web.corp", TYPE::A), ("www.corp", TYPE::AAAA), ("1.0.0.10.in-addr.arpa", TYPE::PTR)]
    {
        let _ = stub::read(bytes, name, kind);
    }
}
