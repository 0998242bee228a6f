//! Requests to a DNS server, and its records, for the fuzzers.

use super::zone::{Record, Zone, failure, fitted};

/// Answers a request from a small zone, and passes on answers of other servers.
pub fn serve(question: &[u8], answers: &[&[u8]]) {
    let record = |name: &str, values: &[&str]| -> Record {
        (name.into(), values.iter().map(|value| (*value).into()).collect())
    };
    let records = [
        record("web.corp", &["10.0.0.1", "fd00::1"]),
        record("www.corp", &["web.corp"]),
        record("a.corp", &["b.corp"]),
        record("b.corp", &["a.corp"]),
    ];
    for forwards in [false, true] {
        let zone = Zone::read(&records, forwards).expect("the records are sound");
        if let Some(reply) = zone.answer(question) {
            assert!(fitted(question, reply).len() <= 65_535, "an answer fits into a datagram");
        }
    }
    failure(question);
    for answer in answers {
        fitted(question, answer.to_vec());
    }
}

/// Parses records, one per line.
pub fn records(text: &str) {
    let record = |line: &str| -> Option<Record> {
        let mut words = line.split_whitespace().map(String::from);
        Some((words.next()?, words.collect()))
    };
    let records: Vec<Record> = text.lines().filter_map(record).collect();
    let _ = Zone::read(&records, false);
}
