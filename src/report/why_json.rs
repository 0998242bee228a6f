//! The JSON of `nslab why --json`: a contract with its readers, apart from what crosses
//! the sandbox's socket. Its schema is `why.schema.json` beside this file.

use crate::event::{Cause, Effects, Explanation, LabCommand, Passed, Way, WorkedUntil};
use serde::Serialize;

/// An answer of `nslab why`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(test, schemars(rename = "Why"))]
pub struct WhyJson<'a> {
    /// The namespace that sends.
    from: &'a str,
    /// The target: an address or a name.
    to: &'a str,
    /// Whether the target answers.
    reached: bool,
    /// The error that the sender sees; `it answers` or `it accepts connections` if the target
    /// is reached.
    symptom: &'a str,
    /// The interfaces at which packets of the probe were seen.
    path: Vec<InterfaceJson<'a>>,
    /// The first of the causes; null if none is found.
    cause: Option<CauseJson<'a>>,
    /// The causes: all that are proved, or else the likely ones, the likeliest first.
    causes: Vec<CauseJson<'a>>,
    /// The commands of the lab that were to build something and failed: the network is not the
    /// one that the lab describes.
    refused: Vec<RefusedJson<'a>>,
    /// The commands that fix all causes if they are proved, or else the first one, in order;
    /// empty if the target is reached.
    fix: &'a [String],
    /// Whether a replay of the lab with these commands reached the target.
    proved: bool,
    /// The effects of these commands on everything else; null if they are not proved.
    effects: Option<EffectsJson>,
    /// The command of a shell lab after which the target was not reached any more. Null if it
    /// never was, or if that is not known: in labs of Rhai, and in those that take long.
    worked_until: Option<WorkedUntilJson<'a>>,
}

/// The commands of a lab after which a target was not reached any more.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(test, schemars(rename = "WorkedUntil"))]
struct WorkedUntilJson<'a> {
    /// The line of the first of them.
    line: u32,
    /// The commands.
    commands: &'a [String],
    /// The changes they made in the network, one line each, in the notation of `nslab run`.
    changes: &'a [String],
}

impl<'a> From<&'a WorkedUntil> for WorkedUntilJson<'a> {
    fn from(WorkedUntil { line, commands, changes }: &'a WorkedUntil) -> Self {
        Self { line: *line, commands, changes }
    }
}

/// The effects of a cure on the ways between namespaces that nobody asked for.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(test, schemars(rename = "Effects"))]
struct EffectsJson {
    /// The number of ways that were measured with and without it.
    asked: usize,
    /// The ways that were open without it, and are not with it: `red → blue (10.0.0.2) port 80`.
    /// A way without a port is that of an echo request. Other TCP ports stand for those at which
    /// nobody listens: the host refuses a connection, if a firewall lets it come so far.
    lost: Vec<String>,
    /// The ways that were not open without it, and are with it.
    opened: Vec<String>,
}

impl From<&Effects> for EffectsJson {
    fn from(Effects { asked, lost, opened, .. }: &Effects) -> Self {
        let told = |ways: &[Way]| ways.iter().map(Way::to_string).collect();
        Self { asked: *asked, lost: told(lost), opened: told(opened) }
    }
}

/// An interface, and what was seen there.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(test, schemars(rename = "Interface"))]
struct InterfaceJson<'a> {
    /// The namespace.
    ns: &'a str,
    /// The interface.
    dev: &'a str,
    /// The kinds of packets that passed.
    seen: Vec<PacketJson>,
}

/// A kind of packet.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(test, schemars(rename = "Packet"))]
enum PacketJson {
    /// The echo request, the segment that asks for a connection, or the DNS query while the
    /// name is not resolved.
    Request,
    /// The question for a hardware address: ARP, or a neighbour solicitation.
    ArpRequest,
    /// The answer to it.
    ArpReply,
    /// The reply to the request.
    Reply,
    /// An ICMP error, or a segment that refuses the connection.
    Error,
}

/// A fault, and its place.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(test, schemars(rename = "Cause"))]
struct CauseJson<'a> {
    /// An identifier of `nslab why --explain`.
    id: &'a str,
    /// The place: a namespace, with the interface, the chain or the route.
    #[serde(rename = "where")]
    place: &'a str,
    /// The fault, in a sentence.
    text: &'a str,
}

/// A command of the lab that failed.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(test, schemars(rename = "Refused"))]
struct RefusedJson<'a> {
    /// The line of the lab.
    line: u32,
    /// The command as it was typed.
    command: &'a str,
    /// Its error message.
    error: &'a str,
}

impl<'a> From<&'a LabCommand> for RefusedJson<'a> {
    fn from(LabCommand { place, command, failed }: &'a LabCommand) -> Self {
        Self { line: place.line, command, error: failed.as_deref().unwrap_or_default().trim() }
    }
}

impl<'a> From<&'a Explanation> for WhyJson<'a> {
    fn from(explanation: &'a Explanation) -> Self {
        let interfaces = explanation.path.iter().map(|point| InterfaceJson {
            ns: &point.ns,
            dev: &point.dev,
            seen: point.seen.iter().map(PacketJson::from).collect(),
        });
        Self {
            from: &explanation.from,
            to: &explanation.to,
            reached: explanation.reached,
            symptom: &explanation.symptom,
            path: interfaces.collect(),
            cause: explanation.cause.as_ref().map(CauseJson::from),
            causes: explanation.causes.iter().map(CauseJson::from).collect(),
            refused: explanation.refused.iter().map(RefusedJson::from).collect(),
            fix: &explanation.fix,
            proved: explanation.proved,
            effects: explanation.effects.as_ref().map(EffectsJson::from),
            worked_until: explanation.worked_until.as_ref().map(WorkedUntilJson::from),
        }
    }
}

impl From<&Passed> for PacketJson {
    fn from(passed: &Passed) -> Self {
        match passed {
            Passed::Request => Self::Request,
            Passed::ArpRequest => Self::ArpRequest,
            Passed::ArpReply => Self::ArpReply,
            Passed::Reply => Self::Reply,
            Passed::Error => Self::Error,
        }
    }
}

impl<'a> From<&'a Cause> for CauseJson<'a> {
    fn from(Cause { id, place, text }: &'a Cause) -> Self {
        Self { id, place, text }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Waypoint;
    use crate::lab::Place;
    use serde_json::json;

    #[test]
    fn the_schema_in_the_repository_is_that_of_the_code() {
        let schema = schemars::generate::SchemaSettings::draft2020_12()
            .for_serialize()
            .into_generator()
            .into_root_schema_for::<WhyJson>();
        let schema = schema.to_value();
        let kept: serde_json::Value =
            serde_json::from_str(include_str!("why.schema.json")).expect("the schema is JSON");
        assert_eq!(kept, schema, "write this to src/report/why.schema.json:\n{schema:#}");
    }

    #[test]
    fn an_answer_has_these_fields() {
        let cause = Cause { id: "link-down".into(), place: "blue: eth0".into(), text: "it is off".into() };
        let explanation = Explanation {
            from: "red".into(),
            to: "10.0.0.2".into(),
            symptom: "100% packet loss".into(),
            path: vec![Waypoint { ns: "red".into(), dev: "eth0".into(), seen: vec![Passed::ArpRequest] }],
            cause: Some(cause.clone()),
            causes: vec![cause],
            fix: vec!["ip -n blue link set eth0 up".into()],
            refused: vec![LabCommand {
                place: Place::new(7, 1),
                command: "ip link add t0 type x".into(),
                failed: Some("Error: Unknown device type.\n".into()),
            }],
            proved: true,
            ..Explanation::default()
        };
        let cause = json!({"id": "link-down", "where": "blue: eth0", "text": "it is off"});
        assert_eq!(
            serde_json::to_value(WhyJson::from(&explanation)).expect("plain data"),
            json!({
                "from": "red",
                "to": "10.0.0.2",
                "reached": false,
                "symptom": "100% packet loss",
                "path": [{"ns": "red", "dev": "eth0", "seen": ["arp-request"]}],
                "cause": cause,
                "causes": [cause],
                "refused": [{"line": 7, "command": "ip link add t0 type x", "error": "Error: Unknown device type."}],
                "fix": ["ip -n blue link set eth0 up"],
                "proved": true,
                "effects": null,
                "worked_until": null,
            })
        );
    }
}
