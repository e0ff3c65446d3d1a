//! How many pods the writer of the target wishes.

use serde_json::Value;

use crate::api::{Object, at, names};

/// The count that the gate remembered while the target idled at zero, or else the target's own count if it is above zero.
pub fn wished(target: &Object) -> Option<i32> {
    let remembered = at(target, &["metadata", "annotations", names::REPLICAS]);
    let remembered = remembered.and_then(|count| count.as_str()?.trim().parse::<i32>().ok());
    let own = || i32::try_from(at(target, &["spec", "replicas"]).and_then(Value::as_i64)?).ok();
    remembered.filter(|count| *count > 0).or_else(own).filter(|count| *count > 0)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case::remembered(Some("3"), Some(0), Some(3))]
    #[case::remembered_before_own(Some("3"), Some(2), Some(3))]
    #[case::own(None, Some(2), Some(2))]
    #[case::idle_and_nothing_remembered(None, Some(0), None)]
    #[case::nothing_at_all(None, None, None)]
    #[case::garbage_is_not_a_wish(Some("many"), Some(2), Some(2))]
    #[case::a_negative_wish_is_none(Some("-1"), Some(0), None)]
    fn the_wish_is_the_annotation_or_the_own_count(
        #[case] annotation: Option<&str>,
        #[case] own: Option<i32>,
        #[case] expected: Option<i32>,
    ) {
        let target = json!({
            "metadata": {"annotations": annotation.map(|count| json!({names::REPLICAS: count}))},
            "spec": {"replicas": own},
        });
        assert_eq!(wished(&target), expected);
    }
}
