//! Packets that go round in circles until their time to live has run out.

use super::{Evidence, Found, suspect, weight};
use crate::event::Passed;
use crate::net::survey::Space;
use crate::why::fib::{self, Flow};
use std::net::IpAddr;

/// Suspects routers that send a packet back to where it came from.
pub(super) fn find(e: &Evidence) -> Vec<Found> {
    let Some(dst) = e.shot.target else { return Vec::new() };
    let circle = circle(e);
    let [first, .., last] = &circle[..] else { return Vec::new() };
    let via = |space: &Space| {
        let (_, route) = fib::decide(space, &Flow { dst, src: None, iif: None, mark: 0 })?;
        let route = route?;
        let shown =
            if route.dst.len == 0 { "default route".into() } else { format!("route to {}", route.dst) };
        Some((shown, route.via()?))
    };
    let (Some((there, to)), Some((back, fro))) = (via(first), via(last)) else { return Vec::new() };
    let mut text = format!(
        "{}'s {there} sends it to {} ({to}), and {}'s {back} sends it back ({fro}): it goes in a circle until its time to live has run out",
        first.name, last.name, last.name
    );
    if !e.ground.owners(dst).is_empty() {
        // Whose route is wrong is for those who follow the tables.
        return Vec::new();
    }
    text += &format!("; nobody has {dst}, and {} is where the more exact route leads", last.name);
    let len = if dst.is_ipv6() { 128 } else { 32 };
    let fix = vec![format!("{} addr add {dst}/{len} dev lo", e.ip(&last.name))];
    let suspect = suspect("routing-loop", format!("{} and {}", first.name, last.name), text, fix);
    vec![Found { weight: weight::NAMED, sure: false, suspect }]
}

/// The namespaces that a packet has come through more than once, the one with
/// the more exact route first.
fn circle<'a>(e: &Evidence<'a>) -> Vec<&'a Space> {
    let mut came: Vec<(&'a Space, usize)> = Vec::new();
    let requests =
        e.shot.sightings.iter().filter(|seen| !seen.out && e.shot.passed(seen) == Some(Passed::Request));
    for seen in requests {
        let Some(space) = e.survey.space(&seen.netns) else { continue };
        match came.iter_mut().find(|(known, _)| known.name == space.name) {
            Some((_, times)) => *times += 1,
            None => came.push((space, 1)),
        }
    }
    let mut circle: Vec<&Space> =
        came.into_iter().filter(|(_, times)| *times > 2).map(|(space, _)| space).collect();
    let exact = |space: &Space| {
        let dst: IpAddr = e.shot.target?;
        fib::decide(space, &Flow { dst, src: None, iif: None, mark: 0 })?.1.map(|route| route.dst.len)
    };
    circle.sort_by_key(|space| std::cmp::Reverse(exact(space)));
    circle
}
