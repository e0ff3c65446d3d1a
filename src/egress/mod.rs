//! What holds for every request that goes where users point: hosts that the operator allows, addresses that are never called,
//! names that are looked up with an eye on that, redirects, how many go out at once, and words for failures.

mod address;
mod destination;
mod fault;
mod places;
mod resolver;

pub use address::{judge, literal};
pub use destination::{authority, destination, redirects};
pub use fault::{innermost, why};
pub use places::{Place, Places, Share, Shares};
pub use resolver::resolver;
