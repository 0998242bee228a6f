//! Many labs at once, on all processors, in one `nslab test`.

use crate::clock::Times;
use crate::workshop::{CHECK_COUNT, Workshop};
use std::io::{self, BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How many labs.
pub const LABS: usize = 200;

/// How long the kernel has to take down what was there before: the crowd's
/// namespaces are many, and taken down one after the other.
const REST: Duration = Duration::from_millis(1500);

/// What came of it.
#[derive(Default)]
pub struct Crowd {
    /// The whole process.
    pub whole: Times,
    /// Until the first test case was told.
    pub first: Times,
}

impl Crowd {
    /// The median, as labs per second.
    pub fn rate(&self) -> Option<f64> {
        Some(LABS as f64 / self.whole.median()?.as_secs_f64())
    }
}

/// Runs the crowd a few times.
///
/// # Errors
///
/// Where a lab fails.
pub fn run(workshop: &Workshop, nslab: &Path, repeats: usize) -> io::Result<Crowd> {
    let folder = workshop.crowd(LABS)?;
    let mut crowd = Crowd::default();
    for _ in 0..repeats {
        std::thread::sleep(REST);
        once(nslab, &folder, &mut crowd)?;
    }
    Ok(crowd)
}

fn once(nslab: &Path, folder: &Path, crowd: &mut Crowd) -> io::Result<()> {
    let mut command = Command::new(nslab);
    command.arg("test").arg(folder).env("NSLAB_REQUIRE", "1");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let begun = Instant::now();
    let mut child = command.spawn()?;
    let mut first = None;
    let mut summary = String::new();
    if let Some(out) = child.stdout.take() {
        for line in BufReader::new(out).lines() {
            let line = line?;
            if line.starts_with("test result:") {
                summary = line;
            } else if line.starts_with("test ") && first.is_none() {
                first = Some(begun.elapsed());
            }
        }
    }
    let status = child.wait()?;
    let took = begun.elapsed();
    let all = format!(" {} passed", LABS * CHECK_COUNT);
    match first {
        Some(first) if status.success() && summary.contains(&all) => {
            crowd.first.add(first);
            crowd.whole.add(took);
            Ok(())
        }
        _ => Err(io::Error::other(format!("`nslab test` of {LABS} labs failed: {status}, {summary}"))),
    }
}
