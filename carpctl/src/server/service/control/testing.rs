//! What the tests of this directory share.

use carp_net::carp_fsm::{Claim, Facts, Interval};

/// What a host goes by that nothing is wrong with.
pub(super) fn facts() -> Facts {
    Facts {
        own: Claim {
            interval: Interval::from_octets(1, 0),
            demotion: 0,
        },
        demotion: 0,
        preempt: false,
        clock: None,
    }
}
