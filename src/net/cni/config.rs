//! Network configurations of the CNI specification, versions 1.0 and 1.1
//! (<https://www.cni.dev/docs/spec/>). Errors use the words of libcni, which
//! container runtimes print.

use crate::net::NetError;
use serde_json::{Map, Value, json};

/// The version that applies if a configuration names none.
const OLDEST: &str = "0.1.0";

/// A list of plugins that make one network, in their order.
#[derive(Debug, Clone, PartialEq)]
pub struct Network {
    /// Its name.
    pub name: String,
    /// The version of the specification in which it is written.
    pub version: String,
    /// All versions in which it can be read, if it lists them (1.1).
    pub versions: Vec<String>,
    /// Whether CHECK is disabled.
    pub disable_check: bool,
    /// The configuration of each plugin.
    pub plugins: Vec<Plugin>,
}

/// One plugin of a network.
#[derive(Debug, Clone, PartialEq)]
pub struct Plugin {
    /// The name of its program.
    pub kind: String,
    config: Map<String, Value>,
}

fn refused(error: impl Into<String>, hint: &str) -> NetError {
    NetError::new(error).hint(hint)
}

impl Network {
    /// Reads a configuration: a list of plugins, or a single one.
    ///
    /// # Errors
    ///
    /// If it is invalid.
    pub fn read(config: &Value) -> Result<Self, NetError> {
        let list = "error parsing configuration list";
        let Value::Object(config) = config else {
            let error = format!("{list}: {} is no configuration", short(config));
            return Err(refused(
                error,
                "a configuration is an object with `cniVersion`, `name` and `plugins`",
            ));
        };
        let single = config.contains_key("type") && !config.contains_key("plugins");
        let name = match config.get("name") {
            None => {
                return Err(refused(
                    format!("{list}: no name"),
                    "a network has a name, which is the same for each of its containers: `name: \"mynet\"`",
                ));
            }
            Some(Value::String(name)) => name.clone(),
            Some(other) => {
                return Err(refused(
                    format!("{list}: invalid name type {}", type_of(other)),
                    "a name is a text",
                ));
            }
        };
        if !is_name(&name) {
            let error = format!("network name {name:?} contains invalid characters");
            return Err(refused(
                error,
                "it begins with a letter or a digit; letters, digits, `_`, `.` and `-` follow",
            ));
        }
        let version = match config.get("cniVersion") {
            None => OLDEST.to_string(),
            Some(Value::String(version)) if version_number(version).is_some() => version.clone(),
            Some(other) => {
                let error = format!("{list}: invalid cniVersion {}", short(other));
                return Err(refused(error, "a version is a text of three numbers: `cniVersion: \"1.0.0\"`"));
            }
        };
        let versions = config.get("cniVersions").and_then(Value::as_array).into_iter().flatten();
        let versions = versions.filter_map(|version| version.as_str().map(Into::into)).collect();
        let disable_check = match config.get("disableCheck") {
            None => false,
            Some(Value::Bool(disable)) => *disable,
            // libcni accepts these texts, too.
            Some(Value::String(text)) if text == "true" || text == "false" => text == "true",
            Some(other) => {
                let error = format!("{list}: invalid disableCheck type {}", type_of(other));
                return Err(refused(error, "it is true or false"));
            }
        };
        let plugins = if single {
            vec![Plugin::read(&Value::Object(config.clone()), 0)?]
        } else {
            let hint = "the plugins stand in an array: `plugins: [#{type: \"bridge\", …}]`";
            match config.get("plugins") {
                None => return Err(refused(format!("{list}: no 'plugins' key"), hint)),
                Some(Value::Array(plugins)) if plugins.is_empty() => {
                    return Err(refused(format!("{list}: no plugins in list"), hint));
                }
                Some(Value::Array(plugins)) => {
                    let plugins = plugins.iter().enumerate();
                    plugins.map(|(number, plugin)| Plugin::read(plugin, number)).collect::<Result<_, _>>()?
                }
                Some(other) => {
                    let error = format!("{list}: invalid 'plugins' type {}", type_of(other));
                    return Err(refused(error, hint));
                }
            }
        };
        Ok(Self { name, version, versions, disable_check, plugins })
    }

    /// Tells whether the version has CHECK, and passes previous results to DEL.
    pub fn knows_check(&self) -> bool {
        version_number(&self.version) >= version_number("0.4.0")
    }

    /// The versions to choose from, the latest first.
    pub fn choices(&self) -> Vec<String> {
        let mut versions = self.versions.clone();
        versions.retain(|version| version_number(version).is_some());
        versions.sort_by_key(|version| std::cmp::Reverse(version_number(version)));
        if versions.is_empty() { vec![self.version.clone()] } else { versions }
    }

    /// The JSON that a plugin gets on its standard input.
    pub fn request(&self, plugin: &Plugin, runtime: &Map<String, Value>, previous: Option<&Value>) -> Value {
        let mut config = plugin.config.clone();
        config.insert("cniVersion".into(), json!(self.version));
        config.insert("name".into(), json!(self.name));
        for key in ["cniVersions", "disableCheck", "plugins"] {
            config.remove(key);
        }
        // The runtime configuration goes only to plugins that declare the
        // capability.
        let capabilities = config.remove("capabilities");
        let can = |key: &str| capabilities.as_ref().is_some_and(|all| all.get(key) == Some(&json!(true)));
        let runtime: Map<String, Value> = runtime
            .iter()
            .filter(|(key, _)| can(key))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        if !runtime.is_empty() {
            config.insert("runtimeConfig".into(), Value::Object(runtime));
        }
        if let Some(previous) = previous {
            config.insert("prevResult".into(), previous.clone());
        }
        Value::Object(config)
    }

    /// Tells whether one of the plugins declares a capability.
    pub fn can(&self, key: &str) -> bool {
        let can = |plugin: &Plugin| {
            plugin.config.get("capabilities").is_some_and(|all| all.get(key) == Some(&json!(true)))
        };
        self.plugins.iter().any(can)
    }
}

impl Plugin {
    fn read(config: &Value, number: usize) -> Result<Self, NetError> {
        let failed = |what: String, hint: &str| {
            refused(
                format!("failed to parse plugin config {number}: error parsing configuration: {what}"),
                hint,
            )
        };
        let Value::Object(config) = config else {
            return Err(failed(
                format!("{} is no object", short(config)),
                "each plugin is an object with a `type`",
            ));
        };
        match config.get("type") {
            Some(Value::String(kind)) if kind.contains('/') => Err(failed(
                format!("invalid plugin name: {kind}"),
                "a type is the name of a program in CNI_PATH",
            )),
            Some(Value::String(kind)) if !kind.is_empty() => {
                Ok(Self { kind: kind.clone(), config: config.clone() })
            }
            _ => {
                Err(failed("missing 'type'".into(), "a type is the name of a program, as `type: \"bridge\"`"))
            }
        }
    }
}

/// Tells whether a name is valid in the specification.
pub fn is_name(name: &str) -> bool {
    let begins = name.starts_with(|c: char| c.is_ascii_alphanumeric());
    begins && name.chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c))
}

/// The three numbers of a version.
fn version_number(version: &str) -> Option<[u32; 3]> {
    let numbers: Vec<u32> = version.split('.').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    numbers.try_into().ok()
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn short(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(60) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plugin_gets_what_is_its_own() {
        let network = Network::read(&json!({
            "cniVersion": "1.1.0", "cniVersions": ["0.4.0", "1.1.0", "1.0.0"], "name": "mynet",
            "plugins": [
                {"type": "bridge", "bridge": "cni0"},
                {"type": "portmap", "capabilities": {"portMappings": true, "bandwidth": false}},
            ],
        }))
        .unwrap();
        assert_eq!(network.choices(), ["1.1.0", "1.0.0", "0.4.0"]);
        let runtime = json!({"portMappings": [1], "bandwidth": {}});
        let Value::Object(runtime) = runtime else { unreachable!() };
        assert_eq!(
            network.request(&network.plugins[0], &runtime, None),
            json!({"type": "bridge", "bridge": "cni0", "name": "mynet", "cniVersion": "1.1.0"})
        );
        assert_eq!(
            network.request(&network.plugins[1], &runtime, Some(&json!({"ips": []}))),
            json!({"type": "portmap", "name": "mynet", "cniVersion": "1.1.0",
                   "runtimeConfig": {"portMappings": [1]}, "prevResult": {"ips": []}})
        );
    }

    #[test]
    fn a_configuration_that_is_broken_is_refused_in_the_words_of_libcni() {
        let error = |config: Value| Network::read(&config).unwrap_err().error;
        assert_eq!(error(json!({"type": "bridge"})), "error parsing configuration list: no name");
        assert_eq!(error(json!({"name": "a"})), "error parsing configuration list: no 'plugins' key");
        assert_eq!(
            error(json!({"name": "a", "plugins": []})),
            "error parsing configuration list: no plugins in list"
        );
        assert_eq!(
            error(json!({"name": "a", "plugins": {}})),
            "error parsing configuration list: invalid 'plugins' type object"
        );
        assert_eq!(
            error(json!({"name": "a", "plugins": [{}]})),
            "failed to parse plugin config 0: error parsing configuration: missing 'type'"
        );
        assert_eq!(
            error(json!({"name": "a b", "type": "bridge"})),
            "network name \"a b\" contains invalid characters"
        );
        assert_eq!(
            error(json!({"name": "a", "type": "x", "cniVersion": 1})),
            "error parsing configuration list: invalid cniVersion 1"
        );
        assert_eq!(error(json!([1])), "error parsing configuration list: [1] is no configuration");
    }
}
