//! Services that are not where they are asked for.

use super::Page;
use crate::why::Cause;

pub(super) const PAGES: &[Page] = &[
    Page {
        id: Cause::TcpBoundElsewhere,
        title: "the service listens on another address",
        symptom: "`Connection refused`, although the service runs.",
        cause: "A service that is bound to 127.0.0.1 is for its own host only; one bound to a single address or to IPv6 for that alone.",
        evidence: "The address before the port:\n  ip netns exec NS ss -tlnp",
        cure: "Bind it to the address that is asked, or to 0.0.0.0:\n  ip netns exec NS python3 -m http.server 80 --bind ADDRESS",
    },
    Page {
        id: Cause::TcpNobodyListens,
        title: "nobody listens on the port",
        symptom: "`Connection refused`, by a reset of the host that is asked.",
        cause: "There is no socket for the port: the service has not started, or has ended.",
        evidence: "No line for the port:\n  ip netns exec NS ss -tlnp",
        cure: "Start the service, and read what it says:\n  ip netns exec NS python3 -m http.server 80",
    },
    Page {
        id: Cause::TcpWrongNamespace,
        title: "the service runs in another namespace",
        symptom: "`Connection refused`, although the service runs somewhere.",
        cause: "Sockets belong to the namespace in which the program was started.",
        evidence: "Where is the port?\n  ip netns exec NS ss -tlnp\n  ip netns identify PID",
        cure: "Start it in the right one:\n  ip netns exec NS COMMAND",
    },
    Page {
        id: Cause::TcpWrongPort,
        title: "the service listens on another port",
        symptom: "`Connection refused`, although the service runs.",
        cause: "The port that is asked is not the one on which it listens.",
        evidence: "The ports that there are:\n  ip netns exec NS ss -tlnp",
        cure: "Ask the other port, or start the service on this one:\n  ip netns exec NS python3 -m http.server PORT",
    },
];
