//! Many labs at once, on all processors, in one `nslab test`.

use crate::clock::Times;
use crate::race::Bound;
use crate::setting::Setting;
use crate::{w1, w2};
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The number of labs.
pub const LABS: usize = 200;

/// Labs of one kind.
pub struct Crowd {
    pub title: &'static str,
    pub labs: usize,
    /// The requirement, in labs per second.
    pub bound: Bound,
    /// The event at which the count ends.
    pub until: Until,
    folder: PathBuf,
    /// The number of all checks.
    checks: usize,
    /// The times: until the first test case was reported, ...
    pub first: Times,
    /// ... until the last line, ...
    pub last: Times,
    /// ... until the end of the process, ...
    pub whole: Times,
    /// ... and until the kernel had taken everything down.
    pub down: Times,
}

/// The event at which a crowd is done.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Until {
    LastResult,
    End,
}

/// The times of the events of one `nslab test`.
pub struct LabRun {
    first: Duration,
    last: Duration,
    whole: Duration,
}

impl Crowd {
    /// A number of labs of W1.
    pub fn of_w1(setting: &Setting, labs: usize) -> io::Result<Self> {
        let folder = setting.workshop.crowd("w1", &w1::text(), labs)?;
        Ok(Self::new("W1", folder, labs, w1::CHECK_COUNT, Bound::AtLeast(300.0), Until::End))
    }

    /// A number of labs of W2.
    pub fn of_w2(setting: &Setting, labs: usize) -> io::Result<Self> {
        let folder = setting.workshop.crowd("w2", w2::LAB, labs)?;
        Ok(Self::new("W2", folder, labs, w2::CHECK_COUNT, Bound::AtLeast(150.0), Until::LastResult))
    }

    fn new(
        title: &'static str,
        folder: PathBuf,
        labs: usize,
        checks: usize,
        bound: Bound,
        until: Until,
    ) -> Self {
        let [first, last, whole, down] = [const { Times::none() }; 4];
        let checks = labs * checks;
        Self { title, labs, bound, until, folder, checks, first, last, whole, down }
    }

    /// Runs the crowd a few times.
    ///
    /// # Errors
    ///
    /// If a lab fails.
    pub fn run(&mut self, setting: &Setting, repeats: usize) -> io::Result<()> {
        for _ in 0..repeats {
            setting.quiet.wait()?;
            let course = self.once(&setting.nslab)?;
            let ended = Instant::now();
            setting.quiet.wait_for_teardown()?;
            self.first.add(course.first);
            self.last.add(course.last);
            self.whole.add(course.whole);
            self.down.add(course.whole + ended.elapsed());
        }
        Ok(())
    }

    /// The median, as labs per second.
    pub fn rate(&self, until: Until) -> Option<f64> {
        let times = if until == Until::End { &self.whole } else { &self.last };
        Some(self.labs as f64 / times.median()?.as_secs_f64())
    }

    /// Runs all labs once.
    ///
    /// # Errors
    ///
    /// If a lab fails.
    pub fn once(&self, nslab: &Path) -> io::Result<LabRun> {
        let mut command = Command::new(nslab);
        command.arg("test").arg(&self.folder).env("NSLAB_REQUIRE", "1");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let begun = Instant::now();
        let mut child = command.spawn()?;
        let (mut first, mut last) = (None, None);
        let mut summary = String::new();
        if let Some(out) = child.stdout.take() {
            for line in BufReader::new(out).lines() {
                let line = line?;
                if line.starts_with("test ") {
                    first.get_or_insert_with(|| begun.elapsed());
                    last = Some(begun.elapsed());
                    summary = line;
                }
            }
        }
        let status = child.wait()?;
        let whole = begun.elapsed();
        let all = format!(" {} passed", self.checks);
        match (first, last) {
            (Some(first), Some(last)) if status.success() && summary.contains(&all) => {
                Ok(LabRun { first, last, whole })
            }
            _ => {
                let (labs, title) = (self.labs, self.title);
                Err(io::Error::other(format!("`nslab test` of {labs} {title} labs: {status}, {summary}")))
            }
        }
    }
}
