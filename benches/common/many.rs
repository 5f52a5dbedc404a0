//! Many virtual hosts on two nodes: how much there is to do, who does it, and what is seen of it on
//! the wires.

mod contender;
pub use contender::{Carpctl, Contender, Keepalived, Ucarp};
mod record;
pub use record::Claims;
mod wires;
pub use wires::{Taps, Traffic, Wires};
mod work;
pub use work::{VirtualHost, Work};
