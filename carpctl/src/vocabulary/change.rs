//! What an operator wants changed: the words of a command line, understood.
//!
//! It goes from the client to the service as it stands. Nothing here says whether the change is
//! possible; that is for the service, which knows what there is already.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use carp_net::carp_fsm::carp_proto::{Key, MacAddress};
use carp_net::carp_fsm::{DemotionForm, Dialect};
use serde::de::{self, Deserialize, Deserializer};
use serde::ser::{Serialize, Serializer};
use zeroize::Zeroizing;

use crate::vocabulary::description::Description;
use crate::vocabulary::group::GroupName;
use crate::vocabulary::hooks::HookChange;

/// A change of one interface. All of it takes effect, or nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Change {
    /// The interface must not be there yet.
    pub(crate) create: bool,
    /// The interface is to go. Comes alone.
    pub(crate) destroy: bool,
    /// It is all there is to say of the interface, as in a file: what it does not mention becomes
    /// what it is by default, and what is so already stays untouched.
    pub(crate) anew: bool,
    pub(crate) carpdev: Option<String>,
    pub(crate) vhid: Option<u8>,
    pub(crate) advbase: Option<u8>,
    pub(crate) advskew: Option<u8>,
    pub(crate) key: Option<CarriedKey>,
    pub(crate) lladdr: Option<LladdrWish>,
    pub(crate) up: Option<bool>,
    pub(crate) state: Option<StateWish>,
    pub(crate) peers: Option<Peers>,
    pub(crate) advdemote: Option<AdvDemoteWish>,
    pub(crate) mtu: Option<MtuWish>,
    /// An empty one takes away what there is.
    pub(crate) description: Option<Description>,
    /// All unicast peers of IPv4; none of them: back to the multicast group.
    pub(crate) inet_peers: Option<Vec<Ipv4Addr>>,
    /// The same of IPv6.
    pub(crate) inet6_peers: Option<Vec<Ipv6Addr>>,
    /// In the order they were given.
    pub(crate) groups: Vec<GroupChange>,
    pub(crate) hooks: Vec<HookChange>,
    /// Which addresses of IPv4 go before others come.
    pub(crate) inet_less: Option<Less>,
    /// The same of IPv6.
    pub(crate) inet6_less: Option<Less>,
    /// In the order they were given.
    pub(crate) addresses: Vec<AddressChange>,
}

/// Which addresses of a family go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Less {
    /// The first one.
    First,
    All,
}

/// How large packets can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum MtuWish {
    /// As large as on the carpdev.
    Carpdev,
    /// This many bytes.
    Bytes(u16),
}

/// A change of one address.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AddressChange {
    pub(crate) ip: IpAddr,
    pub(crate) prefixlen: Option<u8>,
    pub(crate) broadcast: Option<Ipv4Addr>,
    pub(crate) manner: Manner,
}

impl AddressChange {
    /// Whether the address comes, and with no prefix length of its own.
    pub(crate) fn takes_any_prefix(&self) -> bool {
        self.manner != Manner::Remove && self.prefixlen.is_none()
    }
}

/// What happens to the address and to others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Manner {
    /// An IPv4 address takes the place of the first one there is.
    Set,
    /// It is added to those there are.
    Add,
    /// It is taken away.
    Remove,
}

/// Which link-layer address goes with the virtual addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LladdrWish {
    /// The virtual one that follows from the vhid.
    Vhid,
    /// The carpdev's own.
    Carpdev,
    /// Any one; the client draws it, so that it can say which.
    Random,
    /// This one.
    #[serde(with = "as_text")]
    Manual(MacAddress),
}

/// Whose CARP the peers speak, by name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub(crate) struct Peers(#[serde(with = "as_text")] pub(crate) Dialect);

/// Where adverts say that the node is demoted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum AdvDemoteWish {
    /// Where the peers do.
    Auto,
    Byte,
    Skew,
    Both,
}

impl AdvDemoteWish {
    /// What the virtual host is told; nothing: as its dialect has it.
    pub(crate) const fn form(self) -> Option<DemotionForm> {
        match self {
            Self::Auto => None,
            Self::Byte => Some(DemotionForm::Byte),
            Self::Skew => Some(DemotionForm::Skew),
            Self::Both => Some(DemotionForm::Both),
        }
    }
}

impl From<Option<DemotionForm>> for AdvDemoteWish {
    fn from(form: Option<DemotionForm>) -> Self {
        match form {
            None => Self::Auto,
            Some(DemotionForm::Byte) => Self::Byte,
            Some(DemotionForm::Skew) => Self::Skew,
            Some(DemotionForm::Both) => Self::Both,
        }
    }
}

/// In which words it is written.
impl fmt::Display for AdvDemoteWish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Auto => "auto",
            Self::Byte => "byte",
            Self::Skew => "skew",
            Self::Both => "both",
        })
    }
}

/// Whether the interface is to be a member of a group.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct GroupChange {
    pub(crate) name: GroupName,
    pub(crate) member: bool,
}

/// What is carried in the words in which an operator writes it.
mod as_text {
    use std::fmt::Display;
    use std::str::FromStr;

    use serde::de::{self, Deserialize as _, Deserializer};
    use serde::ser::Serializer;

    pub(super) fn serialize<T: Display, S: Serializer>(
        value: &T,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_str(value)
    }

    pub(super) fn deserialize<'de, T, D>(deserializer: D) -> Result<T, D::Error>
    where
        T: FromStr<Err: Display>,
        D: Deserializer<'de>,
    {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

/// Where the operator wants the election to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum StateWish {
    Master,
    Backup,
}

/// A key on its way through the control socket, which only root can open for changes: 40
/// hexadecimal digits. The one place where a key is written out.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct CarriedKey(pub(crate) Key);

impl fmt::Debug for CarriedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for CarriedKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // Long enough from the start, so that no half of it is left behind by growing.
        let mut text = Zeroizing::new(String::with_capacity(2 * Key::LEN));
        for byte in self.0.expose() {
            for nibble in [byte >> 4, byte & 0xf] {
                text.extend(char::from_digit(nibble.into(), 16));
            }
        }
        serializer.serialize_str(&text)
    }
}

impl<'de> Deserialize<'de> for CarriedKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(HexVisitor)
    }
}

struct HexVisitor;

impl de::Visitor<'_> for HexVisitor {
    type Value = CarriedKey;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} hexadecimal digits", 2 * Key::LEN)
    }

    // The text is in no error.
    fn visit_str<E: de::Error>(self, text: &str) -> Result<CarriedKey, E> {
        let wrong = || E::custom("not a key");
        let mut bytes = Zeroizing::new([0; Key::LEN]);
        let (pairs, []) = text.as_bytes().as_chunks::<2>() else {
            return Err(wrong());
        };
        if pairs.len() != bytes.len() {
            return Err(wrong());
        }
        for (byte, pair) in bytes.iter_mut().zip(pairs) {
            let [high, low] = pair.map(|digit| char::from(digit).to_digit(16));
            let value = high.zip(low).map(|(high, low)| high << 4 | low);
            *byte = value.and_then(|v| v.try_into().ok()).ok_or_else(wrong)?;
        }
        Ok(CarriedKey(Key::from_raw(*bytes)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_key() -> Change {
        Change {
            key: Some(CarriedKey(Key::from_password("SharedSecret"))),
            ..Change::default()
        }
    }

    #[test]
    fn key_survives_the_way() {
        let text = serde_json::to_string(&with_key()).unwrap();
        assert_eq!(serde_json::from_str::<Change>(&text).unwrap(), with_key());
    }

    #[test]
    fn key_is_not_in_debug() {
        let shown = format!("{:?}", with_key());
        assert!(shown.contains("Key(..)"), "{shown}");
        assert!(
            !shown.contains("SharedSecret") && !shown.contains("5368"),
            "{shown}"
        );
    }

    #[test]
    fn wrong_key_is_not_in_the_error() {
        for digits in ["5368", &"5368zz".repeat(7), &"53".repeat(21), "\u{e9}5368"] {
            let text = format!(r#"{{"key":"{digits}"}}"#);
            let error = serde_json::from_str::<Change>(&text)
                .unwrap_err()
                .to_string();
            assert!(error.starts_with("not a key"), "{error}");
            assert!(!error.contains("5368"), "{error}");
        }
    }
}
