use super::{Row, Value};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The lowest port that the kernel chooses for a socket (`ip_local_port_range`).
const PICKED: u16 = 32_768;

/// A tracked connection of the kernel: a line of `conntrack -L`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connection {
    /// `tcp`, `udp`, `icmp`, …
    pub proto: String,
    /// The address that opened it.
    pub src: String,
    /// The original destination address.
    pub dst: String,
    /// The original source port; ICMP has none.
    pub sport: Option<u16>,
    /// The original destination port.
    pub dport: Option<u16>,
    /// Type and code of ICMP.
    pub icmp: Option<(u8, u8)>,
    /// The source address of the reply.
    pub reply_src: String,
    /// The destination address of the reply.
    pub reply_dst: String,
    /// The source port of the reply.
    pub reply_sport: Option<u16>,
    /// The destination port of the reply.
    pub reply_dport: Option<u16>,
    /// The TCP state, as `ESTABLISHED`; for others `REPLIED` or `UNREPLIED`.
    pub state: String,
    /// Whether a reply has been seen.
    pub replied: bool,
}

impl Row for Connection {
    const FIELDS: &'static [&'static str] =
        &["proto", "src", "dst", "sport", "dport", "reply_src", "reply_dst", "state"];

    fn values(&self) -> Vec<Value> {
        let port = |port: Option<u16>| port.map_or(Value::Absent, |port| Value::Number(port.into()));
        vec![
            Value::Text(self.proto.clone()),
            Value::Text(self.src.clone()),
            Value::Text(self.dst.clone()),
            port(self.sport),
            port(self.dport),
            Value::Text(self.reply_src.clone()),
            Value::Text(self.reply_dst.clone()),
            Value::Text(self.state.clone()),
        ]
    }
}

impl fmt::Display for Connection {
    /// Formats it as `conntrack -L` does, without timeouts and without the
    /// kernel's choices: ephemeral ports, and ICMP identifiers.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.proto)?;
        if self.proto == "tcp" {
            write!(f, " {}", self.state)?;
        }
        let sides = [
            (&self.src, &self.dst, self.sport, self.dport),
            (&self.reply_src, &self.reply_dst, self.reply_sport, self.reply_dport),
        ];
        for (number, (src, dst, sport, dport)) in sides.into_iter().enumerate() {
            write!(f, " src={src} dst={dst}")?;
            for (word, port) in [("sport", sport), ("dport", dport)] {
                match port {
                    Some(port) if port < PICKED => write!(f, " {word}={port}")?,
                    Some(_) => write!(f, " {word}=*")?,
                    None => {}
                }
            }
            if let (0, Some((kind, code))) = (number, self.icmp) {
                write!(f, " type={kind} code={code}")?;
            }
            if number == 0 && !self.replied {
                f.write_str(" [UNREPLIED]")?;
            }
        }
        Ok(())
    }
}
