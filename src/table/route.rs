use super::{Row, Value};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A route: a line of `ip route`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// `default`, or an address with its prefix length (without it for a single
    /// address, as `ip` writes it).
    pub dst: String,
    /// The gateway.
    pub via: Option<String>,
    /// The interface.
    pub dev: Option<String>,
    /// The preferred source address.
    pub src: Option<String>,
    /// The metric; of two routes to the same destination, the smaller one wins.
    pub metric: Option<u32>,
    /// `main`, `local`, `default`, or a number.
    pub table: String,
    /// `unicast`, `local`, `broadcast`, `blackhole`, `unreachable`, …
    #[serde(rename = "type")]
    pub kind: String,
    /// `global`, `link`, `host`, …
    pub scope: String,
    /// The origin: `kernel`, `boot`, `static`, `ra`, or a number.
    pub protocol: String,
    /// `onlink`, `linkdown`, `dead`, `pervasive`, in the order of `ip`.
    pub flags: Vec<String>,
    /// Further words that `ip` would print, such as `mtu 1400`.
    pub more: Vec<String>,
}

impl Row for Route {
    const FIELDS: &'static [&'static str] = &["dst", "via", "dev", "src", "metric", "table", "type", "scope"];

    fn values(&self) -> Vec<Value> {
        vec![
            Value::Text(self.dst.clone()),
            Value::text(&self.via),
            Value::text(&self.dev),
            Value::text(&self.src),
            self.metric.map_or(Value::Absent, |metric| Value::Number(metric.into())),
            Value::Text(self.table.clone()),
            Value::Text(self.kind.clone()),
            Value::Text(self.scope.clone()),
        ]
    }
}

impl fmt::Display for Route {
    /// Formats it as `ip route show table …` does, which does not repeat the
    /// table.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.kind != "unicast" {
            write!(f, "{} ", self.kind)?;
        }
        f.write_str(&self.dst)?;
        let words = [
            ("via", self.via.as_deref()),
            ("dev", self.dev.as_deref()),
            ("proto", Some(self.protocol.as_str()).filter(|who| *who != "boot")),
            // `ip` omits the scope `global`.
            ("scope", Some(self.scope.as_str()).filter(|scope| *scope != "global")),
            ("src", self.src.as_deref()),
        ];
        for (word, value) in words {
            if let Some(value) = value {
                write!(f, " {word} {value}")?;
            }
        }
        if let Some(metric) = self.metric {
            write!(f, " metric {metric}")?;
        }
        for word in self.flags.iter().chain(&self.more) {
            write!(f, " {word}")?;
        }
        Ok(())
    }
}
