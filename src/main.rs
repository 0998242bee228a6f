//! The door to the command line.

fn main() -> std::process::ExitCode {
    nslab::cli::main()
}
