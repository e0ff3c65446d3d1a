//! Whose turn it is: few calls to one server, a bounded number in all, and of both only a part for one namespace, so that hooks
//! that hang hold up neither another hook of their namespace nor any of another one.

use crate::egress::{Place, Places, Share, Shares};

/// Calls under way at once, over all servers.
const AT_ONCE: usize = 512;
/// Calls under way at one server at once.
const PER_SERVER: usize = 128;
/// Calls of one namespace under way at once, over all servers.
const PER_NAMESPACE: usize = 128;
/// Calls of one namespace under way at one server at once.
pub(super) const AT_ONE: usize = 32;

/// The turns of all namespaces.
pub(super) struct Turns {
    pairs: Shares,
    namespaces: Shares,
    places: Places,
}

/// A call that may go out, until this is dropped.
pub(super) struct Turn {
    _pair: Share,
    _namespace: Share,
    _place: Place,
}

impl Turns {
    /// All are free.
    pub(super) fn new() -> Self {
        Turns {
            pairs: Shares::new(AT_ONE),
            namespaces: Shares::new(PER_NAMESPACE),
            places: Places::new(PER_SERVER, AT_ONCE),
        }
    }

    /// Waits for a turn of a namespace at a server, `host:port`: the narrowest bound first, so that whoever waits there has
    /// nothing that somebody else waits for.
    pub(super) async fn of(&self, namespace: &str, server: &str) -> Turn {
        let _pair = self.pairs.of(&format!("{namespace}/{server}")).await;
        let _namespace = self.namespaces.of(namespace).await;
        Turn { _pair, _namespace, _place: self.places.at(server).await }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    /// All turns that a namespace gets at these servers.
    fn all(turns: &Turns, namespace: &str, servers: &[String]) -> Vec<Turn> {
        let each = servers.iter();
        each.flat_map(|server| std::iter::from_fn(move || turns.of(namespace, server).now_or_never()))
            .collect()
    }

    #[test]
    fn a_namespace_whose_hooks_all_hang_takes_no_turn_from_another_one() {
        let turns = Turns::new();
        let servers: Vec<String> = (0..AT_ONCE).map(|number| format!("dead-{number}:80")).collect();
        let hanging = all(&turns, "noisy", &servers);
        assert_eq!(hanging.len(), PER_NAMESPACE, "that is all it gets");
        assert!(turns.of("quiet", &servers[0]).now_or_never().is_some(), "also where they hang");
        assert!(turns.of("quiet", "gate:80").now_or_never().is_some());
        drop(hanging);
        assert!(turns.of("noisy", "gate:80").now_or_never().is_some(), "they are given back");
    }

    #[test]
    fn a_server_that_hangs_holds_up_no_other_hook_of_its_namespace() {
        let turns = Turns::new();
        let hanging = all(&turns, "store", &["dead:80".to_owned()]);
        assert_eq!(hanging.len(), AT_ONE);
        let waiting: Vec<_> = (0..2 * PER_NAMESPACE)
            .map(|_| {
                let mut turn = Box::pin(turns.of("store", "dead:80"));
                assert!(turn.as_mut().now_or_never().is_none());
                turn
            })
            .collect();
        assert!(turns.of("store", "gate:80").now_or_never().is_some());
        drop(waiting);
    }
}
