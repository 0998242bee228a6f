//! A class that hands in the exercise "two rooms, one cable": how fast it is
//! graded, beside what the students' commands take under plain bash.

use crate::clock::milliseconds;
use crate::setting::Setting;
use std::io::{self, BufRead, BufReader, Read};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// The least number of students that are graded in a second, or else the largest multiple
/// of the time of their own commands.
const A_SECOND: f64 = 60.0;
const OF_BASH: f64 = 1.5;

const EXERCISE: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/labs/exercises/cable.rhai"));
const SOLUTION: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/labs/exercises/solutions/cable.sh"));

/// The variant that the exercise draws for no named student.
const LAN: &str = "192.168.15";

/// The script in a sandbox of its own, where two namespaces are given; prints
/// how many microseconds its own commands took.
const PLAIN: &str = r#"
mount -t tmpfs none /run && mkdir /run/netns && ip netns add red && ip netns add blue || exit
began=$EPOCHREALTIME
bash "$1" > /dev/null 2>&1
ended=$EPOCHREALTIME
echo $((${ended//[!0-9]/} - ${began//[!0-9]/}))
"#;

/// Grades a class, and tells whether all got their marks.
///
/// # Errors
///
/// If a process can't be started.
pub fn run(setting: &Setting, students: usize) -> io::Result<bool> {
    let exercise = setting.workshop.write("class/labs/exercises/cable.rhai", &[EXERCISE])?;
    setting.workshop.write("class/labs/exercises/solutions/cable.sh", &[SOLUTION])?;
    let script = SOLUTION.replace("{lan}", LAN);
    for number in 0..students {
        setting.workshop.write(&format!("class/handed-in/student{number:04}.sh"), &[&script])?;
    }
    let folder = setting.workshop.folder().join("class/handed-in");
    let mut grade = Command::new(&setting.nslab);
    grade.arg("grade").arg(&exercise).arg(&folder).args(["--seed", ""]);

    setting.quiet.wait()?;
    let began = Instant::now();
    let mut child = grade.stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    let mut out = BufReader::new(child.stdout.take().expect("it is piped"));
    let mut text = String::new();
    out.read_line(&mut text)?;
    let first = began.elapsed();
    out.read_to_string(&mut text)?;
    let (well, memory) = wait(child.id())?;
    let graded = began.elapsed();

    setting.quiet.wait()?;
    let threads = thread::available_parallelism()?.get();
    let plain = plain(&folder, students, threads)?;

    let rate = students as f64 / graded.as_secs_f64();
    let ratio = plain.map(|plain| graded.as_secs_f64() / plain.as_secs_f64());
    println!("{students} students of \"two rooms, one cable\", {threads} at a time");
    println!("graded in                  {} ms, {rate:.0} a second", milliseconds(graded));
    println!("the first of them after    {} ms", milliseconds(first));
    println!("most memory of the grader  {} MiB", memory / 1024);
    match (plain, ratio) {
        (Some(plain), Some(ratio)) => {
            println!("their commands, by bash    {} ms: graded in {ratio:.2} of that", milliseconds(plain));
            let holds = rate >= A_SECOND || ratio <= OF_BASH;
            println!("{A_SECOND} a second, or {OF_BASH} of bash: {}", if holds { "holds" } else { "missed" });
        }
        _ => println!("their commands, by bash    not measured: bash, ip and unshare are needed"),
    }
    Ok(well)
}

/// Waits for the grader; returns whether all have full marks, and its peak memory in KiB.
fn wait(pid: u32) -> io::Result<(bool, i64)> {
    let mut status = 0;
    // SAFETY: an all-zero rusage is a valid one; both live through the call.
    unsafe {
        let mut used: libc::rusage = std::mem::zeroed();
        if libc::wait4(pid as i32, &raw mut status, 0, &raw mut used) < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok((libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0, used.ru_maxrss))
    }
}

/// Returns the time of all students' commands, with as many at a time; nothing if they
/// can't be run.
fn plain(folder: &std::path::Path, students: usize, threads: usize) -> io::Result<Option<Duration>> {
    let (next, total, failed) = (AtomicUsize::new(0), AtomicU64::new(0), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= students || failed.load(Ordering::Relaxed) > 0 {
                        return;
                    }
                    let output = Command::new("unshare")
                        .args(["-Urnm", "bash", "-c", PLAIN, "plain"])
                        .arg(folder.join(format!("student{number:04}.sh")))
                        .output();
                    let took = output.ok().and_then(|output| {
                        String::from_utf8_lossy(&output.stdout).trim().parse::<u64>().ok()
                    });
                    match took {
                        Some(took) => total.fetch_add(took, Ordering::Relaxed),
                        None => failed.fetch_add(1, Ordering::Relaxed) as u64,
                    };
                }
            });
        }
    });
    let all = Duration::from_micros(total.into_inner() / threads as u64);
    Ok((failed.into_inner() == 0).then_some(all))
}
