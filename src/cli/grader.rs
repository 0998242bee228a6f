//! Grades one solution of an exercise, repeating it until everything is measured.

use super::grade::INTERRUPTED;
use super::turns::Turns;
use crate::check::{Shelf, Update};
use crate::exercise::{Graded, HandedIn, Unfit};
use crate::lab::{Lab, Language};
use crate::net::package_of;
use crate::run::{self, Attempt, Machine, Settings, Supply};
use crate::sandbox::{Launcher, Sandbox, SandboxError, doctor};
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

/// The most runs of a solution if something could not be measured. Other
/// processes may have released resources by the next run.
const TRIES: u32 = 3;

/// An exercise, with the settings for its solutions.
pub(super) struct Grader {
    pub lab: Lab,
    settings: Settings,
    shelf: Shelf,
    turns: Turns,
}

impl Grader {
    pub fn new(lab: Lab, settings: Settings) -> Self {
        let shelf = Shelf::of(&lab.source.path, &lab.source.name, Update::Never);
        Self { lab, settings, shelf, turns: Turns::default() }
    }

    /// Returns the tool of the reference solution that this machine lacks. A
    /// student who can't have it is not to blame.
    fn lacks(&self) -> Option<String> {
        let gap = self.lab.gap.as_ref()?.place;
        let tool =
            self.lab.judging().filter_map(|check| check.tool.as_ref()).find(|tool| tool.place == gap)?;
        let package = package_of(&tool.program).unwrap_or(&tool.program);
        Some(format!("`{}` is not installed; install it: `apt-get install {package}`", tool.program))
    }

    /// Runs a solution once, in the variant that `seed` draws.
    ///
    /// # Errors
    ///
    /// If there is no sandbox to run it in.
    pub fn once(
        &self,
        launcher: &Launcher,
        sandbox: &mut Sandbox,
        whose: (&str, &str),
        handed_in: &HandedIn,
    ) -> Result<Graded, SandboxError> {
        self.attempt(launcher, sandbox, whose, handed_in).map(|(graded, _)| graded)
    }

    /// Does the same, and tells whether a shared resource ran out.
    fn attempt(
        &self,
        launcher: &Launcher,
        sandbox: &mut Sandbox,
        (student, seed): (&str, &str),
        handed_in: &HandedIn,
    ) -> Result<(Graded, bool), SandboxError> {
        let lab = self.lab.with(handed_in.solution.clone());
        let settings = Settings { seed: seed.into(), ..self.settings.clone() };
        let Attempt { outcomes, mut remarks, stopped, ran_out } =
            run::attempt(&lab, launcher, sandbox, &self.shelf, &settings)?;
        if let Some(remarks) = &mut remarks {
            remarks.splice(0..0, handed_in.remarks.iter().cloned());
        }
        let graded = Graded::of(student, &lab, &outcomes, remarks.as_deref());
        Ok((Graded { stopped, ..graded }, ran_out))
    }

    /// Does the same until everything is measured.
    pub fn grade(
        &self,
        launcher: &Launcher,
        supply: &mut Supply,
        (student, seed): (&str, &str),
        handed_in: &HandedIn,
    ) -> Graded {
        let machine = |lack: String| Graded::unfit(student, &self.lab, &Unfit::Machine(lack));
        if handed_in.solution.language == Language::Shell
            && let Some(lack) = self.lacks()
        {
            return machine(lack);
        }
        let mut tries = 0;
        loop {
            tries += 1;
            // If other submissions used too much of the machine, the next run
            // gets the machine alone.
            let with_others = (tries == 1).then(|| self.turns.beside_others());
            let alone = (tries > 1).then(|| {
                let alone = self.turns.alone();
                Machine::await_room();
                alone
            });
            let before = Machine::now();
            let graded = supply.open().and_then(|mut sandbox| {
                let graded = self.attempt(launcher, &mut sandbox, (student, seed), handed_in);
                supply.done(sandbox);
                graded
            });
            drop((with_others, alone));
            let (graded, ran_out) =
                graded.unwrap_or_else(|error| (machine(doctor::with_remedy(&error)), false));
            // A submission that ran alone has used up the resource itself.
            let is_lost_to_others = tries == 1 && ran_out && !graded.is_full();
            let is_measured = graded.unmeasured().is_empty() && !before.has_new_modules();
            if tries == TRIES || (is_measured && !is_lost_to_others) || INTERRUPTED.load(Ordering::Relaxed) {
                return graded;
            }
            thread::sleep(Duration::from_millis(100) * tries * tries);
        }
    }
}
