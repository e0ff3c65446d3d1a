//! Rotation over simulated years: whatever is served must verify against any bundle that a client may have.

pub(crate) mod api;
mod cluster;

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use rstest::rstest;
use rustls::pki_types::CertificateDer;

use super::*;

const HOUR: SignedDuration = SignedDuration::from_hours(1);
const DAY: SignedDuration = SignedDuration::from_hours(24);

fn start() -> Timestamp {
    "2026-11-24T12:00:00Z".parse().unwrap()
}

fn names() -> Names {
    Names::of_service("sluice", "sluice-system")
}

fn situation<'a>(names: &'a Names, policy: &'a Policy, now: Timestamp) -> Situation<'a> {
    Situation { names, now, policy, request: None, published: true }
}

/// Takes every step that is due and tells which.
fn settle(material: &mut Option<Material>, situation: &Situation<'_>) -> Vec<Action> {
    let mut taken = Vec::new();
    loop {
        let action = plan(material.as_ref(), situation);
        if action == Action::Nothing {
            return taken;
        }
        taken.push(action);
        assert!(taken.len() < 6, "never comes to rest: {taken:?}");
        *material = Some(make(action, material.as_ref(), situation).unwrap());
    }
}

fn issued(at: Timestamp) -> Material {
    let (names, policy) = (names(), Policy::default());
    make(Action::IssueAll, None, &situation(&names, &policy, at)).unwrap()
}

fn leaf_der(material: &Material) -> CertificateDer<'static> {
    facts::certificates(&material.leaf.certificate, "test").unwrap().remove(0)
}

fn read(pem: &str) -> Facts {
    Facts::read(&facts::certificates(pem, "test").unwrap()[0], "test").unwrap()
}

#[test]
fn the_first_start_issues_an_authority_for_ten_years_and_a_leaf_for_ninety_days() {
    let material = issued(start());
    let leaf = read(&material.leaf.certificate);
    assert_eq!(leaf.not_after, start() + DAY * 90);
    assert_eq!(leaf.not_before, start() - HOUR);
    assert!(leaf.has_names(&names()));
    let names: Vec<_> = leaf.names.iter().map(String::as_str).collect();
    assert_eq!(
        names,
        ["sluice.sluice-system", "sluice.sluice-system.svc", "sluice.sluice-system.svc.cluster.local"]
    );
    let authority = material.signing.as_ref().unwrap();
    assert_eq!(read(&authority.certificate).not_after, start() + DAY * 3650);
    assert!(authority.key.starts_with("-----BEGIN PRIVATE KEY-----"));
    assert_eq!(material.bundle().0, material.bundle().0);
    verify(&leaf_der(&material), &material.trusted, &self::names(), start()).unwrap();
    verify(&leaf_der(&material), &material.trusted, &Names::of_service("other", "ns"), start()).unwrap_err();
}

#[test]
fn what_is_written_is_read_back_and_foreign_keys_stay() {
    let mut material = issued(start());
    let (names, policy) = (names(), Policy::default());
    let mut asked = situation(&names, &policy, start());
    asked.request = Some(Request::Authority);
    material = make(Action::BeginRollover, Some(&material), &asked).unwrap();
    let mut data = BTreeMap::from([("note".to_owned(), b"mine".to_vec())]);
    material.write(&mut data);
    assert_eq!(Material::parse(&data).unwrap(), material);
    assert_eq!(data["note"], b"mine");
    let keys: Vec<_> = data.keys().map(String::as_str).collect();
    let expected = [
        "ca-next.crt",
        "ca-next.key",
        "ca-next.since",
        "ca-signing.crt",
        "ca.crt",
        "ca.key",
        "note",
        "tls.crt",
        "tls.key",
    ];
    assert_eq!(keys, expected);
    material.next = None;
    material.write(&mut data);
    assert!(!data.keys().any(|key| key.starts_with("ca-next")));
}

#[test]
fn no_debug_output_shows_a_key() {
    let mut material = issued(start());
    material.next = Some(Next { authority: issue::authority(start(), DAY).unwrap(), since: start() });
    let text = format!("{material:?} {material:#?}");
    assert!(!text.contains("PRIVATE"));
    let body = material.leaf.key.lines().nth(1).unwrap();
    assert!(!text.contains(body));
}

/// Spoils one thing and tells which step mends it.
#[rstest]
#[case::whole(|_: &mut Material| {}, Action::Nothing)]
#[case::key_of_another(|m: &mut Material| m.leaf.key = issued(start()).leaf.key, Action::RenewLeaf)]
#[case::leaf_of_another(|m: &mut Material| m.leaf = issued(start()).leaf, Action::RenewLeaf)]
#[case::leaf_garbage(|m: &mut Material| m.leaf.certificate = "x".into(), Action::RenewLeaf)]
#[case::bundle_of_another(|m: &mut Material| m.trusted = issued(start()).trusted, Action::TidyBundle)]
#[case::authority_key_taken_away(|m: &mut Material| m.signing = None, Action::BeginRollover)]
#[case::authority_key_of_another(
    |m: &mut Material| m.signing.as_mut().unwrap().key = issued(start()).leaf.key,
    Action::BeginRollover
)]
#[case::nothing_left(
    |m: &mut Material| { m.signing = None; m.leaf.key = String::new() },
    Action::IssueAll
)]
fn damage_is_mended_by_the_mildest_step(#[case] spoil: fn(&mut Material), #[case] expected: Action) {
    let (names, policy) = (names(), Policy::default());
    let now = start() + DAY;
    let mut material = issued(start());
    spoil(&mut material);
    let mut situation = situation(&names, &policy, now);
    assert_eq!(plan(Some(&material), &situation), expected);
    let mut material = Some(material);
    settle(&mut material, &situation);
    situation.now = now + HOUR;
    settle(&mut material, &situation);
    let material = material.unwrap();
    verify(&leaf_der(&material), &material.trusted, &names, situation.now).unwrap();
    assert!(material.signing.is_some() && material.next.is_none());
}

#[rstest]
#[case::fresh(DAY, Action::Nothing)]
#[case::just_before_the_last_third(DAY * 60 - HOUR, Action::Nothing)]
#[case::in_the_last_third(DAY * 60 + HOUR, Action::RenewLeaf)]
#[case::expired(DAY * 91, Action::RenewLeaf)]
#[case::authority_in_its_last_fifth(DAY * 2921, Action::RenewLeaf)]
#[case::authority_expired(DAY * 3651, Action::IssueAll)]
#[case::clock_before_the_issue(-DAY, Action::IssueAll)]
fn age_decides(#[case] age: SignedDuration, #[case] expected: Action) {
    let (names, policy) = (names(), Policy::default());
    let material = issued(start());
    assert_eq!(plan(Some(&material), &situation(&names, &policy, start() + age)), expected);
}

#[test]
fn other_names_renew_the_leaf_under_the_same_authority() {
    let (other, policy) = (Names::of_service("gate", "ops"), Policy::default());
    let mut material = Some(issued(start()));
    let before = material.clone().unwrap();
    let taken = settle(&mut material, &situation(&other, &policy, start()));
    assert_eq!(taken, [Action::RenewLeaf]);
    assert_eq!(material.unwrap().signing, before.signing);
}

#[test]
fn a_new_authority_signs_only_after_the_overlap_and_the_old_one_leaves_when_it_expires() {
    let (names, policy) = (names(), Policy::default());
    let mut material = Some(issued(start()));
    let old = material.as_ref().unwrap().trusted[0].clone();
    let mut now = start();
    let mut at = |now: Timestamp, request| {
        let mut situation = situation(&names, &policy, now);
        situation.request = request;
        settle_once(&mut material, &situation)
    };
    assert_eq!(at(now, Some(Request::Authority)), Action::BeginRollover);
    now += HOUR - SignedDuration::from_secs(1);
    assert_eq!(at(now, None), Action::Nothing);
    now += SignedDuration::from_secs(1);
    assert_eq!(at(now, None), Action::SwitchLeaf);
    assert_eq!(at(now, None), Action::Nothing);
    let expiry = start() + DAY * 3650;
    let mut when = now;
    while when < expiry + DAY {
        let held = material.as_ref().unwrap();
        assert_eq!(held.trusted.contains(&old), when <= expiry, "at {when}");
        when += DAY * 20;
        let taken = settle(&mut material, &situation(&names, &policy, when));
        assert!(!taken.contains(&Action::IssueAll));
    }
}

fn settle_once(material: &mut Option<Material>, situation: &Situation<'_>) -> Action {
    let action = plan(material.as_ref(), situation);
    if action != Action::Nothing {
        *material = Some(make(action, material.as_ref(), situation).unwrap());
    }
    action
}

#[test]
fn an_authority_that_clients_do_not_have_yet_does_not_sign_and_leaves_are_still_renewed() {
    let (names, policy) = (names(), Policy::default());
    let mut material = Some(issued(start()));
    let mut situation = situation(&names, &policy, start());
    situation.request = Some(Request::Authority);
    assert_eq!(settle_once(&mut material, &situation), Action::BeginRollover);
    situation.request = None;
    situation.now = start() + DAY * 70;
    assert_eq!(plan(material.as_ref(), &situation), Action::SwitchLeaf);
    situation.published = false;
    assert_eq!(settle(&mut material, &situation), [Action::RenewLeaf]);
    assert!(material.unwrap().next.is_some());
}

#[test]
fn in_the_last_days_of_an_authority_that_cannot_be_followed_nothing_is_renewed_in_vain() {
    let (names, policy) = (names(), Policy::default());
    let mut material = Some(issued(start()));
    let mut situation = situation(&names, &policy, start() + DAY * 3640);
    situation.published = false;
    assert_eq!(settle(&mut material, &situation), [Action::RenewLeaf, Action::BeginRollover]);
    assert_eq!(read(&material.as_ref().unwrap().leaf.certificate).not_after, start() + DAY * 3650);
    situation.now += DAY;
    assert_eq!(plan(material.as_ref(), &situation), Action::Nothing);
    situation.now += DAY * 10;
    assert_eq!(settle(&mut material, &situation), [Action::SwitchLeaf], "dead: nothing to wait for");
}

#[test]
fn an_instant_from_a_wrong_clock_does_not_hold_the_rollover_up() {
    let (names, policy) = (names(), Policy::default());
    let mut material = Some(issued(start()));
    let mut situation = situation(&names, &policy, start());
    situation.request = Some(Request::Authority);
    settle_once(&mut material, &situation);
    situation.request = None;
    material.as_mut().unwrap().next.as_mut().unwrap().since = start() + DAY * 1000;
    assert_eq!(settle(&mut material, &situation), [Action::TidyBundle]);
    assert_eq!(material.unwrap().next.unwrap().since, start());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1, failure_persistence: None, ..ProptestConfig::default() })]

    /// demand 29: a rotation never makes a client refuse us, however irregular the checks are.
    #[test]
    fn for_twenty_years_the_leaf_verifies_against_every_bundle_that_a_client_may_have(
        gaps in prop::collection::vec(1_i64..29 * 24, 600),
        asks in prop::collection::vec(0_u8..60, 600),
    ) {
        let (names, policy) = (names(), Policy::default());
        let mut now = start();
        let mut material = None;
        let mut bundles: Vec<(Timestamp, Vec<CertificateDer<'static>>)> = Vec::new();
        let mut authorities = 0;
        for (gap, ask) in gaps.into_iter().zip(asks) {
            let mut situation = situation(&names, &policy, now);
            // One operator in sixty asks for a new authority.
            situation.request = (ask == 0).then_some(Request::Authority);
            let before = material.as_ref().map(leaf_der);
            let action = settle_once(&mut material, &situation);
            situation.request = None;
            let mut taken = settle(&mut material, &situation);
            taken.push(action);
            prop_assert!(bundles.is_empty() || !taken.contains(&Action::IssueAll));
            authorities += taken.iter().filter(|&&taken| taken == Action::SwitchLeaf).count();
            let held = material.clone().unwrap();
            bundles.push((now, held.trusted.clone()));
            // A replica that has not heard of this step yet still serves the leaf of before.
            if let Some(before) = before {
                verify(&before, &held.trusted, &names, now).unwrap();
            }
            // Checks at this instant and, without any further step, right before the next one.
            for at in [now, now + HOUR * (gap as i32) - SignedDuration::from_secs(1)] {
                let old = bundles.iter().rev().find(|(since, _)| *since + policy.overlap <= at);
                for bundle in [old.map(|(_, bundle)| bundle), Some(&held.trusted)].into_iter().flatten() {
                    verify(&leaf_der(&held), bundle, &names, at).unwrap();
                    // The verifier takes roots as they are; others look at their dates too.
                    let signer = held.signing.as_ref().unwrap();
                    prop_assert!(read(&signer.certificate).is_valid(at));
                }
            }
            prop_assert!(held.trusted.len() <= 2 + authorities);
            now += HOUR * (gap as i32);
        }
        prop_assert!(authorities >= 1);
    }
}

#[test]
fn the_resolver_keeps_the_last_good_pair() {
    let resolver = Resolver::default();
    assert!(!resolver.ready() && resolver.not_after().is_none());
    let first = issued(start());
    assert!(resolver.load(&first.leaf).unwrap());
    assert!(!resolver.load(&first.leaf).unwrap(), "the same pair is no change");
    let second = issued(start() + DAY);
    let mixed = Pair { certificate: second.leaf.certificate.clone(), key: first.leaf.key.clone() };
    assert!(matches!(resolver.load(&mixed), Err(Error::Tls { .. })));
    assert_eq!(resolver.not_after(), Some(start() + DAY * 90));
    assert!(resolver.load(&second.leaf).unwrap());
    assert_eq!(resolver.not_after(), Some(start() + DAY * 91));
}

#[tokio::test]
async fn files_follow_the_symbolic_link_of_a_secret_volume_and_keep_the_last_good_pair() {
    let root = tempfile::tempdir().unwrap();
    let (first, second) = (issued(start()), issued(start() + DAY));
    let put = |generation: &str, pair: &Pair| {
        let directory = root.path().join(generation);
        std::fs::create_dir(&directory).unwrap();
        std::fs::write(directory.join("tls.crt"), &pair.certificate).unwrap();
        std::fs::write(directory.join("tls.key"), &pair.key).unwrap();
        let fresh = root.path().join("..data_tmp");
        std::os::unix::fs::symlink(generation, &fresh).unwrap();
        std::fs::rename(fresh, root.path().join("..data")).unwrap();
    };
    let resolver = Resolver::default();
    let mut files = Files::new(root.path());
    assert!(matches!(files.look(&resolver).await, Err(Error::File { .. })));
    put("..1", &first.leaf);
    assert_eq!(files.look(&resolver).await.unwrap(), Look::Loaded(None));
    assert_eq!(files.look(&resolver).await.unwrap(), Look::Same);
    let mixed = Pair { certificate: second.leaf.certificate.clone(), key: first.leaf.key.clone() };
    put("..2", &mixed);
    files.look(&resolver).await.unwrap_err();
    assert_eq!(files.look(&resolver).await.unwrap(), Look::Same, "told once");
    assert_eq!(resolver.not_after(), Some(start() + DAY * 90));
    put("..3", &second.leaf);
    std::fs::write(root.path().join("..3/ca.crt"), second.bundle().0).unwrap();
    assert_eq!(files.look(&resolver).await.unwrap(), Look::Loaded(Some(second.bundle())));
    assert_eq!(resolver.not_after(), Some(start() + DAY * 91));

    // Gone, or of a kind that cannot be read: told at every look, and served as before.
    let reading = |path: &std::path::Path| format!("could not read {}", path.display());
    let third = root.path().join("..3").canonicalize().unwrap();
    let (certificate, key) = (third.join("tls.crt"), third.join("tls.key"));
    std::fs::remove_file(&key).unwrap();
    for _ in 0..2 {
        assert_eq!(files.look(&resolver).await.unwrap_err().to_string(), reading(&key));
    }
    std::fs::remove_file(&certificate).unwrap();
    std::fs::create_dir(&certificate).unwrap();
    assert_eq!(files.look(&resolver).await.unwrap_err().to_string(), reading(&certificate));
    assert_eq!(resolver.not_after(), Some(start() + DAY * 91));
}

#[rstest]
#[case::before(-DAY, Some("is not valid before 2026-11-24T11:00:00Z and it is 2026-11-23T12:00:00Z here"))]
#[case::within(DAY, None)]
#[case::after(DAY * 91, Some("has expired at 2027-02-22T12:00:00Z and it is 2027-02-23T12:00:00Z here"))]
fn a_certificate_outside_of_its_dates_says_whose_clock_to_look_at(
    #[case] age: SignedDuration,
    #[case] said: Option<&str>,
) {
    let complaint = read(&issued(start()).leaf.certificate).complaint(start() + age);
    assert_eq!(complaint.is_some(), said.is_some());
    assert!(complaint.unwrap_or_default().contains(said.unwrap_or_default()));
}
