//! The tests of the tool itself, in one executable: each file beside this one is a module
//! of it, so that a change is linked once, not once for each file.
//!
//! Tests that have to begin before there are threads, or that want the machine for
//! themselves, are executables of their own: `Cargo.toml` lists them.

mod applets;
mod bridges;
mod capture;
mod caught;
mod checks;
mod cli;
mod cni;
mod crowd;
mod cures;
mod daemons;
mod dependent;
mod doctor;
mod engines;
mod exercises;
mod export;
mod firewall;
mod forwarding;
mod fuzzing;
mod gap;
mod grade;
mod helpers;
mod hinted;
mod invalid;
mod judging;
mod kernels;
mod lacking;
mod links;
mod live;
mod machine;
mod measured;
mod names;
mod programs;
mod refused;
mod resolve;
mod runaway;
mod sandbox;
mod self_test;
mod services;
mod shell;
mod snapshots;
mod support;
mod sweep;
mod tidy;
mod traceroute;
mod untouched;
mod variants;
mod visible;
mod vocabulary;
mod walls;
mod why;
