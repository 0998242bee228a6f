//! All facts that the finders had, recorded to a file.
//!
//! A report of a wrong diagnosis needs this file. Tests read it back in place of the
//! network, so that finders are tested without a kernel, and for kinds of networks
//! that this kernel does not have.

use super::Evidence;
use super::kernel::{Kernel, Tracked};
use crate::event::{Probe, Suspect};
use crate::net::NameFiles;
use crate::net::survey::{NoRoute, Route, RouteQuestion, Space, Survey};
use crate::why::look::discovery::Discovery;
use crate::why::look::shot::Shot;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::cell::RefCell;
use std::net::IpAddr;

/// The facts of one round, read back.
#[cfg(test)]
#[derive(Debug, Deserialize)]
pub(in crate::why) struct Known {
    /// The probe that was sent.
    pub probe: Probe,
    /// The commands of the lab.
    pub lab_commands: Vec<crate::event::LabCommand>,
    /// The state of all namespaces.
    pub survey: Survey,
    /// The result of the probe.
    pub shot: Shot,
    /// Further questions to the kernel, and the answers.
    pub asked: Vec<(Question, Value)>,
    /// The suspects that were found, the most decisive first.
    pub suspects: Vec<Suspect>,
}

/// A question for the kernel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::why) enum Question {
    RouteGet { netns: String, question: RouteQuestion },
    AskServer { netns: String, server: IpAddr, name: String },
    NameFiles { netns: String },
    Processes { netns: String },
    SurveyOf { netns: String },
    HasSysctl { netns: String, key: String },
    NamesInFiles { name: String },
    Shoot { probe: Probe },
    Discover { netns: String, dev: String },
    Tracked { netns: String },
}

/// Asks another kernel, and records its answers.
pub(in crate::why) struct Recorder<'a> {
    kernel: &'a dyn Kernel,
    asked: RefCell<Vec<(Question, Value)>>,
}

impl<'a> Recorder<'a> {
    pub fn new(kernel: &'a dyn Kernel) -> Self {
        Self { kernel, asked: RefCell::default() }
    }

    /// Returns all facts of the round, with the suspects that were found.
    pub fn known(&self, evidence: &Evidence, suspects: &[Suspect]) -> Value {
        let asked = self.asked.borrow();
        serde_json::json!({
            "probe": evidence.probe,
            "lab_commands": evidence.lab_commands,
            "survey": evidence.survey,
            "shot": evidence.shot,
            "asked": *asked,
            "suspects": suspects,
        })
    }

    fn keep<T: Serialize>(&self, question: Question, answer: T) -> T {
        let mut asked = self.asked.borrow_mut();
        if !asked.iter().any(|(known, _)| *known == question) {
            asked.push((question, serde_json::to_value(&answer).unwrap_or_default()));
        }
        answer
    }
}

impl Kernel for Recorder<'_> {
    fn route_get(&self, netns: &str, question: &RouteQuestion) -> Result<Route, NoRoute> {
        let answer = self.kernel.route_get(netns, question);
        self.keep(Question::RouteGet { netns: netns.into(), question: question.clone() }, answer)
    }

    fn ask_server(&self, netns: &str, server: IpAddr, name: &str) -> Result<Vec<IpAddr>, String> {
        let answer = self.kernel.ask_server(netns, server, name);
        self.keep(Question::AskServer { netns: netns.into(), server, name: name.into() }, answer)
    }

    fn name_files(&self, netns: &str) -> Option<NameFiles> {
        self.keep(Question::NameFiles { netns: netns.into() }, self.kernel.name_files(netns))
    }

    fn processes(&self, netns: &str) -> Vec<String> {
        self.keep(Question::Processes { netns: netns.into() }, self.kernel.processes(netns))
    }

    fn survey_of(&self, netns: &str) -> Option<Space> {
        self.keep(Question::SurveyOf { netns: netns.into() }, self.kernel.survey_of(netns))
    }

    fn has_sysctl(&self, netns: &str, key: &str) -> bool {
        let answer = self.kernel.has_sysctl(netns, key);
        self.keep(Question::HasSysctl { netns: netns.into(), key: key.into() }, answer)
    }

    fn names_in_files(&self, name: &str) -> String {
        self.keep(Question::NamesInFiles { name: name.into() }, self.kernel.names_in_files(name))
    }

    fn shoot(&self, probe: &Probe, survey: &Survey) -> Option<Shot> {
        self.keep(Question::Shoot { probe: probe.clone() }, self.kernel.shoot(probe, survey))
    }

    fn discover(&self, netns: &str, dev: &str, survey: &Survey) -> Option<Discovery> {
        let answer = self.kernel.discover(netns, dev, survey);
        self.keep(Question::Discover { netns: netns.into(), dev: dev.into() }, answer)
    }

    fn tracked(&self, netns: &str) -> Vec<Tracked> {
        self.keep(Question::Tracked { netns: netns.into() }, self.kernel.tracked(netns))
    }
}

#[cfg(test)]
impl Known {
    fn answer<T: serde::de::DeserializeOwned>(&self, question: &Question) -> Option<T> {
        let (_, answer) = self.asked.iter().find(|(known, _)| known == question)?;
        serde_json::from_value(answer.clone()).ok()
    }
}

/// Returns the recorded answers; a question that was not recorded has none.
#[cfg(test)]
impl Kernel for Known {
    fn route_get(&self, netns: &str, question: &RouteQuestion) -> Result<Route, NoRoute> {
        let nobody = || Err(NoRoute { errno: 0, text: "it was not asked".into() });
        let asked = Question::RouteGet { netns: netns.into(), question: question.clone() };
        self.answer(&asked).unwrap_or_else(nobody)
    }

    fn ask_server(&self, netns: &str, server: IpAddr, name: &str) -> Result<Vec<IpAddr>, String> {
        let asked = Question::AskServer { netns: netns.into(), server, name: name.into() };
        self.answer(&asked).unwrap_or_else(|| Err("it was not asked".into()))
    }

    fn name_files(&self, netns: &str) -> Option<NameFiles> {
        self.answer(&Question::NameFiles { netns: netns.into() })?
    }

    fn processes(&self, netns: &str) -> Vec<String> {
        self.answer(&Question::Processes { netns: netns.into() }).unwrap_or_default()
    }

    fn survey_of(&self, netns: &str) -> Option<Space> {
        self.answer(&Question::SurveyOf { netns: netns.into() })?
    }

    fn has_sysctl(&self, netns: &str, key: &str) -> bool {
        let asked = Question::HasSysctl { netns: netns.into(), key: key.into() };
        self.answer(&asked).unwrap_or_default()
    }

    fn names_in_files(&self, name: &str) -> String {
        self.answer(&Question::NamesInFiles { name: name.into() }).unwrap_or_default()
    }

    fn shoot(&self, probe: &Probe, _: &Survey) -> Option<Shot> {
        self.answer(&Question::Shoot { probe: probe.clone() })?
    }

    fn discover(&self, netns: &str, dev: &str, _: &Survey) -> Option<Discovery> {
        self.answer(&Question::Discover { netns: netns.into(), dev: dev.into() })?
    }

    fn tracked(&self, netns: &str) -> Vec<Tracked> {
        self.answer(&Question::Tracked { netns: netns.into() }).unwrap_or_default()
    }
}
