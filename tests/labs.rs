//! Every check of every lab of this project is a test case.

fn main() -> std::process::ExitCode {
    nslab::harness::main("labs")
}
