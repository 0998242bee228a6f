//! Outcomes and events as text.
//!
//! *Takes* a lab, its events and its outcomes, *gives* text for a person or a program, *never*
//! decides anything.

mod ask_why;
mod effects;
mod explanation;
mod export;
mod failure;
pub mod grades;
mod narration;
mod refused;
mod trail;
mod why_json;

pub use ask_why::ask_why;
pub use explanation::{explanation, explanation_in_colour};
pub use export::Export;
pub use failure::{failure, fault, not_measured, stop};
pub use narration::Narration;
pub use why_json::WhyJson;
