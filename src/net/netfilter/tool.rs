//! Runs the real `iptables` and `nft`, and gives hints if they refuse.

use crate::net::notation::typed::typed;
use crate::net::run::program::{ExecAnswer, Limits, words};
use crate::net::{NetError, Netns, Network};

impl Network {
    /// Runs `iptables` with arguments.
    ///
    /// # Errors
    ///
    /// If this machine lacks it, or it refuses; in its own words.
    pub fn iptables(&self, netns: &Netns, arguments: &str, limits: Limits) -> Result<ExecAnswer, NetError> {
        // The program is started by a method that prepares it.
        let kernel = self.bare();
        let mut argv = vec!["iptables".to_string()];
        if arguments.trim().is_empty() {
            let hint = "write what would stand behind `iptables`, as `-A FORWARD -s 10.0.0.0/8 -j DROP`";
            return Err(NetError::new("no command specified").hint(hint));
        }
        argv.extend(words(arguments)?);
        kernel.forget_unasked(netns)?;
        let answer = self.run(netns, &format!("iptables {arguments}"), argv.clone(), limits)?;
        self.accept(answer, |said| iptables_hint(said, &argv[1..]))
    }

    /// Runs `nft` with arguments: options and a command, or commands alone.
    ///
    /// # Errors
    ///
    /// If this machine lacks it, or it refuses; in its own words.
    pub fn nft(&self, netns: &Netns, arguments: &str, limits: Limits) -> Result<ExecAnswer, NetError> {
        // The program is started by a method that prepares it.
        let kernel = self.bare();
        let mut argv = vec!["nft".to_string()];
        match arguments.trim_start().starts_with('-') {
            true => argv.extend(words(arguments)?),
            // Quotes and newlines are part of nft's own syntax.
            false => argv.push(arguments.trim().into()),
        }
        kernel.forget_unasked(netns)?;
        let answer = self.run(netns, &nft_command(arguments), argv, limits)?;
        self.accept(answer, |said| nft_hint(said).map(Into::into))
    }

    /// Returns the answer, or the refusal in the tool's own words with a hint.
    fn accept(
        &self,
        answer: ExecAnswer,
        hint: impl FnOnce(&str) -> Option<String>,
    ) -> Result<ExecAnswer, NetError> {
        let Some(error) = refusal(&answer) else { return Ok(answer) };
        let error = self.blame(error, &answer.command);
        Err(match hint(&answer.stderr) {
            Some(hint) => error.hint(hint),
            None => error,
        })
    }
}

/// The command as one would type it in a shell.
pub fn nft_command(arguments: &str) -> String {
    let special = arguments.contains(|c: char| "{}();<>&|*?#$`\"'\\!\n".contains(c));
    match special && !arguments.trim_start().starts_with('-') {
        true => format!("nft {}", typed(arguments.trim())),
        false => format!("nft {arguments}"),
    }
}

/// The error message of a tool that has failed.
fn refusal(answer: &ExecAnswer) -> Option<NetError> {
    if answer.ok() {
        return None;
    }
    if let Some(ended) = &answer.ended {
        return Some(NetError::new(ended.clone()));
    }
    // Its error message, without the pointer to the manual.
    let lines = answer.stderr.lines().map(str::trim_end);
    let said: Vec<&str> =
        lines.filter(|line| !line.is_empty() && !line.starts_with("Try `iptables -h'")).collect();
    Some(NetError::new(match said.join("\n") {
        none if none.is_empty() => format!("exit code {}", answer.code),
        said => said,
    }))
}

/// A hint for an error message of iptables with these arguments.
fn iptables_hint(said: &str, arguments: &[String]) -> Option<String> {
    let at = |option: &str| arguments.iter().position(|argument| argument == option);
    let option = said.split("unknown option \"").nth(1).and_then(|rest| rest.split('"').next());
    let has = |words: &str| said.contains(words);
    Some(match option {
        Some(option @ ("--dport" | "--sport" | "--destination-port" | "--source-port")) => {
            match at("-p").or_else(|| at("--protocol")).or_else(|| at("--proto")) {
                None => format!("`{option}` is a port of TCP or UDP: say which before it, as in `-p tcp {option} …`"),
                Some(p) if at(option).is_some_and(|port| p > port) => {
                    format!("arguments are read from the left: put `-p` before `{option}`")
                }
                Some(_) => format!("`{option}` goes with `-p tcp` or `-p udp`"),
            }
        }
        Some(option @ ("--dports" | "--sports")) => {
            format!("`{option}` is known to `-m multiport`: put that before it, and `-p tcp` or `-p udp`")
        }
        Some(option @ ("--to-destination" | "--to-source" | "--to-ports" | "--reject-with" | "--log-prefix")) => {
            let target = match option {
                "--to-destination" => "DNAT",
                "--to-source" => "SNAT",
                "--to-ports" => "REDIRECT",
                "--reject-with" => "REJECT",
                _ => "LOG",
            };
            format!("`{option}` is known to {target}: put `-j {target}` before it")
        }
        Some("--state") => "put `-m state` before it".into(),
        Some("--ctstate") => "put `-m conntrack` before it".into(),
        Some("--icmp-type") => "put `-p icmp` before it".into(),
        Some(_) => return None,
        None if has("No chain/target/match by that name") => {
            "chains and targets are told apart by capitals: filter has INPUT, FORWARD and OUTPUT, nat has PREROUTING, \
             INPUT, OUTPUT and POSTROUTING; `-t nat` names the table, and `-N` makes a chain"
                .into()
        }
        None if has("Bad policy name") => "a policy is ACCEPT or DROP".into(),
        None if has("Bad built-in chain name") => {
            "a policy is of a built-in chain: INPUT, FORWARD or OUTPUT".into()
        }
        None if has("Bad rule (does a matching rule") => {
            "`iptables -S` shows the rules as they must be named to be deleted".into()
        }
        None if has("unknown protocol \"-policy\"") => "a long option has two dashes: `--policy`".into(),
        None if has("unknown protocol") => "choose `tcp`, `udp`, `icmp`, or a name of /etc/protocols".into(),
        None if has("Bad argument `iptables'") => "leave the word `iptables` out: here stand its arguments".into(),
        None if has("does not exist") && has("Chain '") || has("Couldn't load target") => {
            "a target is ACCEPT, DROP, REJECT, LOG, RETURN, in the table nat DNAT, SNAT, MASQUERADE or REDIRECT, or a \
             chain that was made with `-N`"
                .into()
        }
        None if has("host/network `") => "a host or network is an address, as 192.168.15.0/24".into(),
        None if has("Bad IP address") => {
            "`--to-destination` takes an address and a port, as 192.168.15.2:80".into()
        }
        None if has("invalid port/service") || has("Port `") => "a port is a number from 0 to 65535".into(),
        None if has("is incompatible, use 'nft' tool") => {
            "there is no such chain, or nft has made a rule there that iptables can't read".into()
        }
        None => return None,
    })
}

fn nft_hint(said: &str) -> Option<&'static str> {
    let has = |words: &str| said.contains(words);
    Some(match () {
        () if has("Service out of range") => "a port is a number from 0 to 65535",
        () if has("unknown chain hook") => "a hook is prerouting, input, forward, output or postrouting",
        () if has("Could not process rule: No such file or directory") => {
            "make the table and the chain first: `add table ip filter`, `add chain ip filter …`"
        }
        () => return None,
    })
}
