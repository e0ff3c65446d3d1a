//! A stored Canary that cannot be read still claims what can be read of it: its target must not look free.

use serde_json::Value;

use crate::admission::rules;
use crate::api::Canary;

/// The Canary of a stored object, with stand-ins for what cannot be read; none where its target is among that. What would
/// claim something by a stand-in is left out.
pub fn stored(object: &Value) -> Option<Canary> {
    let rules::Readable { object: mut canary, places } = rules::read::<Canary>("Canary", object)?;
    let stands_in = |field: &str| {
        places.iter().any(|place| field.starts_with(place.as_str()) || place.starts_with(field))
    };
    if stands_in("spec.targetRef") {
        return None;
    }
    if let Some(service) = &mut canary.spec.service {
        if stands_in("spec.service.name") {
            service.name = None;
        }
        // Without a Gateway a route claims nothing.
        if ["hosts", "match", "gatewayRefs", "gateways"]
            .iter()
            .any(|list| stands_in(&format!("spec.service.{list}")))
        {
            service.hosts.clear();
            service.gateway_refs.clear();
            service.gateways.clear();
        }
    }
    Some(canary)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::admission::rules::example;

    #[test]
    fn a_canary_that_cannot_be_read_keeps_what_can_be_read_of_its_claims() {
        let mut object = example::plain("Canary");
        assert_eq!(stored(&object).unwrap().target_name(), "app");
        object["spec"]["analysis"]["stepWeight"] = json!(2.5);
        object["spec"]["service"]["name"] = json!({"not": "a name"});
        object["spec"]["service"]["hosts"] = json!(["shop.example.com", 7]);
        let canary = stored(&object).unwrap();
        assert_eq!((canary.target_name(), canary.apex_name()), ("app", "app"));
        let service = canary.spec.service.unwrap();
        assert!(service.hosts.is_empty() && service.gateway_refs.is_empty());
        object["spec"]["targetRef"]["name"] = json!(7);
        assert!(stored(&object).is_none(), "a stand-in is no claim");
        object["spec"] = json!("nothing");
        assert!(stored(&object).is_none());
    }
}
