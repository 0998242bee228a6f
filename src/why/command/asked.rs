//! The questions that commands ask: a ping, a connection, a page, a name.

use crate::event::{LabCommand, Probe};
use crate::why::evidence::typed::{self, Typed};

/// Returns the question that the last of these commands asks, if it asks one.
pub fn question(lab_commands: &[LabCommand]) -> Option<Probe> {
    let (last, before) = lab_commands.split_last()?;
    // Any part of a pipeline may ask.
    let parts = last.command.split(" | ").map(|part| LabCommand { command: part.into(), ..last.clone() });
    let all: Vec<LabCommand> = before.iter().cloned().chain(parts).collect();
    let is_part = |typed: &&Typed| all[before.len()..].iter().any(|part| std::ptr::eq(part, typed.command));
    typed::read(&all).iter().rev().take_while(is_part).find_map(probe)
}

/// Returns the question that a command asks.
fn probe(typed: &Typed) -> Option<Probe> {
    let words: Vec<&str> = typed.words.iter().map(String::as_str).collect();
    let (program, words) = unwrapped(&typed.program, &words)?;
    let from = typed.ns.as_str();
    match program {
        "ping" | "ping6" => ping(from, &Options::of(words, "ceFhIilmMNpQsStTwW")),
        "fping" => match Options::of(words, "bBcCfgHiIlMOpPQrStTxX").operands[..] {
            [to] => Some(Probe::to(from, to)),
            _ => None,
        },
        "traceroute" | "traceroute6" | "tracepath" | "mtr" => {
            let valued = match program {
                "mtr" => "aBcfiImPsuU",
                "tracepath" => "lmp",
                _ => "fgimNpqstwz",
            };
            let [to, ..] = Options::of(words, valued).operands[..] else { return None };
            Some(Probe::to(from, to))
        }
        "nc" | "ncat" | "netcat" | "telnet" => netcat(from, &Options::of(words, "weIiMmOPpqSsTtVWXx")),
        "curl" => page(from, &Options::of(words, "AbcCdDeEFhHKmoPQrtTuUwxXyYz")),
        "wget" => page(from, &Options::of(words, "aADeiIlOoPQRtTUwX")),
        "ssh" => {
            const VALUED: &str = "bcDEeFIiJLlmOopQRSWw";
            // The words behind the host are a command for it.
            let host = (1..=words.len()).find(|n| !Options::of(&words[..*n], VALUED).operands.is_empty())?;
            let options = Options::of(&words[..host], VALUED);
            let [to, ..] = options.operands[..] else { return None };
            let to = to.rsplit_once('@').map_or(to, |(_, host)| host);
            let port = options.value('p').map_or(Some(22), |port| port.parse().ok());
            Some(Probe { tcp: Some(port?), ..Probe::to(from, to) })
        }
        "iperf3" | "iperf" => {
            let options = Options::of(words, "BbcCfikLlMnOPptTwV");
            let usual = if program == "iperf3" { 5201 } else { 5001 };
            let port = options.value('p').map_or(Some(usual), |port| port.parse().ok());
            Some(Probe { tcp: Some(port?), ..Probe::to(from, options.value('c')?) })
        }
        "getent" => match words {
            [database, name] if database.contains("hosts") => Some(Probe::to(from, name)),
            _ => None,
        },
        "dig" => {
            let server = words.iter().find_map(|word| word.strip_prefix('@'))?;
            Some(Probe { udp: Some(53), ..Probe::to(from, server) })
        }
        "host" | "nslookup" => match Options::of(words, "cCmNRtTW").operands[..] {
            [name] => Some(Probe::to(from, name)),
            _ => None,
        },
        _ => None,
    }
    .filter(|probe| !probe.to.contains(['$', '`']))
}

/// Returns a program and its words without `timeout 5` and the like before it.
pub(in crate::why) fn unwrapped<'w, 'a>(
    program: &'w str,
    words: &'a [&'w str],
) -> Option<(&'w str, &'a [&'w str])> {
    let (mut program, mut words) = (program, words);
    loop {
        let before = match program {
            "timeout" | "stdbuf" | "nice" => {
                let options = words.iter().take_while(|word| word.starts_with('-')).count();
                options + usize::from(program == "timeout")
            }
            "env" => words.iter().take_while(|word| word.contains('=') || word.starts_with('-')).count(),
            "time" | "nohup" | "setsid" | "busybox" => 0,
            _ => return Some((program, words)),
        };
        program = words.get(before)?;
        words = &words[before + 1..];
    }
}

fn ping(from: &str, options: &Options) -> Option<Probe> {
    let [.., to] = options.operands[..] else { return None };
    Some(Probe {
        size: options.value('s').and_then(|size| size.parse().ok()),
        df: options.value('M') == Some("do"),
        interface: options.value('I').map(String::from),
        broadcast: options.has('b'),
        ..Probe::to(from, to)
    })
}

fn netcat(from: &str, options: &Options) -> Option<Probe> {
    let [to, port] = options.operands[..] else { return None };
    // Of a range, the first port.
    let port = port.split('-').next()?.parse().ok()?;
    let (tcp, udp) = if options.has('u') { (None, Some(port)) } else { (Some(port), None) };
    (!options.has('l')).then(|| Probe { tcp, udp, ..Probe::to(from, to) })
}

/// Reads a URL: `http://10.0.0.2:8080/x`, `[fd00::2]`, `web.example`.
fn page(from: &str, options: &Options) -> Option<Probe> {
    let is_address = |word: &&&str| word.contains(['.', ':']) || **word == "localhost";
    let is_url = |word: &&&str| word.contains("://");
    let url = options.operands.iter().find(is_url).or_else(|| options.operands.iter().find(is_address))?;
    let (scheme, rest) = url.split_once("://").unwrap_or(("http", url));
    let usual = match scheme {
        "http" => 80,
        "https" => 443,
        "ftp" => 21,
        _ => return None,
    };
    let host = rest.split(['/', '?', '#']).next()?;
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    let (to, port) = match host.strip_prefix('[').and_then(|host| host.split_once(']')) {
        Some((to, port)) => (to, port.strip_prefix(':')),
        None => host.split_once(':').map_or((host, None), |(to, port)| (to, Some(port))),
    };
    let port = port.map_or(Some(usual), |port| port.parse().ok())?;
    Some(Probe { tcp: Some(port), ..Probe::to(from, to) })
}

/// The words of a command, as getopt(3) reads them.
struct Options<'a> {
    flags: Vec<(char, Option<&'a str>)>,
    operands: Vec<&'a str>,
}

impl<'a> Options<'a> {
    /// Reads words; these letters are options that take a value.
    fn of(words: &[&'a str], valued: &str) -> Self {
        /// Long options of these programs whose value is a word of its own.
        const LONG: [&str; 20] = [
            "--cacert",
            "--cert",
            "--connect-timeout",
            "--count",
            "--data",
            "--dump-header",
            "--header",
            "--interface",
            "--key",
            "--max-time",
            "--output",
            "--port",
            "--proxy",
            "--request",
            "--resolve",
            "--retry",
            "--source",
            "--user",
            "--wait",
            "--write-out",
        ];
        let mut options = Self { flags: Vec::new(), operands: Vec::new() };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            if LONG.contains(word) {
                words.next();
            } else if let Some(letters) = word.strip_prefix('-').filter(|letters| !letters.starts_with('-')) {
                for (at, letter) in letters.char_indices() {
                    if !valued.contains(letter) {
                        options.flags.push((letter, None));
                        continue;
                    }
                    let attached = &letters[at + letter.len_utf8()..];
                    let value = if attached.is_empty() { words.next().copied() } else { Some(attached) };
                    options.flags.push((letter, value));
                    break;
                }
            } else if !word.starts_with("--") {
                options.operands.push(word);
            }
        }
        options
    }

    fn has(&self, letter: char) -> bool {
        self.flags.iter().any(|(known, _)| *known == letter)
    }

    fn value(&self, letter: char) -> Option<&'a str> {
        self.flags.iter().rev().find(|(known, _)| *known == letter)?.1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::Place;

    fn asked(commands: &[&str]) -> Option<Probe> {
        let command = |text: &&str| LabCommand {
            place: Place::default(),
            command: text.to_string(),
            failed: Some(String::new()),
        };
        question(&commands.iter().map(command).collect::<Vec<_>>())
    }

    #[test]
    fn commands_ask_what_their_manuals_say() {
        let tcp = |from: &str, to: &str, port| Some(Probe { tcp: Some(port), ..Probe::to(from, to) });
        for (command, probe) in [
            ("ping -c 1 10.0.0.2", Some(Probe::to("host", "10.0.0.2"))),
            ("sudo ip netns exec red ping -c1 -W1 fd00::2", Some(Probe::to("red", "fd00::2"))),
            (
                "ip netns exec red ping -qc 3 -M do -s 1472 -I eth0 10.0.0.2 > /dev/null",
                Some(Probe {
                    size: Some(1472),
                    df: true,
                    interface: Some("eth0".into()),
                    ..Probe::to("red", "10.0.0.2")
                }),
            ),
            ("timeout -k 1 5 ping web.example", None),
            ("timeout 5 ping web.example", Some(Probe::to("host", "web.example"))),
            ("ip netns exec red curl -s -m 2 http://10.0.0.2:8080/x?y", tcp("red", "10.0.0.2", 8080)),
            ("curl --max-time 2 -o /dev/null https://[fd00::2]/", tcp("host", "fd00::2", 443)),
            ("curl 10.0.0.2", tcp("host", "10.0.0.2", 80)),
            ("ip netns exec red nc -zvw 1 10.0.0.2 22", tcp("red", "10.0.0.2", 22)),
            ("echo x | nc -w1 10.0.0.2 22", tcp("host", "10.0.0.2", 22)),
            ("ping -c1 10.0.0.2 | tail -2", Some(Probe::to("host", "10.0.0.2"))),
            ("nc -lk -p 80", None),
            ("nc -u 10.0.0.2 53", Some(Probe { udp: Some(53), ..Probe::to("host", "10.0.0.2") })),
            ("dig +short @10.0.0.2 web.lab", Some(Probe { udp: Some(53), ..Probe::to("host", "10.0.0.2") })),
            ("ssh -p 2222 me@10.0.0.2 true", tcp("host", "10.0.0.2", 2222)),
            ("ssh me@10.0.0.2 mkdir -p /x", tcp("host", "10.0.0.2", 22)),
            ("curl --cacert ca.pem -D h.txt https://10.0.0.2/", tcp("host", "10.0.0.2", 443)),
            ("traceroute -I -n 10.0.0.2", Some(Probe::to("host", "10.0.0.2"))),
            ("getent hosts web.lab", Some(Probe::to("host", "web.lab"))),
            ("ping", None),
            ("ip addr add 10.0.0.2/24 dev eth0", None),
        ] {
            assert_eq!(asked(&[command]), probe, "{command}");
        }
    }

    #[test]
    fn variables_are_filled_in() {
        assert_eq!(asked(&["GW=10.0.0.1", "ping -c1 $GW"]), Some(Probe::to("host", "10.0.0.1")));
        // A parameter of a function has no value that could be read.
        assert_eq!(asked(&["ping -c1 $1"]), None);
    }
}
