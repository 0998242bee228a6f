//! The sustained load: the crowd of W2 again and again, which waits for the kernel's
//! teardown when there is no room left, and its effect on somebody who runs W1 beside it.

use crate::clock::{self, Times, milliseconds};
use crate::crowd::Crowd;
use crate::setting::Setting;
use crate::{table, w1};
use std::io;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// The number of runs of W1 alone.
const ALONE: usize = 100;
/// The pause between runs of W1, alone and beside the crowd.
const REST: Duration = Duration::from_millis(40);

/// The results of W1 beside the crowd.
#[derive(Default)]
struct Neighbour {
    times: Times,
    failed: usize,
}

impl Neighbour {
    fn run_once(&mut self, nslab: &Path, lab: &Path) -> io::Result<()> {
        let mut command = Command::new(nslab);
        match clock::time(command.arg("test").arg(lab).env("NSLAB_REQUIRE", "1"))? {
            (took, true) => self.times.add(took),
            (_, false) => self.failed += 1,
        }
        thread::sleep(REST);
        Ok(())
    }

    fn cells(&self, name: &str) -> [String; 6] {
        let time = |time: Option<Duration>| time.map_or("–".into(), milliseconds);
        [
            name.into(),
            self.times.len().to_string(),
            time(self.times.median()),
            time(self.times.p90()),
            time(self.times.longest()),
            if self.failed > 0 { format!("{} failed", self.failed) } else { String::new() },
        ]
    }
}

/// Keeps the load up for this time, and tells whether it was without fault.
///
/// # Errors
///
/// If a lab of the crowd fails.
pub fn run(setting: &Setting, lasting: Duration, labs: usize) -> io::Result<bool> {
    let lab = w1::direct_lab(setting)?;
    let crowd = Crowd::of_w2(setting, labs)?;
    let mut alone = Neighbour::default();
    setting.quiet.wait()?;
    for _ in 0..ALONE.min(labs) {
        alone.run_once(&setting.nslab, &lab)?;
    }

    let stop = AtomicBool::new(false);
    let begun = Instant::now();
    let runs = thread::scope(|scope| {
        let beside = scope.spawn(|| -> io::Result<Neighbour> {
            let mut beside = Neighbour::default();
            while !stop.load(Ordering::Relaxed) {
                beside.run_once(&setting.nslab, &lab)?;
            }
            Ok(beside)
        });
        let runs = keep_up(setting, &crowd, begun, lasting);
        stop.store(true, Ordering::Relaxed);
        Ok::<_, io::Error>((runs?, beside.join().expect("it only runs labs")?))
    });
    let (runs, beside) = runs?;
    let ended = begun.elapsed();
    setting.quiet.wait_for_teardown()?;
    let quiet = begun.elapsed();

    let labs = runs * crowd.labs;
    let line = |name: &str, took: Duration| {
        let rate = labs as f64 / took.as_secs_f64();
        [
            name.into(),
            labs.to_string(),
            format!("{:.1}", took.as_secs_f64()),
            format!("{rate:.0}"),
            String::new(),
        ]
    };
    let head = ["W2 kept up", "labs", "seconds", "labs/s", ""].map(String::from);
    let name = format!("nslab test of {} labs, {runs} times", crowd.labs);
    table::print_aligned(&[head, line(&name, ended), line("with the last teardown", quiet)]);
    println!();
    let head = ["W1 by nslab test", "runs", "median ms", "p90 ms", "longest ms", ""].map(String::from);
    table::print_aligned(&[head, alone.cells("alone"), beside.cells("beside W2")]);
    println!();
    Ok(alone.failed + beside.failed == 0)
}

/// Runs the crowd until the time is over; tells how often.
fn keep_up(setting: &Setting, crowd: &Crowd, begun: Instant, lasting: Duration) -> io::Result<usize> {
    let mut runs = 0;
    while runs == 0 || begun.elapsed() < lasting {
        crowd.once(&setting.nslab)?;
        runs += 1;
    }
    Ok(runs)
}
