//! The bytes as a script: what they say is read here, piece by piece.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use carp_fsm::{
    Command, Damage, DemotionForm, Dialect, HostId, Input, LinkId, LinkState, Lladdr, TakenDown,
    VirtualHost,
};
use carp_proto::{Family, MacAddress, Vhid};

use crate::peer::key;

/// What is left of the bytes; behind the end there are zeros.
pub(crate) struct Script<'a>(pub(crate) &'a [u8]);

impl<'a> Script<'a> {
    pub(crate) fn next(&mut self) -> Option<u8> {
        let (byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*byte)
    }

    pub(crate) fn byte(&mut self) -> u8 {
        self.next().unwrap_or_default()
    }

    pub(crate) fn flag(&mut self) -> bool {
        self.byte() & 1 != 0
    }

    pub(crate) fn word(&mut self) -> u32 {
        u32::from_be_bytes(std::array::from_fn(|_| self.byte()))
    }

    pub(crate) fn bytes(&mut self) -> &'a [u8] {
        let length = usize::from(self.byte());
        let (bytes, rest) = self.0.split_at(length.min(self.0.len()));
        self.0 = rest;
        bytes
    }

    pub(crate) fn one_of<T: Copy, const N: usize>(&mut self, all: [T; N]) -> T {
        *all.get(usize::from(self.byte()) % N)
            .expect("less than all")
    }

    pub(crate) fn family(&mut self) -> Family {
        self.one_of(Family::ALL)
    }

    pub(crate) fn link(&mut self) -> LinkId {
        LinkId(u32::from(self.byte() % 2))
    }

    pub(crate) fn link_state(&mut self) -> LinkState {
        self.one_of(LINK_STATES)
    }

    pub(crate) fn micros(&mut self) -> Duration {
        Duration::from_micros((self.word() % LONGEST_WAIT).into())
    }

    pub(crate) fn virtual_host(&mut self) -> VirtualHost {
        let vhid = Vhid::new(self.byte() % 4 + 1).expect("from 1 to 4");
        let host = VirtualHost::new(vhid, key())
            .advbase(self.byte().min(254))
            .and_then(|host| host.advskew(self.byte().min(254)))
            .expect("not above 254");
        let switches = self.byte();
        let addresses = (0..)
            .zip(ADDRESSES)
            .filter(|(bit, _)| switches & (1 << bit) != 0)
            .map(|(_, text)| text.parse().expect("an address"));
        host.with_addresses(addresses)
            .lladdr(if switches & 0x10 == 0 {
                Lladdr::Virtual
            } else {
                Lladdr::Carpdev
            })
            .enabled(switches & 0x20 == 0)
    }
}

/// What the virtual hosts that follow are besides.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Manner {
    dialect: Dialect,
    form: Option<DemotionForm>,
    switches: u8,
}

impl Manner {
    pub(crate) fn read(script: &mut Script<'_>) -> Self {
        Self {
            dialect: script.one_of(Dialect::ALL),
            form: script.one_of(DEMOTION_FORMS),
            switches: script.byte(),
        }
    }

    pub(crate) fn applied_to(self, host: VirtualHost) -> VirtualHost {
        let chosen = |bit: u32| self.switches & (1 << bit) != 0;
        let peers = (0..).zip(PEERS).filter(|(bit, _)| chosen(*bit));
        let groups = (4..)
            .zip(["other", "third"])
            .filter(|(bit, _)| chosen(*bit));
        let host = host
            .speaking(self.dialect)
            .demotion_in(self.form)
            .with_peers(peers.map(|(_, peer)| peer))
            .with_groups(groups.map(|(_, group)| group));
        if chosen(6) {
            host.lladdr(Lladdr::Manual(MANUAL))
        } else {
            host
        }
    }
}

/// What a platform or an operator says of a virtual host, whether it was asked or not.
pub(crate) fn about_host(code: u8, id: HostId, script: &mut Script<'_>) -> Input {
    match code {
        4 => Input::Held(id),
        5 => Input::HoldFailed(id),
        6 => Input::Silenced(id),
        7 => Input::Adopted(id),
        8 => Input::Lapsed(id),
        9 => Input::Damaged {
            id,
            damage: script.one_of(DAMAGES),
        },
        10 => Input::Mended(id),
        11 => Input::NotMended(id),
        12 => Input::TakenDown {
            id,
            how: script.one_of([TakenDown::SetDown, TakenDown::Deleted]),
        },
        13 => Input::Sent {
            id,
            source: script.one_of(OWN_ADDRESSES),
        },
        14 => Input::SendFailed {
            id,
            family: script.family(),
            no_memory: script.flag(),
        },
        _ => Input::Command {
            id,
            command: script.one_of(COMMANDS),
        },
    }
}

const ADDRESSES: [&str; 4] = [
    "192.0.2.10/24",
    "10.0.0.1/8",
    "2001:db8::10/64",
    "fe80::10/64",
];
const PEERS: [IpAddr; 4] = [
    IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2)),
    IpAddr::V4(Ipv4Addr::new(198, 51, 100, 2)),
    IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, 2)),
    IpAddr::V6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 2)),
];
const MANUAL: MacAddress = MacAddress([0x02, 0x11, 0x22, 0x33, 0x44, 0x55]);
const DEMOTION_FORMS: [Option<DemotionForm>; 4] = [
    None,
    Some(DemotionForm::Byte),
    Some(DemotionForm::Skew),
    Some(DemotionForm::Both),
];
const OWN_ADDRESSES: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
    IpAddr::V6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1)),
];
const COMMANDS: [Command; 4] = [Command::Up, Command::Down, Command::Master, Command::Backup];
const LINK_STATES: [LinkState; 3] = [LinkState::Absent, LinkState::Down, LinkState::Up];
const DAMAGES: [Damage; 3] = [Damage::Address, Damage::LinkAddress, Damage::Inet6Disabled];
/// In microseconds; a master-down time with usual settings is less than half of it.
const LONGEST_WAIT: u32 = 8_000_000;
