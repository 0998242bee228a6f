//! Answers why a target is not reached: replays the lab until a cure is proved.

use super::evidence::{self, Record};
use super::{Machine, Settings, order, until};
use crate::event::{
    Aim, Answered, Asked, Cause, Effects, Event, Explanation, Findings, Inquiry, Misuse, Moment, PendingWhy,
    Probe, Ran, Stop, Suspect, Unanswered, Way,
};
use crate::lab::{Lab, Language};
use crate::report;
use crate::sandbox::{Launcher, Sandbox, SandboxError};
use std::cell::{Cell, RefCell};
use std::fmt;
use std::time::{Duration, Instant};

/// The time limit of the search, without the last replay.
const PATIENCE: Duration = Duration::from_secs(50);

/// The most suspects that are tried, each in a sandbox of its own.
const MOST_TRIALS: usize = 24;

/// The most further trials after a cure that works but breaks something.
const MOST_FURTHER: usize = 6;

/// The time limit of the search in one sandbox.
const ROUND: Duration = Duration::from_secs(30);

/// A lab whose replays take less is run once more to find out until when it worked.
const PROMPT: Duration = Duration::from_millis(1500);

/// The reason why there is no explanation.
#[derive(Debug)]
pub enum WhyError {
    /// The question makes no sense in this lab.
    Misuse(Misuse),
    /// There is no sandbox to replay it in.
    Sandbox(SandboxError),
    /// The lab could not be measured, or the replay has died.
    Stopped(Stop),
}

impl From<SandboxError> for WhyError {
    fn from(error: SandboxError) -> Self {
        Self::Sandbox(error)
    }
}

impl fmt::Display for WhyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Misuse(misuse) => f.write_str(&misuse.message),
            Self::Sandbox(error) => error.fmt(f),
            Self::Stopped(stop) => write!(f, "the replay has ended: {stop:?}"),
        }
    }
}

impl std::error::Error for WhyError {}

/// Finds out why a probe of a lab's network is not answered and what cures it,
/// and whether a replay proved that. `first` is a sandbox that is ready, and
/// `at` is the moment of the lab at which the question is asked. `tell` gets a
/// line before each replay.
///
/// # Errors
///
/// If the question makes no sense, or there is no sandbox.
pub fn why(
    lab: &Lab,
    launcher: &Launcher,
    first: Sandbox,
    settings: &Settings,
    probe: &Probe,
    at: &Moment,
    tell: &dyn Fn(&str),
) -> Result<Explanation, WhyError> {
    let cache = WhyCache { tell, ..WhyCache::new(lab, launcher, settings) };
    let mut explanation = search(&cache, first, probe, at)?;
    // A lab that takes long is not run again for that.
    if lab.language == Language::Shell && !explanation.reached && cache.longest.get() < PROMPT {
        let mut replay = Replay::new(&cache, None, probe, at);
        // The answer is complete without it.
        explanation.worked_until = until::worked_until(&mut replay, at).unwrap_or_default();
    }
    Ok(explanation)
}

/// Answers a lab's questions of why, in the network as it was at that moment.
/// Each question is answered once.
pub(super) struct WhyCache<'a> {
    lab: &'a Lab,
    launcher: &'a Launcher,
    settings: &'a Settings,
    /// The time limit of each search, without the last replay.
    patience: Duration,
    /// Takes a line about each replay.
    tell: &'a dyn Fn(&str),
    /// The time of the longest replay so far.
    longest: Cell<Duration>,
    known: RefCell<Vec<(PendingWhy, Option<Answered>)>>,
}

impl<'a> WhyCache<'a> {
    pub fn new(lab: &'a Lab, launcher: &'a Launcher, settings: &'a Settings) -> Self {
        Self {
            lab,
            launcher,
            settings,
            patience: PATIENCE,
            tell: &|_| {},
            longest: Cell::default(),
            known: RefCell::default(),
        }
    }

    /// Limits each search to this time.
    pub fn within(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Returns the answer; `None` if there is none.
    pub fn answer(&self, pending_why: &PendingWhy) -> Option<Answered> {
        let known = self
            .known
            .borrow()
            .iter()
            .find(|(asked, _)| asked == pending_why)
            .map(|(_, answer)| answer.clone());
        if let Some(known) = known {
            return known;
        }
        let explanation = self.launcher.open().map_err(WhyError::from).and_then(|first| {
            search(self, first, &pending_why.probe, &Moment::CallSite(pending_why.call_site.clone()))
        });
        if let (Record::Written(folder), Ok(explanation)) = (&self.settings.evidence, &explanation) {
            let number = self.known.borrow().len() + 1;
            evidence::write_numbered(folder, &self.lab.source.name, number, explanation);
        }
        let answer = explanation.ok().map(|explanation| Answered {
            text: report::explanation(self.lab, &explanation),
            lacking: explanation.lacking.clone(),
            explanation,
        });
        self.known.borrow_mut().push((pending_why.clone(), answer.clone()));
        answer
    }
}

/// Runs a lab, and returns its last question that got no answer, and the reason why the lab
/// stopped before its end.
///
/// # Errors
///
/// If there is no sandbox.
pub fn unanswered(
    lab: &Lab,
    launcher: &Launcher,
    mut sandbox: Sandbox,
    settings: &Settings,
) -> Result<(Option<Asked>, Option<Stop>), SandboxError> {
    let cache = WhyCache::new(lab, launcher, settings);
    let (mut unanswered, mut stopped) = (Unanswered::default(), None);
    let hear = |event| {
        unanswered.hear(&event);
        if let Event::Stopped(stop) = event {
            stopped = Some(stop);
        }
    };
    sandbox.run_with(&order(lab, settings), hear, |pending_why| cache.answer(pending_why))?;
    Ok((unanswered.last().cloned(), stopped))
}

fn search(cache: &WhyCache, first: Sandbox, probe: &Probe, at: &Moment) -> Result<Explanation, WhyError> {
    let until = Instant::now() + cache.patience;
    let mut replay = Replay::new(cache, Some(first), probe, at);
    let mut cleared: Vec<String> = Vec::new();
    // A cure that works, but breaks something, is kept for when there is no better one.
    let (mut best, mut further): (Option<Proved>, usize) = (None, MOST_FURTHER);
    let mut opening: Option<(Findings, Option<Stop>)> = None;
    for _ in 0..MOST_TRIALS {
        let (findings, stop) = replay.ask(Aim::Seek, &cleared)?;
        let (at_first, stopped) = opening.get_or_insert_with(|| (findings.clone(), stop)).clone();
        let explained =
            |causes: &[Suspect], effects| explain(probe, &at_first, stopped.clone(), causes, effects);
        if findings.reached {
            return Ok(explained(&findings.causes, None));
        }
        if findings.mended {
            let (last, others) = findings.causes.split_last().expect("something has mended it");
            cleared.push(last.key_after(others));
            if let Some(effects) = replay.proof(&findings.causes)? {
                let proved = replay.needed(Proved { causes: findings.causes, effects }, until)?;
                let proved = replay.narrowed(proved, until)?;
                if proved.is_best() {
                    return Ok(explained(&proved.causes, Some(proved.effects)));
                }
                if best.as_ref().is_none_or(|best| proved.effects.is_better_than(&best.effects)) {
                    best = Some(proved);
                }
            }
        } else if let Some(suspect) = findings.cleared {
            cleared.push(suspect.key_after(&findings.causes));
        } else {
            let ask_otherwise = findings.causes.iter().any(|cause| cause.fix.is_empty());
            if ask_otherwise && cleared.is_empty() {
                return Ok(explained(&findings.causes, None));
            }
            // No suspect is left after these: the last of them was a wrong
            // track.
            match findings.causes.split_last() {
                Some((last, others)) if !ask_otherwise => cleared.push(last.key_after(others)),
                _ => break,
            }
        }
        if best.is_some() {
            further -= 1;
        }
        if Instant::now() > until || further == 0 {
            break;
        }
    }
    let (findings, stopped) = opening.unwrap_or_default();
    if let Some(best) = best {
        return Ok(explain(probe, &findings, stopped, &best.causes, Some(best.effects)));
    }
    if !cleared.is_empty()
        && Instant::now() < until
        && let Some(together) = replay.gather(until)?
    {
        return Ok(explain(probe, &findings, stopped, &together.causes, Some(together.effects)));
    }
    // Nothing is proved: these are the likely causes.
    let mut likely = findings.causes.clone();
    likely.extend(findings.cleared.clone());
    likely.extend(findings.others.clone());
    // Suspects tried without success are less likely than untried ones.
    likely.sort_by_key(|one| cleared.contains(&one.key()));
    let mut keys = Vec::new();
    likely.retain(|suspect| {
        let fresh = !keys.contains(&suspect.key());
        keys.push(suspect.key());
        fresh
    });
    Ok(explain(probe, &findings, stopped, &likely, None))
}

/// Causes whose cures have reached the target in a replay, and what else these did.
struct Proved {
    causes: Vec<Suspect>,
    effects: Effects,
}

impl Proved {
    /// Tells whether there is no better cure to look for.
    fn is_best(&self) -> bool {
        self.effects.lost.is_empty() || self.causes.iter().all(|cause| cause.typed)
    }
}

fn explain(
    probe: &Probe,
    findings: &Findings,
    stopped: Option<Stop>,
    causes: &[Suspect],
    effects: Option<Effects>,
) -> Explanation {
    let proved = effects.is_some();
    // All causes if they are proved, or else the likeliest.
    let chosen = &causes[..causes.len().min(if proved { usize::MAX } else { 1 })];
    let mut evidence: Vec<String> = Vec::new();
    for look in chosen.iter().flat_map(|cause| &cause.evidence) {
        if !evidence.contains(look) {
            evidence.push(look.clone());
        }
    }
    // Two cures for the same cause are shown once.
    let mut told: Vec<Cause> = Vec::new();
    for cause in causes.iter().map(Cause::from) {
        if !told.contains(&cause) {
            told.push(cause);
        }
    }
    Explanation {
        from: probe.from.clone(),
        to: probe.to.clone(),
        reached: findings.reached,
        symptom: findings.symptom.clone(),
        refused: findings.refused.clone(),
        path: findings.path.clone(),
        trails: findings.trails.clone(),
        cause: causes.first().map(Cause::from),
        causes: told,
        fix: if findings.reached {
            Vec::new()
        } else {
            chosen.iter().flat_map(|cause| cause.fix.clone()).collect()
        },
        proved,
        effects,
        worked_until: None,
        evidence,
        stopped,
        lacking: findings.lacking.clone(),
        known: findings.known.clone(),
    }
}

/// Runs a lab repeatedly, each time in a fresh sandbox.
pub(super) struct Replay<'a> {
    cache: &'a WhyCache<'a>,
    ready: Option<Sandbox>,
    probe: &'a Probe,
    /// The moment at which it is asked.
    pub at: Moment,
    /// Whether the changes that each command makes are wanted.
    pub watched: bool,
    /// The ways in the lab as it is, once they are measured.
    ways: Option<Vec<Way>>,
    /// The events of the last run.
    pub heard: Heard,
}

/// The events of a run that an answer may need.
#[derive(Default)]
pub(super) struct Heard {
    /// The lines up to which commands had run, and whether the target was reached then; none
    /// once nobody watched any more.
    pub probed: Vec<(u32, Option<bool>)>,
    /// The commands that have run.
    pub ran: Vec<Ran>,
}

impl<'a> Replay<'a> {
    pub fn new(cache: &'a WhyCache<'a>, ready: Option<Sandbox>, probe: &'a Probe, at: &Moment) -> Self {
        Self { cache, ready, probe, at: at.clone(), watched: false, ways: None, heard: Heard::default() }
    }

    /// Tells whether a fresh replay reaches the target with these cures, and what else they
    /// do there.
    fn proof(&mut self, causes: &[Suspect]) -> Result<Option<Effects>, WhyError> {
        let before = match self.ways.take() {
            Some(ways) => ways,
            None => self.ask(Aim::Measure, &[])?.0.ways,
        };
        let cures = causes.iter().flat_map(|cause| cause.fix.clone()).collect();
        let (findings, _) = self.ask(Aim::Prove { cures, ways: before.clone() }, &[])?;
        let effects =
            findings.reached.then(|| Effects::between(&before, &findings.ways, self.probe, findings.target));
        self.ways = Some(before);
        Ok(effects)
    }

    /// Drops the causes whose cures are not needed.
    fn needed(&mut self, mut proved: Proved, until: Instant) -> Result<Proved, WhyError> {
        let mut at = 0;
        while proved.causes.len() > 1 && at < proved.causes.len() && Instant::now() < until {
            let without = [&proved.causes[..at], &proved.causes[at + 1..]].concat();
            match self.proof(&without)? {
                Some(effects) => proved = Proved { causes: without, effects },
                None => at += 1,
            }
        }
        Ok(proved)
    }

    /// Finds faults that hide each other: cures all suspects together, then
    /// drops the cures that are not needed.
    fn gather(&mut self, until: Instant) -> Result<Option<Proved>, WhyError> {
        let (findings, _) = self.ask(Aim::Gather, &[])?;
        if !findings.mended {
            return Ok(None);
        }
        match self.proof(&findings.causes)? {
            Some(effects) => {
                let proved = self.needed(Proved { causes: findings.causes, effects }, until)?;
                self.narrowed(proved, until).map(Some)
            }
            None => Ok(None),
        }
    }

    /// Replaces cures by narrower ones, as long as that leaves fewer effects that nobody asked
    /// for.
    fn narrowed(&mut self, mut proved: Proved, until: Instant) -> Result<Proved, WhyError> {
        for at in 0..proved.causes.len() {
            for narrower in proved.causes[at].narrower.clone() {
                if proved.effects.harm() == (0, 0) || Instant::now() > until {
                    return Ok(proved);
                }
                let mut causes = proved.causes.clone();
                causes[at].fix = narrower;
                if let Some(effects) = self.proof(&causes)?
                    && effects.harm() < proved.effects.harm()
                {
                    proved = Proved { causes, effects };
                }
            }
        }
        Ok(proved)
    }

    /// Runs the lab and asks the sandbox.
    pub fn ask(&mut self, aim: Aim, cleared: &[String]) -> Result<(Findings, Option<Stop>), WhyError> {
        (self.cache.tell)(&match &aim {
            Aim::Seek | Aim::Gather => "looking for the cause".to_string(),
            Aim::Measure => "measuring who reaches whom".to_string(),
            Aim::Watch => "finding the command until which it was reached".to_string(),
            Aim::Prove { cures, .. } if cures.is_empty() => {
                "finding the command until which it was reached".to_string()
            }
            Aim::Prove { cures, .. } => format!("trying `{}`", cures.join("; ")),
        });
        let before = Machine::now();
        let began = Instant::now();
        let answer = self.ask_once(aim.clone(), cleared)?;
        self.cache.longest.set(self.cache.longest.get().max(began.elapsed()));
        // The machine changed during the run, so the run may be wrong: ask
        // again.
        if before.has_changed() { self.ask_once(aim, cleared) } else { Ok(answer) }
    }

    fn ask_once(&mut self, aim: Aim, cleared: &[String]) -> Result<(Findings, Option<Stop>), WhyError> {
        let mut sandbox = match self.ready.take() {
            Some(sandbox) => sandbox,
            None => self.cache.launcher.open()?,
        };
        // The next sandbox prepares itself meanwhile. A proof is the last run of most searches.
        if !matches!(aim, Aim::Prove { .. }) {
            self.ready = Some(self.cache.launcher.open()?);
        }
        let mut order = order(self.cache.lab, self.cache.settings);
        order.watched = self.watched;
        order.inquiry = Some(Inquiry {
            probe: self.probe.clone(),
            at: self.at.clone(),
            scope: self.cache.settings.scope.clone(),
            aim,
            cleared: cleared.to_vec(),
            budget_ms: ROUND.min(self.cache.patience).as_millis() as u64,
            records: self.cache.settings.evidence != Record::Dropped,
        });
        let (mut found, mut stopped, mut heard) = (None, None, Heard::default());
        let hear = |event| match event {
            Event::Probed { line, reached } => heard.probed.push((line, reached)),
            Event::Ran(ran) if self.watched => heard.ran.push(ran),
            Event::Explained(findings) => found = Some(*findings),
            Event::Stopped(stop) => stopped = Some(stop),
            _ => {}
        };
        // The lab itself may ask why during the run.
        sandbox.run_with(&order, hear, |pending_why| self.cache.answer(pending_why))?;
        self.heard = heard;
        match (found, stopped) {
            (Some(Findings { misuse: Some(misuse), .. }), _) => Err(WhyError::Misuse(misuse)),
            (Some(findings), stopped) => Ok((findings, stopped)),
            (None, Some(stop)) => Err(WhyError::Stopped(stop)),
            (None, None) => Err(WhyError::Stopped(Stop::Bug("the replay said nothing".into()))),
        }
    }
}
