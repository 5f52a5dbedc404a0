//! What is checked of a packet before a virtual host hears of it (`docs/carp-protocol.md §3`).

use carp_proto::{Advertisement, ChecksumForm, Envelope, Family, HOP_LIMIT, VirtualAddress};

use super::Node;
use crate::counters::Refusal;
use crate::host::{Admitted, Stimulus};
use crate::speaker::{self, Speakers};
use crate::{Heard, HostId, LinkId};

impl Node {
    /// The checks of §3, in OpenBSD's order. The host that has the vhid is named, whatever is wrong.
    pub(super) fn admit(
        &mut self,
        link: LinkId,
        envelope: &Envelope,
        bytes: &[u8],
    ) -> Result<(HostId, Admitted), (Option<HostId>, Refusal)> {
        let id = self.host_meant(link, bytes);
        let refused = |refusal| (id, refusal);
        // Over IPv4 a packet to a group goes on, and ends at the vhid that nobody has there.
        let goes_on = envelope.family() == Family::Inet && envelope.destination.is_multicast();
        if !self.vhids.has(link) && !goes_on {
            return Err(refused(Refusal::BadInterface));
        }
        let is_routed = || {
            let meant = id.and_then(|id| self.hosts.get(id));
            meant.is_some_and(|host| host.hears_through_routers(envelope))
        };
        if envelope.hop_limit != HOP_LIMIT && !is_routed() {
            return Err(refused(Refusal::BadHopLimit));
        }
        let advert = Advertisement::decode(bytes).map_err(|_| refused(Refusal::BadLength))?;
        let checksum = ChecksumForm::of(bytes, envelope);
        if checksum.is_none() {
            return Err(refused(Refusal::BadChecksum));
        }
        let host = id
            .and_then(|id| self.hosts.get_mut(id))
            .filter(|host| host.hears(self.now, envelope))
            .ok_or_else(|| refused(Refusal::BadVhid))?;
        let id = host.id;
        if advert.version != Advertisement::VERSION {
            return Err(refused(Refusal::BadVersion));
        }
        let Some(digest) = host.verifies(self.now, &advert) else {
            if host.config.addresses().is_empty() {
                // A node that has addresses has this vhid; this one must not get in its way.
                self.step(id, Stimulus::Unverifiable);
            }
            return Err(refused(Refusal::BadDigest));
        };
        if host.is_own(&advert) {
            return Err(refused(Refusal::Reflected));
        }
        let heard = Heard {
            source: envelope.source,
            claim: host.config.dialect().claim_of(&advert),
        };
        let list = host.config.addresses().iter().map(VirtualAddress::ip);
        let digest = speaker::telling(digest, list);
        let admitted = Admitted {
            heard,
            speakers: Speakers::of(&advert, envelope, checksum, digest),
            counter: advert.counter,
            identification: envelope.identification,
        };
        Ok((id, admitted))
    }

    /// The virtual host on `link` that has the vhid of a packet, which may be no advert.
    fn host_meant(&self, link: LinkId, bytes: &[u8]) -> Option<HostId> {
        let vhid = *bytes.get(1)?;
        self.vhids.get(link, vhid)
    }
}
