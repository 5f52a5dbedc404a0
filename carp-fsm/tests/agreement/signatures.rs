//! The digests of address lists, which a list of a family and a length stands for.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use carp_fsm::carp_proto::{Authenticator, DigestForm, Key, Vhid, VirtualAddress};

use crate::model::PerFamily;

/// Of each list that was met, what it signs with and what it has signed.
#[derive(Debug, Default)]
pub(crate) struct Signatures(BTreeMap<(u32, u32), Signer>);

#[derive(Debug)]
struct Signer {
    authenticator: Authenticator,
    digests: BTreeMap<u64, [u8; 20]>,
}

impl Signatures {
    /// The digest over a counter and a list with so many addresses.
    pub(crate) fn digest(&mut self, list: PerFamily<u32>, counter: u64) -> [u8; 20] {
        let signer = self.0.entry((list.inet, list.inet6)).or_insert_with(|| {
            let addresses: Vec<IpAddr> = addresses(list).iter().map(VirtualAddress::ip).collect();
            Signer {
                authenticator: Authenticator::new(&key(), vhid(), addresses.iter().copied()),
                digests: BTreeMap::new(),
            }
        });
        let sign = || {
            signer
                .authenticator
                .sign(counter, DigestForm::WithoutLinkLocal)
        };
        *signer.digests.entry(counter).or_insert_with(sign)
    }
}

/// So many addresses of each family; a longer list has those of a shorter one.
pub(crate) fn addresses(list: PerFamily<u32>) -> Vec<VirtualAddress> {
    let inet = (0..list.inet).map(|at| {
        let base = u32::from(Ipv4Addr::new(192, 0, 2, 10));
        (IpAddr::V4(Ipv4Addr::from(base + at)), 24)
    });
    let inet6 = (0..list.inet6).map(|at| {
        let base = u128::from(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x10));
        (IpAddr::V6(Ipv6Addr::from(base + u128::from(at))), 64)
    });
    let all = inet.chain(inet6);
    all.map(|(ip, prefix)| format!("{ip}/{prefix}").parse().unwrap())
        .collect()
}

pub(crate) fn key() -> Key {
    Key::from_password("SharedSecret")
}

pub(crate) fn vhid() -> Vhid {
    Vhid::new(7).unwrap()
}
