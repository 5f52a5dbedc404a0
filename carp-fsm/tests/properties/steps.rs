//! What can happen to a node, at random.

use carp_fsm::{Command, Damage, LinkId, LinkState, TakenDown, VirtualHost};
use carp_proto::{Key, Vhid};
use proptest::prelude::*;

pub(crate) const LINK: LinkId = LinkId(1);

#[derive(Clone, Debug)]
pub(crate) enum Step {
    Pass(u64),
    ToDeadline,
    Late(u64),
    Advert {
        base: u8,
        skew: u8,
        demotion: u8,
        six: bool,
        valid: bool,
    },
    Garbage(Vec<u8>),
    Link(LinkState),
    Command(Command),
    Held,
    HoldFailed,
    Silenced,
    Sent {
        well: bool,
        six: bool,
    },
    Preempt(bool),
    Demote(u8),
    Addresses(u8),
    Skew(u8),
    Adopted,
    Lapsed,
    Damaged(Damage),
    Mended(bool),
    TakenDown(TakenDown),
    Lease(bool),
    AnnounceEvery(u64),
}

pub(crate) fn step() -> impl Strategy<Value = Step> {
    let octet = || prop_oneof![Just(0u8), Just(1), Just(100), Just(255), any::<u8>()];
    let link = prop_oneof![
        Just(LinkState::Up),
        Just(LinkState::Down),
        Just(LinkState::Absent)
    ];
    let command = prop_oneof![
        Just(Command::Up),
        Just(Command::Down),
        Just(Command::Master),
        Just(Command::Backup)
    ];
    prop_oneof![
        4 => (0..5_000_000u64).prop_map(Step::Pass),
        8 => Just(Step::ToDeadline),
        1 => (0..60_000_000u64).prop_map(Step::Late),
        6 => (octet(), octet(), octet(), any::<bool>(), any::<bool>()).prop_map(
            |(base, skew, demotion, six, valid)| Step::Advert { base, skew, demotion, six, valid }
        ),
        1 => prop::collection::vec(any::<u8>(), 0..48).prop_map(Step::Garbage),
        1 => link.prop_map(Step::Link),
        2 => command.prop_map(Step::Command),
        6 => Just(Step::Held),
        1 => Just(Step::HoldFailed),
        4 => Just(Step::Silenced),
        2 => (any::<bool>(), any::<bool>()).prop_map(|(well, six)| Step::Sent { well, six }),
        1 => any::<bool>().prop_map(Step::Preempt),
        1 => octet().prop_map(Step::Demote),
        1 => (0..4u8).prop_map(Step::Addresses),
        1 => (0..255u8).prop_map(Step::Skew),
        2 => by_others(),
    ]
}

/// What the platform and other programs do.
fn by_others() -> impl Strategy<Value = Step> {
    let damage = prop_oneof![
        Just(Damage::Address),
        Just(Damage::LinkAddress),
        Just(Damage::Inet6Disabled)
    ];
    let how = prop_oneof![Just(TakenDown::SetDown), Just(TakenDown::Deleted)];
    prop_oneof![
        2 => Just(Step::Adopted),
        2 => Just(Step::Lapsed),
        4 => damage.prop_map(Step::Damaged),
        4 => any::<bool>().prop_map(Step::Mended),
        1 => how.prop_map(Step::TakenDown),
        1 => any::<bool>().prop_map(Step::Lease),
        1 => (0..3u64).prop_map(|tens| Step::AnnounceEvery(tens * 10)),
    ]
}

pub(crate) fn key() -> Key {
    Key::from_password("SharedSecret")
}

/// A virtual host with the addresses that the bits of `which` name.
pub(crate) fn host(which: u8, skew: u8) -> VirtualHost {
    let addresses = ["192.0.2.10/24", "2001:db8::10/64"];
    let chosen = (0..)
        .zip(addresses)
        .filter(|(bit, _)| which & (1 << bit) != 0);
    VirtualHost::new(Vhid::new(99).unwrap(), key())
        .advskew(skew)
        .unwrap()
        .with_addresses(chosen.map(|(_, text)| text.parse().unwrap()))
}
