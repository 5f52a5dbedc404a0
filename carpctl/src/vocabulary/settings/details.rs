//! What there is to know of each setting, for the help and the manual.

use super::{Setting, Settings};
use crate::vocabulary::details::{Chapter, Details, filled};

impl Setting {
    /// What it does, in a line or a few.
    pub(crate) const fn summary(self) -> &'static str {
        match self {
            Self::Allow => "0: ignore what other nodes send",
            Self::Preempt => "1: take over from a master that is worse",
            Self::Log => "up to which level messages are logged, 0 to 7",
            Self::Lease => {
                "0: hold addresses without end, even if the whole service is killed or stopped; \
                 1: only as long as adverts leave"
            }
            Self::Announce => {
                "seconds from one announcement of a master's addresses to the next, 0 to 3600; 0: \
                 none once the switches have learned them"
            }
            Self::Demotion => {
                "by how much group carp is demoted, see `carpctl -g carp'; writing adds, and a \
                 number below 0 takes away, as on FreeBSD"
            }
        }
    }

    /// What there is to know beyond that.
    pub(crate) const fn details(self) -> Details {
        match self {
            Self::Allow => Details {
                chapter: Chapter::Settings,
                text: "Whether the adverts of other nodes are taken in. With 0 they are counted \
                       as received and nothing else, as on OpenBSD: a node that hears nobody \
                       becomes master beside the others. It goes on sending; `down' makes an \
                       interface silent.",
                unit: "",
                default: "1",
                change: "with 0, every interface becomes master after its master-down time; with \
                         1 again, those that are worse than another node yield",
                example: "carpctl sysctl net.inet.carp.allow=1",
                section: "3",
            },
            Self::Log => Details {
                chapter: Chapter::Settings,
                text: "Up to which level messages of the election are logged: 2 who becomes \
                       master or backup; 3 demotions, and addresses that could not be put in \
                       place; 4 what starts or stops an interface, and what other programs \
                       change; 5 adverts with a wrong hop limit or version; 6 with a wrong \
                       checksum, password or vhid, and all that the service itself does; 7 \
                       everything. The levels are those of OpenBSD, where 2 is the default. Here \
                       it is 6, as adverts that are refused are told of once a minute only.",
                unit: "",
                default: "6",
                change: "no election",
                example: "carpctl sysctl net.inet.carp.log=2",
                section: "7.4",
            },
            Self::Preempt => Details {
                chapter: Chapter::Settings,
                text: "Whether a backup takes over from a master that is worse: with a larger \
                       interval, or demoted further. So the address goes back to the best node \
                       after a failure, and all interfaces go together when one carpdev loses its \
                       link. Without it, a backup still takes over from a master that is demoted \
                       further or bows out. Say the same on all nodes.",
                unit: "",
                default: "0",
                change: "a better node takes over at the next advert of the worse one",
                example: "carpctl sysctl net.inet.carp.preempt=1",
                section: "5.1",
            },
            Self::Lease => Details {
                chapter: Chapter::Settings,
                text: "Whether addresses are held by lease: the kernel takes them away when no \
                       advert has left for 3 times advbase and a second. With 0 they stay on a \
                       node whose service was killed as a whole, beside the new master, until \
                       somebody takes them away.",
                unit: "",
                default: "1",
                change: "no election",
                example: "carpctl sysctl net.inet.carp.lease=1",
                section: "11.3",
            },
            Self::Announce => Details {
                chapter: Chapter::Settings,
                text: "How often a master tells switches and neighbours where its addresses are, \
                       after the first seconds. With 0, one that has forgotten it or missed it \
                       finds out only when it asks.",
                unit: "seconds",
                default: "60",
                change: "no election",
                example: "carpctl sysctl net.inet.carp.announce=30",
                section: "4.5",
            },
            Self::Demotion => Details {
                chapter: Chapter::Settings,
                text: "By how much group carp, which every interface is in, is demoted. What is \
                       written is added, as on FreeBSD, and a number below 0 is taken away; \
                       `carpctl -g carp' says who has demoted it. The node that is demoted least \
                       is to be master. A line in a sysctl.conf is not added each time it is \
                       read: it is a demotion of its own, 0 to 128, whose owner is sysctl.conf.",
                unit: "",
                default: "0",
                change: "the other nodes take over where they are demoted less",
                example: "carpctl sysctl net.inet.carp.demotion=50",
                section: "5.3",
            },
        }
    }
}

/// What `carpctl sysctl --help` says of all settings.
pub(crate) fn help() -> String {
    let all = Setting::ALL.into_iter();
    all.fold("Settings:\n".to_owned(), |mut text, setting| {
        let default = Settings::default().get(setting);
        let summary = format!("{} ({default})", setting.summary());
        text.push_str(&filled(&format!("  {:<24}", setting.name()), &summary));
        text
    })
}
