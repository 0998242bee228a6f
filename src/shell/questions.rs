//! Questions in a script: those that a command asks in vain, and the one that a replay watches.

use crate::event::{Aim, Event, Inquiry, LabCommand, Order, Probe, Ran};
use crate::net::Network;
use crate::why;
use std::time::{Duration, Instant};

/// The time that a replay may spend on watching for its target.
const WATCHING: Duration = Duration::from_secs(3);

/// The questions of a running script.
pub(super) struct Questions<'a> {
    order: &'a Order,
    /// The commands that may have set variables.
    assigning: Vec<LabCommand>,
    /// The line of the last command at which the target was watched for, and the time that this
    /// has taken so far.
    line: u32,
    took: Duration,
    gave_up: bool,
}

impl<'a> Questions<'a> {
    pub fn new(order: &'a Order) -> Self {
        Self { order, assigning: Vec::new(), line: 0, took: Duration::ZERO, gave_up: false }
    }

    /// Returns the question that a command has asked in vain.
    pub fn asked(&mut self, ran: &Ran) -> Option<Probe> {
        let command = LabCommand::of(&Event::Ran(ran.clone()))?;
        let (sets, failed) = (command.command.contains('='), command.failed.is_some());
        self.assigning.push(command);
        let asked = failed.then(|| why::question(&self.assigning)).flatten();
        if !sets {
            self.assigning.pop();
        }
        asked
    }

    /// Tells whether the target is reached before the command of a line runs, if the replay
    /// watches for it.
    pub fn watch(&mut self, network: &Network, line: u32, tell: &dyn Fn(Event)) {
        let Some(Inquiry { aim: Aim::Watch, probe, .. }) = &self.order.inquiry else { return };
        if line <= self.line || self.gave_up {
            return;
        }
        if self.took > WATCHING {
            self.gave_up = true;
            return tell(Event::Probed { line: self.line, reached: None });
        }
        let began = Instant::now();
        if self.line > 0 {
            tell(Event::Probed { line: self.line, reached: Some(why::reaches(network, probe)) });
        }
        self.line = line;
        self.took += began.elapsed();
    }
}
