//! What is checked of a packet before a virtual host hears of it (`docs/carp-protocol.md §3`).

use carp_proto::{Advertisement, Envelope, Family, HOP_LIMIT, checksum_is_valid};

use super::Node;
use crate::counters::Refusal;
use crate::host::Stimulus;
use crate::{Heard, HostId, LinkId};

impl Node {
    /// The checks of §3, cheapest first; the host is named where it is known.
    pub(super) fn admit(
        &mut self,
        link: LinkId,
        envelope: &Envelope,
        bytes: &[u8],
    ) -> Result<(HostId, Heard), (Option<HostId>, Refusal)> {
        let refused = |refusal| (None, refusal);
        // Over IPv4 a packet to a group goes on, and ends at the vhid that nobody has there.
        let goes_on = envelope.family() == Family::Inet && envelope.destination.is_multicast();
        if !self.carries(link) && !goes_on {
            return Err(refused(Refusal::BadInterface));
        }
        if envelope.hop_limit != HOP_LIMIT && !self.is_routed(link, envelope, bytes) {
            return Err(refused(Refusal::BadHopLimit));
        }
        let advert = Advertisement::decode(bytes).map_err(|_| refused(Refusal::BadLength))?;
        if !checksum_is_valid(bytes, envelope) {
            return Err(refused(Refusal::BadChecksum));
        }
        let id = self.by_vhid.get(&(link, advert.vhid)).copied();
        let host = id
            .and_then(|id| self.hosts.get_mut(&id))
            .filter(|host| host.hears(self.now, envelope))
            .ok_or_else(|| refused(Refusal::BadVhid))?;
        let id = host.id;
        host.run.counters.received(envelope.family());
        if advert.version != Advertisement::VERSION {
            return Err((Some(id), Refusal::BadVersion));
        }
        if !host.verifies(self.now, &advert) {
            if host.config.addresses().is_empty() {
                // A node that has addresses has this vhid; this one must not get in its way.
                self.step(id, Stimulus::Unverifiable);
            }
            return Err((Some(id), Refusal::BadDigest));
        }
        if host.is_own(&advert) {
            return Err((Some(id), Refusal::Reflected));
        }
        let heard = Heard {
            source: envelope.source,
            claim: host.config.dialect().claim_of(&advert),
        };
        Ok((id, heard))
    }

    /// Whether a packet is for a virtual host whose unicast peers may be behind routers (§3,
    /// item 2).
    fn is_routed(&self, link: LinkId, envelope: &Envelope, bytes: &[u8]) -> bool {
        let vhid = bytes.get(1).copied().unwrap_or(0);
        let id = self.by_vhid.get(&(link, vhid));
        id.and_then(|id| self.hosts.get(id))
            .is_some_and(|host| host.hears_through_routers(envelope))
    }

    pub(super) fn carries(&self, link: LinkId) -> bool {
        self.by_vhid
            .range((link, 0)..=(link, u8::MAX))
            .next()
            .is_some()
    }
}
