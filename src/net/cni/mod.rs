//! Container networks by CNI: this code does the work of a container runtime,
//! with the real plugins, which run in the sandbox's host namespace.

mod config;

use crate::net::notation::typed::typed;
use crate::net::run::program::Limits;
use crate::net::{NetError, Netns, Network, package_of};
use config::is_name;
use nix::fcntl::OFlag;
use serde_json::{Map, Value};
use std::fmt::Write;
use std::path::Path;

pub use config::{Network as CniNetwork, Plugin as CniPlugin};

/// The folders where plugins are installed: Debian's, and the common one.
const FOLDERS: [&str; 2] = ["/usr/lib/cni", "/opt/cni/bin"];

/// The plugins of the CNI project, which a machine may lack.
const KNOWN: [&str; 18] = [
    "bandwidth",
    "bridge",
    "dhcp",
    "dummy",
    "firewall",
    "host-device",
    "host-local",
    "ipvlan",
    "loopback",
    "macvlan",
    "portmap",
    "ptp",
    "sbr",
    "static",
    "tap",
    "tuning",
    "vlan",
    "vrf",
];

/// The maximum running time of a plugin.
const TIMEOUT_MS: u64 = 30_000;

/// A runtime's parameters for its plugins, besides the configuration.
#[derive(Debug, Clone)]
pub struct CniOptions {
    /// The interface in the container; `eth0` by default.
    pub ifname: String,
    /// `CNI_ARGS`, as `IgnoreUnknown=1;K8S_POD_NAME=red`.
    pub args: Option<String>,
    /// Data for plugins with the capability, such as `portMappings`.
    pub runtime_config: Map<String, Value>,
    /// Folders that are searched for plugins first.
    pub path: Option<String>,
}

impl Default for CniOptions {
    fn default() -> Self {
        Self { ifname: "eth0".into(), args: None, runtime_config: Map::new(), path: None }
    }
}

/// An operation on a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CniVerb {
    /// Attaches an interface.
    Add,
    /// Checks that the interface is as it was made.
    Check,
    /// Removes the interface.
    Del,
}

impl CniVerb {
    fn name(self) -> &'static str {
        match self {
            Self::Add => "ADD",
            Self::Check => "CHECK",
            Self::Del => "DEL",
        }
    }
}

/// The result of a CHECK.
#[derive(Debug, Clone, Default)]
pub struct CniAnswer {
    error: Option<String>,
}

impl CniAnswer {
    /// Tells whether all is as it was made.
    pub fn ok(&self) -> bool {
        self.error.is_none()
    }

    /// The error that a plugin found.
    pub fn error(&self) -> Option<String> {
        self.error.clone()
    }

    /// The result as text.
    pub fn text(&self) -> String {
        self.error.clone().unwrap_or_else(|| "as it was made".into())
    }
}

/// One call of a plugin: the command as typed, and the script that runs.
#[derive(Debug, Clone)]
pub struct CniCall {
    /// The plugin's `type`.
    pub plugin: String,
    /// The command, as one would type it into bash.
    pub command: String,
    verb: CniVerb,
    script: String,
}

/// The key of an attachment: the namespace, the network and the interface.
type Place = (String, String, String);

/// The results of ADD that were not deleted.
pub(super) type Attached = std::collections::BTreeMap<Place, Value>;

fn place(netns: &Netns, network: &CniNetwork, options: &CniOptions) -> Place {
    (netns.name().into(), network.name.clone(), options.ifname.clone())
}

impl Network {
    /// Reads a configuration, and chooses the version of the specification that
    /// its plugins are called with.
    ///
    /// # Errors
    ///
    /// If it is invalid, or a plugin is not installed.
    pub fn cni_network(&self, config: &Value, options: &CniOptions) -> Result<CniNetwork, NetError> {
        let mut network = CniNetwork::read(config)?;
        let unused = options.runtime_config.keys().find(|key| !network.can(key));
        if let Some(key) = unused {
            return Err(NetError::new(format!("no plugin of `{}` is capable of `{key}`", network.name))
                .hint(format!("a plugin gets it whose configuration has `capabilities: #{{{key}: true}}`")));
        }
        for plugin in &network.plugins {
            self.cni_plugin(&plugin.kind, options)?;
        }
        let choices = network.choices();
        if let Some(latest) = choices.first() {
            network.version.clone_from(latest);
        }
        if choices.len() > 1 {
            let mut known = choices;
            for plugin in &network.plugins {
                let versions = self.cni_versions(plugin, options)?;
                known.retain(|version| versions.contains(version));
            }
            match known.into_iter().next() {
                Some(version) => network.version = version,
                None => {
                    return Err(NetError::new(format!(
                        "no version of {:?} is known to all plugins of `{}`",
                        network.versions, network.name
                    )));
                }
            }
        }
        Ok(network)
    }

    /// Returns the previous result of ADD, if the verb takes one.
    ///
    /// # Errors
    ///
    /// If there is nothing to check, or to add a second time.
    pub fn cni_previous(
        &self,
        verb: CniVerb,
        netns: &Netns,
        network: &CniNetwork,
        options: &CniOptions,
    ) -> Result<Option<Value>, NetError> {
        if netns.is_host() {
            return Err(NetError::new("the host is no container")
                .hint("a container is a namespace of its own, as `netns(\"red\")`"));
        }
        let ifname = &options.ifname;
        let attached = self.attached.borrow().get(&place(netns, network, options)).cloned();
        match (verb, attached) {
            (CniVerb::Add, Some(_)) => Err(NetError::new(format!(
                "`{netns}` has `{ifname}` of the network `{}` already",
                network.name
            ))
            .hint("take it away first with `cni_del`, or add one with another `ifname`")),
            (CniVerb::Check, None) => {
                Err(NetError::new(format!("`{netns}` has no `{ifname}` of the network `{}`", network.name))
                    .hint("CHECK compares with what ADD has made: call `cni_add` first"))
            }
            (CniVerb::Check, _) if !network.knows_check() => Err(NetError::new(format!(
                "configuration version {:?} does not support CHECK command",
                network.version
            ))
            .hint("it came with `cniVersion: \"0.4.0\"`")),
            (CniVerb::Add, None) => Ok(None),
            (CniVerb::Del, attached) => Ok(attached.filter(|_| network.knows_check())),
            (CniVerb::Check, attached) => Ok(attached),
        }
    }

    /// Stores the result of ADD, or removes it after DEL.
    pub fn cni_done(&self, netns: &Netns, network: &CniNetwork, options: &CniOptions, result: Option<Value>) {
        let place = place(netns, network, options);
        let mut attached = self.attached.borrow_mut();
        match result {
            Some(result) => attached.insert(place, result),
            None => attached.remove(&place),
        };
    }

    /// Builds one call of a plugin.
    ///
    /// # Errors
    ///
    /// If the plugin is not installed.
    pub fn cni_call(
        &self,
        verb: CniVerb,
        netns: &Netns,
        network: &CniNetwork,
        plugin: &CniPlugin,
        options: &CniOptions,
        previous: Option<&Value>,
    ) -> Result<CniCall, NetError> {
        // Only DEL may run after the namespace was deleted.
        if verb != CniVerb::Del {
            self.must_exist(netns)?;
        }
        let file = if netns.is_deleted() { String::new() } else { format!("/run/netns/{}", netns.name()) };
        let id = container_id(netns.name());
        let mut environment = vec![
            ("CNI_COMMAND", verb.name().to_string()),
            ("CNI_CONTAINERID", id),
            ("CNI_NETNS", file),
            ("CNI_IFNAME", options.ifname.clone()),
        ];
        environment.extend(options.args.clone().map(|args| ("CNI_ARGS", args)));
        environment.push(("CNI_PATH", folders(options).join(":")));
        let program = self.cni_plugin(&plugin.kind, options)?;
        let input = network.request(plugin, &options.runtime_config, previous).to_string();
        Ok(CniCall::new(verb, &plugin.kind, &environment, &program, &input))
    }

    /// Runs a plugin; returns its output as JSON, if the verb has any.
    ///
    /// # Errors
    ///
    /// If the plugin fails, in the words of container runtimes.
    pub fn cni_run(&self, call: &CniCall, timeout_ms: u64) -> Result<Value, NetError> {
        let limits = Limits { timeout_ms: TIMEOUT_MS.min(timeout_ms), ..Limits::default() };
        let argv = vec!["sh".into(), "-c".into(), call.script.clone()];
        let answer = self.run(&self.host(), &call.command, argv, limits)?;
        let CniCall { plugin, verb, .. } = call;
        let failed = |what: String| {
            let verb = verb.name().to_lowercase();
            NetError::new(format!("plugin type=\"{plugin}\" failed ({verb}): {what}"))
        };
        if let Some(ended) = &answer.ended {
            return Err(failed(ended.clone()));
        }
        let printed = answer.stdout.trim();
        let json: Option<Value> = serde_json::from_str(printed).ok();
        let said = answer.stderr.trim();
        if answer.ok() {
            return match json {
                Some(result @ Value::Object(_)) => Ok(result),
                // CHECK and DEL print nothing.
                _ if *verb != CniVerb::Add => Ok(Value::Null),
                _ if printed.is_empty() => Err(failed("it printed no result".into()).hint(
                    "after ADD a plugin prints the interfaces and addresses that it has made, as JSON",
                )),
                _ => Err(failed(format!("it printed no JSON: {:?}", shortened(printed)))
                    .hint("the result of ADD is one JSON object, and nothing beside it")),
            };
        }
        // libcni's words for a plugin that fails without a message of its own.
        let Some(error) = json.as_ref().filter(|error| error.get("msg").is_some()) else {
            return Err(failed(match (printed.is_empty(), said.is_empty()) {
                (true, true) => {
                    format!("netplugin failed with no error message: exit status {}", answer.code)
                }
                (true, false) => format!("netplugin failed: {:?}", shortened(said)),
                (false, _) => format!(
                    "netplugin failed but error parsing its diagnostic message {:?}",
                    shortened(printed)
                ),
            }));
        };
        let text = |key: &str| error[key].as_str().unwrap_or_default().to_string();
        let (message, details, code) = (text("msg"), text("details"), &error["code"]);
        let details = if details.is_empty() { details } else { format!("; {details}") };
        let refused = failed(format!("{message}{details}"));
        // The plugin calls a tool that this machine lacks.
        let tool = message.split("exec: \"").nth(1).and_then(|rest| rest.split('"').next());
        if let Some(tool) = tool.filter(|_| message.contains("executable file not found")) {
            let package = package_of(tool).unwrap_or(tool);
            return Err(refused.unmeasured(format!("install it: `apt-get install {package}`")));
        }
        Err(match hint(&message).or_else(|| code_in_words(code.as_i64())) {
            Some(words) => refused.hint(words),
            None => refused,
        })
    }

    /// Runs a plugin's CHECK; a fault that it finds is the answer, not an error.
    ///
    /// # Errors
    ///
    /// If the machine lacks something that the plugin needs.
    pub fn cni_look(&self, call: &CniCall, timeout_ms: u64) -> Result<CniAnswer, NetError> {
        match self.cni_run(call, timeout_ms) {
            Ok(_) => Ok(CniAnswer::default()),
            Err(error) if error.unmeasured.is_some() => Err(error),
            Err(error) => Ok(CniAnswer { error: Some(error.error) }),
        }
    }

    /// The path of a plugin's program in the sandbox.
    fn cni_plugin(&self, kind: &str, options: &CniOptions) -> Result<String, NetError> {
        let folders = folders(options);
        for folder in &folders {
            let path = format!("{folder}/{kind}");
            if self.rooms.open(Path::new(&path), OFlag::O_PATH).is_ok() {
                return Ok(path);
            }
        }
        let error = NetError::new(format!("failed to find plugin {kind:?} in path [{}]", folders.join(" ")));
        if KNOWN.contains(&kind) {
            return Err(error.unmeasured("install it: `apt-get install containernetworking-plugins`"));
        }
        let near = KNOWN.iter().find(|known| strsim::osa_distance(known, kind) <= 2);
        Err(match near {
            Some(near) => error.hint(format!("did you mean `{near}`?")),
            None => error.hint("a `type` is the name of a program in one of these folders"),
        })
    }

    /// The versions of the specification that a plugin supports.
    fn cni_versions(&self, plugin: &CniPlugin, options: &CniOptions) -> Result<Vec<String>, NetError> {
        let program = self.cni_plugin(&plugin.kind, options)?;
        let environment = [("CNI_COMMAND", "VERSION".to_string())];
        let call =
            CniCall::new(CniVerb::Check, &plugin.kind, &environment, &program, r#"{"cniVersion":"1.0.0"}"#);
        let versions = self.cni_run(&call, TIMEOUT_MS)?;
        let versions = versions["supportedVersions"].as_array().into_iter().flatten();
        Ok(versions.filter_map(|version| version.as_str().map(Into::into)).collect())
    }
}

impl CniCall {
    fn new(verb: CniVerb, plugin: &str, environment: &[(&str, String)], program: &str, input: &str) -> Self {
        let mut line = String::new();
        for (name, value) in environment {
            let _ = write!(line, "{name}={} ", if value.is_empty() { value.into() } else { typed(value) });
        }
        line += &typed(program);
        let input = typed(input);
        // Every shell supports the pipe. Only bash supports `<<<`, which reads
        // better.
        let script = format!("printf '%s\\n' {input} | {line}");
        Self { plugin: plugin.into(), command: format!("{line} <<< {input}"), verb, script }
    }
}

/// The folders that are searched for plugins.
fn folders(options: &CniOptions) -> Vec<String> {
    let own = options.path.clone().or_else(|| std::env::var("CNI_PATH").ok()).unwrap_or_default();
    let own = own.split(':').filter(|folder| !folder.is_empty()).map(Into::into);
    own.chain(FOLDERS.map(Into::into)).collect()
}

/// A container id that the specification allows: the namespace's name, or the
/// bytes of a name with other characters as hexadecimal numbers.
fn container_id(name: &str) -> String {
    match is_name(name) {
        true => name.into(),
        false => name.bytes().map(|byte| format!("{byte:02x}")).collect(),
    }
}

/// A hint for errors that the plugin does not explain, such as an invalid
/// subnet.
fn hint(message: &str) -> Option<&'static str> {
    let known = [
        ("invalid CIDR address", "a subnet is the address of a network and its mask, as `10.22.0.0/16`"),
        ("Network has host bits set", "a subnet is the address of the network, not of one in it"),
        ("no IP ranges specified", "`ipam` needs a `subnet`, as `subnet: \"10.22.0.0/16\"`, or `ranges`"),
        ("too small to allocate", "a subnet needs room for a gateway and a container: a mask of 30 at most"),
    ];
    known.iter().find(|(words, _)| message.contains(words)).map(|(_, hint)| *hint)
}

/// Explains an error code of the specification.
fn code_in_words(code: Option<i64>) -> Option<&'static str> {
    Some(match code? {
        1 => "the plugin does not know this version of CNI",
        2 => "the configuration has a field that the plugin can't use",
        3 => "the container is unknown or does not exist",
        4 => "a variable of the environment, as CNI_IFNAME, is not what the plugin needs",
        5 => "the plugin could not read its configuration",
        6 => "the plugin could not read the configuration's JSON",
        7 => "the configuration is not what the plugin needs",
        11 => "try again later, the plugin says",
        _ => return None,
    })
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(200) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.into(),
    }
}
