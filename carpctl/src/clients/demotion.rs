//! `carpctl -g GROUP …` and `carpctl demote`: demotion as the operator and programs say it.

pub(crate) mod hold;
pub(crate) mod words;
