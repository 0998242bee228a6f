//! Access to the kernel.
//!
//! Requests of rtnetlink, and sockets in a namespace, are methods of [`Kernel`]. An action gets
//! one from [`Network::act`], an observation from [`Network::look`], which prepare it.
//! [`Network::bare`] skips the preparation: a comment at the call says why, unless another
//! method has prepared it.

use super::netlink::{KernelError, Netlink};
use crate::net::{NetError, Netns, Network};
use nix::errno::Errno;
use rtnetlink::packet_route::RouteNetlinkMessage;
use std::ops::Deref;
use std::rc::Rc;

/// A network whose kernel may be asked.
#[derive(Clone, Copy)]
pub(in crate::net) struct Kernel<'n>(&'n Network);

impl Deref for Kernel<'_> {
    type Target = Network;

    fn deref(&self) -> &Network {
        self.0
    }
}

impl Network {
    /// Prepares an action: the deferred cables are created, because the action may be about
    /// them.
    pub(in crate::net) fn act(&self) -> Result<Kernel<'_>, NetError> {
        let kernel = self.bare();
        kernel.lay_cables()?;
        Ok(kernel)
    }

    /// Prepares an observation: the deferred cables are created, and the links that have
    /// changed are updated (see [`Kernel::settle`]).
    pub(in crate::net) fn look(&self) -> Result<Kernel<'_>, NetError> {
        let kernel = self.bare();
        kernel.settle()?;
        Ok(kernel)
    }

    /// Returns access without a preparation. It is for what the preparations need
    /// themselves, and for further questions after a [`Network::look`], whose answers must
    /// fit the first one.
    pub(in crate::net) fn bare(&self) -> Kernel<'_> {
        Kernel(self)
    }
}

impl Kernel<'_> {
    fn netlink(&self, netns: &Netns) -> Result<Rc<Netlink>, NetError> {
        self.must_exist(netns)?;
        netns
            .netlink()
            .map_err(|error| NetError::new(format!("failed to open a netlink socket in `{netns}`: {error}")))
    }

    /// Requests a change.
    pub(in crate::net) fn change(
        &self,
        netns: &Netns,
        message: RouteNetlinkMessage,
        flags: u16,
    ) -> Result<(), Refused> {
        let netlink = self.netlink(netns).map_err(Refused::Ours)?;
        netlink.change(message, flags).map_err(Refused::Kernel)
    }

    /// Requests several changes in one packet. Only the result of the first
    /// counts; refusals of the others are ignored.
    pub(in crate::net) fn change_all(
        &self,
        netns: &Netns,
        messages: Vec<RouteNetlinkMessage>,
    ) -> Result<(), Refused> {
        let netlink = self.netlink(netns).map_err(Refused::Ours)?;
        netlink.change_all(messages).map_err(Refused::Kernel)
    }

    /// Requests a single object.
    pub(in crate::net) fn get(
        &self,
        netns: &Netns,
        message: RouteNetlinkMessage,
    ) -> Result<Vec<RouteNetlinkMessage>, Refused> {
        let netlink = self.netlink(netns).map_err(Refused::Ours)?;
        netlink.get(message).map_err(Refused::Kernel)
    }

    /// Requests all objects of a kind.
    pub(in crate::net) fn dump(
        &self,
        netns: &Netns,
        message: RouteNetlinkMessage,
    ) -> Result<Vec<RouteNetlinkMessage>, NetError> {
        let netlink = self.netlink(netns)?;
        netlink.dump(message).map_err(NetError::from)
    }

    /// Makes this thread's next socket belong to `netns`.
    pub(in crate::net) fn enter(&self, netns: &Netns) -> Result<(), NetError> {
        self.netlink(netns)?;
        netns.enter().map_err(|error| NetError::new(format!("failed to enter `{netns}`: {error}")))
    }
}

/// A refusal, by the kernel or by us before it was asked.
#[derive(Debug)]
pub(in crate::net) enum Refused {
    Kernel(KernelError),
    Ours(NetError),
}

impl Refused {
    /// Tells whether the kernel refused with this error number.
    pub fn is(&self, errno: Errno) -> bool {
        matches!(self, Self::Kernel(error) if error.errno == errno as i32)
    }
}

impl From<Refused> for NetError {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Kernel(error) => error.into(),
            Refused::Ours(error) => error,
        }
    }
}
