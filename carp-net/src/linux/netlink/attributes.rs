//! Walking the attributes of a message, whoever wrote them.

use std::net::IpAddr;

use netlink_packet_core::{NlaBuffer, NlasIterator};

/// The attributes behind the fixed part of a message, or inside another attribute.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attributes<'a>(&'a [u8]);

impl<'a> Attributes<'a> {
    /// The attributes in `payload` behind the first `fixed` bytes.
    pub(crate) fn behind(payload: &'a [u8], fixed: usize) -> Self {
        Self(payload.get(fixed..).unwrap_or_default())
    }

    /// The value of the first attribute of a kind; where the list is broken, it ends there.
    pub(crate) fn get(self, kind: u16) -> Option<Value<'a>> {
        NlasIterator::new(self.0)
            .map_while(Result::ok)
            .find(|attribute| attribute.kind() == kind)
            .and_then(|attribute| value_of(&attribute))
    }
}

/// The bytes of one attribute.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Value<'a>(&'a [u8]);

impl<'a> Value<'a> {
    pub(crate) const fn bytes(self) -> &'a [u8] {
        self.0
    }

    pub(crate) fn u8(self) -> Option<u8> {
        self.0.first().copied()
    }

    pub(crate) fn u32(self) -> Option<u32> {
        self.0.first_chunk().copied().map(u32::from_ne_bytes)
    }

    /// A text that ends with its first zero byte; what is not UTF-8 is replaced.
    pub(crate) fn text(self) -> String {
        let text = self.0.split(|&byte| byte == 0).next().unwrap_or_default();
        String::from_utf8_lossy(text).into_owned()
    }

    pub(crate) fn ip(self) -> Option<IpAddr> {
        if let Ok(octets) = <[u8; 4]>::try_from(self.0) {
            return Some(octets.into());
        }
        <[u8; 16]>::try_from(self.0).ok().map(IpAddr::from)
    }

    pub(crate) const fn nested(self) -> Attributes<'a> {
        Attributes(self.0)
    }
}

/// `NlaBuffer::value` would borrow from the buffer, not from the message behind it.
fn value_of<'a>(attribute: &NlaBuffer<&'a [u8]>) -> Option<Value<'a>> {
    let length = usize::from(attribute.length());
    let all = attribute.into_inner();
    all.get(HEADER..length).map(Value)
}

const HEADER: usize = 4;
