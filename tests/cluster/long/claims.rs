//! The race of `together::claims`, often enough to meet what happens rarely.

use crate::install::alone;
use crate::support::{controller, switch};
use crate::together::claims::rounds;

#[test]
fn of_two_claims_at_once_one_is_active_in_each_of_a_thousand_rounds() {
    let Some(alone) = alone("a thousand rounds of claims") else { return };
    if switch::existing_cluster() {
        return switch::skip("a thousand rounds of claims", "only a bed of our own gets a second API server");
    }
    let _sluice = alone.installed();
    controller::ready();
    rounds(1000);
}
