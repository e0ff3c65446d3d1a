//! What holds for every request that goes where users point: addresses that are never called, and names that are looked up with
//! an eye on that.

mod address;
mod resolver;

pub use address::{judge, literal};
pub use resolver::resolver;

/// The innermost cause of an error, which says most.
pub fn innermost(error: &dyn std::error::Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}
