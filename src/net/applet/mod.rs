//! Carries out simple commands of ip(8), bridge(8), sysctl(8) and iptables(8)
//! where these are not installed.
//!
//! Labs and the remedies of `why` use these commands. If the program is
//! installed, it runs, and this code is not used. If it is missing, this code
//! does the same over the kernel's own sockets, as long as it knows every word
//! of the command and the program would print nothing. Any other command cannot
//! be measured without the program.

mod bridge;
mod ip;
mod link;
mod words;

use crate::net::netfilter::IptablesCommand;
use crate::net::run::program::{ExecAnswer, Limits};
use crate::net::run::tools::{is_installed, missing_program};
use crate::net::{NetError, Netns, Network};
use bridge::BridgeCommand;
use ip::IpCommand;
use words::{Words, simple};

/// The effect of a command.
#[derive(Debug)]
enum Act {
    Ip(IpCommand),
    Bridge(BridgeCommand),
    Iptables(IptablesCommand),
    /// A sysctl, its value, and whether to print nothing.
    Sysctl {
        key: String,
        value: String,
        quiet: bool,
    },
}

/// A command that this code can carry out.
#[derive(Debug)]
struct Applet {
    /// The name of the namespace where it acts; `None` means the caller's.
    netns: Option<String>,
    act: Act,
}

/// A line of a script.
#[derive(Debug)]
enum Line {
    /// A command whose program is missing on this machine.
    Applet(Applet),
    /// A command that a shell can run.
    Shell(String),
}

impl Applet {
    /// Parses a command; `None` if it has an unknown word.
    fn parse(words: &[String]) -> Option<Self> {
        let mut words = words;
        let mut netns = None;
        while let [ip, object, verb, name, rest @ ..] = words
            && ip == "ip"
            && object == "netns"
            && verb == "exec"
        {
            netns = Some(name.clone());
            words = rest;
        }
        let (program, words) = words.split_first()?;
        let act = match program.as_str() {
            "ip" | "bridge" => {
                let mut words = Words::new(words);
                while let Some(option) = words.next_if(|word| word.starts_with('-')) {
                    match option {
                        "-n" | "-netns" => netns = Some(words.next()?.into()),
                        "-4" | "-6" if program == "ip" => words.family = Some(option == "-6"),
                        _ => return None,
                    }
                }
                match program.as_str() {
                    "ip" => Act::Ip(IpCommand::parse(&mut words)?),
                    _ => Act::Bridge(BridgeCommand::parse(&mut words)?),
                }
            }
            "sysctl" => sysctl(words)?,
            program => Act::Iptables(IptablesCommand::parse(program, words)?),
        };
        Some(Self { netns, act })
    }
}

/// Reads `sysctl -w KEY=VALUE`.
fn sysctl(words: &[String]) -> Option<Act> {
    let (setting, options) = words.split_last()?;
    let quiet = match options.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["-w"] => false,
        ["-qw" | "-wq"] | ["-q", "-w"] | ["-w", "-q"] => true,
        _ => return None,
    };
    let (key, value) = setting.split_once('=')?;
    Some(Act::Sysctl { key: key.into(), value: value.into(), quiet })
}

/// Parses a script of simple commands, one per line. Returns `None` for any
/// other script, or if a command lacks its program and is not known here.
fn read(script: &str) -> Option<Vec<Line>> {
    let mut lines = Vec::new();
    for line in script.lines().map(str::trim).filter(|line| !line.is_empty() && *line != "set -e") {
        lines.push(match missing_program(line) {
            Some(_) => Line::Applet(Applet::parse(&simple(line)?)?),
            None => Line::Shell(words::whole(line)?.into()),
        });
    }
    Some(lines)
}

/// Tells whether a script can be carried out although this machine lacks one of
/// its programs.
pub(super) fn knows(script: &str) -> bool {
    read(script).is_some()
}

/// Returns the first program of a script that is not installed, except those whose commands
/// nslab can carry out itself: simple commands of `ip`, `bridge`, `sysctl` and `iptables`.
pub fn missing_tool(script: &str) -> Option<String> {
    missing_program(script).filter(|_| !knows(script))
}

impl Network {
    /// Carries out a script for which this machine lacks a program. Returns
    /// `None` if some part of it is not known here.
    ///
    /// A script ends at the first command that fails. A refusal of the kernel is
    /// an error here, because the missing program's own message is not known.
    pub(super) fn applets(
        &self,
        netns: &Netns,
        script: &str,
        limits: Limits,
    ) -> Option<Result<ExecAnswer, NetError>> {
        read(script).map(|lines| self.run_lines(netns, script, lines, limits))
    }

    /// Does the same for the words of one command.
    pub(super) fn applet(
        &self,
        netns: &Netns,
        command: &str,
        argv: &[String],
    ) -> Option<Result<ExecAnswer, NetError>> {
        argv.first().filter(|program| !program.contains('/') && !is_installed(program))?;
        let applet = Applet::parse(argv)?;
        Some(self.run_lines(netns, command, vec![Line::Applet(applet)], Limits::default()))
    }

    fn run_lines(
        &self,
        netns: &Netns,
        command: &str,
        lines: Vec<Line>,
        limits: Limits,
    ) -> Result<ExecAnswer, NetError> {
        let mut answer = ExecAnswer {
            command: command.into(),
            code: 0,
            stdout: String::new(),
            stderr: String::new(),
            ended: None,
            hint: None,
        };
        for line in lines {
            match line {
                Line::Applet(applet) => answer.stdout += &self.carry_out(netns, &applet)?,
                Line::Shell(line) => {
                    let argv = vec!["sh".into(), "-c".into(), line.clone()];
                    let one = self.run(netns, &line, argv, limits)?;
                    answer.stdout += &one.stdout;
                    answer.stderr += &one.stderr;
                    if !one.ok() {
                        return Ok(ExecAnswer { code: one.code, ended: one.ended, ..answer });
                    }
                }
            }
        }
        Ok(answer)
    }

    /// Carries out a command; returns its output.
    fn carry_out(&self, netns: &Netns, applet: &Applet) -> Result<String, NetError> {
        // A program would find all earlier actions finished.
        let kernel = self.look()?;
        kernel.await_addresses()?;
        let named = applet.netns.as_deref().map(|name| self.namespace_at(name)).transpose()?;
        let netns = named.as_ref().unwrap_or(netns);
        match &applet.act {
            Act::Ip(command) => kernel.ip_applet(netns, command)?,
            Act::Bridge(command) => self.bridge_applet(netns, command)?,
            Act::Iptables(command) => self.iptables_applet(netns, command)?,
            Act::Sysctl { key, value, quiet } => {
                self.write_sysctl(netns, key, value)?;
                if !quiet {
                    return Ok(format!("{key} = {value}\n"));
                }
            }
        }
        Ok(String::new())
    }

    /// The namespace with this name below `/run/netns`.
    fn namespace_at(&self, name: &str) -> Result<Netns, NetError> {
        let found = self.namespaces()?.into_iter().find(|netns| netns.name() == name);
        found.ok_or_else(|| {
            NetError::new(format!("Cannot open network namespace \"{name}\": No such file or directory"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Option<Applet> {
        Applet::parse(&simple(line)?)
    }

    #[test]
    fn the_namespace_is_said_before_the_command() {
        let netns = |line| parsed(line).expect("a command").netns;
        assert_eq!(netns("ip -n red link set eth0 up").as_deref(), Some("red"));
        assert_eq!(netns("ip netns exec red ip link set eth0 up").as_deref(), Some("red"));
        assert_eq!(netns("ip netns exec red sysctl -qw net.ipv4.ip_forward=1").as_deref(), Some("red"));
        assert_eq!(netns("ip netns exec gw iptables -A FORWARD -j ACCEPT").as_deref(), Some("gw"));
        assert_eq!(netns("bridge link set dev p state 3"), None);
    }

    #[test]
    fn what_prints_or_is_unknown_is_nobodys_guess() {
        for line in [
            "ip link",
            "ip -br link show dev eth0",
            "ip -j addr",
            "ip netns list",
            "ip link set eth0 up; reboot",
            "ip link set $dev up",
            "ip link set eth0 up > log",
            "ip link set eth0 upp",
            "ip link set eth0 mtu many",
            "ip addr add 300.0.0.1/24 dev eth0",
            "ip route add 10.0.0.0/8 via 10.0.0.1 encap mpls 3",
            "sysctl net.ipv4.ip_forward",
            "iptables -L",
            "iptables -A INPUT --dport 80 -j ACCEPT",
            "tc qdisc add dev eth0 root netem delay 1ms",
        ] {
            assert!(parsed(line).is_none(), "{line}");
        }
    }
}
