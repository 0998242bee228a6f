//! The part of an inquiry in one sandbox: probe, suspect, cure, and probe again.

mod trail;

use super::cause;
use super::evidence::Evidence;
use crate::event::{Aim, Findings, Inquiry, LabCommand, Misuse, Probe, Suspect};
use crate::net::survey::Survey;
use crate::net::{NetError, Netns, Network, Taps};
use crate::why::command::refused;
use crate::why::cure::effects;
use crate::why::cure::mend::{Unmended, mend, settled};
use crate::why::cure::scope;
use crate::why::evidence::kernel::{Kernel, Live};
use crate::why::evidence::known::Recorder;
use crate::why::look::shot::{Shot, send, shoot};
use std::time::{Duration, Instant};

/// The largest number of simultaneous faults that are looked for.
const MOST_CAUSES: usize = 6;

/// Answers an inquiry in the network that a lab has left.
pub fn round(network: &Network, lab_commands: &[LabCommand], inquiry: &Inquiry) -> Findings {
    let mut findings = Findings::default();
    match search(network, lab_commands, inquiry, &mut findings) {
        Ok(()) => {}
        Err(error) => findings.misuse = Some(Misuse { message: error.error, hint: error.hint }),
    }
    findings
}

fn search(
    network: &Network,
    lab_commands: &[LabCommand],
    inquiry: &Inquiry,
    findings: &mut Findings,
) -> Result<(), NetError> {
    let until = Instant::now() + Duration::from_millis(inquiry.budget_ms);
    let probe = &inquiry.probe;
    let from = scope::namespace(network, &probe.from)?;
    sound(network, &from, inquiry)?;
    scope::prepare(network, &inquiry.scope, probe)?;
    // The shell has watched while the lab ran.
    if inquiry.aim == Aim::Watch {
        return Ok(());
    }
    network.await_detection(|| {
        let mut ends = network.survey()?.spaces;
        ends.retain(|space| {
            space.name == from.name() || space.addrs.iter().any(|addr| addr.ip.to_string() == probe.to)
        });
        Ok(ends.into_iter().map(|space| space.name).collect())
    })?;
    network.let_programs_rest();
    // This sandbox is a replay, whose captures nobody reads.
    network.forget_captures();
    match &inquiry.aim {
        Aim::Measure => {
            // Ways that can't be measured have no effects; the cure is proved all the same.
            findings.ways = effects::ways(network, &network.survey()?).unwrap_or_default();
            return Ok(());
        }
        Aim::Prove { cures, ways } => {
            let proved = proved(network, &from, probe, cures, findings)?;
            findings.reached = proved.is_some();
            if let Some(survey) = proved {
                findings.ways = effects::again(network, &survey, ways.clone()).unwrap_or_default();
            }
            return Ok(());
        }
        Aim::Watch | Aim::Seek | Aim::Gather => {}
    }
    findings.refused = refused::commands(lab_commands);
    let mut survey = network.survey()?;
    let mut taps = Taps::default();
    let mut shot = shoot(network, &mut taps, &from, probe, &survey)?;
    findings.reached = shot.reached;
    findings.symptom.clone_from(&shot.symptom);
    findings.path = shot.path();
    findings.trails = trail::trails(&survey, from.name(), &shot);
    findings.mended = shot.reached;
    let gathers = inquiry.aim == Aim::Gather;
    let mut refused: Vec<String> = Vec::new();
    for round in 0..MOST_CAUSES {
        let suspects = suspects(network, lab_commands, inquiry, &survey, &shot, findings);
        if round == 0 && shot.reached {
            // The target answers, but perhaps for the wrong reason.
            let explains = |found: &cause::Suspicion| {
                cause::SPOIL_ANSWERS.iter().any(|cause| found.suspect.id == *cause)
            };
            findings.causes.extend(suspects.into_iter().filter(explains).map(|found| found.suspect));
            return Ok(());
        }
        let tried = &refused;
        let (mut untried, elsewhere): (Vec<_>, Vec<_>) = suspects
            .into_iter()
            .filter(|found| {
                let known = |other: &Suspect| other.key() == found.suspect.key();
                !findings.causes.iter().any(known) && !tried.contains(&found.suspect.key())
            })
            .partition(|found| scope::allows(&inquiry.scope, &found.suspect.fix));
        let mut elsewhere = elsewhere;
        let found = (!untried.is_empty()).then(|| untried.remove(0));
        // A suspect without commands ends the search. What may not be cured may explain more.
        let is_last = found.as_ref().is_none_or(|found| found.suspect.fix.is_empty());
        if is_last
            && let Some(barred) = elsewhere.first()
            && found.as_ref().is_none_or(|found| found.rank < barred.rank)
        {
            let barred = elsewhere.remove(0);
            findings.causes.push(scope::untouched(&inquiry.scope, barred.suspect));
            return Ok(());
        }
        if round == 0 {
            let elsewhere =
                elsewhere.into_iter().map(|found| scope::untouched(&inquiry.scope, found.suspect));
            findings.others = untried.into_iter().map(|found| found.suspect).chain(elsewhere).collect();
        }
        // A suspect without commands can't be tried, and ends the search.
        let Some(mut found) = found else { return Ok(()) };
        found.suspect.narrower.retain(|narrower| scope::allows(&inquiry.scope, narrower));
        if found.suspect.fix.is_empty() && gathers {
            return Ok(());
        }
        if found.suspect.fix.is_empty() {
            findings.causes.push(found.suspect);
            return Ok(());
        }
        let reach = shot.reach();
        let helped = mend(network, &found.suspect.fix);
        if let Err(Unmended::Lacking(lack)) = helped {
            findings.lacking = Some(lack);
            findings.causes.push(found.suspect);
            return Ok(());
        }
        survey = settled(network)?;
        shot = shoot(network, &mut taps, &from, probe, &survey)?;
        let further = shot.reach() > reach;
        if helped.is_err() && gathers {
            refused.push(found.suspect.key());
            continue;
        }
        if helped.is_err() || !(shot.reached || further || found.sure || gathers) {
            findings.cleared = Some(found.suspect);
            return Ok(());
        }
        findings.causes.push(found.suspect);
        findings.mended = shot.reached;
        if shot.reached || Instant::now() > until {
            return Ok(());
        }
    }
    Ok(())
}

/// Returns the state of the network after these commands if the target is reached then.
fn proved(
    network: &Network,
    from: &Netns,
    probe: &Probe,
    cures: &[String],
    findings: &mut Findings,
) -> Result<Option<Survey>, NetError> {
    match mend(network, cures) {
        Ok(()) => {
            let survey = settled(network)?;
            let sent = send(network, from, probe, &survey)?;
            findings.target = sent.target;
            Ok(sent.reached.then_some(survey))
        }
        Err(Unmended::Refused) => Ok(None),
        Err(Unmended::Lacking(lack)) => {
            findings.lacking = Some(lack);
            Ok(None)
        }
    }
}

fn suspects(
    network: &Network,
    lab_commands: &[LabCommand],
    inquiry: &Inquiry,
    survey: &Survey,
    shot: &Shot,
    findings: &mut Findings,
) -> Vec<cause::Suspicion> {
    let live = Live::new(network);
    let recorder = Recorder::new(&live);
    let kernel: &dyn Kernel = if inquiry.records { &recorder } else { &live };
    let evidence = Evidence::new(kernel, survey, lab_commands, &inquiry.probe, shot);
    let mut found = cause::suspects(&evidence);
    if inquiry.records {
        let suspects: Vec<Suspect> = found.iter().map(|found| found.suspect.clone()).collect();
        findings.known.push(recorder.known(&evidence, &suspects));
    }
    found.retain(|found| !inquiry.cleared.contains(&found.suspect.key_after(&findings.causes)));
    found
}

/// Checks that the target is an address or a name, and that the interface exists.
fn sound(network: &Network, from: &Netns, inquiry: &Inquiry) -> Result<(), NetError> {
    let to = inquiry.probe.to.as_str();
    let is_name = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let digits = to.chars().all(|c| c.is_ascii_digit() || c == '.');
    if to.parse::<std::net::IpAddr>().is_err() && (to.is_empty() || digits || !to.chars().all(is_name)) {
        let error = NetError::new(format!("`{to}` is no address, and no name that could have one"));
        return Err(error.hint("an address is wanted, as 10.0.0.2 or fd00::2, or a name, as web.example"));
    }
    let Some(interface) = &inquiry.probe.interface else { return Ok(()) };
    let links = network.names_of_links(from)?;
    if interface.parse::<std::net::IpAddr>().is_ok() || links.values().any(|name| name == interface) {
        return Ok(());
    }
    let names: Vec<String> = links.values().map(|name| format!("`{name}`")).collect();
    Err(NetError::new(format!("{from} has no interface `{interface}`"))
        .hint(format!("it has {}", names.join(", "))))
}
