//! What there is to learn: everything that `carpctl help WORD`, the manual pages and the
//! completions tell comes from here, and here from the tables that the program itself reads.

mod mdoc;
mod pages;
pub(crate) use pages::pages;
mod topic;
pub(crate) use topic::{names, topics};

#[cfg(test)]
mod tests;
