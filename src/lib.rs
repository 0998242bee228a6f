pub mod lab; pub mod event; pub mod table; pub mod net; pub mod sandbox; pub mod script; pub mod check; pub mod report; pub mod run; pub mod harness; pub mod cli;
