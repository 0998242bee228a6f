//! Submissions by somebody who wants points, or worse. They are one class: each
//! gets the grade that it has earned, whatever the others do, and the machine
//! stays as it was.
//!
//! A script in `submissions/` that finds a way out makes a namespace
//! `broken-out`, which costs it points.

#[path = "../machine/mod.rs"]
mod machine;
#[path = "../measured/mod.rs"]
mod measured;
mod shares;
#[path = "../support/mod.rs"]
mod support;

use machine::{differences, listing};
use measured::{lacking, lacking_in, skip, slowness};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;
use std::time::Duration;
use support::{Scratch, forget_others, output, output_within, sandbox_lack};

/// A text that a submission may not read, wherever it lies.
const MARKER: &str = "nslab-test-marker";

/// Two rooms with a cable between them, and nothing else.
const EXERCISE: &str = r#"//! Let red reach blue.
// nslab-test-marker
let red = netns("red");
let blue = netns("blue");
veth(red, "veth-red", blue, "veth-blue");
let judge = start("sh -c 'echo nslab-judge; sleep 1000'");
sh("for kind in user mnt pid uts ipc; do readlink /proc/self/ns/$kind; done > /tmp/judges");
submission("solutions/way.sh");
check("red reaches blue", ping(red, "192.168.15.2", #{by: blue}), #{points: 3});
check("a program of the judge's sees red's address",
    exec(red, "ip -br addr show dev veth-red").stdout.contains("192.168.15.1/24"));
check("nobody has broken out", !netns_list().some(|netns| netns.name == "broken-out"), #{points: 2});
check("the judge's programs run", judge.running);
check("the table that all share has room", arp(red).len() < 300);
"#;

/// The honest submissions besides the one of that name: the first and the last of the
/// class, and some between. Most of them run beside those that fill the neighbour table.
const HONEST: [&str; 11] = [
    "aaron",
    "fills",
    "fills_icmp_beside",
    "fills_neighbours_beside",
    "fills_neighbours_beyond",
    "mia",
    "neighbours",
    "neighbours_beside",
    "neighbours_without_name_beside",
    "neighbours_without_name_beyond",
    "zoe",
];

/// The whole class, graded once.
struct Class {
    results: Value,
    differences: String,
    left: Vec<String>,
}

/// Grades everybody; `None` where this machine can't.
fn class() -> Option<&'static Class> {
    static CLASS: OnceLock<Class> = OnceLock::new();
    if let Some(lack) = sandbox_lack().map(String::from).or_else(|| lacking(&["bash", "ip"])) {
        skip(lack);
        return None;
    }
    Some(CLASS.get_or_init(grade))
}

fn submissions() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hostile/submissions")
}

fn grade() -> Class {
    // Kernel modules that are loaded for the first time add sysctls.
    let _ = lacking_ability("a firewall (nf_tables)");
    let (before, modules) = (listing(), loaded());
    let scratch = Scratch::new();
    let folder = scratch.path().display().to_string();
    // A unique duration, by which a sleeping process is found.
    let mark = format!("{}.7", 86_400 + std::process::id());
    scratch.write("labs/x/lab.rhai", EXERCISE);
    scratch.write("secret", MARKER);
    for entry in fs::read_dir(submissions()).expect("the submissions") {
        let path = entry.expect("a submission").path();
        let name = path.file_name().expect("its name").to_string_lossy().into_owned();
        let text = fs::read_to_string(&path).expect("its text");
        scratch.write(&format!("class/{name}"), text.replace("SCRATCH", &folder).replace("MARK", &mark));
    }
    let honest = scratch.read("class/honest.sh").expect("somebody is honest");
    scratch.write("labs/x/solutions/way.sh", format!("# {MARKER}\n{honest}"));
    for name in HONEST {
        scratch.write(&format!("class/{name}.sh"), &honest);
    }
    let graded = graded_within(6, &scratch);
    let said = String::from_utf8_lossy(&graded.stderr);
    let results = serde_json::from_slice(&graded.stdout)
        .unwrap_or_else(|error| panic!("no gradebook: {error}\n{said}"));
    let left = processes(&mark);
    let mut differences = differences(&before, &listing());
    if loaded() != modules && differences.lines().all(is_of_a_module) {
        differences.clear();
    }
    let here = fs::read_dir(scratch.path()).expect("the folder");
    let mut here: Vec<String> =
        here.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    here.sort();
    if here != ["class", "labs", "secret"] {
        differences += &format!("the folder of the class: {here:?}\n");
    }
    Class { results, differences, left }
}

/// Grades the class in that folder, where each has so many seconds, also under a
/// kernel that is emulated.
fn graded_within(seconds: u32, scratch: &Scratch) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nslab"));
    command.args(["grade", "labs/x/lab.rhai", "class", "--format", "json"]);
    command.arg(format!("--timeout={}", seconds * slowness()));
    command.arg(format!("--patience={}", seconds / 2 * slowness()));
    command.current_dir(scratch.path());
    forget_others(&mut command);
    command.env("NSLAB_TEST_SECRET", MARKER);
    output_within(command, Duration::from_secs(1200))
}

/// The reason why this machine lacks an ability, by its name in `nslab doctor`.
fn lacking_ability(name: &str) -> Option<String> {
    static REPORT: OnceLock<Option<Value>> = OnceLock::new();
    if let Some(lack) = sandbox_lack() {
        return Some(lack.to_string());
    }
    let report = REPORT.get_or_init(|| {
        let mut doctor = Command::new(env!("CARGO_BIN_EXE_nslab"));
        doctor.args(["doctor", "--json"]);
        serde_json::from_slice(&output(doctor).stdout).ok()
    });
    let abilities = report.as_ref().expect("the doctor's report")["abilities"].as_array().expect("a list");
    let ability = abilities.iter().find(|ability| ability["name"] == name).expect("the doctor knows it");
    (ability["ok"] != true).then(|| format!("{name}: {}", ability["error"].as_str().unwrap_or_default()))
}

/// The modules of this machine's kernel, which loads one when somebody first asks for
/// what it does.
fn loaded() -> Vec<String> {
    let text = fs::read_to_string("/proc/modules").unwrap_or_default();
    text.lines().filter_map(|line| Some(line.split_whitespace().next()?.to_string())).collect()
}

/// Tells whether a difference is the heading of the switches, or a switch that came
/// with connection tracking, or that there are more.
fn is_of_a_module(difference: &str) -> bool {
    difference.trim().is_empty()
        || difference == "/proc/sys/net:"
        || difference.starts_with("  + net/netfilter/nf_conntrack_")
        || difference.starts_with("  …")
}

/// The processes of this machine with this in their command line.
fn processes(mark: &str) -> Vec<String> {
    let all = fs::read_dir("/proc").into_iter().flatten().flatten();
    let lines = all.filter_map(|entry| fs::read(entry.path().join("cmdline")).ok());
    let lines = lines.map(|line| String::from_utf8_lossy(&line).replace('\0', " "));
    lines.filter(|line| line.contains(mark)).collect()
}

/// Returns the checks that a student has passed, in the order of the exercise: reaching
/// blue, being seen, not breaking out, leaving the judge and others alone; with the
/// remarks.
fn result(student: &str) -> Option<(Passed, Vec<String>)> {
    let class = class()?;
    // An attack that can't be made here proves nothing.
    let script = fs::read_to_string(submissions().join(format!("{student}.sh"))).unwrap_or_default();
    let has_rules = ["iptables", "nft"].iter().any(|tool| script.contains(tool));
    let firewall = || lacking_ability("a firewall (nf_tables)");
    if let Some(lack) = lacking_in(&script).or_else(|| firewall().filter(|_| has_rules)) {
        skip(lack);
        return None;
    }
    let results = class.results["results"].as_array().expect("results");
    let found = results.iter().find(|result| result["student"] == student);
    let found = found.unwrap_or_else(|| panic!("{student} was graded: {:#}", class.results));
    let checks = found["checks"].as_array().expect("checks");
    let passed = |n: usize| checks[n]["passed"].as_bool();
    // Nothing where there are none.
    let remarks = found["remarks"].as_array().into_iter().flatten();
    let remarks = remarks.map(|remark| remark.as_str().unwrap_or_default().to_string());
    Some(([0, 1, 2, 3, 4].map(passed), remarks.collect()))
}

type Passed = [Option<bool>; 5];

const DONE: Passed = [Some(true); 5];
const NOTHING_DONE: Passed = [Some(false), Some(false), Some(true), Some(true), Some(true)];
const SEEN_ONLY: Passed = [Some(false), Some(true), Some(true), Some(true), Some(true)];
/// A submission that removes what the judge looks at stops the judging, at its own cost.
const STOPPED: Passed = [Some(false), None, None, None, None];

#[track_caller]
fn earns(student: &str, expected: Passed) -> Vec<String> {
    let Some((passed, remarks)) = result(student) else { return Vec::new() };
    assert_eq!(passed, expected, "{student}: {remarks:#?}");
    remarks
}

/// The same, and one of the remarks says so.
#[track_caller]
fn is_told(student: &str, expected: Passed, words: &str) {
    let remarks = earns(student, expected);
    let told = remarks.iter().any(|remark| remark.contains(words));
    assert!(told || result(student).is_none(), "{student}: {remarks:#?}");
}

#[test]
fn the_honest_get_all_points_whoever_sits_beside_them() {
    for student in HONEST.into_iter().chain(["honest"]) {
        earns(student, DONE);
    }
}

#[test]
fn what_labs_are_made_with_works() {
    earns("works", DONE);
}

#[test]
fn the_machine_stays_as_it_was() {
    if let Some(class) = class() {
        assert_eq!(class.differences, "");
    }
}

#[test]
fn nobody_is_left_behind() {
    earns("survives", DONE);
    if let Some(class) = class() {
        assert!(class.left.is_empty(), "{:#?}", class.left);
    }
}

#[test]
fn files_can_t_be_read() {
    earns("reads_files", NOTHING_DONE);
}

#[test]
fn the_environment_and_other_processes_can_t_be_read() {
    earns("reads_environment", NOTHING_DONE);
}

#[test]
fn nothing_can_be_written() {
    earns("writes", NOTHING_DONE);
}

#[test]
fn the_judge_can_t_be_killed() {
    earns("kills", DONE);
}

#[test]
fn the_judge_can_t_be_traced() {
    earns("traces", NOTHING_DONE);
}

#[test]
fn mounts_and_namespaces_lead_nowhere() {
    earns("nests", NOTHING_DONE);
}

#[test]
fn the_judges_programs_load_nothing_of_it() {
    earns("loads", NOTHING_DONE);
}

#[test]
fn lies_are_not_believed() {
    earns("lies", NOTHING_DONE);
}

#[test]
fn the_pipe_of_the_shell_can_be_flooded() {
    earns("floods_the_pipe", NOTHING_DONE);
}

#[test]
fn answering_oneself_is_no_answer() {
    earns("answers_itself", SEEN_ONLY);
}

#[test]
fn rewriting_packets_is_no_answer() {
    earns("rewrites", SEEN_ONLY);
}

#[test]
fn somebody_else_s_answer_is_no_answer() {
    earns("impersonates", SEEN_ONLY);
}

#[test]
fn what_the_target_passes_on_is_no_answer_of_its_own() {
    earns("passes_on", SEEN_ONLY);
}

#[test]
fn a_program_in_the_targets_place_is_no_answer() {
    earns("responds", SEEN_ONLY);
    earns("responds_by_a_timer", SEEN_ONLY);
}

#[test]
fn what_waits_in_a_queue_is_no_answer() {
    earns("answers_ahead", SEEN_ONLY);
}

#[test]
fn what_answers_once_has_not_answered() {
    earns("answers_once", SEEN_ONLY);
}

#[test]
fn nobody_acts_while_the_judge_asks() {
    earns("acts_while_judged", NOTHING_DONE);
}

#[test]
fn a_namespace_is_not_its_name() {
    earns("swaps", STOPPED);
}

#[test]
fn there_is_no_network_outside() {
    earns("goes_outside", NOTHING_DONE);
}

#[test]
fn who_never_ends_is_ended() {
    earns("sleeps", DONE);
}

#[test]
fn memory_is_bounded() {
    is_told("fills_memory", NOTHING_DONE, "512 MiB of memory");
}

#[test]
fn memory_of_processes_without_a_first_thread_is_bounded() {
    is_told("ends_first_threads", NOTHING_DONE, "512 MiB of memory");
}

#[test]
fn page_tables_are_bounded() {
    if fs::read_to_string("/proc/cpuinfo").is_ok_and(|text| text.contains("User Mode Linux")) {
        return skip("user-mode Linux ends a program of so many pages itself");
    }
    is_told("fills_page_tables", NOTHING_DONE, "512 MiB of memory");
}

#[test]
fn files_in_memory_are_bounded() {
    earns("fills_files", NOTHING_DONE);
}

#[test]
fn files_that_nobody_sees_are_bounded() {
    earns("hides_files", NOTHING_DONE);
}

#[test]
fn memory_that_processes_share_is_bounded() {
    earns("shares_memory", NOTHING_DONE);
}

#[test]
fn rings_of_packets_are_bounded() {
    earns("fills_rings", NOTHING_DONE);
}

#[test]
fn files_of_names_are_bounded_at_its_own_cost() {
    is_told("fills_names", SEEN_ONLY, "files of names");
}

#[test]
fn other_kinds_of_file_systems_are_refused() {
    earns("mounts_others", NOTHING_DONE);
}

#[test]
fn no_namespace_but_those_of_the_network_is_the_judges() {
    earns("is_apart", NOTHING_DONE);
}

#[test]
fn what_is_counted_by_user_has_a_share() {
    earns("fills_accounts", NOTHING_DONE);
}

#[test]
fn a_handler_of_programs_is_not_the_judges() {
    earns("registers_handlers", NOTHING_DONE);
}

#[test]
fn the_warden_can_t_be_limited() {
    is_told("limits_the_warden", NOTHING_DONE, "512 MiB of memory");
}

#[test]
fn mounts_are_bounded() {
    earns("piles_up_mounts", NOTHING_DONE);
}

#[test]
fn processes_are_bounded() {
    earns("fills_processes", NOTHING_DONE);
}

#[test]
fn output_is_bounded() {
    earns("fills_output", DONE);
}

#[test]
fn descriptors_are_bounded() {
    earns("fills_descriptors", DONE);
}

#[test]
fn neighbours_are_bounded() {
    earns("fills_neighbours", DONE);
}

#[test]
fn room_for_icmp_is_waited_for() {
    // Whether room for ICMP is left when this submission itself is judged is its own
    // doing.
    let Some((passed, remarks)) = result("fills_icmp") else { return };
    assert_eq!(passed[1..], DONE[1..], "fills_icmp: {remarks:#?}");
    // Submissions that ran beside it waited, and did not count as unreachable.
    earns("fills_icmp_beside", DONE);
}

#[test]
fn links_are_bounded() {
    is_told("fills_links", NOTHING_DONE, "more than 256 links");
}

#[test]
fn links_are_bounded_where_no_name_leads() {
    is_told("links_without_name", NOTHING_DONE, "more than 256 links");
    if cfg!(target_arch = "x86_64") {
        is_told("links_left_at_once", NOTHING_DONE, "more than 256 links");
    }
}

#[test]
fn links_are_bounded_whatever_their_names() {
    let links = fs::read_to_string("/proc/self/net/dev").unwrap_or_default();
    if links.contains("sit0:") || links.contains("tunl0:") {
        return skip("each namespace has links of these names here");
    }
    is_told("links_as_the_kernels", NOTHING_DONE, "more than 256 links");
}

#[test]
fn neighbours_are_bounded_where_no_name_leads() {
    is_told("neighbours_without_name", NOTHING_DONE, "the machine's table of neighbours");
}

#[test]
fn namespaces_are_bounded() {
    earns("fills_namespaces", DONE);
}

#[test]
fn scripts_of_the_vocabulary_are_held_as_well() {
    earns("acts", DONE);
}
