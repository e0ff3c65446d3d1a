//! `make bench-verdict`: what the judgement alone takes, from the bytes of a review to the bytes of its answer, without a
//! connection and without reads from the API server.
#![allow(clippy::unwrap_used)]

#[path = "gate/objects.rs"]
mod objects;
#[path = "gate/reviews.rs"]
mod reviews;

use divan::{Bencher, black_box};
use reviews::{Kind, Large, Mix, Review};
use sluice::admission::{Call, Catalog, Endpoint, Gate, Lookup, Lookups, Mode};
use sluice::api::{Canary, ObjectRef};
use sluice::rollout::Settings;

/// Sizes of the index.
const CANARIES: [usize; 3] = [10, 1_000, 10_000];

fn main() {
    divan::main();
}

/// An index of so many Canaries.
fn catalog(canaries: usize) -> Catalog {
    let mut catalog = Catalog::default();
    for number in 0..canaries {
        let canary: Canary = serde_json::from_value(objects::canary(&objects::name(number))).unwrap();
        catalog.apply(&canary);
    }
    catalog.synced = true;
    catalog
}

/// Judges a review again and again.
fn judge(bencher: Bencher<'_, '_>, canaries: usize, review: &Review) {
    let catalog = catalog(canaries);
    let gate = Gate::new(Settings::default(), "system:serviceaccount:sluice-system:sluice");
    let endpoint = Endpoint::ALL.into_iter().find(|endpoint| endpoint.path() == review.path).unwrap();
    let look = |needed: ObjectRef| {
        let object = match needed.kind.as_str() {
            "Deployment" => objects::deployment(&needed.name),
            "MetricTemplate" => objects::template(&needed.name),
            _ => return (needed, Lookup::Missing),
        };
        (needed, Lookup::Found(object))
    };
    let call = Call::parse(endpoint, Mode::Enforce, &review.body).unwrap();
    let mut lookups: Lookups = gate.needs(&call, &catalog).into_iter().map(look).collect();
    let further = |(reference, lookup)| gate.further(&call, reference, lookup);
    let further: Vec<ObjectRef> = lookups.iter().flat_map(further).collect();
    lookups.extend(further.into_iter().map(look));
    bencher.bench_local(|| {
        let call = Call::parse(endpoint, Mode::Enforce, black_box(&review.body)).unwrap();
        let needs = gate.needs(&call, &catalog);
        let further = lookups.iter().map(|(reference, lookup)| gate.further(&call, reference, lookup).len());
        black_box((needs, further.sum::<usize>()));
        let verdict = gate.judge(&call, &catalog, &lookups);
        call.answer(&verdict).unwrap()
    });
}

/// The first review of a kind in the mix.
fn first(canaries: usize, kind: Kind) -> Review {
    Mix::new(canaries).0.into_iter().find(|review| review.kind == kind).unwrap()
}

#[divan::bench(args = CANARIES)]
fn target_replicas_held(bencher: Bencher<'_, '_>, canaries: usize) {
    judge(bencher, canaries, &first(canaries, Kind::Held));
}

#[divan::bench(args = CANARIES)]
fn target_new_image(bencher: Bencher<'_, '_>, canaries: usize) {
    judge(bencher, canaries, &first(canaries, Kind::Released));
}

#[divan::bench(args = CANARIES)]
fn canary_create(bencher: Bencher<'_, '_>, canaries: usize) {
    judge(bencher, canaries, &first(canaries, Kind::Created));
}

#[divan::bench(args = CANARIES)]
fn canary_update(bencher: Bencher<'_, '_>, canaries: usize) {
    judge(bencher, canaries, &first(canaries, Kind::Changed));
}

#[divan::bench]
fn large_target_replicas_held(bencher: Bencher<'_, '_>) {
    judge(bencher, 10, &Large::new().same);
}

#[divan::bench]
fn large_target_new_image(bencher: Bencher<'_, '_>) {
    judge(bencher, 10, &Large::new().changed);
}
