use crate::event::{Action, Event, Question};
use crate::lab::{Kind, Lab, Language, visible};
use std::fmt::Write;

/// A lab as a shell script with the equivalent commands.
#[derive(Debug)]
pub struct Export<'a> {
    lab: &'a Lab,
    /// The settings of every namespace, as arguments of `sysctl -qw`.
    sysctls: String,
    body: String,
    /// The started processes, by the PIDs that the lab saw.
    started: Vec<i32>,
    background: bool,
    /// The length of the body at the last wait for a background program.
    waited_at: usize,
}

/// A pause until a program in the background is ready.
const WAIT: &str = "sleep 1\n";

/// Commands that succeed whatever the answer is.
const SURE: [&str; 4] = ["ip", "bridge", "sysctl", "true"];

impl<'a> Export<'a> {
    /// Starts to export a lab whose namespaces all get these sysctls.
    pub fn new(lab: &'a Lab, sysctls: &[(&str, &str)]) -> Self {
        let sysctls: Vec<String> = sysctls.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let sysctls = sysctls.join(" ");
        Self { lab, sysctls, body: String::new(), started: Vec::new(), background: false, waited_at: 0 }
    }

    /// Adds an event.
    pub fn event(&mut self, event: &Event) {
        match event {
            Event::Title(title) => self.comment(&format!("# {title}")),
            Event::Step { text, .. } => {
                self.body.push('\n');
                self.comment(&format!("# {text}"));
            }
            Event::Note { text, .. } => self.comment(&format!("# {text}")),
            Event::Submitting { .. } => self.gap(),
            Event::Acted(action) => self.act(action),
            Event::Asked(question) => self.ask(question),
            Event::Expected(expectation) => {
                let declared = self.lab.checks.iter().find(|check| check.name == expectation.name);
                let kind = declared.map_or(Kind::Check, |check| check.kind);
                self.comment(&format!("#   {kind}: {}", expectation.name));
            }
            _ => {}
        }
    }

    fn comment(&mut self, text: &str) {
        for (n, line) in text.lines().enumerate() {
            let mark = if n > 0 { "# " } else { "" };
            let _ = writeln!(self.body, "{}", format!("{mark}{line}").trim_end());
        }
    }

    /// Adds the reference solution, if it is a bash script. As in the lab, a
    /// failed command does not stop the rest.
    fn gap(&mut self) {
        let Some(reference) = self.lab.reference("") else { return };
        self.body.push('\n');
        self.comment(&format!("# The gap: {}", reference.path));
        if reference.language == Language::Shell {
            let _ = writeln!(self.body, "(\n{}\n) || true\n", reference.text.trim_end());
        }
    }

    fn act(&mut self, action: &Action) {
        let command = self.command(&action.command);
        if let Some(refusal) = &action.refused {
            let _ = writeln!(self.body, "{command} || true");
            return self.comment(&format!("#   refused: {}", refusal.error));
        }
        // A process may have ended by itself.
        let ends = ["kill", "pkill", "fuser"].contains(&program(&command).as_str());
        let forgiven = if ends || lists_rules(&command) { " || true" } else { "" };
        if command.ends_with('&') && self.body.len() == self.waited_at {
            // Programs that start in a row share one wait.
            self.body.truncate(self.body.len() - WAIT.len());
        }
        let _ = match command.split_once("; ").filter(|_| ends) {
            Some((first, rest)) => writeln!(self.body, "{first}{forgiven}; {rest}"),
            None => writeln!(self.body, "{command}{forgiven}"),
        };
        if command.ends_with('&') {
            self.background = true;
            if let Some(pid) = action.started {
                self.started.push(pid);
                let _ = writeln!(self.body, "pid{}=$!", self.started.len());
            }
            self.body += WAIT;
            self.waited_at = self.body.len();
        }
        if command.contains(" link add ") {
            for (netns, link, mac) in action.changes.iter().filter_map(|change| born(change)) {
                let ip = if netns == "host" { "ip".into() } else { format!("ip -n {}", quoted(netns)) };
                let _ = writeln!(self.body, "{ip} link set dev {} address {mac}", quoted(link));
            }
        }
        if let Some(rest) = command.strip_prefix("ip netns add ") {
            let name = rest.split(" && ").next().unwrap_or(rest);
            let _ = writeln!(self.body, "ip netns exec {name} sysctl -qw $chosen");
        }
    }

    fn ask(&mut self, question: &Question) {
        let command = self.command(&question.command);
        // `nslab why` needs a replay, which a script can't do. A scan of all ports
        // takes nmap an hour.
        if ["nslab", "nmap"].contains(&program(&command).as_str()) {
            return self.comment(&format!("# {command}"));
        }
        // The last line of a failed command reports its exit code.
        let failed = question.text.lines().last().is_some_and(|line| line.starts_with("exit code "));
        let sure = SURE.contains(&program(&command).as_str());
        let forgiven = if sure && !failed { "" } else { " || true" };
        let _ = writeln!(self.body, "{command}{forgiven}");
    }

    /// Adapts a command to the script, in which processes have other PIDs.
    fn command(&self, command: &str) -> String {
        // `1` is the sandbox's init; where the script runs, that may be another
        // process.
        let mut command = match command.strip_suffix(" netns 1") {
            Some(rest) => format!("{rest} netns $$"),
            None => command.to_string(),
        };
        for (n, pid) in self.started.iter().enumerate() {
            for before in ["kill ", "kill -0 ", "identify ", "/proc/", "--target ", "-t ", "--pid="] {
                command = number(&command, before, &pid.to_string(), &format!("$pid{}", n + 1));
            }
        }
        command
    }

    /// Returns the whole script.
    pub fn script(&self) -> String {
        let mut text = format!(
            "#!/usr/bin/env bash\n\
             # {}, by `nslab export`.\n\
             #\n\
             # Run it in namespaces of its own, where it can change nothing of this machine:\n\
             #\n\
             #   unshare -Urnmpf --mount-proc bash -c \\\n\
             #     'mount -t tmpfs tmpfs /run; mount -t tmpfs tmpfs /var/lib; \\\n\
             #      cp -r /etc /run/etc 2> /dev/null; mount --bind /run/etc /etc; \\\n\
             #      exec bash lab.sh'\n\
             #\n",
            self.lab.source.path.display(),
        );
        for line in self.lab.task("").lines() {
            let _ = writeln!(text, "{}", format!("# {line}").trim_end());
        }
        text.push_str("set -e\n");
        if self.background {
            text.push_str("trap 'kill $(jobs -p) 2> /dev/null || true' EXIT\n");
        }
        let _ = write!(
            text,
            "\n# As in every lab: the host's lo is up, IPv6 addresses can be used at once,\n\
             # no ICMP error is held back, and each link has the same hardware address\n\
             # each time.\n\
             ip link set lo up\n\
             chosen='{}'\n\
             sysctl -qw $chosen\n",
            self.sysctls
        );
        let body = self.body.trim_end();
        if !body.is_empty() {
            let _ = write!(text, "\n{}\n", body.trim_start_matches('\n'));
        }
        visible(&text)
    }
}

/// Parses the report of a new link, `red: + eth0@veth0: mtu 1500 state DOWN veth
/// 02:…`: its namespace, its name, its hardware address.
fn born(change: &str) -> Option<(&str, &str, &str)> {
    let (netns, link) = change.split_once(": + ")?;
    let (name, words) = link.split_once(": mtu ")?;
    let name = name.split('@').next()?;
    let is_mac = |word: &&str| word.len() == 17 && word.bytes().filter(|byte| *byte == b':').count() == 5;
    Some((netns, name, words.split(' ').find(is_mac)?))
}

/// Tells whether a command only lists rules. `iptables` can't list nft's rules on
/// every machine.
fn lists_rules(command: &str) -> bool {
    let words = shell_words::split(command).unwrap_or_default();
    let lists = ["-S", "-L", "-nL", "-vnL", "--list", "--list-rules"];
    program(command).ends_with("tables") && words.iter().any(|word| lists.contains(&word.as_str()))
}

/// Returns a name with shell quotes if necessary.
fn quoted(name: &str) -> String {
    shell_words::quote(name).into_owned()
}

/// Returns the program that a command runs, in any namespace.
fn program(command: &str) -> String {
    let words = shell_words::split(command).unwrap_or_default();
    let at = if words.starts_with(&["ip", "netns", "exec"].map(String::from)) { 4 } else { 0 };
    words.get(at).cloned().unwrap_or_default()
}

/// Replaces a number after a word by a variable.
fn number(command: &str, before: &str, number: &str, variable: &str) -> String {
    let wanted = format!("{before}{number}");
    let mut done = String::new();
    let mut rest = command;
    while let Some(at) = rest.find(&wanted) {
        let end = at + wanted.len();
        let goes_on = rest[end..].starts_with(|c: char| c.is_ascii_digit());
        done.push_str(&rest[..at]);
        if goes_on {
            done.push_str(&wanted);
        } else {
            // In single quotes, a variable would not be expanded.
            let quoted = done.matches('\'').count() % 2 == 1;
            let variable = if quoted { format!("'{variable}'") } else { variable.to_string() };
            done.push_str(before);
            done.push_str(&variable);
        }
        rest = &rest[end..];
    }
    done + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_a_process_becomes_a_variable() {
        let to = |command: &str| number(command, "kill ", "12", "$pid1");
        assert_eq!(to("kill 12"), "kill $pid1");
        assert_eq!(to("kill 123"), "kill 123");
        assert_eq!(to("sh -c 'kill 12; true'"), "sh -c 'kill '$pid1'; true'");
    }

    #[test]
    fn what_runs_in_a_namespace_is_found() {
        assert_eq!(program("ip netns exec red ping -c1 10.0.0.1"), "ping");
        assert_eq!(program("ip netns exec 'it'\\''s' bridge fdb"), "bridge");
        assert_eq!(program("ip link"), "ip");
    }
}
