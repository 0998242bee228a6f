//! The soak: the same lab again and again while something else keeps every
//! processor busy. No check may fail falsely, no byte of a snapshot may
//! differ.

use crate::clock::{Times, milliseconds};
use crate::setting::Setting;
use crate::w1::{self, SNAPSHOT_COUNT};
use std::collections::BTreeMap;
use std::fs;
use std::hint;
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;

/// The files of a lab's snapshots: names and bytes.
type Snapshots = BTreeMap<String, Vec<u8>>;

/// The results of all runs.
#[derive(Default)]
struct Count {
    times: Times,
    failures: usize,
    differing_runs: usize,
    differing_bytes: usize,
    /// The output of the first run that failed or differed.
    first: Option<String>,
}

/// Runs the soak, and tells whether it was without fault.
///
/// # Errors
///
/// If the lab does not even work on a quiet machine.
pub fn run(setting: &Setting, runs: usize) -> io::Result<bool> {
    let (lab, folder) = w1::snapshot_lab(setting)?;
    let nslab = &setting.nslab;
    let (well, said) = once(nslab, &lab)?;
    let expected = read(&folder)?;
    if !well || expected.len() != SNAPSHOT_COUNT {
        return Err(io::Error::other(format!("the lab does not work:\n{said}")));
    }
    let processors = thread::available_parallelism()?.get();
    println!(
        "{runs} runs of W1 with {SNAPSHOT_COUNT} snapshots; {processors} spinning threads on {processors} processors"
    );

    let stop = AtomicBool::new(false);
    let count = thread::scope(|scope| {
        for _ in 0..processors {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    hint::spin_loop();
                }
            });
        }
        let count = count(nslab, &lab, &folder, &expected, runs);
        stop.store(true, Ordering::Relaxed);
        count
    })?;

    println!("false failures             {}", count.failures);
    println!("runs that differ           {}", count.differing_runs);
    println!("bytes that differ          {}", count.differing_bytes);
    let times = [count.times.median(), count.times.p90(), count.times.longest()];
    let [median, p90, longest] = times.map(|time| time.map_or("–".into(), milliseconds));
    println!("ms: median, p90, longest   {median}, {p90}, {longest}");
    if let Some(said) = &count.first {
        println!("\nthe first of them said:\n{said}");
    }
    Ok(count.failures + count.differing_runs == 0)
}

fn count(nslab: &Path, lab: &Path, folder: &Path, expected: &Snapshots, runs: usize) -> io::Result<Count> {
    let mut count = Count::default();
    for _ in 0..runs {
        // Each run accepts anew, so that the comparison has what this run saw, not what
        // an earlier one left.
        fs::remove_dir_all(folder)?;
        let begun = Instant::now();
        let (well, said) = once(nslab, lab)?;
        count.times.add(begun.elapsed());
        let bytes = differing(expected, &read(folder)?);
        count.failures += usize::from(!well);
        count.differing_runs += usize::from(bytes > 0);
        count.differing_bytes += bytes;
        if (!well || bytes > 0) && count.first.is_none() {
            count.first = Some(said);
        }
    }
    Ok(count)
}

/// Runs the lab and accepts its snapshots; tells whether it passed, and what
/// it said.
fn once(nslab: &Path, lab: &Path) -> io::Result<(bool, String)> {
    let output = Command::new(nslab)
        .args(["test", "--accept"])
        .arg(lab)
        .env("NSLAB_REQUIRE", "1")
        .stdin(Stdio::null())
        .output()?;
    let said = [output.stdout, output.stderr].concat();
    Ok((output.status.success(), String::from_utf8_lossy(&said).into_owned()))
}

fn read(folder: &Path) -> io::Result<Snapshots> {
    let entries = match fs::read_dir(folder) {
        // A run that took no snapshot makes no folder.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            fs::create_dir_all(folder)?;
            return Ok(Snapshots::new());
        }
        entries => entries?,
    };
    entries
        .map(|entry| {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            Ok((name, fs::read(path)?))
        })
        .collect()
}

/// Counts the bytes in which two sets of files differ; a file that only one
/// has counts whole.
fn differing(expected: &Snapshots, found: &Snapshots) -> usize {
    let names = expected.keys().chain(found.keys().filter(|name| !expected.contains_key(*name)));
    names
        .map(|name| {
            let expected = expected.get(name).map_or(&[][..], Vec::as_slice);
            let found = found.get(name).map_or(&[][..], Vec::as_slice);
            let same = expected.iter().zip(found).filter(|(a, b)| a == b).count();
            expected.len().max(found.len()) - same
        })
        .sum()
}
