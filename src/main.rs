//! The entry point of the command line.

fn main() -> std::process::ExitCode {
    nslab::cli::main()
}
